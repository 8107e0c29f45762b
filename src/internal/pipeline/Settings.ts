/**
 * The options of a copy, complete and looked at.
 */
import type { CopyTreeOptions } from "../../Pipeline.js"
import type { PipelineError } from "../../PipelineError.js"
import * as c from "../constants.js"
import { failure } from "./failures.js"
import { quoted } from "./text.js"

export interface Settings {
  /** Bytes per read and write. */
  readonly chunk: number
  /** Chunks in flight in each file. */
  readonly inFlight: number
  /** Files at once. */
  readonly concurrency: number
  readonly overwrite: boolean
  readonly verify: "none" | "read" | "durable"
  readonly times: boolean
  readonly permissions: boolean
  /** Goes on with what an earlier copy left, and leaves what is partial to a later one. */
  readonly resume: boolean
  /** Bytes between two entries of a journal; infinite: no journal. */
  readonly stretch: number
  readonly onFailure: "undo" | "keep" | "collect"
}

const CHUNK = 512 << 10
const IN_FLIGHT = 4
const CONCURRENCY = 8
const STRETCH = 32 << 20

/** All buffers of a copy together: beyond it, somebody has mistaken a unit. */
const MOST_MEMORY = 4 * 2 ** 30

/** So that it can be read back past the cache. */
const inSectors = (bytes: number): number => Math.ceil(bytes / c.LARGEST_SECTOR) * c.LARGEST_SECTOR

export const settingsOf = (path: string, options: CopyTreeOptions): Settings | PipelineError => {
  const verify = options.verify ?? "none"
  const resume = options.resume ?? false
  const chunk = options.chunkSize ?? CHUNK
  const inFlight = options.inFlight ?? IN_FLIGHT
  const concurrency = options.concurrency ?? CONCURRENCY
  const every = options.journalEvery ?? STRETCH
  const preserve = options.preserve ?? ["times", "permissions"]
  const refuse = (sentence: string) => failure("InvalidArgument", path, `Cannot copy ${quoted(path)}: ${sentence}.`)
  const counts = { chunkSize: chunk, inFlight, concurrency, journalEvery: every }
  for (const [name, value] of Object.entries(counts)) {
    if (!Number.isSafeInteger(value) || value < 1) return refuse(`${name} must be a whole number of at least 1`)
  }
  if (chunk * inFlight * concurrency > MOST_MEMORY) {
    return refuse("chunkSize × inFlight × concurrency is more than 4 GiB")
  }
  if (verify === "durable" && chunk % c.LARGEST_SECTOR !== 0) {
    return refuse(`with verify "durable", chunkSize must be a multiple of ${c.LARGEST_SECTOR}`)
  }
  return {
    chunk,
    inFlight,
    concurrency,
    overwrite: options.overwrite ?? false,
    verify,
    times: preserve.includes("times"),
    permissions: preserve.includes("permissions"),
    resume,
    stretch: options.journal ?? (resume || verify !== "none") ? inSectors(Math.max(every, chunk)) : Infinity,
    onFailure: options.onFailure ?? (resume ? "keep" : "undo")
  }
}
