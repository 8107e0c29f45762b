/**
 * Operations on an overlapped handle, as values: `ThreadpoolIo.submit` issues one, once per submit.
 *
 * @since 0.1.0
 */
import type { PoolBuffer } from "./BufferPool.js"
import type { Handle } from "./Handle.js"
import {
  aBoolean,
  aFunction,
  anOffset,
  aNumber,
  anything,
  aString,
  listOf,
  oneOf,
  optionsOf,
  Wrong,
  wrong
} from "./internal/arguments.js"
import * as c from "./internal/constants.js"
import type { Request } from "./internal/engine/Operation.js"
import type { Segment as EngineSegment } from "./internal/engine/Segments.js"
import { callersMemoryTrouble } from "./internal/engine/OperationMemory.js"
import type { CustomIssue } from "./internal/kernel/Kernel.js"
import { bits, notifications } from "./internal/notify.js"
import { END_OF_FILE, high, low, offsetProblem } from "./internal/offset.js"
import * as internal from "./internal/operation.js"
import { PoolBufferImpl } from "./internal/PoolBuffer.js"
import { isDetached, isInstance, isList, plainBytes, shown } from "./internal/values.js"

/**
 * @since 0.1.0
 * @category symbols
 */
export const TypeId: unique symbol = internal.TypeId

/**
 * @since 0.1.0
 * @category symbols
 */
export type TypeId = typeof TypeId

interface Proto {
  readonly [TypeId]: TypeId
  /** @internal */
  readonly request: Request
}

/**
 * `ReadFile`: the kernel writes into the buffer.
 *
 * @since 0.1.0
 * @category models
 */
export interface Read extends Proto {
  readonly _tag: "Read"
}

/**
 * `WriteFile`: the kernel reads from the buffer.
 *
 * @since 0.1.0
 * @category models
 */
export interface Write extends Proto {
  readonly _tag: "Write"
}

/**
 * `ConnectNamedPipe`: a server's end of a pipe waits for its client.
 *
 * @since 0.1.0
 * @category models
 */
export interface Connect extends Proto {
  readonly _tag: "Connect"
}

/**
 * `TransactNamedPipe`: one message is written and one is read.
 *
 * @since 0.1.0
 * @category models
 */
export interface Transact extends Proto {
  readonly _tag: "Transact"
}

/**
 * `DeviceIoControl`: a code, what goes in, and memory for what comes out.
 *
 * @since 0.1.0
 * @category models
 */
export interface DeviceIoControl extends Proto {
  readonly _tag: "DeviceIoControl"
}

/**
 * An overlapped call of your own: the library pairs Start and Cancel around it, but cannot check what it does.
 *
 * @since 0.1.0
 * @category models
 */
export interface Unsafe extends Proto {
  readonly _tag: "Unsafe"
}

/**
 * `ReadDirectoryChangesW`: the kernel writes what has changed into the buffer.
 *
 * @since 0.1.0
 * @category models
 */
export interface ReadDirectoryChanges extends Proto {
  readonly _tag: "ReadDirectoryChanges"
}

/**
 * The changes that a directory can be watched for (`FILE_NOTIFY_CHANGE_*`).
 *
 * @since 0.1.0
 * @category models
 */
export type Notification = keyof typeof notifications

/**
 * The operations that are safe on any file.
 *
 * @since 0.1.0
 * @category models
 */
export type Safe = Read | Write | DeviceIoControl

/**
 * Everything that `ThreadpoolIo.submit` takes. The set is closed: there is no other way to make one than the
 * constructors here, so that an operation cannot be issued twice, on another handle, or not at all.
 *
 * @since 0.1.0
 * @category models
 */
export type Operation = Safe | Connect | Transact | ReadDirectoryChanges | Unsafe

/**
 * Where and how much.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * The memory. A `PoolBuffer` is used in place. A `Uint8Array` is copied, in before the call or out when it has
   * completed; it must not be shared, resizable or detached.
   */
  readonly buffer: PoolBuffer | Uint8Array
  /** Offset in the file, in bytes; a `bigint` beyond 2^53 - 1. Ignored by pipes. Default 0. */
  readonly offset?: number | bigint | undefined
  /** The window in the buffer, in bytes: from `start` (default 0), `length` long (default: the rest). */
  readonly start?: number | undefined
  readonly length?: number | undefined
}

