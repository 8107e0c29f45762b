/**
 * What is there to copy: walks the source and refuses, before anything is made, what cannot be copied.
 */
import * as Effect from "effect/Effect"
import { isUtf8 } from "node:buffer"
import { type BigIntStats, lstatSync, readdirSync, readlinkSync, realpathSync, statSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { PipelineError } from "../../PipelineError.js"
import { leadsElsewhere } from "../file/names.js"
import { badTarget, cannot, errnoOf, failure } from "./failures.js"
import { foldedCase, inside } from "./names.js"
import { quoted } from "./text.js"
import { whileTurns } from "./turns.js"

export interface PlannedDirectory {
  readonly source: string
  readonly target: string
  readonly stat: BigIntStats
}

export interface PlannedFile {
  readonly source: string
  readonly directory: string
  readonly name: string
  readonly size: number
}

export interface PlannedLink {
  readonly source: string
  readonly directory: string
  readonly name: string
  readonly text: string
  readonly stat: BigIntStats
}

export interface Plan {
  /** Each after the one that it is in. Empty when the source is one file. */
  readonly directories: ReadonlyArray<PlannedDirectory>
  readonly files: ReadonlyArray<PlannedFile>
  readonly links: ReadonlyArray<PlannedLink>
  readonly bytes: number
  /** Two names in one directory that differ only in case: trouble where the destination does not tell them apart. */
  readonly sameButCase: readonly [first: string, second: string] | undefined
}

/**
 * Refuses what makes no sense as a whole, then walks. What cannot be copied goes to `failures` where there are any, and is left
 * out of the plan.
 */
export const makePlan = (
  source: string,
  destination: string,
  failures?: Array<PipelineError>
): Effect.Effect<Plan, PipelineError> =>
  Effect.suspend(() => {
    const walk = new Walk(failures)
    let begun = false
    return Effect.as(
      whileTurns(() => {
        if (begun) return walk.step()
        begun = true
        return walk.begin(resolve(source), resolve(destination))
      }),
      walk
    )
  })

interface Pending {
  readonly source: string
  readonly target: string
  readonly stat: BigIntStats
  /** The directories that it is in. */
  readonly above: Pending | undefined
}

class Walk implements Plan {
  readonly directories: Array<PlannedDirectory> = []
  readonly files: Array<PlannedFile> = []
  readonly links: Array<PlannedLink> = []
  bytes = 0
  sameButCase: readonly [string, string] | undefined = undefined
  readonly #pending: Array<Pending> = []
  #listing: { readonly of: Pending; readonly names: ReadonlyArray<string>; next: number } | undefined = undefined

  constructor(private readonly failures: Array<PipelineError> | undefined) {}

  /** Whether there is anything to walk. */
  begin(source: string, destination: string): boolean {
    const stat = sourceStat(source)
    refuseNesting(source, stat, destination)
    if (stat.isDirectory()) {
      this.#push({ source: realpathSync.native(source), target: destination, stat, above: undefined })
      return true
    }
    const target = { directory: dirname(destination), name: destination.slice(inside(dirname(destination), "").length) }
    const bad = badTarget(destination, target.name)
    if (bad !== undefined) throw bad
    this.#file(realpathSync.native(source), target.directory, target.name, stat)
    return false
  }

  /** One more name; `false` when that was the last. */
  step(): boolean {
    try {
      return this.#step()
    } catch (thrown) {
      if (this.failures === undefined || !(thrown instanceof PipelineError)) throw thrown
      this.failures.push(thrown)
      return true
    }
  }

  #step(): boolean {
    if (this.#listing === undefined) {
      const of = this.#pending.pop()
      if (of === undefined) return false
      this.#listing = { of, names: list(of.source), next: 0 }
      this.#lookForSameButCase(of.source, this.#listing.names)
    }
    const { names, of } = this.#listing
    if (this.#listing.next < names.length) this.#entry(of, names[this.#listing.next++]!)
    else this.#listing = undefined
    return true
  }

  #entry(of: Pending, name: string): void {
    const source = inside(of.source, name)
    if (leadsElsewhere(name)) {
      const sentence = `In ${quoted(of.source)} there is a name that means something else here, ${quoted(name)}.`
      throw failure("BadName", source, sentence)
    }
    const stat = attempt("read", source, () => lstatSync(source, { bigint: true }))
    if (stat.isDirectory()) this.#push({ source, target: inside(of.target, name), stat, above: of })
    else if (stat.isSymbolicLink()) {
      const text = attempt("read the link", source, () => linkText(source))
      this.links.push({ source, directory: of.target, name, text, stat })
    } else this.#file(source, of.target, name, stat)
  }

  #push(directory: Pending): void {
    // Where links look like what they point to, a link to a directory above would be walked for ever.
    for (let { above } = directory; above !== undefined; above = above.above) {
      if (isSame(above.stat, directory.stat)) {
        throw failure(
          "Nested",
          directory.source,
          `${quoted(directory.source)} is a link to ${quoted(above.source)}, which it is in.`
        )
      }
    }
    this.#pending.push(directory)
    this.directories.push(directory)
  }

  #file(source: string, directory: string, name: string, stat: BigIntStats): void {
    if (!stat.isFile()) {
      throw failure("SpecialFile", source, `${quoted(source)} is a ${kindOf(stat)}, which cannot be copied.`)
    }
    const size = Number(stat.size)
    this.files.push({ source, directory, name, size })
    this.bytes += size
  }

  #lookForSameButCase(directory: string, names: ReadonlyArray<string>): void {
    if (this.sameButCase !== undefined) return
    const seen = new Map<string, string>()
    for (const name of names) {
      const key = foldedCase(name)
      const first = seen.get(key)
      if (first !== undefined) {
        this.sameButCase = [inside(directory, first), inside(directory, name)]
        return
      }
      seen.set(key, name)
    }
  }
}

