/**
 * Handles bound by `BindIoCompletionCallback`: their completions come on the process's default pool, which has hundreds of
 * threads and is not ours to park. So each of them says how many callbacks may wait for JavaScript, and takes them off the
 * budget that all pools share.
 */
import { isMainThread } from "node:worker_threads"
import { ERROR_INVALID_PARAMETER, ERROR_NOT_ENOUGH_MEMORY, ERROR_NOT_SUPPORTED } from "../../constants.js"
import type { CallbackBudget } from "../budget.js"
import type { Bindings, BoundCompletionCallback } from "./bindings.js"
import { reserve } from "./memory.js"
import { Hooks, settleHook } from "./pool.js"

/**
 * Rule 23 for a pool that cannot be parked: the end of the environment cancels what its thread has issued on the handle, and
 * then waits a moment while the callbacks run into koffi, where they stay. A precaution and no proof, so it has to do for the
 * end of the process; a worker, which the process outlives, does not get that far.
 */
const cancelHook = (native: Bindings, handle: number) => ({ hook: native.CancelIoAddress, argument: handle })

/** Must be zero. */
const FLAGS = 0

/** Severity "warning" or "error": the routine is handed an NTSTATUS by Windows, and a Win32 code by Wine (rule 8). */
const NTSTATUS_FAILURE = 0x8000_0000

interface Bound {
  readonly callbacks: number
  readonly hooks: Hooks
}

export class BoundHandles {
  readonly #native: Bindings
  readonly #budget: CallbackBudget
  readonly #completed: BoundCompletionCallback
  readonly #bound = new Map<number, Bound>()
  #callback: number | undefined
  #settle: Hooks | undefined
  #last = 0

  constructor(native: Bindings, budget: CallbackBudget, completed: BoundCompletionCallback) {
    this.#native = native
    this.#budget = budget
    this.#completed = completed
  }

  /** Answers a number that no TP_IO has for an address, or minus the last error. */
  bind(handle: number, callbacks: number): number {
    const native = this.#native
    if (!isMainThread) return -ERROR_NOT_SUPPORTED
    if (!this.#budget.take(callbacks)) return -ERROR_NOT_ENOUGH_MEMORY
    // One registration for the life of the process: the handle's close is all the unbinding that there is.
    this.#callback ??= native.registerBound((code, bytes, overlapped) =>
      this.#completed(statusOf(native, code), bytes, overlapped)
    )
    if (native.BindIoCompletionCallback(handle, this.#callback, FLAGS) === 0) {
      const status = native.GetLastError() || ERROR_INVALID_PARAMETER
      this.#budget.giveBack(callbacks)
      return -status
    }
    this.#settle ??= new Hooks(native, [settleHook(native, reserve(native, 4096).address)])
    if (this.#bound.size === 0) this.#settle.add()
    const hooks = new Hooks(native, [cancelHook(native, handle)])
    hooks.add()
    this.#bound.set(++this.#last, { callbacks, hooks })
    return this.#last
  }

  has(binding: number): boolean {
    return this.#bound.has(binding)
  }

  forget(binding: number): void {
    const { callbacks, hooks } = this.#bound.get(binding)!
    this.#bound.delete(binding)
    hooks.remove()
    if (this.#bound.size === 0) this.#settle!.remove()
    this.#budget.giveBack(callbacks)
  }
}

export const statusOf = (native: Pick<Bindings, "RtlNtStatusToDosError">, code: number): number =>
  code >= NTSTATUS_FAILURE ? native.RtlNtStatusToDosError(code | 0) : code
