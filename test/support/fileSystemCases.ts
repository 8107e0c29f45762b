/**
 * The requests to `FileSystem`, written from its documentation; the right outcome is what `NodeFileSystem` makes of the
 * same, and where the documentation promises something, that.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { execFileSync } from "node:child_process"
import * as nodeFs from "node:fs"
import type { At, Case, Outcome } from "./fileSystems.js"

const text = (string: string): Uint8Array => new TextEncoder().encode(string)

const value = (value: unknown): Outcome => ({ value })
const failure = (method: string, reason: string): Outcome => ({ error: { tag: "SystemError", method, reason } })
const refused = (method: string): Outcome => ({ error: { tag: "BadArgument", method, reason: undefined } })

const file = (name = "file", contents = "0123456789") => (at: At): void => nodeFs.writeFileSync(at(name), contents)
const directory = (name = "directory") => (at: At): unknown => nodeFs.mkdirSync(at(name), { recursive: true })
const link = (name: string, target: string) => (at: At): void => nodeFs.symlinkSync(target, at(name))
const mode = (name: string, bits: number) => (at: At): void => nodeFs.chmodSync(at(name), bits)
const all = (...steps: ReadonlyArray<(at: At) => unknown>) => (at: At): void => steps.forEach((step) => step(at))
const fifo = (name: string) => (at: At): void => void execFileSync("mkfifo", [at(name)])

/** `directory/one`, `directory/below/two`. */
const populated = all(directory("directory/below"), file("directory/one", "1"), file("directory/below/two", "22"))

type Run = Case["run"]

const isText = (path: string) => (u: unknown): boolean => typeof u === "string" && u.includes(path)

// --- names

