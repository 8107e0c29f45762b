/**
 * Objects and calls in the engine: how an object is bound and closed, whatever its operations are doing; what holds
 * the event loop, and who gets a turn of it.
 */
import { describe, expect, it } from "@effect/vitest"
import * as C from "../../src/internal/constants.js"
import { Engine } from "../../src/internal/engine/Engine.js"
import { Turns } from "../../src/internal/engine/Turns.js"
import * as Operation from "../../src/Operation.js"
import { type Bench, bench, closed, done, DRAIN, Loop, nothingOpen, own, read } from "../support/bench.js"
import * as simulated from "../support/simulated.js"

describe("closing an object, whatever state its operation is in", () => {
  it("Queued: it ends with Closed, without a native call", () => {
    const { bind, control, settle } = bench()
    const object = bind({ maxInFlight: 1 })
    control.script(simulated.pend)
    object.submit(read())
    const queued = object.submit(read())
    const close = closed(object)
    settle()
    expect(queued).toMatchObject({ ending: "closed", status: C.ERROR_INVALID_HANDLE, delivered: true })
    expect(close.report).toMatchObject({ retained: undefined, closeStatus: 0 })
    expect(control.census()).toMatchObject(nothingOpen)
  })
  it("Started: it is cancelled once it has been issued (rule 14)", () => {
    const { bind, control, settle } = bench()
    const object = bind()
    let close: ReturnType<typeof closed> | undefined
    const operation = object.submit(own(() => {
      close = closed(object)
      return C.ERROR_IO_PENDING
    }))
    expect(control.log).toContain("CancelIoEx")
    settle()
    expect(operation).toMatchObject({ delivered: true, status: C.ERROR_OPERATION_ABORTED })
    expect(close!.report).toMatchObject({ retained: undefined })
    expect(object.counters).toMatchObject({ started: 1, cancelled: 1, completedByCallback: 1 })
  })
  it("Started, and it then fails at once: there is nothing to cancel", () => {
    const { bind, control, settle } = bench()
    const object = bind()
    let close: ReturnType<typeof closed> | undefined
    object.submit(own(() => {
      close = closed(object)
      return C.ERROR_ACCESS_DENIED
    }))
    settle()
    expect(control.log).not.toContain("CancelIoEx")
    expect(close!.report).toMatchObject({ retained: undefined })
  })
  it("CallbackSeen: the completion that has come is its end", () => {
    const { bind, control, kernel, settle } = bench()
    const object = bind()
    let close: ReturnType<typeof closed> | undefined
    const complete = kernel.slots.complete.bind(kernel.slots)
    kernel.slots.complete = (...packet) => {
      complete(...packet)
      close ??= closed(object)
    }
    control.script(simulated.duringIssue(done))
    const operation = object.submit(read())
    settle()
    expect(operation).toMatchObject({ ending: "completed", bytes: 3 })
    expect(close!.report).toMatchObject({ retained: undefined })
    expect(control.log).not.toContain("CancelIoEx")
  })
  it("Pending: it is cancelled and waited for", () => {
    const { bind, control, settle } = bench()
    const object = bind({ owned: true })
    control.script(simulated.ignoringCancels(1))
    const operation = object.submit(read())
    const close = closed(object)
    settle()
    expect([close.report, control.log.includes("CloseHandle")]).toEqual([undefined, false])
    control.pending[0]!.complete(done)
    settle()
    expect([operation.ending, close.report]).toMatchObject(["completed", { retained: undefined }])
    expect(control.log.slice(-3)).toEqual(["WaitForThreadpoolIoCallbacks", "CloseHandle", "CloseThreadpoolIo"])
    expect(control.census()).toMatchObject(nothingOpen)
  })
  it("Released, and its listener not told yet: it is told all the same", () => {
    const { bind, control, loop, settle } = bench()
    const object = bind()
    control.otherwise = simulated.duringIssue(done)
    const operations = Array.from({ length: 70 }, () => object.submit(read()))
    expect(operations[69]!.delivered).toBe(false)
    const close = closed(object)
    settle()
    expect([operations.every(({ delivered }) => delivered), close.report?.retained]).toEqual([true, undefined])
    expect(loop.refs).toBe(0)
  })
  it("none: what is submitted afterwards ends with Closed, without a native call", () => {
    const { bind, control, settle } = bench()
    const object = bind()
    closed(object)
    control.log.length = 0
    const during = object.submit(read())
    settle()
    const after = object.submit(read())
    for (const operation of [during, after]) {
      expect(operation).toMatchObject({ delivered: true, ending: "closed", status: C.ERROR_INVALID_HANDLE })
    }
    expect(control.log).not.toContain("StartThreadpoolIo")
  })
  it("a handle that cannot be closed is reported", () => {
    const { bind, control, settle } = bench()
    const object = bind({ owned: true })
    control.scriptCall("CloseHandle", simulated.failCall(C.ERROR_IO_DEVICE))
    const close = closed(object)
    expect(settle).not.toThrow()
    expect(close.report).toMatchObject({ closeStatus: C.ERROR_IO_DEVICE })
  })
})

