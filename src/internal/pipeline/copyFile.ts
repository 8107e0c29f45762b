/**
 * One file: opened, copied under a temporary name, verified, given its times and permissions, and then its name.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { PoolBuffer } from "../../BufferPool.js"
import * as File from "../../File.js"
import type { Kernel } from "../../Kernel.js"
import type { PipelineError } from "../../PipelineError.js"
import { Win32Error } from "../../Win32Error.js"
import { permissions } from "../file/permissions.js"
import { identityOf } from "../held/identity.js"
import { type Place, placeIn } from "../held/Place.js"
import type { Restore } from "../settle.js"
import { believable, type Stretch, transfer, verifyCopy } from "./contents.js"
import { copySmall } from "./copySmall.js"
import { alreadyExists, cannot, changed } from "./failures.js"
import type { FileCopy, FileToCopy } from "./FileCopy.js"
import { holesOf } from "./holes.js"
import { Journal, openJournal } from "./journal.js"
import { journalName } from "./names.js"
import { begin, closeJournal, ended, explain, giveName, look, modeOf, named, removeParts } from "./naming.js"
import { adopt, type Adopted, lookAtTarget, removeLeft, requireOwn } from "./resume.js"
import { type Seen, seen } from "./seen.js"
import { nextTag } from "./tags.js"
import type { TreeCopy } from "./TreeCopy.js"

const windows = process.platform === "win32"

type Failing<A> = Effect.Effect<A, PipelineError | Win32Error, Kernel>

/**
 * `buffer` holds one chunk and is used by nobody else meanwhile. Everything that is known of the source comes from its
 * handle: what takes its name meanwhile is neither followed nor waited for.
 */
export const copyFile = (
  job: TreeCopy,
  file: FileToCopy,
  buffer: PoolBuffer
): Effect.Effect<void, PipelineError, Kernel> =>
  Effect.flatMap(
    copySmall(job, file),
    (isCopied) => isCopied ? Effect.void : copyByHandles(job, file, buffer)
  )

const copyByHandles = (
  job: TreeCopy,
  file: FileToCopy,
  buffer: PoolBuffer
): Effect.Effect<void, PipelineError, Kernel> =>
  withSource(file, (source, stat) =>
    Effect.uninterruptibleMask((restore) => {
      remember(file, stat)
      return job.settings.resume
        ? resumeFile(restore, job, file, source, stat, buffer)
        : copyNew(restore, job, file, source, stat, buffer, undefined)
    }))

/** Opens the source, unless it is a link by now. */
export const withSource = <A>(
  file: FileToCopy,
  use: (source: File.File, stat: Seen) => Failing<A>
): Effect.Effect<A, PipelineError, Kernel> =>
  File.withFile(
    file.source.system,
    { hint: "sequential", noFollow: true },
    (source) => Effect.flatMap(File.stat(source), (stat) => use(source, seen(stat)))
  ).pipe(Effect.mapError((error) => error._tag === "PipelineError" ? error : unreadable(file, error)))

/** On Windows node may tell other numbers than a handle. */
const remember = ({ shared, source }: FileToCopy, stat: Seen): void => {
  if (shared !== undefined) shared.source = windows ? look(source) : stat
}

/** A link, a FIFO or a directory that has taken the place of the file is refused by what opens it. */
const unreadable = ({ source }: FileToCopy, error: Win32Error): PipelineError => {
  const there = look(source)
  return there === undefined || there.isFile() ? cannot("read", source)(error) : changed(source.user, error)
}

/** Whether the copy of a source is there already. */
export const compare = (
  job: TreeCopy,
  file: FileToCopy,
  stat: Seen,
  buffer: PoolBuffer
): Effect.Effect<"absent" | "complete" | "another", PipelineError, Kernel> => {
  const target = placeIn(file.directory, file.name)
  return Effect.mapError(
    lookAtTarget(job, file, stat, target, buffer),
    (error) => cannot("read", error.path === file.source.system ? file.source : target)(error)
  )
}

/** Keeps a target that already matches the source; copies again otherwise. */
const resumeFile = (
  restore: Restore,
  job: TreeCopy,
  file: FileToCopy,
  source: File.File,
  stat: Seen,
  buffer: PoolBuffer
): Effect.Effect<void, PipelineError, Kernel> => {
  const target = placeIn(file.directory, file.name)
  return Effect.flatMap(restore(compare(job, file, stat, buffer)), (there) => {
    if (there === "complete") {
      if (file.shared !== undefined) file.shared.copy = look(target)
      return Effect.map(removeLeft(job, file), () => job.progress.foundFile(Number(stat.size)))
    }
    if (there === "another" && !job.settings.overwrite) return Effect.fail(alreadyExists(target.user))
    return Effect.flatMap(
      adopt(job, file, stat),
      (adopted) => copyNew(restore, job, file, source, stat, buffer, adopted)
    )
  })
}

const copyNew = (
  restore: Restore,
  job: TreeCopy,
  file: FileToCopy,
  source: File.File,
  stat: Seen,
  buffer: PoolBuffer,
  adopted: Adopted | undefined
): Effect.Effect<void, PipelineError, Kernel> => {
  const tag = adopted?.tag ?? nextTag(job.maker)
  const journaled = adopted !== undefined || stat.size > job.settings.stretch
  const copying: FileCopy = {
    ...named(job, file, tag),
    stat,
    partialIsOurs: adopted !== undefined,
    journal: journaled ? placeIn(file.directory, journalName(file.name, tag)) : undefined,
    closeJournal: adopted?.close ?? Effect.void,
    buffer,
    writtenTo: 0,
    holes: { keeps: false, data: undefined }
  }
  begin(copying)
  // Whether the file has got its name and whether that is remembered must not come apart: the mask stays on for it.
  return Effect.matchCauseEffect(
    Effect.flatMap(restore(fill(copying, source, adopted)), () => giveName(copying)),
    {
      onSuccess: () => Effect.void,
      onFailure: (cause) => Effect.zipRight(cleanUp(copying, cause), Effect.failCause(cause))
    }
  ).pipe(Effect.mapError((error) => explain(copying, error)))
}

