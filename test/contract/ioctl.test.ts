/**
 * `DeviceIoControl`: what goes in, what comes out, how many bytes of it, and what is refused.
 */
import { describe, expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as BufferPool from "../../src/BufferPool.js"
import * as File from "../../src/File.js"
import * as Operation from "../../src/Operation.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import { contract, failureOf, fileOf, movement, refused } from "../support/claims.js"
import * as pipe from "../support/pipe.js"

const writing = { access: "readwrite", disposition: "openAlways" } as const
const opened = (options: Partial<File.OpenOptions> = {}) =>
  Effect.flatMap(fileOf("0123456789"), (path) => File.open(path, { ...writing, ...options }))

/** CTL_CODE(FILE_DEVICE_NAMED_PIPE, 3, METHOD_BUFFERED, FILE_READ_DATA); FILE_PIPE_PEEK_BUFFER has the data at 16. */
const FSCTL_PIPE_PEEK = Operation.unsafeIoControlCode({ name: "FSCTL_PIPE_PEEK", code: 0x0011400c })
const PEEK_HEADER = 16

contract("a control code", ({ claim, only }) => {
  const controlling = only("win32", "a file of node's has no control codes: Unsupported, typed")

  only("portable", "kernel32 has them")("is Unsupported, typed", function*() {
    const file = yield* opened()
    const error = yield* failureOf(File.deviceIoControl(file, { code: "FSCTL_GET_COMPRESSION", outputSize: 2 }))
    expect(error).toMatchObject({ code: 50, reason: "Unsupported", syscall: "DeviceIoControl(FSCTL_GET_COMPRESSION)" })
  })

  describe("refused before any native call", () => {
    claim("when it is no DWORD", function*() {
      const file = yield* opened()
      for (const code of [-1, 1.5, 2 ** 32, Number.NaN]) {
        const made = Operation.unsafeIoControlCode({ name: "NONE", code })
        expect(yield* refused(File.deviceIoControl(file, { code: made }))).toMatchObject({ reason: "InvalidArgument" })
      }
    })
    claim("when its second buffer is one that is read", function*() {
      const file = yield* opened()
      const code = Operation.unsafeIoControlCode({ name: "IN_DIRECT", code: 0x00090001 })
      expect(yield* refused(File.deviceIoControl(file, { code, outputSize: 8 }))).toMatchObject({ code: 87 })
    })
    claim("when the output cannot be: shared, too short for its window, or of no size", function*() {
      const file = yield* opened()
      const code = "FSCTL_GET_COMPRESSION"
      const shared = new Uint8Array(new SharedArrayBuffer(8))
      expect(yield* refused(File.submit(file, Operation.deviceIoControl({ code, output: shared }))))
        .toMatchObject({ reason: "InvalidArgument" })
      const window = { code, output: new Uint8Array(8), start: 4, length: 8 } as const
      expect(yield* refused(File.submit(file, Operation.deviceIoControl(window))))
        .toMatchObject({ reason: "InvalidArgument" })
      for (const outputSize of [-1, 0.5, 2 ** 32]) {
        expect(yield* refused(File.deviceIoControl(file, { code, outputSize })))
          .toMatchObject({ reason: "InvalidArgument" })
      }
    })
  })

  describe("on a pipe", () => {
    const peeking = Effect.gen(function*() {
      const { send, server } = yield* pipe.make
      yield* send(new TextEncoder().encode("hello"))
      return yield* ThreadpoolIo.make(server, { skipMode: true })
    })
    controlling("brings what the driver has written, and how much", function*() {
      const io = yield* peeking
      const output = new Uint8Array(64).fill(0xee)
      const peek = Operation.deviceIoControl({ code: FSCTL_PIPE_PEEK, output })
      const { bytesTransferred, status } = yield* ThreadpoolIo.submit(io, peek)
      expect({ bytesTransferred, status }).toEqual({ bytesTransferred: PEEK_HEADER + 5, status: 0 })
      expect(new TextDecoder().decode(output.subarray(PEEK_HEADER, bytesTransferred))).toBe("hello")
      expect(output.subarray(bytesTransferred).every((byte) => byte === 0xee)).toBe(true)
    })
    controlling("into a window of a pool buffer, and nothing beside it", function*() {
      const io = yield* peeking
      const output = yield* BufferPool.make(4096)
      output.bytes.fill(0xee)
      const window = { code: FSCTL_PIPE_PEEK, output, start: 64, length: 32 }
      const { bytesTransferred } = yield* ThreadpoolIo.submit(io, Operation.deviceIoControl(window))
      expect(bytesTransferred).toBe(PEEK_HEADER + 5)
      expect(new TextDecoder().decode(output.bytes.subarray(80, 85))).toBe("hello")
      expect(output.bytes.subarray(0, 64).every((byte) => byte === 0xee)).toBe(true)
      expect(output.bytes.subarray(96).every((byte) => byte === 0xee)).toBe(true)
    })
    controlling("with too little room brings what there is room for: 234 says so where the system does", function*() {
      const io = yield* peeking
      const output = new Uint8Array(PEEK_HEADER + 2)
      const peek = Operation.deviceIoControl({ code: FSCTL_PIPE_PEEK, output })
      const { bytesTransferred, status } = yield* ThreadpoolIo.submit(io, peek)
      expect(bytesTransferred).toBe(PEEK_HEADER + 2)
      // Wine answers TRUE.
      expect([0, 234]).toContain(status)
      expect(new TextDecoder().decode(output.subarray(PEEK_HEADER))).toBe("he")
    })
    controlling("with room for nothing at all fails, typed", function*() {
      const io = yield* peeking
      const peek = Operation.deviceIoControl({ code: FSCTL_PIPE_PEEK, output: new Uint8Array(4) })
      const error = yield* failureOf(ThreadpoolIo.submit(io, peek))
      expect([24, 122]).toContain(error.code)
      expect(error).toMatchObject({ reason: "InvalidArgument", syscall: "DeviceIoControl(FSCTL_PIPE_PEEK)" })
    })
    controlling("settles exactly once, with skip mode and without", function*() {
      for (const skipMode of [true, false]) {
        const { send, server } = yield* pipe.make
        yield* send(new Uint8Array(5))
        const io = yield* ThreadpoolIo.make(server, { skipMode })
        const peek = Operation.deviceIoControl({ code: FSCTL_PIPE_PEEK, output: new Uint8Array(64) })
        const moved = yield* movement(Effect.repeatN(ThreadpoolIo.submit(io, peek), 9))
        expect(moved).toMatchObject({ started: 10, settled: 10, quarantined: 0 })
        expect(moved.value).toMatchObject({ bytesTransferred: PEEK_HEADER + 5, inline: skipMode })
      }
    })
  })

  describe("on a file", () => {
    controlling("that does not know it fails, typed", function*() {
      const code = Operation.unsafeIoControlCode({ name: "NOBODYS", code: 0x12345678 })
      const error = yield* failureOf(File.deviceIoControl(yield* opened(), { code, outputSize: 16 }))
      expect(["Unsupported", "InvalidArgument"]).toContain(error.reason)
    })
    controlling("that is no link has no reparse point: 4390", function*() {
      const options = { code: "FSCTL_GET_REPARSE_POINT", outputSize: 1024 } as const
      expect(yield* failureOf(File.deviceIoControl(yield* opened(), options))).toMatchObject({ code: 4390 })
    })
    controlling("settles exactly once, with skip mode and without, and without a packet too", function*() {
      for (const skipMode of [true, false]) {
        const file = yield* opened({ skipMode })
        const input = new Uint8Array([1])
        const once = File.deviceIoControl(file, { code: "FSCTL_SET_SPARSE", input })
        const moved = yield* movement(Effect.repeatN(once, 9))
        expect(moved).toMatchObject({ started: 10, settled: 10, quarantined: 0 })
        // Nothing is left that could be taken for somebody else's.
        expect(yield* File.write(file, new Uint8Array(3), 0)).toBe(3)
      }
    })
    controlling("takes a copy of what goes in", function*() {
      const input = new Uint8Array([1])
      const operation = Operation.deviceIoControl({ code: "FSCTL_SET_SPARSE", input })
      structuredClone(input.buffer, { transfer: [input.buffer] })
      yield* File.submit(yield* opened(), operation)
    })
  })
})
