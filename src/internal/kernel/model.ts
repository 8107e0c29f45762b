/**
 * The accounting of TP_IO that docs/CONTRACT.md describes, over a `Storage` that does the work: real files in the
 * portable kernel, memory in the simulated one. What goes wrong at run time is a status; misuse throws a
 * `ContractViolation`.
 */
import {
  ERROR_INVALID_HANDLE,
  ERROR_INVALID_PARAMETER,
  ERROR_IO_PENDING,
  ERROR_MORE_DATA,
  ERROR_NOT_ENOUGH_MEMORY,
  ERROR_NOT_SUPPORTED,
  ERROR_SUCCESS
} from "../constants.js"
import { CallbackBudget } from "./budget.js"
import type { CallDone, CallName, Calls, FileInformation } from "./Calls.js"
import { ContractViolation } from "./ContractViolation.js"
import type { Block, Diagnosis, Issue, Kernel } from "./Kernel.js"
import { ModelPools } from "./modelPools.js"
import { SlotTable } from "./SlotTable.js"

export { ContractViolation }

/** The work that the model gives to a storage, and its answers. `F` is the storage's own idea of an open file. */
export interface Storage<F, O extends ModelOperation<F>> {
  readonly name: Kernel["name"]
  readonly canUnbind: boolean

  allocate(bytes: number): Block | undefined
  /** Memory that a caller may keep; not every storage has it. */
  allocateOwn?(bytes: number): Block | undefined
  /** The record of a slot: made once, reused by every operation that owns the slot. */
  operation(slot: number, slots: SlotTable): O
  /** The initiating call: 0 for TRUE (`operation.bytes` set), 997, or the last error. Throws what `custom` throws. */
  issue(operation: O): number
  /** An operation that TRUE (or 234) answered gets a packet nevertheless: `operation.complete`, in a later turn. */
  post(operation: O, status: number): void
  /** `CancelIoEx` on an operation in flight. */
  cancel(operation: O): void

  open(arguments_: Calls["CreateFileW"][0], done: Done<F>): TakeBack
  /** The last handle has gone. */
  close(file: F, done: Done<void>): TakeBack
  flush(file: F, done: Done<void>): TakeBack
  information(file: F, done: Done<FileInformation>): TakeBack
  setEndOfFile(file: F, length: bigint, done: Done<void>): TakeBack
  setBasicInformation(file: F, information: Calls["SetBasicInformation"][0], done: Done<void>): TakeBack
  move(arguments_: Calls["MoveFileExW"][0], done: Done<void>): TakeBack
  remove(arguments_: Calls["DeleteFileW"][0], done: Done<void>): TakeBack
  /** Nothing is in flight, so the wait is short: answers in a later turn. */
  wait(done: Done<void>): TakeBack
  /** Runs in a later turn of the event loop. */
  turn(run: () => void): TakeBack
  copiesSmallFiles?(): boolean
  /** A value that no handle has had, where several kernels of a process must not take one for another. */
  newHandle?(): number
  /** The functions that not every storage has: the others answer 50. */
  readonly otherCalls: OtherCalls<F>
}

/** The handles, for a function of a storage's own. */
export interface Handles<F> {
  /** The object that an open handle is open on. */
  readonly file: (handle: number) => F | undefined
  /** A new handle. */
  readonly open: (file: F) => number
}

/** Functions without OVERLAPPED that the model has no part in. */
export type OtherCalls<F> = {
  readonly [K in OtherCallName]?: (arguments_: Calls[K][0], done: CallDone<K>, handles: Handles<F>) => TakeBack
}

export type OtherCallName = Exclude<CallName, ModelCallName>

/** Functions that every storage has. */
type ModelCallName =
  | "CreateFileW"
  | "CloseHandle"
  | "FlushFileBuffers"
  | "GetFileInformationByHandle"
  | "SetEndOfFile"
  | "SetBasicInformation"
  | "MoveFileExW"
  | "DeleteFileW"
  | "WaitForThreadpoolIoCallbacks"
  | "CloseThreadpoolCleanupGroupMembers"

export type Done<A> = (status: number, value?: A, cause?: unknown) => void
/** Takes a call back: `true` when it had not begun. */
export type TakeBack = () => boolean

/** Whether a packet follows the initiating call: by the result table, surely (TRUE means pending), or never. */
export type Follows = "table" | "packet" | "nothing"

