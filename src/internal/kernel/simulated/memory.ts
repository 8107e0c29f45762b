/**
 * Files in memory: sparse, so that an offset above 4 GiB costs one page; a flat name space,
 * since no test of the kernel asks for folders. Refuses by throwing a Win32 code.
 */
import { sep } from "node:path"
import * as C from "../../constants.js"
import type { Calls, FileInformation } from "../Calls.js"
import type { Files, Opened } from "./files.js"

const PAGE = 0x1000
/** The bytes that a disk writes at once, whatever happens to its power. */
export const SECTOR = 512
const VOLUME = 1n

/** A write that the disk's cache has and its surface may not have. */
interface Unflushed {
  readonly offset: number
  readonly bytes: Uint8Array
}

export class MemoryFile {
  readonly #pages = new Map<number, Uint8Array>()
  /** Since the last flush, where somebody wants to know; and what was there then. */
  #unflushed: Array<Unflushed> | undefined = undefined
  #flushed: MemoryFile | undefined = undefined
  size = 0
  mode: number
  links = 1
  /** `FILE_ATTRIBUTE_HIDDEN` or `FILE_ATTRIBUTE_SYSTEM`, which somebody else has given it. */
  hidden = false
  /**
   * Marked for removal: its name goes with a handle that has marked it, and nobody gets to it by the name until then.
   */
  deletePending = false
  /** So many have it open. */
  handles = 0
  accessTimeNs = 0n
  modifiedTimeNs = 0n
  /** Goes on with every change. */
  changedTimeNs = 0n

  constructor(readonly index: bigint, mode: number) {
    this.mode = mode
  }

  /** Answers how many bytes there were to read. */
  read(into: Uint8Array, offset: number): number {
    const length = Math.max(0, Math.min(into.length, this.size - offset))
    this.#eachPage(offset, length, (page, at, from, count) => {
      const bytes = this.#pages.get(page)
      if (bytes === undefined) into.fill(0, from, from + count)
      else into.set(bytes.subarray(at, at + count), from)
    })
    return length
  }

  write(bytes: Uint8Array, offset: number): void {
    this.changedTimeNs++
    this.#unflushed?.push({ offset, bytes: bytes.slice() })
    this.#eachPage(offset, bytes.length, (page, at, from, count) => {
      let target = this.#pages.get(page)
      if (target === undefined) this.#pages.set(page, target = new Uint8Array(PAGE))
      target.set(bytes.subarray(from, from + count), at)
    })
    this.size = Math.max(this.size, offset + bytes.length)
  }

  truncate(size: number): void {
    this.changedTimeNs++
    for (const [page, bytes] of this.#pages) {
      if (page * PAGE >= size) this.#pages.delete(page)
      else bytes.fill(0, Math.min(PAGE, size - page * PAGE))
    }
    // The length of a file is in the journal: it is not lost.
    if (this.#flushed !== undefined && size < this.#flushed.size) this.#flushed.truncate(size)
    this.size = size
  }

  // --- the disk below

  /** From now on it is known what a power cut would leave. */
  remember(): void {
    this.flush(true)
  }

  flush(remember = this.#flushed !== undefined): void {
    if (!remember) return
    this.#flushed = this.#copy()
    this.#unflushed = []
  }

  /** The power goes: of each write since the last flush, `survives` says how many of its sectors had arrived. */
  cutPower(survives: (sectors: number) => number): void {
    const flushed = this.#flushed
    if (flushed === undefined) return
    for (const { bytes, offset } of this.#unflushed!) {
      const sectors = Math.ceil((offset % SECTOR + bytes.length) / SECTOR)
      const arrived = survives(sectors) * SECTOR - offset % SECTOR
      if (arrived > 0) flushed.write(bytes.subarray(0, Math.min(arrived, bytes.length)), offset)
    }
    this.#flushed = this.#unflushed = undefined
    this.truncate(0)
    this.write(flushed.contents(), 0)
    this.remember()
  }

  #copy(): MemoryFile {
    const copy = new MemoryFile(this.index, this.mode)
    for (const [page, bytes] of this.#pages) copy.#pages.set(page, bytes.slice())
    copy.size = this.size
    return copy
  }

  /** All of it, for a test to look at. */
  contents(): Uint8Array {
    const all = new Uint8Array(this.size)
    this.read(all, 0)
    return all
  }

  #eachPage(
    offset: number,
    length: number,
    visit: (page: number, at: number, from: number, count: number) => void
  ): void {
    for (let from = 0; from < length;) {
      const at = (offset + from) % PAGE
      const count = Math.min(PAGE - at, length - from)
      visit(Math.floor((offset + from) / PAGE), at, from, count)
      from += count
    }
  }
}

