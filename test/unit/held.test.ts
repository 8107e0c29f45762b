/**
 * Directories that are held: the room, on a system that is played (a tree of names, and a note of what is opened and
 * closed), the ways to hold one, and the words in which errors tell of them.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import builtin, * as fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import { tmpdir } from "node:os"
import { join as joined } from "node:path"
import * as C from "../../src/internal/constants.js"
import { isKnown, isOther, isSame, isSameBirth } from "../../src/internal/held/identity.js"
import { asUserKnows, inside, placeIn, retell } from "../../src/internal/held/Place.js"
import { type Held, join, Replaced, Room } from "../../src/internal/held/Room.js"
import {
  comparing,
  isMissing,
  isNoDirectory,
  type PathLike,
  type Requests,
  statOf,
  type Way,
  wayOf
} from "../../src/internal/held/Way.js"
import type { CallName } from "../../src/internal/kernel/Calls.js"
import type { Kernel as Internal } from "../../src/internal/kernel/Kernel.js"
import type { Restore } from "../../src/internal/settle.js"
import * as Kernel from "../../src/Kernel.js"
import { make as win32Error } from "../../src/Win32Error.js"

const errno = (code: string, path: PathLike) => Object.assign(new Error(`${code}: open '${path}'`), { code })

interface Failure {
  readonly error: unknown
  readonly path: string
}

type Nature = Partial<Pick<Way, "holds" | "sure" | "needsAbove">>

/** A system with directories by path; `#n` leads to what the n-th handle is open on. */
const system = (nature: Nature = {}) => {
  const directories = new Map([["/r", 1n], ["/r/a", 2n], ["/r/a/b", 3n], ["/r/c", 4n]])
  const open = new Map<number, string>()
  const log: Array<string> = []
  let opened = 0
  /** Before a directory is opened. */
  let pause: (path: string) => Effect.Effect<void> = () => Effect.void
  const real = (path: PathLike): string => `${path}`.replace(/^#(\d+)/, (_, handle) => open.get(Number(handle))!)
  const stat = (path: PathLike): fs.BigIntStats => {
    const ino = directories.get(real(path))
    if (ino === undefined) throw errno("ENOENT", path)
    return { dev: 1n, ino } as fs.BigIntStats
  }
  const attempt = <A>(f: () => A): Effect.Effect<A, unknown> => Effect.try({ try: f, catch: (error) => error })
  const way: Way = {
    holds: true,
    sure: true,
    needsAbove: false,
    ...nature,
    open: (restore, path, follow) =>
      Effect.zipRight(
        restore(Effect.suspend(() => pause(real(path)))),
        attempt(() => {
          log.push(`open ${path}${follow ? ", followed" : ""}`)
          const answer = { handle: opened + 1, stat: stat(path) }
          open.set(++opened, real(path))
          return answer
        })
      ),
    look: (_, path) => attempt(() => stat(path)),
    close: (handle) =>
      Effect.sync(() => {
        log.push(`close ${open.get(handle)}`)
        expect(open.delete(handle)).toBe(true)
      }),
    within: (handle) => `#${handle}`
  }
  const room = new Room<Failure>(way, (error, path) => ({ error, path }))
  const r = room.root("/r")
  const a = room.child(r, "a")
  const b = room.child(a, "b")
  const c = room.child(r, "c")
  const openNow = () => [...open.values()].sort()
  /** The calls since the last time this was asked. */
  const since = () => log.splice(0)
  const nothing = () => Effect.void
  return {
    room,
    r,
    a,
    b,
    c,
    directories,
    openNow,
    since,
    hold: (...held: ReadonlyArray<Held>) => room.using(held, nothing),
    pausing: (at: (path: string) => Effect.Effect<void>) => void (pause = at),
    ended: Effect.map(Effect.suspend(() => room.close()), () => expect(openNow()).toEqual([]))
  }
}

const replaced = (code: "ENOENT" | "ESTALE", path: string) => ({ error: expect.any(Replaced), path, code })

const failureOf = <A>(effect: Effect.Effect<A, Failure>) =>
  Effect.map(Effect.flip(effect), (failure) => ({ ...failure, code: (failure.error as NodeJS.ErrnoException).code }))

describe("a room of directories", () => {
  it.effect("opens each from the one that it is in, once, and shows the user's path", () =>
    Effect.gen(function*() {
      const here = system()
      yield* here.room.using([here.b, here.a], () =>
        Effect.sync(() => {
          expect(here.since()).toEqual(["open /r, followed", "open #1/a", "open #2/b"])
          expect([here.b.place, here.b.depth]).toEqual([{ system: "#3", user: "/r/a/b" }, 2])
        }))
      expect(here.since()).toEqual(["close /r"])
      yield* here.hold(here.b)
      expect(here.since()).toEqual([])
      yield* here.ended
    }))

  it.effect("keeps open as many as are above the last one that was used, and closes those not used for longest", () =>
    Effect.gen(function*() {
      const here = system()
      yield* here.hold(here.b)
      expect(here.openNow()).toEqual(["/r", "/r/a", "/r/a/b"])
      yield* here.hold(here.c)
      expect(here.openNow()).toEqual(["/r", "/r/c"])
      here.since()
      yield* here.hold(here.r)
      expect([here.since(), here.openNow()]).toEqual([["close /r/c"], ["/r"]])
      yield* here.hold(here.c)
      expect(here.since()).toEqual(["open #1/c"])
      yield* here.ended
    }))

  it.effect("has 256 open at most that nobody uses, however deep they are", () =>
    Effect.gen(function*() {
      const here = system()
      let [last, path] = [here.r, "/r"]
      for (let depth = 1; depth < 400; depth++) {
        here.directories.set(path += "/d", BigInt(depth + 10))
        last = here.room.child(last, "d")
      }
      yield* here.hold(last)
      expect(here.openNow().length).toBe(256)
      expect(here.openNow()).toContain(path)
      yield* here.ended
    }))

  it.effect("closes at once what is not worth holding", () =>
    Effect.gen(function*() {
      const here = system({ holds: false })
      yield* here.hold(here.a)
      expect(here.since()).toEqual(["open /r, followed", "open #1/a", "close /r", "close /r/a"])
      yield* here.ended
    }))

  it.effect("holds what is above for as long as what is in it is open, where that is needed", () =>
    Effect.gen(function*() {
      const here = system({ needsAbove: true })
      yield* here.hold(here.b)
      here.since()
      yield* here.hold(here.r)
      // The deepest is the only one that nothing needs.
      expect(here.openNow()).toEqual(["/r", "/r/a", "/r/a/b"])
      yield* here.ended
      expect(here.since()).toEqual(["close /r/a/b", "close /r/a", "close /r"])
    }))

  it.effect("refuses a directory that is another one when it is opened again, or has gone, and closes what it opened", () =>
    Effect.gen(function*() {
      for (const [ino, code] of [[99n, "ESTALE"], [undefined, "ENOENT"]] as const) {
        const here = system()
        yield* here.hold(here.a)
        yield* here.hold(here.r)
        if (ino === undefined) here.directories.delete("/r/a")
        else here.directories.set("/r/a", ino)
        const use = here.room.using([here.a], () => Effect.die("it was used"))
        expect(yield* failureOf(use)).toEqual(replaced(code, "/r/a"))
        expect(here.openNow()).toEqual(["/r"])
        yield* here.ended
      }
    }))

  it.effect("tells what the system says of one that it never had, by the user's path", () =>
    Effect.gen(function*() {
      const here = system()
      here.directories.delete("/r/a/b")
      const { code, error, path } = yield* failureOf(here.hold(here.r, here.b))
      expect([code, path, (error as Error).message]).toEqual(["ENOENT", "/r/a/b", "ENOENT: open '/r/a/b'"])
      expect(error).not.toBeInstanceOf(Replaced)
      // The directories held on the way can be closed.
      yield* here.ended
    }))

  it.effect("verifies that names mean what is held: of a root, and of what is in it", () =>
    Effect.gen(function*() {
      for (const path of ["/r", "/r/a"]) {
        for (const [ino, code] of [[99n, "ESTALE"], [undefined, "ENOENT"]] as const) {
          const here = system()
          const held = path === "/r" ? here.r : here.a
          yield* here.hold(here.a)
          yield* here.room.verify(held)
          if (ino === undefined) here.directories.delete(path)
          else here.directories.set(path, ino)
          expect(yield* failureOf(here.room.verify(held))).toEqual(replaced(code, path))
          yield* here.ended
        }
      }
      // One that was never opened is nothing to compare with.
      const here = system()
      expect(yield* failureOf(here.room.verify(here.a))).toEqual(replaced("ESTALE", "/r/a"))
      yield* here.ended
    }))

  it.effect("compares after each use where nothing holds them for sure, and what is above before", () =>
    Effect.gen(function*() {
      const here = system({ sure: false })
      const exchanged = here.room.using([here.r, here.a], () => Effect.sync(() => here.directories.set("/r/a", 99n)))
      expect(yield* failureOf(exchanged)).toEqual(replaced("ESTALE", "/r/a"))
      yield* here.ended
      const other = system({ sure: false })
      yield* other.hold(other.r)
      other.directories.set("/r", 99n)
      expect(yield* failureOf(other.room.using([other.a], () => Effect.die("it was used")))).toEqual(
        replaced("ESTALE", "/r")
      )
      yield* other.ended
      // Where they are, nothing is compared: whatever happens to the name, what is held stays what it is.
      const sure = system()
      yield* sure.room.using([sure.a], () => Effect.sync(() => sure.directories.set("/r/a", 99n)))
      yield* sure.ended
    }))

  it.effect("lets go of all when its use fails, dies or is interrupted", () =>
    Effect.gen(function*() {
      for (const end of [Effect.fail("enough" as const), Effect.die("enough"), Effect.interrupt]) {
        const here = system()
        const exit = yield* Effect.exit(here.room.using([here.b], () => end))
        expect(exit).toEqual(yield* Effect.exit(end))
        yield* here.hold(here.r)
        expect(here.openNow()).toEqual(["/r"])
        yield* here.ended
      }
    }))

  it.effect("can be interrupted while a directory is opened, and lets go of those above it", () =>
    Effect.gen(function*() {
      const here = system()
      const reached = yield* Deferred.make<void>()
      here.pausing((path) =>
        path === "/r/a/b" ? Effect.zipRight(Deferred.succeed(reached, undefined), Effect.never) : Effect.void
      )
      const fiber = yield* Effect.fork(here.hold(here.c, here.b))
      yield* Deferred.await(reached)
      expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
      expect(here.openNow()).toContain("/r/a")
      yield* here.ended
    }))

  it.effect("opened by two at once keeps one of the two handles", () =>
    Effect.gen(function*() {
      const here = system()
      here.pausing(() => Effect.yieldNow())
      yield* Effect.all([here.hold(here.a), here.hold(here.a)], { concurrency: 2 })
      expect(here.openNow()).toEqual(["/r", "/r/a"])
      yield* here.ended
    }))

  it.effect("drops what is to be removed, unless somebody uses it", () =>
    Effect.gen(function*() {
      const here = system()
      yield* here.room.using([here.a], () => here.room.drop(here.a))
      expect(here.openNow()).toEqual(["/r", "/r/a"])
      yield* here.room.drop(here.a)
      yield* here.room.drop(here.a)
      expect(here.openNow()).toEqual(["/r"])
      yield* here.ended
    }))

  it("joins names that are bytes as bytes", () => {
    const name = Buffer.from([0xff])
    expect(join("/r", "a")).toBe(joined("/r", "a"))
    expect(join("/", "a")).toBe("/a")
    expect(join("/r", name)).toEqual(Buffer.from("/r/\xff", "latin1"))
    expect(join(name, "a")).toEqual(Buffer.from("\xff/a", "latin1"))
  })
})

const restore: Restore = (effect) => effect

const noted = (isDirectory = true) => {
  const asked: Array<unknown> = []
  const stat = { dev: 1n, ino: 2n, isDirectory: () => isDirectory } as fs.BigIntStats
  const requests: Requests = {
    open: (_, path, flags) => Effect.sync(() => (asked.push(["open", path, flags]), { handle: 7, stat })),
    stat: (_, path, follow) => Effect.sync(() => (asked.push(["stat", path, follow]), stat))
  }
  return { asked, requests, stat }
}

const onLinux = it.effect.skipIf(process.platform !== "linux")

describe("a directory is held", () => {
  const plain = { engine: { kernel: {} } } as unknown as Kernel.Kernel.Service

  onLinux(
    "by a descriptor on Linux, through which its names are found, and follows no link unasked",
    () =>
      Effect.gen(function*() {
        const { asked, requests, stat } = noted()
        const way = wayOf(plain, requests)
        expect(way).toMatchObject({ holds: true, sure: true, needsAbove: false })
        expect(yield* way.open(restore, "/r", true)).toEqual({ handle: 7, stat })
        yield* way.open(restore, "/r", false)
        const flags = 0o10000000 | fs.constants.O_DIRECTORY
        expect(asked).toEqual([["open", "/r", flags], ["open", "/r", flags | fs.constants.O_NOFOLLOW]])
        expect(way.within(7, "/r")).toBe("/proc/self/fd/7")
      })
  )

  onLinux("for as long as its descriptor is open", () =>
    Effect.gen(function*() {
      const base = fs.mkdtempSync(joined(tmpdir(), "tpio-held-"))
      fs.symlinkSync(base, joined(base, "link"))
      const way = wayOf(plain)
      const { handle, stat } = yield* way.open(restore, base, false)
      expect(stat.ino).toBe(fs.statSync(base, { bigint: true }).ino)
      fs.writeFileSync(joined(way.within(handle, base) as string, "file"), "")
      expect(fs.existsSync(joined(base, "file"))).toBe(true)
      yield* way.close(handle)
      expect(() => fs.fstatSync(handle)).toThrow("EBADF")
      expect(yield* Effect.flip(way.open(restore, joined(base, "link"), false))).toMatchObject({ code: "ENOTDIR" })
      expect(yield* Effect.flip(way.look(restore, joined(base, "link"), false))).toMatchObject({ code: "ENOTDIR" })
      expect((yield* way.look(restore, joined(base, "link"), true)).ino).toBe(stat.ino)
      expect(yield* Effect.flip(way.look(restore, joined(base, "none"), true))).toMatchObject({ code: "ENOENT" })
      fs.rmSync(base, { recursive: true })
    }))

  it("and closed again where nothing can be told of it", () => {
    const fd = fs.openSync(tmpdir(), "r")
    const { fstatSync } = builtin
    builtin.fstatSync = (() => {
      throw errno("EIO", "x")
    }) as unknown as typeof fstatSync
    syncBuiltinESMExports()
    try {
      expect(() => statOf(fd)).toThrow("EIO")
    } finally {
      builtin.fstatSync = fstatSync
      syncBuiltinESMExports()
    }
    expect(() => fs.fstatSync(fd)).toThrow("EBADF")
  })

  it.effect("by nothing where there is no way: it is looked at, and has its path", () =>
    Effect.gen(function*() {
      const { asked, requests, stat } = noted()
      const way = comparing(requests)
      expect(way).toMatchObject({ holds: false, sure: false, needsAbove: false })
      expect(yield* way.open(restore, "/r", true)).toEqual({ handle: -1, stat })
      yield* way.open(restore, "/r", false)
      expect(asked).toEqual([["stat", "/r", true], ["stat", "/r", false]])
      expect(way.within(-1, "/r")).toBe("/r")
      yield* way.close(-1)
      expect(yield* Effect.flip(comparing(noted(false).requests).open(restore, "/r", true))).toMatchObject({
        code: "ENOTDIR"
      })
    }))

  /** A kernel that holds directories, and answers these statuses, and handles from 40 on. */
  const onWindows = (statuses: ReadonlyArray<number>, isDirectory = true) =>
    Effect.map(Kernel.Kernel, (kernel) => {
      const calls: Array<readonly [CallName, Record<string, unknown>]> = []
      let next = 0
      Object.assign(kernel.engine.kernel, {
        holdsDirectories: true,
        call:
          ((name: CallName, arguments_: Record<string, unknown>, done: (status: number, value?: unknown) => void) => {
            calls.push([name, arguments_])
            const status = statuses[next++] ?? 0
            setImmediate(() => status === 0 ? done(0, 40 + next) : done(status))
            return () => false
          }) as unknown as Internal["call"]
      })
      const { asked, requests } = noted(isDirectory)
      return { asked, calls, way: wayOf(kernel, requests) }
    })
  const opening = (access: number, flags: number) => [
    "CreateFileW",
    expect.objectContaining({ path: "/r", access, share: 3, disposition: C.OPEN_EXISTING, flags })
  ]
  const BACKUP = C.FILE_FLAG_BACKUP_SEMANTICS
  const UNFOLLOWED = BACKUP | C.FILE_FLAG_OPEN_REPARSE_POINT

  it.live("by a handle where the kernel can, which shares no removal, and is looked at as well", () =>
    Effect.gen(function*() {
      const { asked, calls, way } = yield* onWindows([])
      expect(way).toMatchObject({ holds: true, sure: false, needsAbove: true })
      expect(way.within(41, "/r")).toBe("/r")
      expect((yield* way.open(restore, "/r", false)).handle).toBe(41)
      yield* way.open(restore, "/r", true)
      yield* way.close(41)
      expect(calls).toEqual([
        opening(C.FILE_LIST_DIRECTORY, UNFOLLOWED),
        opening(C.FILE_LIST_DIRECTORY, BACKUP),
        ["CloseHandle", { handle: 41 }]
      ])
      expect(asked).toEqual([["stat", "/r", false], ["stat", "/r", true]])
    }).pipe(Effect.provide(Kernel.layerPortable)))

  it.live("by a lesser one where it may not be listed; what else the system says is told", () =>
    Effect.gen(function*() {
      const denied = yield* onWindows([C.ERROR_ACCESS_DENIED])
      expect((yield* denied.way.open(restore, "/r", true)).handle).toBe(42)
      expect(denied.calls).toEqual([opening(C.FILE_LIST_DIRECTORY, BACKUP), opening(C.FILE_READ_ATTRIBUTES, BACKUP)])
      const missing = yield* onWindows([C.ERROR_FILE_NOT_FOUND])
      const error = yield* Effect.flip(missing.way.open(restore, "/r", true))
      expect([missing.calls.length, isMissing(error)]).toEqual([1, true])
    }).pipe(Effect.provide(Kernel.layerPortable)))

  it.live("and closed again where a file has its name", () =>
    Effect.gen(function*() {
      const { calls, way } = yield* onWindows([], false)
      expect(yield* Effect.flip(way.open(restore, "/r", false))).toMatchObject({ code: "ENOTDIR" })
      expect(calls.at(-1)).toEqual(["CloseHandle", { handle: 41 }])
    }).pipe(Effect.provide(Kernel.layerPortable)))
})

describe("an error says", () => {
  const of = (code: number) => win32Error({ code, syscall: "CreateFileW", path: "/r" })
  const caused = (cause: unknown) => new Error("beside it", { cause })
  it.each([
    ["ENOENT", errno("ENOENT", "/r"), true, true],
    ["ENOENT far below", caused(caused(errno("ENOENT", "/r"))), true, true],
    ["2", of(C.ERROR_FILE_NOT_FOUND), true, true],
    ["ENOTDIR", errno("ENOTDIR", "/r"), false, true],
    ["ELOOP", errno("ELOOP", "/r"), false, true],
    ["1921 far below", caused(of(C.ERROR_CANT_RESOLVE_FILENAME)), false, true],
    ["EACCES", errno("EACCES", "/r"), false, false],
    ["5", of(C.ERROR_ACCESS_DENIED), false, false],
    ["nothing of it", new Error("another"), false, false],
    ["nothing at all", undefined, false, false]
  ])("by %s what a name is not", (_, error, missing, noDirectory) => {
    expect([isMissing(error), isNoDirectory(error)]).toEqual([missing, noDirectory])
  })

  const place = { system: "/proc/self/fd/7/a/b", user: "/home/me/a/b" }
  const told = asUserKnows(place)

  it("the user's path, of the place and of what is beside it", () => {
    expect(told("ENOENT: open '/proc/self/fd/7/a/b'")).toBe("ENOENT: open '/home/me/a/b'")
    expect(told("rename '/proc/self/fd/7/x' -> '/proc/self/fd/7/a/b'")).toBe(
      "rename '/home/me/x' -> '/home/me/a/b'"
    )
    expect(told("/proc/self/fd/7")).toBe("/home/me")
    // Another descriptor, whose number begins alike.
    expect(told("/proc/self/fd/77/a/b")).toBe("/proc/self/fd/77/a/b")
    expect(asUserKnows({ system: "/proc/self/fd/7", user: "/home/me" })("in '/proc/self/fd/7'")).toBe("in '/home/me'")
    expect(asUserKnows({ system: "/r", user: "/r" })("in '/r'")).toBe("in '/r'")
    expect(placeIn({ system: "/proc/self/fd/7", user: "/" }, "a")).toEqual({ system: "/proc/self/fd/7/a", user: "/a" })
    expect([inside("/", "a"), inside("/r", "a")]).toEqual(["/a", "/r/a"])
  })

  it("it in all that it has, and what is no error stays", () => {
    const { path, system } = { path: place.system, system: place.system }
    const error = Object.assign(errno("ENOENT", path), { path, dest: `${path}2`, syscall: "rename", errno: -2 })
    error.stack = `Error: ${system}`
    expect(retell(error, told)).toBe(error)
    expect({ ...error, message: error.message, stack: error.stack }).toEqual({
      message: "ENOENT: open '/home/me/a/b'",
      path: "/home/me/a/b",
      dest: "/home/me/a/b2",
      stack: "Error: /home/me/a/b",
      syscall: "rename",
      code: "ENOENT",
      errno: -2
    })
    expect(retell(system, told)).toBe(system)
    expect(retell(undefined, told)).toBe(undefined)
  })
})

describe("two files", () => {
  const file = (ino: bigint, birthtimeNs = 1n, dev = 1n) => ({ dev, ino, birthtimeNs })
  const ones = 2n ** 64n - 1n
  it.each([
    ["one file", file(5n), file(5n), { same: true, other: false, born: true }],
    ["another number", file(5n), file(6n), { same: false, other: true, born: false }],
    ["another device", file(5n), file(5n, 1n, 2n), { same: false, other: true, born: false }],
    ["a number that is used again", file(5n), file(5n, 2n), { same: true, other: false, born: false }],
    ["no birth, but a number", file(5n, 0n), file(5n, 0n), { same: true, other: false, born: true }],
    ["no number", file(0n), file(0n), { same: false, other: false, born: true }],
    ["a number of more than 64 bits", file(ones), file(ones), { same: false, other: false, born: true }],
    ["neither number nor birth", file(0n, 0n), file(0n, 0n), { same: false, other: false, born: false }]
  ])("are told apart by their numbers, where they have any: %s", (_, a, b, { born, other, same }) => {
    expect({ same: isSame(a, b), other: isOther(a, b), born: isSameBirth(a, b) }).toEqual({ same, other, born })
  })
  it("have numbers, or none", () => {
    expect([5n, 0n, ones].map((ino) => isKnown({ ino }))).toEqual([true, false, false])
  })
})
