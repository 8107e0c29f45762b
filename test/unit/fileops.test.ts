/**
 * Locks, ranges that take room, and pages in place, where Wine and the portable kernel cannot show them: on the
 * simulated kernel, where the test decides what the system answers and when.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import type { YieldWrap } from "effect/Utils"
import * as BufferPool from "../../src/BufferPool.js"
import * as File from "../../src/File.js"
import * as C from "../../src/internal/constants.js"
import type { Calls } from "../../src/internal/kernel/Calls.js"
import type { Block, Issue, Kernel as Internal, LockParameters } from "../../src/internal/kernel/Kernel.js"
import { DONE_WITHOUT_PACKET } from "../../src/internal/kernel/Kernel.js"
import { vectored } from "../../src/internal/operation.js"
import { leaseOf } from "../../src/internal/PoolBuffer.js"
import * as Kernel from "../../src/Kernel.js"
import { isBalanced } from "../../src/Ledger.js"
import * as Operation from "../../src/Operation.js"
import { eventually } from "../support/lab.js"
import { layerOf } from "../support/layerOf.js"
import * as simulated from "../support/simulated.js"

type Lock = Calls["LockFileEx"][0]
type Unlock = Calls["UnlockFileEx"][0]

interface Bench {
  readonly control: simulated.Control
  readonly kernel: Internal
  readonly file: File.File
  /** Every UnlockFileEx, answered with the status that is set. */
  readonly unlocked: Array<Unlock>
  unlockStatus: number
  /** Every LockFileEx past the port, answered with the next of these, and with success when there is none. */
  readonly tried: Array<Lock>
  readonly lockStatuses: Array<number>
  /** With `holds`, each waits for the test. */
  holds: boolean
  readonly held: Array<() => void>
}

type Body = (bench: Bench) => Generator<YieldWrap<Effect.Effect<any, any, Kernel.Kernel | Scope.Scope>>, void, never>

/** A claim about a file of a simulated kernel, after which the ledger balances and no memory is lent. */
const claim = (
  name: string,
  body: Body,
  options: { readonly quarantines?: boolean; readonly skipMode?: boolean } = {}
) =>
  it.live(name, () => {
    const { control, kernel } = simulated.make()
    const original = kernel.call.bind(kernel)
    const bench: Omit<Bench, "file"> = {
      control,
      kernel,
      unlocked: [],
      unlockStatus: 0,
      tried: [],
      lockStatuses: [],
      holds: false,
      held: []
    }
    kernel.call = ((name: string, arguments_: never, done: (status: number, value?: unknown) => void) => {
      if (name === "LockFileEx") {
        bench.tried.push(arguments_)
        const status = bench.lockStatuses.shift() ?? 0
        const answer = () => status === 0 ? done(0, "held") : done(status)
        if (bench.holds) bench.held.push(answer)
        else setImmediate(answer)
        return () => false
      }
      if (name !== "UnlockFileEx") return original(name as "CloseHandle", arguments_, done as never)
      bench.unlocked.push(arguments_)
      setImmediate(() => done(bench.unlockStatus))
      return () => false
    }) as Internal["call"]
    return Effect.gen(function*() {
      const { engine } = yield* Kernel.Kernel
      yield* Effect.scoped(Effect.gen(function*() {
        const skipMode = options.skipMode ?? true
        const file = yield* File.open("file", { access: "readwrite", disposition: "openAlways", skipMode })
        yield* Effect.gen(() => body(Object.assign(bench, { file })))
      }))
      const ledger = engine.counters.read()
      expect([isBalanced(ledger), ledger.inFlight, ledger.queued]).toEqual([true, 0, 0])
      if (options.quarantines !== true) expect([ledger.quarantined, engine.buffers.lentBytes]).toEqual([0, 0])
    }).pipe(
      Effect.provide(layerOf(Effect.succeed(kernel), { drainTimeout: 50 })),
      Effect.provide(Logger.replace(Logger.defaultLogger, Logger.none))
    )
  }, 5000)

const granted: simulated.Outcome = { status: C.ERROR_SUCCESS, bytes: 0 }
const range = { offset: 2n ** 32n + 7n, length: 2n ** 33n + 5n }
const lockOf = ({ kind, offsetHigh, offsetLow, parameters }: Issue) => ({
  kind,
  offset: BigInt(offsetHigh) * 2n ** 32n + BigInt(offsetLow),
  length: BigInt((parameters as LockParameters).lengthHigh) * 2n ** 32n +
    BigInt((parameters as LockParameters).lengthLow),
  flags: (parameters as LockParameters).flags
})

