/**
 * Runners and a client: starts the ones, asks as the other for the copy of each directory, and looks at what has come
 * of it.
 */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type ChildProcess, spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import * as Kernel from "../../src/Kernel.js"
import { count, duration, size } from "../copy/text.js"
import { CopyDirectory, type JournalLine } from "./Copying.js"
import { layerCluster, type Settings } from "./layers.js"
import type { Options } from "./options.js"
import { READY, type Role } from "./runner.js"
import { difference, directoriesOf, makeTree } from "./tree.js"

/** Directories asked for at once: the rest waits here instead of in the database. */
const DIRECTORIES = 16

/** One of so many parts of the files is copied when a runner is killed. */
const KILL_AFTER = 4

/** Files of the tree that is made. */
const FILES = 600

const say = (line: string): Effect.Effect<void> => Effect.sync(() => void process.stdout.write(`${line}\n`))

const fail = (sentence: string) => Effect.fail(new Error(sentence))

// --- runners

interface Runner {
  readonly name: string
  readonly child: ChildProcess
  readonly ended: Promise<number | NodeJS.Signals | null>
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().on("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { readonly port: number }
      server.close(() => resolve(port))
    })
  })

const startRunner = (settings: Settings, journal: string): Effect.Effect<Runner, Error, Scope.Scope> =>
  Effect.gen(function*() {
    const role: Role = { ...settings, journal, port: yield* Effect.promise(freePort) }
    const runner = yield* Effect.acquireRelease(
      Effect.sync((): Runner => {
        const [script = ""] = process.argv.slice(1)
        const child = spawn(process.execPath, [script, "runner", JSON.stringify(role)], {
          stdio: ["ignore", "pipe", "inherit"]
        })
        const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
          child.once("exit", (code, signal) => resolve(code ?? signal))
          child.once("error", () => resolve(null))
        })
        return { name: `${role.port}`, child, ended }
      }),
      ({ child, ended }) =>
        Effect.promise(() => {
          child.kill("SIGTERM")
          const late = setTimeout(() => child.kill("SIGKILL"), 10_000)
          return ended.finally(() => clearTimeout(late))
        })
    )
    const ready = new Promise<void>((resolve) => {
      let text = ""
      runner.child.stdout!.on("data", (data) => (text += data).includes(READY) && resolve())
    })
    yield* Effect.raceFirst(
      Effect.promise(() => ready),
      Effect.flatMap(
        Effect.promise(() => runner.ended),
        (code) => fail(`A runner ended with ${code} before it served.`)
      )
    )
    return runner
  })

// --- what the runners have written down

const linesOf = (journal: string): ReadonlyArray<JournalLine> =>
  existsSync(journal)
    ? readFileSync(journal, "utf8").split("\n").filter((line) => line.endsWith("}")).map((line) => JSON.parse(line))
    : []

/** Nothing when each file has got its final name once. */
const judge = (lines: ReadonlyArray<JournalLine>, files: number): string => {
  const made = new Map<string, number>()
  for (const { found, path } of lines) made.set(path, (made.get(path) ?? 0) + (found ? 0 : 1))
  const twice = [...made].filter(([, times]) => times > 1)
  if (twice.length > 0) return `${count(twice.length, "file")} got a final name twice: ${twice[0]![0]}.`
  // A file that was only found had got its name from a runner that was killed before it could write that down.
  return made.size === files ? "" : `${made.size} of ${files} files are in the journal.`
}

const leftoversIn = (directory: string): ReadonlyArray<string> =>
  readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((name) => /\.(partial|journal)$/.test(name))

// --- a copy

interface Copy {
  readonly source: string
  readonly target: string
  readonly runners: number
  readonly kill: boolean
  readonly transport: Settings["transport"]
}

interface Done {
  readonly files: number
  readonly bytes: number
  readonly seconds: number
}

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "cluster-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true, maxRetries: 5 }))
)

