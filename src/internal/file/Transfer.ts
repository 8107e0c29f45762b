/**
 * One window of a file, moved whole from or to memory of the pool, in as many operations as it takes: one ticket. It
 * knows nothing of fibers; what it starts and cancels goes through the engine.
 */
import { ERROR_HANDLE_EOF, ERROR_SUCCESS } from "../constants.js"
import type { Lease } from "../engine/BufferPool.js"
import type { Operation, Request } from "../engine/Operation.js"
import type { ThreadpoolIoObject } from "../engine/ThreadpoolIoObject.js"
import { advance, high, low, offsetProblem } from "../offset.js"
import type { Ticket } from "../settle.js"

export class Transfer implements Ticket {
  delivered = false
  listener: (() => void) | undefined = undefined
  /** Bytes moved: fewer than `length` when the file ends there. */
  bytes = 0
  /** The operation that did not succeed. */
  failed: Operation | undefined = undefined
  #operation: Operation | undefined = undefined
  /** It took more than one operation, the first of which brought a part. */
  inParts = false
  #cancelled = false

  constructor(
    readonly io: ThreadpoolIoObject,
    readonly kind: "read" | "write",
    readonly lease: Lease,
    readonly offset: number | bigint,
    readonly length: number,
    /** Past the cache, a part that is not whole sectors is the last one of the file. */
    readonly alignment: number
  ) {}

  start(): this {
    const operation = this.#operation = this.io.submit(this.#request())
    if (operation.delivered) this.#ended(operation)
    else operation.listener = () => this.#ended(operation)
    return this
  }

  cancel(): void {
    this.#cancelled = true
    if (!this.delivered) this.io.cancel(this.#operation!)
  }

  #ended(operation: Operation): void {
    const { bytes, ending, status } = operation
    const atEnd = status === ERROR_HANDLE_EOF && this.kind === "read"
    if (ending !== "completed" || (status !== ERROR_SUCCESS && !atEnd)) this.failed = operation
    else {
      this.bytes += bytes
      const more = bytes > 0 && this.bytes < this.length && this.bytes % this.alignment === 0
      if (more && !this.#cancelled) {
        this.inParts = true
        return void this.start()
      }
    }
    this.delivered = true
    this.listener?.()
  }

  #request(): Request {
    const offset = this.bytes === 0 ? this.offset : advance(this.offset, this.bytes)
    return requestOf(this.kind, this.lease, this.bytes, this.length - this.bytes, offset)
  }
}

/** A read into, or a write from, a window of a lease. */
export const requestOf = (
  kind: "read" | "write",
  memory: Lease | undefined,
  start: number,
  length: number,
  offset: number | bigint
): Request => ({
  syscall: kind === "read" ? "ReadFile" : "WriteFile",
  kind,
  access: kind === "read" ? "kernel-writes" : "kernel-reads",
  memory,
  start,
  length,
  offsetLow: low(offset),
  offsetHigh: high(offset),
  parameters: undefined,
  input: undefined,
  trueIsPending: false,
  doneStatus: undefined,
  problem: offsetProblem(offset, length)
})
