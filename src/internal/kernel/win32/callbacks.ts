/**
 * The way without the library of the relay: koffi relays each callback to the JavaScript thread, and the pool's thread
 * waits until it has run. The registrations are for the life of the process.
 */
import type { Bindings } from "./bindings.js"
import type { Completions, Sink } from "./completions.js"
import type { SlotMemory } from "./memory.js"

export class Callbacks implements Completions {
  readonly way = "callback"
  readonly callback: number
  readonly context = 0
  #boundCallback: number | undefined

  constructor(
    private readonly native: Bindings,
    private readonly memory: SlotMemory,
    private readonly sink: Sink,
    private readonly isBound: (binding: number) => boolean
  ) {
    this.callback = native.register((_instance, _context, overlapped, ioResult, bytes, io) =>
      this.#completed(overlapped, ioResult, bytes, (object) => object === io)
    )
    native.pin(this.callback)
  }

  get boundCallback(): number {
    return this.#boundCallback ??= this.native.registerBound((code, bytes, overlapped) =>
      this.#completed(overlapped, code, bytes, this.isBound)
    )
  }

  grown(): void {}

  vacate(): void {}

  /** The address is looked up, never followed. */
  #completed(overlapped: number, status: number, bytes: number, isOf: (object: number) => boolean): void {
    const { memory, sink } = this
    const slot = memory.slotAt(overlapped)
    if (slot < 0 || !isOf(memory.threadpoolIo(slot))) sink.strayed(1)
    else sink.completed(slot, memory.generation(slot), status, bytes || memory.transferred(slot), true)
  }
}
