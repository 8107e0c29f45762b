/**
 * Native memory that is lent and recycled: the kernel writes only here, never into memory that V8 may move, detach or
 * free. Fresh memory is what makes I/O slow (page faults, garbage), so blocks go round in classes of a power of two.
 */
import type { Block, Kernel } from "../kernel/Kernel.js"
import { Ranges } from "./Ranges.js"

/** The smallest class: one page. */
const SMALLEST = 4096
/**
 * Classes up to this are cut out of slabs: one system call and one view for many. A slab is never given back in parts.
 */
const LARGEST_CUT = 64 << 10
const SLAB = 1 << 20
/** Blocks above this are not kept. */
const LARGEST_KEPT = 16 << 20
/** Free memory above this goes back to the system; slabs stay. */
const KEEP_BYTES = 64 << 20

/** The memory of all pools. A view of it is not a caller's own memory, whoever holds it. */
export const poolMemory = new WeakSet<ArrayBufferLike>()

/** A buffer lent out of the pool. Its bytes can be reached until it is returned. */
export class Lease {
  /** Which windows of it operations in flight use. */
  readonly ranges = new Ranges()
  #block: Block | undefined

  constructor(
    private readonly pool: BufferPool,
    block: Block,
    readonly size: number
  ) {
    this.#block = block
  }

  get block(): Block | undefined {
    return this.#block
  }

  /** The kernel of another pool does not know its address, or has none for it. */
  isOf(pool: BufferPool): boolean {
    return this.pool === pool
  }

  /** Returns the buffer. The memory goes round again once no operation in flight uses it. */
  release(): void {
    const block = this.#block
    if (block === undefined) return
    this.#block = undefined
    if (this.ranges.inUse) this.#late = block
    else this.pool.release(block)
  }

  /**
   * Returns the buffer and answers its memory, which is the caller's for good; `undefined`, and nothing done: it cannot
   * be.
   */
  giveAway(): Uint8Array | undefined {
    const block = this.#block
    if (block === undefined || this.ranges.inUse || !this.pool.giveAway(block)) return undefined
    this.#block = undefined
    return block.bytes
  }

  /** An operation that used the buffer has settled. */
  settled(): void {
    if (this.#late === undefined || this.ranges.inUse) return
    this.pool.release(this.#late)
    this.#late = undefined
  }

  #late: Block | undefined
}

export class BufferPool {
  readonly #free = new Map<number, Array<Block>>()
  readonly #slabs: Array<Block> = []
  /** Not in any class: JavaScript's, to be given away. */
  readonly #own = new WeakSet<Block>()
  readonly #whole = new Set<Block>()
  #freeBytes = 0
  #lentBytes = 0
  #closed = false

  constructor(private readonly kernel: Kernel) {}

  /** Bytes that are lent at this moment, in whole classes. */
  get lentBytes(): number {
    return this.#lentBytes
  }

  lease(size: number): Lease | undefined {
    const block = this.acquire(size)
    return block === undefined ? undefined : new Lease(this, block, size)
  }

  /** A buffer to be given away, where the kernel has such memory; any other one elsewhere. */
  leaseToGive(size: number): Lease | undefined {
    const block = this.kernel.allocateOwn(size)
    if (block === undefined) return this.lease(size)
    this.#own.add(block)
    return new Lease(this, block, size)
  }

  giveAway(block: Block): boolean {
    if (!this.#own.has(block)) return false
    this.kernel.giveAway(block)
    return true
  }

  /** A block of at least `size` bytes; `undefined` when the system has none left. */
  acquire(size: number): Block | undefined {
    const bytes = classOf(size)
    let block = this.#free.get(bytes)?.pop()
    if (block !== undefined) this.#freeBytes -= this.#whole.has(block) ? bytes : 0
    else block = bytes <= LARGEST_CUT ? this.#cut(bytes) : this.#allocate(bytes)
    if (block !== undefined) this.#lentBytes += bytes
    return block
  }

  release(block: Block): void {
    if (this.giveAway(block)) return
    const bytes = block.bytes.length
    this.#lentBytes -= bytes
    if (!this.#whole.has(block)) this.#keep(block)
    else if (this.#closed || bytes > LARGEST_KEPT) this.#giveBack(block)
    else {
      this.#keep(block)
      this.#freeBytes += bytes
      while (this.#freeBytes > KEEP_BYTES) this.#evict(bytes)
    }
    if (this.#closed) this.#freeSlabs()
  }

  /** Gives everything back to the system. What is still lent (quarantined) stays allocated, on purpose (rule 19). */
  close(): void {
    this.#closed = true
    for (const blocks of this.#free.values()) {
      for (const block of blocks) if (this.#whole.has(block)) this.#giveBack(block)
    }
    this.#free.clear()
    this.#freeBytes = 0
    this.#freeSlabs()
  }

  #freeSlabs(): void {
    if (this.#lentBytes === 0) { for (const slab of this.#slabs.splice(0)) this.kernel.free(slab) }
  }

  /** Evicts a free block of another size class than the one just returned. */
  #evict(comeBack: number): void {
    for (const [bytes, blocks] of this.#free) {
      if (bytes <= LARGEST_CUT || bytes === comeBack || blocks.length === 0) continue
      this.#freeBytes -= bytes
      return this.#giveBack(blocks.pop()!)
    }
    this.#freeBytes -= comeBack
    this.#giveBack(this.#free.get(comeBack)!.pop()!)
  }

  #giveBack(block: Block): void {
    this.#whole.delete(block)
    this.kernel.free(block)
  }

  #keep(block: Block): void {
    const bytes = block.bytes.length
    const kept = this.#free.get(bytes)
    if (kept === undefined) this.#free.set(bytes, [block])
    else kept.push(block)
  }

  #allocate(bytes: number): Block | undefined {
    const block = this.kernel.allocate(bytes)
    if (block === undefined) return undefined
    this.#whole.add(block)
    poolMemory.add(block.bytes.buffer)
    return block
  }

  #cut(bytes: number): Block | undefined {
    const slab = this.kernel.allocate(SLAB)
    if (slab === undefined) return undefined
    this.#slabs.push(slab)
    poolMemory.add(slab.bytes.buffer)
    for (let start = SLAB - bytes; start > 0; start -= bytes) this.#keep(window(slab, start, bytes))
    return window(slab, 0, bytes)
  }
}

const window = (slab: Block, start: number, bytes: number): Block => ({
  address: slab.address === 0 ? 0 : slab.address + start,
  bytes: slab.bytes.subarray(start, start + bytes)
})

const classOf = (size: number): number => {
  if (size <= SMALLEST) return SMALLEST
  // A block too large to be kept is not rounded to a power of two: only to pages.
  if (size > LARGEST_KEPT) return Math.ceil(size / SMALLEST) * SMALLEST
  return 2 ** Math.ceil(Math.log2(size))
}
