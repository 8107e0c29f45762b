// Many reads of 4 KiB as one Effect.
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as File from "../../../src/File.js"
import { type Bench, contestant, type Env, type Library, type MakeScenario } from "../harness/Bench.js"
import { PAGE, SeenPages } from "../harness/inputs.js"
import { atMostTimesTheCost, type Case, microsPerOperation, type Phase } from "../harness/Scenario.js"
import { callbacks, type Draw, draw, fibers } from "./random.js"

const IN_FLIGHT = 32
/** Reads of one batch: 4 MiB of results. */
const BATCH = 1000

const OURS = "File.readMany, into a buffer of the pool"
const FRESH = "File.readMany, results of their own"
const RAW = "fs.read, a callback for each place"

export const many: MakeScenario = (bench) => ({
  name: "read-many",
  title: "The same reads in batches, each batch one Effect",
  cases: Effect.succeed([theCase(bench)])
})

const theCase = (bench: Bench): Effect.Effect<Case<Env>, unknown, Env | Scope.Scope> =>
  Effect.gen(function*() {
    const count = bench.quick ? 2000 : 20_000
    const drawn = yield* draw(bench, count)
    const { library } = bench
    const { BufferPool, File } = library
    const file = yield* File.open(drawn.input.path, { hint: "random" })
    const buffer = yield* BufferPool.make(BATCH * PAGE)
    const into = (offset: number, i: number): File.ReadRequest => ({ buffer, start: i * PAGE, length: PAGE, offset })
    return {
      label: `4 KiB, ${IN_FLIGHT} in flight, ${BATCH} in a batch`,
      measure: microsPerOperation,
      amount: count,
      expected: drawn.checksums,
      contestants: [
        contestant<Env>("ours", OURS, (phase) => inBatches(library, file, drawn, phase, into)),
        contestant<Env>("ours", FRESH, (phase) =>
          inBatches(library, file, drawn, phase, (offset) => ({ offset, length: PAGE }))),
        yield* fibers(library, drawn, IN_FLIGHT),
        yield* callbacks(drawn, IN_FLIGHT, RAW)
      ],
      goals: bench.kernel === "portable"
        ? [OURS, FRESH].map((row) =>
          atMostTimesTheCost(row, [RAW], 1.3)
        )
        : []
    }
  })

export const inBatches = (
  { File }: Library,
  file: File.File,
  { offsets }: Draw,
  phase: Phase,
  request: (offset: number, index: number) => File.ReadRequest,
  batch = BATCH,
  inFlight = IN_FLIGHT
) =>
  Effect.suspend(() => {
    const seen = new SeenPages(offsets, phase)
    let next = 0
    return Effect.map(
      Effect.whileLoop({
        while: () => next < offsets.length,
        body: () => File.readMany(file, Array.from(offsets.subarray(next, next + batch), request), { inFlight }),
        step: (results) => {
          for (const bytes of results) seen.look(next++, bytes)
        }
      }),
      () => ({ checksum: seen.sum })
    )
  })
