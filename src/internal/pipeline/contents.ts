/**
 * What is in one file: read, hashed in file order and written, stretch by stretch, then read back and hashed again.
 */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import * as File from "../../File.js"
import type { Kernel } from "../../Kernel.js"
import type { PipelineError } from "../../PipelineError.js"
import type { Win32Error } from "../../Win32Error.js"
import { type Chunk, forEachChunk, InOrder, readChunk, readChunkUnbuffered, writePart } from "./chunks.js"
import type { Copying } from "./Copying.js"
import { changed, failure } from "./failures.js"
import { dataOf, fillWithZeros, type HasData, partsOf } from "./holes.js"
import type { Journal } from "./journal.js"
import { quoted } from "./text.js"

/** Bytes that have one checksum together: the whole file, or what lies between two entries of its journal. */
export interface Stretch {
  readonly from: number
  readonly to: number
  /** Of what was read from the source; empty when nobody asks for it. */
  readonly sha256: string
}

type Failing<A> = Effect.Effect<A, PipelineError | Win32Error, Kernel>

/** Copies from `from` on. Answers the stretches. */
export const transfer = (
  copying: Copying,
  source: File.File,
  copy: File.File,
  from: number,
  journal: Journal | undefined
): Failing<ReadonlyArray<Stretch>> => {
  const size = Number(copying.stat.size)
  const { settings } = copying.job
  const length = journal === undefined ? Infinity : settings.stretch
  const hashed = journal !== undefined || settings.verify !== "none"
  const stretches: Array<Stretch> = []
  let at = from
  const copyAll = (hasData: HasData): Failing<ReadonlyArray<Stretch>> =>
    Effect.as(
      Effect.whileLoop({
        while: () => at < size,
        body: () => {
          const stretch = { from: at, to: Math.min(at + length, size) }
          return Effect.tap(
            copyStretch(copying, source, copy, stretch, hasData, hashed),
            (sha256) => journal === undefined ? undefined : remember(copying, copy, journal, { to: stretch.to, sha256 })
          )
        },
        step: (sha256) => {
          const to = Math.min(at + length, size)
          stretches.push({ from: at, to, sha256 })
          at = to
        }
      }),
      stretches
    )
  return Effect.flatMap(
    Effect.flatMap(dataOf(source, copy, copying.stat), copyAll),
    // A hole at the end is made by this; holes elsewhere are there already.
    () => copying.writtenTo < size ? Effect.as(File.truncate(copy, size), stretches) : Effect.succeed(stretches)
  )
}

/** The data before the entry: a process that is killed in between has copied a stretch in vain, and no more. */
const remember = (
  copying: Copying,
  copy: File.File,
  journal: Journal,
  entry: { readonly to: number; readonly sha256: string }
): Effect.Effect<void, Win32Error> => {
  const durable = copying.job.settings.verify === "durable"
  const whole = copying.writtenTo < entry.to ? File.truncate(copy, entry.to) : Effect.void
  const written = durable ? Effect.zipRight(whole, File.sync(copy)) : whole
  const told = Effect.zipRight(written, journal.append(entry))
  return durable ? Effect.zipRight(told, journal.sync()) : told
}

