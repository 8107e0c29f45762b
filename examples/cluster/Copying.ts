/**
 * The work as the cluster knows it: a directory of a tree is a durable workflow, each of its files a durable activity.
 *
 * A workflow has one runner at a time. When that one is killed another takes the workflow over: activities that have
 * ended are not run again, and the file that was under way is gone on with, as its owner is the workflow.
 */
import * as Activity from "@effect/workflow/Activity"
import * as Workflow from "@effect/workflow/Workflow"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { appendFileSync } from "node:fs"
import { lstat, mkdir, readdir, readlink, symlink } from "node:fs/promises"
import { join } from "node:path"
import * as ErrorSchema from "../../src/ErrorSchema.js"
import * as Pipeline from "../../src/Pipeline.js"
import * as PipelineError from "../../src/PipelineError.js"

/** Files at once in each directory. */
const CONCURRENCY = 16

const FileResult = Schema.Struct({
  name: Schema.String,
  bytes: Schema.Number,
  /** Why it could not be copied. */
  problem: Schema.optional(ErrorSchema.PipelineError)
})

export const CopyDirectory = Workflow.make({
  name: "CopyDirectory",
  payload: {
    /** Names one copy of a tree. */
    job: Schema.String,
    source: Schema.String,
    target: Schema.String,
    /** Relative to both. */
    directory: Schema.String
  },
  idempotencyKey: ({ directory, job }) => `${job}/${directory}`,
  success: Schema.Array(FileResult),
  error: ErrorSchema.PipelineError
})

type Payload = typeof CopyDirectory.payloadSchema.Type

export interface Journal {
  /** The runner that writes. */
  readonly runner: string
  readonly file: string
}

/** One line of a journal: who gave a file its final name, or found it there. */
export interface JournalLine {
  readonly runner: string
  readonly path: string
  readonly found: boolean
}

const list = (directory: string) =>
  Activity.make({
    name: "list",
    success: Schema.Array(Schema.String),
    error: ErrorSchema.PipelineError,
    execute: attempt(directory, async () => {
      const entries = await readdir(directory, { withFileTypes: true })
      return entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name).sort()
    })
  })

const copyFile = ({ directory, job, source, target }: Payload, name: string, journal: Journal) =>
  Activity.make({
    name: `copy ${name}`,
    success: FileResult,
    execute: Effect.gen(function*() {
      const path = join(directory, name)
      const [from, to] = [join(source, path), join(target, path)]
      if (yield* isLink(from)) {
        yield* copyLink(from, to)
        return { name, bytes: 0 }
      }
      const copied = yield* Pipeline.copy(from, to, { resume: true, verify: "read", owner: `${job}/${directory}` })
      const line: JournalLine = { runner: journal.runner, path, found: copied.foundFiles > 0 }
      appendFileSync(journal.file, `${JSON.stringify(line)}\n`)
      return { name, bytes: copied.bytes }
    }).pipe(
      // The others go on.
      Effect.catchAll((problem) => Effect.succeed({ name, bytes: 0, problem }))
    )
  })

/** Functions of node's, which fail as the library does: an error that travels. */
const attempt = <A>(path: string, work: () => Promise<A>) =>
  Effect.tryPromise({
    try: work,
    catch: (cause) => PipelineError.make({ reason: "Unknown", path, sentence: `${(cause as Error).message}.`, cause })
  })

const isLink = (path: string) => Effect.map(attempt(path, () => lstat(path)), (stat) => stat.isSymbolicLink())

/** A link that is there was made by a runner that has been killed since. */
const copyLink = (from: string, to: string) =>
  attempt(to, async () => {
    const text = await readlink(from)
    await symlink(text, to).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST" || await readlink(to) !== text) throw error
    })
  })

/** Runs workflows on this runner. */
export const layerCopying = (journal: Journal) =>
  CopyDirectory.toLayer((payload) =>
    Effect.gen(function*() {
      const { directory, source, target } = payload
      const made = join(target, directory)
      yield* attempt(made, () => mkdir(made, { recursive: true }))
      const names = yield* list(join(source, directory))
      return yield* Effect.forEach(names, (name) => copyFile(payload, name, journal), { concurrency: CONCURRENCY })
    })
  )
