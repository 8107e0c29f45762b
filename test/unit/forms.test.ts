/**
 * The two forms in which a fiber starts something and waits for its end: what they promise, and that they promise the
 * same, whatever the program around them does with schedulers, clocks, supervisors and fibers.
 */
import { afterEach, describe, expect, it, vi } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Scheduler from "effect/Scheduler"
import * as Supervisor from "effect/Supervisor"
import * as TestClock from "effect/TestClock"
import { type Form, formOf, masked, primitive, primitiveWorks, type Waited } from "../../src/internal/forms.js"
import type { Ticket } from "../../src/internal/settle.js"

const forms = { "the primitive": primitive, "the mask": masked }
const both = Object.entries(forms)

type AnyFiber = Fiber.RuntimeFiber<unknown, unknown>

/** Something that ends when the test says so, or so many turns of the loop after its start or its cancellation. */
class Thing implements Waited<Ticket & { delivered: boolean }, number, never> {
  /** All that has been started and has not ended. */
  static underWay = 0
  readonly tickets: Array<Ticket & { delivered: boolean }> = []
  cancelled = 0
  warning: Effect.Effect<void> | undefined

  constructor(readonly turns = Infinity, readonly turnsAfterCancel = Infinity) {}

  start() {
    const ticket: Ticket & { delivered: boolean } = { delivered: false, listener: undefined }
    this.tickets.push(ticket)
    Thing.underWay++
    if (this.turns < 0) this.end(ticket)
    else this.#endAfter(ticket, this.turns)
    return ticket
  }
  exit() {
    return Exit.succeed(7)
  }
  cancel(ticket: Ticket & { delivered: boolean }) {
    this.cancelled++
    if (this.turnsAfterCancel < 0) this.end(ticket)
    else this.#endAfter(ticket, this.turnsAfterCancel)
  }
  abandoned() {
    return this.warning
  }

  end(ticket = this.tickets.at(-1)!): void {
    if (ticket.delivered) return
    ticket.delivered = true
    Thing.underWay--
    ticket.listener?.()
  }
  #endAfter(ticket: Ticket & { delivered: boolean }, turns: number): void {
    if (turns === Infinity) return
    let left = turns
    const tick = () => void (left-- > 0 ? setImmediate(tick) : this.end(ticket))
    setImmediate(tick)
  }
}

const turn = Effect.async<void>((resume) => void setImmediate(() => resume(Exit.void)))
const interrupt = (fiber: AnyFiber) => fiber.unsafeInterruptAsFork(FiberId.none)
const ended = (fiber: AnyFiber) => fiber.unsafePoll() !== null

// --- every point

/** Programs around it; each is interrupted at every point that it has. `-1` turns: it ends in its start. */
const programs: Record<
  string,
  (one: (turns: number) => Effect.Effect<number>, inline: boolean) => Effect.Effect<unknown>
> = {
  one: (one, inline) => one(inline ? -1 : 2),
  "one after the other": (one, inline) => Effect.zipRight(one(inline ? -1 : 1), one(inline ? -1 : 1)),
  "with a finalizer": (one, inline) =>
    Effect.ensuring(one(inline ? -1 : 2), Effect.sync(() => expect(Thing.underWay).toBe(0))),
  uninterruptible: (one, inline) => Effect.uninterruptible(one(inline ? -1 : 2)),
  "in a mask, as an exit": (one, inline) =>
    Effect.uninterruptibleMask((restore) => Effect.exit(restore(one(inline ? -1 : 2)))),
  "in a race": (one, inline) => Effect.race(one(inline ? -1 : 2), turn),
  "with a timeout": (one, inline) => Effect.timeoutOption(one(inline ? -1 : 9), 0),
  "acquired, used and released": (one, inline) =>
    Effect.acquireUseRelease(one(inline ? -1 : 1), () => one(inline ? -1 : 1), () => one(inline ? -1 : 1)),
  "in a loop": (one, inline) => Effect.replicateEffect(one(inline ? -1 : 1), 3)
}

const STEPS = 40
const TURNS = 14

/** Interrupts at one step of the fiber, and makes it yield there at every second of them. */
const interruptAt = (at: number): Scheduler.Scheduler => {
  let step = 0
  let root: AnyFiber | undefined
  return {
    shouldYield: (fiber) => {
      root ??= fiber
      if (fiber !== root || step++ !== at) return false
      interrupt(fiber)
      return at % 2 === 0 ? false : 0
    },
    scheduleTask: (task, priority, fiber) => Scheduler.defaultScheduler.scheduleTask(task, priority, fiber)
  }
}

const exitOf = (fiber: AnyFiber) => new Promise<Exit.Exit<unknown, unknown>>((resolve) => fiber.addObserver(resolve))

afterEach(() => {
  expect(Thing.underWay).toBe(0)
})

