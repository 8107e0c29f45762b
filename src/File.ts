/**
 * Files for positional, overlapped I/O: every read and write names its offset, any number run at once, and interruption
 * stops them.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Pipeable from "effect/Pipeable"
import { pipeArguments } from "effect/Pipeable"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import type { PoolBuffer } from "./BufferPool.js"
import type { Completion } from "./Completion.js"
import * as Handle from "./Handle.js"
import { call, callIn } from "./internal/call.js"
import * as c from "./internal/constants.js"
import { offsetProblem } from "./internal/engine/offset.js"
import type { FileInformation } from "./internal/kernel/Kernel.js"
import type { Restore } from "./internal/settle.js"
import { Kernel } from "./Kernel.js"
import * as Operation from "./Operation.js"
import * as ThreadpoolIo from "./ThreadpoolIo.js"
import * as Win32Error from "./Win32Error.js"

/**
 * @since 0.1.0
 * @category symbols
 */
export const TypeId: unique symbol = Symbol.for("effect-threadpool-io/File")

/**
 * @since 0.1.0
 * @category symbols
 */
export type TypeId = typeof TypeId

/**
 * An open file. It has no cursor.
 *
 * @since 0.1.0
 * @category models
 */
export interface File extends Pipeable.Pipeable {
  readonly [TypeId]: TypeId
  /** The path it was opened by. */
  readonly path: string
  /** Its thread-pool object: ledger, `cancelAll`, `awaitIdle`. */
  readonly io: ThreadpoolIo.ThreadpoolIo
  /** @internal */
  readonly kernel: Kernel.Service
  /** @internal */
  readonly unbuffered: boolean
}

/**
 * What `CreateFileW` is asked for.
 *
 * @since 0.1.0
 * @category models
 */
export interface OpenOptions {
  /** Default `read`. */
  readonly access?: "read" | "write" | "readwrite" | undefined
  /**
   * What others may do with the file meanwhile. Default: `read` and `delete` while we write, everything while we only read. The
   * portable kernel does not enforce it.
   */
  readonly share?: ReadonlyArray<"read" | "write" | "delete"> | undefined
  /**
   * - `openExisting` (default): fails with `NotFound` when there is none.
   * - `createNew`: fails with `AlreadyExists` when there is one. Atomic.
   * - `createAlways`: makes it, or empties the one there is.
   * - `openAlways`: makes it when there is none.
   * - `truncateExisting`: empties the one there is. Needs write access.
   */
  readonly disposition?: "openExisting" | "createNew" | "createAlways" | "openAlways" | "truncateExisting" | undefined
  /** Writes reach the device before they complete (`FILE_FLAG_WRITE_THROUGH`, `O_SYNC`). */
  readonly writeThrough?: boolean | undefined
  /** Tells the cache what comes (`FILE_FLAG_SEQUENTIAL_SCAN`, `FILE_FLAG_RANDOM_ACCESS`). A hint. */
  readonly hint?: "sequential" | "random" | undefined
  /**
   * Past the cache (`FILE_FLAG_NO_BUFFERING`): offsets and lengths must be multiples of 4096, or fail typed (contract rule
   * 27). `Unsupported` on the portable kernel.
   */
  readonly unbuffered?: boolean | undefined
  /** Fails on a symbolic link instead of opening what it points to. */
  readonly noFollow?: boolean | undefined
  /** POSIX permission bits of a file that is created, before the umask. Default 0o666. Ignored on Windows. */
  readonly mode?: number | undefined
  /** Passed to `ThreadpoolIo.make`. */
  readonly maxInFlight?: ThreadpoolIo.Options["maxInFlight"]
  readonly drainTimeout?: ThreadpoolIo.Options["drainTimeout"]
  readonly spans?: ThreadpoolIo.Options["spans"]
  /** Default `true`. */
  readonly skipMode?: ThreadpoolIo.Options["skipMode"]
}

