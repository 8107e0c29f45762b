/**
 * The parts put together.
 */
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Kernel } from "../../Kernel.js"
import type { ThreadpoolFileSystem } from "../../ThreadpoolFileSystem.js"
import { aBoolean, aMode, aString, InvalidArgument, optionsOf, wrong } from "../arguments.js"
import { plainBytes, shown } from "../values.js"
import * as contents from "./contents.js"
import { copy } from "./copy.js"
import { copyFile } from "./copyFile.js"
import * as entries from "./entries.js"
import { badArgument, systemError } from "./errors.js"
import { OpenFile } from "./openFile.js"
import { appends, open, using } from "./opening.js"
import * as streams from "./streams.js"
import * as temporary from "./temporary.js"
import * as text from "./text.js"
import * as watch from "./watch.js"

export const make: Effect.Effect<ThreadpoolFileSystem, never, Kernel> = Effect.gen(function*() {
  const kernel = yield* Kernel
  const given = yield* Effect.serviceOption(FileSystem.WatchBackend)
  return fileSystem(kernel, Option.getOrElse(given, () => watch.make(kernel)))
})

const lookAtOpen = optionsOf<FileSystem.OpenFileOptions>({ flag: aString, mode: aMode })
const lookAtCopy = optionsOf<FileSystem.CopyOptions>({ overwrite: aBoolean, preserveTimestamps: aBoolean })
const lookAtWatch = optionsOf<FileSystem.WatchOptions>({ recursive: aBoolean })

/** Goes on with options that are what they are to be. */
const looked = <O, A, R>(
  method: string,
  options: O | InvalidArgument,
  f: (options: O) => Effect.Effect<A, PlatformError, R>
): Effect.Effect<A, PlatformError, R> =>
  options instanceof InvalidArgument ? Effect.fail(badArgument(method, options.problem, options.cause)) : f(options)

const fileSystem = (kernel: Kernel.Service, backend: FileSystem.WatchBackend["Type"]): ThreadpoolFileSystem => {
  const names = entries.make(kernel)

  const opened: ThreadpoolFileSystem["open"] = (path, options = {}) =>
    looked(
      "open",
      lookAtOpen(options),
      ({ flag = "r", mode }) =>
        Effect.map(open(kernel, { method: "open", path, flag, mode }), (file) => new OpenFile(file, appends(flag)))
    )

  const made = FileSystem.make({
    ...names,
    ...temporary.make(kernel),

    open: opened,

    copy: (fromPath, toPath, options = {}) =>
      looked("copy", lookAtCopy(options), (options) => copy(kernel, fromPath, toPath, options)),

    copyFile: (fromPath, toPath) =>
      copyFile(kernel, { method: "copyFile", from: fromPath, to: toPath, preserveTimestamps: false }),

    readFile: (path) =>
      using(kernel, { method: "readFile", path, flag: "r", hint: "sequential" }, (file) => contents.read(file)),

    truncate: (path, length = 0) =>
      typeof length === "number" && !Number.isInteger(length)
        ? Effect.fail(badArgument("truncate", `${length} is no length`))
        : using(kernel, { method: "truncate", path, flag: "r+" }, (file) => Effect.asVoid(contents.cut(file, length))),

    watch: (path, options = {}) =>
      Stream.unwrap(
        looked("watch", wrong("path", path, aString) ?? lookAtWatch(options), (options) =>
          Effect.map(names.stat(path), (stat) =>
            Option.getOrElse(
              backend.register(path, stat, options),
              () =>
                Stream.fail(systemError("BadResource", "watch", path, "neither a file nor a directory"))
            )))
      ),

    writeFile: (path, data, options = {}) =>
      looked("writeFile", lookAtOpen(options), ({ flag = "w", mode }) => {
        const bytes = plainBytes(data)
        if (bytes === undefined) return Effect.fail(badArgument("writeFile", `${shown(data)} is no Uint8Array`))
        return using(
          kernel,
          { method: "writeFile", path, flag, mode },
          (file) => appends(flag) ? contents.append(file, bytes) : contents.write(file, bytes, 0n)
        )
      })
  })

  return {
    ...made,
    open: opened,
    readFileString: (path, encoding) => text.read(kernel, path, encoding),
    stream: (path, options) => streams.stream(kernel, path, options),
    sink: (path, options) => streams.sink(kernel, path, options)
  }
}
