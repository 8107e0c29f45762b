/**
 * Memory that the kernel may use directly: recycled, page-aligned on Windows, and never V8's own.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { ERROR_INVALID_PARAMETER, ERROR_NOT_ENOUGH_MEMORY } from "./internal/constants.js"
import * as internal from "./internal/PoolBuffer.js"
import { hasTypeId, shown } from "./internal/values.js"
import { Kernel } from "./Kernel.js"
import * as Win32Error from "./Win32Error.js"

/**
 * @since 0.1.0
 * @category symbols
 */
export const TypeId: unique symbol = internal.TypeId

/**
 * @since 0.1.0
 * @category symbols
 */
export type TypeId = typeof TypeId

/**
 * A buffer lent by the pool of a kernel until its scope closes. The library owns the memory; you own its contents
 * between two operations. The kernel reads and writes it in place, without the copy that a `Uint8Array` of yours costs.
 *
 * @since 0.1.0
 * @category models
 */
export interface PoolBuffer {
  readonly [TypeId]: TypeId
  /** Bytes asked for. */
  readonly size: number
  /**
   * A view of the memory. Throws once the buffer has been returned: after that the memory belongs to somebody else, so
   * do not keep the view either.
   */
  readonly bytes: Uint8Array
}

/**
 * Whether a value is a buffer of the pool.
 *
 * @example
 * ```ts
 * import { BufferPool } from "effect-threadpool-io"
 *
 * console.log(BufferPool.isPoolBuffer(new Uint8Array(8))) // false
 * ```
 *
 * @since 0.1.0
 * @category guards
 */
export const isPoolBuffer = (u: unknown): u is PoolBuffer => hasTypeId(u, TypeId)

/**
 * Borrows a buffer of `size` bytes (1 to 2^32 - 1) for the length of the scope. Its contents are whatever was there.
 * When the scope closes while an operation still uses the buffer, the memory goes back once that operation has settled.
 *
 * It is for operations of the kernel that is provided here; an object of another kernel refuses it, typed.
 *
 * Fails with `InvalidArgument` for a size that is not possible and with `Exhausted` when the system has no memory left.
 * On Windows the memory comes from `VirtualAlloc`, page-aligned, as `FILE_FLAG_NO_BUFFERING` demands.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { BufferPool, File, Kernel } from "effect-threadpool-io"
 *
 * const head = Effect.gen(function*() {
 *   const file = yield* File.open("video.mp4")
 *   const buffer = yield* BufferPool.make(1 << 20)
 *   const bytes = yield* File.read(file, buffer, 0)
 *   return buffer.bytes.slice(0, bytes)
 * }).pipe(Effect.scoped, Effect.provide(Kernel.layer))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (size: number): Effect.Effect<PoolBuffer, Win32Error.Win32Error, Kernel | Scope.Scope> =>
  Effect.flatMap(Kernel, (kernel) =>
    Effect.acquireRelease(
      Effect.suspend(() => {
        if (!Number.isInteger(size) || size < 1 || size > 0xffffffff) {
          return Effect.fail(Win32Error.make({
            code: ERROR_INVALID_PARAMETER,
            syscall: "VirtualAlloc",
            detail: `A buffer has 1 to 4294967295 bytes, not ${shown(size)}.`
          }))
        }
        const lease = kernel.engine.buffers.lease(size)
        if (lease === undefined) {
          return Effect.fail(Win32Error.make({ code: ERROR_NOT_ENOUGH_MEMORY, syscall: "VirtualAlloc" }))
        }
        return Effect.succeed<PoolBuffer>(new internal.PoolBufferImpl(lease, size))
      }),
      (buffer) => Effect.sync(() => internal.leaseOf(buffer).release())
    ))