const names: Record<string, Case> = {
  "access of a file": { prepare: file(), run: (fs, at) => fs.access(at("file")), promised: value(undefined) },
  "access of a file to read and write": {
    prepare: file(),
    run: (fs, at) => fs.access(at("file"), { readable: true, writable: true }),
    promised: value(undefined)
  },
  "access of a directory": { run: (fs, at) => fs.access(at()), promised: value(undefined) },
  "access of nothing": { run: (fs, at) => fs.access(at("none")), promised: failure("access", "NotFound") },
  "access of a name with NUL": { run: (fs, at) => fs.access(at("a\0b")), promised: refused("access") },
  "exists of a file": { prepare: file(), run: (fs, at) => fs.exists(at("file")), promised: value(true) },
  "exists of nothing": { run: (fs, at) => fs.exists(at("none")), promised: value(false) },
  "exists below a file": { prepare: file(), run: (fs, at) => fs.exists(at("file/none")) },
  "exists of a link that leads nowhere": { prepare: link("link", "none"), run: (fs, at) => fs.exists(at("link")) },
  "chmod": { prepare: file(), run: (fs, at) => fs.chmod(at("file"), 0o640), promised: value(undefined) },
  "chmod to what it has": { prepare: all(file(), mode("file", 0o644)), run: (fs, at) => fs.chmod(at("file"), 0o644) },
  "chmod of nothing": { run: (fs, at) => fs.chmod(at("none"), 0o640), promised: failure("chmod", "NotFound") },
  "chmod with a mode that is none": { prepare: file(), run: (fs, at) => fs.chmod(at("file"), -1) },
  "chown": {
    prepare: file(),
    run: (fs, at) => fs.chown(at("file"), process.getuid?.() ?? 0, process.getgid?.() ?? 0),
    promised: value(undefined)
  },
  "chown of nothing": { run: (fs, at) => fs.chown(at("none"), 0, 0) },
  "link": { prepare: file(), run: (fs, at) => fs.link(at("file"), at("second")), promised: value(undefined) },
  "link to a name that is taken": {
    prepare: all(file(), file("second")),
    run: (fs, at) => fs.link(at("file"), at("second")),
    promised: failure("link", "AlreadyExists")
  },
  "link of nothing": { run: (fs, at) => fs.link(at("none"), at("second")), promised: failure("link", "NotFound") },
  "link of a directory": { prepare: directory(), run: (fs, at) => fs.link(at("directory"), at("second")) },
  "makeDirectory": { run: (fs, at) => fs.makeDirectory(at("new")), promised: value(undefined) },
  "makeDirectory with a mode": { run: (fs, at) => fs.makeDirectory(at("new"), { mode: 0o700 }) },
  "makeDirectory of what is there": {
    prepare: directory(),
    run: (fs, at) => fs.makeDirectory(at("directory")),
    promised: failure("makeDirectory", "AlreadyExists")
  },
  "makeDirectory of what is there, recursively": {
    prepare: directory(),
    run: (fs, at) => fs.makeDirectory(at("directory"), { recursive: true }),
    promised: value(undefined)
  },
  "makeDirectory below nothing": {
    run: (fs, at) => fs.makeDirectory(at("none/new")),
    promised: failure("makeDirectory", "NotFound")
  },
  "makeDirectory below nothing, recursively": {
    run: (fs, at) => fs.makeDirectory(at("a/b/c"), { recursive: true })
  },
  "makeDirectory below a file, recursively": {
    prepare: file(),
    run: (fs, at) => fs.makeDirectory(at("file/a/b"), { recursive: true })
  },
  "readDirectory": {
    prepare: populated,
    run: (fs, at) => Effect.map(fs.readDirectory(at("directory")), (names) => names.sort()),
    promised: value(["below", "one"])
  },
  "readDirectory, recursively": {
    prepare: all(populated, directory("directory/empty"), link("directory/link", "below")),
    run: (fs, at) => Effect.map(fs.readDirectory(at("directory"), { recursive: true }), (names) => names.sort())
  },
  "readDirectory of an empty one": {
    prepare: directory(),
    run: (fs, at) => fs.readDirectory(at("directory")),
    promised: value([])
  },
  "readDirectory of nothing": {
    run: (fs, at) => fs.readDirectory(at("none")),
    promised: failure("readDirectory", "NotFound")
  },
  "readDirectory of nothing, recursively": { run: (fs, at) => fs.readDirectory(at("none"), { recursive: true }) },
  "readDirectory of a file": { prepare: file(), run: (fs, at) => fs.readDirectory(at("file")) },
  "readDirectory with a name with NUL": { run: (fs, at) => fs.readDirectory(at("a\0b")) },
  "readLink": { prepare: link("link", "target"), run: (fs, at) => fs.readLink(at("link")) },
  "readLink of a file": { prepare: file(), run: (fs, at) => fs.readLink(at("file")) },
  "readLink of nothing": { run: (fs, at) => fs.readLink(at("none")), promised: failure("readLink", "NotFound") },
  "realPath": {
    prepare: all(populated, link("link", "directory")),
    run: (fs, at) => fs.realPath(at("link/below"))
  },
  "realPath of nothing": { run: (fs, at) => fs.realPath(at("none")), promised: failure("realPath", "NotFound") },
  "realPath of a circle": {
    prepare: all(link("one", "two"), link("two", "one")),
    run: (fs, at) => fs.realPath(at("one"))
  },
  "remove": { prepare: file(), run: (fs, at) => fs.remove(at("file")), promised: value(undefined) },
  "remove of nothing": { run: (fs, at) => fs.remove(at("none")), promised: failure("remove", "NotFound") },
  "remove of nothing by force": {
    run: (fs, at) => fs.remove(at("none"), { force: true }),
    promised: value(undefined)
  },
  "remove of nothing, recursively": { run: (fs, at) => fs.remove(at("none"), { recursive: true }) },
  "remove of nothing by force, recursively": {
    run: (fs, at) => fs.remove(at("none"), { recursive: true, force: true }),
    promised: value(undefined)
  },
  "remove of a directory": { prepare: directory(), run: (fs, at) => fs.remove(at("directory")) },
  "remove of a directory, recursively": {
    prepare: populated,
    run: (fs, at) => fs.remove(at("directory"), { recursive: true }),
    promised: value(undefined)
  },
  "remove of a file, recursively": {
    prepare: file(),
    run: (fs, at) => fs.remove(at("file"), { recursive: true }),
    promised: value(undefined)
  },
  "remove of a link to a directory, recursively": {
    prepare: all(populated, link("link", "directory")),
    run: (fs, at) => fs.remove(at("link"), { recursive: true })
  },
  "remove of a directory with a link in it, recursively": {
    prepare: all(populated, directory("outer"), (at) => nodeFs.symlinkSync(at("directory"), at("outer/link"))),
    run: (fs, at) => fs.remove(at("outer"), { recursive: true })
  },
  "remove of what may not be written to, recursively": {
    prepare: all(populated, (at) => nodeFs.chmodSync(at("directory/one"), 0o444)),
    run: (fs, at) => fs.remove(at("directory"), { recursive: true }),
    promised: value(undefined)
  },
  "remove below a file": { prepare: file(), run: (fs, at) => fs.remove(at("file/none")) },
  "rename": { prepare: file(), run: (fs, at) => fs.rename(at("file"), at("new")), promised: value(undefined) },
  "rename to a name that is taken": {
    prepare: all(file(), file("second", "old")),
    run: (fs, at) => fs.rename(at("file"), at("second")),
    promised: value(undefined)
  },
  "rename to its own name": { prepare: file(), run: (fs, at) => fs.rename(at("file"), at("file")) },
  "rename to another name of the same file": {
    prepare: all(file(), (at) => nodeFs.linkSync(at("file"), at("second"))),
    run: (fs, at) => fs.rename(at("file"), at("second"))
  },
  "rename of a directory": {
    prepare: populated,
    run: (fs, at) => fs.rename(at("directory"), at("new")),
    promised: value(undefined)
  },
  "rename of nothing": { run: (fs, at) => fs.rename(at("none"), at("new")), promised: failure("rename", "NotFound") },
  "rename of a directory to one that is not empty": {
    prepare: all(populated, directory("second"), file("second/file")),
    run: (fs, at) => fs.rename(at("directory"), at("second"))
  },
  "rename of a file to a directory": {
    prepare: all(file(), directory()),
    run: (fs, at) => fs.rename(at("file"), at("directory"))
  },
  "rename of a directory to a file": {
    prepare: all(file(), directory()),
    run: (fs, at) => fs.rename(at("directory"), at("file"))
  },
  "rename of a directory into itself": {
    prepare: directory(),
    run: (fs, at) => fs.rename(at("directory"), at("directory/within"))
  },
  "rename to a name that is too long": { prepare: file(), run: (fs, at) => fs.rename(at("file"), at("a".repeat(300))) },
  "stat of a file": {
    prepare: file(),
    run: (fs, at) =>
      Effect.map(fs.stat(at("file")), ({ blksize, dev, gid, mode, nlink, rdev, size, type, uid }) => ({
        blksize,
        dev,
        gid,
        mode,
        nlink,
        rdev,
        size,
        type,
        uid
      }))
  },
  "stat of the same file, twice, says so": {
    prepare: file(),
    run: (fs, at) =>
      Effect.map(Effect.all([fs.stat(at("file")), fs.stat(at("file"))]), ([a, b]) => [
        Option.getOrThrow(a.ino) === Option.getOrThrow(b.ino),
        Option.isSome(a.mtime) && Option.isSome(a.atime) && Option.isSome(a.birthtime)
      ]),
    promised: value([true, true])
  },
  "stat of a directory": {
    run: (fs, at) => Effect.map(fs.stat(at()), ({ mode, type }) => ({ mode, type }))
  },
  "stat through a link": {
    prepare: all(file(), link("link", "file")),
    run: (fs, at) => Effect.map(fs.stat(at("link")), ({ size, type }) => ({ size, type }))
  },
  "stat of nothing": { run: (fs, at) => fs.stat(at("none")), promised: failure("stat", "NotFound") },
  "stat below a file": { prepare: file(), run: (fs, at) => fs.stat(at("file/none")) },
  "stat with a name with NUL": { run: (fs, at) => fs.stat(at("a\0b")), promised: refused("stat") },
  "symlink": { run: (fs, at) => fs.symlink("target", at("link")), promised: value(undefined) },
  "utimes with dates": {
    prepare: file(),
    run: (fs, at) =>
      modifiedBy(fs, at, fs.utimes(at("file"), new Date(1_000_000_000_000), new Date(1_100_000_000_000))),
    promised: value({ some: "2004-11-09T11:33:20.000Z" })
  },
  "utimes with seconds": {
    prepare: file(),
    run: (fs, at) => modifiedBy(fs, at, fs.utimes(at("file"), 1_000_000_000, 1_100_000_000)),
    promised: value({ some: "2004-11-09T11:33:20.000Z" })
  },
  "utimes of nothing": { run: (fs, at) => fs.utimes(at("none"), 0, 0) }
}

