/**
 * Functions on the names of files: joining, renaming, copying and removing.
 */
import * as Effect from "effect/Effect"
import type { File, RenameOptions } from "../../File.js"
import { Kernel } from "../../Kernel.js"
import * as Win32Error from "../../Win32Error.js"
import { aBoolean, badPath, InvalidArgument, optionsOf, pathProblem, refusal } from "../arguments.js"
import { call } from "../call.js"
import { whileBusy } from "./busy.js"
import { copyFile } from "./copyFile.js"
import { joined, nameProblem } from "./names.js"
import { callOn, isGenuine, notAFile, refused } from "./self.js"

export const joinName = (directory: string, name: string): Effect.Effect<string, Win32Error.Win32Error> =>
  Effect.suspend(() => {
    const where = pathProblem(directory, "directory")
    if (where !== undefined) return Effect.fail(badPath("joinName", directory, where))
    const problem = nameProblem(name)
    return problem === undefined
      ? Effect.succeed(joined(directory, name))
      : Effect.fail(badPath("joinName", name, problem))
  })

const lookAtRename = optionsOf<RenameOptions>({ replace: aBoolean })

export const rename = (
  from: string,
  to: string,
  options: RenameOptions = {}
): Effect.Effect<void, Win32Error.Win32Error, Kernel> =>
  Effect.flatMap(Kernel, (kernel) => {
    const problem = pathsProblem("MoveFileExW", from, to)
    if (problem !== undefined) return Effect.fail(problem)
    const looked = lookAtRename(options)
    if (looked instanceof InvalidArgument) return Effect.fail(refusal("MoveFileExW", looked, { path: from }))
    return call(kernel, "MoveFileExW", { from, to, replace: looked.replace ?? false }, {
      path: from,
      detail: `The new name: ${to}`
    }).pipe(whileBusy)
  })

/** Checks both paths of a rename or a copy. */
const pathsProblem = (syscall: string, from: string, to: string): Win32Error.Win32Error | undefined => {
  const [ofOld, ofNew] = [pathProblem(from), pathProblem(to, "new name")]
  return ofOld !== undefined
    ? badPath(syscall, from, ofOld)
    : ofNew === undefined
    ? undefined
    : Win32Error.make({ ...badPath(syscall, to, ofNew), path: from })
}

export const renameTo = (
  self: File,
  to: string,
  options: RenameOptions
): Effect.Effect<void, Win32Error.Win32Error> => {
  if (!isGenuine(self)) return notAFile("SetRenameInformation", self)
  const problem = pathProblem(to, "new name")
  if (problem !== undefined) {
    const { code } = badPath("SetRenameInformation", to, problem)
    return Effect.fail(refused(self, "SetRenameInformation", problem, code))
  }
  const looked = lookAtRename(options)
  if (looked instanceof InvalidArgument) return Effect.fail(refusal("SetRenameInformation", looked, self))
  const { replace = false } = looked
  return callOn(self, "SetRenameInformation", { to, replace }, `The new name: ${to}`).pipe(whileBusy)
}

export const copy = (from: string, to: string): Effect.Effect<void, Win32Error.Win32Error, Kernel> =>
  Effect.flatMap(Kernel, (kernel) => {
    const problem = pathsProblem("CopyFileW", from, to)
    if (problem !== undefined) return Effect.fail(problem)
    return kernel.engine.kernel.copiesFiles === true
      ? call(kernel, "CopyFileW", { from, to }, { path: from, detail: `The copy: ${to}` })
      : copyFile(kernel, from, to)
  })

export const remove = (path: string): Effect.Effect<void, Win32Error.Win32Error, Kernel> =>
  Effect.flatMap(Kernel, (kernel) => {
    const problem = pathProblem(path)
    return problem !== undefined
      ? Effect.fail(badPath("DeleteFileW", path, problem))
      : call(kernel, "DeleteFileW", { path }, { path }).pipe(whileBusy)
  })
