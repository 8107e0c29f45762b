/**
 * Turns a simulated world in the real event loop: one thing at a time, and everybody else between two of them.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { World } from "../kernel/simulated/World.js"

export interface Pump {
  /** Errors thrown on the way, which no fiber could hear of. */
  readonly defects: ReadonlyArray<unknown>
  readonly stop: () => void
}

/** With a clock, the world's time is that clock's, and passes when it does. */
export const pump = (world: World, clock: Clock.Clock | undefined): Pump => {
  const defects: Array<unknown> = []
  const begin = clock?.unsafeCurrentTimeMillis() ?? 0
  let armed = false
  let stopped = false
  let sleeping: Fiber.RuntimeFiber<void> | undefined
  const arm = (): void => {
    if (armed || stopped) return
    armed = true
    setImmediate(turn)
  }
  const turn = (): void => {
    armed = false
    if (stopped) return
    follow()
    let worked = true
    try {
      worked = world.step(clock === undefined)
    } catch (defect) {
      defects.push(defect)
    }
    if (worked) arm()
    else sleep()
  }
  const follow = (): void => {
    if (clock !== undefined) world.time = Math.max(world.time, clock.unsafeCurrentTimeMillis() - begin)
  }
  const sleep = (): void => {
    if (clock === undefined || world.nextDue === Infinity) return
    if (sleeping !== undefined) Effect.runFork(Fiber.interruptFork(sleeping))
    sleeping = Effect.runFork(Effect.map(clock.sleep(Duration.millis(world.nextDue - world.time)), arm))
  }
  world.onWork = () => {
    follow()
    arm()
  }
  return {
    defects,
    stop: () => {
      stopped = true
      world.onWork = undefined
      if (sleeping !== undefined) Effect.runFork(Fiber.interruptFork(sleeping))
    }
  }
}