const modifiedBy = (fs: FileSystem.FileSystem, at: At, change: Effect.Effect<void, unknown>) =>
  Effect.zipRight(change, Effect.map(fs.stat(at("file")), ({ mtime }) => mtime))

// --- temporary names

const temporary: Record<string, Case> = {
  "makeTempDirectory in a directory, with a prefix": {
    run: (fs, at) =>
      Effect.map(fs.makeTempDirectory({ directory: at(), prefix: "pre-" }), (path) => {
        const shape = /pre-[^/\\]{6}$/.test(path) && path.startsWith(at())
        nodeFs.renameSync(path, at("made"))
        return shape
      }),
    promised: value(true)
  },
  "makeTempDirectory in a directory": {
    run: (fs, at) =>
      Effect.map(fs.makeTempDirectory({ directory: at() }), (path) => {
        nodeFs.renameSync(path, at("made"))
        return /[/\\][^/\\]{6}$/.test(path)
      }),
    promised: value(true)
  },
  "makeTempDirectory among the temporary ones": {
    run: (fs) =>
      Effect.flatMap(
        fs.makeTempDirectory(),
        (path) => Effect.zipLeft(Effect.map(fs.stat(path), ({ type }) => type), fs.remove(path, { recursive: true }))
      ),
    promised: value("Directory")
  },
  "makeTempDirectory with a prefix that leads elsewhere": {
    run: (fs, at) => fs.makeTempDirectory({ directory: at(), prefix: "none/pre-" })
  },
  "makeTempDirectory in nothing": {
    run: (fs, at) => fs.makeTempDirectory({ directory: at("none") }),
    promised: failure("makeTempDirectory", "NotFound")
  },
  "makeTempDirectoryScoped": {
    run: (fs, at) =>
      Effect.gen(function*() {
        const [path, during] = yield* Effect.scoped(Effect.gen(function*() {
          const path = yield* fs.makeTempDirectoryScoped({ directory: at() })
          yield* fs.writeFileString(`${path}/file`, "contents")
          return [path, yield* fs.exists(`${path}/file`)] as const
        }))
        return [during, yield* fs.exists(path)]
      }),
    promised: value([true, false])
  },
  "makeTempFile with a suffix": {
    run: (fs, at) =>
      Effect.gen(function*() {
        const path = yield* fs.makeTempFile({ directory: at(), prefix: "pre-", suffix: ".txt" })
        const { size, type } = yield* fs.stat(path)
        const shape = /pre-[^/\\]{6}[/\\][0-9a-f]{12}\.txt$/.test(path)
        yield* fs.remove(path.replace(/[/\\][^/\\]*$/, ""), { recursive: true })
        return { size, type, shape }
      }),
    promised: value({ size: 0n, type: "File", shape: true })
  },
  "makeTempFile in nothing": {
    run: (fs, at) => fs.makeTempFile({ directory: at("none") }),
    promised: failure("makeTempFile", "NotFound")
  },
  "makeTempFileScoped": {
    run: (fs, at) =>
      Effect.gen(function*() {
        const path = yield* Effect.scoped(fs.makeTempFileScoped({ directory: at() }))
        return yield* fs.exists(path)
      }),
    promised: value(false)
  },
  "makeTempDirectoryScoped, removed before its scope": {
    run: (fs, at) =>
      Effect.scoped(
        Effect.flatMap(fs.makeTempDirectoryScoped({ directory: at() }), (path) => fs.remove(path, { recursive: true }))
      ),
    promised: value(undefined)
  },
  "makeTempFileScoped, removed before its scope": {
    run: (fs, at) =>
      Effect.scoped(Effect.flatMap(fs.makeTempFileScoped({ directory: at() }), (path) => fs.remove(path))),
    promised: value(undefined)
  }
}

// --- contents

