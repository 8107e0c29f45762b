/**
 * The small print of binding, submitting and closing, as a program meets it: which errors say what, what is logged, and
 * what waits. Each of these is here because no other test noticed when it was changed.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Scope from "effect/Scope"
import type { YieldWrap } from "effect/Utils"
import * as BufferPool from "../../src/BufferPool.js"
import * as CallbackEnvironment from "../../src/CallbackEnvironment.js"
import * as Handle from "../../src/Handle.js"
import * as C from "../../src/internal/constants.js"
import * as Host from "../../src/internal/kernel/Host.js"
import type { Diagnosis, Kernel as Internal } from "../../src/internal/kernel/Kernel.js"
import { vectored } from "../../src/internal/operation.js"
import { Flight, settle, settleMany, type Ticket } from "../../src/internal/settle.js"
import type * as Kernel from "../../src/Kernel.js"
import * as Operation from "../../src/Operation.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import { eventually, submit } from "../support/lab.js"
import { layerOf } from "../support/layerOf.js"
import * as simulated from "../support/simulated.js"

interface Logged {
  readonly level: string
  readonly message: string
  readonly annotations: Record<string, unknown>
}

interface Bench {
  readonly control: simulated.Control
  readonly kernel: Internal
  readonly logged: Array<Logged>
  /** A handle that somebody else has opened. */
  readonly handle: () => Handle.Handle
}

type Body = (bench: Bench) => Generator<YieldWrap<Effect.Effect<any, any, Kernel.Kernel | Scope.Scope>>, void, never>

const DRAIN_MS = 20

/** A turn of the event loop stands for a millisecond: however busy the machine is, what takes few turns is in time. */
const inTurns: Host.Host = {
  ...Host.node,
  setTimer: (milliseconds, callback) => {
    let left = milliseconds
    const tick = () => void (left-- > 0 ? immediate = setImmediate(tick) : callback())
    let immediate = setImmediate(tick)
    return () => clearImmediate(immediate)
  }
}

const claim = (name: string, body: Body) =>
  it.live(name, () => {
    const { control, kernel } = simulated.make()
    const logged: Array<Logged> = []
    const logger = Logger.make(({ annotations, logLevel, message }) => {
      logged.push({
        level: logLevel.label,
        message: String(message),
        annotations: Object.fromEntries(annotations)
      })
    })
    const handle = () => Handle.make(control.borrowedHandle("file"))
    return Effect.scoped(Effect.gen(() => body({ control, kernel, logged, handle }))).pipe(
      Effect.provide(layerOf(Effect.succeed(kernel), { drainTimeout: DRAIN_MS, submit }, inTurns)),
      Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
      Logger.withMinimumLogLevel(LogLevel.All)
    )
  }, 5000)

const buffer = () => new Uint8Array(8)
const read = () => Operation.read({ buffer: buffer() })
const errorOf = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.flip(Effect.scoped(effect as Effect.Effect<A, E>))
const flipped = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.flip(effect)
/** In a scope of its own, and what closes that. */
const apart = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(
    Scope.make(),
    (scope) => Effect.map(Scope.extend(effect, scope), (value) => ({ value, close: Scope.close(scope, Exit.void) }))
  )

