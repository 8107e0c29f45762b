/**
 * A ring of writes: bytes are gathered in memory of the pool, and a block that is full is written while the next one
 * fills. So many blocks there are in all; more bytes wait until the write of one of them has ended.
 */
import type { Lease } from "../engine/BufferPool.js"
import type { ThreadpoolIoObject } from "../engine/ThreadpoolIoObject.js"
import { advance } from "../offset.js"
import { Flight } from "../settle.js"
import { Transfer } from "./Transfer.js"

/** Where the bytes go, and in which pieces. */
export interface Target {
  readonly offset: number | bigint
  readonly chunkSize: number
  readonly inFlight: number
  readonly alignment: number
}

export class WriteBehind {
  readonly flight = new Flight(() => this.#cancel())
  /** Under way, or ended and not looked at yet. */
  #writes: Array<Transfer> = []
  #filling: Lease | undefined = undefined
  #filled = 0
  /** Bytes in the blocks before the one that is filling. */
  #before = 0
  /** The first write that has not been made, or not wholly. */
  failed: Transfer | undefined = undefined
  /** There was no memory for a block. */
  exhausted = false

  constructor(readonly io: ThreadpoolIoObject, readonly target: Target) {}

  /** Bytes taken in. */
  get taken(): number {
    return this.#before + this.#filled
  }

  /** Takes in bytes from `from` on; answers how far it came before it had to wait for a write, or give up. */
  take(bytes: Uint8Array, from: number): number {
    const { chunkSize } = this.target
    let at = from
    while (at < bytes.length && this.ready() && !this.over) {
      this.#filling ??= this.io.engine.buffers.lease(chunkSize)
      if (this.#filling === undefined) {
        this.exhausted = true
        return at
      }
      const count = Math.min(bytes.length - at, chunkSize - this.#filled)
      const piece = count === bytes.length ? bytes : bytes.subarray(at, at + count)
      this.#filling.block!.bytes.set(piece, this.#filled)
      at += count
      this.#filled += count
      if (this.#filled === chunkSize) this.flush()
    }
    return at
  }

  /** Writes what has been gathered. */
  flush(): void {
    const lease = this.#filling
    if (lease === undefined) return
    const { alignment, offset } = this.target
    const at = advance(offset, this.#before)
    const write = new Transfer(this.io, "write", lease, at, this.#filled, alignment)
    this.#before += this.#filled
    this.#filled = 0
    this.#filling = undefined
    this.#writes.push(write)
    if (!write.start().delivered) this.flight.add(write)
  }

  /** There is a block to fill, or there never will be. */
  readonly ready = (): boolean => {
    this.#look()
    return this.over || this.#writes.length < this.target.inFlight
  }

  /** Everything that was gathered and flushed has been written, or never will be. */
  readonly done = (): boolean => {
    this.#look()
    return this.over || this.#writes.length === 0
  }

  /** Nothing more can be written. */
  get over(): boolean {
    return this.failed !== undefined || this.exhausted
  }

  /** The memory of writes that have ended goes back. */
  #look(): void {
    if (!this.#writes.some((write) => write.delivered)) return
    this.#writes = this.#writes.filter((write) => {
      if (!write.delivered) return true
      write.lease.release()
      if (write.bytes < write.length) this.failed ??= write
      return false
    })
  }

  #cancel(): void {
    for (const write of this.#writes) write.cancel()
  }

  /** After the flight has stopped. Answers the writes that nobody has looked at. */
  release(): ReadonlyArray<Transfer> {
    const left = this.#writes
    this.#writes = []
    for (const write of left) write.lease.release()
    this.#filling?.release()
    this.#filling = undefined
    return left
  }
}
