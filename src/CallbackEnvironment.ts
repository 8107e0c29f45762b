/**
 * A `TP_CALLBACK_ENVIRON` as a Scope: said once, it decides which pool the I/O of a whole program, or of a part of it,
 * completes on.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import type * as Pipeable from "effect/Pipeable"
import { pipeArguments } from "effect/Pipeable"
import * as Scope from "effect/Scope"
import type * as CleanupGroup from "./CleanupGroup.js"
import {
  aBoolean,
  anything,
  aString,
  InvalidArgument,
  isAnEffect,
  notA,
  oneOf,
  optionsOf,
  refusal,
  throwNotA,
  throwWrong,
  wrong
} from "./internal/arguments.js"
import * as groups from "./internal/cleanupGroup.js"
import {
  ERROR_INVALID_HANDLE,
  ERROR_INVALID_PARAMETER,
  TP_CALLBACK_PRIORITY_HIGH,
  TP_CALLBACK_PRIORITY_LOW,
  TP_CALLBACK_PRIORITY_NORMAL
} from "./internal/constants.js"
import { EnvironmentObject } from "./internal/engine/Environment.js"
import * as threadpools from "./internal/threadpool.js"
import { hasTypeId, isA, isInstance } from "./internal/values.js"
import { Kernel } from "./Kernel.js"
import type * as Threadpool from "./Threadpool.js"
import * as Win32Error from "./Win32Error.js"

/**
 * @since 0.1.0
 * @category symbols
 */
export const TypeId: unique symbol = Symbol.for("effect-threadpool-io/CallbackEnvironment")

/**
 * @since 0.1.0
 * @category symbols
 */
export type TypeId = typeof TypeId

/**
 * A callback environment, version 3. It lives as long as its scope.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallbackEnvironment extends Pipeable.Pipeable {
  readonly [TypeId]: TypeId
  /** The pool and the cleanup group that it names, its own among them. */
  readonly threadpool: Threadpool.Threadpool | undefined
  readonly cleanupGroup: CleanupGroup.CleanupGroup | undefined
  /** @internal */
  readonly kernel: Kernel.Service
}

/**
 * The settings of an environment. There is no finalization callback and no activation context: the one would call
 * JavaScript after everything has been closed, the other is a matter of the thread that JavaScript never runs on.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * `SetThreadpoolCallbackPool`: a pool, or what one of its own shall be like. Default: the library's pool of four
   * threads.
   */
  readonly threadpool?: Threadpool.Threadpool | Threadpool.Options | undefined
  /** `SetThreadpoolCallbackCleanupGroup`: a group, or `true` for one of its own. Default: none. */
  readonly cleanupGroup?: CleanupGroup.CleanupGroup | boolean | undefined
  /** `SetThreadpoolCallbackPriority`: among the callbacks of one pool. Default `normal`. */
  readonly priority?: "high" | "normal" | "low" | undefined
  /**
   * `SetThreadpoolCallbackRunsLong`: the pool starts another thread sooner. Callbacks run as long as JavaScript keeps
   * them waiting. Default `false`.
   */
  readonly runsLong?: boolean | undefined
  /**
   * `SetThreadpoolCallbackLibrary`: the name of a DLL that this process has loaded, and that stays loaded while
   * callbacks run. The library's own callback never goes away, and needs none.
   */
  readonly library?: string | undefined
}

const Proto = {
  [TypeId]: TypeId,
  pipe() {
    return pipeArguments(this, arguments)
  }
}

const priorities = {
  high: TP_CALLBACK_PRIORITY_HIGH,
  normal: TP_CALLBACK_PRIORITY_NORMAL,
  low: TP_CALLBACK_PRIORITY_LOW
}

/**
 * Whether a value is a `CallbackEnvironment`.
 *
 * @example
 * ```ts
 * import { CallbackEnvironment } from "effect-threadpool-io"
 *
 * console.log(CallbackEnvironment.isCallbackEnvironment({})) // false
 * ```
 *
 * @since 0.1.0
 * @category guards
 */
