/**
 * Handles bound by `BindIoCompletionCallback`: their completions come on the process's default pool, which has hundreds
 * of threads and is not ours to park. So each of them says how many callbacks may come at once, and takes them off the
 * budget that all pools share, where callbacks wait for JavaScript.
 */
import { isMainThread } from "node:worker_threads"
import { ERROR_INVALID_PARAMETER, ERROR_NOT_ENOUGH_MEMORY, ERROR_NOT_SUPPORTED } from "../../constants.js"
import type { CallbackBudget } from "../budget.js"
import type { Bindings } from "./bindings.js"
import type { Completions } from "./completions.js"
import { reserve } from "./memory.js"
import { Hooks, settleHook } from "./pool.js"

/**
 * Rule 23 for a pool that cannot be parked, where callbacks enter JavaScript: the end of the environment cancels what
 * its thread has issued on the handle, and then waits a moment while the callbacks run into koffi, where they stay. A
 * precaution and no proof, so it has to do for the end of the process; a worker, which the process outlives, does not
 * get that far.
 */
const cancelHook = (native: Bindings, handle: number) => ({ hook: native.CancelIoAddress, argument: handle })

/** Must be zero. */
const FLAGS = 0

/** Severity "warning" or "error": the routine is handed an NTSTATUS by Windows, and a Win32 code by Wine (rule 8). */
const NTSTATUS_FAILURE = 0x8000_0000

interface Bound {
  readonly callbacks: number
  readonly hooks: Hooks | undefined
}

export class BoundHandles {
  readonly #bound = new Map<number, Bound>()
  #settle: Hooks | undefined
  /** Odd numbers: no TP_IO has one for an address. */
  #last = -1

  constructor(
    private readonly native: Bindings,
    private readonly budget: CallbackBudget,
    private readonly completions: Completions
  ) {}

  /** Answers a number that no TP_IO has for an address, or minus the last error. */
  bind(handle: number, callbacks: number): number {
    const { budget, native } = this
    const { boundCallback, way } = this.completions
    // A completion after the end of a worker must not look for JavaScript.
    if (!isMainThread && way !== "relay") return -ERROR_NOT_SUPPORTED
    if (!budget.take(callbacks)) return -ERROR_NOT_ENOUGH_MEMORY
    if (native.BindIoCompletionCallback(handle, boundCallback, FLAGS) === 0) {
      const status = native.GetLastError() || ERROR_INVALID_PARAMETER
      budget.giveBack(callbacks)
      return -status
    }
    this.#last += 2
    this.#bound.set(this.#last, { callbacks, hooks: way === "callback" ? this.#addHooks(handle) : undefined })
    return this.#last
  }

  has(binding: number): boolean {
    return this.#bound.has(binding)
  }

  forget(binding: number): void {
    const { callbacks, hooks } = this.#bound.get(binding)!
    this.#bound.delete(binding)
    hooks?.remove()
    if (this.#bound.size === 0) this.#settle?.remove()
    this.budget.giveBack(callbacks)
  }

  #addHooks(handle: number): Hooks {
    const { native } = this
    this.#settle ??= new Hooks(native, [settleHook(native, reserve(native, 4096).address)])
    if (this.#bound.size === 0) this.#settle.add()
    const hooks = new Hooks(native, [cancelHook(native, handle)])
    hooks.add()
    return hooks
  }
}

/** The Win32 code of what the routine is handed. */
export const statusOf = (native: Pick<Bindings, "RtlNtStatusToDosError">, code: number): number =>
  code >= NTSTATUS_FAILURE ? native.RtlNtStatusToDosError(code | 0) : code
