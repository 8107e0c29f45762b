/**
 * A buffer of the pool, as its user sees it.
 */
import type * as BufferPool from "../BufferPool.js"
import type { Lease } from "./engine/BufferPool.js"

export const TypeId: BufferPool.TypeId = Symbol.for("effect-threadpool-io/PoolBuffer") as BufferPool.TypeId

export class PoolBufferImpl implements BufferPool.PoolBuffer {
  readonly [TypeId]: BufferPool.TypeId = TypeId
  #bytes: Uint8Array | undefined = undefined
  constructor(readonly lease: Lease, readonly size: number) {}
  get bytes(): Uint8Array {
    const block = this.lease.block
    if (block === undefined) throw new Error("PoolBuffer: used after it was returned to its pool")
    return this.#bytes ??= block.bytes.subarray(0, this.size)
  }
}

export const leaseOf = (buffer: BufferPool.PoolBuffer): Lease => (buffer as PoolBufferImpl).lease
