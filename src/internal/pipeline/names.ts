/**
 * Names: of partial files, of what lies inside a directory, and which of them a system takes for the same.
 */
import { createHash } from "node:crypto"
import { LONGEST_TAG, TAG } from "./tags.js"

/** The endings of a temporary name, after the tag: the file, and its journal. */
const PARTIAL = ".partial"
const JOURNAL = ".journal"

/** Bytes in a name: eCryptfs has no room for more, others have 255. */
const LONGEST = 143

/** Bytes of a stem, without the dots before it and behind it. */
const ROOM = LONGEST - LONGEST_TAG - PARTIAL.length - 2

/** Digits of a SHA-256 to the base of 36, of 128 bits. */
const DIGITS = 25
const HASHED = new RegExp(`~[0-9a-z]{${DIGITS}}$`)

/**
 * The beginning of a temporary name: the final name, or as much of it as fits and a hash, so that no two names share a
 * stem. By code points: half a surrogate pair or half a UTF-8 sequence would be another name, or none.
 */
export const stemOf = (name: string): string => {
  if (Buffer.byteLength(name) <= ROOM && !HASHED.test(name)) return `.${name}`
  const digest = createHash("sha256").update(name).digest("hex")
  let kept = ""
  let room = ROOM - DIGITS - 1
  for (const point of name) {
    room -= Buffer.byteLength(point)
    if (room < 0) break
    kept += point
  }
  return `.${kept}~${BigInt(`0x${digest.slice(0, 32)}`).toString(36).padStart(DIGITS, "0")}`
}

/** The name that a file has until it is complete: in the directory of the final one, so that the rename is atomic. */
export const partialName = (name: string, tag: string): string => `${stemOf(name)}.${tag}${PARTIAL}`

/** The name of the journal of a partial file. */
export const journalName = (name: string, tag: string): string => `${stemOf(name)}.${tag}${JOURNAL}`

const temporary = new RegExp(`^(\\..+)\\.(${TAG})(\\${PARTIAL}|\\${JOURNAL})$`, "s")

export interface Temporary {
  readonly stem: string
  readonly tag: string
  readonly kind: "partial" | "journal"
}

/** The parts of a name, if it is one of ours. */
export const parseTemporary = (name: string): Temporary | undefined => {
  const match = temporary.exec(name)
  return match === null
    ? undefined
    : { stem: match[1]!, tag: match[2]!, kind: match[3] === PARTIAL ? "partial" : "journal" }
}

/** Two names with the same key are one name to a system that does not tell upper case from lower. */
export const foldedCase = (name: string): string => name.toUpperCase().toLowerCase()

/** The same name in the other case, to ask such a system with. */
export const otherCase = (name: string): string => {
  const upper = name.toUpperCase()
  return upper === name ? name.toLowerCase() : upper
}
