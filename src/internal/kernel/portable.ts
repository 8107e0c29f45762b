/**
 * The portable kernel: the model of TP_IO over node:fs and real files. Honest about what node cannot do: a read or
 * write that runs is not stopped by a cancel, which drops what is queued and lets the rest complete.
 */
import { callbackify } from "node:util"
import * as C from "../constants.js"
import { statusOf } from "../errno.js"
import type { Calls, FileInformation, SmallCopy } from "./Calls.js"
import { Gate, limitOf, type Waiter, type WaitQueue } from "./gate.js"
import type { Block, Kernel } from "./Kernel.js"
import { type Done, Model, type OtherCalls, type Storage, type TakeBack } from "./model.js"
import { listDirectory, openDirectory, opensDirectory, prepareDirectoryChanges } from "./portable/directory.js"
import { DiskFile } from "./portable/DiskFile.js"
import * as fileCalls from "./portable/fileCalls.js"
import { isPipePath, Pipes } from "./portable/pipe.js"
import { type PortableFile, PortableOperation } from "./portable/PortableOperation.js"
import { libuv } from "./portable/requests.js"
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

/** The places that do the work of this kernel. */
export interface Workforce {
  readonly libuv: Gate
  /** Threads of the kernel's own, for what is small. */
  readonly own: { readonly threads: Threads; readonly gate: Gate } | undefined
}

let shared: Workforce | undefined

/** One row of values for all kernels: a handle of one means nothing to another. */
let lastHandle = 0

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

/** A call that waits for its thread. */
class Call<A> implements Waiter {
  next: Waiter | undefined = undefined
  previous: Waiter | undefined = undefined
  queue: WaitQueue | undefined = undefined

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
    PrepareDirectoryChanges: (arguments_, done, handles) => prepareDirectoryChanges(this, arguments_, done, handles),
    GetDirectoryInformation: (arguments_, done, handles) => listDirectory(this, arguments_, done, handles)
  }
  /** Operations whose end is known already: their packets come in the next turn. */
  #posted: Array<PortableOperation> = []

  constructor(readonly workforce: Workforce) {}

  newHandle(): number {
    return lastHandle += 4
  }

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

  /** Work that asks libuv itself for what it needs. */
  runOnLibuv<A>(work: posix.Work<A>, done: Done<A>): TakeBack {
    return this.#enter(new Call(this.workforce.libuv, work, done))
  }

  /** The same, of many steps. */
  runPromise<A>(work: () => Promise<A>, done: Done<A>): TakeBack {
    return this.runOnLibuv((_, told) => callbackify(work)(told), done)
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