const contents: Record<string, Case> = {
  "readFile": { prepare: file(), run: (fs, at) => fs.readFile(at("file")), promised: value("bytes 0123456789") },
  "readFile of an empty one": {
    prepare: file("file", ""),
    run: (fs, at) => fs.readFile(at("file")),
    promised: value("bytes ")
  },
  "readFile answers a Buffer": {
    prepare: file(),
    run: (fs, at) => Effect.map(fs.readFile(at("file")), (bytes) => Buffer.isBuffer(bytes))
  },
  "readFile of 3 MB": {
    prepare: (at) => nodeFs.writeFileSync(at("file"), Buffer.alloc(3_000_001, "abcdefg")),
    run: (fs, at) => Effect.map(fs.readFile(at("file")), (bytes) => Buffer.alloc(3_000_001, "abcdefg").equals(bytes)),
    promised: value(true)
  },
  "readFile of nothing": { run: (fs, at) => fs.readFile(at("none")), promised: failure("readFile", "NotFound") },
  "readFile of the empty name": { run: (fs) => fs.readFile("") },
  "readFile of a name with NUL": { run: (fs, at) => fs.readFile(at("a\0b")), promised: refused("readFile") },
  "readFile of a directory": {
    prepare: directory(),
    run: (fs, at) => fs.readFile(at("directory")),
    promised: failure("readFile", "BadResource")
  },
  "readFile below a file": { prepare: file(), run: (fs, at) => fs.readFile(at("file/none")) },
  "readFile through a link": {
    prepare: all(file(), link("link", "file")),
    run: (fs, at) => fs.readFile(at("link"))
  },
  "readFile through a link that leads nowhere": {
    prepare: link("link", "none"),
    run: (fs, at) => fs.readFile(at("link"))
  },
  "readFile of a circle": {
    prepare: all(link("one", "two"), link("two", "one")),
    run: (fs, at) => fs.readFile(at("one"))
  },
  "readFile of a name that is too long": { run: (fs, at) => fs.readFile(at("a".repeat(300))) },
  "readFile of a name with characters of all kinds": {
    prepare: file("naïve ☃ 🎈", "found"),
    run: (fs, at) => fs.readFileString(at("naïve ☃ 🎈")),
    promised: value("found")
  },
  "readFileString": { prepare: file("file", "\ufeffsnow ☃"), run: (fs, at) => fs.readFileString(at("file")) },
  "readFileString in another encoding": {
    prepare: (at) => nodeFs.writeFileSync(at("file"), "snow ☃", "utf16le"),
    run: (fs, at) => fs.readFileString(at("file"), "utf-16le"),
    promised: value("snow ☃")
  },
  "readFileString in an encoding that is none": {
    prepare: file(),
    run: (fs, at) => fs.readFileString(at("file"), "klingon"),
    promised: refused("readFileString")
  },
  "writeFile": { run: (fs, at) => fs.writeFile(at("file"), text("new")), promised: value(undefined) },
  "writeFile over a longer one": {
    prepare: file(),
    run: (fs, at) => fs.writeFile(at("file"), text("new")),
    promised: value(undefined)
  },
  "writeFile of nothing": { prepare: file(), run: (fs, at) => fs.writeFile(at("file"), text("")) },
  "writeFile of nothing, over an empty one": {
    prepare: file("file", ""),
    run: (fs, at) => fs.writeFile(at("file"), text("")),
    promised: value(undefined)
  },
  "writeFile of the same": { prepare: file("file"), run: (fs, at) => fs.writeFileString(at("file"), "0123456789") },
  "writeFile of nothing, through a link to an empty one": {
    prepare: all(file("file", ""), link("link", "file")),
    run: (fs, at) => fs.writeFileString(at("link"), "")
  },
  "writeFile of 3 MB": {
    run: (fs, at) => fs.writeFile(at("file"), Buffer.alloc(3_000_001, "abcdefg")),
    promised: value(undefined)
  },
  "writeFile of a part of a buffer": {
    run: (fs, at) => fs.writeFile(at("file"), text("0123456789").subarray(3, 6)),
    promised: value(undefined)
  },
  "writeFile with a mode": { run: (fs, at) => fs.writeFile(at("file"), text("new"), { mode: 0o600 }) },
  "writeFile with a mode that forbids writing": {
    run: (fs, at) => fs.writeFile(at("file"), text("new"), { mode: 0o444 })
  },
  "writeFile with a mode, of what is there": {
    prepare: file(),
    run: (fs, at) => fs.writeFile(at("file"), text("new"), { mode: 0o600 })
  },
  "writeFile below nothing": {
    run: (fs, at) => fs.writeFile(at("none/file"), text("new")),
    promised: failure("writeFile", "NotFound")
  },
  "writeFile over a directory": {
    prepare: directory(),
    run: (fs, at) => fs.writeFile(at("directory"), text("new")),
    promised: failure("writeFile", "BadResource")
  },
  "writeFile of the empty name": { run: (fs) => fs.writeFile("", text("new")) },
  "writeFile through a link": {
    prepare: all(file(), link("link", "file")),
    run: (fs, at) => fs.writeFile(at("link"), text("new"))
  },
  "writeFile through a link that leads nowhere": {
    prepare: link("link", "target"),
    run: (fs, at) => fs.writeFile(at("link"), text("new"))
  },
  "writeFile keeps what shares the file": {
    prepare: all(file(), (at) => nodeFs.linkSync(at("file"), at("second"))),
    run: (fs, at) => fs.writeFile(at("file"), text("new"))
  },
  "writeFile with a flag that is none": {
    run: (fs, at) => fs.writeFile(at("file"), text("new"), { flag: "zz" as FileSystem.OpenFlag })
  },
  "writeFileString": { run: (fs, at) => fs.writeFileString(at("file"), "snow ☃"), promised: value(undefined) },
  "writeFileString, appending": {
    prepare: file(),
    run: (fs, at) => fs.writeFileString(at("file"), "more", { flag: "a" }),
    promised: value(undefined)
  },
  "truncate": { prepare: file(), run: (fs, at) => fs.truncate(at("file")), promised: value(undefined) },
  "truncate to less": { prepare: file(), run: (fs, at) => fs.truncate(at("file"), 3), promised: value(undefined) },
  "truncate to more": { prepare: file(), run: (fs, at) => fs.truncate(at("file"), 12n), promised: value(undefined) },
  "truncate to less than nothing": { prepare: file(), run: (fs, at) => fs.truncate(at("file"), -3) },
  "truncate to a fraction": {
    prepare: file(),
    run: (fs, at) => fs.truncate(at("file"), 1.5),
    promised: refused("truncate")
  },
  "truncate to the same": { prepare: file(), run: (fs, at) => fs.truncate(at("file"), 10) },
  "truncate of an empty one": { prepare: file("file", ""), run: (fs, at) => fs.truncate(at("file")) },
  "truncate of nothing": { run: (fs, at) => fs.truncate(at("none")), promised: failure("truncate", "NotFound") },
  "truncate of a directory": { prepare: directory(), run: (fs, at) => fs.truncate(at("directory")) }
}

const flags = ["r", "r+", "w", "wx", "w+", "wx+", "a", "ax", "a+", "ax+"] as const

/** One case for each flag, on what is there and on nothing. */
const flagged = (
  name: (flag: FileSystem.OpenFlag, what: string) => string,
  run: (flag: FileSystem.OpenFlag) => Run
): Record<string, Case> =>
  Object.fromEntries(flags.flatMap((flag) => [
    [name(flag, "what is there"), { prepare: file(), run: run(flag) }],
    [name(flag, "nothing"), { run: run(flag) }]
  ]))

const flaggedWrites = flagged(
  (flag, what) => `writeFile "${flag}" of ${what}`,
  (flag) => (fs, at) => fs.writeFile(at("file"), text("new"), { flag })
)

const flaggedSteps = flagged(
  (flag, what) => `open "${flag}" of ${what}, read, write, read`,
  (flag) => (fs, at) =>
    Effect.flatMap(fs.open(at("file"), { flag }), (file) =>
      Effect.all([
        step(file.readAlloc(3)),
        step(file.write(text("XY"))),
        step(file.readAlloc(3)),
        step(Effect.map(file.stat, ({ size }) => size))
      ]))
)