/**
 * What `stat` tells. Sizes in bytes, times in nanoseconds since 1970 (Windows keeps 100 ns).
 *
 * @since 0.1.0
 * @category models
 */
export interface Stat extends FileInformation {}

/**
 * Whether a value is a `File`.
 *
 * @example
 * ```ts
 * import { File } from "effect-threadpool-io"
 *
 * console.log(File.isFile("notes.txt")) // false
 * ```
 *
 * @since 0.1.0
 * @category guards
 */
export const isFile = (u: unknown): u is File => typeof u === "object" && u !== null && TypeId in u

// -----------------------------------------------------------------------------
// opening
// -----------------------------------------------------------------------------

const accessBits = {
  read: c.GENERIC_READ,
  write: c.GENERIC_WRITE,
  readwrite: (c.GENERIC_READ | c.GENERIC_WRITE) >>> 0
}
const shareBits = { read: c.FILE_SHARE_READ, write: c.FILE_SHARE_WRITE, delete: c.FILE_SHARE_DELETE }
const dispositions = {
  openExisting: c.OPEN_EXISTING,
  createNew: c.CREATE_NEW,
  createAlways: c.CREATE_ALWAYS,
  openAlways: c.OPEN_ALWAYS,
  truncateExisting: c.TRUNCATE_EXISTING
}

const createFileArguments = (path: string, options: OpenOptions) => {
  const access = options.access ?? "read"
  const share = options.share ??
    (access === "read" ? ["read", "write", "delete"] as const : ["read", "delete"] as const)
  return {
    path,
    access: accessBits[access],
    share: share.reduce((bits, one) => bits | shareBits[one], 0),
    disposition: dispositions[options.disposition ?? "openExisting"],
    flags: (c.FILE_ATTRIBUTE_NORMAL |
      (options.writeThrough === true ? c.FILE_FLAG_WRITE_THROUGH : 0) |
      (options.unbuffered === true ? c.FILE_FLAG_NO_BUFFERING : 0) |
      (options.hint === "sequential" ? c.FILE_FLAG_SEQUENTIAL_SCAN : 0) |
      (options.hint === "random" ? c.FILE_FLAG_RANDOM_ACCESS : 0) |
      (options.noFollow === true ? c.FILE_FLAG_OPEN_REPARSE_POINT : 0)) >>> 0,
    mode: options.mode ?? 0o666
  }
}

const Proto = {
  [TypeId]: TypeId,
  pipe() {
    return pipeArguments(this, arguments)
  }
}

