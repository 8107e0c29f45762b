/**
 * internal/fileSystem: whose turn it is on a file, functions of node that end after their interruption, and what
 * temporary files leave.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { YieldWrap } from "effect/Utils"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type * as Directory from "../../src/Directory.js"
import type * as File from "../../src/File.js"
import * as C from "../../src/internal/constants.js"
import { Cursor } from "../../src/internal/fileSystem/Cursor.js"
import { badArgument, fromErrno, fromWin32, systemError } from "../../src/internal/fileSystem/errors.js"
import { ofStat } from "../../src/internal/fileSystem/info.js"
import { nodeCall, nodeCallIn, nodeWork, type Stop } from "../../src/internal/fileSystem/nodeCall.js"
import { eventsOf, make as watchBackend } from "../../src/internal/fileSystem/watch.js"
import * as Kernel from "../../src/Kernel.js"
import * as ThreadpoolFileSystem from "../../src/ThreadpoolFileSystem.js"
import * as Win32Error from "../../src/Win32Error.js"

const live = (name: string, body: () => Generator<YieldWrap<Effect.Effect<unknown, unknown>>, void>) =>
  it.live(name, () => Effect.gen(body as never) as Effect.Effect<void, unknown>)

/** Every fiber gets as far as it can. */
const settleFibers = Effect.repeatN(Effect.yieldNow(), 20)

/** Timers that are due at once come first. */
const aFewMilliseconds = Effect.async<void>((resume) => void setTimeout(() => resume(Effect.void), 5))

const interruptedOnly = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)

describe("the turns of a cursor", () => {
  /** Work that tells when it begins, and ends when it is let. */
  const working = (cursor: Cursor, log: Array<string>, name: string) => {
    let end = () => {}
    const work = Effect.async<void>((resume) => {
      log.push(name)
      end = () => resume(Effect.void)
    })
    return { effect: cursor.exclusively(() => work), end: () => end() }
  }

  live("come one after the other, in the order of their asking", function*() {
    const [cursor, log]: [Cursor, Array<string>] = [new Cursor(), []]
    const works = ["a", "b", "c"].map((name) => working(cursor, log, name))
    const fibers: Array<Fiber.RuntimeFiber<void>> = []
    for (const { effect } of works) fibers.push(yield* Effect.fork(effect))
    yield* settleFibers
    expect(log).toEqual(["a"])
    works[0]!.end()
    yield* settleFibers
    expect(log).toEqual(["a", "b"])
    works[1]!.end()
    yield* settleFibers
    expect(log).toEqual(["a", "b", "c"])
    works[2]!.end()
    yield* Fiber.joinAll(fibers)
    expect(yield* cursor.exclusively(() => Effect.succeed("free"))).toBe("free")
  })

  live("go on when the one that has it is interrupted, fails or dies", function*() {
    const [cursor, log]: [Cursor, Array<string>] = [new Cursor(), []]
    const first = yield* Effect.fork(working(cursor, log, "first").effect)
    const second = yield* Effect.fork(cursor.exclusively(() => Effect.fail("broken")))
    const third = yield* Effect.fork(cursor.exclusively(() => {
      throw new Error("bug")
    }))
    yield* settleFibers
    expect(interruptedOnly(yield* Fiber.interrupt(first))).toBe(true)
    expect(yield* Fiber.await(second)).toEqual(Exit.fail("broken"))
    expect(Exit.isFailure(yield* Fiber.await(third))).toBe(true)
    expect(yield* cursor.exclusively(() => Effect.succeed("free"))).toBe("free")
  })

  live("leave out one that was interrupted while it waited", function*() {
    const [cursor, log]: [Cursor, Array<string>] = [new Cursor(), []]
    const first = working(cursor, log, "first")
    const holder = yield* Effect.fork(first.effect)
    const waiting = yield* Effect.fork(working(cursor, log, "waiting").effect)
    yield* settleFibers
    expect(interruptedOnly(yield* Fiber.interrupt(waiting))).toBe(true)
    first.end()
    yield* Fiber.join(holder)
    expect(yield* cursor.exclusively(() => Effect.succeed("free"))).toBe("free")
    expect(log).toEqual(["first"])
  })

  live("pass on from one that is interrupted in the moment in which its turn comes", function*() {
    const [cursor, log]: [Cursor, Array<string>] = [new Cursor(), []]
    const first = working(cursor, log, "first")
    let interrupt = () => {}
    // Both in one go: the fiber hears of the interruption before it has taken its turn.
    yield* Effect.fork(Effect.zipRight(first.effect, Effect.sync(() => interrupt())))
    const waiting = yield* Effect.fork(working(cursor, log, "waiting").effect)
    interrupt = () => waiting.unsafeInterruptAsFork(waiting.id())
    yield* settleFibers
    first.end()
    yield* Fiber.await(waiting)
    expect(yield* cursor.exclusively(() => Effect.succeed("free"))).toBe("free")
  })
})

