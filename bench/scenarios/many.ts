// Many reads of 4 KiB as one Effect.
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as BufferPool from "../../src/BufferPool.js"
import * as File from "../../src/File.js"
import { type Bench, contestant, type Env, type MakeScenario } from "../harness/Bench.js"
import { checksum, PAGE } from "../harness/inputs.js"
import { atMostTimesTheCost, type Case, microsPerOperation } from "../harness/Scenario.js"
import { callbacks, type Draw, draw, fibers } from "./random.js"

const IN_FLIGHT = 32
/** Reads of one batch: 4 MiB of results. */
const BATCH = 1000

const OURS = "File.readMany, into a buffer of the pool"
const FRESH = "File.readMany, results of their own"
const RAW = "fs.read, callbacks"

export const many: MakeScenario = (bench) => ({
  name: "read-many",
  title: "The same reads in batches, each batch one Effect",
  cases: Effect.succeed([theCase(bench)])
})

const theCase = (bench: Bench): Effect.Effect<Case<Env>, unknown, Env | Scope.Scope> =>
  Effect.gen(function*() {
    const count = bench.quick ? 2000 : 20_000
    const drawn = yield* draw(bench, count)
    const file = yield* File.open(drawn.input.path, { hint: "random" })
    const buffer = yield* BufferPool.make(BATCH * PAGE)
    const into = (offset: number, i: number): File.ReadRequest => ({ buffer, start: i * PAGE, length: PAGE, offset })
    return {
      label: `4 KiB, ${IN_FLIGHT} in flight, ${BATCH} in a batch`,
      measure: microsPerOperation,
      amount: count,
      expected: { "warm-up": drawn.checksum, measured: drawn.checksum },
      contestants: [
        contestant<Env>("ours", OURS, () => inBatches(file, drawn, into)),
        contestant<Env>("ours", FRESH, () => inBatches(file, drawn, (offset) => ({ offset, length: PAGE }))),
        yield* fibers(drawn, IN_FLIGHT),
        yield* callbacks(drawn, IN_FLIGHT, RAW)
      ],
      goals: bench.kernel === "portable" ? [OURS, FRESH].map((row) => atMostTimesTheCost(row, [RAW], 1.3)) : []
    }
  })

const inBatches = (
  file: File.File,
  { offsets }: Draw,
  request: (offset: number, index: number) => File.ReadRequest
) =>
  Effect.suspend(() => {
    let next = 0
    let sum = 0
    return Effect.map(
      Effect.whileLoop({
        while: () => next < offsets.length,
        body: () =>
          File.readMany(file, Array.from(offsets.subarray(next, next + BATCH), request), { inFlight: IN_FLIGHT }),
        step: (results) => {
          for (const bytes of results) sum = (sum + checksum(bytes, offsets[next++]!, "measured")) | 0
        }
      }),
      () => ({ checksum: sum })
    )
  })
