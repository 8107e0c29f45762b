/**
 * Holes: long runs of zeros are not written, so that a file that takes little room takes as little as a copy.
 */
import * as Effect from "effect/Effect"
import * as File from "../../File.js"
import type { Win32Error } from "../../Win32Error.js"
import { LARGEST_SECTOR } from "../constants.js"

/** Zeros shorter than this are written. */
export const LEAST_HOLE = 65_536

/** File systems keep room in blocks of this size at least. */
const BLOCK = 4096

let zeros = Buffer.alloc(BLOCK)

const isZero = (bytes: Uint8Array, from: number, to: number): boolean => {
  // Nearly everything is decided by these two.
  if (bytes[from] !== 0 || bytes[to - 1] !== 0) return false
  if (zeros.length < to - from) zeros = Buffer.alloc(to - from)
  return zeros.compare(bytes, from, to, 0, to - from) === 0
}

export interface Part {
  readonly start: number
  readonly end: number
}

/** What of the first `length` bytes is to be written; `undefined`: all of it, at once. */
export const partsOf = (bytes: Uint8Array, length: number): ReadonlyArray<Part> | undefined => {
  if (length < LEAST_HOLE) return undefined
  if (isZero(bytes, 0, length)) return []
  let parts: Array<Part> | undefined
  /** Where the data that no hole has followed yet begins, and where the zeros that may be one. */
  let data = 0
  let hole = -1
  const ended = (at: number): void => {
    if (hole < 0 || at - hole < LEAST_HOLE) return
    parts ??= []
    if (hole > data) parts.push({ start: data, end: hole })
    data = at
  }
  for (let at = 0; at < length; at += BLOCK) {
    if (isZero(bytes, at, Math.min(at + BLOCK, length))) {
      if (hole < 0) hole = at
    } else {
      ended(at)
      hole = -1
    }
  }
  ended(length)
  if (parts !== undefined && data < length) parts.push({ start: data, end: length })
  return parts
}

/** Whether there is anything but a hole in a stretch of the source. */
export type HasData = (from: number, to: number) => boolean

const everywhere: HasData = () => true

/**
 * Asks where a source that takes less room than its size has its data, and makes its copy one that may have holes. Where the
 * system does not tell, all of it is read.
 */
export const dataOf = (
  source: File.File,
  copy: File.File,
  stat: { readonly size: bigint; readonly blocks: bigint }
): Effect.Effect<HasData, Win32Error> =>
  // Elsewhere than on Windows nothing is told, and every file may have holes.
  source.kernel.name !== "win32" || stat.blocks * 512n >= stat.size ? Effect.succeed(everywhere) : Effect.zipRight(
    unlessUnsupported(File.setSparse(copy, true), undefined),
    unlessUnsupported(
      Effect.map(File.allocatedRanges(source, {}), (ranges): HasData => {
        const bounds = ranges.map(({ length, offset }) => [Number(offset), Number(offset + length)] as const)
        return (from, to) => bounds.some(([begin, end]) => begin < to && from < end)
      }),
      everywhere
    )
  )

const unlessUnsupported = <A, B>(effect: Effect.Effect<A, Win32Error>, otherwise: B) =>
  Effect.catchIf(effect, (error) => error.reason === "Unsupported", () => Effect.succeed(otherwise))

/** Fills a buffer with what a hole reads as. */
export const fillWithZeros = (bytes: Uint8Array, length: number): void => {
  bytes.fill(0, 0, Math.ceil(length / LARGEST_SECTOR) * LARGEST_SECTOR)
}
