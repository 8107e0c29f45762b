/**
 * The options of a copy, complete and looked at.
 */
import type { CopyTreeOptions } from "../../Pipeline.js"
import type { PipelineError } from "../../PipelineError.js"
import {
  aBoolean,
  aFunction,
  aNumber,
  aString,
  InvalidArgument,
  listOf,
  oneOf,
  optionsOf,
  pathProblem
} from "../arguments.js"
import * as c from "../constants.js"
import { failure } from "./failures.js"
import type { Filter } from "./filter.js"
import { quoted, withoutPeriod } from "./text.js"

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
  /** Also of processes of which nobody knows whether they still run. */
  readonly takeOver: boolean
  /** Whose partial files these are, in place of this process. */
  readonly owner: string | undefined
  /** Bytes between two entries of a journal; infinite: no journal. */
  readonly stretch: number
  readonly onFailure: "undo" | "keep" | "collect"
  readonly filter: Filter<unknown, unknown> | undefined
  readonly links: "copy" | "follow" | "skip" | "refuse"
  readonly hardLinks: "copy" | "keep"
  /** Says what would be done, and writes nothing. */
  readonly dryRun: boolean
  readonly onProgress: CopyTreeOptions["onProgress"]
}

const CHUNK = 512 << 10
const IN_FLIGHT = 4
const CONCURRENCY = 8
const STRETCH = 32 << 20

/** All buffers of a copy together: beyond it, somebody has mistaken a unit. */
const MOST_MEMORY = 4 * 2 ** 30

/** So that it can be read back past the cache. */
const inSectors = (bytes: number): number => Math.ceil(bytes / c.LARGEST_SECTOR) * c.LARGEST_SECTOR

const readOptions = optionsOf<CopyTreeOptions<unknown, unknown>>({
  chunkSize: aNumber,
  inFlight: aNumber,
  concurrency: aNumber,
  overwrite: aBoolean,
  verify: oneOf("none", "read", "durable"),
  preserve: listOf(oneOf("times", "permissions")),
  resume: aBoolean,
  takeOver: aBoolean,
  owner: aString,
  journal: aBoolean,
  journalEvery: aNumber,
  onFailure: oneOf("undo", "keep", "collect"),
  filter: aFunction,
  links: oneOf("copy", "follow", "skip", "refuse"),
  hardLinks: oneOf("copy", "keep"),
  dryRun: aBoolean,
  onProgress: aFunction
})

/** The first of the paths that can be none. */
export const wrongPath = (...paths: ReadonlyArray<string>): PipelineError | undefined => {
  for (const path of paths) {
    const problem = pathProblem(path)
    if (problem === undefined) continue
    const named = typeof path === "string" ? path : ""
    return failure("InvalidArgument", named, `Cannot copy ${quoted(named)}: ${withoutPeriod(problem).toLowerCase()}.`)
  }
  return undefined
}

export const settingsOf = (path: string, given: CopyTreeOptions<unknown, unknown>): Settings | PipelineError => {
  const options = readOptions(given)
  if (options instanceof InvalidArgument) {
    return failure("InvalidArgument", path, `Cannot copy ${quoted(path)}: ${options.problem}.`, options.cause)
  }
  const verify = options.verify ?? "none"
  const resume = options.resume ?? false
  const dryRun = options.dryRun ?? false
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
  if (options.takeOver === true && !resume) return refuse("takeOver means nothing without resume")
  if (options.owner === "") return refuse("owner must not be empty")
  return {
    chunk,
    inFlight,
    concurrency,
    overwrite: options.overwrite ?? false,
    verify,
    times: preserve.includes("times"),
    permissions: preserve.includes("permissions"),
    resume,
    takeOver: options.takeOver ?? false,
    owner: options.owner,
    stretch: options.journal ?? (resume || verify !== "none") ? inSectors(Math.max(every, chunk)) : Infinity,
    // Everything that would be refused is told.
    onFailure: dryRun ? "collect" : options.onFailure ?? (resume ? "keep" : "undo"),
    filter: options.filter,
    links: options.links ?? "copy",
    hardLinks: options.hardLinks ?? "copy",
    dryRun,
    onProgress: options.onProgress
  }
}
