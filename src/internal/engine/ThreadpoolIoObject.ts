/**
 * The settle machine of one TP_IO: every Start is followed by exactly one of {completion, Cancel}; what is cancelled is
 * waited for, up to a limit; and the object is torn down only when its ledger is zero. Contract rules 1 to 20.
 */
import {
  ERROR_INVALID_HANDLE,
  ERROR_INVALID_PARAMETER,
  ERROR_IO_PENDING,
  ERROR_MORE_DATA,
  ERROR_NOT_ENOUGH_MEMORY,
  ERROR_OPERATION_ABORTED,
  ERROR_SUCCESS,
  WAIT_TIMEOUT
} from "../constants.js"
import { DONE_WITHOUT_PACKET } from "../kernel/Kernel.js"
import type { Binding } from "./Binding.js"
import type { Engine } from "./Engine.js"
import type { EnvironmentObject } from "./Environment.js"
import { Counters } from "./Ledger.js"
import { List } from "./List.js"
import type { Request } from "./Operation.js"
import { Operation } from "./Operation.js"
import * as OperationMemory from "./OperationMemory.js"
import { Teardown } from "./Teardown.js"

export interface BindOptions {
  /** Ours to close. A borrowed handle outlives the object. */
  readonly owned: boolean
  readonly skipMode: boolean
  readonly maxInFlight: number
  readonly drainTimeoutMs: number
  /** Where it is created; `undefined`: on the kernel's own pool. */
  readonly environment?: EnvironmentObject | undefined
}

/** The findings of closing. Nothing to report when `quarantined` is empty and `retained` undefined. */
export interface CloseReport {
  readonly quarantined: ReadonlyArray<string>
  /** Why the object, and an owned handle with it, is kept open. */
  readonly retained: string | undefined
  /** A Win32 status: the handle could not be closed. */
  readonly closeStatus: number
  /** The error that the teardown threw: a rule of the contract was broken. */
  readonly defect: unknown
}

/** Operations that leave the queue in one turn of the event loop. */
const ISSUES_PER_TURN = 64

/** Between two looks for a packet that should have come, where somebody else may have set skip mode. */
const PACKET_DUE_MS = 250

/** Every so many-th initiating call is timed: under Wine two looks at the clock cost more than the calls themselves. */
const TIMED = 16

export class ThreadpoolIoObject {
  readonly counters = new Counters()
  readonly #queue = new List<Operation>()
  readonly #inFlight = new List<Operation>()
  readonly #quarantined: Array<Operation> = []
  #stopLooking: (() => void) | undefined = undefined
  #open = true
  #issues = 0
  #pumping = false
  #turnAwaited = false
  #whenIdle: Array<() => void> = []
  readonly teardown = new Teardown(this)

  constructor(
    readonly engine: Engine,
    readonly handle: number,
    readonly threadpoolIo: number,
    public skipMode: boolean,
    readonly options: BindOptions,
    readonly binding: Binding,
    readonly environment: EnvironmentObject | undefined
  ) {}

  /** Its scope has not begun to close. */
  get open(): boolean {
    return this.#open
  }

  // --- submitting

  /** Queues or issues. Look at `delivered` afterwards: it may have ended already, without any native call. */
  submit(request: Request): Operation {
    const operation = new Operation(this, request)
    const problem = this.#refuse(operation)
    if (problem !== undefined) {
      operation.ending = this.#open ? "refused" : "closed"
      operation.status = this.#open ? ERROR_INVALID_PARAMETER : ERROR_INVALID_HANDLE
      operation.detail = problem
      operation.state = "Released"
      this.#deliver(operation)
    } else if (this.#queue.length > 0 || this.#inFlight.length >= this.options.maxInFlight) {
      operation.state = "Queued"
      this.#queue.push(operation)
      this.counters.queued++
      this.engine.counters.queued++
    } else this.#issue(operation)
    return operation
  }

  /** Why the operation must not be made, or `undefined`; takes its range of memory otherwise. */
  #refuse(operation: Operation): string | undefined {
    const { kind, problem } = operation.request
    if (!this.#open) return "the scope of this ThreadpoolIo has closed"
    if (problem !== undefined) return problem
    // Its TRUE means pending; a file system that completes it inline would be waited for without end.
    if (kind === "watch" && this.skipMode) return "a directory's handle must not be in skip mode"
    return OperationMemory.take(this.engine, operation)
  }

