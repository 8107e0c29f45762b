/**
 * Every public effect, interrupted at every fiber step, and with completion and interruption queued in both orders in
 * the same tick. After each point nothing may be left: the ledger balances, every handle is closed, every buffer is
 * back.
 */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as BufferPool from "../../src/BufferPool.js"
import * as CallbackEnvironment from "../../src/CallbackEnvironment.js"
import * as File from "../../src/File.js"
import type * as Kernel from "../../src/Kernel.js"
import * as Operation from "../../src/Operation.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import type { Win32Error } from "../../src/Win32Error.js"
import * as lab from "../support/lab.js"
import * as pipe from "../support/pipe.js"
import { everyStep, interruptNow, runWith, swept } from "../support/sweep.js"

type Program = Effect.Effect<unknown, Win32Error | unknown, Kernel.Kernel | Scope.Scope>

let serial = 0
/** The points at which an operation was in flight on a pipe that nobody writes to. */
let pendingPoints = 0
let unhandled = 0

const onUnhandled = () => {
  unhandled++
}

// Before the sweep's own: this looks when the kernel has been closed.
beforeAll(() => void process.on("unhandledRejection", onUnhandled))
afterAll(() => {
  process.off("unhandledRejection", onUnhandled)
  expect(unhandled).toBe(0)
})

const shared = swept(({ leaks, points }) => {
  const pending = lab.kernelName === "win32" ? `, an operation provably pending at ${pendingPoints} of them` : ""
  return `interruption sweep on ${lab.kernelName}: ${points} points${pending}, ${leaks} leaks`
})

const prepared = (name: string) => join(shared.home, name)
const fresh = () => prepared(`fresh-${serial++}`)

beforeAll(() => writeFileSync(prepared("data"), new Uint8Array(100_000).fill(7)))

const write = { access: "readwrite", disposition: "openAlways" } as const

