/**
 * Directories of the simulated disk. In memory every folder is there; its names can be listed, and what happens to them
 * is told, step by step as Windows does. What does not fit into the buffer of the first read is lost, and the next one
 * says so with 0 bytes. Those of real files can be listed.
 */
import { accessSync, constants, type Dir, opendirSync, statSync } from "node:fs"
import { relative, resolve, sep } from "node:path"
import * as C from "../../constants.js"
import * as notify from "../../notify.js"
import type { Calls, DirectoryEntry } from "../Calls.js"
import { IN_BYTES } from "../entryNames.js"
import type { WatchParameters } from "../Kernel.js"
import { entryOf } from "../portable/listing.js"
import type { MemoryFiles } from "./memory.js"
import type { SimulatedFile, SimulatedOperation, System } from "./system.js"

export const opensDirectory = ({ access, flags }: Calls["CreateFileW"][0]): boolean =>
  (flags & C.FILE_FLAG_BACKUP_SEMANTICS) !== 0 && access === C.FILE_LIST_DIRECTORY

/** Until the first read says how large its buffer is. */
const UNTIL_FIRST_READ = 65_536

const NAMES = C.FILE_NOTIFY_CHANGE_FILE_NAME
const CONTENTS = C.FILE_NOTIFY_CHANGE_SIZE | C.FILE_NOTIFY_CHANGE_LAST_WRITE | C.FILE_NOTIFY_CHANGE_ATTRIBUTES

/** Answers the next entries, so many at most. */
export interface Listed extends SimulatedFile {
  list(most: number): ReadonlyArray<DirectoryEntry>
}

export class MemoryDirectory implements Listed {
  calls = 0
  #parameters: WatchParameters | undefined = undefined
  #entries: Array<DirectoryEntry> | undefined = undefined
  readonly #reads: Array<SimulatedOperation> = []
  #records: Array<notify.Notified> = []
  #bytes = 0
  #limit = UNTIL_FIRST_READ
  #first = true
  #overflowed = false
  #answering = false

  constructor(readonly system: System, readonly files: MemoryFiles, readonly path: string) {}

  /** Once: what the first one asks for holds for all. */
  begin(parameters: WatchParameters): void {
    if (this.#parameters !== undefined) return
    this.#parameters = parameters
    this.files.listeners.add(this.#hear)
  }

  issue(operation: SimulatedOperation): number {
    const issue = operation.issue!
    if (issue.kind !== "watch") return C.ERROR_INVALID_FUNCTION
    if (issue.block === undefined || issue.length === 0) return C.ERROR_INVALID_PARAMETER
    this.begin(issue.parameters as WatchParameters)
    if (this.#first) this.#limit = issue.length
    this.#first = false
    // TRUE, too, would mean that it is pending.
    operation.follows = "packet"
    this.#reads.push(operation)
    this.#answerSoon()
    return C.ERROR_IO_PENDING
  }

  cancel(operation: SimulatedOperation): void {
    const at = this.#reads.indexOf(operation)
    if (at < 0) return
    if (this.#answering && this.system.percent(this.system.behaviour.lost)) {
      this.system.happened.cancelsLost++
      return
    }
    this.system.cancel(operation, () => this.#reads.splice(at, 1))
  }

  close(): void {
    this.files.listeners.delete(this.#hear)
  }

  list(most: number): ReadonlyArray<DirectoryEntry> {
    this.#entries ??= this.#names()
    return this.#entries.splice(0, most)
  }

  #names(): Array<DirectoryEntry> {
    const kinds = new Map<string, DirectoryEntry["kind"]>()
    for (const path of this.files.names.keys()) {
      const name = relative(this.path, resolve(path))
      if (!isWithin(name)) continue
      const end = name.indexOf(sep)
      kinds.set(end < 0 ? name : name.slice(0, end), end < 0 ? "File" : "Directory")
    }
    return Array.from(kinds, ([name, kind]) => ({ name, kind }))
  }

  // --- what happens

  readonly #hear = (action: number, path: string, to?: string): void => {
    const from = this.#name(path)
    const { filter } = this.#parameters!
    const names = (filter & NAMES) !== 0
    if (action === C.FILE_ACTION_RENAMED_NEW_NAME) {
      const name = this.#name(to!)
      if (!names) return
      if (from === undefined || name === undefined) {
        if (from !== undefined) this.#keep({ action: C.FILE_ACTION_REMOVED, name: from })
        if (name !== undefined) this.#keep({ action: C.FILE_ACTION_ADDED, name })
      } else this.#keep({ action: C.FILE_ACTION_RENAMED_OLD_NAME, name: from }, { action, name })
    } else if (from !== undefined && (action === C.FILE_ACTION_MODIFIED ? (filter & CONTENTS) !== 0 : names)) {
      this.#keep({ action, name: from })
    }
  }

  /** A name in the directory, or below where that is asked for. */
  #name(path: string): string | undefined {
    const name = relative(this.path, resolve(path))
    return isWithin(name) && (this.#parameters!.recursive || !name.includes(sep)) ? name : undefined
  }

  #keep(...records: ReadonlyArray<notify.Notified>): void {
    if (this.#overflowed) return
    for (const record of records) this.#bytes += notify.sizeOf(record)
    this.#records.push(...records)
    if (this.#bytes > this.#limit) this.#overflow()
    this.#answerSoon()
  }

  #overflow(): void {
    this.#records = []
    this.#bytes = 0
    this.#overflowed = true
  }

  // --- answering

  #answerSoon(): void {
    if (this.#answering || this.#reads.length === 0 || (this.#bytes === 0 && !this.#overflowed)) return
    this.#answering = true
    this.system.world.later(this.system.latency(), () => {
      this.#answering = false
      this.#answer()
      this.#answerSoon()
    })
  }

  #answer(): void {
    const operation = this.#reads.shift()
    if (operation === undefined) return
    if (this.#bytes > operation.issue!.length) this.#overflow()
    const records = this.#records
    this.#records = []
    this.#bytes = 0
    this.#overflowed = false
    if (records.length > 0) {
      operation.transfer((memory) => {
        operation.bytes = notify.write(records, memory)
      })
    }
    this.system.happened.packets++
    operation.finish(C.ERROR_SUCCESS)
  }
}

/** Whether a relative path leads to something in the directory, or below. */
const isWithin = (name: string): boolean => name !== "" && name !== ".." && !name.startsWith(`..${sep}`)

/** A directory of real files. Changes to those are not reported to the simulation, so that it cannot be watched. */
export class RealDirectory implements Listed {
  calls = 0
  #directory: Dir | undefined = undefined
  #ended = false

  constructor(readonly path: string) {
    if (!statSync(path).isDirectory()) throw C.ERROR_DIRECTORY
    accessSync(path, constants.R_OK)
  }

  issue(): number {
    return C.ERROR_INVALID_FUNCTION
  }

  cancel(): void {}

  close(): void {
    this.#directory?.closeSync()
  }

  list(most: number): ReadonlyArray<DirectoryEntry> {
    const directory = this.#directory ??= opendirSync(this.path, IN_BYTES)
    const entries: Array<DirectoryEntry> = []
    while (!this.#ended && entries.length < most) {
      const entry = directory.readSync()
      if (entry === null) this.#ended = true
      else entries.push(entryOf(entry))
    }
    return entries
  }
}
