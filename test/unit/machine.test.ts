/**
 * The small print of the settle machine: what it refuses before any native call, what it copies and what it leaves
 * alone, what it counts, and in which order what is shared goes. Each of these is here because no other test noticed
 * when it was changed.
 */
import { describe, expect, it } from "@effect/vitest"
import * as C from "../../src/internal/constants.js"
import { CleanupGroupObject, EnvironmentObject, ThreadpoolObject } from "../../src/internal/engine/Environment.js"
import { Operation as Issued, type Request } from "../../src/internal/engine/Operation.js"
import { Turns } from "../../src/internal/engine/Turns.js"
import { vectored as makeVectored } from "../../src/internal/operation.js"
import * as Operation from "../../src/Operation.js"
import { type Bench, bench, closed, done, DRAIN, lend, Loop, own, read, readInto } from "../support/bench.js"
import * as simulated from "../support/simulated.js"

const bytes = (...values: ReadonlyArray<number>) => new Uint8Array(values)
const contents = ({ control }: Bench) => {
  const file = control.files.names.get("file")!
  const all = new Uint8Array(file.size)
  file.read(all, 0)
  file.truncate(0)
  file.size = 0
  return [...all]
}
const starts = ({ control }: Bench) => control.log.filter((verb) => verb === "StartThreadpoolIo").length
const write = (options: Operation.Options) => Operation.write(options).request
const vectored = (kind: "read" | "write", buffers: ReadonlyArray<Operation.Segment>) =>
  makeVectored(kind, { buffers }, false).request
const detached = () => {
  const memory = new Uint8Array(8)
  structuredClone(memory.buffer, { transfer: [memory.buffer] })
  return memory
}
/** Makes a request as if all was well when it was made. */
const unchecked = (request: Request, memory: Uint8Array): Request => ({ ...request, memory, problem: undefined })
/** An object whose one place is taken, until the answer is called. */
const busy = (here: Bench) => {
  const object = here.bind({ maxInFlight: 1 })
  here.control.script(simulated.pend)
  object.submit(read())
  return { object, go: () => here.control.pending[0]!.complete(done) }
}

describe("what is refused", () => {
  const shared = new Uint8Array(new SharedArrayBuffer(8))
  const resizable = new Uint8Array(new (ArrayBuffer as any)(8, { maxByteLength: 16 }))
  const troubles: ReadonlyArray<readonly [string, Uint8Array, string, number?]> = [
    ["shared", shared, "the buffer is shared"],
    ["resizable", resizable, "the buffer is resizable"],
    ["shorter than it was", new Uint8Array(7), "the buffer is detached or too short"],
    ["detached, and of which nothing is wanted", detached(), "the buffer is detached", 0]
  ]
  for (const [name, memory, detail, length = 8] of troubles) {
    it(`a caller's memory that is ${name}, alone or among several`, () => {
      const here = bench()
      const object = here.bind()
      const alone = object.submit({ ...unchecked(read(), memory), length })
      expect(alone).toMatchObject({ ending: "refused", status: C.ERROR_INVALID_PARAMETER, detail, delivered: true })
      const several = vectored("read", [new Uint8Array(8), new Uint8Array(8)])
      const segments = several.segments!.map((one, index) => index === 0 ? one : { ...one, memory, length })
      expect(object.submit({ ...several, segments })).toMatchObject({ ending: "refused", detail })
      expect(starts(here)).toBe(0)
    })
  }
  it("a window behind the end of a memory among several", () => {
    const here = bench()
    const several = vectored("read", [new Uint8Array(8)])
    const segments = [{ ...several.segments![0]!, start: 1 }]
    expect(here.bind().submit({ ...several, segments })).toMatchObject({ ending: "refused" })
  })
  it("a buffer of the pool that has been returned, alone or among several", () => {
    const here = bench()
    const object = here.bind()
    const { buffer, lease } = lend(here, 4096)
    const requests = [Operation.read({ buffer }).request, vectored("read", [buffer])]
    lease.release()
    for (const request of requests) {
      const operation = object.submit(request)
      expect(operation).toMatchObject({ ending: "refused", status: C.ERROR_INVALID_PARAMETER })
      expect(operation.detail).toContain("has been returned")
    }
    expect(starts(here)).toBe(0)
  })
  it("at once, and not when its turn comes", () => {
    const here = bench()
    const { go, object } = busy(here)
    const { buffer, lease } = lend(here, 4096)
    const ofPool = [Operation.read({ buffer }).request, vectored("read", [buffer])]
    lease.release()
    for (const request of [...ofPool, unchecked(read(), shared)]) {
      expect(object.submit(request)).toMatchObject({ ending: "refused", delivered: true })
    }
    expect(object.counters.queued).toBe(0)
    go()
  })
  it("memory that went away while its operation was in the queue, and the queue goes on", () => {
    const here = bench()
    const { go, object } = busy(here)
    const gone = [new Uint8Array(8), new Uint8Array(8), new Uint8Array(8)] as const
    const { buffer, lease } = lend(here, 4096)
    const { buffer: other, lease: second } = lend(here, 4096)
    const operations = [
      object.submit(readInto(gone[0])),
      object.submit(write({ buffer: gone[1] })),
      object.submit(vectored("write", [gone[2]])),
      object.submit(Operation.read({ buffer }).request),
      object.submit(vectored("read", [other]))
    ]
    const last = object.submit(read())
    for (const memory of gone) structuredClone(memory.buffer, { transfer: [memory.buffer] })
    lease.release()
    second.release()
    go()
    here.settle()
    for (const operation of operations) {
      expect(operation).toMatchObject({ ending: "refused", status: C.ERROR_INVALID_PARAMETER, delivered: true })
    }
    expect([last.ending, starts(here), here.engine.buffers.lentBytes]).toEqual(["completed", 2, 0])
  })
  it("an operation whose input finds no memory, as one whose output does", () => {
    const here = bench()
    const object = here.bind()
    here.control.memoryLeft = 0
    const input = Operation.deviceIoControl({ code: "FSCTL_SET_SPARSE", input: bytes(1) }).request
    for (const request of [input, vectored("read", [new Uint8Array(8)])]) {
      const operation = object.submit(request)
      expect(operation).toMatchObject({ ending: "refused", status: C.ERROR_NOT_ENOUGH_MEMORY })
      expect(operation.detail).toBe("no memory for a buffer")
    }
    expect(starts(here)).toBe(0)
  })
})