describe("a handle that cannot be bound", () => {
  for (const way of ["make", "bind"] as const) {
    const syscall = way === "make" ? "CreateThreadpoolIo" : "BindIoCompletionCallback"
    const attempt = (handle: Handle.Handle, options?: ThreadpoolIo.BindOptions) =>
      flipped(ThreadpoolIo[way](handle, options))

    claim(`says why, with what to do about it: ${way}`, function*(bench) {
      const { control, handle, kernel } = bench
      const bound = handle()
      yield* ThreadpoolIo[way](bound)
      const twice = yield* attempt(bound, { path: "C:\\file" })
      expect(twice).toMatchObject({ code: 87, reason: "AlreadyBound", syscall, handle: bound, path: "C:\\file" })
      expect(twice.detail).toContain("completion port already")
      const plain = Handle.make(control.borrowedHandle("plain", { overlapped: false }))
      expect(yield* attempt(plain)).toMatchObject({ code: 87, reason: "NotOverlapped", handle: plain })
      expect(yield* attempt(Handle.make(4_000_000))).toMatchObject({
        code: 6,
        reason: "InvalidHandle",
        detail: expect.stringContaining("not a handle")
      })
      const none = yield* attempt("none" as never)
      expect([none.code, none.reason, none.handle]).toEqual([6, "InvalidHandle", undefined])
      kernel.diagnose = (): Diagnosis => "unsupported"
      expect(yield* attempt(bound)).toMatchObject({ code: 87, reason: "Unsupported" })
    })
    claim(
      `for want of memory, or in a worker, says so where it is about callbacks: ${way}`,
      function*({ handle, kernel }) {
        const details: Array<string | undefined> = []
        for (const status of [C.ERROR_NOT_ENOUGH_MEMORY, C.ERROR_NOT_SUPPORTED, C.ERROR_ACCESS_DENIED]) {
          kernel.createThreadpoolIo = kernel.bindIoCompletionCallback = () => -status
          const error = yield* attempt(handle())
          expect([error.code, error.syscall]).toEqual([status, syscall])
          details.push(error.detail)
        }
        if (way === "make") expect(details).toEqual([undefined, undefined, undefined])
        else {
          expect(details[0]).toContain(String(kernel.pools.callbacksLeft))
          expect([details[1]?.includes("worker"), details[2]]).toEqual([true, undefined])
        }
      }
    )
    claim(`for options that do not fit is not asked for: ${way}`, function*({ control, handle }) {
      for (
        const options of [{ maxInFlight: 0 }, { maxInFlight: NaN }, { maxInFlight: -1 }, { skipMode: 1 }] as Array<any>
      ) {
        expect(yield* attempt(handle(), options)).toMatchObject({ code: 87, reason: "InvalidArgument", syscall })
      }
      expect(control.log).toEqual([])
    })
  }
  claim("in an environment that has closed, or whose parts have, is Closed", function*({ control, handle }) {
    const { close, value } = yield* apart(CallbackEnvironment.make({ priority: "high" }))
    const making = CallbackEnvironment.provide(ThreadpoolIo.make(handle(), { path: "C:\\file" }), value)
    yield* making
    yield* close
    control.log.length = 0
    const again = CallbackEnvironment.provide(ThreadpoolIo.make(handle(), { path: "C:\\file" }), value)
    expect(yield* flipped(again)).toMatchObject({
      code: 6,
      reason: "Closed",
      syscall: "CreateThreadpoolIo",
      path: "C:\\file"
    })
    expect(control.log).not.toContain("CreateThreadpoolIo")
  })
})

describe("a handle that is bound for life", () => {
  claim("may have as many in flight as callbacks may wait, all of them whole", function*({ handle, kernel }) {
    const { callbacksLimit } = kernel.pools
    for (const maxInFlight of [-1, 0, 0.5, 1.5, callbacksLimit + 1]) {
      const error = yield* flipped(ThreadpoolIo.bind(handle(), { maxInFlight }))
      expect(error).toMatchObject({ code: 87, detail: expect.stringContaining(`from 1 to ${callbacksLimit}`) })
    }
    for (const maxInFlight of [1, callbacksLimit]) {
      const { close } = yield* apart(ThreadpoolIo.bind(handle(), { maxInFlight }))
      yield* close
    }
    const io = yield* ThreadpoolIo.bind(handle())
    expect(io.object.options).toMatchObject({ maxInFlight: 8, skipMode: true, owned: true })
    expect(io.object.options.drainTimeoutMs).toBe(DRAIN_MS)
    expect(io.pipe((it) => it === io)).toBe(true)
  })
  claim("has 1024 in flight where none waits, and its own options", function*({ handle, kernel }) {
    Object.defineProperty(kernel.pools, "callbacksLimit", { value: Infinity })
    kernel.bindIoCompletionCallback = (handle) => kernel.createThreadpoolIo(handle, 0)
    kernel.forgetBinding = () => {}
    const io = yield* ThreadpoolIo.bind(handle(), { skipMode: false, drainTimeout: 7 })
    expect([io.object.options.maxInFlight, io.object.options.skipMode, io.object.options.drainTimeoutMs]).toEqual([
      1024,
      false,
      7
    ])
    expect((yield* flipped(ThreadpoolIo.bind(handle(), { maxInFlight: 0.5 }))).detail).toContain("at least 1")
    const one = yield* ThreadpoolIo.bind(handle(), { maxInFlight: 1 })
    expect(one.object.options.maxInFlight).toBe(1)
  })
})

