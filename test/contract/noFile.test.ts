/**
 * Terminals, devices, FIFOs, sockets and directories. File.open either opens one, and an interruption ends an operation
 * that waits; or refuses it at once, typed, with a sentence that says why.
 */
import type { PlatformError } from "@effect/platform/Error"
import { expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync, spawn } from "node:child_process"
import { closeSync, constants, existsSync, lstatSync, mkdirSync, openSync, symlinkSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import * as File from "../../src/File.js"
import * as ThreadpoolFileSystem from "../../src/ThreadpoolFileSystem.js"
import { contract, failureOf } from "../support/claims.js"
import * as lab from "../support/lab.js"

const accesses = ["read", "write", "readwrite", "append"] as const

/** The sentences with which each way to open it is refused. */
const refusals = (path: string) =>
  Effect.forEach(
    accesses,
    (access) =>
      Effect.map(failureOf(Effect.scoped(File.open(path, { access }))), ({ code, message, reason }) => {
        expect(message).toContain(path)
        return { reason, code, message }
      })
  )

const socketAt = (path: string) =>
  Effect.acquireRelease(
    Effect.async<ReturnType<typeof createServer>>((resume) => {
      const server = createServer().listen(path, () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
  )

const fifo = Effect.map(lab.directory, (directory) => {
  const path = join(directory, "fifo")
  execFileSync("mkfifo", [path])
  return path
})

const hasPython = process.platform !== "win32" && ["/usr/bin/python3", "/usr/local/bin/python3"].some(existsSync)

/** The name of a terminal, whose other end is another process's, for as long as the scope. */
const terminal = Effect.map(
  Effect.acquireRelease(
    Effect.async<{ readonly name: string; readonly child: ReturnType<typeof spawn> }>((resume) => {
      const script = "import os, sys; m, s = os.openpty(); print(os.ttyname(s), flush=True); sys.stdin.read()"
      const child = spawn("python3", ["-c", script], { stdio: ["pipe", "pipe", "inherit"] })
      child.stdout.once("data", (name) => resume(Effect.succeed({ name: `${name}`.trim(), child })))
    }),
    ({ child }) =>
      Effect.async<void>((resume) => {
        child.once("close", () => resume(Effect.void))
        child.stdin!.end()
      })
  ),
  ({ name }) => name
)

contract("what is no file, on POSIX", ({ only }) => {
  const posix = only(lab.onPosix, "Windows has other names for other things")

  for (const name of ["null", "zero", "full", "urandom", "ptmx"]) {
    const there = only(existsSync(`/dev/${name}`) ? lab.onPosix : [], "this system has no such device")
    there(`/dev/${name} is refused, and said to be a device`, function*() {
      for (const { message, reason } of yield* refusals(`/dev/${name}`)) {
        expect([reason, message]).toEqual(["Unsupported", expect.stringContaining("character device")])
      }
    })
  }

  posix("the terminal of the process is refused, or there is none", function*() {
    for (const { reason } of yield* refusals("/dev/tty")) {
      expect(["Unsupported", "NotFound", "PermissionDenied"]).toContain(reason)
    }
  })

  only(hasPython ? lab.onPosix : [], "it takes a python3 to have a terminal")(
    "a pseudo-terminal is refused, and does not become the one of this process",
    function*() {
      const name = yield* terminal
      for (const { message, reason } of yield* refusals(name)) {
        expect([reason, message]).toEqual(["Unsupported", expect.stringContaining("character device")])
      }
    }
  )

  posix("a FIFO is refused without waiting, with another end and without", function*() {
    const path = yield* fifo
    for (const { reason } of yield* refusals(path)) expect(reason).toBe("Unsupported")
    const other = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
    for (const { message, reason } of yield* refusals(path)) {
      expect([reason, message]).toEqual(["Unsupported", expect.stringContaining("FIFO")])
    }
    closeSync(other)
  })

  posix("a socket is refused", function*() {
    const path = join(yield* lab.directory, "socket")
    yield* socketAt(path)
    for (const { reason } of yield* refusals(path)) expect(reason).toBe("Unsupported")
  })

  posix("a directory is refused, and a link to a device as the device", function*() {
    const directory = yield* lab.directory
    const [below, link] = [join(directory, "below"), join(directory, "link")]
    mkdirSync(below)
    symlinkSync("/dev/zero", link)
    for (const { code } of yield* refusals(below)) expect(code).toBe(5)
    for (const { reason } of yield* refusals(link)) expect(reason).toBe("Unsupported")
    expect(lstatSync(link).isSymbolicLink()).toBe(true)
  })

  posix("FileSystem refuses them as well, with a reason and without waiting", function*() {
    const fs = yield* ThreadpoolFileSystem.make
    const path = yield* fifo
    for (
      const attempt of [
        fs.open(path),
        fs.readFile(path),
        fs.readFile("/dev/zero"),
        fs.writeFile("/dev/full", new Uint8Array(1))
      ]
    ) {
      const error = yield* failureOf(Effect.scoped(attempt as Effect.Effect<unknown, PlatformError>))
      expect(error).toMatchObject({ _tag: expect.stringMatching(/SystemError|BadArgument/) })
    }
  })
})

contract("what is no file, on Windows", ({ only }) => {
  const windows = only("win32", "POSIX has other names for other things")

  windows("a serial port, a disk and a pipe that are not there are said not to be there", function*() {
    for (const path of ["\\\\.\\COM97", "\\\\.\\PhysicalDrive97", "\\\\.\\pipe\\tpio-nobody-listens"]) {
      expect(yield* failureOf(File.open(path))).toMatchObject({ reason: "NotFound", path })
    }
  })

  windows("the null device reads nothing and takes everything", function*() {
    const file = yield* File.open("\\\\.\\NUL", { access: "readwrite" })
    expect(yield* File.read(file, new Uint8Array(8), 0)).toBe(0)
    yield* File.writeAll(file, new Uint8Array(100), 0)
  })

  windows("a name of a device in a directory is a file's: NUL, CON and COM1 are no devices there", function*() {
    const directory = yield* lab.directory
    for (const name of ["NUL", "CON", "COM1"]) {
      expect(yield* failureOf(File.open(join(directory, name)))).toMatchObject({ reason: "NotFound" })
    }
  })
})
