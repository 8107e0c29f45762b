/**
 * The portable kernel: the model of TP_IO over node:fs and real files. Honest about what node cannot do: a read or
 * write that runs is not stopped by a cancel, which drops what is queued and lets the rest complete.
 */
import { callbackify } from "node:util"
import * as C from "../constants.js"
import { errnoOf, statusOf } from "../errno.js"
import { Gate, type Job, limitOf, Queue } from "./gate.js"
import type { Block, Calls, FileInformation, Issue, Kernel, SmallCopy } from "./Kernel.js"
import { type Done, Model, Operation, type OtherCalls, type Storage, type TakeBack } from "./model.js"
import { openDirectory, opensDirectory, prepareDirectoryChanges } from "./portable/directory.js"
import * as fileCalls from "./portable/fileCalls.js"
import { isPipePath, Pipes } from "./portable/pipe.js"
import { libuv, type Stat } from "./portable/requests.js"
import { CAPACITY, DATA, Threads } from "./portable/threads.js"
import * as posix from "./posix.js"
import type { SlotTable } from "./SlotTable.js"

export interface Options {
  /**
   * How many libuv threads this kernel may occupy, and no others; by default all but one, together with all other such
   * kernels.
   */
  readonly threads?: number | undefined
}

/** The most that one read(2) or write(2) is asked for: node takes a signed 32-bit length. */
const MAX_STEP = 0x40000000

/** The places that do the work of this kernel. */
export interface Workforce {
  readonly libuv: Gate
  /** Threads of the kernel's own, for what is small. */
  readonly own: { readonly threads: Threads; readonly gate: Gate } | undefined
}

let shared: Workforce | undefined

/** One for all kernels: they share libuv's threads. A worker has one of its own, since it cannot see this one. */
const sharedWorkforce = (): Workforce => {
  if (shared === undefined) {
    const threads = new Threads()
    shared = {
      libuv: new Gate(limitOf(process.env["UV_THREADPOOL_SIZE"]), libuv),
      own: { threads, gate: new Gate(CAPACITY, threads) }
    }
  }
  return shared
}

export const make = ({ threads }: Options = {}): Kernel =>
  new Model(
    new PortableStorage(
      threads === undefined ? sharedWorkforce() : { libuv: new Gate(threads, libuv), own: undefined }
    )
  )

/** The object that a handle of this kernel is open on. */
export interface PortableFile {
  /** 997, and later `operation.complete`; or a status for which no packet comes. */
  issue(operation: PortableOperation): number
  cancel(operation: PortableOperation): void
  close(done: Done<void>): TakeBack
}

/** A file, the calls that use its descriptor, and the close that waits for them: no descriptor is closed in use. */
class DiskFile implements PortableFile {
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
  readonly #queue = new Queue()
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
  holds(queue: Queue): boolean {
    return queue === this.#queue
  }

  leave(): void {
    const append = this.#queue.shift() as PortableOperation | undefined
    if (append === undefined) this.#busy = false
    else append.gate.enter(append)
  }
}

/** An operation; on a file it is a job for a thread. There is one per slot, so that it costs no closure of ours. */
export class PortableOperation extends Operation<PortableFile> implements Job {
  next: Job | undefined = undefined
  previous: Job | undefined = undefined
  queue: Queue | undefined = undefined
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

const isAppend = (offsetLow: number, offsetHigh: number): boolean =>
  offsetLow === C.MAXDWORD && offsetHigh === C.MAXDWORD

/** A call that waits for its thread. */
class Call<A> implements Job {
  next: Job | undefined = undefined
  previous: Job | undefined = undefined
  queue: Queue | undefined = undefined

  constructor(readonly gate: Gate, readonly work: posix.Work<A>, readonly done: Done<A>) {}

  run(): void {
    try {
      this.work(this.gate.requests, this.#told)
    } catch (error) {
      // Refused before anything was asked for: a turn of its own, because many of these would nest.
      setImmediate(() => this.#finish(statusOf(error), undefined, error))
    }
  }

  readonly #told = (error: unknown, value?: A): void => {
    if (error === null || error === undefined) this.#finish(C.ERROR_SUCCESS, value, undefined)
    else this.#finish(statusOf(error), undefined, error)
  }

  #finish(status: number, value: A | undefined, cause: unknown): void {
    this.gate.leave()
    this.done(status, value, cause)
  }
}

export class PortableStorage implements Storage<PortableFile, PortableOperation> {
  readonly name = "portable"
  readonly canUnbind = true
  readonly #pipes = new Pipes(this)
  readonly otherCalls: OtherCalls<PortableFile> = {
    ...this.#pipes.calls,
    SetDispositionInformation: ({ handle, remove }, done, { file }) =>
      this.#named(file(handle), (posixFile) => fileCalls.setDisposition(posixFile, remove), done),
    SetRenameInformation: ({ handle, replace, to }, done, { file }) =>
      this.#named(file(handle), (posixFile) => fileCalls.setName(posixFile, { replace, to }), done),
    CopySmallFile: (arguments_, done) => this.#copySmallFile(arguments_, done),
    PrepareDirectoryChanges: (arguments_, done, handles) => prepareDirectoryChanges(this, arguments_, done, handles)
  }
  /** Operations whose end is known already: their packets come in the next turn. */
  #posted: Array<PortableOperation> = []

  constructor(readonly workforce: Workforce) {}

  /** Where a request for so many bytes waits for its thread. */
  gateFor(bytes: number): Gate {
    const { libuv, own } = this.workforce
    if (own === undefined || bytes > DATA) return libuv
    return own.threads.wanted(libuv.idle && own.gate.idle) ? own.gate : libuv
  }

