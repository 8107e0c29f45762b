// The run of one process: its role, on its kernel, and its ledger at the end.
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import { spawn } from "node:child_process"
import { setTimeout as sleep } from "node:timers/promises"
import * as Kernel from "../../src/Kernel.js"
import * as Ledger from "../../src/Ledger.js"
import type { Settings } from "./cli.js"
import { call } from "./client.js"
import { serve } from "./server.js"
import { Failure, type Say } from "./words.js"

/** A server whose client has gone, or that was told to end, has so long, in milliseconds. */
const GRACE = 3000

const sayAs = (who: string): Say => (line) => Effect.sync(() => void process.stdout.write(`${who}: ${line}\n`))

/**
 * The role with a kernel of its own. That everything was given back is shown by its ledger, also after an interruption.
 */
const onKernel = (
  who: string,
  settings: Settings,
  role: (pipe: string, say: Say) => Effect.Effect<void, Failure, Kernel.Kernel>
): Effect.Effect<void, Failure> => {
  const say = sayAs(who)
  const ledger = Effect.flatMap(
    Kernel.Kernel,
    ({ name }) => Effect.flatMap(Kernel.ledger, (ledger) => say(`ledger (${name}): ${Ledger.format(ledger)}`))
  )
  return Effect.ensuring(role(settings.pipe, say), ledger).pipe(
    Effect.provide(Kernel.layerOptions({ kernel: settings.kernel })),
    Effect.catchTag("Win32Error", ({ message, cause }) => Effect.fail(new Failure({ sentence: message, cause })))
  )
}

/** This very program as the server, in a process that ends by itself once its client has gone. */
const serverProcess = ({ kernel, pipe }: Settings) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const [script = ""] = process.argv.slice(1)
      // Its output goes where ours goes. Under Wine a pipe between the two could not be read.
      const child = spawn(process.execPath, [script, "serve", "--pipe", pipe, "--kernel", kernel], {
        stdio: ["ignore", "inherit", "inherit"]
      })
      const ended = new Promise<number | string>((resolve) => {
        child.once("error", (error) => resolve(error.message))
        child.once("exit", (code, signal) => resolve(code ?? signal ?? "nothing"))
      })
      return { child, ended }
    }),
    // Its client has gone, so it ends by itself, unless it has not even begun to serve. A Ctrl-C has told it as well:
    // no second signal while it cleans up.
    ({ child, ended }) =>
      Effect.promise(async () => {
        for (const signal of ["SIGTERM", "SIGKILL"] as const) {
          if (await endsWithin(ended, GRACE)) return
          child.kill(signal)
        }
      })
  )

const endsWithin = (ended: Promise<unknown>, milliseconds: number): Promise<boolean> =>
  Promise.race([ended.then(() => true), sleep(milliseconds, false, { ref: false })])

const both = (settings: Settings): Effect.Effect<void, Failure> =>
  Effect.gen(function*() {
    const server = yield* serverProcess(settings)
    const early = Effect.flatMap(Effect.promise(() => server.ended), (code) =>
      Effect.fail(new Failure({ sentence: `The server's process ended too early, with ${code}.` })))
    yield* Effect.raceFirst(onKernel("client", settings, call), early)
    const code = yield* Effect.promise(() =>
      Promise.race([server.ended, sleep(GRACE, "nothing", { ref: false })])
    )
    if (code !== 0) return yield* Effect.fail(new Failure({ sentence: `The server's process ended with ${code}.` }))
  }).pipe(Effect.scoped)

const roles: Record<Settings["role"], (settings: Settings) => Effect.Effect<void, Failure>> = {
  both,
  serve: (settings) => onKernel("server", settings, serve),
  call: (settings) => onKernel("client", settings, call)
}

/**
 * Answers what interrupts it. Not `NodeRuntime.runMain`: it exits with 0 when it is interrupted, and hears one signal
 * only.
 */
export const start = (settings: Settings, ended: (exitCode: number) => void): () => void => {
  const fiber = Effect.runFork(Effect.provide(roles[settings.role](settings), Logger.remove(Logger.defaultLogger)))
  fiber.addObserver((exit) => {
    if (Exit.isFailure(exit) && !Cause.isInterruptedOnly(exit.cause)) {
      const sentence = Option.map(Cause.failureOption(exit.cause), ({ message }) => message)
      process.stderr.write(`${Option.getOrElse(sentence, () => Cause.pretty(exit.cause))}\n`)
    }
    ended(Exit.isSuccess(exit) ? 0 : 1)
  })
  return () => void Effect.runFork(Fiber.interruptFork(fiber))
}