/**
 * `CreateFileW` with `FILE_FLAG_OVERLAPPED`, off the JavaScript thread, then `ThreadpoolIo.make` on the handle with skip mode.
 * Closing the scope cancels and awaits what is in flight and closes the handle. An open that ends after its interruption
 * closes its handle.
 *
 * Opens regular files. On the portable kernel anything else is refused with `Unsupported`, without blocking.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { File, Kernel } from "effect-threadpool-io"
 *
 * const program = Effect.gen(function*() {
 *   const file = yield* File.open("notes.txt", { access: "readwrite", disposition: "openAlways" })
 *   yield* File.writeAll(file, new TextEncoder().encode("hello"), 0)
 *   yield* File.sync(file)
 * }).pipe(Effect.scoped, Effect.provide(Kernel.layer))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (
  path: string,
  options: OpenOptions = {}
): Effect.Effect<File, Win32Error.Win32Error, Kernel | Scope.Scope> =>
  Effect.flatMap(
    Kernel,
    (kernel) =>
      Effect.flatMap(Scope.Scope, (scope) =>
        Effect.uninterruptibleMask((restore) =>
          Effect.tap(acquire(restore, kernel, path, options), ({ io }) =>
            Scope.addFinalizer(scope, ThreadpoolIo.close(io)))
        ))
  )

/**
 * Opens a file for the length of `use`, and closes it as `open` does when `use` ends, however it ends. Without the costs of a
 * Scope: for programs that open very many files.
 *
 * @example
 * ```ts
 * import { File } from "effect-threadpool-io"
 *
 * const size = File.withFile("notes.txt", { access: "read" }, File.size)
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const withFile = <A, E, R>(
  path: string,
  options: OpenOptions,
  use: (file: File) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | Win32Error.Win32Error, R | Kernel> =>
  Effect.flatMap(
    Kernel,
    (kernel) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(acquire(restore, kernel, path, options), (file) =>
          Effect.matchCauseEffect(
            restore(Effect.suspend(() => use(file))),
            {
              onSuccess: (value) => Effect.as(ThreadpoolIo.close(file.io), value),
              onFailure: (cause) =>
                Effect.matchCauseEffect(ThreadpoolIo.close(file.io), {
                  onSuccess: () => Effect.failCause(cause),
                  onFailure: (defect) => Effect.failCause(Cause.sequential(cause, defect))
                })
            }
          ))
      )
  )

const acquire = (
  restore: Restore,
  kernel: Kernel.Service,
  path: string,
  options: OpenOptions
): Effect.Effect<File, Win32Error.Win32Error> =>
  Effect.flatMap(
    openHandle(restore, kernel, path, options),
    (handle) =>
      options.noFollow === true && kernel.name === "win32"
        ? Effect.flatMap(
          orClose(kernel, handle, refuseLink(restore, kernel, path, handle)),
          () => bind(kernel, handle, path, options)
        )
        : bind(kernel, handle, path, options)
  )

const bind = (
  kernel: Kernel.Service,
  handle: Handle.Handle,
  path: string,
  options: OpenOptions
): Effect.Effect<File, Win32Error.Win32Error> => {
  try {
    const io = ThreadpoolIo.acquire(kernel, handle, {
      owned: true,
      path,
      skipMode: options.skipMode,
      maxInFlight: options.maxInFlight,
      drainTimeout: options.drainTimeout,
      spans: options.spans
    })
    return io instanceof Win32Error.Win32Error
      ? orClose(kernel, handle, Effect.fail(io))
      : Effect.succeed(
        Object.assign(Object.create(Proto), { path, io, kernel, unbuffered: options.unbuffered === true })
      )
  } catch (defect) {
    return orClose(kernel, handle, Effect.die(defect))
  }
}

/** A handle that nobody will get is closed. */
const orClose = <A, E>(kernel: Kernel.Service, handle: Handle.Handle, effect: Effect.Effect<A, E>) =>
  Effect.onError(effect, () => Effect.ignore(call(kernel, "CloseHandle", { handle })))

const openHandle = (restore: Restore, kernel: Kernel.Service, path: string, options: OpenOptions) => {
  if (path.length === 0 || path.includes("\0")) {
    return Effect.fail(Win32Error.make({
      code: c.ERROR_INVALID_NAME,
      syscall: "CreateFileW",
      path,
      detail: path.length === 0 ? "The path is empty." : "The path has a NUL character."
    }))
  }
  if (options.disposition === "truncateExisting" && (options.access ?? "read") === "read") {
    return Effect.fail(Win32Error.make({
      code: c.ERROR_INVALID_PARAMETER,
      syscall: "CreateFileW",
      path,
      detail: "truncateExisting needs write access."
    }))
  }
  return Effect.map(
    callIn(restore, kernel, "CreateFileW", createFileArguments(path, options), {
      path,
      dispose: (handle) => {
        kernel.engine.call("CloseHandle", { handle })
      }
    }),
    Handle.make
  )
}

/** `FILE_FLAG_OPEN_REPARSE_POINT` opens the link itself; POSIX's `O_NOFOLLOW` has refused it already. */
const refuseLink = (
  restore: Restore,
  kernel: Kernel.Service,
  path: string,
  handle: Handle.Handle
): Effect.Effect<void, Win32Error.Win32Error> =>
  Effect.flatMap(
    callIn(restore, kernel, "GetFileInformationByHandle", { handle }, { path, handle }),
    ({ attributes }) =>
      (attributes & c.FILE_ATTRIBUTE_REPARSE_POINT) === 0 ? Effect.void : Effect.fail(Win32Error.make({
        code: c.ERROR_CANT_RESOLVE_FILENAME,
        syscall: "CreateFileW",
        path,
        detail: "It is a symbolic link, and noFollow was asked for."
      }))
  )

