/**
 * Names and paths that somebody else has chosen: a path is passed on as it was given, a name is refused unless it is
 * one and nothing else, and what a directory says is in it leads nowhere but there.
 */
import { describe, expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import * as fs from "node:fs"
import { dirname, join, sep } from "node:path"
import * as File from "../../src/File.js"
import type { Kernel } from "../../src/Kernel.js"
import * as Pipeline from "../../src/Pipeline.js"
import * as ThreadpoolFileSystem from "../../src/ThreadpoolFileSystem.js"
import { contract, failureOf, nativeCalls, refused } from "../support/claims.js"
import * as lab from "../support/lab.js"

const bytes = (text: string) => new TextEncoder().encode(text)
const create = { access: "write", disposition: "createNew" } as const

const devices = [
  "CON",
  "con",
  "Prn",
  "AUX",
  "nul",
  "CONIN$",
  "conout$",
  "COM0",
  "com1",
  "COM9",
  "LPT0",
  "lpt9",
  "COM¹",
  "lpt²",
  "COM³"
]
const evil = [
  ...["", ".", "..", "/", "\\", "../x", "..\\x", "/etc/passwd", "a/b", "a\\b", "a/", "a\\"],
  ...["C:", "C:x", "C:\\x", "a:b", "a::$DATA", "a:b:$DATA", ":"],
  ...["\\\\?\\C:\\x", "\\\\.\\pipe\\x", "\\\\server\\share", "//server/share", "\\??\\C:\\x"],
  ...["a\0b", "\0", "a\nb", "a\tb", "\u0001", "\u001f"],
  ...["<", ">", "a\"b", "a|b", "a?", "*"],
  ...["a.", "a ", "a. ", "a .", "...", " ", "a.txt."],
  ...devices,
  ...devices.flatMap((name) => [`${name}.txt`, `${name}.`, `${name} .txt`, `${name}.a.b`]),
  ...["\ud800", "a\udfff.txt", "a".repeat(256)]
]
const plain = [
  ...["a", "a.txt", ".hidden", "..a", "a..b", " a", "a b", "-rf", "~", "$HOME", "%PATH%", "a&b", "'", "`"],
  ...["CONS", "COM", "COM10", "COMA", "LPT", "NULL", "aCON", "CON-1", "a.CON", "a.nul", "_NUL", "COM⁴", "com\u0661"],
  ...["Größe", "漢字", "\u{1f389}", "\u202e", "é", "e\u0301", "\u007f", "／", "：", "a".repeat(251)]
]

contract("names", ({ claim, only }) => {
  describe("joinName", () => {
    claim("refuses what is not the name of a file, typed, by itself", function*() {
      for (const name of evil) {
        const error = yield* refused(File.joinName("directory", name))
        expect([name, error.code, error.reason, error.path]).toEqual([name, 123, "InvalidArgument", name])
      }
      for (const name of [undefined, null, 1, {}, ["a"], new String("a")] as Array<any>) {
        expect(yield* refused(File.joinName("directory", name))).toMatchObject({ code: 87, reason: "InvalidArgument" })
      }
    })
    claim("does not take nothing for a directory", function*() {
      for (const directory of ["", "\0", "a\0b"]) {
        expect(yield* refused(File.joinName(directory, "a"))).toMatchObject({ code: 123, reason: "InvalidArgument" })
      }
    })
    claim("adds a separator where there is none, and changes nothing else", function*() {
      expect(yield* File.joinName("../a", "b")).toBe(`../a${sep}b`)
      expect(yield* File.joinName(`a${sep}`, "b")).toBe(`a${sep}b`)
      expect(yield* File.joinName("/", "b")).toBe("/b")
      expect(yield* File.joinName("b")("a")).toBe(`a${sep}b`)
    })
    claim("what it lets through is a file of that name in that directory, and nothing else", function*() {
      const home = yield* lab.directory
      for (const name of plain) {
        const path = yield* File.joinName(home, name)
        expect(dirname(path)).toBe(home)
        yield* File.withFile(path, create, File.writeAll(bytes(name), 0))
        expect([name, fs.readdirSync(home)]).toEqual([name, [name]])
        expect(fs.readFileSync(path, "utf8")).toBe(name)
        yield* File.remove(path)
      }
    })
  })

  describe("a path is passed on as it was given", () => {
    /** On Windows these are other files, or devices, unless they are passed on verbatim. */
    const odd = ["x", "x.", "x ", "x. .", "NUL", "com1.txt", "aux .log"]

    claim("to whoever looks, node:fs and we, it is one file, and not another of a similar name", function*() {
      const home = yield* lab.directory
      for (const name of odd) yield* File.withFile(join(home, name), create, File.writeAll(bytes(name), 0))
      expect(fs.readdirSync(home).sort()).toEqual([...odd].sort())
      for (const name of odd) {
        const path = join(home, name)
        expect(fs.readFileSync(path, "utf8")).toBe(name)
        expect(yield* File.withFile(path, {}, File.size)).toBe(BigInt(name.length))
        yield* File.copy(path, `${path}-2`)
        yield* File.rename(`${path}-2`, `${path}-3`)
        expect(fs.readFileSync(`${path}-3`, "utf8")).toBe(name)
        yield* File.remove(`${path}-3`)
        yield* File.remove(path)
        expect(fs.existsSync(path)).toBe(false)
      }
      expect(fs.readdirSync(home)).toEqual([])
    })
    claim("a tree with such names is copied as it is", function*() {
      const home = yield* lab.directory
      const source = join(home, "source")
      fs.mkdirSync(source)
      for (const name of odd) fs.writeFileSync(join(source, name), name)
      yield* Pipeline.copyTree(source, join(home, "one"))
      const fileSystem = yield* ThreadpoolFileSystem.make
      yield* fileSystem.copy(source, join(home, "two"))
      for (const copy of ["one", "two"]) {
        expect(fs.readdirSync(join(home, copy)).sort()).toEqual([...odd].sort())
        for (const name of odd) expect(fs.readFileSync(join(home, copy, name), "utf8")).toBe(name)
      }
    })
    only("win32", "elsewhere a backslash is a character")("a verbatim one, too", function*() {
      const home = yield* lab.directory
      const path = `\\\\?\\${home}\\file`
      yield* File.withFile(path, create, File.writeAll(bytes("here"), 0))
      expect(fs.readFileSync(join(home, "file"), "utf8")).toBe("here")
      expect(yield* File.withFile(path, {}, (file) => Effect.succeed(file.path))).toBe(path)
      yield* File.rename(path, `${path}2`)
      yield* File.remove(`${path}2`)
      // Nothing in it is resolved: no file is called `..`.
      const attempt = yield* nativeCalls(failureOf(File.withFile(`\\\\?\\${home}\\none\\..\\file`, create, File.size)))
      expect(attempt.calls).toEqual(["CreateFileW"])
      expect(["InvalidArgument", "NotFound"]).toContain(attempt.value.reason)
    })
  })

  describe("what a directory says is in it", () => {
    const windows = only("win32", "elsewhere these are names like all")
    /**
     * On Windows the file system makes a stream of it, and the directory does not tell; a server of another kind may.
     */
    const treeWithStream = Effect.map(lab.directory, (home) => {
      const source = join(home, "source")
      fs.mkdirSync(source)
      for (const name of ["a", "a:b", "c"]) fs.writeFileSync(join(source, name), name)
      const told = fs.readdirSync(source).filter((name) => name.includes(":"))
      return { home, source, copy: join(home, "copy"), told }
    })
    windows("is not copied into a stream of another file: BadName, and nothing has been made", function*() {
      const { copy, home, source, told } = yield* treeWithStream
      if (told.length === 0) return
      const error = yield* failureOf(Pipeline.copyTree(source, copy))
      expect(error).toMatchObject({ _tag: "PipelineError", reason: "BadName", path: join(source, "a:b") })
      expect(fs.readdirSync(home)).toEqual(["source"])
    })
    windows("does not stop the others, where failures are collected", function*() {
      const { copy, source, told } = yield* treeWithStream
      if (told.length === 0) return
      const { failures, reason } = yield* failureOf(Pipeline.copyTree(source, copy, { onFailure: "collect" }))
      expect([reason, failures.map((one) => [one.reason, one.path])]).toEqual([
        "FilesFailed",
        [["BadName", join(source, "a:b")]]
      ])
      expect(fs.readdirSync(copy)).toEqual(["a", "c"])
    })
    windows("fails `copy` of the FileSystem, too", function*() {
      const { copy, source, told } = yield* treeWithStream
      if (told.length === 0) return
      const fileSystem = yield* ThreadpoolFileSystem.make
      expect(yield* failureOf(fileSystem.copy(source, copy))).toMatchObject({ reason: "InvalidData", method: "copy" })
      expect(fs.readdirSync(copy)).toEqual(["a"])
    })
    only(process.platform === "win32" ? [] : "portable", "it is refused there")(
      "is copied where it is a name like all",
      function*() {
        const { copy, source } = yield* treeWithStream
        yield* Pipeline.copyTree(source, copy)
        expect(fs.readdirSync(copy).sort()).toEqual(["a", "a:b", "c"])
      }
    )
    windows("a stream is not what a copy or a transformation makes", function*() {
      const { copy, home, source } = yield* treeWithStream
      const same = (input: Stream.Stream<Uint8Array, any>) => input
      const attempts: ReadonlyArray<Effect.Effect<unknown, any, Kernel>> = [
        Pipeline.copy(join(source, "a"), `${copy}:stream`),
        Pipeline.transform(join(source, "a"), `${copy}:stream`, same)
      ]
      for (const attempt of attempts) {
        expect(yield* failureOf(attempt)).toMatchObject({ reason: "BadName", path: `${copy}:stream` })
      }
      expect(fs.readdirSync(home)).toEqual(["source"])
    })
  })

  describe("temporary names", () => {
    const leading = ["/", "a/b", "../a", "/../../a", "a/"]
    claim("stay in the directory that was named", function*() {
      const home = yield* lab.directory
      const inner = join(home, "inner")
      fs.mkdirSync(inner)
      const fileSystem = yield* ThreadpoolFileSystem.make
      for (const part of process.platform === "win32" ? [...leading, "..\\a", "\\", "a:b"] : leading) {
        const attempts = [
          fileSystem.makeTempDirectory({ directory: inner, prefix: part }),
          Effect.scoped(fileSystem.makeTempDirectoryScoped({ directory: inner, prefix: part })),
          fileSystem.makeTempFile({ directory: inner, prefix: part }),
          fileSystem.makeTempFile({ directory: inner, suffix: part }),
          Effect.scoped(fileSystem.makeTempFileScoped({ directory: inner, suffix: part }))
        ]
        for (const attempt of attempts) {
          const { calls, started, value } = yield* nativeCalls(failureOf(attempt))
          expect([part, value._tag, calls, started]).toEqual([part, "BadArgument", [], 0])
        }
      }
      expect(fs.readdirSync(home, { recursive: true })).toEqual(["inner"])
    })
    claim("may begin and end with anything else", function*() {
      const home = yield* lab.directory
      const fileSystem = yield* ThreadpoolFileSystem.make
      for (const part of ["", ".", "..", "x.", " "]) {
        const path = yield* fileSystem.makeTempFile({ directory: home, prefix: part, suffix: part })
        expect(fs.statSync(path).isFile()).toBe(true)
        expect(path.endsWith(part) && dirname(dirname(path)) === home).toBe(true)
      }
    })
  })
})
