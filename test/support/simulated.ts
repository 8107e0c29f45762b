/**
 * The simulated kernel: the model of TP_IO over files in memory, where a test decides what every operation and every
 * call does, and when. It has no clock; its packets come in later turns of the event loop, or when the test says so.
 */
import * as C from "../../src/internal/constants.js"
import type { CallDone, CallName, Calls, FileInformation } from "../../src/internal/kernel/Calls.js"
import type { Block, CustomIssue, Issue, Kernel } from "../../src/internal/kernel/Kernel.js"
import { type Done, Model, ModelOperation, type Storage, type TakeBack } from "../../src/internal/kernel/model.js"
import { MemoryFiles, type OpenFile } from "../../src/internal/kernel/simulated/memory.js"
import type { SlotTable } from "../../src/internal/kernel/SlotTable.js"

// --- what an operation does

/** The end of an operation. Without one, it does what it was issued for. */
export interface Outcome {
  readonly status: number
  readonly bytes: number
}

export type Plan =
  | { readonly _: "Packet" }
  | { readonly _: "Inline"; readonly outcome: Outcome | undefined }
  | { readonly _: "Silent"; readonly outcome: Outcome | undefined }
  | { readonly _: "DuringIssue"; readonly outcome: Outcome | undefined; readonly answer: number }
  | { readonly _: "Pend"; readonly answer: number; readonly ignoredCancels: number; readonly onCancel: Outcome }

const aborted: Outcome = { status: C.ERROR_OPERATION_ABORTED, bytes: 0 }

/** Without a plan: does its work, answers 997, and its packet comes in a later turn. A cancel comes too late. */
export const packet: Plan = { _: "Packet" }

/** The initiating call answers the outcome; skip mode decides whether a packet follows. */
export const inline = (outcome?: Outcome): Plan => ({ _: "Inline", outcome })

/** The initiating call fails. */
export const failAtStart = (status: number): Plan => inline({ status, bytes: 0 })

/** No packet, whatever the answer and the mode: `hEvent` with its low bit set, and `LockFileEx` on Wine. */
export const silent = (outcome?: Outcome): Plan => ({ _: "Silent", outcome })

/** The packet comes before the initiating call has returned (rule 6). */
export const duringIssue = (outcome?: Outcome, answer: number = C.ERROR_IO_PENDING): Plan => ({
  _: "DuringIssue",
  outcome,
  answer
})

/** Answers 997 and waits for the test, or for a cancel. */
export const pend: Plan = { _: "Pend", answer: C.ERROR_IO_PENDING, ignoredCancels: 0, onCancel: aborted }

/** `ReadDirectoryChangesW`: TRUE, which means pending, under skip mode too. */
export const trueMeansPending: Plan = { ...pend, answer: C.ERROR_SUCCESS }

/** Not even a cancel ends it; the test can. */
export const stuck: Plan = { ...pend, ignoredCancels: Infinity }

export const ignoringCancels = (times: number): Plan => ({ ...pend, ignoredCancels: times })

/** The cancel loses the race: the operation ends this way (rule 12). */
export const pendUntilCancelled = (onCancel: Outcome): Plan => ({ ...pend, onCancel })

/** An operation that waits for the test. */
export interface Pending {
  readonly issue: Issue
  /** The window of memory that is the kernel's until the packet. */
  readonly memory: Uint8Array
  /** How often `CancelIoEx` named it. */
  readonly cancels: number
  /** Its packet arrives now. */
  complete(outcome?: Outcome): void
}

// --- what a call does

export type CallPlan =
  | { readonly _: "Fail"; readonly status: number; readonly cause: unknown }
  | { readonly _: "Hold"; readonly begun: boolean }

export const failCall = (status: number, cause?: unknown): CallPlan => ({ _: "Fail", status, cause })

/** Runs, and answers when the test releases it: late, or never. It cannot be taken back. */
export const holdCall: CallPlan = { _: "Hold", begun: true }

/** Waits for a thread until the test releases it. It can be taken back. */
export const queueCall: CallPlan = { _: "Hold", begun: false }

/** A call that waits for the test. */
export interface Held {
  readonly name: CallName
  readonly parameters: unknown
  /** It does its work, or fails, and answers now. */
  release(status?: number): void
}

// --- the kernel and its controls

export interface Options {
  /** Runs something in a later turn: `setImmediate`, or a simulator's own loop; `"manual"` is `control.turn()`. */
  readonly turn?: ((run: () => void) => void) | "manual" | undefined
}

export class SimulatedKernel extends Model<OpenFile, SimulatedOperation> {
  readonly control: Control

  constructor(control: Control) {
    super(new MemoryStorage(control))
    this.control = control
    control.slots = this.slots
    control.model = this
  }

