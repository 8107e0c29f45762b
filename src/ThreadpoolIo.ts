/**
 * A `TP_IO` as a Scope: created, drained and closed by it; every operation on it settles exactly once.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import type * as Pipeable from "effect/Pipeable"
import type * as Scope from "effect/Scope"
import type { Completion } from "./Completion.js"
import type { Handle } from "./Handle.js"
import type { ThreadpoolIoObject } from "./internal/engine/ThreadpoolIoObject.js"
import type { Form } from "./internal/forms.js"
import * as internal from "./internal/submit.js"
import * as life from "./internal/threadpoolIo.js"
import { hasTypeId } from "./internal/values.js"
import type { Kernel } from "./Kernel.js"
import type { Ledger } from "./Ledger.js"
import type { Operation } from "./Operation.js"
import type * as Win32Error from "./Win32Error.js"

/**
 * @since 0.1.0
 * @category symbols
 */
export const TypeId: unique symbol = life.TypeId

/**
 * @since 0.1.0
 * @category symbols
 */
export type TypeId = typeof TypeId

/**
 * A thread-pool I/O object bound to a handle. It lives as long as its scope.
 *
 * @since 0.1.0
 * @category models
 */
export interface ThreadpoolIo extends Pipeable.Pipeable {
  readonly [TypeId]: TypeId
  readonly handle: Handle
  /** Whether synchronous successes complete inline, without a callback (`FILE_SKIP_COMPLETION_PORT_ON_SUCCESS`). */
  readonly skipMode: boolean
  /** @internal */
  readonly object: ThreadpoolIoObject
  /** @internal */
  readonly path: string | undefined
  /** @internal */
  readonly spans: boolean
  /** @internal */
  readonly form: Form
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * `true`: the handle is ours, and closing the scope closes it. `false` (the default): it is borrowed. When the scope
   * of a borrowed handle closes, the handle is unbound where the system can; elsewhere the `TP_IO` is retained and
   * handed out again at the next `make` of the same handle.
   */
  readonly owned?: boolean | undefined
  /**
   * Asks for skip mode. It can never be taken back and affects every holder of the same file object: set it on handles
   * that you opened. Default: the same as `owned`.
   */
  readonly skipMode?: boolean | undefined
  /** Operations in flight at once, at least 1; the others wait in a queue. Default 1024. */
  readonly maxInFlight?: number | undefined
  /** How long a cancelled operation may take before it is quarantined. Default: that of the kernel. */
  readonly drainTimeout?: Duration.DurationInput | undefined
  /** A span per operation, named after the Windows function. It costs several operations' time. Default `false`. */
  readonly spans?: boolean | undefined
  /** The path behind the handle, for errors. */
  readonly path?: string | undefined
}

/**
 * Whether a value is a `ThreadpoolIo`.
 *
 * @example
 * ```ts
 * import { ThreadpoolIo } from "effect-threadpool-io"
 *
 * console.log(ThreadpoolIo.isThreadpoolIo({})) // false
 * ```
 *
 * @since 0.1.0
 * @category guards
 */
export const isThreadpoolIo = (u: unknown): u is ThreadpoolIo => hasTypeId(u, TypeId)

// -----------------------------------------------------------------------------
// life
// -----------------------------------------------------------------------------

