/**
 * Operations in the engine: every state that one goes through, in every order. The model refuses whatever breaks a
 * rule of the contract.
 */
import { describe, expect, it } from "@effect/vitest"
import * as C from "../../src/internal/constants.js"
import type { Operation as Issued, Request } from "../../src/internal/engine/Operation.js"
import type { BindOptions } from "../../src/internal/engine/ThreadpoolIoObject.js"
import { isBalanced } from "../../src/Ledger.js"
import * as Operation from "../../src/Operation.js"
import { type Bench, bench, closed, done, DRAIN, lend, own, read, readInto } from "../support/bench.js"
import * as simulated from "../support/simulated.js"

describe("rules 1 and 2: the table of results", () => {
  type Column = "completedByCallback" | "completedInline" | "failedAtStart"
  const rows: ReadonlyArray<readonly [name: string, simulated.Plan, skipOff: Column, skipOn: Column]> = [
    ["TRUE", simulated.inline(done), "completedByCallback", "completedInline"],
    ["997", simulated.packet, "completedByCallback", "completedByCallback"],
    ["234", simulated.inline({ status: 234, bytes: 8 }), "completedByCallback", "completedInline"],
    ["38", simulated.failAtStart(38), "failedAtStart", "failedAtStart"],
    ["5", simulated.failAtStart(5), "failedAtStart", "failedAtStart"],
    ["1784", simulated.failAtStart(1784), "failedAtStart", "failedAtStart"]
  ]
  for (const [name, plan, skipOff, skipOn] of rows) {
    for (const skipMode of [false, true]) {
      const column = skipMode ? skipOn : skipOff
      it(`${name} with skip mode ${skipMode ? "on" : "off"} is ${column}`, () => {
        const { bind, control, settle } = bench()
        const object = bind({ skipMode })
        control.script(plan)
        const operation = object.submit(read())
        settle()
        expect(operation.delivered).toBe(true)
        expect(object.counters).toMatchObject({ started: 1, inFlight: 0, [column]: 1 })
        const cancels = control.log.filter((verb) => verb === "CancelThreadpoolIo")
        expect(cancels).toHaveLength(column === "completedByCallback" ? 0 : 1)
        expect(control.census()).toMatchObject({ started: 0, inFlight: 0 })
      })
    }
  }
  for (const skipMode of [false, true]) {
    it(`TRUE that means pending is never Cancel, with skip mode ${skipMode ? "on" : "off"}`, () => {
      const { bind, control, settle } = bench()
      const object = bind({ skipMode })
      control.script(simulated.trueMeansPending)
      const watch = Operation.unsafeMake({ syscall: "ReadDirectoryChangesW", issue: () => 0, trueIsPending: true })
      const operation = object.submit(watch.request)
      settle()
      expect([operation.delivered, operation.state]).toEqual([false, "Pending"])
      control.pending[0]!.complete(done)
      expect([operation.delivered, operation.bytes]).toEqual([true, 3])
      expect(control.log).not.toContain("CancelThreadpoolIo")
    })
  }
  it("the time that an initiating call takes is counted", () => {
    const { bind, engine, loop } = bench()
    const object = bind()
    object.submit(own(() => {
      loop.time += 7
      return 5
    }))
    expect([object.counters.initiatingMs, engine.counters.initiatingMs]).toEqual([7, 7])
  })
  it("of many initiating calls every sixteenth is timed, and stands for those since", () => {
    const { bind, loop } = bench()
    const [object, now] = [bind(), loop.now]
    let looks = 0
    Object.assign(loop, { now: () => (looks++, now()) })
    for (let call = 0; call < 33; call++) {
      object.submit(own(() => {
        loop.time += call === 16 ? 3 : 1
        return 5
      }))
    }
    expect(object.counters.initiatingMs).toBe(1 + 16 * 3 + 16 * 1)
    expect(looks).toBeLessThan(33)
  })
})

