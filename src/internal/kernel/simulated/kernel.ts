/**
 * The simulated kernel: the model of TP_IO over a disk and pipes in memory, in virtual time. The choices decide what
 * every operation does, of all that the contract allows; the kernel watches what is asked of it, and names whoever
 * breaks a rule.
 */
import * as C from "../../constants.js"
import type { CallDone, CallName, Calls, FileInformation } from "../Calls.js"
import { ContractViolation } from "../ContractViolation.js"
import type { Block, CustomIssue, Issue } from "../Kernel.js"
import { type Done, Model, type OtherCalls, type Storage, type TakeBack } from "../model.js"
import type { SlotTable } from "../SlotTable.js"
import { type Behaviour, type Fault, healthy } from "./Behaviour.js"
import { MemoryDirectory, opensDirectory, RealDirectory } from "./directory.js"
import { Disk, DiskFile } from "./disk.js"
import { attempt } from "./files.js"
import { SECTOR } from "./memory.js"
import { isPipePath, PipeEnd, Pipes } from "./pipes.js"
import { RealFiles } from "./realFiles.js"
import { type SimulatedFile, SimulatedOperation, System } from "./system.js"
import type { World } from "./World.js"

export interface Options {
  readonly behaviour?: Partial<Behaviour> | undefined
  readonly faults?: ReadonlyArray<Fault> | undefined
  /** Bytes that all files may have together. */
  readonly capacity?: number | undefined
  /** Tells where the operation was made that is being issued. */
  readonly originOf?: ((issue: Issue) => string | undefined) | undefined
  /** Real files in the place of those in memory. */
  readonly realFiles?: boolean | undefined
}

/** The things that are open at this moment, by name. */
export interface Open {
  readonly handles: ReadonlyArray<string>
  readonly operations: ReadonlyArray<string>
}

export class SimulatedKernel extends Model<SimulatedFile, SimulatedOperation> {
  readonly system: System
  readonly disk: Disk
  readonly #storage: SimulatedStorage

  constructor(readonly world: World, options: Options = {}) {
    const system = new System(world, { ...healthy, ...options.behaviour }, options.faults ?? [])
    const storage = new SimulatedStorage(system, options)
    super(storage)
    this.system = system
    this.disk = storage.disk
    if (options.realFiles !== true) this.disk.capacity = options.capacity ?? Infinity
    this.#storage = storage
  }

  /** Every rule that was broken, in order; also those whose exceptions somebody has caught. */
  get violations(): ReadonlyArray<ContractViolation> {
    return this.#storage.violations
  }

  // A broken rule is remembered, and told together with what was under way.
  override free(block: Block): void {
    this.#watched(() => super.free(block))
  }

  override closeThreadpoolIo(threadpoolIo: number): void {
    this.#watched(() => super.closeThreadpoolIo(threadpoolIo))
  }

  override unbind(handle: number): boolean {
    return this.#watched(() => super.unbind(handle))
  }

  override startThreadpoolIo(threadpoolIo: number): void {
    this.#watched(() => super.startThreadpoolIo(threadpoolIo))
  }

  override cancelThreadpoolIo(threadpoolIo: number): void {
    this.#watched(() => super.cancelThreadpoolIo(threadpoolIo))
  }

  override issue(issue: Issue): number {
    return this.#watched(() => super.issue(issue))
  }

  override call<K extends CallName>(name: K, arguments_: Calls[K][0], done: CallDone<K>): () => boolean {
    return this.#watched(() => super.call(name, arguments_, done))
  }

  #watched<A>(run: () => A): A {
    try {
      return run()
    } catch (defect) {
      throw defect instanceof ContractViolation ? this.#storage.violated(defect) : defect
    }
  }

  /** Everything that has been opened and not closed, or issued and not completed. */
  get openNow(): Open {
    return this.#storage.census()
  }
}

/** In one answer. */
const MOST_ENTRIES = 8

