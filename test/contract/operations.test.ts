/**
 * Operations: every Start has exactly one end, whatever the call answers and however the fiber ends.
 */
import { describe, expect } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as File from "../../src/File.js"
import * as Kernel from "../../src/Kernel.js"
import * as Ledger from "../../src/Ledger.js"
import * as Operation from "../../src/Operation.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import type { Win32Error } from "../../src/Win32Error.js"
import {
  contract,
  failureOf,
  fileOf,
  movement,
  nativeCalls,
  pattern,
  refused,
  settleFibers
} from "../support/claims.js"
import { borrowedFile, held } from "../support/held.js"
import { messagePipe, native } from "../support/native.js"
import * as pipe from "../support/pipe.js"

const text = (bytes: Uint8Array, length = bytes.length) => Buffer.from(bytes.subarray(0, length)).toString()
const bytes = (string: string) => new TextEncoder().encode(string)
const read = (io: ThreadpoolIo.ThreadpoolIo, buffer = new Uint8Array(64)) =>
  ThreadpoolIo.submit(io, Operation.read({ buffer }))

const isCancelled = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isFailure(exit) && Either.match(Cause.failureOrCause(exit.cause), {
    onLeft: (error) => (error as { readonly reason?: string }).reason === "Cancelled",
    onRight: () => false
  })

