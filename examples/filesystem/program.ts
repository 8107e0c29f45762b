// Runs one and the same program on NodeFileSystem and on ThreadpoolFileSystem, in turn, and says how long each took.
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import * as ValidationError from "@effect/cli/ValidationError"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { isDeepStrictEqual } from "node:util"
import * as Kernel from "../../src/Kernel.js"
import * as ThreadpoolFileSystem from "../../src/ThreadpoolFileSystem.js"
import type { Win32Error } from "../../src/Win32Error.js"
import { count, grouped, quoted, size } from "../copy/text.js"
import { type Duplicates, findDuplicates } from "./duplicates.js"

const config = {
  directory: Args.text({ name: "directory" }).pipe(
    Args.withDescription("Where to look. Without it: a temporary directory with files that the program makes."),
    Args.optional
  ),
  rounds: Options.integer("rounds").pipe(
    Options.withDefault(3),
    Options.withDescription("How often each of the two runs; the first round of each warms up, the median is told.")
  ),
  kernel: Options.choice("kernel", ["auto", "win32", "portable"]).pipe(
    Options.withDefault("auto" as const),
    Options.withDescription("Which system does the thread-pool I/O: auto is win32 on Windows and portable elsewhere.")
  )
}

const description = HelpDoc.blocks([
  HelpDoc.p(
    "Finds files with the same contents, on NodeFileSystem and on ThreadpoolFileSystem, and tells how long each took."
  ),
  HelpDoc.p("Exit code: 0 when both have found the same, 1 otherwise.")
])

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

export const program = (argv: ReadonlyArray<string>): Effect.Effect<void, Error> => {
  const command = Command.make("duplicates", config, ({ directory, kernel, rounds }) =>
    Effect.scoped(Effect.flatMap(
      Option.match(directory, {
        onNone: () => Effect.provide(demonstration, layers(kernel).ThreadpoolFileSystem),
        onSome: Effect.succeed
      }),
      (directory) => compare(directory, rounds, kernel)
    ))).pipe(Command.withDescription(description))
  return Command.run(command, { name: "duplicates", version: "0.1.0" })(argv).pipe(
    // The parser has printed why.
    Effect.catchIf(
      ValidationError.isValidationError,
      () => Effect.fail(new Error("--help lists what can be asked for."))
    ),
    Effect.provide(environment)
  )
}

/** No option here makes the parser look at a file: it needs no real file system. */
const environment = Layer.mergeAll(FileSystem.layerNoop({}), Path.layer, NodeTerminal.layer)
