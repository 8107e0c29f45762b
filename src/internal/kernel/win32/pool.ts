/**
 * The private thread pool: how many of its threads may wait for JavaScript at once, and what they do when the JavaScript
 * environment ends before its operations have.
 */
import { isMainThread } from "node:worker_threads"
import { TP_CALLBACK_ENVIRON_V3, TP_CALLBACK_PRIORITY_HIGH, TP_CALLBACK_PRIORITY_NORMAL } from "../../constants.js"
import type { Bindings, EnvironmentHook } from "./bindings.js"
import { reserve } from "./memory.js"

/**
 * koffi blocks a pool thread until JavaScript has run its completion, and the 257th thread blocked at once is an access
 * violation: a few threads never get there. One makes reads half as fast, more than four no faster.
 */
const THREADS = 4

/** One page for good, because objects and hooks keep its addresses. */
const PAGE = { size: 4096, normal: 0, high: 128, forever: 256 } as const

/** A relative time of 14,600 years, in units of 100 ns. */
const FOREVER = -(2n ** 62n)

const SETTLE_MILLIS = 20

export class Pool {
  /** The address of the `TP_CALLBACK_ENVIRON` for every TP_IO of this JavaScript environment. */
  readonly environment: number
  readonly #native: Bindings
  readonly #hooks: ReadonlyArray<EnvironmentHook>
  #objects = 0

  constructor(native: Bindings) {
    const pool = native.CreateThreadpool(0)
    if (pool === 0) throw new Error(`CreateThreadpool failed: ${native.GetLastError()}`)
    native.SetThreadpoolThreadMaximum(pool, THREADS)
    const { address, bytes } = reserve(native, PAGE.size)
    const view = new DataView(bytes.buffer)
    writeEnvironment(view, PAGE.normal, pool, TP_CALLBACK_PRIORITY_NORMAL)
    writeEnvironment(view, PAGE.high, pool, TP_CALLBACK_PRIORITY_HIGH)
    view.setBigInt64(PAGE.forever, FOREVER, true)
    this.environment = address + PAGE.normal
    this.#native = native
    this.#hooks = makeHooks(native, address)
  }

  /** A TP_IO has been created: completions may come, also after the end of the environment. */
  opened(): void {
    if (this.#objects++ === 0) this.#hooks.forEach((hook) => this.#native.environmentHooks?.add(hook))
  }

  closed(): void {
    if (--this.#objects === 0) this.#hooks.forEach((hook) => this.#native.environmentHooks?.remove(hook))
  }
}

const writeEnvironment = (view: DataView, start: number, pool: number, priority: number): void => {
  const at = TP_CALLBACK_ENVIRON_V3
  view.setUint32(start + at.Version, 3, true)
  view.setBigUint64(start + at.Pool, BigInt(pool), true)
  view.setUint32(start + at.CallbackPriority, priority, true)
  view.setUint32(start + at.Size, at.size, true)
}

/**
 * Rule 23: a worker that is terminated runs no JavaScript, and a completion that comes afterwards would enter what is left of
 * koffi: a page fault. So the end of the environment itself, before koffi hears of it, submits one work item for every thread,
 * ahead of all completions: `NtDelayExecution(_, &forever)`. No thread of the pool gets to a completion again. A worker, which
 * the process outlives, then waits a moment for the threads that were just about to enter koffi.
 */
const makeHooks = (native: Bindings, page: number): ReadonlyArray<EnvironmentHook> => {
  const park = (): EnvironmentHook => {
    const work = native.CreateThreadpoolWork(native.NtDelayExecutionAddress, page + PAGE.forever, page + PAGE.high)
    if (work === 0) throw new Error(`CreateThreadpoolWork failed: ${native.GetLastError()}`)
    return { hook: native.SubmitThreadpoolWorkAddress, argument: work }
  }
  // No two hooks of a process may be the same: `Sleep` looks at the low half of its argument only.
  const argument = BigInt.asUintN(64, BigInt(page) << 32n) | BigInt(SETTLE_MILLIS)
  const settle = isMainThread ? [] : [{ hook: native.SleepAddress, argument }]
  return [...settle, ...Array.from({ length: THREADS }, park)]
}
