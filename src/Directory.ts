/**
 * Directories: what is in one, and `ReadDirectoryChangesW` as a `Stream` of changes.
 *
 * @since 0.1.0
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Chunk from "effect/Chunk"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Pipeable from "effect/Pipeable"
import { pipeArguments } from "effect/Pipeable"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Path from "node:path"
import * as BufferPool from "./BufferPool.js"
import {
  aBoolean,
  aDuration,
  aNumber,
  badPath,
  failNotA,
  InvalidArgument,
  listOf,
  oneOf,
  optionsOf,
  pathProblem,
  refusal
} from "./internal/arguments.js"
import { call } from "./internal/call.js"
import * as c from "./internal/constants.js"
import { Reader } from "./internal/directory/reader.js"
import { lookForRemoval } from "./internal/directory/removal.js"
import * as notify from "./internal/notify.js"
import { bindOrClose, openHandleIn } from "./internal/openHandle.js"
import * as life from "./internal/threadpoolIo.js"
import { hasTypeId, isA } from "./internal/values.js"
import { Kernel } from "./Kernel.js"
import type * as Operation from "./Operation.js"
import type * as ThreadpoolIo from "./ThreadpoolIo.js"
import * as Win32Error from "./Win32Error.js"

/**
 * @since 0.1.0
 * @category symbols
 */
export const TypeId: unique symbol = Symbol.for("effect-threadpool-io/Directory")

/**
 * @since 0.1.0
 * @category symbols
 */
export type TypeId = typeof TypeId

/**
 * A directory that is being watched since it was opened.
 *
 * @since 0.1.0
 * @category models
 */
export interface Directory extends Pipeable.Pipeable {
  readonly [TypeId]: TypeId
  /** The absolute path it was opened by. */
  readonly path: string
  /** Its thread-pool object: its ledger has one operation in flight while the directory is open. */
  readonly io: ThreadpoolIo.ThreadpoolIo
  /** @internal */
  readonly reader: Reader
}

/**
 * Something in the directory: relative to it, with the system's separator, and as an absolute path.
 *
 * @since 0.1.0
 * @category models
 */
export interface Place {
  readonly name: string
  readonly path: string
}

/**
 * A file or directory that was not there before.
 *
 * @since 0.1.0
 * @category models
 */
export interface Created extends Place {
  readonly _tag: "Created"
}

/**
 * A file or directory that is not there any more.
 *
 * @since 0.1.0
 * @category models
 */
export interface Removed extends Place {
  readonly _tag: "Removed"
}

/**
 * Contents, attributes, times or security have changed, as far as the filter asks for them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Modified extends Place {
  readonly _tag: "Modified"
}

/**
 * The same file under another name of the same directory. A move to or from elsewhere is a `Removed`, a `Created`, or
 * both.
 *
 * @since 0.1.0
 * @category models
 */
export interface Renamed {
  readonly _tag: "Renamed"
  readonly from: Place
  readonly to: Place
}

/**
 * Changes were lost, because they came faster than the stream was pulled: list the directory. With `unwatched`, nothing
 * has been lost so far: a directory below is not watched from now on.
 *
 * @since 0.1.0
 * @category models
 */
export interface Overflow {
  readonly _tag: "Overflow"
  readonly unwatched?: Unwatched | undefined
}

/**
 * A directory below that is not watched, nor is what is in it, and why: it cannot be read (`PermissionDenied`), its
 * path is too long (`InvalidArgument`), the system has no watcher left (`Exhausted`). Told once, when the directory is
 * found. On the portable kernel alone.
 *
 * @since 0.1.0
 * @category models
 */
export interface Unwatched extends Place {
  readonly error: Win32Error.Win32Error
}

/**
 * @since 0.1.0
 * @category models
 */
export type Change = Created | Removed | Modified | Renamed | Overflow

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The directories below, too. Default `false`. On the portable kernel each takes a watcher of the system's. */
  readonly recursive?: boolean | undefined
  /**
   * The kinds of changes to tell. Default: `fileName`, `directoryName`, `size`, `lastWrite`. The portable kernel never
   * tells `lastAccess` and `creation`. It tells a change of the access time alone under `lastWrite`, because it cannot
   * distinguish it from a write whose times were put back.
   */
  readonly filter?: ReadonlyArray<Operation.Notification> | undefined
  /**
   * Bytes of each of the two buffers, and of the one in which the system keeps what has not been read: a multiple of
   * four, from 1024 to 16 MiB. Default 65536, which is also the most that Windows takes for a directory on another
   * machine. A change takes 12 bytes and two for each character of its name.
   */
  readonly bufferSize?: number | undefined
  /** Passed to `ThreadpoolIo.make`. */
  readonly drainTimeout?: ThreadpoolIo.Options["drainTimeout"]
  readonly spans?: ThreadpoolIo.Options["spans"]
}

