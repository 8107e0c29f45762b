/**
 * The whole: directories first, then links and files, then what the directories themselves look like, deepest first. And what
 * is taken back at each of the ways it can end.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as BufferPool from "../../BufferPool.js"
import type { Kernel } from "../../Kernel.js"
import type { Copied } from "../../Pipeline.js"
import { PipelineError } from "../../PipelineError.js"
import { LARGEST_SECTOR } from "../constants.js"
import { copyFile } from "./copyFile.js"
import { finishDirectory, makeDirectory, refuseCollision, syncDirectory } from "./directories.js"
import { cannot, filesFailed, withRemains } from "./failures.js"
import { forEachOfFew } from "./fibers.js"
import type { Job } from "./Job.js"
import { findLeft } from "./leftovers.js"
import { makeLink } from "./links.js"
import { removeFile } from "./Made.js"
import { inside } from "./names.js"
import type { Plan } from "./plan.js"
import { forEachInTurns } from "./turns.js"

/** Copies what was planned; what is made of it when that fails, or is interrupted, is what the settings say. */
export const copyPlanned = (job: Job, plan: Plan, destination: string): Effect.Effect<Copied, PipelineError, Kernel> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.exit(restore(copyAll(job, plan))), (exit) => {
      if (Exit.isFailure(exit)) return afterFailure(job, exit.cause)
      if (job.failures.length > 0) {
        return Effect.fail(withRemains(filesFailed(destination, job.failures), [], job.made.replaced))
      }
      return Effect.succeed(copied(job, plan))
    })
  )

const copied = ({ made, progress }: Job, { directories, files, links }: Plan): Copied => ({
  files: files.length,
  directories: directories.length,
  links: links.length,
  bytes: progress.bytes,
  foundFiles: progress.foundFiles,
  foundBytes: progress.foundBytes,
  replaced: made.replaced
})

/** Takes back what is to be taken back. Of what is interrupted, the complete files are kept. */
const afterFailure = (
  job: Job,
  cause: Cause.Cause<PipelineError>
): Effect.Effect<never, PipelineError, Kernel> => {
  const { made, settings } = job
  const left = Cause.isInterruptedOnly(cause) || settings.onFailure !== "undo"
    ? Effect.as(made.removeEmptyDirectories(), [])
    : made.undo()
  return Effect.flatMap(
    left,
    (left) => Effect.failCause(Cause.map(cause, (error) => withRemains(error, left, made.replaced)))
  )
}

/** What may fail without the others is collected where that was asked for. */
const orCollected = <R>(
  job: Job,
  effect: Effect.Effect<void, PipelineError, R>
): Effect.Effect<void, PipelineError, R> =>
  job.settings.onFailure === "collect"
    ? Effect.catchAll(effect, (error) => Effect.sync(() => void job.failures.push(error)))
    : effect

const copyAll = (job: Job, plan: Plan): Effect.Effect<void, PipelineError, Kernel> =>
  Effect.gen(function*() {
    const { directories, files, links } = plan
    const { onFailure, resume, verify } = job.settings
    const collected = (f: () => void): void => {
      try {
        f()
      } catch (thrown) {
        if (onFailure !== "collect" || !(thrown instanceof PipelineError)) throw thrown
        job.failures.push(thrown)
      }
    }
    const lookFor = resume ? leftFinder(job, plan) : undefined
    if (directories.length === 0) { for (const { directory } of files) lookFor?.(directory) }
    yield* forEachInTurns(directories, (directory) => {
      const isRoot = directory === directories[0]
      const make = () => {
        if (makeDirectory(job, directory, isRoot)) lookFor?.(directory.target)
      }
      if (isRoot) make()
      else collected(make)
    })
    yield* refuseCollision(job, plan)
    yield* Effect.forEach(links, (link) => orCollected(job, makeLink(job, link)), { discard: true })
    yield* Effect.forEach(
      [...job.left].flatMap(([directory, { useless }]) => useless.map((name) => inside(directory, name))),
      removeFile,
      { discard: true }
    )
    yield* copyFiles(job, plan)
    const deepestFirst = [...directories].reverse()
    yield* forEachInTurns(deepestFirst, (directory) => collected(() => finishDirectory(job, directory)))
    if (verify === "durable") {
      const changed = directories.length > 0
        ? deepestFirst.map(({ target }) => target)
        : files.map((one) => one.directory)
      yield* Effect.forEach(changed, (path) => orCollected(job, syncDirectory(path)), { discard: true })
    }
  })

/** Looks for what earlier copies left of the files that are to be in a directory. */
const leftFinder = (job: Job, { files }: Plan) => {
  const names = new Map<string, Array<string>>()
  for (const { directory, name } of files) {
    const there = names.get(directory)
    if (there === undefined) names.set(directory, [name])
    else there.push(name)
  }
  return (directory: string): void => {
    job.left.set(directory, findLeft(directory, names.get(directory) ?? []))
  }
}

const copyFiles = (job: Job, { files }: Plan): Effect.Effect<void, PipelineError, Kernel> => {
  const { chunk, concurrency } = job.settings
  const largest = files.reduce((most, { size }) => Math.max(most, size), 1)
  // Past the cache only whole sectors are read, and into whole sectors.
  const size = Math.ceil(Math.min(chunk, largest) / LARGEST_SECTOR) * LARGEST_SECTOR
  const buffer = Effect.mapError(BufferPool.make(size), cannot("get a buffer for", files[0]?.source ?? ""))
  const items = { length: files.length, at: (index: number) => files[index]! }
  return Effect.scoped(
    forEachOfFew(items, concurrency, buffer, (file, own) => orCollected(job, copyFile(job, file, own)))
  )
}