describe("a lock that waits in the system", () => {
  claim("is one operation, of this range, without fail-immediately; granted, it is given back once", function*(bench) {
    const { control, file, unlocked } = bench
    control.script(simulated.pend)
    const fiber = yield* Effect.fork(File.withLock(file, range, Effect.sync(() => unlocked.length)))
    yield* eventually("pending", () => control.pending.length === 1)
    expect(lockOf(control.pending[0]!.issue)).toEqual({ kind: "lock", ...range, flags: C.LOCKFILE_EXCLUSIVE_LOCK })
    control.pending[0]!.complete(granted)
    expect(yield* Fiber.join(fiber)).toBe(0)
    expect(unlocked).toEqual([{ handle: file.io.handle, ...range }])
  })
  claim("shared says so", function*({ control, file }) {
    let flags = -1
    control.decide = (issue) => {
      flags = lockOf(issue).flags
      return simulated.inline(granted)
    }
    yield* File.withLock(file, { exclusive: false }, Effect.void)
    expect(flags).toBe(0)
  })
  claim("interrupted, is cancelled, and nothing is given back", function*({ control, file, unlocked }) {
    control.script(simulated.pend)
    const fiber = yield* Effect.fork(File.withLock(file, range, Effect.die("it ran")))
    yield* eventually("pending", () => control.pending.length === 1)
    expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
    expect([control.log.filter((verb) => verb === "CancelIoEx").length, unlocked.length]).toEqual([1, 0])
  })
  claim("rule 12: interrupted, and granted all the same, is given back once", function*({ control, file, unlocked }) {
    control.script(simulated.pendUntilCancelled(granted))
    let ran = false
    const fiber = yield* Effect.fork(File.withLock(file, range, Effect.sync(() => ran = true)))
    yield* eventually("pending", () => control.pending.length === 1)
    expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
    expect({ ran, unlocked }).toEqual({ ran: false, unlocked: [{ handle: file.io.handle, ...range }] })
  })
  claim("of File.lock too", function*({ control, file, unlocked }) {
    control.script(simulated.pendUntilCancelled(granted))
    const fiber = yield* Effect.fork(Effect.scoped(File.lock(file, range)))
    yield* eventually("pending", () => control.pending.length === 1)
    yield* Fiber.interrupt(fiber)
    expect(unlocked).toEqual([{ handle: file.io.handle, ...range }])
  })
  claim("in an uninterruptible region is not cancelled", function*({ control, file, unlocked }) {
    control.script(simulated.pend)
    const fiber = yield* Effect.fork(Effect.uninterruptible(File.withLock(file, range, Effect.void)))
    yield* eventually("pending", () => control.pending.length === 1)
    yield* Effect.forkDaemon(Fiber.interrupt(fiber))
    yield* Effect.sleep(10)
    expect(control.pending[0]!.cancels).toBe(0)
    control.pending[0]!.complete(granted)
    yield* Fiber.await(fiber)
    expect(unlocked.length).toBe(1)
  })
  claim(
    "rule 19: that not even a cancel ends is quarantined, and the fiber goes on",
    function*({ control, file, unlocked }) {
      control.script(simulated.stuck)
      const fiber = yield* Effect.fork(File.withLock(file, range, Effect.die("it ran")))
      yield* eventually("pending", () => control.pending.length === 1)
      expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
      expect(unlocked.length).toBe(0)
    },
    { quarantines: true }
  )
  claim("whose giving back fails says so, beside what the effect came to", function*(bench) {
    const { control, file } = bench
    bench.unlockStatus = 158
    control.script(simulated.inline(granted), simulated.inline(granted))
    expect(yield* Effect.flip(File.withLock(file, range, Effect.void))).toMatchObject({ code: 158 })
    const exit = yield* Effect.exit(File.withLock(file, range, Effect.fail("mine")))
    expect(Exit.isFailure(exit) && [...Cause.failures(exit.cause)]).toEqual([
      "mine",
      expect.objectContaining({ code: 158 })
    ])
  })
})

