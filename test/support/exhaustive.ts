/**
 * Every order in which up to three operations on one object can be submitted, completed, interrupted and cancelled, and
 * the object be closed; with everything that the system can answer. Not a sample: all of them, each once.
 */
import * as C from "../../src/internal/constants.js"
import type { Operation as Issued } from "../../src/internal/engine/Operation.js"
import type { ThreadpoolIoObject } from "../../src/internal/engine/ThreadpoolIoObject.js"
import { type Choices, exhaust } from "../../src/internal/kernel/simulated/Choices.js"
import { isBalanced } from "../../src/Ledger.js"
import * as Operation from "../../src/Operation.js"
import { type Bench, bench, closed } from "./bench.js"
import * as simulated from "./simulated.js"

export interface Case {
  readonly name: string
  readonly operations: number
  /** The things that the system may do with each of them. */
  readonly answers: ReadonlyArray<simulated.Plan>
  readonly maxInFlight: number
  readonly skipMode: boolean
  /** One `cancelAll`, at any moment. */
  readonly cancelsAll: boolean
}

const BYTES = 8
/** The contents of the memory of an operation in flight: any other writer shows. */
const POISON = 0xdb

const success: simulated.Outcome = { status: C.ERROR_SUCCESS, bytes: BYTES }

export const pends = simulated.pend
/** A cancellation comes too late. */
export const pendsOn = simulated.ignoringCancels(Infinity)
export const succeedsLate = simulated.pendUntilCancelled({ status: C.ERROR_SUCCESS, bytes: 0 })
export const inline = simulated.inline({ status: C.ERROR_SUCCESS, bytes: 0 })
export const failsAtStart = simulated.failAtStart(C.ERROR_ACCESS_DENIED)
export const early = simulated.duringIssue({ status: C.ERROR_SUCCESS, bytes: 0 })

class Schedule {
  readonly object: ThreadpoolIoObject
  readonly submitted: Array<Issued> = []
  readonly buffers: Array<Uint8Array> = []
  readonly told: Array<number> = []
  readonly interrupted = new Set<number>()
  readonly trail: Array<string> = []
  cancelledAll = false
  report: ReturnType<typeof closed> | undefined
  readonly #poisoned = new Set<simulated.Pending>()

  constructor(readonly here: Bench, readonly one: Case, readonly choices: Choices) {
    this.object = here.bind({
      owned: true,
      maxInFlight: one.maxInFlight,
      skipMode: one.skipMode,
      drainTimeoutMs: Infinity
    })
    here.control.decide = () => one.answers[choices.below(one.answers.length)]!
  }

  /** The possible next events, as things to do. */
  #possible(): Array<readonly [name: string, run: () => void]> {
    const { control } = this.here
    const possible: Array<readonly [string, () => void]> = []
    if (this.submitted.length < this.one.operations) possible.push(["submit", () => this.#submit()])
    for (const pending of control.pending) {
      possible.push([`complete ${this.submitted.indexOf(pending.issue as Issued)}`, () => this.#complete(pending)])
    }
    if (control.turnsLeft > 0) possible.push(["turn", () => void control.turn()])
    if (this.report === undefined) possible.push(["close", () => void (this.report = closed(this.object))])
    this.submitted.forEach((operation, index) => {
      if (this.interrupted.has(index) || operation.delivered) return
      possible.push([`interrupt ${index}`, () => {
        this.interrupted.add(index)
        this.object.cancel(operation)
      }])
    })
    if (
      this.one.cancelsAll && !this.cancelledAll && this.report === undefined &&
      this.submitted.some((one) => !one.delivered)
    ) {
      possible.push(["cancel", () => {
        this.cancelledAll = true
        this.object.cancelAll()
      }])
    }
    return possible
  }

  #submit(): void {
    const index = this.submitted.length
    const buffer = new Uint8Array(BYTES)
    this.buffers.push(buffer)
    this.told.push(0)
    const operation = this.object.submit(Operation.read({ buffer }).request)
    this.submitted.push(operation)
    if (operation.delivered) this.told[index]!++
    operation.listener = () => this.told[index]!++
  }

  #complete(pending: simulated.Pending): void {
    check(pending.memory.every((byte) => byte === POISON), "the memory of an operation in flight is somebody else's")
    pending.memory.fill(this.submitted.indexOf(pending.issue as Issued) + 1)
    pending.complete(success)
  }

  /** An operation that has begun owns its memory from now on. */
  #poison(): void {
    for (const pending of this.here.control.pending) {
      if (this.#poisoned.has(pending)) continue
      this.#poisoned.add(pending)
      pending.memory.fill(POISON)
    }
  }

  run(): void {
    for (;;) {
      const possible = this.#possible()
      if (possible.length === 0) break
      const [name, run] = possible[this.choices.below(possible.length)]!
      this.trail.push(name)
      run()
      this.#poison()
      check(isBalanced(this.object.counters.read()), "the ledger does not balance")
      check(this.object.counters.inFlight <= this.one.maxInFlight, "more in flight than allowed")
      check(this.told.every((times) => times <= 1), "an operation was told twice")
      if (this.report !== undefined) this.#closing()
    }
    this.#end()
  }

  /** From the moment of the close on. */
  #closing(): void {
    check(this.object.counters.queued === 0, "the close has left something in the queue")
    check(
      this.here.control.pending.every(({ cancels }) => cancels > 0),
      "the close has not cancelled what is in flight"
    )
  }

