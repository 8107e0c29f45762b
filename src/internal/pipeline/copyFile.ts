/**
 * One file: opened, copied under a temporary name, verified, given its times and permissions, and then its name.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { type BigIntStats, lstatSync } from "node:fs"
import type { PoolBuffer } from "../../BufferPool.js"
import * as File from "../../File.js"
import type { Kernel } from "../../Kernel.js"
import { PipelineError } from "../../PipelineError.js"
import { Win32Error } from "../../Win32Error.js"
import { type Place, placeIn } from "../held/Place.js"
import type { Restore } from "../settle.js"
import { believable, type Stretch, transfer, verifyCopy } from "./contents.js"
import type { Copying, FileToCopy } from "./Copying.js"
import { alreadyExists, cannot, changed, failure } from "./failures.js"
import { dataOf } from "./holes.js"
import type { Job } from "./Job.js"
import { Journal, type Read } from "./journal.js"
import { removeFile } from "./Made.js"
import { journalName, partialName } from "./names.js"
import { permissions } from "./permissions.js"
import { adopt, type Adopted, lookAtTarget, removeLeft, requireOwn } from "./resume.js"
import { endTag, nextTag } from "./tags.js"
import { quoted } from "./text.js"

const windows = process.platform === "win32"

type Failing<A> = Effect.Effect<A, PipelineError | Win32Error, Kernel>

/** `buffer` holds one chunk and is used by nobody else meanwhile. */
export const copyFile = (job: Job, file: FileToCopy, buffer: PoolBuffer): Effect.Effect<void, PipelineError, Kernel> =>
  Effect.uninterruptibleMask((restore) => {
    const stat = look(file.source)
    if (stat instanceof PipelineError) return Effect.fail(stat)
    if (!stat.isFile()) return Effect.fail(changed(file.source.user))
    return job.settings.resume
      ? resumeFile(restore, job, file, stat, buffer)
      : copyNew(restore, job, file, stat, buffer, undefined)
  })

/** What is there already is left alone, unless it is not what it is to be. */
const resumeFile = (
  restore: Restore,
  job: Job,
  file: FileToCopy,
  stat: BigIntStats,
  buffer: PoolBuffer
): Effect.Effect<void, PipelineError, Kernel> => {
  const target = placeIn(file.directory, file.name)
  const look = Effect.mapError(
    lookAtTarget(job, file, stat, target, buffer),
    (error) => cannot("read", error.path === file.source.system ? file.source : target)(error)
  )
  return Effect.flatMap(restore(look), (there) => {
    if (there === "complete") {
      return Effect.map(removeLeft(job, file), () => job.progress.foundFile(Number(stat.size)))
    }
    if (there === "another" && !job.settings.overwrite) return Effect.fail(alreadyExists(target.user))
    return Effect.flatMap(adopt(job, file, stat), (adopted) => copyNew(restore, job, file, stat, buffer, adopted))
  })
}

const copyNew = (
  restore: Restore,
  job: Job,
  file: FileToCopy,
  stat: BigIntStats,
  buffer: PoolBuffer,
  adopted: Adopted | undefined
): Effect.Effect<void, PipelineError, Kernel> => {
  const tag = adopted?.tag ?? nextTag(job.locks)
  const journaled = adopted !== undefined || stat.size > job.settings.stretch
  const copying: Copying = {
    job,
    file,
    stat,
    target: placeIn(file.directory, file.name),
    tag,
    partial: placeIn(file.directory, partialName(file.name, tag)),
    partialIsOurs: adopted !== undefined,
    journal: journaled ? placeIn(file.directory, journalName(file.name, tag)) : undefined,
    buffer,
    writtenTo: 0,
    data: undefined
  }
  begin(copying)
  // Whether the file has got its name and whether that is remembered must not come apart: the mask stays on for it.
  return Effect.matchCauseEffect(
    Effect.flatMap(restore(fillAtOnce(copying, adopted?.journal)), () => giveName(copying)),
    {
      onSuccess: () => Effect.void,
      onFailure: (cause) => Effect.zipRight(cleanUp(copying, cause), Effect.failCause(cause))
    }
  ).pipe(Effect.mapError((error) => explain(copying, error)))
}

