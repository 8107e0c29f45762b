/**
 * Failures, as the `PlatformError` that code written against `FileSystem` matches on. Where @effect/platform-node has a
 * reason of its own for an errno it is the same here; what it loses in `Unknown` gets the nearest one that there is.
 */
import * as PlatformError from "@effect/platform/Error"
import * as Win32Error from "../../Win32Error.js"
import * as c from "../constants.js"
import { errnoOf } from "../errno.js"
import { retell, retellWin32 } from "../held/Place.js"
import { shown } from "../values.js"

const reasons: ReadonlyMap<string, PlatformError.SystemErrorReason> = new Map([
  ["ENOENT", "NotFound"],
  ["EACCES", "PermissionDenied"],
  ["EPERM", "PermissionDenied"],
  ["EROFS", "PermissionDenied"],
  ["EEXIST", "AlreadyExists"],
  // POSIX lets a system answer EEXIST in its place.
  ["ENOTEMPTY", "AlreadyExists"],
  ["EISDIR", "BadResource"],
  ["ENOTDIR", "BadResource"],
  ["ELOOP", "BadResource"],
  ["ESTALE", "BadResource"],
  ["EBADF", "BadResource"],
  ["ENXIO", "BadResource"],
  ["ENODEV", "BadResource"],
  ["EBUSY", "Busy"],
  ["ETXTBSY", "Busy"],
  ["EAGAIN", "WouldBlock"],
  ["EINVAL", "InvalidData"],
  ["ENAMETOOLONG", "InvalidData"],
  ["ENOSPC", "WriteZero"],
  ["EDQUOT", "WriteZero"],
  ["EFBIG", "WriteZero"],
  ["ETIMEDOUT", "TimedOut"],
  // Node's own refusals, for which there is an errno as well.
  ["ERR_FS_EISDIR", "BadResource"]
])

/** A failure of node:fs. */
export const fromErrno = (method: string, path: string) => (error: unknown): PlatformError.PlatformError => {
  const { message, syscall } = error as NodeJS.ErrnoException
  return new PlatformError.SystemError({
    reason: reasons.get(errnoOf(error) ?? "") ?? "Unknown",
    module: "FileSystem",
    method,
    pathOrDescriptor: typeof path === "string" ? path : shown(path),
    ...(syscall === undefined ? {} : { syscall }),
    description: message,
    cause: error
  })
}

/** An argument that was refused before anything was asked of the system. */
export const badArgument = (method: string, description: string, cause?: unknown): PlatformError.BadArgument =>
  new PlatformError.BadArgument({
    module: "FileSystem",
    method,
    description,
    ...(cause === undefined ? {} : { cause })
  })

export const systemError = (
  reason: PlatformError.SystemErrorReason,
  method: string,
  path: string,
  description: string,
  cause?: unknown
): PlatformError.SystemError =>
  new PlatformError.SystemError({
    reason,
    module: "FileSystem",
    method,
    pathOrDescriptor: path,
    description,
    ...(cause === undefined ? {} : { cause })
  })

/** Puts the user's path into a failure that names the system's. */
export const retold = (
  error: PlatformError.PlatformError,
  told: (text: string) => string
): PlatformError.PlatformError => {
  if (error._tag !== "SystemError") return error
  const { cause, description, method, module, pathOrDescriptor, reason, syscall } = error
  return new PlatformError.SystemError({
    reason,
    module,
    method,
    ...(syscall === undefined ? {} : { syscall }),
    ...(description === undefined ? {} : { description: told(description) }),
    ...(pathOrDescriptor === undefined
      ? {}
      : { pathOrDescriptor: typeof pathOrDescriptor === "string" ? told(pathOrDescriptor) : pathOrDescriptor }),
    ...(cause === undefined
      ? {}
      : { cause: cause instanceof Win32Error.Win32Error ? retellWin32(cause, told) : retell(cause, told) })
  })
}

/** Names that Windows refuses: node calls what they name missing. */
const isNoName = (code: number): boolean => code === c.ERROR_INVALID_NAME || code === c.ERROR_DIRECTORY

/** A failure of thread-pool I/O. On the portable kernel the errno underneath decides, as it does for node's own. */
export const fromWin32 = (method: string) => (error: Win32Error.Win32Error): PlatformError.PlatformError => {
  const converted = Win32Error.toPlatformError("FileSystem", method)(error)
  const reason = reasonOf(error)
  return reason === undefined || (converted._tag === "SystemError" && converted.reason === reason)
    ? converted
    : new PlatformError.SystemError({
      reason,
      module: "FileSystem",
      method,
      syscall: error.syscall,
      description: converted.description,
      ...(error.path === undefined ? {} : { pathOrDescriptor: error.path }),
      cause: error
    })
}

const reasonOf = (error: Win32Error.Win32Error): PlatformError.SystemErrorReason | undefined => {
  const underneath = reasons.get(errnoOf(error.cause) ?? "")
  if (underneath !== undefined) return underneath
  if (isNoName(error.code)) return "NotFound"
  switch (error.code) {
    // Unless we have refused it: the system has.
    case c.ERROR_INVALID_PARAMETER:
      return error.detail?.startsWith("Refused") === true ? undefined : "InvalidData"
    case c.ERROR_FILENAME_EXCED_RANGE:
      return "InvalidData"
    case c.ERROR_CANT_RESOLVE_FILENAME:
      return "BadResource"
    default:
      return error.reason === "Unsupported"
        ? "BadResource"
        : error.reason === "NotEmpty"
        ? "AlreadyExists"
        : undefined
  }
}
