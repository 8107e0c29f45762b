/**
 * Differences between systems, each under a name. A question that is answered at once is asked at the first use, on a
 * temporary handle. What only a time-out would tell goes by the versions of Wine that it was seen on. Where a question
 * has no answer, Windows' is supposed.
 */
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as C from "../../constants.js"
import type { Bindings } from "./bindings.js"
import { reserve } from "./memory.js"
import { toSystemPath } from "./path.js"
import { PipeAnchors } from "./pipeAnchor.js"

/**
 * The last versions of Wine that do otherwise than Windows: 8.0 was measured, later ones were read in their sources.
 */
const SEEN_ON_WINE = { locksNeverComplete: 11, removalIsNotTold: 10 } as const

const INVALID_HANDLE_VALUE = -1

export class Capabilities {
  /** A `LockFileEx` that waits is pending and can be cancelled. */
  readonly waitsForLocks: boolean
  /** The removal of a watched directory completes a pending read of its changes, with 5. */
  readonly tellsRemoval: boolean
  readonly #anchors: () => PipeAnchors
  readonly #asked = new Map<string, boolean>()

  constructor(private readonly native: Bindings) {
    const wine = majorOf(native.wineVersion)
    this.waitsForLocks = wine > SEEN_ON_WINE.locksNeverComplete
    this.tellsRemoval = wine > SEEN_ON_WINE.removalIsNotTold
    let anchors: PipeAnchors | undefined
    this.#anchors = () => anchors ??= new PipeAnchors(native)
  }

  /**
   * TRUE of a control code of a file system brings a packet where skip mode is off. Wine 8 does those without its
   * server, which is what sends packets.
   */
  get controlCodesPost(): boolean {
    return this.#ask("controlCodesPost", () => controlCodesPost(this.native))
  }

  /** Times of zero in FILE_BASIC_INFO leave the file's own as they are. Wine 10 changes them. */
  get keepsZeroFields(): boolean {
    return this.#ask("keepsZeroFields", () => keepsZeroFields(this.native))
  }

  /** A pipe's name can be held by an instance that no client can connect to. */
  get holdsUnconnected(): boolean {
    return this.#ask("holdsUnconnected", () => this.#anchors().holdsUnconnected())
  }

  get anchors(): PipeAnchors {
    return this.#anchors()
  }

  #ask(name: string, question: () => boolean | undefined): boolean {
    let answer = this.#asked.get(name)
    if (answer === undefined) this.#asked.set(name, answer = question() ?? true)
    return answer
  }
}

/** Infinite where it is Windows. */
const majorOf = (wineVersion: string | undefined): number => {
  const major = parseInt(wineVersion ?? "", 10)
  return Number.isNaN(major) ? Infinity : major
}

/** Asks a new file, which goes with its handle; `undefined` where there can be none, or the question fails. */
const askFile = (
  native: Bindings,
  question: (file: number, address: number, view: DataView) => boolean | undefined
): boolean | undefined => {
  const name = `effect-threadpool-io-${process.pid}-${Math.random().toString(36).slice(2)}`
  const flags = (C.FILE_FLAG_OVERLAPPED | C.FILE_FLAG_DELETE_ON_CLOSE) >>> 0
  const access = (C.GENERIC_READ | C.GENERIC_WRITE | C.DELETE) >>> 0
  const file = native.CreateFileW(toSystemPath(join(tmpdir(), name))!, access, 0, 0, C.CREATE_NEW, flags, 0)
  if (file === INVALID_HANDLE_VALUE) return undefined
  // Never given back: the system may write to it as long as it likes.
  const { address, bytes } = reserve(native, C.PAGE_SIZE)
  const answer = question(file, address, new DataView(bytes.buffer, bytes.byteOffset))
  native.CloseHandle(file)
  return answer
}

/** The file is made sparse, and a port of its own is looked at. */
const controlCodesPost = (native: Bindings): boolean | undefined =>
  askFile(native, (file, address) => {
    const port = native.CreateIoCompletionPort(file, 0, 0, 1)
    const done = port !== 0 &&
      native.DeviceIoControl(file, C.IO_CONTROL_CODES.FSCTL_SET_SPARSE, 0, 0, 0, 0, 0, address) !== 0
    const answer = address + C.OVERLAPPED.size
    const posted = done && native.GetQueuedCompletionStatus(port, answer, answer + 8, answer + 16, 0) !== 0
    if (port !== 0) native.CloseHandle(port)
    return done ? posted : undefined
  })

/** Some time of 2001, and one of 2002, in ticks. */
const [EARLIER, LATER] = [126_500_000_000_000_000n, 126_800_000_000_000_000n]

/** Both times are set, then one of them with the other at zero, and both are read. */
const keepsZeroFields = (native: Bindings): boolean | undefined =>
  askFile(native, (file, address, view) => {
    const { FileAttributes, LastAccessTime, LastWriteTime, size } = C.FILE_BASIC_INFO
    const set = (accessed: bigint, written: bigint): boolean => {
      for (let at = 0; at < size; at += 8) view.setBigInt64(at, 0n, true)
      view.setBigInt64(LastAccessTime, accessed, true)
      view.setBigInt64(LastWriteTime, written, true)
      view.setUint32(FileAttributes, 0, true)
      return native.SetFileInformationByHandle(file, C.FileBasicInfo, address, size) !== 0
    }
    const told = set(EARLIER, EARLIER) && set(0n, LATER) && set(LATER, 0n) && set(0n, 0n) &&
      native.GetFileInformationByHandleEx(file, C.FileBasicInfo, address, size) !== 0
    return told
      ? view.getBigInt64(LastAccessTime, true) === LATER && view.getBigInt64(LastWriteTime, true) === LATER
      : undefined
  })
