/**
 * A file chunk by chunk: lent to an effect, as a stream, and into a sink. What is read ahead or written behind is
 * bounded, comes whole and in order, and is over when the effect is.
 */
import { expect } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { readFileSync, truncateSync, writeFileSync } from "node:fs"
import * as File from "../../src/File.js"
import * as Kernel from "../../src/Kernel.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import { contract, failureOf, fileOf, freshPath, movement, pattern, refused, settleFibers } from "../support/claims.js"
import { failingAt, failingIssue } from "../support/failing.js"

const LENGTH = 100_000
/** Bytes in a read of a stream, whose chunks may be smaller. */
const UNIT = 512 << 10
const contents = pattern(LENGTH)

const opened = (bytes: Uint8Array = contents, options: File.OpenOptions = {}) =>
  Effect.flatMap(fileOf(bytes), (path) => File.open(path, options))

const created = Effect.flatMap(freshPath, (path) => File.open(path, { access: "readwrite", disposition: "createNew" }))

/** The ways to see a range of a file, each as the bytes it shows, put where they belong. */
const ways: Record<string, (file: File.File, options: File.ChunkOptions) => Effect.Effect<Uint8Array, unknown>> = {
  "forEachChunk": (file, options) => gathered(file, options, true),
  "forEachChunk as completed": (file, options) => gathered(file, options, false),
  "stream": (file, options) => Effect.map(Stream.runCollect(File.stream(file, options)), joined),
  "streamRecycled": (file, options) =>
    Effect.map(Stream.runCollect(Stream.map(File.streamRecycled(file, options), ({ bytes }) => bytes.slice())), joined)
}

const joined = (chunks: Iterable<Uint8Array>) => new Uint8Array(Buffer.concat([...chunks]))

const gathered = (file: File.File, options: File.ChunkOptions, ordered: boolean) =>
  Effect.gen(function*() {
    const all = new Uint8Array(LENGTH * 3)
    let from: bigint | undefined
    let next: bigint | undefined
    const seen = yield* File.forEachChunk(file, { ...options, ordered }, (chunk) =>
      Effect.sync(() => {
        expect(chunk.size).toBe(chunk.bytes.length)
        from ??= BigInt(options.offset ?? 0)
        if (ordered) expect(chunk.offset).toBe(next ?? from)
        next = chunk.offset + BigInt(chunk.size)
        all.set(chunk.bytes, Number(chunk.offset - from))
      }))
    return all.subarray(0, Number(seen))
  })

