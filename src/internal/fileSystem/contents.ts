/**
 * What files hold, through thread-pool I/O: moved in pieces, so that what a copy of the caller's memory costs stays bounded and
 * an interruption ends soon also where a running operation cannot be cancelled.
 */
import * as Effect from "effect/Effect"
import { constants } from "node:buffer"
import * as File from "../../File.js"
import * as Operation from "../../Operation.js"
import * as Win32Error from "../../Win32Error.js"
import * as c from "../constants.js"

type Failing<A> = Effect.Effect<A, Win32Error.Win32Error>

/** Bytes in one operation. */
const PIECE = 1 << 20

/** Memory for so many bytes, of its own and not of a slab; `undefined` when there cannot be so much. */
export const allocate = (size: bigint | number): Buffer | undefined => {
  if (typeof size !== "bigint" && typeof size !== "number") return undefined
  if (size < 0 || size > constants.MAX_LENGTH) return undefined
  try {
    return Buffer.allocUnsafeSlow(Number(size))
  } catch {
    return undefined
  }
}

/** What of a buffer has been filled, without keeping the rest alive. */
export const first = (buffer: Buffer, bytes: number): Uint8Array => {
  if (bytes === buffer.length) return buffer
  const part = Buffer.allocUnsafeSlow(bytes)
  buffer.copy(part, 0, 0, bytes)
  return part
}

/** Fills a buffer from a file; answers how far, which is less than all of it where the file ends. */
export const fill = (file: File.File, buffer: Uint8Array, offset: bigint): Failing<number> => {
  const from = (done: number): Failing<number> => {
    const length = Math.min(PIECE, buffer.length - done)
    return Effect.flatMap(
      File.submit(file, Operation.read({ buffer, start: done, length, offset: offset + BigInt(done) })),
      ({ bytesTransferred }) => {
        const now = done + bytesTransferred
        return bytesTransferred === 0 || now === buffer.length ? Effect.succeed(now) : from(now)
      }
    )
  }
  return buffer.length === 0 ? Effect.succeed(0) : from(0)
}

/** Everything that a file holds. */
export const read = (file: File.File): Failing<Uint8Array> =>
  Effect.flatMap(File.size(file), (size) => {
    // The files of /proc say that they are empty, and are not.
    if (size === 0n) return readToEnd(file)
    const buffer = allocate(size)
    return buffer === undefined
      ? Effect.fail(Win32Error.make({ code: c.ERROR_NOT_ENOUGH_MEMORY, syscall: "ReadFile", path: file.path }))
      : Effect.map(size <= PIECE ? fill(file, buffer, 0n) : fillAhead(file, buffer), (bytes) => first(buffer, bytes))
  })

/** The same with the next pieces being read while one is taken. */
const fillAhead = (file: File.File, buffer: Uint8Array): Failing<number> =>
  Effect.map(
    File.forEachChunk(file, { chunkSize: PIECE, length: buffer.length }, (chunk) =>
      Effect.sync(() =>
        buffer.set(chunk.bytes, Number(chunk.offset))
      )),
    Number
  )

const UNKNOWN_SIZE = 64 << 10

const readToEnd = (file: File.File): Failing<Uint8Array> => {
  const pieces: Array<Uint8Array> = []
  const from = (offset: number): Failing<Uint8Array> =>
    Effect.suspend(() => {
      const buffer = Buffer.allocUnsafeSlow(UNKNOWN_SIZE)
      return Effect.flatMap(File.read(file, buffer, offset), (bytes) => {
        if (bytes === 0) return Effect.succeed(Buffer.concat(pieces))
        pieces.push(first(buffer, bytes))
        return from(offset + bytes)
      })
    })
  return from(0)
}

/** Writes a whole buffer. `written` hears of every piece, since what a failure has left is not taken back. */
export const write = (
  file: File.File,
  buffer: Uint8Array,
  offset: bigint,
  written: (bytes: number) => void = () => {}
): Failing<void> => {
  const from = (done: number): Failing<void> => {
    const length = Math.min(PIECE, buffer.length - done)
    return Effect.flatMap(
      File.submit(file, Operation.write({ buffer, start: done, length, offset: offset + BigInt(done) })),
      ({ bytesTransferred }) => {
        if (bytesTransferred === 0) return nothingWritten(file)
        written(bytesTransferred)
        const now = done + bytesTransferred
        return now === buffer.length ? Effect.void : from(now)
      }
    )
  }
  return buffer.length === 0 ? Effect.void : from(0)
}

const nothingWritten = (file: File.File) =>
  Effect.fail(Win32Error.make({
    code: c.ERROR_DISK_FULL,
    syscall: "WriteFile",
    path: file.path,
    detail: "Nothing was written."
  }))

/** At the end of the file, in one operation: no other append comes in between. */
export const append = (file: File.File, buffer: Uint8Array): Failing<void> => {
  const from = (done: number): Failing<void> =>
    Effect.flatMap(File.append(file, done === 0 ? buffer : buffer.subarray(done)), (bytes) => {
      if (bytes === 0) return nothingWritten(file)
      return done + bytes === buffer.length ? Effect.void : from(done + bytes)
    })
  return buffer.length === 0 ? Effect.void : from(0)
}

/** Cuts a file; answers its new length. A negative one is 0, as node has it. */
export const cut = (file: File.File, length: bigint | number = 0): Failing<bigint> => {
  // What is no number at all is refused below.
  const whole = (typeof length === "number" || typeof length === "bigint") && length < 0 ? 0n : length
  return Effect.map(File.truncate(file, whole), () => BigInt(whole))
}
