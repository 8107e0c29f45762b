/**
 * Watching directories: what is told, what is never lost in silence, and what is left when it ends: nothing.
 */
import { expect } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  watch,
  writeFileSync
} from "node:fs"
import { join, sep } from "node:path"
import * as BufferPool from "../../src/BufferPool.js"
import * as Directory from "../../src/Directory.js"
import { Kernel } from "../../src/Kernel.js"
import * as Operation from "../../src/Operation.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import { contract, failureOf, movement, refused, settleFibers, sleep } from "../support/claims.js"
import { borrowedFile } from "../support/held.js"
import * as lab from "../support/lab.js"
import { deepPath, exitError, line, removeFromOutside, told } from "../support/watching.js"

contract("a watched directory tells", ({ claim, only }) => {
  claim("what is created, changed, renamed and removed, by name and by path", function*() {
    const path = yield* lab.directory
    const watching = yield* told(yield* Directory.open(path))
    writeFileSync(join(path, "a"), "1")
    yield* watching.until("Created a")
    yield* sleep(20)
    appendFileSync(join(path, "a"), "2")
    yield* watching.until("Modified a")
    renameSync(join(path, "a"), join(path, "b"))
    yield* watching.until("Renamed a b")
    rmSync(join(path, "b"))
    yield* watching.until("Removed b")
    mkdirSync(join(path, "c"))
    yield* watching.until("Created c")
    expect(watching.changes[0]).toEqual({ _tag: "Created", name: "a", path: join(path, "a") })
    expect(watching.changes.find((change) => change._tag === "Renamed")).toEqual({
      _tag: "Renamed",
      from: { name: "a", path: join(path, "a") },
      to: { name: "b", path: join(path, "b") }
    })
    expect(watching.lines()).not.toContain("Overflow")
  })

  claim("names outside ASCII, and a name of 255 characters", function*() {
    const path = yield* lab.directory
    const watching = yield* told(yield* Directory.open(path))
    for (const name of ["grüße", "日本", "x".repeat(255)]) {
      writeFileSync(join(path, name), "")
      yield* watching.until(`Created ${name}`)
    }
  })

  claim("nothing of what is below, unless it is recursive", function*() {
    const path = yield* lab.directory
    mkdirSync(join(path, "below"))
    const watching = yield* told(yield* Directory.open(path))
    writeFileSync(join(path, "below", "hidden"), "")
    writeFileSync(join(path, "seen"), "")
    yield* watching.until("Created seen")
    yield* sleep(50)
    expect(watching.lines().filter((one) => one.includes("hidden"))).toEqual([])
  })

  const below = lab.isWine
    ? only("portable", "Wine 8 tells only of directories that come after the watch has begun")
    : claim
  below("recursively, of directories that were there", function*() {
    const path = yield* lab.directory
    mkdirSync(join(path, "there", "deep"), { recursive: true })
    const watching = yield* told(yield* Directory.open(path, { recursive: true }))
    writeFileSync(join(path, "there", "deep", "one"), "")
    yield* watching.until("Created there/deep/one")
  })

  claim("recursively, of directories that come", function*() {
    const path = yield* lab.directory
    const watching = yield* told(yield* Directory.open(path, { recursive: true }))
    mkdirSync(join(path, "new"))
    yield* watching.until("Created new")
    writeFileSync(join(path, "new", "two"), "")
    yield* watching.until("Created new/two")
    rmSync(join(path, "new"), { recursive: true })
    yield* watching.until("Removed new/two")
    yield* watching.until("Removed new")
    const two = watching.changes.find((change) => line(change) === "Created new/two")
    expect(two).toEqual({ _tag: "Created", name: `new${sep}two`, path: join(path, "new", "two") })
  })

  const moved = lab.isWine
    ? only("portable", "Wine 8 does not tell of what is in a directory that was moved into the tree")
    : claim
  moved("a change in a branch that has come and was not looked at yet, or an overflow in its place", function*() {
    const [path, elsewhere] = [yield* lab.directory, yield* lab.directory]
    for (let i = 0; i < 10; i++) {
      const folder = join(elsewhere, "branch", `${i}`, "below")
      mkdirSync(folder, { recursive: true })
      for (let file = 0; file < 20; file++) writeFileSync(join(folder, `${file}`), "")
    }
    const watching = yield* told(yield* Directory.open(path, { recursive: true }))
    renameSync(join(elsewhere, "branch"), join(path, "branch"))
    // In the same turn: the thread that watches has looked at nothing of it.
    writeFileSync(join(path, "branch", "9", "below", "late"), "")
    yield* lab.eventually(
      "the change is told",
      () => watching.lines().some((line) => line.endsWith("late") || line.startsWith("Overflow"))
    )
  })

  claim("what leaves it as removed, and what comes into it as created", function*() {
    const [path, elsewhere] = [yield* lab.directory, yield* lab.directory]
    writeFileSync(join(path, "out"), "")
    writeFileSync(join(elsewhere, "in"), "")
    const watching = yield* told(yield* Directory.open(path))
    renameSync(join(path, "out"), join(elsewhere, "out"))
    yield* watching.until("Removed out")
    renameSync(join(elsewhere, "in"), join(path, "in"))
    yield* watching.until("Created in")
  })

  claim("only what the filter asks for", function*() {
    const path = yield* lab.directory
    writeFileSync(join(path, "file"), "1")
    const watching = yield* told(yield* Directory.open(path, { filter: ["directoryName"] }))
    appendFileSync(join(path, "file"), "2")
    writeFileSync(join(path, "other"), "")
    mkdirSync(join(path, "directory"))
    yield* watching.until("Created directory")
    yield* sleep(50)
    expect(watching.lines()).toEqual(["Created directory"])
  })

  claim("what happens between its opening and the first pull", function*() {
    const path = yield* lab.directory
    const directory = yield* Directory.open(path)
    writeFileSync(join(path, "early"), "")
    yield* sleep(100)
    expect(yield* Stream.runHead(Directory.changes(directory))).toMatchObject({
      value: { _tag: "Created", name: "early" }
    })
  })

  claim("every one of 600 files, while the stream is pulled", function*() {
    const path = yield* lab.directory
    const watching = yield* told(yield* Directory.open(path, { filter: ["fileName"] }))
    for (let file = 0; file < 600; file++) {
      writeFileSync(join(path, `file-${file}`), "")
      if (file % 10 === 0) yield* sleep(1)
    }
    yield* lab.eventually("all are told", () => watching.changes.length >= 600)
    expect(new Set(watching.lines())).toEqual(new Set(Array.from({ length: 600 }, (_, file) => `Created file-${file}`)))
  })

  claim("rule 10: an overflow when nobody pulls for too long, and then what happens afterwards", function*() {
    const path = yield* lab.directory
    const directory = yield* Directory.open(path, { bufferSize: 1024 })
    for (let round = 0; round < 10; round++) {
      for (let file = 0; file < 40; file++) writeFileSync(join(path, `a-long-name-${round}-${file}`), "")
      yield* sleep(20)
    }
    const watching = yield* told(directory)
    yield* watching.until("Overflow")
    yield* sleep(100)
    writeFileSync(join(path, "afterwards"), "")
    yield* watching.until("Created afterwards")
  })
})

