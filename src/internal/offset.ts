/**
 * File offsets: a number or a bigint outside, two DWORDs inside. Exactly, or refused; never wrapped (rule 26).
 */

import { shown } from "./values.js"

/** Both halves of this on a write mean: at the end of the file. */
export const END_OF_FILE = { low: 0xffffffff, high: 0xffffffff } as const

const TWO_32 = 0x1_0000_0000
/** The largest offset of a file: 2^63 - 1. */
const LARGEST = 0x7fff_ffff_ffff_ffffn
const TWO_53 = 2n ** 53n

/**
 * The fault of an offset, or of the end of a range of so many bytes from there, or `undefined`. A system may refuse
 * such a range late, and then tells another operation's port of it (Wine).
 */
export const offsetProblem = (offset: number | bigint, length = 0): string | undefined => {
  if (typeof offset === "bigint") {
    if (offset < 0n || offset > LARGEST) return `offset ${offset} is not within 0 to 2^63 - 1`
    return offset > LARGEST - TWO_53 && offset + BigInt(length) > LARGEST
      ? `${length} bytes from offset ${offset} end beyond 2^63 - 1`
      : undefined
  }
  // So many bytes from a number end long before 2^63.
  if (Number.isSafeInteger(offset) && offset >= 0) return undefined
  return `offset ${shown(offset)} is not a whole number from 0 to 2^53 - 1; larger ones are given as bigint`
}

export const low = (offset: number | bigint): number =>
  typeof offset === "bigint" ? Number(offset & 0xffffffffn) : offset % TWO_32

export const high = (offset: number | bigint): number =>
  typeof offset === "bigint" ? Number(offset >> 32n) : Math.floor(offset / TWO_32)

/** The offset `by` bytes behind. What is no offset stays none. */
export const advance = (offset: number | bigint, by: number): number | bigint => {
  if (typeof offset === "bigint") return offset + BigInt(by)
  if (typeof offset !== "number") return offset
  return Number.isSafeInteger(offset) && !Number.isSafeInteger(offset + by) ? BigInt(offset) + BigInt(by) : offset + by
}
