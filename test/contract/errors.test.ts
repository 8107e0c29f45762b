/**
 * A failure says what it was, of which call, on what, in the system's own words; and nothing of it is lost on the way
 * to `PlatformError`.
 */
import { describe, expect } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { join } from "node:path"
import * as File from "../../src/File.js"
import * as Handle from "../../src/Handle.js"
import * as Kernel from "../../src/Kernel.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import * as Win32Error from "../../src/Win32Error.js"
import { contract, failureOf, fileOf } from "../support/claims.js"
import * as lab from "../support/lab.js"

type Failing = (path: string) => Effect.Effect<unknown, Win32Error.Win32Error, Kernel.Kernel>

const onFile =
  (options: File.OpenOptions, use: (file: File.File) => Effect.Effect<unknown, Win32Error.Win32Error>) =>
  (path: string) => Effect.scoped(Effect.flatMap(File.open(path, options), use))

const making = { access: "write", disposition: "createNew" } as const

/** A failure of each kind that a file can bring about, with what it must say. */
const failures: Record<
  string,
  readonly [Failing, Pick<Win32Error.Win32Error, "code" | "name" | "reason" | "syscall">]
> = {
  "a missing file": [
    (path) => Effect.scoped(File.open(`${path}-missing`)),
    { code: 2, name: "ERROR_FILE_NOT_FOUND", reason: "NotFound", syscall: "CreateFileW" }
  ],
  "a file that is there already": [
    (path) => Effect.scoped(File.open(path, making)),
    { code: 80, name: "ERROR_FILE_EXISTS", reason: "AlreadyExists", syscall: "CreateFileW" }
  ],
  "a directory": [
    (path) => Effect.scoped(File.open(join(path, ".."))),
    { code: 5, name: "ERROR_ACCESS_DENIED", reason: "PermissionDenied", syscall: "CreateFileW" }
  ],
  "a read without the right to": [
    onFile({ access: "write" }, File.read(new Uint8Array(1), 0)),
    { code: 5, name: "ERROR_ACCESS_DENIED", reason: "PermissionDenied", syscall: "ReadFile" }
  ],
  "a write without the right to": [
    onFile({}, File.write(new Uint8Array(1), 0)),
    { code: 5, name: "ERROR_ACCESS_DENIED", reason: "PermissionDenied", syscall: "WriteFile" }
  ],
  "an end of file that comes too early": [
    onFile({}, File.readExact(new Uint8Array(10), 0)),
    { code: 38, name: "ERROR_HANDLE_EOF", reason: "EndOfFile", syscall: "ReadFile" }
  ],
  "an offset that is none": [
    onFile({}, File.read(new Uint8Array(1), -1)),
    { code: 87, name: "ERROR_INVALID_PARAMETER", reason: "InvalidArgument", syscall: "ReadFile" }
  ],
  "a file whose scope has closed": [
    (path) => Effect.flatMap(Effect.scoped(File.open(path)), File.sync),
    { code: 6, name: "ERROR_INVALID_HANDLE", reason: "Closed", syscall: "FlushFileBuffers" }
  ],
  "a name that is taken": [
    (path) => Effect.zipRight(Effect.scoped(File.open(`${path}2`, making)), File.rename(path, `${path}2`)),
    { code: 183, name: "ERROR_ALREADY_EXISTS", reason: "AlreadyExists", syscall: "MoveFileExW" }
  ],
  "a removal of nothing": [
    (path) => File.remove(`${path}-missing`),
    { code: 2, name: "ERROR_FILE_NOT_FOUND", reason: "NotFound", syscall: "DeleteFileW" }
  ]
}