describe("rule 6: the callback before the initiating call has returned", () => {
  for (const answer of [C.ERROR_IO_PENDING, C.ERROR_SUCCESS]) {
    for (const skipMode of [false, true]) {
      it(`is the pair, whatever the call then answers (${answer}, skip mode ${skipMode ? "on" : "off"})`, () => {
        const { bind, control, settle } = bench()
        const object = bind({ skipMode })
        control.script(simulated.duringIssue(done, answer))
        const buffer = new Uint8Array(8)
        const operation = object.submit(readInto(buffer))
        expect([operation.delivered, operation.state, operation.bytes]).toEqual([true, "Released", 3])
        settle()
        expect(object.counters).toMatchObject({ started: 1, completedByCallback: 1, inFlight: 0 })
        expect(control.log).toEqual(["StartThreadpoolIo", "read"])
      })
    }
  }
  it("frees its place for the next in the queue only once the call has returned", () => {
    const { bind, control, settle } = bench()
    const object = bind({ maxInFlight: 1 })
    control.script(simulated.pend, simulated.duringIssue(done), simulated.duringIssue(done))
    const operations = [object.submit(read()), object.submit(read()), object.submit(read())]
    control.pending[0]!.complete(done)
    settle()
    expect(operations.map(({ bytes, state }) => [bytes, state])).toEqual(Array(3).fill([3, "Released"]))
    expect(object.counters).toMatchObject({ started: 3, completedByCallback: 3 })
  })
  it("that comes twice is followed once", () => {
    const { bind, control, kernel } = bench()
    const object = bind()
    const complete = kernel.slots.complete.bind(kernel.slots)
    kernel.slots.complete = (...packet) => {
      complete(...packet)
      complete(...packet)
    }
    control.script(simulated.duringIssue(done))
    const operation = object.submit(read())
    expect([operation.state, kernel.slots.stray]).toEqual(["Released", 1])
    expect(object.counters).toMatchObject({ started: 1, completedByCallback: 1, inFlight: 0 })
  })
})

describe("a completion that nobody waits for is detected, and not followed", () => {
  it("for a slot that is free", () => {
    const { bind, control, kernel } = bench()
    const object = bind()
    control.script(simulated.duringIssue(done))
    const { slot } = object.submit(read())
    control.strayPacket(slot)
    expect(kernel.slots.stray).toBe(1)
    expect(object.counters).toMatchObject({ started: 1, completedByCallback: 1 })
  })
  it("for a slot that somebody else has by now", () => {
    const { bind, control, kernel } = bench()
    const object = bind()
    control.script(simulated.duringIssue(done), simulated.pend)
    const { slot } = object.submit(read())
    const generation = kernel.slots.generation(slot) - 1
    const heir = object.submit(read())
    expect(heir.slot).toBe(slot)
    control.strayPacket(slot, generation)
    expect([kernel.slots.stray, heir.state]).toEqual([1, "Pending"])
  })
  it("that comes a second time", () => {
    const { bind, control, kernel } = bench()
    const object = bind()
    control.script(simulated.pend)
    const operation = object.submit(read())
    const generation = kernel.slots.generation(operation.slot)
    control.pending[0]!.complete(done)
    kernel.slots.complete(operation.slot, generation, C.ERROR_SUCCESS, 8)
    expect([kernel.slots.stray, operation.bytes]).toEqual([1, 3])
    expect(object.counters).toMatchObject({ completedByCallback: 1, inFlight: 0 })
  })
})

describe("what is thrown inside an initiating call", () => {
  it("is Cancel; slot and memory are back, and the next operation runs", () => {
    const { bind, control, engine, settle } = bench()
    const object = bind({ maxInFlight: 1 })
    const broken = Operation.unsafeMake({
      syscall: "Broken",
      buffer: new Uint8Array(100),
      issue: () => {
        throw new Error("broken")
      }
    }).request
    const operation = object.submit(broken)
    expect([operation.ending, operation.detail, operation.delivered]).toEqual(["defect", new Error("broken"), true])
    expect(control.log).toEqual(["StartThreadpoolIo", "custom", "CancelThreadpoolIo"])
    expect(engine.buffers.lentBytes).toBe(0)
    const next = object.submit(read())
    expect(next.slot).toBe(operation.slot)
    settle()
    expect(object.counters).toMatchObject({ started: 2, failedAtStart: 1, completedByCallback: 1, inFlight: 0 })
  })
})

