/**
 * Memory for what a caller keeps: fresh, and not zeroed before it is written. An ArrayBuffer costs more than a small
 * read, so small ones of a batch share some.
 */
import type { Lease } from "../engine/BufferPool.js"

/** Above this, one has an ArrayBuffer of its own. */
const SMALL = 16 << 10
const SHARED = 64 << 10
/** Where each begins, so that it can be looked at as any numbers. */
const ALIGNMENT = 8

const allocate = (size: number): ArrayBuffer => Buffer.allocUnsafeSlow(size).buffer as ArrayBuffer

/** A copy that shares its memory with nobody. */
export const copy = (bytes: Uint8Array, size: number): Uint8Array => {
  const own = new Uint8Array(allocate(size))
  own.set(bytes.length === size ? bytes : bytes.subarray(0, size))
  return own
}

/**
 * The first bytes of a buffer as memory of the caller's own, and no other; where it is whole, without a copy if that
 * can be.
 */
export const kept = (lease: Lease, size: number): Uint8Array => {
  const own = size === lease.size ? lease.giveAway() : undefined
  if (own !== undefined) return own
  const copied = copy(lease.block!.bytes, size)
  lease.release()
  return copied
}

/** Copies that may share their memory with each other. */
export class Copies {
  #buffer: ArrayBuffer | undefined = undefined
  #used = 0

  copy(bytes: Uint8Array, size: number): Uint8Array {
    if (size > SMALL) return copy(bytes, size)
    if (this.#buffer === undefined || this.#used + size > SHARED) {
      this.#buffer = allocate(SHARED)
      this.#used = 0
    }
    const own = new Uint8Array(this.#buffer, this.#used, size)
    own.set(bytes.length === size ? bytes : bytes.subarray(0, size))
    this.#used += Math.ceil(size / ALIGNMENT) * ALIGNMENT
    return own
  }
}
