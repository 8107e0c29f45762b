/**
 * Locks on ranges of a file: whom they keep out, for how long, and that each is given back exactly once. kernel32 has
 * them; where there are none, that is said before anything is done.
 */
import { describe, expect } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as File from "../../src/File.js"
import type { CallName } from "../../src/internal/kernel/Calls.js"
import type { Kernel as Internal } from "../../src/internal/kernel/Kernel.js"
import * as Kernel from "../../src/Kernel.js"
import { contract, failureOf, fileOf, movement, nativeCalls, refused, settleFibers, sleep } from "../support/claims.js"
import * as lab from "../support/lab.js"
import * as pipe from "../support/pipe.js"

const writing = { access: "readwrite", disposition: "openAlways", share: ["read", "write", "delete"] } as const
const now = { wait: false } as const

/** Two open files on one. */
const two = Effect.gen(function*() {
  const path = yield* fileOf("0123456789")
  return { path, mine: yield* File.open(path, writing), theirs: yield* File.open(path, writing) }
})

/** Whether somebody else could lock these bytes: on kernel32 asked without the library. */
const isFree = (path: string, offset: number, length: number) =>
  lab.kernelName === "win32" ? asksKernel32(path, offset, length) : asks(path, offset, length)

const asks = (path: string, offset: number, length: number) =>
  Effect.flatMap(File.open(path, writing), (file) => File.lock(file, { offset, length, ...now })).pipe(
    Effect.scoped,
    Effect.isSuccess
  )

const asksKernel32 = (path: string, offset: number, length: number) =>
  Effect.promise(async () => {
    const k = await pipe.kernel32()
    const { default: koffi } = await import("koffi")
    const handle = Number(k.CreateFileW(path, 0xc0000000, 7, 0, 3, 0, 0))
    const overlapped = koffi.alloc("uint8_t", 32)
    const view = new Uint8Array(koffi.view(overlapped, 32))
    view.fill(0)
    new DataView(view.buffer).setUint32(16, offset, true)
    const locked = k.LockFileEx(handle, 3, 0, length, 0, Number(koffi.address(overlapped)))
    k.CloseHandle(handle)
    return locked !== 0
  })

const unlocks = (calls: ReadonlyArray<CallName>) => calls.filter((name) => name === "UnlockFileEx").length

