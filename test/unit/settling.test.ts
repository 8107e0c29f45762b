/**
 * The settle machine loses nothing: a waiter is told, once; memory goes back, once; a teardown ends. On scripted
 * kernels, where the test decides what the system answers and when.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Scheduler from "effect/Scheduler"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import type { YieldWrap } from "effect/Utils"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as BufferPool from "../../src/BufferPool.js"
import * as File from "../../src/File.js"
import * as Handle from "../../src/Handle.js"
import * as C from "../../src/internal/constants.js"
import { BufferPool as Blocks } from "../../src/internal/engine/BufferPool.js"
import { Engine } from "../../src/internal/engine/Engine.js"
import type { Operation as Issued } from "../../src/internal/engine/Operation.js"
import { Turns } from "../../src/internal/engine/Turns.js"
import type { Host } from "../../src/internal/kernel/Host.js"
import type { Block, Kernel as Internal } from "../../src/internal/kernel/Kernel.js"
import { ContractViolation } from "../../src/internal/kernel/model.js"
import * as Portable from "../../src/internal/kernel/portable.js"
import { SlotTable } from "../../src/internal/kernel/SlotTable.js"
import * as Kernel from "../../src/Kernel.js"
import { isBalanced } from "../../src/Ledger.js"
import * as Operation from "../../src/Operation.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import { directory, eventually, submit } from "../support/lab.js"
import { layerOf } from "../support/layerOf.js"
import * as simulated from "../support/simulated.js"

interface Bench {
  readonly control: simulated.Control
  readonly kernel: Internal
  /** The annotations of what was logged as a warning. */
  readonly warnings: Array<Record<string, unknown>>
}

type Body = (bench: Bench) => Generator<YieldWrap<Effect.Effect<any, any, Kernel.Kernel | Scope.Scope>>, void, never>

const DRAIN_MS = 50

/** A claim on a simulated kernel of its own and on real time, after which the kernel's ledger balances. */
const claim = (name: string, body: Body) =>
  it.live(name, () => {
    const { control, kernel } = simulated.make()
    const warnings: Bench["warnings"] = []
    const logger = Logger.make(({ annotations, logLevel }) => {
      if (logLevel.label === "WARN") warnings.push(Object.fromEntries(annotations))
    })
    return Effect.gen(function*() {
      yield* Effect.scoped(Effect.gen(() => body({ control, kernel, warnings })))
      const ledger = yield* Kernel.ledger
      expect([isBalanced(ledger), ledger.inFlight, ledger.queued]).toEqual([true, 0, 0])
    }).pipe(
      Effect.provide(layerOf(Effect.succeed(kernel), { drainTimeout: DRAIN_MS, submit })),
      Effect.provide(Logger.replace(Logger.defaultLogger, logger))
    )
  }, 5000)

const nothingOpen = { handles: 0, objects: 0, started: 0, inFlight: 0 }
const done: simulated.Outcome = { status: C.ERROR_SUCCESS, bytes: 1 }
const doneInline = simulated.inline(done)

const bytes = (...values: ReadonlyArray<number>) => new Uint8Array(values)
const text = (value: string) => new TextEncoder().encode(value)
const read = (buffer: Uint8Array | BufferPool.PoolBuffer) => Operation.read({ buffer })

/** An operation that no fiber waits for. */
const submitted = (io: ThreadpoolIo.ThreadpoolIo, operation: Operation.Operation = read(bytes(0))): Issued =>
  io.object.submit(operation.request)

/** An object on a handle that somebody else has opened. */
const borrowed = ({ control }: Bench, options?: ThreadpoolIo.Options) =>
  Effect.suspend(() => ThreadpoolIo.make(Handle.make(control.borrowedHandle("borrowed")), options))

/** An open file, and what closes it. */
const opened = ({ control }: Bench, options?: File.OpenOptions) =>
  Effect.gen(function*() {
    control.files.create("file").write(text("contents"), 0)
    const scope = yield* Scope.make()
    const file = yield* Scope.extend(File.open("file", { access: "readwrite", ...options }), scope)
    return { file, close: Scope.close(scope, Exit.void) }
  })

const turns = Effect.repeatN(Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve))), 20)

const millisecondsOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.timed(effect), ([duration]) => Duration.toMillis(duration))

