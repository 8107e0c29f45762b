/**
 * The whole: directories first, then links and files, then what the directories themselves look like, deepest first.
 * And what is taken back at each of the ways it can end.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as BufferPool from "../../BufferPool.js"
import type { PoolBuffer } from "../../BufferPool.js"
import type { Kernel } from "../../Kernel.js"
import type { Copied } from "../../Pipeline.js"
import type { PipelineError } from "../../PipelineError.js"
import { LARGEST_SECTOR } from "../constants.js"
import { inside, placeIn } from "../held/Place.js"
import type { Held } from "../held/Room.js"
import { copyFile } from "./copyFile.js"
import { finishDirectory, makeDirectory, refuseCollision, syncDirectory } from "./directories.js"
import { cannot, filesFailed, withRemains } from "./failures.js"
import { forEachOfFew } from "./fibers.js"
import { makeHardLink } from "./hardLinks.js"
import { findLeft } from "./leftovers.js"
import { makeLink } from "./links.js"
import type { Plan, PlannedFile } from "./plan.js"
import type { TreeCopy } from "./TreeCopy.js"
import { forEachInTurns } from "./turns.js"
import { removeFile } from "./UndoLog.js"

/** Copies what was planned; what is made of it when that fails, or is interrupted, is what the settings say. */
export const copyPlanned = (
  job: TreeCopy,
  plan: Plan,
  destination: string
): Effect.Effect<Copied, PipelineError, Kernel> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.exit(restore(copyAll(job, plan))), (exit) => {
      if (Exit.isFailure(exit)) return afterFailure(job, exit.cause)
      if (job.failures.length > 0) {
        return Effect.fail(withRemains(filesFailed(destination, job.failures), [], job.made.replaced))
      }
      return Effect.succeed(copied(job, plan))
    })
  )

const copied = ({ made, progress }: TreeCopy, { directories, files, hardLinks, links }: Plan): Copied => ({
  files: files.length + hardLinks.length,
  hardLinks: made.hardLinks,
  directories: directories.length,
  links: links.length,
  bytes: progress.bytes,
  foundFiles: progress.foundFiles,
  foundBytes: progress.foundBytes,
  replaced: made.replaced
})

/** Takes back what is to be taken back. Of what is interrupted, the complete files are kept. */
const afterFailure = (
  { made, room, settings }: TreeCopy,
  cause: Cause.Cause<PipelineError>
): Effect.Effect<never, PipelineError, Kernel> => {
  const left = Cause.isInterruptedOnly(cause) || settings.onFailure !== "undo"
    ? Effect.as(made.removeEmptyDirectories(room), [])
    : made.undo(room)
  return Effect.flatMap(
    left,
    (left) => Effect.failCause(Cause.map(cause, (error) => withRemains(error, left, made.replaced)))
  )
}

/** Records the failure and goes on where failures are collected. */
export const orCollected = <R>(
  job: TreeCopy,
  effect: Effect.Effect<void, PipelineError, R>
): Effect.Effect<void, PipelineError, R> =>
  job.settings.onFailure === "collect"
    ? Effect.catchAll(effect, (error) => Effect.sync(() => void job.failures.push(error)))
    : effect

const copyAll = (job: TreeCopy, plan: Plan): Effect.Effect<void, PipelineError, Kernel> =>
  Effect.gen(function*() {
    const { links } = plan
    yield* makeDirectories(job, plan)
    yield* refuseCollision(job, plan)
    yield* forEachInTurns(links, (link) => orCollected(job, makeLink(job, link)))
    for (const [directory, { useless }] of job.left) yield* removeUseless(job, directory, useless)
    yield* copyFiles(job, plan)
    yield* finishDirectories(job, plan)
  })

const makeDirectories = (job: TreeCopy, plan: Plan): Effect.Effect<void, PipelineError, Kernel> => {
  const { directories, files, hardLinks } = plan
  const names = job.settings.resume ? namesOf([...files, ...hardLinks]) : undefined
  const look = (directory: Held) => names === undefined ? Effect.void : findLeftIn(job, directory, names)
  if (directories.length === 0) {
    return Effect.forEach(files, ({ to }) => job.room.using([to], () => look(to)), { discard: true })
  }
  return forEachInTurns(directories, (directory) => {
    const isRoot = directory === directories[0]
    const make = makeDirectory(job, directory, () => look(directory.target))
    return isRoot ? make : orCollected(job, make)
  })
}