describe("rules 11 to 13: cancelling", () => {
  const outcomes: ReadonlyArray<readonly [string, simulated.Outcome]> = [
    ["success: the bytes are there", { status: C.ERROR_SUCCESS, bytes: 8 }],
    ["995", { status: C.ERROR_OPERATION_ABORTED, bytes: 0 }],
    ["another error", { status: C.ERROR_BROKEN_PIPE, bytes: 0 }]
  ]
  for (const [name, outcome] of outcomes) {
    it(`ends with ${name}, when the completion comes and not before`, () => {
      const { bind, control, engine, settle } = bench()
      const object = bind()
      control.script(simulated.pendUntilCancelled(outcome))
      const operation = object.submit(read())
      object.cancel(operation)
      expect([operation.delivered, engine.buffers.lentBytes > 0]).toEqual([false, true])
      settle()
      expect(operation).toMatchObject({ delivered: true, ...outcome, cancelRequested: true })
      expect(object.counters).toMatchObject({ started: 1, cancelled: 1, completedByCallback: 1 })
    })
  }
  it("is asked for once, however often it is wanted", () => {
    const { bind, control } = bench()
    const object = bind()
    control.script(simulated.stuck)
    const operation = object.submit(read())
    for (let times = 0; times < 3; times++) object.cancel(operation)
    object.cancelAll()
    expect([control.pending[0]!.cancels, object.counters.cancelled]).toEqual([1, 1])
  })
  it("after the end does nothing", () => {
    const { bind, control } = bench()
    const object = bind()
    control.script(simulated.duringIssue(done))
    object.cancel(object.submit(read()))
    expect([control.log.includes("CancelIoEx"), object.counters.cancelled]).toEqual([false, 0])
  })
  it("from inside its own initiating call takes effect once it has been issued (rule 14)", () => {
    const { bind, control, kernel, settle } = bench()
    const object = bind()
    control.script(simulated.pend)
    let operation: Issued | undefined
    const issue = kernel.issue.bind(kernel)
    kernel.issue = (issued) => {
      object.cancelAll()
      operation = issued as Issued
      expect(control.log).not.toContain("CancelIoEx")
      return issue(issued)
    }
    object.submit(read())
    settle()
    expect(operation).toMatchObject({ delivered: true, status: C.ERROR_OPERATION_ABORTED })
    expect(object.counters).toMatchObject({ cancelled: 1, completedByCallback: 1 })
  })
})

it("a buffer of the pool that is returned while its operation is in flight goes round again once that has ended", () => {
  const here = bench()
  const { buffer, lease } = lend(here, 4096)
  const object = here.bind()
  here.control.script(simulated.pend)
  object.submit(Operation.read({ buffer }).request)
  lease.release()
  expect(here.engine.buffers.lentBytes).toBe(4096)
  here.control.pending[0]!.complete(done)
  expect(here.engine.buffers.lentBytes).toBe(0)
})