// -----------------------------------------------------------------------------
// reading and writing
// -----------------------------------------------------------------------------

const refused = (self: File, syscall: string, detail: string, code = c.ERROR_INVALID_PARAMETER) =>
  Win32Error.make({ code, syscall, path: self.path, handle: self.io.handle, detail })

/** Rule 27: past the cache, only whole sectors. The memory is the pool's, and page-aligned. */
const alignmentProblem = (self: File, { request }: Operation.Safe): string | undefined => {
  const { length, memory, offsetLow } = request
  // A caller's memory is copied, to the start of a block.
  const start = memory instanceof Uint8Array ? 0 : request.start
  if (!self.unbuffered || (offsetLow % c.SECTOR === 0 && length % c.SECTOR === 0 && start % c.SECTOR === 0)) {
    return undefined
  }
  return `Refused: without buffering, offset, length and start must be multiples of ${c.SECTOR}.`
}

/**
 * Submits an operation of `Operation.read`, `Operation.write` or `Operation.append`: when a window of a buffer, or the whole
 * `Completion`, is wanted. Operations made unsafely go to `ThreadpoolIo.submit`.
 *
 * @example
 * ```ts
 * import { File, Operation } from "effect-threadpool-io"
 *
 * const second = (file: File.File, buffer: Uint8Array) =>
 *   File.submit(file, Operation.read({ buffer, start: 512, length: 512, offset: 512 }))
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const submit: {
  (operation: Operation.Safe): (self: File) => Effect.Effect<Completion, Win32Error.Win32Error>
  (self: File, operation: Operation.Safe): Effect.Effect<Completion, Win32Error.Win32Error>
} = dual(2, (self: File, operation: Operation.Safe) => {
  const problem = alignmentProblem(self, operation)
  return problem === undefined
    ? ThreadpoolIo.submit(self.io, operation)
    : Effect.fail(refused(self, operation.request.syscall, problem))
})

/**
 * `ReadFile` at `offset` (bytes; a `bigint` beyond 2^53 - 1). Succeeds with the bytes read: fewer than the buffer holds when
 * the file ends, 0 at its end. A `PoolBuffer` is filled in place, a `Uint8Array` by a copy; neither is touched after the
 * effect has ended, however it ended.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { File } from "effect-threadpool-io"
 *
 * const header = (file: File.File) => {
 *   const buffer = new Uint8Array(512)
 *   return Effect.map(File.read(file, buffer, 0), (bytes) => buffer.subarray(0, bytes))
 * }
 * ```
 *
 * @since 0.1.0
 * @category reading
 */
export const read: {
  (buffer: PoolBuffer | Uint8Array, offset: number | bigint): (
    self: File
  ) => Effect.Effect<number, Win32Error.Win32Error>
  (self: File, buffer: PoolBuffer | Uint8Array, offset: number | bigint): Effect.Effect<number, Win32Error.Win32Error>
} = dual(
  3,
  (self: File, buffer: PoolBuffer | Uint8Array, offset: number | bigint) =>
    Effect.map(submit(self, Operation.read({ buffer, offset })), bytesTransferred)
)

const bytesTransferred = (completion: Completion): number => completion.bytesTransferred

/**
 * Fills the whole buffer from `offset`, in as many reads as it takes. Fails with `EndOfFile` (38) when the file ends first.
 *
 * @example
 * ```ts
 * import { File } from "effect-threadpool-io"
 *
 * const trailer = (file: File.File, size: bigint) => File.readExact(file, new Uint8Array(32), size - 32n)
 * ```
 *
 * @since 0.1.0
 * @category reading
 */
