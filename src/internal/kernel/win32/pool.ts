/**
 * Thread pools: how many of their threads may wait for JavaScript at once, and what they do when the JavaScript
 * environment ends before their operations have. One is the kernel's own; a program may make others, with environments
 * that name them.
 */
import { isMainThread } from "node:worker_threads"
import {
  ERROR_GEN_FAILURE,
  ERROR_NOT_ENOUGH_MEMORY,
  TP_CALLBACK_ENVIRON_V3,
  TP_CALLBACK_PRIORITY_HIGH,
  TP_CALLBACK_PRIORITY_NORMAL,
  TP_CALLBACK_RUNS_LONG,
  TP_POOL_STACK_INFORMATION
} from "../../constants.js"
import type { CallbackBudget } from "../budget.js"
import type { Block, EnvironmentOptions, Pools, StackInformation, ThreadpoolOptions } from "../Kernel.js"
import type { Bindings, EnvironmentHook } from "./bindings.js"
import { allocate, free, reserve } from "./memory.js"

/** The threads of the kernel's own pool. One makes reads half as fast, more than four no faster. */
const THREADS = 4

/** One page of a pool, because objects and hooks keep its addresses. */
const PAGE = { size: 4096, normal: 0, high: 128, forever: 256 } as const

/** A relative time of 14,600 years, in units of 100 ns. */
const FOREVER = -(2n ** 62n)

const SETTLE_MILLIS = 20

class Pool {
  /** The address of the `TP_CALLBACK_ENVIRON` for objects of this pool that want nothing more. */
  readonly environment: number
  readonly #page: Block
  readonly #hooks: Hooks | undefined
  readonly #works: ReadonlyArray<number>
  #objects = 0

