// One file: opened, copied under a temporary name, verified, given its times and permissions, and then its name.
import * as Effect from "effect/Effect"
import { createHash, type Hash } from "node:crypto"
import { type BigIntStats, lstatSync } from "node:fs"
import type { PoolBuffer } from "../../src/BufferPool.js"
import * as File from "../../src/File.js"
import type { Kernel } from "../../src/Kernel.js"
import type { Win32Error } from "../../src/Win32Error.js"
import { type Chunk, forEachChunk, InOrder, readChunk, readChunkUnbuffered, writeChunk } from "./chunks.js"
import { cannot, type CopyFailure, failure } from "./Failure.js"
import type { Job } from "./Job.js"
import { inside, partialName } from "./names.js"
import { permissions } from "./permissions.js"
import type { PlannedFile } from "./plan.js"
import { quoted } from "./text.js"

const windows = process.platform === "win32"

/** What the parts of one copy share. */
interface Copying {
  readonly job: Job
  readonly source: string
  readonly target: string
  /** The temporary name, and whether what has it is ours to remove. */
  readonly partial: string
  partialIsOurs: boolean
  readonly buffer: PoolBuffer
  readonly reading: (error: unknown) => CopyFailure
  readonly writing: (error: unknown) => CopyFailure
}

/** `buffer` holds one chunk and is used by nobody else meanwhile. */
export const copyFile = (
  job: Job,
  { directory, name, source }: PlannedFile,
  buffer: PoolBuffer
): Effect.Effect<void, CopyFailure, Kernel> =>
  Effect.suspend(() => {
    const target = inside(directory, name)
    const partial = inside(directory, partialName(name))
    const copying: Copying = {
      job,
      source,
      target,
      partial,
      partialIsOurs: false,
      buffer,
      reading: cannot("read", source),
      writing: cannot("write", target)
    }
    job.journal.partials.add(partial)
    return Effect.ensuring(
      Effect.zipRight(fill(copying), giveName(copying)),
      Effect.suspend(() => {
        job.journal.partials.delete(partial)
        return copying.partialIsOurs ? Effect.ignore(File.remove(partial)) : Effect.void
      })
    )
  })

/** Everything but the name. */
const fill = (copying: Copying): Effect.Effect<void, CopyFailure, Kernel> => {
  const { reading, source } = copying
  return Effect.flatMap(look(source, reading), (before) =>
    // A link that has taken the file's place since the walk is not followed. On Windows that flag would open it raw.
    File.withFile(source, { hint: "sequential", noFollow: !windows }, (file) =>
      withPartial(copying, permissions(Number(before.mode)), (copy) =>
        Effect.gen(function*() {
          const { job: { settings: { verify } }, writing } = copying
          const hash = verify === "none" ? undefined : createHash("sha256")
          const size = Number(before.size)
          yield* transfer(copying, file, copy, size, hash)
          const after = yield* look(source, reading)
          if (!isUnchanged(before, after)) {
            return yield* changed(copying)
          }

          if (verify === "durable") {
            yield* Effect.mapError(File.sync(copy), writing)
          }
          if (hash !== undefined) {
            yield* verifyCopy(copying, copy, size, hash)
          }
          const made = yield* look(copying.partial, writing)
          yield* Effect.mapError(File.setBasicInfo(copy, basicInfo(before, made)), writing)
          // Once more, for the times and permissions.
          if (verify === "durable") {
            yield* Effect.mapError(File.sync(copy), writing)
          }
        }))).pipe(Effect.mapError(asFailure(reading))))
}

/**
 * Looks at the file by its name, once before it is opened and once after it has been read: when both times it was the same file
 * with the same size and time, what was read in between is that. Synchronous, as the walk is: a tree has many small files.
 */
const look = (path: string, reading: (error: unknown) => CopyFailure): Effect.Effect<BigIntStats, CopyFailure> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(lstatSync(path, { bigint: true }))
    } catch (error) {
      return Effect.fail(reading(error))
    }
  })

const isUnchanged = (before: BigIntStats, after: BigIntStats): boolean =>
  before.ino === after.ino && before.dev === after.dev && before.size === after.size && before.mtimeNs === after.mtimeNs

const changed = ({ source }: Copying) =>
  Effect.fail(failure("Changed", `${quoted(source)} has changed while it was being copied.`))

const withPartial = <A>(
  copying: Copying,
  mode: number,
  use: (copy: File.File) => Effect.Effect<A, CopyFailure, Kernel>
): Effect.Effect<A, CopyFailure, Kernel> => {
  const access = copying.job.settings.verify === "none" ? "write" : "readwrite"
  copying.partialIsOurs = true
  return File.withFile(copying.partial, { access, disposition: "createNew", hint: "sequential", mode }, use).pipe(
    Effect.mapError((error) => {
      if (error._tag === "Win32Error" && error.reason === "AlreadyExists") copying.partialIsOurs = false
      return asFailure(copying.writing)(error)
    })
  )
}

/** What the library adds to the failures of our own. */
const asFailure = (explain: (error: Win32Error) => CopyFailure) => (error: CopyFailure | Win32Error): CopyFailure =>
  error._tag === "Win32Error" ? explain(error) : error