/**
 * Whether a value is a `Directory`.
 *
 * @example
 * ```ts
 * import { Directory } from "effect-threadpool-io"
 *
 * console.log(Directory.isDirectory("src")) // false
 * ```
 *
 * @since 0.1.0
 * @category guards
 */
export const isDirectory = (u: unknown): u is Directory => hasTypeId(u, TypeId)

/**
 * Pattern matching on a change.
 *
 * @example
 * ```ts
 * import { Directory } from "effect-threadpool-io"
 *
 * const line = Directory.match({
 *   Created: ({ name }) => `+ ${name}`,
 *   Removed: ({ name }) => `- ${name}`,
 *   Modified: ({ name }) => `* ${name}`,
 *   Renamed: ({ from, to }) => `${from.name} -> ${to.name}`,
 *   Overflow: () => "changes were lost"
 * })
 * ```
 *
 * @since 0.1.0
 * @category pattern matching
 */
export const { $match: match } = Data.taggedEnum<Change>()

// -----------------------------------------------------------------------------
// opening
// -----------------------------------------------------------------------------

const SMALLEST_BUFFER = 1024
const LARGEST_BUFFER = 16 << 20
const DEFAULT_BUFFER = 64 << 10
const DEFAULT_FILTER: ReadonlyArray<Operation.Notification> = ["fileName", "directoryName", "size", "lastWrite"]