describe.each(both)("in %s, a fiber", (_, form) => {
  for (const [name, program] of Object.entries(programs)) {
    it(`that is interrupted at any point goes on only when what it has started has ended: ${name}`, async () => {
      const outcomes = new Set<string>()
      const run = async (cancelTurns: number, inline: boolean, fork: (effect: Effect.Effect<unknown>) => AnyFiber) => {
        const exit = await exitOf(fork(program((turns) => form(new Thing(turns, cancelTurns)), inline)))
        expect(Thing.underWay).toBe(0)
        expect(Exit.isSuccess(exit) || Cause.isInterruptedOnly(exit.cause)).toBe(true)
        outcomes.add(exit._tag)
      }
      for (const inline of [false, true]) {
        for (const cancelTurns of [-1, 0, 3]) {
          for (let step = 0; step < STEPS; step++) {
            await run(cancelTurns, inline, (effect) => Effect.runFork(effect, { scheduler: interruptAt(step) }))
          }
          for (let turns = 0; turns < TURNS; turns++) {
            await run(cancelTurns, inline, (effect) => {
              const fiber = Effect.runFork(effect)
              let left = turns
              const tick = () => void (left-- > 0 ? setImmediate(tick) : interrupt(fiber))
              tick()
              return fiber
            })
          }
        }
      }
      expect([...outcomes]).toContain("Success")
    })
  }

  it.live("gets what has come, also what has come before it waited", () =>
    Effect.gen(function*() {
      const thing = new Thing()
      const fiber = yield* Effect.fork(form(thing))
      yield* Effect.yieldNow()
      expect(ended(fiber)).toBe(false)
      thing.end()
      expect(yield* Fiber.join(fiber)).toBe(7)
      expect(yield* form(new Thing(-1))).toBe(7)
    }))

  it.live("that is interrupted cancels once, and waits", () =>
    Effect.gen(function*() {
      const thing = new Thing()
      const fiber = yield* Effect.fork(form(thing))
      yield* Effect.yieldNow()
      for (let times = 0; times < 3; times++) {
        interrupt(fiber)
        yield* turn
        expect([thing.cancelled, ended(fiber)]).toEqual([1, false])
      }
      thing.end()
      expect(Exit.isInterrupted(yield* Fiber.await(fiber))).toBe(true)
    }))

  it.live("that may not be interrupted is not, and gets what has come", () =>
    Effect.gen(function*() {
      const thing = new Thing()
      const seen: Array<unknown> = []
      const waits = Effect.map(form(thing), (value) => seen.push(value))
      const fiber = yield* Effect.fork(Effect.uninterruptible(waits))
      yield* Effect.yieldNow()
      interrupt(fiber)
      yield* turn
      thing.end()
      expect(Exit.isInterrupted(yield* Fiber.await(fiber))).toBe(true)
      expect([thing.cancelled, seen]).toEqual([0, [7]])
    }))

  it.live("dies of what its start throws", () =>
    Effect.gen(function*() {
      const defect = new Error("no start")
      const broken = Object.assign(new Thing(), {
        start: () => {
          throw defect
        }
      })
      expect(yield* Effect.exit(form(broken))).toEqual(Exit.die(defect))
    }))

  it.live("that leaves something behind says so before it goes on, with its own annotations", () =>
    Effect.gen(function*() {
      const said: Array<unknown> = []
      const logger = Logger.make(({ annotations, message }) => said.push([message, [...annotations], ended(fiber)]))
      const thing = new Thing()
      thing.warning = Effect.logWarning("left behind")
      const fiber: AnyFiber = yield* form(thing).pipe(
        Effect.annotateLogs("who", "me"),
        Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
        Effect.fork
      )
      yield* turn
      interrupt(fiber)
      yield* turn
      thing.end()
      yield* Fiber.await(fiber)
      expect(said).toEqual([[["left behind"], [["who", "me"]], false]])
    }))
})

// --- whatever the program does

/** Runs the same with each form, and compares. */
const inBoth = <A>(
  run: (form: Form) => Effect.Effect<A, never, never>,
  expected: (results: ReadonlyArray<A>) => void
) =>
  Effect.map(Effect.forEach(both, ([, form]) => run(form)), (results) => {
    expect(results[0]).toEqual(results[1])
    expected(results)
  })

/** Runs fibers when the test says so. */
class ByHand implements Scheduler.Scheduler {
  readonly tasks: Array<() => void> = []
  scheduled = 0
  scheduleTask(task: () => void): void {
    this.scheduled++
    this.tasks.push(task)
  }
  shouldYield(): false {
    return false
  }
  run(): void {
    for (let task = this.tasks.shift(); task !== undefined; task = this.tasks.shift()) task()
  }
}

/** With fewer operations before a yield no program of Effect 3.22 gets any further: the yield itself takes as many. */
const FEWEST = 10

