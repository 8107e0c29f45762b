/**
 * A size is a hint: files that hold more or less than they say are read to their end, and files that change meanwhile
 * are noticed, whatever reads them.
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import { describe, expect } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import { basename, join } from "node:path"
import * as File from "../../src/File.js"
import type { Kernel } from "../../src/Kernel.js"
import * as Pipeline from "../../src/Pipeline.js"
import * as ThreadpoolFileSystem from "../../src/ThreadpoolFileSystem.js"
import { contract, failureOf, pattern } from "../support/claims.js"
import * as lab from "../support/lab.js"
import { where } from "../support/sources.js"

const sourceOf = (contents: Uint8Array) =>
  Effect.map(lab.directory, (directory) => {
    fs.mkdirSync(join(directory, "tree"))
    fs.mkdirSync(join(directory, "to"))
    const path = join(directory, "tree/source")
    fs.writeFileSync(path, contents)
    // Whole seconds, which can be put back exactly.
    fs.utimesSync(path, 1_700_000_000, 1_700_000_000)
    return { path, to: join(directory, "to"), copy: join(directory, "to/copy") }
  })

const fileSystem = <A, E>(use: (fs: FileSystem.FileSystem) => Effect.Effect<A, E>) =>
  Effect.flatMap(ThreadpoolFileSystem.make, use)

const hashOf = (contents: Uint8Array) => createHash("sha256").update(contents).digest("hex")

const SHAPE = { chunkSize: 4096, inFlight: 3 } as const
/** In one read. */
const LARGE = { chunkSize: 65_536, inFlight: 2 } as const

type Making = (path: string, copy: string) => Effect.Effect<unknown, unknown, Kernel>

/** Each makes a copy, and fails when its source has changed. */
const pipelines: Readonly<Record<string, Making>> = {
  copy: (path, copy) => Pipeline.copy(path, copy, SHAPE),
  "copy, verified": (path, copy) => Pipeline.copy(path, copy, { ...SHAPE, verify: "read" }),
  "copy, durable": (path, copy) => Pipeline.copy(path, copy, { ...SHAPE, verify: "durable" }),
  "copy with a journal": (path, copy) => Pipeline.copy(path, copy, { ...SHAPE, resume: true, journalEvery: 4096 }),
  "copy without times and permissions": (path, copy) => Pipeline.copy(path, copy, { ...SHAPE, preserve: [] }),
  transform: (path, copy) => Pipeline.transform(path, copy, (bytes) => bytes, SHAPE)
}

/** The system's on Windows. */
const plain: Readonly<Record<string, Making>> = { "File.copy": (path, copy) => File.copy(path, copy) }

/** Each makes a copy of as much as there was. */
const copies: Readonly<Record<string, Making>> = {
  "FileSystem.copyFile": (path, copy) => fileSystem((fs) => fs.copyFile(path, copy)),
  "FileSystem.copy": (path, copy) => fileSystem((fs) => fs.copy(path, copy))
}

/** Each answers the contents. */
const readers: Readonly<Record<string, (path: string) => Effect.Effect<Uint8Array, unknown, Kernel>>> = {
  "FileSystem.readFile": (path) => fileSystem((fs) => fs.readFile(path)),
  "FileSystem.stream": (path) =>
    fileSystem((fs) => Effect.map(Stream.runCollect(fs.stream(path)), (all) => Buffer.concat(Chunk.toArray(all)))),
  "File.stream": (path) =>
    File.withFile(
      path,
      {},
      (file) => Effect.map(Stream.runCollect(File.stream(file, LARGE)), (all) => Buffer.concat(Chunk.toArray(all)))
    ),
  "File.forEachChunk": (path) =>
    File.withFile(path, {}, (file) => {
      const all: Array<Uint8Array> = []
      const keep = ({ bytes }: File.LentChunk) => Effect.sync(() => void all.push(bytes.slice()))
      return Effect.map(File.forEachChunk(file, LARGE, keep), () => Buffer.concat(all))
    })
}

const unchangedSource = { reason: "Changed", message: expect.stringContaining("has changed while it was being read") }

const SIZES = [0, 10, 5000, 100_000] as const

