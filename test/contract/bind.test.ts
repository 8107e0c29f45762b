/**
 * The two ways to bind a handle to the thread pool, side by side: what is promised of both, and what differs.
 */
import { describe, expect } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { readFileSync } from "node:fs"
import * as BufferPool from "../../src/BufferPool.js"
import * as CallbackEnvironment from "../../src/CallbackEnvironment.js"
import type * as Handle from "../../src/Handle.js"
import * as Kernel from "../../src/Kernel.js"
import { isBalanced } from "../../src/Ledger.js"
import * as Operation from "../../src/Operation.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import type { Win32Error } from "../../src/Win32Error.js"
import { contract, failureOf, fileOf, nativeCalls, pattern, refused, settleFibers } from "../support/claims.js"
import { borrowedFile, openFile } from "../support/held.js"
import { duplicateToOwn, messagePipe } from "../support/native.js"
import * as pipe from "../support/pipe.js"
import { recorded } from "../support/recorded.js"

type Constructor = (
  handle: Handle.Handle,
  options?: ThreadpoolIo.BindOptions
) => Effect.Effect<ThreadpoolIo.ThreadpoolIo, Win32Error, Kernel.Kernel | Scope.Scope>

const constructors: Record<string, Constructor> = {
  "ThreadpoolIo.make": (handle, options) => ThreadpoolIo.make(handle, { ...options, owned: true }),
  "ThreadpoolIo.bind": ThreadpoolIo.bind
}

const read = (io: ThreadpoolIo.ThreadpoolIo, buffer = new Uint8Array(64), offset = 0) =>
  ThreadpoolIo.submit(io, Operation.read({ buffer, offset }))

const separately = <A, E, R>(resource: Effect.Effect<A, E, R | Scope.Scope>) =>
  Effect.gen(function*() {
    const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
    return { resource: yield* Scope.extend(resource, scope), close: Scope.close(scope, Exit.void) }
  })

