// The program of the command line: watches a directory until Ctrl-C, or shows a demonstration.
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import * as ValidationError from "@effect/cli/ValidationError"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Directory from "../../src/Directory.js"
import * as Kernel from "../../src/Kernel.js"
import type { Win32Error } from "../../src/Win32Error.js"
import { quoted } from "../copy/text.js"
import { demonstration } from "./demonstration.js"

const config = {
  directory: Args.text({ name: "directory" }).pipe(
    Args.withDescription(
      "What to watch. Without it: a fresh temporary directory, in which the program makes changes itself."
    ),
    Args.optional
  ),
  flat: Options.boolean("flat").pipe(Options.withDescription("Not the directories below.")),
  kernel: Options.choice("kernel", ["auto", "win32", "portable"]).pipe(
    Options.withDefault("auto" as const),
    Options.withDescription("Which system watches: auto is win32 on Windows and portable elsewhere.")
  )
}

const description = HelpDoc.blocks([
  HelpDoc.p("Watches a directory with ReadDirectoryChangesW and prints one line for each change:"),
  HelpDoc.p("created, changed, renamed or removed, and what; OVERFLOW where changes came faster than they were taken."),
  HelpDoc.p(
    "Exit code: 0 when the demonstration has ended, 1 when the directory cannot be watched (any more), 130 after Ctrl-C."
  )
])

/** No option here makes the parser look at a file: it needs no real file system. */
const environment = Layer.mergeAll(FileSystem.layerNoop({}), Path.layer, NodeTerminal.layer)

export const program = (argv: ReadonlyArray<string>): Effect.Effect<void, Error> => {
  const command = Command.make("watch", config, ({ directory, flat, kernel }) =>
    Effect.provide(
      Option.match(directory, {
        onNone: () => demonstration(print),
        onSome: (path) => watch(path, !flat)
      }),
      Kernel.layerOptions({ kernel })
    )).pipe(Command.withDescription(description))
  return Command.run(command, { name: "watch", version: "0.1.0" })(argv).pipe(
    // The parser has printed why.
    Effect.catchIf(
      ValidationError.isValidationError,
      () => Effect.fail(new Error("--help lists what can be asked for."))
    ),
    Effect.provide(environment)
  )
}

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