/** An event loop whose turns the test runs, and in which no time passes. */
const manualHost = () => {
  let deferred: Array<() => void> = []
  const timers: Array<number> = []
  const host: Host = {
    now: () => 0,
    setTimer: (milliseconds) => {
      timers.push(milliseconds)
      return () => {}
    },
    defer: (callback) => {
      deferred.push(callback)
    },
    ref: () => {},
    unref: () => {}
  }
  const turn = (): boolean => {
    const due = deferred
    deferred = []
    for (const run of due) run()
    return due.length > 0
  }
  return { host, timers, turn }
}

/** An engine without Effect, all of whose turns the test runs. */
const manualEngine = () => {
  const { control, kernel } = simulated.make({ turn: "manual" })
  const { host, timers, turn } = manualHost()
  return { control, engine: new Engine(kernel, host), timers, turn }
}

// -----------------------------------------------------------------------------
// who waits is told
// -----------------------------------------------------------------------------

describe("an append on the portable kernel that is cancelled", () => {
  type OnLog = (home: string, log: File.File) => Effect.Effect<void, unknown, Kernel.Kernel | Scope.Scope>

  const appends = (title: string, threads: number, body: OnLog) => {
    const layer = layerOf(Effect.sync(() => Portable.make({ threads })))
    const test = Effect.gen(function*() {
      const home = yield* directory
      const log = yield* File.open(join(home, "log"), { access: "write", disposition: "createNew" })
      yield* body(home, log)
    })
    it.live(title, () => Effect.scoped(test).pipe(Effect.provide(layer)), 5000)
  }

  const append = (log: File.File, line: string) => submitted(log.io, Operation.append({ buffer: text(line) }))

  appends("while it waits for a thread lets later ones run", 1, (home, log) =>
    Effect.gen(function*() {
      writeFileSync(join(home, "other"), new Uint8Array(1 << 20))
      const other = yield* File.open(join(home, "other"))
      const occupying = submitted(other.io, read(new Uint8Array(1 << 20)))
      const first = append(log, "first")
      log.io.object.cancel(first)
      yield* eventually("the thread is free", () => occupying.delivered && first.delivered)
      expect(first.status).toBe(C.ERROR_OPERATION_ABORTED)
      const later = [append(log, "second "), append(log, "third")]
      yield* eventually("later appends", () => later.every(({ delivered }) => delivered), 1000)
      expect(readFileSync(log.path, "utf8")).toBe("second third")
    }))

  appends("while it waits for another append lets nobody overtake that one", 3, (_, log) =>
    Effect.gen(function*() {
      const three = ["first ", "second ", "third"].map((line) => append(log, line))
      log.io.object.cancel(three[1]!)
      yield* eventually("all ended", () => three.every(({ delivered }) => delivered), 1000)
      expect(readFileSync(log.path, "utf8")).toBe("first third")
    }))
})

describe("a call whose result has come", () => {
  it("and whose delivery waits for its turn, is delivered once when it is cancelled then, with no timer", () => {
    const { control, engine, timers, turn } = manualEngine()
    const calls = Array.from({ length: 65 }, (_, index) => engine.call("DeleteFileW", { path: `missing ${index}` }))
    const last = calls[64]!
    let heard = 0
    last.listener = () => heard++
    control.turns()
    expect([calls[63]!.delivered, last.delivered]).toEqual([true, false])
    last.cancel(DRAIN_MS)
    while (turn());
    expect(timers).toEqual([])
    expect([heard, last.givenUp, last.status]).toEqual([1, false, C.ERROR_FILE_NOT_FOUND])
  })
})