export const readExact: {
  (buffer: PoolBuffer | Uint8Array, offset: number | bigint): (self: File) => Effect.Effect<void, Win32Error.Win32Error>
  (self: File, buffer: PoolBuffer | Uint8Array, offset: number | bigint): Effect.Effect<void, Win32Error.Win32Error>
} = dual(
  3,
  (self: File, buffer: PoolBuffer | Uint8Array, offset: number | bigint) =>
    whole(
      self,
      buffer,
      offset,
      Operation.read,
      () => refused(self, "ReadFile", "The file ends there.", c.ERROR_HANDLE_EOF)
    )
)

/**
 * `WriteFile` at `offset` (bytes). Succeeds with the bytes written. Writing past the end extends the file.
 *
 * @example
 * ```ts
 * import { File } from "effect-threadpool-io"
 *
 * const mark = (file: File.File) => File.write(file, new Uint8Array([0xff]), 4_294_967_296)
 * ```
 *
 * @since 0.1.0
 * @category writing
 */
export const write: {
  (buffer: PoolBuffer | Uint8Array, offset: number | bigint): (
    self: File
  ) => Effect.Effect<number, Win32Error.Win32Error>
  (self: File, buffer: PoolBuffer | Uint8Array, offset: number | bigint): Effect.Effect<number, Win32Error.Win32Error>
} = dual(
  3,
  (self: File, buffer: PoolBuffer | Uint8Array, offset: number | bigint) =>
    Effect.map(submit(self, Operation.write({ buffer, offset })), bytesTransferred)
)

/**
 * Writes the whole buffer at `offset`, in as many writes as it takes. Nothing to write succeeds.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { File, Kernel } from "effect-threadpool-io"
 *
 * const save = (path: string, text: string) =>
 *   Effect.scoped(Effect.flatMap(
 *     File.open(path, { access: "write", disposition: "createAlways" }),
 *     File.writeAll(new TextEncoder().encode(text), 0)
 *   )).pipe(Effect.provide(Kernel.layer))
 * ```
 *
 * @since 0.1.0
 * @category writing
 */
export const writeAll: {
  (buffer: PoolBuffer | Uint8Array, offset: number | bigint): (self: File) => Effect.Effect<void, Win32Error.Win32Error>
  (self: File, buffer: PoolBuffer | Uint8Array, offset: number | bigint): Effect.Effect<void, Win32Error.Win32Error>
} = dual(
  3,
  (self: File, buffer: PoolBuffer | Uint8Array, offset: number | bigint) =>
    whole(
      self,
      buffer,
      offset,
      Operation.write,
      () => refused(self, "WriteFile", "Nothing was written.", c.ERROR_WRITE_FAULT)
    )
)

/** The most that one operation of `whole` moves: what a copy of the caller's memory costs stays bounded. */
const PIECE = 4 << 20

/** As many operations as it takes to move the whole buffer. */
const whole = (
  self: File,
  buffer: PoolBuffer | Uint8Array,
  offset: number | bigint,
  make: (options: Operation.Options) => Operation.Safe,
  atNothing: () => Win32Error.Win32Error
): Effect.Effect<void, Win32Error.Win32Error> => {
  const size = "size" in buffer ? buffer.size : buffer.byteLength
  const from = (done: number): Effect.Effect<void, Win32Error.Win32Error> =>
    Effect.flatMap(
      submit(
        self,
        make({ buffer, start: done, length: Math.min(PIECE, size - done), offset: advance(offset, done) })
      ),
      (completion) => {
        if (completion.bytesTransferred === 0) return Effect.fail(atNothing())
        const now = done + completion.bytesTransferred
        if (now === size) return Effect.void
        // Past the cache, a piece that is not whole sectors is the last one of the file.
        return self.unbuffered && now % c.SECTOR !== 0 ? Effect.fail(atNothing()) : from(now)
      }
    )
  return size === 0 ? Effect.void : from(0)
}