  /** Libuv would take as many requests for it as handles do; on Windows node has neither modes nor O_NOFOLLOW. */
  copiesSmallFiles(): boolean {
    return process.platform !== "win32" && this.workforce.own?.threads.running === true
  }

  #copySmallFile(arguments_: Calls["CopySmallFile"][0], done: Done<SmallCopy>): TakeBack {
    const { own } = this.workforce
    if (own === undefined || !this.copiesSmallFiles()) return this.turn(() => done(C.ERROR_NOT_SUPPORTED))
    return this.#enter(new Call(own.gate, (_, told) => own.threads.copySmall(arguments_, told), done))
  }

  allocate(bytes: number): Block | undefined {
    try {
      return { address: 0, bytes: new Uint8Array(bytes) }
    } catch {
      return undefined
    }
  }

  allocateOwn(bytes: number): Block | undefined {
    try {
      return { address: 0, bytes: new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer) }
    } catch {
      return undefined
    }
  }

  operation(slot: number, slots: SlotTable): PortableOperation {
    return new PortableOperation(slot, slots, this.workforce.libuv)
  }

  issue(operation: PortableOperation): number {
    // A function of the caller's own would need memory with an address, and kernel32.
    return operation.issue!.kind === "custom" ? C.ERROR_NOT_SUPPORTED : operation.object.file.issue(operation)
  }

  cancel(operation: PortableOperation): void {
    operation.object.file.cancel(operation)
  }

  post(operation: PortableOperation, status: number): void {
    operation.decided = status
    if (this.#posted.push(operation) === 1) setImmediate(this.#deliver)
  }

  /** One turn for many packets; an owner that throws takes nobody else's packet away. */
  readonly #deliver = (): void => {
    const posted = this.#posted
    this.#posted = []
    let delivered = 0
    try {
      while (delivered < posted.length) {
        const operation = posted[delivered++]!
        operation.complete(operation.decided, operation.bytes)
      }
    } finally {
      if (delivered < posted.length) {
        if (this.#posted.length === 0) setImmediate(this.#deliver)
        this.#posted = posted.slice(delivered).concat(this.#posted)
      }
    }
  }

  // --- calls

  open(arguments_: Calls["CreateFileW"][0], done: Done<PortableFile>): TakeBack {
    if (isPipePath(arguments_.path)) return this.#pipes.open(arguments_.path, done)
    if (opensDirectory(arguments_)) return this.runPromise(() => openDirectory(this, arguments_), done)
    return this.run(posix.createFile(arguments_), (status, file, cause) => {
      done(status, file === undefined ? undefined : new DiskFile(this, file), cause)
    })
  }

  close(file: PortableFile, done: Done<void>): TakeBack {
    return file.close(done)
  }

  flush(file: PortableFile, done: Done<void>): TakeBack {
    return this.#onDisk(file, posix.flush, done)
  }

  information(file: PortableFile, done: Done<FileInformation>): TakeBack {
    return this.#onDisk(file, posix.information, done)
  }

  setEndOfFile(file: PortableFile, length: bigint, done: Done<void>): TakeBack {
    return this.#onDisk(file, (posixFile) => posix.setEndOfFile(posixFile, length), done)
  }

  setBasicInformation(file: PortableFile, information: Calls["SetBasicInformation"][0], done: Done<void>): TakeBack {
    return this.#onDisk(file, (posixFile) => posix.setBasicInformation(posixFile, information), done)
  }

  move(arguments_: Calls["MoveFileExW"][0], done: Done<void>): TakeBack {
    return this.run(posix.moveFile(arguments_), done)
  }

  remove(arguments_: Calls["DeleteFileW"][0], done: Done<void>): TakeBack {
    return this.run(posix.deleteFile(arguments_), done)
  }

  wait(done: Done<void>): TakeBack {
    return this.turn(() => done(C.ERROR_SUCCESS))
  }

  turn(run: () => void): TakeBack {
    let begun = false
    const immediate = setImmediate(() => {
      begun = true
      run()
    })
    return () => {
      clearImmediate(immediate)
      return !begun
    }
  }

  /** Work for a thread, in its turn. */
  run<A>(work: posix.Work<A>, done: Done<A>): TakeBack {
    return this.#enter(new Call(this.gateFor(0), work, done))
  }

  /** Work that asks libuv for what it needs. */
  runPromise<A>(work: () => Promise<A>, done: Done<A>): TakeBack {
    return this.#enter(new Call(this.workforce.libuv, (_, told) => callbackify(work)(told), done))
  }

  #enter<A>(call: Call<A>): TakeBack {
    call.gate.enter(call)
    return () => {
      if (call.queue === undefined) return false
      call.queue.remove(call)
      return true
    }
  }

  #onDisk<A>(
    file: PortableFile | undefined,
    work: (file: posix.PosixFile) => posix.Work<A>,
    done: Done<A>
  ): TakeBack {
    if (file instanceof DiskFile) return file.use(work, done)
    return this.turn(() => done(file === undefined ? C.ERROR_INVALID_HANDLE : C.ERROR_INVALID_FUNCTION))
  }

  /** Runs a call that changes the file's name. */
  #named(
    file: PortableFile | undefined,
    work: (file: posix.PosixFile) => Promise<void>,
    done: Done<void>
  ): TakeBack {
    if (file instanceof DiskFile) return file.usePromise(work, done)
    return this.turn(() => done(file === undefined ? C.ERROR_INVALID_HANDLE : C.ERROR_INVALID_FUNCTION))
  }
}

const offsetOf = ({ offsetHigh, offsetLow }: Issue): number => offsetHigh * 0x1_0000_0000 + offsetLow

/** Node takes offsets up to 2^53: what lies beyond is refused, never wrapped (rule 26). */
const reachable = (issue: Issue): boolean => offsetOf(issue) + issue.length <= Number.MAX_SAFE_INTEGER
