/**
 * One operation's life: Idle → Queued → Started → Pending → Released, or Quarantined. Everything that can end it goes
 * through `ThreadpoolIoObject`; this file is its state and what the waiting side sees.
 */
import type { Access, Block, Issue, IssueKind, Issues } from "../kernel/Kernel.js"
import type { SlotOwner } from "../kernel/SlotTable.js"
import type { Lease } from "./BufferPool.js"
import type { Ranges } from "./Ranges.js"
import type { Part, Segment } from "./Segments.js"
import type { ThreadpoolIoObject } from "./ThreadpoolIoObject.js"
import type { Deliverable } from "./Turns.js"

/** A request: the immutable value that a constructor of `Operation` makes. It can be submitted any number of times. */
export interface Request {
  /** The name of the Windows function, for errors and spans. */
  readonly syscall: string
  readonly kind: IssueKind
  readonly parameters: Issues[IssueKind]
  readonly access: Access
  /** A buffer of the pool, which the kernel uses directly, or the caller's memory, which is copied. */
  readonly memory: Lease | Uint8Array | undefined
  /** Several pieces of memory in place of the one. Those of a `scatter` or `gather` are whole pages of the pool's. */
  readonly segments?: ReadonlyArray<Segment> | undefined
  readonly start: number
  readonly length: number
  readonly offsetLow: number
  readonly offsetHigh: number
  /** Handed to the kernel besides `memory`, in memory of the pool. The value's own: nobody else changes it. */
  readonly input: Uint8Array | undefined
  /** TRUE does not tell done from pending (`ReadDirectoryChangesW`): a callback follows also under skip mode. */
  readonly trueIsPending: boolean
  /** A failure without a callback that means: done already (535 of `ConnectNamedPipe`). */
  readonly doneStatus: number | undefined
  /** The fault of the arguments; found when the value was made, told when it is submitted. */
  readonly problem: string | undefined
}

export type State = "Idle" | "Queued" | "Started" | "CallbackSeen" | "Pending" | "Released" | "Quarantined"

/** How an operation ended. Only `completed` has a status of the system's. */
export type Ending = "completed" | "refused" | "closed" | "quarantined" | "defect"

export class Operation implements Issue, SlotOwner, Deliverable {
  state: State = "Idle"
  ending: Ending = "completed"
  /** Win32 status and bytes transferred, once ended. */
  status = 0
  bytes = 0
  inline = false
  /** Why it was refused, or what was thrown. */
  detail: unknown = undefined

  /** The initiating call has answered TRUE or 234, and a packet is to follow; how often it was missed. */
  answered: number | undefined = undefined
  missed = 0

  cancelRequested = false
  /** The waiting side may look: nothing of this operation will change any more. */
  delivered = false
  listener: (() => void) | undefined = undefined

  previous: Operation | undefined = undefined
  next: Operation | undefined = undefined

  slot = -1
  block: Block | undefined = undefined
  input: Block | undefined = undefined
  start: number
  /** The memory whose windows are registered, and the window. */
  ranges: Ranges | undefined = undefined
  rangeStart = 0
  rangeEnd = 0
  /** The same of a vectored operation. */
  parts: ReadonlyArray<Part> | undefined = undefined
  stopTimer: (() => void) | undefined = undefined

  constructor(readonly io: ThreadpoolIoObject, readonly request: Request) {
    this.start = 0
  }

  get kind(): IssueKind {
    return this.request.kind
  }
  get parameters(): Issues[IssueKind] {
    return this.request.parameters
  }
  get inputLength(): number {
    return this.request.input === undefined ? 0 : this.request.input.length
  }
  get handle(): number {
    return this.io.handle
  }
  get threadpoolIo(): number {
    return this.io.threadpoolIo
  }
  get length(): number {
    return this.request.length
  }
  get offsetLow(): number {
    return this.request.offsetLow
  }
  get offsetHigh(): number {
    return this.request.offsetHigh
  }

  completed(status: number, bytes: number, woke = true): void {
    this.io.completed(this, status, bytes, woke)
  }

  deliver(): void {
    this.delivered = true
    this.listener?.()
  }
}
