/**
 * Directories that are watched by `ReadDirectoryChangesW`, for whoever calls `FileSystem.watch`.
 *
 * @since 0.2.0
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Path from "node:path"
import * as Directory from "./Directory.js"
import { ERROR_NOTIFY_ENUM_DIR } from "./internal/constants.js"
import { Kernel } from "./Kernel.js"
import * as Win32Error from "./Win32Error.js"

/**
 * Makes `FileSystem.watch` of `@effect/platform` run on `Directory.watch`, with its options and its events: names relative to what is
 * watched, as node's own backend gives them. A rename is a `Remove` and a `Create`. A file is watched through its directory.
 * When changes were lost the stream fails (1022): events have no way to say so.
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
 * @since 0.2.0
 * @category layers
 */
export const layer: Layer.Layer<FileSystem.WatchBackend, never, Kernel> = Layer.effect(
  FileSystem.WatchBackend,
  Effect.map(Kernel, (kernel) => make(kernel))
)

/** @internal */
export const make = (kernel: Kernel.Service): FileSystem.WatchBackend["Type"] => ({
  register: (path, stat, options) => {
    const recursive = options?.recursive ?? false
    const events = stat.type === "Directory"
      ? Directory.watch(path, { recursive }).pipe(Stream.mapConcatEffect(eventsOf(path)))
      : stat.type === "File"
      ? Directory.watch(Path.dirname(Path.resolve(path))).pipe(
        Stream.mapConcatEffect(eventsOf(path)),
        Stream.filter((event) => event.path === Path.basename(path))
      )
      : undefined
    return Option.map(Option.fromNullable(events), (events) =>
      events.pipe(
        Stream.mapError(Win32Error.toPlatformError("FileSystem", "watch")),
        Stream.provideService(Kernel, kernel)
      ))
  }
})

const eventsOf =
  (path: string) =>
  (change: Directory.Change): Effect.Effect<ReadonlyArray<FileSystem.WatchEvent>, Win32Error.Win32Error> => {
    switch (change._tag) {
      case "Created":
        return Effect.succeed([FileSystem.WatchEventCreate({ path: change.name })])
      case "Removed":
        return Effect.succeed([FileSystem.WatchEventRemove({ path: change.name })])
      case "Modified":
        return Effect.succeed([FileSystem.WatchEventUpdate({ path: change.name })])
      case "Renamed":
        return Effect.succeed([
          FileSystem.WatchEventRemove({ path: change.from.name }),
          FileSystem.WatchEventCreate({ path: change.to.name })
        ])
      case "Overflow":
        return Effect.fail(Win32Error.make({
          code: ERROR_NOTIFY_ENUM_DIR,
          syscall: "ReadDirectoryChangesW",
          path,
          detail: "Changes came faster than they were taken, and some are lost."
        }))
    }
  }
