// The command line of `npm run example:cluster`.
import { parseArgs } from "node:util"
import type { Transport } from "./layers.js"

export const HELP = `Copies a tree by several processes, of which one is killed in the middle.

  npm run example:cluster -- [options] [SOURCE TARGET]

  SOURCE TARGET    directories; default: a tree that is made, and a new directory
  --runners N      processes that copy (number, default 3)
  --files N        copies a made tree of so many files by 1, 2 and 3 runners, kills none, and prints files per second
  --transport T    tcp | pipe: how the runners speak to each other (default tcp)
  --no-kill        kills no runner
  --help           prints this

  DATABASE_URL     of a PostgreSQL server (default: a file of SQLite's, for runners on one machine)
`

export interface Options {
  readonly paths: readonly [source: string, target: string] | undefined
  readonly runners: number
  readonly files: number | undefined
  readonly transport: Transport
  readonly kill: boolean
}

/** Undefined: only help was asked for. A string: what is wrong. */
export const parse = (args: ReadonlyArray<string>): Options | string | undefined => {
  try {
    const { positionals, values } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        runners: { type: "string", default: "3" },
        files: { type: "string" },
        transport: { type: "string", default: "tcp" },
        "no-kill": { type: "boolean", default: false },
        help: { type: "boolean", default: false }
      }
    })
    if (values.help) return undefined
    const runners = Number(values.runners)
    const files = values.files === undefined ? undefined : Number(values.files)
    const { transport } = values
    if (!isCount(runners)) return `--runners is "${values.runners}", and must be a whole number of at least 1.`
    if (files !== undefined && !isCount(files)) {
      return `--files is "${values.files}", and must be a whole number of at least 1.`
    }
    if (transport !== "tcp" && transport !== "pipe") return `--transport is "${transport}", and must be tcp or pipe.`
    if (positionals.length !== 0 && positionals.length !== 2) return "Give both SOURCE and TARGET, or none of them."
    if (positionals.length === 2 && files !== undefined) return "--files makes a tree of its own: give no SOURCE."
    const kill = !values["no-kill"] && files === undefined
    if (kill && runners < 2) {
      return "With one runner nobody is left when it is killed: say --no-kill, or more --runners."
    }
    const [source, target] = positionals
    return {
      paths: source === undefined ? undefined : [source, target!],
      runners,
      files,
      transport,
      kill
    }
  } catch (error) {
    return (error as Error).message
  }
}

const isCount = (n: number): boolean => Number.isSafeInteger(n) && n >= 1
