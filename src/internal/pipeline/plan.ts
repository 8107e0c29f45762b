/**
 * The plan of a copy: walks the source and refuses, before anything is made, what cannot be copied.
 */
import * as Effect from "effect/Effect"
import { isUtf8 } from "node:buffer"
import { type BigIntStats, lstatSync, readlinkSync, realpathSync, statSync } from "node:fs"
import { basename, dirname, resolve } from "node:path"
import { PipelineError } from "../../PipelineError.js"
import { leadsElsewhere } from "../file/names.js"
import { entriesOf } from "../held/entries.js"
import { isKnown, isSame } from "../held/identity.js"
import { inside, type Place, placeIn } from "../held/Place.js"
import type { Held, Room } from "../held/Room.js"
import { attempt, badTarget, cannot, errnoOf, failing, failure } from "./failures.js"
import { foldedCase } from "./names.js"
import { quoted } from "./text.js"
import { type Slices, slices, whileInSlices } from "./turns.js"

export interface PlannedDirectory {
  readonly source: Held
  readonly target: Held
  readonly stat: BigIntStats
}

export interface PlannedFile {
  readonly from: Held
  /** Its name there. */
  readonly original: string
  readonly to: Held
  readonly name: string
  readonly size: number
}

export interface PlannedLink {
  readonly from: Held
  readonly to: Held
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
 * Refuses what makes no sense as a whole, then walks. What cannot be copied goes to `failures` where there are any, and
 * is left out of the plan.
 */
export const makePlan = (
  room: Room<PipelineError>,
  source: string,
  destination: string,
  failures?: Array<PipelineError>
): Effect.Effect<Plan, PipelineError> =>
  Effect.flatMap(slices, (slices) => {
    const walk = new Walk(room, slices, failures)
    const begin = failing(() => {
      walk.begin(resolve(source), destination)
      return walk.run
    })
    return Effect.as(Effect.zipRight(slices.turn, begin), walk)
  })

interface Pending {
  readonly source: Held
  readonly target: Held
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

  constructor(
    private readonly room: Room<PipelineError>,
    private readonly slices: Slices,
    private readonly failures: Array<PipelineError> | undefined
  ) {}

  /** May throw a `PipelineError`. */
  begin(source: string, to: string): void {
    const destination = resolve(to)
    const stat = sourceStat(source)
    refuseNesting(source, stat, destination)
    const original = real(source)
    const parent = this.room.root(dirname(destination))
    const name = basename(destination)
    if (stat.isDirectory()) {
      const from = this.room.root(original)
      const target = this.room.child(parent, name)
      // A directory that is exchanged from here on is another one.
      from.stat = stat
      // A link that leads nowhere is not followed, and is in the way.
      const there = isLink(destination) ? statIfAny(destination) : undefined
      if (there !== undefined) {
        target.follow = true
        target.stat = there
      }
      this.#pending.push({ source: from, target, above: undefined })
      return
    }
    const bad = badTarget(to, name)
    if (bad !== undefined) throw bad
    const from = this.room.root(dirname(original))
    this.#file({ from, original: basename(original), to: parent, name, size: Number(stat.size) }, stat)
  }

  readonly run: Effect.Effect<void, PipelineError> = Effect.whileLoop({
    while: () => this.#pending.length > 0,
    body: () => this.#collected(this.#list(this.#pending.pop()!)),
    step: () => {}
  })

  #collected(effect: Effect.Effect<void, PipelineError>): Effect.Effect<void, PipelineError> {
    const { failures } = this
    if (failures === undefined) return effect
    return Effect.catchAll(effect, (error) => Effect.sync(() => void failures.push(error)))
  }

