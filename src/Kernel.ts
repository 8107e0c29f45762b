/**
 * Which system does the I/O: `kernel32.dll`, or the embedded kernel with the same contract.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import {
  aConfig,
  aDuration,
  aString,
  InvalidArgument,
  oneOf,
  optionsOf,
  pathProblem,
  refusal,
  wrong
} from "./internal/arguments.js"
import { ERROR_CALL_NOT_IMPLEMENTED } from "./internal/constants.js"
import type { Engine } from "./internal/engine/Engine.js"
import type { EnvironmentObject } from "./internal/engine/Environment.js"
import type { Form } from "./internal/forms.js"
import type * as Internal from "./internal/kernel/Kernel.js"
import type { LoadFailure } from "./internal/kernel/win32.js"
import * as internalMetrics from "./internal/metrics.js"
import { serve } from "./internal/serve.js"
import type { Ledger } from "./Ledger.js"
import * as Win32Error from "./Win32Error.js"

/**
 * @since 0.1.0
 * @category models
 */
export declare namespace Kernel {
  /**
   * The service behind the tag. It has no methods to call Start, Cancel, Wait or Close: only the combinators of
   * `ThreadpoolIo` and `File` do.
   *
   * @since 0.1.0
   * @category models
   */
  interface Service {
    readonly name: "win32" | "portable" | "simulated"
    /** How long a cancelled operation may take before it is quarantined. */
    readonly drainTimeout: Duration.Duration
    /**
     * How completions come on kernel32, and why not by the relay where nobody has asked for another way; `undefined` on
     * the other kernels.
     *
     * @since 0.1.0
     */
    readonly completions?: { readonly way: CompletionWay; readonly reason: string | undefined } | undefined
    /** @internal */
    readonly engine: Engine
    /** @internal Where objects are created that say nothing else; `undefined`: on the kernel's own pool. */
    readonly environment: EnvironmentObject | undefined
    /** @internal How fibers wait for operations. */
    readonly form: Form
  }

  /**
   * @since 0.1.0
   * @category models
   */
  interface Options {
    /** `auto` (the default) is `win32` on Windows and `portable` elsewhere. */
    readonly kernel?: "auto" | "win32" | "portable" | undefined
    /**
     * How long a cancelled operation, or a call that nobody waits for any more, may take before waiting ends. Its
     * memory is then kept for good. Default 5 seconds; `Duration.infinity` waits for ever.
     */
    readonly drainTimeout?: Duration.DurationInput | undefined
    /**
     * How completions come on kernel32. `auto` (the default) takes the first of the three that can be had; a way that
     * is named is taken, or the layer fails with `Unsupported`.
     *
     * @since 0.1.0
     */
    readonly completions?: CompletionWay | "auto" | undefined
    /**
     * The native library of the relay, as an absolute path: a copy of the package's `dist/native/relay-x64.dll`
     * (or `-arm64`). By default it is found in the installed package; a bundle that runs without the package names it
     * here.
     * One that cannot be loaded fails the layer with `Unsupported`.
     *
     * @since 0.1.0
     */
    readonly relayLibrary?: string | undefined
    /**
     * @internal How fibers wait for operations: `auto` (the default) takes the cheaper form where this version of
     * Effect is one that it works on, and `mask` the one that leans on nothing but what Effect publishes.
     */
    readonly submit?: "auto" | "mask" | undefined
  }

  /**
   * How a completion gets from a thread of the pool to JavaScript.
   *
   * - `relay`: native code of the package puts it on a list and, when JavaScript sleeps, wakes it. No thread waits for
   *   JavaScript, and one wake-up brings all completions that have come meanwhile.
   * - `broker`: the same, but the thread that wakes JavaScript waits until it has run. For programs that do not export
   *   Node-API's threadsafe functions.
   * - `callback`: every completion calls JavaScript through koffi, and its thread waits. It needs no native library of
   *   ours; there is room for 120 threads that wait.
   *
   * @since 0.1.0
   * @category models
   */
  type CompletionWay = "relay" | "broker" | "callback"
}

/**
 * The kernel that a program's thread-pool I/O runs on.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Kernel } from "effect-threadpool-io"
 *
 * const name = Effect.map(Kernel.Kernel, (kernel) => kernel.name).pipe(Effect.provide(Kernel.layer))
 * ```
 *
 * @since 0.1.0
 * @category tags
 */
export class Kernel extends Context.Tag("effect-threadpool-io/Kernel")<Kernel, Kernel.Service>() {}

