/**
 * Interruption at every fiber step: a scheduler whose `shouldYield`, at step k, interrupts the fiber under test and makes it
 * yield, so that the interruption is processed exactly there. Run for k = 1, 2, 3 … until the effect ends before its k-th step.
 */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { RuntimeFiber } from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import type * as Runtime from "effect/Runtime"
import * as EffectRuntime from "effect/Runtime"
import * as Scheduler from "effect/Scheduler"

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
