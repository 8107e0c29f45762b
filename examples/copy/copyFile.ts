// One file: opened, copied under a temporary name, verified, given its times and permissions, and then its name.
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { type BigIntStats, lstatSync } from "node:fs"
import type { PoolBuffer } from "../../src/BufferPool.js"
import * as File from "../../src/File.js"
import type { Kernel } from "../../src/Kernel.js"
import { Win32Error } from "../../src/Win32Error.js"
import { transfer, verifyCopy } from "./contents.js"
import type { Copying } from "./Copying.js"
import { cannot, changed, CopyFailure, failure } from "./Failure.js"
import type { Job } from "./Job.js"
import { inside, partialName } from "./names.js"
import { permissions } from "./permissions.js"
import type { PlannedFile } from "./plan.js"
import { quoted } from "./text.js"

const windows = process.platform === "win32"

/** `buffer` holds one chunk and is used by nobody else meanwhile. */
export const copyFile = (job: Job, file: PlannedFile, buffer: PoolBuffer): Effect.Effect<void, CopyFailure, Kernel> =>
  Effect.uninterruptibleMask((restore) => {
    const stat = look(file.source)
    if (stat instanceof CopyFailure) return Effect.fail(stat)
    if (!stat.isFile()) return Effect.fail(changed(file.source))
    const copying: Copying = {
      job,
      file,
      stat,
      target: inside(file.directory, file.name),
      partial: inside(file.directory, partialName(file.name)),
      partialIsOurs: false,
      buffer
    }
    // Whether the file has got its name and whether that is remembered must not come apart: the mask stays on for it.
    return Effect.matchCauseEffect(Effect.flatMap(restore(fill(copying)), () => giveName(copying)), {
      onSuccess: () => Effect.void,
      onFailure: (cause) => Effect.zipRight(cleanUp(copying), Effect.failCause(cause))
    }).pipe(Effect.mapError((error) => explain(copying, error)))
  })

const cleanUp = ({ job, partial, partialIsOurs }: Copying): Effect.Effect<void, never, Kernel> => {
  job.journal.partials.delete(partial)
  return partialIsOurs ? Effect.ignore(File.remove(partial)) : Effect.void
}

/** What the library says of one of the two files, as a sentence about the file that the user knows. */
const explain = ({ file: { source }, target }: Copying, error: CopyFailure | Win32Error): CopyFailure => {
  if (error._tag === "CopyFailure") return error
  if (error.syscall === "VirtualAlloc") return cannot("get a buffer for", source)(error)
  if (error.path === source) return cannot("read", source)(error)
  if (error.syscall !== "MoveFileExW") {
    return cannot(error.syscall === "ReadFile" ? "read back" : "write", target)(error)
  }
  return lstatSync(target, { throwIfNoEntry: false })?.isDirectory() === true
    ? failure("DestinationExists", `${quoted(target)} is a directory and cannot be replaced by a file.`, error)
    : cannot("make", target)(error)
}

/** Everything but the name. */
const fill = (copying: Copying): Effect.Effect<void, CopyFailure | Win32Error, Kernel> => {
  const { file: { source }, job: { settings: { verify } }, stat } = copying
  // A link that has taken the file's place since the walk is not followed. On Windows that flag would open it raw.
  return File.withFile(
    source,
    { hint: "sequential", noFollow: !windows },
    (original) =>
      withPartial(copying, (copy) => {
        const hash = verify === "none" ? undefined : createHash("sha256")
        return Effect.flatMap(transfer(copying, original, copy, hash), () => {
          const after = look(source)
          if (after instanceof CopyFailure) return Effect.fail(after)
          if (hasChanged(stat, after)) return Effect.fail(changed(source))
          if (hash === undefined) return finish(copying, copy)
          const verified = Effect.flatMap(verifyCopy(copying, copy, hash), () => finish(copying, copy))
          // Before it is read back, and once more for its times and permissions.
          return verify === "durable"
            ? Effect.zipRight(File.sync(copy), Effect.zipLeft(verified, File.sync(copy)))
            : verified
        })
      })
  )
}

/** Synchronous, as the walk is: a tree has many small files. */
const look = (path: string): BigIntStats | CopyFailure => {
  try {
    return lstatSync(path, { bigint: true })
  } catch (error) {
    return cannot("read", path)(error)
  }
}

/** When the name still means the same file, with the same size and time, then what was read in between is that. */
const hasChanged = (before: BigIntStats, after: BigIntStats): boolean =>
  before.ino !== after.ino || before.dev !== after.dev || before.size !== after.size || before.mtimeNs !== after.mtimeNs

const withPartial = <A, E>(
  copying: Copying,
  use: (copy: File.File) => Effect.Effect<A, E, Kernel>
): Effect.Effect<A, E | Win32Error, Kernel> => {
  const { job, partial, stat } = copying
  copying.partialIsOurs = true
  job.journal.partials.add(partial)
  const options: File.OpenOptions = {
    access: job.settings.verify === "none" ? "write" : "readwrite",
    disposition: "createNew",
    hint: "sequential",
    mode: permissions(stat.mode)
  }
  return Effect.tapError(File.withFile(partial, options, use), (error) =>
    Effect.sync(() => {
      // What has that name already is somebody else's.
      if (error instanceof Win32Error && error.syscall === "CreateFileW" && error.reason === "AlreadyExists") {
        copying.partialIsOurs = false
      }
    }))
}

const MODE_BITS = 0o7777n
const OWNER_WRITES = 0o200n

/** Gives the copy its times, and the permissions that it does not have yet. */
const finish = (copying: Copying, copy: File.File): Effect.Effect<void, CopyFailure | Win32Error> => {
  const { stat } = copying
  const times = { accessTimeNs: settable(stat.atimeNs), modifiedTimeNs: settable(stat.mtimeNs) }
  if (windows) return File.setBasicInfo(copy, (stat.mode & OWNER_WRITES) === 0n ? { ...times, readOnly: true } : times)
  const mode = permissions(stat.mode)
  const kept = hasKeptMode(copying, mode)
  if (kept instanceof CopyFailure) return Effect.fail(kept)
  return File.setBasicInfo(copy, kept ? times : { ...times, mode })
}

/** A file that was made with its mode has it, but for what the umask or its directory takes away: the first one there tells. */
const hasKeptMode = (
  { file: { directory }, job: { keptModes }, partial }: Copying,
  mode: number
): boolean | CopyFailure => {
  if (keptModes.get(directory) === mode) return true
  const made = look(partial)
  if (made instanceof CopyFailure) return made
  if (Number(made.mode & MODE_BITS) !== mode) return false
  keptModes.set(directory, mode)
  return true
}

/** Elsewhere than on Windows, node sets microseconds: what is below them must not round up. */
const settable = (ns: bigint): bigint => windows ? ns : ns - ns % 1000n

/** Without --overwrite the name must be free. With it, a name that is taken is replaced, and that is remembered. */
const giveName = (copying: Copying): Effect.Effect<void, Win32Error, Kernel> => {
  const { job: { journal, progress, settings: { overwrite } }, partial, target } = copying
  const done = (remember: () => void) => () => {
    journal.partials.delete(partial)
    progress.file()
    remember()
    return Effect.void
  }
  return Effect.matchEffect(File.rename(partial, target), {
    onSuccess: done(() => journal.file(target)),
    onFailure: (error) =>
      overwrite && (error.reason === "AlreadyExists" || error.reason === "Unsupported")
        ? Effect.flatMap(File.rename(partial, target, { replace: true }), done(() => journal.replaced++))
        : Effect.fail(error)
  })
}
