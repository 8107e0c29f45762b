/**
 * Symbolic links, copied as links.
 */
import * as Effect from "effect/Effect"
import { type BigIntStats, lstatSync, lutimesSync, readlinkSync, statSync, symlinkSync } from "node:fs"
import * as File from "../../File.js"
import type { Kernel } from "../../Kernel.js"
import type { PipelineError } from "../../PipelineError.js"
import { timeText } from "../times.js"
import { cannot, failure } from "./failures.js"
import type { Job } from "./Job.js"
import { inside, partialName } from "./names.js"
import type { PlannedLink } from "./plan.js"
import { quoted } from "./text.js"

/** Under `overwrite` a link is made beside the name and renamed over it, as a file is. */
export const makeLink = (job: Job, link: PlannedLink): Effect.Effect<void, PipelineError, Kernel> => {
  const { made, settings } = job
  const target = inside(link.directory, link.name)
  const attempt = (path: string) =>
    Effect.try({ try: () => symlink(job, link, path), catch: (error) => error as PipelineError })
  const plainly = Effect.map(attempt(target), () => made.link(target))
  if (!settings.overwrite && !settings.resume) return plainly
  return Effect.catchIf(plainly, isTaken, (error) => {
    if (settings.resume && isSame(target, link)) return Effect.void
    if (!settings.overwrite) return Effect.fail(error)
    const partial = inside(link.directory, partialName(link.name))
    const replace = File.rename(partial, target, { replace: true }).pipe(
      Effect.mapError(cannot("replace", target)),
      Effect.tap(() => made.replaced++)
    )
    return attempt(partial).pipe(
      Effect.zipRight(Effect.onError(replace, () => Effect.ignore(File.remove(partial)))),
      Effect.uninterruptible
    )
  })
}

const isTaken = ({ reason }: PipelineError): boolean => reason === "AlreadyExists"

const isSame = (path: string, { text }: PlannedLink): boolean => {
  const there = lstatSync(path, { throwIfNoEntry: false })
  return there?.isSymbolicLink() === true && readlinkSync(path) === text
}

/** Makes it, and looks at what was made: some systems answer that they have and have not. */
const symlink = ({ settings }: Job, link: PlannedLink, target: string): void => {
  try {
    symlinkSync(link.text, target, kindOfTarget(link.source))
  } catch (error) {
    throw cannot("make the link", target)(error)
  }
  if (!isSame(target, link)) {
    throw failure(
      "LinkNotMade",
      target,
      `The system says that it has made the link ${quoted(target)}, but it has not.`
    )
  }
  if (settings.times) setLinkTimes(target, link.stat)
}

/** A time that cannot be set on a link is not worth the copy. */
const setLinkTimes = (target: string, stat: BigIntStats): void => {
  try {
    lutimesSync(target, timeText(stat.atimeNs), timeText(stat.mtimeNs))
  } catch {
    // Not every file system keeps times of links.
  }
}

/** Windows has two kinds of links and wants to know which, also when there is nothing at its end. */
const kindOfTarget = (source: string): "dir" | "file" => {
  try {
    return statSync(source).isDirectory() ? "dir" : "file"
  } catch {
    return "file"
  }
}