for (const [name, bind] of Object.entries(constructors)) {
  const bound = name === "ThreadpoolIo.bind"

  contract(name, ({ claim, only }) => {
    const onPipe = only("win32", "a regular file cannot be held pending; it takes a pipe")

    for (const skipMode of [true, false]) {
      describe(`with skip mode ${skipMode ? "on" : "off"}`, () => {
        claim("reads and writes, many at once, in either kind of memory", function*() {
          const contents = pattern(64_000)
          const path = yield* fileOf(contents)
          const io = yield* bind(yield* openFile(path), { skipMode })
          expect(io.skipMode).toBe(skipMode)
          const buffers = Array.from({ length: 64 }, () => new Uint8Array(1000))
          yield* Effect.forEach(buffers, (buffer, index) => read(io, buffer, index * 1000), {
            concurrency: "unbounded"
          })
          expect(Buffer.concat(buffers).equals(contents)).toBe(true)
          const buffer = yield* BufferPool.make(4096)
          expect(yield* ThreadpoolIo.submit(io, Operation.read({ buffer, offset: 100 }))).toMatchObject({
            bytesTransferred: 4096
          })
          yield* Effect.forEach(
            buffers,
            (buffer, index) => ThreadpoolIo.submit(io, Operation.write({ buffer, offset: (63 - index) * 1000 })),
            { concurrency: "unbounded" }
          )
          expect(readFileSync(path).equals(Buffer.concat([...buffers].reverse()))).toBe(true)
          const ledger = yield* ThreadpoolIo.ledger(io)
          expect(ledger).toMatchObject({ started: 129, inFlight: 0, queued: 0, failedAtStart: 0 })
          expect(isBalanced(ledger)).toBe(true)
        })
        claim("meets the end of the file", function*() {
          const io = yield* bind(yield* openFile(yield* fileOf("12345")), { skipMode })
          expect(yield* read(io)).toMatchObject({ bytesTransferred: 5, endOfFile: false })
          expect(yield* read(io, new Uint8Array(4), 5)).toMatchObject({ bytesTransferred: 0, endOfFile: true })
        })
        onPipe("a synchronous success of a pipe completes inline exactly under skip mode", function*() {
          const { send, server } = yield* pipe.make
          const io = yield* bind(yield* duplicateToOwn(server), { skipMode })
          yield* send(pattern(8))
          const buffer = new Uint8Array(8)
          expect(yield* read(io, buffer)).toMatchObject({ bytesTransferred: 8, inline: skipMode })
          expect(buffer).toEqual(pattern(8))
        })
        onPipe("a read that pends completes by its callback, with the bytes that were sent", function*() {
          const { send, server } = yield* pipe.make
          const io = yield* bind(yield* duplicateToOwn(server), { skipMode })
          for (let round = 0; round < 20; round++) {
            const buffer = new Uint8Array(8)
            const reading = yield* Effect.fork(read(io, buffer))
            yield* settleFibers
            yield* send(pattern(8, round))
            expect(yield* Fiber.join(reading)).toMatchObject({ bytesTransferred: 8, inline: false })
            expect(buffer).toEqual(pattern(8, round))
          }
        })
        onPipe("rule 8: a failure has its Win32 code: 109 is the end of a pipe, 995 a cancelled read", function*() {
          const { client, close, server } = yield* pipe.make
          const io = yield* bind(yield* duplicateToOwn(server), { skipMode })
          const cancelled = yield* Effect.fork(Effect.either(read(io)))
          yield* settleFibers
          yield* ThreadpoolIo.cancelAll(io)
          expect(yield* Fiber.join(cancelled)).toMatchObject({ left: { code: 995, reason: "Cancelled" } })
          const last = yield* Effect.fork(read(io))
          yield* settleFibers
          yield* close(client)
          expect(yield* Fiber.join(last)).toMatchObject({ status: 109, endOfFile: true, bytesTransferred: 0 })
        })
        onPipe("a part of a message is 234, with its bytes, at once or by the callback", function*() {
          const { send, server } = yield* messagePipe
          const io = yield* bind(yield* duplicateToOwn(server), { skipMode })
          yield* send(pattern(10))
          expect(yield* read(io, new Uint8Array(4))).toMatchObject({ status: 234, bytesTransferred: 4 })
          expect(yield* read(io, new Uint8Array(9))).toMatchObject({ status: 0, bytesTransferred: 6 })
          const reading = yield* Effect.fork(read(io, new Uint8Array(4)))
          yield* settleFibers
          yield* send(pattern(6))
          expect(yield* Fiber.join(reading)).toMatchObject({ status: 234, bytesTransferred: 4 })
        })
      })
    }

    claim("interruption waits, and the ledger balances, whenever it comes", function*() {
      const io = yield* bind(yield* openFile(yield* fileOf(pattern(100_000))))
      for (let round = 0; round < 60; round++) {
        const buffer = new Uint8Array(1000)
        const fiber = yield* Effect.fork(read(io, buffer, round * 1000))
        for (let step = 0; step < round % 6; step++) yield* Effect.yieldNow()
        const exit = yield* Fiber.interrupt(fiber)
        if (Exit.isFailure(exit)) expect(Cause.isInterruptedOnly(exit.cause)).toBe(true)
        const after = buffer.slice()
        yield* Effect.yieldNow()
        expect(buffer).toEqual(after)
      }
      const ledger = yield* ThreadpoolIo.ledger(io)
      expect(ledger.inFlight).toBe(0)
      expect(isBalanced(ledger)).toBe(true)
    })
    onPipe("a read that pends is interrupted at once, and the pipe goes on", function*() {
      const { send, server } = yield* pipe.make
      const io = yield* bind(yield* duplicateToOwn(server))
      const [elapsed] = yield* Effect.timed(Effect.timeoutOption(read(io), "20 millis"))
      expect(Duration.toMillis(elapsed)).toBeLessThan(2000)
      yield* send(new Uint8Array(3))
      expect(yield* read(io)).toMatchObject({ bytesTransferred: 3 })
      expect(yield* ThreadpoolIo.ledger(io)).toMatchObject({ started: 2, cancelled: 1, inFlight: 0, quarantined: 0 })
    })
    onPipe("closing its scope cancels what is in flight, and only then closes the handle", function*() {
      const { server } = yield* pipe.make
      const { close, resource: io } = yield* separately(bind(yield* duplicateToOwn(server), { maxInFlight: 20 }))
      const reads = yield* Effect.forEach(Array.from({ length: 20 }), () => Effect.fork(Effect.either(read(io))))
      yield* settleFibers
      expect(yield* ThreadpoolIo.ledger(io)).toMatchObject({ inFlight: 20 })
      yield* close
      for (const fiber of reads) expect(yield* Fiber.join(fiber)).toMatchObject({ left: { reason: "Cancelled" } })
      expect(yield* ThreadpoolIo.ledger(io)).toMatchObject({ started: 20, completedByCallback: 20, inFlight: 0 })
    })
    claim("makes these native calls, and no others", function*() {
      const handle = yield* openFile(yield* fileOf("12345"))
      const { log } = yield* recorded(
        Effect.scoped(Effect.flatMap(bind(handle, { skipMode: false }), (io) => read(io)))
      )
      expect(log).toEqual(
        bound
          ? ["BindIoCompletionCallback", "CloseHandle"]
          : [
            "CreateThreadpoolIo",
            "StartThreadpoolIo",
            "WaitForThreadpoolIoCallbacks",
            "CloseHandle",
            "CloseThreadpoolIo"
          ]
      )
    })
    claim("after it has closed every operation fails with Closed, without a native call", function*() {
      const { close, resource: io } = yield* separately(bind(yield* openFile(yield* fileOf("12345"))))
      yield* read(io)
      yield* close
      const { log, value } = yield* recorded(refused(read(io)))
      expect([log, value]).toMatchObject([[], { reason: "Closed" }])
    })
    claim("rule 24: a second binding is AlreadyBound, by either function, and the first one goes on", function*() {
      const handle = yield* openFile(yield* fileOf("12345"))
      const io = yield* bind(handle)
      for (const again of Object.values(constructors)) {
        const error = yield* failureOf(Effect.scoped(again(handle)))
        expect(error).toMatchObject({ code: 87, reason: "AlreadyBound", handle })
      }
      expect(yield* read(io)).toMatchObject({ bytesTransferred: 5 })
    })
    claim("queues what is more than maxInFlight", function*() {
      const io = yield* bind(yield* openFile(yield* fileOf(pattern(1000))), { maxInFlight: 2 })
      const reads = yield* Effect.forEach(
        Array.from({ length: 10 }),
        (_, index) => Effect.fork(read(io, new Uint8Array(10), index))
      )
      yield* settleFibers
      expect((yield* ThreadpoolIo.ledger(io)).inFlight).toBeLessThanOrEqual(2)
      for (const fiber of reads) expect(yield* Fiber.join(fiber)).toMatchObject({ bytesTransferred: 10 })
    })
  })
}