class SimulatedStorage implements Storage<SimulatedFile, SimulatedOperation> {
  readonly name = "simulated"
  readonly canUnbind = true
  readonly disk: Disk
  readonly pipes: Pipes
  readonly violations: Array<ContractViolation> = []
  readonly #operations: Array<SimulatedOperation> = []
  readonly #files = new Set<SimulatedFile>()

  readonly originOf: Options["originOf"]

  constructor(readonly system: System, { originOf, realFiles }: Options) {
    this.originOf = originOf
    this.disk = new Disk(system, realFiles === true ? new RealFiles() : undefined)
    this.pipes = new Pipes(system)
  }

  allocate(bytes: number): Block {
    return { address: 0, bytes: new Uint8Array(bytes) }
  }

  operation(slot: number, slots: SlotTable): SimulatedOperation {
    const operation = new SimulatedOperation(slot, slots)
    this.#operations.push(operation)
    return operation
  }

  census(): Open {
    return {
      handles: [...this.#files].map(({ path }) => path),
      operations: this.#operations.filter(({ issue }) => issue !== undefined).map(String)
    }
  }

  violated(violation: ContractViolation): ContractViolation {
    this.violations.push(violation)
    violation.inFlight = this.census().operations
    return violation
  }

  // --- operations

  issue(operation: SimulatedOperation): number {
    const issue = operation.issue!
    const { behaviour, happened } = this.system
    operation.take(++this.system.issued, this.originOf?.(issue))
    if (issue.kind === "custom") return this.#custom(operation, issue)
    if (this.system.percent(behaviour.never)) {
      operation.stuck = true
      operation.follows = "packet"
      happened.never++
      return C.ERROR_IO_PENDING
    }
    const code = this.system.fault(operation.syscall)
    if (code !== C.ERROR_SUCCESS) return this.system.run(operation, () => code)
    return operation.object.file.issue(operation)
  }

  /** A caller's own function: there is no memory with an address here, so it is told 0 for every address. */
  #custom(operation: SimulatedOperation, { handle, length, parameters }: Issue): number {
    const status = (parameters as CustomIssue)({ handle, overlapped: 0, address: 0, length })
    // The kernel completes it, as nothing else does: with nothing transferred.
    if (status === C.ERROR_IO_PENDING) this.system.end(operation, () => operation.finish(C.ERROR_SUCCESS))
    return status
  }

  post(operation: SimulatedOperation, status: number): void {
    this.system.world.later(this.system.latency(), () => {
      this.system.happened.packets++
      operation.finish(status)
    })
  }

  cancel(operation: SimulatedOperation): void {
    if (!operation.stuck) operation.object.file.cancel(operation)
  }

  // --- calls