describe("a lock that does not wait", () => {
  const attempt = { ...range, exclusive: true }
  const cannotWait = ({ kernel }: Bench) => Object.defineProperty(kernel, "waitsForLocks", { value: false })
  const { ERROR_ACCESS_DENIED, ERROR_LOCK_VIOLATION } = C
  /** A failure of it may bring a packet, which would end whatever has its place by then. */
  const nothingThroughThePort = ({ control }: Bench) =>
    expect(control.log.filter((verb) => verb === "lock" || verb === "StartThreadpoolIo")).toEqual([])

  for (const skipMode of [true, false]) {
    claim(`is asked for past the completion port, ${skipMode ? "with" : "without"} skip mode`, function*(bench) {
      const { file, lockStatuses, tried, unlocked } = bench
      const { handle } = file.io
      yield* File.withLock(file, { ...range, wait: false }, Effect.void)
      lockStatuses.push(ERROR_LOCK_VIOLATION)
      const shared = File.withLock(file, { exclusive: false, wait: false }, Effect.die("it ran"))
      expect(yield* Effect.flip(shared)).toMatchObject({ code: 33, reason: "Busy", syscall: "LockFileEx" })
      expect(tried).toEqual([{ handle, ...attempt }, { handle, offset: 0n, length: 2n ** 64n - 1n, exclusive: false }])
      expect(unlocked).toEqual([{ handle, ...range }])
      nothingThroughThePort(bench)
    }, { skipMode })
  }
  claim("is tried again until it is granted, where the system cannot wait", function*(bench) {
    const { file, lockStatuses, tried, unlocked } = bench
    cannotWait(bench)
    lockStatuses.push(ERROR_LOCK_VIOLATION, ERROR_LOCK_VIOLATION, ERROR_LOCK_VIOLATION)
    yield* File.withLock(file, range, Effect.void)
    expect([tried.length, unlocked.length]).toEqual([4, 1])
    nothingThroughThePort(bench)
  })
  claim("is tried again without skip mode, where a failure could bring a packet", function*(bench) {
    bench.lockStatuses.push(ERROR_LOCK_VIOLATION)
    yield* File.withLock(bench.file, range, Effect.void)
    expect([bench.tried.length, bench.unlocked.length]).toEqual([2, 1])
    nothingThroughThePort(bench)
  }, { skipMode: false })
  claim("fails at once with anything but 33", function*(bench) {
    cannotWait(bench)
    bench.lockStatuses.push(ERROR_ACCESS_DENIED)
    expect(yield* Effect.flip(File.withLock(bench.file, range, Effect.void))).toMatchObject({ code: 5 })
    expect(bench.tried.length).toBe(1)
  })
  claim("interrupted, and granted all the same, is given back once", function*(bench) {
    let ran = false
    bench.holds = true
    const locking = File.withLock(bench.file, { ...range, wait: false }, Effect.sync(() => ran = true))
    const fiber = yield* Effect.fork(locking)
    yield* eventually("asked for", () => bench.held.length === 1)
    yield* Fiber.interruptFork(fiber)
    yield* Effect.sleep(1)
    bench.held[0]!()
    expect(Exit.isInterrupted(yield* Fiber.await(fiber))).toBe(true)
    expect({ ran, unlocked: bench.unlocked }).toEqual({
      ran: false,
      unlocked: [{ handle: bench.file.io.handle, ...range }]
    })
  })
  claim("interrupted, and taken, is not given back", function*(bench) {
    bench.holds = true
    bench.lockStatuses.push(ERROR_LOCK_VIOLATION)
    const fiber = yield* Effect.fork(File.withLock(bench.file, { ...range, wait: false }, Effect.die("it ran")))
    yield* eventually("asked for", () => bench.held.length === 1)
    yield* Fiber.interruptFork(fiber)
    yield* Effect.sleep(1)
    bench.held[0]!()
    expect(Exit.isInterrupted(yield* Fiber.await(fiber))).toBe(true)
    expect(bench.unlocked).toEqual([])
  })
})

describe("TRUE without a packet, which Wine answers", () => {
  for (const skipMode of [true, false]) {
    claim(
      `completes inline, ${skipMode ? "with" : "without"} skip mode, and pairs its Start with Cancel`,
      function*(bench) {
        const { control, file, kernel } = bench
        const original = kernel.issue.bind(kernel)
        kernel.issue = (issue) => {
          const status = original(issue)
          return issue.kind === "ioctl" && status === 0 ? DONE_WITHOUT_PACKET : status
        }
        control.script(simulated.silent(granted))
        yield* File.submit(file, Operation.deviceIoControl({ code: "FSCTL_SET_SPARSE" }))
        const { completedByCallback, completedInline, started } = file.io.object.counters.read()
        expect({ completedByCallback, completedInline, started })
          .toEqual({ completedByCallback: 0, completedInline: 1, started: 1 })
        expect(control.log).toContain("CancelThreadpoolIo")
      },
      { skipMode }
    )
  }
})

