/**
 * The vocabulary of errors: codes with their names, the closed set of reasons, and the way to `PlatformError`.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { knownCodes, nameOf, reasonOf, textOf } from "../../src/internal/codes.js"
import { fromErrno } from "../../src/internal/errno.js"
import * as Win32Error from "../../src/Win32Error.js"

/** Each reason in the vocabulary of `@effect/platform`; `undefined`: a BadArgument. */
const systemReasons: { readonly [R in Win32Error.Reason]: string | undefined } = {
  AlreadyBound: "Busy",
  AlreadyExists: "AlreadyExists",
  BrokenPipe: "BadResource",
  Busy: "Busy",
  Cancelled: "Unknown",
  Closed: "BadResource",
  DeviceFailure: "Unknown",
  EndOfFile: "UnexpectedEof",
  Exhausted: "Unknown",
  InvalidArgument: undefined,
  InvalidHandle: "BadResource",
  MoreData: "WouldBlock",
  NoSpace: "WriteZero",
  NotEmpty: "Unknown",
  NotFound: "NotFound",
  NotOverlapped: "BadResource",
  NotSameDevice: "Unknown",
  PermissionDenied: "PermissionDenied",
  TimedOut: "TimedOut",
  Unknown: "Unknown",
  Unsupported: "Unknown"
}
const reasons = Object.keys(systemReasons) as Array<Win32Error.Reason>

/** Codes that people match on: code, name, reason. */
const wellKnown: ReadonlyArray<readonly [number, string, Win32Error.Reason]> = [
  [2, "ERROR_FILE_NOT_FOUND", "NotFound"],
  [3, "ERROR_PATH_NOT_FOUND", "NotFound"],
  [5, "ERROR_ACCESS_DENIED", "PermissionDenied"],
  [6, "ERROR_INVALID_HANDLE", "InvalidHandle"],
  [8, "ERROR_NOT_ENOUGH_MEMORY", "Exhausted"],
  [17, "ERROR_NOT_SAME_DEVICE", "NotSameDevice"],
  [32, "ERROR_SHARING_VIOLATION", "Busy"],
  [33, "ERROR_LOCK_VIOLATION", "Busy"],
  [38, "ERROR_HANDLE_EOF", "EndOfFile"],
  [50, "ERROR_NOT_SUPPORTED", "Unsupported"],
  [80, "ERROR_FILE_EXISTS", "AlreadyExists"],
  [87, "ERROR_INVALID_PARAMETER", "InvalidArgument"],
  [109, "ERROR_BROKEN_PIPE", "BrokenPipe"],
  [112, "ERROR_DISK_FULL", "NoSpace"],
  [123, "ERROR_INVALID_NAME", "InvalidArgument"],
  [145, "ERROR_DIR_NOT_EMPTY", "NotEmpty"],
  [183, "ERROR_ALREADY_EXISTS", "AlreadyExists"],
  [206, "ERROR_FILENAME_EXCED_RANGE", "InvalidArgument"],
  [231, "ERROR_PIPE_BUSY", "Busy"],
  [232, "ERROR_NO_DATA", "BrokenPipe"],
  [233, "ERROR_PIPE_NOT_CONNECTED", "BrokenPipe"],
  [234, "ERROR_MORE_DATA", "MoreData"],
  [258, "WAIT_TIMEOUT", "TimedOut"],
  [303, "ERROR_DELETE_PENDING", "Busy"],
  [535, "ERROR_PIPE_CONNECTED", "AlreadyExists"],
  [676, "ERROR_HANDLES_CLOSED", "Cancelled"],
  [745, "ERROR_NOTIFY_CLEANUP", "Cancelled"],
  [995, "ERROR_OPERATION_ABORTED", "Cancelled"],
  [997, "ERROR_IO_PENDING", "Busy"],
  [1022, "ERROR_NOTIFY_ENUM_DIR", "MoreData"],
  [1117, "ERROR_IO_DEVICE", "DeviceFailure"],
  [1168, "ERROR_NOT_FOUND", "NotFound"],
  [1295, "ERROR_DISK_QUOTA_EXCEEDED", "NoSpace"],
  [1450, "ERROR_NO_SYSTEM_RESOURCES", "Exhausted"],
  [1784, "ERROR_INVALID_USER_BUFFER", "InvalidArgument"],
  [1921, "ERROR_CANT_RESOLVE_FILENAME", "InvalidArgument"]
]

