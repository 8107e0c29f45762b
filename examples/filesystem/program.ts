// Runs one and the same program on NodeFileSystem and on ThreadpoolFileSystem, in turn, and says how long each took.
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { isDeepStrictEqual } from "node:util"
import * as Kernel from "../../src/Kernel.js"
import * as ThreadpoolFileSystem from "../../src/ThreadpoolFileSystem.js"
import type { Win32Error } from "../../src/Win32Error.js"
import { kernel, parse, whole } from "../commandLine.js"
import { count, grouped, quoted, size } from "../copy/text.js"
import { type Duplicates, findDuplicates } from "./duplicates.js"

const grammar = {
  name: "duplicates",
  before: [
    "Finds files with the same contents, on NodeFileSystem and on ThreadpoolFileSystem, and tells how long each took."
  ],
  arguments: [{
    name: "DIRECTORY",
    description: "Where to look. Without it: a temporary directory with files that the program makes."
  }],
  options: {
    rounds: whole(1, 1000, 3, "Timed runs of each of the two, behind one that warms up. The program tells the median."),
    kernel: kernel("does the thread-pool I/O")
  },
  after: ["Exit code: 0 when both have found the same, 1 otherwise."]
}

type Found = ReadonlyArray<Duplicates>

const layers = (kernel: "auto" | "win32" | "portable") => ({
  NodeFileSystem: NodeFileSystem.layer,
  ThreadpoolFileSystem: Layer.effect(FileSystem.FileSystem, ThreadpoolFileSystem.make).pipe(
    Layer.provide(Kernel.layerOptions({ kernel }))
  )
})

/** The result, and the milliseconds of each round. */
interface Runner {
  readonly name: string
  readonly fileSystem: FileSystem.FileSystem
  readonly rounds: Array<number>
  found: Found
}

const compare = (directory: string, rounds: number, kernel: "auto" | "win32" | "portable") =>
  Effect.gen(function*() {
    const runners: Array<Runner> = []
    for (const [name, layer] of Object.entries(layers(kernel))) {
      const context = yield* Layer.build<never, Win32Error, FileSystem.FileSystem>(layer)
      runners.push({ name, fileSystem: Context.get(context, FileSystem.FileSystem), rounds: [], found: [] })
    }
    // In turn, so that what else the machine does hits both.
    for (let round = 0; round <= rounds; round++) {
      for (const runner of runners) {
        const before = performance.now()
        runner.found = yield* Effect.provideService(
          findDuplicates(directory),
          FileSystem.FileSystem,
          runner.fileSystem
        )
        if (round > 0) runner.rounds.push(performance.now() - before)
      }
    }
    const [node, ours] = runners as [Runner, Runner]
    yield* print(report(directory, ours.found))
    for (const { name, rounds } of runners) yield* print(`${name.padEnd(20)} ${grouped(Math.round(median(rounds)))} ms`)
    if (!isDeepStrictEqual(node.found, ours.found)) {
      return yield* Effect.fail(new Error("They have found different things."))
    }
    yield* print(`Both have found the same. ${(median(node.rounds) / median(ours.rounds)).toFixed(2)} x as fast.`)
  })

const median = (numbers: ReadonlyArray<number>): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!

const report = (directory: string, found: Found): string => {
  const spare = found.reduce((sum, { bytes, names }) => sum + Number(bytes) * (names.length - 1), 0)
  const lines = found.slice(0, 10).map(({ bytes, names }) =>
    `  ${size(Number(bytes))}: ${names.slice(0, 3).map(quoted).join(", ")}${names.length > 3 ? ", …" : ""}`
  )
  const more = found.length > lines.length ? [`  and ${count(found.length - lines.length, "more", "more")}`] : []
  return [
    `${count(found.length, "group")} of files with the same contents below ${quoted(directory)}, ${
      size(spare)
    } to spare:`,
    ...lines,
    ...more
  ].join("\n")
}

const print = (text: string) => Effect.sync(() => void process.stdout.write(`${text}\n`))

/** Files of three sizes; every third one is the copy of another. Made with a `FileSystem` as well. */
const demonstration: Effect.Effect<string, PlatformError, FileSystem.FileSystem | Scope.Scope> = Effect.gen(
  function*() {
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.makeTempDirectoryScoped({ prefix: "duplicates-" })
    for (
      const [name, bytes, files] of [["small", 3_000, 60], ["medium", 300_000, 24], ["large", 24_000_000, 6]] as const
    ) {
      yield* fs.makeDirectory(`${directory}/${name}`)
      for (let file = 0; file < files; file++) {
        const contents = Buffer.alloc(bytes, `${name} ${file % 3 === 2 ? file - 1 : file} `)
        yield* fs.writeFile(`${directory}/${name}/${file}`, contents)
      }
    }
    return directory
  }
)

export const program = (argv: ReadonlyArray<string>): Effect.Effect<void, Error> =>
  Effect.suspend((): Effect.Effect<void, Error> => {
    const parsed = parse(grammar, argv.slice(2))
    if (parsed._tag === "Print") return print(parsed.text.trimEnd())
    if (parsed._tag === "Wrong") return Effect.fail(new Error(parsed.sentence))
    const { kernel, rounds } = parsed.values
    const [directory] = parsed.arguments
    return Effect.scoped(Effect.flatMap(
      directory === undefined
        ? Effect.provide(demonstration, layers(kernel).ThreadpoolFileSystem)
        : Effect.succeed(directory),
      (directory) => compare(directory, rounds, kernel)
    ))
  })
