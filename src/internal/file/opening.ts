/**
 * Opening a file: what is asked for, as `CreateFileW` takes it, and a file that is closed with its scope.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type { File, OpenOptions } from "../../File.js"
import { Kernel } from "../../Kernel.js"
import * as Win32Error from "../../Win32Error.js"
import {
  aBoolean,
  aFunction,
  aMode,
  badPath,
  InvalidArgument,
  ioKinds,
  isAnEffect,
  listOf,
  oneOf,
  optionsOf,
  pathProblem,
  refusal,
  wrong
} from "../arguments.js"
import { callIn } from "../call.js"
import * as c from "../constants.js"
import { bindOrClose, openHandleIn, orClose } from "../openHandle.js"
import type { Restore } from "../settle.js"
import { close } from "../threadpoolIo.js"
import { make } from "./self.js"

/** FILE_GENERIC_WRITE without FILE_WRITE_DATA. */
const APPEND = c.FILE_APPEND_DATA | c.FILE_WRITE_ATTRIBUTES | c.FILE_WRITE_EA | c.STANDARD_RIGHTS_WRITE | c.SYNCHRONIZE

const accessBits = {
  read: c.GENERIC_READ,
  write: c.GENERIC_WRITE,
  readwrite: (c.GENERIC_READ | c.GENERIC_WRITE) >>> 0,
  append: APPEND,
  readappend: (c.GENERIC_READ | APPEND) >>> 0
}
const shareBits = { read: c.FILE_SHARE_READ, write: c.FILE_SHARE_WRITE, delete: c.FILE_SHARE_DELETE }
const dispositions = {
  openExisting: c.OPEN_EXISTING,
  createNew: c.CREATE_NEW,
  createAlways: c.CREATE_ALWAYS,
  openAlways: c.OPEN_ALWAYS,
  truncateExisting: c.TRUNCATE_EXISTING
}

const readOptions = optionsOf<OpenOptions>({
  access: oneOf(...Object.keys(accessBits)),
  share: listOf(oneOf(...Object.keys(shareBits))),
  disposition: oneOf(...Object.keys(dispositions)),
  writeThrough: aBoolean,
  hint: oneOf("sequential", "random"),
  unbuffered: aBoolean,
  deletable: aBoolean,
  noFollow: aBoolean,
  mode: aMode,
  ...ioKinds
})

const OWNER_WRITES = 0o200

const attributesOf = (mode = OWNER_WRITES): number =>
  (mode & OWNER_WRITES) === 0 ? c.FILE_ATTRIBUTE_READONLY : c.FILE_ATTRIBUTE_NORMAL

const createFileArguments = (path: string, options: OpenOptions) => {
  const access = options.access ?? "read"
  const share = options.share ??
    (access === "read" ? ["read", "write", "delete"] as const : ["read", "delete"] as const)
  return {
    path,
    access: (accessBits[access] | (options.deletable === true ? c.DELETE : 0)) >>> 0,
    share: share.reduce((bits, one) => bits | shareBits[one], 0),
    disposition: dispositions[options.disposition ?? "openExisting"],
    flags: (attributesOf(options.mode) |
      (options.writeThrough === true ? c.FILE_FLAG_WRITE_THROUGH : 0) |
      (options.unbuffered === true ? c.FILE_FLAG_NO_BUFFERING : 0) |
      (options.hint === "sequential" ? c.FILE_FLAG_SEQUENTIAL_SCAN : 0) |
      (options.hint === "random" ? c.FILE_FLAG_RANDOM_ACCESS : 0) |
      (options.noFollow === true ? c.FILE_FLAG_OPEN_REPARSE_POINT : 0)) >>> 0,
    mode: options.mode ?? 0o666
  }
}

export const open = (
  path: string,
  options: OpenOptions = {}
): Effect.Effect<File, Win32Error.Win32Error, Kernel | Scope.Scope> =>
  Effect.flatMap(
    Kernel,
    (kernel) =>
      Effect.flatMap(Scope.Scope, (scope) =>
        Effect.uninterruptibleMask((restore) =>
          Effect.tap(acquire(restore, kernel, path, options), ({ io }) =>
            Scope.addFinalizer(scope, close(io)))
        ))
  )

