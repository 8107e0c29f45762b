// Runs the program on a fiber of its own. Not `NodeRuntime.runMain`: it exits with 0 when it is interrupted, and hears
// one signal only.
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { program, type World } from "./program.js"

/** Answers what interrupts it. */
export const start = (world: World, ended: (exitCode: number) => void): () => void => {
  const fiber = Effect.runFork(program(world))
  fiber.addObserver((exit) => {
    if (Exit.isFailure(exit)) explain(world, exit.cause)
    ended(Exit.isSuccess(exit) ? 0 : 1)
  })
  return () => {
    Effect.runFork(Fiber.interruptFork(fiber))
  }
}

const explain = (world: World, cause: Cause.Cause<Error>): void => {
  const failure = Cause.failureOption(cause)
  if (Option.isSome(failure)) world.err.write(`${failure.value.message}\n`)
  else if (!Cause.isInterruptedOnly(cause)) world.err.write(`${Cause.pretty(cause)}\n`)
}
