/**
 * The names of a directory's entries, in bytes: they need not be text.
 */
import type { Dirent } from "node:fs"

/** Bun answers names without kinds when it is asked for bytes. */
const encoding = (process.versions["bun"] === undefined ? "buffer" : "utf8") as BufferEncoding

/** Entries that node reads at once. */
export const AT_ONCE = 256

/** The options of `opendir`. */
export const IN_BYTES = { encoding, bufferSize: AT_ONCE }

/** Text in Bun and Deno, with U+FFFD for what is no UTF-8; the types of node do not say that it is bytes elsewhere. */
export const nameOf = (entry: Dirent): Buffer => {
  const name: unknown = entry.name
  return typeof name === "string" ? Buffer.from(name) : name as Buffer
}
