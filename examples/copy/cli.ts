// The command line: options by @effect/cli, every bad value answered by one sentence.
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import * as ValidationError from "@effect/cli/ValidationError"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { type Refused, refused } from "./Failure.js"
import { kernels, type Parsed, type Settings, settingsOf, type Valued, valued, verifications } from "./Settings.js"
import { quoted, size } from "./text.js"

const VERSION = "0.1.0"

const value = <A>(name: string, { initial, parse, refusal }: Valued<A>, pseudoName: string, description: string) =>
  Options.text(name).pipe(
    Options.withPseudoName(pseudoName),
    Options.filterMap((text) => Option.fromNullable(parse(text)), refusal),
    Options.withDefault(initial),
    Options.withDescription(description)
  )

const config = {
  source: Args.text({ name: "source" }).pipe(
    Args.withDescription(
      "The directory or file to copy. A link here is followed; inside a directory links are copied as links."
    ),
    Args.optional
  ),
  destination: Args.text({ name: "destination" }).pipe(
    Args.withDescription("What to make of it. It must not exist (see --overwrite), but the directory it is in must."),
    Args.optional
  ),
  queueDepth: value("queue-depth", valued.queueDepth, "number", "Reads in flight in each file. Default 4."),
  concurrency: value("concurrency", valued.concurrency, "number", "Files that are copied at once. Default 8."),
  chunk: value(
    "chunk",
    valued.chunk,
    "size",
    `Bytes per read and write, such as 65536, 64KiB or 1MiB. Default ${size(valued.chunk.initial)}.`
  ),
  kernel: value(
    "kernel",
    valued.kernel,
    kernels.join(" | "),
    "Which system does the I/O: auto is win32 (kernel32.dll) on Windows and portable (node:fs) elsewhere. Default auto."
  ),
  overwrite: Options.boolean("overwrite").pipe(
    Options.withDescription("Replace files and links that are there, and copy into directories that are there.")
  ),
  verify: value(
    "verify",
    valued.verify,
    verifications.join(" | "),
    "read: read back what was written and compare the SHA-256. durable: flush it to the disk, then read it back past the " +
      "cache where the system can. none: neither hash nor read back. Default read."
  ),
  resume: Options.boolean("resume").pipe(
    Options.withDescription(
      "Go on with what a copy left that was killed: files that are complete are compared and left alone, a partial one is " +
        "compared as far as its journal says, and gone on with. Ctrl-C then keeps what is partial."
    )
  ),
  takeOver: Options.boolean("take-over").pipe(
    Options.withDescription(
      "With --resume: also take over partial files of which nobody knows whether another copy is writing them, as of another " +
        "container or another machine. Without it they are left alone, and named."
    )
  ),
  keepGoing: Options.boolean("keep-going").pipe(
    Options.withDescription("When a file cannot be copied, copy the others, and say at the end which could not.")
  ),
  keep: Options.boolean("keep").pipe(
    Options.withDescription("Without SOURCE and DESTINATION: keep the temporary copy.")
  )
}

const description = HelpDoc.blocks([
  HelpDoc.p(
    "Copies a directory tree, or one file, with thread-pool I/O. Without SOURCE and DESTINATION it copies the project's own " +
      "node_modules into a temporary directory and removes that afterwards."
  ),
  HelpDoc.p(
    "Copied: contents (zeros become holes), directories, symbolic links as links, permission bits without setuid and setgid, " +
      "the read-only attribute, times of access and modification to the microsecond."
  ),
  HelpDoc.p(
    "Not copied: ownership, ACLs, extended attributes, alternate data streams; hard links become files of their own. FIFOs, " +
      "sockets and devices are refused."
  ),
  HelpDoc.p(
    "Every file gets its final name only when it is complete and verified. A copy that fails removes all that it has made; what " +
      "it has replaced under --overwrite cannot be restored. Ctrl-C removes what is partial and keeps the files that are complete; " +
      "a second Ctrl-C leaves at once. Exit code: 0 copied, 1 failed, 130 Ctrl-C, 143 SIGTERM."
  ),
  HelpDoc.p(
    "After a kill or a crash, the same command with --resume goes on: beside the partial file of a large source there is a journal " +
      "(unless --verify none and no --resume), and what it says is believed only after it has been read back. Other partial files " +
      "of processes that have ended are removed; what may be another copy's is left alone, and named."
  )
])

/** No option here makes the parser look at a file: it needs no real file system. The terminal is for --wizard. */
const environment = Layer.mergeAll(FileSystem.layerNoop({}), Path.layer, NodeTerminal.layer)

/** The settings; `undefined` when the command line asked for help, the version or the like, which has been printed. */
export const parse = (argv: ReadonlyArray<string>): Effect.Effect<Settings | undefined, Refused> =>
  Effect.suspend(() => {
    const unknown = unknownOption(argv.slice(2))
    if (unknown !== undefined) {
      return Effect.fail(refused(`There is no option ${quoted(unknown)}; --help lists them.`))
    }
    let settings: Settings | undefined
    const command = Command.make("copy", config, (parsed) =>
      Effect.map(check(parsed), (checked) => {
        settings = checked
      })).pipe(Command.withDescription(description))
    return Command.run(command, { name: "copy", version: VERSION })(argv).pipe(
      Effect.map(() => settings),
      Effect.catchIf(ValidationError.isValidationError, (error) => Effect.fail(refused(sentenceOf(error)))),
      withoutErrorOutput,
      Effect.provide(environment)
    )
  })

/** The parser prints a document about an error; our program prints one sentence. */
const withoutErrorOutput = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Console.consoleWith((console) => Console.withConsole(effect, { ...console, error: () => Effect.void }))

/** Checks the rules between options. */
const check = (
  { destination, source, ...rest }: Omit<Parsed, "source" | "destination"> & {
    readonly source: Option.Option<string>
    readonly destination: Option.Option<string>
  }
): Effect.Effect<Settings, Refused> => {
  const settings = settingsOf({
    ...rest,
    source: Option.getOrUndefined(source),
    destination: Option.getOrUndefined(destination)
  })
  return typeof settings === "string" ? Effect.fail(refused(settings)) : Effect.succeed(settings)
}

const known = new Set([
  ...[
    "queue-depth",
    "concurrency",
    "chunk",
    "kernel",
    "overwrite",
    "verify",
    "keep",
    "resume",
    "take-over",
    "keep-going"
  ],
  ...["help", "version", "wizard", "completions", "log-level"]
])

/** @effect/cli would take it for SOURCE, or complain about what comes after it. */
const unknownOption = (args: ReadonlyArray<string>): string | undefined => {
  const end = args.indexOf("--")
  return args.slice(0, end < 0 ? args.length : end).find((argument) =>
    argument.startsWith("--") && !known.has(argument.slice(2).split("=")[0]!)
  )
}

const sentenceOf = (error: ValidationError.ValidationError): string => {
  const text = HelpDoc.toAnsiText(error.error)
    .replace(/\u001b\[[\d;]*m/g, "")
    .replace(/\s+/g, " ")
    .trim()
  return /[.!?]$/.test(text) ? text : `${text}.`
}