const layerOf = (
  load: Effect.Effect<Internal.Kernel, Win32Error.Win32Error>,
  options: Kernel.Options = {}
): Layer.Layer<Kernel, Win32Error.Win32Error> => Layer.scoped(Kernel, serve(load, options))

const loadWin32 = ({ completions = "auto", relayLibrary }: Kernel.Options) =>
  Effect.flatMap(
    Effect.promise(() =>
      import("./internal/kernel/win32.js").then((module) => module.load({ completions, relayLibrary }))
    ),
    (loaded) => "reason" in loaded ? Effect.fail(noKernel32(loaded)) : Effect.succeed(loaded)
  )

const noKernel32 = ({ cause, path, reason }: LoadFailure): Win32Error.Win32Error =>
  Win32Error.make({
    code: ERROR_CALL_NOT_IMPLEMENTED,
    reason: "Unsupported",
    syscall: "LoadLibraryW",
    path,
    text: reason,
    detail: path === "kernel32.dll"
      ? "Use Kernel.layer or Kernel.layerPortable, which do real file I/O on any system, or run under Windows or Wine."
      : "Name a copy of the package's own with `relayLibrary`, or ask for `completions: \"auto\"` without one.",
    cause
  })

const readOptions = optionsOf<Kernel.Options>({
  kernel: oneOf("auto", "win32", "portable"),
  drainTimeout: aDuration,
  completions: oneOf("auto", "relay", "broker", "callback"),
  relayLibrary: aString,
  submit: oneOf("auto", "mask")
})

const lookAtConfigs = optionsOf<Kernel.Options>({
  kernel: aConfig,
  drainTimeout: aConfig,
  completions: aConfig,
  relayLibrary: aConfig,
  submit: aConfig
})

const isConfig = (it: Config.Config.Wrap<Kernel.Options>): it is Config.Config<Kernel.Options> =>
  wrong("options", it, aConfig) === undefined

const loadPortable = Effect.promise(() => import("./internal/kernel/portable.js").then((module) => module.make()))

/**
 * The kernel of your choice, with options.
 *
 * @example
 * ```ts
 * import { Kernel } from "effect-threadpool-io"
 *
 * const patient = Kernel.layerOptions({ drainTimeout: "1 minute" })
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerOptions = (given: Kernel.Options): Layer.Layer<Kernel, Win32Error.Win32Error> => {
  const options = readOptions(given)
  if (options instanceof InvalidArgument) return Layer.fail(refusal("LoadLibraryW", options))
  const { relayLibrary } = options
  const problem = relayLibrary === undefined ? undefined : pathProblem(relayLibrary, "path of the relay's library")
  if (problem !== undefined) {
    return Layer.fail(refusal("LoadLibraryW", new InvalidArgument(problem.replace(/\.$/, "")), { path: relayLibrary }))
  }
  const win32 = options.kernel === "win32" || (options.kernel !== "portable" && process.platform === "win32")
  return layerOf(win32 ? loadWin32(options) : loadPortable, options)
}

/**
 * `kernel32.dll` on Windows, the portable kernel elsewhere.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { File, Kernel } from "effect-threadpool-io"
 *
 * const size = Effect.flatMap(File.open("package.json"), File.size).pipe(
 *   Effect.scoped,
 *   Effect.provide(Kernel.layer)
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Kernel, Win32Error.Win32Error> = layerOptions({})

/**
 * `kernel32.dll`, through koffi. Fails with `Unsupported` where there is none; nothing native is loaded before the
 * layer is built.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Kernel } from "effect-threadpool-io"
 *
 * const hasKernel32 = Effect.isSuccess(Effect.provide(Kernel.ledger, Kernel.layerWin32))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerWin32: Layer.Layer<Kernel, Win32Error.Win32Error> = layerOf(loadWin32({}))

/**
 * The embedded kernel: real files through `node:fs`, with the accounting of Windows: Start counts, packets, skip mode,
 * teardown. Misuse of the contract is caught on it as a defect. A read that runs cannot be stopped on it, only waited
 * for. Small requests are done by worker threads of its own, which are started when there is enough to do and keep
 * nobody alive.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Kernel } from "effect-threadpool-io"
 *
 * const ledger = Effect.provide(Kernel.ledger, Kernel.layerPortable)
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerPortable: Layer.Layer<Kernel, Win32Error.Win32Error> = layerOf(loadPortable)

/**
 * The options from the environment: `TPIO_KERNEL` (`auto`, `win32`, `portable`), `TPIO_DRAIN_TIMEOUT` (a duration as
 * `5 seconds`, or `Infinity`), `TPIO_COMPLETIONS` (`auto`, `relay`, `broker`, `callback`), `TPIO_RELAY_LIBRARY` (a
 * path) and `TPIO_SUBMIT`: how a fiber waits for an operation. `auto` takes a form that costs less than half of the
 * other where it works, which is found out when the first kernel is built; it leans on what Effect does not publish.
 * `mask` is the other one, and promises the same.
 *
 * @example
 * ```ts
 * import { Kernel } from "effect-threadpool-io"
 *
 * const fromEnvironment = Kernel.layerConfig(Kernel.config)
 * ```
 *
 * @since 0.1.0
 * @category config
 */