contract("chunks of a file", ({ claim }) => {
  for (const [name, see] of Object.entries(ways)) {
    claim(`${name} shows the file or a range of it, whatever the sizes`, function*() {
      const file = yield* opened()
      yield* Effect.promise(() =>
        FastCheck.assert(
          FastCheck.asyncProperty(
            FastCheck.nat(LENGTH + 10),
            FastCheck.option(FastCheck.nat(LENGTH * 2), { nil: undefined }),
            FastCheck.integer({ min: 700, max: 50_000 }),
            FastCheck.integer({ min: 1, max: 9 }),
            async (offset, length, chunkSize, inFlight) => {
              const seen = await Effect.runPromise(see(file, { offset, length, chunkSize, inFlight }))
              const end = length === undefined ? LENGTH : offset + length
              expect(Buffer.compare(seen, contents.subarray(offset, end))).toBe(0)
            }
          ),
          { numRuns: 25 }
        )
      )
    })
    claim(`${name} shows nothing of an empty file, of an empty range, and behind the end`, function*() {
      const empty = yield* opened(new Uint8Array(0))
      expect(yield* see(empty, {})).toHaveLength(0)
      const file = yield* opened()
      expect(yield* see(file, { length: 0 })).toHaveLength(0)
      expect(yield* see(file, { offset: LENGTH })).toHaveLength(0)
      expect(yield* see(file, { offset: 2n ** 40n })).toHaveLength(0)
    })
    claim(`${name} keeps no more reads in flight than were asked for, and nothing afterwards`, function*() {
      const file = yield* opened()
      const { engine } = yield* Kernel.Kernel
      const most = { inFlight: 0, lent: 0 }
      const look = () => {
        most.inFlight = Math.max(most.inFlight, engine.counters.inFlight)
        most.lent = Math.max(most.lent, engine.buffers.lentBytes)
      }
      const { object } = file.io
      const submit = object.submit.bind(object)
      object.submit = (request) => {
        const operation = submit(request)
        look()
        return operation
      }
      expect(yield* see(file, { chunkSize: 4096, inFlight: 3 })).toHaveLength(LENGTH)
      expect(most.inFlight).toBeLessThanOrEqual(3)
      expect(most.lent).toBeLessThanOrEqual(name === "stream" ? UNIT : 4 * 4096)
      expect(engine.buffers.lentBytes).toBe(0)
    })
    claim(`${name} refuses what cannot be, before anything is read`, function*() {
      const file = yield* opened()
      for (
        const options of [
          { offset: -1 },
          { offset: 0.5 },
          { length: -1 },
          { length: 2n ** 63n },
          { chunkSize: 0 },
          { chunkSize: 1.5 },
          { chunkSize: 2 ** 32 },
          { inFlight: 0 },
          { inFlight: NaN }
        ]
      ) {
        const error = yield* refused(see(file, options) as Effect.Effect<Uint8Array, never>)
        expect(error).toMatchObject({ reason: "InvalidArgument", syscall: "ReadFile" })
      }
    })
    claim(`${name} of a file that has closed fails with Closed`, function*() {
      const file = yield* Effect.scoped(opened())
      expect(yield* failureOf(see(file, {}))).toMatchObject({ reason: "Closed", syscall: "ReadFile" })
    })
  }

  for (const [name, see] of Object.entries(ways)) {
    claim(`${name} fails with what a read in the middle fails with, and leaves nothing in flight`, function*() {
      const file = yield* opened()
      const { engine } = yield* Kernel.Kernel
      const error = yield* failureOf(failingAt(6500, 1117, see(file, { chunkSize: 1000, inFlight: 5 })))
      expect(error).toMatchObject({ code: 1117, reason: "DeviceFailure", syscall: "ReadFile", path: file.path })
      expect(engine.buffers.lentBytes).toBe(0)
    })
  }
  claim("a read that fails is told in its turn, after the chunks before it", function*() {
    const file = yield* opened()
    for (const inFlight of [1, 3, 20]) {
      let seen = 0
      const look = File.forEachChunk(file, { chunkSize: 1000, inFlight }, () => Effect.sync(() => seen++))
      yield* failureOf(failingIssue(7, 1117, look))
      expect(seen).toBe(6)
      const streamed = yield* Effect.exit(failingAt(
        6500,
        1117,
        Stream.runForEach(File.stream(file, { chunkSize: 1000, inFlight }), () => Effect.sync(() => seen++))
      ))
      expect([Exit.isFailure(streamed), seen]).toEqual([true, 12])
    }
  })

  claim("a lent chunk cannot be used any more once it has been returned", function*() {
    const file = yield* opened()
    const kept: Array<File.LentChunk> = []
    yield* File.forEachChunk(file, { chunkSize: 40_000 }, (chunk) => Effect.sync(() => kept.push(chunk)))
    kept.push(...yield* Stream.runCollect(File.streamRecycled(file, { chunkSize: 40_000 })))
    expect(kept.map(({ size }) => size)).toEqual([40_000, 40_000, 20_000, 40_000, 40_000, 20_000])
    for (const chunk of kept) {
      expect(() => chunk.bytes).toThrow("used after it was returned")
      expect(yield* refused(File.write(file, chunk, 0))).toMatchObject({ reason: "InvalidArgument" })
    }
  })
  claim("a lent chunk is written in place", function*() {
    const [from, to] = [yield* opened(), yield* created]
    yield* File.forEachChunk(
      from,
      { chunkSize: 7000, ordered: false },
      (chunk) => File.writeAll(to, chunk, chunk.offset)
    )
    expect(Buffer.compare(readFileSync(to.path), contents)).toBe(0)
  })
  claim("chunks of a stream are memory of the consumer's own", function*() {
    const file = yield* opened()
    const chunks = [...yield* Stream.runCollect(File.stream(file, { chunkSize: 30_000, inFlight: 2 }))]
    expect(Buffer.compare(joined(chunks), contents)).toBe(0)
    expect(new Set(chunks.map(({ buffer }) => buffer)).size).toBe(chunks.length)
    expect(chunks.every((chunk) => chunk.buffer.byteLength === chunk.length && !Buffer.isBuffer(chunk))).toBe(true)
  })

  claim("a stream has whole chunks in order, wherever the file ends in a read of several", function*() {
    for (const length of [UNIT - 1, UNIT, UNIT + 1, 3 * UNIT + 7]) {
      const bytes = pattern(length)
      const file = yield* opened(bytes)
      for (const chunkSize of [4096, 100_000, UNIT / 2, UNIT / 2 + 1, UNIT]) {
        for (const from of [0, 5]) {
          const chunks = [...yield* Stream.runCollect(File.stream(file, { chunkSize, offset: from, inFlight: 2 }))]
          expect(Buffer.compare(joined(chunks), bytes.subarray(from))).toBe(0)
          expect(chunks.slice(0, -1).every((chunk) => chunk.length === chunkSize)).toBe(true)
          expect(chunks).toHaveLength(Math.ceil((length - from) / chunkSize))
        }
      }
    }
  })
  claim("a stream of small chunks is read in few reads, given a thousand or so at once, and takes 2 MiB", function*() {
    const file = yield* opened(pattern(6 * UNIT))
    const { engine } = yield* Kernel.Kernel
    const before = engine.counters.started
    let most = 0
    const look = Stream.runForEach(
      Stream.chunks(File.stream(file, { chunkSize: 100, inFlight: 4096 })),
      (chunk) =>
        Effect.sync(() => {
          expect(Chunk.size(chunk)).toBeLessThanOrEqual(1024)
          most = Math.max(most, engine.buffers.lentBytes)
        })
    )
    yield* look
    expect(engine.counters.started - before).toBeLessThanOrEqual(12)
    // The class of a unit that is no power of two is the next one.
    expect(most).toBeLessThanOrEqual(2 * 4 * UNIT)
    expect(engine.buffers.lentBytes).toBe(0)
  })
  claim("a stream has all that is before a bad place, wherever it is in a read of several", function*() {
    const file = yield* opened(pattern(3 * UNIT))
    const { engine } = yield* Kernel.Kernel
    for (const place of [0, 65_535, 65_536, UNIT - 1, UNIT, 2 * UNIT + 70_000]) {
      let seen = 0
      const look = Stream.runForEach(
        File.stream(file, { chunkSize: 65_536, inFlight: 3 }),
        (chunk) =>
          Effect.sync(() => {
            expect(Buffer.compare(chunk, pattern(3 * UNIT).subarray(seen, seen + chunk.length))).toBe(0)
            seen += chunk.length
          })
      )
      expect(yield* failureOf(failingAt(place, 1117, look))).toMatchObject({ code: 1117, syscall: "ReadFile" })
      expect(seen).toBe(place - place % 65_536)
      expect(engine.buffers.lentBytes).toBe(0)
    }
  })
  claim("a stream goes on where a read of several chunks has failed, and one of a single chunk does not", function*() {
    const bytes = pattern(3 * UNIT)
    const file = yield* opened(bytes)
    const all = yield* failingIssue(2, 1117, Stream.runCollect(File.stream(file, { chunkSize: 65_536, inFlight: 2 })))
    expect(Buffer.compare(joined(all), bytes)).toBe(0)
    expect([...all].every(({ length }) => length === 65_536)).toBe(true)
  })
  claim("a stream of a file that grows or is cut ends where the file ends by then", function*() {
    const bytes = pattern(UNIT + 100)
    for (const end of [2 * UNIT + 5, UNIT - 70_000]) {
      const file = yield* opened(bytes, { share: ["read", "write", "delete"] })
      let seen = 0
      yield* Stream.runForEach(
        File.stream(file, { chunkSize: 65_536, inFlight: 1 }),
        ({ length }) =>
          Effect.sync(() => {
            if (seen === 0) truncateSync(file.path, end)
            seen += length
          })
      )
      // Chunks that were read before the change come all the same.
      expect(end > UNIT ? [end] : [end, UNIT, UNIT + 100]).toContain(seen)
    }
  })

  claim("reading waits for whoever looks", function*() {
    const file = yield* opened()
    const { engine } = yield* Kernel.Kernel
    const gate = yield* Deferred.make<void>()
    const shown = yield* Deferred.make<void>()
    const before = engine.counters.started
    const fiber = yield* Effect.fork(
      File.forEachChunk(
        file,
        { chunkSize: 1000, inFlight: 4 },
        () => Effect.zipRight(Deferred.succeed(shown, undefined), Deferred.await(gate))
      )
    )
    yield* Deferred.await(shown)
    yield* Effect.sleep("30 millis")
    expect(engine.counters.started - before).toBe(5)
    yield* Deferred.succeed(gate, undefined)
    expect(yield* fiber).toBe(BigInt(LENGTH))
  })
  claim("an effect that fails, dies or throws ends it, with nothing in flight", function*() {
    const file = yield* opened()
    const ends: ReadonlyArray<() => Effect.Effect<never, string>> = [
      () => Effect.fail("why"),
      () => Effect.die("why"),
      () => Effect.interrupt,
      () => {
        throw "why"
      }
    ]
    for (const end of ends) {
      let seen = 0
      const exit = yield* Effect.exit(
        File.forEachChunk(file, { chunkSize: 1000 }, () => ++seen === 3 ? end() : Effect.void)
      )
      expect(Exit.isFailure(exit)).toBe(true)
      expect(seen).toBe(3)
      expect(yield* ThreadpoolIo.ledger(file.io)).toMatchObject({ inFlight: 0 })
    }
  })
  claim("a stream that is left early cancels what it has read ahead", function*() {
    const file = yield* opened()
    const { engine } = yield* Kernel.Kernel
    const some = yield* Stream.runCollect(Stream.take(File.stream(file, { chunkSize: 1000, inFlight: 6 }), 2))
    expect(Chunk.size(some)).toBe(2)
    expect(engine.buffers.lentBytes).toBe(0)
    expect(yield* ThreadpoolIo.ledger(file.io)).toMatchObject({ inFlight: 0 })
    const one = yield* Stream.runHead(File.streamRecycled(file, { chunkSize: 1000, inFlight: 6 }))
    expect(one._tag).toBe("Some")
    expect(engine.buffers.lentBytes).toBe(0)
  })
  claim("an interruption stops it, at once where the effect is what it waits for", function*() {
    const file = yield* opened()
    const { engine } = yield* Kernel.Kernel
    const fiber = yield* Effect.fork(File.forEachChunk(file, { chunkSize: 1000 }, () => Effect.never))
    yield* Effect.sleep("10 millis")
    expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
    expect(engine.buffers.lentBytes).toBe(0)
  })

  claim("a file that is cut while it is read ends where it has been cut", function*() {
    const file = yield* opened(contents, { share: ["read", "write", "delete"] })
    let seen = 0
    const bytes = yield* File.forEachChunk(file, { chunkSize: 1000, inFlight: 2 }, (chunk) =>
      Effect.sync(() => {
        expect(Buffer.compare(chunk.bytes, contents.subarray(seen, seen + chunk.size))).toBe(0)
        seen += chunk.size
        if (seen === 10_000) truncateSync(file.path, 20_500)
      }))
    expect(bytes).toBe(20_500n)
  })
  claim("a file that grows while it is read is read to its new end", function*() {
    const file = yield* opened(contents, { share: ["read", "write", "delete"] })
    let seen = 0
    const bytes = yield* File.forEachChunk(file, { chunkSize: 1000, inFlight: 2 }, (chunk) =>
      Effect.sync(() => {
        if (seen === 0) writeFileSync(file.path, contents, { flag: "a" })
        expect(Buffer.compare(chunk.bytes, pattern2.subarray(seen, seen + chunk.size))).toBe(0)
        seen += chunk.size
      }))
    expect(bytes).toBe(BigInt(2 * LENGTH))
  })
})