describe("closing", () => {
  claim("says nothing when all went well", function*({ handle, logged }) {
    for (const owned of [false, true]) {
      const { close } = yield* apart(ThreadpoolIo.make(handle(), { owned }))
      yield* close
    }
    expect(logged).toEqual([])
  })
  claim("is a defect when the ledger does not balance, or has something in flight", function*({ handle }) {
    for (const tamper of [["started"], ["started", "inFlight"], ["inFlight"]] as const) {
      const { close, value } = yield* apart(ThreadpoolIo.make(handle()))
      for (const counter of tamper) value.object.counters[counter]++
      const exit = yield* Effect.exit(close)
      expect([tamper, Exit.isFailure(exit) && Cause.pretty(exit.cause).includes("does not balance")]).toEqual([
        tamper,
        true
      ])
    }
  })
  claim("warns of a handle that was not closed, by its path where it has one", function*({ control, handle, logged }) {
    for (const path of ["C:\\file", undefined]) {
      const bound = handle()
      control.scriptCall("CloseHandle", simulated.failCall(C.ERROR_IO_DEVICE))
      const { close } = yield* apart(ThreadpoolIo.make(bound, { owned: true, path }))
      yield* close
      expect(logged.splice(0)).toEqual([{
        level: "WARN",
        message: "A TP_IO was not closed cleanly",
        annotations: {
          handle: bound,
          path: path ?? "",
          quarantined: "",
          retained: "",
          closeStatus: C.ERROR_IO_DEVICE
        }
      }])
    }
  })
  claim("warns of what was quarantined, and of a borrowed handle that is kept bound only who asks", function*(bench) {
    const { control, handle, logged } = bench
    control.unbindSupported = false
    const kept = yield* apart(ThreadpoolIo.make(handle()))
    yield* kept.close
    expect(logged.splice(0)).toMatchObject([{
      level: "DEBUG",
      annotations: { retained: expect.stringContaining("borrowed") }
    }])
    const stuck = yield* apart(ThreadpoolIo.make(handle()))
    control.script(simulated.stuck)
    stuck.value.object.submit(read().request)
    yield* stuck.close
    expect(logged).toMatchObject([{ level: "WARN", annotations: { quarantined: "ReadFile" } }])
  })
})