const begin = ({ job: { progress }, journal, partial }: Copying): void => {
  progress.begun(partial.user)
  if (journal !== undefined) progress.begun(journal.user)
}

const ended = ({ job: { progress }, journal, partial, tag }: Copying): void => {
  progress.ended(partial.user)
  if (journal !== undefined) progress.ended(journal.user)
  endTag(tag)
}

/** A later copy goes on with it, unless it would come to the same end. */
const isWorthKeeping = ({ job: { settings }, journal }: Copying, cause: Cause.Cause<PipelineError | Win32Error>) => {
  if (!settings.resume || settings.onFailure === "undo" || journal === undefined) return false
  const error = Cause.failureOption(cause)
  return error._tag === "None"
    ? Cause.isInterruptedOnly(cause)
    : error.value._tag === "Win32Error" && error.value.reason !== "AlreadyExists"
}

const cleanUp = (
  copying: Copying,
  cause: Cause.Cause<PipelineError | Win32Error>
): Effect.Effect<void, never, Kernel> => {
  const { journal, partial, partialIsOurs } = copying
  const over = Effect.sync(() => ended(copying))
  if (!partialIsOurs || isWorthKeeping(copying, cause)) return over
  const removed = journal === undefined
    ? removeFile(partial.system)
    // The journal last: without it the rest is of no use to anybody, with it alone nobody is misled.
    : Effect.zipRight(removeFile(partial.system), removeFile(journal.system))
  return Effect.zipRight(removed, over)
}

/** What the library says of one of the two files, as a sentence about the file that the user knows. */
const explain = ({ file: { source }, target }: Copying, error: PipelineError | Win32Error): PipelineError => {
  if (error._tag === "PipelineError") return error
  if (error.syscall === "VirtualAlloc") return cannot("get a buffer for", source)(error)
  if (error.path === source.system) return cannot("read", source)(error)
  if (error.syscall !== "MoveFileExW") {
    return cannot(error.syscall === "ReadFile" ? "read back" : "write", target)(error)
  }
  if (lstatSync(target.system, { throwIfNoEntry: false })?.isDirectory() === true) {
    return failure(
      "AlreadyExists",
      target.user,
      `${quoted(target.user)} is a directory and cannot be replaced by a file.`,
      error
    )
  }
  return error.reason === "AlreadyExists" ? alreadyExists(target.user, error) : cannot("make", target)(error)
}

/** Nothing in it can be a hole, and nobody waits long for it. */
const AT_ONCE = 65_536

/**
 * A small file that is not to be read back is one call of the system, but on Windows, where that carries no time of access. What
 * cannot be copied so, the other way tells why.
 */
const fillAtOnce = (copying: Copying, earlier: Read | undefined): Failing<void> => {
  const { file: { source }, job: { progress, settings, win32 }, partial, stat } = copying
  const { permissions, resume, times, verify } = settings
  const plain = !resume && verify === "none" && times && permissions
  if (!plain || win32 || stat.size > AT_ONCE) return fill(copying, earlier)
  copying.partialIsOurs = true
  return Effect.matchEffect(File.copy(source.system, partial.system), {
    onFailure: (error) => {
      if (error.reason === "AlreadyExists") copying.partialIsOurs = false
      return fill(copying, earlier)
    },
    onSuccess: () => {
      const after = look(source)
      if (after instanceof PipelineError) return Effect.fail(after)
      if (hasChanged(stat, after)) return Effect.fail(changed(source.user))
      progress.copied(Number(stat.size))
      return Effect.void
    }
  })
}