describe("in both forms alike", () => {
  it.live("a scheduler of the program's own resumes its fibers, and nobody else does", () =>
    inBoth(
      (form) =>
        Effect.gen(function*() {
          const [scheduler, ends, cancelled] = [new ByHand(), new Thing(), new Thing()]
          const fibers = [ends, cancelled].map((thing) => Effect.runFork(form(thing), { scheduler }))
          scheduler.run()
          const before = scheduler.scheduled
          ends.end()
          interrupt(fibers[1]!)
          scheduler.run()
          cancelled.end()
          yield* turn
          const waiting = fibers.map(ended)
          scheduler.run()
          return {
            waiting,
            resumed: scheduler.scheduled > before,
            cancelled: cancelled.cancelled,
            exits: fibers.map((fiber) => fiber.unsafePoll()?._tag)
          }
        }),
      ([one]) =>
        expect(one).toEqual({ waiting: [true, false], resumed: true, cancelled: 1, exits: ["Success", "Failure"] })
    ))

  it.live("a fiber that yields as often as Effect lets it ends as it should", () =>
    inBoth((form) =>
      Effect.gen(function*() {
        const loop = Effect.replicateEffect(form(new Thing(0)), 20)
        const many = Effect.forEach([loop, loop], (one) => one, { concurrency: "unbounded" })
        const values = [...yield* many, yield* form(new Thing(-1))]
        const left = new Thing(Infinity, 1)
        const fiber = yield* Effect.fork(form(left))
        yield* turn
        const exit = yield* Fiber.interrupt(fiber)
        return [values.flat().length, left.cancelled, Exit.isInterrupted(exit)]
      }).pipe(Effect.withMaxOpsBeforeYield(FEWEST)), ([one]) => expect(one).toEqual([41, 1, true])))

  it.effect("a TestClock ends a timeout, when what was cancelled has ended", () =>
    inBoth((form) =>
      Effect.gen(function*() {
        const thing = new Thing()
        const fiber = yield* Effect.fork(Effect.timeoutOption(form(thing), "1 hour"))
        yield* TestClock.adjust("59 minutes")
        const early = [thing.cancelled, ended(fiber)]
        yield* TestClock.adjust("1 minute")
        const late = [thing.cancelled, ended(fiber)]
        thing.end()
        return [...early, ...late, yield* Fiber.join(fiber)]
      }), ([one]) => expect(one).toEqual([0, false, 1, false, Option.none()])))

  it.live("FiberRefs are those of the fiber before and after, and of what it runs in between", () =>
    inBoth((form) =>
      Effect.scoped(Effect.gen(function*() {
        const ref = yield* FiberRef.make("outside")
        const seen: Array<string> = []
        const look = Effect.map(FiberRef.get(ref), (value) => seen.push(value))
        yield* Effect.locally(Effect.zipRight(form(new Thing(1)), look), ref, "inside")
        yield* look
        yield* FiberRef.set(ref, "changed")
        yield* form(new Thing(-1))
        yield* look
        const fiber = yield* Effect.fork(Effect.onInterrupt(form(new Thing(Infinity, 1)), () => look))
        yield* turn
        yield* Fiber.interrupt(fiber)
        return seen
      })), ([one]) => expect(one).toEqual(["inside", "outside", "changed", "changed"])))

  it.live("a supervisor sees each fiber begin and end once", () =>
    inBoth((form) =>
      Effect.gen(function*() {
        const events: Array<string> = []
        class Watching extends Supervisor.AbstractSupervisor<void> {
          override readonly value = Effect.void
          override onStart() {
            events.push("start")
          }
          override onEnd(exit: Exit.Exit<unknown, unknown>) {
            events.push(exit._tag)
          }
        }
        const things = [new Thing(1), new Thing(Infinity, 1)]
        yield* Effect.gen(function*() {
          const fibers = yield* Effect.forEach(things, (thing) => Effect.fork(form(thing)))
          yield* Fiber.join(fibers[0]!)
          yield* Fiber.interrupt(fibers[1]!)
        }).pipe(Effect.supervised(new Watching()))
        return events
      }), ([one]) => expect(one).toEqual(["start", "start", "Success", "Failure"])))

  it.live("what is disconnected is left at once, and cancelled and waited for behind one's back", () =>
    inBoth((form) =>
      Effect.gen(function*() {
        const thing = new Thing()
        const fiber = yield* Effect.fork(Effect.disconnect(form(thing)))
        yield* turn
        const exit = yield* Fiber.interrupt(fiber)
        yield* turn
        const after = [Exit.isInterrupted(exit), thing.cancelled, Thing.underWay]
        thing.end()
        yield* turn
        return [...after, Thing.underWay]
      }), ([one]) => expect(one).toEqual([true, 1, 1, 0])))

  it.live("a program that waits in one form within the other ends as it should", () =>
    Effect.gen(function*() {
      for (const [outer, inner] of [[primitive, masked], [masked, primitive]] as const) {
        const program = Effect.acquireUseRelease(
          outer(new Thing(0)),
          () => inner(new Thing(Infinity, 2)),
          () => Effect.zipRight(outer(new Thing(0)), inner(new Thing(1)))
        )
        const fiber = yield* Effect.fork(program)
        for (let i = 0; i < 5; i++) yield* turn
        expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
      }
    }))
})

