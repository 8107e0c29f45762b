/**
 * The `FileSystem` of `@effect/platform` on thread-pool I/O: an application swaps one layer, and its file I/O becomes
 * positional, concurrent, and cancelled when it is interrupted.
 *
 * @since 0.1.0
 */
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import type * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { PoolBuffer } from "./BufferPool.js"
import type { File } from "./File.js"
import * as internal from "./internal/fileSystem/fileSystem.js"
import { TypeId as internalTypeId } from "./internal/fileSystem/openFile.js"
import { orDie } from "./internal/fileSystem/orDie.js"
import { hasTypeId } from "./internal/values.js"
import * as Kernel from "./Kernel.js"
import type { Win32Error } from "./Win32Error.js"

/**
 * @since 0.1.0
 * @category symbols
 */
export const TypeId: unique symbol = internalTypeId

/**
 * @since 0.1.0
 * @category symbols
 */
export type TypeId = typeof TypeId

/**
 * A file that this file system has opened: besides a cursor, which each of `read`, `readAlloc`, `write`, `writeAll`,
 * `seek` and `truncate` waits its turn for, it can be read and written at any position. Positional operations run at
 * once, as many as there are, and neither wait for the cursor nor move it.
 *
 * `fd` is -1, which every function of `node:fs` refuses: what is open is a handle, and another file's descriptor might
 * have its number.
 *
 * @since 0.1.0
 * @category models
 */
export interface PositionalFile extends FileSystem.File {
  readonly [TypeId]: TypeId
  /** The file underneath, for everything else that `File` can do: vectored I/O, locks, streams. */
  readonly file: File
  /** Moves the cursor and succeeds with its new position, in bytes, as `NodeFileSystem` does. */
  readonly seek: (offset: FileSystem.SizeInput, from: FileSystem.SeekMode) => Effect.Effect<FileSystem.Size>
  /** Reads at `offset`, in bytes. Succeeds with the bytes read: fewer than the buffer holds when the file ends. */
  readonly readAt: (
    buffer: PoolBuffer | Uint8Array,
    offset: FileSystem.SizeInput
  ) => Effect.Effect<FileSystem.Size, PlatformError>
  /** Writes at `offset`, in bytes. Of a file that was opened to append, at its end. */
  readonly writeAt: (
    buffer: PoolBuffer | Uint8Array,
    offset: FileSystem.SizeInput
  ) => Effect.Effect<FileSystem.Size, PlatformError>
  /** Writes the whole buffer at `offset`, in as many writes as it takes. */
  readonly writeAllAt: (
    buffer: PoolBuffer | Uint8Array,
    offset: FileSystem.SizeInput
  ) => Effect.Effect<void, PlatformError>
}

/**
 * The `FileSystem` that `make` makes: its files are positional.
 *
 * @since 0.1.0
 * @category models
 */
export interface ThreadpoolFileSystem extends FileSystem.FileSystem {
  readonly open: (
    path: string,
    options?: FileSystem.OpenFileOptions
  ) => Effect.Effect<PositionalFile, PlatformError, Scope.Scope>
}

/**
 * Whether a file of any `FileSystem` is one of ours, and can be read and written at a position.
 *
 * @example
 * ```ts
 * import { FileSystem } from "@effect/platform"
 * import { Effect } from "effect"
 * import { ThreadpoolFileSystem } from "effect-threadpool-io"
 *
 * const trailer = (file: FileSystem.File, buffer: Uint8Array, offset: number) =>
 *   ThreadpoolFileSystem.isPositionalFile(file)
 *     ? file.readAt(buffer, offset)
 *     : Effect.zipRight(file.seek(offset, "start"), file.read(buffer))
 * ```
 *
 * @since 0.1.0
 * @category guards
 */
export const isPositionalFile = (u: unknown): u is PositionalFile => hasTypeId(u, TypeId)

