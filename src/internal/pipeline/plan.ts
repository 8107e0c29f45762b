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
import { type Identity, isKnown, isOther } from "../held/identity.js"
import { inside, type Place, placeIn } from "../held/Place.js"
import type { Held, Room } from "../held/Room.js"
import { kindOf } from "../kernel/kinds.js"
import { attempt, badTarget, cannot, changed, errnoOf, failing, failure } from "./failures.js"
import { ask, type Filter, OfFilter } from "./filter.js"
import { foldedCase } from "./names.js"
import { around, isLink, isSameFile, keyOf, real, refuseNesting, statIfAny } from "./nesting.js"
import type { Settings } from "./Settings.js"
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
  /** For a file whose other names are kept, too. */
  readonly shared: Shared | undefined
}

/** A file of several names: which one it was in the source when it was copied, and which one its copy is. */
export interface Shared {
  source: Pick<Identity, "dev" | "ino"> | undefined
  copy: Identity | undefined
}

/** A further name of a file that is copied. */
export interface PlannedHardLink extends PlannedFile {
  readonly first: PlannedFile
  readonly shared: Shared
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
  readonly hardLinks: ReadonlyArray<PlannedHardLink>
  readonly links: ReadonlyArray<PlannedLink>
  readonly bytes: number
  /** Two names in one directory that differ only in case: trouble where the destination does not tell them apart. */
  readonly sameButCase: readonly [first: string, second: string] | undefined
}

/** The options that choose what of the source is copied. */
type Choice = Pick<Settings, "filter" | "hardLinks" | "links">

/**
 * Refuses what makes no sense as a whole, then walks. What cannot be copied goes to `failures` where there are any, and
 * is left out of the plan.
 */
export const makePlan = <E, R>(
  room: Room<PipelineError>,
  source: string,
  destination: string,
  choice: Choice,
  failures?: Array<PipelineError>
): Effect.Effect<Plan, E | PipelineError, R> =>
  Effect.flatMap(slices, (slices) => {
    const walk = new Walk<E, R>(room, slices, choice, failures)
    const begin = failing(() => {
      walk.begin(resolve(source), destination)
      return walk.run
    })
    return Effect.as(Effect.zipRight(slices.turn, begin), walk)
  }).pipe(Effect.mapError((error) => error instanceof OfFilter ? error.error as E : error))

interface Pending {
  readonly source: Held
  readonly target: Held
  /** The directories that it is in. */
  readonly above: Pending | undefined
  /** Before the names in it, as the filter is told. */
  readonly prefix: string
}

class Walk<E, R> implements Plan {
  readonly directories: Array<PlannedDirectory> = []
  readonly files: Array<PlannedFile> = []
  readonly hardLinks: Array<PlannedHardLink> = []
  readonly links: Array<PlannedLink> = []
  bytes = 0
  sameButCase: readonly [string, string] | undefined = undefined
  readonly #pending: Array<Pending> = []
  /** The first name of each file that has several. */
  readonly #first = new Map<string, PlannedFile>()
  /** Where links must not lead. */
  #around: ReadonlySet<string> = new Set()

  constructor(
    private readonly room: Room<PipelineError>,
    private readonly slices: Slices,
    private readonly choice: Choice,
    private readonly failures: Array<PipelineError> | undefined
  ) {}

  /** May throw a `PipelineError`. */
  begin(source: string, to: string): void {
    const destination = resolve(to)
    const stat = sourceStat(source)
    refuseNesting(source, stat, destination)
    if (this.choice.links === "follow") this.#around = around(destination)
    const original = real(source)
    const parent = this.room.root(dirname(destination))
    const name = basename(destination)
    if (stat.isDirectory()) {
      const from = this.room.root(original)
      const target = this.room.child(parent, name)
      // A directory that is exchanged from here on is another one.
      from.stat = stat
      // A link that leads to no directory is not followed, and is in the way.
      const there = isLink(destination) ? statIfAny(destination) : undefined
      if (there?.isDirectory() === true) {
        target.follow = true
        target.stat = there
      }
      this.#pending.push({ source: from, target, above: undefined, prefix: "" })
      return
    }
    const bad = badTarget(to, name)
    if (bad !== undefined) throw bad
    this.#file(this.room.root(dirname(original)), basename(original), parent, name, stat)
  }

  readonly run: Effect.Effect<void, OfFilter | PipelineError, R> = Effect.whileLoop({
    while: () => this.#pending.length > 0,
    body: () => this.#collected(this.#list(this.#pending.pop()!)),
    step: () => {}
  })

