/**
 * The contents of files, through thread-pool I/O: moved in pieces, so that what a copy of the caller's memory costs
 * stays bounded and an interruption ends soon also where a running operation cannot be cancelled.
 */
import * as Effect from "effect/Effect"
import { constants } from "node:buffer"
import * as File from "../../File.js"
import * as Operation from "../../Operation.js"
import * as Win32Error from "../../Win32Error.js"
import * as c from "../constants.js"
import { moveAll } from "../file/moveAll.js"

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

/** The filled part of a buffer, without keeping the rest alive. */
export const first = (buffer: Buffer, bytes: number): Uint8Array => {
  if (bytes === buffer.length) return buffer
  const part = Buffer.allocUnsafeSlow(bytes)
  buffer.copy(part, 0, 0, bytes)
  return part
}

const window = (buffer: Uint8Array, offset: bigint, start: number): Operation.Options => ({
  buffer,
  start,
  length: Math.min(PIECE, buffer.length - start),
  offset: offset + BigInt(start)
})

/** Fills a buffer from a file; answers how far, which is less than all of it where the file ends. */
export const fill = (file: File.File, buffer: Uint8Array, offset: bigint): Failing<number> =>
  moveAll(file, buffer.length, (done) => Operation.read(window(buffer, offset, done)))

/** Everything that a file holds, or as much as it held when its size was asked for; unless its size is refused. */
export const read = <E = never>(
  file: File.File,
  refused: (size: bigint) => E | undefined = () => undefined
): Effect.Effect<Uint8Array, E | Win32Error.Win32Error> =>
  Effect.flatMap(File.size(file), (size): Effect.Effect<Uint8Array, E | Win32Error.Win32Error> => {
    const refusal = refused(size)
    if (refusal !== undefined) return Effect.fail(refusal)
    const buffer = allocate(size)
    if (buffer === undefined) {
      return Effect.fail(Win32Error.make({ code: c.ERROR_NOT_ENOUGH_MEMORY, syscall: "ReadFile", path: file.path }))
    }
    return Effect.flatMap(
      size <= PIECE ? fill(file, buffer, 0n) : fillAhead(file, buffer),
      (bytes) => bytes < size ? Effect.succeed(first(buffer, bytes)) : readBehind(file, buffer)
    )
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

const BEHIND = 64 << 10

/**
 * The files of /proc say that they are empty, and are not: where there is more, and the size is what it was, it is read
 * to the end.
 */
const readBehind = (file: File.File, start: Buffer): Failing<Uint8Array> => {
  const pieces = [start as Uint8Array]
  const from = (offset: number): Failing<Uint8Array> =>
    Effect.suspend(() => {
      const buffer = Buffer.allocUnsafeSlow(BEHIND)
      return Effect.flatMap(File.read(file, buffer, offset), (bytes) => {
        if (bytes === 0) return Effect.succeed(pieces.length === 1 ? start : Buffer.concat(pieces))
        const more = Effect.suspend(() => {
          pieces.push(first(buffer, bytes))
          return from(offset + bytes)
        })
        if (pieces.length > 1) return more
        return Effect.flatMap(File.size(file), (size) => size === BigInt(start.length) ? more : Effect.succeed(start))
      })
    })
  return from(start.length)
}

/** Writes a whole buffer. `written` hears of every piece, since what a failure has left is not taken back. */
export const write = (
  file: File.File,
  buffer: Uint8Array,
  offset: bigint,
  written?: (bytes: number) => void
): Failing<void> =>
  Effect.asVoid(
    moveAll(file, buffer.length, (done) => Operation.write(window(buffer, offset, done)), { moved: written })
  )

/** At the end of the file, in one operation: no other append comes in between. */
export const append = (file: File.File, buffer: Uint8Array): Failing<void> =>
  Effect.asVoid(moveAll(file, buffer.length, (start) => Operation.append({ buffer, start })))

/** Cuts a file; answers its new length. A negative one is 0, as node has it. */
export const cut = (file: File.File, length: bigint | number = 0): Failing<bigint> => {
  // A value that is no number is refused below.
  const whole = (typeof length === "number" || typeof length === "bigint") && length < 0 ? 0n : length
  return Effect.map(File.truncate(file, whole), () => BigInt(whole))
}
