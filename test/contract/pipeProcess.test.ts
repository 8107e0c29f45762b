/**
 * Pipes between processes; and, on the portable kernel, where their sockets are and who can reach them. The other
 * process runs what `npm run build` has compiled.
 */
import { expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import * as NamedPipe from "../../src/NamedPipe.js"
import type { Win32Error } from "../../src/Win32Error.js"
import { contract, failureOf, sleep } from "../support/claims.js"
import * as lab from "../support/lab.js"

const here = fileURLToPath(new URL(".", import.meta.url))
const build = here.includes("build") ? resolve(here, "../..") : resolve(here, "../../build")

let serial = 0
const fresh = () => `tpio-process-${process.pid}-${serial++}`

/** A process; what it has printed so far. Its output goes to a file: under Wine it cannot go to a pipe. */
const start = (command: ReadonlyArray<string>, options: { readonly uid?: number } = {}) =>
  Effect.gen(function*() {
    const path = join(yield* lab.directory, "output")
    const file = fs.openSync(path, "w")
    const child = spawn(process.execPath, command, {
      ...options,
      cwd: "/",
      env: { ...process.env, TPIO_KERNEL: lab.kernelName },
      stdio: ["ignore", file, file]
    })
    let ended = false
    child.once("exit", () => {
      ended = true
    })
    const kill = Effect.zipRight(
      Effect.sync(() => child.kill("SIGKILL")),
      lab.eventually("the other process has ended", () => ended)
    )
    yield* Effect.addFinalizer(() => Effect.zipRight(Effect.orDie(kill), Effect.sync(() => fs.closeSync(file))))
    const output = () => fs.readFileSync(path, "utf8").trim()
    const says = (line: string) => lab.eventually(`it says ${line}`, () => output() === line, 25_000)
    const end = Effect.map(lab.eventually("it ends", () => ended, 25_000), output)
    return { child: child as ChildProcess, kill, says, end, output }
  })

const program = (what: string, name: string) => start([join(build, "test/support/pipePrograms.js"), what, name])

const exchange = (connection: NamedPipe.Connection, said: string) =>
  Effect.gen(function*() {
    yield* NamedPipe.writeAll(connection, new TextEncoder().encode(said))
    const buffer = new Uint8Array(64)
    const { bytesTransferred } = yield* NamedPipe.read(connection, buffer)
    return new TextDecoder().decode(buffer.subarray(0, bytesTransferred))
  })

/** The words of the next client to the connection that the fiber accepts. */
const heardFromAClient = (name: string, accepting: Fiber.Fiber<NamedPipe.Connection, Win32Error>) =>
  Effect.gen(function*() {
    const client = yield* NamedPipe.connect(name)
    yield* NamedPipe.writeAll(client, new TextEncoder().encode("me"))
    const buffer = new Uint8Array(64)
    const { bytesTransferred } = yield* NamedPipe.read(yield* Fiber.join(accepting), buffer)
    return new TextDecoder().decode(buffer.subarray(0, bytesTransferred))
  })

contract("a pipe between processes", ({ claim }) => {
  claim("carries bytes; when the server is killed the client finds the end, and the name is free", function*() {
    const name = fresh()
    const server = yield* program("echo", name)
    yield* server.says("listening")
    const connection = yield* NamedPipe.connect(name)
    expect(yield* exchange(connection, "over there")).toBe("over there")
    expect(yield* failureOf(NamedPipe.listen(name))).toMatchObject({ reason: "AlreadyExists" })
    expect(yield* exchange(yield* NamedPipe.connect(name), "and again")).toBe("and again")
    yield* server.kill
    expect(yield* NamedPipe.read(connection, new Uint8Array(8))).toMatchObject({ endOfFile: true })
    expect(yield* failureOf(NamedPipe.connect(name))).toMatchObject({ reason: "NotFound" })
    const mine = yield* NamedPipe.listen(name)
    yield* NamedPipe.connect(name)
    yield* NamedPipe.accept(mine)
  }, 60_000)
  claim("is not taken over from a living server", function*() {
    const name = fresh()
    yield* NamedPipe.listen(name)
    const other = yield* program("take", name)
    expect(yield* other.end).toBe("AlreadyExists")
    yield* NamedPipe.connect(name)
  }, 60_000)
  claim("another process that wants its name is nobody to its accept", function*() {
    const name = fresh()
    const server = yield* NamedPipe.listen(name)
    const accepting = yield* Effect.fork(NamedPipe.accept(server))
    const other = yield* program("take", name)
    expect(yield* other.end).toBe("AlreadyExists")
    expect((yield* Fiber.poll(accepting))._tag).toBe("None")
    expect(yield* heardFromAClient(name, accepting)).toBe("me")
  }, 60_000)
  claim("that is open, with nothing in flight, keeps no process alive", function*() {
    const name = fresh()
    const server = yield* NamedPipe.listen(name)
    const other = yield* program("leave", name)
    const connection = yield* NamedPipe.accept(server)
    expect(yield* other.end).toBe("connected")
    expect(yield* NamedPipe.read(connection, new Uint8Array(8))).toMatchObject({ endOfFile: true })
  }, 60_000)
})

contract("the socket of a pipe", ({ only }) => {
  const portable = only("portable", "kernel32 has pipes of its own")
  const root = process.getuid?.() === 0

  /** A runtime directory for one test. */
  const runtime = Effect.gen(function*() {
    const directory = yield* lab.directory
    const before = process.env["XDG_RUNTIME_DIR"]
    process.env["XDG_RUNTIME_DIR"] = directory
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        if (before === undefined) delete process.env["XDG_RUNTIME_DIR"]
        else process.env["XDG_RUNTIME_DIR"] = before
      })
    )
    return { directory, own: join(directory, "effect-threadpool-io") }
  })
  const modeOf = (path: string) => fs.lstatSync(path).mode & 0o777

  portable("is its user's alone, and goes with its server", function*() {
    const { own } = yield* runtime
    yield* Effect.scoped(Effect.gen(function*() {
      yield* NamedPipe.listen("Mine")
      yield* NamedPipe.connect("mine")
      expect([modeOf(own), modeOf(join(own, "mine"))]).toEqual([0o700, 0o600])
    }))
    expect(fs.readdirSync(own)).toEqual([])
  })
  portable("is in a directory of the temporary one where the session has none", function*() {
    yield* runtime
    delete process.env["XDG_RUNTIME_DIR"]
    const name = fresh()
    yield* NamedPipe.listen(name)
    expect(fs.lstatSync(join(tmpdir(), `effect-threadpool-io-${process.getuid!()}`, name)).isSocket()).toBe(true)
  })

  const untrusted: Record<string, (places: { readonly directory: string; readonly own: string }) => void> = {
    "that others may look into": ({ own }) => {
      fs.mkdirSync(own)
      fs.chmodSync(own, 0o755)
    },
    "that is a link": ({ directory, own }) => {
      fs.mkdirSync(join(directory, "elsewhere"), { mode: 0o700 })
      fs.symlinkSync(join(directory, "elsewhere"), own)
    },
    "that others may rename": ({ directory }) => fs.chmodSync(directory, 0o777),
    ...(root
      ? {
        "of another user": ({ own }) => {
          fs.mkdirSync(own, { mode: 0o700 })
          fs.chownSync(own, 65_534, 65_534)
        },
        "in another user's": ({ directory }) => fs.chownSync(directory, 65_534, 65_534)
      }
      : {})
  }
  for (const [which, spoil] of Object.entries(untrusted)) {
    portable(`is never in a directory ${which}`, function*() {
      const places = yield* runtime
      spoil(places)
      expect(yield* failureOf(NamedPipe.listen("mine"))).toMatchObject({ reason: "PermissionDenied" })
      if (which !== "that others may rename") {
        expect(yield* failureOf(NamedPipe.connect("mine"))).toMatchObject({ reason: "PermissionDenied" })
      }
      expect(fs.existsSync(join(places.own, "mine"))).toBe(false)
    })
  }
  portable("with a longer address than a socket can have: typed", function*() {
    const { directory } = yield* runtime
    process.env["XDG_RUNTIME_DIR"] = join(directory, "x".repeat(100))
    expect(yield* failureOf(NamedPipe.listen("mine"))).toMatchObject({ code: 206, reason: "InvalidArgument" })
    expect(yield* failureOf(NamedPipe.connect("mine"))).toMatchObject({ code: 206, reason: "InvalidArgument" })
  })
  portable("that a living server has: one that wants its name is nobody to its accept", function*() {
    yield* runtime
    const server = yield* NamedPipe.listen("mine")
    const accepting = yield* Effect.fork(NamedPipe.accept(server))
    const others = Effect.replicateEffect(failureOf(NamedPipe.listen("mine")), 8, { concurrency: 8 })
    for (const { reason } of yield* others) expect(reason).toBe("AlreadyExists")
    yield* sleep(20)
    expect((yield* Fiber.poll(accepting))._tag).toBe("None")
    expect(yield* heardFromAClient("mine", accepting)).toBe("me")
  })

  /** Things that may have the name of a socket, or of the one beside it; none of them is a dead server's. */
  const found: Record<string, (path: string, directory: string) => void> = {
    "a file": (path) => fs.writeFileSync(path, "precious"),
    "a directory": (path) => fs.mkdirSync(path),
    "a link to a file": (path, directory) => {
      fs.writeFileSync(join(directory, "elsewhere"), "precious")
      fs.symlinkSync(join(directory, "elsewhere"), path)
    },
    "a link to nothing": (path, directory) => fs.symlinkSync(join(directory, "nowhere"), path),
    "a FIFO": (path) => void execFileSync("mkfifo", [path]),
    ...(root
      ? {
        "another user's socket": (path: string) => {
          // SIGKILL leaves it behind.
          const script =
            `require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))`
          spawnSync(process.execPath, ["-e", script, path])
          fs.chownSync(path, 65_534, 65_534)
        }
      }
      : {})
  }
  for (const [what, put] of Object.entries(found)) {
    for (const name of ["mine", "mine."]) {
      portable(`under whose name ${name} there is ${what}: typed, and it stays as it is`, function*() {
        const { directory, own } = yield* runtime
        fs.mkdirSync(own, { mode: 0o700 })
        put(join(own, name), directory)
        const before = fs.lstatSync(join(own, name))
        expect(yield* failureOf(NamedPipe.listen("mine"))).toMatchObject({ reason: "AlreadyExists", code: 183 })
        const { ctimeMs, ino } = fs.lstatSync(join(own, name))
        expect([ino, ctimeMs, fs.readdirSync(own)]).toEqual([before.ino, before.ctimeMs, [name]])
      })
    }
  }
  portable("that a dead server has left is taken over, by one of many", function*() {
    const { own } = yield* runtime
    const dead = yield* program("echo", "mine")
    yield* dead.says("listening")
    yield* dead.kill
    expect(fs.readdirSync(own)).toEqual(["mine", "mine."])
    const others = yield* Effect.replicateEffect(Effect.either(NamedPipe.listen("mine")), 4, { concurrency: 4 })
    expect(others.map((one) => one._tag).sort()).toEqual(["Left", "Left", "Left", "Right"])
    yield* NamedPipe.connect("mine")
    expect(fs.readdirSync(own)).toEqual(["mine", "mine."])
  }, 60_000)
  const byRoot = root
    ? portable
    : only(lab.kernelName === "portable" ? "win32" : "portable", "it takes root to be another user")
  byRoot("is out of another user's reach", function*() {
    // A directory that anybody may enter, so that nothing but ours keeps the other user out.
    const { directory, own } = yield* runtime
    fs.chmodSync(directory, 0o755)
    const server = yield* NamedPipe.listen("mine")
    const path = join(own, "mine")
    const script = `require("net").connect(${JSON.stringify(path)})
      .on("connect", () => console.log("connected")).on("error", (error) => console.log(error.code))`
    expect(yield* (yield* start(["-e", script], { uid: 65_534 })).end).toBe("EACCES")
    const same = yield* start(["-e", script.replace("console.log(\"connected\")", "process.exit(0)")])
    yield* same.end
    yield* NamedPipe.accept(server)
  }, 60_000)
})