export const config: Config.Config<Kernel.Options> = Config.all({
  kernel: Config.literal("auto", "win32", "portable")("KERNEL").pipe(
    Config.withDescription("Which system does the I/O: auto is win32 on Windows and portable elsewhere"),
    Config.withDefault("auto" as const)
  ),
  drainTimeout: Config.duration("DRAIN_TIMEOUT").pipe(
    Config.orElse(() => Config.map(Config.literal("Infinity")("DRAIN_TIMEOUT"), () => Duration.infinity)),
    Config.withDescription("How long a cancelled operation may take: a duration, as 5 seconds, or Infinity"),
    Config.withDefault(Duration.seconds(5))
  ),
  completions: Config.literal("auto", "relay", "broker", "callback")("COMPLETIONS").pipe(
    Config.withDescription("How completions come on kernel32: auto takes the first that can be had"),
    Config.withDefault("auto" as const)
  ),
  relayLibrary: Config.string("RELAY_LIBRARY").pipe(
    Config.withDescription("The absolute path of the relay's native library, where the package is not installed"),
    Config.withDefault(undefined)
  ),
  submit: Config.literal("auto", "mask")("SUBMIT").pipe(
    Config.withDescription("How fibers wait for operations: mask leans on nothing that Effect does not publish"),
    Config.withDefault("auto" as const)
  )
}).pipe(Config.nested("TPIO"))

/**
 * A kernel with options that come from `Config`.
 *
 * @example
 * ```ts
 * import { Config } from "effect"
 * import { Kernel } from "effect-threadpool-io"
 *
 * const layer = Kernel.layerConfig({ drainTimeout: Config.duration("IO_DRAIN") })
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  options: Config.Config.Wrap<Kernel.Options>
): Layer.Layer<Kernel, ConfigError.ConfigError | Win32Error.Win32Error> =>
  Layer.unwrapEffect(Effect.suspend((): Effect.Effect<
    Layer.Layer<Kernel, Win32Error.Win32Error>,
    ConfigError.ConfigError | Win32Error.Win32Error
  > => {
    if (typeof options === "object" && isConfig(options)) return Effect.map(options, layerOptions)
    const looked = lookAtConfigs(options as never)
    if (looked instanceof InvalidArgument) return Effect.fail(refusal("LoadLibraryW", looked))
    // `Config.unwrap` makes nothing of a record without entries.
    if (Object.keys(looked).length === 0) return Effect.succeed(layerOptions({}))
    return Effect.map(Config.unwrap(looked as unknown as typeof options), layerOptions)
  }))

/**
 * The ledger of the whole kernel: every object, living or closed, since the layer was built.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Kernel, Ledger } from "effect-threadpool-io"
 *
 * const report = Effect.flatMap(Kernel.ledger, (ledger) => Effect.log(Ledger.format(ledger)))
 * ```
 *
 * @since 0.1.0
 * @category accessors
 */
export const ledger: Effect.Effect<Ledger, never, Kernel> = Effect.map(
  Kernel,
  (kernel) => kernel.engine.counters.read()
)

/**
 * The ledger as metrics, tagged with the kernel's name, named `threadpool_io_started` and so on. Published at most once
 * a second while operations run, and when the kernel closes.
 *
 * @example
 * ```ts
 * import { Effect, Metric } from "effect"
 * import { Kernel } from "effect-threadpool-io"
 *
 * const started = Metric.value(Metric.tagged(Kernel.metrics.started, "kernel", "portable"))
 * const program = Effect.flatMap(started, (state) => Effect.log(state.count))
 * ```
 *
 * @since 0.1.0
 * @category metrics
 */
export const metrics: typeof internalMetrics.metrics = internalMetrics.metrics