  override createThreadpoolIo(handle: number, environment?: number): number {
    this.control.log.push("CreateThreadpoolIo")
    return super.createThreadpoolIo(handle, environment)
  }

  override closeThreadpoolIo(threadpoolIo: number): void {
    this.control.log.push("CloseThreadpoolIo")
    super.closeThreadpoolIo(threadpoolIo)
  }

  override unbind(handle: number): boolean {
    this.control.log.push("unbind")
    return super.unbind(handle)
  }

  override startThreadpoolIo(threadpoolIo: number): void {
    this.control.log.push("StartThreadpoolIo")
    super.startThreadpoolIo(threadpoolIo)
  }

  override cancelThreadpoolIo(threadpoolIo: number): void {
    this.control.log.push("CancelThreadpoolIo")
    super.cancelThreadpoolIo(threadpoolIo)
  }

  override issue(issue: Issue): number {
    this.control.log.push(issue.kind)
    return super.issue(issue)
  }

  override cancelIoEx(handle: number, slot: number): void {
    this.control.log.push("CancelIoEx")
    super.cancelIoEx(handle, slot)
  }

  override call<K extends CallName>(name: K, arguments_: Calls[K][0], done: CallDone<K>): () => boolean {
    this.control.log.push(name)
    return super.call(name, arguments_, done)
  }
}

/** The test's hold on the kernel. */
export class Control {
  readonly files = new MemoryFiles()
  /** Every verb of the kernel, in order of use. */
  readonly log: Array<string> = []
  /** Operations that wait for the test, in order of issue. */
  readonly pending: Array<Pending> = []
  /** Calls that wait for the test, in order. */
  readonly held: Array<Held> = []
  /** `FileReplaceCompletionInformation` exists. */
  unbindSupported = true
  /** The bytes that `allocate` can still give. */
  memoryLeft = Infinity
  /** The plan of an operation that no script covers. */
  otherwise: Plan = packet
  /** Where no script has a plan: what this operation does, decided when it is issued. */
  decide: ((issue: Issue) => Plan) | undefined = undefined
  /** @internal */
  slots!: SlotTable
  /** @internal */
  model!: SimulatedKernel
  readonly #script: Array<Plan> = []
  readonly #calls = new Map<CallName, Array<CallPlan>>()
  readonly #turns: Array<() => void> = []
  readonly #later: (run: () => void) => void

  constructor({ turn = setImmediate }: Options) {
    this.#later = turn === "manual" ? (run) => this.#turns.push(run) : turn
  }

  /** The next operations do these, one each. */
  script(...plans: ReadonlyArray<Plan>): void {
    this.#script.push(...plans)
  }

  /** The next calls of this function do these, one each. */
  scriptCall(name: CallName, ...plans: ReadonlyArray<CallPlan>): void {
    this.#calls.set(name, [...this.#calls.get(name) ?? [], ...plans])
  }

  /** A handle that somebody else has opened, for reading and writing. */
  borrowedHandle(name: string, options: { readonly overlapped?: boolean } = {}): number {
    const file = this.files.names.get(name) ?? this.files.create(name)
    const open = {
      file,
      readable: true,
      writable: true,
      appends: false,
      writableAttributes: true,
      deleteOnClose: undefined,
      marks: false
    }
    return this.model.openHandle(open, options.overlapped ?? true)
  }

  /** `DuplicateHandle`: another handle to the same file object. */
  duplicateHandle(handle: number): number {
    return this.model.duplicateHandle(handle)
  }

  /** Counts the things that are open or under way. */
  census(): ReturnType<SimulatedKernel["census"]> {
    return this.model.census()
  }

  /** A packet that nobody expects: for a slot that is not in flight, or with a generation that has gone. */
  strayPacket(slot: number, generation = this.slots.generation(slot)): void {
    this.slots.complete(slot, generation, C.ERROR_SUCCESS, 0)
  }

  /** With `turn: "manual"`: runs the oldest turn; `false` when there is none. */
  turn(): boolean {
    const run = this.#turns.shift()
    run?.()
    return run !== undefined
  }

  /** With `turn: "manual"`: turns that wait. */
  get turnsLeft(): number {
    return this.#turns.length
  }

  /** With `turn: "manual"`: runs turns until there are none. */
  turns(): void {
    while (this.turn());
  }

  /** @internal */
  nextPlan(): Plan | undefined {
    return this.#script.shift()
  }

  /** @internal */
  nextCallPlan(name: CallName): CallPlan | undefined {
    return this.#calls.get(name)?.shift()
  }

  /** @internal */
  later(run: () => void): TakeBack {
    let state: "waiting" | "begun" | "taken" = "waiting"
    this.#later(() => {
      if (state === "taken") return
      state = "begun"
      run()
    })
    return () => {
      if (state === "begun") return false
      state = "taken"
      return true
    }
  }
}

