// The run as a whole: plan, copy, and what is said and taken back at each of the ways it can end.
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import { existsSync, realpathSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Kernel from "../../src/Kernel.js"
import * as Ledger from "../../src/Ledger.js"
import * as Pipeline from "../../src/Pipeline.js"
import type { PipelineError } from "../../src/PipelineError.js"
import type * as Win32Error from "../../src/Win32Error.js"
import { filterOf } from "../globs.js"
import { planLines, planSummary } from "../plan.js"
import { parse } from "./cli.js"
import { Display } from "./Display.js"
import { type Refused, refused } from "./Failure.js"
import type { Settings } from "./Settings.js"
import { count, duration, quoted, size, withoutPeriod } from "./text.js"

/** The world outside of the program: its signals and output, and the files that it leaves behind when it is killed. */
export interface World {
  readonly argv: ReadonlyArray<string>
  readonly out: NodeJS.WriteStream
  readonly err: NodeJS.WriteStream
  /** Told the partial files of the moment. */
  partials: () => Iterable<string>
}

type Failure = PipelineError | Refused

export const program = (world: World): Effect.Effect<void, Failure> =>
  Effect.suspend(() => {
    const settings = parse(world.argv.slice(2))
    if ("print" in settings) return Effect.sync(() => void world.out.write(settings.print))
    if ("wrong" in settings) return Effect.fail(refused(settings.wrong))
    if (settings.paths !== undefined) return run(world, settings, settings.paths)
    return withTemporaryDirectory(world, settings.keep, (directory) =>
      Effect.flatMap(ownNodeModules, (source) =>
        run(world, settings, { source, destination: join(directory, "node_modules") })))
  })

const run = (
  world: World,
  settings: Settings,
  paths: NonNullable<Settings["paths"]>
): Effect.Effect<void, Failure> => {
  const display = new Display(world.out, settings.verify !== "none")
  world.partials = () => display.progress?.partials() ?? []
  const say = (line: string) => Effect.sync(() => world.out.write(`${line}\n`))
  const copy = Effect.gen(function*() {
    const kernel = yield* Kernel.Kernel
    if (settings.verify === "durable" && kernel.name !== "win32") {
      yield* say("The portable kernel cannot read past the cache: what was flushed is read back through it.")
    }
    const options = {
      chunkSize: settings.chunk,
      inFlight: settings.queueDepth,
      concurrency: settings.concurrency,
      overwrite: settings.overwrite,
      verify: settings.verify,
      resume: settings.resume,
      takeOver: settings.takeOver,
      onFailure: settings.keepGoing ? "collect" : settings.resume ? "keep" : "undo",
      filter: filterOf(settings),
      links: settings.links,
      hardLinks: settings.hardLinks ? "keep" : "copy"
    } as const
    const { destination, source } = paths
    if (settings.dryRun) {
      const plan = yield* Pipeline.copyTree(source, destination, { ...options, dryRun: true })
      yield* say([...planLines(plan), planSummary(plan)].join("\n"))
      if (plan.refused.length === 0) return undefined
      return yield* Effect.fail(refused(`${count(plan.refused.length, "thing")} would be refused.`))
    }
    return yield* Pipeline.copyTree(source, destination, { ...options, onProgress: display.watch })
  })
  const ended = copy.pipe(
    Effect.ensuring(Effect.sync(() => display.stop())),
    Effect.onExit((exit) => Effect.zipRight(atEnd(exit, settings, display, say), sayLedger(say))),
    Effect.mapError((error) => settings.overwrite || error._tag === "Refused" ? error : withAdvice(error))
  )
  return ended.pipe(
    Effect.provide(Kernel.layerOptions({ kernel: settings.kernel })),
    Effect.provide(Logger.replace(Logger.defaultLogger, Logger.withConsoleError(Logger.logfmtLogger))),
    Effect.catchTag("Win32Error", (error) => Effect.fail(noKernel(error))),
    Effect.asVoid
  )
}

const withAdvice = (error: PipelineError): Failure =>
  error.reason === "AlreadyExists"
    ? refused(`${withoutPeriod(error.sentence)}; --overwrite replaces files, and copies into directories.`, error)
    : error

type Say = (line: string) => Effect.Effect<unknown>

const atEnd = (
  exit: Exit.Exit<Pipeline.Copied | undefined, Failure>,
  settings: Settings,
  display: Display,
  say: Say
): Effect.Effect<unknown> => {
  if (Exit.isSuccess(exit)) {
    return exit.value === undefined ? Effect.void : say(summary(exit.value, settings, display))
  }
  const { progress } = display
  const error = Cause.failureOption(exit.cause)
  if (Option.isNone(error)) {
    if (!Cause.isInterruptedOnly(exit.cause)) return Effect.void
    const files = count(progress?.files ?? 0, "file is", "files are")
    return say(
      `Interrupted. ${files} complete and kept; ${
        settings.resume ? "what is partial is kept where it has a journal." : "nothing partial is left."
      }`
    )
  }
  if (error.value._tag === "Refused") return Effect.void
  const { failures, left, replaced } = error.value
  const lines = failures.map(({ sentence }) => sentence)
  if (settings.keepGoing || settings.resume) {
    lines.push(`${count(progress?.files ?? 0, "file is", "files are")} complete and kept.`)
  }
  if (left.length > 0) lines.push(`Could not be removed again: ${left.map(quoted).join(", ")}.`)
  if (replaced > 0) lines.push(`${count(replaced, "file")} had been replaced and cannot be restored.`)
  return lines.length > 0 ? say(lines.join("\n")) : Effect.void
}

const verified: { readonly [V in Settings["verify"]]: string } = {
  none: "Not verified (--verify none).",
  read: "Verified: every file was read back and has the SHA-256 of its source.",
  durable: "Verified: every file was flushed to the disk, read back and has the SHA-256 of its source."
}

const summary = (copied: Pipeline.Copied, settings: Settings, display: Display): string => {
  const things = [count(copied.files, "file"), count(copied.directories, "directory", "directories")]
  if (copied.links > 0) things.push(count(copied.links, "link"))
  const seconds = display.elapsedSeconds
  const rate = `${size((copied.bytes - copied.foundBytes) / seconds)}/s`
  const found = copied.foundBytes > 0 || copied.foundFiles > 0
    ? `Of that, ${count(copied.foundFiles, "file")} and ${size(copied.foundBytes)} had been copied before.\n`
    : ""
  return `Copied ${things.join(", ")}: ${size(copied.bytes)} in ${duration(seconds)}, ${rate}.\n${found}${
    verified[settings.verify]
  }`
}

const sayLedger = (say: Say): Effect.Effect<void, never, Kernel.Kernel> =>
  Effect.flatMap(
    Kernel.Kernel,
    (kernel) => Effect.flatMap(Kernel.ledger, (ledger) => say(`Ledger (${kernel.name}): ${Ledger.format(ledger)}.`))
  )

const noKernel = (error: Win32Error.Win32Error): Refused =>
  refused(`The win32 kernel cannot be had here: ${withoutPeriod(error.text)}.`, error)

// --- without SOURCE and DESTINATION

/** The node_modules of the project that this program belongs to: beside the nearest package.json above its file. */
const ownNodeModules: Effect.Effect<string, Refused> = Effect.suspend(() => {
  const program = realpathSync(fileURLToPath(import.meta.url))
  for (let directory = dirname(program);; directory = dirname(directory)) {
    const candidate = join(directory, "node_modules")
    if (existsSync(join(directory, "package.json")) && existsSync(candidate)) return Effect.succeed(candidate)
    if (dirname(directory) === directory) {
      return Effect.fail(
        refused("There is no node_modules above this program to copy: run `npm ci` first.")
      )
    }
  }
})

const withTemporaryDirectory = <A>(
  world: World,
  keep: boolean,
  use: (directory: string) => Effect.Effect<A, Failure>
): Effect.Effect<A, Failure> => {
  const parent = tmpdir()
  const acquire = Effect.tryPromise({
    try: () => mkdtemp(join(parent, "threadpool-io-copy-")),
    catch: (error) => refused(`Cannot make a directory in ${quoted(parent)}: ${String(error)}.`, error)
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
