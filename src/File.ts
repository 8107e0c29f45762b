/**
 * Files for positional, overlapped I/O: every read and write names its offset, any number run at once, and interruption
 * stops them.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import { dual } from "effect/Function"
import type * as Pipeable from "effect/Pipeable"
import type * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import type { PoolBuffer } from "./BufferPool.js"
import type { Completion } from "./Completion.js"
import * as attributes from "./internal/file/attributes.js"
import * as chunks from "./internal/file/chunks.js"
import * as locks from "./internal/file/locks.js"
import * as many from "./internal/file/many.js"
import * as opening from "./internal/file/opening.js"
import * as readWrite from "./internal/file/readWrite.js"
import * as renaming from "./internal/file/renaming.js"
import * as internal from "./internal/file/self.js"
import * as sinks from "./internal/file/sink.js"
import * as sparse from "./internal/file/sparse.js"
import type { FileInformation, StorageInformation } from "./internal/kernel/Calls.js"
import type { Kernel } from "./Kernel.js"
import type * as Operation from "./Operation.js"
import type * as ThreadpoolIo from "./ThreadpoolIo.js"
import type * as Win32Error from "./Win32Error.js"

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
  /**
   * The unit of offsets, lengths and windows of reads and writes: 1, or for an unbuffered file the size of a
   * sector, in bytes, which its volume was asked for (4096 where it does not tell).
   */
  readonly alignment: number
  /** @internal */
  readonly kernel: Kernel.Service
  /** @internal */
  readonly unbuffered: boolean
}

/**
 * The options of `CreateFileW`.
 *
 * @since 0.1.0
 * @category models
 */
export interface OpenOptions {
  /**
   * Default `read`. With `append` and `readappend` whatever is written goes to the end of the file, also past what
   * another process has just written there (`FILE_APPEND_DATA` alone; `O_APPEND`): offsets of writes mean nothing, and
   * on Windows such a file cannot be truncated.
   */
  readonly access?: "read" | "write" | "readwrite" | "append" | "readappend" | undefined
  /**
   * The access that others may have to the file meanwhile. Default: `read` and `delete` while we write, everything
   * while we only read. The portable kernel does not enforce it.
   */
  readonly share?: ReadonlyArray<"read" | "write" | "delete"> | undefined
  /**
   * - `openExisting` (default): fails with `NotFound` when there is none.
   * - `createNew`: fails with `AlreadyExists` when there is one. Atomic. Where a directory has the name, Windows says
   *   `PermissionDenied`, as it does of a directory that is to be opened.
   * - `createAlways`: makes it, or empties the one there is. Windows refuses that of a file with the attribute hidden
   * or
   *   system: `PermissionDenied`. `openAlways` and `truncate` do it. A file that is there keeps its `mode`.
   * - `openAlways`: makes it when there is none.
   * - `truncateExisting`: empties the one there is. Needs write access.
   */
  readonly disposition?: "openExisting" | "createNew" | "createAlways" | "openAlways" | "truncateExisting" | undefined
  /** Writes reach the device before they complete (`FILE_FLAG_WRITE_THROUGH`, `O_SYNC`). */
  readonly writeThrough?: boolean | undefined
  /** Tells the cache what comes (`FILE_FLAG_SEQUENTIAL_SCAN`, `FILE_FLAG_RANDOM_ACCESS`). A hint. */
  readonly hint?: "sequential" | "random" | undefined
  /**
   * Past the cache (`FILE_FLAG_NO_BUFFERING`): offsets and lengths must be multiples of the volume's sector size
   * (`alignment` of the file), or fail typed, before any native call. A file whose size is no multiple
   * is read to its end by asking for whole sectors; to write one, write its last sector whole and `truncate`.
   * `Unsupported` on the portable kernel.
   */
  readonly unbuffered?: boolean | undefined
  /** Also the right to rename and delete it by its handle: for `renameTo` and `setDeleteOnClose`. Default `false`. */
  readonly deletable?: boolean | undefined
  /**
   * Fails on a symbolic link, or a junction, instead of opening what it points to: `O_NOFOLLOW`, on Windows
   * `FILE_FLAG_OPEN_REPARSE_POINT` and a look at the tag. What has a tag of another kind there, as a file that is
   * deduplicated or kept in the cloud, is opened as ever.
   */
  readonly noFollow?: boolean | undefined
  /**
   * POSIX permission bits of a file that is created, before the umask. Default 0o666. On Windows one that its owner may
   * not write to is read-only, and with `createAlways` so is a file that is there.
   */
  readonly mode?: number | undefined
  /** Passed to `ThreadpoolIo.make`. */
  readonly maxInFlight?: ThreadpoolIo.Options["maxInFlight"]
  readonly drainTimeout?: ThreadpoolIo.Options["drainTimeout"]
  readonly spans?: ThreadpoolIo.Options["spans"]
  /** Default `true`. */
  readonly skipMode?: ThreadpoolIo.Options["skipMode"]
}