describe("fairness", () => {
  const nothing = Operation.write({ buffer: bytes() })

  claim("one completion that frees 50,000 inline operations leaves timers their turn", function*(bench) {
    const { control } = bench
    const io = yield* borrowed(bench, { skipMode: true, maxInFlight: 1 })
    const { counters } = io.object
    control.script(simulated.pend)
    control.otherwise = doneInline
    const operations = Array.from({ length: 50_001 }, () => submitted(io, nothing))
    let queuedThen = -1
    setTimeout(() => queuedThen = counters.queued, 1)
    control.pending[0]!.complete(done)
    expect(counters.queued).toBeGreaterThan(49_000)
    yield* ThreadpoolIo.awaitIdle(io)
    expect(queuedThen).toBeGreaterThan(0)
    yield* eventually("all told", () => operations.every(({ delivered }) => delivered))
    expect(counters.completedInline).toBe(50_000)
  })

  /** Places are free, and a queue of operations that complete inline waits for the next turn. */
  const freed = (places: number, queued: number) => {
    const { control, engine, turn } = manualEngine()
    control.otherwise = doneInline
    control.script(...Array.from({ length: places }, () => simulated.pend))
    const options = { owned: false, skipMode: true, maxInFlight: places, drainTimeoutMs: Infinity }
    const object = engine.bind(control.borrowedHandle("borrowed"), options)
    if (typeof object === "number") throw new Error(`CreateThreadpoolIo: ${object}`)
    const operations = Array.from({ length: places + queued }, () => object.submit(nothing.request))
    for (const pending of [...control.pending]) pending.complete(done)
    return { control, object, operations, turn }
  }

  it("and so do 100 completions in one turn", () => {
    const { object, operations, turn } = freed(100, 10_000)
    let before = 100
    do {
      expect(object.counters.started - before).toBeLessThanOrEqual(100)
      before = object.counters.started
    } while (turn())
    expect(operations.every(({ delivered }) => delivered)).toBe(true)
  })

  it("who waits for idleness is told when a queue is cancelled that waits for its turn", () => {
    const { object, turn } = freed(1, 1000)
    let idle = 0
    object.whenIdle(() => idle++)
    expect([object.counters.inFlight, object.counters.queued > 0, idle]).toEqual([0, true, 0])
    object.cancelAll()
    expect([object.counters.queued, idle]).toEqual([0, 1])
    while (turn());
    expect(idle).toBe(1)
  })

  it("closing ends a queue that waits for its turn, and the object with it", () => {
    const { control, object, operations, turn } = freed(1, 1000)
    let report: unknown
    object.close((closed) => report = closed)
    control.turns()
    while (turn());
    expect(report).toMatchObject({ retained: undefined, defect: undefined })
    expect(operations.every(({ delivered }) => delivered)).toBe(true)
    expect(operations.at(-1)!.ending).toBe("closed")
  })

  it("a listener that throws takes nobody else's delivery away", () => {
    const { host, turn } = manualHost()
    const deliveries = new Turns(host)
    const heard: Array<number> = []
    for (let index = 0; index < 200; index++) {
      const deliver = () => {
        if (index === 64 || index === 70) throw new Error(`listener ${index}`)
        heard.push(index)
      }
      deliveries.deliver({ deliver, previous: undefined, next: undefined }, true)
    }
    expect(heard).toHaveLength(64)
    expect(turn).toThrow("listener 64")
    expect(turn).toThrow("listener 70")
    while (turn());
    expect(new Set(heard).size).toBe(198)
  })
})

// -----------------------------------------------------------------------------
// what an answer means
// -----------------------------------------------------------------------------

describe("skip mode is read when an object is made", () => {
  const understood = (io: ThreadpoolIo.ThreadpoolIo, control: simulated.Control) =>
    Effect.gen(function*() {
      expect(io.skipMode).toBe(true)
      control.script(doneInline)
      const completion = yield* ThreadpoolIo.submit(io, read(bytes(0)))
      expect(completion).toMatchObject({ inline: true, bytesTransferred: 1 })
    })

  for (const [unbindSupported, how] of [[true, "unbound"], [false, "retained"]] as const) {
    claim(`an earlier object, ${how} since, may have set it`, function*({ control }) {
      control.unbindSupported = unbindSupported
      const handle = Handle.make(control.borrowedHandle("file"))
      yield* Effect.scoped(ThreadpoolIo.make(handle, { skipMode: true }))
      yield* understood(yield* ThreadpoolIo.make(handle), control)
    })
  }

  claim("another holder of the file may have set it", function*({ control, kernel }) {
    const handle = control.borrowedHandle("file")
    kernel.setSkipMode(control.duplicateHandle(handle))
    yield* understood(yield* ThreadpoolIo.make(Handle.make(handle)), control)
  })

  claim("and it is off where nobody has set it", function*(bench) {
    const io = yield* borrowed(bench)
    expect(io.skipMode).toBe(false)
    bench.control.script(doneInline)
    expect(yield* ThreadpoolIo.submit(io, read(bytes(0)))).toMatchObject({ inline: false, bytesTransferred: 1 })
  })
})

