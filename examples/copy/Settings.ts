// The settings of the command line, and the rules between options.
import type { Valued } from "../commandLine.js"
import { size } from "./text.js"

export type Verify = "none" | "read" | "durable"

export interface Settings {
  /** `undefined`: the project's own node_modules, into a temporary directory. */
  readonly paths: { readonly source: string; readonly destination: string } | undefined
  readonly queueDepth: number
  readonly concurrency: number
  readonly chunk: number
  readonly kernel: "auto" | "win32" | "portable"
  readonly overwrite: boolean
  readonly verify: Verify
  readonly resume: boolean
  readonly takeOver: boolean
  readonly keepGoing: boolean
  readonly keep: boolean
  readonly include: ReadonlyArray<string>
  readonly exclude: ReadonlyArray<string>
  readonly links: "copy" | "follow" | "skip" | "refuse"
  readonly hardLinks: boolean
  readonly dryRun: boolean
}

const LEAST_CHUNK = 512
const MOST_CHUNK = 1 << 30

const units: Record<string, number> = { "": 1, k: 1 << 10, m: 1 << 20, g: 1 << 30 }

const bytes = (text: string): number | undefined => {
  const match = /^(\d{1,10}) ?(?:([kmg])(?:i?b)?|b|bytes)?$/i.exec(text)
  return match === null ? undefined : Number(match[1]) * units[(match[2] ?? "").toLowerCase()]!
}

export const chunk = (description: string): Valued<number> => ({
  _tag: "Valued",
  kind: "size",
  parse: (text) => {
    const value = bytes(text)
    return value !== undefined && value >= LEAST_CHUNK && value <= MOST_CHUNK ? value : undefined
  },
  takes: `a size from ${size(LEAST_CHUNK)} to ${size(MOST_CHUNK)} (65536, 64KiB or 1MiB)`,
  initial: 512 << 10,
  shown: "512KiB",
  description
})

export interface Parsed extends Omit<Settings, "paths"> {
  readonly source: string | undefined
  readonly destination: string | undefined
}

/** All buffers of a run together. */
const MOST_MEMORY = 4 * 2 ** 30

const PAGE = 4096

/** The settings, or a sentence about why they cannot be. */
export const settingsOf = ({ destination, source, ...rest }: Parsed): Settings | string => {
  if ((source === undefined) !== (destination === undefined)) {
    return "Name both SOURCE and DESTINATION, or neither to copy the project's node_modules."
  }
  if (source === "" || destination === "") return "SOURCE and DESTINATION must not be empty."
  const paths = source === undefined || destination === undefined ? undefined : { source, destination }
  if (rest.resume && paths === undefined) {
    return "--resume needs SOURCE and DESTINATION: the temporary copy is a new one each time."
  }
  if (rest.dryRun && paths === undefined) return "--dry-run needs SOURCE and DESTINATION."
  if (rest.takeOver && !rest.resume) return "--take-over means nothing without --resume."
  const memory = rest.chunk * rest.queueDepth * rest.concurrency
  if (memory > MOST_MEMORY) {
    return `--chunk × --queue-depth × --concurrency is ${size(memory)} of buffers: at most ${
      size(MOST_MEMORY)
    } are taken.`
  }
  if (rest.verify === "durable" && rest.chunk % PAGE !== 0) {
    return `With --verify durable, --chunk must be a multiple of ${PAGE}: past the cache, only whole sectors are read.`
  }
  return { ...rest, paths }
}
