// The chunks of one file, several at once: as many fibers as the queue is deep, each with one buffer of its own, take the
// next chunk until none is left.
import * as Effect from "effect/Effect"
import * as BufferPool from "../../src/BufferPool.js"
import * as File from "../../src/File.js"
import type { Kernel } from "../../src/Kernel.js"
import * as Operation from "../../src/Operation.js"
import type { Win32Error } from "../../src/Win32Error.js"

export interface Chunk {
  readonly index: number
  readonly offset: number
  readonly length: number
  /** Filled and emptied in place by the kernel. */
  readonly buffer: BufferPool.PoolBuffer
}

export interface Shape {
  /** Bytes in the file. */
  readonly size: number
  /** Bytes in every chunk but the last. */
  readonly chunk: number
  readonly depth: number
  /** Buffers and reads are rounded up to it. */
  readonly granularity: number
}

export const numberOfChunks = ({ chunk, size }: Shape): number => Math.ceil(size / chunk)

export const forEachChunk = <E>(
  shape: Shape,
  work: (chunk: Chunk) => Effect.Effect<void, E>
): Effect.Effect<void, E | Win32Error, Kernel> =>
  Effect.suspend(() => {
    const { chunk, depth, granularity, size } = shape
    const chunks = numberOfChunks(shape)
    let next = 0
    const oneChunk = (buffer: BufferPool.PoolBuffer) => {
      const index = next++
      const offset = index * chunk
      return work({ index, offset, length: Math.min(chunk, size - offset), buffer })
    }
    const oneFiber = Effect.scoped(
      Effect.flatMap(BufferPool.make(roundUp(Math.min(chunk, size), granularity)), (buffer) =>
        Effect.whileLoop({ while: () => next < chunks, body: () => oneChunk(buffer), step: () => {} }))
    )
    const fibers = Math.min(depth, chunks)
    if (fibers === 0) return Effect.void
    return fibers === 1
      ? oneFiber
      : Effect.forEach(Array.from({ length: fibers }), () => oneFiber, { concurrency: "unbounded", discard: true })
  })

const roundUp = (n: number, granularity: number): number => Math.ceil(n / granularity) * granularity

/** Fills the chunk's buffer from the file; answers the bytes read, fewer than the chunk is long where the file ends. */
export const readChunk = (
  file: File.File,
  { buffer, length, offset }: Chunk,
  granularity: number
): Effect.Effect<number, Win32Error> => {
  const from = (done: number): Effect.Effect<number, Win32Error> =>
    Effect.flatMap(
      File.submit(
        file,
        Operation.read({ buffer, start: done, length: roundUp(length, granularity) - done, offset: offset + done })
      ),
      ({ bytesTransferred, endOfFile }) => {
        const now = done + bytesTransferred
        // Past the cache only whole sectors can be asked for: what is short there is the end.
        return now >= length || endOfFile || granularity > 1 ? Effect.succeed(Math.min(now, length)) : from(now)
      }
    )
  return from(0)
}

/** Writes the whole chunk. */
export const writeChunk = (file: File.File, { buffer, length, offset }: Chunk): Effect.Effect<void, Win32Error> => {
  const from = (done: number): Effect.Effect<void, Win32Error> =>
    Effect.flatMap(
      File.submit(file, Operation.write({ buffer, start: done, length: length - done, offset: offset + done })),
      ({ bytesTransferred }) => done + bytesTransferred === length ? Effect.void : from(done + bytesTransferred)
    )
  return from(0)
}

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
    return index === this.#next ? run : Effect.zipRight(this.#turnOf(index), run)
  }

  #turnOf(index: number): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      if (index === this.#next) resume(Effect.void)
      else this.#waiting.set(index, () => resume(Effect.void))
    })
  }
}