export const make = (options: Options = {}): { readonly kernel: Kernel; readonly control: Control } => {
  const kernel = new SimulatedKernel(new Control(options))
  return { kernel, control: kernel.control }
}

// --- internals

class SimulatedOperation extends ModelOperation<OpenFile> {
  plan: Plan = packet
  pending: PendingOperation | undefined = undefined

  /** Does what it was issued for, unless the outcome is scripted. */
  settle(outcome: Outcome = this.#work()): Outcome {
    this.bytes = outcome.bytes
    return outcome
  }

  /** The packet, now. */
  deliver(outcome?: Outcome): void {
    const { bytes, status } = this.settle(outcome)
    this.complete(status, bytes)
  }

  get memory(): Uint8Array {
    const { block, length, start } = this.issue!
    return block === undefined ? new Uint8Array(0) : block.bytes.subarray(start, start + length)
  }

  #work(): Outcome {
    const { kind, length, offsetHigh, offsetLow } = this.issue!
    const { file } = this.object.file
    if (kind === "custom" || length === 0) return { status: C.ERROR_SUCCESS, bytes: 0 }
    if (kind === "read") {
      const bytes = file.read(this.memory, offsetOf(this.issue!))
      return { status: bytes === 0 ? C.ERROR_HANDLE_EOF : C.ERROR_SUCCESS, bytes }
    }
    file.write(this.memory, isAppend(offsetLow, offsetHigh) ? file.size : offsetOf(this.issue!))
    return { status: C.ERROR_SUCCESS, bytes: length }
  }
}

/** One issue of an operation: a test that keeps it past the packet cannot complete the slot's next owner with it. */
class PendingOperation implements Pending {
  readonly issue: Issue
  readonly memory: Uint8Array
  cancels = 0

  constructor(readonly operation: SimulatedOperation, readonly control: Control) {
    this.issue = operation.issue!
    this.memory = operation.memory
    operation.pending = this
    control.pending.push(this)
  }

  complete(outcome?: Outcome): void {
    this.#leave()
    this.operation.deliver(outcome)
  }

  cancel(ignored: number, outcome: Outcome): void {
    if (this.cancels++ < ignored) return
    this.#leave()
    this.control.later(() => this.operation.deliver(outcome))
  }

  #leave(): void {
    if (this.operation.pending !== this) throw new Error(`slot ${this.operation.slot} is not pending any more`)
    this.operation.pending = undefined
    this.control.pending.splice(this.control.pending.indexOf(this), 1)
  }
}

const offsetOf = ({ offsetHigh, offsetLow }: Issue): number => offsetHigh * 0x1_0000_0000 + offsetLow

const isAppend = (offsetLow: number, offsetHigh: number): boolean =>
  offsetLow === C.MAXDWORD && offsetHigh === C.MAXDWORD

/** The addresses are made up, and like none that exists: custom operations are handed them. */
const MEMORY = 0x10_0000_0000
const OVERLAPPEDS = 0x20_0000_0000

class MemoryStorage implements Storage<OpenFile, SimulatedOperation> {
  readonly name = "simulated"
  readonly otherCalls = {}
  #address = MEMORY

  constructor(readonly control: Control) {}

  get canUnbind(): boolean {
    return this.control.unbindSupported
  }

  allocate(bytes: number): Block | undefined {
    if (bytes > this.control.memoryLeft) return undefined
    this.control.memoryLeft -= bytes
    const address = this.#address
    this.#address += Math.max(1, Math.ceil(bytes / C.PAGE_SIZE)) * C.PAGE_SIZE
    return { address, bytes: new Uint8Array(bytes) }
  }

  operation(slot: number, slots: SlotTable): SimulatedOperation {
    return new SimulatedOperation(slot, slots)
  }

  issue(operation: SimulatedOperation): number {
    const issue = operation.issue!
    const { readable, writable } = operation.object.file
    if (issue.kind === "custom") return this.#follow(operation, this.control.nextPlan() ?? this.#custom(issue))
    if (!(issue.kind === "read" ? readable : writable)) return C.ERROR_ACCESS_DENIED
    const append = issue.kind === "write" && isAppend(issue.offsetLow, issue.offsetHigh)
    if (!append && offsetOf(issue) + issue.length > Number.MAX_SAFE_INTEGER) return C.ERROR_INVALID_PARAMETER
    return this.#follow(operation, this.control.nextPlan() ?? this.control.decide?.(issue) ?? this.control.otherwise)
  }