contract("a watch loses nothing in silence", ({ only }) => {
  const onLinux = process.platform === "linux" ? "portable" : []

  only(onLinux, "others have no such queue")(
    "when another watcher of the process fills the queue of inotify",
    function*() {
      const [path, elsewhere] = [yield* lab.directory, yield* lab.directory]
      const watching = yield* told(yield* Directory.open(path, { filter: ["fileName"] }))
      const other = watch(elsewhere, () => {})
      yield* Effect.addFinalizer(() => Effect.sync(() => other.close()))
      const queue = Number(readFileSync("/proc/sys/fs/inotify/max_queued_events", "latin1"))
      for (let event = 0; event < Math.min(queue, 100_000); event += 2) {
        writeFileSync(join(elsewhere, "file"), "")
        rmSync(join(elsewhere, "file"))
      }
      for (let file = 0; file < 4000; file++) writeFileSync(join(path, `file-${file}`), "")
      const names = () => new Set(watching.lines())
      yield* lab.eventually(
        "all are told, or that some are lost",
        () => names().size >= 4000 || names().has("Overflow"),
        60_000
      )
    },
    90_000
  )

  only(onLinux, "their names are Unicode")("of names that are no UTF-8: one overflow for a burst", function*() {
    const path = yield* lab.directory
    const watching = yield* told(yield* Directory.open(path, { filter: ["fileName"] }))
    for (let file = 0; file < 100; file++) {
      writeFileSync(Buffer.concat([Buffer.from(join(path, `${file}`)), Buffer.of(0xff, 0xfe)]), "")
    }
    writeFileSync(join(path, "other"), "")
    yield* watching.until("Created other")
    yield* watching.until("Overflow")
    expect(watching.lines()).toEqual(["Created other", "Overflow"])
  })

  only(onLinux, "it makes the path by descriptors")("below a path of more than 4,096 bytes, and goes on", function*() {
    const path = yield* lab.directory
    const watching = yield* told(yield* Directory.open(path, { recursive: true }))
    yield* deepPath(path)
    yield* watching.until("Overflow")
    const [left, ...others] = watching.changes.filter((change) => change._tag === "Overflow")
    expect(left!.unwatched!.error).toMatchObject({ code: 206, reason: "InvalidArgument", path: left!.unwatched!.path })
    expect(Buffer.byteLength(left!.unwatched!.path)).toBeGreaterThan(3840)
    writeFileSync(join(path, "afterwards"), "")
    yield* watching.until("Created afterwards")
    expect(others).toEqual([])
  })

  const unprivileged = process.getuid?.() === 0 ? [] : onLinux
  only(unprivileged, "root may read everything")("below a directory that may not be read", function*() {
    const path = yield* lab.directory
    mkdirSync(join(path, "secret"), { mode: 0o300 })
    yield* Effect.addFinalizer(() => Effect.sync(() => chmodSync(join(path, "secret"), 0o700)))
    const directory = yield* Directory.open(path, { recursive: true })
    const first = yield* Stream.runHead(Directory.changes(directory))
    expect(first).toMatchObject({
      value: { _tag: "Overflow", unwatched: { name: "secret", error: { reason: "PermissionDenied" } } }
    })
  })
})

