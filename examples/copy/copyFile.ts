// One file: opened, copied under a temporary name, verified, given its times and permissions, and then its name.
import * as Effect from "effect/Effect"
import { createHash, type Hash } from "node:crypto"
import * as File from "../../src/File.js"
import type { Kernel } from "../../src/Kernel.js"
import type { Win32Error } from "../../src/Win32Error.js"
import { type Chunk, forEachChunk, InOrder, readChunk, type Shape, writeChunk } from "./chunks.js"
import { type CopyFailure, failure, fromWin32 } from "./Failure.js"
import type { Job } from "./Job.js"
import { inside, partialName } from "./names.js"
import { permissions } from "./permissions.js"
import type { PlannedFile } from "./plan.js"
import { quoted } from "./text.js"

const windows = process.platform === "win32"

/** What `FILE_FLAG_NO_BUFFERING` transfers at least, on any disk. */
const SECTOR = 4096

const FILE_ATTRIBUTE_READONLY = 0x1

export const copyFile = (job: Job, planned: PlannedFile): Effect.Effect<void, CopyFailure, Kernel> => {
  const target = inside(planned.directory, planned.name)
  return Effect.acquireUseRelease(
    Effect.sync(() => {
      const partial: Partial = { path: inside(planned.directory, partialName(planned.name)), made: false }
      job.journal.partials.add(partial.path)
      return partial
    }),
    (partial) =>
      Effect.zipRight(
        Effect.scoped(fill(job, planned, partial, target)),
        giveName(job, partial, target)
      ),
    (partial) =>
      Effect.suspend(() => {
        job.journal.partials.delete(partial.path)
        return partial.made ? Effect.ignore(File.remove(partial.path)) : Effect.void
      })
  )
}

/** A file under its temporary name. */
interface Partial {
  readonly path: string
  /** It may be there, and is ours. */
  made: boolean
}

const fill = (job: Job, planned: PlannedFile, partial: Partial, target: string) =>
  Effect.gen(function*() {
    const reading = fromWin32("read", planned.source)
    const writing = fromWin32("write", target)
    const { chunk, queueDepth, verify } = job.settings
    const source = yield* Effect.mapError(openSource(planned.source), reading)
    const before = yield* Effect.mapError(File.stat(source), reading)
    const copy = yield* Effect.mapError(openPartial(partial, verify), writing)
    const shape: Shape = { size: Number(before.size), chunk, depth: queueDepth, granularity: 1 }
    const hash = verify === "none" ? undefined : createHash("sha256")

    yield* transfer(job, planned, source, copy, shape, hash, writing)
    const after = yield* Effect.mapError(File.stat(source), reading)
    if (after.size !== before.size || after.modifiedTimeNs !== before.modifiedTimeNs) return yield* changed(planned)

    if (verify === "durable") yield* Effect.mapError(File.sync(copy), writing)
    if (hash !== undefined) yield* readBack(job, copy, shape, partial.path, target, hash.digest("hex"))
    yield* Effect.mapError(
      File.setBasicInfo(copy, {
        accessTimeNs: before.accessTimeNs,
        modifiedTimeNs: before.modifiedTimeNs,
        mode: before.mode === undefined ? undefined : permissions(before.mode),
        readOnly: windows && (before.attributes & FILE_ATTRIBUTE_READONLY) !== 0 ? true : undefined
      }),
      writing
    )
    // Once more, for the times and permissions.
    if (verify === "durable") yield* Effect.mapError(File.sync(copy), writing)
  })

/** A link that has taken the file's place since the walk is not followed. On Windows that flag would open it raw. */
const openSource = (path: string) => File.open(path, { hint: "sequential", noFollow: !windows })

const openPartial = (partial: Partial, verify: string) =>
  Effect.suspend(() => {
    partial.made = true
    return File.open(partial.path, {
      access: verify === "none" ? "write" : "readwrite",
      disposition: "createNew",
      hint: "sequential",
      mode: 0o600
    })
  }).pipe(
    Effect.tapError((error) =>
      Effect.sync(() => {
        // What has this name already is not ours to remove.
        if (error.reason === "AlreadyExists") partial.made = false
      })
    )
  )

const changed = (planned: PlannedFile) =>
  Effect.fail(failure("Changed", `${quoted(planned.source)} has changed while it was being copied.`))

// --- the contents

/** Zeros shorter than this are written: a hole would not save a block. */
const LEAST_HOLE = 65_536