  #collected<A>(
    effect: Effect.Effect<A, OfFilter | PipelineError, R>
  ): Effect.Effect<A | true, OfFilter | PipelineError, R> {
    const { failures } = this
    if (failures === undefined) return effect
    return Effect.catchAll(effect, (error) => {
      if (error instanceof OfFilter) return Effect.fail(error)
      failures.push(error)
      return Effect.succeed(true as const)
    })
  }

  #list(pending: Pending): Effect.Effect<void, OfFilter | PipelineError, R> {
    const { source, target } = pending
    return this.room.using([source], () =>
      failing(() => {
        const { place } = source
        this.#refuseCircle(pending)
        this.directories.push({ source, target, stat: source.stat! })
        const entries = entriesOf(place.system)
        const seen = new Map<string, string>()
        const step = () => {
          const { value } = attempt("read the directory", place, () => entries.next())
          return value !== undefined &&
            this.#orCollected(() => this.#entry(pending, place, textOf(place.user, value), seen))
        }
        return Effect.ensuring(whileInSlices(this.slices, step), Effect.sync(() => entries.return(undefined)))
      }))
  }

  #orCollected(f: () => Answer<R>): Answer<R> {
    try {
      const answer = f()
      return answer === true ? answer : this.#collected(answer)
    } catch (thrown) {
      if (this.failures === undefined || !(thrown instanceof PipelineError)) throw thrown
      this.failures.push(thrown)
      return true
    }
  }

  #entry(pending: Pending, directory: Place, name: string, seen: Map<string, string>): Answer<R> {
    const source = placeIn(directory, name)
    if (leadsElsewhere(name)) {
      const sentence = `In ${quoted(directory.user)} there is a name that means something else here, ${quoted(name)}.`
      throw failure("BadName", source.user, sentence)
    }
    const found = this.#find(source)
    if (found === undefined) return true
    const add = () => {
      if (found.refusal !== undefined) throw found.refusal
      this.#lookForSameButCase(directory.user, name, seen)
      this.#add(pending, source, name, found)
    }
    const { filter } = this.choice
    const answer = filter === undefined ||
      ask<R>(filter as Filter<E, R>, source.user, pending.prefix + name, found.stat)
    const decide = (isWanted: boolean): true => {
      if (isWanted) add()
      return true
    }
    if (typeof answer === "boolean") return decide(answer)
    return Effect.flatMap(answer, (isWanted) => failing(() => Effect.succeed(decide(isWanted))))
  }

  /** Finds what has the name, or what the link of that name leads to; `undefined` leaves it out. */
  #find(source: Place): Found | undefined {
    const stat = attempt("read", source, () => lstatSync(source.system, { bigint: true }))
    const { links } = this.choice
    if (!stat.isSymbolicLink() || links === "copy") return { stat, isFollowed: false }
    if (links === "skip") return undefined
    if (links === "refuse") return { stat, isFollowed: false, refusal: linkRefused(source.user) }
    try {
      return { stat: statSync(source.system, { bigint: true }), isFollowed: true }
    } catch (error) {
      return { stat, isFollowed: false, refusal: notFollowed(source, error) }
    }
  }

  #add(pending: Pending, source: Place, name: string, { isFollowed, stat }: Found): void {
    const { source: from, target: to } = pending
    if (stat.isDirectory()) {
      const child = this.room.child(from, name)
      if (isFollowed) {
        child.follow = true
        // The link may lead elsewhere when it is followed again.
        child.stat = stat
      }
      const target = this.room.child(to, name)
      this.#pending.push({ source: child, target, above: pending, prefix: `${pending.prefix}${name}/` })
    } else if (stat.isSymbolicLink()) {
      const text = attempt("read the link", source, () => linkText(source))
      this.links.push({ from, to, name, text, stat })
    } else if (isFollowed) this.#followed(source, to, name, stat)
    else this.#file(from, name, to, name, stat)
  }

  /** A file at the end of a link is copied from where it is, and nothing is followed any more. */
  #followed(source: Place, to: Held, name: string, stat: BigIntStats): void {
    refuseSpecial(source.user, stat)
    attempt("follow the link", source, () => {
      const path = realpathSync.native(source.system)
      const from = this.room.root(dirname(path))
      from.stat = statSync(from.path, { bigint: true })
      if (isOther(lstatSync(path, { bigint: true }), stat)) throw changed(source.user)
      this.#file(from, basename(path), to, name, stat)
    })
  }

  /** Where links look like what they point to, a link to a directory above would be walked for ever. */
  #refuseCircle(directory: Pending): void {
    const { source } = directory
    if (this.#around.has(keyOf(source.stat!))) {
      throw failure(
        "Nested",
        source.path,
        `${quoted(source.path)} leads to the destination, or to a directory that the destination is in.`
      )
    }
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

  #file(from: Held, original: string, to: Held, name: string, stat: BigIntStats): void {
    refuseSpecial(inside(from.path, original), stat)
    const file = { from, original, to, name, size: Number(stat.size), shared: undefined }
    if (this.choice.hardLinks === "copy" || stat.nlink < 2n || !isKnown(stat)) return this.#copied(file)
    const key = keyOf(stat)
    const first = this.#first.get(key)
    if (first !== undefined) {
      this.hardLinks.push({ ...file, first, shared: first.shared! })
      return
    }
    const shared = { ...file, shared: { source: undefined, copy: undefined } }
    this.#first.set(key, shared)
    this.#copied(shared)
  }

  #copied(file: PlannedFile): void {
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

/** Going on with the next entry: at once, or when the filter has answered. */
type Answer<R> = true | Effect.Effect<true, OfFilter | PipelineError, R>

interface Found {
  readonly stat: BigIntStats
  /** It is at the end of a link. */
  readonly isFollowed: boolean
  /** Why it cannot be copied, if it is wanted. */
  readonly refusal?: PipelineError
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

const linkRefused = (path: string): PipelineError =>
  failure("SpecialFile", path, `${quoted(path)} is a symbolic link, and those are to be refused.`)

const notFollowed = (source: Place, error: unknown): PipelineError => {
  const code = errnoOf(error)
  return code === "ENOENT" || code === "ENOTDIR"
    ? failure("NotFound", source.user, `The link ${quoted(source.user)} leads to nothing.`, error)
    : cannot("follow the link", source)(error)
}

const KINDS: { readonly [T in ReturnType<typeof kindOf>]?: string } = {
  FIFO: "FIFO",
  Socket: "socket"
}

const refuseSpecial = (path: string, stat: BigIntStats): void => {
  if (stat.isFile()) return
  const kind = KINDS[kindOf(stat)] ?? "device"
  throw failure("SpecialFile", path, `${quoted(path)} is a ${kind}, which cannot be copied.`)
}
