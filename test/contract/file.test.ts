/**
 * An open file: reading and writing at offsets, appending, what it is asked and told.
 */
import { describe, expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { pipe } from "effect/Function"
import { closeSync, openSync, readFileSync, readSync } from "node:fs"
import * as BufferPool from "../../src/BufferPool.js"
import * as File from "../../src/File.js"
import * as Operation from "../../src/Operation.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import { contract, failureOf, fileOf, freshPath, movement, pattern, refused } from "../support/claims.js"
import * as lab from "../support/lab.js"
import { makeSparse } from "../support/sparse.js"

const text = new TextEncoder()
const writing = { access: "readwrite", disposition: "openAlways" } as const

const fresh = Effect.flatMap(freshPath, (path) => File.open(path, writing))
const holding = (contents: Uint8Array | string) => Effect.flatMap(fileOf(contents), (path) => File.open(path, writing))

/** The contents of the file there, as node sees them. */
const seen = (path: string, length: number, position: number | bigint): Uint8Array => {
  const fd = openSync(path, "r")
  try {
    const buffer = new Uint8Array(length)
    return buffer.subarray(0, readSync(fd, buffer, 0, length, position))
  } finally {
    closeSync(fd)
  }
}

contract("a file", ({ claim, only }) => {
  describe("reading", () => {
    claim("brings the bytes at the offset, and tells how many", function*() {
      const contents = pattern(10_000)
      const file = yield* File.open(yield* fileOf(contents))
      const buffer = new Uint8Array(1000)
      expect(yield* File.read(file, buffer, 4321)).toBe(1000)
      expect(buffer).toEqual(contents.subarray(4321, 5321))
    })
    claim("before the end brings what there is, and leaves the rest of the buffer alone", function*() {
      const file = yield* File.open(yield* fileOf("12345"))
      const buffer = new Uint8Array(8).fill(0xee)
      expect(yield* File.read(file, buffer, 2)).toBe(3)
      expect([...buffer]).toEqual([...text.encode("345"), 0xee, 0xee, 0xee, 0xee, 0xee])
    })
    claim("rule 9: at the end, and past it, is zero bytes, not an error", function*() {
      const file = yield* File.open(yield* fileOf("12345"))
      for (const offset of [5, 6, 1_000_000, 4_294_967_296, 9_007_199_254_000_000]) {
        expect(yield* File.read(file, new Uint8Array(8), offset)).toBe(0)
      }
      const completion = yield* File.submit(file, Operation.read({ buffer: new Uint8Array(8), offset: 5 }))
      expect(completion).toMatchObject({ bytesTransferred: 0, endOfFile: true, status: 38 })
    })
    claim("rule 9: of an empty file is zero bytes", function*() {
      expect(yield* File.read(yield* holding(""), new Uint8Array(8), 0)).toBe(0)
    })
    claim("rule 9: of nothing succeeds, at the end of the file too, and is not its end", function*() {
      const file = yield* File.open(yield* fileOf("12345"))
      for (const offset of [0, 5, 100]) {
        const completion = yield* File.submit(file, Operation.read({ buffer: new Uint8Array(0), offset }))
        expect(completion).toMatchObject({ bytesTransferred: 0, endOfFile: false, status: 0 })
      }
    })
    claim("rule 7: 100 reads at once each get their own bytes, in whatever order they end", function*() {
      const contents = pattern(100 * 512)
      const file = yield* File.open(yield* fileOf(contents))
      const buffers = yield* Effect.forEach(
        Array.from({ length: 100 }, (_, index) => index),
        (index) => {
          const buffer = new Uint8Array(512)
          return Effect.as(File.read(file, buffer, index * 512), buffer)
        },
        { concurrency: "unbounded" }
      )
      expect(Buffer.concat(buffers).equals(contents)).toBe(true)
    })
    claim("into a window of a buffer touches nothing outside it", function*() {
      const file = yield* File.open(yield* fileOf("abcdef"))
      const buffer = new Uint8Array(10).fill(0xee)
      yield* File.submit(file, Operation.read({ buffer, start: 3, length: 4, offset: 1 }))
      expect([...buffer]).toEqual([0xee, 0xee, 0xee, ...text.encode("bcde"), 0xee, 0xee, 0xee])
    })
    claim("into a view of a larger ArrayBuffer touches nothing outside the view", function*() {
      const file = yield* File.open(yield* fileOf("abcdef"))
      const whole = new Uint8Array(64).fill(0xee)
      yield* File.read(file, whole.subarray(16, 20), 0)
      expect([...whole]).toEqual([...Array(16).fill(0xee), ...text.encode("abcd"), ...Array(44).fill(0xee)])
    })
    claim("into a pool buffer fills it in place", function*() {
      const file = yield* File.open(yield* fileOf("abcdef"))
      const buffer = yield* BufferPool.make(6)
      expect(yield* File.read(file, buffer, 0)).toBe(6)
      expect(Buffer.from(buffer.bytes).toString()).toBe("abcdef")
    })
    claim("readExact fills the whole buffer, larger than one operation too", function*() {
      const contents = pattern(9_000_001)
      const file = yield* File.open(yield* fileOf(contents))
      const buffer = new Uint8Array(9_000_000)
      const { started } = yield* movement(File.readExact(file, buffer, 1))
      expect(started).toBeGreaterThan(1)
      expect(Buffer.compare(buffer, contents.subarray(1))).toBe(0)
    })
    claim("readExact of a file that ends first fails with EndOfFile", function*() {
      const path = yield* fileOf("12345")
      const file = yield* File.open(path)
      for (const [size, offset] of [[6, 0], [1, 5], [1, 500]] as const) {
        const error = yield* failureOf(File.readExact(file, new Uint8Array(size), offset))
        expect(error).toMatchObject({
          code: 38,
          name: "ERROR_HANDLE_EOF",
          reason: "EndOfFile",
          syscall: "ReadFile",
          path
        })
      }
    })
    claim("readExact of nothing succeeds, without an operation", function*() {
      const file = yield* File.open(yield* fileOf("12345"))
      expect(yield* movement(File.readExact(file, new Uint8Array(0), 5))).toMatchObject({ started: 0 })
    })
  })

  describe("writing", () => {
    claim("puts the bytes at the offset, over what was there", function*() {
      const file = yield* holding("1234567890")
      expect(yield* File.write(file, text.encode("abc"), 4)).toBe(3)
      expect(readFileSync(file.path, "utf8")).toBe("1234abc890")
    })
    claim("past the end extends the file with zeros", function*() {
      const file = yield* holding("12")
      yield* File.write(file, text.encode("ab"), 5)
      expect([...readFileSync(file.path)]).toEqual([...text.encode("12"), 0, 0, 0, ...text.encode("ab")])
    })
    claim("takes the bytes when it begins: to change them afterwards changes nothing", function*() {
      const file = yield* fresh
      const buffer = pattern(100_000)
      const before = buffer.slice()
      const writing = yield* Effect.fork(File.write(file, buffer, 0))
      yield* Effect.yieldNow()
      buffer.fill(0)
      yield* writing
      expect(Buffer.compare(readFileSync(file.path), before)).toBe(0)
    })
    claim("of nothing succeeds, and neither extends the file nor changes it", function*() {
      const file = yield* holding("12345")
      expect(yield* File.write(file, new Uint8Array(0), 2)).toBe(0)
      expect(yield* File.write(file, new Uint8Array(0), 100)).toBe(0)
      expect(readFileSync(file.path, "utf8")).toBe("12345")
    })
    claim("writeAll writes it all, in more than one operation too", function*() {
      const contents = pattern(9_000_000)
      const file = yield* fresh
      const { started } = yield* movement(File.writeAll(file, contents, 3))
      expect(started).toBeGreaterThan(1)
      expect(Buffer.compare(readFileSync(file.path).subarray(3), contents)).toBe(0)
    })
    claim("writeAll of nothing succeeds, without an operation", function*() {
      const file = yield* fresh
      expect(yield* movement(File.writeAll(file, new Uint8Array(0), 100))).toMatchObject({ started: 0 })
      expect(yield* File.size(file)).toBe(0n)
    })
    claim("from a pool buffer, and from a window of it", function*() {
      const file = yield* fresh
      const buffer = yield* BufferPool.make(8)
      buffer.bytes.set(text.encode("abcdefgh"))
      yield* File.writeAll(file, buffer, 0)
      yield* File.submit(file, Operation.write({ buffer, start: 2, length: 3, offset: 8 }))
      expect(readFileSync(file.path, "utf8")).toBe("abcdefghcde")
    })
    claim("80 writes at once that do not overlap all land", function*() {
      const file = yield* fresh
      const contents = pattern(80 * 1000)
      yield* Effect.forEach(
        Array.from({ length: 80 }, (_, index) => index * 1000).reverse(),
        (offset) => File.write(file, contents.subarray(offset, offset + 1000), offset),
        { concurrency: "unbounded" }
      )
      expect(Buffer.compare(readFileSync(file.path), contents)).toBe(0)
    })
  })

  describe("appending", () => {
    claim("writes at the end of the file, wherever that is", function*() {
      const file = yield* holding("123")
      expect(yield* File.append(file, text.encode("ab"))).toBe(2)
      yield* File.write(file, text.encode("z"), 9)
      yield* File.append(file, text.encode("c"))
      yield* File.truncate(file, 1)
      yield* File.append(file, text.encode("d"))
      expect(readFileSync(file.path, "utf8")).toBe("1d")
    })
    claim("leaves reads their offsets", function*() {
      const path = yield* fileOf("12345")
      const file = yield* File.open(path, { access: "readappend" })
      yield* File.write(file, text.encode("67"), 0)
      const buffer = new Uint8Array(3)
      expect(yield* File.read(file, buffer, 3)).toBe(3)
      expect([readFileSync(path, "utf8"), new TextDecoder().decode(buffer)]).toEqual(["1234567", "456"])
    })
    claim("80 at once through one file all land, each in one piece", function*() {
      const file = yield* holding("")
      const lines = Array.from({ length: 80 }, (_, index) => `line ${index} ${"x".repeat(index * 7)}\n`)
      yield* Effect.forEach(lines, (line) => File.append(file, text.encode(line)), { concurrency: "unbounded" })
      const written = readFileSync(file.path, "utf8").split(/(?<=\n)/)
      expect(written.sort()).toEqual([...lines].sort())
    })
    claim("a window of a buffer, by an operation", function*() {
      const file = yield* holding("12")
      yield* File.submit(file, Operation.append({ buffer: text.encode("abcd"), start: 1, length: 2 }))
      expect(readFileSync(file.path, "utf8")).toBe("12bc")
    })
  })

  describe("rule 26: offsets", () => {
    const FIVE_GB = 5_000_000_000
    const FAR = 2 ** 40 + 12_345

    claim("around 2^32, at 5e9 and beyond 2^40 are exact", function*() {
      const path = yield* freshPath
      yield* makeSparse(path)
      const file = yield* File.open(path, writing)
      const offsets = [2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, FIVE_GB, FAR]
      for (const [index, offset] of offsets.entries()) yield* File.write(file, new Uint8Array([index + 1]), offset)
      expect([...seen(path, 5, 2 ** 32 - 2)]).toEqual([0, 1, 2, 3, 0])
      expect([...seen(path, 3, FIVE_GB - 1)]).toEqual([0, 4, 0])
      expect([...seen(path, 3, FAR - 1)]).toEqual([0, 5])
      const around = new Uint8Array(5)
      expect(yield* File.read(file, around, 2 ** 32 - 2)).toBe(5)
      expect([...around]).toEqual([0, 1, 2, 3, 0])
      const last = new Uint8Array(4)
      expect(yield* File.read(file, last, FAR - 1)).toBe(2)
      expect([...last]).toEqual([0, 5, 0, 0])
      expect(yield* File.size(file)).toBe(BigInt(FAR) + 1n)
    })
    claim("one operation across 2^32 is in one piece", function*() {
      const path = yield* freshPath
      yield* makeSparse(path)
      const file = yield* File.open(path, writing)
      const contents = pattern(100_000)
      yield* File.writeAll(file, contents, 2 ** 32 - 50_000)
      expect(Buffer.compare(seen(path, 100_000, 2 ** 32 - 50_000), contents)).toBe(0)
      const back = new Uint8Array(100_000)
      yield* File.readExact(file, back, 2 ** 32 - 50_000)
      expect(Buffer.compare(back, contents)).toBe(0)
    })
    claim("as number and as bigint are the same", function*() {
      const path = yield* freshPath
      yield* makeSparse(path)
      const file = yield* File.open(path, writing)
      yield* File.write(file, new Uint8Array([7]), BigInt(FIVE_GB))
      const byte = new Uint8Array(1)
      yield* File.readExact(file, byte, FIVE_GB)
      expect(byte[0]).toBe(7)
    })
    const wrong = [-1, -0.5, 0.5, NaN, Infinity, -Infinity, 2 ** 53, -1n, 2n ** 63n, 2n ** 64n, 2n ** 64n - 1n]
    for (const offset of wrong) {
      claim(`${typeof offset} ${offset} is refused, typed, before any native call`, function*() {
        const file = yield* holding("12345")
        const buffer = new Uint8Array(1)
        for (
          const attempt of [
            File.read(file, buffer, offset),
            File.write(file, buffer, offset),
            File.readExact(file, buffer, offset),
            File.writeAll(file, buffer, offset),
            File.truncate(file, offset),
            ThreadpoolIo.submit(file.io, Operation.read({ buffer, offset }))
          ]
        ) {
          expect(yield* refused(attempt)).toMatchObject({ code: 87, reason: "InvalidArgument", path: file.path })
        }
        expect(readFileSync(file.path, "utf8")).toBe("12345")
      })
    }
    claim("the greatest that there are are handed on exactly: nothing is there", function*() {
      const file = yield* File.open(yield* fileOf("12345"))
      const attempt = (offset: number | bigint) =>
        Effect.catchAll(File.read(file, new Uint8Array(1), offset), (error) => Effect.succeed(error.reason))
      expect([0, "InvalidArgument"]).toContain(yield* attempt(2 ** 53 - 1))
      expect([0, "InvalidArgument"]).toContain(yield* attempt(2n ** 63n - 1n))
    })
    claim("a window outside its buffer is refused, typed", function*() {
      const file = yield* holding("12345")
      const buffer = new Uint8Array(8)
      for (
        const window of [
          { start: -1 },
          { start: 9 },
          { length: 9 },
          { start: 4, length: 5 },
          { length: -1 },
          { start: 0.5 },
          { length: NaN }
        ]
      ) {
        expect(yield* refused(File.submit(file, Operation.read({ buffer, ...window })))).toMatchObject({ code: 87 })
        expect(yield* refused(File.submit(file, Operation.append({ buffer, ...window })))).toMatchObject({ code: 87 })
      }
    })
    claim("a request longer than a DWORD is refused, typed; no memory is asked for", function*() {
      const file = yield* holding("12345")
      // Pages that nobody touches.
      const huge = new Uint8Array(2 ** 32)
      for (const attempt of [File.read(file, huge, 0), File.write(file, huge, 0), File.append(file, huge)]) {
        const error = yield* refused(attempt)
        expect(error).toMatchObject({ code: 87, reason: "InvalidArgument" })
        expect(error.message).toContain("DWORD")
      }
      expect(yield* refused(BufferPool.make(2 ** 32))).toMatchObject({ code: 87, reason: "InvalidArgument" })
    })
    for (const size of [0, -1, 1.5, NaN, Infinity]) {
      claim(`a pool buffer of ${size} bytes is refused, typed`, function*() {
        expect(yield* refused(BufferPool.make(size))).toMatchObject({ code: 87, syscall: "VirtualAlloc" })
      })
    }
  })

  describe("size", () => {
    claim("is that of the file, as it grows", function*() {
      const file = yield* holding("12345")
      expect(yield* File.size(file)).toBe(5n)
      yield* File.write(file, text.encode("x"), 9)
      expect(yield* File.size(file)).toBe(10n)
    })
    claim("truncate cuts", function*() {
      const file = yield* holding("1234567890")
      yield* File.truncate(file, 4)
      expect(readFileSync(file.path, "utf8")).toBe("1234")
      yield* File.truncate(file, 0n)
      expect(yield* File.size(file)).toBe(0n)
    })
    claim("truncate extends with zeros, also where there was something once", function*() {
      const file = yield* holding("1234567890")
      yield* File.truncate(file, 2)
      yield* File.truncate(file, 6)
      expect([...readFileSync(file.path)]).toEqual([...text.encode("12"), 0, 0, 0, 0])
    })
    claim("truncate reaches beyond 4 GiB", function*() {
      const path = yield* freshPath
      yield* makeSparse(path)
      const file = yield* File.open(path, writing)
      yield* File.truncate(file, 5_000_000_000n)
      expect(yield* File.size(file)).toBe(5_000_000_000n)
    })
    claim("truncate needs write access", function*() {
      const path = yield* fileOf("12345")
      const file = yield* File.open(path)
      const error = yield* failureOf(File.truncate(file, 0))
      // Wine lets Linux refuse it, which says "invalid".
      expect(error).toMatchObject({ syscall: "SetEndOfFile", path })
      expect(["PermissionDenied", "InvalidArgument"]).toContain(error.reason)
      expect(yield* File.size(file)).toBe(5n)
    })
  })

  describe("sync", () => {
    claim("succeeds on what was written", function*() {
      const file = yield* fresh
      yield* File.writeAll(file, pattern(10_000), 0)
      yield* File.sync(file)
      expect(yield* File.size(file)).toBe(10_000n)
    })
  })

  describe("stat", () => {
    claim("tells which file it is: two opens of one file agree, two files differ", function*() {
      const identity = (path: string) =>
        Effect.map(
          Effect.flatMap(File.open(path), File.stat),
          ({ fileIndex, volume }) => `${volume}:${fileIndex}`
        )
      const [one, other] = [yield* fileOf("1"), yield* fileOf("1")]
      expect(yield* identity(one)).toBe(yield* identity(one))
      expect(yield* identity(one)).not.toBe(yield* identity(other))
    })
    claim("tells size, links, and times about now", function*() {
      const before = BigInt(Date.now() - 5000) * 1_000_000n
      const stat = yield* File.stat(yield* holding("12345"))
      expect(stat).toMatchObject({ size: 5n, numberOfLinks: 1 })
      for (const time of [stat.accessTimeNs, stat.modifiedTimeNs]) {
        expect(time).toBeGreaterThan(before)
        expect(time).toBeLessThan(before + 60_000_000_000n)
      }
    })
  })

  describe("setBasicInfo", () => {
    // Through node, Windows' ticks since 1601 are a double.
    const grain = process.platform !== "win32" ? 1000n : lab.kernelName === "win32" ? 100n : 1600n
    const near = (a: bigint, b: bigint) => (a > b ? a - b : b - a) < grain
    const times = [
      1_700_000_000_123_456_789n,
      1_000_000_000_999_999_900n,
      0n,
      -86_400_000_000_000n + 123_456_700n,
      4_102_444_800_000_000_000n + 1_234_500n
    ]
    for (const time of times) {
      claim(
        `keeps the time ${time} ns: to 100 ns on Windows, to 1.6 µs there through node, to 1 µs elsewhere`,
        function*() {
          const file = yield* holding("12345")
          yield* File.setBasicInfo(file, { accessTimeNs: time, modifiedTimeNs: time })
          const stat = yield* File.stat(file)
          expect([stat.modifiedTimeNs, stat.accessTimeNs].filter((told) => !near(told, time))).toEqual([])
        }
      )
    }
    claim("leaves alone what it is not told", function*() {
      const file = yield* holding("12345")
      const [first, second] = [1_600_000_000_000_000_000n, 1_500_000_000_000_000_000n]
      yield* File.setBasicInfo(file, { accessTimeNs: first, modifiedTimeNs: first })
      const { attributes, mode } = yield* File.stat(file)
      yield* File.setBasicInfo(file, { modifiedTimeNs: second })
      const told = { accessTimeNs: first, modifiedTimeNs: second, attributes, mode }
      expect(yield* File.stat(file)).toMatchObject(told)
      yield* File.setBasicInfo(file, {})
      expect(yield* File.stat(file)).toMatchObject(told)
    })
    claim("makes a file read-only: who wants to write is denied until it is writable again", function*() {
      const READONLY = 1
      const path = yield* fileOf("12345")
      const share = ["read", "write", "delete"] as const
      const file = yield* File.open(path, { access: "readwrite", share })
      const openToWrite = Effect.scoped(File.open(path, { access: "write", share })).pipe(
        Effect.as("opened"),
        Effect.catchTag("Win32Error", (error) => Effect.succeed(error.reason))
      )
      // An administrator of POSIX, also below Wine, may write all the same; node tells.
      const nodeOpensToWrite = () => {
        try {
          closeSync(openSync(path, "r+"))
          return "opened"
        } catch {
          return "PermissionDenied"
        }
      }
      yield* File.setBasicInfo(file, { readOnly: true })
      expect((yield* File.stat(file)).attributes & READONLY).toBe(READONLY)
      expect(yield* openToWrite).toBe(nodeOpensToWrite())
      yield* File.setBasicInfo(file, { readOnly: false })
      expect((yield* File.stat(file)).attributes & READONLY).toBe(0)
      expect(yield* openToWrite).toBe("opened")
    })
    only("portable", "Windows has no permission bits")("sets the permission bits", function*() {
      const file = yield* holding("12345")
      for (const mode of [0o600, 0o444, 0o755]) {
        yield* File.setBasicInfo(file, { mode })
        expect(yield* File.stat(file)).toMatchObject({ mode, attributes: mode === 0o444 ? 1 : 0x80 })
      }
    })
    only(lab.notOnWine, "Wine does not check it")("through a handle for reading is denied", function*() {
      const file = yield* File.open(yield* fileOf("12345"))
      expect(yield* failureOf(File.setBasicInfo(file, { modifiedTimeNs: 0n }))).toMatchObject({ code: 5 })
    })
  })

  describe("data-first and data-last are the same", () => {
    claim("for every combinator", function*() {
      const file = yield* holding("1234567890")
      const buffer = new Uint8Array(4)
      const forms: ReadonlyArray<readonly [Effect.Effect<unknown, unknown>, Effect.Effect<unknown, unknown>]> = [
        [File.read(file, buffer, 2), pipe(file, File.read(buffer, 2))],
        [File.readExact(file, buffer, 2), file.pipe(File.readExact(buffer, 2))],
        [File.write(file, buffer, 2), file.pipe(File.write(buffer, 2))],
        [File.writeAll(file, buffer, 2), file.pipe(File.writeAll(buffer, 2))],
        [File.truncate(file, 8), file.pipe(File.truncate(8))],
        [File.setBasicInfo(file, { modifiedTimeNs: 0n }), file.pipe(File.setBasicInfo({ modifiedTimeNs: 0n }))],
        [File.append(file, buffer.subarray(0, 0)), file.pipe(File.append(buffer.subarray(0, 0)))],
        [File.submit(file, Operation.read({ buffer })), file.pipe(File.submit(Operation.read({ buffer })))],
        [
          ThreadpoolIo.submit(file.io, Operation.read({ buffer })),
          file.io.pipe(ThreadpoolIo.submit(Operation.read({ buffer })))
        ],
        [
          ThreadpoolIo.cancellable(file.io, Operation.read({ buffer })),
          file.io.pipe(ThreadpoolIo.cancellable(Operation.read({ buffer })))
        ]
      ]
      // How an operation completes is another matter.
      const result = (value: unknown) =>
        typeof value === "object" && value !== null && "inline" in value ? { ...value, inline: undefined } : value
      for (const [first, last] of forms) expect(result(yield* last)).toEqual(result(yield* first))
    })
  })
})
