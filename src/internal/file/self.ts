/**
 * A `File` as the functions on files know it: what makes one, what is refused in its name, and calls on its handle.
 */
import * as Effect from "effect/Effect"
import { pipeArguments } from "effect/Pipeable"
import type { File, TypeId as PublicTypeId } from "../../File.js"
import * as Win32Error from "../../Win32Error.js"
import { failNotA, type InvalidArgument, refusal } from "../arguments.js"
import { call } from "../call.js"
import { ERROR_INVALID_PARAMETER } from "../constants.js"
import type { Calls } from "../kernel/Calls.js"
import { hasTypeId, isA, isList } from "../values.js"

export const TypeId: PublicTypeId = Symbol.for("effect-threadpool-io/File") as PublicTypeId

const Proto = {
  [TypeId]: TypeId,
  pipe() {
    return pipeArguments(this, arguments)
  }
}

export const make = (fields: Pick<File, "alignment" | "io" | "kernel" | "path" | "unbuffered">): File =>
  Object.assign(Object.create(Proto), fields)

export const isFile = (u: unknown): u is File => hasTypeId(u, TypeId)

/** Before anything is asked of one: types are not kept when the program runs. */
export const isGenuine = (u: unknown): boolean => isA(u, TypeId, "io")

export const notAFile = (syscall: string, u: unknown) => failNotA("File", syscall, u)

/** A file comes first, also where what comes after it is missing: that is told, and no function is the answer. */
export const takesFile = (arguments_: IArguments): boolean => arguments_.length >= 3 || isGenuine(arguments_[0])

/** The requests come last where a list comes first. */
export const takesFileFirst = (arguments_: IArguments): boolean => !isList(arguments_[0])

export const refused = (self: File, syscall: string, detail: string, code: number = ERROR_INVALID_PARAMETER) =>
  Win32Error.make({ code, syscall, path: self.path, handle: self.io.handle, detail })

/** Fails where an argument is wrong. What is no file is found by the call itself. */
export const refuse = (self: File, syscall: string, problem: InvalidArgument | undefined) =>
  problem === undefined || !isGenuine(self) ? undefined : Effect.fail(refusal(syscall, problem, self))

/** A call on the handle of a file. */
export const callOn = <K extends HandleCall>(
  self: File,
  name: K,
  arguments_: Omit<Calls[K][0], "handle">,
  detail?: string
): Effect.Effect<Calls[K][1], Win32Error.Win32Error> =>
  isGenuine(self)
    ? call(self.kernel, name, { ...arguments_, handle: self.io.handle } as Calls[K][0], {
      path: self.path,
      handle: self.io.handle,
      object: self.io.object,
      detail
    })
    : notAFile(name, self)

type HandleCall =
  | "FlushFileBuffers"
  | "GetFileInformationByHandle"
  | "GetStorageInformation"
  | "SetAllocationInformation"
  | "SetBasicInformation"
  | "SetDispositionInformation"
  | "SetEndOfFile"
  | "SetRenameInformation"