contract("a watch ends", ({ claim, only }) => {
  only("portable", "Windows refuses that")("as removed when a directory above it is renamed", function*() {
    const home = yield* lab.directory
    const path = join(home, "above", "watched")
    mkdirSync(path, { recursive: true })
    writeFileSync(join(path, "file"), "")
    const watching = yield* told(yield* Directory.open(path))
    renameSync(join(home, "above"), join(home, "elsewhere"))
    appendFileSync(join(home, "elsewhere", "watched", "file"), "more")
    writeFileSync(join(home, "elsewhere", "watched", "new"), "")
    expect(exitError(yield* watching.ended)).toEqual({ code: 5, reason: "NotFound" })
    expect(watching.lines()).toEqual([])
  })

  claim("with NotFound (5) when the directory is removed, after what was in it", function*() {
    const home = yield* lab.directory
    const path = mkdtempSync(join(home, "watched-"))
    writeFileSync(join(path, "inside"), "")
    const watching = yield* told(yield* Directory.open(path))
    removeFromOutside(path)
    expect(exitError(yield* watching.ended)).toEqual({ code: 5, reason: "NotFound" })
    expect(watching.lines()).toContain("Removed inside")
  })

  only("portable", "Windows goes on watching it")("as removed when the directory is renamed", function*() {
    const home = yield* lab.directory
    const path = mkdtempSync(join(home, "watched-"))
    const watching = yield* told(yield* Directory.open(path))
    renameSync(path, `${path}-elsewhere`)
    expect(exitError(yield* watching.ended)).toEqual({ code: 5, reason: "NotFound" })
  })

  claim("with Closed when its scope closes, and its read is cancelled and awaited", function*() {
    const path = yield* lab.directory
    const scope = yield* Scope.make()
    const { cancelled, completedByCallback, started, value } = yield* movement(Effect.gen(function*() {
      const directory = yield* Scope.extend(Directory.open(path), scope)
      expect((yield* ThreadpoolIo.ledger(directory.io)).inFlight).toBe(1)
      const watching = yield* told(directory)
      yield* sleep(20)
      yield* Scope.close(scope, Exit.void)
      expect((yield* ThreadpoolIo.ledger(directory.io)).inFlight).toBe(0)
      const again = yield* failureOf(Stream.runDrain(Directory.changes(directory)))
      expect(again.reason).toBe("Closed")
      return yield* watching.ended
    }))
    expect(exitError(value)).toEqual({ code: 6, reason: "Closed" })
    expect({ started, completedByCallback, cancelled }).toEqual({ started: 1, completedByCallback: 1, cancelled: 1 })
  })

  claim("and the next one goes on where it has stopped", function*() {
    const path = yield* lab.directory
    const directory = yield* Directory.open(path)
    const first = yield* told(directory)
    writeFileSync(join(path, "one"), "")
    yield* first.until("Created one")
    yield* first.stop
    expect((yield* ThreadpoolIo.ledger(directory.io)).inFlight).toBe(1)
    writeFileSync(join(path, "two"), "")
    yield* sleep(50)
    const second = yield* told(directory)
    yield* second.until("Created two")
  })

  /** Five files whose changes come in one read, or in few. */
  const five = function*() {
    const path = yield* lab.directory
    const directory = yield* Directory.open(path, { filter: ["fileName"] })
    for (const name of ["1", "2", "3", "4", "5"]) writeFileSync(join(path, name), "")
    yield* sleep(50)
    return { directory, path, take: (count: number) => Stream.take(Directory.changes(directory), count) }
  }
  const all = ["Created 1", "Created 2", "Created 3", "Created 4", "Created 5"]
  const linesOf = (changes: Chunk.Chunk<Directory.Change>) => Chunk.toReadonlyArray(changes).map(line)

  claim("having taken one change, and leaves those that came with it to the next stream", function*() {
    const { take } = yield* five()
    const told = yield* Effect.forEach([1, 2, 1, 1], (count) => Stream.runCollect(take(count)))
    expect(told.flatMap(linesOf)).toEqual(all)
  })

  claim("in the middle of a change that failed to be handled, which the next stream is told again", function*() {
    const { directory, take } = yield* five()
    const seen: Array<string> = []
    const handled = Stream.runForEach(Directory.changes(directory), (change) => {
      seen.push(line(change))
      return seen.length === 3 ? Effect.fail("not today") : Effect.void
    })
    expect(yield* Effect.flip(handled)).toBe("not today")
    expect(seen).toEqual(all.slice(0, 3))
    expect(linesOf(yield* Stream.runCollect(take(3)))).toEqual(all.slice(2))
  })

  claim("interrupted while a change is handled, which the next stream is told again", function*() {
    const { directory, take } = yield* five()
    const seen: Array<string> = []
    const fiber = yield* Effect.fork(Stream.runForEach(Directory.changes(directory), (change) => {
      seen.push(line(change))
      return seen.length === 2 ? Effect.never : Effect.void
    }))
    yield* lab.eventually("two are told", () => seen.length === 2)
    yield* Fiber.interrupt(fiber)
    expect(linesOf(yield* Stream.runCollect(take(4)))).toEqual(all.slice(1))
  })

  claim("in chunks of one: no change is taken from the directory before it is asked for", function*() {
    const { directory } = yield* five()
    const sizes = yield* Stream.runCollect(Stream.take(Stream.chunks(Directory.changes(directory)), 5))
    expect(Chunk.toReadonlyArray(sizes).map(Chunk.size)).toEqual([1, 1, 1, 1, 1])
  })

  claim("not because somebody has cancelled its read", function*() {
    const path = yield* lab.directory
    const directory = yield* Directory.open(path)
    const first = yield* told(directory)
    yield* sleep(20)
    yield* ThreadpoolIo.cancelAll(directory.io)
    expect(exitError(yield* first.ended)).toEqual({ code: 995, reason: "Cancelled" })
    const second = yield* told(directory)
    yield* sleep(20)
    writeFileSync(join(path, "later"), "")
    yield* second.until("Created later")
  })

  claim("with the scope of Directory.watch", function*() {
    const path = yield* lab.directory
    const fiber = yield* Effect.fork(Stream.runCollect(Stream.take(Directory.watch(path), 1)))
    const writer = yield* Effect.fork(Effect.forever(
      Effect.zipRight(sleep(20), Effect.sync(() => writeFileSync(join(path, `${Date.now()}`), "")))
    ))
    expect(Chunk.toReadonlyArray(yield* Fiber.join(fiber)).map((change) => change._tag)).toEqual(["Created"])
    yield* Fiber.interrupt(writer)
  })
})