/**
 * One piece of the memory of a vectored operation: a buffer, or a window of one.
 *
 * @since 0.1.0
 * @category models
 */
export type Segment = PoolBuffer | Uint8Array | {
  readonly buffer: PoolBuffer | Uint8Array
  readonly start?: number | undefined
  readonly length?: number | undefined
}

/**
 * Where, and the pieces of memory in their order.
 *
 * @since 0.1.0
 * @category models
 */
export interface VectoredOptions {
  readonly buffers: ReadonlyArray<Segment>
  /** Offset in the file, in bytes; a `bigint` beyond 2^53 - 1. Ignored by pipes. Default 0. */
  readonly offset?: number | bigint | undefined
}

/**
 * The codes of `winioctl.h` that the library vouches for: their buffers hold no addresses and no handles, so that
 * nothing but the two buffers of the operation is touched.
 *
 * @since 0.1.0
 * @category models
 */
export type KnownIoControlCode = keyof typeof c.IO_CONTROL_CODES

/**
 * A code that somebody vouches for: `unsafeIoControlCode` makes it.
 *
 * @since 0.1.0
 * @category models
 */
export interface IoControlCode {
  readonly [TypeId]: TypeId
  readonly _tag: "IoControlCode"
  readonly name: string
  readonly code: number
}

/**
 * The arguments of `DeviceIoControl`.
 *
 * @since 0.1.0
 * @category models
 */
export interface IoControlOptions {
  readonly code: KnownIoControlCode | IoControlCode
  /** The input. The bytes are copied when the value is made. */
  readonly input?: Uint8Array | undefined
  /** Takes what comes out. The same as the `buffer` of a read. */
  readonly output?: PoolBuffer | Uint8Array | undefined
  /** The window in `output`, in bytes: from `start` (default 0), `length` long (default: the rest). */
  readonly start?: number | undefined
  readonly length?: number | undefined
}

/** @internal The bytes that a buffer holds; `undefined`: it is none, is detached, or cannot be looked at. */
export const sizeOf = (buffer: PoolBuffer | Uint8Array): number | undefined =>
  isInstance(buffer, PoolBufferImpl) ? buffer.size : sizeOfBytes(plainBytes(buffer))

const sizeOfBytes = (bytes: Uint8Array | undefined): number | undefined =>
  bytes !== undefined && isDetached(bytes.buffer) ? undefined : bytes?.byteLength

/** In the place of memory that is none. */
const NOTHING = new Uint8Array(0)

interface Window {
  readonly memory: EngineSegment["memory"]
  readonly start: number
  readonly length: number
  readonly problem: string | undefined
}

const window = (
  given: PoolBuffer | Uint8Array,
  options: { readonly start?: number | undefined; readonly length?: number | undefined }
): Window => {
  const pooled = isInstance(given, PoolBufferImpl)
  const memory = pooled ? given.lease : plainBytes(given)
  if (memory === undefined) {
    const problem = `the buffer must be a PoolBuffer of this library or a Uint8Array, not ${shown(given)}`
    return { memory: NOTHING, start: 0, length: 0, problem }
  }
  const size = pooled ? given.size : (memory as Uint8Array).byteLength
  const start = options.start ?? 0
  const length = options.length ?? (typeof start === "number" ? size - start : 0)
  const problem =
    !Number.isInteger(start) || !Number.isInteger(length) || start < 0 || length < 0 || start + length > size
      ? `the window from ${shown(start)}, ${shown(length)} long, is not within the buffer of ${size} bytes`
      : length > c.MAXDWORD
      ? `a request is at most ${c.MAXDWORD} bytes long (a DWORD), not ${length}: split it`
      : pooled
      ? undefined
      : callersMemoryTrouble(memory as Uint8Array, length)
  return { memory, start, length, problem }
}

const transfer = (kind: "read" | "write", given: Options, atEnd: boolean): Request => {
  const options = optionsRead(given)
  const { length, memory, problem, start } = options instanceof Wrong
    ? nowhere(options)
    : window(options.buffer, options)
  const offset = options instanceof Wrong || atEnd || options.offset === undefined ? 0 : options.offset
  const wrong = problem ?? offsetProblem(offset, length)
  return {
    syscall: kind === "read" ? "ReadFile" : "WriteFile",
    kind,
    access: kind === "read" ? "kernel-writes" : "kernel-reads",
    memory,
    start,
    length,
    offsetLow: atEnd ? END_OF_FILE.low : wrong === undefined ? low(offset) : 0,
    offsetHigh: atEnd ? END_OF_FILE.high : wrong === undefined ? high(offset) : 0,
    parameters: undefined,
    input: undefined,
    trueIsPending: false,
    doneStatus: undefined,
    problem: wrong
  }
}

