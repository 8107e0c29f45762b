/**
 * Effect's own combinators just work over operations: nothing special is needed, and the ledger balances afterwards.
 */
import { describe, expect } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import * as File from "../../src/File.js"
import * as Kernel from "../../src/Kernel.js"
import * as Ledger from "../../src/Ledger.js"
import * as Operation from "../../src/Operation.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import { contract, fileOf, movement, pattern, settleFibers, sleep } from "../support/claims.js"
import { held } from "../support/held.js"
import * as lab from "../support/lab.js"

const read = (io: ThreadpoolIo.ThreadpoolIo, buffer = new Uint8Array(64)) =>
  ThreadpoolIo.submit(io, Operation.read({ buffer }))

/** Checks that everything that was started has ended, by the ledger. */
const balanced = (io: ThreadpoolIo.ThreadpoolIo) =>
  Effect.map(ThreadpoolIo.ledger(io), (ledger) => {
    expect([ledger.inFlight, ledger.queued, Ledger.isBalanced(ledger)]).toEqual([0, 0, true])
    return ledger
  })

contract("an operation under", ({ claim, only }) => {
  const onPipe = only("win32", "a regular file cannot be held pending; it takes a pipe")

  describe("timeout", () => {
    claim("that is long enough is not noticed", function*() {
      const file = yield* File.open(yield* fileOf(pattern(100)))
      expect(yield* Effect.timeout(File.read(file, new Uint8Array(100), 0), "1 minute")).toBe(100)
      yield* balanced(file.io)
    })
    claim("of no time at all: each of 200 reads succeeds or times out", function*() {
      const file = yield* File.open(yield* fileOf(pattern(1000)))
      const ends = yield* Effect.forEach(
        Array.from({ length: 200 }),
        () => Effect.timeoutOption(File.read(file, new Uint8Array(1000), 0), 0)
      )
      for (const end of ends) expect(Option.getOrElse(end, () => 1000)).toBe(1000)
      expect((yield* balanced(file.io)).started).toBeLessThanOrEqual(200)
    })
    onPipe("that expires ends the wait, after the system has let go", function*() {
      const { io } = yield* held()
      const started = Date.now()
      expect(yield* Effect.flip(Effect.timeout(read(io), "50 millis"))).toMatchObject({ _tag: "TimeoutException" })
      expect(Date.now() - started).toBeLessThan(2000)
      expect(yield* balanced(io)).toMatchObject({ started: 1, cancelled: 1 })
    })
  })

  describe("race", () => {
    claim("with another read: the first wins, and the loser is cancelled and awaited", function*() {
      const file = yield* File.open(yield* fileOf(pattern(100)))
      const winner = yield* Effect.race(
        File.read(file, new Uint8Array(10), 0),
        File.read(file, new Uint8Array(20), 0)
      )
      expect([10, 20]).toContain(winner)
      yield* balanced(file.io)
    })
    onPipe("with one that never ends: the other wins", function*() {
      const { io } = yield* held()
      expect(yield* Effect.race(read(io), Effect.delay(Effect.succeed("other"), "20 millis"))).toBe("other")
      expect(yield* balanced(io)).toMatchObject({ started: 1, cancelled: 1 })
    })
    onPipe("raceFirst, and raceAll of ten", function*() {
      const { feed, io } = yield* held()
      yield* Effect.fork(Effect.delay(feed(new Uint8Array(3)), "20 millis"))
      const reads = Array.from({ length: 10 }, () => Effect.map(read(io), ({ bytesTransferred }) => bytesTransferred))
      expect(yield* Effect.raceAll(reads)).toBe(3)
      expect(yield* balanced(io)).toMatchObject({ started: 10, cancelled: 9 })
      yield* Effect.fork(Effect.delay(feed(new Uint8Array(5)), "20 millis"))
      expect(yield* Effect.raceFirst(read(io), Effect.never)).toMatchObject({ bytesTransferred: 5 })
      yield* balanced(io)
    })
  })

  describe("disconnect", () => {
    claim("ends at once, and the operation ends in the background", function*() {
      const { io } = yield* held()
      const fiber = yield* Effect.fork(Effect.disconnect(read(io)))
      yield* settleFibers
      expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
      yield* lab.eventually("let go", () => io.object.counters.inFlight === 0)
      yield* balanced(io)
    })
    onPipe("and timeout: the timeout does not wait for the system", function*() {
      const { io } = yield* held()
      const end = yield* Effect.timeoutOption(Effect.disconnect(read(io)), "20 millis")
      expect(Option.isNone(end)).toBe(true)
      yield* ThreadpoolIo.awaitIdle(io)
      yield* balanced(io)
    })
  })

  describe("forEach", () => {
    for (const concurrency of [1, 8, "unbounded"] as const) {
      claim(`with concurrency ${concurrency}: every read gets its own bytes`, function*() {
        const contents = pattern(64 * 100)
        const file = yield* File.open(yield* fileOf(contents))
        const pieces = yield* Effect.forEach(
          Array.from({ length: 64 }, (_, index) => index),
          (index) => {
            const buffer = new Uint8Array(100)
            return Effect.as(File.readExact(file, buffer, index * 100), buffer)
          },
          { concurrency }
        )
        expect(Buffer.compare(Buffer.concat(pieces), contents)).toBe(0)
        yield* balanced(file.io)
      })
    }
    claim("a failure of one cancels the others and waits for them", function*() {
      const file = yield* File.open(yield* fileOf(pattern(10_000)))
      const error = yield* Effect.flip(Effect.forEach(
        Array.from({ length: 50 }, (_, index) => index),
        (index) => File.read(file, new Uint8Array(100), index === 20 ? -1 : index * 100),
        { concurrency: "unbounded" }
      ))
      expect(error).toMatchObject({ reason: "InvalidArgument" })
      yield* balanced(file.io)
    })
    claim("interrupted while 50 are in flight: each is cancelled and awaited", function*() {
      const { io } = yield* held()
      const fiber = yield* Effect.fork(
        Effect.forEach(Array.from({ length: 50 }), () => read(io), { concurrency: "unbounded", discard: true })
      )
      yield* lab.eventually("started", () => io.object.counters.started === 50)
      const exit = yield* Fiber.interrupt(fiber)
      expect(Exit.isInterrupted(exit) || Exit.isSuccess(exit)).toBe(true)
      yield* balanced(io)
    })
  })

  describe("streams and repetition", () => {
    claim("Stream.mapEffect with concurrency keeps the order of its elements", function*() {
      const contents = pattern(40 * 50)
      const file = yield* File.open(yield* fileOf(contents))
      const pieces = yield* Stream.range(0, 39).pipe(
        Stream.mapEffect((index) => {
          const buffer = new Uint8Array(50)
          return Effect.as(File.readExact(file, buffer, index * 50), buffer)
        }, { concurrency: 4 }),
        Stream.runCollect
      )
      expect(Buffer.compare(Buffer.concat(Chunk.toReadonlyArray(pieces)), contents)).toBe(0)
      yield* balanced(file.io)
    })
    claim("a stream that is taken from in part leaves nothing in flight", function*() {
      const file = yield* File.open(yield* fileOf(pattern(10_000)))
      yield* Stream.range(0, 99).pipe(
        Stream.mapEffect((index) => File.read(file, new Uint8Array(100), index * 100), { concurrency: 8 }),
        Stream.take(3),
        Stream.runDrain
      )
      yield* balanced(file.io)
    })
    claim("one operation value is submitted as often as one likes", function*() {
      const file = yield* File.open(yield* fileOf(pattern(100)))
      const buffer = new Uint8Array(10)
      const again = File.submit(file, Operation.read({ buffer, offset: 5 }))
      yield* Effect.repeatN(again, 19)
      expect(yield* balanced(file.io)).toMatchObject({ started: 20 })
    })
    claim("retry tries again what has failed", function*() {
      const path = yield* fileOf("")
      const file = yield* File.open(path, { access: "readwrite" })
      yield* Effect.fork(Effect.delay(File.writeAll(file, pattern(10), 0), "50 millis"))
      yield* File.readExact(file, new Uint8Array(10), 0).pipe(
        Effect.retry({ schedule: Schedule.spaced("5 millis"), while: ({ reason }) => reason === "EndOfFile" })
      )
    })
  })

  describe("observation", () => {
    claim("a span for each operation, named after the function, only where it is asked for", function*() {
      const names: Array<string> = []
      const tracer = Tracer.make({
        span: (name, parent, context, links, startTime, kind) => {
          names.push(name)
          const attributes = new Map<string, unknown>()
          return {
            _tag: "Span",
            name,
            spanId: `${names.length}`,
            traceId: "trace",
            parent,
            context,
            links,
            kind,
            attributes,
            sampled: true,
            status: { _tag: "Started", startTime },
            end: () => {},
            attribute: (key, value) => void attributes.set(key, value),
            event: () => {},
            addLinks: () => {}
          }
        },
        context: (run) => run()
      })
      const path = yield* fileOf(pattern(100))
      const work = (spans: boolean) =>
        Effect.scoped(Effect.flatMap(File.open(path, { access: "readwrite", spans }), (file) =>
          Effect.all([
            File.read(file, new Uint8Array(10), 0),
            File.write(file, new Uint8Array(1), 0),
            ThreadpoolIo.cancellable(file.io, Operation.read({ buffer: new Uint8Array(1) }))
          ])))
      yield* Effect.withTracer(work(false), tracer)
      expect(names).toEqual([])
      yield* Effect.withTracer(work(true), tracer)
      expect(names).toEqual(["ReadFile", "WriteFile", "ReadFile"])
    })
    claim("the ledger is published as metrics, at the latest when the kernel closes", function*() {
      const metric = (name: keyof typeof Kernel.metrics) =>
        Effect.map(
          Metric.value(Metric.tagged(Kernel.metrics[name] as Metric.Metric.Counter<number>, "kernel", lab.kernelName)),
          ({ count }) => count
        )
      // By then the other kernels of this process have published everything.
      yield* sleep(1100)
      const before = [yield* metric("started"), yield* metric("completedByCallback"), yield* metric("failedAtStart")]
      const path = yield* fileOf(pattern(100))
      const moved = yield* Effect.scoped(Effect.gen(function*() {
        const context = yield* Layer.build(lab.layer)
        const work = Effect.flatMap(
          File.open(path, { access: "write" }),
          (file) => Effect.all([File.write(file, pattern(10), 0), Effect.exit(File.read(file, new Uint8Array(1), 0))])
        )
        return yield* movement(Effect.scoped(work)).pipe(Effect.provide(context))
      }))
      const after = [yield* metric("started"), yield* metric("completedByCallback"), yield* metric("failedAtStart")]
      expect(after.map((count, index) => count - before[index]!))
        .toEqual([moved.started, moved.completedByCallback, moved.failedAtStart])
      expect(moved).toMatchObject({ started: 2, failedAtStart: 1 })
    })
  })
})