/** Each opens what it needs in its own scope, so that opening and closing are swept with it. */
const programs: Record<string, () => Program> = {
  "File.open": () => File.open(prepared("data")),
  "File.open of a missing file": () => File.open(prepared("missing")),
  "File.open createNew": () => File.open(fresh(), { access: "write", disposition: "createNew" }),
  "File.read": () => Effect.flatMap(File.open(prepared("data")), File.read(new Uint8Array(4096), 0)),
  "File.read at the end": () => Effect.flatMap(File.open(prepared("data")), File.read(new Uint8Array(16), 1_000_000)),
  "File.read refused": () => Effect.flatMap(File.open(prepared("data")), File.read(new Uint8Array(16), -1)),
  "File.readExact": () => Effect.flatMap(File.open(prepared("data")), File.readExact(new Uint8Array(100_000), 0)),
  "File.write": () => Effect.flatMap(File.open(prepared("w"), write), File.write(new Uint8Array(4096), 0)),
  "File.writeAll": () => Effect.flatMap(File.open(prepared("w"), write), File.writeAll(new Uint8Array(10_000), 5)),
  "File.append": () => Effect.flatMap(File.open(prepared("a"), write), File.append(new Uint8Array(10))),
  "File.submit": () =>
    Effect.flatMap(File.open(prepared("data")), File.submit(Operation.read({ buffer: new Uint8Array(8), start: 4 }))),
  "File.stat": () => Effect.flatMap(File.open(prepared("data")), File.stat),
  "File.size": () => Effect.flatMap(File.open(prepared("data")), File.size),
  "File.truncate": () => Effect.flatMap(File.open(prepared("w"), write), File.truncate(100)),
  "File.sync": () => Effect.flatMap(File.open(prepared("w"), write), File.sync),
  "File.setBasicInfo": () =>
    Effect.flatMap(File.open(prepared("w"), write), File.setBasicInfo({ modifiedTimeNs: 1_000_000_000n })),
  "File.rename": () => {
    const from = fresh()
    writeFileSync(from, "x")
    return File.rename(from, fresh())
  },
  "File.remove": () => {
    const path = fresh()
    writeFileSync(path, "x")
    return File.remove(path)
  },
  // A feature that this kernel lacks fails typed: that is swept as well.
  "File.withLock": () => Effect.flatMap(File.open(prepared("w"), write), File.withLock({}, Effect.yieldNow())),
  "File.withLock, one in the other": () =>
    Effect.flatMap(
      File.open(prepared("w"), write),
      (file) => File.withLock(file, { length: 10 }, File.withLock(file, { offset: 10 }, Effect.yieldNow()))
    ),
  "File.lock": () => Effect.flatMap(File.open(prepared("w"), write), File.lock({ wait: false })),
  "File.lock that another one has": () =>
    Effect.gen(function*() {
      const share = ["read", "write", "delete"] as const
      yield* File.lock(yield* File.open(prepared("l"), { ...write, share }), {})
      const file = yield* File.open(prepared("l"), { ...write, share })
      yield* File.withLock(file, {}, Effect.void).pipe(Effect.timeoutOption("10 millis"))
    }),
  "File.deviceIoControl": () =>
    Effect.flatMap(
      File.open(prepared("w"), write),
      File.deviceIoControl({ code: "FSCTL_GET_OBJECT_ID", outputSize: 64 })
    ),
  "File.setSparse": () => Effect.flatMap(File.open(prepared("w"), write), File.setSparse(true)),
  "File.zeroRange": () => Effect.flatMap(File.open(prepared("w"), write), File.zeroRange(10, 80)),
  "File.allocatedRanges": () => Effect.flatMap(File.open(prepared("data")), File.allocatedRanges({})),
  "File.readVectored": () =>
    Effect.flatMap(
      File.open(prepared("data")),
      File.readVectored([new Uint8Array(10), new Uint8Array(0), new Uint8Array(4096)], 5)
    ),
  "File.writeVectored": () =>
    Effect.flatMap(File.open(prepared("w"), write), File.writeVectored([new Uint8Array(10), new Uint8Array(90)], 0)),
  "pages of the pool, in place": () =>
    Effect.gen(function*() {
      const file = yield* File.open(prepared("p"), { ...write, unbuffered: true })
      const buffers = [yield* BufferPool.make(4096), yield* BufferPool.make(8192)]
      yield* File.writeVectored(file, buffers, 0)
      yield* File.readVectored(file, buffers, 4096)
    }),
  "File.allocate": () => Effect.flatMap(File.open(prepared("w"), write), File.allocate(100_000)),
  "File.sectors": () => Effect.flatMap(File.open(prepared("data")), File.sectors),
  "File.copy": () => {
    const from = fresh()
    writeFileSync(from, "12345")
    return File.copy(from, fresh())
  },
  "File.renameTo": () => Effect.flatMap(File.open(fresh(), { ...write, deletable: true }), File.renameTo(fresh(), {})),
  "File.setDeleteOnClose": () =>
    Effect.flatMap(File.open(fresh(), { ...write, deletable: true }), File.setDeleteOnClose(true)),
  "BufferPool.make": () => BufferPool.make(65_536),
  "a read into a pool buffer": () =>
    Effect.gen(function*() {
      const file = yield* File.open(prepared("data"))
      const buffer = yield* BufferPool.make(65_536)
      yield* File.read(file, buffer, 0)
    }),
  "ThreadpoolIo.submit": () =>
    Effect.flatMap(
      File.open(prepared("data")),
      (file) => ThreadpoolIo.submit(file.io, Operation.read({ buffer: new Uint8Array(64) }))
    ),
  "ThreadpoolIo.cancellable": () =>
    Effect.flatMap(
      File.open(prepared("data")),
      (file) => ThreadpoolIo.cancellable(file.io, Operation.read({ buffer: new Uint8Array(64) }))
    ),
  "cancelAll and awaitIdle": () =>
    Effect.gen(function*() {
      const file = yield* File.open(prepared("data"))
      yield* Effect.fork(Effect.exit(File.read(file, new Uint8Array(65_536), 0)))
      yield* Effect.yieldNow()
      yield* ThreadpoolIo.cancelAll(file.io)
      yield* ThreadpoolIo.awaitIdle(file.io)
    }),
  "a file in an environment with a pool and a group of its own": () =>
    Effect.gen(function*() {
      // Earlier ones have given back their share, wherever they were interrupted.
      expect(shared.kernel.engine.kernel.pools.callbacksLeft).toBe(shared.kernel.engine.kernel.pools.callbacksLimit)
      const environment = yield* CallbackEnvironment.make({ threadpool: { maxThreads: 2 }, cleanupGroup: true })
      const file = yield* CallbackEnvironment.provide(File.open(prepared("data")), environment)
      yield* File.read(file, new Uint8Array(4096), 0)
    }),
  "a group that closes before its members": () =>
    Effect.gen(function*() {
      const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
      const environment = yield* Scope.extend(CallbackEnvironment.make({ cleanupGroup: true }), scope)
      const file = yield* CallbackEnvironment.provide(File.open(prepared("data")), environment)
      yield* Effect.fork(Effect.exit(File.read(file, new Uint8Array(65_536), 0)))
      yield* Effect.yieldNow()
      yield* Scope.close(scope, Exit.void)
    }),
  "a copy": () =>
    Effect.gen(function*() {
      const source = yield* File.open(prepared("data"))
      const target = yield* File.open(fresh(), { access: "write", disposition: "createNew" })
      const buffer = yield* BufferPool.make(65_536)
      const bytes = yield* File.read(source, buffer, 0)
      yield* File.submit(target, Operation.write({ buffer, length: bytes }))
      yield* File.sync(target)
    })
}

