// The program of `npm start`: starts the copy, turns signals into interruption, and the way it ends into the exit code.
import { constants } from "node:os"
import type { World } from "./program.js"

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const

const world: World = { argv: process.argv, out: process.stdout, err: process.stderr, partials: () => [] }

let signalled: number | undefined
let interrupt: (() => void) | undefined

/** The first one interrupts: what is in flight is cancelled and awaited. The second one leaves at once. */
const onSignal = (signal: typeof SIGNALS[number]): void => {
  if (signalled === undefined) {
    signalled = 128 + constants.signals[signal]
    interrupt?.()
    return
  }
  const left = [...world.partials()]
  world.err.write(`Leaving at once.${left.length > 0 ? ` Partial files are left:\n${left.join("\n")}` : ""}\n`)
  process.exit(signalled)
}

// Before anything is loaded: no moment is without its handler.
for (const signal of SIGNALS) process.on(signal, onSignal)

// The reader of our output may have gone; the copy goes on.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})

const { start } = await import("./start.js")
if (signalled === undefined) {
  interrupt = start(world, (code) => {
    process.exitCode = signalled ?? code
  })
} else process.exitCode = signalled