describe("a turn", () => {
  live("may come at any step of the fiber that waits for it", function*() {
    for (let steps = 0; steps < 30; steps++) {
      const cursor = new Cursor()
      let end = () => {}
      const holder = yield* Effect.fork(cursor.exclusively(() =>
        Effect.async<void>((resume) => {
          end = () => resume(Effect.void)
        })
      ))
      yield* settleFibers
      const waiting = yield* Effect.fork(
        // With fewer operations before a yield Effect gets no further: the yield itself takes as many.
        Effect.withMaxOpsBeforeYield(cursor.exclusively(() => Effect.succeed("come")), 10)
      )
      for (let step = 0; step < steps; step++) yield* Effect.yieldNow()
      end()
      expect(yield* Fiber.join(waiting)).toBe("come")
      yield* Fiber.join(holder)
    }
  })
})

describe("a function of node that cannot be stopped", () => {
  const kernelOf = (drain: Duration.DurationInput) =>
    ({ drainTimeout: Duration.decode(drain) }) as unknown as Kernel.Kernel.Service
  const kernel = kernelOf("1 minute")
  const options = { method: "method", path: "path" }
  type Done<A> = (error: Error | null, value?: A) => void

  live("answers, fails with its errno, or has its arguments refused", function*() {
    expect(yield* nodeCall(kernel, options, (done) => done(null, 1))).toBe(1)
    const failing = nodeCall(kernel, options, (done) => done(Object.assign(new Error("no"), { code: "ENOENT" })))
    expect(yield* Effect.flip(failing)).toMatchObject({ _tag: "SystemError", reason: "NotFound", method: "method" })
    const refused = nodeCall(kernel, options, () => {
      throw new TypeError("a path is a string")
    })
    expect(yield* Effect.flip(refused)).toMatchObject({ _tag: "BadArgument", description: "a path is a string" })
  })

  live("is waited for when its fiber is interrupted, and what it brought is taken back", function*() {
    const disposed: Array<number> = []
    let end: Done<number> = () => {}
    const calling = nodeCall<number>(kernel, { ...options, dispose: (value) => void disposed.push(value) }, (done) => {
      end = done
    })
    const fiber = yield* Effect.fork(calling)
    yield* settleFibers
    const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
    yield* aFewMilliseconds
    expect(fiber.unsafePoll()).toBe(null)
    end(null, 7)
    expect(interruptedOnly(yield* Fiber.join(interrupting))).toBe(true)
    expect(disposed).toEqual([7])
  })

  live("is given up in time, and what it brings then is taken back by whoever has said how, if anybody", function*() {
    for (const takesBack of [true, false]) {
      const disposed: Array<number> = []
      let end: Done<number> = () => {}
      const dispose = takesBack ? { dispose: (value: number) => void disposed.push(value) } : {}
      const calling = nodeCall<number>(kernelOf("1 millis"), { ...options, ...dispose }, (done) => {
        end = done
      })
      const fiber = yield* Effect.fork(Effect.provide(calling, Logger.remove(Logger.defaultLogger)))
      yield* settleFibers
      expect(interruptedOnly(yield* Fiber.interrupt(fiber))).toBe(true)
      end(null, 7)
      expect(disposed).toEqual(takesBack ? [7] : [])
    }
  })

  live("brings nothing to take back when it fails after the interruption", function*() {
    const disposed: Array<unknown> = []
    let end: Done<number> = () => {}
    const calling = nodeCall<number>(kernel, { ...options, dispose: (value) => void disposed.push(value) }, (done) => {
      end = done
    })
    const fiber = yield* Effect.fork(calling)
    yield* settleFibers
    const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
    yield* settleFibers
    end(new Error("too late"))
    yield* Fiber.join(interrupting)
    expect(disposed).toEqual([])
  })

  live("is given up after the drain timeout, and what it brings later is taken back", function*() {
    const disposed: Array<number> = []
    let end: Done<number> = () => {}
    const dispose = (value: number) => void disposed.push(value)
    const fiber = yield* Effect.fork(nodeCall<number>(kernelOf(1), { ...options, dispose }, (done) => {
      end = done
    }))
    yield* settleFibers
    expect(interruptedOnly(yield* Fiber.interrupt(fiber))).toBe(true)
    expect(disposed).toEqual([])
    end(null, 8)
    expect(disposed).toEqual([8])
    end(new Error("twice"))
    expect(disposed).toEqual([8])
  })

  live("belongs to its caller when it has answered, inside the caller's mask", function*() {
    const disposed: Array<number> = []
    const dispose = (value: number) => void disposed.push(value)
    const taken = yield* Effect.uninterruptibleMask((restore) =>
      nodeCallIn<number>(restore, kernel, { ...options, dispose }, (done) => void setImmediate(() => done(null, 9)))
    )
    expect([taken, disposed]).toEqual([9, []])
  })

  live("of many steps takes none after the interruption", function*() {
    const steps: Array<Stop> = []
    let next = () => {}
    const fiber = yield* Effect.fork(nodeWork(kernel, options, async (stop) => {
      for (let step = 0; step < 3 && !stop.requested; step++) {
        steps.push(stop)
        await new Promise<void>((resolve) => {
          next = resolve
        })
      }
    }))
    yield* settleFibers
    const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
    yield* settleFibers
    next()
    expect(interruptedOnly(yield* Fiber.join(interrupting))).toBe(true)
    expect(steps.length).toBe(1)
  })
})

