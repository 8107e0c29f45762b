/**
 * Runs an Effect in a simulated world: kernel, clock, scheduler and random numbers are the world's, so that one list of
 * decisions is one run, whatever the machine does. Afterwards nothing may be left: no handle, no operation, no memory.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import type * as Scheduler from "effect/Scheduler"
import { Kernel } from "../../Kernel.js"
import { isBalanced } from "../../Ledger.js"
import { Engine } from "../engine/Engine.js"
import type { Operation } from "../engine/Operation.js"
import { formOf } from "../forms.js"
import type { Issue } from "../kernel/Kernel.js"
import type { Choices } from "../kernel/simulated/Choices.js"
import { type Options as KernelOptions, SimulatedKernel } from "../kernel/simulated/kernel.js"
import type { Happenings } from "../kernel/simulated/system.js"
import { World } from "../kernel/simulated/World.js"
import * as origin from "../origin.js"

export interface Options extends KernelOptions {
  readonly drainTimeoutMs: number
  /** The same as in `Kernel.Options`. */
  readonly submit: Kernel.Options["submit"]
  /** The files on the disk at the beginning. */
  readonly files: ReadonlyMap<string, Uint8Array>
  /** The world may do so many things before the program counts as one that never ends. */
  readonly steps: number
}

export const defaults: Options = { drainTimeoutMs: 5000, submit: "auto", files: new Map(), steps: 1_000_000 }

// --- Effect's services, of this world

/** The world's time as an Effect `Clock`. It begins at 0. */
export const clockOf = (world: World): Clock.Clock => {
  const millis = () => Math.floor(world.time)
  const nanos = () => BigInt(Math.round(world.time * 1e6))
  return {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: millis,
    unsafeCurrentTimeNanos: nanos,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanos: Effect.sync(nanos),
    sleep: (duration) =>
      Effect.async<void>((resume) => {
        const stop = world.setTimer(Duration.toMillis(duration), () => resume(Exit.void))
        return Effect.sync(stop)
      })
  }
}

/** Effect's own limit of steps before a fiber makes room for others. */
const MOST_STEPS = 2048
/**
 * The number of draws, the last quarter of which makes the fiber yield; the plainest looks again as late as possible.
 */
const DRAWS = 32

/** Fibers run in their order, as ever; where each makes room for the others is for the choices to say. */
export const schedulerOf = (world: World): Scheduler.Scheduler => {
  let untilDraw = DRAWS
  return {
    scheduleTask: (task, priority) => world.task(task, priority),
    shouldYield: (fiber) => {
      const { currentOpCount } = fiber as unknown as { readonly currentOpCount: number }
      if (currentOpCount > MOST_STEPS) return 0
      if (--untilDraw > 0) return false
      const drawn = world.choices.below(DRAWS)
      untilDraw = DRAWS - drawn
      return drawn >= DRAWS * 3 / 4 ? 0 : false
    }
  }
}

// --- a run

/** The means by which a program looks at its simulation, and changes it. */
export interface Simulated {
  readonly world: World
  readonly kernel: SimulatedKernel
  readonly engine: Engine
  readonly service: Kernel.Service
}

export interface Run {
  /** The problems; none: it passed. */
  readonly problems: ReadonlyArray<string>
  readonly taken: ReadonlyArray<number>
  readonly milliseconds: number
  readonly operations: number
  readonly happened: Happenings
  readonly simulated: Simulated
}

export const make = (choices: Choices, options: Options): Simulated => {
  const world = new World(choices)
  const kernel = new SimulatedKernel(world, {
    originOf: (issue: Issue) => origin.of((issue as Operation).request),
    ...options
  })
  for (const [path, bytes] of options.files) kernel.disk.files.create(path).write(bytes, 0)
  const engine = new Engine(kernel, world)
  const service: Kernel.Service = {
    name: "simulated",
    drainTimeout: Duration.millis(options.drainTimeoutMs),
    engine,
    environment: undefined,
    form: formOf(options.submit)
  }
  return { world, kernel, engine, service }
}

/**
 * Runs one program with one list of decisions. It takes no turn of the real event loop unless the program waits for
 * one.
 */