describe("windows of a caller's memory", () => {
  const inFlight = (here: Bench, request: Request) => {
    const object = here.bind()
    here.control.script(simulated.pend)
    object.submit(request)
    return (next: Request) => object.submit(next).ending
  }
  const memory = new Uint8Array(32)
  const window = (start: number, length: number) =>
    Operation.read({ buffer: memory.subarray(8), start, length }).request

  it("overlap where they lie in it, also when they are named from another beginning", () => {
    const next = inFlight(bench(), window(8, 8))
    for (const [start, length] of [[8, 8], [0, 9], [15, 1], [15, 9]] as const) {
      expect(next(window(start, length))).toBe("refused")
    }
    for (const [start, length] of [[0, 8], [16, 8]] as const) expect(next(window(start, length))).toBe("completed")
    expect(next(readInto(memory.subarray(16, 24)))).toBe("refused")
    expect(next(readInto(memory.subarray(0, 8)))).toBe("completed")
  })
  it("may be one when the kernel only reads it, and none at all is nobody's", () => {
    const next = inFlight(bench(), write({ buffer: memory }))
    expect(next(write({ buffer: memory }))).toBe("completed")
    expect(next(readInto(memory))).toBe("refused")
    expect(next(window(4, 0))).toBe("completed")
  })
  it("among several overlap those of others, and each other", () => {
    const next = inFlight(bench(), vectored("read", [memory.subarray(0, 8)]))
    expect(next(vectored("read", [memory.subarray(4, 12)]))).toBe("refused")
    expect(next(vectored("read", [memory.subarray(8, 16), memory.subarray(12, 20)]))).toBe("refused")
    expect(next(vectored("read", [memory.subarray(8, 16), memory.subarray(16, 24)]))).toBe("completed")
  })
})