contract("a failure", ({ claim, only }) => {
  describe("says what it was", () => {
    for (const [name, [failing, expected]] of Object.entries(failures)) {
      claim(name, function*() {
        const error = yield* failureOf(failing(yield* fileOf("12345")))
        expect(error).toBeInstanceOf(Win32Error.Win32Error)
        expect(error).toMatchObject(expected)
        expect(error.path).toContain("tpio-")
        expect(error.text.length).toBeGreaterThan(5)
        for (const part of [error.syscall, error.path!, error.name, `(${error.code})`, error.text]) {
          expect(error.message).toContain(part)
        }
      })
    }
    claim("a handle where no path is known", function*() {
      const error = yield* failureOf(Effect.scoped(ThreadpoolIo.make(Handle.make(0x7fff_fff0))))
      expect(error).toMatchObject({ handle: 0x7fff_fff0, syscall: "CreateThreadpoolIo" })
      expect(error.message).toContain("handle 0x7ffffff0")
    })
    claim("the path that was given for a handle", function*() {
      const error = yield* failureOf(Effect.scoped(ThreadpoolIo.make(Handle.make(0x7fff_fff0), { path: "my device" })))
      expect(error).toMatchObject({ path: "my device" })
    })
    only("win32", "there are no texts of Windows here")("in the system's own words", function*() {
      const { kernel } = (yield* Kernel.Kernel).engine
      const error = yield* failureOf(Effect.scoped(File.open(`${yield* fileOf("")}-missing`)))
      expect(error.text).toBe(kernel.message(2))
    })
    only("portable", "there is no other error underneath")(
      "with the error of the system underneath as its cause",
      function*() {
        const error = yield* failureOf(Effect.scoped(File.open(`${yield* fileOf("")}-missing`)))
        expect(error.cause).toMatchObject({ code: "ENOENT", syscall: "open" })
        expect(error.message).toContain("ENOENT")
      }
    )
  })

  describe("in a program", () => {
    claim("is caught by its tag, and matched by its reason", function*() {
      const missing = `${yield* fileOf("")}-missing`
      const size = yield* Effect.scoped(Effect.flatMap(File.open(missing), File.size)).pipe(
        Effect.catchTag("Win32Error", (error) => error.reason === "NotFound" ? Effect.succeed(0n) : Effect.fail(error))
      )
      expect(size).toBe(0n)
    })
    claim("is shown whole in a cause", function*() {
      const exit = yield* Effect.exit(Effect.scoped(File.open(`${yield* fileOf("")}-missing`)))
      expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain("CreateFileW")
    })
    claim("becomes a PlatformError with nothing lost", function*() {
      const missing = `${yield* fileOf("")}-missing`
      const error = yield* failureOf(Effect.scoped(File.open(missing)))
      const platform = Win32Error.toPlatformError("FileSystem", "open")(error)
      expect(platform).toMatchObject({
        _tag: "SystemError",
        reason: "NotFound",
        module: "FileSystem",
        method: "open",
        syscall: "CreateFileW",
        pathOrDescriptor: missing
      })
      expect(platform.cause).toBe(error)
      expect(platform.description).toContain("ERROR_FILE_NOT_FOUND")
    })
    claim("of bad arguments becomes a BadArgument", function*() {
      const error = yield* failureOf(Effect.scoped(File.open("")))
      expect(Win32Error.toPlatformError("FileSystem", "open")(error)).toMatchObject({ _tag: "BadArgument" })
    })
  })
})

contract("a kernel", ({ claim, only }) => {
  only("portable", "here it can be had")(
    "that the platform does not have is Unsupported, and says what to do",
    function*() {
      const error = yield* failureOf(Effect.provide(Kernel.ledger, Kernel.layerWin32))
      expect(error).toMatchObject({ reason: "Unsupported", path: "kernel32.dll" })
      expect(error.message).toContain("Kernel.layerPortable")
    }
  )
  claim("`auto` is the one of the platform", function*() {
    const name = yield* Effect.provide(Effect.map(Kernel.Kernel, ({ name }) => name), Kernel.layer)
    expect(name).toBe(process.platform === "win32" ? "win32" : "portable")
    expect((yield* Kernel.Kernel).name).toBe(lab.kernelName)
  })
})
