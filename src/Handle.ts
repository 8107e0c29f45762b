/**
 * A Windows HANDLE, as a value that cannot be mistaken for a number.
 *
 * @since 0.1.0
 */
import * as Brand from "effect/Brand"

/**
 * The value of a `HANDLE` (not a file descriptor, not a pointer to one). The library makes them when it opens files;
 * one that another library has opened is branded with `Handle.make`.
 *
 * @since 0.1.0
 * @category models
 */
export type Handle = number & Brand.Brand<"effect-threadpool-io/Handle">

/**
 * Brands a number as a `HANDLE`. Nothing is checked here: `ThreadpoolIo.make` refuses 0, -1 (`INVALID_HANDLE_VALUE`)
 * and everything that the system does not know, typed, with code 6.
 *
 * @example
 * ```ts
 * import { Handle } from "effect-threadpool-io"
 *
 * const borrowed = Handle.make(0x1a4)
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: (value: number) => Handle = Brand.nominal<Handle>()