export const run = async (
  program: (simulated: Simulated) => Effect.Effect<unknown, unknown, Kernel>,
  choices: Choices,
  options: Options
): Promise<Run> => {
  const simulated = make(choices, options)
  const { world } = simulated
  const problems: Array<string> = []
  let exit: Exit.Exit<unknown, unknown> | undefined
  let steps = 0
  const ended = () => exit !== undefined || problems.length > 0
  /** Does one thing. `false` when there is nothing to do, or something is wrong. */
  const step = (passTime: boolean): boolean => {
    if (problems.length > 0) return false
    try {
      if (!world.step(passTime)) return false
      if (++steps > options.steps) problems.push(`the program has not ended after ${options.steps} steps of the world`)
    } catch (defect) {
      problems.push(describe(defect))
    }
    return true
  }
  const fiber = Effect.runFork(
    Effect.suspend(() => program(simulated)).pipe(
      Effect.provideService(Kernel, simulated.service),
      Effect.withClock(clockOf(world)),
      Effect.withRandom(Random.make(choices.below(0x1_0000)))
    ),
    { scheduler: schedulerOf(world) }
  )
  fiber.addObserver((ended) => {
    exit = ended
  })
  const finish = (): Run => {
    if (exit === undefined && problems.length === 0) {
      const { operations } = simulated.kernel.openNow
      problems.push(
        `the program waits for something that never happens${
          operations.length === 0 ? "" : `; in flight: ${operations.join("; ")}`
        }`
      )
    }
    if (exit !== undefined && Exit.isFailure(exit)) problems.unshift(Cause.pretty(exit.cause))
    problems.push(...leftovers(simulated, exit !== undefined))
    const found = {
      problems,
      taken: [...choices.taken],
      milliseconds: world.time,
      operations: simulated.kernel.system.issued,
      happened: { ...simulated.kernel.system.happened },
      simulated
    }
    if (exit === undefined) abandon(world, fiber)
    simulated.engine.close()
    simulated.kernel.disk.storage.dispose?.()
    return found
  }
  if (options.realFiles === true) await amongRealFiles(step, ended)
  else await inMemory(step, ended)
  return finish()
}

/** Steps for a program that has not ended, to end when it is interrupted. */
const LAST_STEPS = 10_000

/** Interrupts the program: a wait such as `Effect.never` would keep the process alive. Its outcome counts no more. */
const abandon = (world: World, fiber: Fiber.RuntimeFiber<unknown, unknown>): void => {
  fiber.unsafeInterruptAsFork(fiber.id())
  try {
    for (let steps = 0; steps < LAST_STEPS && world.step(true); steps++);
  } catch {
    // A broken rule: the problems are known.
  }
}

/** So many turns of the real event loop without any news, and nothing is going to happen. */
const QUIET_TURNS = 20

const realTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

type Step = (passTime: boolean) => boolean

/** Only a program that waits for something else of the real world takes a turn of the real event loop. */
const inMemory = async (step: Step, ended: () => boolean): Promise<void> => {
  for (let quiet = 0; quiet <= QUIET_TURNS; quiet++) {
    // Operations under way when the program has ended come to their end.
    while (step(true));
    if (ended()) return
    await realTurn()
  }
}

/** Before time passes, whatever the program has asked node:fs for is waited for: it takes no time. */
const amongRealFiles = async (step: Step, ended: () => boolean): Promise<void> => {
  for (let quiet = 0; quiet <= QUIET_TURNS; quiet++) {
    while (step(false)) quiet = 0
    await realTurn()
    if (asksNode() || step(true)) quiet = 0
    else if (ended()) return
  }
}

const asksNode = (): boolean =>
  process.getActiveResourcesInfo().some((name) => name.startsWith("FSReq") || name === "Immediate")

/** Everything that must be nothing once a program has ended. */
export const leftovers = ({ engine, kernel, world }: Simulated, ended: boolean): ReadonlyArray<string> => {
  const problems: Array<string> = kernel.violations.map((violation) => describe(violation))
  const ledger = engine.counters.read()
  if (!isBalanced(ledger)) problems.push(`the ledger does not balance: ${JSON.stringify(ledger)}`)
  if (kernel.slots.stray > ledger.quarantined) problems.push(`${kernel.slots.stray} completions came to nobody`)
  if (!ended) return problems
  if (ledger.inFlight > 0 || ledger.queued > 0) problems.push("operations are left, in flight or queued")
  if (world.refs !== 0) problems.push("the process is kept alive, for nothing")
  // Operations that do not settle are kept on purpose (rule 19).
  if (ledger.quarantined > 0) return problems
  const { handles, operations } = kernel.openNow
  const { objects } = kernel.census()
  if (operations.length > 0) problems.push(`the kernel has operations left: ${operations.join("; ")}`)
  if (handles.length > 0) problems.push(`left open: ${handles.join(", ")}`)
  if (objects > 0) problems.push(`${objects} TP_IO left open`)
  if (engine.buffers.lentBytes > 0) problems.push(`${engine.buffers.lentBytes} bytes of pool memory not returned`)
  return problems
}

export const describe = (defect: unknown): string => {
  if (!(defect instanceof Error)) return String(defect)
  const inFlight = (defect as { readonly inFlight?: ReadonlyArray<string> }).inFlight ?? []
  const during = inFlight.length === 0 ? "" : `; in flight: ${inFlight.join("; ")}`
  return defect.name === "ContractViolation" ? `${defect.message}${during}` : defect.stack ?? defect.message
}