const nowhere = ({ problem }: Wrong): Window => ({ memory: NOTHING, start: 0, length: 0, problem })

/** Each option once. `window` and `offsetProblem` look at what they are: this is on the way of every operation. */
const optionsRead = (given: Options): Options | Wrong => {
  try {
    const { buffer, length, offset, start } = given
    return { buffer, length, offset, start }
  } catch (cause) {
    return new Wrong("the options cannot be read", cause)
  }
}

/**
 * `ReadFile` at an offset. Ends with the bytes read; 0 at the end of the file is a success whose `endOfFile` is set,
 * and so is a pipe whose other end is gone. Never throws: bad arguments fail typed when it is submitted.
 *
 * @example
 * ```ts
 * import { Operation } from "effect-threadpool-io"
 *
 * const buffer = new Uint8Array(4096)
 * const atFiveGigabytes = Operation.read({ buffer, offset: 5_000_000_000 })
 * const intoTheSecondHalf = Operation.read({ buffer, offset: 0, start: 2048 })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const read = (options: Options): Read => ({
  [TypeId]: TypeId,
  _tag: "Read",
  request: transfer("read", options, false)
})

/**
 * `WriteFile` at an offset. Ends with the bytes written. The bytes are taken when the operation is issued: do not
 * change them before it has ended.
 *
 * @example
 * ```ts
 * import { Operation } from "effect-threadpool-io"
 *
 * const hello = Operation.write({ buffer: new TextEncoder().encode("hello"), offset: 0 })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const write = (options: Options): Write => ({
  [TypeId]: TypeId,
  _tag: "Write",
  request: transfer("write", options, false)
})

/**
 * `WriteFile` at the end of the file, wherever that is at that moment (`Offset` and `OffsetHigh` 0xFFFFFFFF). On the
 * portable kernel this is atomic among the appends through one open file only.
 *
 * @example
 * ```ts
 * import { Operation } from "effect-threadpool-io"
 *
 * const line = Operation.append({ buffer: new TextEncoder().encode("done\n") })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const append = (options: Omit<Options, "offset">): Write => ({
  [TypeId]: TypeId,
  _tag: "Write",
  request: transfer("write", options, true)
})

/**
 * `ConnectNamedPipe` on a server's end of a named pipe. Ends when a client has come; one that came before (535
 * `ERROR_PIPE_CONNECTED`) is a success too. Fails with `BrokenPipe` (232) when a client has come and gone: the instance
 * must then be disconnected before it can wait again. `NamedPipe.listen` does all of it.
 *
 * @example
 * ```ts
 * import { Operation, ThreadpoolIo } from "effect-threadpool-io"
 *
 * const aClient = (io: ThreadpoolIo.ThreadpoolIo) => ThreadpoolIo.submit(io, Operation.connect)
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const connect: Connect = {
  [TypeId]: TypeId,
  _tag: "Connect",
  request: {
    syscall: "ConnectNamedPipe",
    kind: "connect",
    access: "none",
    memory: undefined,
    start: 0,
    length: 0,
    offsetLow: 0,
    offsetHigh: 0,
    parameters: undefined,
    input: undefined,
    trueIsPending: false,
    doneStatus: c.ERROR_PIPE_CONNECTED,
    problem: undefined
  }
}

/**
 * `TransactNamedPipe` on an end of a pipe of messages that reads them as such: writes `message` as one (it is copied
 * here) and reads the answer into `buffer`. An answer that is longer than the buffer is a success with status 234
 * (`ERROR_MORE_DATA`), and the rest of it is what is read next. `Unsupported` on the portable kernel.
 *
 * @example
 * ```ts
 * import { Operation } from "effect-threadpool-io"
 *
 * const ask = Operation.transact({ message: new TextEncoder().encode("time?"), buffer: new Uint8Array(64) })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const transact = (
  options: Omit<Options, "offset"> & {
    /** The message to write. It must not be shared, resizable or detached. */
    readonly message: Uint8Array
  }
): Transact => {
  const looked = lookAtTransact(options)
  const { length, memory, problem, start } = looked instanceof Wrong ? nowhere(looked) : window(looked.buffer, looked)
  const message = looked instanceof Wrong ? NOTHING : plainBytes(looked.message)
  const trouble = message === undefined
    ? "it must be a Uint8Array"
    : callersMemoryTrouble(message, message.length)
  return {
    [TypeId]: TypeId,
    _tag: "Transact",
    request: {
      syscall: "TransactNamedPipe",
      kind: "transact",
      access: "kernel-writes",
      memory,
      start,
      length,
      offsetLow: 0,
      offsetHigh: 0,
      parameters: undefined,
      input: trouble === undefined ? new Uint8Array(message!) : NOTHING,
      trueIsPending: false,
      doneStatus: undefined,
      problem: problem ?? (trouble === undefined ? undefined : `of the message: ${trouble}`)
    }
  }
}

