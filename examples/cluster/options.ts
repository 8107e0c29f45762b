// The command line of `npm run example:cluster`.
import { choice, flag, read, whole } from "../commandLine.js"
import type { Transport } from "./layers.js"

export interface Options {
  readonly paths: readonly [source: string, target: string] | undefined
  readonly runners: number
  readonly files: number | undefined
  readonly transport: Transport
  readonly kill: boolean
}

/** No number of files that may be given. */
const NONE = 0

const grammar = {
  name: "cluster",
  before: ["Copies a tree by several processes, of which one is killed in the middle."],
  arguments: [
    { name: "SOURCE", description: "The directory to copy. Without it the program makes one." },
    { name: "TARGET", description: "The directory to copy it to. Without it the program makes one." }
  ],
  options: {
    runners: whole(1, 100, 3, "The processes that copy."),
    files: {
      ...whole(
        1,
        1_000_000,
        NONE,
        "Copies a made tree of so many files by 1, 2 and 3 runners, kills none, and prints " +
          "files per second."
      ),
      shown: "one copy, of 600 files or of SOURCE"
    },
    transport: choice(["tcp", "pipe"], "tcp", "How the runners speak to each other."),
    noKill: flag("Kills no runner.")
  },
  after: [
    "DATABASE_URL names a PostgreSQL server; default: a file of SQLite's, for runners on one machine. Exit code: 0 the " +
    "trees are the same, 1 failed or refused, 130 Ctrl-C, 143 SIGTERM."
  ]
}

/** The options; a text to print; or the sentence that refuses. */
export const parse = (
  args: ReadonlyArray<string>
): Options | { readonly print: string } | { readonly wrong: string } =>
  read(grammar, args, ({ noKill, runners, transport, ...values }, [source, target]): Options | string => {
    const files = values.files === NONE ? undefined : values.files
    const kill = !noKill && files === undefined
    if (source !== undefined && target === undefined) return "Give both SOURCE and TARGET, or none of them."
    if (source !== undefined && files !== undefined) return "--files makes a tree of its own: give no SOURCE."
    if (kill && runners < 2) {
      return "With one runner nobody is left when it is killed: say --no-kill, or more --runners."
    }
    return { paths: source === undefined ? undefined : [source, target!], runners, files, transport, kill }
  })
