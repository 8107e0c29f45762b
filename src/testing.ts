/**
 * A simulated Windows for tests: programs run on a kernel in memory, in virtual time, where everything happens that the
 * contract of thread-pool I/O allows, decided by a seed. It is a verifier as well: whoever breaks a rule of that
 * contract, or leaves something open, is told which rule, which operation, and where it was made.
 *
 * It is an entry of its own, `effect-threadpool-io/testing`, and needs no test runner: `test` gives `it` of whichever
 * one a body.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import {
  aDuration,
  anObject,
  aNumber,
  aString,
  InvalidArgument,
  isAnEffect,
  listOf,
  oneOf,
  optionsOf,
  throwWrong,
  wrong
} from "./internal/arguments.js"
import * as internal from "./internal/kernel/simulated/Behaviour.js"
import { type Choices, replayed, seeded, shrink } from "./internal/kernel/simulated/Choices.js"
import { Happenings } from "./internal/kernel/simulated/system.js"
import * as metrics from "./internal/metrics.js"
import * as origin from "./internal/origin.js"
import { pump } from "./internal/testing/pump.js"
import * as running from "./internal/testing/run.js"
import { plainBytes, shown } from "./internal/values.js"
import { Kernel } from "./Kernel.js"

/**
 * How the simulated system behaves: how often, in percent, each of the things happens that a system may do.
 *
 * @since 0.1.0
 * @category models
 */
export interface Behaviour extends internal.Behaviour {}

/**
 * One operation or call that fails by appointment: the `nth` one, from 1, of a Windows function fails with `code`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Fault extends internal.Fault {}

/**
 * Counts of the events in simulated systems. A test in which nothing happened has shown nothing.
 *
 * @since 0.1.0
 * @category models
 */
export interface Happened extends Readonly<Happenings> {}

/**
 * @since 0.1.0
 * @category models
 */
