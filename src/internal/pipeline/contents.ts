/**
 * The contents of one file: read, hashed in file order and written, stretch by stretch, then read back and hashed
 * again.
 */
import * as Effect from "effect/Effect"
import { createHash, type Hash } from "node:crypto"
import * as File from "../../File.js"
import type { Kernel } from "../../Kernel.js"
import type { PipelineError } from "../../PipelineError.js"
import type { Win32Error } from "../../Win32Error.js"
import { bytesOf, forEachOfAll, type Memory, stillIs } from "../file/everything.js"
import { forEachChunk, writePart } from "./chunks.js"
import { changed, mismatch } from "./failures.js"
import type { FileCopy } from "./FileCopy.js"
import { partsOf, type Piece, piecesOf } from "./holes.js"
import type { Journal } from "./journal.js"

/** Bytes that have one checksum together: the whole file, or what lies between two entries of its journal. */
export interface Stretch {
  readonly from: number
  readonly to: number
  /** The hash of the bytes read from the source; empty when it is not asked for. */
  readonly sha256: string
}

type Failing<A> = Effect.Effect<A, PipelineError | Win32Error, Kernel>

/** The source is what it was when its copy began, or the copy fails. */
export const unchanged = ({ file, stat }: FileCopy, source: File.File): Failing<true> =>
  Effect.flatMap(stillIs(source, stat), (same) => same ? Effect.succeed(true) : Effect.fail(changed(file.source.user)))

/** Copies from `from` on to the end, wherever that is. Answers the stretches. */
export const transfer = (
  copying: FileCopy,
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
  let ended = false
  const copyAll = Effect.whileLoop({
    while: () => !ended,
    body: () => {
      const to = Math.min(at + length, size)
      const copied = copyStretch(copying, source, copy, { from: at, to }, hashed ? createHash("sha256") : undefined)
      return Effect.tap(copied, (stretch) => {
        ended = stretch.to < to || to === size
        return journal === undefined || stretch.to === stretch.from
          ? Effect.void
          : remember(copying, copy, journal, { to: stretch.to, sha256: stretch.sha256 })
      })
    },
    step: (stretch) => {
      if (stretch.to > stretch.from) stretches.push(stretch)
      at = stretch.to
    }
  })
  // A hole at the end is made by this; holes elsewhere are there already.
  const cut = Effect.suspend(() => copying.writtenTo < at ? File.truncate(copy, at) : Effect.void)
  return copyAll.pipe(Effect.zipRight(unchanged(copying, source)), Effect.zipRight(cut), Effect.map(() => stretches))
}

/** The data before the entry: a process that is killed in between has copied a stretch in vain, and no more. */
const remember = (
  copying: FileCopy,
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

/** Up to `to`, or to where the file ends: the last stretch goes on behind its size. */
const copyStretch = (
  copying: FileCopy,
  source: File.File,
  copy: File.File,
  { from, to }: Omit<Stretch, "sha256">,
  hash: Hash | undefined
): Failing<Stretch> => {
  const { buffer, holes, job: { progress, settings: { chunk, inFlight } }, stat } = copying
  const write = (memory: Memory, offset: number, length: number): Effect.Effect<unknown, Win32Error> => {
    const bytes = bytesOf(memory, length)
    hash?.update(bytes)
    progress.copied(length)
    const parts = holes.keeps ? partsOf(bytes, length) : undefined
    if (parts === undefined) {
      copying.writtenTo = offset + length
      return writePart(copy, memory, offset, 0, length)
    }
    if (parts.length === 0) return Effect.void
    copying.writtenTo = offset + parts.at(-1)!.end
    return Effect.forEach(parts, (part) => writePart(copy, memory, offset, part.start, part.end), { discard: true })
  }
  const size = Number(stat.size)
  const isLast = to === size
  const pieces = isLast && holes.data === undefined ? [] : piecesOf(holes.data, from, to)
  let at = from
  let next = 0
  const known = Effect.whileLoop({
    while: () => next < pieces.length && pieces[next]!.from === at,
    body: () => {
      const piece = pieces[next++]!
      return piece.data
        ? forEachChunk(source, { ...piece, chunk, inFlight }, buffer, write)
        : Effect.sync(() => skip(piece, hash, progress))
    },
    step: (bytes) => {
      at += bytes
    }
  })
  const rest = Effect.suspend(() =>
    isLast && (at === to || pieces.length === 0)
      ? forEachOfAll(source, { from: at, size, chunk, inFlight, buffer }, unchanged(copying, source), write)
      : Effect.succeed(at)
  )
  return Effect.map(
    Effect.zipRight(known, rest),
    (end): Stretch => ({ from, to: end, sha256: hash?.digest("hex") ?? "" })
  )
}

const ZEROS = new Uint8Array(1 << 16)

/** A hole is neither read nor written, and has a checksum all the same. */
const skip = ({ from, to }: Piece, hash: Hash | undefined, progress: { copied(bytes: number): void }): number => {
  for (let left = hash === undefined ? 0 : to - from; left > 0; left -= ZEROS.length) {
    hash!.update(left < ZEROS.length ? ZEROS.subarray(0, left) : ZEROS)
  }
  progress.copied(to - from)
  return to - from
}

/** Reads stretches of a file; answers how many of them, from the first on, are what they are to be. */
const readBack = (
  { buffer, job: { settings } }: FileCopy,
  file: File.File,
  stretches: ReadonlyArray<Stretch>,
  told: (bytes: number) => void
): Effect.Effect<number, Win32Error, Kernel> => {
  let good = 0
  let next = 0
  const one = ({ from, sha256, to }: Stretch) => {
    const hash = createHash("sha256")
    const shape = { from, to, chunk: settings.chunk, inFlight: settings.inFlight }
    return Effect.map(
      forEachChunk(file, shape, buffer, (chunk, _, bytes) => {
        hash.update(bytes === chunk.size ? chunk.bytes : chunk.bytes.subarray(0, bytes))
        told(bytes)
        return Effect.void
      }),
      () => hash.digest("hex") === sha256
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

/**
 * How many of the entries of a journal are true of the copy, and where the copy is verified, of the source as well:
 * somebody may have written both the partial file and its journal.
 */
export const believable = (
  copying: FileCopy,
  source: File.File,
  copy: File.File,
  entries: ReadonlyArray<{ readonly to: number; readonly sha256: string }>
): Effect.Effect<number, Win32Error, Kernel> => {
  const { progress, settings } = copying.job
  const stretches = stretchesOf(entries)
  const ofCopy = (count: number) =>
    readBack(copying, copy, stretches.slice(0, count), (bytes) => progress.verified(bytes))
  if (settings.verify === "none") return ofCopy(stretches.length)
  return Effect.flatMap(readBack(copying, source, stretches, () => {}), ofCopy)
}

/** Reads the copy back, past the cache where that was asked for and the system can. */
export const verifyCopy = (
  copying: FileCopy,
  copy: File.File,
  stretches: ReadonlyArray<Stretch>
): Failing<void> => {
  const { job: { passesCache, progress, settings }, partial, target } = copying
  const read = (file: File.File) => readBack(copying, file, stretches, (bytes) => progress.verified(bytes))
  const pastTheCache = settings.verify === "durable" && passesCache && stretches.length > 0
  return Effect.flatMap(
    pastTheCache
      ? File.withFile(partial.system, { unbuffered: true }, read)
      : read(copy),
    (good) => good === stretches.length ? Effect.void : Effect.fail(mismatch(target.user))
  )
}