/**
 * The answer of `stat`. Sizes in bytes, times in nanoseconds since 1970 (Windows keeps 100 ns).
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
export const isFile: (u: unknown) => u is File = internal.isFile

// -----------------------------------------------------------------------------
// opening
// -----------------------------------------------------------------------------

/**
 * `CreateFileW` with `FILE_FLAG_OVERLAPPED`, off the JavaScript thread, then `ThreadpoolIo.make` on the handle with
 * skip mode. Closing the scope cancels and awaits what is in flight and closes the handle. An open that ends after its
 * interruption closes its handle.
 *
 * Opens regular files. On the portable kernel anything else is refused with `Unsupported`, without blocking.
 *
 * `path` is passed on as it is, relative ones made absolute: on Windows in the form `\\?\`, in which node:fs passes its
 * own, so that `x.` is not `x` and `NUL` no device. A path that leads to a stream, a pipe or a device, as `\\.\` does,
 * was meant to; but a server behind it cannot act as its caller (`SECURITY_SQOS_PRESENT` with `SECURITY_ANONYMOUS`).
 * `joinName` is for names that somebody else has chosen.
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
export const open: (
  path: string,
  options?: OpenOptions
) => Effect.Effect<File, Win32Error.Win32Error, Kernel | Scope.Scope> = opening.open

/**
 * Opens a file for the length of `use`, and closes it as `open` does when `use` ends, however it ends. Without the
 * costs of a Scope: for programs that open very many files.
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
export const withFile: <A, E, R>(
  path: string,
  options: OpenOptions,
  use: (file: File) => Effect.Effect<A, E, R>
) => Effect.Effect<A, E | Win32Error.Win32Error, R | Kernel> = opening.withFile

// -----------------------------------------------------------------------------
// reading and writing
// -----------------------------------------------------------------------------

/**
 * Submits an operation of `Operation.read`, `write`, `append`, `readVectored`, `writeVectored` or `deviceIoControl`:
 * when a window of a buffer, or the whole `Completion`, is wanted. Operations made unsafely go to
 * `ThreadpoolIo.submit`.
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
} = dual(2, readWrite.submit)

/**
 * `ReadFile` at `offset` (bytes; a `bigint` beyond 2^53 - 1). Succeeds with the bytes read: fewer than the buffer holds
 * when the file ends, 0 at its end. A `PoolBuffer` is filled in place, a `Uint8Array` by a copy; neither is touched
 * after the effect has ended, however it ended.
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
} = dual(internal.takesFile, readWrite.read)

/**
 * Fills the whole buffer from `offset`, in as many reads as it takes. Fails with `EndOfFile` (38) when the file ends
 * first.
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
} = dual(internal.takesFile, readWrite.readExact)

/**
 * `WriteFile` at `offset` (bytes). Succeeds with the bytes written. Writing past the end extends the file.
 *
 * On NTFS a write far behind what has been written costs as much as writing the zeros up to there: the system writes
 * them, inside `WriteFile`, on the JavaScript thread, where nothing can interrupt it. Gigabytes take seconds. Ask for
 * `File.setSparse` first: then what lies between is a hole. Elsewhere, and on Wine, it is one anyway.
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
} = dual(internal.takesFile, readWrite.write)

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
} = dual(internal.takesFile, readWrite.writeAll)

/**
 * Writes at the end of the file, wherever that is at that moment (`Offset` and `OffsetHigh` 0xFFFFFFFF): one
 * `WriteFile`. Succeeds with the bytes written. On the portable kernel it is atomic among the appends through one open
 * file only.
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
} = dual(2, readWrite.append)

/**
 * One read into several buffers, in their order (`readv`). Succeeds with the bytes read in all: each buffer is full
 * before the next one gets any, and fewer than they hold means that the file ends there, in the middle of one of them
 * or before it. It is one operation: it fails, or is interrupted, as a whole. Buffers that overlap, and 4 GiB or more
 * in all, are refused, typed.
 *
 * In an unbuffered file on Windows, buffers of the pool that are whole pages (4096 bytes) are read into in place
 * (`ReadFileScatter`). Otherwise the bytes go through one block of the pool.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { File } from "effect-threadpool-io"
 *
 * const record = (file: File.File, offset: number) => {
 *   const [header, body] = [new Uint8Array(16), new Uint8Array(1000)]
 *   return Effect.as(File.readVectored(file, [header, body], offset), { header, body })
 * }
 * ```
 *
 * @since 0.1.0
 * @category reading
 */
export const readVectored: {
  (buffers: ReadonlyArray<Operation.Segment>, offset: number | bigint): (
    self: File
  ) => Effect.Effect<number, Win32Error.Win32Error>
  (
    self: File,
    buffers: ReadonlyArray<Operation.Segment>,
    offset: number | bigint
  ): Effect.Effect<number, Win32Error.Win32Error>
} = dual(internal.takesFile, readWrite.readVectored)

/**
 * One write of several buffers, in their order (`writev`). Succeeds with the bytes written in all. It is one operation:
 * it fails as a whole, although, as with any write, some of the bytes may have reached the file by then.
 *
 * In an unbuffered file on Windows, buffers of the pool that are whole pages (4096 bytes) are written from in place
 * (`WriteFileGather`). Otherwise the bytes are first put one after the other into one block of the pool.
 *
 * @example
 * ```ts
 * import { File } from "effect-threadpool-io"
 *
 * const put = (file: File.File, header: Uint8Array, body: Uint8Array, offset: number) =>
 *   File.writeVectored(file, [header, body], offset)
 * ```
 *
 * @since 0.1.0
 * @category writing
 */