describe("FSCTL_QUERY_ALLOCATED_RANGES", () => {
  type Range = readonly [offset: bigint, length: bigint]
  const queryOf = ({ input }: Issue): Range => {
    const view = new DataView(input!.bytes.buffer, input!.bytes.byteOffset)
    return [view.getBigInt64(0, true), view.getBigInt64(8, true)]
  }
  const answer = (pending: simulated.Pending, ranges: ReadonlyArray<Range>, status: number) => {
    const view = new DataView(pending.memory.buffer, pending.memory.byteOffset)
    ranges.forEach(([offset, length], index) => {
      view.setBigInt64(index * 16, offset, true)
      view.setBigInt64(index * 16 + 8, length, true)
    })
    pending.complete({ status, bytes: ranges.length * 16 })
  }
  claim("rule 9: 234 is asked on, from where the last range ends", function*({ control, file }) {
    control.otherwise = simulated.pend
    const fiber = yield* Effect.fork(File.allocatedRanges(file, { offset: 10, length: 2 ** 40 }))
    const pages: ReadonlyArray<readonly [ReadonlyArray<Range>, number]> = [
      [[[16n, 4n], [64n, 36n]], C.ERROR_MORE_DATA],
      [[[200n, 2n ** 33n]], C.ERROR_MORE_DATA],
      [[[2n ** 39n, 1n]], C.ERROR_SUCCESS]
    ]
    const asked: Array<Range> = []
    for (const [ranges, status] of pages) {
      yield* eventually("asked", () => control.pending.length === 1)
      asked.push(queryOf(control.pending[0]!.issue))
      answer(control.pending[0]!, ranges, status)
    }
    const end = 10n + 2n ** 40n
    expect(asked).toEqual([[10n, end - 10n], [100n, end - 100n], [200n + 2n ** 33n, end - 200n - 2n ** 33n]])
    expect(yield* Fiber.join(fiber)).toEqual(
      pages.flatMap(([ranges]) => ranges.map(([offset, length]) => ({ offset, length })))
    )
    control.otherwise = simulated.packet
  })
  claim("that says there is more and brings nothing ends all the same", function*({ control, file }) {
    control.script(simulated.pend)
    const fiber = yield* Effect.fork(Effect.flip(File.allocatedRanges(file, {})))
    yield* eventually("asked", () => control.pending.length === 1)
    answer(control.pending[0]!, [], C.ERROR_MORE_DATA)
    expect(yield* Fiber.join(fiber)).toMatchObject({ code: 234, reason: "MoreData" })
  })
  claim("of nothing but a hole is no range at all", function*({ control, file }) {
    control.script(simulated.inline(granted))
    expect(yield* File.allocatedRanges(file, {})).toEqual([])
  })
  claim("of control codes: 234 is a failure where all was asked for", function*({ control, file }) {
    control.script(simulated.inline({ status: C.ERROR_MORE_DATA, bytes: 2 }))
    const options = { code: "FSCTL_GET_COMPRESSION", outputSize: 2 } as const
    expect(yield* Effect.flip(File.deviceIoControl(file, options))).toMatchObject({ code: 234, reason: "MoreData" })
  })
})

describe("zeroRange", () => {
  claim("asks the file system once, for all of the bytes, and says that it was done there", function*(bench) {
    const { control, file } = bench
    control.script(simulated.pend)
    const fiber = yield* Effect.fork(File.zeroRange(file, 4096, 2n ** 40n))
    yield* eventually("asked", () => control.pending.length === 1)
    const { input, inputLength, length, parameters } = control.pending[0]!.issue
    const view = new DataView(input!.bytes.buffer, input!.bytes.byteOffset)
    expect([parameters, inputLength, length]).toEqual([C.IO_CONTROL_CODES.FSCTL_SET_ZERO_DATA, 16, 0])
    expect([view.getBigInt64(0, true), view.getBigInt64(8, true)]).toEqual([4096n, 4096n + 2n ** 40n])
    control.pending[0]!.complete(granted)
    expect(yield* Fiber.join(fiber)).toBe("system")
  })
})

