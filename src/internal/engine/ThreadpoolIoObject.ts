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
import { isDetached } from "../values.js"
import type { Binding } from "./Binding.js"
import { Lease, poolMemory } from "./BufferPool.js"
import type { Engine } from "./Engine.js"
import type { EnvironmentObject } from "./Environment.js"
import { Counters } from "./Ledger.js"
import { List } from "./List.js"
import type { Request } from "./Operation.js"
import { Operation } from "./Operation.js"
import * as Segments from "./Segments.js"

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

type Stage = "open" | "closing" | "closed"

export class ThreadpoolIoObject {
  readonly counters = new Counters()
  readonly #queue = new List<Operation>()
  readonly #inFlight = new List<Operation>()
  readonly #quarantined: Array<Operation> = []
  #stopLooking: (() => void) | undefined = undefined
  #stage: Stage = "open"
  #issues = 0
  #pumping = false
  #turnAwaited = false
  #calls = 0
  #whenNoCalls: (() => void) | undefined = undefined
  #whenIdle: Array<() => void> = []
  #whenClosed: Array<(report: CloseReport) => void> | undefined = undefined
  #report: CloseReport | undefined = undefined
  /** Its cleanup group closes the object itself. */
  #byGroup = false

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
    return this.#stage === "open"
  }

  // --- submitting

  /** Queues or issues. Look at `delivered` afterwards: it may have ended already, without any native call. */
  submit(request: Request): Operation {
    const operation = new Operation(this, request)
    const problem = this.#refuse(operation)
    if (problem !== undefined) {
      operation.ending = this.#stage === "open" ? "refused" : "closed"
      operation.status = this.#stage === "open" ? ERROR_INVALID_PARAMETER : ERROR_INVALID_HANDLE
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
    const { access, kind, length, memory, problem, segments, start } = operation.request
    if (this.#stage !== "open") return "the scope of this ThreadpoolIo has closed"
    if (problem !== undefined) return problem
    // Its TRUE means pending; a file system that completes it inline would be waited for without end.
    if (kind === "watch" && this.skipMode) return "a directory's handle must not be in skip mode"
    if (segments !== undefined) return this.#refuseSegments(operation, segments)
    if (memory === undefined) return undefined
    if (memory instanceof Lease) {
      if (memory.block === undefined) return "the pool buffer has been returned"
      operation.rangeStart = start
      operation.ranges = memory.ranges
    } else {
      // Checked again here: between making the value and submitting it, the memory may have been transferred away.
      const trouble = callersMemoryTrouble(memory, length)
      if (trouble !== undefined) return trouble
      operation.rangeStart = memory.byteOffset + start
      operation.ranges = this.engine.rangesOf(memory.buffer)
    }
    operation.rangeEnd = operation.rangeStart + length
    if (length === 0) operation.ranges = undefined
    else if (!operation.ranges.add(operation, access === "kernel-writes")) {
      operation.ranges = undefined
      return "the buffer overlaps that of an operation in flight, and one of the two is written by the kernel"
    }
    return undefined
  }

  #refuseSegments(operation: Operation, segments: ReadonlyArray<Segments.Segment>): string | undefined {
    const trouble = segmentsTrouble(segments)
    if (trouble !== undefined) return trouble
    const { access } = operation.request
    operation.parts = Segments.take(segments, access, (buffer) => this.engine.rangesOf(buffer))
    return operation.parts === undefined
      ? "a buffer overlaps another, or that of an operation in flight, and one of the two is written by the kernel"
      : undefined
  }

  /** Gives the operation its OVERLAPPED, and memory that the kernel may use; or says why it cannot. */
  #prepare(operation: Operation): string | undefined {
    const problem = this.#prepareMemory(operation) ?? this.#prepareInput(operation)
    if (problem !== undefined) return problem
    try {
      operation.slot = this.engine.kernel.slots.acquire(operation)
      return undefined
    } catch {
      operation.status = ERROR_NOT_ENOUGH_MEMORY
      return "no memory for an OVERLAPPED"
    }
  }

  #prepareMemory(operation: Operation): string | undefined {
    const { access, length, memory, segments, start } = operation.request
    if (segments !== undefined) return this.#prepareSegments(operation, segments)
    if (memory === undefined) return undefined
    if (memory instanceof Lease) {
      if (memory.block === undefined) return "the pool buffer has been returned"
      operation.block = memory.block
      operation.start = start
      return undefined
    }
    const trouble = callersMemoryTrouble(memory, length)
    if (trouble !== undefined) return trouble
    operation.block = this.engine.buffers.acquire(length)
    if (operation.block === undefined) operation.status = ERROR_NOT_ENOUGH_MEMORY
    else if (access === "kernel-reads" && length > 0) {
      operation.block.bytes.set(
        start === 0 && length === memory.length ? memory : memory.subarray(start, start + length)
      )
    }
    return operation.block === undefined ? "no memory for a buffer" : undefined
  }

  #prepareSegments(operation: Operation, segments: ReadonlyArray<Segments.Segment>): string | undefined {
    const trouble = segmentsTrouble(segments)
    if (trouble !== undefined) return trouble
    const { access, kind, length } = operation.request
    const inPlace = kind === "scatter" || kind === "gather"
    const block = this.engine.buffers.acquire(inPlace ? Segments.elementsSize(segments) : length)
    if (block === undefined) {
      operation.status = ERROR_NOT_ENOUGH_MEMORY
      return "no memory for a buffer"
    }
    if (inPlace) {
      operation.input = block
      Segments.writeElements(segments, block.bytes)
    } else {
      operation.block = block
      if (access === "kernel-reads") Segments.gather(segments, block.bytes)
    }
    return undefined
  }

  #prepareInput(operation: Operation): string | undefined {
    const { input } = operation.request
    if (input === undefined) return undefined
    operation.input = this.engine.buffers.acquire(input.length)
    if (operation.input === undefined) {
      operation.status = ERROR_NOT_ENOUGH_MEMORY
      return "no memory for a buffer"
    }
    operation.input.bytes.set(input)
    return undefined
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
      if (operation.cancelRequested || this.#stage !== "open") this.#cancelPending(operation)
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
    const { access, memory, segments, start } = operation.request
    operation.stopTimer?.()
    operation.state = "Released"
    operation.ranges?.remove(operation)
    if (segments !== undefined) this.#releaseSegments(operation, segments)
    else if (memory instanceof Lease) memory.settled()
    else if (operation.block !== undefined) {
      // The copy is made before anyone is told; afterwards the caller's memory is not touched again.
      const bytes = Math.min(operation.bytes, operation.length)
      if (access === "kernel-writes" && bytes > 0 && memory!.byteLength >= start + bytes) {
        memory!.set(operation.block.bytes.subarray(0, bytes), start)
      }
      this.engine.buffers.release(operation.block)
    }
    if (operation.input !== undefined) this.engine.buffers.release(operation.input)
    operation.block = operation.input = undefined
    this.#deliver(operation, inline)
  }

  #releaseSegments(operation: Operation, segments: ReadonlyArray<Segments.Segment>): void {
    const { block, bytes, length, request } = operation
    if (block !== undefined) {
      if (request.access === "kernel-writes") Segments.spread(segments, block.bytes, Math.min(bytes, length))
      this.engine.buffers.release(block)
    }
    if (operation.parts !== undefined) Segments.giveBack(operation.parts)
    operation.parts = undefined
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
    this.#count("queued", -1)
    return operation
  }

  #count(
    counter:
      | "queued"
      | "inFlight"
      | "cancelled"
      | "quarantined"
      | "retained",
    by: number
  ): void {
    this.counters[counter] += by
    this.engine.counters[counter] += by
  }

  // --- cancelling

  /** Asks the system to cancel. The operation ends as always: by its completion, within `drainTimeout`. */
  cancel(operation: Operation): void {
    if (operation.cancelRequested || operation.state === "Released" || operation.state === "Quarantined") return
    operation.cancelRequested = true
    this.#count("cancelled", 1)
    if (operation.state === "Queued") {
      operation.status = operation.ending === "closed" ? ERROR_INVALID_HANDLE : ERROR_OPERATION_ABORTED
      this.#release(this.#dequeue(operation))
      this.#idle()
    } else if (operation.state === "Pending") this.#cancelPending(operation)
  }

  #cancelPending(operation: Operation): void {
    if (!operation.cancelRequested) {
      operation.cancelRequested = true
      this.#count("cancelled", 1)
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
    // The caller's own memory was never the kernel's, only its copy; a buffer of the pool stays out of use.
    if (!(operation.request.memory instanceof Lease)) operation.ranges?.remove(operation)
    if (operation.block !== undefined && operation.parts !== undefined) Segments.giveBack(operation.parts)
    this.#quarantined.push(operation)
    this.#inFlight.remove(operation)
    this.#count("quarantined", 1)
    this.#count("inFlight", -1)
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

  /** A call works on the handle: it is not closed meanwhile. */
  callBegan(): void {
    this.#calls++
  }

  callEnded(): void {
    if (--this.#calls === 0) this.#whenNoCalls?.()
  }

  /**
   * Rules 17 to 20, in their order. Calls everybody back once, however often it is called. `byGroup`: all but the
   * object itself, which the cleanup group closes with the others (rule 22).
   */
  close(done: (report: CloseReport) => void, byGroup = false): void {
    if (this.#report !== undefined) return done(this.#report)
    if (this.#whenClosed !== undefined) return void this.#whenClosed.push(done)
    this.#whenClosed = [done]
    this.#byGroup = byGroup
    this.#stage = "closing"
    for (const operation of this.#queue) {
      operation.ending = "closed"
      this.cancel(operation)
    }
    for (const operation of this.#inFlight) this.cancel(operation)
    this.whenIdle(() =>
      this.#tearDown((report) => {
        this.#report = report
        for (const one of this.#whenClosed!.splice(0)) one(report)
      })
    )
  }

  /** Drained, and left for the group to close. */
  get awaitsGroup(): boolean {
    return this.#byGroup && this.#report?.retained === undefined
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

  /** A group that was told of an object which is not closed yet does not wait for it. */
  #closeObject(): void {
    if (!this.#byGroup || this.#report !== undefined) this.closedByItself()
  }

  /**
   * Nothing is in flight any more. What now still takes time runs off the JavaScript thread: after `drainTimeout`
   * whoever waits is told that the object is retained, and the teardown goes on behind his back.
   */
  #tearDown(done: (report: CloseReport) => void): void {
    const { drainTimeoutMs, owned } = this.options
    let reported = false
    const report = (retained: string | undefined, closeStatus = ERROR_SUCCESS, defect: unknown = undefined) => {
      stopTimer?.()
      this.#stage = "closed"
      this.engine.objects.delete(this)
      if (reported) this.#count("retained", retained === undefined ? -1 : 0)
      else {
        this.#count("retained", retained === undefined ? 0 : 1)
        reported = true
        done({ quarantined: this.#quarantined.map((one) => one.request.syscall), retained, closeStatus, defect })
      }
      this.engine.onActivity?.()
    }
    const stopTimer = drainTimeoutMs === Infinity ? undefined : this.engine.host.setTimer(
      drainTimeoutMs,
      () => report("WaitForThreadpoolIoCallbacks or CloseHandle has not returned yet")
    )
    const guarded = (step: () => void) => () => {
      try {
        step()
      } catch (defect) {
        report("the teardown failed", ERROR_SUCCESS, defect)
      }
    }
    if (this.#quarantined.length > 0) report("an operation did not settle")
    else if (this.#calls > 0) this.#whenNoCalls = guarded(() => this.#closeAll(owned, guarded, report))
    else guarded(() => this.#closeAll(owned, guarded, report))()
  }

  #closeAll(
    owned: boolean,
    guarded: (step: () => void) => () => void,
    report: (retained: string | undefined, closeStatus?: number) => void
  ): void {
    const { engine: { kernel }, handle, threadpoolIo } = this
    if (!owned && !kernel.unbind(handle)) {
      this.engine.retain(handle, threadpoolIo, this.environment)
      return report("the handle is borrowed and this system cannot unbind it")
    }
    const closeHandle = guarded(() => {
      if (!owned) {
        this.#closeObject()
        return report(undefined)
      }
      kernel.call("CloseHandle", { handle }, (status) =>
        guarded(() => {
          this.#closeObject()
          report(undefined, status)
        })())
    })
    this.binding.wait(kernel, threadpoolIo, closeHandle)
  }
}

const segmentsTrouble = (segments: ReadonlyArray<Segments.Segment>): string | undefined => {
  for (const { length, memory, start } of segments) {
    const trouble = memory instanceof Lease
      ? memory.block === undefined ? "a pool buffer has been returned" : undefined
      : callersMemoryTrouble(memory, start + length)
    if (trouble !== undefined) return trouble
  }
  return undefined
}

/** Memory of the caller's that cannot be copied safely; typed, before any native call. */
export const callersMemoryTrouble = (memory: Uint8Array, length: number): string | undefined => {
  const { buffer } = memory
  if (typeof SharedArrayBuffer !== "undefined" && buffer instanceof SharedArrayBuffer) return "the buffer is shared"
  if (poolMemory.has(buffer)) return "the bytes are a pool buffer's: give the PoolBuffer itself"
  if ((buffer as { readonly resizable?: boolean }).resizable === true) return "the buffer is resizable"
  if (memory.byteLength < length) return "the buffer is detached or too short"
  if (memory.byteLength === 0 && isDetached(buffer)) return "the buffer is detached"
  return undefined
}