describe("rule 19: an operation that does not settle", () => {
  const stuck = (bench: Bench, options: Partial<BindOptions> = {}, request: Request = read()) => {
    const object = bench.bind(options)
    bench.control.script(simulated.stuck)
    const operation = object.submit(request)
    object.cancel(operation)
    return { object, operation }
  }
  it("is quarantined when its time is over, and not before", () => {
    const here = bench()
    const { object, operation } = stuck(here)
    here.loop.pass(DRAIN - 1)
    expect(operation.delivered).toBe(false)
    here.loop.pass(1)
    here.settle()
    expect(operation).toMatchObject({ delivered: true, ending: "quarantined", status: C.WAIT_TIMEOUT })
    expect(object.counters).toMatchObject({ started: 1, cancelled: 1, quarantined: 1, inFlight: 0 })
    expect(isBalanced(object.counters.read())).toBe(true)
    expect(here.loop.timers).toBe(0)
  })
  it("that settles in time is not, and leaves no timer", () => {
    const here = bench()
    const { object, operation } = stuck(here)
    here.loop.pass(DRAIN - 1)
    here.control.pending[0]!.complete(done)
    here.loop.pass(1000)
    expect([operation.ending, object.counters.quarantined, here.loop.timers]).toEqual(["completed", 0, 0])
  })
  it("keeps its slot: none of 5,000 later operations gets it", () => {
    const here = bench()
    const { object, operation } = stuck(here)
    here.loop.pass(DRAIN)
    const slots = new Set<number>()
    for (let index = 0; index < 5000; index++) {
      here.control.script(simulated.duringIssue(done))
      slots.add(object.submit(read()).slot)
      here.settle()
    }
    expect(slots.has(operation.slot)).toBe(false)
  })
  it("keeps its memory, which the kernel may still write: nobody else gets it, nor does the caller see it", () => {
    const here = bench()
    const buffer = new Uint8Array(4096)
    const { operation } = stuck(here, {}, readInto(buffer))
    here.loop.pass(DRAIN)
    const { bytes } = operation.block!
    const others = Array.from({ length: 600 }, () => here.engine.buffers.acquire(4096)!)
    for (const other of others) other.bytes.fill(1)
    bytes.fill(2)
    expect([buffer.every((byte) => byte === 0), others.every((other) => other.bytes.every((byte) => byte === 1))])
      .toEqual([true, true])
    for (const other of others) here.engine.buffers.release(other)
    here.engine.close()
    expect(bytes.length).toBe(4096)
  })
  it("keeps a buffer of the pool out of the pool, also after its owner has returned it", () => {
    const here = bench()
    const { buffer, lease } = lend(here, 4096)
    stuck(here, {}, Operation.read({ buffer }).request)
    const lent = here.engine.buffers.lentBytes
    here.loop.pass(DRAIN)
    lease.release()
    expect(here.engine.buffers.lentBytes).toBe(lent)
  })
  it("and completes later after all is ignored: neither ledger nor memory moves", () => {
    const here = bench()
    const buffer = new Uint8Array(8)
    const { object, operation } = stuck(here, {}, readInto(buffer))
    here.loop.pass(DRAIN)
    here.settle()
    const before = object.counters.read()
    let told = 0
    operation.listener = () => told++
    here.control.pending[0]!.memory.fill(9)
    here.control.pending[0]!.complete({ status: 0, bytes: 8 })
    here.settle()
    expect([object.counters.read(), told, here.kernel.slots.stray]).toEqual([before, 0, 1])
    expect([operation.status, [...buffer]]).toEqual([C.WAIT_TIMEOUT, Array(8).fill(0)])
  })
  it("gives its place to who waits in the queue", () => {
    const here = bench()
    const { object } = stuck(here, { maxInFlight: 1 })
    const next = object.submit(read())
    expect(next.state).toBe("Queued")
    here.loop.pass(DRAIN)
    here.settle()
    expect(next).toMatchObject({ delivered: true, ending: "completed" })
  })
  for (const owned of [true, false]) {
    it(`keeps its object, and its ${owned ? "own" : "borrowed"} handle, open: no Wait, no Close (rule 20)`, () => {
      const here = bench()
      const { object } = stuck(here, { owned })
      here.loop.pass(DRAIN)
      here.control.log.length = 0
      const close = closed(object)
      here.settle()
      expect(close.report).toMatchObject({ quarantined: ["ReadFile"], retained: "an operation did not settle" })
      expect(here.control.log).toEqual([])
      expect(here.engine.counters).toMatchObject({ quarantined: 1, retained: 1 })
    })
  }
  it("while its object closes ends the closing, by name", () => {
    const here = bench()
    const object = here.bind({ owned: true })
    here.control.script(simulated.stuck, simulated.pend)
    object.submit(own(() => 0, "DeviceIoControl"))
    object.submit(read())
    const close = closed(object)
    here.settle()
    expect(close.report).toBeUndefined()
    here.loop.pass(DRAIN)
    here.settle()
    expect(close.report).toMatchObject({ quarantined: ["DeviceIoControl"] })
    expect(here.control.log).not.toContain("CloseHandle")
  })
  it("is waited for without end when drainTimeout is infinite", () => {
    const here = bench()
    const { object, operation } = stuck(here, { drainTimeoutMs: Infinity })
    const close = closed(object)
    expect(here.loop.timers).toBe(0)
    here.loop.pass(1e9)
    here.settle()
    expect([operation.delivered, close.report]).toEqual([false, undefined])
    here.control.pending[0]!.complete(done)
    here.settle()
    expect([operation.delivered, close.report]).toMatchObject([true, { retained: undefined }])
  })
  it("that overhears the first CancelIoEx is not asked again, and is waited for like any", () => {
    const here = bench()
    const object = here.bind()
    here.control.script(simulated.ignoringCancels(1))
    const operation = object.submit(read())
    object.cancel(operation)
    object.cancel(operation)
    const close = closed(object)
    here.settle()
    expect([operation.delivered, here.control.pending[0]!.cancels]).toEqual([false, 1])
    here.loop.pass(DRAIN)
    expect([operation.ending, close.report?.quarantined]).toEqual(["quarantined", ["ReadFile"]])
  })
})

