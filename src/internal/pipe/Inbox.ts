/**
 * How much of what has been read is still in the hands of handlers: above a limit, nothing more is read. Handlers may
 * end in any order, and one that waits for what comes later does not keep it away until the limit is reached.
 */

/** The cost of a running handler besides its bytes. */
const PER_HANDLER = 1024

export class Inbox {
  #weight = 0
  #running = 0
  #listener: (() => void) | undefined = undefined

  constructor(readonly limit: number) {}

  get hasRoom(): boolean {
    return this.#weight < this.limit
  }

  get isEmpty(): boolean {
    return this.#running === 0
  }

  /** A handler has begun; call what it answers when that has ended. */
  begin(bytes: number): () => void {
    const weight = bytes + PER_HANDLER
    this.#weight += weight
    this.#running++
    return () => {
      this.#weight -= weight
      this.#running--
      this.#listener?.()
    }
  }

  /** Calls back after each handler that ends. One listener, the one who reads. */
  whenChanged(listener: (() => void) | undefined): void {
    this.#listener = listener
  }
}