  /** Gives the operation its OVERLAPPED, and memory that the kernel may use; or says why it cannot. */
  #prepare(operation: Operation): string | undefined {
    const problem = OperationMemory.prepare(this.engine, operation)
    if (problem !== undefined) return problem
    try {
      operation.slot = this.engine.kernel.slots.acquire(operation)
      return undefined
    } catch {
      operation.status = ERROR_NOT_ENOUGH_MEMORY
      return "no memory for an OVERLAPPED"
    }
  }

  // --- the initiating call, and what its result means

  #issue(operation: Operation): void {
    const { host, kernel } = this.engine
    const problem = this.#prepare(operation)
    if (problem !== undefined) {
      operation.ending = "refused"
      operation.detail = problem
      if (operation.status === ERROR_SUCCESS) operation.status = ERROR_INVALID_PARAMETER
      return this.#release(operation)
    }
    operation.state = "Started"
    this.#inFlight.push(operation)
    this.counters.began()
    this.engine.counters.began()
    this.engine.began()

    const issue = this.#issues++
    // The first one stands for itself, each later one that is timed for those since.
    const standsFor = issue === 0 ? 1 : issue % TIMED === 0 ? TIMED : 0
    const before = standsFor > 0 ? host.now() : 0
    this.binding.start(kernel, this.threadpoolIo)
    let status: number
    try {
      status = kernel.issue(operation)
    } catch (defect) {
      operation.ending = "defect"
      operation.detail = defect
      status = ERROR_INVALID_PARAMETER
    }
    if (standsFor > 0) {
      const spent = (host.now() - before) * standsFor
      this.counters.initiatingMs += spent
      this.engine.counters.initiatingMs += spent
    }
    this.#issued(operation, status)
  }

  /** The table of results: a callback follows, or it does not and Cancel pairs the Start. */
  #issued(operation: Operation, status: number): void {
    // Rule 6: the callback may have run before the initiating call returned. It is the pair; nothing else is.
    if (operation.state === "CallbackSeen") return this.#ended(operation, "completedByCallback")
    const answered = status === ERROR_SUCCESS || status === ERROR_MORE_DATA
    if (status === ERROR_IO_PENDING || (answered && (!this.skipMode || operation.request.trueIsPending))) {
      operation.state = "Pending"
      if (answered && !operation.request.trueIsPending) this.#expect(operation, status)
      // Rule 14: a cancel or a close between two submissions did nothing to this one.
      if (operation.cancelRequested || !this.#open) this.#cancelPending(operation)
      return
    }
    const { kernel } = this.engine
    this.binding.cancel(kernel, this.threadpoolIo)
    operation.status = status === DONE_WITHOUT_PACKET ? ERROR_SUCCESS : status
    if (answered || status === DONE_WITHOUT_PACKET || status === operation.request.doneStatus) {
      operation.bytes = kernel.transferred(operation.slot)
      operation.inline = true
      this.#ended(operation, "completedInline")
    } else this.#ended(operation, "failedAtStart")
  }

  /** The owner of a borrowed handle may set skip mode after it was bound: then no packet follows an answer any more. */
  #expect(operation: Operation, status: number): void {
    if (this.options.owned) return
    operation.answered = status
    this.#stopLooking ??= this.engine.host.setTimer(PACKET_DUE_MS, () => this.#lookForSkipMode())
  }

  /** A packet is posted before the call answers: what has missed it twice will never see it. */
  #lookForSkipMode(): void {
    this.#stopLooking = undefined
    const { binding, engine: { kernel }, threadpoolIo } = this
    const waiting = [...this.#inFlight].filter(({ answered, state }) => answered !== undefined && state === "Pending")
    const skips = waiting.length > 0 && kernel.getSkipMode(this.handle)
    if (skips) this.skipMode = true
    for (const operation of waiting) {
      if (!skips || operation.missed++ === 0) {
        this.#stopLooking ??= this.engine.host.setTimer(PACKET_DUE_MS, () => this.#lookForSkipMode())
        continue
      }
      binding.cancel(kernel, threadpoolIo)
      operation.status = operation.answered!
      operation.bytes = kernel.transferred(operation.slot)
      operation.inline = true
      this.#ended(operation, "completedInline")
    }
  }

  /** The kernel's completion, on the JavaScript thread. */
  completed(operation: Operation, status: number, bytes: number, woke: boolean): void {
    if (operation.state === "Quarantined" || operation.state === "CallbackSeen") {
      // Too late: its memory stays out of use for good (rule 19). Twice: not followed.
      this.engine.kernel.slots.stray++
      return
    }
    if (woke) {
      this.counters.wakeUps++
      this.engine.counters.wakeUps++
    }
    operation.status = status
    operation.bytes = bytes
    this.engine.turns.woke()
    if (operation.state === "Started") operation.state = "CallbackSeen"
    else this.#ended(operation, "completedByCallback")
  }

  /** The kernel has let go: slot and memory go back, and whoever waits may know. */
  #ended(operation: Operation, how: "completedByCallback" | "completedInline" | "failedAtStart"): void {
    this.#inFlight.remove(operation)
    this.engine.kernel.slots.release(operation.slot)
    this.counters.ended(how)
    this.engine.counters.ended(how)
    this.#release(operation, how !== "completedByCallback")
    this.engine.ended()
    this.#next()
  }

  #release(operation: Operation, inline = true): void {
    operation.stopTimer?.()
    operation.state = "Released"
    OperationMemory.release(this.engine, operation)
    this.#deliver(operation, inline)
  }

  /** `inline`: no turn of the event loop has brought it. */
  #deliver(operation: Operation, inline = true): void {
    this.engine.turns.deliver(operation, inline)
  }

  /**
   * Fills the places that have become free. Not recursive: an operation that ends inline comes back here. Not greedy: a
   * queue whose operations all end inline would hold the event loop up.
   */
  #next(): void {
    // Each completion comes here: while the queue waits for its turn, many of them must not become many such waits.
    if (this.#pumping || this.#turnAwaited) return
    this.#pumping = true
    try {
      for (let issued = 0; this.#queue.length > 0 && this.#inFlight.length < this.options.maxInFlight; issued++) {
        if (issued === ISSUES_PER_TURN) {
          this.#turnAwaited = true
          this.engine.host.defer(() => {
            this.#turnAwaited = false
            this.#next()
          })
          break
        }
        this.#issue(this.#dequeue(this.#queue.first!))
      }
    } finally {
      this.#pumping = false
    }
    this.#idle()
  }

  #idle(): void {
    if (this.#inFlight.length > 0 || this.#queue.length > 0) return
    this.#stopLooking?.()
    this.#stopLooking = undefined
    for (const idle of this.#whenIdle.splice(0)) idle()
  }

  #dequeue(operation: Operation): Operation {
    this.#queue.remove(operation)
    this.count("queued", -1)
    return operation
  }

  count(counter: "queued" | "inFlight" | "cancelled" | "quarantined" | "retained", by: number): void {
    this.counters[counter] += by
    this.engine.counters[counter] += by
  }

  // --- cancelling

  /** Asks the system to cancel. The operation ends as always: by its completion, within `drainTimeout`. */
  cancel(operation: Operation): void {
    if (operation.cancelRequested || operation.state === "Released" || operation.state === "Quarantined") return
    operation.cancelRequested = true
    this.count("cancelled", 1)
    if (operation.state === "Queued") {
      operation.status = operation.ending === "closed" ? ERROR_INVALID_HANDLE : ERROR_OPERATION_ABORTED
      this.#release(this.#dequeue(operation))
      this.#idle()
    } else if (operation.state === "Pending") this.#cancelPending(operation)
  }

  #cancelPending(operation: Operation): void {
    if (!operation.cancelRequested) {
      operation.cancelRequested = true
      this.count("cancelled", 1)
    }
    const { drainTimeoutMs } = this.options
    if (drainTimeoutMs !== Infinity) {
      operation.stopTimer = this.engine.host.setTimer(drainTimeoutMs, () => this.#quarantine(operation))
    }
    // Rule 11: the answer means nothing. The completion does.
    this.engine.kernel.cancelIoEx(this.handle, operation.slot)
  }

  cancelAll(): void {
    for (const operation of this.#queue) this.cancel(operation)
    for (const operation of this.#inFlight) this.cancel(operation)
  }

  /** Rule 19: slot, buffer and registration stay as they are, for good; waiting ends. */
  #quarantine(operation: Operation): void {
    operation.state = "Quarantined"
    operation.ending = "quarantined"
    operation.status = WAIT_TIMEOUT
    OperationMemory.abandon(operation)
    this.#quarantined.push(operation)
    this.#inFlight.remove(operation)
    this.count("quarantined", 1)
    this.count("inFlight", -1)
    this.#deliver(operation)
    this.engine.ended()
    this.#next()
  }

  // --- waiting and closing

  /** Calls back once nothing is in flight or queued. */
  whenIdle(callback: () => void): void {
    if (this.#inFlight.length === 0 && this.#queue.length === 0) callback()
    else this.#whenIdle.push(callback)
  }

  /**
   * Rules 17 to 20, in their order. Calls everybody back once, however often it is called. `byGroup`: all but the
   * object itself, which the cleanup group closes with the others (rule 22).
   */
  close(done: (report: CloseReport) => void, byGroup = false): void {
    if (!this.teardown.asked(done, byGroup)) return
    this.#open = false
    for (const operation of this.#queue) {
      operation.ending = "closed"
      this.cancel(operation)
    }
    for (const operation of this.#inFlight) this.cancel(operation)
    this.whenIdle(() => this.teardown.begin(this.#quarantined.map((one) => one.request.syscall)))
  }

  /** The group cannot do it. */
  closedByItself(): void {
    this.binding.close(this.engine.kernel, this.threadpoolIo)
    this.left()
  }

  /** It is closed, by itself or by its group. */
  left(): void {
    this.environment?.left(this)
  }
}