/**
 * `CreateFileW` with `FILE_LIST_DIRECTORY`, `FILE_FLAG_BACKUP_SEMANTICS` and `FILE_FLAG_OVERLAPPED`, sharing
 * everything; then the first `ReadDirectoryChangesW`. When this succeeds the watch has begun: `changes` misses nothing
 * that happens afterwards. Changes that are not pulled wait in the system's buffer; when that is full, an `Overflow`
 * says so.
 *
 * An open directory keeps the process alive, because a read of it is in flight. Closing the scope cancels that, waits
 * for the kernel to let go and closes the handle.
 *
 * Fails with `NotFound`, with `InvalidArgument` for what is no directory (267), and with `Exhausted` when the system
 * has no watcher left. On the portable kernel opening looks at everything that is watched, in a thread of its own,
 * which takes about twice as long as to list it and look at every file.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Directory, Kernel } from "effect-threadpool-io"
 *
 * const program = Effect.gen(function*() {
 *   const directory = yield* Directory.open("inbox", { recursive: true })
 *   // Whatever is put there from now on is told.
 *   yield* Stream.runForEach(Directory.changes(directory), (change) => Effect.log(change))
 * }).pipe(Effect.scoped, Effect.provide(Kernel.layer))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (
  path: string,
  options: Options = {}
): Effect.Effect<Directory, Win32Error.Win32Error, Kernel | Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      // A scope of its own: an open that fails leaves nothing to the caller's.
      const scope = yield* Scope.fork(yield* Scope.Scope, ExecutionStrategy.sequential)
      return yield* restore(acquire(path, options)).pipe(
        Scope.extend(scope),
        Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
      )
    })
  )

const readOptions = optionsOf<Options>({
  recursive: aBoolean,
  filter: listOf(oneOf(...Object.keys(notify.notifications))),
  bufferSize: aNumber,
  drainTimeout: aDuration,
  spans: aBoolean
})

const acquire = (path: string, given: Options) =>
  Effect.gen(function*() {
    const options = readOptions(given)
    if (options instanceof InvalidArgument) return yield* Effect.fail(refusal("CreateFileW", options, { path }))
    const problem = problemOf(path, options)
    if (problem !== undefined) return yield* Effect.fail(problem)
    const kernel = yield* Kernel
    const absolute = Path.resolve(path)
    const size = options.bufferSize ?? DEFAULT_BUFFER
    // First, so that they are given back last.
    const buffers = [yield* BufferPool.make(size), yield* BufferPool.make(size)] as const
    const io = yield* openHandle(kernel, absolute, options)
    const recursive = options.recursive ?? false
    const filter = options.filter ?? DEFAULT_FILTER
    const { tellsRemoval } = yield* call(
      kernel,
      "PrepareDirectoryChanges",
      { handle: io.handle, recursive, filter: notify.bits(filter) },
      { path: absolute, handle: io.handle, object: io.object }
    )
    const watch = { recursive, filter }
    const reader = new Reader(absolute, io, buffers, watch, yield* Effect.runtime(), kernel.engine.host)
    yield* reader.begin
    const directory: Directory = Object.assign(Object.create(Proto), { path: absolute, io, reader })
    if (!tellsRemoval) yield* Effect.forkScoped(lookForRemoval(kernel, reader))
    return directory
  })

const Proto = {
  [TypeId]: TypeId,
  pipe() {
    return pipeArguments(this, arguments)
  }
}

const problemOf = (path: string, { bufferSize = DEFAULT_BUFFER, filter = DEFAULT_FILTER }: Options) => {
  const refused = (code: number, detail: string) => Win32Error.make({ code, syscall: "CreateFileW", path, detail })
  const wrongPath = pathProblem(path)
  if (wrongPath !== undefined) return badPath("CreateFileW", path, wrongPath)
  if (filter.length === 0) return refused(c.ERROR_INVALID_PARAMETER, "The filter is empty: nothing would be told.")
  return bufferSize % 4 === 0 && bufferSize >= SMALLEST_BUFFER && bufferSize <= LARGEST_BUFFER
    ? undefined
    : refused(
      c.ERROR_INVALID_PARAMETER,
      `bufferSize must be a multiple of 4 from ${SMALLEST_BUFFER} to ${LARGEST_BUFFER}, not ${bufferSize}.`
    )
}

/** Not with skip mode: TRUE of `ReadDirectoryChangesW` cannot tell pending from done. */
const openHandle = (
  kernel: Kernel.Service,
  path: string,
  { drainTimeout, spans }: Options
): Effect.Effect<ThreadpoolIo.ThreadpoolIo, Win32Error.Win32Error, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const handle = yield* openHandleIn(restore, kernel, "CreateFileW", {
        path,
        access: c.FILE_LIST_DIRECTORY,
        share: c.FILE_SHARE_READ | c.FILE_SHARE_WRITE | c.FILE_SHARE_DELETE,
        disposition: c.OPEN_EXISTING,
        flags: c.FILE_FLAG_BACKUP_SEMANTICS,
        mode: 0
      })
      const io = yield* bindOrClose(kernel, handle, { skipMode: false, path, drainTimeout, spans })
      yield* Effect.addFinalizer(() => life.close(io))
      return io
    })
  )

// -----------------------------------------------------------------------------
// reading
// -----------------------------------------------------------------------------

/**
 * The changes of the directory, from its opening on. Pulls when it is pulled: at most what two buffers hold is taken
 * from the system in advance. It does not end by itself. One stream at a time can be run on a directory, a second one
 * fails with `Busy`.
 *
 * Each change is a chunk of its own, and pulling the next one acknowledges it: the next stream goes on where the last
 * one has stopped. A stream that ends by itself (`Stream.take`, `Stream.runHead`) has dealt with its last change. One
 * that was interrupted, or whose consumer failed, may not have: the next one is told that change again, as the same
 * object. Operators that pull ahead (`Stream.buffer`, `Stream.groupedWithin`) have acknowledged what they hold.
 *
 * Fails with `NotFound` (5) when the directory is removed: at once, on Wine within two seconds. A directory that is
 * renamed is still watched on Windows, and counts as removed on the portable kernel; so it does when one above it is
 * renamed, at the next change or within a second. Fails with `Closed` when the scope of the directory has closed.
 *
 * How much is told differs: Windows tells every step, Linux by way of node what has come of them. A file that is
 * created, written and removed at once may be told in four changes, or not at all. Names that are no UTF-8 cannot be
 * told: a burst of changes to them is one `Overflow`.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Directory, Kernel } from "effect-threadpool-io"
 *
 * // The watch has begun before the file is written.
 * const firstChange = Effect.gen(function*() {
 *   const directory = yield* Directory.open("inbox")
 *   yield* Effect.log("ready")
 *   return yield* Stream.runHead(Directory.changes(directory))
 * }).pipe(Effect.scoped, Effect.provide(Kernel.layer))
 * ```
 *
 * @since 0.1.0
 * @category watching
 */
