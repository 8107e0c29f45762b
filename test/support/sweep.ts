/**
 * Interruption at every fiber step: a scheduler whose `shouldYield`, at step k, interrupts the fiber under test and
 * makes it yield, so that the interruption is processed exactly there. Run for k = 1, 2, 3 … until the effect ends
 * before its k-th step.
 */
import { afterAll, beforeAll, expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { RuntimeFiber } from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as ManagedRuntime from "effect/ManagedRuntime"
import type * as Runtime from "effect/Runtime"
import * as EffectRuntime from "effect/Runtime"
import * as Scheduler from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Kernel from "../../src/Kernel.js"
import * as lab from "./lab.js"

class InterruptAt implements Scheduler.Scheduler {
  readonly #base = new Scheduler.MixedScheduler(2048)
  #step = 0
  root: RuntimeFiber<unknown, unknown> | undefined
  reached = false

  #counting = false

  constructor(private readonly at: number, private readonly options: SweepOptions) {}

  scheduleTask(task: () => void, priority: number): void {
    this.#base.scheduleTask(task, priority)
  }

  shouldYield(fiber: RuntimeFiber<unknown, unknown>): number | false {
    this.root ??= fiber
    this.#counting ||= this.options.from?.() ?? true
    if (this.#counting && ++this.#step === this.at) {
      this.reached = true
      this.options.onInterrupt?.()
      this.root.unsafeInterruptAsFork(FiberId.none)
      return 0
    }
    return this.#base.shouldYield(fiber)
  }
}

export interface SweepOptions {
  /** Steps count from the moment that this holds. Default: from the first. */
  readonly from?: (() => boolean) | undefined
  /** Called at the moment of the interruption. */
  readonly onInterrupt?: (() => void) | undefined
}

export interface Point {
  readonly step: number
  readonly exit: Exit.Exit<unknown, unknown>
}

/** How long one run may take: an effect that an interruption has left waiting for ever is a leak, not a slow test. */
const PATIENCE_MS = 10_000

const exitOf = (fiber: RuntimeFiber<unknown, unknown>, what: string) =>
  new Promise<Exit.Exit<unknown, unknown>>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what}: hangs after its interruption`)), PATIENCE_MS)
    fiber.addObserver((exit) => {
      clearTimeout(timer)
      resolve(exit)
    })
  })

/** Sweeps over all steps of an effect. `check` runs after each point. Answers how many points there were. */
export const everyStep = async <R>(
  runtime: Runtime.Runtime<R>,
  name: string,
  effect: (step: number) => Effect.Effect<unknown, unknown, R>,
  check: (point: Point) => void | Promise<void>,
  options: SweepOptions = {},
  limit = 5000
): Promise<number> => {
  for (let step = 1; step <= limit; step++) {
    const scheduler = new InterruptAt(step, options)
    const fiber = EffectRuntime.runFork(runtime)(effect(step), { scheduler })
    const exit = await exitOf(fiber, `${name}, step ${step}`)
    await check({ step, exit })
    if (!scheduler.reached) return step - 1
  }
  return limit
}

/** Interrupts a fiber from outside, as the code under test's neighbour would. */
export const interruptNow = (fiber: RuntimeFiber<unknown, unknown>): void => fiber.unsafeInterruptAsFork(FiberId.none)

/** Runs an effect to its exit, handing its fiber out at once. */
export const runWith = async <R>(
  runtime: Runtime.Runtime<R>,
  effect: Effect.Effect<unknown, unknown, R>,
  onFork: (fiber: RuntimeFiber<unknown, unknown>) => void
): Promise<Exit.Exit<unknown, unknown>> => {
  const fiber = EffectRuntime.runFork(runtime)(effect)
  onFork(fiber)
  return exitOf(fiber, "interrupted from outside")
}

/**
 * The common ground of the sweeps of one file: a kernel of this lane, a directory, and a check that nothing is left.
 */
export interface Swept {
  readonly runtime: Runtime.Runtime<Kernel.Kernel>
  readonly kernel: Kernel.Kernel.Service
  readonly watched: ReturnType<typeof lab.watch>
  readonly home: string
  readonly run: ManagedRuntime.ManagedRuntime<Kernel.Kernel, unknown>["runPromise"]
  /** Points tried, and those of them at which something was left. */
  points: number
  leaks: number
  /** Throws when something is left; what comes after is then judged by itself. */
  readonly clean: (where: string) => Promise<void>
  /**
   * Sweeps over all steps of a program, in a scope of its own each time. Answers how many points there were, and at how
   * many of them an operation was in flight.
   */
  readonly sweep: (
    name: string,
    program: () => Effect.Effect<unknown, unknown, Kernel.Kernel | Scope.Scope>,
    options?: Pick<SweepOptions, "from"> & {
      /** Points at most. */
      readonly limit?: number | undefined
      /** A further check after each point. */
      readonly check?: (() => void) | undefined
    }
  ) => Promise<{ readonly tried: number; readonly inFlight: number }>
}

/**
 * To be called where the tests are declared; what it answers is there when they run. At the end it says what was tried:
 * an `afterAll` that still needs the kernel is declared after this call, one that comes after its end before.
 */
export const swept = (summary: (swept: Swept) => string): Swept => {
  const managed = ManagedRuntime.make(lab.layer)

  const clean: Swept["clean"] = async (where) => {
    const { watched } = shared
    try {
      // Closing a handle that an abandoned open has brought is a call of its own: it may still be under way.
      await Effect.runPromise(lab.eventually(`${where}: handles closed`, () => watched.leftovers().openHandles === 0))
      expect({ where, ...watched.leftovers() }).toEqual({ where, ...lab.nothing })
    } catch (leak) {
      shared.leaks++
      watched.forget()
      throw leak
    }
  }

  const sweep: Swept["sweep"] = async (name, program, { check, from, limit } = {}) => {
    const { counters } = shared.kernel.engine
    let inFlight = 0
    const tried = await everyStep(
      shared.runtime,
      name,
      () => Effect.scoped(Effect.suspend(program)),
      async ({ step }) => {
        await clean(`${name}, step ${step}`)
        check?.()
      },
      {
        from,
        onInterrupt: () => {
          if (counters.inFlight > 0) inFlight++
        }
      },
      limit
    )
    shared.points += tried
    return { tried, inFlight }
  }

  const shared = { points: 0, leaks: 0, run: managed.runPromise, clean, sweep } as {
    -readonly [K in keyof Swept]: Swept[K]
  }

  beforeAll(async () => {
    shared.runtime = await managed.runtime()
    shared.kernel = await managed.runPromise(Kernel.Kernel)
    shared.watched = lab.watch(shared.kernel)
    shared.home = mkdtempSync(join(tmpdir(), "tpio-sweep-"))
  })

  afterAll(async () => {
    await managed.dispose()
    rmSync(shared.home, { recursive: true, force: true })
    console.log(summary(shared))
  })

  return shared
}
