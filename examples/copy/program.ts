// The run as a whole: plan, copy, and what is said and taken back at each of the ways it can end.
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import { existsSync, realpathSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Kernel from "../../src/Kernel.js"
import * as Ledger from "../../src/Ledger.js"
import type * as Win32Error from "../../src/Win32Error.js"
import { parse, type Settings } from "./cli.js"
import { copyTree } from "./copyTree.js"
import type { CopyFailure } from "./Failure.js"
import { cannot, failure } from "./Failure.js"
import type { Job } from "./Job.js"
import { Journal } from "./Journal.js"
import { makePlan, type Plan } from "./plan.js"
import { Progress } from "./Progress.js"
import { count, duration, quoted, size, withoutPeriod } from "./text.js"

/** What happens outside of the program, and what it leaves behind when it is killed. */
export interface World {
  readonly argv: ReadonlyArray<string>
  readonly out: NodeJS.WriteStream
  readonly err: NodeJS.WriteStream
  /** Told the partial files of the moment. */
  partials: () => Iterable<string>
}

export const program = (world: World): Effect.Effect<void, CopyFailure> =>
  Effect.gen(function*() {
    const settings = yield* parse(world.argv)
    if (settings === undefined) return
    if (settings.paths !== undefined) return yield* run(world, settings, settings.paths)
    yield* withTemporaryDirectory(world, settings.keep, (directory) =>
      Effect.flatMap(ownNodeModules, (source) =>
        run(world, settings, { source, destination: join(directory, "node_modules") })))
  })

const run = (
  world: World,
  settings: Settings,
  paths: NonNullable<Settings["paths"]>
): Effect.Effect<void, CopyFailure> => {
  const journal = new Journal()
  const progress = new Progress(world.out, settings.verify !== "none")
  world.partials = () => journal.partials
  const say = (line: string) => Effect.sync(() => world.out.write(`${line}\n`))
  const copy = Effect.gen(function*() {
    const kernel = yield* Kernel.Kernel
    const job: Job = { settings, journal, progress, keptModes: new Map(), unbuffered: kernel.name === "win32" }
    const plan = yield* makePlan(paths.source, paths.destination)
    if (settings.verify === "durable" && !job.unbuffered) {
      yield* say("The portable kernel cannot read past the cache: what was flushed is read back through it.")
    }
    progress.start({ files: plan.files.length, bytes: plan.bytes })
    yield* copyTree(job, plan)
    return plan
  })
  const ended = copy.pipe(
    Effect.ensuring(Effect.sync(() => progress.stop())),
    Effect.onExit((exit) => Effect.zipRight(atEnd(exit, settings, journal, progress, say), sayLedger(say)))
  )
  return ended.pipe(
    Effect.provide(Kernel.layerOptions({ kernel: settings.kernel })),
    Effect.provide(Logger.replace(Logger.defaultLogger, Logger.withConsoleError(Logger.logfmtLogger))),
    Effect.catchTag("Win32Error", (error) => Effect.fail(noKernel(error))),
    Effect.asVoid
  )
}

type Say = (line: string) => Effect.Effect<unknown>

const atEnd = (
  exit: Exit.Exit<Plan, CopyFailure>,
  settings: Settings,
  journal: Journal,
  progress: Progress,
  say: Say
): Effect.Effect<unknown, never, Kernel.Kernel> => {
  if (Exit.isSuccess(exit)) return say(summary(exit.value, settings, progress))
  if (Cause.isInterruptedOnly(exit.cause)) {
    const kept = `Interrupted. ${
      count(progress.files, "file is", "files are")
    } complete and kept; nothing partial is left.`
    return Effect.zipRight(journal.removeEmptyDirectories(), say(kept))
  }
  return Effect.flatMap(journal.undo(), (left) =>
    Effect.zipRight(
      left.length > 0 ? say(`Could not be removed again: ${left.map(quoted).join(", ")}.`) : Effect.void,
      journal.replaced > 0
        ? say(`${count(journal.replaced, "file")} had been replaced and cannot be restored.`)
        : Effect.void
    ))
}

const verified: { readonly [V in Settings["verify"]]: string } = {
  none: "Not verified (--verify none).",
  read: "Verified: every file was read back and has the SHA-256 of its source.",
  durable: "Verified: every file was flushed to the disk, read back and has the SHA-256 of its source."
}

const summary = (plan: Plan, settings: Settings, progress: Progress): string => {
  const things = [count(plan.files.length, "file"), count(plan.directories.length, "directory", "directories")]
  if (plan.links.length > 0) things.push(count(plan.links.length, "link"))
  const seconds = progress.elapsedSeconds
  return `Copied ${things.join(", ")}: ${size(progress.bytes)} in ${duration(seconds)}, ${
    size(progress.bytes / seconds)
  }/s.\n` +
    verified[settings.verify]
}

const sayLedger = (say: Say): Effect.Effect<void, never, Kernel.Kernel> =>
  Effect.flatMap(
    Kernel.Kernel,
    (kernel) => Effect.flatMap(Kernel.ledger, (ledger) => say(`Ledger (${kernel.name}): ${Ledger.format(ledger)}.`))
  )

const noKernel = (error: Win32Error.Win32Error): CopyFailure =>
  failure("BadOption", `The win32 kernel cannot be had here: ${withoutPeriod(error.text)}.`, error)

// --- without SOURCE and DESTINATION

/** The node_modules of the project that this program belongs to: beside the nearest package.json above its file. */
const ownNodeModules: Effect.Effect<string, CopyFailure> = Effect.suspend(() => {
  const program = realpathSync(fileURLToPath(import.meta.url))
  for (let directory = dirname(program);; directory = dirname(directory)) {
    const candidate = join(directory, "node_modules")
    if (existsSync(join(directory, "package.json")) && existsSync(candidate)) return Effect.succeed(candidate)
    if (dirname(directory) === directory) {
      return Effect.fail(
        failure("SourceMissing", "There is no node_modules above this program to copy: run `npm ci` first.")
      )
    }
  }
})

const withTemporaryDirectory = <A>(
  world: World,
  keep: boolean,
  use: (directory: string) => Effect.Effect<A, CopyFailure>
): Effect.Effect<A, CopyFailure> => {
  const parent = tmpdir()
  const acquire = Effect.tryPromise({
    try: () => mkdtemp(join(parent, "threadpool-io-copy-")),
    catch: (error) => cannot("make a directory in", parent)(error)
  })
  const release = (directory: string) =>
    keep
      ? Effect.sync(() => world.out.write(`Kept: ${directory}\n`))
      : Effect.promise(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }))
  return Effect.acquireUseRelease(
    acquire,
    (directory) =>
      Effect.zipRight(
        Effect.sync(() => world.out.write(`Copying the project's node_modules to ${directory}\n`)),
        use(directory)
      ),
    release
  )
}