/** One file object: what every handle to it shares (rule 24). */
export interface FileObject<F> {
  readonly file: F
  readonly overlapped: boolean
  handles: number
  binding: ThreadpoolIo<F> | undefined
  skipMode: boolean
  inFlight: number
}

/** One `TP_IO`: Starts that are neither completed nor cancelled, and how many of those were issued. */
export interface ThreadpoolIo<F> {
  readonly object: FileObject<F>
  readonly environment: number
  /** Callbacks that `BindIoCompletionCallback` may have waiting; `undefined`: it is a TP_IO. */
  readonly callbacks: number | undefined
  started: number
  inFlight: number
}

/** One operation, from its issue to its packet; the record belongs to the slot. */
export class ModelOperation<F> {
  /** Defined exactly while the kernel owns the OVERLAPPED and the memory (rule 13). */
  issue: Issue | undefined = undefined
  /** `OVERLAPPED.InternalHigh`. */
  bytes = 0
  follows: Follows = "table"
  sequence = 0
  object!: FileObject<F>
  #io!: ThreadpoolIo<F>
  #block: OwnedBlock | undefined = undefined
  #generation = 0

  constructor(readonly slot: number, readonly slots: SlotTable) {}

  /** The kernel takes the OVERLAPPED and the memory. */
  begin(issue: Issue, io: ThreadpoolIo<F>, block: OwnedBlock | undefined): void {
    this.issue = issue
    this.bytes = 0
    this.follows = "table"
    this.sequence++
    this.object = io.object
    this.#io = io
    this.#block = block
    this.#generation = this.slots.generation(this.slot)
    io.inFlight++
    // Without a TP_IO nobody calls Start: an operation in flight is one that was started.
    if (io.callbacks !== undefined) io.started++
    io.object.inFlight++
    if (block !== undefined) block.users++
  }

