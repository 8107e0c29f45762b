// One file: opened, copied under a temporary name, verified, given its times and permissions, and then its name.
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { type BigIntStats, lstatSync } from "node:fs"
import type { PoolBuffer } from "../../src/BufferPool.js"
import * as File from "../../src/File.js"
import type { Kernel } from "../../src/Kernel.js"
import type { Win32Error } from "../../src/Win32Error.js"
import { transfer, verifyCopy } from "./contents.js"
import type { Copying } from "./Copying.js"
import { asFailure, cannot, changed, type CopyFailure, failure } from "./Failure.js"
import type { Job } from "./Job.js"
import { inside, partialName } from "./names.js"
import { permissions } from "./permissions.js"
import type { PlannedFile } from "./plan.js"
import { quoted } from "./text.js"

const windows = process.platform === "win32"

/** `buffer` holds one chunk and is used by nobody else meanwhile. */
export const copyFile = (job: Job, file: PlannedFile, buffer: PoolBuffer): Effect.Effect<void, CopyFailure, Kernel> =>
  Effect.flatMap(look(file.source, cannot("read", file.source)), (stat) => {
    if (!stat.isFile()) return Effect.fail(changed(file.source))
    const target = inside(file.directory, file.name)
    const copying: Copying = {
      job,
      file,
      stat,
      target,
      partial: inside(file.directory, partialName(file.name)),
      partialIsOurs: false,
      buffer,
      reading: cannot("read", file.source),
      writing: cannot("write", target)
    }
    return Effect.ensuring(Effect.zipRight(fill(copying), giveName(copying)), cleanUp(copying))
  })

const cleanUp = (copying: Copying) =>
  Effect.suspend(() => {
    const { job: { journal }, partial } = copying
    journal.partials.delete(partial)
    return copying.partialIsOurs ? Effect.ignore(File.remove(partial)) : Effect.void
  })

/** Everything but the name. */
const fill = (copying: Copying): Effect.Effect<void, CopyFailure, Kernel> => {
  const { file, job: { settings: { verify } }, reading, stat, writing } = copying
  return withSource(copying, (source) =>
    withPartial(copying, (copy) =>
      Effect.gen(function*() {
        const hash = verify === "none" ? undefined : createHash("sha256")
        yield* transfer(copying, source, copy, hash)
        if (hasChanged(stat, yield* look(file.source, reading))) return yield* Effect.fail(changed(file.source))
        if (verify === "durable") yield* Effect.mapError(File.sync(copy), writing)
        if (hash !== undefined) yield* verifyCopy(copying, copy, hash)
        yield* Effect.mapError(File.setBasicInfo(copy, yield* basicInfo(copying)), writing)
        // Once more, for the times and permissions.
        if (verify === "durable") yield* Effect.mapError(File.sync(copy), writing)
      })))
}

/** Synchronous, as the walk is: a tree has many small files. */
const look = (path: string, reading: (error: unknown) => CopyFailure): Effect.Effect<BigIntStats, CopyFailure> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(lstatSync(path, { bigint: true }))
    } catch (error) {
      return Effect.fail(reading(error))
    }
  })

/** When the name still means the same file, with the same size and time, then what was read in between is that. */
const hasChanged = (before: BigIntStats, after: BigIntStats): boolean =>
  before.ino !== after.ino || before.dev !== after.dev || before.size !== after.size || before.mtimeNs !== after.mtimeNs

/** A link that has taken the file's place since the walk is not followed. On Windows that flag would open it raw. */
const withSource = <A>(
  { file, reading }: Copying,
  use: (source: File.File) => Effect.Effect<A, CopyFailure, Kernel>
): Effect.Effect<A, CopyFailure, Kernel> =>
  Effect.mapError(File.withFile(file.source, { hint: "sequential", noFollow: !windows }, use), asFailure(reading))

const withPartial = <A>(
  copying: Copying,
  use: (copy: File.File) => Effect.Effect<A, CopyFailure, Kernel>
): Effect.Effect<A, CopyFailure, Kernel> => {
  const { job, partial, stat, writing } = copying
  copying.partialIsOurs = true
  job.journal.partials.add(partial)
  const options: File.OpenOptions = {
    access: job.settings.verify === "none" ? "write" : "readwrite",
    disposition: "createNew",
    hint: "sequential",
    mode: permissions(stat.mode)
  }
  return Effect.mapError(File.withFile(partial, options, use), (error) => {
    if (error._tag === "Win32Error" && error.reason === "AlreadyExists") copying.partialIsOurs = false
    return asFailure(writing)(error)
  })
}

const MODE_BITS = 0o7777n
const OWNER_WRITES = 0o200n

/** A file that was made with its mode has it, but for what the umask or its directory takes away: the first one there tells. */
const basicInfo = (copying: Copying): Effect.Effect<File.BasicInfo, CopyFailure> => {
  const { file: { directory }, job: { keptModes }, partial, stat, writing } = copying
  const times = { accessTimeNs: settable(stat.atimeNs), modifiedTimeNs: settable(stat.mtimeNs) }
  if (windows) return Effect.succeed((stat.mode & OWNER_WRITES) === 0n ? { ...times, readOnly: true } : times)
  const mode = permissions(stat.mode)
  if (keptModes.get(directory) === mode) return Effect.succeed(times)
  return Effect.map(look(partial, writing), (made) => {
    if (Number(made.mode & MODE_BITS) !== mode) return { ...times, mode }
    keptModes.set(directory, mode)
    return times
  })
}

/** Elsewhere than on Windows, node sets microseconds: what is below them must not round up. */
const settable = (ns: bigint): bigint => windows ? ns : ns - ns % 1000n

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