const advance = (offset: number | bigint, by: number): number | bigint => {
  if (typeof offset === "bigint") return offset + BigInt(by)
  // What is no offset stays none, and is refused as such.
  return Number.isSafeInteger(offset) && !Number.isSafeInteger(offset + by) ? BigInt(offset) + BigInt(by) : offset + by
}

/**
 * Writes at the end of the file, wherever that is at that moment (`Offset` and `OffsetHigh` 0xFFFFFFFF): one `WriteFile`.
 * Succeeds with the bytes written. On the portable kernel it is atomic among the appends through one open file only.
 *
 * @example
 * ```ts
 * import { File } from "effect-threadpool-io"
 *
 * const log = (file: File.File, line: string) => File.append(file, new TextEncoder().encode(line + "\n"))
 * ```
 *
 * @since 0.1.0
 * @category writing
 */
export const append: {
  (buffer: PoolBuffer | Uint8Array): (self: File) => Effect.Effect<number, Win32Error.Win32Error>
  (self: File, buffer: PoolBuffer | Uint8Array): Effect.Effect<number, Win32Error.Win32Error>
} = dual(
  2,
  (self: File, buffer: PoolBuffer | Uint8Array) =>
    Effect.map(submit(self, Operation.append({ buffer })), bytesTransferred)
)

// -----------------------------------------------------------------------------
// what takes no OVERLAPPED
// -----------------------------------------------------------------------------

const callOn = (self: File) => ({ path: self.path, handle: self.io.handle, object: self.io.object })

/**
 * `GetFileInformationByHandle`: size, times, attributes, and which file it is.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { File } from "effect-threadpool-io"
 *
 * const isSame = (a: File.File, b: File.File) =>
 *   Effect.zipWith(File.stat(a), File.stat(b), (a, b) => a.volume === b.volume && a.fileIndex === b.fileIndex)
 * ```
 *
 * @since 0.1.0
 * @category accessors
 */
export const stat = (self: File): Effect.Effect<Stat, Win32Error.Win32Error> =>
  call(self.kernel, "GetFileInformationByHandle", { handle: self.io.handle }, callOn(self))

/**
 * The size of the file in bytes.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { File } from "effect-threadpool-io"
 *
 * const isLarge = (file: File.File) => Effect.map(File.size(file), (size) => size > 4_294_967_296n)
 * ```
 *
 * @since 0.1.0
 * @category accessors
 */
export const size = (self: File): Effect.Effect<bigint, Win32Error.Win32Error> => Effect.map(stat(self), (s) => s.size)

/**
 * `SetFileInformationByHandle(FileEndOfFileInfo)`: cuts the file to `length` bytes, or extends it with zeros.
 *
 * @example
 * ```ts
 * import { File } from "effect-threadpool-io"
 *
 * const empty = (file: File.File) => File.truncate(file, 0)
 * ```
 *
 * @since 0.1.0
 * @category writing
 */
export const truncate: {
  (length: number | bigint): (self: File) => Effect.Effect<void, Win32Error.Win32Error>
  (self: File, length: number | bigint): Effect.Effect<void, Win32Error.Win32Error>
} = dual(2, (self: File, length: number | bigint) => {
  const problem = offsetProblem(length)
  if (problem !== undefined) return Effect.fail(refused(self, "SetEndOfFile", `Refused: ${problem}.`))
  return call(self.kernel, "SetEndOfFile", { handle: self.io.handle, length: BigInt(length) }, callOn(self))
})

/**
 * `FlushFileBuffers`: what was written is on the device when this succeeds.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { File } from "effect-threadpool-io"
 *
 * const durably = (file: File.File, bytes: Uint8Array) =>
 *   Effect.zipRight(File.writeAll(file, bytes, 0), File.sync(file))
 * ```
 *
 * @since 0.1.0
 * @category writing
 */
export const sync = (self: File): Effect.Effect<void, Win32Error.Win32Error> =>
  call(self.kernel, "FlushFileBuffers", { handle: self.io.handle }, callOn(self))

