/**
 * How files are opened: node's flags in Windows' words, and errors that say as much as node's.
 */
import type * as PlatformError from "@effect/platform/Error"
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as File from "../../File.js"
import { Kernel } from "../../Kernel.js"
import type * as Win32Error from "../../Win32Error.js"
import * as c from "../constants.js"
import { badArgument, fromWin32, systemError } from "./errors.js"
import { nodeCall } from "./nodeCall.js"

export type Opening = Pick<File.OpenOptions, "access" | "disposition">

const flags: { readonly [F in FileSystem.OpenFlag]: Opening } = {
  "r": { access: "read", disposition: "openExisting" },
  "r+": { access: "readwrite", disposition: "openExisting" },
  "w": { access: "write", disposition: "createAlways" },
  "wx": { access: "write", disposition: "createNew" },
  "w+": { access: "readwrite", disposition: "createAlways" },
  "wx+": { access: "readwrite", disposition: "createNew" },
  "a": { access: "append", disposition: "openAlways" },
  "ax": { access: "append", disposition: "createNew" },
  "a+": { access: "readappend", disposition: "openAlways" },
  "ax+": { access: "readappend", disposition: "createNew" }
}

export const appends = (flag: FileSystem.OpenFlag): boolean => flag.startsWith("a")

/** Sharing as node opens files: others may do with it what they like, and so may whoever opens it twice here. */
const share = ["read", "write", "delete"] as const

export interface Target {
  readonly method: string
  readonly path: string
  readonly flag: FileSystem.OpenFlag | Opening
  readonly mode?: number | undefined
  readonly hint?: File.OpenOptions["hint"]
  readonly noFollow?: boolean
}

const openingOf = (flag: Target["flag"]): Opening => typeof flag === "object" ? flag : flags[flag]

const optionsOf = ({ flag, hint, mode, noFollow = false }: Target): File.OpenOptions => ({
  ...openingOf(flag),
  share,
  mode,
  hint,
  noFollow
})

const refusal = ({ flag, method, path }: Target): PlatformError.PlatformError | undefined =>
  typeof path !== "string" || path.includes("\0")
    ? badArgument(method, "the path must be a string without NUL characters")
    : path === ""
    ? systemError("NotFound", method, path, "the path is empty")
    : openingOf(flag) === undefined
    ? badArgument(method, `${String(flag)} is no flag to open a file with`)
    : undefined

/** Opens a file into the scope. */
export const open = (kernel: Kernel.Service, target: Target) =>
  Effect.suspend(() => {
    const problem = refusal(target)
    if (problem !== undefined) return Effect.fail(problem)
    return File.open(target.path, optionsOf(target)).pipe(
      Effect.provideService(Kernel, kernel),
      Effect.catchAll((error) => explained(kernel, target, error))
    )
  })

/** Opens a file for the length of `use`. */
export const using = <A>(
  kernel: Kernel.Service,
  target: Target,
  use: (file: File.File) => Effect.Effect<A, Win32Error.Win32Error | PlatformError.PlatformError>
): Effect.Effect<A, PlatformError.PlatformError> =>
  Effect.suspend(() => {
    const problem = refusal(target)
    if (problem !== undefined) return Effect.fail(problem)
    return File.withFile(target.path, optionsOf(target), use).pipe(
      Effect.provideService(Kernel, kernel),
      Effect.catchAll((error) => error._tag === "Win32Error" ? explained(kernel, target, error) : Effect.fail(error))
    )
  })

/** To Windows a directory is something that may not be opened as a file: whether it is one must be asked. */
const explained = (
  kernel: Kernel.Service,
  { flag, method, path }: Target,
  error: Win32Error.Win32Error
): Effect.Effect<never, PlatformError.PlatformError> => {
  const plainly = Effect.suspend(() => Effect.fail(fromWin32(method)(error)))
  if (error.syscall !== "CreateFileW" || error.code !== c.ERROR_ACCESS_DENIED) return plainly
  return Effect.matchEffect(nodeCall<fs.Stats>(kernel, { method, path }, (done) => fs.stat(path, done)), {
    onFailure: () => plainly,
    onSuccess: (stats) => {
      if (!stats.isDirectory()) return plainly
      const reason = openingOf(flag).disposition === "createNew" ? "AlreadyExists" : "BadResource"
      return Effect.fail(systemError(reason, method, path, "it is a directory", error))
    }
  })
}