export const isCallbackEnvironment = (u: unknown): u is CallbackEnvironment => hasTypeId(u, TypeId)

/**
 * An environment for `provide`, with the pool and the group that are its own where it was asked for them.
 *
 * When the scope closes, no new objects are made in it; its own cleanup group closes, with all members; then its own
 * pool; then the environment. A pool or a group that was given stays. Objects that are open without a group are not
 * touched: pool and environment go when the last of them has gone.
 *
 * Fails with `Closed` for a pool or group whose scope has closed, with `InvalidArgument` for one of another kernel,
 * with `NotFound` for a DLL that is not loaded, and as `Threadpool.make` does. On the portable kernel threads,
 * priorities, long callbacks and DLLs are without effect.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { CallbackEnvironment, File, Kernel } from "effect-threadpool-io"
 *
 * const program = Effect.gen(function*() {
 *   const urgent = yield* CallbackEnvironment.make({ threadpool: { maxThreads: 1 }, priority: "high" })
 *   const log = yield* File.open("log", { access: "write", disposition: "openAlways" }).pipe(
 *     CallbackEnvironment.provide(urgent)
 *   )
 *   yield* File.append(log, new TextEncoder().encode("begun\n"))
 * }).pipe(Effect.scoped, Effect.provide(Kernel.layer))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options = {}
): Effect.Effect<CallbackEnvironment, Win32Error.Win32Error, Kernel | Scope.Scope> =>
  Effect.flatMap(
    Kernel,
    (kernel) =>
      Effect.flatMap(Scope.Scope, (scope) =>
        Effect.uninterruptible(Effect.suspend(() => {
          const own: Own = { threadpool: undefined, cleanupGroup: undefined, environment: undefined }
          const environment = acquire(kernel, options, own)
          return environment instanceof Win32Error.Win32Error
            ? Effect.zipRight(close(own), Effect.fail(environment))
            : Effect.as(Scope.addFinalizer(scope, close(own)), environment)
        })))
  )

/** The parts that close with the environment. */
interface Own {
  threadpool: Threadpool.Threadpool | undefined
  cleanupGroup: CleanupGroup.CleanupGroup | undefined
  environment: EnvironmentObject | undefined
}

const readOptions = optionsOf<Options>({
  threadpool: anything,
  cleanupGroup: anything,
  priority: oneOf(...Object.keys(priorities)),
  runsLong: aBoolean,
  library: aString
})

const acquire = (kernel: Kernel.Service, given: Options, own: Own): CallbackEnvironment | Win32Error.Win32Error => {
  const options = readOptions(given)
  if (options instanceof InvalidArgument) return refusal("InitializeThreadpoolEnvironment", options)
  const { cleanupGroup: ofGroup, library, priority = "normal", runsLong = false, threadpool: ofPool } = options
  const threadpool = ofPool === undefined || isA(ofPool, threadpools.TypeId, "object")
    ? ofPool as Threadpool.Threadpool | undefined
    : threadpools.acquire(kernel, ofPool)
  if (threadpool instanceof Win32Error.Win32Error) return threadpool
  if (threadpool !== ofPool) own.threadpool = threadpool
  const cleanupGroup = ofGroup === true ? groups.acquire(kernel) : ofGroup === false ? undefined : ofGroup
  if (isInstance(cleanupGroup, Win32Error.Win32Error)) return cleanupGroup
  if (ofGroup === true) own.cleanupGroup = cleanupGroup
  if (cleanupGroup !== undefined && !isA(cleanupGroup, groups.TypeId, "object")) {
    return notA("CleanupGroup", "SetThreadpoolCallbackCleanupGroup", cleanupGroup)
  }
  if (library?.includes("\0") === true) {
    return refusal("SetThreadpoolCallbackLibrary", new InvalidArgument("the name of the library has a NUL character"))
  }
  const problem = partProblem(kernel, "SetThreadpoolCallbackPool", threadpool?.object) ??
    partProblem(kernel, "SetThreadpoolCallbackCleanupGroup", cleanupGroup?.object)
  if (problem !== undefined) return problem
  const { engine } = kernel
  const environment = engine.kernel.pools.initializeEnvironment({
    pool: threadpool?.object.pool ?? 0,
    group: cleanupGroup?.object.group ?? 0,
    priority: priorities[priority],
    runsLong,
    library
  })
  if (environment <= 0) {
    return Win32Error.make({
      code: -environment,
      reason: library === undefined ? undefined : "NotFound",
      syscall: library === undefined ? "InitializeThreadpoolEnvironment" : "SetThreadpoolCallbackLibrary",
      path: library,
      text: engine.kernel.message(-environment)
    })
  }
  own.environment = new EnvironmentObject(engine, environment, threadpool?.object, cleanupGroup?.object)
  return Object.assign(Object.create(Proto), {
    threadpool,
    cleanupGroup,
    kernel: { ...kernel, environment: own.environment }
  })
}

