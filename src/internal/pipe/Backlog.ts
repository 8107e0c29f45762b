/**
 * Clients of a pipe that wait to be accepted, and fibers that wait in `accept`. Plain state, changed in single steps;
 * whoever waits hangs a listener on a ticket. No permits that an interruption could lose.
 */
import type { Ticket } from "../settle.js"

/** One `accept`. Delivered with a client, or without one when the server has closed. */
export class Taker<A> implements Ticket {
  delivered = false
  listener: (() => void) | undefined = undefined
  value: A | undefined = undefined

  deliver(value: A | undefined): void {
    this.value = value
    this.delivered = true
    this.listener?.()
  }
}

export class Backlog<A> {
  readonly #ready: Array<A> = []
  readonly #takers = new Set<Taker<A>>()
  /** At most one, and no more is tried until somebody has been told. */
  #failure: A | undefined
  #instances = 0
  #whenChanged: Array<() => void> = []
  #closed = false

  /** `maxReady` clients wait to be accepted before no more instances are offered to others. */
  constructor(readonly maxReady: number, readonly maxInstances: number) {}

  // --- accepting

  /** Look at `delivered` afterwards. */
  take(): Taker<A> {
    const taker = new Taker<A>()
    if (this.#ready.length > 0) {
      taker.deliver(this.#ready.shift())
      this.#changed()
    } else if (this.#failure !== undefined) {
      taker.deliver(this.#failure)
      this.#failure = undefined
      this.#changed()
    } else if (this.#closed) taker.deliver(undefined)
    else this.#takers.add(taker)
    return taker
  }

  /** Withdraws a taker that is not waited for any more; a client that it has been given belongs to the caller. */
  withdraw(taker: Taker<A>): void {
    if (this.#takers.delete(taker)) taker.deliver(undefined)
  }

  /** A client has come. `false` when the server has closed: the client is the caller's to turn away then. */
  offer(value: A, first = false): boolean {
    if (this.#closed) return false
    if (this.#deliver(value)) return true
    if (first) this.#ready.unshift(value)
    else this.#ready.push(value)
    return true
  }

  /** No client will come, for now. */
  fail(value: A): void {
    if (!this.#closed && !this.#deliver(value)) this.#failure = value
  }

  #deliver(value: A): boolean {
    const [taker] = this.#takers
    if (taker === undefined) return false
    this.#takers.delete(taker)
    taker.deliver(value)
    return true
  }

  // --- instances

  get hasRoom(): boolean {
    return !this.#closed && this.#failure === undefined && this.#instances < this.maxInstances &&
      this.#ready.length < this.maxReady
  }

  /** Counts one more instance where there is room for it. */
  reserve(): boolean {
    if (!this.hasRoom) return false
    this.#instances++
    return true
  }

  release(): void {
    this.#instances--
    this.#changed()
  }

  /** Calls back once, when there may be room. */
  whenChanged(callback: () => void): void {
    this.#whenChanged.push(callback)
  }

  #changed(): void {
    for (const callback of this.#whenChanged.splice(0)) callback()
  }

  /** Answers whom nobody will accept any more. */
  close(): ReadonlyArray<A> {
    this.#closed = true
    this.#failure = undefined
    for (const taker of this.#takers) taker.deliver(undefined)
    this.#takers.clear()
    return this.#ready.splice(0)
  }
}