describe("errors", () => {
  it("keep the reason that lies underneath", () => {
    const underneath = (code: string) => Object.assign(new Error(code), { code })
    const ofErrno = (code: string) => fromErrno("method", "path")(underneath(code))
    const reasons = ["EROFS", "ENOTEMPTY", "ELOOP", "EDQUOT", "ENAMETOOLONG", "ETXTBSY", "EAGAIN", "EIO"]
    expect(reasons.map((code) => (ofErrno(code) as { reason?: string }).reason)).toEqual([
      ...["PermissionDenied", "AlreadyExists", "BadResource", "WriteZero", "InvalidData", "Busy", "WouldBlock"],
      "Unknown"
    ])
    const win32 = Win32Error.make({ code: 1117, syscall: "ReadFile", path: "path", cause: underneath("EDQUOT") })
    expect(fromWin32("read")(win32)).toMatchObject({
      reason: "WriteZero",
      method: "read",
      syscall: "ReadFile",
      pathOrDescriptor: "path",
      cause: win32
    })
  })

  it("have the reason that people look for, and no more fields than there is something for", () => {
    const reasonsOf: Readonly<Record<string, ReadonlyArray<string>>> = {
      NotFound: ["ENOENT"],
      PermissionDenied: ["EACCES", "EPERM", "EROFS"],
      AlreadyExists: ["EEXIST", "ENOTEMPTY"],
      BadResource: [
        ...["EISDIR", "ENOTDIR", "ELOOP", "ESTALE", "EBADF", "ENXIO", "ENODEV"],
        "ERR_FS_EISDIR"
      ],
      Busy: ["EBUSY", "ETXTBSY"],
      WouldBlock: ["EAGAIN"],
      InvalidData: ["EINVAL", "ENAMETOOLONG"],
      WriteZero: ["ENOSPC", "EDQUOT", "EFBIG"],
      TimedOut: ["ETIMEDOUT"],
      Unknown: ["EIO", "", "toString"]
    }
    for (const [reason, codes] of Object.entries(reasonsOf)) {
      for (const code of codes) {
        const error = fromErrno("method", "path")(Object.assign(new Error(code), { code }))
        expect([code, error, "syscall" in error]).toMatchObject([code, { reason }, false])
      }
    }
    for (const error of [badArgument("method", "text"), systemError("Busy", "method", "path", "text")]) {
      expect(Object.hasOwn(error, "cause")).toBe(false)
    }
    const cause = new Error("underneath")
    for (const error of [badArgument("method", "text", cause), systemError("Busy", "method", "path", "text", cause)]) {
      expect(error.cause).toBe(cause)
    }
  })

  it("of Windows alone have the nearest reason", () => {
    const reasonOf = (code: number, detail?: string) => {
      const error = fromWin32("method")(Win32Error.make({ code, syscall: "CreateFileW", path: "path", detail }))
      return error._tag === "SystemError" ? error.reason : error._tag
    }
    // INVALID_NAME, DIRECTORY, FILENAME_EXCED_RANGE, CANT_RESOLVE_FILENAME, DIR_NOT_EMPTY, NOT_SUPPORTED.
    expect([123, 267, 206, 1921, 145, 50].map((code) => reasonOf(code))).toEqual([
      ...["NotFound", "NotFound", "InvalidData", "BadResource", "AlreadyExists", "BadResource"]
    ])
    expect(reasonOf(87)).toBe("InvalidData")
    expect(reasonOf(87, "Refused: no offset")).not.toBe("InvalidData")
  })
})