  open(arguments_: Calls["CreateFileW"][0], done: Done<SimulatedFile>): TakeBack {
    return this.#call("CreateFileW", done, () =>
      this.#opened(
        isPipePath(arguments_.path)
          ? refused(this.pipes.open(arguments_.path))
          : opensDirectory(arguments_)
          ? this.#directory(arguments_)
          : new DiskFile(this.disk, this.disk.storage.open(arguments_), arguments_.path)
      ))
  }

  #directory({ path }: Calls["CreateFileW"][0]): SimulatedFile {
    if (this.disk.storage !== this.disk.files) return new RealDirectory(path)
    if (this.disk.files.names.has(path)) throw C.ERROR_DIRECTORY
    return new MemoryDirectory(this.system, this.disk.files, path)
  }

  #opened<F extends SimulatedFile>(file: F): F {
    this.#files.add(file)
    return file
  }

  close(file: SimulatedFile, done: Done<void>): TakeBack {
    if (file.calls > 0) {
      throw new ContractViolation(17, `CloseHandle of ${file.path} while ${file.calls} calls work on it`)
    }
    return this.#call("CloseHandle", done, () => this.#closed(file))
  }

  #closed(file: SimulatedFile): void {
    this.#files.delete(file)
    file.close()
  }

  flush(file: SimulatedFile, done: Done<void>): TakeBack {
    if (file instanceof PipeEnd) {
      return begun(this.system.world.later(this.system.latency(), () => file.flush(done)))
    }
    return this.#onDisk("FlushFileBuffers", file, done, ({ open }) => this.disk.storage.flush(open))
  }

  information(file: SimulatedFile, done: Done<FileInformation>): TakeBack {
    return this.#onDisk("GetFileInformationByHandle", file, done, ({ open }) => this.disk.storage.information(open))
  }

  setEndOfFile(file: SimulatedFile, length: bigint, done: Done<void>): TakeBack {
    return this.#onDisk("SetEndOfFile", file, done, ({ open }) => this.disk.storage.setEndOfFile(open, length))
  }

  setBasicInformation(file: SimulatedFile, information: Calls["SetBasicInformation"][0], done: Done<void>): TakeBack {
    return this.#onDisk(
      "SetBasicInformation",
      file,
      done,
      ({ open }) => this.disk.storage.setBasicInformation(open, information)
    )
  }

  move(arguments_: Calls["MoveFileExW"][0], done: Done<void>): TakeBack {
    return this.#call("MoveFileExW", done, () => this.disk.storage.move(arguments_))
  }

  remove({ path }: Calls["DeleteFileW"][0], done: Done<void>): TakeBack {
    return this.#call("DeleteFileW", done, () => this.disk.storage.remove(path))
  }

  wait(done: Done<void>): TakeBack {
    return this.turn(() => done(C.ERROR_SUCCESS))
  }

  turn(run: () => void): TakeBack {
    return this.system.world.later(this.system.latency(), run)
  }

  readonly otherCalls: OtherCalls<SimulatedFile> = {
    CreateNamedPipeW: (arguments_, done, handles) =>
      this.#call("CreateNamedPipeW", done, () => handles.open(this.#opened(refused(this.pipes.create(arguments_))))),
    DisconnectNamedPipe: ({ handle }, done, { file }) =>
      this.#onPipe("DisconnectNamedPipe", file(handle), done, (end) => void refused(end.disconnect() || undefined)),
    SetNamedPipeHandleState: ({ handle, messages }, done, { file }) =>
      this.#onPipe("SetNamedPipeHandleState", file(handle), done, (end) => {
        if (messages && !end.messages) throw C.ERROR_INVALID_PARAMETER
        end.readsMessages = messages
      }),
    GetNamedPipeInfo: ({ handle }, done, { file }) =>
      this.#onPipe("GetNamedPipeInfo", file(handle), done, (end) => end.information()),
    LockFileEx: ({ exclusive, handle, length, offset }, done, { file }) =>
      this.#onDisk("LockFileEx", file(handle), done, (opened) => {
        refused(opened.tryLock(offset, length, exclusive) || undefined)
        return "held" as const
      }),
    UnlockFileEx: ({ handle, length, offset }, done, { file }) =>
      this.#onDisk("UnlockFileEx", file(handle), done, (opened) => {
        refused(opened.unlock(offset, length) || undefined)
      }),
    GetStorageInformation: ({ handle }, done, { file }) =>
      this.#onDisk("GetStorageInformation", file(handle), done, () => ({
        logicalBytesPerSector: SECTOR,
        physicalBytesPerSector: SECTOR
      })),
    SetAllocationInformation: ({ handle, length }, done, { file }) =>
      this.#onDisk("SetAllocationInformation", file(handle), done, ({ open }) => {
        if (!open.writable) throw C.ERROR_ACCESS_DENIED
        if (this.disk.room(open.file, 0, Number(length)) < Number(length)) throw C.ERROR_DISK_FULL
      }),
    SetDispositionInformation: ({ handle, remove }, done, { file }) =>
      this.#onDisk(
        "SetDispositionInformation",
        file(handle),
        done,
        ({ open }) => this.disk.storage.setDisposition(open, remove)
      ),
    SetRenameInformation: ({ handle, replace, to }, done, { file }) =>
      this.#onDisk(
        "SetRenameInformation",
        file(handle),
        done,
        ({ open }) => this.disk.storage.rename(open, to, replace)
      ),
    PrepareDirectoryChanges: ({ handle, ...parameters }, done, { file }) => {
      const directory = file(handle)
      return this.#call("PrepareDirectoryChanges", done, () => {
        if (directory === undefined) throw C.ERROR_INVALID_HANDLE
        if (directory instanceof RealDirectory) throw C.ERROR_NOT_SUPPORTED
        if (!(directory instanceof MemoryDirectory)) throw C.ERROR_DIRECTORY
        directory.begin(parameters)
        return { tellsRemoval: true }
      }, directory)
    },
    GetDirectoryInformation: ({ handle }, done, { file }) => {
      const directory = file(handle)
      return this.#call("GetDirectoryInformation", done, () => {
        if (directory === undefined) throw C.ERROR_INVALID_HANDLE
        const listed = directory instanceof MemoryDirectory || directory instanceof RealDirectory
        if (!listed) throw C.ERROR_DIRECTORY
        return directory.list(1 + this.system.world.choices.below(MOST_ENTRIES))
      }, directory)
    }
  }

  #onDisk<A>(
    name: CallName,
    file: SimulatedFile | undefined,
    done: Done<A>,
    work: (file: DiskFile) => A
  ): TakeBack {
    return this.#call(name, done, () => {
      if (file === undefined) throw C.ERROR_INVALID_HANDLE
      if (!(file instanceof DiskFile)) throw C.ERROR_INVALID_FUNCTION
      if (file.dead) throw C.ERROR_IO_DEVICE
      return work(file)
    }, file)
  }

  #onPipe<A>(name: CallName, file: SimulatedFile | undefined, done: Done<A>, work: (end: PipeEnd) => A): TakeBack {
    return this.#call(name, done, () => {
      if (file === undefined) throw C.ERROR_INVALID_HANDLE
      if (!(file instanceof PipeEnd)) throw C.ERROR_INVALID_FUNCTION
      return work(file)
    }, file)
  }

  /** Waits for a thread, from which it can be taken back; runs; answers: each in a turn of its own. */
  #call<A>(name: CallName, done: Done<A>, work: () => A, file?: SimulatedFile): TakeBack {
    if (file !== undefined) file.calls++
    const answer = (status: number, value: A | undefined, cause: unknown): void => {
      if (file !== undefined) file.calls--
      done(status, value, cause)
    }
    const takeBack = this.system.world.later(this.system.latency(), () => {
      // A handle that could not be closed would be open for ever: that is not among the things that happen.
      const code = name === "CloseHandle" ? C.ERROR_SUCCESS : this.system.fault(name)
      const { cause, status, value } = code === C.ERROR_SUCCESS
        ? attempt<Ended<A>>(
          () => ({ status: C.ERROR_SUCCESS, value: work() }),
          (status, cause) => ({ status, value: undefined, cause })
        )
        : { status: code, value: undefined }
      if (this.system.percent(this.system.behaviour.late)) {
        this.system.world.later(this.system.latency(), () => answer(status, value, cause))
      } else answer(status, value, cause)
    })
    return () => {
      const taken = takeBack()
      if (taken && file !== undefined) file.calls--
      return taken
    }
  }
}

const begun = (_: TakeBack): TakeBack => () => false

/** Files and pipes refuse by throwing a code. */
const refused = <A>(answer: A | number): A => {
  if (typeof answer === "number") throw answer
  return answer
}

interface Ended<A> {
  readonly status: number
  readonly value: A | undefined
  readonly cause?: unknown
}
