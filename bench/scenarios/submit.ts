// What a fiber adds to the engine: `ThreadpoolIo.submit`, with its mask, its wait and its resumption, over a listener.
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as BufferPool from "../../src/BufferPool.js"
import * as File from "../../src/File.js"
import type { Operation as Issued } from "../../src/internal/engine/Operation.js"
import * as Operation from "../../src/Operation.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import { type Bench, contestant, type Env, type MakeScenario, promised } from "../harness/Bench.js"
import { checksum, PAGE } from "../harness/inputs.js"
import { atMostOver, type Case, microsPerOperation } from "../harness/Scenario.js"
import { draw, inFibers } from "./random.js"

const IN_FLIGHT = 32

const OURS = "ThreadpoolIo.submit, in 32 fibers"
const ENGINE = "the engine, 32 listeners"

export const submit: MakeScenario = (bench) => ({
  name: "submit",
  title: "A fiber's submit over the engine without Effect",
  cases: Effect.succeed([theCase(bench)])
})

const theCase = (bench: Bench): Effect.Effect<Case<Env>, unknown, Env | Scope.Scope> =>
  Effect.gen(function*() {
    const count = bench.quick ? 4000 : 40_000
    const { checksum: sum, input, offsets } = yield* draw(bench, count)
    const { io } = yield* File.open(input.path, { hint: "random" })
    const buffers = yield* Effect.all(Array.from({ length: IN_FLIGHT }, () => BufferPool.make(PAGE)))
    return {
      label: `4 KiB reads, ${IN_FLIGHT} in flight`,
      measure: microsPerOperation,
      amount: count,
      expected: { "warm-up": sum, measured: sum },
      contestants: [
        contestant<Env>("ours", OURS, () =>
          inFibers(
            offsets,
            buffers,
            (buffer, offset) => ThreadpoolIo.submit(io, Operation.read({ buffer, offset })),
            ({ bytes }) => bytes
          )),
        contestant<Env>("limit", ENGINE, () => withListeners(io, offsets, buffers))
      ],
      goals: [atMostOver(OURS, ENGINE, 4, "µs")]
    }
  })

const withListeners = (
  io: ThreadpoolIo.ThreadpoolIo,
  offsets: Float64Array,
  buffers: ReadonlyArray<BufferPool.PoolBuffer>
) =>
  promised(() =>
    new Promise<{ readonly checksum: number }>((resolve, reject) => {
      let next = 0
      let sum = 0
      let working = buffers.length
      const settled = ({ status }: Issued, buffer: BufferPool.PoolBuffer, offset: number): boolean => {
        if (status === 0) sum = (sum + checksum(buffer.bytes, offset, "measured")) | 0
        else reject(new Error(`status ${status}`))
        return status === 0
      }
      const advance = (buffer: BufferPool.PoolBuffer): void => {
        for (;;) {
          const offset = offsets[next++]
          if (offset === undefined) {
            if (--working === 0) resolve({ checksum: sum })
            return
          }
          const operation = io.object.submit(Operation.read({ buffer, offset }).request)
          if (!operation.delivered) {
            operation.listener = () => settled(operation, buffer, offset) ? advance(buffer) : undefined
            return
          }
          if (!settled(operation, buffer, offset)) return
        }
      }
      buffers.forEach(advance)
    })
  )
