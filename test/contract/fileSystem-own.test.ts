/**
 * Abilities that our `FileSystem` has and `NodeFileSystem` has not: positions, interruption that waits, errors with
 * their reasons, and a descriptor that is none.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as FileSystem from "@effect/platform/FileSystem"
import { expect } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { constants } from "node:buffer"
import builtin, * as nodeFs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import { basename, join } from "node:path"
import { ERROR_DISK_FULL, ERROR_IO_DEVICE } from "../../src/internal/constants.js"
import { orDie } from "../../src/internal/fileSystem/orDie.js"
import * as Kernel from "../../src/Kernel.js"
import * as ThreadpoolFileSystem from "../../src/ThreadpoolFileSystem.js"
import { make as win32Error, Win32Error } from "../../src/Win32Error.js"
import { contract, failureOf, fileOf, freshPath, nativeCalls, pattern, settleFibers, sleep } from "../support/claims.js"
import * as lab from "../support/lab.js"
import { makeSparse } from "../support/sparse.js"

const MiB = 1 << 20

const counters = Effect.map(Kernel.Kernel, ({ engine }) => engine.counters)

/** The most operations in flight while an effect runs on fibers of its own, before the event loop turns. */
const inFlightOf = (effects: ReadonlyArray<Effect.Effect<unknown, unknown>>) =>
  Effect.gen(function*() {
    const { inFlight: before } = yield* counters
    const fibers = yield* Effect.forEach(effects, Effect.fork)
    yield* settleFibers
    const { inFlight } = yield* counters
    yield* Fiber.joinAll(fibers)
    return inFlight - before
  })

/** Interrupts an effect once `reached` holds, and waits for its end. */
const interruptedAt = <A, E, R>(effect: Effect.Effect<A, E, R>, reached: () => boolean) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(effect)
    yield* lab.eventually("it is under way", () => reached() || fiber.unsafePoll() !== null)
    return yield* Fiber.interrupt(fiber)
  })

/** Does something again and again until a fiber has ended: nothing says from when on a path is watched. */
const repeatedUntil = (fiber: Fiber.Fiber<unknown, unknown>, work: Effect.Effect<unknown, unknown>) =>
  Effect.race(Fiber.await(fiber), Effect.forever(Effect.zipRight(work, sleep(20))))

const treeOf = (root: string): ReadonlyArray<string> => nodeFs.readdirSync(root, { recursive: true }).map(String).sort()

/** Entries of a directory, which may go away at any moment. */
const countIn = (directory: string): number => {
  try {
    return nodeFs.readdirSync(directory).length
  } catch {
    return 0
  }
}

const populate = (root: string, files: number): void => {
  for (let directory = 0; directory < 4; directory++) {
    nodeFs.mkdirSync(join(root, `${directory}`), { recursive: true })
    for (let file = 0; file < files / 4; file++) {
      nodeFs.writeFileSync(join(root, `${directory}`, `${file}`), "x".repeat(5000))
    }
  }
}

