/**
 * Several buffers, one operation: in their order, to the last byte, from any mixture of memory; and pages in place
 * where the kernel takes them.
 */
import { describe, expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fc from "effect/FastCheck"
import * as Runtime from "effect/Runtime"
import { readFileSync } from "node:fs"
import type { PoolBuffer } from "../../src/BufferPool.js"
import * as BufferPool from "../../src/BufferPool.js"
import * as File from "../../src/File.js"
import type { IssueKind, Kernel as Internal } from "../../src/internal/kernel/Kernel.js"
import { MemoryFile } from "../../src/internal/kernel/simulated/memory.js"
import { vectored } from "../../src/internal/operation.js"
import * as Kernel from "../../src/Kernel.js"
import * as Operation from "../../src/Operation.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import { contract, failureOf, fileOf, freshPath, movement, pattern, refused } from "../support/claims.js"
import * as lab from "../support/lab.js"
import * as pipe from "../support/pipe.js"

const writing = { access: "readwrite", disposition: "openAlways" } as const
const text = new TextEncoder()
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const PAGE = 4096

/** The requests of an effect to the kernel, by kind. */
const kinds = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const { engine } = yield* Kernel.Kernel
    const internal = engine.kernel as { issue: Internal["issue"] }
    const original = internal.issue
    const issued: Array<IssueKind> = []
    internal.issue = (issue) => {
      issued.push(issue.kind)
      return original.call(engine.kernel, issue)
    }
    const value = yield* Effect.ensuring(effect, Effect.sync(() => internal.issue = original))
    return { value, issued }
  })

const pages = (counts: ReadonlyArray<number>) => Effect.forEach(counts, (count) => BufferPool.make(count * PAGE))

const seed = Number(process.env["TPIO_SEED"] ?? Date.now() % 2 ** 31)
const MILLISECONDS = 1500

