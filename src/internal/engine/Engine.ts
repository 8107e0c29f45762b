/**
 * Floor 3: operations through their states, over one kernel. No Effect inside: whoever waits hangs a listener on the
 * operation. `ThreadpoolIoObject` has the machine; this has what the objects of one kernel share.
 */
import { ERROR_INVALID_HANDLE, ERROR_INVALID_PARAMETER } from "../constants.js"
import type { CallName, Calls } from "../kernel/Calls.js"
import type { Host } from "../kernel/Host.js"
import type { Diagnosis, Kernel } from "../kernel/Kernel.js"
import { type Binding, ioCompletionCallback, threadpoolIo } from "./Binding.js"
import { BufferPool } from "./BufferPool.js"
import type { CallOptions } from "./Call.js"
import { Call } from "./Call.js"
import type { EnvironmentObject } from "./Environment.js"
import { Counters } from "./Ledger.js"
import { Ranges } from "./Ranges.js"
import type { BindOptions } from "./ThreadpoolIoObject.js"
import { ThreadpoolIoObject } from "./ThreadpoolIoObject.js"
import { Turns } from "./Turns.js"

/** Objects that could not be taken off their borrowed handle (rule 18), by handle, for every engine of a kernel. */
const retainedObjects = new WeakMap<Kernel, Map<number, Retained>>()

interface Retained {
  readonly threadpoolIo: number
  /** The file that it is bound to. */
  readonly identity: string
  /** It stays in the environment that it was made in. */
  readonly environment: EnvironmentObject | undefined
}

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

  /**
   * `CreateThreadpoolIo`, with skip mode where it was asked for and the system grants it. Answers the last error
   * otherwise.
   */
  bind(handle: number, options: BindOptions): ThreadpoolIoObject | number {
    if (!isHandle(handle)) return ERROR_INVALID_HANDLE
    const { kernel } = this
    const retained = retainedObjects.get(kernel)
    let { environment } = options
    let object = threadpoolIo.create(kernel, handle, environment?.environment ?? 0, options.maxInFlight)
    const kept = retained?.get(handle)
    const fresh = object > 0
    if (!fresh) {
      // Bound, and an object is kept for this number: a number is given out again, so the file is looked at as well.
      const bound = object === -ERROR_INVALID_PARAMETER && kernel.diagnose(handle) === "already-bound"
      const same = kept !== undefined && kernel.identityOf(handle) === kept.identity
      if (bound && !same) retained?.delete(handle)
      if (!bound || !same) return -object
      object = kept.threadpoolIo
      environment = kept.environment
    }
    // When it could be bound, whatever is kept under its number belongs to a file that is gone.
    retained?.delete(handle)
    const bound = this.#bound(handle, object, threadpoolIo, environment, options)
    if (fresh) environment?.joined(bound)
    return bound
  }

  /** `BindIoCompletionCallback`, likewise. */
  bindForLife(handle: number, options: BindOptions): ThreadpoolIoObject | number {
    if (!isHandle(handle)) return ERROR_INVALID_HANDLE
    const object = ioCompletionCallback.create(this.kernel, handle, 0, options.maxInFlight)
    return object > 0 ? this.#bound(handle, object, ioCompletionCallback, undefined, options) : -object
  }

  /** Why binding it failed. The values that are no handle never reach the system, where -1 is a process. */
  diagnose(handle: number): Diagnosis {
    return isHandle(handle) ? this.kernel.diagnose(handle) : "invalid"
  }

  #bound(
    handle: number,
    threadpoolIo: number,
    binding: Binding,
    environment: EnvironmentObject | undefined,
    options: BindOptions
  ): ThreadpoolIoObject {
    if (options.skipMode) this.kernel.setSkipMode(handle)
    // Read, not assumed: another holder of the file, or an earlier object, may have set it for good.
    const skipMode = this.kernel.getSkipMode(handle)
    const object = new ThreadpoolIoObject(this, handle, threadpoolIo, skipMode, options, binding, environment)
    this.objects.add(object)
    return object
  }

  /**
   * Keeps an object for the next `bind` of its handle. One whose handle has been closed meanwhile is kept for nobody.
   */
  retain(handle: number, threadpoolIo: number, environment: EnvironmentObject | undefined): void {
    if (this.kernel.diagnose(handle) !== "already-bound") return
    let retained = retainedObjects.get(this.kernel)
    if (retained === undefined) retainedObjects.set(this.kernel, retained = new Map())
    retained.set(handle, { threadpoolIo, environment, identity: this.kernel.identityOf(handle) })
  }

  rangesOf(buffer: ArrayBufferLike): Ranges {
    let ranges = this.#callersRanges.get(buffer)
    if (ranges === undefined) this.#callersRanges.set(buffer, ranges = new Ranges())
    return ranges
  }

  /** Calls a function that takes no OVERLAPPED and may block. */
  call<K extends CallName>(name: K, arguments_: Calls[K][0], options: CallOptions<K> = {}): Call<K> {
    return new Call(this, name, arguments_, options)
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
    this.onActivity?.()
    if (this.#held && this.counters.inFlight === 0) {
      this.#held = false
      this.host.unref()
    }
  }

  close(): void {
    this.buffers.close()
  }
}

const isHandle = (handle: number): boolean => Number.isSafeInteger(handle) && handle !== 0 && handle !== -1
