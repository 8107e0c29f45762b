/**
 * Operations that complete inline, one after the other, leave timers and sockets their turn.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Handle from "../../src/Handle.js"
import * as Operation from "../../src/Operation.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import * as lab from "../support/lab.js"
import { layerOf } from "../support/layerOf.js"
import * as pipe from "../support/pipe.js"
import * as simulated from "../support/simulated.js"

const OPERATIONS = 100_000
const TIMERS = 20

/** Milliseconds until a timer of 10 ms fires, set again every few thousand operations. */
const timers = (delays: Array<number>) => (index: number): void => {
  if (index % (OPERATIONS / TIMERS) !== 0) return
  const set = performance.now()
  setTimeout(() => delays.push(performance.now() - set), 10)
}

/**
 * The same timers in a program that gives the event loop a turn every 2 ms by itself: what this machine does to any of
 * them.
 */
const control = async (): Promise<ReadonlyArray<number>> => {
  const delays: Array<number> = []
  const setTimer = timers(delays)
  for (let index = 0; delays.length < TIMERS; index += OPERATIONS / TIMERS) {
    if (index < OPERATIONS) setTimer(index)
    const end = performance.now() + 2
    while (performance.now() < end);
    await new Promise(setImmediate)
  }
  return delays
}

const median = (numbers: ReadonlyArray<number>): number => [...numbers].sort((a, b) => a - b)[TIMERS / 2]!

const check = (io: ThreadpoolIo.ThreadpoolIo, more: () => Effect.Effect<void>) =>
  Effect.gen(function*() {
    const delays: Array<number> = []
    const setTimer = timers(delays)
    const read = ThreadpoolIo.submit(io, Operation.read({ buffer: new Uint8Array(1) }))
    const from = (index: number): Effect.Effect<void, unknown> =>
      index === OPERATIONS ? Effect.void : Effect.suspend(() => {
        setTimer(index)
        return Effect.flatMap(Effect.zipRight(more(), read), () => from(index + 1))
      })
    yield* from(0)
    yield* Effect.sleep("20 millis")
    const ledger = yield* ThreadpoolIo.ledger(io)
    expect(ledger.completedInline).toBeGreaterThanOrEqual(OPERATIONS * 0.99)
    expect(delays).toHaveLength(TIMERS)
    const others = yield* Effect.promise(control)
    console.log(
      `a 10 ms timer fired after ${delays.map((ms) => ms.toFixed(0)).join(", ")} ms, ${
        median(others).toFixed(0)
      } ms in a program without operations`
    )
    // A busy machine holds up any timer, and some of them for longer; an event loop that is starved holds up every one.
    expect(median(delays)).toBeLessThan(40 + median(others))
  })

describe(`a 10 ms timer fires within 50 ms while ${OPERATIONS} operations complete inline`, () => {
  it.scopedLive("on the model", () => {
    const { control, kernel } = simulated.make()
    control.otherwise = simulated.inline({ status: 0, bytes: 1 })
    return Effect.flatMap(
      ThreadpoolIo.make(Handle.make(control.borrowedHandle("inline")), { skipMode: true }),
      (io) => check(io, () => Effect.void)
    ).pipe(Effect.provide(layerOf(Effect.succeed(kernel))))
  }, 60_000)

  const SENT_AT_ONCE = 32_768
  lab.on("win32", "a file of node:fs never completes inline")(it.scopedLive)(
    "on a pipe in skip mode",
    () =>
      Effect.gen(function*() {
        const { send, server } = yield* pipe.make
        const io = yield* ThreadpoolIo.make(server, { skipMode: true })
        const bytes = new Uint8Array(SENT_AT_ONCE)
        // Sending blocks this thread when the pipe is full: only when it is empty.
        let inPipe = 0
        yield* check(io, () => {
          if (inPipe-- > 0) return Effect.void
          inPipe = SENT_AT_ONCE - 1
          return send(bytes)
        })
      }).pipe(Effect.provide(lab.layer)),
    120_000
  )
})