/**
 * The file system on a kernel of yours, and in its `CallbackEnvironment` if it has one.
 *
 * - Through thread-pool I/O: what files hold. `open` and everything on an open file, `readFile`, `readFileString`,
 *   `writeFile`, `writeFileString`, `copyFile`, the files of `copy`, `truncate`, `stream`, `sink`, and the file of
 *   `makeTempFile`.
 * - Through `Directory`: `watch`, unless a `WatchBackend` is there when it is made.
 * - Through `node:fs`: what is no I/O on an open handle, which is the rest.
 *
 * Interruption stops I/O and waits until the kernel has let go; of functions of `node:fs`, which cannot be stopped, it
 * waits for the one that runs, and of a tree (`copy`, `remove`, `readDirectory`) no other is begun. Both waits end
 * after `drainTimeout`.
 *
 * It does what `NodeFileSystem` does, and is tested beside it. What is different on purpose:
 *
 * - Errors have the nearest reason where `NodeFileSystem` has `Unknown`: `PermissionDenied` (EPERM, EROFS, and a write
 *   to a file that was opened to read), `AlreadyExists` (ENOTEMPTY), `WriteZero` (ENOSPC, EDQUOT, EFBIG), `InvalidData`
 *   (EINVAL, ENAMETOOLONG). Of I/O, `syscall` and `description` are those of Windows, and the `Win32Error` is the
 *   `cause`.
 * - `fd` of a file is -1.
 * - Regular files alone can be opened. A directory, a FIFO, a device or a socket fails with `BadResource`, without
 *   blocking.
 * - Writing nothing, and reading into nothing, succeed.
 * - `sync` needs a file that was opened to write, as `FlushFileBuffers` does.
 * - Memory that is shared or resizable, and memory that another operation in flight uses while one of the two is
 *   written to, is a `BadArgument`.
 *
 * @example
 * ```ts
 * import { FileSystem } from "@effect/platform"
 * import { Effect, Layer } from "effect"
 * import { CallbackEnvironment, Kernel, ThreadpoolFileSystem } from "effect-threadpool-io"
 *
 * const onTwoThreads = Layer.effect(FileSystem.FileSystem, ThreadpoolFileSystem.make).pipe(
 *   Layer.provide(CallbackEnvironment.layer({ threadpool: { maxThreads: 2 } })),
 *   Layer.provide(Kernel.layer)
 * )
 *
 * const settings = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString("settings.json")).pipe(
 *   Effect.provide(onTwoThreads)
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<ThreadpoolFileSystem, never, Kernel.Kernel> = internal.make

const onKernel = <E>(kernel: Layer.Layer<Kernel.Kernel, E>): Layer.Layer<FileSystem.FileSystem, E> =>
  Layer.provide(Layer.effect(FileSystem.FileSystem, make), kernel)

/**
 * The file system on `kernel32.dll` on Windows, and on the portable kernel elsewhere: in the place of
 * `NodeFileSystem.layer`. What it does differently is told at `make`.
 *
 * @example
 * ```ts
 * import { FileSystem } from "@effect/platform"
 * import { Effect } from "effect"
 * import { ThreadpoolFileSystem } from "effect-threadpool-io"
 *
 * const program = Effect.gen(function*() {
 *   const fs = yield* FileSystem.FileSystem
 *   yield* fs.writeFileString("greeting.txt", "hello")
 *   return yield* fs.readFileString("greeting.txt")
 * }).pipe(Effect.provide(ThreadpoolFileSystem.layer))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<FileSystem.FileSystem, Win32Error> = onKernel(Kernel.layer)

/**
 * The same, where a program has no use for an error of its layer: it fails with nothing, as `NodeFileSystem.layer`
 * does, so that one line changes and no type. Where it cannot start it dies, with an `Error` that says why; `cause` is
 * the `Win32Error`.
 *
 * @example
 * ```ts
 * import { FileSystem } from "@effect/platform"
 * import { Effect, Layer } from "effect"
 * import { ThreadpoolFileSystem } from "effect-threadpool-io"
 *
 * const files: Layer.Layer<FileSystem.FileSystem> = ThreadpoolFileSystem.layerOrDie // was NodeFileSystem.layer
 *
 * const settings = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString("settings.json")).pipe(
 *   Effect.provide(files)
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerOrDie: Layer.Layer<FileSystem.FileSystem> = orDie(layer)

/**
 * The file system on `kernel32.dll`. Fails with `Unsupported` where there is none.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { ThreadpoolFileSystem } from "effect-threadpool-io"
 *
 * const layer = Layer.orElse(ThreadpoolFileSystem.layerWin32, () => ThreadpoolFileSystem.layerPortable)
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerWin32: Layer.Layer<FileSystem.FileSystem, Win32Error> = onKernel(Kernel.layerWin32)

/**
 * The file system on the portable kernel, on any system.
 *
 * @example
 * ```ts
 * import { FileSystem } from "@effect/platform"
 * import { Effect } from "effect"
 * import { ThreadpoolFileSystem } from "effect-threadpool-io"
 *
 * const exists = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.exists("package.json")).pipe(
 *   Effect.provide(ThreadpoolFileSystem.layerPortable)
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerPortable: Layer.Layer<FileSystem.FileSystem, Win32Error> = onKernel(Kernel.layerPortable)

/**
 * The file system on a kernel with options that come from `Config`; `Kernel.config` reads them from the environment.
 *
 * @example
 * ```ts
 * import { Kernel, ThreadpoolFileSystem } from "effect-threadpool-io"
 *
 * const layer = ThreadpoolFileSystem.layerConfig(Kernel.config)
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  options: Config.Config.Wrap<Kernel.Kernel.Options>
): Layer.Layer<FileSystem.FileSystem, ConfigError.ConfigError | Win32Error> => onKernel(Kernel.layerConfig(options))