/** A later copy goes on with it, unless it would come to the same end. */
const isWorthKeeping = ({ job: { settings }, journal }: FileCopy, cause: Cause.Cause<PipelineError | Win32Error>) => {
  if (!settings.resume || settings.onFailure === "undo" || journal === undefined) return false
  const error = Cause.failureOption(cause)
  return error._tag === "None"
    ? Cause.isInterruptedOnly(cause)
    : error.value._tag === "Win32Error" && error.value.reason !== "AlreadyExists"
}

const cleanUp = (
  copying: FileCopy,
  cause: Cause.Cause<PipelineError | Win32Error>
): Effect.Effect<void, never, Kernel> =>
  isWorthKeeping(copying, cause)
    ? Effect.zipRight(closeJournal(copying), Effect.sync(() => ended(copying)))
    : removeParts(copying)

/** Everything but the name. */
const fill = (copying: FileCopy, source: File.File, earlier: Adopted | undefined): Failing<void> =>
  withPartial(copying, earlier !== undefined, (copy) =>
    Effect.flatMap(holesOf(copying.stat, source, copy), (holes) => {
      copying.holes = holes
      const contents = copying.journal === undefined
        ? copyContents(copying, source, copy, 0, undefined)
        : withJournal(
          copying,
          copying.journal,
          source,
          copy,
          earlier,
          (from, journal) => copyContents(copying, source, copy, from, journal)
        )
      return Effect.zipRight(contents, identify(copying, copy))
    }))

const copyContents = (
  copying: FileCopy,
  source: File.File,
  copy: File.File,
  from: number,
  journal: Journal | undefined
): Failing<void> => {
  const { job: { settings: { verify } } } = copying
  return Effect.flatMap(transfer(copying, source, copy, from, journal), (stretches) => {
    if (verify === "none") return finish(copying, copy)
    return verify === "read" ? verified(copying, copy, stretches) : durably(copying, copy, stretches)
  })
}

/** Remembers which file the copy is, as its handle tells. */
const identify = (copying: FileCopy, copy: File.File): Effect.Effect<void, Win32Error> =>
  Effect.map(File.stat(copy), (stat) => {
    copying.identity = identityOf(stat)
  })

const verified = (copying: FileCopy, copy: File.File, stretches: ReadonlyArray<Stretch>): Failing<void> =>
  Effect.flatMap(verifyCopy(copying, copy, stretches), () => finish(copying, copy))

/** Flushed before it is read back, and once more for its times and permissions. */
const durably = (copying: FileCopy, copy: File.File, stretches: ReadonlyArray<Stretch>): Failing<void> =>
  Effect.zipRight(File.sync(copy), Effect.zipLeft(verified(copying, copy, stretches), File.sync(copy)))

const withPartial = <A, E>(
  copying: FileCopy,
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
      // The name is somebody else's, or nobody's: Windows says "access denied" of a directory that has it.
      if (error instanceof Win32Error && error.syscall === "CreateFileW" && error.path === partial.system) {
        copying.partialIsOurs = false
      }
    }))
}

/** Opens the journal, and hands on where the copy is to go on. */
const withJournal = (
  copying: FileCopy,
  { system: path }: Place,
  original: File.File,
  copy: File.File,
  earlier: Adopted | undefined,
  use: (from: number, journal: Journal) => Failing<void>
): Failing<void> => {
  const { file: { name }, job: { progress }, stat } = copying
  if (earlier === undefined) {
    return Effect.flatMap(Scope.make(), (scope) => {
      copying.closeJournal = Scope.close(scope, Exit.void)
      return Effect.flatMap(Scope.extend(openJournal(path, "createNew"), scope), (file) => {
        const journal = new Journal(file, 0)
        return Effect.zipRight(journal.begin(name, stat), use(0, journal))
      })
    })
  }
  const { file, journal: { ends, entries } } = earlier
  return Effect.flatMap(
    Effect.zipRight(requireOwn(copy), believable(copying, original, copy, entries)),
    (good) => {
      const from = entries[good - 1]?.to ?? 0
      const end = ends[good]!
      progress.found(from)
      copying.writtenTo = from
      return File.truncate(file, end).pipe(
        Effect.zipRight(File.truncate(copy, from)),
        Effect.zipRight(use(from, new Journal(file, end)))
      )
    }
  )
}

const OWNER_WRITES = 0o200n

/** Gives the copy its times and permissions. */
const finish = (copying: FileCopy, copy: File.File): Effect.Effect<void, Win32Error> => {
  const { job: { settings }, stat } = copying
  const times = settings.times ? { accessTimeNs: stat.atimeNs, modifiedTimeNs: stat.mtimeNs } : undefined
  const rights = rightsOf(copying)
  return times === undefined && rights === undefined
    ? Effect.void
    : File.setBasicInfo(copy, { ...times, ...rights })
}

const rightsOf = ({ job: { settings }, stat }: FileCopy): File.BasicInfo | undefined => {
  if (!settings.permissions) return undefined
  if (!windows) return { mode: permissions(stat.mode) }
  return (stat.mode & OWNER_WRITES) === 0n ? { readOnly: true } : undefined
}
