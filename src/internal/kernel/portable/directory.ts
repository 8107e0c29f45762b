/**
 * A directory of the portable kernel: a file of its own kind, whose one overlapped function is `ReadDirectoryChangesW`. From
 * the first one on, changes are kept for the next, as many as fit into its buffer; beyond that they are dropped, and the next
 * one succeeds with 0 bytes, as on Windows (rule 10).
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { promisify } from "node:util"
import * as C from "../../constants.js"
import * as notify from "../../notify.js"
import { Refusal, statusOf } from "../errno.js"
import type { Calls, WatchParameters } from "../Kernel.js"
import type { Done, Handles, TakeBack } from "../model.js"
import type { PortableFile, PortableOperation, PortableStorage } from "../portable.js"
import { refusalOf, Tree, watchStatus } from "./tree.js"

type CreateFile = Calls["CreateFileW"][0]

/** `CreateFileW` for a directory, as only a caller that wants to list one asks for it. */
export const opensDirectory = ({ access, flags }: CreateFile): boolean =>
  (flags & C.FILE_FLAG_BACKUP_SEMANTICS) !== 0 && access === C.FILE_LIST_DIRECTORY

export const openDirectory = async (storage: PortableStorage, arguments_: CreateFile): Promise<PortableFile> => {
  const name = path.resolve(arguments_.path)
  if (!(await promisify(fs.stat)(name)).isDirectory()) throw new Refusal(C.ERROR_DIRECTORY, "it is not a directory")
  await promisify(fs.access)(name, fs.constants.R_OK)
  return new WatchedDirectory(storage, name)
}

/** Until the first read says how large its buffer is. */
const UNTIL_FIRST_READ = 65_536

class WatchedDirectory implements PortableFile {
  readonly #reads: Array<PortableOperation> = []
  #tree: Tree | undefined = undefined
  #records: Array<notify.Notified> = []
  #bytes = 0
  #limit = UNTIL_FIRST_READ
  #firstRead = true
  #overflowed = false
  #failure: number = C.ERROR_SUCCESS
  #answering = false

  constructor(readonly storage: PortableStorage, readonly path: string) {}

  /** Once: what the first one asks for holds for all. */
  begin(parameters: WatchParameters, done: Done<void>): void {
    if (this.#tree !== undefined) return done(C.ERROR_SUCCESS)
    this.#tree = new Tree(
      this.path,
      parameters,
      this,
      (work, ended) => this.storage.runPromise(work, ended)
    )
    this.#tree.begin(done)
  }

  issue(operation: PortableOperation): number {
    const issue = operation.issue!
    if (issue.kind !== "watch") return C.ERROR_INVALID_FUNCTION
    if (issue.block === undefined || issue.length === 0) return C.ERROR_INVALID_PARAMETER
    if (this.#firstRead) {
      this.#firstRead = false
      this.#limit = issue.length
      this.begin(issue.parameters as WatchParameters, (status, _, cause) => {
        if (status !== C.ERROR_SUCCESS) this.failed(watchStatus(cause))
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
    this.abandon(() => void this.storage.turn(() => done(C.ERROR_SUCCESS)))
    return () => false
  }

  abandon(quiet: () => void): boolean {
    if (this.#tree !== undefined) return this.#tree.end(quiet)
    quiet()
    return false
  }

  // --- what the tree says

  changed(records: ReadonlyArray<notify.Notified>): void {
    if (this.#overflowed) return
    this.#bytes += records.reduce((bytes, record) => bytes + notify.sizeOf(record), 0)
    this.#records.push(...records)
    if (this.#bytes > this.#limit) return this.overflowed()
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

  // --- answering

  #answerSoon(): void {
    if (this.#answering || this.#reads.length === 0) return
    if (this.#bytes === 0 && !this.#overflowed && this.#failure === C.ERROR_SUCCESS) return
    this.#answering = true
    setImmediate(() => {
      this.#answering = false
      this.#answer()
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
    // What was lost is told before the end.
    const status = this.#overflowed ? C.ERROR_SUCCESS : this.#failure
    this.#overflowed = false
    operation.complete(status, 0)
  }
}

/** `PrepareDirectoryChanges`, on one of libuv's threads at a time. */
export const prepareDirectoryChanges = (
  storage: PortableStorage,
  { handle, ...parameters }: Calls["PrepareDirectoryChanges"][0],
  done: Done<Calls["PrepareDirectoryChanges"][1]>,
  handles: Handles<PortableFile>
): TakeBack => {
  const file = handles.file(handle)
  if (file === undefined) return storage.turn(() => done(C.ERROR_INVALID_HANDLE))
  if (!(file instanceof WatchedDirectory)) return storage.turn(() => done(C.ERROR_DIRECTORY))
  file.begin(parameters, (status, _, cause) => {
    const why = refusalOf(cause)
    storage.turn(() =>
      done(why === cause ? status : statusOf(why), status === 0 ? { tellsRemoval: true } : undefined, why)
    )
  })
  // A large tree takes a while to look at: whoever does not wait for it any more does not want to watch it either.
  return () => file.abandon(() => {})
}