describe("the bound of operations in flight", () => {
  it("holds at every moment, and who waits is issued in order", () => {
    const { bind, control, settle } = bench()
    const object = bind({ maxInFlight: 3 })
    control.otherwise = simulated.pend
    const order: Array<number> = []
    const requests = Array.from({ length: 12 }, (_, index) =>
      own(() => {
        order.push(index)
        return C.ERROR_IO_PENDING
      }))
    for (const request of requests) object.submit(request)
    while (control.pending.length > 0) {
      expect(object.counters.inFlight).toBeLessThanOrEqual(3)
      expect(object.counters.inFlight + object.counters.queued).toBe(12 - object.counters.completedByCallback)
      control.pending[control.pending.length - 1]!.complete(done)
      settle()
    }
    expect(order).toEqual(requests.map((_, index) => index))
  })
  it("a queued operation that is cancelled makes no native call", () => {
    const { bind, control, engine } = bench()
    const object = bind({ maxInFlight: 1 })
    control.script(simulated.pend)
    object.submit(read())
    const queued = object.submit(read())
    control.log.length = 0
    object.cancel(queued)
    expect(queued).toMatchObject({ delivered: true, status: C.ERROR_OPERATION_ABORTED, slot: -1 })
    expect([control.log, object.counters.started, object.counters.queued]).toEqual([[], 1, 0])
    expect(engine.counters).toMatchObject({ queued: 0, cancelled: 1 })
  })
  it("an operation from the middle of the queue leaves the others in order", () => {
    const { bind, control, settle } = bench()
    const object = bind({ maxInFlight: 1 })
    control.script(simulated.pend)
    const ended: Array<number> = []
    const operations = Array.from({ length: 6 }, (_, index) => {
      const operation = object.submit(read())
      operation.listener = () => ended.push(index)
      return operation
    })
    object.cancel(operations[3]!)
    control.pending[0]!.complete(done)
    settle()
    expect(ended).toEqual([3, 0, 1, 2, 4, 5])
  })
  it("memory for a copy is taken when an operation is issued, not while it waits", () => {
    const { bind, control, engine } = bench()
    const object = bind({ maxInFlight: 1 })
    control.script(simulated.pend)
    object.submit(read())
    const lent = engine.buffers.lentBytes
    for (let index = 0; index < 100; index++) object.submit(readInto(new Uint8Array(100_000)))
    expect(engine.buffers.lentBytes).toBe(lent)
  })
  it("no memory is a refusal, without Start, and the queue goes on", () => {
    const { bind, control, settle } = bench()
    const object = bind()
    control.memoryLeft = 0
    const operation = object.submit(read())
    expect(operation).toMatchObject({ delivered: true, ending: "refused", status: C.ERROR_NOT_ENOUGH_MEMORY })
    expect(control.log).toEqual([])
    control.memoryLeft = Infinity
    const next = object.submit(read())
    settle()
    expect(next.ending).toBe("completed")
  })
})