export const changes = (self: Directory): Stream.Stream<Change, Win32Error.Win32Error> =>
  Stream.unwrapScoped(Effect.map(
    Effect.acquireRelease(
      Effect.suspend(() => {
        if (!isA(self, TypeId, "reader")) return failNotA("Directory", "ReadDirectoryChangesW", self)
        const { io, path, reader } = self
        if (reader.busy) {
          return Effect.fail(Win32Error.make({
            code: c.ERROR_BUSY,
            syscall: "ReadDirectoryChangesW",
            path,
            handle: io.handle,
            detail: "Another stream of this directory's changes is running."
          }))
        }
        reader.busy = true
        return Effect.succeed(reader)
      }),
      (reader, exit) => Effect.sync(() => reader.left(exit))
    ),
    (reader) => Stream.map(Stream.repeatEffect(reader.next), reader.given)
  ))

/**
 * `open` and `changes` in one: the directory is opened when the stream is run, and closed when it ends. Whoever has to
 * know when the watch has begun opens the directory first.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Directory, Kernel } from "effect-threadpool-io"
 *
 * const log = Directory.watch("inbox", { recursive: true }).pipe(
 *   Stream.runForEach((change) => Effect.log(change)),
 *   Effect.provide(Kernel.layer)
 * )
 * ```
 *
 * @since 0.1.0
 * @category watching
 */
export const watch = (
  path: string,
  options: Options = {}
): Stream.Stream<Change, Win32Error.Win32Error, Kernel> => Stream.unwrapScoped(Effect.map(open(path, options), changes))

// -----------------------------------------------------------------------------
// listing
// -----------------------------------------------------------------------------

/**
 * Something in a directory that was listed: its name and its absolute path.
 *
 * @since 0.1.0
 * @category models
 */
export interface Entry extends Place {
  /** The type that `FileSystem.stat` has for it, without following links: a link or a junction is a `SymbolicLink`. */
  readonly kind: FileSystem.File.Type
  /**
   * The bytes of a name that is not valid UTF-8. `name` and `path` then have U+FFFD in the place of invalid bytes and
   * open nothing: `node:fs` opens such a file by its bytes. `undefined` for all other names, and on Windows.
   */
  readonly bytes: Uint8Array | undefined
}

/**
 * Streams the entries of a directory, in the order of the system: `CreateFileW`, then one
 * `GetFileInformationByHandleEx(FileFullDirectoryInfo)` for each pull. However large the directory is, memory holds at
 * most one answer of the system, some hundreds of entries. Leaves out `.` and `..`, and does not go into
 * subdirectories.
 *
 * Running the stream opens the directory; its end, however it ends, closes it. An interruption waits for the call that
 * runs, at most `drainTimeout`. The stream may or may not tell names that come or go meanwhile.
 *
 * Fails with `NotFound`, with `PermissionDenied`, and with `InvalidArgument` (267) if the path is not a directory.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Directory, Kernel } from "effect-threadpool-io"
 *
 * const files = Directory.entries("inbox").pipe(
 *   Stream.filter(({ kind }) => kind === "File"),
 *   Stream.runCount,
 *   Effect.provide(Kernel.layer)
 * )
 * ```
 *
 * @since 0.1.0
 * @category listing
 */
export const entries = (path: string): Stream.Stream<Entry, Win32Error.Win32Error, Kernel> =>
  Stream.unwrapScoped(Effect.gen(function*() {
    const problem = pathProblem(path)
    if (problem !== undefined) return yield* Effect.fail(badPath("CreateFileW", path, problem))
    const kernel = yield* Kernel
    const absolute = Path.resolve(path)
    const { handle, object } = yield* openHandle(kernel, absolute, {})
    const next = call(kernel, "GetDirectoryInformation", { handle }, { path: absolute, handle, object })
    return Stream.repeatEffectChunkOption(Effect.matchEffect(next, {
      onFailure: (error) => Effect.fail(Option.some(error)),
      onSuccess: (found) =>
        found.length === 0 ? Effect.fail(Option.none()) : Effect.succeed(Chunk.unsafeFromArray(found.map(
          ({ bytes, kind, name }): Entry => ({ name, path: Path.join(absolute, name), kind, bytes })
        )))
    }))
  }))
