/**
 * A directory of the portable kernel: it can be listed, and its one overlapped function is `ReadDirectoryChangesW`. The
 * first call starts the watch. Changes between two calls are kept for the next one, as many as fit into its buffer; if
 * more come, all are dropped and the next call succeeds with 0 bytes, as on Windows (rule 10).
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { promisify } from "node:util"
import * as C from "../../constants.js"
import { Refusal } from "../../errno.js"
import * as notify from "../../notify.js"
import type { Calls, DirectoryEntry } from "../Calls.js"
import type { WatchParameters } from "../Kernel.js"
import type { Done, Handles, TakeBack } from "../model.js"
import type { PortableStorage } from "../portable.js"
import { Listing } from "./listing.js"
import type { PortableFile, PortableOperation } from "./PortableOperation.js"
import { refusalOf, Tree, watchStatus } from "./tree.js"

type CreateFile = Calls["CreateFileW"][0]

/** `CreateFileW` for a directory, as only a caller that wants to list one asks for it. */
export const opensDirectory = ({ access, flags }: CreateFile): boolean =>
  (flags & C.FILE_FLAG_BACKUP_SEMANTICS) !== 0 && access === C.FILE_LIST_DIRECTORY

export const openDirectory = async (storage: PortableStorage, arguments_: CreateFile): Promise<PortableFile> => {
  const name = path.resolve(arguments_.path)
  if (!(await promisify(fs.stat)(name)).isDirectory()) throw new Refusal(C.ERROR_DIRECTORY, "it is not a directory")
  await promisify(fs.access)(name, fs.constants.R_OK)
  return new OpenDirectory(storage, name)
}

/** Until the first read says how large its buffer is. */
const UNTIL_FIRST_READ = 65_536

class OpenDirectory implements PortableFile {
  readonly listing: Listing
  readonly #reads: Array<PortableOperation> = []
  #tree: Tree | undefined = undefined
  #records: Array<notify.Notified> = []
  #bytes = 0
  #limit = UNTIL_FIRST_READ
  #firstRead = true
  #overflowed = false
  #failure: number = C.ERROR_SUCCESS
  #answering = false
  /** The tree waits to hear that what it told was taken. */
  #owes = false

  constructor(readonly storage: PortableStorage, readonly path: string) {
    this.listing = new Listing(path)
  }

  /** Once: what the first one asks for holds for all. */
  begin(parameters: WatchParameters, begun: (error?: Error) => void): void {
    if (this.#tree !== undefined) return begun()
    this.#tree = new Tree(this.path, parameters, this, begun)
  }

  issue(operation: PortableOperation): number {
    const issue = operation.issue!
    if (issue.kind !== "watch") return C.ERROR_INVALID_FUNCTION
    if (issue.block === undefined || issue.length === 0) return C.ERROR_INVALID_PARAMETER
    if (this.#firstRead) {
      this.#firstRead = false
      this.#limit = issue.length
      this.begin(issue.parameters as WatchParameters, (error) => {
        if (error !== undefined) this.failed(watchStatus(error))
      })
    }
    this.#reads.push(operation)
    this.#answerSoon()
    return C.ERROR_IO_PENDING
  }

  cancel(operation: PortableOperation): void {
    const index = this.#reads.indexOf(operation)
    if (index < 0) return
    this.#reads.splice(index, 1)
    this.storage.post(operation, C.ERROR_OPERATION_ABORTED)
  }

  close(done: Done<void>): TakeBack {
    this.listing.close(() => this.abandon(() => void this.storage.turn(() => done(C.ERROR_SUCCESS))))
    return () => false
  }

  abandon(quiet: () => void): void {
    if (this.#tree === undefined) quiet()
    else this.#tree.end(quiet)
  }

  // --- what the tree says

  changed(records: ReadonlyArray<notify.Notified>): void {
    for (const record of records) {
      if (this.#overflowed) break
      this.#bytes += notify.sizeOf(record)
      if (this.#bytes > this.#limit) this.overflowed()
      else this.#records.push(record)
    }
    // Without a reader, more is asked for at once: it waits here as long as it fits.
    if (this.#reads.length === 0) this.#taken()
    else this.#owes = true
    this.#answerSoon()
  }

  overflowed(): void {
    this.#records = []
    this.#bytes = 0
    this.#overflowed = true
    this.#answerSoon()
  }

  failed(status: number): void {
    this.#failure = status
    this.#answerSoon()
  }

  #taken(): void {
    this.#owes = false
    this.#tree!.taken(this.#limit / 2)
  }

  // --- answering

  #answerSoon(): void {
    if (this.#answering || this.#reads.length === 0) return
    if (this.#bytes === 0 && !this.#overflowed && this.#failure === C.ERROR_SUCCESS) return
    this.#answering = true
    setImmediate(() => {
      this.#answering = false
      this.#answer()
      if (this.#owes) this.#taken()
      this.#answerSoon()
    })
  }

  #answer(): void {
    const operation = this.#reads[0]
    if (operation === undefined) return
    const { block, length, start } = operation.issue!
    if (this.#bytes > length) this.overflowed()
    if (this.#bytes > 0) {
      const records = this.#records
      this.#records = []
      this.#bytes = 0
      this.#reads.shift()
      return operation.complete(C.ERROR_SUCCESS, notify.write(records, block!.bytes.subarray(start, start + length)))
    }
    if (!this.#overflowed && this.#failure === C.ERROR_SUCCESS) return
    this.#reads.shift()
    // The loss is told before the end.
    const status = this.#overflowed ? C.ERROR_SUCCESS : this.#failure
    this.#overflowed = false
    operation.complete(status, 0)
  }
}

/** `PrepareDirectoryChanges`. */
export const prepareDirectoryChanges = (
  storage: PortableStorage,
  { handle, ...parameters }: Calls["PrepareDirectoryChanges"][0],
  done: Done<Calls["PrepareDirectoryChanges"][1]>,
  handles: Handles<PortableFile>
): TakeBack => {
  const file = handles.file(handle)
  if (file === undefined) return storage.turn(() => done(C.ERROR_INVALID_HANDLE))
  if (!(file instanceof OpenDirectory)) return storage.turn(() => done(C.ERROR_DIRECTORY))
  file.begin(parameters, (error) => {
    storage.turn(() =>
      error === undefined
        ? done(C.ERROR_SUCCESS, { tellsRemoval: true })
        : done(watchStatus(error), undefined, refusalOf(error))
    )
  })
  // A large tree takes a while to look at: an open that was interrupted does not want it watched.
  return () => {
    file.abandon(() => {})
    return false
  }
}

/** `GetDirectoryInformation`. */
export const listDirectory = (
  storage: PortableStorage,
  { handle }: Calls["GetDirectoryInformation"][0],
  done: Done<ReadonlyArray<DirectoryEntry>>,
  handles: Handles<PortableFile>
): TakeBack => {
  const file = handles.file(handle)
  if (file === undefined) return storage.turn(() => done(C.ERROR_INVALID_HANDLE))
  if (!(file instanceof OpenDirectory)) return storage.turn(() => done(C.ERROR_DIRECTORY))
  return storage.runOnLibuv((_, told) => file.listing.more(told), done)
}
