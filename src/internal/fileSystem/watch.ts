/**
 * Directories that are watched by `ReadDirectoryChangesW`, as the backend of `FileSystem.watch`.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import * as Path from "node:path"
import * as Directory from "../../Directory.js"
import { Kernel } from "../../Kernel.js"
import type * as Operation from "../../Operation.js"
import * as Win32Error from "../../Win32Error.js"
import { ERROR_NOTIFY_ENUM_DIR } from "../constants.js"
import { nodeCall } from "./nodeCall.js"

/** The backend that watches with one kernel. */
export const make = (kernel: Kernel.Service): FileSystem.WatchBackend["Type"] => ({
  register: (path, stat, options) => {
    const watch = (directory: string, recursive: boolean, nameOf: NameOf) =>
      Directory.watch(directory, { recursive, filter: FILTER }).pipe(
        Stream.mapConcatEffect(eventsOf(path, nameOf)),
        Stream.mapError(Win32Error.toPlatformError("FileSystem", "watch")),
        Stream.provideService(Kernel, kernel)
      )
    if (stat.type === "Directory") return Option.some(watch(path, options?.recursive ?? false, (name) => name))
    if (stat.type !== "File") return Option.none()
    // A link is watched where it leads, as by node; and the system tells names as they are written on the disk.
    const real = nodeCall<string>(kernel, { method: "watch", path }, (done) => fs.realpath.native(path, done))
    const shown = Path.basename(path)
    return Option.some(Stream.unwrap(Effect.map(real, (real) => {
      const own = Path.basename(real)
      return watch(Path.dirname(real), false, (name) => name === own ? shown : undefined)
    })))
  }
})

/** The changes that node's own backend hears of. */
const FILTER: ReadonlyArray<Operation.Notification> = [
  "fileName",
  "directoryName",
  "attributes",
  "size",
  "lastWrite",
  "creation",
  "security"
]

/** The name that an event gives; nobody hears of what has none. */
type NameOf = (name: string) => string | undefined

/** The events that a change of a directory is for whoever watches `path`. */
export const eventsOf =
  (path: string, nameOf: NameOf) =>
  (change: Directory.Change): Effect.Effect<ReadonlyArray<FileSystem.WatchEvent>, Win32Error.Win32Error> => {
    const event = (make: (of: { readonly path: string }) => FileSystem.WatchEvent, place: Directory.Place) => {
      const name = nameOf(place.name)
      return name === undefined ? [] : [make({ path: name })]
    }
    switch (change._tag) {
      case "Created":
        return Effect.succeed(event(FileSystem.WatchEventCreate, change))
      case "Removed":
        return Effect.succeed(event(FileSystem.WatchEventRemove, change))
      case "Modified":
        return Effect.succeed(event(FileSystem.WatchEventUpdate, change))
      case "Renamed":
        return Effect.succeed([
          ...event(FileSystem.WatchEventRemove, change.from),
          ...event(FileSystem.WatchEventCreate, change.to)
        ])
      case "Overflow":
        if (change.unwatched !== undefined) {
          return Effect.logWarning("A directory below one that is watched is not watched").pipe(
            Effect.annotateLogs({ path: change.unwatched.path, reason: change.unwatched.error.reason }),
            Effect.as([])
          )
        }
        return Effect.fail(Win32Error.make({
          code: ERROR_NOTIFY_ENUM_DIR,
          syscall: "ReadDirectoryChangesW",
          path,
          detail: "Changes came faster than they were taken, and some are lost."
        }))
    }
  }
