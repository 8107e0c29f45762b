/**
 * Whole files and trees: copied, hashed, transformed. In bounded memory whatever their size, with reads and writes in
 * flight together, and with a name only for what is complete.
 *
 * @since 0.1.0
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import * as File from "./File.js"
import * as copying from "./internal/pipeline/copy.js"
import * as hashing from "./internal/pipeline/hash.js"
import { parseTemporary } from "./internal/pipeline/names.js"
import * as watching from "./internal/pipeline/progressStream.js"
import * as transforming from "./internal/pipeline/transform.js"
import { spanned } from "./internal/spans.js"
import type { Kernel } from "./Kernel.js"
import type { PipelineError } from "./PipelineError.js"
import type { Win32Error } from "./Win32Error.js"

// -----------------------------------------------------------------------------
// copying
// -----------------------------------------------------------------------------

/**
 * How a file is copied.
 *
 * @since 0.1.0
 * @category models
 */
export interface CopyOptions {
  /** Bytes per read and write. Default 512 KiB. */
  readonly chunkSize?: number | undefined
  /** Chunks in flight in each file: reads and writes together. Default 4. */
  readonly inFlight?: number | undefined
  /**
   * Replaces the file that has the name. Default `false`: fails with `AlreadyExists`, without a check that could race.
   */
  readonly overwrite?: boolean | undefined
  /**
   * - `none` (default): what was written is not read back.
   * - `read`: the copy is read back, and its SHA-256 compared with that of what was read from the source.
   * - `durable`: it is flushed to the device, read back past the cache where the system can (Windows), and flushed
   *   again with its times; the directory too, where directories can be. `chunkSize` must be a multiple of 4096.
   */
  readonly verify?: "none" | "read" | "durable" | undefined
  /**
   * The properties that a copy takes from its source besides the contents. Default: both. Times of access and
   * modification to the microsecond (on Windows to 100 ns); permission bits without setuid and setgid, or on Windows
   * the read-only attribute.
   */
  readonly preserve?: ReadonlyArray<"times" | "permissions"> | undefined
  /**
   * Goes on with what an earlier copy has left that was killed, or was made with `resume` and did not come to its end.
   * Default `false`.
   *
   * - A file that is there and is what it is to be is left alone: of the size and the contents of its source, or with
   *   `verify: "none"` of its size and time of modification. Any other is replaced with `overwrite`, and otherwise
   *   fails with `AlreadyExists`.
   * - A partial file whose journal speaks of the same source (inode, size and time of modification) is read back up to
   *   where the journal says, compared with the SHA-256 that the journal has of each stretch, and gone on with from
   *   where they differ. Nothing that an earlier copy has written is believed without that. With `verify`, the source
   *   is read and compared as well.
   * - Partial files of processes that have ended are removed where they are of no use. Those of running copies, this
   *   process's own among them, are left alone; so is, with a warning, what nobody knows to be of a process that has
   *   ended (`takeOver`), and what is not a file of this user's own with one name.
   *
   * When this copy is interrupted, or the system refuses something (a full disk), a partial file with a journal is
   * kept.
   */
  readonly resume?: boolean | undefined
  /**
   * With `resume`: takes over partial files of which nobody knows whether the process that made them still runs, too:
   * of another container of this machine, of another machine on a network file system, or of another user's process
   * that the system does not show (`hidepid=2`). Default `false`: they are left alone, and a warning names them. Say so
   * only when none of them is being written: nothing else protects a copy that runs there.
   */
  readonly takeOver?: boolean | undefined
  /**
   * Marks temporary files with a name in place of this process, so that a later copy with the same `owner` and `resume`
   * takes them over on whatever machine it runs: where a job moves between machines that share a file system. You
   * guarantee that at most one copy at a time runs for an owner and a destination, as the shard manager of a cluster
   * does. Copies with another owner, or none, leave these files alone with a warning. Default: none; the process is the
   * owner.
   */
  readonly owner?: string | undefined
  /**
   * Whether a journal is kept beside the partial file of a source of more than `journalEvery` bytes, so that a later
   * copy can `resume` it when the process is killed. Default: with `resume`, and with `verify` other than `none`, where
   * the SHA-256 is made anyway.
   *
   * An entry is written after the data that it speaks of: whenever the process is killed, it tells no more than is
   * true. The system's own end (a power failure) the two outlive together with `verify: "durable"`, which flushes them
   * in that order; otherwise what was lost is found when it is read back, and copied again.
   */
  readonly journal?: boolean | undefined
  /** Bytes between two entries of a journal. Default 32 MiB. */
  readonly journalEvery?: number | undefined
  /** Told whenever there is something to tell, on the fiber that copies: be quick. */
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

/**
 * An entry of the source, as a filter is told of it. Sizes are bytes, times nanoseconds since 1970.
 *
 * @since 0.1.0
 * @category models
 */
export interface SourceStat {
  /** With `links: "follow"`, of what a link leads to; `SymbolicLink` then leads to nothing that can be copied. */
  readonly type: FileSystem.File.Type
  readonly size: bigint
  /** Permission bits, or on Windows what node makes of the read-only attribute. */
  readonly mode: number
  /** Names that the file has, also outside of the tree. */
  readonly numberOfLinks: number
  readonly accessTimeNs: bigint
  readonly modifiedTimeNs: bigint
  readonly createdTimeNs: bigint
}

/**
 * How a tree is copied. `E` and `R` are those of the filter.
 *
 * @since 0.1.0
 * @category models
 */
export interface CopyTreeOptions<E = never, R = never> extends CopyOptions {
  /** Files at once. Default 8. */
  readonly concurrency?: number | undefined
  /**
   * Whether an entry is copied: asked for everything in the tree, but not for its root, before anything is made. `path`
   * is relative to the source, with `/` between names on every system. What is in a directory that is left out is not
   * even looked at; what is left out is not refused either, as a FIFO would be.
   *
   * It answers a boolean, or an Effect of one, which is run before the next entry is looked at. A failure of that
   * effect ends the copy, whatever `onFailure` says, and another answer fails with `InvalidArgument`. Default: all.
   */
  readonly filter?: ((path: string, stat: SourceStat) => boolean | Effect.Effect<boolean, E, R>) | undefined
  /**
   * Symbolic links in the tree are copied, followed, left out or refused.
   *
   * - `copy` (default): they are copied as links, wherever they lead.
   * - `follow`: what they lead to is copied in their place, also from outside of the tree: only for trees of people
   *   whom you trust. A directory that several lead to is copied several times. It fails with `Nested` for one that
   *   leads to a directory that it is in, or that the destination is in, with `NotFound` for one that leads to nothing,
   *   and with `Changed` for one that leads elsewhere when it is used.
   * - `skip`: they are left out.
   * - `refuse`: it fails with `SpecialFile`, before anything is made.
   */
  readonly links?: "copy" | "follow" | "skip" | "refuse" | undefined
  /**
   * Several names of one file in the tree become files of their own, or stay names of one file.
   *
   * - `copy` (default): each becomes a file of its own.
   * - `keep`: they become names of one file again. Where the destination has no such names, it fails. With `resume` a
   *   further name is complete when it is one of the copy, and replaced with `overwrite` otherwise. On Windows it is
   *   for destinations that nobody else writes in: a copy that somebody exchanges there is not told from ours, and gets
   *   the further names.
   */
  readonly hardLinks?: "copy" | "keep" | undefined
  /**
   * Answers a `CopyPlan` of what would be done, and writes nothing: no file, no directory, no lock. What would be
   * refused does not fail it. Default `false`.
   */
  readonly dryRun?: boolean | undefined
  /**
   * The meaning of one file's failure for the others.
   *
   * - `undo` (default): they are interrupted, and everything that this copy has made is removed again. What it had
   *   replaced cannot be restored; the error tells how many.
   * - `keep`: they are interrupted; the files that are complete are kept. The default with `resume`.
   * - `collect`: they are copied. At the end it fails with `FilesFailed`, and `failures` says what with.
   *
   * An interruption keeps the files that are complete, and removes directories that have stayed empty.
   */
  readonly onFailure?: "undo" | "keep" | "collect" | undefined
}

/**
 * How far a copy is. It is the same object each time and tells of the moment in which it is looked at, also later: copy
 * what is to stay.
 *
 * @since 0.1.0
 * @category models
 */
export interface Progress {
  /** Files that have their final names. */
  readonly files: number
  /** Bytes that have been read and handed on to be written, and those that were there. */
  readonly bytes: number
  /** Bytes that have been read back. */
  readonly verifiedBytes: number
  /** The part of `files` and `bytes` that an earlier copy had made. */
  readonly foundFiles: number
  readonly foundBytes: number
  /** The files and bytes to copy; 0 until that is known. */
  readonly totalFiles: number
  readonly totalBytes: number
  /** The temporary files of this moment, which stay behind if the process is killed now. */
  readonly partials: () => ReadonlyArray<string>
}

/**
 * The result of a copy.
 *
 * @since 0.1.0
 * @category models
 */
export interface Copied {
  readonly files: number
  /** The part of `files` that are further names of another one (`hardLinks`). */
  readonly hardLinks: number
  readonly directories: number
  readonly links: number
  readonly bytes: number
  /** The part of `files` and `bytes` that an earlier copy had made (`resume`). */
  readonly foundFiles: number
  readonly foundBytes: number
  /** Files and links that were replaced (`overwrite`). */
  readonly replaced: number
}

/**
 * One step of a copy that would be made.
 *
 * @since 0.1.0
 * @category models
 */
export interface CopyStep {
  /**
   * - `create`: nothing has the name.
   * - `replace`: something has it, and `overwrite` was asked for.
   * - `keep`: it is there already: a directory, or what an earlier copy has made (`resume`).
   * - `resume`: an earlier copy has left a part of it.
   */
  readonly action: "create" | "replace" | "keep" | "resume"
  readonly kind: "directory" | "file" | "link" | "hardLink"
  /** With `links: "follow"`, of a file: the one that the link leads to. */
  readonly from: string
  readonly to: string
  /** The size of a file; 0 of everything else. */
  readonly bytes: number
}

/**
 * The answer of a dry run: what a copy with these options would answer, and what it would do.
 *
 * @since 0.1.0
 * @category models
 */
export interface CopyPlan extends Copied {
  /** Directories, then links, files and further names of files; each directory before what is in it. */
  readonly steps: ReadonlyArray<CopyStep>
  /** The failures that a copy would begin with. Where there is one, it fails; with `collect` it does the rest first. */
  readonly refused: ReadonlyArray<PipelineError>
}

/**
 * Copies one file. It has a temporary name beside the final one until it is complete, and verified if that was asked
 * for; then it is renamed, atomically, and without `overwrite` in a way that replaces nothing. When it fails or is
 * interrupted, what is partial is removed (but see `resume`), what is in flight is cancelled, and both are waited for.
 *
 * A symbolic link as source is followed. Holes stay holes: where the system tells what is allocated they are not even
 * read, and elsewhere runs of zeros of 64 KiB and more are not written. The source is looked at again at the end:
 * `Changed` when it is not what it was. Not carried over: ownership, ACLs, extended attributes, alternate data streams,
 * hard links.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Kernel, Pipeline } from "effect-threadpool-io"
 *
 * const backUp = Pipeline.copy("disk.img", "/backup/disk.img", { verify: "read", resume: true }).pipe(
 *   Effect.tap(({ foundBytes }) => Effect.log(`${foundBytes} bytes had been copied before`)),
 *   Effect.provide(Kernel.layer)
 * )
 * ```
 *
 * @since 0.1.0
 * @category copying
 */
export const copy = (
  from: string,
  to: string,
  options: CopyOptions = {}
): Effect.Effect<Copied, PipelineError, Kernel> =>
  spanned("Pipeline.copy", { from, to }, copying.copy(from, to, options), countsOf)

const countsOf = ({ bytes, files }: Copied) => ({ files, bytes })

/**
 * Copies a directory with all that is in it, or one file: `copy` of every file, `concurrency` of them at once.
 * Directories and symbolic links are copied too, links as links (`links`); a link to the source itself is followed, and
 * one that is the destination. `filter` says what is left out, and `dryRun` answers what would be done. With
 * `overwrite` it copies into directories that are there, which keep their times and permissions; with `resume` they get
 * those of the source where that is permitted.
 *
 * Both trees may be such that somebody else can write in them. Nothing outside of them is read, made, changed or
 * removed, and what an undo removes is what this copy has made: on Linux always (directories are held by descriptors).
 * On Windows no directory is renamed or removed while it is held; one that is empty can be made a junction, which is
 * noticed afterwards, as everything is on other systems: then it fails with `Changed`.
 *
 * Before anything is made, it fails when the source is missing, when one of the two is inside the other, when there is
 * a FIFO, a socket or a device, and for names that are not UTF-8 or lead elsewhere, as `a:b` does on Windows into a
 * stream of `a`.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Kernel, Pipeline } from "effect-threadpool-io"
 *
 * const mirror = Pipeline.copyTree("photos", "/backup/photos", { onFailure: "collect" }).pipe(
 *   Effect.catchIf((error) => error.reason === "FilesFailed", ({ failures }) =>
 *     Effect.forEach(failures, ({ message }) => Effect.logWarning(message), { discard: true })),
 *   Effect.provide(Kernel.layer)
 * )
 *
 * // All that is new or has changed, but for what can be made again.
 * const options = {
 *   filter: (path: string) => !path.split("/").includes("node_modules"),
 *   resume: true,
 *   overwrite: true
 * } as const
 * const tell = Pipeline.copyTree("project", "/backup/project", { ...options, dryRun: true }).pipe(
 *   Effect.flatMap(({ refused, steps }) => Effect.log(steps, refused)),
 *   Effect.provide(Kernel.layer)
 * )
 * ```
 *
 * @since 0.1.0
 * @category copying
 */
export const copyTree: {
  <E = never, R = never>(
    from: string,
    to: string,
    options: CopyTreeOptions<E, R> & { readonly dryRun: true }
  ): Effect.Effect<CopyPlan, E | PipelineError, Kernel | R>
  <E = never, R = never>(
    from: string,
    to: string,
    options?: CopyTreeOptions<E, R>
  ): Effect.Effect<Copied, E | PipelineError, Kernel | R>
} = <E, R>(
  from: string,
  to: string,
  options: CopyTreeOptions<E, R> = {}
): Effect.Effect<never, E | PipelineError, Kernel | R> =>
  // The overloads say which answer an option brings.
  spanned("Pipeline.copyTree", { from, to }, copying.copyTree(from, to, options), countsOf) as Effect.Effect<
    never,
    E | PipelineError,
    Kernel | R
  >

/**
 * Whether a name in a directory is one of those that a copy gives to a file until it is complete, or to its journal:
 * what removes from a destination that which has gone from the source had better leave those to the next copy.
 *
 * @example
 * ```ts
 * import { Pipeline } from "effect-threadpool-io"
 *
 * console.log(Pipeline.isTemporaryName("notes.partial")) // false
 * ```
 *
 * @since 0.1.0
 * @category copying
 */
export const isTemporaryName = (name: string): boolean => typeof name === "string" && parseTemporary(name) !== undefined

/**
 * The progress of one reading of a file.
 *
 * @since 0.1.0
 * @category models
 */
export interface BytesProgress {
  readonly bytes: number
  readonly totalBytes: number
}

// -----------------------------------------------------------------------------
// hashing
// -----------------------------------------------------------------------------

/**
 * How a file is hashed.
 *
 * @since 0.1.0
 * @category models
 */
export interface HashOptions {
  /** A name that `crypto.createHash` knows. Default `sha256`. */
  readonly algorithm?: string | undefined
  /** How the digest is written. Default `hex`. */
  readonly encoding?: "hex" | "base64" | "base64url" | undefined
  /** Bytes per read. Default 512 KiB. */
  readonly chunkSize?: number | undefined
  /** Reads in flight. Default 4. */
  readonly inFlight?: number | undefined
  readonly onProgress?: ((progress: BytesProgress) => void) | undefined
}

/**
 * The digest of a file's contents, by default its SHA-256 in hexadecimal. Reads are in flight while the bytes before
 * are hashed. Takes a path, or a `File` that is open for reading. Fails with `Changed` when the file is another one
 * afterwards: by its size, the time of its last change, or the time that no program can set back.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Kernel, Pipeline } from "effect-threadpool-io"
 *
 * const same = (a: string, b: string) =>
 *   Effect.zipWith(Pipeline.hash(a), Pipeline.hash(b), (a, b) => a === b, { concurrent: true }).pipe(
 *     Effect.provide(Kernel.layer)
 *   )
 * ```
 *
 * @since 0.1.0
 * @category hashing
 */
export const hash = (
  source: string | File.File,
  options: HashOptions = {}
): Effect.Effect<string, PipelineError | Win32Error, Kernel> =>
  File.isFile(source)
    ? spanned("Pipeline.hash", {}, hashing.hashFile(source, options))
    : spanned(
      "Pipeline.hash",
      { path: source },
      File.withFile(source, { hint: "sequential" }, (file) => hashing.hashFile(file, options))
    )

// -----------------------------------------------------------------------------
// transforming
// -----------------------------------------------------------------------------

/**
 * How a file is transformed.
 *
 * @since 0.1.0
 * @category models
 */
export interface TransformOptions {
  /** Bytes per read. Default 512 KiB. */
  readonly chunkSize?: number | undefined
  /** Reads ahead, and writes behind. Default 4 each. */
  readonly inFlight?: number | undefined
  /** Replaces the file that has the name. Default `false`: fails with `AlreadyExists`. */
  readonly overwrite?: boolean | undefined
  /** Flushes the result to the device before it gets its name. Default `false`. */
  readonly durable?: boolean | undefined
  /** The properties that the result takes from its source. Default: permissions. */
  readonly preserve?: ReadonlyArray<"times" | "permissions"> | undefined
  /**
   * First removes the partial files that earlier transformations to this name have left that were killed, also those of
   * which nobody knows whether the process that made them still runs, as of another container of this machine. Those of
   * running processes that the system shows, and of this one, are left alone. Default `false`: nothing of that kind is
   * looked for.
   */
  readonly takeOver?: boolean | undefined
  /** Told of the bytes that have been read. */
  readonly onProgress?: ((progress: BytesProgress) => void) | undefined
}

/**
 * The bytes that a transformation has read and written.
 *
 * @since 0.1.0
 * @category models
 */
export interface Transformed {
  readonly bytesRead: number
  readonly bytesWritten: number
}

/**
 * Runs the contents of a file through a stream function, as compression or encryption, into another file, which gets
 * its name when it is complete: atomically, and without `overwrite` in a way that replaces nothing. The slowest of
 * reading, the function and writing holds back the others. When any of them fails, or on interruption, reads and writes
 * are cancelled and waited for, and what is partial is removed.
 *
 * @example
 * ```ts
 * import * as NodeStream from "@effect/platform-node/NodeStream"
 * import { Effect } from "effect"
 * import { Kernel, Pipeline } from "effect-threadpool-io"
 * import { createGzip } from "node:zlib"
 *
 * const compressed = Pipeline.transform(
 *   "access.log",
 *   "access.log.gz",
 *   NodeStream.pipeThroughDuplex(() => createGzip(), (cause) => new Error("gzip", { cause })),
 *   { overwrite: true }
 * ).pipe(Effect.provide(Kernel.layer))
 * ```
 *
 * @since 0.1.0
 * @category transforming
 */
export const transform = <E, R>(
  from: string,
  to: string,
  f: (bytes: Stream.Stream<Uint8Array, Win32Error>) => Stream.Stream<Uint8Array, E, R>,
  options: TransformOptions = {}
): Effect.Effect<Transformed, E | PipelineError, R | Kernel> =>
  spanned(
    "Pipeline.transform",
    { from, to },
    transforming.transform(from, to, f, options),
    ({ bytesRead, bytesWritten }) => ({ bytesRead, bytesWritten })
  )

// -----------------------------------------------------------------------------
// progress
// -----------------------------------------------------------------------------

/**
 * Runs a pipeline as a stream of its progress: the state of the moment whenever somebody asks for it and there is
 * something new, and the last one before the stream ends. Whoever is slow misses states in between; the pipeline does
 * not wait. The stream fails as the pipeline does, and a stream that is left early interrupts it, and waits for it.
 *
 * @example
 * ```ts
 * import { Console, Schedule, Stream } from "effect"
 * import { Pipeline } from "effect-threadpool-io"
 *
 * const copyAndTell = Pipeline.progress((onProgress) => Pipeline.copyTree("photos", "backup", { onProgress })).pipe(
 *   Stream.schedule(Schedule.spaced("200 millis")),
 *   Stream.runForEach(({ bytes, totalBytes }) => Console.log(`${bytes} of ${totalBytes} bytes`))
 * )
 * ```
 *
 * @since 0.1.0
 * @category progress
 */
export const progress: <A, E, R, P extends object = Progress>(
  run: (onProgress: (progress: P) => void) => Effect.Effect<A, E, R>
) => Stream.Stream<P, E, R> = watching.progress
