/**
 * The names of one file's copy: the temporary one, what is removed with it, and the final one that it gets.
 */
import * as Effect from "effect/Effect"
import { type BigIntStats, lstatSync } from "node:fs"
import * as File from "../../File.js"
import { Kernel } from "../../Kernel.js"
import type { PipelineError } from "../../PipelineError.js"
import type { Win32Error } from "../../Win32Error.js"
import { PRIVATE } from "../file/permissions.js"
import { renameMeant } from "../held/byHandle.js"
import { type Identity, isKnown, isSame } from "../held/identity.js"
import { type Place, placeIn } from "../held/Place.js"
import { alreadyExists, cannot, failure, replaced } from "./failures.js"
import type { FileToCopy, Named } from "./FileCopy.js"
import { partialName } from "./names.js"
import { endTag } from "./tags.js"
import { quoted } from "./text.js"
import type { TreeCopy } from "./TreeCopy.js"
import { removeFile } from "./UndoLog.js"

const windows = process.platform === "win32"

/** Synchronous, as the walk is. `undefined`: it is not there, or cannot be looked at. */
export const look = ({ system }: Place): BigIntStats | undefined => {
  try {
    return lstatSync(system, { bigint: true })
  } catch {
    return undefined
  }
}

export const named = (job: TreeCopy, file: FileToCopy, tag: string): Named => ({
  job,
  file,
  target: placeIn(file.directory, file.name),
  tag,
  partial: placeIn(file.directory, partialName(file.name, tag)),
  partialIsOurs: false,
  journal: undefined,
  closeJournal: Effect.void,
  identity: undefined
})

export const begin = ({ job: { progress }, journal, partial }: Named): void => {
  progress.begun(partial.user)
  if (journal !== undefined) progress.begun(journal.user)
}

export const ended = ({ job: { progress }, journal, partial, tag }: Named): void => {
  progress.ended(partial.user)
  if (journal !== undefined) progress.ended(journal.user)
  endTag(tag)
}

export const removeParts = (copying: Named): Effect.Effect<void, never, Kernel> => {
  const { journal, partial, partialIsOurs } = copying
  const over = Effect.sync(() => ended(copying))
  if (!partialIsOurs) return Effect.zipRight(closeJournal(copying), over)
  // The journal last: without it the rest is of no use to anybody, with it alone nobody is misled.
  return Effect.zipRight(removeFile(partial.system), closeJournal(copying)).pipe(
    Effect.zipRight(journal === undefined ? Effect.void : removeFile(journal.system)),
    Effect.zipRight(over)
  )
}

export const closeJournal = (copying: Named): Effect.Effect<void> => Effect.suspend(() => copying.closeJournal)

/** A copy that does not get the permissions of its source has those of any new file. */
export const modeOf = ({ job: { settings } }: Named): number => settings.permissions ? PRIVATE : 0o666

/** Turns an error of the library about one of the two files into a sentence about the file that the user knows. */
export const explain = ({ file: { source }, target }: Named, error: PipelineError | Win32Error): PipelineError => {
  if (error._tag === "PipelineError") return error
  if (error.syscall === "VirtualAlloc") return cannot("get a buffer for", source)(error)
  if (error.path === source.system) return cannot("read", source)(error)
  if (error.syscall !== "MoveFileExW" && error.syscall !== "SetRenameInformation") {
    return cannot(error.syscall === "ReadFile" ? "read back" : "write", target)(error)
  }
  if (look(target)?.isDirectory() === true) return isDirectory(target, error)
  return error.reason === "AlreadyExists" ? alreadyExists(target.user, error) : cannot("make", target)(error)
}

/** The failure of a file whose name a directory has. */
export const isDirectory = ({ user }: Place, cause?: unknown): PipelineError =>
  failure("AlreadyExists", user, `${quoted(user)} is a directory and cannot be replaced by a file.`, cause)

/**
 * Without `overwrite` the name must be free. With it, a name that is taken is replaced, and that is remembered. What
 * gets the name must be the file that was written: whoever else can write in the directory may have put another one in
 * its place.
 */
export const giveName = (copying: Named): Effect.Effect<void, PipelineError | Win32Error, Kernel> => {
  const { file, job: { made, progress, settings: { overwrite } }, journal, target } = copying
  const done = (remember: (identity: Identity) => void) => (identity: Identity | undefined) => {
    ended(copying)
    if (identity === undefined) return Effect.fail(replaced(target.user))
    remember(identity)
    if (file.shared !== undefined) file.shared.copy = windows ? look(target) : identity
    progress.file()
    return journal === undefined
      ? Effect.void
      : Effect.zipRight(copying.closeJournal, Effect.asVoid(removeFile(journal.system)))
  }
  return Effect.matchEffect(rename(copying, false), {
    onSuccess: done((identity) => made.file(file.to, file.name, identity)),
    onFailure: (error) =>
      overwrite && (error.reason === "AlreadyExists" || error.reason === "Unsupported")
        ? Effect.flatMap(rename(copying, true), done(() => made.replaced++))
        : Effect.fail(error)
  })
}

/** Answers which file has the name now; `undefined`: it is not the one that was written. */
const rename = (copying: Named, replace: boolean): Effect.Effect<Identity | undefined, Win32Error, Kernel> =>
  Effect.flatMap(Kernel, (kernel) => {
    const { partial, target } = copying
    const isOurs = (there: Identity) => isWhatWasWritten(copying, there)
    if (kernel.engine.kernel.holdsDirectories === true) {
      return renameMeant(kernel, partial.system, target.system, replace, isOurs)
    }
    return Effect.map(File.rename(partial.system, target.system, { replace }), () => {
      const there = look(target)
      // By names numbers of files may change with them on Windows, as on FAT, and node may tell others than a handle.
      return there === undefined || windows || isOurs(there) ? there : undefined
    })
  })

const isWhatWasWritten = ({ identity }: Named, there: Identity): boolean =>
  identity === undefined || !isKnown(identity) || !isKnown(there) || isSame(there, identity)
