/**
 * Native memory: what the kernel may write to while JavaScript does something else. Blocks come from VirtualAlloc and are
 * seen through views; nothing that the system still knows the address of is ever given back.
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
 * Gives the pages back once no view can reach them. They stay, on purpose, where somebody has transferred the buffer away and
 * may still look at it.
 */
export const free = (native: Bindings, { address, bytes }: Block): void => {
  if (bytes.length === 0) return
  detach(bytes)
  if (bytes.length === 0) native.VirtualFree(address, 0, MEM_RELEASE)
}

/**
 * koffi's buffers are marked untransferable: `structuredClone` refuses them on Node 22 and ignores them on Node 20. A byte stream
 * takes over the buffer of every chunk, at once, whatever its mark; newer runtimes have `transfer`.
 */
const detach = (bytes: Uint8Array): void => {
  const buffer = bytes.buffer as ArrayBuffer & { transfer?: (length: number) => ArrayBuffer }
  if (buffer.transfer !== undefined) buffer.transfer(0)
  else new ReadableStream({ type: "bytes", start: (controller) => controller.enqueue(bytes) })
}

// --- slots

/** One slot: the OVERLAPPED comes first, because its address is what a completion brings. */
export const RECORD = { size: 64, generation: 32, threadpoolIo: 40 } as const
const SLAB_BYTES = RECORD.size * SLOTS_PER_SLAB
const RECORD_WORDS = RECORD.size / 4
const WORD = {
  InternalHigh: OVERLAPPED.InternalHigh / 4,
  Offset: OVERLAPPED.Offset / 4,
  OffsetHigh: OVERLAPPED.OffsetHigh / 4,
  generation: RECORD.generation / 4,
  threadpoolIo: RECORD.threadpoolIo / 4
} as const
const HIGH = 2 ** 32

interface Slab {
  readonly address: number
  readonly words: Uint32Array
}

/** The records behind a `SlotTable`: grown slab by slab, never moved, never freed (rules 13 and 23). */
export class SlotMemory {
  readonly #slabs: Array<Slab> = []
  readonly #byAddress = new Map<number, number>()

  constructor(private readonly native: Bindings) {}

  grow(slab: number): void {
    const block = reserve(this.native, SLAB_BYTES)
    this.#slabs[slab] = { address: block.address, words: new Uint32Array(block.bytes.buffer) }
    this.#byAddress.set(block.address, slab)
  }

  overlapped(slot: number): number {
    return this.#slab(slot).address + (slot % SLOTS_PER_SLAB) * RECORD.size
  }

  /** A fresh OVERLAPPED, and who owns it; answers its address. */
  prepare(slot: number, generation: number, threadpoolIo: number, offsetLow: number, offsetHigh: number): number {
    const { address, words } = this.#slab(slot)
    const record = slot % SLOTS_PER_SLAB
    const word = record * RECORD_WORDS
    words.fill(0, word, word + OVERLAPPED.size / 4)
    words[word + WORD.Offset] = offsetLow
    words[word + WORD.OffsetHigh] = offsetHigh
    words[word + WORD.generation] = generation
    words[word + WORD.threadpoolIo] = threadpoolIo % HIGH
    words[word + WORD.threadpoolIo + 1] = threadpoolIo / HIGH
    return address + record * RECORD.size
  }

  /** The slot at an address that the system gave us; -1 when it is none of ours. A slab lies on a 64 KiB boundary. */
  slotAt(overlapped: number): number {
    const inSlab = overlapped % SLAB_BYTES
    const slab = this.#byAddress.get(overlapped - inSlab)
    return slab === undefined || inSlab % RECORD.size !== 0 ? -1 : slab * SLOTS_PER_SLAB + inSlab / RECORD.size
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

  #slab(slot: number): Slab {
    return this.#slabs[Math.floor(slot / SLOTS_PER_SLAB)]!
  }

  #word(slot: number, word: number): number {
    return this.#slab(slot).words[(slot % SLOTS_PER_SLAB) * RECORD_WORDS + word]!
  }
}