contract("several buffers", ({ claim, only }) => {
  describe("read", () => {
    claim("are filled in their order, each before the next one", function*() {
      const file = yield* File.open(yield* fileOf("0123456789abcdef"))
      const [a, b, c] = [new Uint8Array(3), new Uint8Array(1), new Uint8Array(8)]
      expect(yield* File.readVectored(file, [a, b, c], 2)).toBe(12)
      expect([decode(a), decode(b), decode(c)]).toEqual(["234", "5", "6789abcd"])
    })
    claim("are one operation", function*() {
      const file = yield* File.open(yield* fileOf(pattern(100_000)))
      const buffers = Array.from({ length: 50 }, () => new Uint8Array(1000))
      const { issued, value } = yield* kinds(movement(File.readVectored(file, buffers, 0)))
      expect(value).toMatchObject({ value: 50_000, started: 1, settled: 1 })
      expect(issued).toEqual(["read"])
      expect(Buffer.compare(Buffer.concat(buffers), pattern(100_000).subarray(0, 50_000))).toBe(0)
    })
    claim("of all sorts: the caller's, the pool's, windows of either, and empty ones", function*() {
      const file = yield* File.open(yield* fileOf("0123456789abcdef"))
      const pooled = yield* BufferPool.make(16)
      pooled.bytes.fill(0x2e)
      const own = new Uint8Array(4).fill(0x2e)
      const buffers = [
        { buffer: pooled, start: 2, length: 3 },
        new Uint8Array(0),
        { buffer: own, start: 1, length: 2 },
        { buffer: pooled, start: 8 }
      ]
      expect(yield* File.readVectored(file, buffers, 0)).toBe(13)
      expect(decode(pooled.bytes)).toBe("..012...56789abc")
      expect(decode(own)).toBe(".34.")
    })
    claim("end with the file: in the middle of a buffer, and the rest stays as it was", function*() {
      const file = yield* File.open(yield* fileOf("01234"))
      const [a, b, c] = [new Uint8Array(3).fill(0x2e), new Uint8Array(4).fill(0x2e), new Uint8Array(2).fill(0x2e)]
      expect(yield* File.readVectored(file, [a, b, c], 0)).toBe(5)
      expect([decode(a), decode(b), decode(c)]).toEqual(["012", "34..", ".."])
      const vectored = Operation.readVectored({ buffers: [a, b], offset: 5 })
      expect(yield* File.submit(file, vectored)).toMatchObject({ bytesTransferred: 0, endOfFile: true })
      expect(yield* File.readVectored(file, [a, b], 1_000_000)).toBe(0)
    })
    claim("none at all, or with nothing in them, is zero bytes", function*() {
      const file = yield* File.open(yield* fileOf("01234"), writing)
      for (const buffers of [[], [new Uint8Array(0)], [new Uint8Array(0), new Uint8Array(0)]]) {
        expect(yield* File.readVectored(file, buffers, 0)).toBe(0)
        expect(yield* File.writeVectored(file, buffers, 0)).toBe(0)
      }
    })
  })

  describe("written", () => {
    claim("are there one after the other", function*() {
      const path = yield* freshPath
      const file = yield* File.open(path, writing)
      const pooled = yield* BufferPool.make(8)
      pooled.bytes.set(text.encode("pool-mem"))
      const buffers = [text.encode("<"), { buffer: pooled, start: 5 }, text.encode(">"), pooled]
      expect(yield* File.writeVectored(file, buffers, 1)).toBe(13)
      expect(readFileSync(path, "latin1")).toBe("\0<mem>pool-mem")
    })
    claim("may be the same one twice", function*() {
      const path = yield* freshPath
      const file = yield* File.open(path, writing)
      const word = text.encode("ab")
      yield* File.writeVectored(file, [word, word, word], 0)
      expect(readFileSync(path, "latin1")).toBe("ababab")
    })
    claim("are as they were when it was issued: what is changed afterwards is not written", function*() {
      const path = yield* freshPath
      const file = yield* File.open(path, writing)
      const word = text.encode("before")
      const issued = file.io.object.submit(Operation.writeVectored({ buffers: [word, word] }).request)
      word.set(text.encode("after!"))
      yield* lab.eventually("written", () => issued.delivered)
      expect(readFileSync(path, "latin1")).toBe("beforebefore")
    })
    claim("to a file that cannot be written fail as a whole, typed", function*() {
      const file = yield* File.open(yield* fileOf("01234"))
      const error = yield* failureOf(File.writeVectored(file, [text.encode("a"), text.encode("b")], 0))
      expect(error).toMatchObject({ code: 5, reason: "PermissionDenied", syscall: "WriteFile" })
    })
  })

  describe("refused, typed, before any native call", () => {
    claim("when they overlap and are read into", function*() {
      const file = yield* File.open(yield* fileOf("0123456789"))
      const memory = new Uint8Array(10)
      const pooled = yield* BufferPool.make(10)
      const overlapping: ReadonlyArray<ReadonlyArray<Operation.Segment>> = [
        [memory, memory],
        [memory.subarray(0, 6), memory.subarray(5)],
        [pooled, { buffer: pooled, start: 9 }]
      ]
      for (const buffers of overlapping) {
        const error = yield* refused(File.readVectored(file, buffers, 0))
        expect(error).toMatchObject({ code: 87, reason: "InvalidArgument" })
        expect(error.detail).toContain("overlaps")
      }
      // A refused operation holds nothing back.
      expect(yield* File.readVectored(file, [memory.subarray(0, 5), memory.subarray(5)], 0)).toBe(10)
      expect(yield* File.read(file, pooled, 0)).toBe(10)
    })
    claim("when one of them is in use by an operation in flight", function*() {
      const file = yield* File.open(yield* fileOf(pattern(1000)))
      const [a, b] = [new Uint8Array(100), new Uint8Array(100)]
      const first = file.io.object.submit(Operation.readVectored({ buffers: [a, b] }).request)
      const second = file.io.object.submit(
        Operation.readVectored({ buffers: [new Uint8Array(1), b.subarray(99)] }).request
      )
      if (!first.delivered) expect(second).toMatchObject({ ending: "refused" })
      yield* lab.eventually("read", () => first.delivered && second.delivered)
      expect(yield* File.readVectored(file, [b], 0)).toBe(100)
    })
    claim("when one of them is shared, detached, the pool's bytes, or returned", function*() {
      const file = yield* File.open(yield* fileOf("0123456789"))
      const detached = new Uint8Array(4)
      const before = Operation.readVectored({ buffers: [new Uint8Array(1), detached] })
      structuredClone(detached.buffer, { transfer: [detached.buffer] })
      const returned = yield* Effect.scoped(BufferPool.make(4))
      const pooled = yield* BufferPool.make(4)
      const shared = new Uint8Array(new SharedArrayBuffer(4))
      expect(yield* refused(File.submit(file, before))).toMatchObject({ reason: "InvalidArgument" })
      for (const bad of [shared, pooled.bytes, returned]) {
        const error = yield* refused(File.readVectored(file, [new Uint8Array(1), bad], 0))
        expect(error).toMatchObject({ reason: "InvalidArgument" })
      }
    })
    claim("when a window is outside of its buffer, or the offset is none", function*() {
      const file = yield* File.open(yield* fileOf("0123456789"))
      const buffer = new Uint8Array(4)
      for (const window of [{ start: 5 }, { start: -1 }, { start: 2, length: 3 }, { length: 0.5 }]) {
        expect(yield* refused(File.readVectored(file, [buffer, { buffer: new Uint8Array(4), ...window }], 0)))
          .toMatchObject({ reason: "InvalidArgument" })
      }
      expect(yield* refused(File.readVectored(file, [buffer], -1))).toMatchObject({ reason: "InvalidArgument" })
    })
  })

  describe("rule 27: pages of the pool in an unbuffered file", () => {
    const aligned = only("win32", "node cannot allocate aligned memory")
    const unbuffered = (path: string) => File.open(path, { ...writing, unbuffered: true })
    aligned("are written and read in place, by one call each", function*() {
      const path = yield* freshPath
      const file = yield* unbuffered(path)
      const buffers = yield* pages([1, 3, 2])
      const contents = pattern(6 * PAGE)
      let at = 0
      for (const { bytes } of buffers) bytes.set(contents.subarray(at, at += bytes.length))
      const wrote = yield* kinds(File.writeVectored(file, buffers, PAGE))
      expect(wrote).toEqual({ value: 6 * PAGE, issued: ["gather"] })
      expect(Buffer.compare(readFileSync(path).subarray(PAGE), contents)).toBe(0)

      const back = yield* pages([2, 4])
      const read = yield* kinds(File.readVectored(file, back, PAGE))
      expect(read).toEqual({ value: 6 * PAGE, issued: ["scatter"] })
      expect(Buffer.compare(Buffer.concat(back.map(({ bytes }) => bytes)), contents)).toBe(0)
    })
    aligned("in windows of whole pages, and nothing beside them", function*() {
      const file = yield* unbuffered(yield* fileOf(pattern(4 * PAGE)))
      const [buffer] = yield* pages([8])
      buffer!.bytes.fill(0xee)
      const windows = [{ buffer: buffer!, start: 4 * PAGE, length: PAGE }, {
        buffer: buffer!,
        start: PAGE,
        length: PAGE
      }]
      const { issued, value } = yield* kinds(File.readVectored(file, windows, 0))
      expect({ issued, value }).toEqual({ issued: ["scatter"], value: 2 * PAGE })
      const seen = buffer!.bytes
      expect(Buffer.compare(seen.subarray(4 * PAGE, 5 * PAGE), pattern(PAGE))).toBe(0)
      expect(Buffer.compare(seen.subarray(PAGE, 2 * PAGE), pattern(2 * PAGE).subarray(PAGE))).toBe(0)
      for (const page of [0, 2, 3, 5, 6, 7]) {
        expect(seen.subarray(page * PAGE, (page + 1) * PAGE).every((byte) => byte === 0xee)).toBe(true)
      }
    })
    aligned("end with the file too", function*() {
      const file = yield* unbuffered(yield* fileOf(pattern(PAGE + 100)))
      const buffers = yield* pages([1, 1, 1])
      expect(yield* File.readVectored(file, buffers, 0)).toBe(PAGE + 100)
      expect(Buffer.compare(buffers[1]!.bytes.subarray(0, 100), pattern(PAGE + 100).subarray(PAGE))).toBe(0)
      expect(yield* File.readVectored(file, buffers, 2 * PAGE)).toBe(0)
    })
    aligned("that are not whole go through one block: only offset and sum must be whole sectors", function*() {
      const path = yield* fileOf(pattern(2 * PAGE))
      const file = yield* unbuffered(path)
      const buffers = [new Uint8Array(100), new Uint8Array(PAGE - 100)]
      const { issued, value } = yield* kinds(File.readVectored(file, buffers, PAGE))
      expect({ issued, value }).toEqual({ issued: ["read"], value: PAGE })
      expect(Buffer.compare(Buffer.concat(buffers), pattern(2 * PAGE).subarray(PAGE))).toBe(0)
      for (const [sizes, offset] of [[[100, 100], 0], [[PAGE], 100], [[PAGE, 1], 0]] as const) {
        const error = yield* refused(File.readVectored(file, sizes.map((size) => new Uint8Array(size)), offset))
        expect(error).toMatchObject({ code: 87, reason: "InvalidArgument" })
      }
    })
    aligned("are refused when one page is read into twice", function*() {
      const file = yield* unbuffered(yield* fileOf(pattern(4 * PAGE)))
      const [buffer] = yield* pages([2])
      expect(yield* refused(File.readVectored(file, [buffer!, { buffer: buffer!, start: PAGE }], 0)))
        .toMatchObject({ reason: "InvalidArgument", syscall: "ReadFileScatter" })
      expect(yield* File.readVectored(file, [buffer!], 0)).toBe(2 * PAGE)
    })
    aligned("may be returned while they are read into: the memory goes round when the kernel has let go", function*() {
      const file = yield* unbuffered(yield* fileOf(pattern(64 * PAGE)))
      const issued = yield* Effect.scoped(
        Effect.map(
          pages([32, 32]),
          (buffers) => file.io.object.submit(vectored("read", { buffers, offset: 0 }, true).request)
        )
      )
      yield* lab.eventually("read", () => issued.delivered)
      expect(issued).toMatchObject({ status: 0, bytes: 64 * PAGE })
    })
  })

  describe("on a pipe", () => {
    only("win32", "a pipe of the owner's needs kernel32")("are one stretch of bytes", function*() {
      const { send, server } = yield* pipe.make
      const io = yield* ThreadpoolIo.make(server, { skipMode: true })
      yield* send(text.encode("headbody"))
      const [head, body] = [new Uint8Array(4), new Uint8Array(8)]
      const { bytesTransferred } = yield* ThreadpoolIo.submit(io, Operation.readVectored({ buffers: [head, body] }))
      expect([bytesTransferred, decode(head), decode(body.subarray(0, 4))]).toEqual([8, "head", "body"])
    })
  })

  claim("are what the model of the file is, after any writes and reads of any pieces anywhere", function*() {
    const path = yield* freshPath
    const sizes = fc.array(fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 20_000 })), {
      maxLength: 8
    })
    const step = fc.record({
      writes: fc.boolean(),
      pooled: fc.boolean(),
      sizes,
      offset: fc.integer({ min: 0, max: 60_000 })
    })
    const runtime = yield* Effect.runtime<Kernel.Kernel>()
    const end = Date.now() + MILLISECONDS
    let runs = 0
    yield* Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
          if (Date.now() > end) return
          runs++
          await Runtime.runPromise(runtime)(Effect.scoped(Effect.gen(function*() {
            const file = yield* File.open(path, { ...writing, disposition: "createAlways" })
            const model = new MemoryFile(0n, 0)
            for (const { offset, pooled, sizes, writes } of steps) {
              const buffers: Array<PoolBuffer | Uint8Array> = []
              for (const size of sizes) {
                buffers.push(pooled && size > 0 ? yield* BufferPool.make(size) : new Uint8Array(size))
              }
              const views = buffers.map((buffer) => buffer instanceof Uint8Array ? buffer : buffer.bytes)
              const total = sizes.reduce((sum, size) => sum + size, 0)
              if (writes) {
                views.forEach((view, index) => view.set(pattern(view.length, index + total)))
                expect(yield* File.writeVectored(file, buffers, offset)).toBe(total)
                if (total > 0) model.write(Buffer.concat(views), offset)
              } else {
                const expected = new Uint8Array(total)
                const count = model.read(expected, offset)
                expect(yield* File.readVectored(file, buffers, BigInt(offset))).toBe(count)
                expect(Buffer.compare(Buffer.concat(views).subarray(0, count), expected.subarray(0, count))).toBe(0)
              }
            }
            expect(yield* File.size(file)).toBe(BigInt(model.size))
          })))
        }),
        { seed, numRuns: 300 }
      )
    )
    console.log(`${runs} runs on ${lab.kernelName}; to replay them: TPIO_SEED=${seed}`)
    expect(runs).toBeGreaterThan(3)
  }, 60_000)
})