describe("what is copied", () => {
  it("to the kernel: the window, and no more of the memory than that", () => {
    const here = bench()
    const object = here.bind()
    object.submit(write({ buffer: bytes(1, 2, 3, 4, 5, 6), start: 2, length: 3 }))
    here.settle()
    expect(contents(here)).toEqual([3, 4, 5])
    const large = new Uint8Array(100_000).fill(7)
    expect(object.submit(write({ buffer: large, length: 4 })).ending).toBe("completed")
    here.settle()
    expect(contents(here)).toEqual([7, 7, 7, 7])
    object.submit(vectored("write", [bytes(1, 2), bytes(3), bytes(4, 5)]))
    here.settle()
    expect(contents(here)).toEqual([1, 2, 3, 4, 5])
  })
  it("back: nothing of what the kernel only reads, whatever the caller does with it meanwhile", () => {
    for (
      const request of [
        (memory: Uint8Array) => write({ buffer: memory }),
        (memory: Uint8Array) => vectored("write", [memory])
      ]
    ) {
      const here = bench()
      const object = here.bind()
      here.control.script(simulated.pend)
      const memory = bytes(1, 2, 3)
      object.submit(request(memory))
      memory.fill(9)
      here.control.pending[0]!.complete({ status: 0, bytes: 3 })
      expect([...memory]).toEqual([9, 9, 9])
    }
  })
  it("back: nothing into memory that went away meanwhile, and the operation ends all the same", () => {
    const here = bench()
    const object = here.bind()
    here.control.script(simulated.pend)
    const memory = new Uint8Array(8)
    const operation = object.submit(readInto(memory))
    structuredClone(memory.buffer, { transfer: [memory.buffer] })
    here.control.pending[0]!.complete(done)
    expect(operation).toMatchObject({ ending: "completed", bytes: 3, delivered: true })
    expect(here.engine.buffers.lentBytes).toBe(0)
  })
  it("back: to several no more than has come", () => {
    const here = bench()
    const object = here.bind()
    here.control.script(simulated.pend)
    const [first, second] = [new Uint8Array(2), new Uint8Array(2)]
    object.submit(vectored("read", [first, second]))
    here.control.pending[0]!.issue.block!.bytes.fill(5)
    here.control.pending[0]!.complete({ status: 0, bytes: 3 })
    expect([[...first], [...second]]).toEqual([[5, 5], [5, 0]])
  })
  it("back: no more than the windows of several hold, whatever the completion tells", () => {
    const here = bench()
    const object = here.bind()
    here.control.script(simulated.pend)
    const [first, second] = [new Uint8Array(4), new Uint8Array(4)]
    const operation = object.submit(vectored("read", [first.subarray(1, 3), second.subarray(0, 2)]))
    const { memory, issue } = here.control.pending[0]!
    issue.block!.bytes.fill(5)
    expect(memory.length).toBe(4)
    here.control.pending[0]!.complete({ status: 0, bytes: 4096 })
    expect([operation.ending, [...first], [...second]]).toEqual(["completed", [0, 5, 5, 0], [5, 5, 0, 0]])
  })
})

describe("what is counted", () => {
  it("wake-ups: the completions that woke JavaScript, of the object and of the kernel", () => {
    const here = bench()
    const object = here.bind()
    here.control.script(simulated.pend, simulated.pend, simulated.pend)
    const operations = [object.submit(read()), object.submit(read()), object.submit(read())]
    operations[0]!.completed(0, 1)
    operations[1]!.completed(0, 1, false)
    operations[2]!.completed(0, 1, true)
    expect([object.counters.wakeUps, here.engine.counters.wakeUps]).toEqual([2, 2])
  })
  it("the time of an initiating call, not the time of day", () => {
    const here = bench()
    here.loop.time = 1000
    const object = here.bind()
    object.submit(own(() => {
      here.loop.time += 7
      return 5
    }))
    expect([object.counters.initiatingMs, here.engine.counters.initiatingMs]).toEqual([7, 7])
  })
  it("a failure that means done already as done, at once", () => {
    const here = bench()
    const object = here.bind()
    here.control.script(simulated.failAtStart(C.ERROR_PIPE_CONNECTED), simulated.failAtStart(C.ERROR_PIPE_CONNECTED))
    expect(object.submit(Operation.connect.request).inline).toBe(true)
    expect(object.submit(read()).inline).toBe(false)
    expect(object.counters).toMatchObject({ completedInline: 1, failedAtStart: 1 })
  })
  it("an object as retained once, however its late teardown ends", () => {
    const here = bench()
    here.control.unbindSupported = false
    const object = here.bind()
    object.teardown.callBegan()
    const close = closed(object)
    here.settle()
    here.loop.pass(DRAIN)
    expect([close.report?.retained === undefined, here.engine.counters.retained]).toEqual([false, 1])
    object.teardown.callEnded()
    here.settle()
    expect([here.engine.counters.retained, here.loop.timers]).toEqual([1, 0])
  })
  it("the length of an input, which there may be none of", () => {
    const object = bench().bind()
    expect(new Issued(object, read()).inputLength).toBe(0)
    const request = Operation.deviceIoControl({ code: "FSCTL_SET_SPARSE", input: bytes(1, 2) }).request
    expect(new Issued(object, request).inputLength).toBe(2)
  })
})

