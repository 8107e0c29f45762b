// The library for minutes, on pipes and files: operations interrupted and timed out at random, scopes closed over what
// is in flight, workers terminated and processes ended in the middle of their work. What is read must be right, the
// ledger balance after each round, and handles, resident memory, slots and callback registrations stay flat.
//   npm run soak:kernel32 -- [--minutes 10] [--seed N]; npm run soak
// Prints a line a minute, and a verdict. Exit code 1 when anything of that does not hold; 130 after Ctrl-C, with the
// figures so far.
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { decimal, kernel as kernelOption, valuesOrExit, whole } from "../../examples/commandLine.js"
import * as Kernel from "../../src/Kernel.js"
import * as Ledger from "../../src/Ledger.js"
import { writeContents } from "../support/endings.js"
import { oneRound, State } from "../support/interruptions.js"
import { root, type Start, starter } from "../support/processes.js"
import { child, endingsProgram } from "./soak/children.js"
import { close } from "./soak/closing.js"
import { type Measures, measuring, mebibytes } from "./soak/measures.js"
import type { WorkersReport } from "./soak/workers.js"

const { kernel, minutes, seed } = valuesOrExit({
  name: "soak",
  before: ["Runs the library for minutes, with everything ended in the middle of its work."],
  arguments: [],
  options: {
    minutes: decimal(0, 100_000, 10, "How long."),
    seed: whole(0, 999_999_999, Date.now() % 1e9, "The seed of all that is drawn."),
    kernel: kernelOption("is soaked")
  },
  after: ["Exit code: 0 when everything holds, 1 otherwise, 130 after Ctrl-C."]
})

/** Operations of one round of interruptions, of which there are as many as the others of a round take. */
const HALF = 500

/** Processes of workers are more expensive than the others: one in so many rounds. */
const WORKERS_EVERY = 4
const WORKERS = 10

/** The end is compared with the state after this part of the time: everything has been loaded, compiled and used. */
const WARM = 0.25

/**
 * The most that the process itself may have grown by then. The heap after a collection tells what is held; resident
 * memory also has what V8 and Wine keep of what has been freed, and that grows in steps: one of 24 MiB was seen in ten
 * minutes, and then none.
 */
const MOST = { handles: 4, resident: 64 << 20, heap: 8 << 20, registrations: 0 } as const

/**
 * And what a process of workers may have more of, for each of them: a terminated one leaves what the kernel may still
 * write to.
 */
const MOST_PER_WORKER = { handles: 0, resident: 4 << 20, registrations: 1 } as const

/** Handles of Node's own that come and go. */
const SPARE_HANDLES = 4

const figures = { rounds: 0, closedOver: 0, processes: 0, workers: 0, terminated: 0 }
const problems: Array<string> = []

const workersEnd = (state: State, start: Start, directory: string, file: string) =>
  Effect.promise(async () => {
    const args = [String(state.below(2 ** 31)), String(WORKERS), file, endingsProgram]
    const running = start(
      join(root, "build/bundles/soak/test/bench/soak/workers.mjs"),
      args,
      join(directory, "workers")
    )
    const { code, output } = await running.ended
    figures.processes++
    if (code !== 0) return void problems.push(`a process of workers ended with ${code}:\n${output}`)
    const report = JSON.parse(output) as WorkersReport
    figures.workers += report.ended
    figures.terminated += report.terminated
    problems.push(...report.problems)
    const most = (each: number, spare = 0) => each * WORKERS + spare
    if (
      report.handles > most(MOST_PER_WORKER.handles, SPARE_HANDLES) || report.slots > 0 ||
      report.resident > most(MOST_PER_WORKER.resident) || report.registrations > most(MOST_PER_WORKER.registrations)
    ) problems.push(`${WORKERS} workers have left too much behind: ${output}`)
  })

/** Nothing may be left of a round. */
const judgeRound = Effect.gen(function*() {
  const { engine } = yield* Kernel.Kernel
  const ledger = yield* Kernel.ledger
  const { lentBytes } = engine.buffers
  const { inUse, stray } = engine.kernel.slots
  const left = { objects: engine.objects.size, slots: inUse, stray, lentBytes }
  if (!Ledger.isBalanced(ledger) || ledger.inFlight > 0 || ledger.queued > 0 || ledger.quarantined > 0) {
    problems.push(`the ledger after round ${figures.rounds}: ${Ledger.format(ledger)}`)
  }
  if (Object.values(left).some((count) => count > 0)) {
    problems.push(`round ${figures.rounds} has left ${JSON.stringify(left)}`)
  }
})