contract("ThreadpoolIo.bind, by itself,", ({ claim, limited, unlimited }) => {
  const left = Effect.map(Kernel.Kernel, ({ engine }) => engine.kernel.pools.callbacksLeft)

  unlimited("has as many in flight as it is asked to", function*() {
    const io = yield* ThreadpoolIo.bind(yield* openFile(yield* fileOf(pattern(1000))), { maxInFlight: 500 })
    const reads = Array.from({ length: 500 }, (_, index) => read(io, new Uint8Array(2), index * 2))
    const { started, value } = yield* nativeCalls(Effect.all(reads, { concurrency: "unbounded" }))
    expect([started, value.every(({ bytesTransferred }) => bytesTransferred === 2)]).toEqual([500, true])
  })
  limited("takes what may be in flight off the threads of all pools, and gives it back", function*() {
    const before = yield* left
    const path = yield* fileOf("12345")
    yield* Effect.scoped(Effect.gen(function*() {
      yield* ThreadpoolIo.bind(yield* openFile(path))
      expect(yield* left).toBe(before - 8)
      yield* ThreadpoolIo.bind(yield* openFile(path), { maxInFlight: before - 9 })
      const handle = yield* borrowedFile(path)
      const error = yield* failureOf(Effect.scoped(ThreadpoolIo.bind(handle, { maxInFlight: 2 })))
      expect(error).toMatchObject({ reason: "Exhausted", syscall: "BindIoCompletionCallback", handle })
      expect(error.message).toContain("1 are left")
    }))
    expect(yield* left).toBe(before)
  })
  claim("refuses limits that are none, before any native call", function*() {
    const handle = yield* borrowedFile(yield* fileOf("12345"))
    const limit = yield* left
    for (const maxInFlight of [0, -1, 0.5, NaN, ...(limit < Infinity ? [Infinity, limit + 1] : [])]) {
      const { log, value } = yield* recorded(failureOf(Effect.scoped(ThreadpoolIo.bind(handle, { maxInFlight }))))
      expect([log, value]).toMatchObject([[], { reason: "InvalidArgument" }])
    }
  })
  claim("fails for what is no handle, and gives back what it had taken", function*() {
    const before = yield* left
    for (const handle of [0, -1, 0x7fff_fff0, 1.5, NaN] as Array<Handle.Handle>) {
      expect(yield* failureOf(Effect.scoped(ThreadpoolIo.bind(handle)))).toMatchObject({ reason: "InvalidHandle" })
    }
    expect(yield* left).toBe(before)
  })
  claim("has no part in an environment", function*() {
    const handle = yield* openFile(yield* fileOf("12345"))
    const environment = yield* Effect.scoped(CallbackEnvironment.make({ cleanupGroup: true }))
    const io = yield* CallbackEnvironment.provide(ThreadpoolIo.bind(handle), environment)
    expect(yield* read(io)).toMatchObject({ bytesTransferred: 5 })
  })
})