const attempt = <A>(doing: string, path: string, f: () => A): A => {
  try {
    return f()
  } catch (error) {
    throw error instanceof PipelineError ? error : cannot(doing, path)(error)
  }
}

const sourceStat = (source: string): BigIntStats => {
  try {
    return statSync(source, { bigint: true })
  } catch (error) {
    const code = errnoOf(error)
    if (code !== "ENOENT" && code !== "ENOTDIR") throw cannot("read", source)(error)
    throw failure("NotFound", source, `There is no ${quoted(source)} to copy.`, error)
  }
}

/** Node reads names as UTF-8 and puts U+FFFD for what is none; such a name could not be opened again. */
const list = (directory: string): ReadonlyArray<string> => {
  const names = attempt("read the directory", directory, () => readdirSync(directory))
  if (names.some((name) => name.includes("\ufffd"))) {
    refuseBytes(directory, readdirSync(directory, { encoding: "buffer" }))
  }
  return names
}

const refuseBytes = (directory: string, names: ReadonlyArray<Buffer>): void => {
  const bad = names.find((name) => !isUtf8(name))
  if (bad === undefined) return
  throw failure(
    "BadName",
    directory,
    `In ${quoted(directory)} there is a name that is not UTF-8, ${ascii(bad)}, and cannot be copied.`
  )
}

/** Each byte that is not ASCII as `\xNN`, as `ls -b` would show it. */
const ascii = (name: Buffer): string =>
  quoted(name.toString("latin1").replace(/[\x80-\xff]/g, (c) => `\\x${c.charCodeAt(0).toString(16)}`))

const linkText = (link: string): string => {
  const text = readlinkSync(link)
  if (text.includes("\ufffd") && !isUtf8(readlinkSync(link, { encoding: "buffer" }))) {
    throw failure("BadName", link, `The link ${quoted(link)} points to a name that is not UTF-8, and cannot be copied.`)
  }
  return text
}

const kindOf = (stat: BigIntStats): string => {
  if (stat.isFIFO()) return "FIFO"
  if (stat.isSocket()) return "socket"
  return stat.isBlockDevice() || stat.isCharacterDevice() ? "device" : "special file"
}

// --- the destination must not be in the source, nor the source in the destination

const isSame = (a: BigIntStats, b: BigIntStats): boolean => a.ino !== 0n && a.ino === b.ino && a.dev === b.dev

/** Compares which files they are, not what they are called: names may differ by links, by mounts and by case. */
const refuseNesting = (source: string, sourceStat: BigIntStats, destination: string): void => {
  const parent = dirname(destination)
  const parentStat = attempt("use the directory", parent, () => statSync(parent, { bigint: true }))
  if (!parentStat.isDirectory()) throw failure("NotFound", parent, `${quoted(parent)} is not a directory.`)
  const destinationStat = attempt(
    "look at",
    destination,
    () => statSync(destination, { bigint: true, throwIfNoEntry: false })
  )
  if (destinationStat !== undefined && isSame(sourceStat, destinationStat)) {
    throw failure("Nested", source, `${quoted(source)} and ${quoted(destination)} are the same.`)
  }
  if (sourceStat.isDirectory() && lies(realpathSync.native(parent), sourceStat)) {
    throw failure(
      "Nested",
      destination,
      `The destination ${quoted(destination)} is inside the source ${quoted(source)}.`
    )
  }
  if (destinationStat?.isDirectory() === true && lies(dirname(realpathSync.native(source)), destinationStat)) {
    throw failure("Nested", source, `The source ${quoted(source)} is inside the destination ${quoted(destination)}.`)
  }
}

/** Whether the path is the directory or somewhere in it. */
const lies = (path: string, directory: BigIntStats): boolean => {
  for (;;) {
    if (isSame(statSync(path, { bigint: true }), directory)) return true
    const up = dirname(path)
    if (up === path) return false
    path = up
  }
}
