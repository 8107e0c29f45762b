/**
 * Opening files, and their names: what `CreateFileW`, `MoveFileExW` and `DeleteFileW` promise through `File`.
 */
import { describe, expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { execFileSync } from "node:child_process"
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import * as BufferPool from "../../src/BufferPool.js"
import * as File from "../../src/File.js"
import { FILE_ATTRIBUTE_READONLY } from "../../src/internal/constants.js"
import * as Operation from "../../src/Operation.js"
import type { Win32Error } from "../../src/Win32Error.js"
import { contract, failureOf, fileOf, freshPath, nativeCalls, refused } from "../support/claims.js"
import * as lab from "../support/lab.js"

const bytes = (text: string) => new TextEncoder().encode(text)

/** Opens, does this, and closes. */
const using = <A, E, R>(path: string, options: File.OpenOptions, use: (file: File.File) => Effect.Effect<A, E, R>) =>
  Effect.scoped(Effect.flatMap(File.open(path, options), use))

contract("opening", ({ claim, only }) => {
  const posix = only(process.platform === "win32" ? [] : "portable", "Windows has no FIFOs, devices or permission bits")
  const windows = only("win32", "POSIX does not enforce share modes")

  describe("disposition", () => {
    const dispositions = {
      openExisting: { absent: "NotFound", present: "kept" },
      createNew: { absent: "created", present: "AlreadyExists" },
      createAlways: { absent: "created", present: "emptied" },
      openAlways: { absent: "created", present: "kept" },
      truncateExisting: { absent: "NotFound", present: "emptied" }
    } as const
    const openedWith = (path: string, disposition: NonNullable<File.OpenOptions["disposition"]>) => {
      const existed = existsSync(path)
      return using(path, { access: "readwrite", disposition }, File.size).pipe(
        Effect.map((size) => !existed ? "created" : size === 0n ? "emptied" : "kept"),
        Effect.catchTag("Win32Error", (error) => Effect.succeed(error.reason))
      )
    }
    for (const disposition of Object.keys(dispositions) as Array<keyof typeof dispositions>) {
      const { absent, present } = dispositions[disposition]
      claim(`${disposition}: a file that is absent: ${absent}; present: ${present}`, function*() {
        const path = yield* fileOf("1234")
        const missing = `${path}-missing`
        expect(yield* openedWith(path, disposition)).toBe(present)
        expect(yield* openedWith(missing, disposition)).toBe(absent)
        expect(existsSync(missing)).toBe(absent === "created")
      })
    }

    claim("createNew is atomic: of 20 at once exactly one has made the file", function*() {
      const path = yield* freshPath
      const outcomes = yield* Effect.forEach(
        Array.from({ length: 20 }),
        () => Effect.either(Effect.scoped(File.open(path, { access: "write", disposition: "createNew" }))),
        { concurrency: "unbounded" }
      )
      const losers = outcomes.filter(Either.isLeft).map(({ left }) => left)
      expect(losers).toHaveLength(19)
      for (const loser of losers) expect(loser).toMatchObject({ code: 80, name: "ERROR_FILE_EXISTS", path })
    })

    claim("truncateExisting without write access is refused, and the file keeps its contents", function*() {
      const path = yield* fileOf("1234")
      const error = yield* refused(Effect.scoped(File.open(path, { disposition: "truncateExisting" })))
      expect(error).toMatchObject({ code: 87, reason: "InvalidArgument", path })
      expect(readFileSync(path, "utf8")).toBe("1234")
    })
  })

  describe("access", () => {
    const attempts = (access: NonNullable<File.OpenOptions["access"]>) =>
      Effect.gen(function*() {
        const path = yield* fileOf("1234")
        const file = yield* File.open(path, { access })
        const reading = yield* Effect.either(File.read(file, new Uint8Array(4), 0))
        const writing = yield* Effect.either(File.write(file, bytes("ab"), 0))
        const either = (result: Either.Either<number, { readonly reason: string }>) =>
          Either.match(result, { onLeft: ({ reason }) => reason, onRight: String })
        return { read: either(reading), write: either(writing) }
      })
    claim("`read` reads, and is denied to write", function*() {
      expect(yield* attempts("read")).toEqual({ read: "4", write: "PermissionDenied" })
    })
    claim("`write` writes, and is denied to read", function*() {
      expect(yield* attempts("write")).toEqual({ read: "PermissionDenied", write: "2" })
    })
    claim("`readwrite` does both", function*() {
      expect(yield* attempts("readwrite")).toEqual({ read: "4", write: "2" })
    })
    claim("without options, a file is opened for reading", function*() {
      const file = yield* File.open(yield* fileOf("1234"))
      expect(yield* failureOf(File.write(file, bytes("x"), 0))).toMatchObject({ code: 5, syscall: "WriteFile" })
    })
  })

  describe("share", () => {
    const second = (first: File.OpenOptions, options: File.OpenOptions) =>
      Effect.gen(function*() {
        const path = yield* fileOf("1234")
        yield* File.open(path, first)
        return yield* Effect.scoped(File.open(path, options)).pipe(
          Effect.as("opened"),
          Effect.catchTag("Win32Error", (error) => Effect.succeed(error.name))
        )
      })
    const all = ["read", "write", "delete"] as const
    windows("nothing: whoever comes second violates it", function*() {
      expect(yield* second({ share: [] }, { share: all })).toBe("ERROR_SHARING_VIOLATION")
    })
    windows("read: another reader is let in, a writer is not", function*() {
      expect(yield* second({ share: ["read"] }, { share: all })).toBe("opened")
      expect(yield* second({ share: ["read"] }, { share: all, access: "write" })).toBe("ERROR_SHARING_VIOLATION")
    })
    windows("write: another writer is let in, a reader is not", function*() {
      expect(yield* second({ share: ["write"] }, { share: all, access: "write" })).toBe("opened")
      expect(yield* second({ share: ["write"] }, { share: all })).toBe("ERROR_SHARING_VIOLATION")
    })
    windows("what the second shares must let the first go on, too", function*() {
      expect(yield* second({ access: "write", share: all }, { share: ["read"] })).toBe("ERROR_SHARING_VIOLATION")
    })
    windows("by default a reader lets everybody in, and a writer readers only", function*() {
      expect(yield* second({}, { access: "readwrite" })).toBe("opened")
      expect(yield* second({ access: "write" }, {})).toBe("opened")
      expect(yield* second({ access: "write" }, { access: "write", share: all })).toBe("ERROR_SHARING_VIOLATION")
    })
    windows("without delete the file can be neither removed nor moved meanwhile", function*() {
      const path = yield* fileOf("1234")
      yield* File.open(path, { share: ["read"] })
      // The library is patient with who looks at a file, for longer than a test: its patience ends here.
      const impatient = Effect.timeoutOption("200 millis")
      yield* impatient(File.remove(path))
      yield* impatient(File.rename(path, `${path}-moved`))
      expect(existsSync(path)).toBe(true)
    })
    only("portable", "Windows enforces share modes")("is not enforced by POSIX, and refuses nobody", function*() {
      expect(yield* second({ share: [] }, { access: "readwrite" })).toBe("opened")
    })
  })

  describe("hints and modes", () => {
    claim("write-through, sequential and random: the file reads back the same", function*() {
      for (const options of [{ writeThrough: true }, { hint: "sequential" }, { hint: "random" }] as const) {
        const path = yield* freshPath
        yield* using(
          path,
          { access: "readwrite", disposition: "createNew", ...options },
          (file) =>
            Effect.gen(function*() {
              yield* File.writeAll(file, bytes("durable"), 0)
              const back = new Uint8Array(7)
              yield* File.readExact(file, back, 0)
              expect(back).toEqual(bytes("durable"))
            })
        )
      }
    })
    posix("mode gives a new file its permission bits, and leaves an old one alone", function*() {
      const path = yield* freshPath
      const modeOf = (mode: number) =>
        using(
          path,
          { access: "write", disposition: "openAlways", mode },
          (file) => Effect.map(File.stat(file), (stat) => stat.mode)
        )
      expect(yield* modeOf(0o640)).toBe(0o640)
      expect(yield* modeOf(0o600)).toBe(0o640)
    })
    claim("noFollow opens a file that is no link", function*() {
      expect(yield* using(yield* fileOf("1234"), { noFollow: true }, File.size)).toBe(4n)
    })
    only("portable", "Wine 8 makes no symbolic links")("noFollow fails on a symbolic link, typed", function*() {
      const path = yield* fileOf("1234")
      symlinkSync(path, `${path}-link`)
      expect(yield* using(`${path}-link`, {}, File.size)).toBe(4n)
      expect(yield* failureOf(File.open(`${path}-link`, { noFollow: true }))).toMatchObject({
        name: "ERROR_CANT_RESOLVE_FILENAME",
        reason: "InvalidArgument"
      })
    })
  })

  describe("rule 27: without buffering", () => {
    const aligned = only("win32", "node cannot allocate aligned memory")
    only("portable", "it can be had on Windows")("is Unsupported here, typed", function*() {
      const error = yield* failureOf(File.open(yield* fileOf("1234"), { unbuffered: true }))
      expect(error).toMatchObject({ code: 50, reason: "Unsupported", syscall: "CreateFileW" })
    })
    aligned("whole sectors are written and read back", function*() {
      const path = yield* freshPath
      const options = { access: "readwrite", disposition: "createNew", unbuffered: true } as const
      const written = new Uint8Array(8192).fill(7)
      yield* using(path, options, (file) =>
        Effect.gen(function*() {
          expect(yield* File.write(file, written, 4096)).toBe(8192)
          const back = new Uint8Array(8192)
          expect(yield* File.read(file, back, 4096)).toBe(8192)
          expect(back).toEqual(written)
        }))
    })
    aligned("offset, length and start that are not whole sectors are refused before any native call", function*() {
      const file = yield* File.open(yield* fileOf(new Uint8Array(16384)), { access: "readwrite", unbuffered: true })
      const sector = new Uint8Array(4096)
      const buffer = yield* BufferPool.make(8192)
      const attempts: ReadonlyArray<Effect.Effect<unknown, Win32Error>> = [
        File.read(file, sector, file.alignment / 2),
        File.read(file, new Uint8Array(100), 0),
        File.write(file, sector.subarray(1), 0),
        File.write(file, sector, 4_294_967_296 + 1),
        File.submit(file, Operation.read({ buffer, start: file.alignment / 2, length: 4096 }))
      ]
      for (const attempt of attempts) {
        expect(yield* refused(attempt)).toMatchObject({ code: 87, reason: "InvalidArgument" })
      }
    })
    aligned("a caller's memory may begin anywhere: it is copied", function*() {
      const file = yield* File.open(yield* fileOf(new Uint8Array(8192).fill(5)), { unbuffered: true })
      const memory = new Uint8Array(5000)
      yield* File.read(file, memory.subarray(77, 77 + 4096), 4096)
      expect([memory[76], memory[77], memory[4172], memory[4173]]).toEqual([0, 5, 5, 0])
    })
    aligned("the tail of a file that is not whole sectors is read, and then the file ends", function*() {
      const file = yield* File.open(yield* fileOf(new Uint8Array(5000).fill(5)), { unbuffered: true })
      const buffer = yield* BufferPool.make(8192)
      expect(yield* File.read(file, buffer, 0)).toBe(5000)
      expect(yield* failureOf(File.readExact(file, buffer, 0))).toMatchObject({ reason: "EndOfFile" })
    })
  })

  describe("what cannot be opened is refused, typed", () => {
    claim("rule 29: a file that is missing, in a folder that is there or not, or under a file", function*() {
      const path = yield* fileOf("1234")
      for (const missing of [`${path}-missing`, join(dirname(path), "no folder", "file"), join(path, "below")]) {
        const error = yield* failureOf(File.open(missing))
        expect(error).toMatchObject({ reason: "NotFound", syscall: "CreateFileW", path: missing })
      }
    })
    claim("a directory", function*() {
      expect(yield* failureOf(File.open(yield* lab.directory))).toMatchObject({ code: 5, reason: "PermissionDenied" })
    })
    posix("a FIFO and a device, without blocking", function*() {
      const fifo = yield* freshPath
      execFileSync("mkfifo", [fifo])
      for (const path of [fifo, "/dev/null"]) {
        for (const access of ["read", "write", "readwrite"] as const) {
          const error = yield* Effect.timeout(failureOf(File.open(path, { access })), "1 second")
          expect(error).toMatchObject({ reason: "Unsupported" })
        }
      }
    })
    claim("an empty path, and one with a NUL character, without a native call", function*() {
      for (const path of ["", "a\0b", "\0"]) {
        expect(yield* refused(Effect.scoped(File.open(path)))).toMatchObject({ code: 123, reason: "InvalidArgument" })
      }
    })
    claim("a name longer than any file system takes", function*() {
      const error = yield* failureOf(File.open(join(yield* lab.directory, "n".repeat(300))))
      expect(["InvalidArgument", "NotFound"]).toContain(error.reason)
    })
    claim("a failed open leaves no handle behind", function*() {
      const missing = yield* freshPath
      const { calls } = yield* nativeCalls(Effect.exit(Effect.scoped(File.open(missing))))
      expect(calls).toEqual(["CreateFileW"])
    })
  })

  describe("names", () => {
    const roundTrip = (path: string) =>
      Effect.gen(function*() {
        yield* using(path, { access: "write", disposition: "createNew" }, File.writeAll(bytes("here"), 0))
        expect(readdirSync(dirname(path)).map((name) => name.normalize())).toContain(
          path.slice(dirname(path).length + 1)
        )
        yield* File.rename(path, `${path}2`)
        expect(yield* using(`${path}2`, {}, File.size)).toBe(4n)
        yield* File.remove(`${path}2`)
        expect(existsSync(`${path}2`)).toBe(false)
      })
    for (const name of ["with some spaces", "Größe, naïve", "漢字とかな", "🎉 party", "a'b&c%d$e", ".hidden"]) {
      claim(`"${name}" is opened, renamed and removed`, function*() {
        yield* roundTrip(join(yield* lab.directory, name))
      })
    }
    claim("a path of more than 260 characters, likewise", function*() {
      const folder = join(yield* lab.directory, ...Array.from({ length: 8 }, (_, depth) => `${depth}`.repeat(50)))
      mkdirSync(folder, { recursive: true })
      expect(folder.length).toBeGreaterThan(400)
      yield* roundTrip(join(folder, "deep"))
    })
    only("win32", "POSIX knows one kind of slash")("a path with slashes either way, and with .. in it", function*() {
      const path = yield* fileOf("1234")
      const slashes = path.replaceAll("\\", "/")
      expect(yield* using(slashes, {}, File.size)).toBe(4n)
      expect(yield* using(join(path, "..").replaceAll("\\", "/") + "/no/../file", {}, File.size)).toBe(4n)
    })
  })
})

contract("naming", ({ claim, only }) => {
  const pair = Effect.map(lab.directory, (directory) => {
    const [from, to] = [join(directory, "from"), join(directory, "to")]
    writeFileSync(from, "new")
    return { from, to, contents: (path: string) => existsSync(path) ? readFileSync(path, "utf8") : undefined }
  })

  claim("copy makes another file, with the same contents, time and permission to write", function*() {
    const { contents, from, to } = yield* pair
    const time = 1_234_567_890n * 1_000_000_000n + 123_456_000n
    yield* using(from, { access: "write" }, File.setBasicInfo({ modifiedTimeNs: time, readOnly: true }))
    yield* File.copy(from, to)
    expect([contents(from), contents(to)]).toEqual(["new", "new"])
    const { attributes, modifiedTimeNs, size } = yield* using(to, {}, File.stat)
    // Through node a time is a double: from version 24 on nanoseconds of it show.
    expect([size, modifiedTimeNs / 1000n]).toEqual([3n, time / 1000n])
    expect(attributes & FILE_ATTRIBUTE_READONLY).toBe(FILE_ATTRIBUTE_READONLY)
    for (const path of [from, to]) chmodSync(path, 0o600)
  })
  claim("copy replaces nothing, and of 30 at once exactly one takes the name", function*() {
    const { contents, from, to } = yield* pair
    const sources = Array.from({ length: 30 }, (_, index) => `${from}-${index}`)
    for (const source of sources) writeFileSync(source, source)
    const outcomes = yield* Effect.forEach(sources, (source) => Effect.either(File.copy(source, to)), {
      concurrency: "unbounded"
    })
    expect(sources.filter((_, index) => Either.isRight(outcomes[index]!))).toEqual([contents(to)])
    for (const outcome of outcomes) {
      if (Either.isLeft(outcome)) {
        expect(outcome.left).toMatchObject({ code: 80, reason: "AlreadyExists", syscall: "CopyFileW" })
      }
    }
  })
  claim("copy of what is not there, of a directory, and to where there is none fails and leaves nothing", function*() {
    const { contents, from, to } = yield* pair
    expect(yield* failureOf(File.copy(`${from}-missing`, to))).toMatchObject({
      reason: "NotFound",
      path: `${from}-missing`
    })
    expect(["PermissionDenied", "Unsupported"]).toContain(
      (yield* failureOf(File.copy(yield* lab.directory, to))).reason
    )
    expect(yield* failureOf(File.copy(from, join(to, "below")))).toMatchObject({ reason: "NotFound" })
    expect(contents(to)).toBeUndefined()
  })
  claim("copies of 300 files at once are whole", function*() {
    const { contents, from } = yield* pair
    const paths = Array.from({ length: 300 }, (_, index) => `${from}-${index}`)
    for (const path of paths) writeFileSync(path, path.repeat(500))
    yield* Effect.forEach(paths, (path) => File.copy(path, `${path}-copy`), { concurrency: "unbounded", discard: true })
    expect(paths.filter((path) => contents(`${path}-copy`) !== contents(path))).toEqual([])
  })

  claim("rename gives a file another name", function*() {
    const { contents, from, to } = yield* pair
    yield* File.rename(from, to)
    expect([contents(from), contents(to)]).toEqual([undefined, "new"])
  })
  claim("rule 31: rename does not replace, and then nothing has changed", function*() {
    const { contents, from, to } = yield* pair
    writeFileSync(to, "old")
    expect(yield* failureOf(File.rename(from, to))).toMatchObject({
      code: 183,
      reason: "AlreadyExists",
      syscall: "MoveFileExW",
      path: from,
      detail: expect.stringContaining(to)
    })
    expect([contents(from), contents(to)]).toEqual(["new", "old"])
  })
  claim("rule 31: rename replaces when it is told to", function*() {
    const { contents, from, to } = yield* pair
    writeFileSync(to, "old")
    yield* File.rename(from, to, { replace: true })
    expect([contents(from), contents(to)]).toEqual([undefined, "new"])
  })
  claim("rule 31: not replacing is atomic: of 30 at once exactly one takes the name", function*() {
    const { from, to } = yield* pair
    const sources = Array.from({ length: 30 }, (_, index) => `${from}-${index}`)
    for (const source of sources) writeFileSync(source, source)
    const outcomes = yield* Effect.forEach(sources, (source) => Effect.either(File.rename(source, to)), {
      concurrency: "unbounded"
    })
    const winners = sources.filter((_, index) => Either.isRight(outcomes[index]!))
    expect(winners).toHaveLength(1)
    expect(readFileSync(to, "utf8")).toBe(winners[0])
    expect(sources.filter((source) => !existsSync(source))).toEqual(winners)
    for (const outcome of outcomes) {
      if (Either.isLeft(outcome)) expect(outcome.left).toMatchObject({ reason: "AlreadyExists" })
    }
  })
  claim("rule 31: of 30 movers of one file exactly one has moved it", function*() {
    const { from, to } = yield* pair
    const targets = Array.from({ length: 30 }, (_, index) => `${to}-${index}`)
    const outcomes = yield* Effect.forEach(targets, (target) => Effect.either(File.rename(from, target)), {
      concurrency: "unbounded"
    })
    expect(outcomes.filter(Either.isRight)).toHaveLength(1)
    expect(targets.filter((target) => existsSync(target))).toHaveLength(1)
  })
  only("win32", "POSIX moves and removes what is in use")(
    "rule 31: an open file that shares nothing is waited for, and moved once it is let go",
    function*() {
      const { contents, from, to } = yield* pair
      const holding = yield* Effect.fork(using(from, { share: [] }, () => Effect.sleep("300 millis")))
      yield* Effect.sleep("50 millis")
      yield* File.rename(from, to)
      yield* holding
      expect([contents(from), contents(to)]).toEqual([undefined, "new"])
    }
  )
  claim("rename of what is missing is NotFound, and so is its removal", function*() {
    const missing = yield* freshPath
    expect(yield* failureOf(File.rename(missing, `${missing}2`))).toMatchObject({ reason: "NotFound" })
    expect(yield* failureOf(File.remove(missing))).toMatchObject({
      reason: "NotFound",
      syscall: "DeleteFileW",
      path: missing
    })
  })
  claim("an empty name, and one with a NUL character, are refused, typed, and nothing has changed", function*() {
    const { contents, from, to } = yield* pair
    for (const bad of ["", `${to}\0more`, "\0"]) {
      for (const attempt of [File.rename(from, bad), File.rename(bad, to), File.remove(bad)]) {
        expect(["InvalidArgument", "NotFound"]).toContain((yield* failureOf(attempt)).reason)
      }
    }
    expect([contents(from), contents(to)]).toEqual(["new", undefined])
  })
  claim("rename keeps the file: it is the same one under its new name", function*() {
    const { from, to } = yield* pair
    const identity = (path: string) =>
      using(path, {}, (file) => Effect.map(File.stat(file), ({ fileIndex, volume }) => [volume, fileIndex]))
    const before = yield* identity(from)
    yield* File.rename(from, to)
    expect(yield* identity(to)).toEqual(before)
  })
  claim("remove takes the name away; who has the file open reads on", function*() {
    const path = yield* fileOf("1234")
    const file = yield* File.open(path)
    yield* File.remove(path)
    const buffer = new Uint8Array(4)
    expect(yield* File.read(file, buffer, 0)).toBe(4)
  })
})
