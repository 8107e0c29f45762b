/**
 * The chunks of one file, in memory that the kernel fills and empties in place.
 */
import * as Effect from "effect/Effect"
import type { PoolBuffer } from "../../BufferPool.js"
import * as File from "../../File.js"
import * as Operation from "../../Operation.js"
import type { Win32Error } from "../../Win32Error.js"
import type { Memory } from "../file/everything.js"
import { moveAll } from "../file/moveAll.js"

export interface Shape {
  /** The first byte, and the first one behind. */
  readonly from: number
  readonly to: number
  /** Bytes in every chunk but the last. */
  readonly chunk: number
  /** Chunks in flight. */
  readonly inFlight: number
}

/**
 * Shows an effect a stretch of a file in its order, while the next chunks are read. What is one chunk long, as most
 * files are, is read into the buffer that is given, which must hold one. Answers the bytes that were there.
 */
export const forEachChunk = <E, R>(
  file: File.File,
  { chunk, from, inFlight, to }: Shape,
  buffer: PoolBuffer,
  f: (chunk: PoolBuffer, offset: number, bytes: number) => Effect.Effect<unknown, E, R>
): Effect.Effect<number, E | Win32Error, R> => {
  const length = to - from
  if (length > Math.min(chunk, buffer.size) || file.alignment > 1) {
    return Effect.map(
      File.forEachChunk(
        file,
        { offset: from, length, chunkSize: chunk, inFlight },
        (lent) => f(lent, Number(lent.offset), lent.size)
      ),
      Number
    )
  }
  return Effect.flatMap(
    moveAll(
      file,
      length,
      (done) => Operation.read({ buffer, start: done, length: length - done, offset: from + done })
    ),
    (bytes) => bytes === 0 ? Effect.succeed(0) : Effect.as(f(buffer, from, bytes), bytes)
  )
}

/** Writes the bytes of a chunk from `start` to `end`; the chunk lies at `offset`. */
export const writePart = (
  file: File.File,
  buffer: Memory,
  offset: number,
  start: number,
  end: number
): Effect.Effect<unknown, Win32Error> =>
  moveAll(file, end - start, (done) => {
    const at = start + done
    return Operation.write({ buffer, start: at, length: end - at, offset: offset + at })
  })