describe("what an operation came to", () => {
  const ended = (
    { control }: Bench,
    io: ThreadpoolIo.ThreadpoolIo,
    operation: Operation.Operation,
    status: number,
    bytes = 0
  ) => {
    control.script(simulated.duringIssue({ status, bytes }))
    return Effect.either(ThreadpoolIo.submit(io, operation))
  }
  claim("a read that finds nothing more has succeeded, by whichever status; nothing else has", function*(bench) {
    const io = yield* ThreadpoolIo.make(bench.handle())
    const page = yield* BufferPool.make(4096)
    const scatter = vectored("read", { buffers: [page] }, true) as Operation.Operation
    const many = Operation.readVectored({ buffers: [buffer()] })
    for (const status of [C.ERROR_HANDLE_EOF, C.ERROR_BROKEN_PIPE, C.ERROR_NO_DATA, C.ERROR_PIPE_NOT_CONNECTED]) {
      for (const operation of [read(), many, scatter]) {
        expect(yield* ended(bench, io, operation, status)).toMatchObject({ right: { endOfFile: true, status } })
      }
      expect(yield* ended(bench, io, Operation.write({ buffer: buffer() }), status)).toMatchObject({
        left: { code: status }
      })
    }
    expect(yield* ended(bench, io, read(), C.ERROR_IO_DEVICE)).toMatchObject({ left: { code: C.ERROR_IO_DEVICE } })
    expect(yield* ended(bench, io, read(), 0, 3)).toMatchObject({ right: { endOfFile: false, bytesTransferred: 3 } })
    expect(yield* ended(bench, io, read(), C.ERROR_MORE_DATA, 3)).toMatchObject({ right: { endOfFile: false } })
    const connected = { right: { endOfFile: false, status: C.ERROR_PIPE_CONNECTED } }
    expect(yield* ended(bench, io, Operation.connect, C.ERROR_PIPE_CONNECTED)).toMatchObject(connected)
  })
  claim("what was thrown in it is a defect", function*({ handle }) {
    const io = yield* ThreadpoolIo.make(handle())
    const defect = new Error("broken")
    const broken = Operation.unsafeMake({
      syscall: "Broken",
      issue: () => {
        throw defect
      }
    })
    expect(yield* Effect.exit(ThreadpoolIo.submit(io, broken))).toEqual(Exit.die(defect))
  })
  claim(
    "one that does not settle after a cancellation fails as TimedOut for who still waits",
    function*({ control, handle }) {
      const io = yield* ThreadpoolIo.make(handle())
      control.script(simulated.stuck)
      const waiting = yield* Effect.fork(ThreadpoolIo.submit(io, read()))
      yield* eventually("it is in flight", () => control.pending.length === 1)
      let idle = false
      const watching = yield* Effect.fork(Effect.map(ThreadpoolIo.awaitIdle(io), () => idle = true))
      yield* Effect.yieldNow()
      expect(idle).toBe(false)
      yield* ThreadpoolIo.cancelAll(io)
      expect(yield* flipped(Fiber.join(waiting))).toMatchObject({
        code: C.WAIT_TIMEOUT,
        reason: "TimedOut",
        syscall: "ReadFile",
        detail: expect.stringContaining("kept for good")
      })
      yield* Fiber.join(watching)
      expect(yield* ThreadpoolIo.ledger(io)).toMatchObject({ started: 1, cancelled: 1, quarantined: 1, inFlight: 0 })
    }
  )
  claim(
    "who leaves one behind that does not settle is warned, and nobody else",
    function*({ control, handle, logged }) {
      for (const way of ["submit", "cancellable"] as const) {
        for (const path of ["C:\\file", undefined]) {
          const bound = handle()
          const io = yield* ThreadpoolIo.make(bound, { path })
          control.script(simulated.pend, simulated.stuck)
          for (const warns of [false, true]) {
            const fiber = yield* Effect.fork(ThreadpoolIo[way](io, read()))
            yield* eventually("it is in flight", () => control.pending.length === 1)
            const { slot } = control.pending[0]!.issue
            expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
            expect(logged.splice(0)).toMatchObject(
              warns
                ? [{
                  level: "WARN",
                  annotations: { syscall: "ReadFile", handle: bound, path: path ?? "", slot, bytes: 8 }
                }]
                : []
            )
            control.pending.splice(0)
          }
        }
      }
    }
  )
  claim(
    "interrupted, `cancellable` succeeds with what has arrived, and is interrupted otherwise",
    function*({ control, handle }) {
      const outcomes: ReadonlyArray<readonly [simulated.Outcome, number | undefined]> = [
        [{ status: C.ERROR_SUCCESS, bytes: 8 }, 8],
        [{ status: C.ERROR_HANDLE_EOF, bytes: 0 }, 0],
        [{ status: C.ERROR_OPERATION_ABORTED, bytes: 5 }, 5],
        [{ status: C.ERROR_OPERATION_ABORTED, bytes: 0 }, undefined],
        [{ status: C.ERROR_IO_DEVICE, bytes: 5 }, undefined]
      ]
      for (const [outcome, reported] of outcomes) {
        const io = yield* ThreadpoolIo.make(handle())
        control.script(simulated.pendUntilCancelled(outcome))
        let answer: unknown
        const region = Effect.map(ThreadpoolIo.cancellable(io, read()), (completion) => {
          answer = completion
        })
        const fiber = yield* Effect.fork(Effect.uninterruptible(region))
        yield* eventually("it is in flight", () => control.pending.length === 1)
        const exit = yield* Fiber.interrupt(fiber)
        if (reported === undefined) {
          expect([outcome, Exit.isInterrupted(exit), answer]).toEqual([outcome, true, undefined])
        } else {
          const endOfFile = outcome.status === C.ERROR_HANDLE_EOF
          expect(answer).toMatchObject({ bytesTransferred: reported, status: outcome.status, endOfFile })
        }
      }
    }
  )
})

describe("what is none", () => {
  claim("is refused by what submits, with its name", function*({ control, handle }) {
    const io = yield* ThreadpoolIo.make(handle())
    control.log.length = 0
    for (const none of [null, undefined, {}, 1] as Array<any>) {
      for (const submit of [ThreadpoolIo.submit, ThreadpoolIo.cancellable]) {
        const noOperation = yield* errorOf(submit(io, none))
        expect(noOperation).toMatchObject({ code: 87, reason: "InvalidArgument", syscall: "StartThreadpoolIo" })
        expect(yield* errorOf(submit(none, read()))).toMatchObject({ syscall: "ReadFile", reason: "InvalidArgument" })
        expect(yield* errorOf(submit(none, none))).toMatchObject({ syscall: "StartThreadpoolIo" })
      }
    }
    expect(control.log).toEqual([])
  })
  claim("is a defect with its name of what cannot fail", function*() {
    for (const name of ["cancelAll", "awaitIdle", "ledger"] as const) {
      const exit = yield* Effect.exit(ThreadpoolIo[name](null as never) as Effect.Effect<unknown>)
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({
        name: "TypeError",
        message: expect.stringContaining(`ThreadpoolIo.${name}`)
      })
    }
  })
})