describe("rule 18: a borrowed handle", () => {
  it("is unbound where the system can, and its object closed", () => {
    const { bind, control, engine, settle } = bench()
    const object = bind()
    closed(object)
    settle()
    expect(control.log).toEqual(["unbind", "WaitForThreadpoolIoCallbacks", "CloseThreadpoolIo"])
    expect(engine.counters.retained).toBe(0)
    expect(bind({}, object.handle).threadpoolIo).not.toBe(object.threadpoolIo)
  })
  it("keeps its object elsewhere, which is handed out again", () => {
    const { bind, control, engine, settle } = bench()
    control.unbindSupported = false
    const object = bind()
    const close = closed(object)
    settle()
    expect([control.log, close.report?.retained]).toEqual([["unbind"], expect.stringContaining("borrowed")])
    expect(engine.counters.retained).toBe(1)
    for (let round = 0; round < 3; round++) {
      const again = bind({}, object.handle)
      expect(again.threadpoolIo).toBe(object.threadpoolIo)
      const operation = again.submit(read())
      settle()
      expect(operation.ending).toBe("completed")
      closed(again)
      settle()
    }
  })
  it("keeps it for every engine of the same kernel", () => {
    const { bind, control, kernel, loop, settle } = bench()
    control.unbindSupported = false
    const object = bind()
    closed(object)
    settle()
    const another = new Engine(kernel, loop).bind(object.handle, object.options)
    expect(another).toMatchObject({ threadpoolIo: object.threadpoolIo })
  })
  it("is not handed out twice at a time", () => {
    const { bind, control, engine, settle } = bench()
    control.unbindSupported = false
    const object = bind()
    closed(object)
    settle()
    bind({}, object.handle)
    expect(engine.bind(object.handle, object.options)).toBe(C.ERROR_INVALID_PARAMETER)
  })
  it("of which an operation is quarantined is not handed out again (rule 4)", () => {
    const { bind, control, engine, loop, settle } = bench()
    control.unbindSupported = false
    const object = bind()
    control.script(simulated.stuck)
    object.cancel(object.submit(read()))
    loop.pass(DRAIN)
    closed(object)
    settle()
    expect(engine.bind(object.handle, object.options)).toBe(C.ERROR_INVALID_PARAMETER)
  })
})

describe("binding", () => {
  it("answers the last error", () => {
    const { bind, control, engine } = bench()
    const options = bind().options
    for (const handle of [0, -1, NaN, 1.5, 4444]) expect(engine.bind(handle, options)).toBe(C.ERROR_INVALID_HANDLE)
    const synchronous = control.borrowedHandle("synchronous", { overlapped: false })
    expect(engine.bind(synchronous, options)).toBe(C.ERROR_INVALID_PARAMETER)
    const handle = control.borrowedHandle("bound")
    bind({}, handle)
    expect(engine.bind(handle, options)).toBe(C.ERROR_INVALID_PARAMETER)
    expect(engine.bind(control.duplicateHandle(handle), options)).toBe(C.ERROR_INVALID_PARAMETER)
  })
})

describe("the event loop", () => {
  it("is held while anything is in flight, once, and let go", () => {
    const { bind, control, loop, settle } = bench()
    const [first, second] = [bind(), bind({}, control.borrowedHandle("second"))]
    control.otherwise = simulated.pend
    expect(loop.refs).toBe(0)
    for (const object of [first, second, first]) object.submit(read())
    expect(loop.refs).toBe(1)
    for (const left of [2, 1, 0]) {
      control.pending[0]!.complete(done)
      settle()
      expect(loop.refs).toBe(left > 0 ? 1 : 0)
    }
  })
  it("is let go by what completes inline, fails at its start, throws or is quarantined", () => {
    const { bind, control, loop } = bench()
    const object = bind()
    control.script(simulated.inline(done), simulated.failAtStart(5), simulated.stuck)
    object.submit(read())
    expect(loop.refs).toBe(0)
    object.submit(read())
    expect(loop.refs).toBe(0)
    const operation = object.submit(read())
    expect(loop.refs).toBe(1)
    object.cancel(operation)
    loop.pass(DRAIN)
    expect(loop.refs).toBe(0)
    control.script()
    object.submit(own(() => {
      throw new Error("broken")
    }))
    expect(loop.refs).toBe(0)
  })
  it("is not held by what is refused", () => {
    const { bind, loop } = bench()
    bind().submit(Operation.read({ buffer: new Uint8Array(1), offset: -1 }).request)
    expect(loop.refs).toBe(0)
  })
})