  /** The kernel lets go of them; without a packet the Start stays, for `CancelThreadpoolIo` to take (rule 1). */
  end(): void {
    if (this.issue === undefined) throw new Error(`slot ${this.slot} completed twice`)
    this.issue = undefined
    this.#io.inFlight--
    if (this.#io.callbacks !== undefined) this.#io.started--
    this.object.inFlight--
    if (this.#block !== undefined) this.#block.users--
    this.#block = undefined
  }

  /** The packet: it takes the Start with it. */
  complete(status: number, bytes: number): void {
    this.end()
    if (this.#io.callbacks === undefined) this.#io.started--
    this.bytes = bytes
    this.slots.complete(this.slot, this.#generation, status, bytes)
  }
}

/** A block that knows whether the kernel is using it. */
class OwnedBlock implements Block {
  users = 0
  freed = false

  constructor(readonly address: number, readonly bytes: Uint8Array) {}
}

interface Handle<F> {
  readonly object: FileObject<F>
  closing: boolean
}

/** Closed handle values wait this long for their next use, so that the use of a stale one shows. */
const RECYCLE_AFTER = 1024

export class Model<F, O extends ModelOperation<F>> implements Kernel {
  readonly name: Kernel["name"]
  readonly waitsForLocks = true
  readonly sparseByRequest = false
  copiesSmallFiles(): boolean {
    return this.#storage.copiesSmallFiles?.() === true
  }
  readonly slots = new SlotTable(() => {})
  readonly #budget = new CallbackBudget()
  readonly pools = new ModelPools(this.#budget)
  readonly #storage: Storage<F, O>
  readonly #operations: Array<O | undefined> = []
  readonly #handles = new Map<number, Handle<F>>()
  /** Values of closed handles, oldest first. */
  readonly #retired = new Set<number>()
  #lastHandle = 0
  readonly #identities = new WeakMap<FileObject<F>, string>()
  #lastIdentity = 0
  readonly #ios = new Map<number, ThreadpoolIo<F>>()
  #lastIo = 0

  constructor(storage: Storage<F, O>) {
    this.#storage = storage
    this.name = storage.name
  }

  // --- memory

  allocate(bytes: number): Block | undefined {
    const block = this.#storage.allocate(bytes)
    return block === undefined ? undefined : new OwnedBlock(block.address, block.bytes)
  }

  allocateOwn(bytes: number): Block | undefined {
    const block = this.#storage.allocateOwn?.(bytes)
    return block === undefined ? undefined : new OwnedBlock(block.address, block.bytes)
  }

  giveAway(block: Block): void {
    if (!(block instanceof OwnedBlock)) {
      throw new ContractViolation(13, "memory freed that this kernel did not allocate")
    }
    if (block.freed) throw new ContractViolation(13, "memory freed twice")
    if (block.users > 0) throw new ContractViolation(13, "memory freed while an operation in flight uses it")
    block.freed = true
  }

  free(block: Block): void {
    this.giveAway(block)
    const buffer = block.bytes.buffer as ArrayBuffer
    structuredClone(buffer, { transfer: [buffer] })
  }

  // --- the object

  createThreadpoolIo(handle: number, environment = 0): number {
    const io = this.#bind(handle, environment, undefined)
    if (io > 0) this.pools.opened(io, environment)
    return io
  }

  bindIoCompletionCallback(handle: number, callbacks: number): number {
    if (callbacks > this.#budget.left) return -ERROR_NOT_ENOUGH_MEMORY
    const binding = this.#bind(handle, 0, callbacks)
    if (binding > 0) this.#budget.take(callbacks)
    return binding
  }

  #bind(handle: number, environment: number, callbacks: number | undefined): number {
    const object = this.#object(handle)
    if (object === undefined) return -ERROR_INVALID_HANDLE
    if (!object.overlapped || object.binding !== undefined) return -ERROR_INVALID_PARAMETER
    const io = { object, environment, callbacks, started: 0, inFlight: 0 }
    object.binding = io
    this.#ios.set(++this.#lastIo, io)
    return this.#lastIo
  }

  forgetBinding(binding: number): void {
    const io = this.#io(binding)
    if (io.object.handles > 0 || io.inFlight > 0) {
      throw new ContractViolation(17, "a binding forgotten while its handle lives, or its callbacks are to come")
    }
    this.#budget.giveBack(io.callbacks ?? 0)
    this.#ios.delete(binding)
  }

  closeThreadpoolIo(threadpoolIo: number): void {
    this.#checkClose(this.#startable(threadpoolIo))
    this.pools.closed(threadpoolIo, this.#io(threadpoolIo).environment)
    this.#ios.delete(threadpoolIo)
  }

  #checkClose(io: ThreadpoolIo<F>): void {
    if (io.started > 0) throw new ContractViolation(5, `CloseThreadpoolIo with ${io.started} started`)
    if (io.object.handles > 0 && io.object.binding === io) {
      throw new ContractViolation(18, "CloseThreadpoolIo while its handle lives and is bound")
    }
  }

  /** `CloseThreadpoolCleanupGroupMembers`: each as if it were closed by itself, and all of them at once. */
  #closeMembers(group: number, done: Done<void>): TakeBack {
    const members = this.pools.membersOf(group)
    for (const member of members) this.#checkClose(this.#io(member))
    return this.#storage.turn(() => {
      for (const member of members) this.#ios.delete(member)
      this.pools.membersClosed(group)
      done(ERROR_SUCCESS)
    })
  }

  setSkipMode(handle: number): number {
    const object = this.#object(handle)
    if (object === undefined) return ERROR_INVALID_HANDLE
    object.skipMode = true
    return ERROR_SUCCESS
  }

  getSkipMode(handle: number): boolean {
    return this.#object(handle)?.skipMode ?? false
  }

  unbind(handle: number): boolean {
    const object = this.#object(handle)
    if (object === undefined || !this.#storage.canUnbind) return false
    if (object.inFlight > 0) throw new ContractViolation(18, `unbind with ${object.inFlight} operations in flight`)
    object.binding = undefined
    return true
  }

  identityOf(handle: number): string {
    const object = this.#object(handle)
    if (object === undefined) return ""
    let identity = this.#identities.get(object)
    if (identity === undefined) this.#identities.set(object, identity = String(++this.#lastIdentity))
    return identity
  }

  diagnose(handle: number): Diagnosis {
    const object = this.#object(handle)
    if (object === undefined) return "invalid"
    if (!object.overlapped) return "not-overlapped"
    return object.binding === undefined ? "unsupported" : "already-bound"
  }

  // --- first verb

  startThreadpoolIo(threadpoolIo: number): void {
    this.#startable(threadpoolIo).started++
  }

  cancelThreadpoolIo(threadpoolIo: number): void {
    const io = this.#startable(threadpoolIo)
    if (io.started === io.inFlight) throw new ContractViolation(1, "CancelThreadpoolIo without StartThreadpoolIo")
    io.started--
  }

  issue(issue: Issue): number {
    const io = this.#io(issue.threadpoolIo)
    if (io.callbacks === undefined && io.started === io.inFlight) {
      throw new ContractViolation(1, "an operation issued without StartThreadpoolIo")
    }
    const operation = this.#operations[issue.slot] ?? this.#operation(issue.slot)
    if (operation.issue !== undefined) throw new ContractViolation(13, `slot ${issue.slot} issued while pending`)
    const block = ownedBlock(issue)
    const object = this.#object(issue.handle)
    if (object === undefined) return ERROR_INVALID_HANDLE
    if (object.binding !== io) throw new ContractViolation(24, "an operation issued on a handle bound elsewhere")
    operation.begin(issue, io, block)
    const sequence = operation.sequence
    let status: number
    try {
      status = this.#storage.issue(operation)
    } catch (defect) {
      operation.end()
      throw defect
    }
    // Rule 6: the packet may have come, and the slot gone on, before the initiating call returns.
    if (operation.issue === undefined || operation.sequence !== sequence) return status
    if (!this.#packetFollows(operation, status)) operation.end()
    return status
  }

  /** The table "What an initiating call's result means". */
  #packetFollows(operation: O, status: number): boolean {
    if (operation.follows === "nothing") return false
    if (status === ERROR_IO_PENDING || operation.follows === "packet") return true
    if (operation.object.skipMode || (status !== ERROR_SUCCESS && status !== ERROR_MORE_DATA)) return false
    this.#storage.post(operation, status)
    return true
  }

  transferred(slot: number): number {
    return this.#operations[slot]?.bytes ?? 0
  }

  cancelIoEx(handle: number, slot: number): void {
    const operation = this.#operations[slot]
    // Nothing in flight is 1168, which tells nobody anything (rule 11).
    if (operation?.issue === undefined || operation.object !== this.#object(handle)) return
    this.#storage.cancel(operation)
  }

  // --- second verb

  call<K extends CallName>(name: K, arguments_: Calls[K][0], done: CallDone<K>): () => boolean {
    const own = this.#calls[name as ModelCallName] as
      | ((arguments_: Calls[K][0], done: CallDone<K>) => TakeBack)
      | undefined
    if (own !== undefined) return own(arguments_, done)
    const other = this.#storage.otherCalls[name as OtherCallName] as
      | ((arguments_: Calls[K][0], done: CallDone<K>, handles: Handles<F>) => TakeBack)
      | undefined
    return other === undefined
      ? this.#storage.turn(() => done(ERROR_NOT_SUPPORTED, undefined))
      : other(arguments_, done, this.#tables)
  }

  readonly #tables: Handles<F> = {
    file: (handle) => this.#object(handle)?.file,
    open: (file) => this.openHandle(file)
  }

  readonly #calls: { readonly [K in ModelCallName]: (arguments_: Calls[K][0], done: CallDone<K>) => TakeBack } = {
    CreateFileW: (arguments_, done) =>
      this.#storage.open(arguments_, (status, file, cause) => {
        done(status, status === ERROR_SUCCESS ? this.openHandle(file!) : undefined, cause)
      }),
    CloseHandle: ({ handle }, done) => this.#closeHandle(handle, done),
    FlushFileBuffers: ({ handle }, done) => this.#withFile(handle, done, (file) => this.#storage.flush(file, done)),
    GetFileInformationByHandle: ({ handle }, done) =>
      this.#withFile(handle, done, (file) => this.#storage.information(file, done)),
    SetEndOfFile: ({ handle, length }, done) =>
      this.#withFile(handle, done, (file) => this.#storage.setEndOfFile(file, length, done)),
    SetBasicInformation: (arguments_, done) =>
      this.#withFile(arguments_.handle, done, (file) => this.#storage.setBasicInformation(file, arguments_, done)),
    MoveFileExW: (arguments_, done) => this.#storage.move(arguments_, done),
    DeleteFileW: (arguments_, done) => this.#storage.remove(arguments_, done),
    WaitForThreadpoolIoCallbacks: ({ threadpoolIo }, done) => this.#wait(threadpoolIo, done),
    CloseThreadpoolCleanupGroupMembers: ({ group }, done) => this.#closeMembers(group, done)
  }

  #withFile(handle: number, done: Done<never>, run: (file: F) => TakeBack): TakeBack {
    const object = this.#object(handle)
    return object === undefined ? this.#storage.turn(() => done(ERROR_INVALID_HANDLE)) : run(object.file)
  }

