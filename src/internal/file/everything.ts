/**
 * Everything that a file holds, by one rule: a size is a hint. A file system that makes contents up when they are read
 * says 0, or a page, and a file may grow or shrink meanwhile.
 *
 * Up to the size that was seen first, reads may run ahead. Behind it there is one more read, and only where the handle
 * still tells what it told before is the size wrong, and the file read on, one read after the other, until one brings
 * nothing.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { isPoolBuffer, type PoolBuffer } from "../../BufferPool.js"
import type * as File from "../../File.js"
import * as Operation from "../../Operation.js"
import type { Win32Error } from "../../Win32Error.js"
import { call } from "../call.js"
import * as chunks from "./chunks.js"
import { move, moveAll } from "./moveAll.js"

/** The facts that show whether a file has changed. A program can set `modifiedTimeNs` back, but not `changedTimeNs`. */
export type Look = Pick<File.Stat, "size" | "modifiedTimeNs" | "changedTimeNs">

export const isSame = (before: Look, after: Look): boolean =>
  before.size === after.size && before.modifiedTimeNs === after.modifiedTimeNs &&
  before.changedTimeNs === after.changedTimeNs

/** Asks the handle whether the file is as it was. */
export const stillIs = ({ io, kernel, path }: File.File, before: Look): Effect.Effect<boolean, Win32Error> => {
  const { handle, object } = io
  const look = call(kernel, "GetFileInformationByHandle", { handle, changes: true }, { path, handle, object })
  return Effect.map(look, (after) => isSame(before, after))
}

export type Memory = PoolBuffer | Uint8Array

/** The first bytes of memory. */
export const bytesOf = (memory: Memory, length: number): Uint8Array => {
  const bytes = isPoolBuffer(memory) ? memory.bytes : memory
  return bytes.length === length ? bytes : bytes.subarray(0, length)
}

export interface Shape {
  /** The first byte. */
  readonly from: number
  /** The size that was seen first. */
  readonly size: number
  /** Bytes per read, and reads in flight, where they run ahead. */
  readonly chunk: number
  readonly inFlight: number
  /** Where the others go. */
  readonly buffer: Memory
}

/**
 * Shows `use` the file from `from` on, in its order. When a read has gone beyond the size that was seen first, `isSame`
 * says whether the file is as it was; where it is not, no more than that size is shown. Answers where the file ends.
 */
export const forEachOfAll = <E, R>(
  file: File.File,
  { buffer, chunk, from, inFlight, size }: Shape,
  isSame: Effect.Effect<boolean, E, R>,
  use: (memory: Memory, offset: number, bytes: number) => Effect.Effect<unknown, E, R>
): Effect.Effect<number, E | Win32Error, R> => {
  const capacity = isPoolBuffer(buffer) ? buffer.size : buffer.length
  const show = (at: number, bytes: number) => bytes === 0 ? Effect.void : use(buffer, at, bytes)
  const readOn = (at: number, sizeIsWrong: boolean): Effect.Effect<number, E | Win32Error, R> => {
    const read = moveAll(
      file,
      capacity,
      (done) => Operation.read({ buffer, start: done, length: capacity - done, offset: at + done }),
      // Both say that it ends here: the size, and a read that could have brought more.
      { isEnd: (done) => at + done === size }
    )
    return Effect.flatMap(read, (bytes) => {
      const now = at + bytes
      const shown = (wrong: boolean) =>
        Effect.flatMap(show(at, bytes), () => bytes < capacity ? Effect.succeed(now) : readOn(now, wrong))
      return now <= size || sizeIsWrong ? shown(sizeIsWrong) : Effect.flatMap(
        isSame,
        (same) => same ? shown(true) : Effect.as(show(at, Math.max(size - at, 0)), Math.max(size, at))
      )
    })
  }
  if (size - from <= capacity && file.alignment === 1) return readOn(from, false)
  const ahead = chunks.forEachChunk(
    file,
    { offset: from, length: size - from, chunkSize: chunk, inFlight },
    (lent) => use(lent, Number(lent.offset), lent.size)
  )
  return Effect.flatMap(ahead, (seen) => {
    const now = from + Number(seen)
    // Past the cache, no read begins in the middle of a sector.
    return now < size || now % file.alignment !== 0 ? Effect.succeed(now) : readOn(now, false)
  })
}

/** The bytes of one read behind the size. */
const BEHIND = 65_536

/**
 * The same as a stream, each element of which is the taker's to keep. Where the file has changed, it ends at the size.
 */
export const streamOfAll = (
  file: File.File,
  options: File.ChunkOptions,
  before: Look
): Stream.Stream<Uint8Array, Win32Error> => {
  const behind = Stream.unfoldEffect({ at: before.size, sizeIsWrong: false }, ({ at, sizeIsWrong }) => {
    const buffer = Buffer.allocUnsafeSlow(BEHIND)
    return Effect.flatMap(move(file, Operation.read({ buffer, offset: at })), (bytes) => {
      const next = { at: at + BigInt(bytes), sizeIsWrong: true }
      const one = Option.some([new Uint8Array(buffer.buffer, 0, bytes), next] as const)
      if (bytes === 0 || sizeIsWrong) return Effect.succeed(bytes === 0 ? Option.none() : one)
      return Effect.map(stillIs(file, before), (same) => same ? one : Option.none())
    })
  })
  return Stream.concat(chunks.stream(file, { ...options, length: before.size }), behind)
}
