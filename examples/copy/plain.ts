// A command line in which nothing is wrong and no help is asked for, as nearly every one is, read without @effect/cli:
// that takes longer to load than many a copy. Whatever is not plain goes to cli.ts, which can also say what is wrong.
import { type Parsed, type Settings, settingsOf, type Valued, valued } from "./Settings.js"

const flags = {
  overwrite: "overwrite",
  resume: "resume",
  "take-over": "takeOver",
  "keep-going": "keepGoing",
  keep: "keep"
} as const

const options = {
  "queue-depth": "queueDepth",
  concurrency: "concurrency",
  chunk: "chunk",
  kernel: "kernel",
  verify: "verify"
} as const

const has = <K extends string>(record: Readonly<Record<K, unknown>>, key: string): key is K =>
  Object.hasOwn(record, key)

/** The settings, or `undefined` for cli.ts to say. */
export const parsePlain = (args: ReadonlyArray<string>): Settings | undefined => {
  const paths: Array<string> = []
  const said: Record<string, unknown> = {}
  for (let i = 0; i < args.length; i++) {
    const argument = args[i]!
    if (!argument.startsWith("-")) {
      paths.push(argument)
      continue
    }
    const name = argument.slice(2)
    if (!argument.startsWith("--") || Object.hasOwn(said, name)) return undefined
    if (has(flags, name)) said[name] = true
    else if (has(options, name)) {
      const text = args[++i]
      // A value that looks like an option may be one.
      const value = text === undefined || text.startsWith("-") ? undefined : valued[options[name]].parse(text)
      if (value === undefined) return undefined
      said[name] = value
    } else return undefined
  }
  if (paths.length > 2) return undefined
  const valueOf = <A>(name: keyof typeof options, { initial }: Valued<A>): A => (said[name] ?? initial) as A
  const parsed: Parsed = {
    source: paths[0],
    destination: paths[1],
    queueDepth: valueOf("queue-depth", valued.queueDepth),
    concurrency: valueOf("concurrency", valued.concurrency),
    chunk: valueOf("chunk", valued.chunk),
    kernel: valueOf("kernel", valued.kernel),
    verify: valueOf("verify", valued.verify),
    overwrite: said["overwrite"] === true,
    resume: said["resume"] === true,
    takeOver: said["take-over"] === true,
    keepGoing: said["keep-going"] === true,
    keep: said["keep"] === true
  }
  const settings = settingsOf(parsed)
  return typeof settings === "string" ? undefined : settings
}
