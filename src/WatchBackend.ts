/**
 * Directories that are watched by `ReadDirectoryChangesW`, for whoever calls `FileSystem.watch`.
 *
 * @since 0.1.0
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as internal from "./internal/fileSystem/watch.js"
import { Kernel } from "./Kernel.js"

/**
 * Makes `FileSystem.watch` of `@effect/platform` run on `Directory.watch`, with its options and its events: names
 * relative to what is watched, as node's own backend gives them. Permissions and times count as an `Update`. A rename
 * is a `Remove` and a `Create`. A file is watched through its directory, and a link to a file through the directory of
 * that file. When changes were lost the stream fails (1022): events have no way to say so. A directory
 * below that cannot be watched is logged as a warning.
 *
 * Give it to the layer of the file system, which takes its backend when it is built.
 *
 * @example
 * ```ts
 * import { FileSystem } from "@effect/platform"
 * import { NodeFileSystem } from "@effect/platform-node"
 * import { Effect, Layer, Stream } from "effect"
 * import { Kernel, WatchBackend } from "effect-threadpool-io"
 *
 * const layer = NodeFileSystem.layer.pipe(
 *   Layer.provide(WatchBackend.layer),
 *   Layer.provide(Kernel.layer)
 * )
 *
 * const program = Effect.flatMap(FileSystem.FileSystem, (fs) =>
 *   Stream.runForEach(fs.watch("inbox"), (event) => Effect.log(event))
 * ).pipe(Effect.provide(layer))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<FileSystem.WatchBackend, never, Kernel> = Layer.effect(
  FileSystem.WatchBackend,
  Effect.map(Kernel, internal.make)
)
