/**
 * The chunks of one file, several at once, each in a buffer that the kernel fills and empties in place.
 */
import * as Effect from "effect/Effect"
import * as BufferPool from "../../BufferPool.js"
import * as File from "../../File.js"
import type { Kernel } from "../../Kernel.js"
import * as Operation from "../../Operation.js"
import type { Win32Error } from "../../Win32Error.js"
import { LARGEST_SECTOR } from "../constants.js"
import { forEachOfFew } from "./fibers.js"

export interface Chunk {
  readonly index: number
  readonly offset: number
  readonly length: number
  readonly buffer: BufferPool.PoolBuffer
}

export interface Shape {
  /** The first byte, and the first one behind. */
  readonly from: number
  readonly to: number
  /** Bytes in every chunk but the last. */
  readonly chunk: number
  /** Chunks in flight. */
  readonly depth: number
}

/**
 * A stretch of one chunk uses the buffer it is given; a longer one has as many fibers as its queue is deep, with a buffer each.
 */
export const forEachChunk = <E, R>(
  { chunk, depth, from, to }: Shape,
  buffer: BufferPool.PoolBuffer,
  work: (chunk: Chunk) => Effect.Effect<void, E, R>
): Effect.Effect<void, E | Win32Error, Kernel | R> => {
  const size = to - from
  if (size <= chunk) return size <= 0 ? Effect.void : work({ index: 0, offset: from, length: size, buffer })
  const chunks = {
    length: Math.ceil(size / chunk),
    at: (index: number) => ({ index, offset: from + index * chunk, length: Math.min(chunk, size - index * chunk) })
  }
  return Effect.scoped(
    forEachOfFew(chunks, depth, BufferPool.make(buffer.size), (one, buffer) => work({ ...one, buffer }))
  )
}

/** Fills the chunk's buffer from the file; answers the bytes read, fewer than the chunk is long where the file ends. */
export const readChunk = (file: File.File, chunk: Chunk, done = 0): Effect.Effect<number, Win32Error> => {
  const { buffer, length, offset } = chunk
  return Effect.flatMap(
    File.submit(file, Operation.read({ buffer, start: done, length: length - done, offset: offset + done })),
    ({ bytesTransferred }) => {
      const now = done + bytesTransferred
      return now === length || bytesTransferred === 0 ? Effect.succeed(now) : readChunk(file, chunk, now)
    }
  )
}

/** The same past the cache: whole sectors are asked for, and only the end of the file brings less. */
export const readChunkUnbuffered = (
  file: File.File,
  { buffer, length, offset }: Chunk
): Effect.Effect<number, Win32Error> =>
  Effect.map(
    File.submit(
      file,
      Operation.read({ buffer, start: 0, length: Math.ceil(length / LARGEST_SECTOR) * LARGEST_SECTOR, offset })
    ),
    ({ bytesTransferred }) => Math.min(bytesTransferred, length)
  )

/** Writes the bytes of the chunk from `start` to `end`. */
export const writePart = (file: File.File, chunk: Chunk, start: number, end: number): Effect.Effect<void, Win32Error> =>
  Effect.flatMap(
    File.submit(
      file,
      Operation.write({ buffer: chunk.buffer, start, length: end - start, offset: chunk.offset + start })
    ),
    ({ bytesTransferred }) => {
      const now = start + bytesTransferred
      return now === end ? Effect.void : writePart(file, chunk, now, end)
    }
  )

/** Lets the fibers pass in the order of their chunks: what they hash must be in file order. */
export class InOrder {
  #next = 0
  readonly #waiting = new Map<number, () => void>()

  /** Waits until all chunks before this one have passed, runs `f`, and lets the next one pass. */
  pass(index: number, f: () => void): Effect.Effect<void> {
    const run = Effect.sync(() => {
      f()
      const wake = this.#waiting.get(++this.#next)
      this.#waiting.delete(this.#next)
      wake?.()
    })
    return Effect.suspend(() => index === this.#next ? run : Effect.zipRight(this.#turnOf(index), run))
  }

  #turnOf(index: number): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      if (index === this.#next) resume(Effect.void)
      else this.#waiting.set(index, () => resume(Effect.void))
    })
  }
}
