/**
 * Pools, cleanup groups and callback environments, and the order in which they go: objects, their group, their pool,
 * their environment (rules 17 and 22). Each of them counts who uses it, so that the order holds however scopes are
 * nested.
 */
import { ERROR_SUCCESS } from "../constants.js"
import type { Engine } from "./Engine.js"
import type { ThreadpoolIoObject } from "./ThreadpoolIoObject.js"

/** Closed by its owner, released once nobody uses it any more. */
class Shared {
  #open = true
  #users = 0

  constructor(private readonly release: () => void) {}

  get open(): boolean {
    return this.#open
  }

  use(): void {
    this.#users++
  }

  leave(): void {
    this.#users--
    this.#released()
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#released()
  }

  #released(): void {
    if (!this.#open && this.#users === 0) this.release()
  }
}

/** A `TP_POOL`. Objects and cleanup groups use it. */
export class ThreadpoolObject extends Shared {
  constructor(readonly engine: Engine, readonly pool: number) {
    super(() => engine.kernel.pools.closeThreadpool(pool))
  }
}

/** The findings of closing a group. */
export interface GroupReport {
  /** Why the group, and the pools of its members with it, is kept. */
  readonly retained: string | undefined
  readonly defect: unknown
}

/** A `TP_CLEANUP_GROUP`. */
export class CleanupGroupObject {
  readonly members = new Set<ThreadpoolIoObject>()
  readonly #pools = new Set<ThreadpoolObject>()
  #open = true

  constructor(readonly engine: Engine, readonly group: number) {}

  get open(): boolean {
    return this.#open
  }

  /** Objects of this pool may become members: the pool goes after the group. */
  on(pool: ThreadpoolObject): void {
    if (this.#pools.has(pool)) return
    this.#pools.add(pool)
    pool.use()
  }

  /**
   * Drains the members here, in JavaScript: each is closed as by its own scope, but for `CloseThreadpoolIo`. Then the
   * group closes them, once, and itself. Calls back once; safe to call once.
   */
  close(limitMs: number, done: (report: GroupReport) => void): void {
    this.#open = false
    let waiting = this.members.size
    const ended = (): void => {
      if (--waiting === 0) this.#closeMembers(limitMs, done)
    }
    if (waiting === 0) this.#closeMembers(limitMs, done)
    else for (const member of [...this.members]) member.close(ended, true)
  }

  #closeMembers(limitMs: number, done: (report: GroupReport) => void): void {
    const members = [...this.members]
    const kept = members.filter((member) => !member.teardown.awaitsGroup)
    if (kept.length > 0) {
      // The group would close these too, with I/O in flight or on a handle that lives: the others are closed by
      // themselves.
      for (const member of members) if (member.teardown.awaitsGroup) member.closedByItself()
      return done({ retained: `${kept.length} of its members could not be closed`, defect: undefined })
    }
    const { host, kernel } = this.engine
    let reported = false
    const report = (retained: string | undefined, defect?: unknown): void => {
      stopTimer?.()
      if (!reported) done({ retained, defect })
      reported = true
    }
    const stopTimer = limitMs === Infinity ? undefined : host.setTimer(
      limitMs,
      () => report("CloseThreadpoolCleanupGroupMembers has not returned yet")
    )
    try {
      kernel.call("CloseThreadpoolCleanupGroupMembers", { group: this.group }, (status) => {
        if (status !== ERROR_SUCCESS) return report(`CloseThreadpoolCleanupGroupMembers failed with ${status}`)
        kernel.pools.closeCleanupGroup(this.group, members.map((member) => member.threadpoolIo))
        for (const member of members) member.left()
        for (const pool of this.#pools) pool.leave()
        report(undefined)
      })
    } catch (defect) {
      report("the teardown failed", defect)
    }
  }
}

/** A `TP_CALLBACK_ENVIRON`. Objects use it, though the system has copied it. */
export class EnvironmentObject extends Shared {
  constructor(
    readonly engine: Engine,
    readonly environment: number,
    readonly pool: ThreadpoolObject | undefined,
    readonly group: CleanupGroupObject | undefined
  ) {
    super(() => engine.kernel.pools.destroyEnvironment(environment))
    if (pool !== undefined) group?.on(pool)
  }

  /** Whether objects can be made in it. */
  get usable(): boolean {
    return this.open && this.pool?.open !== false && this.group?.open !== false
  }

  joined(object: ThreadpoolIoObject): void {
    this.use()
    this.pool?.use()
    this.group?.members.add(object)
  }

  left(object: ThreadpoolIoObject): void {
    this.group?.members.delete(object)
    this.pool?.leave()
    this.leave()
  }
}
