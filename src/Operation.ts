/**
 * Operations on an overlapped handle, as values: `ThreadpoolIo.submit` issues one, once per submit.
 *
 * @since 0.1.0
 */
import type { PoolBuffer } from "./BufferPool.js"
import type { Handle } from "./Handle.js"
import type * as c from "./internal/constants.js"
import type { Request } from "./internal/engine/Operation.js"
import type { notifications } from "./internal/notify.js"
import * as internal from "./internal/operation.js"
import * as controlCodes from "./internal/operation/controlCodes.js"

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
export const read: (options: Options) => Read = internal.read

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
export const write: (options: Options) => Write = internal.write

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
export const append: (options: Omit<Options, "offset">) => Write = internal.append

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
export const connect: Connect = internal.connect

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
export const transact: (
  options: Omit<Options, "offset"> & {
    /** The message to write. It must not be shared, resizable or detached. */
    readonly message: Uint8Array
  }
) => Transact = internal.transact

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
export const readVectored: (options: VectoredOptions) => Read = internal.readVectored

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
export const writeVectored: (options: VectoredOptions) => Write = internal.writeVectored

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
export const deviceIoControl: (options: IoControlOptions) => DeviceIoControl = controlCodes.deviceIoControl

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
export const unsafeIoControlCode: (options: { readonly name: string; readonly code: number }) => IoControlCode =
  controlCodes.unsafeIoControlCode

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
export const readDirectoryChanges: (options: {
  /** At a multiple of four bytes, and at most 64 KiB for a directory on another machine. */
  readonly buffer: PoolBuffer | Uint8Array
  readonly recursive: boolean
  readonly filter: ReadonlyArray<Notification>
  readonly start?: number | undefined
  readonly length?: number | undefined
}) => ReadDirectoryChanges = internal.readDirectoryChanges

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
export const unsafeMake: (options: {
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
}) => Unsafe = internal.unsafeMake