  #wait(threadpoolIo: number, done: Done<void>): TakeBack {
    const io = this.#startable(threadpoolIo)
    if (io.started > io.inFlight) {
      throw new ContractViolation(3, "WaitForThreadpoolIoCallbacks would never return: started, and not issued")
    }
    if (io.started > 0) {
      throw new ContractViolation(20, `WaitForThreadpoolIoCallbacks with ${io.started} operations in flight`)
    }
    return this.#storage.wait(done)
  }

  #closeHandle(handle: number, done: Done<void>): TakeBack {
    const entry = this.#handles.get(handle)
    if (entry === undefined && !this.#retired.has(handle)) return this.#storage.turn(() => done(ERROR_INVALID_HANDLE))
    if (entry === undefined || entry.closing) throw new ContractViolation(17, `handle ${handle} closed twice`)
    const { object } = entry
    if (object.handles === 1 && object.inFlight > 0) {
      throw new ContractViolation(17, `CloseHandle with ${object.inFlight} operations in flight`)
    }
    entry.closing = true
    const closed: Done<void> = (status, _, cause) => {
      this.#handles.delete(handle)
      this.#retired.add(handle)
      object.handles--
      done(status, undefined, cause)
    }
    const last = object.handles === 1
    const takeBack = last ? this.#storage.close(object.file, closed) : this.#storage.turn(() => closed(ERROR_SUCCESS))
    return () => {
      const taken = takeBack()
      if (taken) entry.closing = false
      return taken
    }
  }

  message(): string | undefined {
    return undefined
  }

  // --- the tables

  /** A handle to a file that is opened by other means than `CreateFileW`. */
  openHandle(file: F, overlapped = true): number {
    return this.#addHandle({ file, overlapped, handles: 0, binding: undefined, skipMode: false, inFlight: 0 })
  }

  /** `DuplicateHandle`: the same file object (rule 24). */
  duplicateHandle(handle: number): number {
    const object = this.#object(handle)
    return object === undefined ? 0 : this.#addHandle(object)
  }

  /** The open handles and running operations, for tests of leaks. */
  census(): {
    readonly handles: number
    readonly objects: number
    readonly started: number
    readonly inFlight: number
  } {
    let started = 0
    let inFlight = 0
    for (const io of this.#ios.values()) {
      started += io.started
      inFlight += io.inFlight
    }
    return { handles: this.#handles.size, objects: this.#ios.size, started, inFlight }
  }

  #addHandle(object: FileObject<F>): number {
    let value: number
    if (this.#retired.size > RECYCLE_AFTER) {
      value = this.#retired.values().next().value!
      this.#retired.delete(value)
    } else {
      value = this.#storage.newHandle?.() ?? (this.#lastHandle += 4)
    }
    object.handles++
    this.#handles.set(value, { object, closing: false })
    return value
  }

  #object(handle: number): FileObject<F> | undefined {
    const entry = this.#handles.get(handle)
    return entry === undefined || entry.closing ? undefined : entry.object
  }

  #io(threadpoolIo: number): ThreadpoolIo<F> {
    const io = this.#ios.get(threadpoolIo)
    if (io === undefined) throw new ContractViolation(17, `use of TP_IO ${threadpoolIo}, which is closed`)
    return io
  }

  /** A TP_IO, and not what stands for `BindIoCompletionCallback`. */
  #startable(threadpoolIo: number): ThreadpoolIo<F> {
    const io = this.#io(threadpoolIo)
    if (io.callbacks !== undefined) {
      throw new ContractViolation(
        8,
        "Start, Cancel, Wait or Close without a TP_IO: the handle was bound by BindIoCompletionCallback"
      )
    }
    return io
  }

  #operation(slot: number): O {
    const operation = this.#storage.operation(slot, this.slots)
    this.#operations[slot] = operation
    return operation
  }
}

/** The memory of an operation, when it is this kernel's own: a caller's bytes (`unsafe`) are nobody's to free. */
const ownedBlock = ({ block, input, length, slot, start }: Issue): OwnedBlock | undefined => {
  if (block === undefined) {
    // A scatter or gather has the addresses of its pages in `input`.
    if (length > 0 && input === undefined) throw new ContractViolation(13, `slot ${slot} issued without memory`)
    return undefined
  }
  if (start < 0 || length < 0 || start + length > block.bytes.byteLength) {
    throw new ContractViolation(13, `slot ${slot} issued with a window outside of its memory`)
  }
  return block instanceof OwnedBlock ? block : undefined
}
