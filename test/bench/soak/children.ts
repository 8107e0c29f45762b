// Processes that end with work in flight, in a way that is drawn: the exit code is right, and the other end of their
// pipe hears of it.
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { constants } from "node:os"
import { join } from "node:path"
import type * as Kernel from "../../../src/Kernel.js"
import * as NamedPipe from "../../../src/NamedPipe.js"
import type { Win32Error } from "../../../src/Win32Error.js"
import { EXIT_CODE, READY, type Task, type Way } from "../../support/endings.js"
import type { State } from "../../support/interruptions.js"
import { root, type Running, type Start } from "../../support/processes.js"

/** Bundled before the soak begins: under Wine that cannot be done. */
export const endingsProgram = join(root, "build/bundles/soak/test/support/endingsProgram.mjs")

const OPERATIONS = 32

/** Milliseconds until a process that does not end is killed. */
const LIMIT = 60_000

const { SIGKILL, SIGTERM } = constants.signals

/** Exit codes; `wait` is killed. */
const WAYS: ReadonlyArray<readonly [Way, number]> = [
  ["natural", 0],
  ["exit", EXIT_CODE],
  ["throw", 1],
  ["reject", 1],
  ["kill", process.platform === "win32" ? 1 : 128 + SIGTERM],
  ["wait", 128 + SIGKILL]
]

let serial = 0

export const child = (
  state: State,
  start: Start,
  directory: string,
  file: string
): Effect.Effect<void, Win32Error, Kernel.Kernel> =>
  Effect.scoped(Effect.gen(function*() {
    const [way, expected] = WAYS[state.below(WAYS.length)]!
    const inFlight = (["pipe", "file"] as const)[state.below(2)]!
    const name = `tpio-soak-${process.pid}-${serial++}`
    const pipe = inFlight === "pipe" ? name : undefined
    const task: Task = { way, inFlight, file, operations: OPERATIONS, after: state.below(50), pipe }
    const server = yield* NamedPipe.listen(name)
    const running = start(endingsProgram, [JSON.stringify(task)], join(directory, `output-${serial}`))
    const limit = setTimeout(() => running.kill("SIGKILL"), LIMIT)
    const heard = yield* Effect.fork(pipe === undefined ? Effect.void : endOfPipe(state, server))
    yield* ready(running)
    if (way === "wait") running.kill("SIGKILL")
    const { code, output } = yield* Effect.promise(() => running.ended)
    clearTimeout(limit)
    if (code !== expected) state.problems.push(`a process, ${way}, ${inFlight}: ${code}, not ${expected}\n${output}`)
    if (output.startsWith(READY)) yield* Fiber.join(heard)
    yield* Fiber.interrupt(heard)
  }))

const endOfPipe = (state: State, server: NamedPipe.Server) =>
  Effect.scoped(Effect.gen(function*() {
    const connection = yield* NamedPipe.accept(server)
    const { endOfFile } = yield* NamedPipe.read(connection, new Uint8Array(8))
    if (!endOfFile) state.problems.push("a pipe whose other process has ended has brought bytes")
  }))

const ready = (running: Running): Effect.Effect<void> =>
  Effect.suspend(() =>
    running.over() || running.output().startsWith(READY)
      ? Effect.void
      : Effect.zipRight(Effect.sleep("5 millis"), ready(running))
  )
