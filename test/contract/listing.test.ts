/**
 * Directory.entries: tells every entry once, holds few at a time, and closes its handle however the stream ends.
 */
import { beforeAll, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import * as Directory from "../../src/Directory.js"
import type { CallName } from "../../src/internal/kernel/Calls.js"
import { contract, failureOf, nativeCalls, refused } from "../support/claims.js"
import * as lab from "../support/lab.js"
import { swept } from "../support/sweep.js"

const all = (path: string) => Effect.map(Stream.runCollect(Directory.entries(path)), (chunk) => [...chunk])

/** A directory with so many files in it. */
const directoryOf = (files: number) =>
  Effect.map(lab.directory, (path) => {
    for (let n = 0; n < files; n++) writeFileSync(join(path, `file ${n}`), "")
    return path
  })

const answers = (calls: ReadonlyArray<CallName>): number =>
  calls.filter((name) => name === "GetDirectoryInformation").length

contract("the entries of a directory", ({ claim, only }) => {
  claim("are files and directories, each once, with name, kind and path", function*() {
    const path = yield* lab.directory
    mkdirSync(join(path, "below", "deep"), { recursive: true })
    for (const name of ["a", "grüße", "日本", "x".repeat(255), " blank "]) writeFileSync(join(path, name), "")
    const found = yield* all(path)
    const told = found.map(({ kind, name, path }) => `${kind} ${name} ${path}`)
    expect(told.sort()).toEqual(
      ["a", "grüße", "日本", "x".repeat(255), " blank "].map((name) => `File ${name} ${join(path, name)}`)
        .concat(`Directory below ${join(path, "below")}`)
        .sort()
    )
    expect(found.every(({ bytes }) => bytes === undefined)).toBe(true)
  })

  claim("of an empty directory are none", function*() {
    expect(yield* all(yield* lab.directory)).toEqual([])
  })

  claim("are all told where there are thousands, some at a time", function*() {
    const path = yield* directoryOf(3000)
    const sizes: Array<number> = []
    const names = new Set<string>()
    yield* Stream.runForEachChunk(Directory.entries(path), (chunk) =>
      Effect.sync(() => {
        sizes.push(chunk.length)
        for (const { name } of chunk) names.add(name)
      }))
    expect(names.size).toBe(3000)
    expect(sizes.reduce((total, one) => total + one)).toBe(3000)
    expect(Math.max(...sizes)).toBeLessThan(1024)
  })

  claim("are asked for as they are pulled: one answer for the first, and none in advance", function*() {
    const path = yield* directoryOf(1500)
    const first = yield* nativeCalls(Stream.runHead(Directory.entries(path)))
    expect([first.calls[0], answers(first.calls)]).toEqual(["CreateFileW", 1])
    const { calls, value } = yield* nativeCalls(Stream.runFold(
      Directory.entries(path).pipe(Stream.rechunk(1), Stream.take(2)),
      0,
      (count) => count + 1
    ))
    expect([value, answers(calls)]).toEqual([2, 1])
  })

  claim("can be listed again, and by two at once", function*() {
    const stream = Directory.entries(yield* directoryOf(700))
    const counts = yield* Effect.all([Stream.runCount(stream), Stream.runCount(stream)], { concurrency: 2 })
    expect([...counts, yield* Stream.runCount(stream)]).toEqual([700, 700, 700])
  })

  claim("end with a failure of their consumer, and close the directory", function*() {
    const path = yield* directoryOf(10)
    expect(yield* failureOf(Stream.runForEach(Directory.entries(path), () => Effect.fail("enough")))).toBe("enough")
    const died = yield* Effect.exit(Stream.runForEach(Directory.entries(path), () => Effect.die("a defect")))
    expect(Exit.isFailure(died)).toBe(true)
  })

  claim("end with an interruption while their consumer has one", function*() {
    const path = yield* directoryOf(10)
    const fiber = yield* Effect.fork(Stream.runForEach(Directory.entries(path), () => Effect.never))
    yield* Effect.yieldNow()
    expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
  })

  claim("of what is missing, or no directory, are refused typed", function*() {
    const path = yield* lab.directory
    writeFileSync(join(path, "file"), "")
    expect(yield* failureOf(all(join(path, "none")))).toMatchObject({ reason: "NotFound", path: join(path, "none") })
    expect(yield* failureOf(all(join(path, "file")))).toMatchObject({ code: 267, reason: "InvalidArgument" })
    expect(["NotFound", "InvalidArgument"]).toContain((yield* failureOf(all(join(path, "file", "x")))).reason)
  })

  claim("of a bad path are refused without a call", function*() {
    for (const path of ["", "a\0b", 7, undefined, {}] as ReadonlyArray<unknown> as ReadonlyArray<never>) {
      expect(yield* refused(Stream.runDrain(Directory.entries(path)))).toMatchObject({ _tag: "Win32Error" })
    }
  })

  claim("of a directory that goes away meanwhile end, or fail typed", function*() {
    const path = join(yield* directoryOf(0), "gone")
    mkdirSync(path)
    for (let n = 0; n < 1500; n++) writeFileSync(join(path, `${n}`), "")
    const remove = Effect.sync(() => {
      try {
        // Windows keeps the name of a directory that is open.
        renameSync(path, `${path} elsewhere`)
        rmSync(`${path} elsewhere`, { recursive: true, force: true })
      } catch (error) {
        if (process.platform !== "win32") throw error
      }
    })
    const exit = yield* Effect.exit(Stream.runFoldEffect(
      Directory.entries(path),
      0,
      (count) => Effect.as(count === 0 ? remove : Effect.void, count + 1)
    ))
    if (Exit.isFailure(exit)) expect(exit.cause).toMatchObject({ _tag: "Fail", error: { _tag: "Win32Error" } })
    else expect(exit.value).toBeGreaterThan(0)
  })

  const asOrdinaryUser = process.getuid?.() === 0
    ? only([], "root may read every directory")
    : only(lab.onPosix, "Windows has no permission bits")
  asOrdinaryUser("that may not be read are refused typed", function*() {
    const path = yield* directoryOf(1)
    chmodSync(path, 0o300)
    const error = yield* Effect.ensuring(failureOf(all(path)), Effect.sync(() => chmodSync(path, 0o700)))
    expect(error).toMatchObject({ code: 5, reason: "PermissionDenied" })
  })

  describe("on POSIX", () => {
    const posix = only(lab.onPosix, "Windows has no such files")
    posix("have a kind for links, FIFOs and sockets; none is followed or opened", function*() {
      const path = yield* lab.directory
      symlinkSync("nowhere", join(path, "link"))
      symlinkSync(path, join(path, "to a directory"))
      execFileSync("mkfifo", [join(path, "fifo")])
      const server = createServer()
      yield* Effect.acquireRelease(
        Effect.async<void>((resume) => void server.listen(join(path, "socket"), () => resume(Effect.void))),
        () => Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
      )
      const kinds = Object.fromEntries((yield* all(path)).map(({ kind, name }) => [name, kind]))
      expect(kinds).toEqual({
        "link": "SymbolicLink",
        "to a directory": "SymbolicLink",
        "fifo": "FIFO",
        "socket": "Socket"
      })
      expect((yield* all("/dev")).find(({ name }) => name === "null")?.kind).toBe("CharacterDevice")
    })

    const inBytes = only(process.platform === "linux" ? lab.onPosix : [], "this system has no names that are no UTF-8")
    inBytes("have the bytes of a name that is no UTF-8", function*() {
      const path = yield* lab.directory
      const bytes = Buffer.from([0x61, 0xff, 0x62])
      writeFileSync(Buffer.concat([Buffer.from(`${path}/`), bytes]), "")
      expect(yield* all(path)).toEqual([
        { name: "a\ufffdb", path: join(path, "a\ufffdb"), kind: "File", bytes: new Uint8Array(bytes) }
      ])
    })
  })
})

describe("interrupted at every fiber step", () => {
  const shared = swept(({ points }) => `interruption sweep of listings on ${lab.kernelName}: ${points} points`)
  beforeAll(() => {
    for (let n = 0; n < 300; n++) writeFileSync(join(shared.home, `${n}`), "")
  })
  for (
    const [name, program] of Object.entries({
      "all entries": () => Stream.runDrain(Directory.entries(shared.home)),
      "the first of them": () => Stream.runHead(Directory.entries(shared.home)),
      "those of what is missing": () => Stream.runDrain(Directory.entries(join(shared.home, "missing")))
    })
  ) {
    it(name, { timeout: 120_000 }, async () => {
      const { tried } = await shared.sweep(name, program)
      expect(tried).toBeGreaterThan(3)
    })
  }
})