describe("234 that an operation answers at once", () => {
  const moreData = {
    "without memory": Operation.unsafeMake({ syscall: "DeviceIoControl", issue: () => C.ERROR_MORE_DATA }),
    "with memory that the kernel reads": Operation.unsafeMake({
      syscall: "TransactNamedPipe",
      issue: () => C.ERROR_MORE_DATA,
      buffer: bytes(1, 2, 3),
      access: "kernel-reads"
    })
  }

  for (const [memory, operation] of Object.entries(moreData)) {
    claim(`${memory}, is followed by a callback when skip mode is off`, function*(bench) {
      const { control } = bench
      const io = yield* borrowed(bench, { skipMode: false })
      const issued = submitted(io, operation)
      expect([issued.state, io.object.counters.inFlight]).toEqual(["Pending", 1])
      yield* eventually("the callback", () => issued.delivered)
      expect(io.object.counters).toMatchObject({ started: 1, completedByCallback: 1, inFlight: 0 })
      expect(control.log).not.toContain("CancelThreadpoolIo")
      expect(yield* Effect.flip(ThreadpoolIo.submit(io, operation))).toMatchObject({ code: C.ERROR_MORE_DATA })
    })

    claim(`${memory}, is paired by Cancel when skip mode is on`, function*(bench) {
      const { control } = bench
      const io = yield* borrowed(bench, { skipMode: true })
      const issued = submitted(io, operation)
      expect(issued.state).toBe("Released")
      expect(io.object.counters).toMatchObject({ started: 1, completedInline: 1, failedAtStart: 0, inFlight: 0 })
      expect(control.log.slice(-3)).toEqual(["StartThreadpoolIo", "custom", "CancelThreadpoolIo"])
      expect(yield* Effect.flip(ThreadpoolIo.submit(io, operation))).toMatchObject({ code: C.ERROR_MORE_DATA })
    })
  }
})

// -----------------------------------------------------------------------------
// memory
// -----------------------------------------------------------------------------

describe("memory", () => {
  claim("quarantine gives a caller's own array back, out of the kernel's reach", function*(bench) {
    const { control, kernel } = bench
    const io = yield* borrowed(bench)
    const buffer = new Uint8Array(4)
    control.script(simulated.stuck)
    yield* Effect.timeoutOption(ThreadpoolIo.submit(io, read(buffer)), 1)
    expect((yield* Kernel.ledger).quarantined).toBe(1)
    control.script(simulated.pend)
    const again = submitted(io, read(buffer))
    expect(again.state).toBe("Pending")
    const [late, own] = control.pending
    late!.memory.fill(1)
    late!.complete({ status: 0, bytes: 4 })
    own!.memory.fill(2)
    own!.complete({ status: 0, bytes: 4 })
    expect([again.status, buffer, kernel.slots.stray]).toEqual([0, bytes(2, 2, 2, 2), 1])
  })

  claim("quarantine keeps the range of a pool buffer out of use, and the buffer out of the pool", function*(bench) {
    const { control } = bench
    const { engine } = yield* Kernel.Kernel
    const io = yield* borrowed(bench)
    yield* Effect.scoped(Effect.gen(function*() {
      const buffer = yield* BufferPool.make(8192)
      const left = Operation.read({ buffer, length: 4096 })
      control.script(simulated.stuck)
      yield* Effect.timeoutOption(ThreadpoolIo.submit(io, left), 1)
      expect(yield* Effect.flip(ThreadpoolIo.submit(io, left))).toMatchObject({ reason: "InvalidArgument" })
      control.script(simulated.packet)
      yield* ThreadpoolIo.submit(io, Operation.read({ buffer, start: 4096 }))
    }))
    expect(engine.buffers.lentBytes).toBe(8192)
  })

  claim("a completion that reports more bytes than its window writes no more than the window", function*(bench) {
    const { control } = bench
    const io = yield* borrowed(bench)
    const buffer = new Uint8Array(16).fill(1)
    const issue = () => C.ERROR_IO_PENDING
    const issued = submitted(
      io,
      Operation.unsafeMake({ syscall: "DeviceIoControl", issue, buffer, start: 4, length: 4 })
    )
    control.pending[0]!.memory.fill(7)
    control.pending[0]!.complete({ status: C.ERROR_SUCCESS, bytes: 12 })
    expect(issued.delivered).toBe(true)
    expect(buffer).toEqual(bytes(1, 1, 1, 1, 7, 7, 7, 7, 1, 1, 1, 1, 1, 1, 1, 1))
  })

  claim("the bytes of a pool buffer are refused where a caller's own memory is meant", function*(bench) {
    const { control } = bench
    const io = yield* borrowed(bench)
    for (const size of [8, 1 << 20]) {
      const { bytes: view } = yield* BufferPool.make(size)
      for (const buffer of [view, view.subarray(1, 3)]) {
        for (const operation of [Operation.read({ buffer }), Operation.write({ buffer })]) {
          const error = yield* Effect.flip(ThreadpoolIo.submit(io, operation))
          expect(error).toMatchObject({ reason: "InvalidArgument", message: expect.stringContaining("PoolBuffer") })
        }
      }
    }
    expect(control.log).not.toContain("StartThreadpoolIo")
  })

  claim("a slot that cannot be had fails its operation as Exhausted, and leaves nothing behind", function*(bench) {
    const { control, kernel } = bench
    let exhausted = true
    const slots = new SlotTable(() => {
      if (exhausted) throw new Error("VirtualAlloc failed: 8")
    })
    Object.assign(kernel, { slots })
    Object.assign(control, { slots })
    const io = yield* borrowed(bench)
    const operation = read(bytes(0))
    expect(yield* Effect.flip(ThreadpoolIo.submit(io, operation))).toMatchObject({
      reason: "Exhausted",
      code: C.ERROR_NOT_ENOUGH_MEMORY
    })
    expect(io.object.counters).toMatchObject({ started: 0, inFlight: 0 })
    expect(io.object.engine.buffers.lentBytes).toBe(0)
    exhausted = false
    // The same array: its range has been given back.
    control.script(simulated.duringIssue(done))
    expect(yield* ThreadpoolIo.submit(io, operation)).toMatchObject({ bytesTransferred: 1 })
  })
})