contract("a lock", ({ claim, only }) => {
  const locking = only(["win32", "simulated"], "node has no lock that excludes other processes: Unsupported, typed")

  describe("where there are none", () => {
    only("portable", "kernel32 has them")("fails with Unsupported, and what it was for does not run", function*() {
      const file = yield* File.open(yield* fileOf("x"), writing)
      let ran = false
      const error = yield* failureOf(File.withLock(file, {}, Effect.sync(() => ran = true)))
      expect(error).toMatchObject({ _tag: "Win32Error", reason: "Unsupported", code: 50, syscall: "LockFileEx" })
      expect(ran).toBe(false)
      expect(yield* failureOf(Effect.scoped(File.lock(file, {})))).toMatchObject({ reason: "Unsupported" })
    })
  })

  describe("of a range that is none", () => {
    const ranges: ReadonlyArray<File.LockOptions> = [
      { length: 0 },
      { length: -1 },
      { length: 1.5 },
      { length: Number.NaN },
      { offset: -1 },
      { offset: 0.5 },
      { length: 2n ** 64n },
      { offset: 2n, length: 2n ** 64n - 1n },
      { offset: 2n ** 63n }
    ]
    claim("is refused, typed, without a native call", function*() {
      const file = yield* File.open(yield* fileOf("x"), writing)
      for (const range of ranges) {
        const error = yield* refused(File.withLock(file, range, Effect.die("it ran")))
        expect(error).toMatchObject({ code: 87, reason: "InvalidArgument", syscall: "LockFileEx" })
      }
    })
  })

  describe("exclusive", () => {
    locking("keeps everybody else out while the effect runs, and not after it", function*() {
      const { mine, path, theirs } = yield* two
      const value = yield* File.withLock(
        mine,
        { offset: 2, length: 4 },
        Effect.gen(function*() {
          expect(yield* isFree(path, 2, 4)).toBe(false)
          for (const exclusive of [true, false]) {
            const error = yield* failureOf(Effect.scoped(File.lock(theirs, { offset: 5, exclusive, ...now })))
            expect(error).toMatchObject({
              code: 33,
              name: "ERROR_LOCK_VIOLATION",
              reason: "Busy",
              syscall: "LockFileEx"
            })
          }
          yield* Effect.scoped(File.lock(theirs, { offset: 6, ...now }))
          yield* Effect.scoped(File.lock(theirs, { offset: 0, length: 2, ...now }))
          return "done"
        })
      )
      expect(value).toBe("done")
      expect(yield* isFree(path, 0, 100)).toBe(true)
    })
    locking("keeps out the same File too", function*() {
      const { mine } = yield* two
      const again = File.withLock(mine, { exclusive: true, ...now }, Effect.void)
      expect(yield* failureOf(File.withLock(mine, {}, again))).toMatchObject({ code: 33 })
      yield* again
    })
    locking("of everything reaches beyond the end of the file, and beyond 4 GiB", function*() {
      const { mine, theirs } = yield* two
      yield* Effect.scoped(Effect.gen(function*() {
        yield* File.lock(mine, {})
        for (const offset of [0, 9, 1000, 2 ** 32, 2 ** 40, 2n ** 62n]) {
          const error = yield* failureOf(Effect.scoped(File.lock(theirs, { offset, length: 1, ...now })))
          expect(error).toMatchObject({ code: 33 })
        }
      }))
      yield* Effect.scoped(File.lock(theirs, now))
    })
    locking("beyond 4 GiB is where it is said to be, not below", function*() {
      const { mine, theirs } = yield* two
      yield* Effect.scoped(Effect.gen(function*() {
        yield* File.lock(mine, { offset: 2 ** 32 + 5, length: 5 })
        yield* Effect.scoped(File.lock(theirs, { offset: 0, length: 2 ** 32 + 5, ...now }))
        yield* Effect.scoped(File.lock(theirs, { offset: 2 ** 32 + 10, ...now }))
        expect(yield* failureOf(Effect.scoped(File.lock(theirs, { offset: 2 ** 32 + 9, length: 1, ...now }))))
          .toMatchObject({ code: 33 })
      }))
    })
  })

  describe("shared", () => {
    locking("lets other shared ones in, and no exclusive one until the last has gone", function*() {
      const { mine, path, theirs } = yield* two
      const shared = { exclusive: false, ...now }
      yield* Effect.scoped(Effect.gen(function*() {
        yield* File.lock(mine, shared)
        yield* Effect.scoped(File.lock(theirs, shared))
        expect(yield* failureOf(Effect.scoped(File.lock(theirs, now)))).toMatchObject({ code: 33 })
        expect(yield* isFree(path, 0, 1)).toBe(false)
      }))
      yield* Effect.scoped(File.lock(theirs, now))
    })
  })

  describe("that is waited for", () => {
    locking("is granted when the other one has gone, and not before", function*() {
      const { mine, theirs } = yield* two
      const scope = yield* Scope.make()
      yield* Scope.extend(File.lock(mine, {}), scope)
      let held = false
      const waiting = yield* Effect.fork(File.withLock(theirs, {}, Effect.sync(() => held = true)))
      yield* sleep(120)
      expect(held).toBe(false)
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(waiting)
      expect(held).toBe(true)
    })
    locking("by twenty fibers is held by one at a time", function*() {
      const path = yield* fileOf(new Uint8Array(4))
      let inside = 0
      const increment = Effect.flatMap(File.open(path, writing), (file) =>
        File.withLock(
          file,
          { length: 4 },
          Effect.gen(function*() {
            expect(++inside).toBe(1)
            const counter = new Uint8Array(4)
            yield* File.readExact(file, counter, 0)
            yield* Effect.yieldNow()
            counter[0]!++
            yield* File.writeAll(file, counter, 0)
            inside--
          })
        ))
      const all = Array.from({ length: 20 }, () => Effect.scoped(increment))
      yield* Effect.all(all, { concurrency: "unbounded", discard: true })
      const counter = new Uint8Array(4)
      yield* File.readExact(yield* File.open(path), counter, 0)
      expect(counter[0]).toBe(20)
    })
    locking("ends with an interruption, and is not held afterwards", function*() {
      const { mine, path, theirs } = yield* two
      const scope = yield* Scope.make()
      yield* Scope.extend(File.lock(mine, {}), scope)
      const { calls, value } = yield* nativeCalls(
        File.withLock(theirs, {}, Effect.die("it ran")).pipe(Effect.timeoutOption("60 millis"))
      )
      expect(value._tag).toBe("None")
      expect(unlocks(calls)).toBe(0)
      yield* Scope.close(scope, Exit.void)
      expect(yield* isFree(path, 0, 10)).toBe(true)
    })
    locking("cannot be interrupted inside an uninterruptible region", function*() {
      const { mine, theirs } = yield* two
      const scope = yield* Scope.make()
      yield* Scope.extend(File.lock(mine, {}), scope)
      let held = false
      const waiting = yield* Effect.fork(
        Effect.uninterruptible(File.withLock(theirs, {}, Effect.sync(() => held = true)))
      )
      yield* settleFibers
      const interrupting = yield* Effect.fork(Fiber.interrupt(waiting))
      yield* sleep(60)
      expect(held).toBe(false)
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(interrupting)
      expect(held).toBe(true)
    })
    locking("fails with Closed when its own file is closed meanwhile", function*() {
      const path = yield* fileOf("x")
      const mine = yield* File.open(path, writing)
      yield* File.lock(mine, {})
      const scope = yield* Scope.make()
      const theirs = yield* Scope.extend(File.open(path, writing), scope)
      const waiting = yield* Effect.fork(failureOf(File.withLock(theirs, {}, Effect.void)))
      yield* sleep(30)
      yield* Scope.close(scope, Exit.void)
      const { reason } = yield* Fiber.join(waiting)
      expect(["Closed", "Cancelled"]).toContain(reason)
    })
  })

  describe("is given back exactly once", () => {
    const endings: Record<string, readonly [Effect.Effect<unknown, string>, tag: string]> = {
      "success": [Effect.succeed(1), "Success"],
      "failure": [Effect.fail("no"), "Fail"],
      "defect": [Effect.die("oh"), "Die"],
      "interruption": [Effect.interrupt, "Interrupt"]
    }
    for (const [name, [effect, tag]] of Object.entries(endings)) {
      locking(`after ${name}`, function*() {
        const { mine, path } = yield* two
        const { calls, value: exit } = yield* nativeCalls(Effect.exit(File.withLock(mine, {}, effect)))
        expect(Exit.isSuccess(exit) ? "Success" : exit.cause._tag).toBe(tag)
        expect(unlocks(calls)).toBe(1)
        expect(yield* isFree(path, 0, 10)).toBe(true)
      })
    }
    locking("when the scope of File.lock closes", function*() {
      const { mine, path } = yield* two
      const { calls } = yield* nativeCalls(Effect.scoped(File.lock(mine, {})))
      expect(unlocks(calls)).toBe(1)
      expect(yield* isFree(path, 0, 10)).toBe(true)
    })
    locking("by the system, when the file is closed first", function*() {
      const path = yield* fileOf("x")
      const scope = yield* Scope.make()
      const inner = yield* Scope.make()
      const file = yield* Scope.extend(File.open(path, writing), inner)
      yield* Scope.extend(File.lock(file, {}), scope)
      yield* Scope.close(inner, Exit.void)
      expect(yield* isFree(path, 0, 10)).toBe(true)
      const { calls } = yield* nativeCalls(Scope.close(scope, Exit.void))
      expect(unlocks(calls)).toBe(0)
    })
    locking("when the interruption comes in the moment in which it is granted", function*() {
      const { mine, path } = yield* two
      const { engine } = yield* Kernel.Kernel
      const internal = engine.kernel as Pick<Internal, "issue" | "call"> & { issue: unknown; call: unknown }
      const { call, issue } = internal
      let fiber: Fiber.RuntimeFiber<unknown, unknown> | undefined
      let ran = false
      const interrupt = () => fiber?.unsafeInterruptAsFork(fiber.id())
      // The lock is granted inside of these: the interruption is there before anybody hears of it.
      internal.issue = (one: Parameters<typeof issue>[0]) => {
        const status = issue.call(engine.kernel, one)
        if (one.kind === "lock") interrupt()
        return status
      }
      internal.call = ((name: CallName, arguments_: never, done: (...end: Array<unknown>) => void) =>
        call.call(engine.kernel, name, arguments_, (...end: Array<unknown>) => {
          if (name === "LockFileEx") {
            interrupt()
          }
          done(...end)
        })) as Internal["call"]
      const { calls, value: exit } = yield* nativeCalls(Effect.gen(function*() {
        fiber = yield* Effect.fork(File.withLock(
          mine,
          {},
          Effect.sync(() =>
            ran = true
          )
        ))
        return yield* Fiber.await(fiber)
      })).pipe(Effect.ensuring(Effect.sync(() => Object.assign(internal, { issue, call }))))
      expect(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)).toBe(true)
      expect({ ran, unlocks: unlocks(calls) }).toEqual({ ran: false, unlocks: 1 })
      expect(yield* isFree(path, 0, 10)).toBe(true)
    })
  })

  describe("as Windows does it, and Wine does not:", () => {
    const windows = only("simulated", "Wine asks for no right, and its locks exclude locks only")
    windows("needs the right to read or to write, and that to append is none", function*() {
      const path = yield* fileOf("0123456789")
      const file = yield* File.open(path, { ...writing, access: "append" })
      for (const options of [{}, now]) {
        expect(yield* failureOf(File.withLock(file, options, Effect.die("it ran")))).toMatchObject({
          code: 5,
          reason: "PermissionDenied"
        })
      }
      yield* File.withLock(yield* File.open(path, { ...writing, access: "readappend" }), now, Effect.void)
    })
    windows("shared, it forbids writing to its own holder, too; exclusive, to everybody else", function*() {
      const { mine, theirs } = yield* two
      const write = (file: File.File) => File.write(file, new Uint8Array(1), 3)
      const denied = { code: 33, reason: "Busy" }
      yield* Effect.scoped(Effect.gen(function*() {
        yield* File.lock(mine, { exclusive: false, ...now })
        for (const file of [mine, theirs]) expect(yield* failureOf(write(file))).toMatchObject(denied)
        expect(yield* File.read(theirs, new Uint8Array(2), 3)).toBe(2)
      }))
      yield* Effect.scoped(Effect.gen(function*() {
        yield* File.lock(mine, now)
        expect(yield* failureOf(write(theirs))).toMatchObject(denied)
        expect(yield* write(mine)).toBe(1)
      }))
      expect(yield* write(theirs)).toBe(1)
    })
    windows("a flush needs the right to write or to append", function*() {
      const path = yield* fileOf("0123456789")
      expect(yield* failureOf(File.sync(yield* File.open(path)))).toMatchObject({ code: 5, reason: "PermissionDenied" })
      yield* File.sync(yield* File.open(path, { access: "append" }))
    })
  })

  describe("that somebody else has given back", () => {
    locking("fails with what the system says, after the effect", function*() {
      const { mine } = yield* two
      const { engine } = yield* Kernel.Kernel
      const unlock = Effect.async<number>((resume) => {
        const { handle } = mine.io
        engine.kernel.call(
          "UnlockFileEx",
          { handle, offset: 0n, length: 10n },
          (status) => resume(Effect.succeed(status))
        )
      })
      const exit = yield* Effect.exit(File.withLock(mine, { length: 10 }, unlock))
      const error = Exit.isFailure(exit) ? Cause.failureOption(exit.cause) : undefined
      expect(error).toMatchObject({ value: { syscall: "UnlockFileEx" } })
      // ERROR_NOT_LOCKED; Wine has ERROR_LOCK_VIOLATION for it.
      expect([158, 33]).toContain(error?._tag === "Some" ? error.value.code : undefined)
    })
  })

  describe("in the ledger", () => {
    locking("is one Start where the system waits for it by itself, and none for one that does not wait", function*() {
      const { mine } = yield* two
      const started = (yield* Kernel.Kernel).engine.kernel.waitsForLocks ? 1 : 0
      const moved = yield* movement(File.withLock(mine, {}, Effect.void))
      expect(moved).toMatchObject({ started, settled: started, failedAtStart: 0 })
      expect(yield* movement(File.withLock(mine, now, Effect.void))).toMatchObject({ started: 0, settled: 0 })
    })
    locking("also of a file without skip mode, and its other operations are in nobody's way", function*() {
      const file = yield* File.open(yield* fileOf("0123456789"), { ...writing, skipMode: false })
      for (let round = 0; round < 20; round++) {
        yield* File.withLock(file, { offset: round, length: 1 }, File.write(file, new Uint8Array([round]), round))
      }
      const bytes = new Uint8Array(20)
      yield* File.readExact(file, bytes, 0)
      expect([...bytes]).toEqual(Array.from({ length: 20 }, (_, index) => index))
    })
  })
})