const lookAtTransact = optionsOf<Omit<Options, "offset"> & { readonly message: Uint8Array }>({
  message: anything,
  buffer: anything,
  start: aNumber,
  length: aNumber
})

/**
 * One read into several buffers, in their order: `readv` of other systems. It ends as `read` does, with the bytes read
 * in all: each buffer is full before the next one gets any. The buffers must not overlap.
 *
 * It is one `ReadFile` through a block of the pool, from which each buffer gets its part: with a pipe, one message.
 * Only `File.readVectored` of an unbuffered file reads into page after page in place.
 *
 * @example
 * ```ts
 * import { Operation } from "effect-threadpool-io"
 *
 * const header = new Uint8Array(16)
 * const body = new Uint8Array(4080)
 * const record = Operation.readVectored({ buffers: [header, body], offset: 4096 })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const readVectored = (options: VectoredOptions): Read => ({
  _tag: "Read",
  ...vectored("read", options, false)
})

/**
 * One write of several buffers, in their order: `writev` of other systems. It ends as `write` does, with the bytes
 * written in all. The bytes are taken when the operation is issued, into one block of the pool: with a pipe, one
 * message.
 *
 * @example
 * ```ts
 * import { Operation } from "effect-threadpool-io"
 *
 * const text = new TextEncoder()
 * const line = Operation.writeVectored({ buffers: [text.encode("key="), text.encode("value")], offset: 0 })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const writeVectored = (options: VectoredOptions): Write => ({
  _tag: "Write",
  ...vectored("write", options, false)
})

/**
 * @internal `inPlace`: by `ReadFileScatter` and `WriteFileGather`, where every segment is whole pages of the pool's.
 */
export const vectored = (
  kind: "read" | "write",
  given: VectoredOptions,
  inPlace: boolean
): { readonly [TypeId]: typeof TypeId; readonly request: Request } => {
  const looked = lookAtVectored(given)
  const offset = looked instanceof Wrong ? 0 : looked.offset ?? 0
  const windows = looked instanceof Wrong ? [nowhere(looked)] : windowsOf(looked.buffers)
  const segments: ReadonlyArray<EngineSegment> = windows
  const problem = windows.find(({ problem }) => problem !== undefined)?.problem
  // A refused request may have lengths that cannot be added.
  const length = problem === undefined ? windows.reduce((total, one) => total + one.length, 0) : 0
  const wrong = problem ??
    (length > c.MAXDWORD
      ? `a request is at most ${c.MAXDWORD} bytes long (a DWORD), not ${length}: split it`
      : undefined) ??
    offsetProblem(offset, length)
  const direct = inPlace && wrong === undefined && length > 0 && windows.every(isPages)
  const request: Request = {
    syscall: names[direct ? "inPlace" : "copied"][kind],
    kind: direct ? kind === "read" ? "scatter" : "gather" : kind,
    access: kind === "read" ? "kernel-writes" : "kernel-reads",
    memory: undefined,
    segments,
    start: 0,
    length,
    offsetLow: wrong === undefined ? low(offset) : 0,
    offsetHigh: wrong === undefined ? high(offset) : 0,
    parameters: undefined,
    input: undefined,
    trueIsPending: false,
    doneStatus: undefined,
    problem: wrong
  }
  return { [TypeId]: TypeId, request }
}

const lookAtVectored = optionsOf<VectoredOptions>({ buffers: anything, offset: anOffset })