describe("the pool of buffers", () => {
  const KIB = 1 << 10
  const MIB = 1 << 20

  const setup = () => {
    const held = new Set<Block>()
    const counts = { allocated: 0, freed: 0 }
    const allocate = (size: number): Block => {
      const block = { address: 0, bytes: new Uint8Array(size) }
      held.add(block)
      counts.allocated++
      return block
    }
    const free = (block: Block) => {
      expect(held.delete(block)).toBe(true)
      counts.freed++
    }
    const pool = new Blocks({ allocate, free } as unknown as Internal)
    return {
      pool,
      counts,
      heldBytes: () => [...held].reduce((sum, block) => sum + block.bytes.length, 0),
      /** Lends so many at once, and takes them back. */
      lend: (count: number, size: number) => {
        for (const block of Array.from({ length: count }, () => pool.acquire(size)!)) pool.release(block)
      }
    }
  }

  for (const [count, size] of [[1100, 64 * KIB], [200, 512 * KIB]] as const) {
    it(`recycles blocks of 1 MiB also after ${count} of ${size / KIB} KiB`, () => {
      const { counts, lend, pool } = setup()
      lend(count, size)
      const before = counts.allocated
      for (let round = 0; round < 1000; round++) pool.release(pool.acquire(MIB)!)
      expect(counts.allocated - before).toBe(1)
    })
  }

  it("keeps no more than 64 MiB for the next one, of whatever classes", () => {
    const { heldBytes, lend, pool } = setup()
    lend(200, 512 * KIB)
    expect(heldBytes()).toBe(64 * MIB)
    lend(5, 16 * MIB)
    lend(2, 17 * MIB)
    lend(70, MIB)
    expect(heldBytes()).toBe(64 * MIB)
    expect(pool.lentBytes).toBe(0)
  })

  it("gives a block of another class back to the system before one of the class that is asked for", () => {
    const { counts, heldBytes, lend, pool } = setup()
    lend(64, MIB)
    const before = { ...counts }
    for (let round = 0; round < 100; round++) pool.release(pool.acquire(4 * MIB)!)
    expect([counts.allocated - before.allocated, counts.freed - before.freed]).toEqual([1, 4])
    expect(heldBytes()).toBe(64 * MIB)
  })

  for (const [size, kind] of [[2 * MIB, "a block"], [4 * KIB, "the last piece of a slab"]] as const) {
    it(`gives ${kind} back to the system that is returned after the pool has closed`, () => {
      const { heldBytes, pool } = setup()
      const lease = pool.lease(size)!
      pool.release(pool.acquire(size)!)
      pool.close()
      expect(heldBytes()).toBeGreaterThan(0)
      lease.release()
      expect(heldBytes()).toBe(0)
    })
  }
})

// -----------------------------------------------------------------------------
// teardown
// -----------------------------------------------------------------------------

