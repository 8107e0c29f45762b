// A process that starts one worker after the other and ends it, mostly by `terminate`, with operations in flight in the
// worker and in itself. Prints what it has come to as one line of JSON; `npm run soak` starts it,
// `node workers.mjs SEED WORKERS FILE PROGRAM`, the last one that of the workers.
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { pathToFileURL } from "node:url"
import * as File from "../../../src/File.js"
import * as Kernel from "../../../src/Kernel.js"
import * as Ledger from "../../../src/Ledger.js"
import * as Operation from "../../../src/Operation.js"
import * as ThreadpoolIo from "../../../src/ThreadpoolIo.js"
import { BLOCK, EXIT_CODE, markOf, runWorker, type Way } from "../../support/endings.js"
import { kernelName, layer } from "../../support/lab.js"
import { random } from "../../support/traces/script.js"
import { measuring } from "./measures.js"

export interface WorkersReport {
  readonly ended: number
  readonly terminated: number
  /** The growth since the first workers. */
  readonly handles: number
  readonly resident: number
  readonly registrations: number
  readonly slots: number
  readonly problems: ReadonlyArray<string>
}

const OPERATIONS = 32

/**
 * Until then, everything has been loaded, compiled and used: the first dozen leave 40 to 60 MiB under Wine, the ten
 * after them 20 to 29.
 */
const WARM_UP = 13

/** Exit codes; `wait` is terminated. */
const WAYS: ReadonlyArray<readonly [Way, number]> = [
  ["wait", 1],
  ["wait", 1],
  ["wait", 1],
  ["exit", EXIT_CODE],
  ["throw", 1],
  ["natural", 0]
]

const [seed, workers] = [Number(process.argv[2]), Number(process.argv[3])]
const [file, workersProgram] = [process.argv[4]!, process.argv[5]!]
const below = random(seed)
const problems: Array<string> = []
let terminated = 0

const endOne = async (): Promise<void> => {
  const [way, expected] = WAYS[below(WAYS.length)]!
  const inFlight = (["pipe", "file"] as const)[below(2)]!
  const task = { way, inFlight, file, operations: OPERATIONS, after: below(30) }
  const { code, error, ready } = await runWorker(pathToFileURL(workersProgram), kernelName, task)
  if (code !== expected || !ready) problems.push(`a worker, ${way}, ${inFlight}: ${code}, not ${expected}: ${error}`)
  if (way === "wait") terminated++
}

const program = Effect.gen(function*() {
  const measure = yield* Effect.promise(measuring)
  const { engine } = yield* Kernel.Kernel
  const { io } = yield* File.open(file)
  const round = (index: number) => {
    const buffer = new Uint8Array(BLOCK)
    return Effect.forever(Effect.zipLeft(
      Effect.map(ThreadpoolIo.submit(io, Operation.read({ buffer, offset: BLOCK * index })), () => {
        if (!buffer.every((byte) => byte === markOf(index))) {
          problems.push("a read of the file has brought something else")
        }
      }),
      Effect.sleep("1 millis")
    ))
  }
  const fibers = yield* Effect.forEach(
    Array.from({ length: OPERATIONS }, (_, index) => index),
    (index) => Effect.fork(round(index))
  )
  for (let worker = 0; worker < WARM_UP; worker++) yield* Effect.promise(endOne)
  const before = measure()
  for (let worker = 0; worker < workers; worker++) yield* Effect.promise(endOne)
  const after = measure()
  yield* Fiber.interruptAll(fibers)
  const ledger = yield* Kernel.ledger
  if (!Ledger.isBalanced(ledger) || ledger.inFlight > 0) problems.push(`the ledger: ${Ledger.format(ledger)}`)
  if (engine.kernel.slots.stray > 0) problems.push(`${engine.kernel.slots.stray} completions that nobody waited for`)
  const report: WorkersReport = {
    ended: workers + WARM_UP,
    terminated,
    handles: after.handles - before.handles,
    resident: after.resident - before.resident,
    registrations: after.registrations - before.registrations,
    slots: engine.kernel.slots.inUse,
    problems
  }
  console.log(JSON.stringify(report))
})

await Effect.runPromise(Effect.provide(Effect.scoped(program), layer))
