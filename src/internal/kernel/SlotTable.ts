/**
 * The OVERLAPPED slots of a kernel: which operation owns which, and its generation. A completion that carries an old
 * one is late; a kernel whose completions carry only an address cannot tell, and compares the TP_IO instead. Slots
 * never move.
 */

/** The events that a slot's owner hears. */
export interface SlotOwner {
  /** The operation has completed: a Win32 status and the bytes transferred. `woke`: JavaScript was woken for it. */
  completed(status: number, bytes: number, woke?: boolean): void
}

/** Slots that one `grow` adds. 1,024 records of 64 bytes are one 64 KiB allocation unit of Windows. */
export const SLOTS_PER_SLAB = 1024

export class SlotTable {
  readonly #owners: Array<SlotOwner | undefined> = []
  readonly #generations: Array<number> = []
  readonly #free: Array<number> = []
  /** Completions that no waiting operation owned: must stay 0. */
  stray = 0
  /** How many have an owner. */
  inUse = 0

  constructor(private readonly grow: (slab: number) => void, private readonly released?: (slot: number) => void) {}

  acquire(owner: SlotOwner): number {
    if (this.#free.length === 0) this.#addSlab()
    const slot = this.#free.pop()!
    this.#owners[slot] = owner
    this.inUse++
    return slot
  }

  /** The kernel has let go of the slot. A completion that still carries the old generation is a stray. */
  release(slot: number): void {
    if (this.#owners[slot] === undefined) throw new Error(`slot ${slot} released twice`)
    this.#owners[slot] = undefined
    this.#generations[slot] = (this.#generations[slot]! + 1) >>> 0
    this.#free.push(slot)
    this.inUse--
    this.released?.(slot)
  }

  generation(slot: number): number {
    return this.#generations[slot]!
  }

  /**
   * Called by the kernel, on the JavaScript thread, once per completion. `woke` is `false` when JavaScript was awake,
   * or was woken for another completion, which brought this one along.
   */
  complete(slot: number, generation: number, status: number, bytes: number, woke = true): void {
    const owner = this.#owners[slot]
    if (owner === undefined || this.#generations[slot] !== generation) {
      this.stray++
      return
    }
    owner.completed(status, bytes, woke)
  }

  #addSlab(): void {
    const first = this.#owners.length
    this.grow(first / SLOTS_PER_SLAB)
    for (let slot = first + SLOTS_PER_SLAB - 1; slot >= first; slot--) {
      this.#owners[slot] = undefined
      this.#generations[slot] = 0
      this.#free.push(slot)
    }
  }
}
