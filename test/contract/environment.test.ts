/**
 * Pools, cleanup groups and callback environments: what is done in them, what goes before what, and what is refused.
 */
import { describe, expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as CallbackEnvironment from "../../src/CallbackEnvironment.js"
import * as CleanupGroup from "../../src/CleanupGroup.js"
import * as File from "../../src/File.js"
import * as Kernel from "../../src/Kernel.js"
import * as Operation from "../../src/Operation.js"
import * as Threadpool from "../../src/Threadpool.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import { contract, failureOf, fileOf, movement, pattern, refused, settleFibers } from "../support/claims.js"
import { borrowedFile } from "../support/held.js"
import * as lab from "../support/lab.js"
import { recorded } from "../support/recorded.js"

const read = (io: ThreadpoolIo.ThreadpoolIo, buffer = new Uint8Array(64)) =>
  ThreadpoolIo.submit(io, Operation.read({ buffer }))

/** A resource in a scope that the test closes. */
const separately = <A, E, R>(resource: Effect.Effect<A, E, R | Scope.Scope>) =>
  Effect.gen(function*() {
    const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
    return { resource: yield* Scope.extend(resource, scope), close: Scope.close(scope, Exit.void) }
  })

const OBJECT = ["WaitForThreadpoolIoCallbacks", "CloseHandle", "CloseThreadpoolIo"]
const MEMBER = ["WaitForThreadpoolIoCallbacks", "CloseHandle"]
const GROUP = ["CloseThreadpoolCleanupGroupMembers", "CloseThreadpoolCleanupGroup"]

const callbacksLeft = Effect.map(Kernel.Kernel, ({ engine }) => engine.kernel.pools.callbacksLeft)

contract("a pool", ({ claim, limited, only, unlimited }) => {
  claim("completes what is done in an environment that names it", function*() {
    const threadpool = yield* Threadpool.make({ minThreads: 1, maxThreads: 2 })
    expect(threadpool).toMatchObject({ minThreads: 1, maxThreads: 2 })
    const environment = yield* CallbackEnvironment.make({ threadpool })
    const contents = pattern(100_000)
    const path = yield* fileOf(contents)
    yield* Effect.gen(function*() {
      const file = yield* File.open(path, { access: "readwrite" })
      const buffers = Array.from({ length: 200 }, () => new Uint8Array(500))
      yield* Effect.forEach(buffers, (buffer, index) => File.readExact(file, buffer, index * 500), {
        concurrency: "unbounded"
      })
      expect(Buffer.concat(buffers).equals(contents)).toBe(true)
      expect(yield* File.write(file, new Uint8Array(10), 0)).toBe(10)
      expect(yield* ThreadpoolIo.ledger(file.io)).toMatchObject({ started: 201, inFlight: 0 })
    }).pipe(Effect.scoped, CallbackEnvironment.provide(environment))
  })
  claim(
    "has a number of threads, a minimum that fits, and a stack: all else is refused before any native call",
    function*() {
      const wrong: ReadonlyArray<readonly [Threadpool.Options, string]> = [
        ...[0, -1, 1.5, NaN, Infinity, 501, 2 ** 32 + 1].map((maxThreads) =>
          [{ maxThreads }, "SetThreadpoolThreadMaximum"] as const
        ),
        ...[-1, 0.5, NaN, 5, Infinity].map((minThreads) => [{ minThreads }, "SetThreadpoolThreadMinimum"] as const),
        ...[[-1, -1], [1, 2], [1.5, 1], [NaN, 0], [2 ** 60, 0]].map(([reserve, commit]) =>
          [{ stack: { reserve: reserve!, commit: commit! } }, "SetThreadpoolStackInformation"] as const
        )
      ]
      for (const [options, syscall] of wrong) {
        const { log, value } = yield* recorded(failureOf(Threadpool.make(options)))
        expect([log, value]).toMatchObject([[], { reason: "InvalidArgument", syscall }])
      }
    }
  )
  unlimited("may have more threads than could wait for JavaScript", function*() {
    yield* Threadpool.make({ maxThreads: 300 })
    yield* Threadpool.make({ maxThreads: 300 })
  })
  limited("takes its threads off those that all pools have, and gives them back", function*() {
    const before = yield* callbacksLeft
    expect(yield* failureOf(Threadpool.make({ maxThreads: 121 }))).toMatchObject({ reason: "InvalidArgument" })
    yield* Effect.scoped(Effect.gen(function*() {
      yield* Threadpool.make({ maxThreads: before - 1 })
      const error = yield* failureOf(Threadpool.make({ maxThreads: 2 }))
      expect(error).toMatchObject({ reason: "Exhausted", syscall: "CreateThreadpool" })
      expect(error.message).toContain("1 are left")
      yield* Threadpool.make({ maxThreads: 1 })
      expect(yield* callbacksLeft).toBe(0)
    }))
    expect(yield* callbacksLeft).toBe(before)
  })
  claim("tells the stack that it was given", function*() {
    const stack = { reserve: 1 << 20, commit: 1 << 16 }
    const { close, resource } = yield* separately(Threadpool.make({ stack }))
    expect(yield* Threadpool.stackInformation(resource)).toEqual(stack)
    yield* close
    expect(yield* failureOf(Threadpool.stackInformation(resource))).toMatchObject({ reason: "Closed" })
  })
  only("win32", "a stack has no meaning there")("has the stack of the program where nothing is said", function*() {
    const threadpool = yield* Threadpool.make()
    // Wine answers zeros: it has been told nothing.
    expect(yield* Threadpool.stackInformation(threadpool)).toMatchObject({ reserve: expect.any(Number) })
  })
  claim("that closes before its objects goes after the last of them", function*() {
    const path = yield* fileOf("12345")
    const pool = yield* separately(Threadpool.make())
    const environment = yield* CallbackEnvironment.make({ threadpool: pool.resource })
    const file = yield* separately(CallbackEnvironment.provide(File.open(path), environment))
    const { log } = yield* recorded(Effect.gen(function*() {
      yield* pool.close
      expect(yield* File.read(file.resource, new Uint8Array(9), 0)).toBe(5)
      const error = yield* failureOf(Effect.scoped(CallbackEnvironment.provide(File.open(path), environment)))
      expect(error).toMatchObject({ reason: "Closed", syscall: "CreateThreadpoolIo" })
      yield* file.close
    }))
    expect(log.slice(-4)).toEqual([...OBJECT, "CloseThreadpool"])
    expect(log.filter((name) => name === "CreateThreadpoolIo")).toEqual([])
  })
})

contract("a cleanup group", ({ claim, only }) => {
  const cannotUnbind = only("win32", "there every borrowed handle can be unbound")

  claim("rules 17 and 22: drains its members, and closes all of them by one call", function*() {
    const path = yield* fileOf(pattern(1000))
    const group = yield* separately(CleanupGroup.make)
    const environment = yield* CallbackEnvironment.make({ cleanupGroup: group.resource })
    const files = yield* separately(
      Effect.forEach([1, 2, 3], () => CallbackEnvironment.provide(File.open(path), environment))
    )
    expect(yield* CleanupGroup.members(group.resource)).toBe(3)
    const reads = yield* Effect.forEach(files.resource, ({ io }) => Effect.fork(Effect.exit(read(io))))
    yield* settleFibers
    const { log } = yield* recorded(group.close)
    expect(log.filter((name) => name !== "CancelIoEx").sort()).toEqual(
      [...MEMBER, ...MEMBER, ...MEMBER, ...GROUP].sort()
    )
    expect(log.slice(-2)).toEqual(GROUP)
    for (const fiber of reads) expect((yield* Fiber.join(fiber))._tag).toMatch(/Success|Failure/)
    for (const file of files.resource) {
      expect(yield* refused(File.read(file, new Uint8Array(1), 0))).toMatchObject({ reason: "Closed" })
      expect(yield* ThreadpoolIo.ledger(file.io)).toMatchObject({ inFlight: 0, quarantined: 0 })
    }
    expect(yield* CleanupGroup.members(group.resource)).toBe(0)
    // Rule 22: their own scopes close afterwards, and nothing of theirs is closed a second time.
    expect((yield* recorded(files.close)).log).toEqual([])
  })
  claim("rule 22: a member that has closed by itself is none any more", function*() {
    const path = yield* fileOf("12345")
    const group = yield* separately(CleanupGroup.make)
    const environment = yield* CallbackEnvironment.make({ cleanupGroup: group.resource })
    const open = Effect.scoped(CallbackEnvironment.provide(File.open(path), environment))
    const { log } = yield* recorded(open)
    expect(log.slice(-3)).toEqual(OBJECT)
    expect(yield* CleanupGroup.members(group.resource)).toBe(0)
    expect((yield* recorded(group.close)).log).toEqual(GROUP)
  })
  claim("waits for a member that is closing by itself", function*() {
    const path = yield* fileOf(pattern(1000))
    const group = yield* separately(CleanupGroup.make)
    const environment = yield* CallbackEnvironment.make({ cleanupGroup: group.resource })
    const file = yield* separately(CallbackEnvironment.provide(File.open(path), environment))
    yield* Effect.fork(Effect.exit(read(file.resource.io)))
    yield* settleFibers
    const { log } = yield* recorded(Effect.gen(function*() {
      const closing = yield* Effect.fork(file.close)
      yield* settleFibers
      yield* group.close
      yield* Fiber.join(closing)
    }))
    expect(log.filter((name) => name !== "CancelIoEx")).toEqual([...OBJECT, ...GROUP])
  })
  claim("that has closed takes no new members", function*() {
    const path = yield* fileOf("12345")
    const group = yield* separately(CleanupGroup.make)
    const environment = yield* CallbackEnvironment.make({ cleanupGroup: group.resource })
    yield* group.close
    const handle = yield* borrowedFile(path)
    const make = Effect.scoped(CallbackEnvironment.provide(ThreadpoolIo.make(handle), environment))
    const { log, value } = yield* recorded(failureOf(make))
    expect([log, value]).toMatchObject([[], { reason: "Closed", handle }])
    expect(yield* failureOf(CallbackEnvironment.make({ cleanupGroup: group.resource }))).toMatchObject({
      reason: "Closed",
      syscall: "SetThreadpoolCallbackCleanupGroup"
    })
  })
  claim("closes a member on a borrowed handle with the others, where the system can unbind it", function*() {
    const handle = yield* borrowedFile(yield* fileOf("12345"))
    const group = yield* separately(CleanupGroup.make)
    const environment = yield* CallbackEnvironment.make({ cleanupGroup: group.resource })
    const { resource: io } = yield* separately(CallbackEnvironment.provide(ThreadpoolIo.make(handle), environment))
    yield* read(io)
    const { retained, value: { log } } = yield* movement(recorded(group.close))
    expect(log).not.toContain("CloseThreadpoolIo")
    if (retained === 0) expect(log.slice(-2)).toEqual(GROUP)
    // Rule 18: the object must not be closed, and the group would close it: so the group is kept.
    else expect(log).not.toContain("CloseThreadpoolCleanupGroupMembers")
  })
  cannotUnbind("that must keep one member closes the others one by one", function*() {
    const path = yield* fileOf("12345")
    const handle = yield* borrowedFile(path)
    const group = yield* separately(CleanupGroup.make)
    const environment = yield* CallbackEnvironment.make({ cleanupGroup: group.resource })
    const borrowed = yield* separately(CallbackEnvironment.provide(ThreadpoolIo.make(handle), environment))
    const file = yield* separately(CallbackEnvironment.provide(File.open(path), environment))
    const { retained, value: { log } } = yield* movement(recorded(group.close))
    if (retained === 1) expect(log.slice(-1)).toEqual(["CloseThreadpoolIo"])
    expect((yield* recorded(Effect.zipRight(file.close, borrowed.close))).log).toEqual([])
    // The handle goes on: the object that was kept is handed out again, outside of any environment.
    const io = yield* ThreadpoolIo.make(handle)
    expect(yield* read(io)).toMatchObject({ bytesTransferred: 5 })
  })
})

contract("an environment", ({ claim }) => {
  describe("that has a pool and a group of its own", () => {
    claim("rule 17: objects, then the group, then the pool, then the environment", function*() {
      const path = yield* fileOf(pattern(1000))
      const { log } = yield* recorded(Effect.scoped(Effect.gen(function*() {
        const environment = yield* CallbackEnvironment.make({
          threadpool: { maxThreads: 2 },
          cleanupGroup: true,
          priority: "high",
          runsLong: true
        })
        const file = yield* CallbackEnvironment.provide(File.open(path), environment)
        yield* File.read(file, new Uint8Array(10), 0)
      })))
      expect(log.slice(0, 3)).toEqual([
        "CreateThreadpool",
        "CreateThreadpoolCleanupGroup",
        "InitializeThreadpoolEnvironment"
      ])
      expect(log.slice(-7)).toEqual([...OBJECT, ...GROUP, "CloseThreadpool", "DestroyThreadpoolEnvironment"])
    })
    claim("keeps that order when it closes before its objects", function*() {
      const path = yield* fileOf(pattern(1000))
      const environment = yield* separately(CallbackEnvironment.make({ threadpool: {}, cleanupGroup: true }))
      const file = yield* separately(CallbackEnvironment.provide(File.open(path), environment.resource))
      const reading = yield* Effect.fork(Effect.exit(read(file.resource.io)))
      yield* settleFibers
      const { log } = yield* recorded(environment.close)
      expect(log.filter((name) => name !== "CancelIoEx")).toEqual([
        ...MEMBER,
        ...GROUP,
        "CloseThreadpool",
        "DestroyThreadpoolEnvironment"
      ])
      yield* Fiber.join(reading)
      expect((yield* recorded(file.close)).log).toEqual([])
    })
    claim("without a group: pool and environment wait for the last object", function*() {
      const path = yield* fileOf(pattern(1000))
      const environment = yield* separately(CallbackEnvironment.make({ threadpool: {} }))
      const file = yield* separately(CallbackEnvironment.provide(File.open(path), environment.resource))
      expect((yield* recorded(environment.close)).log).toEqual([])
      expect(yield* File.read(file.resource, new Uint8Array(10), 0)).toBe(10)
      expect((yield* recorded(file.close)).log).toEqual([...OBJECT, "CloseThreadpool", "DestroyThreadpoolEnvironment"])
    })
    claim("gives back what it has when one of them cannot be had", function*() {
      const before = yield* callbacksLeft
      const closed = yield* Effect.scoped(CleanupGroup.make)
      const { log, value } = yield* recorded(failureOf(CallbackEnvironment.make({
        threadpool: { maxThreads: 3 },
        cleanupGroup: closed
      })))
      expect([log, value]).toMatchObject([["CreateThreadpool", "CloseThreadpool"], { reason: "Closed" }])
      expect(yield* callbacksLeft).toBe(before)
    })
    claim("gives back its group when its library has no name that can be one", function*() {
      const refused = failureOf(CallbackEnvironment.make({ cleanupGroup: true, library: "a\0b" }))
      const { log, value } = yield* recorded(refused)
      expect([log, value]).toMatchObject([["CreateThreadpoolCleanupGroup", ...GROUP], { reason: "InvalidArgument" }])
    })
  })

  claim("costs an operation nothing: what it asks the kernel for is the same with and without", function*() {
    const path = yield* fileOf(pattern(1000))
    const use = recorded(File.withFile(path, {}, (file) => File.read(file, new Uint8Array(10), 0)))
    const environment = yield* CallbackEnvironment.make({ threadpool: {} })
    expect((yield* CallbackEnvironment.provide(use, environment)).log).toEqual((yield* use).log)
  })
  claim("is where all of an application's I/O is, as a layer", function*() {
    const path = yield* fileOf("12345")
    const { log, value } = yield* recorded(
      File.withFile(path, {}, (file) => File.read(file, new Uint8Array(9), 0)).pipe(
        Effect.provide(CallbackEnvironment.layer({ threadpool: { maxThreads: 1 }, cleanupGroup: true }))
      )
    )
    expect(value).toBe(5)
    expect(log.filter((name) => name !== "StartThreadpoolIo" && name !== "SetFileCompletionNotificationModes")).toEqual(
      [
        "CreateThreadpool",
        "CreateThreadpoolCleanupGroup",
        "InitializeThreadpoolEnvironment",
        "CreateFileW",
        "CreateThreadpoolIo",
        ...OBJECT,
        ...GROUP,
        "CloseThreadpool",
        "DestroyThreadpoolEnvironment"
      ]
    )
  })
  claim("shares the ledger, the buffers and the limits of its kernel", function*() {
    const environment = yield* CallbackEnvironment.make({ threadpool: {} })
    const { engine } = yield* Kernel.Kernel
    const inside = yield* CallbackEnvironment.provide(Kernel.Kernel, environment)
    expect(inside.engine).toBe(engine)
    expect([environment.threadpool?.maxThreads, environment.cleanupGroup]).toEqual([4, undefined])
  })
  claim("inside another replaces it", function*() {
    const path = yield* fileOf("12345")
    const [outer, inner] = [
      yield* CallbackEnvironment.make({ cleanupGroup: true }),
      yield* CallbackEnvironment.make({ cleanupGroup: true })
    ]
    yield* Effect.gen(function*() {
      yield* File.open(path)
      yield* CallbackEnvironment.provide(File.open(path), inner)
      expect(yield* CleanupGroup.members(outer.cleanupGroup!)).toBe(1)
      expect(yield* CleanupGroup.members(inner.cleanupGroup!)).toBe(1)
    }).pipe(Effect.scoped, CallbackEnvironment.provide(outer))
  })
  claim("that has closed: what is made in it fails with Closed, and its handle is closed", function*() {
    const path = yield* fileOf("12345")
    const environment = yield* Effect.scoped(CallbackEnvironment.make())
    const { log, value } = yield* recorded(
      failureOf(Effect.scoped(CallbackEnvironment.provide(File.open(path), environment)))
    )
    expect(value).toMatchObject({ reason: "Closed", path })
    expect(log).toEqual(["CreateFileW", "CloseHandle"])
  })
  claim("of parts of another kernel is refused", function*() {
    const other = yield* Layer.build(lab.layer)
    const threadpool = yield* Effect.provide(Threadpool.make(), other)
    expect(yield* failureOf(CallbackEnvironment.make({ threadpool }))).toMatchObject({
      reason: "InvalidArgument",
      syscall: "SetThreadpoolCallbackPool"
    })
  })
  claim("tells what it is", function*() {
    const environment = yield* CallbackEnvironment.make({ threadpool: {}, cleanupGroup: true })
    expect([
      CallbackEnvironment.isCallbackEnvironment(environment),
      Threadpool.isThreadpool(environment.threadpool),
      CleanupGroup.isCleanupGroup(environment.cleanupGroup),
      CallbackEnvironment.isCallbackEnvironment(environment.threadpool),
      Threadpool.isThreadpool(environment.cleanupGroup),
      CleanupGroup.isCleanupGroup(environment)
    ]).toEqual([true, true, true, false, false, false])
  })
})

contract("a DLL that stays while callbacks run", ({ claim, only }) => {
  const onWindows = only("win32", "there are no DLLs there: the name is without effect")
  claim("is named, and I/O is done all the same", function*() {
    const environment = yield* CallbackEnvironment.make({ library: "kernel32.dll", threadpool: {} })
    const size = File.withFile(yield* fileOf("12345"), {}, (file) => File.read(file, new Uint8Array(9), 0))
    expect(yield* CallbackEnvironment.provide(size, environment)).toBe(5)
  })
  onWindows("and is not loaded: NotFound", function*() {
    expect(yield* failureOf(CallbackEnvironment.make({ library: "nowhere.dll" }))).toMatchObject({
      code: 126,
      reason: "NotFound",
      path: "nowhere.dll",
      syscall: "SetThreadpoolCallbackLibrary"
    })
  })
})
