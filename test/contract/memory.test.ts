/**
 * The owner of a buffer, at any time: after an effect has settled its memory is not touched again, and two operations
 * in flight do not share what the kernel writes.
 */
import { describe, expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { readFileSync } from "node:fs"
import * as BufferPool from "../../src/BufferPool.js"
import * as File from "../../src/File.js"
import type { Kernel as Internal } from "../../src/internal/kernel/Kernel.js"
import * as Kernel from "../../src/Kernel.js"
import * as Operation from "../../src/Operation.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import type { Win32Error } from "../../src/Win32Error.js"
import { contract, failureOf, fileOf, freshPath, pattern, refused, settleFibers, sleep } from "../support/claims.js"
import { held } from "../support/held.js"

const UNTOUCHED = 0xee

/** A turn of the event loop, or part of one. */
const moments: ReadonlyArray<Effect.Effect<void>> = [
  Effect.void,
  Effect.yieldNow(),
  settleFibers,
  Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void))),
  sleep(0),
  sleep(1)
]

/** Interrupts a read at this moment; answers what the buffer holds when the fiber has ended. */
const interruptedRead = (reading: Effect.Effect<unknown, Win32Error>, buffer: Uint8Array, round: number) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(reading)
    yield* moments[round % moments.length]!
    yield* Fiber.interrupt(fiber)
    return buffer.slice()
  })