  #list(pending: Pending): Effect.Effect<void, PipelineError> {
    const { source, target } = pending
    return this.room.using([source], () =>
      failing(() => {
        const { place } = source
        this.#refuseCircle(pending)
        this.directories.push({ source, target, stat: source.stat! })
        const entries = entriesOf(place.system)
        const seen = new Map<string, string>()
        const step = (): boolean => {
          const { value } = attempt("read the directory", place, () => entries.next())
          if (value === undefined) return false
          this.#orCollected(() => this.#entry(pending, place, textOf(place.user, value), seen))
          return true
        }
        return Effect.ensuring(whileInSlices(this.slices, step), Effect.sync(() => entries.return(undefined)))
      }))
  }

  #orCollected(f: () => void): void {
    try {
      f()
    } catch (thrown) {
      if (this.failures === undefined || !(thrown instanceof PipelineError)) throw thrown
      this.failures.push(thrown)
    }
  }

  #entry(pending: Pending, directory: Place, name: string, seen: Map<string, string>): void {
    const source = placeIn(directory, name)
    if (leadsElsewhere(name)) {
      const sentence = `In ${quoted(directory.user)} there is a name that means something else here, ${quoted(name)}.`
      throw failure("BadName", source.user, sentence)
    }
    this.#lookForSameButCase(directory.user, name, seen)
    const { source: from, target: to } = pending
    const stat = attempt("read", source, () => lstatSync(source.system, { bigint: true }))
    if (stat.isDirectory()) {
      this.#pending.push({ source: this.room.child(from, name), target: this.room.child(to, name), above: pending })
    } else if (stat.isSymbolicLink()) {
      const text = attempt("read the link", source, () => linkText(source))
      this.links.push({ from, to, name, text, stat })
    } else this.#file({ from, original: name, to, name, size: Number(stat.size) }, stat)
  }

  /** Where links look like what they point to, a link to a directory above would be walked for ever. */
  #refuseCircle(directory: Pending): void {
    const { source } = directory
    for (let { above } = directory; above !== undefined; above = above.above) {
      if (isSameFile(source.path, source.stat!, above.source.path, above.source.stat!)) {
        throw failure(
          "Nested",
          source.path,
          `${quoted(source.path)} is a link to ${quoted(above.source.path)}, which it is in.`
        )
      }
    }
  }

  #file(file: PlannedFile, stat: BigIntStats): void {
    if (!stat.isFile()) {
      const path = inside(file.from.path, file.original)
      throw failure("SpecialFile", path, `${quoted(path)} is a ${kindOf(stat)}, which cannot be copied.`)
    }
    this.files.push(file)
    this.bytes += file.size
  }

  #lookForSameButCase(directory: string, name: string, seen: Map<string, string>): void {
    if (this.sameButCase !== undefined) return
    const key = foldedCase(name)
    const first = seen.get(key)
    if (first !== undefined) this.sameButCase = [inside(directory, first), inside(directory, name)]
    seen.set(key, name)
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
const textOf = (directory: string, bytes: Buffer): string => {
  const name = bytes.toString()
  if (!name.includes("\ufffd") || isUtf8(bytes)) return name
  throw failure(
    "BadName",
    directory,
    `In ${quoted(directory)} there is a name that is not UTF-8, ${ascii(bytes)}, and cannot be copied.`
  )
}

/** Each byte that is not ASCII as `\xNN`, as `ls -b` would show it. */
const ascii = (name: Buffer): string =>
  quoted(name.toString("latin1").replace(/[\x80-\xff]/g, (c) => `\\x${c.charCodeAt(0).toString(16)}`))

const linkText = ({ system, user }: Place): string => {
  const text = readlinkSync(system)
  if (text.includes("\ufffd") && !isUtf8(readlinkSync(system, { encoding: "buffer" }))) {
    throw failure("BadName", user, `The link ${quoted(user)} points to a name that is not UTF-8, and cannot be copied.`)
  }
  return text
}

const kindOf = (stat: BigIntStats): string => {
  if (stat.isFIFO()) return "FIFO"
  if (stat.isSocket()) return "socket"
  return stat.isBlockDevice() || stat.isCharacterDevice() ? "device" : "special file"
}

// --- the destination must not be in the source, nor the source in the destination

const isLink = (path: string): boolean =>
  attempt("look at", path, () => lstatSync(path, { throwIfNoEntry: false }))?.isSymbolicLink() === true

/** Follows links. */
const statIfAny = (path: string): BigIntStats | undefined =>
  attempt("look at", path, () => statSync(path, { bigint: true, throwIfNoEntry: false }))

const real = (path: string): string => attempt("read", path, () => realpathSync.native(path))

/** Where a file system has no numbers for files, their names without links tell. */
const isSameFile = (a: string, statA: BigIntStats, b: string, statB: BigIntStats): boolean =>
  isKnown(statA) || isKnown(statB) || statA.dev !== statB.dev ? isSame(statA, statB) : real(a) === real(b)

/** Compares which files they are, not what they are called: names may differ by links, by mounts and by case. */
const refuseNesting = (source: string, stat: BigIntStats, destination: string): void => {
  const parent = dirname(destination)
  const parentStat = attempt("use the directory", parent, () => statSync(parent, { bigint: true }))
  if (!parentStat.isDirectory()) throw failure("NotFound", parent, `${quoted(parent)} is not a directory.`)
  const destinationStat = statIfAny(destination)
  if (destinationStat !== undefined && isSameFile(source, stat, destination, destinationStat)) {
    throw failure("Nested", source, `${quoted(source)} and ${quoted(destination)} are the same.`)
  }
  if (stat.isDirectory() && lies(real(parent), source, stat)) {
    throw failure(
      "Nested",
      destination,
      `The destination ${quoted(destination)} is inside the source ${quoted(source)}.`
    )
  }
  if (destinationStat?.isDirectory() === true && lies(dirname(real(source)), destination, destinationStat)) {
    throw failure("Nested", source, `The source ${quoted(source)} is inside the destination ${quoted(destination)}.`)
  }
}

/** Whether the path is the directory or somewhere in it. */
const lies = (path: string, directory: string, stat: BigIntStats): boolean => {
  for (;;) {
    const above = attempt("read", path, () => statSync(path, { bigint: true }))
    if (isSameFile(path, above, directory, stat)) return true
    const up = dirname(path)
    if (up === path) return false
    path = up
  }
}