const partProblem = (
  kernel: Kernel.Service,
  syscall: string,
  part: { readonly engine: Kernel.Service["engine"]; readonly open: boolean } | undefined
): Win32Error.Win32Error | undefined =>
  part === undefined || (part.engine === kernel.engine && part.open) ? undefined : Win32Error.make(
    part.open
      ? { code: ERROR_INVALID_PARAMETER, syscall, detail: "The pool or group was made by another kernel." }
      : { code: ERROR_INVALID_HANDLE, reason: "Closed", syscall, detail: "The scope of the pool or group has closed." }
  )

const close = ({ cleanupGroup, environment, threadpool }: Own): Effect.Effect<void> =>
  (cleanupGroup === undefined ? Effect.void : groups.close(cleanupGroup)).pipe(
    Effect.ensuring(Effect.sync(() => {
      threadpool?.object.close()
      environment?.close()
    }))
  )

/**
 * Runs an effect with its I/O in this environment: every object that is made meanwhile is on its pool and in its group.
 * `ThreadpoolIo.bind` alone has no environment.
 *
 * The environment belongs to the `Kernel` service and takes its place: an operation costs the same with and without
 * one.
 *
 * @example
 * ```ts
 * import { CallbackEnvironment, File } from "effect-threadpool-io"
 *
 * const sizeIn = (environment: CallbackEnvironment.CallbackEnvironment, path: string) =>
 *   CallbackEnvironment.provide(File.withFile(path, {}, File.size), environment)
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const provide: {
  (
    environment: CallbackEnvironment
  ): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, Exclude<R, Kernel>>
  <A, E, R>(effect: Effect.Effect<A, E, R>, environment: CallbackEnvironment): Effect.Effect<A, E, Exclude<R, Kernel>>
} = dual(
  2,
  <A, E, R>(
    effect: Effect.Effect<A, E, R>,
    environment: CallbackEnvironment
  ): Effect.Effect<A, E, Exclude<R, Kernel>> => {
    const problem = wrong("effect", effect, isAnEffect)
    if (problem !== undefined) return throwWrong("CallbackEnvironment.provide", problem)
    return isA(environment, TypeId, "kernel")
      ? Effect.provideService(effect, Kernel, environment.kernel)
      : throwNotA("CallbackEnvironment", "CallbackEnvironment.provide", environment)
  }
)

/**
 * A `Kernel` whose I/O is in an environment, made of a `Kernel`: an application says once which pool it completes on.
 * Closes as `make` does.
 *
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { CallbackEnvironment, File, Kernel } from "effect-threadpool-io"
 *
 * const live = CallbackEnvironment.layer({ threadpool: { maxThreads: 2 }, cleanupGroup: true }).pipe(
 *   Layer.provide(Kernel.layer)
 * )
 * const size = File.withFile("notes.txt", {}, File.size).pipe(Effect.provide(live))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<Kernel, Win32Error.Win32Error, Kernel> =>
  Layer.scoped(Kernel, Effect.map(make(options), (environment) => environment.kernel))
