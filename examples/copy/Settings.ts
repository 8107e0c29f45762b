// The settings of the command line: the values of each option, and the rules between options.
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
}

/** An option with a value: how it is read, what is said of any other text, and what it is when nobody says. */
export interface Valued<A> {
  readonly parse: (text: string) => A | undefined
  readonly refusal: string
  readonly initial: A
}

const whole = (name: string, most: number, initial: number): Valued<number> => ({
  parse: (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : 0
    return value >= 1 && value <= most ? value : undefined
  },
  refusal: `--${name} takes a whole number from 1 to ${most}.`,
  initial
})

const choice = <A extends string>(name: string, choices: ReadonlyArray<A>, initial: A): Valued<A> => ({
  parse: (text) => choices.find((one) => one === text),
  refusal: `--${name} takes ${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}.`,
  initial
})

const LEAST_CHUNK = 512
const MOST_CHUNK = 1 << 30

const units: Record<string, number> = { "": 1, k: 1 << 10, m: 1 << 20, g: 1 << 30 }

const bytes = (text: string): number | undefined => {
  const match = /^(\d{1,10}) ?(?:([kmg])(?:i?b)?|b|bytes)?$/i.exec(text)
  return match === null ? undefined : Number(match[1]) * units[(match[2] ?? "").toLowerCase()]!
}

export const kernels = ["auto", "win32", "portable"] as const
export const verifications = ["none", "read", "durable"] as const

export const valued = {
  /** Reads in flight in one file: more than the portable kernel has threads, so that none waits for us. */
  queueDepth: whole("queue-depth", 1024, 4),
  /** Two descriptors each: the most is half of what a process usually gets. */
  concurrency: whole("concurrency", 256, 8),
  chunk: {
    parse: (text) => {
      const value = bytes(text)
      return value !== undefined && value >= LEAST_CHUNK && value <= MOST_CHUNK ? value : undefined
    },
    refusal: `--chunk takes a size from ${size(LEAST_CHUNK)} to ${size(MOST_CHUNK)}, such as 65536, 64KiB or 1MiB.`,
    initial: 512 << 10
  } satisfies Valued<number> as Valued<number>,
  kernel: choice("kernel", kernels, "auto"),
  verify: choice("verify", verifications, "read")
}

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
