/**
 * The entries of a directory, some at a time: one may have hundreds of thousands.
 */
import { isUtf8 } from "node:buffer"
import { type Dir, type Dirent, opendir } from "node:fs"
import type { DirectoryEntry } from "../Calls.js"
import { AT_ONCE, IN_BYTES, nameOf } from "../entryNames.js"
import { kindOf } from "../kinds.js"

type Answer = (error: Error | null, entries?: ReadonlyArray<DirectoryEntry>) => void

export const entryOf = (entry: Dirent): DirectoryEntry => {
  const bytes = nameOf(entry)
  const name = bytes.toString()
  return isUtf8(bytes) ? { name, kind: kindOf(entry) } : { name, bytes: new Uint8Array(bytes), kind: kindOf(entry) }
}

export class Listing {
  #directory: Dir | undefined = undefined
  #ended = false
  #busy = false
  #closing: (() => void) | undefined = undefined

  constructor(readonly path: string) {}

  /** One answer after the other; empty at the end. */
  more(answer: Answer): void {
    this.#busy = true
    if (this.#ended) return this.#answer(answer, null, [])
    if (this.#directory !== undefined) return this.#read(this.#directory, [], answer)
    opendir(this.path, IN_BYTES, (error, directory) => {
      if (error !== null) return this.#answer(answer, error)
      this.#directory = directory
      this.#read(directory, [], answer)
    })
  }

  #read(directory: Dir, entries: Array<DirectoryEntry>, answer: Answer): void {
    directory.read((error, entry) => {
      if (error !== null) return this.#answer(answer, error)
      if (entry === null) this.#ended = true
      else entries.push(entryOf(entry))
      if (entry === null || entries.length === AT_ONCE) this.#answer(answer, null, entries)
      else this.#read(directory, entries, answer)
    })
  }

  #answer(answer: Answer, error: Error | null, entries?: ReadonlyArray<DirectoryEntry>): void {
    this.#busy = false
    answer(error, entries)
    this.#closing?.()
  }

  /** Not before the last answer has come. */
  close(closed: () => void): void {
    if (this.#busy) this.#closing = () => this.#close(closed)
    else this.#close(closed)
  }

  #close(closed: () => void): void {
    if (this.#directory === undefined) closed()
    else this.#directory.close(closed)
  }
}
