/**
 * Symbolic links, copied as links.
 */
import * as Effect from "effect/Effect"
import { type BigIntStats, lstatSync, lutimesSync, readlinkSync, statSync, symlinkSync } from "node:fs"
import * as File from "../../File.js"
import type { Kernel } from "../../Kernel.js"
import type { PipelineError } from "../../PipelineError.js"
import { isOther } from "../held/identity.js"
import { inside, type Place, placeIn } from "../held/Place.js"
import { timeText } from "../times.js"
import { attempt, cannot, changed, failing, failure } from "./failures.js"
import { partialName } from "./names.js"
import type { PlannedLink } from "./plan.js"
import { withTag } from "./tags.js"
import { quoted } from "./text.js"
import type { TreeCopy } from "./TreeCopy.js"

/** Under `overwrite` a link is made beside the name and renamed over it, as a file is. */
export const makeLink = (job: TreeCopy, link: PlannedLink): Effect.Effect<void, PipelineError, Kernel> =>
  job.room.using([link.from, link.to], () =>
    failing(() => {
      refuseAnother(link)
      return makeHeld(job, link, link.to.place)
    }))

/** A link that the walk of the tree has seen may have been put there for a moment. */
const refuseAnother = ({ from, name, stat }: PlannedLink): void => {
  const source = placeIn(from.place, name)
  const now = attempt("read", source, () => look(source))
  if (now === undefined || isOther(now, stat)) throw changed(source.user)
}

const makeHeld = (job: TreeCopy, link: PlannedLink, directory: Place): Effect.Effect<void, PipelineError, Kernel> => {
  const { made, maker, settings } = job
  const target = placeIn(directory, link.name)
  const make = (place: Place) =>
    Effect.try({ try: () => symlink(job, link, place), catch: (error) => error as PipelineError })
  const plainly = Effect.map(make(target), (stat) => made.file(link.to, link.name, stat))
  if (!settings.overwrite && !settings.resume) return plainly
  return Effect.catchIf(plainly, isTaken, (error) => {
    if (settings.resume && isSameLink(look(target), target, link)) return Effect.void
    if (!settings.overwrite) return Effect.fail(error)
    return withTag(maker, (tag) => {
      const partial = placeIn(directory, partialName(link.name, tag))
      const replace = File.rename(partial.system, target.system, { replace: true }).pipe(
        Effect.mapError(cannot("replace", target)),
        Effect.tap(() => made.replaced++)
      )
      return make(partial).pipe(
        Effect.zipRight(Effect.onError(replace, () => Effect.ignore(File.remove(partial.system)))),
        Effect.uninterruptible
      )
    })
  })
}

const windows = process.platform === "win32"

const isTaken = ({ reason }: PipelineError): boolean => reason === "AlreadyExists"

const look = ({ system }: Place): BigIntStats | undefined => lstatSync(system, { bigint: true, throwIfNoEntry: false })

export const isSameLink = (
  there: BigIntStats | undefined,
  { system }: Place,
  { text }: PlannedLink
): there is BigIntStats => there?.isSymbolicLink() === true && readlinkSync(system) === text

/** Makes it, and looks at what was made: some systems answer that they have and have not. */
const symlink = ({ settings }: TreeCopy, link: PlannedLink, target: Place): BigIntStats =>
  attempt("make the link", target, () => {
    symlinkSync(link.text, target.system, windows ? kindOfTarget(link) : undefined)
    const there = look(target)
    if (!isSameLink(there, target, link)) {
      const { user } = target
      throw failure("LinkNotMade", user, `The system says that it has made the link ${quoted(user)}, but it has not.`)
    }
    if (settings.times) setLinkTimes(target.system, link.stat)
    return there
  })

/** A time that cannot be set on a link is not worth the copy. */
const setLinkTimes = (target: string, stat: BigIntStats): void => {
  try {
    lutimesSync(target, timeText(stat.atimeNs), timeText(stat.mtimeNs))
  } catch {
    // Not every file system keeps times of links.
  }
}

/** Windows has two kinds of links and wants to know which, also when there is nothing at its end. */
const kindOfTarget = ({ from, name }: PlannedLink): "dir" | "file" => {
  try {
    return statSync(inside(from.place.system, name)).isDirectory() ? "dir" : "file"
  } catch {
    return "file"
  }
}