// --- many fibers in one microtask

describe("fibers that one look completes", () => {
  const original = globalThis.queueMicrotask
  afterEach(() => void (globalThis.queueMicrotask = original))

  /** So many that wait; and the microtasks that were asked for since, by hand. */
  const waiting = (count: number) => {
    const things = Array.from({ length: count }, () => new Thing())
    const fibers = things.map((thing) => Effect.runFork(primitive(thing)) as unknown as AnyFiber)
    const microtasks: Array<() => void> = []
    globalThis.queueMicrotask = (task) => void microtasks.push(task)
    return { things, fibers, microtasks }
  }

  it("go on in one microtask, in their order, and not before", () => {
    const { fibers, microtasks, things } = waiting(10)
    const order: Array<number> = []
    fibers.forEach((fiber, i) => fiber.addObserver(() => order.push(i)))
    for (const thing of things) thing.end()
    expect([microtasks.length, order]).toEqual([1, []])
    microtasks[0]!()
    expect([microtasks.length, order]).toEqual([1, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]])
  })

  it("have Effect's scheduler again as soon as they are resumed", () => {
    const { fibers, microtasks, things } = waiting(1)
    things[0]!.end()
    expect(fibers[0]!.currentScheduler).toBe(Scheduler.defaultScheduler)
    microtasks[0]!()
    expect(ended(fibers[0]!)).toBe(true)
  })

  it("go on although an observer of one of them throws", () => {
    const { fibers, microtasks, things } = waiting(3)
    fibers[1]!.addObserver(() => {
      throw new Error("thrown by an observer")
    })
    for (const thing of things) thing.end()
    expect(microtasks[0]).toThrow("thrown by an observer")
    expect([fibers.map(ended), microtasks.length]).toEqual([[true, true, false], 2])
    microtasks[1]!()
    expect(fibers.map(ended)).toEqual([true, true, true])
  })
})

// --- which of them

interface Prototype {
  initiateAsync: (flags: unknown, register: (resume: (exit: unknown) => void) => void) => void
  _asyncInterruptor: unknown
}

describe("the primitive", () => {
  const prototype: Prototype = Object.getPrototypeOf(Effect.runFork(Effect.void))
  const { initiateAsync } = prototype
  afterEach(() => void (prototype.initiateAsync = initiateAsync))

  it("works with this version of Effect", () => {
    expect([primitiveWorks(), formOf("auto"), formOf(undefined), formOf("mask")]).toEqual([
      true,
      primitive,
      primitive,
      masked
    ])
  })

  const others: Record<string, (this: Prototype, ...rest: Parameters<Prototype["initiateAsync"]>) => void> = {
    "puts its own interruptor in place afterwards"(flags, register) {
      let theirs: unknown
      initiateAsync.call(this, flags, (resume) => {
        theirs = this._asyncInterruptor
        register(resume)
      })
      this._asyncInterruptor = theirs
    },
    "has no such field"(flags, register) {
      initiateAsync.call(this, flags, (resume) => {
        const theirs = this._asyncInterruptor
        this._asyncInterruptor = undefined
        register(resume)
        this._asyncInterruptor = theirs
      })
    },
    "says that every region can be interrupted"(flags, register) {
      initiateAsync.call(this, flags, (resume) => {
        this._asyncInterruptor ??= () => {}
        register(resume)
      })
    },
    "does not take exits"(flags, register) {
      initiateAsync.call(this, flags, (resume) => register(() => resume(Effect.never)))
    },
    "throws there": () => {
      throw new Error("another one")
    }
  }
  it("is found out about once, when the first kernel asks, and the mask is taken otherwise", async () => {
    vi.resetModules()
    const fresh = await import("../../src/internal/forms.js")
    prototype.initiateAsync = others["throws there"]!
    expect(fresh.formOf("auto")).toBe(fresh.masked)
    prototype.initiateAsync = initiateAsync
    expect([fresh.formOf("auto") === fresh.masked, fresh.primitiveWorks()]).toEqual([true, true])
  })

  for (const [name, other] of Object.entries(others)) {
    it(`is not taken with an Effect that ${name}`, () => {
      prototype.initiateAsync = other
      expect(primitiveWorks()).toBe(false)
    })
  }
})
