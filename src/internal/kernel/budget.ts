/**
 * How many callbacks of the library may wait for JavaScript at once, in one JavaScript environment. Where koffi relays
 * them, it blocks the thread that a callback came on until JavaScript has run it, has room for 256, and the 257th is an
 * access violation. Where a relay of our own does, no callback waits, and there is no limit.
 */

/** Two copies of the library, with a default pool each, stay below 256, and leave something to other users of koffi. */
export const MAX_WAITING_CALLBACKS = 120

/** Threads of one pool where nothing waits: what Windows gives a pool that says nothing. */
const MAX_THREADS = 500

/** The most threads that a pool may have. */
export const maxThreads = (callbacksLimit: number): number => Math.min(callbacksLimit, MAX_THREADS)

export class CallbackBudget {
  #taken = 0

  constructor(readonly limit: number = MAX_WAITING_CALLBACKS) {}

  get left(): number {
    return this.limit - this.#taken
  }

  /** `false`, and nothing taken, when there are not as many left. */
  take(callbacks: number): boolean {
    if (callbacks > this.left) return false
    this.#taken += callbacks
    return true
  }

  giveBack(callbacks: number): void {
    this.#taken -= callbacks
  }
}

/** For whoever gets none. */
export const waitingCallbacks = (left: number): string =>
  `Of the ${MAX_WAITING_CALLBACKS} threads of private pools and bound handles that may wait for JavaScript at once, ${left} are left.`