/**
 * `CreateThreadpoolIo`: binds the handle to the thread pool. The handle must have been opened with
 * `FILE_FLAG_OVERLAPPED`.
 *
 * When the scope closes: new submissions fail with `Closed`; what is in flight is cancelled (`CancelIoEx`) and waited
 * for, up to `drainTimeout`; then `WaitForThreadpoolIoCallbacks`, `CloseHandle` if the handle is owned,
 * `CloseThreadpoolIo`. What did not settle is quarantined, named in a warning, and its object is kept.
 *
 * The owner of a borrowed handle leaves it alone until the scope has closed: no overlapped I/O of its own on it, or on
 * a duplicate, unless the event in its `OVERLAPPED` has its low bit set. A completion of such I/O would come to this
 * object and be taken for that of an operation here, which then never ends; nothing can see that. Skip mode that the
 * owner sets meanwhile is seen: it is asked for when the handle is bound, and again when an operation waits for a
 * completion that is due. Where a `TP_IO` is retained it belongs to a file: when the handle is closed and its number
 * comes back for another file, which somebody else has bound, `make` fails with `AlreadyBound`. Only when that file is
 * the same one, opened again with the same rights and bound elsewhere, nothing can tell: do not close and bind a handle
 * again that was lent to `make`.
 *
 * Its completions come on the kernel's own pool, or where the `CallbackEnvironment` around says.
 *
 * Fails with `InvalidHandle`, `Unsupported` (a handle that is no file's), `AlreadyBound` or `NotOverlapped`, each with
 * advice; with `Closed` when the `CallbackEnvironment` has closed. A failure never closes the handle.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Handle, Kernel, Operation, ThreadpoolIo } from "effect-threadpool-io"
 *
 * const firstPage = (handle: Handle.Handle) =>
 *   Effect.gen(function*() {
 *     const io = yield* ThreadpoolIo.make(handle)
 *     const buffer = new Uint8Array(4096)
 *     const { bytesTransferred } = yield* ThreadpoolIo.submit(io, Operation.read({ buffer }))
 *     return buffer.subarray(0, bytesTransferred)
 *   }).pipe(Effect.scoped, Effect.provide(Kernel.layer))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  handle: Handle,
  options: Options = {}
): Effect.Effect<ThreadpoolIo, Win32Error.Win32Error, Kernel | Scope.Scope> =>
  life.scoped((kernel) => life.make(kernel, handle, options))

/**
 * The options of `bind`. The handle is always ours: there is no `owned`.
 *
 * @since 0.1.0
 * @category models
 */
export interface BindOptions extends Omit<Options, "owned"> {
  /**
   * Operations in flight at once; the others wait in a queue. Default 1024, as with `make`. Where completions come by
   * `callback` (`Kernel.Options`), from 1 to 120, and 8 by default: each may hold one thread of the process's default
   * pool until JavaScript has run its callback, and there is room for 120 such threads in all private pools and bound
   * handles of a JavaScript environment: `Exhausted` when no more is left. The portable kernel keeps that limit.
   */
  readonly maxInFlight?: number | undefined
}