  #end(): void {
    const { control, engine, kernel, loop } = this.here
    check(this.told.every((times) => times === 1), "an operation was not told")
    check(this.report?.report !== undefined, "the close has not ended")
    const { closeStatus, defect, quarantined, retained } = this.report!.report!
    check(defect === undefined, String(defect))
    check(closeStatus === 0 && retained === undefined && quarantined.length === 0, "the close was not clean")
    for (const [index, operation] of this.submitted.entries()) {
      const whole = operation.ending === "completed" && operation.status === C.ERROR_SUCCESS &&
        operation.bytes === BYTES
      const mark = whole ? index + 1 : 0
      check(operation.state === "Released", `operation ${index} is ${operation.state} at the end`)
      check(this.buffers[index]!.every((byte) => byte === mark), `buffer ${index} has not what its operation brought`)
    }
    const times = (name: string) => control.log.filter((one) => one === name).length
    const { cancelled, completedByCallback, started } = this.object.counters
    check(times("StartThreadpoolIo") === times("read"), "an operation was issued without its Start, or not at all")
    check(
      times("StartThreadpoolIo") === completedByCallback + times("CancelThreadpoolIo"),
      "a Start has not its one pair"
    )
    check(started === times("StartThreadpoolIo"), "the ledger has other Starts than the kernel")
    check(times("CancelIoEx") <= cancelled, "more cancellations than were asked for")
    // Rule 17: the wait, the handle, the object, and nothing after.
    check(
      control.log.slice(-3).join() === "WaitForThreadpoolIoCallbacks,CloseHandle,CloseThreadpoolIo",
      `closed in another order: ${control.log.join()}`
    )
    const { handles, inFlight, objects, started: open } = control.census()
    check(handles + objects + open + inFlight === 0, "something is left open")
    check(kernel.slots.stray === 0, "a completion has come to nobody")
    const slot = kernel.slots.acquire({ completed: () => {} })
    kernel.slots.release(slot)
    check(slot < this.one.operations, "a slot was not returned")
    check(engine.buffers.lentBytes === 0, "memory was not returned")
    check(loop.refs === 0 && loop.timers === 0, "the process is kept alive")
  }
}

export const check = (condition: boolean, sentence: string): void => {
  if (!condition) throw new Error(sentence)
}

/** Runs all schedules of a case; answers how many there are. Throws with the schedule that breaks an invariant. */
export const runAll = (one: Case): number => everySchedule(one, Schedule)

/** The same, for schedules of any kind. */
export const everySchedule = <One extends { readonly name: string }>(
  one: One,
  Schedule: new(here: Bench, one: One, choices: Choices) => {
    readonly trail: ReadonlyArray<string>
    readonly run: () => void
  }
): number => {
  const here = bench()
  return exhaust((choices) => {
    const schedule = new Schedule(here, one, choices)
    try {
      schedule.run()
      freshTurn(here)
    } catch (error) {
      throw new Error(`${one.name}: ${(error as Error).message}\nschedule: ${schedule.trail.join(", ")}`, {
        cause: error
      })
    }
  })
}

/**
 * One engine serves all schedules: each begins with the same share of a turn, so that none depends on the one before.
 */
const freshTurn = ({ engine, loop }: Bench): void => {
  const nobody = { deliver: () => {}, next: undefined, previous: undefined }
  do engine.turns.deliver(nobody, true)
  while (!loop.turn())
}

const all = [pends, pendsOn, succeedsLate, inline, failsAtStart, early]

export const cases: ReadonlyArray<Case> = [
  ...[true, false].map((skipMode) => ({
    name: `one operation, ${skipMode ? "" : "no "}skip mode`,
    operations: 1,
    answers: all,
    maxInFlight: 1,
    skipMode,
    cancelsAll: true
  })),
  ...[1, 2].flatMap((maxInFlight) =>
    [true, false].map((skipMode) => ({
      name: `two operations, ${maxInFlight} at a time, ${skipMode ? "" : "no "}skip mode`,
      operations: 2,
      answers: all,
      maxInFlight,
      skipMode,
      cancelsAll: true
    }))
  ),
  ...[1, 2, 3].map((maxInFlight) => ({
    name: `three operations that pend, ${maxInFlight} at a time`,
    operations: 3,
    answers: [pends, pendsOn],
    maxInFlight,
    skipMode: true,
    cancelsAll: false
  }))
]
