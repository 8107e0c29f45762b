// The program of `npm run example:pipe-rpc`: turns signals into interruption, and the way it ends into the exit code.
import { constants } from "node:os"
import { parse } from "./cli.js"

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const

let signalled: number | undefined
let interrupt: (() => void) | undefined

/** The first one interrupts: what is in flight is cancelled and awaited. The second one leaves at once. */
const onSignal = (signal: typeof SIGNALS[number]): void => {
  if (signalled !== undefined) process.exit(signalled)
  signalled = 128 + constants.signals[signal]
  interrupt?.()
}

// Before anything is loaded: no moment is without its handler.
for (const signal of SIGNALS) process.on(signal, onSignal)

// The reader of our output may have gone; the calls go on.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})

const settings = parse(process.argv.slice(2))
if ("print" in settings) process.stdout.write(settings.print)
else if ("wrong" in settings) {
  process.stderr.write(`${settings.wrong}\n`)
  process.exitCode = 1
} else {
  const { start } = await import("./program.js")
  if (signalled === undefined) {
    interrupt = start(settings, (code) => {
      process.exitCode = signalled ?? code
    })
  } else process.exitCode = signalled
}
