/**
 * A file of the portable kernel, on disk, and the line in which appends to it wait for each other.
 */
import * as C from "../../constants.js"
import { WaitQueue } from "../gate.js"
import type { Issue } from "../Kernel.js"
import type { Done, TakeBack } from "../model.js"
import type { PortableStorage } from "../portable.js"
import * as posix from "../posix.js"
import type { PortableFile, PortableOperation } from "./PortableOperation.js"

/** A file, the calls that use its descriptor, and the close that waits for them: no descriptor is closed in use. */
export class DiskFile implements PortableFile {
  users = 0
  whenUnused: (() => void) | undefined = undefined
  /** Known from the first append on. */
  appends: Appends | undefined = undefined
  /** Appends that came while their queue was being looked for. */
  #firstAppends: Array<PortableOperation> | undefined = undefined

  constructor(readonly storage: PortableStorage, readonly posix: posix.PosixFile) {}

  issue(operation: PortableOperation): number {
    const issue = operation.issue!
    if (issue.kind !== "read" && issue.kind !== "write") return C.ERROR_NOT_SUPPORTED
    if (!(issue.kind === "read" ? this.posix.readable : this.posix.writable)) return C.ERROR_ACCESS_DENIED
    const append = this.looksForEnd(issue)
    if (issue.kind === "write" && this.posix.appends) operation.offset = 0
    else if (!append && !reachable(issue)) return C.ERROR_INVALID_PARAMETER
    else operation.offset = append ? undefined : offsetOf(issue)
    // Rule 9: a request for nothing succeeds, at the end of the file too.
    if (issue.length === 0) this.storage.post(operation, C.ERROR_SUCCESS)
    else {
      operation.gate = this.storage.gateFor(issue.length)
      if (append) this.#append(operation)
      else operation.gate.enter(operation)
    }
    return C.ERROR_IO_PENDING
  }

  /** A write that goes to the end of a file which was not opened for that. */
  looksForEnd({ kind, offsetHigh, offsetLow }: Issue): boolean {
    return kind === "write" && !this.posix.appends && isAppend(offsetLow, offsetHigh)
  }

  #append(operation: PortableOperation): void {
    if (this.appends !== undefined) return this.appends.enter(operation)
    if (this.#firstAppends !== undefined) {
      this.#firstAppends.push(operation)
      return
    }
    const first = this.#firstAppends = [operation]
    this.use(posix.identity, (status, identity) => {
      this.#firstAppends = undefined
      if (identity !== undefined) this.appends = Appends.of(identity)
      for (const append of first) {
        if (this.appends === undefined) append.complete(status, 0)
        else this.appends.enter(append)
      }
    })
  }

  cancel(operation: PortableOperation): void {
    const { queue } = operation
    const first = this.#firstAppends?.indexOf(operation) ?? -1
    if (first >= 0) this.#firstAppends!.splice(first, 1)
    else if (queue === undefined && !operation.withdraw()) return
    queue?.remove(operation)
    // It had come first among the appends and waited at the gate: the next one is first now.
    const appends = operation.offset === undefined ? this.appends : undefined
    if (queue !== undefined && appends?.holds(queue) === false) appends.leave()
    this.storage.post(operation, C.ERROR_OPERATION_ABORTED)
  }

  close(done: Done<void>): TakeBack {
    let takeBack: TakeBack | undefined
    const begin = (): void => {
      takeBack = this.storage.run((requests, told) => {
        this.appends?.closed()
        posix.closeFile(this.posix)(requests, told)
      }, done)
    }
    if (this.users === 0) begin()
    else this.whenUnused = begin
    return () => {
      if (takeBack !== undefined) return takeBack()
      this.whenUnused = undefined
      return true
    }
  }

  /** A call that uses the descriptor. */
  use<A>(work: (file: posix.PosixFile) => posix.Work<A>, done: Done<A>): TakeBack {
    return this.#using(done, (done) => this.storage.run((requests, told) => work(this.posix)(requests, told), done))
  }

  usePromise<A>(work: (file: posix.PosixFile) => Promise<A>, done: Done<A>): TakeBack {
    return this.#using(done, (done) => this.storage.runPromise(() => work(this.posix), done))
  }

  #using<A>(done: Done<A>, begin: (done: Done<A>) => TakeBack): TakeBack {
    this.users++
    const takeBack = begin((status, value, cause) => {
      this.left()
      done(status, value, cause)
    })
    return () => {
      const taken = takeBack()
      if (taken) this.left()
      return taken
    }
  }

  left(): void {
    if (--this.users > 0) return
    const close = this.whenUnused
    this.whenUnused = undefined
    close?.()
  }
}

/**
 * Appends to one inode, one at a time: each looks where the file ends and writes there. On one JavaScript thread they
 * do not overwrite each other. Against other writers there is no such promise: O_APPEND would take every other write's
 * offset away.
 */
class Appends {
  static readonly #all = new Map<string, Appends>()
  readonly #queue = new WaitQueue()
  #busy = false
  #files = 0

  private constructor(readonly identity: string) {}

  static of(identity: string): Appends {
    let appends = Appends.#all.get(identity)
    if (appends === undefined) Appends.#all.set(identity, appends = new Appends(identity))
    appends.#files++
    return appends
  }

  closed(): void {
    if (--this.#files === 0) Appends.#all.delete(this.identity)
  }

  enter(append: PortableOperation): void {
    if (this.#busy) {
      this.#queue.push(append)
      return
    }
    this.#busy = true
    append.gate.enter(append)
  }

  /** Whether an append that waits in this queue has not come first yet. */
  holds(queue: WaitQueue): boolean {
    return queue === this.#queue
  }

  leave(): void {
    const append = this.#queue.shift() as PortableOperation | undefined
    if (append === undefined) this.#busy = false
    else append.gate.enter(append)
  }
}

const isAppend = (offsetLow: number, offsetHigh: number): boolean =>
  offsetLow === C.MAXDWORD && offsetHigh === C.MAXDWORD

const offsetOf = ({ offsetHigh, offsetLow }: Issue): number => offsetHigh * 0x1_0000_0000 + offsetLow

/** Node takes offsets up to 2^53: what lies beyond is refused, never wrapped (rule 26). */
const reachable = (issue: Issue): boolean => offsetOf(issue) + issue.length <= Number.MAX_SAFE_INTEGER