contract("FileSystem, our own", ({ claim, only }) => {
  claim("fd is a descriptor of nothing: no function of node:fs hits another file with it", function*() {
    const fs = yield* ThreadpoolFileSystem.make
    const path = yield* fileOf("contents")
    for (let opened = 0; opened < 5; opened++) {
      const { fd } = yield* fs.open(path)
      expect(() => nodeFs.fstatSync(fd)).toThrow(/fd/)
      expect(() => nodeFs.readSync(fd, new Uint8Array(1))).toThrow(/fd/)
      expect(() => nodeFs.closeSync(fd)).toThrow(/fd/)
      expect(() => nodeFs.ftruncateSync(fd)).toThrow(/fd/)
    }
  })

  claim("a file reads and writes at positions, and its cursor stays", function*() {
    const fs = yield* ThreadpoolFileSystem.make
    const path = yield* fileOf("0123456789")
    const file = yield* fs.open(path, { flag: "r+" })
    const buffer = new Uint8Array(3)
    yield* file.readAlloc(2)
    expect(yield* file.readAt(buffer, 6n)).toBe(3n)
    expect(Buffer.from(buffer).toString()).toBe("678")
    expect(yield* file.writeAt(new TextEncoder().encode("AB"), 8)).toBe(2n)
    yield* file.writeAllAt(new TextEncoder().encode("C"), 20)
    expect(Option.map(yield* file.readAlloc(3), String)).toEqual(Option.some("234"))
    expect(nodeFs.readFileSync(path, "latin1")).toBe("01234567AB\0\0\0\0\0\0\0\0\0\0C")
    expect(yield* file.readAt(buffer, 100)).toBe(0n)
    expect(yield* failureOf(file.readAt(buffer, -1))).toMatchObject({ _tag: "BadArgument", method: "readAt" })
  })

  claim("what has a name already is there, also where it is a directory and a new file is wanted", function*() {
    const fs = yield* ThreadpoolFileSystem.make
    const directory = yield* lab.directory
    nodeFs.mkdirSync(join(directory, "empty"))
    nodeFs.writeFileSync(join(directory, "file"), "old")
    for (const name of ["empty", "file"]) {
      const path = join(directory, name)
      for (const flag of ["wx", "wx+", "ax", "ax+"] as const) {
        expect(yield* failureOf(fs.open(path, { flag }))).toMatchObject({ reason: "AlreadyExists", method: "open" })
        expect(yield* failureOf(fs.writeFileString(path, "new", { flag }))).toMatchObject({ reason: "AlreadyExists" })
        expect(yield* failureOf(Stream.run(Stream.make(new Uint8Array(1)), fs.sink(path, { flag })))).toMatchObject({
          reason: "AlreadyExists"
        })
      }
    }
    for (const flag of ["w", "a", "r+"] as const) {
      expect(yield* failureOf(fs.open(join(directory, "empty"), { flag }))).toMatchObject({ reason: "BadResource" })
    }
    expect(nodeFs.readFileSync(join(directory, "file"), "utf8")).toBe("old")
  })

  claim("positional operations run at once; those of the cursor one after the other", function*() {
    const fs = yield* ThreadpoolFileSystem.make
    const file = yield* fs.open(yield* fileOf(pattern(16 * 4096)), { flag: "r+" })
    const sixteen = Array.from({ length: 16 }, (_, index) => index)
    expect(yield* inFlightOf(sixteen.map((at) => file.readAt(new Uint8Array(4096), at * 4096)))).toBe(16)
    expect(yield* inFlightOf(sixteen.map((at) => file.writeAt(new Uint8Array(4096), at * 4096)))).toBe(16)
    expect(yield* inFlightOf(sixteen.map(() => file.read(new Uint8Array(4096))))).toBe(1)
  })

  claim("which file is positional can be asked", function*() {
    const path = yield* fileOf("contents")
    const fs = yield* ThreadpoolFileSystem.make
    const node = yield* Effect.provide(FileSystem.FileSystem, NodeFileSystem.layer)
    expect(ThreadpoolFileSystem.isPositionalFile(yield* fs.open(path))).toBe(true)
    expect(ThreadpoolFileSystem.isPositionalFile(yield* node.open(path))).toBe(false)
    expect(ThreadpoolFileSystem.isPositionalFile(null)).toBe(false)
  })

  claim("an interrupted read has let go of its buffer, and of its turn", function*() {
    const fs = yield* ThreadpoolFileSystem.make
    const file = yield* fs.open(yield* fileOf(pattern(4 * MiB)))
    const buffer = new Uint8Array(4 * MiB)
    const reading = yield* Effect.fork(file.read(buffer))
    const waiting = yield* Effect.fork(file.read(new Uint8Array(1)))
    yield* settleFibers
    yield* Fiber.interrupt(waiting)
    yield* Fiber.interrupt(reading)
    expect((yield* counters).inFlight).toBe(0)
    buffer.fill(1)
    yield* sleep(20)
    expect(buffer.every((byte) => byte === 1)).toBe(true)
    expect(Option.getOrThrow(yield* file.readAlloc(4))).toEqual(Buffer.from(pattern(4)))
  })

  claim("an interrupted writeFile writes nothing more", function*() {
    const fs = yield* ThreadpoolFileSystem.make
    const path = yield* freshPath
    const size = () => nodeFs.existsSync(path) ? nodeFs.statSync(path).size : 0
    yield* interruptedAt(fs.writeFile(path, new Uint8Array(64 * MiB)), () => size() > 0)
    const then = size()
    yield* sleep(50)
    expect(size()).toBe(then)
  })

  claim("an interrupted copyFile leaves no half of a copy, and one that fails neither", function*() {
    const fs = yield* ThreadpoolFileSystem.make
    const from = yield* fileOf(new Uint8Array(48 * MiB))
    const to = yield* freshPath
    const exit = yield* interruptedAt(
      fs.copyFile(from, to),
      () => nodeFs.existsSync(to) && nodeFs.statSync(to).size > 0
    )
    expect(nodeFs.existsSync(to)).toBe(Exit.isSuccess(exit))
    const { engine } = yield* Kernel.Kernel
    nodeFs.rmSync(to, { force: true })
    const failing = yield* withFullDisk(engine.kernel, failureOf(fs.copyFile(from, to)))
    expect(failing).toMatchObject({ _tag: "SystemError", method: "copyFile", reason: "WriteZero" })
    expect(nodeFs.existsSync(to)).toBe(false)
  })

  claim("an interrupted remove or copy of a tree begins nothing more", function*() {
    const fs = yield* ThreadpoolFileSystem.make
    const home = yield* lab.directory
    const [tree, copy] = [join(home, "tree"), join(home, "copy")]
    populate(tree, 60)
    yield* interruptedAt(fs.copy(tree, copy), () => nodeFs.existsSync(join(copy, "0")))
    const copied = treeOf(home)
    yield* sleep(50)
    expect(treeOf(home)).toEqual(copied)
    const first = join(tree, "0")
    const before = countIn(first)
    yield* interruptedAt(fs.remove(tree, { recursive: true }), () => countIn(first) < before)
    const left = treeOf(home)
    yield* sleep(50)
    expect(treeOf(home)).toEqual(left)
  })

  claim("a full disk is WriteZero, with the Win32Error as its cause", function*() {
    const fs = yield* ThreadpoolFileSystem.make
    const { engine } = yield* Kernel.Kernel
    const path = yield* freshPath
    for (
      const writing of [
        fs.writeFile(path, new Uint8Array(10)),
        fs.writeFile(path, new Uint8Array(10), { flag: "a" }),
        Stream.run(Stream.make(new Uint8Array(10)), fs.sink(path))
      ]
    ) {
      const error = yield* withFullDisk(engine.kernel, failureOf(writing))
      expect(error).toMatchObject({ _tag: "SystemError", reason: "WriteZero", pathOrDescriptor: path })
      expect(error.cause).toBeInstanceOf(Win32Error)
      expect(error.cause).toMatchObject({ reason: "NoSpace", code: ERROR_DISK_FULL })
    }
  })

  claim("a buffer that an operation in flight writes to is refused, and so is one that is shared", function*() {
    const fs = yield* ThreadpoolFileSystem.make
    const file = yield* fs.open(yield* fileOf("contents"))
    const buffer = new Uint8Array(4)
    const exits = yield* Effect.all([Effect.exit(file.readAt(buffer, 0)), Effect.exit(file.readAt(buffer, 2))], {
      concurrency: "unbounded"
    })
    expect(exits.map(Exit.isSuccess)).toEqual([true, false])
    const shared = new Uint8Array(new SharedArrayBuffer(4))
    expect(yield* failureOf(file.read(shared))).toMatchObject({ _tag: "BadArgument", method: "read" })
  })

  only(lab.notOnWine, "Wine looks where the end is, and then writes there")(
    "what is appended comes whole among the appends of others",
    function*() {
      const fs = yield* ThreadpoolFileSystem.make
      const path = yield* freshPath
      const file = yield* fs.open(path, { flag: "a" })
      const lines = Array.from({ length: 100 }, (_, index) => `${index}`.padStart(40, "."))
      yield* Effect.all([
        Effect.forEach(lines, (line) => file.writeAll(new TextEncoder().encode(`ours ${line}\n`)), {
          concurrency: "unbounded",
          discard: true
        }),
        Effect.promise(() => Promise.all(lines.map((line) => nodeFs.promises.appendFile(path, `node ${line}\n`))))
      ], { concurrency: "unbounded" })
      expect(nodeFs.readFileSync(path, "latin1").trimEnd().split("\n").sort()).toEqual(
        lines.flatMap((line) => [`node ${line}`, `ours ${line}`]).sort()
      )
    }
  )

  claim("a sink writes what has come together in one go, unless it is more than a mebibyte", function*() {
    const fs = yield* ThreadpoolFileSystem.make
    for (const [length, count, writes] of [[10, 9, 1], [MiB / 4, 4, 1], [MiB / 4 + 1, 4, 4], [10, 1, 1]] as const) {
      const path = yield* freshPath
      const parts = Array.from({ length: count }, (_, index) => pattern(length, index + 1))
      const { started } = yield* nativeCalls(Stream.run(Stream.fromChunk(Chunk.fromIterable(parts)), fs.sink(path)))
      expect(started).toBe(writes)
      expect(nodeFs.readFileSync(path).equals(Buffer.concat(parts))).toBe(true)
    }
  })

  claim("a file takes bytes alone, and is cut without a move of what is before", function*() {
    const fs = yield* ThreadpoolFileSystem.make
    const path = yield* fileOf("0123456789")
    const file = yield* fs.open(path, { flag: "r+" })
    for (const wrong of ["text", undefined, 7, [1, 2]]) {
      expect(yield* failureOf(file.writeAll(wrong as never))).toMatchObject({ _tag: "BadArgument", method: "writeAll" })
    }
    const at = Effect.map(file.seek(0, "current"), Number)
    yield* file.seek(6, "start")
    for (const [length, position] of [[8, 6], [6, 6], [4, 4], [9, 4]] as const) {
      yield* file.truncate(length)
      expect(yield* at).toBe(position)
    }
    expect(nodeFs.readFileSync(path, "latin1")).toBe("0123\0\0\0\0\0")
    expect(yield* failureOf(file.seek(0.5, "start").pipe(Effect.catchAllDefect(Effect.fail)))).toBeInstanceOf(TypeError)
  })

  only(lab.onPosix, "node reads a time before 1970 as unsigned on Wine")(
    "utimes before 1970 are what was asked for, in numbers as in dates",
    function*() {
      const fs = yield* ThreadpoolFileSystem.make
      const path = yield* fileOf("x")
      const times = (atime: Date | number, mtime: Date | number) =>
        Effect.map(fs.utimes(path, atime, mtime), () => {
          const { atimeMs, mtimeMs } = nodeFs.statSync(path)
          return [atimeMs, mtimeMs]
        })
      expect(yield* times(-86_400, -1.5)).toEqual([-86_400_000, -1500])
      expect(yield* times(0, 0)).toEqual([0, 0])
      expect(yield* times(1.5, 86_400)).toEqual([1500, 86_400_000])
      expect(yield* times(new Date(-86_400_000), new Date(1500))).toEqual([-86_400_000, 1500])
    }
  )

  only(lab.onPosix, "there are links")(
    "readDirectory goes into links to directories, and past those to nothing",
    function*() {
      const fs = yield* ThreadpoolFileSystem.make
      const directory = yield* lab.directory
      nodeFs.mkdirSync(join(directory, "a/b"), { recursive: true })
      nodeFs.writeFileSync(join(directory, "a/b/file"), "")
      nodeFs.symlinkSync("a/b", join(directory, "link"))
      nodeFs.symlinkSync("a/b/file", join(directory, "to file"))
      nodeFs.symlinkSync("nowhere", join(directory, "to nothing"))
      expect((yield* fs.readDirectory(directory, { recursive: true })).sort()).toEqual([
        ...["a", "a/b", "a/b/file", "link", "link/file", "to file", "to nothing"]
      ])
    }
  )

  only(lab.onPosix, "it makes a step of node's fail")(
    "remove of a tree tells the first failure, and bears what goes by itself",
    function*() {
      const fs = yield* ThreadpoolFileSystem.make
      const { unlink } = builtin.promises
      const played = <A, E, R>(play: (path: string) => Promise<void>, effect: Effect.Effect<A, E, R>) =>
        Effect.acquireUseRelease(
          Effect.sync(() => {
            builtin.promises.unlink = (path) => play(String(path))
            syncBuiltinESMExports()
          }),
          () => effect,
          () =>
            Effect.sync(() => {
              builtin.promises.unlink = unlink
              syncBuiltinESMExports()
            })
        )
      const directory = yield* lab.directory
      const tree = join(directory, "tree")
      populate(tree, 80)
      let asked = 0
      const refuses = () => {
        asked++
        return Promise.reject(Object.assign(new Error("EPERM: not permitted"), { code: "EPERM" }))
      }
      const error = yield* failureOf(played(refuses, fs.remove(tree, { recursive: true })))
      expect(error).toMatchObject({ reason: "PermissionDenied", method: "remove" })
      // Only removals in the first directory had begun.
      expect(asked).toBeLessThanOrEqual(8)
      expect(treeOf(tree).length).toBe(84)
      const raced = (path: string) =>
        unlink(path).then(() => Promise.reject(Object.assign(new Error("ENOENT: gone"), { code: "ENOENT" })))
      yield* played(raced, fs.remove(tree, { recursive: true }))
      expect(nodeFs.existsSync(tree)).toBe(false)
      expect(yield* failureOf(fs.remove(tree, { recursive: true }))).toMatchObject({ reason: "NotFound" })
      yield* fs.remove(tree, { recursive: true, force: true })
      // A recursive removal takes a single file too, and of a link the link alone.
      populate(tree, 4)
      nodeFs.symlinkSync(tree, join(directory, "link"))
      yield* fs.remove(join(directory, "link"), { recursive: true })
      yield* fs.remove(join(tree, "0/0"), { recursive: true })
      expect(treeOf(directory)).toContain(join("tree", "1", "0"))
      expect(treeOf(directory)).not.toContain("link")
    }
  )

  claim("copyFile leaves alone what it could not look at, and asks for no mode that is there already", function*() {
    const fs = yield* ThreadpoolFileSystem.make
    const { engine } = yield* Kernel.Kernel
    const directory = yield* lab.directory
    const [from, to] = [join(directory, "from"), join(directory, "to")]
    for (const path of [from, to]) nodeFs.writeFileSync(path, basename(path))
    const internal = engine.kernel as { call: unknown }
    const original = engine.kernel.call
    let looks = 0
    internal.call = (name: string, arguments_: unknown, done: (status: number) => void) => {
      if (name !== "GetFileInformationByHandle" || ++looks !== 2) {
        return Reflect.apply(original, engine.kernel, [name, arguments_, done])
      }
      setImmediate(done, ERROR_IO_DEVICE)
      return () => false
    }
    yield* failureOf(Effect.ensuring(fs.copyFile(from, to), Effect.sync(() => internal.call = original)))
    expect(nodeFs.readFileSync(to, "latin1")).toBe("to")
    const { calls } = yield* nativeCalls(fs.copyFile(from, to))
    expect(nodeFs.readFileSync(to, "latin1")).toBe("from")
    if (process.platform !== "win32") expect(calls).not.toContain("SetBasicInformation")
  })

  claim("a sink has written what has come, before more comes", function*() {
    const fs = yield* ThreadpoolFileSystem.make
    const path = yield* freshPath
    const seen: Array<string> = []
    const look = Effect.sync(() => void seen.push(nodeFs.readFileSync(path, "latin1")))
    const lines = Stream.make("one", "two").pipe(
      Stream.rechunk(1),
      Stream.map((line) => new TextEncoder().encode(line)),
      Stream.concat(Stream.drain(Stream.fromEffect(look)))
    )
    yield* Stream.run(lines, fs.sink(path))
    expect(seen).toEqual(["onetwo"])
  })

  claim("a stream that is left early has nothing in flight", function*() {
    const fs = yield* ThreadpoolFileSystem.make
    const path = yield* fileOf(pattern(MiB))
    const chunks = yield* Stream.runCollect(Stream.take(fs.stream(path, { chunkSize: 1000 }), 3))
    expect(Buffer.concat(Chunk.toReadonlyArray(chunks))).toEqual(Buffer.from(pattern(3000)))
    expect((yield* counters).inFlight).toBe(0)
  })

  const watching = only(["portable", "win32"], "nobody tells it what happens to real files")
  watching("watch is Directory's, unless a backend is given", function*() {
    const home = yield* lab.directory
    const fs = yield* ThreadpoolFileSystem.make
    const first = yield* Effect.fork(Stream.runHead(fs.watch(home)))
    let made = 0
    yield* repeatedUntil(first, Effect.sync(() => nodeFs.writeFileSync(join(home, `new ${made++}`), "")))
    expect(Option.getOrThrow(yield* Fiber.join(first))).toMatchObject({
      _tag: "Create",
      path: expect.stringMatching(/^new \d+$/)
    })
    const given = yield* Effect.provideService(ThreadpoolFileSystem.make, FileSystem.WatchBackend, {
      register: () => Option.some(Stream.make(FileSystem.WatchEventUpdate({ path: "given" })))
    })
    expect(Chunk.toReadonlyArray(yield* Stream.runCollect(given.watch(home)))).toEqual([
      FileSystem.WatchEventUpdate({ path: "given" })
    ])
    expect(yield* failureOf(Stream.runDrain(fs.watch(join(home, "none"))))).toMatchObject({ reason: "NotFound" })
  })

  const emptying: Record<string, (fs: FileSystem.FileSystem, path: string) => Effect.Effect<unknown, unknown>> = {
    "writeFileString of nothing": (fs, path) => fs.writeFileString(path, ""),
    "open with \"w\"": (fs, path) => Effect.scoped(fs.open(path, { flag: "w" })),
    "open with \"w+\"": (fs, path) => Effect.scoped(fs.open(path, { flag: "w+" })),
    "a sink of nothing": (fs, path) => Stream.run(Stream.empty, fs.sink(path))
  }
  for (const [name, empty] of Object.entries(emptying)) {
    watching(`${name} changes a file that is empty already: its time is now, and a watch tells it`, function*() {
      const home = yield* lab.directory
      const path = join(home, "empty")
      nodeFs.writeFileSync(path, "")
      nodeFs.utimesSync(path, 1000, 1000)
      const fs = yield* ThreadpoolFileSystem.make
      const told = yield* Effect.fork(
        Stream.runHead(Stream.filter(fs.watch(home), ({ path }) => path === "empty"))
      )
      yield* repeatedUntil(told, empty(fs, path))
      expect(nodeFs.statSync(path).mtimeMs).toBeGreaterThan(Date.now() - 3_600_000)
      expect(yield* Fiber.join(told)).toEqual(Option.some(FileSystem.WatchEventUpdate({ path: "empty" })))
    })
  }

  claim("readFileString of what no string can hold fails before it is read", function*() {
    const fs = yield* ThreadpoolFileSystem.make
    const path = yield* fileOf("")
    yield* makeSparse(path)
    nodeFs.truncateSync(path, constants.MAX_STRING_LENGTH * 4 + 1)
    for (const encoding of [undefined, "utf-8", "utf-16le", "latin1", "gb18030"]) {
      expect(yield* failureOf(fs.readFileString(path, encoding))).toMatchObject({
        _tag: "SystemError",
        method: "readFileString",
        reason: "InvalidData",
        pathOrDescriptor: path
      })
    }
  })

  claim("each layer is a FileSystem", function*() {
    const path = yield* fileOf("contents")
    const read = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(path))
    const layers = {
      layer: ThreadpoolFileSystem.layer,
      layerOrDie: ThreadpoolFileSystem.layerOrDie,
      layerPortable: ThreadpoolFileSystem.layerPortable,
      layerConfig: ThreadpoolFileSystem.layerConfig({ kernel: Config.succeed("portable" as const) })
    }
    for (const [name, layer] of Object.entries(layers)) {
      const exit = yield* Effect.exit(Effect.provide(read, layer as Layer.Layer<FileSystem.FileSystem, unknown>))
      expect({ name, exit }).toEqual({ name, exit: Exit.succeed("contents") })
    }
    const win32 = yield* Effect.exit(Effect.provide(read, ThreadpoolFileSystem.layerWin32))
    if (process.platform === "win32") expect(win32).toEqual(Exit.succeed("contents"))
    else {
      const error = Exit.isFailure(win32) ? Option.getOrUndefined(Cause.failureOption(win32.cause)) : undefined
      expect(error).toMatchObject({ _tag: "Win32Error", reason: "Unsupported" })
    }
  })

  claim("layerOrDie dies where it cannot start, with a message that says why", function*() {
    const refused = win32Error({ code: 120, syscall: "LoadLibraryW", path: "kernel32.dll" })
    const cannot: Layer.Layer<FileSystem.FileSystem, Win32Error> = Layer.fail(refused)
    const exit = yield* Effect.exit(Effect.provide(FileSystem.FileSystem, orDie(cannot)))
    const defect = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.dieOption(exit.cause)) : undefined
    expect(defect).toMatchObject({ message: `The file system cannot start. ${refused.message}`, cause: refused })
  })
})

/** Every write finds the disk full. */
const withFullDisk = <A, E, R>(
  kernel: Kernel.Kernel.Service["engine"]["kernel"],
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  const internal = kernel as { issue: typeof kernel.issue }
  const original = internal.issue
  return Effect.ensuring(
    Effect.suspend(() => {
      internal.issue = (issue) => issue.kind === "write" ? ERROR_DISK_FULL : original.call(kernel, issue)
      return effect
    }),
    Effect.sync(() => {
      internal.issue = original
    })
  )
}