contract("what a file holds", ({ claim, only }) => {
  const saysOf = (size: number) => [0n, 1n, 4096n, BigInt(size) - 1n, BigInt(size) * 2n].filter((says) => says >= 0n)

  describe("and not what it says, is what", () => {
    for (const [name, make] of Object.entries({ ...pipelines, ...plain, ...copies })) {
      claim(`${name} makes`, function*() {
        for (const size of SIZES) {
          for (const says of saysOf(size)) {
            const contents = pattern(size)
            const { copy, path } = yield* sourceOf(contents)
            yield* where({ source: { size: says } }, make(path, copy))
            expect([says, fs.readFileSync(copy).equals(contents)]).toEqual([says, true])
          }
        }
      })
    }
    claim("copyTree and a copy with a large buffer make", function*() {
      for (const size of SIZES) {
        for (const says of saysOf(size)) {
          const { copy, path } = yield* sourceOf(pattern(size))
          yield* where({ source: { size: says } }, Pipeline.copy(path, `${copy}2`, LARGE))
          yield* where({ source: { size: says } }, Pipeline.copyTree(join(path, ".."), copy, SHAPE))
          for (const one of [`${copy}2`, join(copy, "source")]) {
            expect([says, fs.readFileSync(one).equals(pattern(size))]).toEqual([says, true])
          }
        }
      }
    })
    for (const [name, read] of Object.entries(readers)) {
      claim(`${name} answers`, function*() {
        for (const size of SIZES) {
          for (const says of saysOf(size)) {
            const { path } = yield* sourceOf(pattern(size))
            const read_ = yield* where({ source: { size: says } }, read(path))
            expect([says, Buffer.from(read_).equals(pattern(size))]).toEqual([says, true])
          }
        }
      })
    }
    claim("hash hashes", function*() {
      for (const size of SIZES) {
        for (const says of saysOf(size)) {
          const { path } = yield* sourceOf(pattern(size))
          const hash = where({ source: { size: says } }, Pipeline.hash(path, SHAPE))
          expect([says, yield* hash]).toEqual([says, hashOf(pattern(size))])
        }
      }
    })
  })

  /** Each happens to a source while it is read. */
  const changes: Readonly<Record<string, (path: string) => void>> = {
    grows: (path) => fs.appendFileSync(path, pattern(9000, 2)),
    shrinks: (path) => fs.truncateSync(path, 100),
    "is written to, and its time is put back": (path) => {
      const { atime, mtime } = fs.statSync(path)
      const file = fs.openSync(path, "r+")
      fs.writeSync(file, "other", 7)
      fs.closeSync(file)
      fs.utimesSync(path, atime, mtime)
    }
  }

  describe("when it changes meanwhile", () => {
    for (const [name, make] of Object.entries(pipelines)) {
      for (const [what, change] of Object.entries(changes)) {
        claim(`and ${what}, fails ${name}, which leaves nothing`, function*() {
          for (const at of [1, 2]) {
            const { copy, path, to } = yield* sourceOf(pattern(20_000))
            const beforeRead = (n: number) => n === at && change(path)
            const error = yield* failureOf(where({ source: { beforeRead } }, make(path, copy)))
            expect(error).toMatchObject({ _tag: "PipelineError", ...unchangedSource })
            expect(fs.readdirSync(to)).toEqual([])
          }
        })
      }
    }
    claim("fails a copy in one read, and one of a tree", function*() {
      for (const change of Object.values(changes)) {
        for (const make of [Pipeline.copy, (path: string, copy: string) => Pipeline.copyTree(join(path, ".."), copy)]) {
          const { copy, path, to } = yield* sourceOf(pattern(20_000))
          const beforeRead = (n: number) => n === 1 && change(path)
          const error = yield* failureOf(where({ source: { beforeRead } }, make(path, copy)))
          expect(error).toMatchObject({ _tag: "PipelineError", ...unchangedSource })
          expect(fs.readdirSync(to)).toEqual([])
        }
      }
    })
    for (const [what, change] of Object.entries(changes)) {
      claim(`and ${what}, fails a hash`, function*() {
        const { path } = yield* sourceOf(pattern(20_000))
        const beforeRead = (n: number) => n === 2 && change(path)
        const error = yield* failureOf(where({ source: { beforeRead } }, Pipeline.hash(path, SHAPE)))
        expect(error).toMatchObject({ _tag: "PipelineError", ...unchangedSource })
      })
    }
    for (const [name, make] of Object.entries(copies)) {
      claim(`and grows, is copied by ${name} up to the size that it had`, function*() {
        const { copy, path } = yield* sourceOf(pattern(20_000))
        yield* where({ source: { beforeRead: (n) => n === 1 && changes.grows!(path) } }, make(path, copy))
        expect(fs.readFileSync(copy).equals(pattern(20_000))).toBe(true)
      })
      claim(`and shrinks, is copied by ${name} as far as it is there`, function*() {
        const { copy, path } = yield* sourceOf(pattern(20_000))
        yield* where({ source: { beforeRead: (n) => n === 1 && changes.shrinks!(path) } }, make(path, copy))
        expect(fs.readFileSync(copy).equals(pattern(20_000).subarray(0, 100))).toBe(true)
      })
    }
    for (const [what, change] of Object.entries(changes)) {
      const byHandles = only(["portable", "simulated"], "Windows copies by a function of its own")
      byHandles(`and ${what}, fails File.copy, which leaves nothing`, function*() {
        for (const [size, at] of [[20_000, 1], [1_200_000, 1], [1_200_000, 3]] as const) {
          const { copy, path, to } = yield* sourceOf(pattern(size))
          const beforeRead = (n: number) => n === at && change(path)
          const error = yield* failureOf(where({ source: { beforeRead } }, File.copy(path, copy)))
          expect(error).toMatchObject({ _tag: "Win32Error", reason: "Busy", syscall: "CopyFileW", path })
          expect(error.message).toContain("has changed while it was being read")
          expect(fs.readdirSync(to)).toEqual([])
        }
      })
    }
    claim("and grows, is read by readFile up to the size that it had", function*() {
      const { path } = yield* sourceOf(pattern(20_000))
      const beforeRead = (n: number) => n === 1 && changes.grows!(path)
      const read = yield* where({ source: { beforeRead } }, fileSystem((fs) => fs.readFile(path)))
      expect(Buffer.from(read).equals(pattern(20_000))).toBe(true)
    })
  })

  claim("is not followed while it grows with every read", function*() {
    for (const [name, make] of Object.entries({ ...pipelines, ...plain, ...copies })) {
      if (name === "transform" || (name in plain && lab.kernelName === "win32")) continue
      const { copy, path } = yield* sourceOf(pattern(20_000))
      let reads = 0
      const beforeRead = (n: number) => {
        reads = n
        fs.appendFileSync(path, pattern(70_000))
      }
      const ended = yield* Effect.either(where({ source: { beforeRead } }, make(path, copy)))
      expect([name, ended._tag]).toEqual([name, name in copies ? "Right" : "Left"])
      expect(reads).toBeLessThan(20)
    }
  })

  describe("as the system makes it up", () => {
    const madeUp = ["/proc/cpuinfo", "/sys/kernel/mm/transparent_hugepage/enabled", "/proc/version", "/proc/kallsyms"]
      .filter((path) => fs.existsSync(path))
    const linux = only(
      process.platform === "linux" ? "portable" : [],
      "Linux makes files up, and the simulation reads as much as they say"
    )
    const cat = (path: string) => fs.readFileSync(path)

    linux("is what every copy makes of it", function*() {
      for (const from of madeUp) {
        for (const [name, make] of Object.entries({ ...pipelines, ...plain, ...copies })) {
          if (basename(from) === "kallsyms" && name !== "copy" && name !== "FileSystem.copyFile") continue
          const { copy } = yield* sourceOf(pattern(0))
          yield* make(from, copy)
          // Some numbers in them are others each time.
          expect([name, from, fs.readFileSync(copy).length]).toEqual([name, from, expect.toSatisfy(near(cat(from)))])
        }
      }
    })
    linux("is what readers read and hash", function*() {
      for (const from of madeUp) {
        for (const read of Object.values(readers)) {
          expect((yield* read(from)).length).toSatisfy(near(cat(from)))
        }
      }
      for (const from of madeUp.filter((path) => basename(path) !== "cpuinfo")) {
        expect(yield* Pipeline.hash(from)).toBe(hashOf(cat(from)))
      }
    })
    linux("is what copies of directories make of it", function*() {
      const from = "/proc/sys/fs/inotify"
      if (!fs.existsSync(from)) return
      const { to } = yield* sourceOf(pattern(0))
      for (const verify of ["none", "read"] as const) {
        yield* Pipeline.copyTree(from, join(to, verify), { verify })
        for (const name of fs.readdirSync(from)) {
          expect(fs.readFileSync(join(to, verify, name))).toEqual(cat(join(from, name)))
        }
      }
      yield* fileSystem((fs) => fs.copy(from, join(to, "copy")))
      expect(fs.readdirSync(join(to, "copy")).sort()).toEqual(fs.readdirSync(from).sort())
    })
  })
})

const near = (contents: Uint8Array) => (length: number) => Math.abs(length - contents.length) < 100
