/**
 * Fairness: who waits for operations is told at once, but after 64 of them, or 2 ms of inline ones, the event loop gets
 * a macrotask turn first. A fiber whose operations complete inline would otherwise starve timers and sockets.
 */
import type { Host } from "../kernel/Host.js"
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
  /** When the first one was delivered that ended inline; `undefined`: none has since the loop turned. */
  #turnStart: number | undefined = undefined
  #armed = false

  constructor(private readonly host: Host) {}

  /** A completion has come out of the event loop: the loop is turning. */
  woke(): void {
    this.#turnStart = undefined
  }

  /**
   * Delivers now, or in a later turn when this one has had its share. The clock is looked at for what ended inline
   * only.
   */
  deliver(item: Deliverable, inline: boolean): void {
    if (this.#waiting.length === 0 && this.#count < PER_TURN && !(inline && this.#late())) {
      this.#count++
      item.deliver()
    } else {
      this.#waiting.push(item)
      this.#arm()
    }
  }

  #late(): boolean {
    const now = this.host.now()
    this.#turnStart ??= now
    return now - this.#turnStart >= TURN_MS
  }

  #arm(): void {
    if (this.#armed) return
    this.#armed = true
    this.host.defer(() => this.#flush())
  }

  #flush(): void {
    this.#armed = false
    this.#count = 0
    this.#turnStart = undefined
    try {
      while (this.#waiting.length > 0 && this.#count < PER_TURN && !this.#late()) {
        this.#count++
        this.#waiting.shift()!.deliver()
      }
    } finally {
      // Also when a listener has thrown: the others are not its fault.
      if (this.#waiting.length > 0) this.#arm()
    }
  }
}
