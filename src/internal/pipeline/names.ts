/**
 * Names: of partial files, of what lies inside a directory, and which of them a system takes for the same.
 */
import { nextTag, TAG } from "./tags.js"

/** Bytes in a name on POSIX file systems; UTF-16 units on Windows. */
const LONGEST = 255

const lengthOf: (name: string) => number = process.platform === "win32"
  ? (name) => name.length
  : (name) => Buffer.byteLength(name)

/** What tells a temporary name from the others, after the tag: the file, and its journal. */
const PARTIAL = ".partial"
const JOURNAL = ".journal"

/** What a tag may take up, with its dot. */
const LONGEST_TAG = 48

/**
 * What a temporary name begins with: as much of the final name as fits. By code points: half a surrogate pair or half a UTF-8
 * sequence would be another name, or none.
 */
export const stemOf = (name: string): string => {
  let room = LONGEST - LONGEST_TAG - PARTIAL.length - 1
  if (lengthOf(name) <= room) return `.${name}`
  let kept = ""
  for (const point of name) {
    room -= lengthOf(point)
    if (room < 0) break
    kept += point
  }
  return `.${kept}`
}

/** The name that a file has until it is complete: in the directory of the final one, so that the rename is atomic. */
export const partialName = (name: string, tag: string = nextTag()): string => `${stemOf(name)}.${tag}${PARTIAL}`

/** The name of the journal of a partial file. */
export const journalName = (name: string, tag: string): string => `${stemOf(name)}.${tag}${JOURNAL}`

const temporary = new RegExp(`^(\\..+)\\.(${TAG})(\\${PARTIAL}|\\${JOURNAL})$`, "s")

export interface Temporary {
  readonly stem: string
  readonly tag: string
  readonly kind: "partial" | "journal"
}

/** What a name says if it is one of ours. */
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
