/**
 * Rule 27: past the cache, only whole sectors. The memory is the pool's, and page-aligned.
 */
import type { Request } from "../engine/Operation.js"

/** The fault of a read or write of this file, or `undefined`. */
export const alignmentProblem = (
  { alignment = 1 }: { readonly alignment?: number },
  { kind, length, memory, offsetLow, start }: Request
): string | undefined => {
  if (alignment === 1 || kind === "ioctl") return undefined
  // A caller's memory is copied, to the start of a block.
  const from = memory instanceof Uint8Array ? 0 : start
  if (offsetLow % alignment === 0 && length % alignment === 0 && from % alignment === 0) return undefined
  return `without buffering, offset, length and start must be multiples of ${alignment}`
}