contract("memory", ({ claim, only }) => {
  const onPipe = only("win32", "a regular file cannot be held pending; it takes a pipe")

  describe("after its effect has settled, no byte changes", () => {
    const ROUNDS = 60
    const SIZE = 65_536
    const megabyte = Effect.flatMap(fileOf(pattern(1_000_000)), (path) => File.open(path))

    claim("of a caller's buffer: 60 reads interrupted at different moments, looked at again 100 ms later", function*() {
      const file = yield* megabyte
      const buffers = Array.from({ length: ROUNDS }, () => new Uint8Array(SIZE).fill(UNTOUCHED))
      const before = yield* Effect.forEach(
        buffers,
        (buffer, round) => interruptedRead(File.read(file, buffer, round * 1000), buffer, round),
        { concurrency: 6 }
      )
      yield* sleep(100)
      for (const [round, buffer] of buffers.entries()) expect(Buffer.compare(buffer, before[round]!)).toBe(0)
    })
    claim("of a pool buffer, likewise", function*() {
      const file = yield* megabyte
      const buffers = yield* Effect.forEach(Array.from({ length: ROUNDS }), () => BufferPool.make(SIZE))
      for (const buffer of buffers) buffer.bytes.fill(UNTOUCHED)
      const before = yield* Effect.forEach(
        buffers,
        (buffer, round) => interruptedRead(File.read(file, buffer, round * 1000), buffer.bytes, round),
        { concurrency: 6 }
      )
      yield* sleep(100)
      for (const [round, buffer] of buffers.entries()) expect(Buffer.compare(buffer.bytes, before[round]!)).toBe(0)
    })
    claim("whatever the effect came to: success, a short read, the end, a failure", function*() {
      const file = yield* File.open(yield* fileOf("12345"), { access: "readwrite" })
      const buffers = Array.from({ length: 4 }, () => new Uint8Array(16).fill(UNTOUCHED))
      yield* Effect.forEach(buffers, (buffer, index) => Effect.exit(File.read(file, buffer, [0, 3, 5, -1][index]!)))
      const before = buffers.map((buffer) => buffer.slice())
      expect(before.map((buffer) => buffer.indexOf(UNTOUCHED))).toEqual([5, 2, 0, 0])
      yield* File.write(file, new Uint8Array(16), 0)
      yield* sleep(100)
      expect(buffers).toEqual(before)
    })
    onPipe("of a read that was interrupted: what arrives afterwards is the next reader's", function*() {
      const { feed, io } = yield* held()
      const buffer = new Uint8Array(8).fill(UNTOUCHED)
      const pooled = yield* BufferPool.make(8)
      pooled.bytes.fill(UNTOUCHED)
      for (const memory of [buffer, pooled]) {
        const fiber = yield* Effect.fork(ThreadpoolIo.submit(io, Operation.read({ buffer: memory })))
        yield* settleFibers
        yield* Fiber.interrupt(fiber)
      }
      yield* feed(pattern(8))
      yield* sleep(100)
      expect([...buffer, ...pooled.bytes]).toEqual(Array(16).fill(UNTOUCHED))
      const next = new Uint8Array(8)
      expect(yield* ThreadpoolIo.submit(io, Operation.read({ buffer: next }))).toMatchObject({ bytesTransferred: 8 })
      expect(next).toEqual(pattern(8))
    })
    claim("and no more is written to a file: what an interrupted write left is what stays", function*() {
      const path = yield* freshPath
      const file = yield* File.open(path, { access: "readwrite", disposition: "createNew" })
      const contents = pattern(2_000_000)
      for (let round = 0; round < 12; round++) {
        yield* File.truncate(file, 0)
        yield* interruptedRead(File.writeAll(file, contents, 0), contents, round)
        const before = readFileSync(path)
        expect(Buffer.compare(before, contents.subarray(0, before.length))).toBe(0)
        yield* sleep(20)
        expect(Buffer.compare(readFileSync(path), before)).toBe(0)
      }
    })
  })

  describe("two operations in flight", () => {
    type Make = () => Operation.Operation
    /** Submits both in one tick, then ends them; answers which were refused. */
    const together = (first: Make, second: Make) =>
      Effect.gen(function*() {
        const { io } = yield* held()
        const fibers = yield* Effect.forEach([first, second], (make) =>
          Effect.fork(Effect.either(ThreadpoolIo.submit(io, make()))))
        yield* settleFibers
        yield* ThreadpoolIo.cancelAll(io)
        const ends = yield* Effect.forEach(fibers, Fiber.join)
        return ends.map((end) =>
          Either.isLeft(end) && end.left.reason === "InvalidArgument" ? end.left.code : "allowed"
        )
      })
    const whole = new Uint8Array(4096)
    const view = (start: number, end: number) => whole.subarray(start, end)
    const read = (buffer: Uint8Array | BufferPool.PoolBuffer, window = {}) => () =>
      Operation.read({ buffer, ...window })
    const write = (buffer: Uint8Array | BufferPool.PoolBuffer, window = {}) => () =>
      Operation.write({ buffer, ...window })

    const refusals: ReadonlyArray<readonly [string, Make, Make]> = [
      ["two reads into one buffer", read(whole), read(whole)],
      ["two reads whose windows overlap by a byte", read(view(0, 101)), read(view(100, 200))],
      [
        "two reads, the second of which ends where the first begins, but for a byte",
        read(view(100, 200)),
        read(view(0, 101))
      ],
      ["two reads, one into the middle of the other", read(view(0, 1000)), read(view(400, 500))],
      [
        "two reads whose windows are given by start",
        read(whole, { length: 64 }),
        read(whole, { start: 63, length: 9 })
      ],
      ["a read, and a write from the same bytes", read(view(0, 100)), write(view(50, 60))]
    ]
    for (const [name, first, second] of refusals) {
      claim(`${name}: the second is refused, typed`, function*() {
        expect(yield* together(first, second)).toEqual(["allowed", 87])
      })
    }
    only("portable", "a pipe takes a write at once: none stays in flight")(
      "a write, and a read into the same bytes: the second is refused, typed",
      function*() {
        expect(yield* together(write(view(50, 60)), read(view(0, 100)))).toEqual(["allowed", 87])
      }
    )
    const allowed: ReadonlyArray<readonly [string, Make, Make]> = [
      ["two writes from the same buffer", write(whole), write(whole)],
      ["reads into windows of one ArrayBuffer that only touch", read(view(0, 100)), read(view(100, 200))],
      ["a read and a write of disjoint windows", read(view(0, 100)), write(view(100, 200))],
      ["reads of nothing at the same place", read(whole, { length: 0 }), read(whole, { length: 0 })],
      ["small Buffers that share node's slab", read(Buffer.allocUnsafe(64)), read(Buffer.allocUnsafe(64))]
    ]
    for (const [name, first, second] of allowed) {
      claim(`${name} are fine`, function*() {
        expect(yield* together(first, second)).toEqual(["allowed", "allowed"])
      })
    }
    claim("in one pool buffer: overlapping windows are refused, disjoint ones are fine", function*() {
      const buffer = yield* BufferPool.make(8192)
      const low = { start: 0, length: 4097 }
      const high = { start: 4096, length: 4096 }
      expect(yield* together(read(buffer, low), read(buffer, high))).toEqual(["allowed", 87])
      expect(yield* together(read(buffer, { length: 4096 }), read(buffer, high))).toEqual(["allowed", "allowed"])
    })
    claim("on two files conflict as well", function*() {
      const [first, second] = [yield* held(), yield* held()]
      const buffer = new Uint8Array(64)
      const reading = yield* Effect.fork(Effect.exit(ThreadpoolIo.submit(first.io, Operation.read({ buffer }))))
      yield* settleFibers
      expect(yield* refused(ThreadpoolIo.submit(second.io, Operation.read({ buffer })))).toMatchObject({ code: 87 })
      yield* ThreadpoolIo.cancelAll(first.io)
      yield* reading
    })
    claim("conflict while one of them is queued, too", function*() {
      const { io } = yield* held({ maxInFlight: 1 })
      const submit = (buffer: Uint8Array) => ThreadpoolIo.submit(io, Operation.read({ buffer }))
      const buffer = new Uint8Array(64)
      const fibers = [yield* Effect.fork(submit(new Uint8Array(8))), yield* Effect.fork(submit(buffer))]
      yield* settleFibers
      expect(yield* ThreadpoolIo.ledger(io)).toMatchObject({ queued: 1 })
      expect(yield* failureOf(submit(buffer))).toMatchObject({ code: 87, reason: "InvalidArgument" })
      yield* Fiber.interruptAll(fibers)
    })
    claim("one after the other may use the same bytes, however the first ended", function*() {
      const { io } = yield* held()
      const buffer = new Uint8Array(64)
      for (let round = 0; round < 10; round++) {
        const fiber = yield* Effect.fork(ThreadpoolIo.submit(io, Operation.read({ buffer })))
        yield* settleFibers
        yield* Fiber.interrupt(fiber)
      }
      expect(yield* ThreadpoolIo.ledger(io)).toMatchObject({ started: 10, failedAtStart: 0 })
    })
  })

  describe("memory that cannot be used safely is refused, typed", () => {
    type Resizable = new(length: number, options: { readonly maxByteLength: number }) => ArrayBuffer
    const resizable = () => new (ArrayBuffer as Resizable)(64, { maxByteLength: 128 })
    const bad: Record<string, () => Uint8Array> = {
      "shared": () => new Uint8Array(new SharedArrayBuffer(64)) as Uint8Array,
      "resizable": () => new Uint8Array(resizable(), 0, 32)
    }
    for (const [name, make] of Object.entries(bad)) {
      claim(`a ${name} buffer`, function*() {
        const file = yield* File.open(yield* fileOf("12345"), { access: "readwrite" })
        for (const attempt of [File.read(file, make(), 0), File.write(file, make(), 0), File.append(file, make())]) {
          const error = yield* refused(attempt)
          expect(error).toMatchObject({ code: 87, reason: "InvalidArgument", path: file.path })
          expect(error.message).toContain(name)
        }
      })
    }
    claim("the bytes of a pool buffer, where a caller's own memory is meant", function*() {
      const file = yield* File.open(yield* fileOf("12345"), { access: "readwrite" })
      const { bytes } = yield* BufferPool.make(64)
      for (const attempt of [File.read(file, bytes, 0), File.write(file, bytes.subarray(8), 0)]) {
        const error = yield* refused(attempt)
        expect(error).toMatchObject({ code: 87, reason: "InvalidArgument" })
        expect(error.message).toContain("PoolBuffer")
      }
    })
    claim("a buffer that was transferred away before the operation was submitted", function*() {
      const file = yield* File.open(yield* fileOf("12345"), { access: "readwrite" })
      const buffer = new Uint8Array(4)
      const operations = [Operation.read({ buffer }), Operation.write({ buffer }), Operation.append({ buffer })]
      structuredClone(buffer.buffer, { transfer: [buffer.buffer] })
      for (const operation of operations) {
        expect(yield* refused(File.submit(file, operation))).toMatchObject({ code: 87, reason: "InvalidArgument" })
      }
      expect(readFileSync(file.path, "utf8")).toBe("12345")
    })
    claim("a buffer that is transferred away while the operation waits in the queue", function*() {
      const { io } = yield* held({ maxInFlight: 1 })
      const buffer = new Uint8Array(4)
      const first = yield* Effect.fork(
        Effect.exit(ThreadpoolIo.submit(io, Operation.read({ buffer: new Uint8Array(4) })))
      )
      const second = yield* Effect.fork(failureOf(ThreadpoolIo.submit(io, Operation.read({ buffer }))))
      yield* settleFibers
      structuredClone(buffer.buffer, { transfer: [buffer.buffer] })
      yield* Fiber.interrupt(first)
      expect(yield* second).toMatchObject({ code: 87, reason: "InvalidArgument" })
      expect(yield* ThreadpoolIo.ledger(io)).toMatchObject({ started: 1 })
    })
    claim("a buffer that is transferred away in flight is let go: nobody writes to it", function*() {
      const { feed, io } = yield* held()
      const buffer = new Uint8Array(4)
      const reading = yield* Effect.fork(Effect.exit(ThreadpoolIo.submit(io, Operation.read({ buffer }))))
      yield* settleFibers
      const taken = new Uint8Array(structuredClone(buffer.buffer, { transfer: [buffer.buffer] }))
      yield* feed(pattern(4))
      yield* reading
      yield* sleep(20)
      expect([...taken]).toEqual([0, 0, 0, 0])
    })
  })

  describe("a pool buffer", () => {
    const returned = (size: number) => Effect.scoped(BufferPool.make(size))
    claim("that was returned cannot be reached", function*() {
      const buffer = yield* returned(100)
      expect(() => buffer.bytes).toThrow("returned")
      expect(buffer.size).toBe(100)
    })
    claim("that was returned is refused by every operation, typed", function*() {
      const file = yield* File.open(yield* fileOf("12345"), { access: "readwrite" })
      const buffer = yield* returned(4)
      for (
        const attempt of [
          File.read(file, buffer, 0),
          File.write(file, buffer, 0),
          File.append(file, buffer),
          File.readExact(file, buffer, 0),
          File.writeAll(file, buffer, 0)
        ]
      ) {
        const error = yield* refused(attempt)
        expect(error).toMatchObject({ code: 87, reason: "InvalidArgument" })
        expect(error.message).toContain("returned")
      }
    })
    claim("that is returned while its operation waits in the queue is refused when its turn comes", function*() {
      const { io } = yield* held({ maxInFlight: 1 })
      const scope = yield* Scope.make()
      const buffer = yield* Scope.extend(BufferPool.make(64), scope)
      const first = yield* Effect.fork(ThreadpoolIo.submit(io, Operation.read({ buffer: new Uint8Array(4) })))
      const second = yield* Effect.fork(failureOf(ThreadpoolIo.submit(io, Operation.read({ buffer }))))
      yield* settleFibers
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.interrupt(first)
      expect(yield* second).toMatchObject({ reason: "InvalidArgument" })
    })
    claim("whose scope closes while an operation uses it: its memory goes round only after that", function*() {
      const { engine } = yield* Kernel.Kernel
      const { io } = yield* held()
      const scope = yield* Scope.make()
      const buffer = yield* Scope.extend(BufferPool.make(65_536), scope)
      const { buffer: memory, byteOffset } = buffer.bytes
      const lent = engine.buffers.lentBytes
      const reading = yield* Effect.fork(Effect.exit(ThreadpoolIo.submit(io, Operation.read({ buffer }))))
      yield* settleFibers
      yield* Scope.close(scope, Exit.void)
      expect(engine.buffers.lentBytes).toBe(lent)
      const other = yield* BufferPool.make(65_536)
      expect([other.bytes.buffer, other.bytes.byteOffset]).not.toEqual([memory, byteOffset])
      yield* ThreadpoolIo.cancelAll(io)
      yield* reading
      expect(engine.buffers.lentBytes).toBe(lent)
    })
    claim("has its size, and not that of the memory below", function*() {
      for (const size of [1, 100, 4096, 4097, 100_000, 3_000_000]) {
        const buffer = yield* BufferPool.make(size)
        expect([buffer.size, buffer.bytes.length]).toEqual([size, size])
      }
    })
    only("win32", "memory of V8's has no address of interest")("is page-aligned, as rule 27 demands", function*() {
      const { kernel } = (yield* Kernel.Kernel).engine
      const seen: Array<number> = []
      const original = kernel.issue
      const spied = kernel as { issue: Internal["issue"] }
      spied.issue = (issue) => {
        seen.push(issue.block!.address % 4096)
        return original.call(kernel, issue)
      }
      const file = yield* File.open(yield* fileOf("12345"))
      const read = (size: number) => Effect.flatMap(BufferPool.make(size), (buffer) => File.read(file, buffer, 0))
      yield* Effect.forEach([1, 4096, 10_000, 3_000_000], read).pipe(
        Effect.ensuring(Effect.sync(() => spied.issue = original))
      )
      expect(seen).toEqual([0, 0, 0, 0])
    })
    claim("goes round: 200 loans one after the other take memory from the system once", function*() {
      const { kernel } = (yield* Kernel.Kernel).engine
      const spied = kernel as { allocate: Internal["allocate"] }
      const original = kernel.allocate
      let allocations = 0
      spied.allocate = (bytes) => {
        allocations++
        return original.call(kernel, bytes)
      }
      yield* Effect.repeatN(returned(1_000_000), 199).pipe(
        Effect.ensuring(Effect.sync(() => spied.allocate = original))
      )
      expect(allocations).toBeLessThanOrEqual(1)
    })
    claim("of a caller's own read is lent for the operation, and is back when it has ended", function*() {
      const { buffers } = (yield* Kernel.Kernel).engine
      const { io } = yield* held()
      const before = buffers.lentBytes
      const fiber = yield* Effect.fork(ThreadpoolIo.submit(io, Operation.read({ buffer: new Uint8Array(10_000) })))
      yield* settleFibers
      expect(buffers.lentBytes).toBeGreaterThanOrEqual(before + 10_000)
      yield* Fiber.interrupt(fiber)
      expect(buffers.lentBytes).toBe(before)
    })
    claim("one thousand of many sizes at once are all different memory, and all come back", function*() {
      const { buffers } = (yield* Kernel.Kernel).engine
      const before = buffers.lentBytes
      yield* Effect.scoped(Effect.gen(function*() {
        const all = yield* Effect.forEach(
          Array.from({ length: 1000 }, (_, index) => index),
          (index) => BufferPool.make(1 + (index * 97) % 9000)
        )
        for (const [index, { bytes }] of all.entries()) bytes.fill(index % 251)
        expect(all.every(({ bytes }, index) => bytes.every((byte) => byte === index % 251))).toBe(true)
      }))
      expect(buffers.lentBytes).toBe(before)
    })
    claim("more than there is: Exhausted, typed", function*() {
      const asked = Effect.scoped(BufferPool.make(0xffff_ffff))
      const exit = yield* Effect.either(asked)
      // A large machine may have it.
      if (Either.isLeft(exit)) expect(exit.left).toMatchObject({ reason: "Exhausted", syscall: "VirtualAlloc" })
    })
  })
})
