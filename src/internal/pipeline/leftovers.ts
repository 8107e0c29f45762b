/**
 * Leftovers of killed copies in a directory: partial files with a journal, to go on with, and others, to remove. Only
 * what bears the tag of a process that has ended, the name of a file that is to be copied there, and is a file of one's
 * own under one name.
 */
import * as Effect from "effect/Effect"
import { type BigIntStats, lstatSync } from "node:fs"
import type { PipelineError } from "../../PipelineError.js"
import { entriesOf } from "../held/entries.js"
import { isSame } from "../held/identity.js"
import { type Place, placeIn } from "../held/Place.js"
import { attempt } from "./failures.js"
import { journalName, parseTemporary, partialName, stemOf } from "./names.js"
import { isLocal } from "./owner.js"
import { lifeOfTag, type Maker } from "./tags.js"
import { quoted } from "./text.js"
import { whileTurns } from "./turns.js"

export interface Left {
  /** Tags of partial files that have a journal, by name. */
  readonly journaled: Map<string, Array<string>>
  /** Names to remove: no journal speaks of them, or what they were to become is complete. */
  readonly useless: Array<string>
  /** Names of what is left alone, because nobody knows whose it is, or it is somebody else's. */
  readonly foreign: Array<string>
}

export interface Search {
  readonly maker: Maker
  /** Whether leftovers of other processes are taken over, too. */
  readonly takeOver: boolean
}

/** `names` are those that the copy is going to make in the directory. Tells of what is left alone in a warning. */
export const findLeft = (
  directory: Place,
  names: ReadonlyArray<string>,
  search: Search
): Effect.Effect<Left, PipelineError> =>
  Effect.suspend(() => {
    const left: Left = { journaled: new Map(), useless: [], foreign: [] }
    const searching = searchFor(directory, names, search, left)
    return whileTurns(() => searching.next().done !== true).pipe(
      Effect.ensuring(Effect.sync(() => searching.return())),
      Effect.zipRight(Effect.suspend(() => left.foreign.length === 0 ? Effect.void : warn(directory, left.foreign))),
      Effect.as(left)
    )
  })

/** Names of them in a warning. */
const NAMED = 3

const warn = ({ user }: Place, foreign: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.logWarning(
    `Left alone in ${quoted(user)}, because it may be another running copy's, or is not this user's own: ${
      foreign.slice(0, NAMED).map(quoted).join(", ")
    }${foreign.length > NAMED ? ` and ${foreign.length - NAMED} more` : ""}.`
  )

interface Found {
  readonly name: string
  readonly tag: string
  partial: boolean
  journal: boolean
}

/** Yields after every little piece of work. */
function* searchFor(
  directory: Place,
  names: ReadonlyArray<string>,
  { maker, takeOver }: Search,
  left: Left
): Generator<void, void> {
  const wanted = new Set<string>()
  const stems = new Map<string, string>()
  for (const name of names) {
    wanted.add(name)
    stems.set(stemOf(name), name)
    yield
  }
  const found = new Map<string, Found>()
  for (const entry of listed(directory)) {
    yield
    const parsed = parseTemporary(entry)
    // A source may have files of such names, and they are nobody's leftovers.
    const name = parsed === undefined || wanted.has(entry) ? undefined : stems.get(parsed.stem)
    if (name === undefined) continue
    const { kind, stem, tag } = parsed!
    const key = `${stem}\0${tag}`
    const one = found.get(key) ?? { name, tag, partial: false, journal: false }
    one[kind] = true
    found.set(key, one)
  }
  let local: boolean | undefined
  for (const one of found.values()) {
    yield
    const where = { hasJournal: one.journal, isLocal: () => local ??= isLocal(directory.system) }
    const life = lifeOfTag(one.tag, maker, where)
    if (life !== "live") put(directory, one, life === "unknown" && !takeOver, left)
  }
}

const put = (directory: Place, one: Found, isUnknown: boolean, left: Left): void => {
  const { name, tag } = one
  const [partial, journal] = [partialName(name, tag), journalName(name, tag)]
  const there = [...(one.partial ? [partial] : []), ...(one.journal ? [journal] : [])]
  const stats = there.map((name) => look(placeIn(directory, name)))
  if (isEndOfOwn(directory, one, stats[0])) left.useless.push(...there)
  else if (isUnknown || !stats.every((stat) => stat === undefined || isOwn(stat))) left.foreign.push(...there)
  else if (there.length < 2) left.useless.push(...there)
  else if (left.journaled.get(name)?.push(tag) === undefined) left.journaled.set(name, [tag])
}

/** Its process was killed between giving it its final name and taking the other one. */
const isEndOfOwn = (directory: Place, { name, partial }: Found, stat: BigIntStats | undefined): boolean => {
  if (!partial || stat === undefined || !stat.isFile() || !isMine(stat) || stat.nlink !== 2n) return false
  const target = look(placeIn(directory, name))
  return target !== undefined && isSame(target, stat)
}

export const look = (place: Place): BigIntStats | undefined =>
  attempt("look at", place, () => lstatSync(place.system, { bigint: true, throwIfNoEntry: false }))

/** Whether it is a file of one's own: others who can write in the directory may have put anything there. */
export const isOwn = (stat: BigIntStats): boolean => stat.isFile() && stat.nlink === 1n && isMine(stat)

const isMine = ({ uid }: BigIntStats, user = process.geteuid?.()): boolean => user === undefined || uid === BigInt(user)

/** Leftovers have names that are text. */
function* listed(directory: Place): Generator<string> {
  const entries = entriesOf(directory.system)
  try {
    for (;;) {
      const { value } = attempt("read the directory", directory, () => entries.next())
      if (value === undefined) return
      yield value.toString()
    }
  } finally {
    entries.return(undefined)
  }
}
