/**
 * The entries of a directory, in pieces: one may have hundreds of thousands of entries.
 */
import { opendirSync } from "node:fs"
import { IN_BYTES, nameOf } from "../kernel/entryNames.js"

/**
 * Names in bytes, as they need not be text. May throw what node throws. Nothing is open before the first is asked for;
 * whoever does not go on to the end calls `return`.
 */
export function* entriesOf(path: string): Generator<Buffer, undefined> {
  const directory = opendirSync(path, IN_BYTES)
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      yield nameOf(entry)
    }
  } finally {
    directory.closeSync()
  }
}