/**
 * Effect's own concurrent combinators, from the moment that so many operations have begun: `Effect.forEach` and
 * `Effect.race` of 3.22 hang by themselves, over any effect, when they are interrupted in the tick in which they fork.
 */
const concurrent: Record<string, readonly [underWay: number, program: () => Program]> = {
  "forEach of 12 reads, 4 at once": [4, () =>
    Effect.flatMap(File.open(prepared("data")), (file) =>
      Effect.forEach(
        Array.from({ length: 12 }, (_, index) => index),
        (index) => File.read(file, new Uint8Array(4096), index * 4096),
        { concurrency: 4, discard: true }
      ))],
  "more reads than may be in flight": [
    8,
    () =>
      Effect.flatMap(File.open(prepared("data"), { maxInFlight: 2 }), (file) =>
        Effect.forEach(
          Array.from({ length: 8 }, (_, index) => index),
          (index) => File.read(file, new Uint8Array(128), index),
          { concurrency: "unbounded", discard: true }
        ))
  ],
  "a race of two reads": [
    2,
    () =>
      Effect.flatMap(
        File.open(prepared("data")),
        (file) => Effect.race(File.read(file, new Uint8Array(10), 0), File.read(file, new Uint8Array(10), 10))
      )
  ],
  "a timeout": [
    1,
    () =>
      Effect.flatMap(
        File.open(prepared("data")),
        (file) => Effect.timeout(File.read(file, new Uint8Array(10), 0), "10 seconds")
      )
  ]
}

describe("interrupted at every fiber step", () => {
  for (const [name, program] of Object.entries(programs)) {
    it(name, { timeout: 120_000 }, async () => {
      expect((await shared.sweep(name, program)).tried).toBeGreaterThan(3)
    })
  }
  for (const [name, [underWay, program]] of Object.entries(concurrent)) {
    it(name, { timeout: 120_000 }, async () => {
      const { counters } = shared.kernel.engine
      let before = Infinity
      const begin = () => {
        before = counters.started
        return program()
      }
      const from = () => counters.started - before + counters.queued >= underWay
      const check = () => void (before = Infinity)
      expect((await shared.sweep(name, begin, { from, check })).tried).toBeGreaterThan(3)
    })
  }
})

describe("a lock, interrupted at every fiber step", () => {
  const locking = lab.on("win32", "node has no lock that excludes other processes")
  const share = ["read", "write", "delete"] as const
  const takings: Record<string, (file: File.File) => Effect.Effect<unknown, unknown>> = {
    "File.withLock": File.withLock({}, Effect.yieldNow()),
    "File.lock": (file) => Effect.scoped(File.lock(file, {})),
    "File.withLock that fails": File.withLock({}, Effect.fail("no"))
  }
  for (const [name, taking] of Object.entries(takings)) {
    locking(it)(`${name}: somebody else can have it afterwards, while the file is still open`, async () => {
      // The files outlive every point: no closing of a handle gives the lock back.
      const program = Effect.scoped(Effect.gen(function*() {
        const file = yield* File.open(prepared("held"), { ...write, share })
        const other = yield* File.open(prepared("held"), { ...write, share })
        yield* Effect.promise(async () => {
          shared.points += await everyStep(shared.runtime, name, () => taking(file), async ({ step }) => {
            const free = await shared.run(Effect.exit(File.withLock(other, { wait: false }, Effect.void)))
            expect({ step, free: Exit.isSuccess(free) }).toEqual({ step, free: true })
          })
        })
      }))
      await shared.run(program)
      await shared.clean(name)
    }, 60_000)
  }
})

/** Calls `around` in place of the next completion that the kernel delivers; it gets the real one. */
const atNextCompletion = (around: (complete: () => void) => void) => {
  const { slots } = shared.kernel.engine.kernel
  const original = slots.complete
  slots.complete = function(...arguments_) {
    slots.complete = original
    around(() => original.apply(slots, arguments_))
  }
}