const MODE_BITS = 0o7777
const OWNER_WRITES = 0o200

/** What is not as it should be. A file that was made with its mode has it, but for what the umask has taken away. */
const basicInfo = (source: BigIntStats, made: BigIntStats): File.BasicInfo => {
  const times = { accessTimeNs: source.atimeNs, modifiedTimeNs: source.mtimeNs }
  const mode = Number(source.mode)
  if (windows) return (mode & OWNER_WRITES) === 0 ? { ...times, readOnly: true } : times
  return (Number(made.mode) & MODE_BITS) === permissions(mode) ? times : { ...times, mode: permissions(mode) }
}

// --- the contents

/** Zeros shorter than this are written: a hole would not save a block. */
const LEAST_HOLE = 65_536

const transfer = (
  copying: Copying,
  source: File.File,
  copy: File.File,
  size: number,
  hash: Hash | undefined
): Effect.Effect<void, CopyFailure, Kernel> => {
  const { job: { progress }, reading, writing } = copying
  const order = new InOrder()
  let holes = false
  const write = (chunk: Chunk) =>
    Effect.suspend(() => {
      progress.copied(chunk.length)
      if (!isHole(chunk)) return Effect.mapError(writeChunk(copy, chunk), writing)
      holes = true
      return Effect.void
    })
  const copyChunk = (chunk: Chunk) =>
    Effect.flatMap(Effect.mapError(readChunk(source, chunk), reading), (bytes) => {
      if (bytes < chunk.length) return changed(copying)
      return hash === undefined
        ? write(chunk)
        : Effect.zipRight(order.pass(chunk.index, () => hash.update(bytesOf(chunk))), write(chunk))
    })
  return Effect.flatMap(
    eachChunk(copying, size, copyChunk),
    () => holes ? Effect.mapError(File.truncate(copy, size), writing) : Effect.void
  )
}

const eachChunk = <R>(copying: Copying, size: number, work: (chunk: Chunk) => Effect.Effect<void, CopyFailure, R>) => {
  const { buffer, job: { settings: { chunk, queueDepth } }, source } = copying
  return Effect.mapError(
    forEachChunk({ size, chunk, depth: queueDepth }, buffer, work),
    asFailure(cannot("copy", source))
  )
}

const bytesOf = ({ buffer, length }: Chunk): Uint8Array => buffer.bytes.subarray(0, length)

let zeros = Buffer.alloc(0)

const isHole = ({ buffer, length }: Chunk): boolean => {
  if (length < LEAST_HOLE || buffer.bytes[0] !== 0) return false
  if (zeros.length < length) zeros = Buffer.alloc(length)
  return zeros.compare(buffer.bytes, 0, length, 0, length) === 0
}

// --- reading back

const verifyCopy = (copying: Copying, copy: File.File, size: number, expected: Hash) => {
  if (size === 0) return Effect.void
  const { job, partial, target } = copying
  const reading = cannot("read back", target)
  const hash = createHash("sha256")
  const order = new InOrder()
  const unbuffered = job.settings.verify === "durable" && job.unbuffered
  const readFrom = (file: File.File) =>
    eachChunk(copying, size, (chunk) =>
      Effect.flatMap(
        Effect.mapError(unbuffered ? readChunkUnbuffered(file, chunk) : readChunk(file, chunk), reading),
        (bytes) =>
          order.pass(chunk.index, () => {
            hash.update(chunk.buffer.bytes.subarray(0, bytes))
            job.progress.verified(bytes)
          })
      ))
  const read = unbuffered
    ? Effect.mapError(File.withFile(partial, { unbuffered }, readFrom), asFailure(reading))
    : readFrom(copy)
  return Effect.flatMap(read, () =>
    hash.digest().equals(expected.digest()) ? Effect.void : Effect.fail(failure(
      "Mismatch",
      `What was read back from ${quoted(target)} is not what was written: the disk or its driver is at fault.`
    )))
}

// --- the name

/** Without --overwrite the name must be free. With it, a name that is taken is replaced, and that is remembered. */
const giveName = (copying: Copying): Effect.Effect<void, CopyFailure, Kernel> => {
  const { job: { journal, progress, settings }, partial, target } = copying
  const done = (remember: () => void) => () => {
    copying.partialIsOurs = false
    progress.file()
    remember()
  }
  const replace = Effect.map(File.rename(partial, target, { replace: true }), done(() => journal.replaced++))
  return Effect.map(File.rename(partial, target), done(() => journal.file(target))).pipe(
    Effect.catchIf(
      ({ reason }) => settings.overwrite && (reason === "AlreadyExists" || reason === "Unsupported"),
      () => replace
    ),
    Effect.mapError((error) => unnamed(target, error)),
    // Whether the file has got its name and whether that is remembered must not come apart.
    Effect.uninterruptible
  )
}

const unnamed = (target: string, error: Win32Error): CopyFailure =>
  lstatSync(target, { throwIfNoEntry: false })?.isDirectory() === true
    ? failure("DestinationExists", `${quoted(target)} is a directory and cannot be replaced by a file.`, error)
    : cannot("make", target)(error)
