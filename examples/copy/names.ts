// Names: of partial files, of what lies inside a directory, and which of them a system takes for the same.
import { randomBytes } from "node:crypto"
import { sep } from "node:path"

/** Bytes in a name on POSIX file systems; UTF-16 units on Windows. */
const LONGEST = 255

const lengthOf: (name: string) => number = process.platform === "win32"
  ? (name) => name.length
  : (name) => Buffer.byteLength(name)

/** A root ends in its separator already. */
export const inside = (directory: string, name: string): string =>
  directory.endsWith(sep) ? directory + name : directory + sep + name

const run = randomBytes(4).toString("hex")
let made = 0

/** The name that a file has until it is complete: in the directory of the final one, so that the rename is atomic. */
export const partialName = (name: string): string => {
  const tail = `.${run}${(made++).toString(36)}.partial`
  if (lengthOf(name) + tail.length < LONGEST) return `.${name}${tail}`
  let kept = ""
  let room = LONGEST - 1 - tail.length
  // By code points: half a surrogate pair or half a UTF-8 sequence would be another name, or none.
  for (const point of name) {
    room -= lengthOf(point)
    if (room < 0) break
    kept += point
  }
  return `.${kept}${tail}`
}

/** Two names with the same key are one name to a system that does not tell upper case from lower. */
export const foldedCase = (name: string): string => name.toUpperCase().toLowerCase()

/** The same name in the other case, to ask such a system with. */
export const otherCase = (name: string): string => {
  const upper = name.toUpperCase()
  return upper === name ? name.toLowerCase() : upper
}