const copy = ({ kill, runners, source, target, transport }: Copy) =>
  Effect.gen(function*() {
    const directory = yield* temporary
    const journal = join(directory, "journal")
    const settings: Settings = {
      database: process.env["DATABASE_URL"] ?? join(directory, "cluster.db"),
      transport,
      name: `${process.pid}`
    }
    const first = yield* startRunner(settings, journal)
    const started = yield* Effect.all(
      Array.from({ length: runners - 1 }, () => startRunner(settings, journal)),
      { concurrency: "unbounded" }
    )
    const all = [first, ...started]
    yield* say(`${count(all.length, "runner")}: ${all.map(({ name }) => name).join(", ")}`)

    const job = randomUUID()
    const directories = directoriesOf(source)
    const begin = performance.now()
    const results = yield* Stream.fromIterable(directories).pipe(
      Stream.mapEffect(
        (directory) =>
          Effect.map(
            CopyDirectory.execute({ job, source, target, directory }),
            (files) => ({ directory, files })
          ),
        { concurrency: DIRECTORIES, unordered: true }
      ),
      Stream.tap(({ directory, files }) => say(`  ${join(target, directory)}: ${count(files.length, "file")}`)),
      Stream.runCollect,
      Effect.zipLeft(kill ? killOne(all, journal, source) : Effect.void, { concurrent: true }),
      Effect.provide(layerCluster(settings)),
      Effect.provide(Kernel.layer)
    )
    const seconds = (performance.now() - begin) / 1000
    const files = [...results].flatMap(({ files }) => files)
    const failures = files.filter(({ problem }) => problem !== undefined)
    for (const { problem } of failures) yield* say(problem!.message)
    if (failures.length > 0) return yield* fail(`${count(failures.length, "file")} could not be copied.`)

    const different = difference(source, target)
    if (different !== "") return yield* fail(`The trees differ:\n${different}`)
    const regular = files.length - linksIn(source)
    const wrong = judge(linesOf(journal), regular)
    if (wrong !== "") return yield* fail(wrong)
    const left = leftoversIn(target)
    if (left.length > 0) return yield* fail(`Partial files are left: ${left.join(", ")}`)
    return { files: files.length, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0), seconds } satisfies Done
  }).pipe(Effect.scoped, Logger.withMinimumLogLevel(LogLevel.Warning))

const entriesOf = (root: string) => readdirSync(root, { withFileTypes: true, recursive: true })

const linksIn = (root: string): number => entriesOf(root).filter((entry) => entry.isSymbolicLink()).length

/** Kills the one that has done most, as it is sure to be in the middle of its work. */
const killOne = (runners: ReadonlyArray<Runner>, journal: string, source: string) =>
  Effect.gen(function*() {
    const enough = entriesOf(source).filter((entry) => entry.isFile()).length / KILL_AFTER
    while (linesOf(journal).length < enough) yield* Effect.sleep("20 millis")
    const lines = linesOf(journal)
    const done = (name: string) => lines.filter(({ runner }) => runner === name).length
    const [busiest] = [...runners].sort((a, b) => done(b.name) - done(a.name))
    busiest!.child.kill("SIGKILL")
    yield* say(`runner ${busiest!.name} is killed after ${count(done(busiest!.name), "file")}`)
  })

// --- the program

const sentence = ({ bytes, files, seconds }: Done): string =>
  `${count(files, "file")}, ${size(bytes)} in ${duration(seconds)}`

const withMadeTree = (files: number, large: boolean) =>
  Effect.map(temporary, (directory) => {
    const source = join(directory, "source")
    makeTree(source, files, large)
    return { directory, source }
  })

const measure = (files: number, options: Options) =>
  Effect.gen(function*() {
    const { directory, source } = yield* withMadeTree(files, false)
    for (const runners of [1, 2, 3]) {
      const target = join(directory, `by-${runners}`)
      mkdirSync(target)
      const done = yield* copy({ ...options, source, target, runners, kill: false })
      yield* say(`${count(runners, "runner")}: ${sentence(done)}, ${(done.files / done.seconds).toFixed(0)} files/s`)
    }
  }).pipe(Effect.scoped)

export const program = (options: Options): Effect.Effect<void, Error> =>
  options.files !== undefined ? measure(options.files, options) : Effect.gen(function*() {
    const made = options.paths === undefined ? yield* withMadeTree(FILES, true) : undefined
    const source = made?.source ?? resolve(options.paths![0])
    const target = made === undefined ? resolve(options.paths![1]) : join(made.directory, "target")
    mkdirSync(target, { recursive: true })
    const done = yield* copy({ ...options, source, target })
    yield* say(`identical: ${sentence(done)}; each file got its final name once`)
  }).pipe(Effect.scoped)