/** Opened and closed: what was empty before is touched by the flags that empty it. */
const flaggedOpenings = Object.fromEntries(flags.flatMap((flag): Array<[string, Case]> => {
  const run: Run = (fs, at) => Effect.map(Effect.scoped(fs.open(at("file"), { flag })), FileSystem.isFile)
  return [
    [`open "${flag}" of what is there`, { prepare: file(), run }],
    [`open "${flag}" of what is empty`, { prepare: file("file", ""), run }],
    [`open "${flag}" of nothing`, { run }]
  ]
}))

/** Touched or not, on an open file. */
const onEmptyFile = (
  run: (file: FileSystem.File) => Effect.Effect<unknown, unknown>,
  flag: FileSystem.OpenFlag = "r+"
): Case => ({
  prepare: file("file", ""),
  run: (fs, at) => Effect.flatMap(fs.open(at("file"), { flag }), run)
})

const flaggedTruncations = flagged(
  (flag, what) => `open "${flag}" of ${what}, truncate, writeAll`,
  (flag) => (fs, at) =>
    Effect.flatMap(fs.open(at("file"), { flag }), (file) =>
      Effect.all([
        step(file.seek(5, "start")),
        // Other cases ask that of files that cannot be written to.
        step(flag === "r" ? Effect.void : file.truncate(4)),
        step(flag === "r" ? Effect.void : file.writeAll(text("XY")))
      ]))
)

/** The outcome of one step of several. */
const step = <A>(effect: Effect.Effect<A, unknown>) =>
  Effect.match(effect, {
    onSuccess: (value) => value as unknown,
    onFailure: (error) => {
      const { _tag, method, reason } = error as { _tag: string; method: string; reason?: string }
      return `${_tag} of ${method}: ${reason ?? ""}`
    }
  })

// --- an open file

const onFile = (
  run: (file: FileSystem.File) => Effect.Effect<unknown, unknown>,
  flag: FileSystem.OpenFlag = "r+"
): Case => ({
  prepare: file(),
  run: (fs, at) => Effect.flatMap(fs.open(at("file"), { flag }), run)
})

const open: Record<string, Case> = {
  "open of nothing": { run: (fs, at) => fs.open(at("none")), promised: failure("open", "NotFound") },
  "open of a name with NUL": { run: (fs, at) => fs.open(at("a\0b")), promised: refused("open") },
  "open of a directory to write": {
    prepare: directory(),
    run: (fs, at) => fs.open(at("directory"), { flag: "w" }),
    promised: failure("open", "BadResource")
  },
  "open of a directory to read": {
    prepare: directory(),
    run: (fs, at) => Effect.flatMap(fs.open(at("directory")), (file) => Effect.map(file.stat, ({ type }) => type))
  },
  "open with a mode": {
    run: (fs, at) => Effect.map(fs.open(at("file"), { flag: "w", mode: 0o600 }), FileSystem.isFile),
    promised: value(true)
  },
  "isFile": { ...onFile((file) => Effect.succeed(FileSystem.isFile(file))), promised: value(true) },
  "stat of an open file": {
    prepare: file(),
    run: (fs, at) =>
      Effect.flatMap(
        fs.open(at("file")),
        (file) =>
          Effect.map(Effect.all([file.stat, fs.stat(at("file"))]), ([open, named]) =>
            // The time of the last access moves when a file is looked at.
            Object.entries(named).filter(([key, value]) =>
              key !== "atime" && !Equal.equals(comparable(value), comparable(open[key as keyof FileSystem.File.Info]))
            ).map(([key]) => `${key} differs`))
      )
  },
  "reads go on where the last one ended": {
    ...onFile((file) =>
      Effect.gen(function*() {
        const buffer = new Uint8Array(4)
        const reads = []
        for (let round = 0; round < 4; round++) reads.push([yield* file.read(buffer), buffer.slice()])
        return reads
      })
    ),
    promised: value([
      [4n, "bytes 0123"],
      [4n, "bytes 4567"],
      [2n, "bytes 8967"],
      [0n, "bytes 8967"]
    ])
  },
  "readAlloc goes on, and ends with none": {
    ...onFile((file) => Effect.all([file.readAlloc(4), file.readAlloc(4n), file.readAlloc(4), file.readAlloc(4)])),
    promised: value([{ some: "bytes 0123" }, { some: "bytes 4567" }, { some: "bytes 89" }, "none"])
  },
  "readAlloc of nothing": onFile((file) => file.readAlloc(0)),
  "readAlloc of less than nothing": onFile((file) => file.readAlloc(-1)),
  "readAlloc of a fraction": onFile((file) => file.readAlloc(1.5)),
  "read into nothing": onFile((file) => file.read(new Uint8Array(0))),
  "read into a part of a buffer": {
    ...onFile((file) => {
      const buffer = new Uint8Array(6).fill(46)
      return Effect.as(file.read(buffer.subarray(2, 4)), buffer)
    }),
    promised: value("bytes ..01..")
  },
  "seek from the start": {
    ...onFile((file) => Effect.zipRight(file.seek(7, "start"), file.readAlloc(2))),
    promised: value({ some: "bytes 78" })
  },
  "seek from where it is": {
    ...onFile((file) =>
      Effect.zipRight(file.seek(7n, "start").pipe(Effect.zipRight(file.seek(-3, "current"))), file.readAlloc(2))
    ),
    promised: value({ some: "bytes 45" })
  },
  "seek answers the position": {
    ...onFile((file) =>
      Effect.all([
        file.seek(FileSystem.Size(0), "current"),
        file.seek(4, "start"),
        file.seek(3n, "current"),
        file.seek(-9n, "current"),
        file.seek(0, "start")
      ])
    ),
    promised: value([0n, 4n, 7n, -2n, 0n])
  },
  "seek behind the end, and read": onFile((file) => Effect.zipRight(file.seek(70, "start"), file.readAlloc(2))),
  "seek behind the end, and write": onFile((file) => Effect.zipRight(file.seek(12, "start"), file.write(text("X")))),
  "seek before the start, and read": onFile((file) =>
    Effect.zipRight(file.seek(-5, "start"), file.read(new Uint8Array(1)))
  ),
  "seek before the start, and write": onFile((file) => Effect.zipRight(file.seek(-5, "start"), file.write(text("X")))),
  "write and read share the cursor": {
    ...onFile((file) =>
      Effect.all([file.write(text("AB")), file.readAlloc(2), file.writeAll(text("CD")), file.readAlloc(9)])
    ),
    promised: value([2n, { some: "bytes 23" }, undefined, { some: "bytes 6789" }])
  },
  "write of nothing": onFile((file) => file.write(text(""))),
  "writeAll of nothing": onFile((file) => file.writeAll(text(""))),
  "truncate of an open file": {
    ...onFile((file) => file.truncate()),
    promised: value(undefined)
  },
  "truncate of an open file to the same": onFile((file) => file.truncate(10)),
  "truncate of an open file that is empty": onEmptyFile((file) => file.truncate()),
  "truncate of an empty file that is appended to": onEmptyFile((file) => file.truncate(0n), "a"),
  "write of nothing into what is empty": onEmptyFile((file) => file.write(text(""))),
  "truncate takes the cursor back": {
    ...onFile((file) =>
      Effect.all([
        file.seek(8, "start"),
        file.truncate(4),
        file.seek(0, "current"),
        file.write(text("X"))
      ])
    ),
    promised: value([8n, undefined, 4n, 1n])
  },
  "truncate to more leaves the cursor": {
    ...onFile((file) =>
      Effect.all([file.seek(2, "start"), file.truncate(12n), file.seek(0n, "current"), file.write(text("X"))])
    ),
    promised: value([2n, undefined, 2n, 1n])
  },
  "appending leaves the cursor": {
    ...onFile(
      (file) => Effect.all([file.readAlloc(2), file.write(text("X")), file.writeAll(text("YZ")), file.readAlloc(20)]),
      "a+"
    ),
    promised: value([{ some: "bytes 01" }, 1n, undefined, { some: "bytes 23456789XYZ" }])
  },
  "sync": { ...onFile((file) => file.sync), promised: value(undefined) },
  "sync of a file that is read": onFile((file) => file.sync, "r"),
  "concurrent reads get a part each": {
    ...onFile((file) =>
      Effect.map(
        Effect.all(Array.from({ length: 5 }, () => file.readAlloc(2)), { concurrency: "unbounded" }),
        (parts) => parts.map((part) => Buffer.from(Option.getOrThrow(part)).toString()).sort()
      )
    ),
    promised: value(["01", "23", "45", "67", "89"])
  },
  "concurrent writes have a place each": {
    ...onFile((file) =>
      Effect.all(Array.from({ length: 5 }, () => file.write(text("AB"))), { concurrency: "unbounded" })
    ),
    promised: value([2n, 2n, 2n, 2n, 2n])
  },
  "read when its scope has closed": {
    prepare: file(),
    run: (fs, at) => Effect.flatMap(Effect.scoped(fs.open(at("file"))), (file) => file.read(new Uint8Array(1))),
    promised: failure("read", "BadResource")
  }
}

