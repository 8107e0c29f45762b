// What is in one file: read, hashed in file order and written, then read back and hashed again.
import * as Effect from "effect/Effect"
import { createHash, type Hash } from "node:crypto"
import * as File from "../../src/File.js"
import type { Kernel } from "../../src/Kernel.js"
import type { Win32Error } from "../../src/Win32Error.js"
import { type Chunk, forEachChunk, InOrder, readChunk, readChunkUnbuffered, writeChunk } from "./chunks.js"
import type { Copying } from "./Copying.js"
import { changed, type CopyFailure, failure } from "./Failure.js"
import { quoted } from "./text.js"

/** Zeros shorter than this are written: a hole would not save a block. */
const LEAST_HOLE = 65_536

export const transfer = (
  copying: Copying,
  source: File.File,
  copy: File.File,
  hash: Hash | undefined
): Effect.Effect<void, CopyFailure | Win32Error, Kernel> => {
  const { file, job: { progress }, stat } = copying
  const order = new InOrder()
  let holes = false
  const write = (chunk: Chunk) => {
    progress.copied(chunk.length)
    if (!isHole(chunk)) return writeChunk(copy, chunk)
    holes = true
    return Effect.void
  }
  const copyChunk = (chunk: Chunk) =>
    Effect.flatMap(readChunk(source, chunk), (bytes): Effect.Effect<void, CopyFailure | Win32Error> => {
      if (bytes < chunk.length) return Effect.fail(changed(file.source))
      if (hash === undefined) return write(chunk)
      return Effect.flatMap(order.pass(chunk.index, () => update(hash, chunk, bytes)), () => write(chunk))
    })
  return Effect.flatMap(eachChunk(copying, copyChunk), () =>
    // A hole at the end is made by this; holes elsewhere are there already.
    holes ? File.truncate(copy, stat.size) : Effect.void)
}

const eachChunk = <E, R>({ buffer, job, stat }: Copying, work: (chunk: Chunk) => Effect.Effect<void, E, R>) =>
  forEachChunk({ size: Number(stat.size), chunk: job.settings.chunk, depth: job.settings.queueDepth }, buffer, work)

const update = (hash: Hash, { buffer }: Chunk, bytes: number): void => {
  hash.update(buffer.bytes.subarray(0, bytes))
}

let zeros = Buffer.alloc(0)

const isHole = ({ buffer, length }: Chunk): boolean => {
  if (length < LEAST_HOLE || buffer.bytes[0] !== 0) return false
  if (zeros.length < length) zeros = Buffer.alloc(length)
  return zeros.compare(buffer.bytes, 0, length, 0, length) === 0
}

/** Reads the copy back, past the cache where that was asked for and the system can. */
export const verifyCopy = (
  copying: Copying,
  copy: File.File,
  expected: Hash
): Effect.Effect<void, CopyFailure | Win32Error, Kernel> => {
  const { job: { progress, settings, unbuffered }, partial, stat, target } = copying
  const pastTheCache = settings.verify === "durable" && unbuffered && stat.size > 0n
  const read = pastTheCache ? readChunkUnbuffered : readChunk
  const hash = createHash("sha256")
  const order = new InOrder()
  const readFrom = (from: File.File) =>
    eachChunk(copying, (chunk) =>
      Effect.flatMap(read(from, chunk), (bytes) =>
        order.pass(chunk.index, () => {
          update(hash, chunk, bytes)
          progress.verified(bytes)
        })))
  return Effect.flatMap(
    pastTheCache ? File.withFile(partial, { unbuffered: true }, readFrom) : readFrom(copy),
    () =>
      hash.digest().equals(expected.digest()) ? Effect.void : Effect.fail(failure(
        "Mismatch",
        `What was read back from ${quoted(target)} is not what was written: the disk or its driver is at fault.`
      ))
  )
}
