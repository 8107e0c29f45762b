/**
 * A path as the user gave it, in the form in which kernel32 changes nothing about it: absolute, and behind `\\?\`, as
 * node:fs passes its own. So one string means one file to both, whatever its length: `x.` is not `x`, and `dir\NUL` is
 * no device.
 */
import { win32 } from "node:path"

/** `\\?\` and `\\.\`: the part after it is not looked at. */
const DEVICE = /^\\\\[.?]\\/
const DRIVE = /^[a-z]:\\/i

/** `undefined`: a NUL character, at which the system would silently cut the name off. */
export const toSystemPath = (path: string): string | undefined => {
  if (path.includes("\0")) return undefined
  // Verbatim paths and the empty one are the system's to judge: resolving would make something else of them.
  if (path === "" || path.startsWith("\\\\?\\")) return path
  const absolute = win32.resolve(path)
  if (DEVICE.test(absolute)) return absolute
  if (DRIVE.test(absolute)) return `\\\\?\\${absolute}`
  return absolute.startsWith("\\\\") ? `\\\\?\\UNC\\${absolute.slice(2)}` : absolute
}