const oneOfAll = (state: State, start: Start, directory: string, file: string) =>
  Effect.gen(function*() {
    figures.rounds++
    const others = yield* Effect.fork(Effect.gen(function*() {
      if (figures.rounds % WORKERS_EVERY === 1) yield* workersEnd(state, start, directory, file)
      yield* child(state, start, directory, file)
      figures.processes++
    }))
    do {
      yield* oneRound(state, HALF)
      figures.closedOver += yield* close(state, file)
    } while ((yield* Fiber.poll(others))._tag === "None" && !stopped)
    yield* Fiber.join(others)
    yield* judgeRound
  })

// --- what is printed

let warm: { readonly measures: Measures; readonly minute: number } | undefined
let last: Measures | undefined

const line = (
  state: State,
  minute: number,
  { handles, heap, registrations, resident }: Measures,
  ledger: Ledger.Ledger
) =>
  [
    `${minute.toFixed(1).padStart(5)} min`,
    `${ledger.started} operations`,
    `${ledger.cancelled} cancelled`,
    `${state.interrupted} interrupted`,
    `${state.timedOut} timed out`,
    `${figures.closedOver} closed over`,
    `${figures.workers} workers ended (${figures.terminated} terminated)`,
    `${figures.processes} processes exited`,
    `${handles} handles`,
    `${mebibytes(resident)} resident`,
    `${mebibytes(heap)} heap`,
    `${registrations} callbacks`
  ].join(", ")

const verdict = (state: State): ReadonlyArray<string> => {
  const wrong = [...problems, ...state.problems]
  if (warm !== undefined && last !== undefined) {
    for (const what of ["handles", "resident", "heap", "registrations"] as const) {
      const growth = last[what] - warm.measures[what]
      if (growth > MOST[what]) wrong.push(`${what} have grown by ${growth} since minute ${warm.minute.toFixed(1)}`)
    }
  }
  return wrong
}

let stopped = false

const program = Effect.gen(function*() {
  const { engine, name } = yield* Kernel.Kernel
  const start = yield* Effect.promise(() => starter(name === "win32" ? "win32" : "portable"))
  const measure = yield* Effect.promise(measuring)
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "tpio-soak-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true, maxRetries: 5 }))
  )
  const file = join(directory, "file")
  writeContents(file)
  console.log(`${minutes} minutes on ${name}, seed ${seed}`)
  const state = new State(seed)
  const begin = performance.now()
  const elapsed = () => (performance.now() - begin) / 60_000
  let printed = 0
  const look = Effect.gen(function*() {
    const minute = elapsed()
    const measures = measure()
    last = measures
    if (warm === undefined && minute >= minutes * WARM) warm = { measures, minute }
    if (minute < printed + 1 && minute < minutes && !stopped) return
    printed = Math.floor(minute)
    console.log(line(state, minute, measures, yield* Kernel.ledger))
  })
  while (elapsed() < minutes && !stopped) {
    yield* oneOfAll(state, start, directory, file)
    yield* look
  }
  const wrong = verdict(state)
  const since = (what: keyof Measures) => last![what] - warm!.measures[what]
  console.log([
    `${figures.rounds} rounds; slots in use ${engine.kernel.slots.inUse}, stray completions ${engine.kernel.slots.stray}`,
    `pipe: ${mebibytes(state.bytesWritten)} written, ${mebibytes(state.bytesRead)} read; file: ${
      mebibytes(state.bytesCompared)
    } compared`,
    ...(warm === undefined ? [] : [
      `since minute ${warm.minute.toFixed(1)}: handles ${since("handles")}, resident ${
        mebibytes(since("resident"))
      }, heap ${mebibytes(since("heap"))}, callbacks ${since("registrations")}`
    ]),
    `ledger: ${Ledger.format(yield* Kernel.ledger)}`,
    ...wrong.map((problem) => `WRONG: ${problem}`),
    wrong.length === 0 ? "PASSED" : `FAILED: ${wrong.length} things are wrong`
  ].join("\n"))
  return wrong.length
}).pipe(Effect.scoped)

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    stopped = true
  })
}
const wrong = await Effect.runPromise(Effect.provide(program, Kernel.layerOptions({ kernel })))
process.exitCode = wrong > 0 ? 1 : stopped ? 130 : 0