describe("a change of a directory", () => {
  const place = (name: string) => ({ name, path: join("watched", name) })
  const events = (change: Directory.Change, nameOf = (name: string): string | undefined => name) => {
    const told: Array<unknown> = []
    const logger = Logger.make(({ annotations, message }) => void told.push([message, Object.fromEntries(annotations)]))
    return Effect.map(
      Effect.provide(Effect.exit(eventsOf("watched", nameOf)(change)), Logger.replace(Logger.defaultLogger, logger)),
      (exit) => ({ told, events: Exit.isSuccess(exit) ? exit.value.map(({ _tag, path }) => [_tag, path]) : exit })
    )
  }

  live("is the events that FileSystem has for it", function*() {
    const none = { told: [] }
    expect(yield* events({ _tag: "Created", ...place("a") })).toEqual({ ...none, events: [["Create", "a"]] })
    expect(yield* events({ _tag: "Removed", ...place("a") })).toEqual({ ...none, events: [["Remove", "a"]] })
    expect(yield* events({ _tag: "Modified", ...place("a") })).toEqual({ ...none, events: [["Update", "a"]] })
    const renamed: Directory.Change = { _tag: "Renamed", from: place("a"), to: place("b") }
    expect(yield* events(renamed)).toEqual({ ...none, events: [["Remove", "a"], ["Create", "b"]] })
    // For whoever watches one of the names.
    const only = (wanted: string) => (name: string) => name === wanted ? "shown" : undefined
    expect(yield* events(renamed, only("a"))).toEqual({ ...none, events: [["Remove", "shown"]] })
    expect(yield* events(renamed, only("b"))).toEqual({ ...none, events: [["Create", "shown"]] })
    expect(yield* events({ _tag: "Created", ...place("c") }, only("b"))).toEqual({ ...none, events: [] })
  })
  live("that is not known ends the watch, and a branch that is not watched is told in a warning alone", function*() {
    const { events: lost, told } = yield* events({ _tag: "Overflow" })
    expect(told).toEqual([])
    expect(lost).toMatchObject({
      _tag: "Failure",
      cause: { error: { code: 1022, syscall: "ReadDirectoryChangesW", path: "watched" } }
    })
    const error = Win32Error.make({ code: 5, syscall: "ReadDirectoryChangesW", path: "watched/a" })
    expect(yield* events({ _tag: "Overflow", unwatched: { ...place("a"), error } })).toEqual({
      told: [
        [["A directory below one that is watched is not watched"], {
          path: join("watched", "a"),
          reason: "PermissionDenied"
        }]
      ],
      events: []
    })
  })
  live("is heard of directories and of files, and of nothing else", function*() {
    const backend = watchBackend({} as never)
    const registered = (type: FileSystem.File.Type) =>
      Option.isSome(backend.register("x", { type } as never, undefined))
    expect((["Directory", "File", "FIFO", "Socket", "Unknown"] as const).map(registered)).toEqual([
      ...[true, true],
      ...[false, false, false]
    ])
  })
})