/** Everything but the name. */
const fill = (copying: Copying, earlier: Read | undefined): Failing<void> =>
  // A link that has taken the file's place since the walk is not followed. On Windows that flag would open it raw.
  File.withFile(
    copying.file.source.system,
    { hint: "sequential", noFollow: !windows },
    (original) =>
      withPartial(copying, earlier !== undefined, (copy) => {
        const contents = copying.journal === undefined
          ? copyContents(copying, original, copy, 0, undefined)
          : withJournal(
            copying,
            copying.journal,
            original,
            copy,
            earlier,
            (from, journal) => copyContents(copying, original, copy, from, journal)
          )
        return isSparse(copying) ? Effect.zipRight(lookForHoles(copying, original, copy), contents) : contents
      })
  )

/** It takes less room than its size, and the system may tell where. */
const isSparse = ({ job, stat }: Copying): boolean => job.win32 && stat.blocks * 512n < stat.size

const lookForHoles = (copying: Copying, original: File.File, copy: File.File): Effect.Effect<void, Win32Error> =>
  Effect.map(dataOf(original, copy), (data) => {
    copying.data = data
  })

const copyContents = (
  copying: Copying,
  original: File.File,
  copy: File.File,
  from: number,
  journal: Journal | undefined
): Failing<void> => {
  const { file: { source }, job: { settings: { verify } }, stat } = copying
  return Effect.flatMap(transfer(copying, original, copy, from, journal), (stretches) => {
    const after = look(source)
    if (after instanceof PipelineError) return Effect.fail(after)
    if (hasChanged(stat, after)) return Effect.fail(changed(source.user))
    if (verify === "none") return finish(copying, copy)
    return verify === "read" ? verified(copying, copy, stretches) : durably(copying, copy, stretches)
  })
}

const verified = (copying: Copying, copy: File.File, stretches: ReadonlyArray<Stretch>): Failing<void> =>
  Effect.flatMap(verifyCopy(copying, copy, stretches), () => finish(copying, copy))

/** Flushed before it is read back, and once more for its times and permissions. */
const durably = (copying: Copying, copy: File.File, stretches: ReadonlyArray<Stretch>): Failing<void> =>
  Effect.zipRight(File.sync(copy), Effect.zipLeft(verified(copying, copy, stretches), File.sync(copy)))

/** Synchronous, as the walk is: a tree has many small files. */
const look = (place: Place): BigIntStats | PipelineError => {
  try {
    return lstatSync(place.system, { bigint: true })
  } catch (error) {
    return cannot("read", place)(error)
  }
}

/** When the name still means the same file, with the same size and time, then what was read in between is that. */
const hasChanged = (before: BigIntStats, after: BigIntStats): boolean =>
  before.ino !== after.ino || before.dev !== after.dev || before.size !== after.size || before.mtimeNs !== after.mtimeNs

/** A partial file with a journal is opened again by a later copy, which needs the right to: others get theirs at the end. */
const PRIVATE = 0o600

const modeOf = ({ job: { settings }, journal, stat }: Copying): number =>
  !settings.permissions ? 0o666 : journal !== undefined ? PRIVATE : permissions(stat.mode)

const withPartial = <A, E>(
  copying: Copying,
  isThere: boolean,
  use: (copy: File.File) => Effect.Effect<A, E, Kernel>
): Effect.Effect<A, E | Win32Error, Kernel> => {
  const { job, journal, partial } = copying
  const access = job.settings.verify === "none" && journal === undefined ? "write" : "readwrite"
  if (isThere) return File.withFile(partial.system, { access, hint: "sequential", noFollow: true }, use)
  copying.partialIsOurs = true
  const options: File.OpenOptions = { access, disposition: "createNew", hint: "sequential", mode: modeOf(copying) }
  return Effect.tapError(File.withFile(partial.system, options, use), (error) =>
    Effect.sync(() => {
      // What has that name already is somebody else's.
      if (error instanceof Win32Error && error.syscall === "CreateFileW" && error.reason === "AlreadyExists") {
        copying.partialIsOurs = false
      }
    }))
}