const pattern2 = joined([contents, contents])

contract("a file as a sink", ({ claim }) => {
  const put = (file: File.File, pieces: ReadonlyArray<Uint8Array>, options: File.SinkOptions) =>
    Stream.run(Stream.fromIterable(pieces), File.sink(file, options))

  claim("has what came, in order, whatever the sizes", function*() {
    const file = yield* created
    yield* Effect.promise(() =>
      FastCheck.assert(
        FastCheck.asyncProperty(
          FastCheck.array(FastCheck.nat(20_000), { maxLength: 20 }),
          FastCheck.integer({ min: 500, max: 30_000 }),
          FastCheck.integer({ min: 1, max: 6 }),
          FastCheck.nat(5000),
          async (sizes, chunkSize, inFlight, offset) => {
            const all = pattern(sizes.reduce((sum, size) => sum + size, 0), sizes.length)
            let at = 0
            const pieces = sizes.map((size) => all.subarray(at, at += size))
            const written = await Effect.runPromise(
              Effect.zipRight(File.truncate(file, 0), put(file, pieces, { chunkSize, inFlight, offset }))
            )
            expect(written).toBe(BigInt(all.length))
            expect(Buffer.compare(readFileSync(file.path).subarray(offset), all)).toBe(0)
          }
        ),
        { numRuns: 25 }
      )
    )
  })
  claim("writes nothing for nothing", function*() {
    const file = yield* created
    const { started, value } = yield* movement(put(file, [new Uint8Array(0)], {}))
    expect([value, started]).toEqual([0n, 0])
  })
  claim("copies what comes, which may be used again at once", function*() {
    const file = yield* created
    const buffer = new Uint8Array(1000)
    const pieces = Stream.map(Stream.rechunk(Stream.range(1, 50), 1), (mark) => buffer.fill(mark))
    expect(yield* Stream.run(pieces, File.sink(file, { chunkSize: 3000 }))).toBe(50_000n)
    const bytes = readFileSync(file.path)
    expect([0, 999, 1000, 49_999].map((at) => bytes[at])).toEqual([1, 1, 2, 50])
  })
  claim("takes a stream of recycled chunks", function*() {
    const [from, to] = [yield* opened(), yield* created]
    const bytes = Stream.map(File.streamRecycled(from, { chunkSize: 9000 }), (chunk) => chunk.bytes)
    expect(yield* Stream.run(bytes, File.sink(to, { chunkSize: 16_384 }))).toBe(BigInt(LENGTH))
    expect(Buffer.compare(readFileSync(to.path), contents)).toBe(0)
  })
  claim("takes no more memory than its blocks, and holds the stream back", function*() {
    const file = yield* created
    const { engine } = yield* Kernel.Kernel
    let most = 0
    const pieces = Stream.tap(
      Stream.rechunk(Stream.map(Stream.range(1, 200), () => new Uint8Array(4096)), 1),
      () => Effect.sync(() => most = Math.max(most, engine.buffers.lentBytes))
    )
    yield* Stream.run(pieces, File.sink(file, { chunkSize: 4096, inFlight: 3 }))
    expect(most).toBeLessThanOrEqual(3 * 4096)
    expect(engine.buffers.lentBytes).toBe(0)
  })
  claim("is on the device when it was asked for that", function*() {
    const file = yield* created
    expect(yield* put(file, [contents], { sync: true })).toBe(BigInt(LENGTH))
  })
  claim("fails with what the system answers, typed, and stops the stream", function*() {
    const path = yield* fileOf("x")
    const file = yield* File.open(path)
    let pulled = 0
    const endless = Stream.rechunk(Stream.repeatEffect(Effect.sync(() => (pulled++, contents))), 1)
    expect(yield* failureOf(Stream.run(endless, File.sink(file, { chunkSize: 10_000 })))).toMatchObject({
      reason: "PermissionDenied",
      syscall: "WriteFile",
      path
    })
    expect(pulled).toBeLessThan(20)
  })
  claim("fails with what a write in the middle fails with", function*() {
    const file = yield* created
    const { engine } = yield* Kernel.Kernel
    const pieces = Array.from({ length: 50 }, () => contents.subarray(0, 4096))
    const error = yield* failureOf(failingIssue(7, 112, put(file, pieces, { chunkSize: 4096, inFlight: 3 })))
    expect(error).toMatchObject({ code: 112, reason: "NoSpace", syscall: "WriteFile", path: file.path })
    expect(engine.buffers.lentBytes).toBe(0)
    const last = yield* failureOf(failingIssue(1, 112, put(file, [contents.subarray(0, 9)], {})))
    expect(last).toMatchObject({ reason: "NoSpace" })
  })
  claim("refuses what cannot be, before anything is written", function*() {
    const file = yield* created
    for (const options of [{ offset: -1 }, { chunkSize: 0 }, { inFlight: 0 }]) {
      const error = yield* refused(put(file, [contents], options))
      expect(error).toMatchObject({ reason: "InvalidArgument", syscall: "WriteFile" })
    }
  })
  claim("whose stream fails, or is interrupted, writes nothing afterwards", function*() {
    for (const end of [Effect.fail("why"), Effect.interrupt, Effect.die("why")]) {
      const file = yield* created
      const pieces = Stream.concat(Stream.fromIterable([contents, contents]), Stream.fromEffect(end))
      const exit = yield* Effect.exit(Stream.run(pieces, File.sink(file, { chunkSize: 1000 })))
      expect(Exit.isFailure(exit)).toBe(true)
      expect(yield* ThreadpoolIo.ledger(file.io)).toMatchObject({ inFlight: 0 })
      const { started } = yield* movement(Effect.zipRight(settleFibers, Effect.sleep("5 millis")))
      expect(started).toBe(0)
    }
  })
})
