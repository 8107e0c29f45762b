/**
 * The same for fibers: every order of forking, completing, interrupting and closing, with every step of every fiber
 * between them. What an interruption meets, the registration of a wait or its end, is the schedule's affair.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import type * as Scheduler from "effect/Scheduler"
import * as Handle from "../../src/Handle.js"
import * as C from "../../src/internal/constants.js"
import { formOf } from "../../src/internal/forms.js"
import type { Choices } from "../../src/internal/kernel/simulated/Choices.js"
import * as life from "../../src/internal/threadpoolIo.js"
import type { Kernel } from "../../src/Kernel.js"
import * as Operation from "../../src/Operation.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import type { Bench } from "./bench.js"
import { check, early, everySchedule, failsAtStart, inline, pends, pendsOn, succeedsLate } from "./exhaustive.js"
import type * as simulated from "./simulated.js"

export interface Case {
  readonly name: string
  readonly fibers: number
  readonly answers: ReadonlyArray<simulated.Plan>
  readonly maxInFlight: number
  /** Interruption reports what the operation came to (`cancellable`). */
  readonly cancellable: boolean
  readonly submit: "auto" | "mask"
}

const BYTES = 8

interface Submitting {
  readonly buffer: Uint8Array
  readonly fiber: Fiber.RuntimeFiber<unknown, unknown>
  exit: Exit.Exit<unknown, unknown> | undefined
  interrupted: boolean
}

class Schedule implements Scheduler.Scheduler {
  readonly #tasks: Array<() => void> = []
  readonly #submitting: Array<Submitting> = []
  readonly #io: ThreadpoolIo.ThreadpoolIo
  readonly trail: Array<string> = []
  #closing = false
  #closed: Exit.Exit<unknown, unknown> | undefined

  constructor(readonly here: Bench, readonly one: Case, readonly choices: Choices) {
    const { control, engine } = here
    control.log.length = 0
    const service: Kernel.Service = {
      name: "simulated",
      drainTimeout: Duration.infinity,
      engine,
      environment: undefined,
      form: formOf(one.submit)
    }
    control.decide = () => one.answers[choices.below(one.answers.length)]!
    const handle = Handle.make(control.borrowedHandle("file"))
    const io = life.acquire(service, handle, { owned: true, maxInFlight: one.maxInFlight })
    if (!ThreadpoolIo.isThreadpoolIo(io)) throw io
    this.#io = io
  }

  // --- its fibers run when the schedule says so

  scheduleTask(task: () => void): void {
    this.#tasks.push(task)
  }

  shouldYield(): false {
    return false
  }

  #fork(effect: Effect.Effect<unknown, unknown>): Fiber.RuntimeFiber<unknown, unknown> {
    return Effect.runFork(effect, { scheduler: this })
  }

  #possible(): Array<readonly [name: string, run: () => void]> {
    const { control } = this.here
    const possible: Array<readonly [string, () => void]> = []
    if (this.#submitting.length < this.one.fibers) possible.push(["submit", () => this.#submit()])
    if (this.#tasks.length > 0) possible.push(["step", () => this.#tasks.shift()!()])
    control.pending.forEach((pending, index) => {
      possible.push([`complete ${index}`, () => {
        pending.memory.fill(7)
        pending.complete({ status: C.ERROR_SUCCESS, bytes: BYTES })
      }])
    })
    if (control.turnsLeft > 0) possible.push(["turn", () => void control.turn()])
    for (const [index, one] of this.#submitting.entries()) {
      if (one.interrupted || one.exit !== undefined) continue
      possible.push([`interrupt ${index}`, () => {
        one.interrupted = true
        one.fiber.unsafeInterruptAsFork(FiberId.none)
      }])
    }
    if (!this.#closing) {
      possible.push(["close", () => {
        this.#closing = true
        this.#fork(life.close(this.#io)).addObserver((exit) => this.#closed = exit)
      }])
    }
    return possible
  }

  #submit(): void {
    const buffer = new Uint8Array(BYTES)
    const operation = Operation.read({ buffer })
    const submit = this.one.cancellable ? ThreadpoolIo.cancellable : ThreadpoolIo.submit
    const submitting: Submitting = {
      buffer,
      fiber: this.#fork(submit(this.#io, operation)),
      exit: undefined,
      interrupted: false
    }
    submitting.fiber.addObserver((exit) => {
      submitting.exit = exit
    })
    this.#submitting.push(submitting)
  }

  run(): void {
    for (;;) {
      const possible = this.#possible()
      if (possible.length === 0) break
      const [name, run] = possible[this.choices.below(possible.length)]!
      this.trail.push(name)
      const settled = this.#submitting.filter(({ exit }) => exit !== undefined).map(({ buffer }) => [buffer, buffer[0]])
      run()
      // Whose effect has ended has his memory back.
      check(settled.every(([buffer, byte]) => (buffer as Uint8Array)[0] === byte), "memory was touched after the end")
    }
    this.#end()
  }

  #end(): void {
    const { control, engine, kernel, loop } = this.here
    check(this.#closed?._tag === "Success", "the close has not ended")
    for (const { buffer, exit, interrupted } of this.#submitting) {
      check(exit !== undefined, "a fiber has not ended")
      const brought = exit!._tag === "Success" && (exit!.value as { bytesTransferred: number }).bytesTransferred > 0
      check(!brought || buffer.every((byte) => byte === 7), "bytes were reported that are not there")
      check(interrupted || !isInterrupted(exit!), "interrupted by nobody")
    }
    const times = (name: string) => control.log.filter((one) => one === name).length
    const { completedByCallback } = this.#io.object.counters
    check(
      times("StartThreadpoolIo") === completedByCallback + times("CancelThreadpoolIo"),
      "a Start has not its one pair"
    )
    const { handles, inFlight, objects, started } = control.census()
    check(
      handles + objects + started + inFlight + engine.buffers.lentBytes + kernel.slots.stray === 0,
      "something is left"
    )
    check(loop.refs === 0 && loop.timers === 0, "the process is kept alive")
  }
}

const isInterrupted = (exit: Exit.Exit<unknown, unknown>): boolean =>
  exit._tag === "Failure" && exit.cause._tag === "Interrupt"

/** Runs all schedules of a case, as for the machine alone. */
export const runAll = (one: Case): number => everySchedule(one, Schedule)

export const cases: ReadonlyArray<Case> = ([
  { cancellable: false, submit: "auto", name: "" },
  { cancellable: false, submit: "mask", name: ", masked" },
  { cancellable: true, submit: "mask", name: ", cancellable" }
] as const).flatMap(({ cancellable, name, submit }) => [
  {
    name: `one fiber${name}`,
    fibers: 1,
    answers: [pends, pendsOn, succeedsLate, inline, failsAtStart, early],
    maxInFlight: 1,
    cancellable,
    submit
  },
  {
    name: `two fibers, one operation at a time${name}`,
    fibers: 2,
    answers: cancellable ? [pends] : [pends, pendsOn],
    maxInFlight: 1,
    cancellable,
    submit
  }
])
