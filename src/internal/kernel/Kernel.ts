/**
 * Floor 2: what a kernel is. `kernel32.dll`, the portable kernel and the simulated one all are this interface and
 * nothing more. No Effect, no exceptions for things that can go wrong at run time: a Win32 status answers.
 */
import { FILE_PIPE_PEEK_BUFFER } from "../constants.js"
import type { CallDone, CallName, Calls } from "./Calls.js"
import type { SlotTable } from "./SlotTable.js"

/** A piece of memory that the kernel may write to after JavaScript has moved on: never memory of V8's own. */
export interface Block {
  /** The address the system sees. The portable kernel, which has none, uses 0. */
  readonly address: number
  readonly bytes: Uint8Array
}

/** The use of the operation's memory, seen from the kernel. */
export type Access = "none" | "kernel-reads" | "kernel-writes"

/** The overlapped functions, and what each is told besides handle, memory and offset. */
export interface Issues {
  readonly read: undefined
  readonly write: undefined
  /** `ConnectNamedPipe`: a server's end waits for its client. */
  readonly connect: undefined
  /** `TransactNamedPipe`: writes `input` as one message and reads the answer. */
  readonly transact: undefined
  /** `FSCTL_PIPE_PEEK`: fills a `FILE_PIPE_PEEK_BUFFER` without data. 234 is a success. */
  readonly peek: undefined
  /** `LockFileEx` that waits; the offset is the operation's. */
  readonly lock: LockParameters
  /** `DeviceIoControl`: the code. `input` goes in, the memory takes what comes out. */
  readonly ioctl: number
  /** `ReadFileScatter`, `WriteFileGather`: `input` is the array of FILE_SEGMENT_ELEMENT. */
  readonly scatter: undefined
  readonly gather: undefined
  /** `ReadDirectoryChangesW`; what the first one of a handle asks for holds for all. */
  readonly watch: WatchParameters
  readonly custom: CustomIssue
}

export interface WatchParameters {
  readonly recursive: boolean
  /** `FILE_NOTIFY_CHANGE_*`. */
  readonly filter: number
}

export interface LockParameters {
  /** `LOCKFILE_EXCLUSIVE_LOCK`, or 0. */
  readonly flags: number
  readonly lengthLow: number
  readonly lengthHigh: number
}

export type IssueKind = keyof Issues

/** `issue` answered TRUE, and no packet follows, whatever the skip mode: Wine, for some functions. */
export const DONE_WITHOUT_PACKET = -1

/** One operation as a kernel sees it: the engine's own object, so that issuing allocates nothing. */
export interface Issue {
  readonly kind: IssueKind
  readonly parameters: Issues[IssueKind]
  readonly handle: number
  readonly threadpoolIo: number
  readonly slot: number
  /** The memory to read into or write from, and the window in it. */
  readonly block: Block | undefined
  readonly start: number
  readonly length: number
  /** `OVERLAPPED.Offset` and `OffsetHigh`, unsigned. Both 0xFFFFFFFF on a write means: at the end of the file. */
  readonly offsetLow: number
  readonly offsetHigh: number
  /** Memory that the kernel only reads, for functions that take two (`DeviceIoControl`, `TransactNamedPipe`). */
  readonly input: Block | undefined
  readonly inputLength: number
}

/** Makes the overlapped call, answers 0 for TRUE and otherwise the last error. */
export type CustomIssue = (arguments_: {
  readonly handle: number
  /** The address of the `OVERLAPPED`, zeroed but for the offset. */
  readonly overlapped: number
  /** The address of the memory, 0 when the operation has none. */
  readonly address: number
  readonly length: number
}) => number

/** The answer of `FSCTL_PIPE_PEEK`, in bytes. */
export interface PipePeek {
  readonly bytesAvailable: number
  /** The rest of the message that is read next; 0 on a pipe of bytes. */
  readonly bytesLeftInMessage: number
}

/** Writes a `FILE_PIPE_PEEK_BUFFER` for a kernel that has pipes of its own; answers its size. */
export const writePeek = (into: Uint8Array, start: number, peek: PipePeek): number => {
  const at = FILE_PIPE_PEEK_BUFFER
  const view = new DataView(into.buffer, into.byteOffset + start, at.size)
  view.setUint32(at.NamedPipeState, 0, true)
  view.setUint32(at.ReadDataAvailable, peek.bytesAvailable, true)
  view.setUint32(at.NumberOfMessages, 0, true)
  view.setUint32(at.MessageLength, peek.bytesLeftInMessage, true)
  return at.size
}

/** `SetThreadpoolThreadMinimum`, `SetThreadpoolThreadMaximum` and `SetThreadpoolStackInformation`. */
export interface ThreadpoolOptions {
  readonly minimum: number
  readonly maximum: number
  readonly stack: StackInformation | undefined
}

/** `TP_POOL_STACK_INFORMATION`, in bytes. */
export interface StackInformation {
  readonly reserve: number
  readonly commit: number
}

/** The contents of a `TP_CALLBACK_ENVIRON`; 0 is none. */
export interface EnvironmentOptions {
  readonly pool: number
  readonly group: number
  readonly priority: number
  readonly runsLong: boolean
  /** The name of a DLL that is loaded already: it stays so while callbacks run. */
  readonly library: string | undefined
}