describe("teardown", () => {
  const late = {
    WaitForThreadpoolIoCallbacks: ["CloseHandle", "CloseThreadpoolIo"],
    CloseHandle: ["CloseThreadpoolIo"]
  } as const

  for (const name of ["WaitForThreadpoolIoCallbacks", "CloseHandle"] as const) {
    claim(`${name} slower than drainTimeout lets who closes go, and the teardown goes on later`, function*(bench) {
      const { control, warnings } = bench
      const { close } = yield* opened(bench)
      control.scriptCall(name, simulated.holdCall)
      const milliseconds = yield* millisecondsOf(close)
      expect(milliseconds).toBeGreaterThan(DRAIN_MS / 2)
      expect(milliseconds).toBeLessThan(DRAIN_MS * 20)
      expect((yield* Kernel.ledger).retained).toBe(1)
      expect(warnings).toMatchObject([{ path: "file", retained: expect.stringContaining("has not returned yet") }])
      const before = control.log.length
      control.held[0]!.release()
      yield* eventually("closed", () => control.log.at(-1) === "CloseThreadpoolIo")
      expect(control.log.slice(before)).toEqual(late[name])
      expect((yield* Kernel.ledger).retained).toBe(0)
      expect(control.census()).toEqual(nothingOpen)
      expect(warnings).toHaveLength(1)
    })
  }

  claim("closing settles what is queued as Closed, code 6, with no native call", function*(bench) {
    const { control } = bench
    const { close, file } = yield* opened(bench, { maxInFlight: 1 })
    control.script(simulated.pend)
    const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.fork(File.read(file, bytes(0), 0)))
    yield* eventually("all submitted", () => file.io.object.counters.queued === 2)
    yield* close
    const [first, ...queued] = yield* Effect.forEach(fibers, (fiber) => Effect.flip(Fiber.join(fiber)))
    expect(first).toMatchObject({ reason: "Cancelled", code: C.ERROR_OPERATION_ABORTED })
    for (const error of queued) expect(error).toMatchObject({ reason: "Closed", code: C.ERROR_INVALID_HANDLE })
    expect(control.log.filter((name) => name === "StartThreadpoolIo")).toHaveLength(1)
  })

  describe("a rule that it breaks is a defect of who closes", () => {
    const rule = (number: number, exit: Exit.Exit<unknown, unknown>) => {
      const defect = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.dieOption(exit.cause)) : undefined
      expect(defect).toBeInstanceOf(ContractViolation)
      expect((defect as ContractViolation).rule).toBe(number)
    }

    claim("before the wait: a started operation that nobody issued (rule 3)", function*(bench) {
      const { close, file } = yield* opened(bench)
      bench.kernel.startThreadpoolIo(file.io.object.threadpoolIo)
      rule(3, yield* Effect.exit(close))
      expect((yield* Kernel.ledger).retained).toBe(1)
    })

    claim("before CloseHandle: a handle that somebody else has closed (rule 17)", function*(bench) {
      const { close, file } = yield* opened(bench)
      const { engine } = yield* Kernel.Kernel
      const closing = engine.call("CloseHandle", { handle: file.io.handle })
      yield* eventually("closed behind its back", () => closing.delivered)
      rule(17, yield* Effect.exit(close))
    })

    claim("after CloseHandle: a duplicate that keeps the file bound (rule 18)", function*(bench) {
      const { close, file } = yield* opened(bench)
      bench.control.duplicateHandle(file.io.handle)
      rule(18, yield* Effect.exit(close))
    })

    claim("of a borrowed handle: an unbind with operations in flight (rule 18)", function*(bench) {
      const { control, kernel } = bench
      const scope = yield* Scope.make()
      const io = yield* Scope.extend(borrowed(bench), scope)
      // An operation that the engine does not know of.
      const slot = kernel.slots.acquire({ completed: () => {} })
      const { handle, threadpoolIo } = io.object
      kernel.startThreadpoolIo(threadpoolIo)
      control.script(simulated.pend)
      const nowhere = { block: undefined, start: 0, length: 0, offsetLow: 0, offsetHigh: 0 }
      const request = { kind: "custom", input: undefined, inputLength: 0, ...nowhere } as const
      kernel.issue({ ...request, handle, threadpoolIo, slot, parameters: () => 0 })
      rule(18, yield* Effect.exit(Scope.close(scope, Exit.void)))
    })
  })

  describe("a handle is not closed while a call works on it", () => {
    const calls = { GetFileInformationByHandle: File.stat, FlushFileBuffers: File.sync }

    for (const name of ["GetFileInformationByHandle", "FlushFileBuffers"] as const) {
      claim(`${name}, which ends in time`, function*(bench) {
        const { control } = bench
        const { close, file } = yield* opened(bench, { drainTimeout: Duration.infinity })
        control.scriptCall(name, simulated.holdCall)
        const calling = yield* Effect.fork(calls[name](file))
        yield* eventually("it runs", () => control.held.length === 1)
        const closing = yield* Effect.fork(close)
        yield* turns
        expect(control.log.at(-1)).toBe(name)
        expect(yield* Effect.flip(calls[name](file))).toMatchObject({ reason: "Closed" })
        control.held[0]!.release()
        yield* Fiber.join(calling)
        yield* Fiber.join(closing)
        expect(control.log.slice(-3)).toEqual(["WaitForThreadpoolIoCallbacks", "CloseHandle", "CloseThreadpoolIo"])
        expect(control.census()).toEqual(nothingOpen)
      })
    }

    claim("nor when it is slower than drainTimeout: the teardown then waits without who closes", function*(bench) {
      const { control, warnings } = bench
      const { close, file } = yield* opened(bench)
      control.scriptCall("GetFileInformationByHandle", simulated.holdCall)
      const calling = yield* Effect.fork(File.size(file))
      yield* eventually("it runs", () => control.held.length === 1)
      yield* close
      expect(control.log.at(-1)).toBe("GetFileInformationByHandle")
      expect(warnings).toHaveLength(1)
      control.held[0]!.release()
      expect(yield* Fiber.join(calling)).toBe(8n)
      yield* eventually("closed", () => control.census().objects === 0)
      expect((yield* Kernel.ledger).retained).toBe(0)
    })

    claim("and is closed when the call is taken back before it began", function*(bench) {
      const { control } = bench
      const { close, file } = yield* opened(bench, { drainTimeout: Duration.infinity })
      control.scriptCall("GetFileInformationByHandle", simulated.queueCall)
      const calling = yield* Effect.fork(File.stat(file))
      yield* eventually("it waits", () => control.held.length === 1)
      yield* Fiber.interrupt(calling)
      yield* close
      expect(control.census()).toEqual(nothingOpen)
    })

    claim("and no call begins on it, at whichever step of its fiber the file closes", function*(bench) {
      const { control } = bench
      const base = new Scheduler.MixedScheduler(2048)
      let reached = true
      for (let step = 1; reached; step++) {
        reached = false
        const { close, file } = yield* opened(bench)
        let steps = 0
        let closing: Fiber.Fiber<void> = Fiber.void
        const scheduler: Scheduler.Scheduler = {
          scheduleTask: (task, priority) => base.scheduleTask(task, priority),
          shouldYield: (fiber) => {
            if (++steps === step) {
              reached = true
              closing = Effect.runFork(close)
            }
            return base.shouldYield(fiber)
          }
        }
        control.log.length = 0
        const exit = yield* Effect.exit(Effect.withScheduler(File.stat(file), scheduler))
        // Not joined: that would take over the FiberRefs of a fiber without a kernel.
        expect(yield* reached ? Fiber.await(closing) : Effect.exit(close)).toEqual(Exit.void)
        expect(control.log.lastIndexOf("GetFileInformationByHandle"), `step ${step}`)
          .toBeLessThan(control.log.indexOf("WaitForThreadpoolIoCallbacks"))
        if (Exit.isFailure(exit)) {
          expect(yield* Effect.flip(exit)).toMatchObject({ reason: "Closed", syscall: "GetFileInformationByHandle" })
        }
      }
    })
  })
})