describe("fairness: deliveries in one turn of the event loop", () => {
  const delivering = () => {
    const loop = new Loop()
    const turns = new Turns(loop)
    const told: Array<number> = []
    const deliver = (index: number, spend = 0) =>
      turns.deliver({
        previous: undefined,
        next: undefined,
        deliver: () => {
          told.push(index)
          loop.time += spend
        }
      }, true)
    return { deliver, loop, told, turns }
  }
  it("are 64 at most, and the others follow in order, 64 each turn", () => {
    const { deliver, loop, told } = delivering()
    for (let index = 0; index < 200; index++) deliver(index)
    expect(told).toHaveLength(64)
    for (const total of [128, 192, 200]) {
      loop.turn()
      expect(told).toHaveLength(total)
    }
    expect(told).toEqual(Array.from({ length: 200 }, (_, index) => index))
    expect(loop.turn()).toBe(false)
  })
  it("take 2 ms at most", () => {
    const { deliver, loop, told } = delivering()
    for (let index = 0; index < 10; index++) deliver(index, 1)
    expect(told).toEqual([0, 1])
    loop.turn()
    expect(told).toEqual([0, 1, 2, 3])
  })
  it("begin anew when a completion has come out of the event loop", () => {
    const { deliver, loop, told, turns } = delivering()
    deliver(0)
    loop.pass(50)
    deliver(1)
    expect(told).toEqual([0])
    loop.turn()
    loop.pass(50)
    turns.woke()
    deliver(2)
    expect(told).toEqual([0, 1, 2])
  })
  it("do not overtake what waits for its turn", () => {
    const { deliver, loop, told, turns } = delivering()
    for (let index = 0; index < 65; index++) deliver(index)
    turns.woke()
    deliver(65)
    expect(told).toHaveLength(64)
    loop.turn()
    expect(told.slice(-2)).toEqual([64, 65])
  })
})

describe("a call", () => {
  const open = {
    path: "file",
    access: C.GENERIC_READ,
    share: 7,
    disposition: C.OPEN_ALWAYS,
    flags: 0,
    mode: 0o666
  } as const
  const opening = (here: Bench, plan: simulated.CallPlan) => {
    here.control.scriptCall("CreateFileW", plan)
    const disposed: Array<number> = []
    return { call: here.engine.call("CreateFileW", open, { dispose: (handle) => disposed.push(handle) }), disposed }
  }
  it("that nobody waits for any more is taken back while it has not begun", () => {
    const here = bench()
    const { call, disposed } = opening(here, simulated.queueCall)
    call.cancel(DRAIN)
    expect(call).toMatchObject({ delivered: true, status: C.ERROR_OPERATION_ABORTED, givenUp: false })
    expect([here.control.held, disposed, here.loop.timers]).toEqual([[], [], 0])
  })
  it("that runs is waited for, and what it brings is disposed of", () => {
    const here = bench()
    const { call, disposed } = opening(here, simulated.holdCall)
    call.cancel(DRAIN)
    here.loop.pass(DRAIN - 1)
    expect(call.delivered).toBe(false)
    here.control.held[0]!.release()
    expect([call.delivered, call.status, here.loop.timers]).toEqual([true, C.ERROR_SUCCESS, 0])
    call.discard()
    call.discard()
    expect(disposed).toHaveLength(1)
  })
  it("that hangs is given up when its time is over, and what it brings after that is disposed of (rule 29)", () => {
    const here = bench()
    const { call, disposed } = opening(here, simulated.holdCall)
    call.cancel(DRAIN)
    here.loop.pass(DRAIN)
    here.settle()
    expect(call).toMatchObject({ delivered: true, givenUp: true, status: C.WAIT_TIMEOUT })
    call.discard()
    expect(disposed).toEqual([])
    let told = 0
    call.listener = () => told++
    here.control.held[0]!.release()
    here.settle()
    expect([disposed.length, told, call.status]).toEqual([1, 0, C.WAIT_TIMEOUT])
  })
  it("that hangs is waited for without end when there is no limit", () => {
    const here = bench()
    const { call } = opening(here, simulated.holdCall)
    call.cancel(Infinity)
    here.loop.pass(1e9)
    expect([call.delivered, here.loop.timers]).toEqual([false, 0])
    here.control.held[0]!.release()
    expect(call.delivered).toBe(true)
  })
  it("that failed brings nothing to dispose of", () => {
    const here = bench()
    const { call, disposed } = opening(here, simulated.failCall(C.ERROR_ACCESS_DENIED))
    call.cancel(DRAIN)
    here.settle()
    call.discard()
    expect([call.status, disposed]).toEqual([C.ERROR_ACCESS_DENIED, []])
  })
})
