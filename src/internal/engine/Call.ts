/**
 * One call of a function that takes no OVERLAPPED and may block. It cannot be cancelled once it runs: it is taken back
 * while it is queued, waited for otherwise, and given up after a limit; what it then still brings is disposed of.
 */
import { ERROR_OPERATION_ABORTED, WAIT_TIMEOUT } from "../constants.js"
import type { CallName, Calls } from "../kernel/Calls.js"
import type { Engine } from "./Engine.js"
import type { ThreadpoolIoObject } from "./ThreadpoolIoObject.js"
import type { Deliverable } from "./Turns.js"

export interface CallOptions<K extends CallName> {
  /** Undoes a result that nobody will take. */
  readonly dispose?: ((value: Calls[K][1]) => void) | undefined
  /** Whose handle it works on: that one is not closed while the call runs. */
  readonly object?: ThreadpoolIoObject | undefined
}

export class Call<K extends CallName> implements Deliverable {
  status = 0
  value: Calls[K][1] | undefined = undefined
  cause: unknown = undefined
  delivered = false
  givenUp = false
  listener: (() => void) | undefined = undefined
  previous: Deliverable | undefined = undefined
  next: Deliverable | undefined = undefined
  readonly #takeBack: () => boolean
  #stopTimer: (() => void) | undefined = undefined
  #settled = false

  constructor(
    private readonly engine: Engine,
    readonly name: K,
    arguments_: Calls[K][0],
    private readonly options: CallOptions<K>
  ) {
    options.object?.teardown.callBegan()
    this.#takeBack = engine.kernel.call(name, arguments_, (status, value, cause) => this.#done(status, value, cause))
  }

  /** It has ended, or been taken back or given up. */
  get settled(): boolean {
    return this.#settled
  }

  /** Gives up the result. Ends at once, with the call, or after `limitMs`. */
  cancel(limitMs: number): void {
    if (this.#settled) return
    if (this.#takeBack()) {
      this.options.object?.teardown.callEnded()
      this.#settle(ERROR_OPERATION_ABORTED)
    } else if (limitMs !== Infinity) {
      this.#stopTimer = this.engine.host.setTimer(limitMs, () => {
        this.givenUp = true
        this.#settle(WAIT_TIMEOUT)
      })
    }
  }

  /** The result has come, and nobody will take it. */
  discard(): void {
    const { value } = this
    this.value = undefined
    if (value !== undefined) this.options.dispose?.(value)
  }

  deliver(): void {
    this.delivered = true
    this.listener?.()
  }

  #done(status: number, value: Calls[K][1] | undefined, cause: unknown): void {
    this.options.object?.teardown.callEnded()
    this.value = value
    this.cause = cause
    if (this.givenUp) return this.discard()
    this.#stopTimer?.()
    this.engine.turns.woke()
    this.#settle(status)
  }

  #settle(status: number): void {
    this.#settled = true
    this.status = status
    this.engine.turns.deliver(this, false)
  }
}