describe("one ticket", () => {
  const ticket = (delivered: boolean) => ({ delivered, listener: undefined as (() => void) | undefined })
  it.live("that has been delivered is not waited for", () =>
    Effect.gen(function*() {
      const never = () => Effect.die(new Error("it is waited for"))
      const settled = settle(never as never, ticket(true), () => Effect.succeed(1), () => {}, () => Effect.succeed(2))
      expect(yield* settled).toBe(1)
    }))
  it.live("that is delivered while its wait is left is not cancelled", () =>
    Effect.gen(function*() {
      let cancels = 0
      const leave = (delivers: boolean) => {
        const it: { delivered: boolean; listener: (() => void) | undefined } = ticket(false)
        const leaving = Effect.zipRight(
          Effect.sync(() => it.delivered = delivers),
          Effect.failCause(Cause.interrupt(0 as never))
        )
        const cancel = () => {
          cancels++
          it.delivered = true
        }
        return settle(
          (() => leaving) as never,
          it,
          () => Effect.succeed("settled"),
          cancel,
          () => Effect.succeed("left")
        )
      }
      expect([yield* leave(true), cancels]).toEqual(["left", 0])
      expect([yield* leave(false), cancels]).toEqual(["left", 1])
    }))
})

describe("many tickets", () => {
  const start = () => {
    let cancels = 0
    const flight = new Flight(() => cancels++)
    const tickets: Array<Ticket> = []
    const add = (then?: () => void) => {
      const ticket: Ticket = { delivered: false, listener: undefined }
      tickets.push(ticket)
      flight.add(ticket, then)
    }
    const deliver = (index: number) => tickets[index]!.listener!()
    return { flight, add, deliver, cancels: () => cancels }
  }
  const turns = Effect.repeatN(Effect.yieldNow(), 5)
  const ended = (fiber: Fiber.RuntimeFiber<unknown, unknown>) => fiber.unsafePoll() !== null

  it.live("are counted, each with what follows it, and whoever waits for enough is woken once", () =>
    Effect.gen(function*() {
      const { add, deliver, flight } = start()
      const told: Array<number> = []
      add(() => told.push(flight.underWay))
      add()
      add(() => told.push(flight.underWay))
      expect(flight.underWay).toBe(3)
      let asked = 0
      const waiting = yield* Effect.fork(flight.until(() => ++asked > 0 && flight.underWay === 1))
      yield* turns
      expect([asked, ended(waiting)]).toEqual([1, false])
      deliver(0)
      yield* turns
      expect([asked, told, ended(waiting), flight.underWay]).toEqual([2, [2], false, 2])
      deliver(1)
      yield* Fiber.join(waiting)
      expect([asked, flight.underWay]).toEqual([3, 1])
      deliver(2)
      expect([asked, told, flight.underWay]).toEqual([3, [2, 0], 0])
      yield* flight.until(() => true)
    }))
  it.live("are cancelled and waited for by `stop`, and by that alone when there are none", () =>
    Effect.gen(function*() {
      const { add, cancels, deliver, flight } = start()
      yield* flight.stop
      expect(cancels()).toBe(1)
      add()
      add()
      const stopping = yield* Effect.fork(flight.stop)
      yield* turns
      deliver(0)
      yield* turns
      expect([cancels(), ended(stopping)]).toEqual([2, false])
      deliver(1)
      yield* Fiber.join(stopping)
      expect(flight.underWay).toBe(0)
    }))
  it.live("that a fiber has started have ended before anybody hears of its end, however it ends", () =>
    Effect.gen(function*() {
      for (const use of [Effect.succeed("value"), Effect.fail("error")]) {
        const { add, cancels, deliver, flight } = start()
        const order: Array<string> = []
        add(() => order.push("delivered"))
        const fiber = yield* Effect.fork(settleMany(flight, use, Effect.sync(() => order.push("ended"))))
        yield* turns
        expect([order, cancels(), ended(fiber)]).toEqual([[], 1, false])
        deliver(0)
        expect(yield* Fiber.await(fiber)).toEqual(yield* Effect.exit(use))
        expect(order).toEqual(["delivered", "ended"])
      }
    }))
})
