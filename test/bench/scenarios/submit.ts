// The cost that a fiber adds to the engine: `ThreadpoolIo.submit`, with its mask, its wait and its resumption, over a
// listener.
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as BufferPool from "../../../src/BufferPool.js"
import type { Operation as Issued } from "../../../src/internal/engine/Operation.js"
import type * as ThreadpoolIo from "../../../src/ThreadpoolIo.js"
import { type Bench, contestant, type Env, type Library, type MakeScenario, promised } from "../harness/Bench.js"
import { PAGE, type Pages, SeenPages } from "../harness/inputs.js"
import { theMask } from "../harness/Library.js"
import { atMostTimesAdded, type Case, inCpu, microsPerOperation, type Phase } from "../harness/Scenario.js"
import { draw, inFibers } from "./random.js"

const IN_FLIGHT = 32

const OURS = "ThreadpoolIo.submit, in 32 fibers"
const MASK = "the same in the old form, a mask"
const ENGINE = "the engine, 32 listeners"

export const submit: MakeScenario = (bench) => ({
  name: "submit",
  title: "A fiber's submit over the engine without Effect",
  cases: Effect.succeed([theCase(bench)])
})

const theCase = (bench: Bench): Effect.Effect<Case<Env>, unknown, Env | Scope.Scope> =>
  Effect.gen(function*() {
    const count = bench.quick ? 4000 : 40_000
    const drawn = yield* draw(bench, count)
    const { BufferPool, File, Operation, ThreadpoolIo } = bench.library
    const opened = Effect.gen(function*() {
      const { io } = yield* File.open(drawn.input.path, { hint: "random" })
      const buffers = yield* Effect.all(Array.from({ length: IN_FLIGHT }, () => BufferPool.make(PAGE)))
      const submits = (phase: Phase) =>
        inFibers(
          drawn,
          phase,
          buffers,
          (buffer, offset) => ThreadpoolIo.submit(io, Operation.read({ buffer, offset })),
          ({ bytes }) => bytes
        )
      return { io, buffers, submits }
    })
    const { buffers, io, submits } = yield* opened
    const mask = yield* theMask(bench.library, bench.kernel)
    const old = mask === undefined ? undefined : yield* Effect.provide(opened, mask)
    return {
      label: `4 KiB reads, ${IN_FLIGHT} in flight`,
      measure: microsPerOperation,
      amount: count,
      expected: drawn.checksums,
      contestants: [
        contestant<Env>("ours", OURS, submits),
        ...old === undefined ? [] : [contestant<Env>("peer", MASK, old.submits)],
        contestant<Env>("limit", ENGINE, (phase) => withListeners(bench.library, io, drawn, phase, buffers))
      ],
      goals: old === undefined ? [] : [inCpu(atMostTimesAdded(OURS, MASK, ENGINE, 0.45))]
    }
  })

const withListeners = (
  { Operation }: Library,
  io: ThreadpoolIo.ThreadpoolIo,
  { offsets }: Pages,
  phase: Phase,
  buffers: ReadonlyArray<BufferPool.PoolBuffer>
) =>
  promised(() =>
    new Promise<{ readonly checksum: number }>((resolve, reject) => {
      const seen = new SeenPages(offsets, phase)
      let next = 0
      let working = buffers.length
      const begin = (buffer: BufferPool.PoolBuffer): void => {
        let index = 0
        let operation: Issued
        const settled = (): boolean => {
          if (operation.status === 0) seen.look(index, buffer.bytes)
          else reject(new Error(`status ${operation.status}`))
          return operation.status === 0
        }
        const advance = (): void => {
          do {
            index = next++
            if (index >= offsets.length) {
              if (--working === 0) resolve({ checksum: seen.sum })
              return
            }
            operation = io.object.submit(Operation.read({ buffer, offset: offsets[index]! }).request)
            if (!operation.delivered) {
              operation.listener = ended
              return
            }
          } while (settled())
        }
        const ended = (): void => {
          if (settled()) advance()
        }
        advance()
      }
      buffers.forEach(begin)
    })
  )