/** The objects around a TP_IO. All of it is quick; what answers a number answers minus the last error when it fails. */
export interface Pools {
  /** How many callbacks may wait for JavaScript at once, and how many more; `Infinity` where none does. */
  readonly callbacksLimit: number
  readonly callbacksLeft: number
  createThreadpool(options: ThreadpoolOptions): number
  closeThreadpool(pool: number): void
  queryStackInformation(pool: number): StackInformation | undefined
  createCleanupGroup(): number
  /** `CloseThreadpoolCleanupGroup`, after its members have been closed, which were these. */
  closeCleanupGroup(group: number, members: ReadonlyArray<number>): void
  initializeEnvironment(options: EnvironmentOptions): number
  destroyEnvironment(environment: number): void
}

/**
 * How a completion gets from a thread of the pool to JavaScript. `relay`: native code puts it on a list and, when
 * JavaScript sleeps, wakes it; no thread waits. `broker`: the same, but a thread that wakes JavaScript waits until it
 * has run. `callback`: every completion calls JavaScript, and its thread waits.
 */
export type CompletionWay = "relay" | "broker" | "callback"

/**
 * Not a handle; one that no completion port can be bound to; opened without `FILE_FLAG_OVERLAPPED`; has a port already.
 */
export type Diagnosis = "invalid" | "unsupported" | "not-overlapped" | "already-bound"

export interface Kernel {
  readonly name: "win32" | "portable" | "simulated"
  readonly slots: SlotTable
  /** Only kernel32 has a choice. `reason`: why it is not the relay, where nobody has asked for another way. */
  readonly completions?: { readonly way: CompletionWay; readonly reason: string | undefined } | undefined
  /** A `LockFileEx` that waits is pending and can be cancelled. On Wine it never completes. */
  readonly waitsForLocks: boolean
  /**
   * A file that is open and does not share it is not opened to write, rename or remove it until it is closed or its
   * process has ended, however that ends.
   */
  readonly opensAlone?: true | undefined
  /**
   * `CreateFileW` opens directories too, and nobody renames or removes one that is open without `FILE_SHARE_DELETE`.
   */
  readonly holdsDirectories?: true | undefined
  /**
   * `FILE_FLAG_NO_BUFFERING`: reads and writes past the system's cache, also those of `ReadFileScatter` and
   * `WriteFileGather`.
   */
  readonly passesCache?: true | undefined
  /**
   * A file has holes only when it has been asked to (`FSCTL_SET_SPARSE`). In any other, a write far behind the end
   * first writes zeros up to there, on the thread that issues it.
   */
  readonly sparseByRequest: boolean
  /** `CopyFileW` is there. Elsewhere handles copy, which open no FIFO, and read what a file holds whatever it says. */
  readonly copiesFiles?: true | undefined
  /** Whether `CopySmallFile` would copy just now. */
  copiesSmallFiles?(): boolean
  readonly pools: Pools

  // --- memory
  /** Page-aligned where the kernel has pages; `undefined` when there is none left. */
  allocate(bytes: number): Block | undefined
  /** The bytes cannot be reached through `block.bytes` afterwards. */
  free(block: Block): void
  /**
   * Memory of JavaScript's own, not zeroed, which `giveAway` makes a caller's for good; `undefined` where the system
   * writes to native memory only, which nobody keeps.
   */
  allocateOwn(bytes: number): Block | undefined
  /** Takes memory of JavaScript's own out of the kernel's hands: no operation uses it. */
  giveAway(block: Block): void

  // --- the object: quick, never blocks
  /**
   * `CreateThreadpoolIo`, in the environment or, for 0, on the kernel's own pool. Answers the object (positive), or
   * minus the last error.
   */
  createThreadpoolIo(handle: number, environment?: number): number
  closeThreadpoolIo(threadpoolIo: number): void
  /**
   * `BindIoCompletionCallback`, for good; so many callbacks may come at once. Answers what stands for the
   * object that there is none of (positive), or minus the last error. There is no Start, Cancel or Wait for it.
   */
  bindIoCompletionCallback(handle: number, callbacks: number): number
  /** Its handle has been closed, and every callback has come. */
  forgetBinding(binding: number): void
  /**
   * `SetFileCompletionNotificationModes(FILE_SKIP_COMPLETION_PORT_ON_SUCCESS | FILE_SKIP_SET_EVENT_ON_HANDLE)`: 0 or
   * the last error.
   */
  setSkipMode(handle: number): number
  /** Whether skip mode is on: it outlives the object that set it, and another holder of the file may have set it. */
  getSkipMode(handle: number): boolean
  /** Takes the completion port off a borrowed handle; `false` where the system cannot (rule 18). */
  unbind(handle: number): boolean
  /** The file under the handle, as far as the system tells: where two answers differ, the files do. */
  identityOf(handle: number): string
  /** Why binding this handle failed (rule 24). */
  diagnose(handle: number): Diagnosis

  // --- first verb: the overlapped call, made on the JavaScript thread
  startThreadpoolIo(threadpoolIo: number): void
  cancelThreadpoolIo(threadpoolIo: number): void
  /**
   * 0 or `DONE_WITHOUT_PACKET` for TRUE, otherwise the last error, 997 among them. May throw only what `custom` throws.
   */
  issue(issue: Issue): number
  /** `OVERLAPPED.InternalHigh` after a synchronous success. */
  transferred(slot: number): number
  /** `CancelIoEx(handle, overlapped)`; what it answers means nothing (rule 11). */
  cancelIoEx(handle: number, slot: number): void
  // --- second verb: what may block, made off the JavaScript thread
  /**
   * `done` is called once, later, never from inside. Answers a function that takes the call back: `true` when it had
   * not begun, and then `done` is never called.
   */
  call<K extends CallName>(name: K, arguments_: Calls[K][0], done: CallDone<K>): () => boolean

  /** The system's own text for a code, or `undefined`. */
  message(code: number): string | undefined
}