contract("an operation", ({ claim, only }) => {
  const onPipe = only("win32", "it takes a pipe: a file of node:fs always completes by a packet")

  describe("rules 1 and 3: one Start, one end", () => {
    claim("that succeeds", function*() {
      const file = yield* File.open(yield* fileOf(pattern(5000)))
      const reads = Effect.forEach(
        [0, 1000, 2000, 3000, 4000],
        (offset) => File.read(file, new Uint8Array(1000), offset)
      )
      expect(yield* movement(reads)).toMatchObject({ started: 5, settled: 5, failedAtStart: 0, cancelled: 0 })
    })
    claim("that fails at its start: reading what is open for writing only", function*() {
      const path = yield* fileOf("12345")
      const file = yield* File.open(path, { access: "write" })
      const { value, ...moved } = yield* movement(failureOf(File.read(file, new Uint8Array(5), 0)))
      expect(value).toMatchObject({ code: 5, reason: "PermissionDenied", syscall: "ReadFile", path })
      expect(moved).toMatchObject({ started: 1, failedAtStart: 1, settled: 0 })
      expect(Ledger.isBalanced(yield* ThreadpoolIo.ledger(file.io))).toBe(true)
    })
    claim("that is interrupted while it is in flight", function*() {
      const { io } = yield* held()
      const { started, settled } = yield* movement(Effect.gen(function*() {
        const fiber = yield* Effect.fork(read(io))
        yield* settleFibers
        expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
      }))
      expect([started, settled]).toEqual([1, 1])
    })
    claim("that is refused before the system hears of it is not started", function*() {
      const { io } = yield* held()
      const detached = new Uint8Array(8)
      structuredClone(detached.buffer, { transfer: [detached.buffer] })
      expect(yield* refused(ThreadpoolIo.submit(io, Operation.read({ buffer: detached, length: 8 }))))
        .toMatchObject({ reason: "InvalidArgument" })
    })
    claim("1,000 of every kind, some of them interrupted at once: the ledger balances", function*() {
      const file = yield* File.open(yield* fileOf(pattern(50_000)), { access: "readwrite" })
      const kinds: ReadonlyArray<(index: number) => Effect.Effect<unknown, Win32Error>> = [
        (index: number) => File.read(file, new Uint8Array(100), index * 50),
        (index: number) => File.write(file, pattern(10), index * 10),
        () => File.read(file, new Uint8Array(100), 1_000_000),
        (index: number) => Effect.timeoutOption(File.read(file, new Uint8Array(4000), index), 0),
        () => File.read(file, new Uint8Array(100), -1),
        () => File.append(file, new Uint8Array(1))
      ]
      yield* Effect.forEach(
        Array.from({ length: 1000 }, (_, index) => index),
        (index) => Effect.exit(kinds[index % kinds.length]!(index)),
        { concurrency: 50, discard: true }
      )
      const ledger = yield* ThreadpoolIo.ledger(file.io)
      expect(ledger.started).toBeGreaterThan(600)
      expect(ledger.started).toBe(ledger.completedByCallback + ledger.completedInline + ledger.failedAtStart)
    })
    only("portable", "win32 makes them")("of one's own is Unsupported here, typed, and balanced", function*() {
      const { io } = yield* held()
      const own = Operation.unsafeMake({ syscall: "ConnectNamedPipe", issue: () => 0 })
      expect(yield* failureOf(ThreadpoolIo.submit(io, own))).toMatchObject({
        reason: "Unsupported",
        syscall: "ConnectNamedPipe"
      })
      expect(Ledger.isBalanced(yield* ThreadpoolIo.ledger(io))).toBe(true)
    })
  })

  describe("of one's own", () => {
    const custom = only("win32", "only kernel32 has functions that the library does not know")
    custom("rule 1: one that throws is Cancel, and a defect of its own fiber", function*() {
      const { io } = yield* held()
      const broken = Operation.unsafeMake({
        syscall: "Broken",
        issue: () => {
          throw new Error("it is broken")
        }
      })
      const { value, ...moved } = yield* movement(Effect.exit(ThreadpoolIo.submit(io, broken)))
      expect(Exit.isFailure(value) && Cause.dieOption(value.cause)).toMatchObject({ value: new Error("it is broken") })
      expect(moved).toMatchObject({ started: 1, failedAtStart: 1 })
    })
    custom("one that answers an error fails with it, and with its name", function*() {
      const { io } = yield* held()
      const failing = Operation.unsafeMake({ syscall: "FailsAtOnce", issue: () => 170 })
      const { value, ...moved } = yield* movement(failureOf(ThreadpoolIo.submit(io, failing)))
      expect(value).toMatchObject({ code: 170, name: "ERROR_BUSY", reason: "Busy", syscall: "FailsAtOnce" })
      expect(moved).toMatchObject({ started: 1, failedAtStart: 1 })
    })
    custom("535 of ConnectNamedPipe has no callback: the client is there already", function*() {
      const { ConnectNamedPipe, GetLastError } = yield* Effect.promise(pipe.kernel32)
      const { io } = yield* held()
      const connect = Operation.unsafeMake({
        syscall: "ConnectNamedPipe",
        issue: ({ handle, overlapped }) => ConnectNamedPipe(handle, overlapped) !== 0 ? 0 : GetLastError()
      })
      const { value, ...moved } = yield* movement(failureOf(ThreadpoolIo.submit(io, connect)))
      expect(value).toMatchObject({ code: 535, name: "ERROR_PIPE_CONNECTED" })
      expect(moved).toMatchObject({ started: 1, failedAtStart: 1, completedByCallback: 0 })
    })
    custom("a read by hand goes through memory of the pool", function*() {
      const { GetLastError, ReadFile } = yield* native
      const { feed, io } = yield* held()
      const buffer = new Uint8Array(16)
      const own = Operation.unsafeMake({
        syscall: "ReadFile",
        buffer,
        start: 4,
        length: 8,
        issue: ({ address, handle, length, overlapped }) =>
          ReadFile(handle, address, length, 0, overlapped) !== 0 ? 0 : GetLastError()
      })
      const reading = yield* Effect.fork(ThreadpoolIo.submit(io, own))
      yield* settleFibers
      yield* feed(bytes("12345"))
      expect(yield* reading).toMatchObject({ bytesTransferred: 5, inline: false })
      expect([...buffer]).toEqual([0, 0, 0, 0, ...bytes("12345"), 0, 0, 0, 0, 0, 0, 0])
    })
  })

  describe("the table of results", () => {
    const answered = (skipMode: boolean) =>
      Effect.gen(function*() {
        const { feed, io } = yield* held({ skipMode })
        expect(io.skipMode).toBe(skipMode)
        yield* feed(bytes("ready"))
        const buffer = new Uint8Array(64)
        const { value, ...moved } = yield* movement(read(io, buffer))
        expect(text(buffer, value.bytesTransferred)).toBe("ready")
        return { inline: value.inline, ...moved }
      })
    onPipe("TRUE without skip mode: a callback follows", function*() {
      expect(yield* answered(false)).toMatchObject({ inline: false, completedByCallback: 1, completedInline: 0 })
    })
    onPipe("TRUE with skip mode: no callback, it completes inline", function*() {
      expect(yield* answered(true)).toMatchObject({ inline: true, completedByCallback: 0, completedInline: 1 })
    })
    for (const skipMode of [true, false]) {
      onPipe(`997 with skip mode ${skipMode ? "on" : "off"}: a callback follows`, function*() {
        const { feed, io } = yield* held({ skipMode })
        const reading = yield* Effect.fork(movement(read(io)))
        yield* settleFibers
        yield* feed(bytes("late"))
        const { value, ...moved } = yield* reading
        expect(value).toMatchObject({ bytesTransferred: 4, inline: false, status: 0 })
        expect(moved).toMatchObject({ completedByCallback: 1, completedInline: 0 })
      })
      onPipe(`234 with skip mode ${skipMode ? "on" : "off"}: what arrived, and then the rest`, function*() {
        const { send, server } = yield* messagePipe
        const io = yield* ThreadpoolIo.make(server, { skipMode })
        yield* send(bytes("a long message"))
        const buffer = new Uint8Array(6)
        expect(yield* read(io, buffer)).toMatchObject({ bytesTransferred: 6, status: 234, endOfFile: false })
        expect(text(buffer)).toBe("a long")
        const rest = yield* read(io)
        expect(rest).toMatchObject({ bytesTransferred: 8, status: 0 })
        expect(Ledger.isBalanced(yield* ThreadpoolIo.ledger(io))).toBe(true)
      })
    }
    onPipe("rule 9: a pipe whose other end is gone is at its end: zero bytes, not an error", function*() {
      const { client, close, send, server } = yield* pipe.make
      const io = yield* ThreadpoolIo.make(server, { skipMode: true })
      yield* send(bytes("last"))
      yield* close(client)
      expect(yield* read(io)).toMatchObject({ bytesTransferred: 4, endOfFile: false })
      expect(yield* read(io)).toMatchObject({ bytesTransferred: 0, endOfFile: true, status: 109 })
    })
    onPipe("rule 9: an empty message is no end", function*() {
      const { send, server } = yield* messagePipe
      const io = yield* ThreadpoolIo.make(server, { skipMode: true })
      yield* send(new Uint8Array(0))
      yield* send(bytes("more"))
      expect(yield* read(io)).toMatchObject({ bytesTransferred: 0, endOfFile: false, status: 0 })
      expect(yield* read(io)).toMatchObject({ bytesTransferred: 4 })
    })
    onPipe("rule 9: a read of nothing on an empty pipe pends", function*() {
      const { io } = yield* held()
      const waited = yield* Effect.timeoutOption(read(io, new Uint8Array(0)), "50 millis")
      expect(waited._tag).toBe("None")
    })
    onPipe("a write to a pipe whose other end is gone fails, typed", function*() {
      const { client, close, server } = yield* pipe.make
      const io = yield* ThreadpoolIo.make(server, { skipMode: true })
      yield* close(client)
      const error = yield* failureOf(ThreadpoolIo.submit(io, Operation.write({ buffer: bytes("x") })))
      expect(error).toMatchObject({ reason: "BrokenPipe", syscall: "WriteFile", handle: server })
    })
    claim("a file's read ends the same, inline or by a callback", function*() {
      const handle = yield* borrowedFile(yield* fileOf("12345"))
      const io = yield* ThreadpoolIo.make(handle, { skipMode: false })
      const buffer = new Uint8Array(8)
      expect(yield* read(io, buffer)).toMatchObject({ bytesTransferred: 5, endOfFile: false, status: 0 })
      expect(text(buffer, 5)).toBe("12345")
    })
  })

  describe("cancellation", () => {
    claim("rule 11: a cancel after the completion is harmless", function*() {
      const { feed, io } = yield* held()
      yield* feed(bytes("1"))
      yield* read(io)
      const before = yield* ThreadpoolIo.ledger(io)
      yield* ThreadpoolIo.cancelAll(io)
      yield* ThreadpoolIo.awaitIdle(io)
      expect((yield* ThreadpoolIo.ledger(io)).cancelled).toBe(before.cancelled)
      yield* feed(bytes("2"))
      expect(yield* read(io)).toMatchObject({ cancelRequested: false })
    })
    claim("rule 12: after cancelAll each ends with success or Cancelled, and none is interrupted", function*() {
      const { io } = yield* held()
      const fibers = yield* Effect.forEach(Array.from({ length: 20 }), () => Effect.fork(read(io)))
      yield* settleFibers
      expect((yield* ThreadpoolIo.ledger(io)).inFlight).toBe(20)
      yield* ThreadpoolIo.cancelAll(io)
      yield* ThreadpoolIo.awaitIdle(io)
      const exits = yield* Effect.forEach(fibers, Fiber.await)
      expect(exits.filter((exit) => !Exit.isSuccess(exit) && !isCancelled(exit))).toEqual([])
      expect(yield* ThreadpoolIo.ledger(io)).toMatchObject({ started: 20, cancelled: 20, inFlight: 0 })
    })
    onPipe("rule 12: what waits for a pipe ends with 995 when it is cancelled", function*() {
      const { io } = yield* held()
      const reading = yield* Effect.fork(failureOf(read(io)))
      yield* settleFibers
      yield* ThreadpoolIo.cancelAll(io)
      expect(yield* reading).toMatchObject({ code: 995, reason: "Cancelled" })
    })
    onPipe("rule 12: success that beat the cancel is delivered as success", function*() {
      const { feed, io } = yield* held()
      const reading = yield* Effect.fork(read(io))
      yield* settleFibers
      yield* feed(bytes("won"))
      yield* ThreadpoolIo.cancelAll(io)
      expect(yield* reading).toMatchObject({ bytesTransferred: 3, cancelRequested: true })
    })
    onPipe("rule 14: a cancel between two submissions does nothing to the second", function*() {
      const { feed, io } = yield* held()
      const first = yield* Effect.fork(Effect.exit(read(io)))
      yield* settleFibers
      yield* ThreadpoolIo.cancelAll(io)
      const second = yield* Effect.fork(read(io))
      expect(isCancelled(yield* Fiber.join(first))).toBe(true)
      yield* feed(bytes("two"))
      expect(yield* second).toMatchObject({ bytesTransferred: 3, cancelRequested: false })
    })
    onPipe("interruption cancels the one operation, and no other on the same handle", function*() {
      const { feed, io } = yield* held()
      const [first, second] = [yield* Effect.fork(read(io)), yield* Effect.fork(read(io))]
      yield* settleFibers
      expect(Exit.isInterrupted(yield* Fiber.interrupt(first))).toBe(true)
      yield* feed(bytes("two"))
      expect(yield* second).toMatchObject({ bytesTransferred: 3 })
    })
    onPipe("rule 13: an interrupted fiber ends only after the completion has come", function*() {
      const { io } = yield* held()
      const fiber = yield* Effect.fork(read(io))
      yield* settleFibers
      yield* Fiber.interruptFork(fiber)
      // The request has been made, and no completion can come before the event loop turns.
      yield* settleFibers
      expect((yield* ThreadpoolIo.ledger(io)).cancelled).toBe(1)
      expect((yield* Fiber.poll(fiber))._tag).toBe("None")
      yield* Fiber.await(fiber)
      expect(yield* ThreadpoolIo.ledger(io)).toMatchObject({ inFlight: 0, completedByCallback: 1 })
    })
    claim("a cancelled operation leaves the object fit for use", function*() {
      const { feed, io } = yield* held()
      for (let round = 0; round < 20; round++) {
        const fiber = yield* Effect.fork(read(io))
        yield* settleFibers
        yield* Fiber.interrupt(fiber)
        yield* feed(bytes("next"))
        expect((yield* read(io)).bytesTransferred).toBeGreaterThanOrEqual(4)
      }
    })
  })

  describe("cancellable", () => {
    /** Interrupts it in the region where its answer is wanted. */
    const raced = (io: ThreadpoolIo.ThreadpoolIo, buffer: Uint8Array, first: Effect.Effect<void>) =>
      Effect.gen(function*() {
        let answer: Exit.Exit<unknown, unknown> | undefined
        const fiber = yield* Effect.fork(Effect.uninterruptible(
          Effect.exit(ThreadpoolIo.cancellable(io, Operation.read({ buffer }))).pipe(
            Effect.tap((exit) => Effect.sync(() => answer = exit))
          )
        ))
        yield* settleFibers
        yield* first
        yield* Fiber.interrupt(fiber)
        return answer!
      })
    claim("without an interruption is the same as submit", function*() {
      const { feed, io } = yield* held()
      yield* feed(bytes("12345"))
      const completion = yield* ThreadpoolIo.cancellable(io, Operation.read({ buffer: new Uint8Array(5) }))
      expect(completion).toMatchObject({ bytesTransferred: 5, cancelRequested: false })
    })
    only(["portable", "win32"], "there the seed says who wins")("reports the bytes that won the race", function*() {
      const { feed, io } = yield* held()
      const buffer = new Uint8Array(5)
      const exit = yield* raced(io, buffer, feed(bytes("12345")))
      expect(exit).toMatchObject({ _tag: "Success", value: { bytesTransferred: 5, cancelRequested: true } })
      expect(buffer.every((byte) => byte === 0)).toBe(false)
    })
    onPipe("is interrupted when the cancel won", function*() {
      const { io } = yield* held()
      const exit = yield* raced(io, new Uint8Array(5), Effect.void)
      expect(Exit.isInterrupted(exit)).toBe(true)
      expect(yield* ThreadpoolIo.ledger(io)).toMatchObject({ started: 1, cancelled: 1, inFlight: 0 })
    })
    claim("refuses what submit refuses", function*() {
      const { io } = yield* held()
      const operation = Operation.read({ buffer: new Uint8Array(5), offset: -1 })
      expect(yield* refused(ThreadpoolIo.cancellable(io, operation))).toMatchObject({ reason: "InvalidArgument" })
    })
  })

  describe("the bound of operations in flight", () => {
    /** The most that were ever in flight, seen at each Start. */
    const mostInFlight = <A, E, R>(io: ThreadpoolIo.ThreadpoolIo, effect: Effect.Effect<A, E, R>) =>
      Effect.gen(function*() {
        const { engine } = yield* Kernel.Kernel
        const kernel = engine.kernel as { startThreadpoolIo: (threadpoolIo: number) => void }
        const original = kernel.startThreadpoolIo
        let most = 0
        kernel.startThreadpoolIo = (threadpoolIo) => {
          most = Math.max(most, io.object.counters.inFlight)
          original.call(engine.kernel, threadpoolIo)
        }
        yield* Effect.ensuring(effect, Effect.sync(() => kernel.startThreadpoolIo = original))
        return most
      })
    for (const maxInFlight of [1, 4]) {
      claim(
        `${maxInFlight}: of 100 reads at once no more than that are in flight, and all get their bytes`,
        function*() {
          const contents = pattern(100 * 64)
          const file = yield* File.open(yield* fileOf(contents), { maxInFlight })
          const buffers = Array.from({ length: 100 }, () => new Uint8Array(64))
          const most = yield* mostInFlight(
            file.io,
            Effect.forEach(buffers, (buffer, index) => File.read(file, buffer, index * 64), {
              concurrency: "unbounded"
            })
          )
          expect(most).toBeLessThanOrEqual(maxInFlight)
          expect(Buffer.compare(Buffer.concat(buffers), contents)).toBe(0)
        }
      )
    }
    claim("4: of 10 reads that pend 4 are in flight and 6 wait", function*() {
      const { io } = yield* held({ maxInFlight: 4 })
      const fibers = yield* Effect.forEach(Array.from({ length: 10 }), () => Effect.fork(Effect.exit(read(io))))
      yield* settleFibers
      expect(yield* ThreadpoolIo.ledger(io)).toMatchObject({ started: 4, inFlight: 4, queued: 6 })
      yield* ThreadpoolIo.cancelAll(io)
      yield* Effect.forEach(fibers, Fiber.join)
    })
    claim("5,000: 3,000 are in flight at once, more than one slab of slots, and each ends", function*() {
      const { io } = yield* held({ maxInFlight: 5000 })
      const fibers = yield* Effect.forEach(Array.from({ length: 3000 }), () => Effect.fork(Effect.exit(read(io))))
      yield* settleFibers
      expect(yield* ThreadpoolIo.ledger(io)).toMatchObject({ inFlight: 3000, queued: 0 })
      yield* ThreadpoolIo.cancelAll(io)
      const exits = yield* Effect.forEach(fibers, Fiber.join)
      expect(exits.filter((exit) => !Exit.isSuccess(exit) && !isCancelled(exit))).toEqual([])
    })
    claim("a queued operation that is cancelled makes no native call", function*() {
      const { io } = yield* held({ maxInFlight: 1 })
      const first = yield* Effect.fork(read(io))
      const second = yield* Effect.fork(read(io))
      yield* settleFibers
      expect(yield* ThreadpoolIo.ledger(io)).toMatchObject({ started: 1, inFlight: 1, queued: 1 })
      expect(Exit.isInterrupted(yield* Fiber.interrupt(second))).toBe(true)
      expect(yield* ThreadpoolIo.ledger(io)).toMatchObject({ started: 1, queued: 0, cancelled: 1 })
      yield* Fiber.interrupt(first)
    })
    claim("cancelAll ends what is queued with Cancelled, without a native call", function*() {
      const { io } = yield* held({ maxInFlight: 1 })
      const first = yield* Effect.fork(Effect.exit(read(io)))
      const second = yield* Effect.fork(failureOf(read(io)))
      yield* settleFibers
      yield* ThreadpoolIo.cancelAll(io)
      expect(yield* second).toMatchObject({ code: 995, reason: "Cancelled" })
      yield* first
      expect(yield* ThreadpoolIo.ledger(io)).toMatchObject({ started: 1 })
    })
    claim("awaitIdle waits for what is queued, too", function*() {
      const file = yield* File.open(yield* fileOf(pattern(1000)), { maxInFlight: 1 })
      const fibers = yield* Effect.forEach(Array.from({ length: 10 }), () => Effect.fork(read(file.io)))
      yield* settleFibers
      yield* ThreadpoolIo.awaitIdle(file.io)
      expect(yield* ThreadpoolIo.ledger(file.io)).toMatchObject({ started: 10, inFlight: 0, queued: 0 })
      yield* Effect.forEach(fibers, Fiber.join)
    })
    for (const maxInFlight of [0, -1, NaN]) {
      claim(`of ${maxInFlight} is refused, typed, and the handle is not left open`, function*() {
        const path = yield* fileOf("12345")
        const { calls, value } = yield* nativeCalls(failureOf(Effect.scoped(File.open(path, { maxInFlight }))))
        expect(value).toMatchObject({ code: 87, reason: "InvalidArgument" })
        expect(calls).not.toContain("WaitForThreadpoolIoCallbacks")
      })
    }
  })
})
