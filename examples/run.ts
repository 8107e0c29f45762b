// Runs a program on a fiber of its own, turns signals into its interruption, and the way it ends into the exit code.
// Not `NodeRuntime.runMain`: it exits with 0 when it is interrupted.
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { constants } from "node:os"

export const run = (program: Effect.Effect<void, Error>): void => {
  const fiber = Effect.runFork(program)

  let signalled: number | undefined

  /** The first one cancels what is in flight and waits for it. The second one leaves at once. */
  const onSignal = (signal: "SIGINT" | "SIGTERM"): void => {
    if (signalled !== undefined) process.exit(signalled)
    signalled = 128 + constants.signals[signal]
    Effect.runFork(Fiber.interruptFork(fiber))
  }

  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, onSignal)

  // The reader of our output has gone: there is nothing left to do.
  process.stdout.on("error", () => onSignal("SIGTERM"))

  fiber.addObserver((exit) => {
    if (Exit.isFailure(exit) && !Cause.isInterruptedOnly(exit.cause)) {
      const failure = Cause.failureOption(exit.cause)
      process.stderr.write(Option.isSome(failure) ? `${failure.value.message}\n` : `${Cause.pretty(exit.cause)}\n`)
    }
    process.exitCode = signalled ?? (Exit.isSuccess(exit) ? 0 : 1)
  })
}