describe("what a handle tells", () => {
  const stat = {
    size: 7n,
    attributes: C.FILE_ATTRIBUTE_NORMAL,
    mode: undefined,
    posix: undefined,
    volume: 1n,
    fileIndex: 2n,
    numberOfLinks: 3,
    createdTimeNs: 1_499_999n,
    modifiedTimeNs: 1_500_000n,
    accessTimeNs: 2_000_000n
  } as unknown as File.Stat
  it("is information about a file, of which Windows has less", () => {
    expect(ofStat(stat)).toMatchObject({
      type: "File",
      mode: 0o100666,
      uid: Option.some(0),
      gid: Option.some(0),
      rdev: Option.some(0),
      dev: 1,
      ino: Option.some(2),
      nlink: Option.some(3),
      size: 7n,
      blksize: Option.some(4096n),
      blocks: Option.none(),
      birthtime: Option.some(new Date(1)),
      mtime: Option.some(new Date(2)),
      atime: Option.some(new Date(2))
    })
    expect(ofStat({ ...stat, attributes: C.FILE_ATTRIBUTE_READONLY }).mode).toBe(0o100444)
    const posix = { uid: 5, gid: 6, rdev: 7, blockSize: 512, blocks: 8 }
    expect(ofStat({ ...stat, mode: 0o640, posix } as unknown as File.Stat)).toMatchObject({
      mode: 0o100640,
      uid: Option.some(5),
      gid: Option.some(6),
      rdev: Option.some(7),
      blksize: Option.some(512n),
      blocks: Option.some(8)
    })
  })
})