const comparable = (value: unknown): unknown =>
  Option.isOption(value) ? Option.map(value, comparable) : value instanceof Date ? value.getTime() : value

// --- streams

const chunksOf = (stream: Stream.Stream<Uint8Array, unknown>) =>
  Effect.map(Stream.runCollect(stream), (chunks) => Chunk.toReadonlyArray(chunks).map((chunk) => Buffer.from(chunk)))

const streaming = (options?: FileSystem.StreamOptions): Case => ({
  prepare: file(),
  run: (fs, at) => chunksOf(fs.stream(at("file"), options))
})

const sinking = (
  options: FileSystem.SinkOptions | undefined,
  ...parts: ReadonlyArray<string>
): Pick<Case, "run"> => ({
  run: (fs, at) => Stream.run(Stream.fromIterable(parts.map(text)), fs.sink(at("file"), options))
})

const streams: Record<string, Case> = {
  "stream": { ...streaming(), promised: value(["bytes 0123456789"]) },
  "stream in chunks": {
    ...streaming({ chunkSize: 4 }),
    promised: value(["bytes 0123", "bytes 4567", "bytes 89"])
  },
  "stream in chunks that fit": { ...streaming({ chunkSize: 5n }), promised: value(["bytes 01234", "bytes 56789"]) },
  "stream from an offset": { ...streaming({ offset: 7, chunkSize: 2 }), promised: value(["bytes 78", "bytes 9"]) },
  "stream so many bytes": {
    ...streaming({ bytesToRead: 5, chunkSize: 2n }),
    promised: value(["bytes 01", "bytes 23", "bytes 4"])
  },
  "stream more bytes than there are": { ...streaming({ bytesToRead: 50, offset: 8n }), promised: value(["bytes 89"]) },
  "stream no bytes": { ...streaming({ bytesToRead: 0 }), promised: value([]) },
  "stream from behind the end": { ...streaming({ offset: 50 }), promised: value([]) },
  "stream with a small buffer": { ...streaming({ chunkSize: 3, bufferSize: 1 }) },
  "stream from before the start": streaming({ offset: -5 }),
  "stream in chunks of nothing": streaming({ chunkSize: 0 }),
  "stream in chunks of less than nothing": streaming({ chunkSize: -1 }),
  "stream of an empty file": {
    prepare: file("file", ""),
    run: (fs, at) => chunksOf(fs.stream(at("file"))),
    promised: value([])
  },
  "stream of 3 MB, by the default": {
    prepare: (at) => nodeFs.writeFileSync(at("file"), Buffer.alloc(3_000_001, "abcdefg")),
    run: (fs, at) =>
      Effect.map(chunksOf(fs.stream(at("file"))), (chunks) => ({
        lengths: [...new Set(chunks.map((chunk) => chunk.length))],
        same: Buffer.concat(chunks).equals(Buffer.alloc(3_000_001, "abcdefg"))
      }))
  },
  "stream, and take one": {
    prepare: file(),
    run: (fs, at) => chunksOf(Stream.take(fs.stream(at("file"), { chunkSize: 2 }), 1)),
    promised: value(["bytes 01"])
  },
  "stream, and keep all chunks": {
    prepare: file(),
    run: (fs, at) => Effect.map(Stream.runCollect(fs.stream(at("file"), { chunkSize: 1 })), Chunk.toReadonlyArray),
    promised: value("0123456789".split("").map((digit) => `bytes ${digit}`))
  },
  "stream of nothing": { run: (fs, at) => chunksOf(fs.stream(at("none"))), promised: failure("open", "NotFound") },
  "stream of a directory": { prepare: directory(), run: (fs, at) => chunksOf(fs.stream(at("directory"))) },
  "sink": { ...sinking(undefined, "one", "", "two"), promised: value(undefined) },
  "sink over a longer file": { prepare: file(), ...sinking(undefined, "one"), promised: value(undefined) },
  "sink of nothing": { prepare: file(), ...sinking(undefined), promised: value(undefined) },
  "sink of nothing, over an empty file": {
    prepare: file("file", ""),
    ...sinking(undefined),
    promised: value(undefined)
  },
  "sink, appending": { prepare: file(), ...sinking({ flag: "a" }, "one", "two"), promised: value(undefined) },
  "sink, from the start of what is there": {
    prepare: file(),
    ...sinking({ flag: "r+" }, "one", "two"),
    promised: value(undefined)
  },
  "sink, where there may be nothing": { prepare: file(), ...sinking({ flag: "wx" }, "one") },
  "sink with a mode": { ...sinking({ mode: 0o600 }, "one") },
  "sink below nothing": {
    run: (fs, at) => Stream.run(Stream.make(text("one")), fs.sink(at("none/file"))),
    promised: failure("open", "NotFound")
  },
  "sink of 3 MB": {
    run: (fs, at) =>
      Effect.gen(function*() {
        const parts = Array.from({ length: 30 }, (_, index) => Buffer.alloc(100_000, `part ${index}`))
        yield* Stream.run(Stream.fromIterable(parts), fs.sink(at("file")))
        return Buffer.concat(parts).equals(yield* fs.readFile(at("file")))
      }),
    promised: value(true)
  },
  "sink of a stream that fails": {
    run: (fs, at) =>
      Effect.flip(Stream.run(
        Stream.concat(Stream.make(text("one"), text("two")), Stream.fail("broken")),
        fs.sink(at("file"))
      )),
    promised: value("broken")
  },
  "stream into sink": {
    prepare: file(),
    run: (fs, at) => Stream.run(fs.stream(at("file"), { chunkSize: 3 }), fs.sink(at("second"))),
    promised: value(undefined)
  }
}

