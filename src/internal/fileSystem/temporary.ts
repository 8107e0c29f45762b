/**
 * Temporary files and directories: made under a random name, and taken away with the scope. What an interruption leaves
 * nobody to know of is taken away at once.
 */
import type * as PlatformError from "@effect/platform/Error"
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { randomBytes } from "node:crypto"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import type { Kernel } from "../../Kernel.js"
import { aString, InvalidArgument, type Kind, optionsOf } from "../arguments.js"
import { leadsElsewhere } from "../file/names.js"
import type { Restore } from "../settle.js"
import { badArgument } from "./errors.js"
import { nodeCallIn } from "./nodeCall.js"
import { using } from "./opening.js"
import { removeTree } from "./trees.js"

type Failing<A> = Effect.Effect<A, PlatformError.PlatformError>
type Scoped = Effect.Effect<string, PlatformError.PlatformError, Scope.Scope>

/** `directory` says where: what leads elsewhere is no part of a name, though node takes it. */
const aPartOfAName: Kind = {
  name: "a part of a name, without separators",
  is: (value) => typeof value === "string" && !leadsElsewhere(`x${value}`)
}

const readOptions = optionsOf<FileSystem.MakeTempFileOptions>({
  directory: aString,
  prefix: aPartOfAName,
  suffix: aPartOfAName
})

const looked = (
  method: string,
  options: FileSystem.MakeTempFileOptions = {},
  use: (options: FileSystem.MakeTempFileOptions, restore: Restore) => Failing<string>
): Failing<string> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.suspend(() => {
      const looked = readOptions(options)
      return looked instanceof InvalidArgument
        ? Effect.fail(badArgument(method, looked.problem, looked.cause))
        : use(looked, restore)
    })
  )

/** The prefix that `mkdtemp` puts six characters behind. */
const prefixOf = ({ directory, prefix }: FileSystem.MakeTempDirectoryOptions): string => {
  const parent = directory === undefined ? tmpdir() : join(directory, ".")
  // A prefix of dots alone is no directory: more comes behind it.
  return prefix === undefined || prefix === "" ? `${parent}/` : join(parent, `${prefix}x`).slice(0, -1)
}

export const make = (kernel: Kernel.Service) => {
  const directoryIn = (
    restore: Restore,
    method: string,
    options: FileSystem.MakeTempDirectoryOptions
  ): Failing<string> => {
    const prefix = prefixOf(options)
    const dispose = (path: string): void => fs.rmdir(path, () => {})
    return nodeCallIn<string>(restore, kernel, { method, path: prefix, dispose }, (done) => fs.mkdtemp(prefix, done))
  }

  const directory = (method: string, options?: FileSystem.MakeTempDirectoryOptions): Failing<string> =>
    looked(method, options, (options, restore) => directoryIn(restore, method, options))

  /** Another process may have been faster. */
  const remove = (method: string, path: string): Failing<void> => removeTree(kernel, { method, path }, true)

  const file = (method: string, options?: FileSystem.MakeTempFileOptions): Failing<string> =>
    looked(method, options, (options, restore) =>
      Effect.flatMap(directoryIn(restore, method, options), (parent) => {
        const path = join(parent, randomBytes(6).toString("hex") + (options.suffix ?? ""))
        return restore(using(kernel, { method, path, flag: "w+" }, () => Effect.void)).pipe(
          Effect.onError(() => Effect.ignore(remove(method, parent))),
          Effect.as(path)
        )
      }))

  return {
    makeTempDirectory: (options?: FileSystem.MakeTempDirectoryOptions): Failing<string> =>
      directory("makeTempDirectory", options),

    makeTempDirectoryScoped: (options?: FileSystem.MakeTempDirectoryOptions): Scoped =>
      Effect.acquireRelease(
        directory("makeTempDirectoryScoped", options),
        (path) => Effect.orDie(remove("makeTempDirectoryScoped", path))
      ),

    makeTempFile: (options?: FileSystem.MakeTempFileOptions): Failing<string> => file("makeTempFile", options),

    makeTempFileScoped: (options?: FileSystem.MakeTempFileOptions): Scoped =>
      Effect.acquireRelease(
        file("makeTempFileScoped", options),
        (path) => Effect.orDie(remove("makeTempFileScoped", dirname(path)))
      )
  }
}
