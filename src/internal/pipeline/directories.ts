/**
 * The directories of a copy: made before what is in them, and given their times and permissions after it, deepest
 * first.
 */
import * as Effect from "effect/Effect"
import { chmodSync, closeSync, fsync, lstatSync, mkdirSync, openSync, utimesSync } from "node:fs"
import * as File from "../../File.js"
import type { Kernel } from "../../Kernel.js"
import type { PipelineError } from "../../PipelineError.js"
import { permissions } from "../file/permissions.js"
import { inside, type Place, placeIn } from "../held/Place.js"
import type { Held } from "../held/Room.js"
import { isNoDirectory } from "../held/Way.js"
import { timeText } from "../times.js"
import { alreadyExists, cannot, errnoOf, failing, failure } from "./failures.js"
import { otherCase, partialName } from "./names.js"
import type { Plan, PlannedDirectory } from "./plan.js"
import { withTag } from "./tags.js"
import { quoted } from "./text.js"
import type { TreeCopy } from "./TreeCopy.js"

const windows = process.platform === "win32"

/**
 * Writable for us while it is filled. `use` is done with one that was there already, while it is held. A link in the
 * place of a directory would lead the copy out of the destination; only as the destination itself it is meant.
 */
export const makeDirectory = <R>(
  { found, made, room, settings }: TreeCopy,
  { stat, target }: PlannedDirectory,
  use: () => Effect.Effect<void, PipelineError, R>
): Effect.Effect<void, PipelineError, R> => {
  const parent = target.parent!
  return room.using([parent], () =>
    failing(() => {
      const place = placeIn(parent.place, target.name as string)
      const mode = settings.permissions ? permissions(stat.mode) | 0o700 : 0o777
      if (isNew(place, mode)) {
        made.directory(target)
        return room.using([target], () => Effect.void)
      }
      if (!settings.overwrite && !settings.resume) throw alreadyExists(place.user)
      const there = room.using([target], () => {
        found.add(target)
        return use()
      })
      return Effect.mapError(there, (error) => isNoDirectory(error.cause) ? notADirectory(place) : error)
    }))
}

const isNew = (place: Place, mode: number): boolean => {
  try {
    mkdirSync(place.system, { mode })
    return true
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false
    throw cannot("make the directory", place)(error)
  }
}

export const notADirectory = ({ user }: Place): PipelineError =>
  failure("AlreadyExists", user, `${quoted(user)} is there and is not a directory, so it cannot be copied into.`)

/**
 * Gives it its permissions and times, flushes it where that is asked for, and looks whether the names of both still
 * mean what was copied. A directory that was found keeps what it has, but of a copy that is resumed it was made by the
 * one before, perhaps.
 */
export const finishDirectory = (job: TreeCopy, directory: PlannedDirectory): Effect.Effect<void, PipelineError> => {
  const { found, made, room, settings } = job
  const { source, target } = directory
  const isOurs = made.has(target)
  if (!isOurs && !found.has(target)) return Effect.void
  const set = Effect.suspend(() => isOurs || settings.resume ? setTimes(job, directory, isOurs) : Effect.void)
  const finish = room.using([target], () => settings.verify === "durable" ? flushed(target.place, set) : set)
  return Effect.zipRight(finish, Effect.zipRight(room.verify(target), room.verify(source)))
}

const setTimes = (
  { settings }: TreeCopy,
  { stat, target }: PlannedDirectory,
  isOurs: boolean
): Effect.Effect<void, PipelineError> =>
  Effect.try({
    try: () => {
      const { system } = target.place
      if (settings.permissions && !windows) chmodSync(system, permissions(stat.mode))
      if (settings.times) utimesSync(system, timeText(stat.atimeNs), timeText(stat.mtimeNs))
    },
    catch: (error) => error
  }).pipe(
    Effect.catchAll((error) =>
      !isOurs && isRefused(error) ? Effect.void : Effect.fail(cannot("set the times of", target.place)(error))
    )
  )

const isRefused = (error: unknown): boolean => errnoOf(error) === "EPERM" || errnoOf(error) === "EACCES"

/** Flushes a directory: a new entry is durable when its directory is. */
export const syncDirectory = ({ room }: TreeCopy, directory: Held): Effect.Effect<void, PipelineError> =>
  room.using([directory], () => flushed(directory.place, Effect.void))

/** Opened before something is done to it, which may take the right to. Windows has no such call. */
const flushed = (place: Place, change: Effect.Effect<void, PipelineError>): Effect.Effect<void, PipelineError> => {
  if (windows) return change
  const refused = cannot("flush the directory", place)
  let flushing = false
  const flush = (fd: number) =>
    Effect.async<void, PipelineError>((resume) => {
      flushing = true
      fsync(fd, (error) => {
        closeSync(fd)
        resume(error ? Effect.fail(refused(error)) : Effect.void)
      })
    })
  return Effect.acquireUseRelease(
    Effect.try({ try: () => openSync(inside(place.system, "."), "r"), catch: refused }),
    (fd) => Effect.zipRight(change, flush(fd)),
    (fd) => Effect.sync(() => flushing || closeSync(fd))
  )
}

/**
 * Refuses names that differ only in case, where they are one to the destination. It is asked itself: every directory of
 * every file system may answer otherwise.
 */
export const refuseCollision = (
  { maker, progress, room }: TreeCopy,
  { directories, sameButCase }: Plan
): Effect.Effect<void, PipelineError, Kernel> => {
  if (sameButCase === undefined) return Effect.void
  const { target } = directories[0]!
  return room.using([target], () =>
    withTag(maker, (tag) => {
      const { place } = target
      const name = partialName("Case", tag)
      const probe = placeIn(place, name)
      const look = Effect.suspend(() => {
        const folds = lstatSync(placeIn(place, otherCase(name)).system, { throwIfNoEntry: false })
        if (folds === undefined) return Effect.void
        const [first, second] = sameButCase
        return Effect.fail(failure(
          "NamesCollide",
          first,
          `${quoted(first)} and ${quoted(second)} differ only in case, which the destination does not tell apart.`
        ))
      })
      progress.begun(probe.user)
      return Effect.scoped(File.open(probe.system, { access: "write", disposition: "createNew" })).pipe(
        Effect.mapError(cannot("write", probe)),
        Effect.zipRight(look),
        Effect.ensuring(Effect.zipRight(
          Effect.ignore(File.remove(probe.system)),
          Effect.sync(() => progress.ended(probe.user))
        ))
      )
    }))
}