// --- copies

const time = (name: string) => (at: At): void => nodeFs.utimesSync(at(name), 1_000_000_000, 1_100_000_000)
const modified = (name: string) => (at: At): string => nodeFs.statSync(at(name)).mtime.toISOString()

const copying = (from: string, to: string, options?: FileSystem.CopyOptions): Run => (fs, at) =>
  fs.copy(at(from), at(to), options)

const copies: Record<string, Case> = {
  "copyFile": {
    prepare: all(file(), mode("file", 0o640)),
    run: (fs, at) => fs.copyFile(at("file"), at("copy")),
    promised: value(undefined)
  },
  "copyFile of an empty one": { prepare: file("file", ""), run: (fs, at) => fs.copyFile(at("file"), at("copy")) },
  "copyFile of 3 MB": {
    prepare: (at) => nodeFs.writeFileSync(at("file"), Buffer.alloc(3_000_001, "abcdefg")),
    run: (fs, at) =>
      Effect.map(
        Effect.zipRight(fs.copyFile(at("file"), at("copy")), fs.readFile(at("copy"))),
        (bytes) => Buffer.alloc(3_000_001, "abcdefg").equals(bytes)
      ),
    promised: value(true)
  },
  "copyFile of an empty one over another": {
    prepare: all(file("file", ""), file("copy", "")),
    run: (fs, at) => fs.copyFile(at("file"), at("copy"))
  },
  "copyFile of an empty one over what is not": {
    prepare: all(file("file", ""), file("copy")),
    run: (fs, at) => fs.copyFile(at("file"), at("copy"))
  },
  "copyFile over an equal one": {
    prepare: all(file(), file("copy")),
    run: (fs, at) => fs.copyFile(at("file"), at("copy"))
  },
  "copyFile over a longer one": {
    prepare: all(file(), mode("file", 0o640), file("copy", "something that is longer")),
    run: (fs, at) => fs.copyFile(at("file"), at("copy")),
    promised: value(undefined)
  },
  "copyFile keeps what shares the copy": {
    prepare: all(file(), file("copy", "old"), (at) => nodeFs.linkSync(at("copy"), at("second"))),
    run: (fs, at) => fs.copyFile(at("file"), at("copy"))
  },
  "copyFile of what may not be written to": {
    prepare: all(file(), mode("file", 0o444)),
    run: (fs, at) => fs.copyFile(at("file"), at("copy"))
  },
  "copyFile onto itself": { prepare: file(), run: (fs, at) => fs.copyFile(at("file"), at("file")) },
  "copyFile onto itself by another name": {
    prepare: all(file(), (at) => nodeFs.linkSync(at("file"), at("second"))),
    run: (fs, at) => fs.copyFile(at("file"), at("second"))
  },
  "copyFile and the time of the last change": {
    prepare: all(file(), time("file")),
    run: (fs, at) =>
      Effect.map(fs.copyFile(at("file"), at("copy")), () => modified("copy")(at) === modified("file")(at))
  },
  "copyFile of nothing": {
    run: (fs, at) => fs.copyFile(at("none"), at("copy")),
    promised: failure("copyFile", "NotFound")
  },
  "copyFile below nothing": {
    prepare: file(),
    run: (fs, at) => fs.copyFile(at("file"), at("none/copy")),
    promised: failure("copyFile", "NotFound")
  },
  "copyFile of a directory": { prepare: directory(), run: (fs, at) => fs.copyFile(at("directory"), at("copy")) },
  "copyFile over a directory": {
    prepare: all(file(), directory()),
    run: (fs, at) => fs.copyFile(at("file"), at("directory"))
  },
  "copyFile through links": {
    prepare: all(file(), file("target", "old"), link("from", "file"), link("to", "target")),
    run: (fs, at) => fs.copyFile(at("from"), at("to"))
  },
  "copyFile to a link that leads nowhere": {
    prepare: all(file(), link("to", "target")),
    run: (fs, at) => fs.copyFile(at("file"), at("to"))
  },
  "copy of a file": {
    prepare: all(file(), mode("file", 0o640)),
    run: copying("file", "copy"),
    promised: value(undefined)
  },
  "copy of a file, leaving what is there": { prepare: all(file(), file("copy", "old")), run: copying("file", "copy") },
  "copy of a file over what is there": {
    prepare: all(file(), file("copy", "something that is longer"), (at) => nodeFs.linkSync(at("copy"), at("second"))),
    run: copying("file", "copy", { overwrite: true })
  },
  "copy of an empty file over another": {
    prepare: all(file("file", ""), file("copy", "")),
    run: copying("file", "copy", { overwrite: true })
  },
  "copy of an empty file, leaving an empty one": {
    prepare: all(file("file", ""), file("copy", "")),
    run: copying("file", "copy")
  },
  "copy of a directory with its times": {
    prepare: populated,
    run: copying("directory", "copy", { preserveTimestamps: true })
  },
  "copy of a directory over one that is there, with its times": {
    prepare: all(populated, directory("copy"), file("copy/one", "old")),
    run: copying("directory", "copy", { overwrite: true, preserveTimestamps: true })
  },
  "copy of a file with its times": {
    prepare: all(file(), time("file")),
    run: (fs, at) =>
      Effect.map(fs.copy(at("file"), at("copy"), { preserveTimestamps: true }), () => modified("copy")(at)),
    promised: value("2004-11-09T11:33:20.000Z")
  },
  "copy of a file that may not be written to, with its times": {
    prepare: all(file(), time("file"), mode("file", 0o444)),
    run: (fs, at) =>
      Effect.map(fs.copy(at("file"), at("copy"), { preserveTimestamps: true }), () => modified("copy")(at))
  },
  "copy of nothing": { run: copying("none", "copy"), promised: failure("copy", "NotFound") },
  "copy below nothing": { prepare: file(), run: copying("file", "a/b/copy"), promised: value(undefined) },
  "copy of a directory": { prepare: populated, run: copying("directory", "copy"), promised: value(undefined) },
  "copy of a directory with its permissions": {
    prepare: all(populated, mode("directory/below", 0o750)),
    run: copying("directory", "copy")
  },
  "copy of a directory into one that is there": {
    prepare: all(populated, directory("copy"), file("copy/one", "old"), file("copy/three", "3")),
    run: copying("directory", "copy")
  },
  "copy of a directory over one that is there": {
    prepare: all(populated, directory("copy"), file("copy/one", "old"), file("copy/three", "3")),
    run: copying("directory", "copy", { overwrite: true })
  },
  "copy of a directory to a file": { prepare: all(populated, file("copy")), run: copying("directory", "copy") },
  "copy of a file to a directory": { prepare: all(populated, file()), run: copying("file", "directory") },
  "copy of a directory into itself": { prepare: populated, run: copying("directory", "directory/copy") },
  "copy of a directory into itself, through a link": {
    prepare: all(populated, link("link", "directory")),
    run: copying("directory", "link/below/copy")
  },
  "copy of a file onto itself": { prepare: file(), run: copying("file", "file", { overwrite: true }) },
  "copy of links": {
    prepare: all(
      populated,
      link("directory/link", "one"),
      (at) => nodeFs.symlinkSync(at("directory"), at("directory/up"))
    ),
    run: copying("directory", "copy")
  },
  "copy of a link over another": {
    prepare: all(file(), file("other"), link("from", "file"), link("to", "other")),
    run: copying("from", "to")
  },
  "copy of a link over a file": {
    prepare: all(file(), file("other"), link("from", "file")),
    run: copying("from", "other")
  },
  "copy of a link to a directory over the link to what is above it": {
    prepare: all(populated, link("from", "directory/below"), link("to", "directory")),
    run: copying("from", "to")
  },
  "copy of a link to a directory over the link to what is below it": {
    prepare: all(populated, link("from", "directory"), link("to", "directory/below")),
    run: copying("from", "to")
  }
}