/**
 * `BindIoCompletionCallback`: the older binding, to the process's default pool. It makes a `ThreadpoolIo` like any
 * other: `submit`, interruption, the ledger and the scope are the same. What differs:
 *
 * - There is no `TP_IO`, so no Start, Cancel or Wait. The ledger counts and balances all the same.
 * - There is no unbinding. The binding ends with the handle, so the handle is taken over: closing the scope closes it,
 *   after what is in flight has been cancelled and waited for. A borrowed handle is not taken: use `make`.
 * - The callback is one registration of the library's, for the life of the process.
 * - The flags of the function must be zero, and are; a `CallbackEnvironment` has no part in it.
 * - Windows hands the callback an NTSTATUS, which is translated (`RtlNtStatusToDosError`).
 * - Skip mode is asked for as with `make`: a synchronous success is then the whole of it, without a callback.
 * - In a worker it is refused with `Unsupported` unless completions come by `relay`: the default pool cannot be kept
 *   from calling into a worker that has ended.
 *
 * Fails as `make` does. A failure never closes the handle.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Handle, Kernel, Operation, ThreadpoolIo } from "effect-threadpool-io"
 *
 * const firstPage = (handle: Handle.Handle) =>
 *   Effect.gen(function*() {
 *     const io = yield* ThreadpoolIo.bind(handle)
 *     const buffer = new Uint8Array(4096)
 *     const { bytesTransferred } = yield* ThreadpoolIo.submit(io, Operation.read({ buffer }))
 *     return buffer.subarray(0, bytesTransferred)
 *   }).pipe(Effect.scoped, Effect.provide(Kernel.layer))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const bind = (
  handle: Handle,
  options: BindOptions = {}
): Effect.Effect<ThreadpoolIo, Win32Error.Win32Error, Kernel | Scope.Scope> =>
  life.scoped((kernel) => life.bind(kernel, handle, options))

// -----------------------------------------------------------------------------
// operations
// -----------------------------------------------------------------------------

/**
 * The one pairing combinator: `StartThreadpoolIo`, the overlapped call, then exactly one of {completion callback,
 * `CancelThreadpoolIo`}, whatever the call answers and however the fiber ends.
 *
 * Interruption is cancellation: `CancelIoEx`, then the fiber waits until the kernel has let go of buffer and
 * `OVERLAPPED` at most `drainTimeout`, and is interrupted then; what was transferred is discarded. An operation that is
 * still queued ends at once, without a native call.
 *
 * Fails with `Closed` after the scope has closed, with `InvalidArgument` for arguments that are refused before any
 * native call (range, detached or overlapping memory), and with what the system answers.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Operation, ThreadpoolIo } from "effect-threadpool-io"
 *
 * const readOrGiveUp = (io: ThreadpoolIo.ThreadpoolIo, buffer: Uint8Array) =>
 *   io.pipe(
 *     ThreadpoolIo.submit(Operation.read({ buffer, offset: 0 })),
 *     Effect.timeout("2 seconds")
 *   )
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const submit: {
  (operation: Operation): (self: ThreadpoolIo) => Effect.Effect<Completion, Win32Error.Win32Error>
  (self: ThreadpoolIo, operation: Operation): Effect.Effect<Completion, Win32Error.Win32Error>
} = dual(2, internal.submit)

/**
 * Like `submit`, but interruption is *cancel, wait, report*: the effect then succeeds with what the operation came to,
 * so that bytes which won the race are not lost. When the cancellation won, it is interrupted as usual. It can be
 * interrupted also inside an uninterruptible region, which is where to use the answer: code after it in the same region
 * still runs.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Operation, ThreadpoolIo } from "effect-threadpool-io"
 *
 * const counted = (io: ThreadpoolIo.ThreadpoolIo, buffer: Uint8Array, count: (bytes: number) => void) =>
 *   Effect.uninterruptible(
 *     ThreadpoolIo.cancellable(io, Operation.read({ buffer })).pipe(
 *       Effect.tap(({ bytesTransferred }) => Effect.sync(() => count(bytesTransferred)))
 *     )
 *   )
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const cancellable: {
  (operation: Operation): (self: ThreadpoolIo) => Effect.Effect<Completion, Win32Error.Win32Error>
  (self: ThreadpoolIo, operation: Operation): Effect.Effect<Completion, Win32Error.Win32Error>
} = dual(
  2,
  (self: ThreadpoolIo, operation: Operation) =>
    Effect.uninterruptible(internal.cancellableIn(Effect.interruptible, self, operation))
)

/**
 * Asks for the cancellation of everything in flight (`CancelIoEx` for each) and ends what is queued. The operations end
 * as always, in their own fibers, with `Cancelled` or with success where the cancellation came too late. Follow it by
 * `awaitIdle` to wait for that.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { ThreadpoolIo } from "effect-threadpool-io"
 *
 * const stop = (io: ThreadpoolIo.ThreadpoolIo) =>
 *   Effect.zipRight(ThreadpoolIo.cancelAll(io), ThreadpoolIo.awaitIdle(io))
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const cancelAll = (self: ThreadpoolIo): Effect.Effect<void> =>
  Effect.sync(() => internal.objectOf("cancelAll", self).cancelAll())

/**
 * Waits until nothing is in flight or queued. It is the JavaScript side of the matter: it never blocks the thread, as
 * `WaitForThreadpoolIoCallbacks` would.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { ThreadpoolIo } from "effect-threadpool-io"
 *
 * const quiet = (io: ThreadpoolIo.ThreadpoolIo) => Effect.timeout(ThreadpoolIo.awaitIdle(io), "1 second")
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const awaitIdle = (self: ThreadpoolIo): Effect.Effect<void> =>
  Effect.suspend(() => {
    const object = internal.objectOf("awaitIdle", self)
    return Effect.async<void>((resume) => object.whenIdle(() => resume(Exit.void)))
  })

/**
 * The ledger of this object.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Ledger, ThreadpoolIo } from "effect-threadpool-io"
 *
 * const inFlight = (io: ThreadpoolIo.ThreadpoolIo) =>
 *   Effect.map(ThreadpoolIo.ledger(io), (ledger) => [ledger.inFlight, Ledger.isBalanced(ledger)])
 * ```
 *
 * @since 0.1.0
 * @category accessors
 */
export const ledger = (self: ThreadpoolIo): Effect.Effect<Ledger> =>
  Effect.sync(() => internal.objectOf("ledger", self).counters.read())
