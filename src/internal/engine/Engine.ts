/**
 * Floor 3: operations through their states, over one kernel. No Effect inside: whoever waits hangs a listener on the
 * operation. `ThreadpoolIoObject` has the machine; this has what the objects of one kernel share.
 */
import { ERROR_INVALID_HANDLE, ERROR_INVALID_PARAMETER, ERROR_SUCCESS, WAIT_TIMEOUT } from "../constants.js"
import type { CallName, Calls, Kernel } from "../kernel/Kernel.js"
import { BufferPool } from "./BufferPool.js"
import { Call } from "./Call.js"
import type { Host } from "./Host.js"
import { Counters } from "./Ledger.js"
import { Ranges } from "./Ranges.js"
import type { BindOptions } from "./ThreadpoolIoObject.js"
import { ThreadpoolIoObject } from "./ThreadpoolIoObject.js"
import { Turns } from "./Turns.js"

/** Objects that could not be taken off their borrowed handle (rule 18), by handle, for every engine of a kernel. */
const retainedObjects = new WeakMap<Kernel, Map<number, { readonly threadpoolIo: number; readonly skipMode: boolean }>>()

export class Engine {
  readonly counters = new Counters()
  readonly buffers: BufferPool
  readonly turns: Turns
  readonly objects = new Set<ThreadpoolIoObject>()
  /** Told when the ledger has moved; whoever publishes it throttles. */
  onActivity: (() => void) | undefined = undefined
  readonly #callersRanges = new WeakMap<ArrayBufferLike, Ranges>()
  #held = false

  constructor(readonly kernel: Kernel, readonly host: Host) {
    this.buffers = new BufferPool(kernel)
    this.turns = new Turns(host)
  }

  /** `CreateThreadpoolIo`, with skip mode where it was asked for and the system grants it. Answers the last error otherwise. */
  bind(handle: number, options: BindOptions): ThreadpoolIoObject | number {
    if (!Number.isSafeInteger(handle) || handle === 0 || handle === -1) return ERROR_INVALID_HANDLE
    const { kernel } = this
    const retained = retainedObjects.get(kernel)
    let threadpoolIo = kernel.createThreadpoolIo(handle)
    let skipMode = false
    const kept = retained?.get(handle)
    if (threadpoolIo > 0) {
      // The handle is bindable, so whatever is kept under its number belongs to a file that is gone.
      retained?.delete(handle)
    } else if (threadpoolIo === -ERROR_INVALID_PARAMETER && kept !== undefined) {
      retained!.delete(handle)
      threadpoolIo = kept.threadpoolIo
      skipMode = kept.skipMode
    } else return -threadpoolIo
    if (options.skipMode && !skipMode) skipMode = kernel.setSkipMode(handle) === ERROR_SUCCESS
    const object = new ThreadpoolIoObject(this, handle, threadpoolIo, skipMode, options)
    this.objects.add(object)
    return object
  }

  retain(handle: number, threadpoolIo: number, skipMode: boolean): void {
    let retained = retainedObjects.get(this.kernel)
    if (retained === undefined) retainedObjects.set(this.kernel, retained = new Map())
    retained.set(handle, { threadpoolIo, skipMode })
  }

  rangesOf(buffer: ArrayBufferLike): Ranges {
    let ranges = this.#callersRanges.get(buffer)
    if (ranges === undefined) this.#callersRanges.set(buffer, ranges = new Ranges())
    return ranges
  }

  /** What takes no OVERLAPPED and may block. `dispose` undoes a result that nobody will take. */
  call<K extends CallName>(name: K, arguments_: Calls[K][0], dispose?: (value: Calls[K][1]) => void): Call<K> {
    return new Call(this, name, arguments_, dispose)
  }

  /** A call that is waited for only so long: answers its status, or `WAIT_TIMEOUT`. */
  bounded<K extends CallName>(name: K, arguments_: Calls[K][0], ms: number, done: (status: number) => void): void {
    let waiting = true
    const once = (status: number) => {
      if (!waiting) return
      waiting = false
      stopTimer?.()
      done(status)
    }
    const stopTimer = ms === Infinity ? undefined : this.host.setTimer(ms, () => once(WAIT_TIMEOUT))
    this.kernel.call(name, arguments_, once)
  }

  /** Something has been started: a pending operation does not keep the process alive by itself. */
  began(): void {
    if (!this.#held) {
      this.#held = true
      this.host.ref()
    }
    this.onActivity?.()
  }

  /** Something has ended. */
  ended(): void {
    if (this.#held && this.counters.inFlight === 0) {
      this.#held = false
      this.host.unref()
    }
  }

  close(): void {
    this.buffers.close()
  }
}
