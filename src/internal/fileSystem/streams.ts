/**
 * Files as streams and sinks: reads ahead of whoever takes the chunks, and what comes is written before more is asked
 * for.
 */
import type { PlatformError } from "@effect/platform/Error"
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import * as File from "../../File.js"
import type { Kernel } from "../../Kernel.js"
import type { Win32Error } from "../../Win32Error.js"
import { aMode, anOffset, aNumber, aString, InvalidArgument, optionsOf } from "../arguments.js"
import * as contents from "./contents.js"
import { badArgument, fromWin32 } from "./errors.js"
import { appends, open } from "./opening.js"

const DEFAULT_CHUNK = 64 << 10
/** Reads ahead; more of them bring nothing. */
const DEFAULT_BUFFER = 4
/** The most that is read ahead of the consumer, in bytes: large chunks are meant as they are. */
const AHEAD = 16 << 20

const aheadOf = (chunkSize: number, bufferSize: number): number =>
  Math.max(1, Math.min(Math.floor(bufferSize), Math.floor(AHEAD / chunkSize)))

export const stream = (
  kernel: Kernel.Service,
  path: string,
  given: FileSystem.StreamOptions = {}
): Stream.Stream<Uint8Array, PlatformError> => {
  const options = lookAtStream(given)
  if (options instanceof InvalidArgument) return Stream.fail(badArgument("stream", options.problem, options.cause))
  const { bufferSize = DEFAULT_BUFFER, bytesToRead: length, chunkSize = DEFAULT_CHUNK, offset } = options
  return Stream.unwrapScoped(
    Effect.map(open(kernel, { method: "open", path, flag: "r", hint: "sequential" }), (file) => {
      const size = Number(chunkSize)
      return size === 0
        ? Stream.empty
        : File.stream(file, { chunkSize: size, inFlight: aheadOf(size, bufferSize), offset, length }).pipe(
          Stream.mapError(fromWin32("readAlloc"))
        )
    })
  )
}

const lookAtStream = optionsOf<FileSystem.StreamOptions>({
  bufferSize: aNumber,
  bytesToRead: anOffset,
  chunkSize: anOffset,
  offset: anOffset
})

const lookAtSink = optionsOf<FileSystem.SinkOptions>({ flag: aString, mode: aMode })

/** The most that is gathered into one write, in bytes. */
const GATHERED = 1 << 20

export const sink = (
  kernel: Kernel.Service,
  path: string,
  given: FileSystem.SinkOptions = {}
): Sink.Sink<void, Uint8Array, never, PlatformError> => {
  const options = lookAtSink(given)
  if (options instanceof InvalidArgument) return Sink.fail(badArgument("sink", options.problem, options.cause))
  const { flag = "w", mode } = options
  return Sink.unwrapScoped(Effect.map(open(kernel, { method: "open", path, flag, mode }), (file) => {
    let position = 0n
    const write = (bytes: Uint8Array): Effect.Effect<void, Win32Error> =>
      appends(flag) ? contents.append(file, bytes) : contents.write(file, bytes, position, (written) => {
        position += BigInt(written)
      })
    return Sink.forEachChunk((chunk: Chunk.Chunk<Uint8Array>) =>
      Effect.mapError(writeEach(gathered(Chunk.toReadonlyArray(chunk)), write), fromWin32("writeAll"))
    )
  }))
}

/** Gathers parts that are there together into one write. */
const gathered = (parts: ReadonlyArray<Uint8Array>): ReadonlyArray<Uint8Array> => {
  const total = parts.reduce((sum, { byteLength }) => sum + byteLength, 0)
  return parts.length < 2 || total > GATHERED ? parts : [Buffer.concat(parts, total)]
}

const writeEach = <E>(
  parts: ReadonlyArray<Uint8Array>,
  write: (bytes: Uint8Array) => Effect.Effect<void, E>
): Effect.Effect<void, E> => {
  if (parts.length === 1) return write(parts[0]!)
  let next = 0
  return Effect.whileLoop({ while: () => next < parts.length, body: () => write(parts[next++]!), step: () => {} })
}
