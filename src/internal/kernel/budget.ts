/**
 * How many callbacks of the library may wait for JavaScript at once, in one JavaScript environment. koffi blocks the thread
 * that a callback came on until JavaScript has run it, has room for 256 of them, and the 257th is an access violation.
 */

/** Two copies of the library, with a default pool each, stay below 256, and leave something to other users of koffi. */
export const MAX_WAITING_CALLBACKS = 120

export class CallbackBudget {
  #taken = 0

  get left(): number {
    return MAX_WAITING_CALLBACKS - this.#taken
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