contract("refused", ({ claim }) => {
  claim("a second stream at the same time", function*() {
    const directory = yield* Directory.open(yield* lab.directory)
    yield* told(directory)
    yield* sleep(20)
    expect(yield* failureOf(Stream.runDrain(Directory.changes(directory)))).toMatchObject({ code: 170, reason: "Busy" })
  })

  claim("what is not there, and what is no directory", function*() {
    const path = yield* lab.directory
    expect((yield* failureOf(Directory.open(join(path, "missing")))).reason).toBe("NotFound")
    writeFileSync(join(path, "file"), "")
    expect(yield* failureOf(Directory.open(join(path, "file")))).toMatchObject({ code: 267, reason: "InvalidArgument" })
  })

  claim("arguments that say nothing, before any native call", function*() {
    const path = yield* lab.directory
    expect((yield* refused(Directory.open(""))).code).toBe(123)
    expect((yield* refused(Directory.open("a\0b"))).code).toBe(123)
    expect((yield* refused(Directory.open(path, { filter: [] }))).code).toBe(87)
    for (const bufferSize of [0, 1020, 1023, 1025, 65_538, NaN, 2 ** 24 + 4, 2 ** 25, -4]) {
      expect((yield* refused(Directory.open(path, { bufferSize }))).code).toBe(87)
    }
  })

  claim("a window that does not begin at a DWORD", function*() {
    const directory = yield* Directory.open(yield* lab.directory)
    const buffer = yield* BufferPool.make(4096)
    const operation = (start: number, filter: ReadonlyArray<Operation.Notification>) =>
      Operation.readDirectoryChanges({ buffer, start, recursive: false, filter })
    expect((yield* refused(ThreadpoolIo.submit(directory.io, operation(2, ["size"])))).detail).toMatch(
      /multiple of four/
    )
    expect((yield* refused(ThreadpoolIo.submit(directory.io, operation(4, [])))).detail).toMatch(/filter is empty/)
  })

  claim("a handle in skip mode, under which nobody can tell whether it pends", function*() {
    const io = yield* ThreadpoolIo.make(yield* borrowedFile(join(yield* lab.directory, "file")), { skipMode: true })
    const operation = Operation.readDirectoryChanges({
      buffer: new Uint8Array(1024),
      recursive: false,
      filter: ["fileName"]
    })
    expect((yield* refused(ThreadpoolIo.submit(io, operation))).detail).toMatch(/skip mode/)
  })

  claim("a file's handle", function*() {
    const handle = yield* borrowedFile(join(yield* lab.directory, "file"))
    const io = yield* ThreadpoolIo.make(handle)
    const operation = Operation.readDirectoryChanges({
      buffer: new Uint8Array(1024),
      recursive: false,
      filter: ["fileName"]
    })
    const error = yield* failureOf(ThreadpoolIo.submit(io, operation))
    // 87 on Windows, 6 on Wine, 1 on the portable kernel.
    expect(["InvalidArgument", "InvalidHandle", "Unsupported"]).toContain(error.reason)
  })
})

