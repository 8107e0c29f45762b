// Makes a destination like its source: what is new or has changed is copied, and what has gone is removed if asked.
//
// All of it is `Pipeline.copyTree`: `resume` leaves alone what is the same, `overwrite` replaces what is not, and a dry
// run tells every name that belongs there. What else is there has gone from the source.
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { dirname, join, resolve, sep } from "node:path"
import * as Kernel from "../../src/Kernel.js"
import * as Pipeline from "../../src/Pipeline.js"
import type { PipelineError } from "../../src/PipelineError.js"
import * as ThreadpoolFileSystem from "../../src/ThreadpoolFileSystem.js"
import { flag, type Grammar, kernel, parse, type Values } from "../commandLine.js"
import { count, quoted, size } from "../copy/text.js"
import { excluded, filterOf } from "../globs.js"
import { planLines, planSummary } from "../plan.js"

const options = {
  delete: flag(
    "Removes from DESTINATION what is not in SOURCE, and what is in the way of something that is: a directory where a " +
      "file is to be, or a file where a directory is. Not what --exclude leaves out."
  ),
  exclude: excluded,
  checksum: flag("Compares contents. Without it, a file of the same size and time of modification is the same."),
  dryRun: flag("Says what would be done, a line each, and does not do it."),
  kernel: kernel("does the I/O")
}

const grammar: Grammar<typeof options> = {
  name: "sync",
  before: [
    "Makes a directory like another one: copies what is new there or has changed, with times, permissions, links and " +
    "hard links. Each file is replaced at once, when its copy is complete."
  ],
  arguments: [
    { name: "SOURCE", description: "The directory to be like." },
    { name: "DESTINATION", description: "The directory that is made like it. It need not be there yet." }
  ],
  options,
  after: [
    "Nothing is removed where a part of SOURCE cannot be read. A file that cannot be copied does not stop the others. " +
    "Ctrl-C cancels, removes what is partial, and keeps what is complete; the next run goes on from there.",
    "Exit code: 0 when both are alike (but for what was not to be removed), 1 otherwise, 130 after Ctrl-C."
  ]
}

type Settings = Values<typeof options>

const print = (lines: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.sync(() => void process.stdout.write(lines.map((line) => `${line}\n`).join("")))

/** `--delete` removes what it is about. */
const isInTheWay = ({ reason }: PipelineError): boolean => reason === "AlreadyExists"

/** The topmost names in the destination that are to go. A directory with something that is left alone stays. */
const findGone = (root: string, plan: Pipeline.CopyPlan, filter: (path: string) => boolean) =>
  Effect.gen(function*() {
    if (plan.steps[0]?.action !== "keep") return []
    const fs = yield* FileSystem.FileSystem
    const entries = (yield* fs.readDirectory(root, { recursive: true })).sort().map((name) => name.split(sep))
    const kept = new Set(plan.steps.map(({ to }) => to))
    for (const names of entries) {
      const paths = names.map((_, at) => names.slice(0, at + 1))
      const isLeftAlone = names.some(Pipeline.isTemporaryName) || !paths.every((path) => filter(path.join("/")))
      if (isLeftAlone) { for (const path of paths) kept.add(join(root, ...path)) }
    }
    const gone: Array<string> = []
    const below = new Set<string>()
    for (const names of entries) {
      const path = join(root, ...names)
      if (below.has(dirname(path))) below.add(path)
      else if (!kept.has(path)) {
        gone.push(path)
        below.add(path)
      }
    }
    return gone
  })

const sync = (source: string, destination: string, settings: Settings) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const isWanted = filterOf({ include: [], exclude: settings.exclude }) ?? (() => true)
    const filter = (path: string) => isWanted(path, { type: "File" })
    const copying = {
      filter,
      hardLinks: "keep",
      // Partial files are removed when it is interrupted, and copied again.
      journal: false,
      onFailure: "collect",
      overwrite: true,
      resume: true,
      verify: settings.checksum ? "read" : "none"
    } as const
    const plan = yield* Pipeline.copyTree(source, destination, { ...copying, dryRun: true })
    if (plan.steps[0]?.kind === "file") return yield* Effect.fail(new Error(`${quoted(source)} is not a directory.`))
    const gone = settings.delete ? yield* findGone(resolve(destination), plan, filter) : []
    const failed = settings.delete ? plan.refused.filter((error) => !isInTheWay(error)) : plan.refused
    if (settings.dryRun) {
      const told = { ...plan, refused: failed }
      yield* print([...gone.map((path) => `remove   ${quoted(path)}`), ...planLines(told), planSummary(plan)])
      if (failed.length > 0) return yield* Effect.fail(new Error(`${count(failed.length, "thing")} would be refused.`))
      return
    }
    if (failed.length === 0) yield* Effect.forEach(gone, (path) => fs.remove(path, { recursive: true, force: true }))
    const removed = failed.length === 0 ? gone.length : 0
    const done = yield* Pipeline.copyTree(source, destination, copying).pipe(
      Effect.tapError(({ failures }) => print(failures.map(({ sentence }) => sentence)))
    )
    yield* print([
      `${count(done.files - done.foundFiles, "file")} copied, ${size(done.bytes - done.foundBytes)}; ` +
      `${count(done.foundFiles, "file")} the same; ${count(removed, "thing")} removed.`
    ])
  })

export const program = (argv: ReadonlyArray<string>): Effect.Effect<void, Error> =>
  Effect.suspend((): Effect.Effect<void, Error> => {
    const parsed = parse(grammar, argv.slice(2))
    if (parsed._tag === "Print") return print([parsed.text.trimEnd()])
    if (parsed._tag === "Wrong") return Effect.fail(new Error(parsed.sentence))
    const [source, destination] = parsed.arguments
    if (!source || !destination) return Effect.fail(new Error("Name both SOURCE and DESTINATION; --help says more."))
    const fileSystem = Layer.effect(FileSystem.FileSystem, ThreadpoolFileSystem.make)
    return sync(source, destination, parsed.values).pipe(
      Effect.provide(Layer.provideMerge(fileSystem, Kernel.layerOptions({ kernel: parsed.values.kernel })))
    )
  })
