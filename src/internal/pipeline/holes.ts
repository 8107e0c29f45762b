/**
 * Holes: long runs of zeros are not written, so that a file that takes little room takes as little as a copy.
 */
import * as Effect from "effect/Effect"
import * as File from "../../File.js"
import type { Win32Error } from "../../Win32Error.js"
import {
  FILE_ATTRIBUTE_COMPRESSED,
  FILE_ATTRIBUTE_OFFLINE,
  FILE_ATTRIBUTE_RECALL_ON_DATA_ACCESS,
  FILE_ATTRIBUTE_RECALL_ON_OPEN,
  FILE_ATTRIBUTE_REPARSE_POINT,
  FILE_ATTRIBUTE_SPARSE_FILE
} from "../constants.js"
import type { Seen } from "./seen.js"

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

/** The parts of the first `length` bytes to write; `undefined`: all of it, at once. */
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

/** A stretch of a file: data, or a hole. */
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

const mayBeElsewhere = FILE_ATTRIBUTE_OFFLINE | FILE_ATTRIBUTE_RECALL_ON_OPEN | FILE_ATTRIBUTE_RECALL_ON_DATA_ACCESS |
  FILE_ATTRIBUTE_REPARSE_POINT | FILE_ATTRIBUTE_COMPRESSED

/**
 * A file whose ranges the file system knows. That it takes little room does not tell: small files take none on NTFS,
 * compressed and deduplicated ones little, and what is in the cloud may have no range here, and contents all the same.
 */
const isSparse = ({ attributes, size }: Seen): boolean =>
  size >= LEAST_HOLE && (attributes & FILE_ATTRIBUTE_SPARSE_FILE) !== 0 && (attributes & mayBeElsewhere) === 0

export interface Holes {
  /** Zeros need not be written to the copy. */
  readonly keeps: boolean
  /** Where the source has its data, if the system tells. */
  readonly data: Data | undefined
}

/**
 * Whether a copy may have holes, and where its source has some. Where a file has them by request only, the copy of a
 * sparse file is made one. Elsewhere every file may have them.
 */
export const holesOf = (stat: Seen, source: File.File, copy: File.File): Effect.Effect<Holes, Win32Error> => {
  if (!copy.kernel.engine.kernel.sparseByRequest) return Effect.succeed({ keeps: true, data: undefined })
  if (!isSparse(stat)) return Effect.succeed({ keeps: false, data: undefined })
  const ranges = Effect.map(
    File.allocatedRanges(source, {}),
    (ranges): Data => ranges.map(({ length, offset }) => [Number(offset), Number(offset + length)])
  )
  return Effect.flatMap(
    unlessUnsupported(Effect.as(File.setSparse(copy, true), true)),
    (keeps) =>
      keeps === undefined
        ? Effect.succeed({ keeps: false, data: undefined })
        : Effect.map(unlessUnsupported(ranges), (data) => ({ keeps, data }))
  )
}

const unlessUnsupported = <A>(effect: Effect.Effect<A, Win32Error>) =>
  Effect.catchIf(effect, (error) => error.reason === "Unsupported", () => Effect.succeed(undefined))