/** The object that a handle refers to. */
export interface OpenFile extends Opened {
  readonly file: MemoryFile
  readonly writableAttributes: boolean
  deleteOnClose: string | undefined
  /** Whether it has marked the file for removal. */
  marks: boolean
}

const has = (value: number, bits: number): boolean => (value & bits) !== 0

const refuseUnless = (condition: boolean, code: number): void => {
  if (!condition) throw code
}

/** Hears of what happens to names, and to what they mean: one of `FILE_ACTION_*`, the new name with the old one. */
export type Listener = (action: number, path: string, to?: string) => void

export class MemoryFiles implements Files<OpenFile> {
  readonly names = new Map<string, MemoryFile>()
  readonly listeners = new Set<Listener>()
  /** New files remember what was flushed. */
  remembers = false
  #lastIndex = 0n

  create(name: string, mode = 0o666): MemoryFile {
    const file = new MemoryFile(++this.#lastIndex, mode)
    if (this.remembers) file.remember()
    this.names.set(name, file)
    this.#tell(C.FILE_ACTION_ADDED, name)
    return file
  }

  #tell(action: number, path: string, to?: string): void {
    for (const listener of this.listeners) listener(action, path, to)
  }

  #modified(file: MemoryFile): void {
    if (this.listeners.size === 0) return
    for (const [name, one] of this.names) if (one === file) this.#tell(C.FILE_ACTION_MODIFIED, name)
  }

  open({ access, disposition, flags, mode, path }: Calls["CreateFileW"][0]): OpenFile {
    const present = this.names.get(path)
    refuseUnless(path !== "", C.ERROR_PATH_NOT_FOUND)
    refuseUnless(disposition >= C.CREATE_NEW && disposition <= C.TRUNCATE_EXISTING, C.ERROR_INVALID_PARAMETER)
    const appends = has(access, C.FILE_APPEND_DATA) && !has(access, C.GENERIC_WRITE)
    const writable = has(access, C.GENERIC_WRITE) || appends
    refuseUnless(disposition !== C.TRUNCATE_EXISTING || has(access, C.GENERIC_WRITE), C.ERROR_INVALID_PARAMETER)
    refuseUnless(present?.deletePending !== true, C.ERROR_ACCESS_DENIED)
    refuseUnless(disposition !== C.CREATE_NEW || present === undefined, C.ERROR_FILE_EXISTS)
    const creates = disposition !== C.OPEN_EXISTING && disposition !== C.TRUNCATE_EXISTING
    refuseUnless(creates || present !== undefined, C.ERROR_FILE_NOT_FOUND)
    refuseUnless(present === undefined || !writable || has(present.mode, 0o222), C.ERROR_ACCESS_DENIED)
    // CREATE_ALWAYS must name such an attribute to replace a file that has it.
    refuseUnless(disposition !== C.CREATE_ALWAYS || present?.hidden !== true, C.ERROR_ACCESS_DENIED)
    const file = present ?? this.create(path, mode)
    const truncates = disposition === C.CREATE_ALWAYS || disposition === C.TRUNCATE_EXISTING
    if (truncates && present !== undefined) this.#cut(file, 0)
    file.handles++
    return {
      file,
      readable: has(access, C.GENERIC_READ),
      writable,
      appends,
      writableAttributes: writable || has(access, C.FILE_WRITE_ATTRIBUTES),
      deleteOnClose: has(flags, C.FILE_FLAG_DELETE_ON_CLOSE) ? path : undefined,
      marks: false
    }
  }

  close({ deleteOnClose, file, marks }: OpenFile): void {
    file.handles--
    const name = marks && file.deletePending ? this.#nameIn(file) : deleteOnClose
    if (name !== undefined && this.names.get(name) === file) this.#remove(name, file)
  }

  size({ file }: OpenFile): number {
    return file.size
  }

  read({ file }: OpenFile, into: Uint8Array, offset: number): number {
    return file.read(into, offset)
  }

  write({ file }: OpenFile, bytes: Uint8Array, offset: number): void {
    file.write(bytes, offset)
    this.#modified(file)
  }

  /** Also to the length that it has: it counts as changed. */
  #cut(file: MemoryFile, size: number): void {
    file.truncate(size)
    this.#modified(file)
  }

  flush({ file, writable }: OpenFile): void {
    refuseUnless(writable, C.ERROR_ACCESS_DENIED)
    file.flush()
  }

  information({ file }: OpenFile): FileInformation {
    return {
      size: BigInt(file.size),
      accessTimeNs: file.accessTimeNs,
      modifiedTimeNs: file.modifiedTimeNs,
      createdTimeNs: 0n,
      changedTimeNs: file.changedTimeNs,
      attributes: has(file.mode, 0o222) ? C.FILE_ATTRIBUTE_NORMAL : C.FILE_ATTRIBUTE_READONLY,
      mode: file.mode,
      numberOfLinks: file.links,
      volume: VOLUME,
      fileIndex: file.index
    }
  }

  setEndOfFile({ file, writable }: OpenFile, length: bigint): void {
    refuseUnless(writable, C.ERROR_ACCESS_DENIED)
    refuseUnless(length >= 0n && length <= BigInt(Number.MAX_SAFE_INTEGER), C.ERROR_INVALID_PARAMETER)
    this.#cut(file, Number(length))
  }

  setBasicInformation(
    { file, writableAttributes }: OpenFile,
    { accessTimeNs, mode, modifiedTimeNs, readOnly }: Calls["SetBasicInformation"][0]
  ): void {
    refuseUnless(writableAttributes, C.ERROR_ACCESS_DENIED)
    if (mode !== undefined) file.mode = mode
    else if (readOnly !== undefined) file.mode = readOnly ? file.mode & ~0o222 : file.mode | 0o200
    file.accessTimeNs = accessTimeNs ?? file.accessTimeNs
    file.modifiedTimeNs = modifiedTimeNs ?? file.modifiedTimeNs
    file.changedTimeNs++
    this.#modified(file)
  }

  setDisposition(opened: OpenFile, remove: boolean): void {
    this.#nameOf(opened)
    opened.marks = opened.file.deletePending = remove
    if (!remove) opened.deleteOnClose = undefined
  }

  rename(opened: OpenFile, to: string, replace: boolean): void {
    this.#move({ from: this.#nameOf(opened), to, replace }, opened.file)
    if (opened.deleteOnClose !== undefined) opened.deleteOnClose = to
  }

  #nameIn(file: MemoryFile): string | undefined {
    for (const [name, one] of this.names) if (one === file) return name
    return undefined
  }

  #nameOf({ file }: OpenFile): string {
    const name = this.#nameIn(file)
    if (name === undefined) throw C.ERROR_ACCESS_DENIED
    return name
  }

  /** The file that has a name, as long as it can be opened by it. */
  #named(name: string): MemoryFile {
    const file = this.names.get(name)
    if (file === undefined) throw C.ERROR_FILE_NOT_FOUND
    refuseUnless(!file.deletePending, C.ERROR_ACCESS_DENIED)
    return file
  }

  move(arguments_: Calls["MoveFileExW"][0]): void {
    const { from, replace, to } = arguments_
    const below = [...this.names].filter(([name]) => name.startsWith(from + sep))
    if (this.names.has(from) || below.length === 0) return this.#move(arguments_, this.#named(from))
    // A directory, in which nothing may be open, on whatever level.
    refuseUnless(below.every(([, file]) => file.handles === 0), C.ERROR_ACCESS_DENIED)
    for (const [name, file] of below) this.#move({ from: name, to: to + name.slice(from.length), replace }, file)
  }

  #move({ from, replace, to }: Calls["MoveFileExW"][0], file: MemoryFile): void {
    refuseUnless(replace || !this.names.has(to), C.ERROR_ALREADY_EXISTS)
    if (from === to) return
    if (this.names.has(to)) this.remove(to)
    this.names.delete(from)
    this.names.set(to, file)
    this.#tell(C.FILE_ACTION_RENAMED_NEW_NAME, from, to)
  }

  remove(name: string): void {
    this.#remove(name, this.#named(name))
  }

  #remove(name: string, file: MemoryFile): void {
    file.links--
    this.names.delete(name)
    this.#tell(C.FILE_ACTION_REMOVED, name)
  }
}
