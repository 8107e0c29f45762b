/**
 * Native memory: what the kernel may write to while JavaScript does something else. Blocks come from VirtualAlloc and
 * are seen through views; nothing that the system still knows the address of is ever given back.
 */
import { MEM_COMMIT, MEM_RELEASE, MEM_RESERVE, OVERLAPPED, PAGE_READWRITE } from "../../constants.js"
import type { Block } from "../Kernel.js"
import { SLOTS_PER_SLAB } from "../SlotTable.js"
import type { Bindings } from "./bindings.js"

export const allocate = (native: Bindings, bytes: number): Block | undefined => {
  const address = native.VirtualAlloc(0, bytes, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE)
  return address === 0 ? undefined : { address, bytes: native.view(address, bytes) }
}

/** For what the library itself cannot run without. */
export const reserve = (native: Bindings, bytes: number): Block => {
  const block = allocate(native, bytes)
  if (block === undefined) throw new Error(`VirtualAlloc failed: ${native.GetLastError()}`)
  return block
}

/**
 * Gives the pages back once no view can reach them. They stay, on purpose, where somebody has transferred the buffer
 * away and may still look at it.
 */
export const free = (native: Bindings, { address, bytes }: Block): void => {
  if (bytes.length === 0) return
  detach(bytes)
  if (bytes.length === 0) native.VirtualFree(address, 0, MEM_RELEASE)
}

/**
 * koffi's buffers are marked untransferable: `structuredClone` refuses them on Node 22 and ignores them on Node 20. A
 * byte stream takes over the buffer of every chunk, at once, whatever its mark; newer runtimes have `transfer`.
 */
const detach = (bytes: Uint8Array): void => {
  const buffer = bytes.buffer as ArrayBuffer & { transfer?: (length: number) => ArrayBuffer }
  if (buffer.transfer !== undefined) buffer.transfer(0)
  else new ReadableStream({ type: "bytes", start: (controller) => controller.enqueue(bytes) })
}

// --- slots

/**
 * One slot: the OVERLAPPED comes first, because its address is what a completion brings. Behind it is what
 * native/relay.c calls a `struct record`; who has no relay uses the first two of it.
 */
export const RECORD = {
  size: 64,
  generation: 32,
  threadpoolIo: 40,
  state: 36,
  next: 48,
  status: 52,
  bytes: 56,
  handle: 60
} as const

/** `RECORD.state`. The system's thread turns ARMED into PUSHED; all else happens here. */
export const STATE = { idle: 0, armed: 1, pushed: 2 } as const

const SLAB_BYTES = RECORD.size * SLOTS_PER_SLAB
const RECORD_WORDS = RECORD.size / 4
const WORD = {
  InternalHigh: OVERLAPPED.InternalHigh / 4,
  Offset: OVERLAPPED.Offset / 4,
  OffsetHigh: OVERLAPPED.OffsetHigh / 4,
  generation: RECORD.generation / 4,
  state: RECORD.state / 4,
  threadpoolIo: RECORD.threadpoolIo / 4,
  next: RECORD.next / 4,
  status: RECORD.status / 4,
  bytes: RECORD.bytes / 4,
  handle: RECORD.handle / 4
} as const
const HIGH = 2 ** 32

/**
 * Operations in flight at most, in one JavaScript environment: 64 MiB of addresses, of which what is used becomes
 * memory.
 */
const MAX_SLOTS = 2 ** 20

/** The records behind a `SlotTable`: in one range of addresses, grown slab by slab, never freed (rules 13 and 23). */
export class SlotMemory {
  /** Where the first record is; all others follow. */
  readonly address: number
  readonly #slabs: Array<Int32Array> = []

  constructor(private readonly native: Bindings) {
    this.address = native.VirtualAlloc(0, MAX_SLOTS * RECORD.size, MEM_RESERVE, PAGE_READWRITE)
    if (this.address === 0) throw new Error(`VirtualAlloc failed: ${native.GetLastError()}`)
  }

  grow(slab: number): void {
    const start = this.address + slab * SLAB_BYTES
    if (
      (slab + 1) * SLOTS_PER_SLAB > MAX_SLOTS ||
      this.native.VirtualAlloc(start, SLAB_BYTES, MEM_COMMIT, PAGE_READWRITE) === 0
    ) throw new Error("no memory for more operations")
    this.#slabs[slab] = new Int32Array(this.native.view(start, SLAB_BYTES).buffer)
  }

  /** Records that there is memory for. */
  get slots(): number {
    return this.#slabs.length * SLOTS_PER_SLAB
  }

  overlapped(slot: number): number {
    return this.address + slot * RECORD.size
  }

  /** A fresh OVERLAPPED, and who owns it; answers its address. */
  prepare(
    slot: number,
    generation: number,
    threadpoolIo: number,
    handle: number,
    offsetLow: number,
    offsetHigh: number
  ): number {
    const words = this.#words(slot)
    const word = wordOf(slot)
    words.fill(0, word, word + OVERLAPPED.size / 4)
    words[word + WORD.Offset] = offsetLow
    words[word + WORD.OffsetHigh] = offsetHigh
    words[word + WORD.generation] = generation
    words[word + WORD.state] = STATE.armed
    words[word + WORD.threadpoolIo] = threadpoolIo % HIGH
    words[word + WORD.threadpoolIo + 1] = threadpoolIo / HIGH
    words[word + WORD.handle] = handle
    return this.overlapped(slot)
  }

  /** The slot at an address that the system gave us; -1 when it is none of ours. */
  slotAt(overlapped: number): number {
    const offset = overlapped - this.address
    return offset < 0 || offset >= this.slots * RECORD.size || offset % RECORD.size !== 0 ? -1 : offset / RECORD.size
  }

  generation(slot: number): number {
    return this.#word(slot, WORD.generation)
  }

  threadpoolIo(slot: number): number {
    return this.#word(slot, WORD.threadpoolIo) + this.#word(slot, WORD.threadpoolIo + 1) * HIGH
  }

  /** A request is at most a DWORD long, so the low half of InternalHigh is all of it. */
  transferred(slot: number): number {
    return this.#word(slot, WORD.InternalHigh)
  }

  // --- what the relay writes

  /** A completion of it is on the relay's list, and has not been taken. */
  isPushed(slot: number): boolean {
    return this.#words(slot)[wordOf(slot) + WORD.state] === STATE.pushed
  }

  /** The operation has ended without a packet: one that came for it would be a stray. */
  disarm(slot: number): void {
    const words = this.#words(slot)
    const state = wordOf(slot) + WORD.state
    if (words[state] === STATE.armed) Atomics.compareExchange(words, state, STATE.armed, STATE.idle)
  }

  /** A packet has been taken off the list. */
  taken(slot: number): void {
    this.#words(slot)[wordOf(slot) + WORD.state] = STATE.idle
  }

  /** The next one on the list: a slot plus 1, or not positive. */
  next(slot: number): number {
    return this.#words(slot)[wordOf(slot) + WORD.next]!
  }

  status(slot: number): number {
    return this.#word(slot, WORD.status)
  }

  bytes(slot: number): number {
    return this.#word(slot, WORD.bytes)
  }

  #words(slot: number): Int32Array {
    return this.#slabs[Math.floor(slot / SLOTS_PER_SLAB)]!
  }

  #word(slot: number, word: number): number {
    return this.#words(slot)[wordOf(slot) + word]! >>> 0
  }
}

const wordOf = (slot: number): number => (slot % SLOTS_PER_SLAB) * RECORD_WORDS