export interface SystemOptions {
  /** Decides everything that is not said here. Default 1. */
  readonly seed?: number | undefined
  /** The behaviour that differs from `healthy`. */
  readonly behaviour?: Partial<Behaviour> | undefined
  readonly faults?: ReadonlyArray<Fault> | undefined
  /** Bytes that all files may have together: beyond it, `ERROR_DISK_FULL`. Default: no limit. */
  readonly capacity?: number | undefined
  /** The files on the disk at the beginning, by path. In memory only. */
  readonly files?: Readonly<Record<string, string | Uint8Array>> | undefined
  /**
   * Where the files are. `memory` (the default): nowhere else, and whoever asks `node:fs` finds none of them. `real`:
   * they are those of `node:fs`, by their names, and only what happens to operations is simulated; for programs that
   * use `Pipeline` or `ThreadpoolFileSystem`, in a directory of their own that they prepare themselves. Such a disk is
   * neither full nor without power.
   */
  readonly disk?: "memory" | "real" | undefined
  /** The same as in `Kernel.layerOptions`, in virtual time. Default 5 seconds. */
  readonly drainTimeout?: Duration.DurationInput | undefined
  /** @internal */
  readonly submit?: "auto" | "mask" | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options extends SystemOptions {
  /** How many seeds are tried, from `seed` on. Default 100. */
  readonly seeds?: number | undefined
  /** A program that has not ended after so many turns and steps of fibers never ends. Default 1,000,000. */
  readonly steps?: number | undefined
}

/**
 * The behaviour of a healthy system, and how often it does each thing.
 *
 * @example
 * ```ts
 * import * as Testing from "effect-threadpool-io/testing"
 *
 * const clumsy: Testing.Behaviour = { ...Testing.healthy, short: 90, late: 50 }
 * ```
 *
 * @since 0.1.0
 * @category models
 */
export const healthy: Behaviour = internal.healthy

/**
 * The simulated system around a program: what only a test may know and do.
 *
 * @example
 * ```ts
 * import { Effect, Option } from "effect"
 * import * as Testing from "effect-threadpool-io/testing"
 *
 * const survives = Effect.gen(function*() {
 *   const simulation = yield* Testing.Simulation
 *   yield* simulation.cutPower
 *   return Option.isSome(yield* simulation.contents("journal"))
 * })
 * ```
 *
 * @since 0.1.0
 * @category tags
 */
export class Simulation extends Context.Tag("effect-threadpool-io/Simulation")<Simulation, {
  /** The contents of a file at this moment, flushed or not. */
  readonly contents: (path: string) => Effect.Effect<Option.Option<Uint8Array>>
  /**
   * The power goes and comes back. Of what was written since a file was last flushed, each write is there, is not, or
   * is torn at a sector of 512 bytes; names, and lengths made shorter, stay. Every handle from before is dead
   * (`ERROR_IO_DEVICE`).
   */
  readonly cutPower: Effect.Effect<void>
  /** Virtual milliseconds since the beginning. */
  readonly time: Effect.Effect<number>
  readonly happened: Effect.Effect<Happened>
}>() {}

/**
 * The finding of a simulation, and how to see it again.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as Testing from "effect-threadpool-io/testing"
 *
 * const explained = Testing.check(Effect.void).pipe(
 *   Effect.catchTag("SimulationFailure", (failure) => Effect.log(failure.reproduce))
 * )
 * ```
 *
 * @since 0.1.0
 * @category errors
 */
export class SimulationFailure extends Data.TaggedError("SimulationFailure")<{
  /** The seed that has found it. */
  readonly seed: number
  /** The problem: how the program failed, which rules were broken, what was left open. */
  readonly problems: ReadonlyArray<string>
  /**
   * The words to put before the command that runs the test: the same failure with as few and as plain decisions as
   * could be found.
   */
  readonly reproduce: string
}> {
  override get message(): string {
    return `${this.problems.join("\n")}\n\nfound by seed ${this.seed}; to see it again: ${this.reproduce}`
  }
}

/**
 * The sum of many runs.
 *
 * @since 0.1.0
 * @category models
 */
export interface Report {
  readonly seeds: number
  readonly operations: number
  /** The virtual time of all runs. */
  readonly milliseconds: number
  readonly happened: Happened
}

/** The environment variable that runs one simulation again. */
const VARIABLE = "TPIO_SIMULATION"
/** Runs that shrinking may take. */
const SHRINKING = 1000

const SEEDS_PER_TURN = 16

const readOptions = optionsOf<Options & LayerOptions>({
  seed: aNumber,
  seeds: aNumber,
  steps: aNumber,
  behaviour: anObject,
  faults: listOf(anObject),
  capacity: aNumber,
  files: anObject,
  drainTimeout: aDuration,
  submit: oneOf("auto", "mask"),
  clock: oneOf("simulated", "inherited"),
  disk: oneOf("memory", "real")
})

const lookAtBehaviour = optionsOf<Partial<Behaviour>>(
  {
    ...Object.fromEntries(Object.keys(internal.healthy).map((name) => [name, aNumber])),
    codes: listOf(aNumber)
  } as { readonly [K in keyof Behaviour]: typeof aNumber }
)

const lookAtFault = optionsOf<Fault>({ syscall: aString, nth: aNumber, code: aNumber })

/** A copy, read once. */
const faultsOf = (given: ReadonlyArray<Fault>): ReadonlyArray<Fault> | InvalidArgument => {
  const faults: Array<Fault> = []
  for (const one of given) {
    const fault = lookAtFault(one)
    if (fault instanceof InvalidArgument) return fault
    faults.push(fault)
  }
  return faults
}

/** Likewise, with what they hold. */
const filesOf = (given: NonNullable<SystemOptions["files"]>): SystemOptions["files"] | InvalidArgument => {
  const files: Record<string, string | Uint8Array> = {}
  try {
    for (const [path, contents] of Object.entries(given)) {
      const bytes = typeof contents === "string" ? contents : plainBytes(contents)
      if (bytes === undefined) return new InvalidArgument("what a file holds must be a string or a Uint8Array")
      files[path] = typeof bytes === "string" ? bytes : new Uint8Array(bytes)
    }
  } catch (cause) {
    return new InvalidArgument("the files cannot be read", cause)
  }
  return files
}

const isCount = (value: number | undefined): boolean =>
  value === undefined || (Number.isSafeInteger(value) && value >= 0)

/** A tool for tests says what is wrong with its options as a defect. */
const checked = <O extends Options & LayerOptions>(name: string, given: O): O => {
  const options = readOptions(given)
  if (options instanceof InvalidArgument) return throwWrong(name, options)
  const behaviour = options.behaviour === undefined ? {} : lookAtBehaviour(options.behaviour)
  if (behaviour instanceof InvalidArgument) return throwWrong(name, behaviour)
  for (const key of ["seed", "seeds", "steps"] as const) {
    if (!isCount(options[key])) {
      return throwWrong(name, new InvalidArgument(`${key} must be a whole number, not ${shown(options[key])}`))
    }
  }
  const faults = faultsOf(options.faults ?? [])
  if (faults instanceof InvalidArgument) return throwWrong(name, faults)
  const files = filesOf(options.files ?? {})
  if (files instanceof InvalidArgument) return throwWrong(name, files)
  return { ...options, behaviour, faults, files } as O
}

const settingsOf = (options: Options): running.Options => {
  const files = Object.entries(options.files ?? {}).map(([path, contents]) =>
    [path, typeof contents === "string" ? new TextEncoder().encode(contents) : contents] as const
  )
  return {
    behaviour: options.behaviour,
    faults: options.faults,
    capacity: options.capacity,
    realFiles: options.disk === "real",
    files: new Map(files),
    drainTimeoutMs: Duration.toMillis(options.drainTimeout ?? "5 seconds"),
    submit: options.submit,
    steps: options.steps ?? 1_000_000
  }
}

const simulationOf = ({ kernel, world }: running.Simulated): Context.Tag.Service<Simulation> => {
  kernel.disk.remember()
  return {
    contents: (path) =>
      Effect.sync(() => Option.map(Option.fromNullable(kernel.disk.files.names.get(path)), (file) => file.contents())),
    cutPower: Effect.sync(() => kernel.disk.cutPower()),
    time: Effect.sync(() => world.time),
    happened: Effect.sync(() => ({ ...kernel.system.happened }))
  }
}

/**
 * Runs a program in one simulated system per seed. It fails with what the first bad one found: the program failed or
 * died, it waits for something that never happens, a rule of the contract was broken, or a handle, an operation or
 * memory is left when it has ended. The seed is then shrunk to a line that shows the same again.
 *
 * Clock, scheduler and random numbers of the program are the simulation's: `Effect.sleep("1 hour")` takes no time. A
 * program that waits for anything else of the real world (a promise, a socket) works, but no seed replays that.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { File } from "effect-threadpool-io"
 * import * as Testing from "effect-threadpool-io/testing"
 *
 * const program = Effect.gen(function*() {
 *   const file = yield* File.open("settings", { access: "write", disposition: "createNew" })
 *   yield* File.writeAll(file, new TextEncoder().encode("verbose = true"), 0)
 * }).pipe(Effect.scoped)
 *
 * const report = Testing.check(program, { seeds: 1000, behaviour: { short: 80 } })
 * ```
 *
 * @since 0.1.0
 * @category running
 */
export const check = <A, E>(
  program: Effect.Effect<A, E, Kernel | Simulation | Scope.Scope>,
  given: Options = {}
): Effect.Effect<Report, SimulationFailure> =>
  Effect.promise(async (signal) => {
    const problem = wrong("program", program, isAnEffect)
    if (problem !== undefined) throwWrong("testing.check", problem)
    const options = checked("testing.check", given)
    const settings = settingsOf(options)
    const run = (choices: Choices) =>
      running.run(
        (simulated) => Effect.provideService(Effect.scoped(program), Simulation, simulationOf(simulated)),
        choices,
        settings
      )
    const again = process.env[VARIABLE]
    if (again !== undefined) {
      const stop = origin.record()
      const found = await run(choicesOf(again)).finally(stop)
      return found.problems.length === 0 ? reportOf([found]) : failure(Number.NaN, found.problems, again)
    }
    const first = options.seed ?? 1
    const total = { seeds: 0, operations: 0, milliseconds: 0, happened: new Happenings() }
    const { seeds = 100 } = options
    for (let seed = first; seed < first + seeds && !signal.aborted; seed++) {
      // A turn for whoever interrupts it.
      if ((seed - first) % SEEDS_PER_TURN === SEEDS_PER_TURN - 1) await new Promise((resolve) => setImmediate(resolve))
      const done = await run(seeded(seed))
      if (done.problems.length > 0) return explained(seed, done, run)
      add(total, done)
    }
    return total
  }).pipe(
    Effect.flatMap((result) => result instanceof SimulationFailure ? Effect.fail(result) : Effect.succeed(result))
  )

const choicesOf = (line: string): Choices => {
  const [kind, rest = ""] = line.split(":")
  return kind === "seed" ? seeded(Number(rest)) : replayed(rest === "" ? [] : rest.split(".").map(Number))
}

const explained = async (
  seed: number,
  failing: running.Run,
  run: (choices: Choices) => Promise<running.Run>
): Promise<SimulationFailure> => {
  const list = await shrink(failing.taken, async (candidate) => {
    const { problems, taken } = await run(replayed(candidate))
    return problems.length > 0 ? taken : undefined
  }, SHRINKING)
  // Once more, to know where its operations are made.
  const stop = origin.record()
  const shown = await run(replayed(list)).finally(stop)
  if (shown.problems.length > 0) return failure(seed, shown.problems, `list:${list.join(".")}`)
  return failure(
    seed,
    [...failing.problems, "It has not failed again: the program depends on something outside of the simulation."],
    `seed:${seed}`
  )
}

const failure = (seed: number, problems: ReadonlyArray<string>, line: string): SimulationFailure =>
  new SimulationFailure({ seed, problems, reproduce: `${VARIABLE}=${line}` })

const reportOf = (runs: ReadonlyArray<running.Run>): Report => {
  const total = { seeds: 0, operations: 0, milliseconds: 0, happened: new Happenings() }
  for (const run of runs) add(total, run)
  return total
}

const add = (
  total: { seeds: number; operations: number; milliseconds: number; happened: Happenings },
  { happened, milliseconds, operations }: running.Run
): void => {
  total.seeds++
  total.operations += operations
  total.milliseconds += milliseconds
  for (const key of Object.keys(happened) as Array<keyof Happenings>) total.happened[key] += happened[key]
}

/**
 * `check` as the body of a test, for `it` of `@effect/vitest`, vitest, jest or `node:test`. It rejects with the
 * `SimulationFailure`, whose message has the line that reproduces it.
 *
 * @example
 * ```ts
 * import { it } from "@effect/vitest"
 * import { Effect } from "effect"
 * import { File } from "effect-threadpool-io"
 * import * as Testing from "effect-threadpool-io/testing"
 *
 * const program = Effect.gen(function*() {
 *   const file = yield* File.open("greeting")
 *   const buffer = new Uint8Array(5)
 *   yield* File.readExact(file, buffer, 0)
 *   if (new TextDecoder().decode(buffer) !== "hello") yield* Effect.dieMessage("another greeting")
 * })
 *
 * it("reads the greeting, however the system serves it", Testing.test(program, { files: { greeting: "hello" } }))
 * ```
 *
 * @since 0.1.0
 * @category running
 */
export const test = <A, E>(
  program: Effect.Effect<A, E, Kernel | Simulation | Scope.Scope>,
  options: Options = {}
): () => Promise<void> =>
() =>
  Effect.runPromiseExit(check(program, options)).then((exit) => {
    if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
  })

/**
 * The options of a layer besides those of a system.
 *
 * @since 0.1.0
 * @category models
 */
export interface LayerOptions extends SystemOptions {
  /**
   * `simulated` (the default): time is virtual, and passes when nothing else can happen. `inherited`: the system lives
   * by the `Clock` that is there when the layer is built, the `TestClock` of a test for example, and waits for it to be
   * adjusted.
   */
  readonly clock?: "simulated" | "inherited" | undefined
}

/**
 * One simulated system as a layer, for tests that bring their own runtime. It turns in the real event loop and fibers
 * run on the scheduler that is there, so a seed replays what the system does, and not what else the program waits for:
 * for that there is `check`. When the layer is released, a broken rule or anything left open is a defect.
 *
 * @example
 * ```ts
 * import { it } from "@effect/vitest"
 * import { Effect } from "effect"
 * import { File } from "effect-threadpool-io"
 * import * as Testing from "effect-threadpool-io/testing"
 *
 * it.scoped("a disk that fails is no defect", () =>
 *   Effect.gen(function*() {
 *     const file = yield* File.open("data")
 *     const failed = yield* Effect.flip(File.read(file, new Uint8Array(4), 0))
 *     if (failed.code !== 1117) yield* Effect.dieMessage("another error")
 *   }).pipe(Effect.scoped, Effect.provide(Testing.layer({
 *     files: { data: "1234" },
 *     faults: [{ syscall: "ReadFile", nth: 1, code: 1117 }]
 *   }))))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (given: LayerOptions = {}): Layer.Layer<Kernel | Simulation> => {
  const options = checked("testing.layer", given)
  const system = Layer.scopedContext(Effect.gen(function*() {
    const simulated = running.make(seeded(options.seed ?? 1), settingsOf(options))
    const inherited = options.clock === "inherited" ? yield* Effect.clock : undefined
    const stopRecording = origin.record()
    const publishLast = metrics.publisher(simulated.engine)
    const pumping = pump(simulated.world, inherited)
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        stopRecording()
        pumping.stop()
        const problems = [...pumping.defects.map(running.describe), ...running.leftovers(simulated, true)]
        simulated.engine.close()
        simulated.kernel.disk.storage.dispose?.()
        publishLast()
        return problems.length === 0
          ? Effect.void
          : Effect.die(failure(options.seed ?? 1, problems, "the same seed"))
      })
    )
    return Context.make(Kernel, simulated.service).pipe(
      Context.add(Simulation, simulationOf(simulated)),
      Context.add(World, simulated.world)
    )
  }))
  const clock = options.clock === "inherited"
    ? Layer.empty
    : Layer.unwrapEffect(Effect.map(World, (world) => Layer.setClock(running.clockOf(world))))
  return Layer.provideMerge(clock, system)
}

/** Hands the world from one layer to the other. */
class World extends Context.Tag("effect-threadpool-io/Simulation/World")<World, running.Simulated["world"]>() {}