describe("the table of codes", () => {
  it("has no code and no name twice", () => {
    expect(new Set(knownCodes).size).toBe(knownCodes.length)
    expect(new Set(knownCodes.map(nameOf)).size).toBe(knownCodes.length)
  })
  it("is in ascending order: a new row has its place", () => {
    expect([...knownCodes].sort((a, b) => a - b)).toEqual(knownCodes)
  })
  it("names every code as winerror.h does, and has a sentence for it", () => {
    for (const code of knownCodes) {
      expect(nameOf(code)).toMatch(/^(ERROR|WAIT)_[A-Z0-9_]+$/)
      expect(textOf(code)).toMatch(/^[A-Z].*[.]$/)
    }
  })
  it("knows only the reasons of the closed set", () => {
    for (const code of knownCodes) expect(reasons).toContain(reasonOf(code))
  })
  it("gives no reason that says something about this library to a code of the system's", () => {
    const ours: ReadonlyArray<Win32Error.Reason> = ["AlreadyBound", "Closed", "NotOverlapped"]
    for (const code of knownCodes) expect(ours).not.toContain(reasonOf(code))
  })
  for (const [code, name, reason] of wellKnown) {
    it(`${code} is ${name}, to be matched as ${reason}`, () => {
      expect([nameOf(code), reasonOf(code)]).toEqual([name, reason])
    })
  }
  it("has an answer for a code that it does not know", () => {
    expect([nameOf(54_321), reasonOf(54_321), textOf(54_321)]).toEqual(["ERROR_54321", "Unknown", "Win32 error 54321."])
  })
  it("has the code of every errno that has a counterpart", () => {
    for (
      const errno of ["ENOENT", "EACCES", "EPERM", "ENOSPC", "ENOTEMPTY", "EINVAL", "EXDEV", "EMFILE", "EIO", "ELOOP"]
    ) {
      expect(reasonOf(fromErrno(errno))).not.toBe("Unknown")
    }
  })
})

describe("an error", () => {
  const error = Win32Error.make({ code: 32, syscall: "CreateFileW", path: "C:\\report.xlsx", detail: "Close it." })

  it("has the code's name, reason and text where nothing else is said", () => {
    expect(error).toMatchObject({
      _tag: "Win32Error",
      code: 32,
      name: "ERROR_SHARING_VIOLATION",
      reason: "Busy",
      syscall: "CreateFileW",
      path: "C:\\report.xlsx",
      text: textOf(32)
    })
  })
  it("takes another reason, text and cause", () => {
    const cause = new Error("below")
    const other = Win32Error.make({ code: 6, syscall: "ReadFile", reason: "Closed", text: "Gone.", cause })
    expect(other).toMatchObject({ name: "ERROR_INVALID_HANDLE", reason: "Closed", text: "Gone.", cause })
  })
  it("says everything in one sentence", () => {
    expect(error.message).toBe(
      `CreateFileW C:\\report.xlsx: ERROR_SHARING_VIOLATION (32): ${textOf(32)} Close it.`
    )
  })
  it("names a handle where there is no path, and nothing where there is neither", () => {
    expect(Win32Error.make({ code: 6, syscall: "ReadFile", handle: 0x1a4 }).message).toMatch(/^ReadFile handle 0x1a4: /)
    expect(Win32Error.make({ code: 8, syscall: "VirtualAlloc" }).message).toMatch(/^VirtualAlloc: /)
  })
  it("is an Error, with a stack", () => {
    expect(error).toBeInstanceOf(Error)
    expect(error.stack).toContain("Win32Error.test")
  })
  it.effect("can be yielded, caught by its tag, and is shown in a cause", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(error)
      expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain("ERROR_SHARING_VIOLATION")
      const caught = yield* Effect.catchTag(error, "Win32Error", ({ reason }) => Effect.succeed(reason))
      expect(caught).toBe("Busy")
    }))
})

describe("as a PlatformError", () => {
  const convert = Win32Error.toPlatformError("FileSystem", "open")

  for (const reason of reasons) {
    it(`${reason} is ${systemReasons[reason] ?? "a BadArgument"}`, () => {
      const error = Win32Error.make({ code: 31, reason, syscall: "ReadFile", path: "p", detail: "More." })
      const platform = convert(error)
      expect(platform).toMatchObject({
        _tag: systemReasons[reason] === undefined ? "BadArgument" : "SystemError",
        module: "FileSystem",
        method: "open",
        cause: error
      })
      expect(platform.description).toBe(`ERROR_GEN_FAILURE: ${textOf(31)} More.`)
      if (platform._tag === "SystemError") {
        expect(platform).toMatchObject({ reason: systemReasons[reason], syscall: "ReadFile", pathOrDescriptor: "p" })
      }
    })
  }
  it("leaves out a path that is not known", () => {
    expect(convert(Win32Error.make({ code: 5, syscall: "ReadFile" }))).not.toHaveProperty("pathOrDescriptor")
  })
})
