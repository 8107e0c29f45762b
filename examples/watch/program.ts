// The program of the command line: watches a directory until Ctrl-C, or shows a demonstration.
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Directory from "../../src/Directory.js"
import * as Kernel from "../../src/Kernel.js"
import type { Win32Error } from "../../src/Win32Error.js"
import { flag, kernel, parse } from "../commandLine.js"
import { quoted } from "../copy/text.js"
import { demonstration } from "./demonstration.js"

const grammar = {
  name: "watch",
  before: [
    "Watches a directory with ReadDirectoryChangesW and prints one line for each change: created, changed, renamed or " +
    "removed, and what; OVERFLOW where changes came faster than they were taken."
  ],
  arguments: [{
    name: "DIRECTORY",
    description: "The directory. Without it: a fresh temporary directory, in which the program makes changes itself."
  }],
  options: {
    flat: flag("Leaves out the directories below."),
    kernel: kernel("watches")
  },
  after: [
    "Exit code: 0 when the demonstration has ended, 1 when the directory cannot be watched (any more), 130 after Ctrl-C."
  ]
}

export const program = (argv: ReadonlyArray<string>): Effect.Effect<void, Error> =>
  Effect.suspend((): Effect.Effect<void, Error> => {
    const parsed = parse(grammar, argv.slice(2))
    if (parsed._tag === "Print") return Effect.sync(() => void process.stdout.write(parsed.text))
    if (parsed._tag === "Wrong") return Effect.fail(new Error(parsed.sentence))
    const { flat, kernel } = parsed.values
    const [directory] = parsed.arguments
    return Effect.provide(
      directory === undefined ? demonstration(print) : watch(directory, !flat),
      Kernel.layerOptions({ kernel })
    )
  })

/** Until it is interrupted, or the directory is removed. */
const watch = (path: string, recursive: boolean): Effect.Effect<void, Win32Error, Kernel.Kernel> =>
  Effect.scoped(Effect.gen(function*() {
    const directory = yield* Directory.open(path, { recursive })
    yield* Effect.sync(() => process.stdout.write(`Watching ${quoted(directory.path)}. Ctrl-C ends it.\n`))
    yield* Stream.runForEach(Directory.changes(directory), print)
  }))

const print = (change: Directory.Change): Effect.Effect<void> =>
  Effect.sync(() => void process.stdout.write(`${line(change)}\n`))

const line = Directory.match({
  Created: ({ name }) => `created  ${quoted(name)}`,
  Modified: ({ name }) => `changed  ${quoted(name)}`,
  Renamed: ({ from, to }) => `renamed  ${quoted(from.name)} to ${quoted(to.name)}`,
  Removed: ({ name }) => `removed  ${quoted(name)}`,
  Overflow: () => "OVERFLOW changes were lost: list the directory"
})
