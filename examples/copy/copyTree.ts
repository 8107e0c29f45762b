// The whole: directories first, then links and files, then what the directories themselves look like, deepest first.
import * as Effect from "effect/Effect"
import { chmodSync, lstatSync, lutimesSync, mkdirSync, readlinkSync, statSync, symlinkSync, utimesSync } from "node:fs"
import type { BigIntStats } from "node:fs"
import { open } from "node:fs/promises"
import * as BufferPool from "../../src/BufferPool.js"
import * as File from "../../src/File.js"
import type { Kernel } from "../../src/Kernel.js"
import { copyFile } from "./copyFile.js"
import { cannot, type CopyFailure, errnoOf, failure } from "./Failure.js"
import { forEachOfFew } from "./fibers.js"
import type { Job } from "./Job.js"
import { inside, otherCase, partialName } from "./names.js"
import { permissions } from "./permissions.js"
import type { Plan, PlannedDirectory, PlannedLink } from "./plan.js"
import { quoted } from "./text.js"
import { forEachInTurns } from "./turns.js"

const windows = process.platform === "win32"

export const copyTree = (job: Job, plan: Plan): Effect.Effect<void, CopyFailure, Kernel> =>
  Effect.gen(function*() {
    yield* forEachInTurns(plan.directories, (directory) =>
      makeDirectory(job, directory, directory === plan.directories[0]))
    yield* refuseCollision(job, plan)
    yield* Effect.forEach(plan.links, (link) =>
      makeLink(job, link), { discard: true })
    yield* copyFiles(job, plan)
    const deepestFirst = [...plan.directories].reverse()
    yield* forEachInTurns(deepestFirst, finishDirectory)
    if (job.settings.verify === "durable" && !windows) {
      yield* Effect.forEach(
        deepestFirst.length > 0
          ? deepestFirst.map(({ target }) => target)
          : plan.files.map(({ directory }) => directory),
        syncDirectory,
        { discard: true }
      )
    }
  })

/** Past the cache only whole sectors are read, and into whole sectors. */
const SECTOR = 4096

const copyFiles = (job: Job, { files }: Plan): Effect.Effect<void, CopyFailure, Kernel> => {
  const { chunk, concurrency } = job.settings
  const largest = files.reduce((most, { size }) => Math.max(most, size), 1)
  const size = Math.ceil(Math.min(chunk, largest) / SECTOR) * SECTOR
  const buffer = Effect.mapError(BufferPool.make(size), cannot("get a buffer for", "the files"))
  const items = { length: files.length, at: (index: number) => files[index]! }
  return Effect.scoped(forEachOfFew(items, concurrency, buffer, (file, own) => copyFile(job, file, own)))
}

// --- directories

/** Writable for us while it is filled; `finishDirectory` gives it what it is to have. */
const makeDirectory = ({ journal, settings }: Job, { stat, target }: PlannedDirectory, isRoot: boolean): void => {
  try {
    mkdirSync(target, { mode: permissions(stat.mode) | 0o700 })
    journal.directory(target)
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw cannot("make the directory", target)(error)
    if (!settings.overwrite) throw alreadyThere(target)
    if (!isDirectory(target, isRoot)) {
      throw failure(
        "DestinationExists",
        `${quoted(target)} is there and is not a directory, so it cannot be copied into.`
      )
    }
  }
}

const alreadyThere = (target: string): CopyFailure =>
  failure("DestinationExists", `${quoted(target)} exists already; --overwrite copies into it.`)

/** A link in the place of a directory would lead the copy out of the destination; only as DESTINATION it is meant. */
const isDirectory = (path: string, follow: boolean): boolean => {
  try {
    return (follow ? statSync(path) : lstatSync(path)).isDirectory()
  } catch {
    return false
  }
}

/** Node takes seconds, as a double: half a microsecond more keeps the microsecond whatever the rounding. */
const seconds = (ns: bigint): number => (Number(ns / 1000n) + 0.5) / 1e6

const finishDirectory = ({ stat, target }: PlannedDirectory): void => {
  try {
    if (!windows) chmodSync(target, permissions(stat.mode))
    utimesSync(target, seconds(stat.atimeNs), seconds(stat.mtimeNs))
  } catch (error) {
    throw cannot("set the times of", target)(error)
  }
}

/** The names in a directory are durable when the directory is. Windows has no such call. */
const syncDirectory = (path: string): Effect.Effect<void, CopyFailure> =>
  Effect.tryPromise({
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

// --- names that differ only in case

/** Asked of the destination itself: every directory of every file system may answer otherwise. */
const refuseCollision = (job: Job, { directories, sameButCase }: Plan): Effect.Effect<void, CopyFailure, Kernel> => {
  const root = directories[0]
  if (sameButCase === undefined || root === undefined) return Effect.void
  const probe = inside(root.target, partialName("Case"))
  const look = Effect.suspend(() => {
    const folds = lstatSync(inside(root.target, otherCase(probe.slice(inside(root.target, "").length))), {
      throwIfNoEntry: false
    })
    if (folds === undefined) return Effect.void
    const [first, second] = sameButCase
    return Effect.fail(failure(
      "NamesCollide",
      `${quoted(first)} and ${quoted(second)} differ only in case, which the destination does not tell apart.`
    ))
  })
  job.journal.partials.add(probe)
  return Effect.scoped(File.open(probe, { access: "write", disposition: "createNew" })).pipe(
    Effect.mapError(cannot("write", probe)),
    Effect.zipRight(look),
    Effect.ensuring(Effect.zipRight(
      Effect.ignore(File.remove(probe)),
      Effect.sync(() => job.journal.partials.delete(probe))
    ))
  )
}

// --- links

/** Under --overwrite a link is made beside the name and renamed over it, as a file is. */
export const makeLink = (job: Job, link: PlannedLink): Effect.Effect<void, CopyFailure, Kernel> => {
  const { journal, settings } = job
  const target = inside(link.directory, link.name)
  const made = Effect.try({
    try: () => {
      symlink(link, target)
      journal.link(target)
    },
    catch: (error) => error as CopyFailure
  })
  if (!settings.overwrite) return made
  return Effect.catchIf(made, isTaken, () => {
    const partial = inside(link.directory, partialName(link.name))
    const replace = File.rename(partial, target, { replace: true }).pipe(
      Effect.mapError(cannot("replace", target)),
      Effect.tap(() => journal.replaced++)
    )
    return Effect.try({ try: () => symlink(link, partial), catch: (error) => error as CopyFailure }).pipe(
      Effect.zipRight(Effect.onError(replace, () => Effect.ignore(File.remove(partial)))),
      Effect.uninterruptible
    )
  })
}

const isTaken = ({ cause }: CopyFailure): boolean => cause !== undefined && errnoOf(cause) === "EEXIST"

/** Makes it, and looks at what was made: some systems answer that they have and have not. */
const symlink = ({ source, stat, text }: PlannedLink, target: string): void => {
  try {
    symlinkSync(text, target, kindOfTarget(source))
  } catch (error) {
    throw cannot("make the link", target)(error)
  }
  const made = lstatSync(target, { throwIfNoEntry: false })
  if (made?.isSymbolicLink() !== true || readlinkSync(target) !== text) {
    throw failure("LinkNotMade", `The system says that it has made the link ${quoted(target)}, but it has not.`)
  }
  setLinkTimes(target, stat)
}

/** A time that cannot be set on a link is not worth the copy. */
const setLinkTimes = (target: string, stat: BigIntStats): void => {
  try {
    lutimesSync(target, seconds(stat.atimeNs), seconds(stat.mtimeNs))
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