  /** The answer of a custom operation is its plan, unless a script has another. */
  #custom({ block, handle, length, parameters, slot, start }: Issue): Plan {
    const address = block === undefined ? 0 : block.address + start
    const status = (parameters as CustomIssue)({
      handle,
      overlapped: OVERLAPPEDS + slot * C.OVERLAPPED.size,
      address,
      length
    })
    return status === C.ERROR_IO_PENDING ? pend : inline({ status, bytes: 0 })
  }

  #follow(operation: SimulatedOperation, plan: Plan): number {
    operation.plan = plan
    switch (plan._) {
      case "Packet":
        this.control.later(() => operation.deliver())
        return C.ERROR_IO_PENDING
      case "Inline":
        return operation.settle(plan.outcome).status
      case "Silent":
        operation.follows = "nothing"
        return operation.settle(plan.outcome).status
      case "DuringIssue":
        operation.deliver(plan.outcome)
        return plan.answer
      case "Pend":
        operation.follows = "packet"
        new PendingOperation(operation, this.control)
        return plan.answer
    }
  }

  post(operation: SimulatedOperation, status: number): void {
    this.control.later(() => operation.complete(status, operation.bytes))
  }

  cancel({ pending, plan }: SimulatedOperation): void {
    if (plan._ === "Pend") pending?.cancel(plan.ignoredCancels, plan.onCancel)
  }

  // --- calls

  open(arguments_: Calls["CreateFileW"][0], done: Done<OpenFile>): TakeBack {
    return this.#call("CreateFileW", arguments_, done, () => this.control.files.open(arguments_))
  }

  close(file: OpenFile, done: Done<void>): TakeBack {
    return this.#call("CloseHandle", undefined, done, () => this.control.files.close(file))
  }

  flush(file: OpenFile, done: Done<void>): TakeBack {
    return this.#call("FlushFileBuffers", undefined, done, () => this.control.files.flush(file))
  }

  information(file: OpenFile, done: Done<FileInformation>): TakeBack {
    return this.#call("GetFileInformationByHandle", undefined, done, () => this.control.files.information(file))
  }

  setEndOfFile(file: OpenFile, length: bigint, done: Done<void>): TakeBack {
    return this.#call("SetEndOfFile", length, done, () => this.control.files.setEndOfFile(file, length))
  }

  setBasicInformation(file: OpenFile, information: Calls["SetBasicInformation"][0], done: Done<void>): TakeBack {
    const work = () => this.control.files.setBasicInformation(file, information)
    return this.#call("SetBasicInformation", information, done, work)
  }

  move(arguments_: Calls["MoveFileExW"][0], done: Done<void>): TakeBack {
    return this.#call("MoveFileExW", arguments_, done, () => this.control.files.move(arguments_))
  }

  remove(arguments_: Calls["DeleteFileW"][0], done: Done<void>): TakeBack {
    return this.#call("DeleteFileW", arguments_, done, () => this.control.files.remove(arguments_.path))
  }

  wait(done: Done<void>): TakeBack {
    return this.#call("WaitForThreadpoolIoCallbacks", undefined, done, () => undefined)
  }

  turn(run: () => void): TakeBack {
    return this.control.later(run)
  }

  #call<A>(name: CallName, arguments_: unknown, done: Done<A>, work: () => A): TakeBack {
    const plan = this.control.nextCallPlan(name)
    const run = (status: number, cause?: unknown): void => {
      if (status !== C.ERROR_SUCCESS) return done(status, undefined, cause)
      const result = attempt(work)
      done(result.status, result.value)
    }
    if (plan === undefined) return begun(this.control.later(() => run(C.ERROR_SUCCESS)))
    if (plan._ === "Fail") return begun(this.control.later(() => run(plan.status, plan.cause)))
    return new HeldCall(name, arguments_, plan.begun, run, this.control).takeBack
  }
}

/** A call that has a thread cannot be taken back. */
const begun = (_: TakeBack): TakeBack => () => false

/** The files refuse by throwing a code; everything else that is thrown is a defect of the test's. */
const attempt = <A>(work: () => A): { readonly status: number; readonly value: A | undefined } => {
  try {
    return { status: C.ERROR_SUCCESS, value: work() }
  } catch (code) {
    if (typeof code !== "number") throw code
    return { status: code, value: undefined }
  }
}

class HeldCall implements Held {
  constructor(
    readonly name: CallName,
    readonly parameters: unknown,
    readonly begun: boolean,
    readonly run: (status: number) => void,
    readonly control: Control
  ) {
    control.held.push(this)
  }

  release(status: number = C.ERROR_SUCCESS): void {
    if (!this.#leave()) throw new Error(`${this.name} is not held any more`)
    this.run(status)
  }

  readonly takeBack = (): boolean => !this.begun && this.#leave()

  #leave(): boolean {
    const at = this.control.held.indexOf(this)
    if (at >= 0) this.control.held.splice(at, 1)
    return at >= 0
  }
}