const windowsOf = (buffers: ReadonlyArray<Segment>): ReadonlyArray<Window> => {
  if (!isList(buffers)) return [nowhere(new Wrong(`the buffers must be a list, not ${shown(buffers)}`))]
  try {
    return Array.from(buffers as ReadonlyArray<Segment>, (segment) => {
      if (isInstance(segment, PoolBufferImpl) || plainBytes(segment) !== undefined) {
        return window(segment as PoolBuffer, {})
      }
      const { buffer, length, start } = segment as Exclude<Segment, PoolBuffer | Uint8Array>
      return window(buffer, { length, start })
    })
  } catch (cause) {
    return [nowhere(new Wrong("the buffers cannot be looked at", cause))]
  }
}

const names = {
  inPlace: { read: "ReadFileScatter", write: "WriteFileGather" },
  copied: { read: "ReadFile", write: "WriteFile" }
} as const

const isPages = ({ length, memory, start }: EngineSegment): boolean =>
  !(memory instanceof Uint8Array) && start % c.PAGE_SIZE === 0 && length % c.PAGE_SIZE === 0

/**
 * `DeviceIoControl`, of a code that is safe to ask for: one of those that the library knows, or one that
 * `unsafeIoControlCode` vouches for. Ends with the bytes returned. 234 (`ERROR_MORE_DATA`) is a success whose `status`
 * says so: there is more than the buffer took. A buffer that is too small for anything fails with 122 or 24.
 *
 * The input is copied into memory of the pool when it is issued, and stays there until the kernel has let go of it.
 * Codes of `METHOD_IN_DIRECT`, whose second buffer is read, are refused. `Unsupported` on the portable kernel.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Operation, ThreadpoolIo } from "effect-threadpool-io"
 *
 * const isCompressed = (io: ThreadpoolIo.ThreadpoolIo) => {
 *   const output = new Uint8Array(2)
 *   return Effect.map(
 *     ThreadpoolIo.submit(io, Operation.deviceIoControl({ code: "FSCTL_GET_COMPRESSION", output })),
 *     () => output[0] !== 0
 *   )
 * }
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const deviceIoControl = (options: IoControlOptions): DeviceIoControl => {
  const looked = lookAtIoControl(options)
  const { code, name } = looked instanceof Wrong ? UNKNOWN : codeOf(looked.code)
  const given = looked instanceof Wrong ? undefined : looked.input
  const input = given === undefined ? NOTHING : plainBytes(given)
  const { length, memory, problem, start } = looked instanceof Wrong
    ? { ...nowhere(looked), memory: undefined }
    : looked.output === undefined
    ? { memory: undefined, start: 0, length: 0, problem: undefined }
    : window(looked.output, looked)
  const wrong = problem ??
    (input === undefined ? `the input must be a Uint8Array, not ${shown(given)}` : undefined) ??
    callersMemoryTrouble(input!, input!.byteLength) ??
    (!Number.isInteger(code) || code < 0 || code > c.MAXDWORD
      ? `${shown(code)} is no code: codes are DWORDs`
      : (code & c.METHOD_MASK) === c.METHOD_IN_DIRECT
      ? "a code of METHOD_IN_DIRECT reads its second buffer: Operation.unsafeMake can make it"
      : undefined)
  return {
    [TypeId]: TypeId,
    _tag: "DeviceIoControl",
    request: {
      syscall: `DeviceIoControl(${name})`,
      kind: "ioctl",
      access: memory === undefined ? "none" : "kernel-writes",
      memory,
      start,
      length,
      offsetLow: 0,
      offsetHigh: 0,
      parameters: code,
      input: wrong !== undefined || input!.byteLength === 0 ? undefined : new Uint8Array(input!),
      trueIsPending: false,
      doneStatus: undefined,
      problem: wrong
    }
  }
}

const lookAtIoControl = optionsOf<IoControlOptions>({
  code: anything,
  input: anything,
  output: anything,
  start: aNumber,
  length: aNumber
})

/** No code is NaN. */
const UNKNOWN = { code: NaN, name: "?" }

const codeOf = (code: IoControlOptions["code"]): { readonly code: number; readonly name: string } => {
  if (typeof code === "string") {
    return Object.hasOwn(c.IO_CONTROL_CODES, code) ? { code: c.IO_CONTROL_CODES[code], name: code } : UNKNOWN
  }
  return isInstance(code, VouchedCode) ? code : UNKNOWN
}

