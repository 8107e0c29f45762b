/**
 * The directories of a copy: made before what is in them, and given their times and permissions after it, deepest first.
 */
import * as Effect from "effect/Effect"
import { chmodSync, lstatSync, mkdirSync, statSync, utimesSync } from "node:fs"
import { open } from "node:fs/promises"
import * as File from "../../File.js"
import type { Kernel } from "../../Kernel.js"
import type { PipelineError } from "../../PipelineError.js"
import { timeText } from "../times.js"
import { alreadyExists, cannot, errnoOf, failure } from "./failures.js"
import type { Job } from "./Job.js"
import { inside, otherCase, partialName } from "./names.js"
import { permissions } from "./permissions.js"
import type { Plan, PlannedDirectory } from "./plan.js"
import { quoted } from "./text.js"

const windows = process.platform === "win32"

/** Writable for us while it is filled. Answers whether it was there already. May throw a `PipelineError`. */
export const makeDirectory = (
  { made, settings }: Job,
  { stat, target }: PlannedDirectory,
  isRoot: boolean
): boolean => {
  try {
    mkdirSync(target, { mode: settings.permissions ? permissions(stat.mode) | 0o700 : 0o777 })
    made.directory(target)
    return false
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw cannot("make the directory", target)(error)
    if (!settings.overwrite && !settings.resume) throw alreadyExists(target, error)
    if (isDirectory(target, isRoot)) return true
    throw failure(
      "AlreadyExists",
      target,
      `${quoted(target)} is there and is not a directory, so it cannot be copied into.`
    )
  }
}

/** A link in the place of a directory would lead the copy out of the destination; only as the destination itself it is meant. */
const isDirectory = (path: string, follow: boolean): boolean => {
  try {
    return (follow ? statSync(path) : lstatSync(path)).isDirectory()
  } catch {
    return false
  }
}

/** May throw a `PipelineError`. */
export const finishDirectory = ({ settings }: Job, { stat, target }: PlannedDirectory): void => {
  try {
    if (settings.permissions && !windows) chmodSync(target, permissions(stat.mode))
    if (settings.times) utimesSync(target, timeText(stat.atimeNs), timeText(stat.mtimeNs))
  } catch (error) {
    throw cannot("set the times of", target)(error)
  }
}

/** The names in a directory are durable when the directory is. Windows has no such call. */
export const syncDirectory = (path: string): Effect.Effect<void, PipelineError> =>
  windows ? Effect.void : Effect.tryPromise({
    try: async () => {
      const directory = await open(path, "r")
      try {
        await directory.sync()
      } finally {
        await directory.close()
      }
    },
    catch: (error) => cannot("flush the directory", path)(error)
  })

/**
 * Refuses names that differ only in case, where they are one to the destination. It is asked itself: every directory of every
 * file system may answer otherwise.
 */
export const refuseCollision = (
  { progress }: Job,
  { directories, sameButCase }: Plan
): Effect.Effect<void, PipelineError, Kernel> => {
  const root = directories[0]
  if (sameButCase === undefined || root === undefined) return Effect.void
  const name = partialName("Case")
  const probe = inside(root.target, name)
  const look = Effect.suspend(() => {
    const folds = lstatSync(inside(root.target, otherCase(name)), { throwIfNoEntry: false })
    if (folds === undefined) return Effect.void
    const [first, second] = sameButCase
    return Effect.fail(failure(
      "NamesCollide",
      first,
      `${quoted(first)} and ${quoted(second)} differ only in case, which the destination does not tell apart.`
    ))
  })
  return Effect.suspend(() => {
    progress.begun(probe)
    return Effect.scoped(File.open(probe, { access: "write", disposition: "createNew" })).pipe(
      Effect.mapError(cannot("write", probe)),
      Effect.zipRight(look),
      Effect.ensuring(Effect.zipRight(
        Effect.ignore(File.remove(probe)),
        Effect.sync(() => progress.ended(probe))
      ))
    )
  })
}
