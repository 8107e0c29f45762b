/**
 * A path as the user gave it, in the form that the wide functions of kernel32 take: absolute, and behind `\\?\` when it is
 * longer than they accept otherwise.
 */
import { win32 } from "node:path"

/** MAX_PATH is 260, less the room for an 8.3 name that a folder's path must leave: the limit that holds for all functions. */
const LONG = 248

/** `\\?\` and `\\.\`: the part after it is not looked at. */
const DEVICE = /^\\\\[.?]\\/

/** `undefined`: a NUL character, at which the system would silently cut the name off. */
export const toSystemPath = (path: string): string | undefined => {
  if (path.includes("\0")) return undefined
  // Verbatim paths and the empty one are the system's to judge: resolving would make something else of them.
  if (path === "" || path.startsWith("\\\\?\\")) return path
  const absolute = win32.resolve(path)
  if (absolute.length < LONG || DEVICE.test(absolute)) return absolute
  return absolute.startsWith("\\\\") ? `\\\\?\\UNC\\${absolute.slice(2)}` : `\\\\?\\${absolute}`
}