describe("completion and interruption in the same tick", () => {
  const reads: Record<string, (file: File.File) => Effect.Effect<unknown, Win32Error>> = {
    "File.read": File.read(new Uint8Array(64), 0),
    "ThreadpoolIo.cancellable": (file) =>
      ThreadpoolIo.cancellable(file.io, Operation.read({ buffer: new Uint8Array(64) })),
    "File.readExact": File.readExact(new Uint8Array(64), 0),
    "a forEach of 8": (file) =>
      Effect.forEach([0, 1, 2, 3, 4, 5, 6, 7], (index) => File.read(file, new Uint8Array(8), index), {
        concurrency: "unbounded"
      })
  }
  for (const order of ["completion first", "interruption first"] as const) {
    for (const [name, read] of Object.entries(reads)) {
      it(`${name}, ${order}`, async () => {
        for (let round = 0; round < 100; round++) {
          let fiber: Parameters<typeof interruptNow>[0] | undefined
          let seen = false
          const program = Effect.flatMap(File.open(prepared("data")), (file) =>
            Effect.suspend(() => {
              atNextCompletion((complete) => {
                seen = true
                if (order === "completion first") complete()
                interruptNow(fiber!)
                if (order === "interruption first") complete()
              })
              return read(file)
            }))
          const exit = await runWith(shared.runtime, Effect.scoped(program), (forked) => {
            fiber = forked
          })
          await shared.clean(`${name}, ${order}, round ${round}`)
          expect(seen).toBe(true)
          expect(Exit.isInterrupted(exit) || Exit.isSuccess(exit)).toBe(true)
          shared.points++
        }
      })
    }
  }
})

describe("provably pending", () => {
  const pending = lab.on("win32", "a regular file cannot be held pending; it needs a named pipe")
  type Pending = readonly [underWay: number, (io: ThreadpoolIo.ThreadpoolIo) => Effect.Effect<unknown, unknown>]
  const readEight = (io: ThreadpoolIo.ThreadpoolIo) =>
    ThreadpoolIo.submit(io, Operation.read({ buffer: new Uint8Array(8) }))
  const operations: Record<string, Pending> = {
    "submit": [1, readEight],
    "cancellable": [1, ThreadpoolIo.cancellable(Operation.read({ buffer: new Uint8Array(64) }))],
    "forEach of 5 reads": [
      5,
      (io) => Effect.forEach([1, 2, 3, 4, 5], () => readEight(io), { concurrency: "unbounded" })
    ],
    "race of two reads": [2, (io) => Effect.race(readEight(io), readEight(io))],
    "timeout": [1, (io) => Effect.timeout(readEight(io), "1 minute")]
  }
  pending(it)("a conversation of 40 reads, each pending before its answer is sent", async () => {
    const conversation = Effect.gen(function*() {
      const { send, server } = yield* pipe.make
      const io = yield* ThreadpoolIo.make(server, { skipMode: true })
      for (let round = 0; round < 40; round++) {
        const reading = yield* Effect.fork(readEight(io))
        while (io.object.counters.inFlight === 0) yield* Effect.yieldNow()
        for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow()
        yield* send(new Uint8Array(4))
        yield* reading
      }
    })
    const { inFlight } = await shared.sweep("conversation", () => conversation)
    pendingPoints += inFlight
    expect(pendingPoints).toBeGreaterThan(1000)
  }, 300_000)
  for (const [name, [underWay, operation]] of Object.entries(operations)) {
    pending(it)(`a pipe's ${name}, at every step that it is pending at`, async () => {
      const program = Effect.flatMap(
        pipe.make,
        ({ server }) =>
          Effect.flatMap(ThreadpoolIo.make(server, { skipMode: true }), (io) =>
            // The pipe has no writer: where no step interrupts it, the clock ends the operation, long after the last
            // step.
            operation(io).pipe(Effect.timeoutOption("25 millis")))
      )
      const from = () => shared.kernel.engine.counters.inFlight >= underWay
      const { inFlight } = await shared.sweep(`pipe ${name}`, () => program, { from })
      expect(inFlight).toBeGreaterThan(5)
      pendingPoints += inFlight
    }, 120_000)
    for (const order of ["completion first", "interruption first"] as const) {
      pending(it)(`a pipe's ${name}, ${order} in the same tick`, async () => {
        for (let round = 0; round < 20; round++) {
          let fiber: Parameters<typeof interruptNow>[0] | undefined
          let send: Effect.Effect<void> = Effect.void
          const program = Effect.flatMap(
            pipe.make,
            ({ send: sendBytes, server }) =>
              Effect.flatMap(ThreadpoolIo.make(server, { skipMode: true }), (io) =>
                Effect.suspend(() => {
                  atNextCompletion((complete) => {
                    if (order === "completion first") complete()
                    interruptNow(fiber!)
                    if (order === "interruption first") complete()
                  })
                  send = sendBytes(new Uint8Array(4))
                  return operation(io)
                }))
          )
          const exit = runWith(shared.runtime, Effect.scoped(program), (forked) => {
            fiber = forked
          })
          await Effect.runPromise(lab.eventually("pending", () => shared.kernel.engine.counters.inFlight > 0))
          await Effect.runPromise(send)
          await exit
          await shared.clean(`pipe ${name}, ${order}, round ${round}`)
          shared.points++
        }
      })
    }
  }
})