class VouchedCode implements IoControlCode {
  readonly [TypeId]: typeof TypeId = TypeId
  readonly _tag = "IoControlCode"
  constructor(readonly name: string, readonly code: number) {}
}

/**
 * Vouches for a code that the library does not know. **Unsafe**: whoever calls this says that neither buffer of the
 * code holds addresses or handles (as those of `IOCTL_SCSI_PASS_THROUGH_DIRECT` or `FSCTL_MOVE_FILE` do), and that its
 * driver touches nothing but the two buffers, within their lengths. The number alone does not tell: the method in its
 * last two bits only says how the buffers themselves are handed over.
 *
 * @example
 * ```ts
 * import { Operation } from "effect-threadpool-io"
 *
 * const FSCTL_QUERY_USN_JOURNAL = Operation.unsafeIoControlCode({ name: "FSCTL_QUERY_USN_JOURNAL", code: 0x000900f4 })
 * const journal = Operation.deviceIoControl({ code: FSCTL_QUERY_USN_JOURNAL, output: new Uint8Array(80) })
 * ```
 *
 * @since 0.1.0
 * @category unsafe
 */
export const unsafeIoControlCode = (options: { readonly name: string; readonly code: number }): IoControlCode => {
  const looked = lookAtCode(options)
  return looked instanceof Wrong
    ? new VouchedCode(UNKNOWN.name, UNKNOWN.code)
    : new VouchedCode(looked.name ?? UNKNOWN.name, looked.code ?? UNKNOWN.code)
}

const lookAtCode = optionsOf<{ readonly name: string; readonly code: number }>({ name: aString, code: aNumber })

/** @internal Not public: `NamedPipe.peek` reads what it brings. */
export const peek = (buffer: Uint8Array): Proto & { readonly _tag: "Peek" } => ({
  [TypeId]: TypeId,
  _tag: "Peek",
  request: {
    ...transfer("read", { buffer }, false),
    syscall: "DeviceIoControl(FSCTL_PIPE_PEEK)",
    kind: "peek"
  }
})

/** @internal Not public: who locks must unlock, which `File.withLock` and `File.lock` do. */
export const lock = (options: {
  readonly offset: number | bigint
  readonly length: bigint
  readonly flags: number
  readonly problem: string | undefined
}): Proto & { readonly _tag: "Lock" } => ({
  [TypeId]: TypeId,
  _tag: "Lock",
  request: {
    syscall: "LockFileEx",
    kind: "lock",
    access: "none",
    memory: undefined,
    start: 0,
    length: 0,
    offsetLow: options.problem === undefined ? low(options.offset) : 0,
    offsetHigh: options.problem === undefined ? high(options.offset) : 0,
    parameters: { flags: options.flags, lengthLow: low(options.length), lengthHigh: high(options.length) },
    input: undefined,
    trueIsPending: false,
    doneStatus: undefined,
    problem: options.problem
  }
})

/**
 * `ReadDirectoryChangesW` on the handle of a directory: pends until there are changes, and ends with the bytes of its
 * `FILE_NOTIFY_INFORMATION` records; 0 bytes, or 1022, mean that there were more than the buffer holds. TRUE means
 * pending here. `recursive` and `filter` of the first one on a handle hold for all that follow. `Directory` does all
 * this, and reads the records.
 *
 * @example
 * ```ts
 * import { BufferPool, Operation } from "effect-threadpool-io"
 *
 * const names = (buffer: BufferPool.PoolBuffer) =>
 *   Operation.readDirectoryChanges({ buffer, recursive: false, filter: ["fileName", "directoryName"] })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const readDirectoryChanges = (options: {
  /** At a multiple of four bytes, and at most 64 KiB for a directory on another machine. */
  readonly buffer: PoolBuffer | Uint8Array
  readonly recursive: boolean
  readonly filter: ReadonlyArray<Notification>
  readonly start?: number | undefined
  readonly length?: number | undefined
}): ReadDirectoryChanges => {
  const looked = lookAtWatch(options)
  const { length, memory, problem, start } = looked instanceof Wrong ? nowhere(looked) : window(looked.buffer, looked)
  const filter = looked instanceof Wrong ? 0 : bits(looked.filter ?? [])
  return {
    [TypeId]: TypeId,
    _tag: "ReadDirectoryChanges",
    request: {
      syscall: "ReadDirectoryChangesW",
      kind: "watch",
      access: "kernel-writes",
      memory,
      start,
      length,
      offsetLow: 0,
      offsetHigh: 0,
      parameters: { recursive: !(looked instanceof Wrong) && looked.recursive === true, filter },
      input: undefined,
      trueIsPending: true,
      doneStatus: undefined,
      problem: problem ??
        (filter === 0
          ? "the filter is empty"
          : length === 0
          ? "the buffer is empty"
          : start % 4 !== 0 && !(memory instanceof Uint8Array)
          ? `the window must begin at a multiple of four bytes, not at ${start}`
          : undefined)
    }
  }
}