const transfer = (
  job: Job,
  planned: PlannedFile,
  source: File.File,
  copy: File.File,
  shape: Shape,
  hash: Hash | undefined,
  writing: (error: Win32Error) => CopyFailure
): Effect.Effect<void, CopyFailure, Kernel> => {
  const order = new InOrder()
  let holes = false
  const write = (chunk: Chunk) =>
    Effect.suspend(() => {
      job.progress.copied(chunk.length)
      if (!isHole(chunk)) return Effect.mapError(writeChunk(copy, chunk), writing)
      holes = true
      return Effect.void
    })
  const chunk = (chunk: Chunk) =>
    Effect.flatMap(Effect.mapError(readChunk(source, chunk, 1), fromWin32("read", planned.source)), (bytes) => {
      if (bytes < chunk.length) return changed(planned)
      return hash === undefined
        ? write(chunk)
        : Effect.zipRight(
          order.pass(chunk.index, () => hash.update(chunk.buffer.bytes.subarray(0, chunk.length))),
          write(chunk)
        )
    })
  return Effect.zipRight(
    Effect.mapError(forEachChunk(shape, chunk), orMemory(planned.source)),
    Effect.suspend(() => holes ? Effect.mapError(File.truncate(copy, shape.size), writing) : Effect.void)
  )
}

let zeros = Buffer.alloc(0)

const isHole = ({ buffer, length }: Chunk): boolean => {
  if (length < LEAST_HOLE || buffer.bytes[0] !== 0) return false
  if (zeros.length < length) zeros = Buffer.alloc(length)
  return zeros.compare(buffer.bytes, 0, length, 0, length) === 0
}

/** The only Win32Error that the loop over chunks adds: no memory for a buffer. */
const orMemory = (path: string) => (error: CopyFailure | Win32Error): CopyFailure =>
  error._tag === "Win32Error" ? fromWin32("copy", path)(error) : error

/** Reads the copy back, past the cache where that was asked for and the system can, and compares. */
const readBack = (job: Job, copy: File.File, shape: Shape, partial: string, target: string, expected: string) => {
  if (shape.size === 0) return Effect.void
  const reading = fromWin32("read back", target)
  const unbuffered = job.settings.verify === "durable" && job.unbuffered
  const file = unbuffered
    ? Effect.mapError(File.open(partial, { unbuffered, share: ["read", "write", "delete"] }), reading)
    : Effect.succeed(copy)
  const hash = createHash("sha256")
  const order = new InOrder()
  const granularity = unbuffered ? SECTOR : 1
  const chunk = (file: File.File) => (chunk: Chunk) =>
    Effect.flatMap(Effect.mapError(readChunk(file, chunk, granularity), reading), (bytes) =>
      order.pass(chunk.index, () => {
        hash.update(chunk.buffer.bytes.subarray(0, bytes))
        job.progress.verified(bytes)
      }))
  return Effect.scoped(Effect.flatMap(file, (file) => forEachChunk({ ...shape, granularity }, chunk(file)))).pipe(
    Effect.mapError(orMemory(target)),
    Effect.flatMap(() =>
      hash.digest("hex") === expected ? Effect.void : Effect.fail(failure(
        "Mismatch",
        `What was read back from ${quoted(target)} is not what was written: the disk or its driver is at fault.`
      ))
    )
  )
}

// --- the name

/** Without --overwrite the name must be free. With it, a name that is taken is replaced, and that is remembered. */
const giveName = (job: Job, partial: Partial, target: string): Effect.Effect<void, CopyFailure, Kernel> => {
  const { journal, progress, settings } = job
  const done = Effect.sync(() => {
    partial.made = false
    progress.file()
  })
  const made = Effect.zipRight(done, Effect.sync(() => journal.file(target)))
  const replaced = Effect.zipRight(done, Effect.sync(() => journal.replaced++))
  const replace = Effect.zipRight(File.rename(partial.path, target, { replace: true }), replaced)
  return Effect.zipRight(File.rename(partial.path, target), made).pipe(
    Effect.catchIf(
      ({ reason }) => settings.overwrite && (reason === "AlreadyExists" || reason === "Unsupported"),
      () => replace
    ),
    Effect.mapError(fromWin32("make", target)),
    // Whether the file has got its name and whether that is written down must not come apart.
    Effect.uninterruptible
  )
}