describe("whose turn it is", () => {
  it("who comes while a queue waits for its turn waits behind it", () => {
    const here = bench()
    const { go, object } = busy(here)
    here.control.otherwise = simulated.inline({ status: 0, bytes: 0 })
    const order: Array<number> = []
    const submit = (index: number) => object.submit(own(() => (order.push(index), 0)))
    for (let index = 0; index < 100; index++) submit(index)
    let idle = 0
    object.whenIdle(() => idle++)
    go()
    expect([order.length, idle]).toEqual([64, 0])
    submit(100)
    expect(order.length).toBe(64)
    here.settle()
    expect([order, idle]).toEqual([Array.from({ length: 101 }, (_, index) => index), 1])
  })
  it("the clock is looked at for what ended inline, was refused or taken back, and for nothing that came out of the event loop", () => {
    const looks = (end: (here: Bench) => void) => {
      const here = bench()
      let inline: boolean | undefined
      const deliver = here.engine.turns.deliver.bind(here.engine.turns)
      here.engine.turns.deliver = (item, how) => {
        inline = how
        deliver(item, how)
      }
      end(here)
      return inline
    }
    expect(looks((here) => {
      here.control.script(simulated.inline(done))
      here.bind().submit(read())
    })).toBe(true)
    expect(looks((here) => {
      here.control.script(simulated.pend)
      here.bind().submit(read())
      here.control.pending[0]!.complete(done)
    })).toBe(false)
    expect(looks((here) => here.bind().submit({ ...read(), problem: "wrong" }))).toBe(true)
    expect(looks((here) => {
      here.control.memoryLeft = 0
      here.bind().submit(read())
    })).toBe(true)
    expect(looks((here) => {
      here.engine.call("CreateFileW", {
        path: "none",
        access: 0,
        share: 0,
        disposition: C.OPEN_EXISTING,
        flags: 0,
        mode: 0
      })
      here.settle()
    })).toBe(false)
  })
  it("what waits because its time was over is not overtaken when the loop has turned", () => {
    const loop = new Loop()
    const turns = new Turns(loop)
    const told: Array<number> = []
    const deliver = (index: number) =>
      turns.deliver({ previous: undefined, next: undefined, deliver: () => told.push(index) }, true)
    deliver(0)
    loop.time += 5
    deliver(1)
    turns.woke()
    deliver(2)
    expect(told).toEqual([0])
    loop.turn()
    expect(told).toEqual([0, 1, 2])
  })
})