  /** `parks`: its threads enter JavaScript, and must not any more when that has ended. */
  constructor(readonly native: Bindings, readonly pool: number, readonly threads: number, parks: boolean) {
    this.#page = reserve(native, PAGE.size)
    const { address, bytes } = this.#page
    const view = new DataView(bytes.buffer)
    writeEnvironment(view, PAGE.normal, { pool, priority: TP_CALLBACK_PRIORITY_NORMAL })
    writeEnvironment(view, PAGE.high, { pool, priority: TP_CALLBACK_PRIORITY_HIGH })
    view.setBigInt64(PAGE.forever, FOREVER, true)
    this.environment = address + PAGE.normal
    this.#works = Array.from({ length: parks ? threads : 0 }, () => makePark(native, address))
    this.#hooks = !parks ? undefined : new Hooks(native, [
      ...(isMainThread ? [] : [settleHook(native, address)]),
      ...this.#works.map((argument) => ({ hook: native.SubmitThreadpoolWorkAddress, argument }))
    ])
  }

  /** A TP_IO has been created: completions may come, also after the end of the environment. */
  opened(): void {
    if (this.#objects++ === 0) this.#hooks?.add()
  }

  closed(): void {
    if (--this.#objects === 0) this.#hooks?.remove()
  }

  /** No object is left. */
  close(): void {
    for (const work of this.#works) this.native.CloseThreadpoolWork(work)
    this.native.CloseThreadpool(this.pool)
    free(this.native, this.#page)
  }
}

/** The kernel's own. */
const makeDefaultPool = (native: Bindings, parks: boolean): Pool => {
  const pool = native.CreateThreadpool(0)
  if (pool === 0) throw new Error(`CreateThreadpool failed: ${native.GetLastError()}`)
  native.SetThreadpoolThreadMaximum(pool, THREADS)
  return new Pool(native, pool, THREADS, parks)
}

// --- what the end of the environment does

/**
 * Rule 23: a worker that is terminated runs no JavaScript, and a completion that comes afterwards would enter what is
 * left of koffi: a page fault. So the end of the environment itself, before koffi hears of it, submits one work item
 * for every thread, ahead of all completions: `NtDelayExecution(_, &forever)`. No thread of the pool gets to a
 * completion again. A worker, which the process outlives, then waits a moment for the threads that were just about to
 * enter koffi.
 *
 * Where a thread parks, its first argument (`Alertable`) is the low byte of the address of the callback's instance: an
 * alert or an APC would end the park unless that is 0, and control flow guard would end the process if it did not list
 * the function. Both are rare enough, and only where completions come by `broker` or `callback`.
 */
const makePark = (native: Bindings, page: number): number => {
  const work = native.CreateThreadpoolWork(native.NtDelayExecutionAddress, page + PAGE.forever, page + PAGE.high)
  if (work === 0) throw new Error(`CreateThreadpoolWork failed: ${native.GetLastError()}`)
  return work
}

/** No two hooks of a process may be the same: `Sleep` looks at the low half of its argument only. */
export const settleHook = (native: Bindings, unique: number): EnvironmentHook => ({
  hook: native.SleepAddress,
  argument: BigInt.asUintN(64, BigInt(unique) << 32n) | BigInt(SETTLE_MILLIS)
})

/** The last one runs first. */
export class Hooks {
  constructor(readonly native: Bindings, readonly hooks: ReadonlyArray<EnvironmentHook>) {}

  add(): void {
    this.hooks.forEach((hook) => this.native.environmentHooks?.add(hook))
  }

  remove(): void {
    this.hooks.forEach((hook) => this.native.environmentHooks?.remove(hook))
  }
}

// --- pools, groups and environments of the program's own

interface Environment {
  readonly block: Block
  readonly pool: Pool
}

export class Win32Pools implements Pools {
  readonly #native: Bindings
  readonly #budget: CallbackBudget
  readonly #default: Pool
  readonly #pools = new Map<number, Pool>()
  readonly #environments = new Map<number, Environment>()
  /** The pools of objects that were created in an environment of the program's. */
  readonly #poolOfObject = new Map<number, Pool>()

  constructor(native: Bindings, budget: CallbackBudget, private readonly parks: boolean) {
    this.#native = native
    this.#budget = budget
    this.#default = makeDefaultPool(native, parks)
  }

  /** The address for `CreateThreadpoolIo`. */
  addressOf(environment: number): number {
    return environment === 0 ? this.#default.environment : environment
  }

  /** A TP_IO has been created in this environment. */
  opened(threadpoolIo: number, environment: number): void {
    if (environment === 0) return this.#default.opened()
    const { pool } = this.#environments.get(environment)!
    this.#poolOfObject.set(threadpoolIo, pool)
    pool.opened()
  }

  closed(threadpoolIo: number): void {
    const pool = this.#poolOfObject.get(threadpoolIo) ?? this.#default
    this.#poolOfObject.delete(threadpoolIo)
    pool.closed()
  }

  get callbacksLimit(): number {
    return this.#budget.limit
  }

  get callbacksLeft(): number {
    return this.#budget.left
  }

  createThreadpool({ maximum, minimum, stack }: ThreadpoolOptions): number {
    const native = this.#native
    if (!this.#budget.take(maximum)) return -ERROR_NOT_ENOUGH_MEMORY
    const pool = native.CreateThreadpool(0)
    const failed = (status: number): number => {
      this.#budget.giveBack(maximum)
      if (pool !== 0) native.CloseThreadpool(pool)
      return -(status || ERROR_GEN_FAILURE)
    }
    if (pool === 0) return failed(native.GetLastError())
    // The maximum first: the minimum starts threads at once.
    native.SetThreadpoolThreadMaximum(pool, maximum)
    if (stack !== undefined && !this.#setStack(pool, stack)) return failed(native.GetLastError())
    if (minimum > 0 && native.SetThreadpoolThreadMinimum(pool, minimum) === 0) return failed(native.GetLastError())
    try {
      this.#pools.set(pool, new Pool(native, pool, maximum, this.parks))
    } catch {
      return failed(ERROR_NOT_ENOUGH_MEMORY)
    }
    return pool
  }

  closeThreadpool(pool: number): void {
    const closed = this.#pools.get(pool)!
    this.#pools.delete(pool)
    closed.close()
    this.#budget.giveBack(closed.threads)
  }

  #setStack(pool: number, { commit, reserve: reserved }: StackInformation): boolean {
    return this.#withStack((address, view) => {
      view.setBigUint64(TP_POOL_STACK_INFORMATION.StackReserve, BigInt(reserved), true)
      view.setBigUint64(TP_POOL_STACK_INFORMATION.StackCommit, BigInt(commit), true)
      return this.#native.SetThreadpoolStackInformation(pool, address) !== 0
    })
  }

  queryStackInformation(pool: number): StackInformation | undefined {
    return this.#withStack((address, view) =>
      this.#native.QueryThreadpoolStackInformation(pool, address) === 0 ? undefined : {
        reserve: Number(view.getBigUint64(TP_POOL_STACK_INFORMATION.StackReserve, true)),
        commit: Number(view.getBigUint64(TP_POOL_STACK_INFORMATION.StackCommit, true))
      }
    )
  }

  #withStack<A>(use: (address: number, view: DataView) => A): A {
    const block = reserve(this.#native, PAGE.size)
    try {
      return use(block.address, new DataView(block.bytes.buffer))
    } finally {
      free(this.#native, block)
    }
  }

  createCleanupGroup(): number {
    return this.#native.CreateThreadpoolCleanupGroup() || -(this.#native.GetLastError() || ERROR_NOT_ENOUGH_MEMORY)
  }

  closeCleanupGroup(group: number, members: ReadonlyArray<number>): void {
    this.#native.CloseThreadpoolCleanupGroup(group)
    for (const member of members) this.closed(member)
  }

  initializeEnvironment({ group, library, pool, priority, runsLong }: EnvironmentOptions): number {
    const raceDll = library === undefined ? 0 : this.#native.GetModuleHandleW(library)
    if (library !== undefined && raceDll === 0) return -(this.#native.GetLastError() || ERROR_GEN_FAILURE)
    const block = allocate(this.#native, PAGE.size)
    if (block === undefined) return -ERROR_NOT_ENOUGH_MEMORY
    const owner = pool === 0 ? this.#default : this.#pools.get(pool)!
    writeEnvironment(new DataView(block.bytes.buffer), 0, {
      pool: owner.pool,
      group,
      raceDll,
      flags: runsLong ? TP_CALLBACK_RUNS_LONG : 0,
      priority
    })
    this.#environments.set(block.address, { block, pool: owner })
    return block.address
  }

  destroyEnvironment(environment: number): void {
    free(this.#native, this.#environments.get(environment)!.block)
    this.#environments.delete(environment)
  }
}

/**
 * Writes what `InitializeThreadpoolEnvironment` and the `SetThreadpoolCallback…` functions, which are inline, write.
 */
const writeEnvironment = (view: DataView, start: number, environment: {
  readonly pool: number
  readonly group?: number
  readonly raceDll?: number
  readonly flags?: number
  readonly priority: number
}): void => {
  const at = TP_CALLBACK_ENVIRON_V3
  view.setUint32(start + at.Version, 3, true)
  view.setBigUint64(start + at.Pool, BigInt(environment.pool), true)
  view.setBigUint64(start + at.CleanupGroup, BigInt(environment.group ?? 0), true)
  view.setBigUint64(start + at.RaceDll, BigInt(environment.raceDll ?? 0), true)
  view.setUint32(start + at.Flags, environment.flags ?? 0, true)
  view.setUint32(start + at.CallbackPriority, environment.priority, true)
  view.setUint32(start + at.Size, at.size, true)
}
