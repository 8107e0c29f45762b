/**
 * The JavaScript side of native/relay.c, which says how the list works: takes completions out of native memory, a
 * bounded number in one turn of the event loop, and sends JavaScript to sleep when there are none.
 */
import { isMainThread } from "node:worker_threads"
import type { Bindings } from "./bindings.js"
import type { Completions, Sink } from "./completions.js"
import type { SlotMemory } from "./memory.js"
import { reserve } from "./memory.js"
import type { NodeApi, RelayLibrary } from "./relayLibrary.js"

const ASLEEP = 0
const EMPTY = -1

/** `struct relay` in relay.c, in bytes. */
const RELAY = {
  size: 4096, // a page, of which it takes 120 bytes
  head: 0,
  strays: 4,
  slots: 20,
  records: 24,
  pump: 48,
  cancels: 56,
  patience: 60,
  CancelIoEx: 64,
  Sleep: 72,
  napi_create_string_utf8: 80,
  napi_create_threadsafe_function: 88,
  napi_unref_threadsafe_function: 96,
  napi_call_threadsafe_function: 104,
  napi_add_env_cleanup_hook: 112
} as const
const WORD = { head: RELAY.head / 4, strays: RELAY.strays / 4, slots: RELAY.slots / 4 } as const

/** Completions in one turn of the event loop, and milliseconds. The engine's turns have the same share. */
const PER_TURN = 64
const TURN_MS = 2
/**
 * The clock is looked at once in so many completions, and starts with the first look: on Wine it costs more than they
 * do.
 */
const CLOCK_EVERY = 8

/**
 * After a completion that came alone, with this many in flight at most, JavaScript looks again in so many turns before
 * it sleeps: the next one, which it is about to issue, is there sooner than anyone could wake it.
 */
const POLLED_IN_FLIGHT = 2
const POLLS = 5

/** How long the end of the environment waits: for what a worker has in flight, or for who is just waking JavaScript. */
const PATIENCE_MS = { worker: 100, process: 20 } as const

/** Taken off the list and not yet delivered: slot, generation, status and bytes of each. */
const STRIDE = 4

export class Relay implements Completions {
  readonly callback: number
  readonly boundCallback: number
  readonly context: number
  readonly #words: Int32Array
  readonly #again = (): void => this.#turn()
  #taken = new Uint32Array(STRIDE * 1024)
  #first = 0
  #end = 0
  #strays = 0
  #polls = 0

  /** Without `api` the thread that wakes JavaScript waits for it. Throws when the host refuses. */
  constructor(
    native: Bindings,
    library: RelayLibrary,
    readonly way: "relay" | "broker",
    api: NodeApi,
    private readonly memory: SlotMemory,
    private readonly sink: Sink,
    private readonly inFlight: () => number
  ) {
    const { address, bytes } = reserve(native, RELAY.size)
    this.#words = new Int32Array(bytes.buffer, bytes.byteOffset, RELAY.size / 4)
    this.callback = library.completed
    this.boundCallback = library.completedBound
    this.context = address
    const pump = native.registerPump(() => this.#woken())
    if (way === "broker") native.pin(pump)

    const view = new DataView(bytes.buffer, bytes.byteOffset)
    const pointer = (at: number, value: number) => view.setBigUint64(at, BigInt(value), true)
    pointer(RELAY.records, memory.address)
    pointer(RELAY.pump, pump)
    pointer(RELAY.CancelIoEx, native.CancelIoExAddress)
    pointer(RELAY.Sleep, native.SleepAddress)
    view.setUint32(RELAY.cancels, isMainThread ? 0 : 1, true)
    view.setUint32(RELAY.patience, isMainThread ? PATIENCE_MS.process : PATIENCE_MS.worker, true)
    for (const name of Object.keys(api) as Array<keyof NodeApi>) {
      pointer(RELAY[name], way === "relay" || name === "napi_add_env_cleanup_hook" ? api[name] : 0)
    }
    const status = library.open(address, native.environment)
    if (status !== 0) throw new Error(`${library.path}: the host answers napi_status ${status}`)
    // `process.exit` on the main thread runs no hook. A worker's does.
    if (isMainThread) process.on("exit", () => library.stop(address))
  }

  grown(slots: number): void {
    Atomics.store(this.#words, WORD.slots, slots)
  }

  vacate(slot: number): void {
    if (this.memory.isPushed(slot)) this.#take()
  }

  // --- turns

  /** By a thread of the pool, from a turn of the event loop. */
  #woken(): void {
    this.#deliver(true)
  }

  /** By itself: there was more than one turn's share, or it looks whether something has come. */
  #turn(): void {
    this.#deliver(false)
  }