describe("binding", () => {
  const options = { owned: false, skipMode: true, maxInFlight: 1, drainTimeoutMs: DRAIN }
  it("never asks the system about a value that is no handle", () => {
    const { control, engine } = bench()
    const { bindIoCompletionCallback } = engine.kernel
    engine.kernel.bindIoCompletionCallback = (handle) => {
      throw new Error(`it asks about ${handle}`)
    }
    for (const none of [0, -1, 0.5, NaN, Infinity, 2 ** 60]) {
      expect([engine.bind(none, options), engine.bindForLife(none, options)]).toEqual([6, 6])
      expect(engine.diagnose(none)).toBe("invalid")
    }
    expect(control.log).toEqual([])
    engine.kernel.bindIoCompletionCallback = bindIoCompletionCallback
    engine.bind(1, options)
    expect(control.log).toEqual(["CreateThreadpoolIo"])
    const asked: Array<number> = []
    engine.kernel.diagnose = (handle) => (asked.push(handle), "invalid")
    for (const handle of [0, -1, 0.5, 1, 4, -2]) engine.diagnose(handle)
    expect(asked).toEqual([1, 4, -2])
  })
  const retained = () => {
    const here = bench()
    here.control.unbindSupported = false
    const object = here.bind()
    closed(object)
    here.settle()
    return { here, object }
  }
  it("hands a retained object out only for its file: the handle's number may be another's by now", () => {
    const { here, object: { handle } } = retained()
    const identityOf = here.kernel.identityOf.bind(here.kernel)
    here.kernel.identityOf = () => "another file"
    const refused = here.engine.bind(handle, options)
    expect(refused).toBe(C.ERROR_INVALID_PARAMETER)
    // Its file is gone, and it with it.
    here.kernel.identityOf = identityOf
    expect(here.engine.bind(handle, options)).toBe(C.ERROR_INVALID_PARAMETER)
  })
  it("hands a retained object out only where its handle is bound already", () => {
    const failures = [[C.ERROR_ACCESS_DENIED, "already-bound"], [C.ERROR_INVALID_PARAMETER, "not-overlapped"]] as const
    for (const [status, diagnosis] of failures) {
      const { here: { engine }, object: { handle } } = retained()
      engine.kernel.createThreadpoolIo = () => -status
      engine.kernel.diagnose = () => diagnosis
      expect(engine.bind(handle, options)).toBe(status)
    }
  })
  it("keeps nothing for a handle that is closed by then: its number may be another's", () => {
    const here = bench()
    here.control.unbindSupported = false
    const object = here.bind()
    const { diagnose } = here.engine.kernel
    here.engine.kernel.diagnose = () => "invalid"
    closed(object)
    here.settle()
    here.engine.kernel.diagnose = diagnose
    expect(here.engine.bind(object.handle, options)).toBe(C.ERROR_INVALID_PARAMETER)
  })
  const overdue = (object: { readonly skipMode: boolean }, { control, engine, loop }: Bench, sets = true) => {
    const { handle } = object as unknown as { readonly handle: number }
    control.script(simulated.pend, simulated.inline(done))
    const bound = object as unknown as ReturnType<Bench["bind"]>
    const pending = bound.submit(read())
    if (sets) engine.kernel.setSkipMode(handle)
    const buffer = new Uint8Array(8)
    const answered = bound.submit(readInto(buffer))
    return { answered, pending, look: () => loop.pass(250) }
  }
  it("ends what was answered and brings no packet, since the owner of the handle has set skip mode", () => {
    const here = bench()
    const object = here.bind({ skipMode: false })
    const { answered, look, pending } = overdue(object, here)
    here.settle()
    look()
    expect([answered.delivered, answered.state]).toEqual([false, "Pending"])
    look()
    expect(answered).toMatchObject({ delivered: true, ending: "completed", status: 0, bytes: 3, inline: true })
    // From now on it is known; a packet follows what is pending, as ever.
    expect([object.skipMode, pending.delivered, here.loop.timers]).toEqual([true, false, 0])
    here.control.script(simulated.inline(done))
    expect(object.submit(read())).toMatchObject({ delivered: true, inline: true })
    here.control.pending[0]!.complete(done)
    expect([pending.delivered, object.counters.inFlight]).toEqual([true, 0])
    closed(object)
    here.settle()
    expect(here.engine.kernel.slots.stray).toBe(0)
  })
  it("waits on for a packet that is late, and looks no more when it has come, or the handle is its own", () => {
    const here = bench()
    const object = here.bind({ skipMode: false })
    const { answered, look, pending } = overdue(object, here, false)
    look()
    look()
    look()
    expect([answered.delivered, object.skipMode]).toEqual([false, false])
    here.settle()
    expect(answered).toMatchObject({ delivered: true, inline: false })
    here.control.pending[0]!.complete(done)
    expect([pending.delivered, here.loop.timers]).toEqual([true, 0])
    const own = here.bind({ owned: true, skipMode: false }, here.control.borrowedHandle("own"))
    here.control.script(simulated.inline(done))
    own.submit(read())
    expect(here.loop.timers).toBe(0)
    here.settle()
  })
  it("keeps one object for each handle", () => {
    const here = bench()
    here.control.unbindSupported = false
    const objects = [here.bind(), here.bind({}, here.control.borrowedHandle("other"))]
    for (const object of objects) closed(object)
    here.settle()
    for (const object of objects) expect(here.bind({}, object.handle).threadpoolIo).toBe(object.threadpoolIo)
  })
  it("for life has no object: nothing is started, cancelled or waited for, and closing the handle ends it", () => {
    const here = bench()
    const { control, engine } = here
    const left = engine.kernel.pools.callbacksLeft
    const object = engine.bindForLife(control.borrowedHandle("file"), { ...options, owned: true, maxInFlight: 3 })
    if (typeof object === "number") throw new Error(`BindIoCompletionCallback: ${object}`)
    expect(engine.kernel.pools.callbacksLeft).toBe(left - 3)
    control.log.length = 0
    control.script(simulated.pend, simulated.failAtStart(5))
    object.submit(read())
    control.pending[0]!.complete(done)
    object.submit(read())
    const close = closed(object)
    here.settle()
    expect(control.log).toEqual(["read", "read", "CloseHandle"])
    expect([close.report?.retained, engine.kernel.pools.callbacksLeft]).toEqual([undefined, left])
    expect(engine.bindForLife(12345, options)).toBe(C.ERROR_INVALID_HANDLE)
    const none = { ...options, maxInFlight: left + 1 }
    expect(engine.bindForLife(control.borrowedHandle("file"), none)).toBe(C.ERROR_NOT_ENOUGH_MEMORY)
  })
  it("an engine that closes gives its memory back", () => {
    const { engine } = bench()
    const freed: Array<unknown> = []
    engine.kernel.free = (block) => void freed.push(block)
    const block = engine.buffers.acquire(2 << 20)!
    engine.buffers.release(block)
    engine.close()
    expect(freed).toEqual([block])
  })
})