/** Answers its SHA-256 if it is hashed, and otherwise an empty text. */
const copyStretch = (
  copying: Copying,
  source: File.File,
  copy: File.File,
  stretch: Omit<Stretch, "sha256">,
  hasData: HasData,
  hashed: boolean
): Failing<string> => {
  const { file, job: { progress } } = copying
  const order = new InOrder()
  const hash = hashed ? createHash("sha256") : undefined
  const write = (chunk: Chunk): Effect.Effect<void, Win32Error> => {
    progress.copied(chunk.length)
    const parts = partsOf(chunk.buffer.bytes, chunk.length)
    const end = chunk.offset + (parts === undefined ? chunk.length : parts.at(-1)?.end ?? 0)
    if (parts === undefined || parts.length > 0) copying.writtenTo = Math.max(copying.writtenTo, end)
    if (parts === undefined) return writePart(copy, chunk, 0, chunk.length)
    return Effect.forEach(parts, (part) => writePart(copy, chunk, part.start, part.end), { discard: true })
  }
  const read = (chunk: Chunk): Effect.Effect<number, Win32Error> => {
    if (hasData(chunk.offset, chunk.offset + chunk.length)) return readChunk(source, chunk)
    fillWithZeros(chunk.buffer.bytes, chunk.length)
    return Effect.succeed(chunk.length)
  }
  const copyChunk = (chunk: Chunk) =>
    Effect.flatMap(read(chunk), (bytes): Effect.Effect<void, PipelineError | Win32Error> => {
      if (bytes < chunk.length) return Effect.fail(changed(file.source))
      if (hash === undefined) return write(chunk)
      return Effect.flatMap(
        order.pass(chunk.index, () => {
          hash.update(chunk.buffer.bytes.subarray(0, bytes))
        }),
        () => write(chunk)
      )
    })
  return Effect.map(eachChunk(copying, stretch, copyChunk), () => hash?.digest("hex") ?? "")
}

const eachChunk = <E, R>(
  { buffer, job: { settings } }: Copying,
  { from, to }: Omit<Stretch, "sha256">,
  work: (chunk: Chunk) => Effect.Effect<void, E, R>
) => forEachChunk({ from, to, chunk: settings.chunk, depth: settings.inFlight }, buffer, work)

/** Reads stretches of the copy back; answers how many of them, from the first on, are what they are to be. */
const readBack = (
  copying: Copying,
  copy: File.File,
  stretches: ReadonlyArray<Stretch>,
  read: typeof readChunk,
  tell: (bytes: number) => void
): Effect.Effect<number, Win32Error, Kernel> => {
  let good = 0
  let next = 0
  const one = (stretch: Stretch) => {
    const hash = createHash("sha256")
    const order = new InOrder()
    return Effect.map(
      eachChunk(
        copying,
        stretch,
        (chunk) =>
          Effect.flatMap(read(copy, chunk), (bytes) =>
            order.pass(chunk.index, () => {
              hash.update(chunk.buffer.bytes.subarray(0, bytes))
              tell(bytes)
            }))
      ),
      () => hash.digest("hex") === stretch.sha256
    )
  }
  return Effect.map(
    Effect.whileLoop({
      while: () => good === next && next < stretches.length,
      body: () => one(stretches[next++]!),
      step: (same) => {
        if (same) good++
      }
    }),
    () => good
  )
}

const stretchesOf = (entries: ReadonlyArray<{ readonly to: number; readonly sha256: string }>) =>
  entries.map(({ sha256, to }, index): Stretch => ({ from: entries[index - 1]?.to ?? 0, to, sha256 }))

/** How many of the entries of a journal are true of the copy. */
export const believable = (
  copying: Copying,
  copy: File.File,
  entries: ReadonlyArray<{ readonly to: number; readonly sha256: string }>
): Effect.Effect<number, Win32Error, Kernel> => {
  const { progress } = copying.job
  return readBack(copying, copy, stretchesOf(entries), readChunk, (bytes) => progress.verified(bytes))
}

/** Reads the copy back, past the cache where that was asked for and the system can. */
export const verifyCopy = (
  copying: Copying,
  copy: File.File,
  stretches: ReadonlyArray<Stretch>
): Failing<void> => {
  const { job: { progress, settings, win32 }, partial, target } = copying
  const pastTheCache = settings.verify === "durable" && win32 && stretches.length > 0
  const read = pastTheCache ? readChunkUnbuffered : readChunk
  const readFrom = (from: File.File) => readBack(copying, from, stretches, read, (bytes) => progress.verified(bytes))
  return Effect.flatMap(
    pastTheCache ? File.withFile(partial, { unbuffered: true }, readFrom) : readFrom(copy),
    (good) =>
      good === stretches.length ? Effect.void : Effect.fail(failure(
        "Mismatch",
        target,
        `What was read back from ${quoted(target)} is not what was written: the disk or its driver is at fault.`
      ))
  )
}