// -----------------------------------------------------------------------------
// arguments, options, and what can be watched
// -----------------------------------------------------------------------------

describe("an offset that is none", () => {
  for (const offset of [NaN, 0.5, Infinity, -1, 2 ** 53]) {
    claim(`${offset} fails readExact and writeAll typed, before any native call`, function*(bench) {
      bench.control.files.create("file")
      const file = yield* File.open("file", { access: "readwrite" })
      for (const effect of [File.readExact(file, bytes(0), offset), File.writeAll(file, bytes(0), offset)]) {
        expect(yield* Effect.flip(effect)).toMatchObject({ _tag: "Win32Error", reason: "InvalidArgument" })
      }
      expect(file.io.object.counters.started).toBe(0)
    })
  }
})

describe("TPIO_DRAIN_TIMEOUT", () => {
  const drainTimeout = (value: string | undefined) =>
    Effect.map(
      Effect.withConfigProvider(
        Kernel.config,
        ConfigProvider.fromMap(new Map(value === undefined ? [] : [["TPIO_DRAIN_TIMEOUT", value]]), { pathDelim: "_" })
      ),
      (options) => Duration.toMillis(options.drainTimeout!)
    )

  const values = [[undefined, 5000], ["Infinity", Infinity], ["7 seconds", 7000], ["250 millis", 250]] as const
  for (const [value, milliseconds] of values) {
    it.effect(`${value ?? "that is not set"} is ${milliseconds} ms`, () =>
      Effect.map(drainTimeout(value), (actual) => expect(actual).toBe(milliseconds)))
  }

  it.effect("that is no duration is refused", () =>
    Effect.map(Effect.exit(drainTimeout("soon")), (exit) => expect(Exit.isFailure(exit)).toBe(true)))
})