describe("a call", () => {
  it("tells that it has settled, and a result may be nobody's to undo", () => {
    const here = bench()
    here.control.files.create("file")
    const open = { path: "file", access: C.GENERIC_READ, share: 7, disposition: C.OPEN_EXISTING, flags: 0, mode: 0 }
    const call = here.engine.call("CreateFileW", open)
    expect(call.settled).toBe(false)
    here.settle()
    expect([call.settled, call.status]).toEqual([true, 0])
    expect(() => call.discard()).not.toThrow()
  })
})

describe("waiting without a limit", () => {
  it("needs no timer, of an object or of a group", () => {
    const here = bench()
    const object = here.bind({ owned: true, drainTimeoutMs: Infinity })
    here.control.scriptCall("CloseHandle", simulated.holdCall)
    closed(object)
    here.settle()
    expect(here.loop.timers).toBe(0)
    const group = new CleanupGroupObject(here.engine, here.kernel.pools.createCleanupGroup())
    group.close(Infinity, () => {})
    expect(here.loop.timers).toBe(0)
  })
})

describe("what is shared", () => {
  const parts = (with_: { readonly pool?: boolean; readonly group?: boolean }) => {
    const here = bench()
    const { pools } = here.kernel
    const log: Array<string> = []
    const noting = <K extends "closeThreadpool" | "closeCleanupGroup" | "destroyEnvironment">(name: K) => {
      const original = pools[name].bind(pools) as (...all: Array<unknown>) => void
      pools[name] = ((...all: Array<unknown>) => {
        log.push(name)
        original(...all)
      }) as never
    }
    for (const name of ["closeThreadpool", "closeCleanupGroup", "destroyEnvironment"] as const) noting(name)
    const pool = with_.pool === false
      ? undefined
      : new ThreadpoolObject(here.engine, pools.createThreadpool({ minimum: 0, maximum: 2, stack: undefined }))
    const group = with_.group === false ? undefined : new CleanupGroupObject(here.engine, pools.createCleanupGroup())
    const environment = () =>
      new EnvironmentObject(
        here.engine,
        pools.initializeEnvironment({
          pool: pool?.pool ?? 0,
          group: group?.group ?? 0,
          priority: C.TP_CALLBACK_PRIORITY_NORMAL,
          runsLong: false,
          library: undefined
        }),
        pool,
        group
      )
    return { here, pool, group, environment, log }
  }
  it("goes in its order, once, whoever is closed first", () => {
    const { environment, group, here, log, pool } = parts({})
    const [first, second] = [environment(), environment()]
    pool!.close()
    pool!.close()
    for (const one of [first, second, first]) one.close()
    expect(log).toEqual(["destroyEnvironment", "destroyEnvironment"])
    const reports: Array<unknown> = []
    group!.close(DRAIN, (report) => reports.push(report))
    here.settle()
    here.loop.pass(DRAIN)
    expect(log.slice(2)).toEqual(["closeCleanupGroup", "closeThreadpool"])
    expect(reports).toEqual([{ retained: undefined, defect: undefined }])
    expect(here.loop.timers).toBe(0)
  })
  it("can be used while each of its parts is open", () => {
    const use = parts({})
    expect(use.environment().usable).toBe(true)
    for (const close of ["environment", "pool", "group"] as const) {
      const { environment, group, here, pool } = parts({})
      const one = environment()
      expect([one.usable, one.open, pool!.open, group!.open]).toEqual([true, true, true, true])
      if (close === "environment") one.close()
      else if (close === "pool") pool!.close()
      else group!.close(DRAIN, () => {})
      here.settle()
      expect([close, one.usable]).toEqual([close, false])
    }
    for (const without of [{ pool: false }, { group: false }, { pool: false, group: false }]) {
      const { environment } = parts(without)
      const one = environment()
      expect(one.usable).toBe(true)
      one.close()
      expect(one.usable).toBe(false)
    }
  })
  for (const without of [{ pool: false }, { group: false }, { pool: false, group: false }]) {
    it(`works for objects ${Object.keys(without).map((part) => `without a ${part}`).join(" and ")}`, () => {
      const { environment, here, log, pool } = parts(without)
      const one = environment()
      const object = here.bind({ owned: true, environment: one })
      one.close()
      pool?.close()
      expect(log).toEqual([])
      const close = closed(object)
      here.settle()
      expect(close.report?.retained).toBeUndefined()
      expect(log.sort()).toEqual(
        pool === undefined ? ["destroyEnvironment"] : ["closeThreadpool", "destroyEnvironment"]
      )
    })
  }
  it("stays with a retained object, which is in it once, also when it is handed out again", () => {
    const { environment, here, log } = parts({ group: false })
    const one = environment()
    here.control.unbindSupported = false
    const object = here.bind({ environment: one })
    closed(object)
    here.settle()
    one.close()
    expect(log).toEqual([])
    const again = here.bind({}, object.handle)
    here.control.unbindSupported = true
    closed(again)
    here.settle()
    expect(log).toEqual(["destroyEnvironment"])
  })
  it("a group names its members to the system, and says once how it ended, and when it could not", () => {
    const { environment, group, here } = parts({})
    const one = environment()
    const members = [0, 1].map(() => here.bind({ owned: true, environment: one }, here.control.borrowedHandle("file")))
    const named: Array<unknown> = []
    const original = here.kernel.pools.closeCleanupGroup.bind(here.kernel.pools)
    here.kernel.pools.closeCleanupGroup = (id, ids) => {
      named.push(ids)
      original(id, ids)
    }
    const call = here.kernel.call.bind(here.kernel)
    let late = (): void => {}
    here.kernel.call = (name, arguments_, answer) => {
      if (name !== "CloseThreadpoolCleanupGroupMembers") return call(name, arguments_, answer)
      late = () => void call(name, arguments_, answer)
      return () => false
    }
    const reports: Array<string | undefined> = []
    group!.close(DRAIN, ({ retained }) => reports.push(retained))
    here.settle()
    here.loop.pass(DRAIN)
    late()
    here.settle()
    expect(reports).toEqual(["CloseThreadpoolCleanupGroupMembers has not returned yet"])
    expect(named).toEqual([members.map(({ threadpoolIo }) => threadpoolIo)])
  })
  it("a group that the system does not close is kept, by name; so is one whose call throws", () => {
    for (const limit of [DRAIN, Infinity]) {
      const failing = parts({})
      failing.here.kernel.call = (_name, _arguments, answer) => {
        queueMicrotask(() => {})
        failing.here.loop.defer(() => answer(C.ERROR_ACCESS_DENIED, undefined))
        return () => false
      }
      const reports: Array<unknown> = []
      failing.group!.close(limit, (report) => reports.push(report))
      failing.here.settle()
      expect(reports).toEqual([{
        retained: `CloseThreadpoolCleanupGroupMembers failed with ${C.ERROR_ACCESS_DENIED}`,
        defect: undefined
      }])
      expect(failing.log).toEqual([])
      const throwing = parts({})
      const defect = new Error("too many calls")
      throwing.here.kernel.call = () => {
        throw defect
      }
      throwing.group!.close(limit, (report) => reports.push(report))
      expect(reports[1]).toEqual({ retained: "the teardown failed", defect })
    }
  })
})