const lookAtWatch = optionsOf<Parameters<typeof readDirectoryChanges>[0]>({
  buffer: anything,
  recursive: aBoolean,
  filter: listOf(oneOf(...Object.keys(notifications))),
  start: aNumber,
  length: aNumber
})

/**
 * An overlapped function that the library does not know. **Unsafe**: `issue` must make exactly one overlapped call, on
 * this handle with this `OVERLAPPED`, pass NULL for the byte count, and answer 0 for TRUE or else the last error, read
 * at once. What it throws becomes a defect of the submitting fiber, after `CancelThreadpoolIo`. Memory is the pool's; a
 * `Uint8Array` is copied as with `read` and `write`. It must not throw once the call has been made. A code that means
 * success, as 535 of `ConnectNamedPipe`, arrives as a failure: catch it by `code`. Fails with `Unsupported` on the
 * portable kernel.
 *
 * @example
 * ```ts
 * import { Operation } from "effect-threadpool-io"
 *
 * declare const connectNamedPipe: (handle: number, overlapped: number) => number
 * declare const getLastError: () => number
 *
 * const connect = Operation.unsafeMake({
 *   syscall: "ConnectNamedPipe",
 *   issue: ({ handle, overlapped }) => connectNamedPipe(handle, overlapped) !== 0 ? 0 : getLastError()
 * })
 * ```
 *
 * @since 0.1.0
 * @category unsafe
 */
export const unsafeMake = (options: {
  /** The name of the function, for errors and spans. */
  readonly syscall: string
  readonly issue: (arguments_: {
    readonly handle: Handle
    /** Address of the `OVERLAPPED`. */
    readonly overlapped: number
    /** Address of the memory; 0 without a buffer. */
    readonly address: number
    readonly length: number
  }) => number
  readonly buffer?: PoolBuffer | Uint8Array | undefined
  readonly start?: number | undefined
  readonly length?: number | undefined
  readonly offset?: number | bigint | undefined
  /** The use that the kernel makes of the buffer. Default: it writes. */
  readonly access?: "kernel-reads" | "kernel-writes" | undefined
  /** TRUE means pending here, not done (`ReadDirectoryChangesW`). Default `false`. */
  readonly trueIsPending?: boolean | undefined
}): Unsafe => {
  const looked = lookAtUnsafe(options)
  const given: Partial<UnsafeOptions> = looked instanceof Wrong ? {} : looked
  const offset = given.offset ?? 0
  const { length, memory, problem, start } = given.buffer === undefined
    ? { memory: undefined, start: 0, length: 0, problem: undefined }
    : window(given.buffer, given)
  const wrongs = looked instanceof Wrong
    ? looked.problem
    : (wrong("syscall", given.syscall, aString) ?? wrong("issue", given.issue, aFunction))?.problem
  const trouble = wrongs ?? problem ?? offsetProblem(offset, length)
  return {
    [TypeId]: TypeId,
    _tag: "Unsafe",
    request: {
      syscall: given.syscall ?? "an unknown function",
      kind: "custom",
      access: memory === undefined ? "none" : given.access ?? "kernel-writes",
      memory,
      start,
      length,
      offsetLow: trouble === undefined ? low(offset) : 0,
      offsetHigh: trouble === undefined ? high(offset) : 0,
      parameters: given.issue as CustomIssue,
      input: undefined,
      trueIsPending: given.trueIsPending ?? false,
      doneStatus: undefined,
      problem: trouble
    }
  }
}

type UnsafeOptions = Parameters<typeof unsafeMake>[0]

const lookAtUnsafe = optionsOf<UnsafeOptions>({
  syscall: aString,
  issue: aFunction,
  buffer: anything,
  start: aNumber,
  length: aNumber,
  offset: anOffset,
  access: oneOf("kernel-reads", "kernel-writes"),
  trueIsPending: aBoolean
})