contract("a stream that waits", ({ only }) => {
  only("portable", "on Wine a removal is looked for")("sets no timer, but for the other half of a rename", function*() {
    const path = yield* lab.directory
    const { engine } = yield* Kernel
    const host = engine.host as { setTimer: typeof engine.host.setTimer }
    const { setTimer } = host
    let timers = 0
    host.setTimer = (milliseconds, callback) => {
      timers++
      return setTimer.call(engine.host, milliseconds, callback)
    }
    yield* Effect.addFinalizer(() => Effect.sync(() => host.setTimer = setTimer))
    const watching = yield* told(yield* Directory.open(path))
    yield* settleFibers
    writeFileSync(join(path, "file"), "")
    yield* watching.until("Created file")
    yield* settleFibers
    expect(timers).toBe(0)
  })
})

contract("rule 1: of directories", ({ claim }) => {
  claim("twenty at once, one of them twice, each tells its own", function*() {
    const home = yield* lab.directory
    const paths = Array.from({ length: 20 }, (_, index) => join(home, `directory-${index}`))
    for (const path of paths) mkdirSync(path)
    const watching = yield* Effect.forEach([...paths, paths[0]!], (path) => Effect.flatMap(Directory.open(path), told))
    for (const [index, path] of paths.entries()) writeFileSync(join(path, `file-${index}`), "")
    for (const [index, one] of watching.entries()) yield* one.until(`Created file-${index % 20}`)
    expect(lab.isWine || watching.every(({ lines }) => new Set(lines()).size <= 2)).toBe(true)
  })

  claim("TRUE or not, every read ends by a callback, none inline", function*() {
    const path = yield* lab.directory
    const { completedByCallback, completedInline, failedAtStart, started } = yield* movement(Effect.scoped(
      Effect.gen(function*() {
        const watching = yield* told(yield* Directory.open(path))
        for (let file = 0; file < 10; file++) {
          writeFileSync(join(path, `file-${file}`), "")
          yield* watching.until(`Created file-${file}`)
        }
      })
    ))
    expect(started).toBeGreaterThan(5)
    expect({ completedByCallback, completedInline, failedAtStart }).toEqual({
      completedByCallback: started,
      completedInline: 0,
      failedAtStart: 0
    })
  })
})