describe("rule 27: pages in place", () => {
  const elementsOf = ({ input }: Issue, count: number): ReadonlyArray<number> => {
    const view = new DataView(input!.bytes.buffer, input!.bytes.byteOffset)
    return Array.from({ length: count }, (_, index) => Number(view.getBigUint64(index * 8, true)))
  }
  const blockOf = (buffer: BufferPool.PoolBuffer): Block => leaseOf(buffer).block!
  claim("are told one by one, with a NULL behind the last, and are taken until the kernel lets go", function*(bench) {
    const { control, file } = bench
    const a = yield* BufferPool.make(8192)
    const b = yield* BufferPool.make(16_384)
    control.otherwise = simulated.pend
    const buffers = [a, { buffer: b, start: 4096, length: 8192 }]
    const { request } = vectored("read", { buffers, offset: 4096 }, true)
    const issued = file.io.object.submit(request)
    const pending = control.pending[0]!
    expect([pending.issue.kind, pending.issue.length, pending.issue.offsetLow]).toEqual(["scatter", 16_384, 4096])
    expect(elementsOf(pending.issue, 5)).toEqual([
      blockOf(a).address,
      blockOf(a).address + 4096,
      blockOf(b).address + 4096,
      blockOf(b).address + 8192,
      0
    ])
    // Both are in use, each in its window.
    const attempts = [
      Operation.read({ buffer: a, start: 8191, length: 1 }),
      Operation.write({ buffer: b, start: 4096, length: 1 })
    ]
    for (const attempt of attempts) {
      expect(yield* Effect.flip(File.submit(file, attempt))).toMatchObject({ reason: "InvalidArgument" })
    }
    pending.complete({ status: C.ERROR_SUCCESS, bytes: 16_384 })
    expect(issued).toMatchObject({ delivered: true, status: 0, bytes: 16_384 })
    control.otherwise = simulated.packet
    for (const attempt of attempts) yield* File.submit(file, attempt)
  })
  claim("that are returned meanwhile go round only afterwards", function*({ control, file }) {
    const { engine } = yield* Kernel.Kernel
    control.script(simulated.pend)
    const issued = yield* Effect.scoped(
      Effect.map(
        BufferPool.make(8192),
        (buffer) => file.io.object.submit(vectored("write", { buffers: [buffer] }, true).request)
      )
    )
    expect(control.pending[0]!.issue.kind).toBe("gather")
    expect(engine.buffers.lentBytes).toBe(8192 + 4096)
    control.pending[0]!.complete({ status: C.ERROR_SUCCESS, bytes: 8192 })
    expect([issued.delivered, engine.buffers.lentBytes]).toEqual([true, 0])
  })
  claim(
    "rule 19: of a quarantined operation stay out of use for good; copied ones do not",
    function*({ control, file }) {
      const kept = yield* BufferPool.make(4096)
      const copied = yield* BufferPool.make(100)
      control.script(simulated.stuck, simulated.stuck)
      for (const [buffer, inPlace] of [[kept, true], [copied, false]] as const) {
        const issued = file.io.object.submit(vectored("read", { buffers: [buffer] }, inPlace).request)
        file.io.object.cancel(issued)
        yield* eventually("quarantined", () => issued.ending === "quarantined")
      }
      expect(yield* Effect.flip(File.read(file, kept, 0))).toMatchObject({ reason: "InvalidArgument" })
      expect(yield* File.read(file, copied, 0)).toBe(0)
    },
    { quarantines: true }
  )
  claim("no memory for them is Exhausted, and takes nothing", function*({ control, file }) {
    const { engine } = yield* Kernel.Kernel
    control.memoryLeft = 0
    const big = new Uint8Array(32 << 20)
    expect(yield* Effect.flip(File.readVectored(file, [big, new Uint8Array(1)], 0)))
      .toMatchObject({ reason: "Exhausted", code: 8 })
    expect(engine.buffers.lentBytes).toBe(0)
    control.memoryLeft = Infinity
    expect(yield* File.readVectored(file, [big, new Uint8Array(1)], 0)).toBe(0)
  })
  claim("waiting in the queue are given back when they are cancelled there", function*({ control, file }) {
    const { engine } = yield* Kernel.Kernel
    const small = yield* File.open(file.path, { maxInFlight: 1 })
    const buffer = new Uint8Array(8)
    control.script(simulated.pend)
    const first = small.io.object.submit(Operation.read({ buffer: new Uint8Array(1) }).request)
    const second = small.io.object.submit(Operation.readVectored({ buffers: [buffer] }).request)
    expect([first.state, second.state]).toEqual(["Pending", "Queued"])
    small.io.object.cancel(second)
    control.pending[0]!.complete(granted)
    expect([second.state, engine.counters.queued]).toEqual(["Released", 0])
    expect(yield* File.readVectored(small, [buffer], 0)).toBe(0)
  })
})
