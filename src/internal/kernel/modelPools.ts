/**
 * The accounting of pools, cleanup groups and environments in the model. Threads, stacks and priorities have no meaning
 * there: they are accepted, bounded as on Windows, and without effect. Misuse is refused as loudly as everywhere.
 */
import { ERROR_NOT_ENOUGH_MEMORY } from "../constants.js"
import type { CallbackBudget } from "./budget.js"
import { ContractViolation } from "./ContractViolation.js"
import type { EnvironmentOptions, Pools, StackInformation, ThreadpoolOptions } from "./Kernel.js"

/** The environments of its members, by member. */
type Group = Map<number, number>

interface Pool extends ThreadpoolOptions {
  objects: number
}

interface Environment extends EnvironmentOptions {
  objects: number
}

export class ModelPools implements Pools {
  readonly #pools = new Map<number, Pool>()
  readonly #groups = new Map<number, Group>()
  readonly #environments = new Map<number, Environment>()
  #last = 0

  constructor(private readonly budget: CallbackBudget) {}

  get callbacksLimit(): number {
    return this.budget.limit
  }

  get callbacksLeft(): number {
    return this.budget.left
  }

  createThreadpool(options: ThreadpoolOptions): number {
    if (!this.budget.take(options.maximum)) return -ERROR_NOT_ENOUGH_MEMORY
    this.#pools.set(++this.#last, { ...options, objects: 0 })
    return this.#last
  }

  closeThreadpool(pool: number): void {
    const { maximum, objects } = found(this.#pools, pool, "a pool")
    if (objects > 0) throw new ContractViolation(17, `CloseThreadpool with ${objects} objects`)
    for (const { group, pool: used } of this.#environments.values()) {
      if (used === pool && this.#groups.has(group)) {
        throw new ContractViolation(17, "CloseThreadpool before the cleanup group of its objects is closed")
      }
    }
    this.#pools.delete(pool)
    this.budget.giveBack(maximum)
  }

  queryStackInformation(pool: number): StackInformation | undefined {
    return found(this.#pools, pool, "a pool").stack
  }

  createCleanupGroup(): number {
    this.#groups.set(++this.#last, new Map())
    return this.#last
  }

  closeCleanupGroup(group: number): void {
    const members = found(this.#groups, group, "a cleanup group")
    if (members.size > 0) throw new ContractViolation(22, `CloseThreadpoolCleanupGroup with ${members.size} members`)
    this.#groups.delete(group)
  }

  initializeEnvironment(options: EnvironmentOptions): number {
    if (options.pool !== 0) found(this.#pools, options.pool, "a pool")
    if (options.group !== 0) found(this.#groups, options.group, "a cleanup group")
    this.#environments.set(++this.#last, { ...options, objects: 0 })
    return this.#last
  }

  destroyEnvironment(environment: number): void {
    const { objects } = found(this.#environments, environment, "an environment")
    if (objects > 0) throw new ContractViolation(17, `an environment destroyed before ${objects} objects`)
    this.#environments.delete(environment)
  }

  // --- what the model tells

  /** A TP_IO has been created in this environment. */
  opened(threadpoolIo: number, environment: number): void {
    if (environment === 0) return
    const its = found(this.#environments, environment, "an environment")
    its.objects++
    if (its.pool !== 0) found(this.#pools, its.pool, "a pool").objects++
    if (its.group !== 0) found(this.#groups, its.group, "a cleanup group").set(threadpoolIo, environment)
  }

  /** It has been closed by itself. */
  closed(threadpoolIo: number, environment: number): void {
    if (environment === 0) return
    const its = found(this.#environments, environment, "an environment")
    its.objects--
    if (its.pool !== 0) this.#pools.get(its.pool)!.objects--
    if (its.group !== 0) this.#groups.get(its.group)!.delete(threadpoolIo)
  }

  membersOf(group: number): ReadonlyArray<number> {
    return [...found(this.#groups, group, "a cleanup group").keys()]
  }

  membersClosed(group: number): void {
    for (const [member, environment] of this.#groups.get(group)!) this.closed(member, environment)
  }
}

const found = <A>(all: ReadonlyMap<number, A>, id: number, what: string): A => {
  const one = all.get(id)
  if (one === undefined) throw new ContractViolation(17, `use of ${what} that is closed`)
  return one
}
