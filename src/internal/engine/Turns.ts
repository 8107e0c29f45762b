/**
 * Fairness: who waits for operations is told at once, but after 64 of them, or 2 ms of inline ones, the event loop gets a
 * macrotask turn first. A fiber whose operations complete inline would otherwise starve timers and sockets.
 */
import type { Host } from "./Host.js"
import type { Linked } from "./List.js"
import { List } from "./List.js"

/** Deliveries in one turn of the event loop. */
const PER_TURN = 64
/** Milliseconds of deliveries in one turn. */
const TURN_MS = 2

export interface Deliverable extends Linked<Deliverable> {
  deliver(): void
}

export class Turns {
  readonly #waiting = new List<Deliverable>()
  #count = 0
  #turnStart = 0
  #armed = false

  constructor(private readonly host: Host) {}

  /** A completion has come out of the event loop: the loop is turning. */
  woke(now: number): void {
    this.#turnStart = now
  }

  /** Delivers now, or in a later turn when this one has had its share. */
  deliver(item: Deliverable, now: number): void {
    if (this.#waiting.length === 0 && this.#count < PER_TURN && now - this.#turnStart < TURN_MS) {
      this.#count++
      item.deliver()
    } else {
      this.#waiting.push(item)
      this.#arm()
    }
  }

  #arm(): void {
    if (this.#armed) return
    this.#armed = true
    this.host.defer(() => this.#flush())
  }

  #flush(): void {
    this.#armed = false
    this.#count = 0
    this.#turnStart = this.host.now()
    try {
      while (this.#waiting.length > 0 && this.#count < PER_TURN && this.host.now() - this.#turnStart < TURN_MS) {
        this.#count++
        this.#waiting.shift()!.deliver()
      }
    } finally {
      // Also when a listener has thrown: the others are not its fault.
      if (this.#waiting.length > 0) this.#arm()
    }
  }
}