export const namesOf = (files: ReadonlyArray<PlannedFile>): ReadonlyMap<Held, ReadonlyArray<string>> => {
  const names = new Map<Held, Array<string>>()
  for (const { name, to } of files) {
    const there = names.get(to)
    if (there === undefined) names.set(to, [name])
    else there.push(name)
  }
  return names
}

/** Looks for what earlier copies left of the files that are to be in a directory, which is held. */
export const findLeftIn = (job: TreeCopy, directory: Held, names: ReadonlyMap<Held, ReadonlyArray<string>>) =>
  Effect.map(
    findLeft(directory.place, names.get(directory) ?? [], { maker: job.maker, takeOver: job.settings.takeOver }),
    (left) => {
      if (left.journaled.size > 0 || left.useless.length > 0) job.left.set(directory, left)
    }
  )

const removeUseless = ({ room }: TreeCopy, directory: Held, names: ReadonlyArray<string>) =>
  room.using(
    [directory],
    () => Effect.forEach(names, (name) => removeFile(inside(directory.place.system, name)), { discard: true })
  )
/** A size is a hint: a file may hold more than it says. */
const LEAST_BUFFER = 65_536

/** Further names of a file come after the files: they are given to what has been copied. */
const copyFiles = (job: TreeCopy, { files, hardLinks }: Plan): Effect.Effect<void, PipelineError, Kernel> =>
  Effect.zipRight(
    forEachFile(job, files, (file, own) => copyOne(job, file, own)),
    forEachFile(
      job,
      hardLinks,
      (link, own) => Effect.flatMap(makeHardLink(job, link), (isMade) => isMade ? Effect.void : copyOne(job, link, own))
    )
  )

const copyOne = (job: TreeCopy, file: PlannedFile, own: PoolBuffer): Effect.Effect<void, PipelineError, Kernel> => {
  const { from, name, original, shared, size, to } = file
  return job.room.using([from, to], () => {
    const source = placeIn(from.place, original)
    return copyFile(job, { source, directory: to.place, to, name, size, shared }, own)
  })
}

/** `work` gets a buffer for as long as it runs. */
export const forEachFile = <File extends PlannedFile>(
  job: TreeCopy,
  files: ReadonlyArray<File>,
  work: (file: File, own: PoolBuffer) => Effect.Effect<void, PipelineError, Kernel>
): Effect.Effect<void, PipelineError, Kernel> => {
  const { chunk, concurrency } = job.settings
  const largest = files.reduce((most, { size }) => Math.max(most, size), 1)
  // Past the cache only whole sectors are read, and into whole sectors.
  const size = Math.ceil(Math.min(chunk, Math.max(largest, LEAST_BUFFER)) / LARGEST_SECTOR) * LARGEST_SECTOR
  const first = files[0]
  const buffer = Effect.mapError(
    BufferPool.make(size),
    cannot("get a buffer for", first === undefined ? "" : inside(first.from.path, first.original))
  )
  const items = { length: files.length, at: (index: number) => files[index]! }
  return Effect.scoped(forEachOfFew(items, concurrency, buffer, (file, own) => orCollected(job, work(file, own))))
}

const finishDirectories = (job: TreeCopy, { directories, files }: Plan): Effect.Effect<void, PipelineError> => {
  const deepestFirst = [...directories].reverse()
  const finished = forEachInTurns(deepestFirst, (directory) => orCollected(job, finishDirectory(job, directory)))
  const { resume, verify } = job.settings
  const root = directories[0]?.target
  // The one above the whole has got an entry too, if not from this copy then perhaps from the one that it goes on with.
  const above = root === undefined ? files[0]?.to : job.made.has(root) || resume ? root.parent : undefined
  return verify !== "durable" || above === undefined
    ? finished
    : Effect.zipRight(finished, orCollected(job, syncDirectory(job, above)))
}
