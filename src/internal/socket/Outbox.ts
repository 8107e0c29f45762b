/**
 * The writes of one connection, in the order in which it was offered, one write at a time. Plain state, changed in
 * single steps; whoever has offered a write hangs a listener on it. A write that nobody waits for any more is taken out
 * when it has not begun; one that has begun is written to its end: half of a message would spoil all that come after
 * it.
 */
import { type Linked, List } from "../engine/List.js"
import type { Ticket } from "../settle.js"

export class Write<A> implements Ticket, Linked<Write<A>> {
  delivered = false
  listener: (() => void) | undefined = undefined
  previous: Write<A> | undefined = undefined
  next: Write<A> | undefined = undefined
  /** The bytes that are left to write. */
  bytes: Uint8Array
  #abandoned = false

  /** `closing` is written after everything before it, and ends the connection. */
  constructor(bytes: Uint8Array | undefined, readonly closing: A | undefined) {
    this.bytes = bytes ?? new Uint8Array(0)
  }

  /** Whether it has been written, once it is delivered. */
  written = false

  /** Why it has not been, where there is a reason of its own. */
  failure: unknown = undefined

  advance(bytes: number): void {
    this.bytes = this.bytes.subarray(bytes)
  }

  /** Its memory is its owner's again: what is left is copied, once. */
  abandon(): void {
    if (this.#abandoned) return
    this.#abandoned = true
    this.bytes = this.bytes.slice()
    this.settle(false)
  }

  settle(written: boolean, failure?: unknown): void {
    if (this.delivered) return
    this.written = written
    this.failure = failure
    this.delivered = true
    this.listener?.()
  }
}

export class Outbox<A> {
  readonly #waiting = new List<Write<A>>()
  #underWay: Write<A> | undefined
  #closed = false
  /** The one who writes waits for something to write. */
  whenOffered: (() => void) | undefined = undefined

  get idle(): boolean {
    return this.#underWay === undefined && this.#waiting.length === 0
  }

  /** There is something to begin with. */
  get waits(): boolean {
    return this.#waiting.length > 0
  }

  /** Look at `delivered` afterwards: a closed one takes nothing. */
  offer(write: Write<A>): void {
    if (this.#closed) return write.settle(false)
    this.#waiting.push(write)
    this.whenOffered?.()
  }

  /** The next one, which from now on is written to its end. */
  begin(): Write<A> | undefined {
    return this.#underWay = this.#waiting.shift()
  }

  /** The one that was begun has ended. */
  end(write: Write<A>, failure?: unknown): void {
    this.#underWay = undefined
    write.settle(failure === undefined, failure)
  }

  /** Takes out a write that is not waited for any more. */
  withdraw(write: Write<A>): void {
    if (write === this.#underWay) return write.abandon()
    if (write.delivered) return
    this.#waiting.remove(write)
    write.settle(false)
  }

  /** Nothing is written any more. */
  close(): void {
    this.#closed = true
    this.#underWay?.settle(false)
    for (let write = this.#waiting.shift(); write !== undefined; write = this.#waiting.shift()) write.settle(false)
  }
}