describe("metrics", () => {
  it.live("of the moment add up over kernels, and go down again when nothing more is done", () => {
    const value = (metric: Metric.Metric.Counter<number>) =>
      Effect.map(Metric.value(Metric.tagged(metric, "kernel", "simulated")), ({ count }) => count)
    const values = Effect.all([value(Kernel.metrics.inFlight), value(Kernel.metrics.retained)])
    const published = Effect.sleep(1200)

    const { control: first, kernel: one } = simulated.make()
    const { control: second, kernel: two } = simulated.make()
    const pending = (control: simulated.Control, count: number) =>
      Effect.gen(function*() {
        const io = yield* ThreadpoolIo.make(Handle.make(control.borrowedHandle("file")))
        control.script(...Array.from({ length: count }, () => simulated.pend))
        for (let index = 0; index < count; index++) submitted(io)
      })
    const complete = (control: simulated.Control) => {
      for (const one of [...control.pending]) one.complete(done)
    }
    const built = (kernel: Internal) => Layer.build(layerOf(Effect.succeed(kernel), { drainTimeout: DRAIN_MS, submit }))
    return Effect.scoped(Effect.gen(function*() {
      const [inFlight, retained] = yield* values
      const firstContext = yield* built(one)
      const secondContext = yield* built(two)
      yield* Effect.provide(pending(first, 2), firstContext)
      yield* Effect.provide(pending(second, 1), secondContext)
      first.files.create("slow")
      first.scriptCall("CloseHandle", simulated.holdCall)
      yield* Effect.provide(Effect.scoped(File.open("slow")), firstContext)
      yield* published
      expect(yield* values).toEqual([inFlight + 3, retained + 1])
      complete(first)
      yield* published
      expect(yield* values).toEqual([inFlight + 1, retained + 1])
      complete(second)
      first.held[0]!.release()
      yield* published
      expect(yield* values).toEqual([inFlight, retained])
    })).pipe(Effect.provide(Logger.remove(Logger.defaultLogger)))
  }, 10_000)
})

describe("spans", () => {
  for (const combinator of ["submit", "cancellable"] as const) {
    claim(`${combinator} makes one per operation, only where they are asked for`, function*(bench) {
      const { control } = bench
      const native = yield* Effect.tracer
      const spans: Array<Tracer.Span> = []
      const tracer = Tracer.make({
        context: (run) => run(),
        span: (...arguments_) => {
          const span = native.span(...arguments_)
          spans.push(span)
          return span
        }
      })
      const traced = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.withTracer(effect, tracer)
      const run = ThreadpoolIo[combinator]

      const handle = Handle.make(control.borrowedHandle("file"))
      const quiet = yield* ThreadpoolIo.make(Handle.make(control.borrowedHandle("file")))
      yield* traced(run(quiet, Operation.write({ buffer: bytes(1, 2) })))
      expect(spans).toEqual([])

      const io = yield* ThreadpoolIo.make(handle, { spans: true })
      yield* traced(run(io, read(bytes(0, 0))))
      yield* traced(run(io, Operation.write({ buffer: bytes(1, 2) })))
      control.script(simulated.failAtStart(C.ERROR_ACCESS_DENIED))
      yield* traced(Effect.exit(run(io, Operation.append({ buffer: bytes(3) }))))
      expect(spans.map(({ name }) => name)).toEqual(["ReadFile", "WriteFile", "WriteFile"])
      expect(spans.map(({ attributes }) => attributes.get("threadpool_io.length"))).toEqual([2, 2, 1])
      const exits = spans.map(({ status }) => status._tag === "Ended" ? status.exit._tag : status._tag)
      expect(exits).toEqual(["Success", "Success", "Failure"])
    })
  }
})