  #deliver(woke: boolean): void {
    const { sink } = this
    let delivered = 0
    let end = Infinity
    do {
      while (this.#first < this.#end) {
        if (delivered === PER_TURN) return this.#later()
        if (delivered % CLOCK_EVERY === 0 && delivered > 0) {
          const now = performance.now()
          if (now >= end) return this.#later()
          if (end === Infinity) end = now + TURN_MS
        }
        delivered++
        const taken = this.#taken
        const at = this.#first
        this.#first += STRIDE
        sink.completed(taken[at]!, taken[at + 1]!, taken[at + 2]!, taken[at + 3]!, woke)
        woke = false
      }
    } while (this.#take() || !this.#sleeps(delivered))
  }

  /** JavaScript is awake: no thread wakes it meanwhile. */
  #later(): void {
    setImmediate(this.#again)
  }

  /** Whether there is nothing more to do in this turn. */
  #sleeps(delivered: number): boolean {
    if (delivered === 1) this.#polls = POLLS
    else if (delivered > 1) this.#polls = 0
    const inFlight = this.inFlight()
    if (this.#polls > 0 && inFlight <= POLLED_IN_FLIGHT && (inFlight > 0 || delivered > 0)) {
      this.#polls--
      this.#later()
      return true
    }
    this.#polls = 0
    // Unless one has come in between: its thread has found JavaScript awake.
    return Atomics.compareExchange(this.#words, WORD.head, EMPTY, ASLEEP) === EMPTY
  }

  // --- the list

  /** Takes everything that there is. The newest is on top, and goes last. */
  #take(): boolean {
    const { memory } = this
    const words = this.#words
    if (words[WORD.strays]! !== this.#strays) this.#countStrays()
    // Not from ASLEEP: nobody would come to look again.
    if (Atomics.load(words, WORD.head) <= 0) return false
    const head = Atomics.exchange(words, WORD.head, EMPTY)
    let count = 0
    for (let link = head; link > 0; link = memory.next(link - 1)) count++
    this.#reserve(count)
    const taken = this.#taken
    let at = this.#end += count * STRIDE
    for (let link = head; link > 0;) {
      const slot = link - 1
      at -= STRIDE
      taken[at] = slot
      taken[at + 1] = memory.generation(slot)
      taken[at + 2] = memory.status(slot)
      // Wine's packets do not tell the bytes of a control code, nor those that come with 234; the OVERLAPPED does.
      taken[at + 3] = memory.bytes(slot) || memory.transferred(slot)
      link = memory.next(slot)
      memory.taken(slot)
    }
    return true
  }

  /** Room behind what has not been delivered yet. */
  #reserve(count: number): void {
    const waiting = this.#end - this.#first
    if (waiting === 0) this.#first = this.#end = 0
    if (this.#end + count * STRIDE <= this.#taken.length) return
    const needed = waiting + count * STRIDE
    const taken = needed > this.#taken.length ? new Uint32Array(needed * 2) : this.#taken
    taken.set(this.#taken.subarray(this.#first, this.#end))
    this.#taken = taken
    this.#first = 0
    this.#end = waiting
  }

  #countStrays(): void {
    const strays = Atomics.load(this.#words, WORD.strays)
    this.sink.strayed((strays - this.#strays) >>> 0)
    this.#strays = strays
  }
}
