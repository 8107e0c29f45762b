/**
 * An operation of the portable kernel: its steps on a file, each a request of a thread.
 */
import * as C from "../../constants.js"
import { errnoOf, statusOf } from "../../errno.js"
import type { Gate, Waiter, WaitQueue } from "../gate.js"
import { type Done, ModelOperation, type TakeBack } from "../model.js"
import type { SlotTable } from "../SlotTable.js"
import type { DiskFile } from "./DiskFile.js"
import type { Stat } from "./requests.js"

/** The most that one read(2) or write(2) is asked for: node takes a signed 32-bit length. */
const MAX_STEP = 0x40000000

/** The object that a handle of this kernel is open on. */
export interface PortableFile {
  /** 997, and later `operation.complete`; or a status for which no packet comes. */
  issue(operation: PortableOperation): number
  cancel(operation: PortableOperation): void
  close(done: Done<void>): TakeBack
}

/** An operation; on a file it is a job for a thread. There is one per slot, so that it costs no closure of ours. */
export class PortableOperation extends ModelOperation<PortableFile> implements Waiter {
  next: Waiter | undefined = undefined
  previous: Waiter | undefined = undefined
  queue: WaitQueue | undefined = undefined
  /** The offset, or `undefined` for an append. */
  offset: number | undefined = 0
  /** The status of a packet that waits for a turn of its own. */
  decided = 0

  /** `gate` is where it waits for its thread. */
  constructor(slot: number, slots: SlotTable, public gate: Gate) {
    super(slot, slots)
  }

  get #file(): DiskFile {
    return this.object.file as DiskFile
  }

  run(): void {
    if (this.offset === undefined) this.gate.requests.fstat(this.#file.posix.fd, this.#sized)
    else this.#step()
  }

  #step(): void {
    const { block, kind, length, start } = this.issue!
    const { appends, fd } = this.#file.posix
    const done = this.bytes
    const step = Math.min(length - done, MAX_STEP)
    try {
      const { requests } = this.gate
      if (kind === "read") requests.read(fd, block!.bytes, start + done, step, this.offset! + done, this.#transferred)
      else {
        const position = appends ? -1 : this.offset! + done
        requests.write(fd, block!.bytes, start + done, step, position, this.#transferred)
      }
    } catch (error) {
      // A caller's own memory was taken away while the operation waited. A turn of its own: many of these would nest.
      setImmediate(() => this.#finish(statusOf(error), done))
    }
  }

  readonly #sized = (error: Error | null, stat: Stat | undefined): void => {
    if (error !== null) return this.#finish(statusOf(error), 0)
    this.offset = Number(stat!.size)
    this.#step()
  }

  /** Takes its request back when no thread has begun it. */
  withdraw(): boolean {
    const { gate } = this
    if (!gate.requests.withdraw(this.#transferred, () => gate.leave())) return false
    this.#leaveAppends()
    return true
  }

  readonly #transferred = (error: Error | null, transferred: number | undefined): void => {
    const { kind, length } = this.issue!
    if (error !== null) {
      // Files that make up what is read, as /proc/kmsg, may have nothing yet: they are opened in a way that does not
      // wait.
      const wouldWait = kind === "read" && errnoOf(error) === "EAGAIN"
      return this.#finish(wouldWait ? C.ERROR_NOT_SUPPORTED : statusOf(error), this.bytes)
    }
    const count = transferred!
    const bytes = this.bytes + count
    if (bytes === length) return this.#finish(C.ERROR_SUCCESS, bytes)
    if (kind === "read" && count < MAX_STEP) {
      // Rule 9: only a read that begins at the end or past it meets the end of the file.
      return this.#finish(bytes === 0 ? C.ERROR_HANDLE_EOF : C.ERROR_SUCCESS, bytes)
    }
    if (count === 0) return this.#finish(C.ERROR_DISK_FULL, bytes)
    this.bytes = bytes
    this.#step()
  }

  /** The next operation gets the thread before anybody hears of this one. */
  #finish(status: number, bytes: number): void {
    this.#leaveAppends()
    this.gate.leave()
    this.complete(status, bytes)
  }

  #leaveAppends(): void {
    if (this.#file.looksForEnd(this.issue!)) this.#file.appends!.leave()
  }
}
