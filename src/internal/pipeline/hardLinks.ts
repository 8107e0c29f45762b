/**
 * Further names of a file: they are given to its copy.
 */
import * as Effect from "effect/Effect"
import { type BigIntStats, linkSync, unlinkSync } from "node:fs"
import * as File from "../../File.js"
import type { Kernel } from "../../Kernel.js"
import type { PipelineError } from "../../PipelineError.js"
import { type Identity, isOther } from "../held/identity.js"
import { type Place, placeIn } from "../held/Place.js"
import { alreadyExists, attempt, cannot, failing, replaced } from "./failures.js"
import { partialName } from "./names.js"
import { isDirectory, look } from "./naming.js"
import type { PlannedHardLink } from "./plan.js"
import { withTag } from "./tags.js"
import type { TreeCopy } from "./TreeCopy.js"

/**
 * Answers whether the name has been given. Otherwise it is to be copied as a file of its own: it is another one by now,
 * or the first one has not been copied.
 */
export const makeHardLink = (job: TreeCopy, link: PlannedHardLink): Effect.Effect<boolean, PipelineError, Kernel> => {
  const { first, from, name, original, shared, to } = link
  return job.room.using([from, to, first.to], () =>
    failing(() => {
      const { copy, source } = shared
      const now = look(placeIn(from.place, original))
      if (copy === undefined || source === undefined || now === undefined || isOther(now, source)) {
        return Effect.succeed(false)
      }
      const named = { copied: placeIn(first.to.place, first.name), copy, target: placeIn(to.place, name) }
      const { made, progress } = job
      const isFound = job.settings.resume && isNow(look(named.target), copy)
      const make = isFound
        ? Effect.sync(() => progress.foundFile(0))
        : Effect.map(giveName(job, link, named), () => progress.file())
      return Effect.map(make, () => {
        made.hardLinks++
        return true
      })
    }))
}

interface Named {
  /** The copy under its first name, and which file it is. */
  readonly copied: Place
  readonly copy: Identity
  readonly target: Place
}

const isNow = (there: BigIntStats | undefined, copy: Identity): there is BigIntStats =>
  there !== undefined && !isOther(there, copy)

/** Under `overwrite` a name that is taken is given beside it, and renamed over it, as a file is. */
const giveName = (
  job: TreeCopy,
  { name, to }: PlannedHardLink,
  named: Named
): Effect.Effect<void, PipelineError, Kernel> => {
  const { made, maker, settings } = job
  const { copy, target } = named
  const plainly = failing(() => {
    made.file(to, name, linked(named, target))
    return Effect.void
  })
  return Effect.catchIf(plainly, isTaken, (error) => {
    if (look(target)?.isDirectory() === true) return Effect.fail(isDirectory(target, error))
    if (!settings.overwrite) return Effect.fail(alreadyExists(target.user, error))
    return withTag(maker, (tag) => {
      const partial = placeIn(to.place, partialName(name, tag))
      const rename = Effect.mapError(
        File.rename(partial.system, target.system, { replace: true }),
        cannot("replace", target)
      )
      return failing(() => {
        linked(named, partial)
        return Effect.flatMap(rename, () => {
          made.replaced++
          return isNow(look(target), copy) ? Effect.void : Effect.fail(replaced(target.user))
        })
      }).pipe(
        // A rename to another name of the same file does nothing.
        Effect.ensuring(
          Effect.suspend(() => look(partial) === undefined ? Effect.void : Effect.ignore(File.remove(partial.system)))
        ),
        Effect.uninterruptible
      )
    })
  })
}

const isTaken = ({ reason }: PipelineError): boolean => reason === "AlreadyExists"

/**
 * A held file cannot be given a name, only a name can: so what has the first name is looked at before and after, and a
 * name that was given to another file is taken back.
 */
const linked = ({ copied, copy }: Named, place: Place): BigIntStats => {
  if (!isNow(look(copied), copy)) throw replaced(copied.user)
  attempt("make the hard link", place, () => linkSync(copied.system, place.system))
  const there = look(place)
  if (isNow(there, copy)) return there
  const other = look(copied)
  if (there !== undefined && other !== undefined && !isOther(there, other)) {
    attempt("remove the hard link", place, () => unlinkSync(place.system))
  }
  throw replaced(copied.user)
}