/** Cases that exist on neither Windows nor Wine. */
export const special: Record<string, Case> = {
  "symlink at a name that is taken": {
    prepare: file(),
    run: (fs, at) => fs.symlink("target", at("file")),
    promised: failure("symlink", "AlreadyExists")
  },
  "utimes, and the time of the last access": {
    prepare: file(),
    run: (fs, at) =>
      Effect.zipRight(
        fs.utimes(at("file"), 1_000_000_000, 1_100_000_000),
        Effect.map(fs.stat(at("file")), ({ atime }) => atime)
      ),
    promised: value({ some: "2001-09-09T01:46:40.000Z" })
  },
  "stat of a FIFO": {
    prepare: fifo("fifo"),
    run: (fs, at) => Effect.map(fs.stat(at("fifo")), ({ type }) => type),
    promised: value("FIFO")
  },
  "copy of a FIFO": { prepare: fifo("fifo"), run: copying("fifo", "copy") },
  "remove of a FIFO": { prepare: fifo("fifo"), run: (fs, at) => fs.remove(at("fifo")), promised: value(undefined) },
  "truncate of a file that is read": onFile((file) => file.truncate(), "r"),
  "readFile of a device": { run: (fs) => fs.readFile("/dev/null") },
  "writeFile of a device": { run: (fs) => fs.writeFile("/dev/null", text("gone")) },
  "readFile of a file that does not say how long it is": {
    run: (fs) => Effect.map(fs.readFileString("/proc/version"), isText("Linux version")),
    promised: value(true)
  }
}

/** Everything but what files hold. */
export const ofNames: Record<string, Case> = { ...names, ...temporary, ...copies }

/** Cases about the contents of files. */
export const ofContents: Record<string, Case> = {
  ...contents,
  ...flaggedWrites,
  ...flaggedSteps,
  ...flaggedOpenings,
  ...flaggedTruncations,
  ...open,
  ...streams
}