/** Both are files of one's own. */
const ownBoth = (copy: File.File, journal: File.File): Effect.Effect<void, Win32Error> =>
  Effect.zipRight(requireOwn(copy), requireOwn(journal))

/** Opens the journal, and hands on where the copy is to go on. */
const withJournal = (
  copying: Copying,
  { system: path }: Place,
  original: File.File,
  copy: File.File,
  earlier: Read | undefined,
  use: (from: number, journal: Journal) => Failing<void>
): Failing<void> => {
  const { file: { name }, job: { progress }, stat } = copying
  if (earlier === undefined) {
    return File.withFile(path, { access: "write", disposition: "createNew", mode: PRIVATE }, (file) => {
      const journal = new Journal(file, 0)
      return Effect.zipRight(journal.begin(name, stat), use(0, journal))
    })
  }
  return File.withFile(
    path,
    { access: "write", noFollow: true },
    (file) =>
      Effect.flatMap(
        Effect.zipRight(ownBoth(copy, file), believable(copying, original, copy, earlier.entries)),
        (good) => {
          const from = earlier.entries[good - 1]?.to ?? 0
          const end = earlier.ends[good]!
          progress.found(from)
          copying.writtenTo = from
          return File.truncate(file, end).pipe(
            Effect.zipRight(File.truncate(copy, from)),
            Effect.zipRight(use(from, new Journal(file, end)))
          )
        }
      )
  )
}

const MODE_BITS = 0o7777n
const OWNER_WRITES = 0o200n

/** Gives the copy its times, and the permissions that it does not have yet. */
const finish = (copying: Copying, copy: File.File): Failing<void> => {
  const { job: { settings }, stat } = copying
  const times = settings.times
    ? { accessTimeNs: stat.atimeNs, modifiedTimeNs: stat.mtimeNs }
    : undefined
  const changes = permissionsToSet(copying)
  if (changes instanceof PipelineError) return Effect.fail(changes)
  return times === undefined && changes === undefined
    ? Effect.void
    : File.setBasicInfo(copy, changes === undefined ? times! : { ...times, ...changes })
}

const permissionsToSet = (copying: Copying): File.BasicInfo | PipelineError | undefined => {
  const { job: { settings }, stat } = copying
  if (!settings.permissions) return undefined
  if (windows) return (stat.mode & OWNER_WRITES) === 0n ? { readOnly: true } : undefined
  const mode = permissions(stat.mode)
  const kept = hasKeptMode(copying, mode)
  return kept instanceof PipelineError ? kept : kept ? undefined : { mode }
}

/** A file that was made with its mode has it, but for what the umask or its directory takes away: the first one there tells. */
const hasKeptMode = (
  { file: { to }, job: { keptModes }, journal, partial }: Copying,
  mode: number
): boolean | PipelineError => {
  if (journal !== undefined) return false
  if (keptModes.get(to) === mode) return true
  const made = look(partial)
  if (made instanceof PipelineError) return made
  if (Number(made.mode & MODE_BITS) !== mode) return false
  keptModes.set(to, mode)
  return true
}

/** Without `overwrite` the name must be free. With it, a name that is taken is replaced, and that is remembered. */
const giveName = (copying: Copying): Effect.Effect<void, Win32Error, Kernel> => {
  const { file, job: { made, progress, settings: { overwrite } }, journal, partial, target } = copying
  const done = (remember: () => void) => () => {
    ended(copying)
    remember()
    progress.file()
    return journal === undefined ? Effect.void : Effect.asVoid(removeFile(journal.system))
  }
  return Effect.matchEffect(File.rename(partial.system, target.system), {
    onSuccess: done(() => {
      const there = look(target)
      if (!(there instanceof PipelineError)) made.file(file.to, file.name, there)
    }),
    onFailure: (error) =>
      overwrite && (error.reason === "AlreadyExists" || error.reason === "Unsupported")
        ? Effect.flatMap(File.rename(partial.system, target.system, { replace: true }), done(() => made.replaced++))
        : Effect.fail(error)
  })
}