describe("files on the portable kernel", () => {
  type Body = (
    system: ThreadpoolFileSystem.ThreadpoolFileSystem,
    at: (name: string) => string
  ) => Generator<YieldWrap<Effect.Effect<unknown, unknown, Scope.Scope>>, void>

  const real = (name: string, body: Body) =>
    it.live(name, () =>
      Effect.acquireUseRelease(
        Effect.sync(() => fs.mkdtempSync(join(tmpdir(), "tpio-unit-"))),
        (home) =>
          Effect.flatMap(
            ThreadpoolFileSystem.make,
            (system) =>
              Effect.scoped(Effect.gen(() => body(system, (name) => join(home, name)) as never)) as Effect.Effect<void>
          ).pipe(Effect.provide(Kernel.layerPortable)),
        (home) => Effect.sync(() => fs.rmSync(home, { recursive: true, force: true }))
      ))

  const text = (string: string) => new TextEncoder().encode(string)

  real("a cursor follows reads, writes and truncations, and not appends", function*(system, at) {
    fs.writeFileSync(at("file"), "0123456789")
    const file = yield* system.open(at("file"), { flag: "r+" })
    const position = file.seek(0, "current")
    yield* file.read(new Uint8Array(3))
    expect(yield* position).toBe(3n)
    yield* file.readAlloc(2)
    expect(yield* position).toBe(5n)
    yield* file.write(text("ab"))
    expect(yield* position).toBe(7n)
    yield* file.writeAll(text("cd"))
    expect(yield* position).toBe(9n)
    yield* file.truncate(4)
    expect(yield* position).toBe(4n)
    yield* file.truncate(8)
    expect(yield* position).toBe(4n)
    expect(yield* file.seek(-1n, "current")).toBe(3n)
    expect(yield* file.seek(6, "start")).toBe(6n)
    const appending = yield* system.open(at("file"), { flag: "a+" })
    yield* appending.seek(2, "start")
    yield* appending.write(text("ef"))
    yield* appending.writeAll(text("gh"))
    yield* appending.truncate(1)
    expect(yield* appending.seek(0n, "current")).toBe(2n)
  })

  real("each flag empties, keeps, makes or refuses", function*(system, at) {
    const outcomes: Record<string, string> = {}
    for (const flag of ["r", "r+", "w", "wx", "w+", "wx+", "a", "ax", "a+", "ax+"] as const) {
      fs.writeFileSync(at("there"), "old")
      const made = yield* Effect.exit(Effect.scoped(system.open(at(`new ${flag}`), { flag })))
      const there = yield* Effect.exit(Effect.scoped(system.open(at("there"), { flag })))
      outcomes[flag] = [made, there].map(Exit.isSuccess).join() + ` ${fs.readFileSync(at("there"))}`
    }
    const made = { old: "true,true old", refused: "true,false old", emptied: "true,true " }
    expect(outcomes).toEqual({
      ...{ "r": "false,true old", "r+": "false,true old" },
      ...{ "w": made.emptied, "w+": made.emptied, "wx": made.refused, "wx+": made.refused },
      ...{ "a": made.old, "a+": made.old, "ax": made.refused, "ax+": made.refused }
    })
  })

  real("a sink goes on where it was, in one write what comes at once", function*(system, at) {
    const parts = Stream.fromChunks(Chunk.make(text("ab"), text("cd")), Chunk.make(text("ef")), Chunk.make(text("gh")))
    yield* Stream.run(parts, system.sink(at("file")))
    expect(fs.readFileSync(at("file"), "latin1")).toBe("abcdefgh")
    yield* Stream.run(parts, system.sink(at("file"), { flag: "a" }))
    expect(fs.readFileSync(at("file"), "latin1")).toBe("abcdefghabcdefgh")
  })

  real("a stream is the part that was asked for", function*(system, at) {
    fs.writeFileSync(at("file"), "0123456789")
    const chunks = yield* Stream.runCollect(system.stream(at("file"), { chunkSize: 2, offset: 3, bytesToRead: 5 }))
    expect(Chunk.toReadonlyArray(chunks).map(String)).toEqual(["51,52", "53,54", "55"])
    expect(Chunk.size(yield* Stream.runCollect(system.stream(at("file"), { chunkSize: 0 })))).toBe(0)
  })

  real("a temporary file that cannot be made leaves no directory", function*(system, at) {
    fs.mkdirSync(at("temporary"))
    const name = "x".repeat(300)
    const error = yield* Effect.flip(system.makeTempFile({ directory: at("temporary"), suffix: name }))
    expect(error).toMatchObject({ _tag: "SystemError", method: "makeTempFile" })
    expect(fs.readdirSync(at("temporary"))).toEqual([])
  })

  real("temporary names stay in their directory, and go with their scope", function*(system, at) {
    fs.mkdirSync(at("temporary"))
    const directory = at("temporary")
    for (const prefix of ["../", "a/b"]) {
      expect(yield* Effect.flip(system.makeTempDirectory({ directory, prefix }))).toMatchObject({ _tag: "BadArgument" })
      expect(yield* Effect.flip(system.makeTempFile({ directory, suffix: prefix }))).toMatchObject({
        _tag: "BadArgument"
      })
    }
    const made = yield* system.makeTempDirectory({ directory, prefix: ".." })
    expect(made).toMatch(/temporary[/\\]\.\.[^/\\]{6}$/)
    expect(yield* system.makeTempDirectory({ directory })).toMatch(/temporary[/\\][^/\\]{6}$/)
    fs.rmSync(directory, { recursive: true })
    fs.mkdirSync(directory)
    yield* Effect.scoped(Effect.zipRight(
      system.makeTempDirectoryScoped({ directory }),
      Effect.flatMap(system.makeTempFileScoped({ directory }), (path) =>
        Effect.sync(() => {
          expect(fs.statSync(path).size).toBe(0)
          expect(fs.readdirSync(directory).length).toBe(2)
        }))
    ))
    expect(fs.readdirSync(directory)).toEqual([])
  })

  real("what is known of an open file is what is known of its name", function*(system, at) {
    fs.writeFileSync(at("file"), "0123456789", { mode: 0o640 })
    fs.utimesSync(at("file"), 1_000_000.0004, 2_000_000.0006)
    const file = yield* system.open(at("file"))
    const [open, named] = [yield* file.stat, yield* system.stat(at("file"))]
    expect(open).toEqual(named)
    expect(open).toMatchObject({ type: "File", size: FileSystem.Size(10), nlink: Option.some(1) })
    expect(Option.getOrThrow(open.mtime)).toEqual(fs.statSync(at("file")).mtime)
    expect((yield* system.stat(at("."))).type).toBe("Directory")
  })

  real("arguments are looked at before anything is asked", function*(system, at) {
    const refused = [
      system.open(at("a\0b")),
      system.open(at("file"), { flag: "zz" as FileSystem.OpenFlag }),
      system.open(5 as never),
      system.truncate(at("file"), 1.5),
      system.writeFile(at("file"), "text" as never),
      system.makeDirectory(at("d"), { recursive: 1 as never }),
      system.remove(at("d"), { force: "yes" as never }),
      system.readDirectory(at("."), { recursive: 1 as never }),
      system.chmod(at("."), -1),
      Stream.runDrain(system.stream(at("file"), { chunkSize: "x" as never })),
      Stream.run(Stream.empty, system.sink(at("file"), { mode: -1 })),
      Stream.runDrain(system.watch(at("."), { recursive: 1 as never }))
    ]
    for (const [index, effect] of refused.entries()) {
      expect([index, yield* Effect.flip(effect as Effect.Effect<never, unknown>)]).toMatchObject([
        index,
        { _tag: "BadArgument" }
      ])
    }
    expect(yield* Effect.flip(system.readFile(""))).toMatchObject({ reason: "NotFound" })
    expect(fs.readdirSync(at("."))).toEqual([])
  })
})
