/**
 * Tags of temporary names: which process makes the file, so that a later one can tell what is left behind from what is
 * being written.
 *
 * A tag is `<kind and boot>-<namespaces>-<process>-<its start>-<instance>-<count>`, each in letters and digits.
 * Instance: a process may have several workers, and several copies of this module. A copy for a named owner has that
 * name's hash in the place of the boot.
 */
import * as Effect from "effect/Effect"
import { randomBytes } from "node:crypto"
import { hashOf, here, type Life, lifeOf, type Owner, ownerOf, type Where } from "./owner.js"

/** The form of a tag, as a regular expression. */
export const TAG = "[a-z][0-9a-z]{1,13}-[0-9a-z]{1,10}-[0-9a-z]{1,7}-[0-9a-z]{1,9}-[0-9a-z]{1,7}-[0-9a-z]{1,6}"

/** In bytes. */
export const LONGEST_TAG = 1 + 13 + 1 + 10 + 1 + 7 + 1 + 9 + 1 + 7 + 1 + 6

const instance = randomBytes(4).readUInt32LE().toString(36)

const owners = new Map<boolean, Owner>()
const own = (locks: boolean): Owner => {
  const known = owners.get(locks)
  if (known !== undefined) return known
  const owner = ownerOf(here, locks)
  owners.set(locks, owner)
  return owner
}

let made = 0
/** The files that this instance is writing. */
const active = new Set<string>()

/** The makers of temporary files, as their tags tell them. */
export interface Maker {
  /** A copy that uses a journal holds a lock on it. */
  readonly locks: boolean
  /** The name of somebody who, as the caller guarantees, copies in one place at a time. */
  readonly owner: string | undefined
}

/** The kind of tags that name an owner instead of a system. */
const NAMED = "o"

const ofNamed = (owner: string): string => NAMED + hashOf(owner)

/** It is in use until `endTag`. */
export const nextTag = ({ locks, owner }: Maker): string => {
  const { boot, kind, namespace, pid, start } = own(locks)
  const tag = [
    owner === undefined ? kind + boot : ofNamed(owner),
    namespace,
    pid.toString(36),
    start,
    instance,
    (made++).toString(36)
  ].join("-")
  active.add(tag)
  return tag
}

/** One of a process that has ended, whose files are this instance's now. */
export const useTag = (tag: string): string => {
  active.add(tag)
  return tag
}

/** From now on a later copy may take over what bears it, in this very process, too. */
export const endTag = (tag: string): void => {
  active.delete(tag)
}

/** A tag for as long as `use` runs. */
export const withTag = <A, E, R>(
  maker: Maker,
  use: (tag: string) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(Effect.sync(() => nextTag(maker)), use, (tag) => Effect.sync(() => endTag(tag)))

/**
 * Whether whoever made the tag still runs, and uses it. Another worker of this process does. A named owner's earlier
 * copies have ended where that owner asks, and nobody else knows of them.
 */
export const lifeOfTag = (tag: string, { locks, owner: name }: Maker, where: Where): Life => {
  if (active.has(tag)) return "live"
  const [system = "", namespace = "", process = "", start = "", itsInstance = ""] = tag.split("-")
  const owner = { kind: system.slice(0, 1), boot: system.slice(1), namespace, pid: parseInt(process, 36), start }
  if (owner.kind === NAMED) return name !== undefined && system === ofNamed(name) ? "dead" : "unknown"
  const mine = own(locks)
  if (itsInstance === instance && owner.pid === mine.pid && owner.boot === mine.boot) return "dead"
  return lifeOf(owner, mine, here, where)
}
