/**
 * Holes: long runs of zeros are not written, so that a file that takes little room takes as little as a copy.
 */
import * as Effect from "effect/Effect"
import * as File from "../../File.js"
import type { Win32Error } from "../../Win32Error.js"

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

/** Where a file has its data: the first byte of each stretch, and the first one behind. */
export type Data = ReadonlyArray<readonly [from: number, to: number]>

/** What lies between two places of a file: data, or a hole. */
export interface Piece {
  readonly from: number
  readonly to: number
  readonly data: boolean
}

/** `undefined`: nobody has told, so that all of it is data. */
export const piecesOf = (data: Data | undefined, from: number, to: number): ReadonlyArray<Piece> => {
  if (data === undefined) return [{ from, to, data: true }]
  const pieces: Array<Piece> = []
  let at = from
  for (const [begin, end] of data) {
    if (end <= at || begin >= to) continue
    if (begin > at) pieces.push({ from: at, to: begin, data: false })
    pieces.push({ from: Math.max(begin, at), to: Math.min(end, to), data: true })
    at = Math.min(end, to)
  }
  if (at < to) pieces.push({ from: at, to, data: false })
  return pieces
}

/**
 * Asks where a source that takes less room than its size has its data, and makes its copy one that may have holes. Elsewhere than
 * on Windows nothing is told, and every file may have holes.
 */
export const dataOf = (source: File.File, copy: File.File): Effect.Effect<Data | undefined, Win32Error> =>
  Effect.zipRight(
    unlessUnsupported(File.setSparse(copy, true)),
    unlessUnsupported(
      Effect.map(
        File.allocatedRanges(source, {}),
        (ranges): Data => ranges.map(({ length, offset }) => [Number(offset), Number(offset + length)])
      )
    )
  )

const unlessUnsupported = <A>(effect: Effect.Effect<A, Win32Error>) =>
  Effect.catchIf(effect, (error) => error.reason === "Unsupported", () => Effect.succeed(undefined))