export const withFile = <A, E, R>(
  path: string,
  options: OpenOptions,
  use: (file: File) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | Win32Error.Win32Error, R | Kernel> =>
  Effect.flatMap(
    Kernel,
    (kernel): Effect.Effect<A, E | Win32Error.Win32Error, R> => {
      const problem = wrong("use", use, aFunction)
      if (problem !== undefined) return Effect.fail(refusal("CreateFileW", problem, { path }))
      return Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(acquire(restore, kernel, path, options), (file) =>
          Effect.matchCauseEffect(
            restore(Effect.suspend(() => answerOf("use", use(file), file))),
            {
              onSuccess: (value) => Effect.as(close(file.io), value),
              onFailure: (cause) =>
                Effect.matchCauseEffect(close(file.io), {
                  onSuccess: () => Effect.failCause(cause),
                  onFailure: (defect) => Effect.failCause(Cause.sequential(cause, defect))
                })
            }
          ))
      )
    }
  )

/** Fails where the caller's function has not answered an effect. */
const answerOf = <A, E, R>(
  name: string,
  effect: Effect.Effect<A, E, R>,
  { path }: File
): Effect.Effect<A, E | Win32Error.Win32Error, R> => {
  const problem = wrong(`what ${name} answers`, effect, isAnEffect)
  return problem === undefined ? effect : Effect.fail(refusal("CreateFileW", problem, { path }))
}

const acquire = (
  restore: Restore,
  kernel: Kernel.Service,
  path: string,
  given: OpenOptions
): Effect.Effect<File, Win32Error.Win32Error> => {
  const options = readOptions(given)
  if (options instanceof InvalidArgument) return Effect.fail(refusal("CreateFileW", options, { path }))
  return Effect.flatMap(
    openHandle(restore, kernel, path, options),
    (handle) => {
      if (options.unbuffered !== true) return bind(kernel, handle, path, options, 1)
      return Effect.flatMap(
        orClose(kernel, handle, alignmentOf(restore, kernel, path, handle)),
        (alignment) => bind(kernel, handle, path, options, alignment)
      )
    }
  )
}

/** The sector size of a file that is read and written past the cache. */
const alignmentOf = (
  restore: Restore,
  kernel: Kernel.Service,
  path: string,
  handle: number
): Effect.Effect<number, Win32Error.Win32Error> =>
  Effect.match(
    callIn(restore, kernel, "GetStorageInformation", { handle }, { path, handle }),
    { onSuccess: (sectors) => sectors.logicalBytesPerSector || c.LARGEST_SECTOR, onFailure: () => c.LARGEST_SECTOR }
  )

const bind = (
  kernel: Kernel.Service,
  handle: number,
  path: string,
  { drainTimeout, maxInFlight, skipMode, spans, unbuffered }: OpenOptions,
  alignment: number
): Effect.Effect<File, Win32Error.Win32Error> =>
  Effect.map(
    bindOrClose(kernel, handle, { path, skipMode, maxInFlight, drainTimeout, spans }),
    (io) => make({ path, io, alignment, kernel, unbuffered: unbuffered === true })
  )

const openHandle = (restore: Restore, kernel: Kernel.Service, path: string, options: OpenOptions) => {
  const problem = pathProblem(path)
  if (problem !== undefined) return Effect.fail(badPath("CreateFileW", path, problem))
  if (options.disposition === "truncateExisting" && !/write/.test(options.access ?? "read")) {
    return Effect.fail(Win32Error.make({
      code: c.ERROR_INVALID_PARAMETER,
      syscall: "CreateFileW",
      path,
      detail: `The disposition "truncateExisting" needs an access with which to write, not "${
        options.access ?? "read"
      }".`
    }))
  }
  return openHandleIn(restore, kernel, "CreateFileW", createFileArguments(path, options))
}
