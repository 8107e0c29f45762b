/**
 * A `TP_POOL` of your own, as a Scope: which threads completions come on, and how many of them.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Pipeable from "effect/Pipeable"
import * as Scope from "effect/Scope"
import { failNotA } from "./internal/arguments.js"
import { ERROR_INVALID_PARAMETER } from "./internal/constants.js"
import type { ThreadpoolObject } from "./internal/engine/Environment.js"
import * as internal from "./internal/threadpool.js"
import { hasTypeId, isA } from "./internal/values.js"
import { Kernel } from "./Kernel.js"
import * as Win32Error from "./Win32Error.js"

/**
 * @since 0.1.0
 * @category symbols
 */
export const TypeId: unique symbol = internal.TypeId

/**
 * @since 0.1.0
 * @category symbols
 */
export type TypeId = typeof TypeId

/**
 * A private thread pool. It lives as long as its scope, and as the objects and cleanup groups that use it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Threadpool extends Pipeable.Pipeable {
  readonly [TypeId]: TypeId
  readonly minThreads: number
  readonly maxThreads: number
  /** @internal */
  readonly object: ThreadpoolObject
}

/**
 * `TP_POOL_STACK_INFORMATION`: bytes of address space and of memory for the stack of each thread.
 *
 * @since 0.1.0
 * @category models
 */
export interface StackInformation {
  readonly reserve: number
  readonly commit: number
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Threads that are there from the start and stay (`SetThreadpoolThreadMinimum`). Default 0. */
  readonly minThreads?: number | undefined
  /**
   * Threads at most (`SetThreadpoolThreadMaximum`), from 1 to 500. Default 4, which is as fast as any: a thread does
   * nothing but hand its completion over. Where completions come by `callback` (`Kernel.Options`), it also waits until
   * JavaScript has taken it; private pools and handles of `ThreadpoolIo.bind` then have 120 such threads between them
   * in one JavaScript environment, because the 257th that waits would crash the process. The portable kernel keeps that
   * limit.
   */
  readonly maxThreads?: number | undefined
  /** `SetThreadpoolStackInformation`. Wine keeps it and does not apply it. */
  readonly stack?: StackInformation | undefined
}

/**
 * Whether a value is a `Threadpool`.
 *
 * @example
 * ```ts
 * import { Threadpool } from "effect-threadpool-io"
 *
 * console.log(Threadpool.isThreadpool({ maxThreads: 4 })) // false
 * ```
 *
 * @since 0.1.0
 * @category guards
 */
export const isThreadpool = (u: unknown): u is Threadpool => hasTypeId(u, TypeId)

/**
 * `CreateThreadpool`, with its threads and their stack. A `CallbackEnvironment` puts objects on it.
 *
 * When the scope closes, no new objects are made on it, and `CloseThreadpool` is called: at once, or after the last
 * object and the last cleanup group that use it have closed. It never waits.
 *
 * Fails with `InvalidArgument` when the numbers are no integers, do not fit each other or are too many, and with
 * `Exhausted` when other pools and bound handles have taken them. Threads and stacks have no meaning on the portable
 * kernel: there they are checked, and without effect.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { CallbackEnvironment, File, Kernel, Threadpool } from "effect-threadpool-io"
 *
 * const program = Effect.gen(function*() {
 *   const threadpool = yield* Threadpool.make({ minThreads: 1, maxThreads: 2 })
 *   const environment = yield* CallbackEnvironment.make({ threadpool })
 *   return yield* File.withFile("notes.txt", {}, File.size).pipe(CallbackEnvironment.provide(environment))
 * }).pipe(Effect.scoped, Effect.provide(Kernel.layer))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<Threadpool, Win32Error.Win32Error, Kernel | Scope.Scope> =>
  Effect.flatMap(
    Kernel,
    (kernel) =>
      Effect.flatMap(Scope.Scope, (scope) =>
        Effect.uninterruptible(Effect.suspend(() => {
          const threadpool = internal.acquire(kernel, options)
          return threadpool instanceof Win32Error.Win32Error
            ? Effect.fail(threadpool)
            : Effect.as(Scope.addFinalizer(scope, internal.close(threadpool)), threadpool)
        })))
  )

/**
 * `QueryThreadpoolStackInformation`. The portable kernel tells what `make` was given, or `undefined`. Fails with
 * `Closed` after the scope of the pool has closed.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Threadpool } from "effect-threadpool-io"
 *
 * const reserved = Effect.gen(function*() {
 *   const threadpool = yield* Threadpool.make({ stack: { reserve: 1 << 20, commit: 1 << 16 } })
 *   return (yield* Threadpool.stackInformation(threadpool))?.reserve
 * })
 * ```
 *
 * @since 0.1.0
 * @category accessors
 */
export const stackInformation = (
  self: Threadpool
): Effect.Effect<StackInformation | undefined, Win32Error.Win32Error> =>
  Effect.suspend(() => {
    if (!isA(self, TypeId, "object")) return failNotA("Threadpool", "QueryThreadpoolStackInformation", self)
    const { engine, open, pool } = self.object
    return open ? Effect.succeed(engine.kernel.pools.queryStackInformation(pool)) : Effect.fail(Win32Error.make({
      code: ERROR_INVALID_PARAMETER,
      reason: "Closed",
      syscall: "QueryThreadpoolStackInformation",
      detail: "The scope of this Threadpool has closed."
    }))
  })
