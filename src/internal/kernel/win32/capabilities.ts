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
 * The last versions of Wine that were seen to do otherwise than Windows: 8.0 by measuring, later ones in their sources.
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

/** Asks a file that goes with its handle: it is made sparse, and a port of its own is looked at. */
const controlCodesPost = (native: Bindings): boolean | undefined => {
  const name = `effect-threadpool-io-${process.pid}-${Math.random().toString(36).slice(2)}`
  const flags = (C.FILE_FLAG_OVERLAPPED | C.FILE_FLAG_DELETE_ON_CLOSE) >>> 0
  const access = (C.GENERIC_READ | C.GENERIC_WRITE | C.DELETE) >>> 0
  const file = native.CreateFileW(toSystemPath(join(tmpdir(), name))!, access, 0, 0, C.CREATE_NEW, flags, 0)
  if (file === INVALID_HANDLE_VALUE) return undefined
  const port = native.CreateIoCompletionPort(file, 0, 0, 1)
  // Never given back: the system may write to it as long as it likes.
  const { address } = reserve(native, C.PAGE_SIZE)
  const done = port !== 0 &&
    native.DeviceIoControl(file, C.IO_CONTROL_CODES.FSCTL_SET_SPARSE, 0, 0, 0, 0, 0, address) !== 0
  const answer = C.OVERLAPPED.size
  const posted = done &&
    native.GetQueuedCompletionStatus(port, address + answer, address + answer + 8, address + answer + 16, 0) !== 0
  native.CloseHandle(file)
  if (port !== 0) native.CloseHandle(port)
  return done ? posted : undefined
}