export const writeVectored: {
  (buffers: ReadonlyArray<Operation.Segment>, offset: number | bigint): (
    self: File
  ) => Effect.Effect<number, Win32Error.Win32Error>
  (
    self: File,
    buffers: ReadonlyArray<Operation.Segment>,
    offset: number | bigint
  ): Effect.Effect<number, Win32Error.Win32Error>
} = dual(internal.takesFile, readWrite.writeVectored)

// -----------------------------------------------------------------------------
// chunk by chunk
// -----------------------------------------------------------------------------

/**
 * How a file is gone through.
 *
 * @since 0.1.0
 * @category models
 */
export interface ChunkOptions extends RangeOptions {
  /** Bytes in every chunk but the last. Default 1 MiB. */
  readonly chunkSize?: number | undefined
  /** Reads in flight ahead of whoever looks at the chunks. Default 4. */
  readonly inFlight?: number | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface ForEachChunkOptions extends ChunkOptions {
  /** `true` (the default): in the order of the file. `false`: as the reads complete. */
  readonly ordered?: boolean | undefined
}

/**
 * A chunk of a file, in memory that is lent: `size` bytes, which `bytes` shows and operations take in place. It is
 * returned by itself; after that `bytes` throws, and operations on it are refused with `InvalidArgument`. What must
 * outlive it is copied, as with `chunk.bytes.slice()`.
 *
 * @since 0.1.0
 * @category models
 */
export interface LentChunk extends PoolBuffer {
  /** Where in the file it begins, in bytes. */
  readonly offset: bigint
}

/**
 * Shows an effect every byte of the file, or of a range, chunk by chunk: the fastest safe way. The chunk is lent until
 * the effect has ended, and its memory goes round: at most `inFlight` + 1 chunks, whatever the size of the file. The
 * effect runs for one chunk at a time, while the next ones are being read, and reading waits for it. Succeeds with the
 * bytes that were seen.
 *
 * Every chunk but the last has `chunkSize` bytes. It ends where the file ends at the moment of the read that finds the
 * end, or with `length`. When the effect fails, or is interrupted, when a read fails, or when the fiber is interrupted,
 * the reads that are under way are cancelled and waited for. A read that fails is told in its turn, after the chunks
 * before it.
 *
 * Fails with `InvalidArgument` for a range, size or number that cannot be, before anything is read. In an unbuffered
 * file `offset` and `chunkSize` must be multiples of `alignment`.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { createHash } from "node:crypto"
 * import { File } from "effect-threadpool-io"
 *
 * const sha256 = (file: File.File) =>
 *   Effect.suspend(() => {
 *     const hash = createHash("sha256")
 *     return File.forEachChunk(file, {}, (chunk) => Effect.sync(() => hash.update(chunk.bytes))).pipe(
 *       Effect.map(() => hash.digest("hex"))
 *     )
 *   })
 * ```
 *
 * @since 0.1.0
 * @category streaming
 */
export const forEachChunk: {
  <E, R>(
    options: ForEachChunkOptions,
    f: (chunk: LentChunk) => Effect.Effect<unknown, E, R>
  ): (self: File) => Effect.Effect<bigint, E | Win32Error.Win32Error, R>
  <E, R>(
    self: File,
    options: ForEachChunkOptions,
    f: (chunk: LentChunk) => Effect.Effect<unknown, E, R>
  ): Effect.Effect<bigint, E | Win32Error.Win32Error, R>
} = dual(3, chunks.forEachChunk)

/**
 * The file, or a range of it, as a stream of chunks in file order, with `inFlight` reads ahead. Each chunk is memory of
 * your own: keep it as long as you like. Small chunks are read many at once, in reads of 512 KiB or a little more, and
 * come out of one pull. What has been read and not been asked for takes at most `inFlight` chunks, or 2 MiB where that
 * is more. A read of several chunks that fails is made again chunk by chunk, so that what is before the failure comes.
 *
 * It ends where the file ends at the moment of the read that finds the end, or with `length`. When the stream ends,
 * fails, is interrupted or is left early, the reads that are under way are cancelled and waited for; the file stays
 * open. Fails as `forEachChunk` does.
 *
 * @example
 * ```ts
 * import { Stream } from "effect"
 * import { File } from "effect-threadpool-io"
 *
 * const lines = (file: File.File) =>
 *   File.stream(file, { chunkSize: 65536 }).pipe(Stream.decodeText(), Stream.splitLines)
 * ```
 *
 * @since 0.1.0
 * @category streaming
 */
export const stream: (self: File, options?: ChunkOptions) => Stream.Stream<Uint8Array, Win32Error.Win32Error> =
  chunks.stream

/**
 * Like `stream`, with memory that goes round: each chunk is lent until the next one is asked for, or the stream ends.
 * Use it where each element is done with before the next is pulled (`Stream.runForEach`, `Stream.map`,
 * `Stream.mapEffect` without concurrency). After anything that looks ahead or gathers (`buffer`, `grouped`,
 * `runCollect`) the chunks have been returned, and `bytes` throws.
 *
 * @example
 * ```ts
 * import { Stream } from "effect"
 * import { File } from "effect-threadpool-io"
 *
 * const zeros = (file: File.File) =>
 *   Stream.runFold(File.streamRecycled(file), 0, (sum, chunk) =>
 *     chunk.bytes.reduce((zeros, byte) => byte === 0 ? zeros + 1 : zeros, sum))
 * ```
 *
 * @since 0.1.0
 * @category streaming
 */
export const streamRecycled: (
  self: File,
  options?: ChunkOptions
) => Stream.Stream<LentChunk, Win32Error.Win32Error> = chunks.streamRecycled

/**
 * How a sink writes.
 *
 * @since 0.1.0
 * @category models
 */
export interface SinkOptions {
  /** Where the first byte goes. Default 0. */
  readonly offset?: number | bigint | undefined
  /** Bytes that are gathered, and then written at once. Default 512 KiB. */
  readonly chunkSize?: number | undefined
  /** Writes in flight behind whoever brings the bytes. Default 4. */
  readonly inFlight?: number | undefined
  /** `sync` at the end: what was written is on the device when the sink succeeds. Default `false`. */
  readonly sync?: boolean | undefined
}

/**
 * A sink that writes the chunks of a stream one after the other, from `offset` on, and succeeds with the bytes written.
 * Chunks are copied when they come, and gathered into blocks of `chunkSize`; at most `inFlight` blocks are being
 * written, and then the stream waits. The sink does not cut the file: older bytes behind the last chunk stay. To lose
 * them, `truncate` the file, or open it with a `disposition` that empties it.
 *
 * Interrupted means stopped: once the interruption, or the failure of the stream, has settled, nothing more is written.
 * What was written by then is in the file, and need not be without gaps, because writes are in flight together; the
 * same when a write fails. In an unbuffered file all must come to whole sectors.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { File } from "effect-threadpool-io"
 *
 * const save = (path: string, bytes: Stream.Stream<Uint8Array>) =>
 *   Effect.scoped(Effect.flatMap(
 *     File.open(path, { access: "write", disposition: "createAlways" }),
 *     (file) => Stream.run(bytes, File.sink(file, { sync: true }))
 *   ))
 * ```
 *
 * @since 0.1.0
 * @category streaming
 */
export const sink: (
  self: File,
  options?: SinkOptions
) => Sink.Sink<bigint, Uint8Array, never, Win32Error.Win32Error> = sinks.sink

// -----------------------------------------------------------------------------
// many at once
// -----------------------------------------------------------------------------

/**
 * One read of a batch: `length` bytes from `offset` into memory of their own; or, with a `buffer`, into that, or the
 * window of it from `start` on, as with `Operation.read`.
 *
 * @since 0.1.0
 * @category models
 */
export type ReadRequest = {
  /** In bytes; a `bigint` beyond 2^53 - 1. */
  readonly offset: number | bigint
  readonly length: number
  readonly buffer?: undefined
} | Operation.Options

/**
 * One write of a batch, as with `Operation.write`.
 *
 * @since 0.1.0
 * @category models
 */
export type WriteRequest = Operation.Options

/**
 * How a batch runs.
 *
 * @since 0.1.0
 * @category models
 */
export interface ManyOptions {
  /** Operations of the batch in flight at once. Default 64. */
  readonly inFlight?: number | undefined
  /**
   * - `default`: the first failure cancels the others, waits for them, and is the failure of the whole.
   * - `either`: each succeeds or fails for itself, and the whole never fails.
   */
  readonly mode?: "default" | "either" | undefined
}

/**
 * Many reads as one effect, each result by index: the bytes that were there, fewer than asked for where the file ends.
 * For the price of the reads: a fiber per read costs several microseconds more. The results are memory of their own, or
 * views of the buffers that were given, whose windows must not overlap. Small results of one batch, up to 16 KiB each,
 * share an `ArrayBuffer`: to transfer one's `buffer` takes its neighbours along; `slice()` it first.
 *
 * Interruption cancels all of them and waits for the kernel to let go; so does a failure, which is then that of the
 * whole (but see `mode`). What cannot be is refused with `InvalidArgument` before anything is read.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { File } from "effect-threadpool-io"
 *
 * const pages = (file: File.File, numbers: ReadonlyArray<number>) =>
 *   File.readMany(file, numbers.map((number) => ({ offset: number * 4096, length: 4096 })))
 *
 * const whatThereIs = (file: File.File, offsets: ReadonlyArray<number>) =>
 *   Effect.map(
 *     File.readMany(file, offsets.map((offset) => ({ offset, length: 512 })), { mode: "either", inFlight: 16 }),
 *     (results) => results.filter((result) => result._tag === "Right").length
 *   )
 * ```
 *
 * @since 0.1.0
 * @category reading
 */
export const readMany: {
  (
    requests: ReadonlyArray<ReadRequest>,
    options: ManyOptions & { readonly mode: "either" }
  ): (self: File) => Effect.Effect<Array<Either.Either<Uint8Array, Win32Error.Win32Error>>>
  (
    requests: ReadonlyArray<ReadRequest>,
    options?: ManyOptions & { readonly mode?: "default" | undefined }
  ): (self: File) => Effect.Effect<Array<Uint8Array>, Win32Error.Win32Error>
  (
    self: File,
    requests: ReadonlyArray<ReadRequest>,
    options: ManyOptions & { readonly mode: "either" }
  ): Effect.Effect<Array<Either.Either<Uint8Array, Win32Error.Win32Error>>>
  (
    self: File,
    requests: ReadonlyArray<ReadRequest>,
    options?: ManyOptions & { readonly mode?: "default" | undefined }
  ): Effect.Effect<Array<Uint8Array>, Win32Error.Win32Error>
} = dual(internal.takesFileFirst, many.readMany)

/**
 * Many writes as one effect, in no order; each result, by index, is the bytes written. Otherwise as `readMany`. Nothing
 * is written after the effect has ended, however it ended; what was written before a failure or an interruption stays.
 *
 * @example
 * ```ts
 * import { File } from "effect-threadpool-io"
 *
 * const save = (file: File.File, pages: ReadonlyMap<number, Uint8Array>) =>
 *   File.writeMany(file, Array.from(pages, ([number, buffer]) => ({ offset: number * 4096, buffer })))
 * ```
 *
 * @since 0.1.0
 * @category writing
 */
export const writeMany: {
  (
    requests: ReadonlyArray<WriteRequest>,
    options: ManyOptions & { readonly mode: "either" }
  ): (self: File) => Effect.Effect<Array<Either.Either<number, Win32Error.Win32Error>>>
  (
    requests: ReadonlyArray<WriteRequest>,
    options?: ManyOptions & { readonly mode?: "default" | undefined }
  ): (self: File) => Effect.Effect<Array<number>, Win32Error.Win32Error>
  (
    self: File,
    requests: ReadonlyArray<WriteRequest>,
    options: ManyOptions & { readonly mode: "either" }
  ): Effect.Effect<Array<Either.Either<number, Win32Error.Win32Error>>>
  (
    self: File,
    requests: ReadonlyArray<WriteRequest>,
    options?: ManyOptions & { readonly mode?: "default" | undefined }
  ): Effect.Effect<Array<number>, Win32Error.Win32Error>
} = dual(internal.takesFileFirst, many.writeMany)

// -----------------------------------------------------------------------------
// locks
// -----------------------------------------------------------------------------

/**
 * Which bytes, and how.
 *
 * @since 0.1.0
 * @category models
 */
export interface LockOptions {
  /** The first byte. Default 0. It may lie beyond the end of the file. */
  readonly offset?: number | bigint | undefined
  /** At least 1. Default: everything from `offset` on, whatever will be written there. */
  readonly length?: number | bigint | undefined
  /** `true` (the default): nobody else has a lock there. `false`: a shared lock, beside other shared ones. */
  readonly exclusive?: boolean | undefined
  /** `true` (the default): waits until the range is free. `false`: fails with `Busy` (33) when it is not. */
  readonly wait?: boolean | undefined
}

/**
 * Runs an effect while a range of the file is locked (`LockFileEx`, `UnlockFileEx`): against other processes, and
 * against every other lock of this one, also through the same `File`. The lock is taken before the effect runs and
 * given back exactly once when it has ended, however it ended, or when an interruption came in the moment in which the
 * lock was granted.
 *
 * Waiting is an operation in flight that interruption cancels. On Wine, where such an operation never completes, it is
 * a new try every 1 to 50 ms. Fails with `Busy` (33) without `wait`, with `InvalidArgument` for a range that is not
 * one, with 158 when the lock was gone before it was given back, and with `Unsupported` on the portable kernel: node
 * offers no lock that excludes other processes.
 *
 * Needs a file that is open to be read or written: `access: "append"` is not enough (`PermissionDenied`). A lock that
 * does not wait, and one of a file without skip mode, is asked for off the JavaScript thread, again and again where it
 * is to wait.
 *
 * On Windows locked bytes are closed to the reads and writes of everybody else (33 too), and an exclusive lock excludes
 * those of other handles of this process; a shared one forbids writing to everybody, its own holder too. On Wine locks
 * exclude only locks. Do not take two locks of one range through the same `File` at once: the system gives back the
 * exclusive one first, whoever asks. What an interrupted wait leaves to quarantine may be granted late, and is then
 * held until the process ends.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { File } from "effect-threadpool-io"
 *
 * const increment = (file: File.File) => {
 *   const counter = new Uint8Array(4)
 *   return Effect.gen(function*() {
 *     yield* File.readExact(file, counter, 0)
 *     new DataView(counter.buffer).setUint32(0, new DataView(counter.buffer).getUint32(0) + 1)
 *     yield* File.writeAll(file, counter, 0)
 *   }).pipe((effect) => File.withLock(file, { offset: 0, length: 4 }, effect), Effect.timeout("5 seconds"))
 * }
 * ```
 *
 * @since 0.1.0
 * @category locks
 */
export const withLock: {
  <A, E, R>(
    options: LockOptions,
    effect: Effect.Effect<A, E, R>
  ): (self: File) => Effect.Effect<A, E | Win32Error.Win32Error, R>
  <A, E, R>(
    self: File,
    options: LockOptions,
    effect: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | Win32Error.Win32Error, R>
} = dual(3, locks.withLock)

/**
 * Locks a range of the file until the scope closes: `withLock` for what does not nest. A lock that is gone by then is a
 * warning. When the file is closed first, the system has given the lock back.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { File } from "effect-threadpool-io"
 *
 * const single = (path: string) =>
 *   Effect.tap(
 *     File.open(path, { access: "readwrite", disposition: "openAlways" }),
 *     File.lock({ wait: false })
 *   )
 * ```
 *
 * @since 0.1.0
 * @category locks
 */
export const lock: {
  (options: LockOptions): (self: File) => Effect.Effect<void, Win32Error.Win32Error, Scope.Scope>
  (self: File, options: LockOptions): Effect.Effect<void, Win32Error.Win32Error, Scope.Scope>
} = dual(2, locks.lock)

// -----------------------------------------------------------------------------
// control codes, and holes
// -----------------------------------------------------------------------------

/**
 * `DeviceIoControl`: gives the file system or the driver a code with some bytes, and succeeds with the bytes that come
 * out, as many as it returned. Which codes are safe, and what to do about others: `Operation.deviceIoControl`.
 *
 * Fails with `MoreData` (234) when not everything went into `outputSize` bytes, with what the system answers (122 or 24
 * when they are too few for anything), and with `Unsupported` on the portable kernel. Wine knows very few codes.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { File } from "effect-threadpool-io"
 *
 * const isCompressed = (file: File.File) =>
 *   Effect.map(
 *     File.deviceIoControl(file, { code: "FSCTL_GET_COMPRESSION", outputSize: 2 }),
 *     (bytes) => bytes[0] !== 0
 *   )
 * ```
 *
 * @since 0.1.0
 * @category control
 */
export const deviceIoControl: {
  (options: DeviceIoControlOptions): (self: File) => Effect.Effect<Uint8Array, Win32Error.Win32Error>
  (self: File, options: DeviceIoControlOptions): Effect.Effect<Uint8Array, Win32Error.Win32Error>
} = dual(2, attributes.deviceIoControl)

/**
 * @since 0.1.0
 * @category models
 */
export interface DeviceIoControlOptions {
  readonly code: Operation.KnownIoControlCode | Operation.IoControlCode
  readonly input?: Uint8Array | undefined
  /** How many bytes may come out. Default 0. */
  readonly outputSize?: number | undefined
}

/**
 * `FSCTL_SET_SPARSE`: ranges that nobody has written, or that `zeroRange` has taken back, need take no room from now
 * on. Whether they do is the file system's affair: on Wine the call succeeds and changes nothing, and on the portable
 * kernel, where files are so by themselves, there is nothing to call; taking it back (`false`) is `Unsupported` there.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { File } from "effect-threadpool-io"
 *
 * const image = (path: string) =>
 *   File.open(path, { access: "readwrite", disposition: "createNew" }).pipe(
 *     Effect.tap(File.setSparse(true)),
 *     Effect.tap(File.truncate(1n << 40n))
 *   )
 * ```
 *
 * @since 0.1.0
 * @category holes
 */
export const setSparse: {
  (sparse: boolean): (self: File) => Effect.Effect<void, Win32Error.Win32Error>
  (self: File, sparse: boolean): Effect.Effect<void, Win32Error.Win32Error>
} = dual(2, sparse.setSparse)

/**
 * Makes `length` bytes from `offset` on read as zeros. It never extends the file. Succeeds with how it was done:
 *
 * - `system`: by the file system (`FSCTL_SET_ZERO_DATA`), which gives back whole units of a file that is sparse, and
 *   writes zeros into any other.
 * - `written`: zeros were written, because the system has no such call: on Wine, on the portable kernel, on FAT. Then
 *   the range takes as much room as before, or more, an interruption may leave some of it undone, and somebody who cuts
 *   the file at that moment may find it extended again.
 *
 * @example
 * ```ts
 * import { File } from "effect-threadpool-io"
 *
 * const forget = (file: File.File) => File.zeroRange(file, 4096, 65536)
 * ```
 *
 * @since 0.1.0
 * @category holes
 */
export const zeroRange: {
  (offset: number | bigint, length: number | bigint): (
    self: File
  ) => Effect.Effect<"system" | "written", Win32Error.Win32Error>
  (
    self: File,
    offset: number | bigint,
    length: number | bigint
  ): Effect.Effect<"system" | "written", Win32Error.Win32Error>
} = dual(internal.takesFile, sparse.zeroRange)

/**
 * `FSCTL_QUERY_ALLOCATED_RANGES`, asked as often as it takes: the ranges that may hold something else than zeros, in
 * their order. Of a file that is not sparse that is all of it. `Unsupported` on Wine and on the portable kernel, which
 * cannot tell.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { File } from "effect-threadpool-io"
 *
 * const roomTaken = (file: File.File) =>
 *   Effect.map(File.allocatedRanges(file, {}), (ranges) => ranges.reduce((sum, { length }) => sum + length, 0n))
 * ```
 *
 * @since 0.1.0
 * @category holes
 */
export const allocatedRanges: {
  (options: RangeOptions): (self: File) => Effect.Effect<ReadonlyArray<AllocatedRange>, Win32Error.Win32Error>
  (self: File, options: RangeOptions): Effect.Effect<ReadonlyArray<AllocatedRange>, Win32Error.Win32Error>
} = dual(2, sparse.allocatedRanges)

/**
 * A part of a file, in bytes.
 *
 * @since 0.1.0
 * @category models
 */
export interface RangeOptions {
  /** Default 0. */
  readonly offset?: number | bigint | undefined
  /** Default: to the end. */
  readonly length?: number | bigint | undefined
}

/**
 * A stretch of a file that takes room on the disk, in bytes.
 *
 * @since 0.1.0
 * @category models
 */
export interface AllocatedRange {
  readonly offset: bigint
  readonly length: bigint
}

// -----------------------------------------------------------------------------
// what takes no OVERLAPPED
// -----------------------------------------------------------------------------

/**
 * `GetFileInformationByHandle`: size, times, attributes, and which file it is. Windows is asked once more for
 * `changedTimeNs` (`FileBasicInfo`).
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
export const stat: (self: File) => Effect.Effect<Stat, Win32Error.Win32Error> = attributes.stat

/**
 * The size of the file in bytes, as the file system says. Some say 0, or too much, of what they make up when it is
 * read, as `/proc` and `/sys` do.
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
export const size: (self: File) => Effect.Effect<bigint, Win32Error.Win32Error> = attributes.size

/**
 * `SetFileInformationByHandle(FileEndOfFileInfo)`: cuts the file to `length` bytes, or extends it with zeros.
 *
 * Extending costs nothing by itself. On NTFS the first write far behind what has been written does, as `File.write`
 * says: unless the file is sparse (`File.setSparse`), the system writes the zeros up to there.
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
} = dual(2, attributes.truncate)

/**
 * `SetFileInformationByHandle(FileAllocationInfo)`: takes room on the disk for a file of `length` bytes, so that
 * writing it fails with `NoSpace` now or not at all, and may end up in one piece. The size stays. Room that the file
 * has is not given back: Windows would cut the file. Room beyond the end is given back when the file is closed. It is
 * room and no zeros: writing to its far end first costs what `File.write` says, writing it from its beginning does not.
 * `Unsupported` on Wine and on the portable kernel: node has no `fallocate`, and `ftruncate` reserves nothing.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { File } from "effect-threadpool-io"
 *
 * const reserved = (file: File.File, bytes: bigint) =>
 *   Effect.catchIf(File.allocate(file, bytes), (error) => error.reason === "Unsupported", () => Effect.void)
 * ```
 *
 * @since 0.1.0
 * @category writing
 */
export const allocate: {
  (length: number | bigint): (self: File) => Effect.Effect<void, Win32Error.Win32Error>
  (self: File, length: number | bigint): Effect.Effect<void, Win32Error.Win32Error>
} = dual(2, attributes.allocate)

/**
 * The sectors of the file's volume (`FileStorageInfo`; `FileFsSizeInformation` on systems before Windows 8 and
 * on Wine). `Unsupported` on the portable kernel.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { File } from "effect-threadpool-io"
 *
 * const emulates512 = (file: File.File) =>
 *   Effect.map(File.sectors(file), (told) => told.logicalBytesPerSector < told.physicalBytesPerSector)
 * ```
 *
 * @since 0.1.0
 * @category accessors
 */
export const sectors: (self: File) => Effect.Effect<Sectors, Win32Error.Win32Error> = attributes.sectors

/**
 * Sector sizes, in bytes: `logicalBytesPerSector` is what unbuffered I/O must be aligned to, `physicalBytesPerSector`
 * what the device writes at once (the same where the system does not tell).
 *
 * @since 0.1.0
 * @category models
 */
export interface Sectors extends StorageInformation {}

/**
 * `FlushFileBuffers`: what was written is on the device when this succeeds. Needs the right to write or to append:
 * `PermissionDenied` for a file that is open to be read.
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
export const sync: (self: File) => Effect.Effect<void, Win32Error.Win32Error> = attributes.sync

/**
 * `SetFileInformationByHandle(FileBasicInfo)`: times in nanoseconds since 1970, the read-only attribute, and on POSIX
 * the permission bits. What is left out stays as it is.
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
} = dual(2, attributes.setBasicInfo)

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

/**
 * The path of `name` in `directory`, for names that somebody else has chosen: of an upload, in an archive. Whatever is
 * not the name of a file, and nothing else, fails with `InvalidArgument` (`ERROR_INVALID_NAME`), by the same rule on
 * every system and without asking any:
 *
 * - empty, `.` and `..`, separators of either kind, a colon (drives, alternate data streams), control characters,
 *   `< > " | ? *`,
 * - a dot or a space at the end, which Windows cuts off: `a.txt.` would be `a.txt`,
 * - devices in either case, with any extension: `CON`, `PRN`, `AUX`, `NUL`, `CONIN$`, `CONOUT$`, `COM0` to `COM9`,
 *   `LPT0` to `LPT9`,
 * - half of a surrogate pair, and more than 255 UTF-16 units.
 *
 * A name by itself does not tell whether it is taken, by the same one in the other case, or as a short name of Windows'
 * (`REPORT~1.TXT`): `disposition: "createNew"` of `open` replaces nothing.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { File } from "effect-threadpool-io"
 *
 * const save = (upload: string, bytes: Uint8Array) =>
 *   Effect.flatMap(File.joinName("uploads", upload), (path) =>
 *     File.withFile(path, { access: "write", disposition: "createNew" }, File.writeAll(bytes, 0)))
 *
 * // "photos/2024/a.jpg" in an archive: below the directory, or refused.
 * const place = (directory: string, entry: string) =>
 *   Effect.reduce(entry.split("/"), directory, (path, name) => File.joinName(path, name))
 * ```
 *
 * @since 0.1.0
 * @category names
 */
export const joinName: {
  (name: string): (directory: string) => Effect.Effect<string, Win32Error.Win32Error>
  (directory: string, name: string): Effect.Effect<string, Win32Error.Win32Error>
} = dual(2, renaming.joinName)

/**
 * `MoveFileExW`: gives a file another name, atomically. Without `replace` (the default) a name that is taken fails with
 * `AlreadyExists`, without a check beforehand that could race. On Windows it is retried for up to three seconds while
 * another program looks at the file.
 *
 * With `replace` a read-only file is replaced, too, as on POSIX. `MoveFileExW` denies it (5); then Windows 10 1809 and
 * later are asked through a handle. On earlier systems the attribute is taken off first, which its other names show, if
 * it has any, and put back where the file is not replaced after all.
 *
 * On the portable kernel not replacing is a link and an unlink; a file system without hard links fails with
 * `Unsupported`.
 *
 * Directories have names as well. Windows does not rename one while something is open in it, on whatever level:
 * `PermissionDenied`. The portable kernel renames one with `replace` alone, since a directory has no second name.
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
export const rename: (
  from: string,
  to: string,
  options?: { readonly replace?: boolean | undefined }
) => Effect.Effect<void, Win32Error.Win32Error, Kernel> = renaming.rename

/**
 * `SetFileInformationByHandle(FileRenameInfo)`: gives the open file another name, whatever it is called by now,
 * atomically. Without `replace` (the default) a name that is taken fails with `AlreadyExists`; with it, what has the
 * name is replaced, also while others have it open where the system can (POSIX semantics: Windows 10 1709), and also a
 * read-only file, as `rename` does. The file must have been opened with `deletable`, or it fails with
 * `PermissionDenied`; Wine does not look. `path` of the `File` stays what it was opened by. Retried like `rename`.
 *
 * The portable kernel renames the name that the file was opened by, or was last given here, after it has seen that it
 * still means this file; otherwise it fails with `NotFound`. Between the look and the rename there is a race. Wine
 * renames the name that it has kept, and does not look.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { File } from "effect-threadpool-io"
 *
 * const publish = (contents: Uint8Array) =>
 *   Effect.scoped(
 *     File.open("report.partial", { access: "write", disposition: "createAlways", deletable: true }).pipe(
 *       Effect.tap(File.writeAll(contents, 0)),
 *       Effect.tap(File.sync),
 *       Effect.flatMap(File.renameTo("report.pdf", { replace: true }))
 *     )
 *   )
 * ```
 *
 * @since 0.1.0
 * @category names
 */
export const renameTo: {
  (to: string, options: RenameOptions): (self: File) => Effect.Effect<void, Win32Error.Win32Error>
  (self: File, to: string, options: RenameOptions): Effect.Effect<void, Win32Error.Win32Error>
} = dual(3, renaming.renameTo)

/**
 * @since 0.1.0
 * @category models
 */
export interface RenameOptions {
  /** Default `false`. */
  readonly replace?: boolean | undefined
}

/**
 * `SetFileInformationByHandle(FileDispositionInfo)`: the file is deleted when this `File` is closed, or, with `false`,
 * is not after all. On Windows 10 1607 and later the name goes at once then (POSIX semantics), elsewhere when nobody
 * has the file open any more; until then it cannot be opened (303 or 5). The file must have been opened with
 * `deletable`, or it fails with `PermissionDenied`; so it does of a read-only file, unless the system is Windows 10
 * 1809 or later and the file is open to be written.
 *
 * The portable kernel removes the name when the file is closed, if it still means this file.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { File } from "effect-threadpool-io"
 *
 * const scratch = (path: string) =>
 *   Effect.tap(
 *     File.open(path, { access: "readwrite", disposition: "createNew", deletable: true }),
 *     File.setDeleteOnClose(true)
 *   )
 * ```
 *
 * @since 0.1.0
 * @category names
 */
export const setDeleteOnClose: {
  (remove: boolean): (self: File) => Effect.Effect<void, Win32Error.Win32Error>
  (self: File, remove: boolean): Effect.Effect<void, Win32Error.Win32Error>
} = dual(2, attributes.setDeleteOnClose)

/**
 * `CopyFileW`: makes `to` from `from`, in one call of the system: what is in it, its time of modification, and its
 * attributes (on Windows its alternate streams too) or its mode. A link is followed. A name that is taken fails with
 * `AlreadyExists`, without a check beforehand that could race. A copy that fails leaves nothing there; one whose
 * process is killed leaves a part of it.
 *
 * The cheapest way for a small file. Windows does not stop once it copies: interruption waits for it, and leaves the
 * copy there. Large files are for what reads and writes them in pieces.
 *
 * The portable kernel has no such function. It copies regular files only (`Unsupported`; what it opens is never waited
 * for), to their end, whatever size they say, and their time of access as well, but never setuid and setgid. Nobody
 * else can read the copy before it is finished. A source that changes meanwhile fails the copy with `Busy`.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { File, Kernel } from "effect-threadpool-io"
 *
 * const backUp = File.copy("settings.json", "settings.bak").pipe(Effect.provide(Kernel.layer))
 * ```
 *
 * @since 0.1.0
 * @category names
 */
export const copy: (from: string, to: string) => Effect.Effect<void, Win32Error.Win32Error, Kernel> = renaming.copy

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
export const remove: (path: string) => Effect.Effect<void, Win32Error.Win32Error, Kernel> = renaming.remove
