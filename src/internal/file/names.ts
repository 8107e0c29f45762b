/**
 * Names of files that somebody else has chosen: whether one is the name of a file in a directory, and nothing else.
 */
import { sep } from "node:path"
import { shown } from "../values.js"

const windows = process.platform === "win32"

/** UTF-16 units, which is what Windows counts. */
const LONGEST = 255

/**
 * With any extension, and spaces before it. COM0 and LPT0 are in some lists of Microsoft's; superscripts are digits
 * there.
 */
const DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3]) *(\.|$)/i

/** The fault of a name, or `undefined`. The same on every system, so that what is tested on one holds on the others. */
export const nameProblem = (name: unknown): string | undefined => {
  if (typeof name !== "string") return `The name must be a string, not ${shown(name)}.`
  if (name === "") return "The name is empty."
  if (isDots(name)) return "The name stands for a directory: \".\" and \"..\" are no names of files."
  if (/[\\/]/.test(name)) return "The name has a separator."
  if (name.includes(":")) return "The name has a colon, which Windows has for drives and streams."

  if (/[\u0000-\u001f]/.test(name)) return "The name has a control character."
  if (/[<>"|?*]/.test(name)) return "The name has one of < > \" | ? *, which Windows has in none."
  if (/[. ]$/.test(name)) return "The name ends in a dot or a space, which Windows may cut off."
  if (DEVICE.test(name)) return "The name may be a device of Windows."
  if (/\p{Surrogate}/u.test(name)) return "The name has one half of a surrogate pair, which cannot be written in UTF-8."
  if (name.length > LONGEST) return `The name has ${name.length} characters, and may have ${LONGEST}.`
  return undefined
}

const isDots = (name: string): boolean => name === "." || name === ".."

const LEADING = windows ? /[\\/:\0]/ : /[/\0]/

/**
 * Whether a name leads out of the directory on this system, or into a stream of another file. A server can tell such
 * names of what is in its directories; the other odd ones are files like all, to node:fs and to us.
 */
export const leadsElsewhere = (name: string): boolean => isDots(name) || LEADING.test(name)

/** Joins them as they are, with a separator where one is missing. */
export const joined = (directory: string, name: string): string =>
  directory.endsWith(sep) || (windows && directory.endsWith("/")) ? directory + name : directory + sep + name