/**
 * `SetFileInformationByHandle(FileBasicInfo)`: times in nanoseconds since 1970, the read-only attribute, and on POSIX the
 * permission bits. What is left out stays as it is.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { File } from "effect-threadpool-io"
 *
 * const copyTimes = (from: File.File, to: File.File) =>
 *   Effect.flatMap(File.stat(from), ({ accessTimeNs, modifiedTimeNs }) =>
 *     File.setBasicInfo(to, { accessTimeNs, modifiedTimeNs }))
 * ```
 *
 * @since 0.1.0
 * @category writing
 */
export const setBasicInfo: {
  (info: BasicInfo): (self: File) => Effect.Effect<void, Win32Error.Win32Error>
  (self: File, info: BasicInfo): Effect.Effect<void, Win32Error.Win32Error>
} = dual(2, (self: File, info: BasicInfo) =>
  call(self.kernel, "SetBasicInformation", {
    handle: self.io.handle,
    accessTimeNs: info.accessTimeNs,
    modifiedTimeNs: info.modifiedTimeNs,
    readOnly: info.readOnly,
    mode: info.mode
  }, callOn(self)))

/**
 * @since 0.1.0
 * @category models
 */
export interface BasicInfo {
  readonly accessTimeNs?: bigint | undefined
  readonly modifiedTimeNs?: bigint | undefined
  readonly readOnly?: boolean | undefined
  readonly mode?: number | undefined
}

// -----------------------------------------------------------------------------
// names
// -----------------------------------------------------------------------------

/** Another program (an antivirus, an indexer) looks at the file: it soon lets go (rule 31). About three seconds in all. */
const untilFree = Schedule.exponential("20 millis").pipe(Schedule.jittered, Schedule.intersect(Schedule.recurs(7)))

const isTransient = (error: Win32Error.Win32Error): boolean =>
  error.code === c.ERROR_ACCESS_DENIED || error.code === c.ERROR_SHARING_VIOLATION ||
  error.code === c.ERROR_DELETE_PENDING

/** Only on Windows does looking at a file stand in anybody's way. */
const whileBusy = <A>(attempt: Effect.Effect<A, Win32Error.Win32Error>): Effect.Effect<A, Win32Error.Win32Error> =>
  process.platform === "win32" ? Effect.retry(attempt, { schedule: untilFree, while: isTransient }) : attempt

/**
 * `MoveFileExW`: gives a file another name, atomically. Without `replace` (the default) a name that is taken fails with
 * `AlreadyExists`, without a check beforehand that could race. On Windows it is retried for up to three seconds while
 * another program looks at the file (contract rule 31).
 *
 * On the portable kernel not replacing is a link and an unlink; a file system without hard links fails with `Unsupported`.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { File, Kernel } from "effect-threadpool-io"
 *
 * const publish = File.rename("report.partial", "report.pdf", { replace: true }).pipe(Effect.provide(Kernel.layer))
 * ```
 *
 * @since 0.1.0
 * @category names
 */
export const rename = (
  from: string,
  to: string,
  options: { readonly replace?: boolean | undefined } = {}
): Effect.Effect<void, Win32Error.Win32Error, Kernel> =>
  Effect.flatMap(Kernel, (kernel) =>
    call(kernel, "MoveFileExW", { from, to, replace: options.replace ?? false }, {
      path: from,
      detail: `The new name: ${to}`
    }).pipe(whileBusy))

/**
 * `DeleteFileW`, retried like `rename`.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { File, Kernel } from "effect-threadpool-io"
 *
 * const clean = Effect.ignore(File.remove("report.partial")).pipe(Effect.provide(Kernel.layer))
 * ```
 *
 * @since 0.1.0
 * @category names
 */
export const remove = (path: string): Effect.Effect<void, Win32Error.Win32Error, Kernel> =>
  Effect.flatMap(Kernel, (kernel) => call(kernel, "DeleteFileW", { path }, { path }).pipe(whileBusy))
