/**
 * Pipelines: what has a name is complete, what fails or is interrupted leaves nothing, and the caller says what a
 * failure means.
 */
import { describe, expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import { join } from "node:path"
import { gunzipSync, gzipSync } from "node:zlib"
import * as File from "../../src/File.js"
import { Kernel } from "../../src/Kernel.js"
import * as Pipeline from "../../src/Pipeline.js"
import type { PipelineError } from "../../src/PipelineError.js"
import * as ThreadpoolFileSystem from "../../src/ThreadpoolFileSystem.js"
import { contract, failureOf, pattern } from "../support/claims.js"
import * as lab from "../support/lab.js"
import { everyStep } from "../support/sweep.js"

const SMALL = { chunkSize: 4096, inFlight: 3 } as const

/** A directory with these files in `source`; the copy is to be `copy`. */
const treeOf = (files: Record<string, Uint8Array | string>) =>
  Effect.map(lab.directory, (directory) => {
    const source = join(directory, "source")
    fs.mkdirSync(source)
    for (const [name, contents] of Object.entries(files)) {
      fs.mkdirSync(join(source, name, ".."), { recursive: true })
      fs.writeFileSync(join(source, name), contents)
    }
    return { directory, source, copy: join(directory, "copy") }
  })

const names = (directory: string) => fs.readdirSync(directory, { recursive: true, encoding: "utf8" }).sort()

const sameFile = (a: string, b: string) => expect(fs.readFileSync(a).equals(fs.readFileSync(b))).toBe(true)

const succeeds = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.orDie(effect)

contract("pipelines", ({ claim, only }) => {
  describe("copy", () => {
    claim("carries over contents of every size, times, and on POSIX permissions", function*() {
      for (const size of [0, 1, 4095, 4096, 4097, 12_288, 100_003]) {
        const { copy, source } = yield* treeOf({ file: pattern(size, size) })
        const from = join(source, "file")
        fs.chmodSync(from, 0o640)
        fs.utimesSync(from, 1_000_000_000.5, 1_234_567_890.125)
        const done = yield* Pipeline.copy(from, copy, SMALL)
        expect(done).toMatchObject({ files: 1, bytes: size, foundBytes: 0, replaced: 0 })
        sameFile(from, copy)
        expect(fs.statSync(copy).mtimeMs).toBe(1_234_567_890_125)
        if (lab.kernelName === "portable") expect(fs.statSync(copy).mode & 0o7777).toBe(0o640)
      }
    })
    claim("carries over nothing that was not asked for", function*() {
      const { copy, source } = yield* treeOf({ file: "contents" })
      const from = join(source, "file")
      fs.utimesSync(from, 1, 1)
      yield* Pipeline.copy(from, copy, { preserve: [] })
      expect(fs.statSync(copy).mtimeMs).toBeGreaterThan(1_000_000)
    })
    claim("verified, reads back what it has written, durably too", function*() {
      for (const verify of ["read", "durable"] as const) {
        const { copy, source } = yield* treeOf({ file: pattern(50_001) })
        let last: Pipeline.Progress | undefined
        yield* Pipeline.copy(join(source, "file"), copy, { ...SMALL, verify, onProgress: (now) => last = now })
        expect(last).toMatchObject({ files: 1, bytes: 50_001, verifiedBytes: 50_001, totalBytes: 50_001 })
        expect(last!.partials()).toEqual([])
        sameFile(join(source, "file"), copy)
      }
    })
    claim("does not make a file of what can only be the path of a directory", function*() {
      const { copy, directory, source } = yield* treeOf({ file: "contents" })
      const from = join(source, "file")
      for (const to of [`${copy}/`, `${copy}/.`, `${copy}//`, `${copy}/x/..`, `${source}/`, join(copy, "/")]) {
        const attempts: Array<Effect.Effect<unknown, unknown, Kernel>> = [
          Pipeline.copy(from, to),
          Pipeline.copy(from, to, { overwrite: true, resume: true }),
          Pipeline.copyTree(from, to),
          Pipeline.transform(from, to, (bytes) => bytes, { overwrite: true })
        ]
        // Paths of single calls are made absolute on Windows, as node does, and lose what is behind the name.
        if (process.platform !== "win32") {
          attempts.push(
            File.copy(from, to),
            Effect.flatMap(ThreadpoolFileSystem.make, (fs) => fs.copyFile(from, to))
          )
        }
        for (const attempt of attempts) {
          const error = yield* failureOf(attempt)
          expect(["PipelineError", "Win32Error", "SystemError"]).toContain((error as { _tag: string })._tag)
        }
        expect(names(directory)).toEqual(["source", join("source", "file")])
      }
    })
    claim("replaces nothing unless it is told to, and then replaces at once", function*() {
      const { copy, directory, source } = yield* treeOf({ file: pattern(20_000) })
      fs.writeFileSync(copy, "old")
      const error = yield* failureOf(Pipeline.copy(join(source, "file"), copy, SMALL))
      expect(error).toMatchObject({ _tag: "PipelineError", reason: "AlreadyExists", path: copy })
      expect(fs.readFileSync(copy, "utf8")).toBe("old")
      expect(fs.readdirSync(directory).sort()).toEqual(["copy", "source"])
      expect(yield* Pipeline.copy(join(source, "file"), copy, { ...SMALL, overwrite: true })).toMatchObject({
        replaced: 1
      })
      sameFile(join(source, "file"), copy)
    })
    claim("keeps holes, and the size that a hole at the end makes", function*() {
      const MiB = 1 << 20
      const { copy, source } = yield* treeOf({ file: "" })
      const from = join(source, "file")
      const fd = fs.openSync(from, "w")
      fs.writeSync(fd, pattern(MiB / 4), 0, MiB / 4, MiB)
      fs.ftruncateSync(fd, 8 * MiB)
      fs.closeSync(fd)
      yield* Pipeline.copy(from, copy, { journal: true, journalEvery: 2 * MiB })
      sameFile(from, copy)
      if (lab.kernelName === "portable") expect(fs.statSync(copy).blocks * 512).toBeLessThan(MiB)
      // Data and a hole in one chunk, which is the last one, or the only one.
      for (const data of [100_000, 700_000]) {
        fs.writeFileSync(from, Buffer.concat([pattern(data), Buffer.alloc(200_000)]))
        yield* Pipeline.copy(from, `${copy}${data}`)
        sameFile(from, `${copy}${data}`)
      }
    })
    claim("of a directory, of nothing, and with an option that cannot be, fails typed and makes nothing", function*() {
      const { copy, directory, source } = yield* treeOf({ file: "x" })
      const reasonOf = (from: string, options: Pipeline.CopyOptions) =>
        Effect.map(failureOf(Pipeline.copy(from, copy, options)), ({ reason }) => reason)
      expect(yield* reasonOf(source, {})).toBe("SpecialFile")
      expect(yield* reasonOf(join(source, "missing"), {})).toBe("NotFound")
      for (const options of [{ chunkSize: 0 }, { inFlight: 0.5 }, { journalEvery: Number.NaN }]) {
        expect(yield* reasonOf(join(source, "file"), options)).toBe("InvalidArgument")
      }
      expect(yield* reasonOf(join(source, "file"), { chunkSize: 1000, verify: "durable" })).toBe("InvalidArgument")
      expect(fs.readdirSync(directory)).toEqual(["source"])
    })
    claim("takes no more memory than the chunks in flight, whatever the size of the file", function*() {
      const { engine } = yield* Kernel
      const { copy, source } = yield* treeOf({ file: pattern(1_000_000) })
      let most = 0
      const onProgress = () => void (most = Math.max(most, engine.buffers.lentBytes))
      yield* Pipeline.copy(join(source, "file"), copy, { ...SMALL, onProgress })
      expect(most).toBeGreaterThan(0)
      expect(most).toBeLessThanOrEqual(8 * 4096)
    })
    claim("whose onProgress throws ends in that defect, and leaves nothing", function*() {
      const { copy, directory, source } = yield* treeOf({ file: pattern(20_000) })
      const onProgress = ({ bytes }: Pipeline.Progress) => {
        if (bytes > 8000) throw new Error("enough")
      }
      const exit = yield* Effect.exit(Pipeline.copy(join(source, "file"), copy, { ...SMALL, onProgress }))
      expect(Exit.isFailure(exit) && exit.cause.toString()).toContain("enough")
      expect(fs.readdirSync(directory)).toEqual(["source"])
    })
    claim("interrupted at any step leaves the whole copy, or nothing", function*() {
      const { copy, directory, source } = yield* treeOf({ file: pattern(20_000) })
      const runtime = yield* Effect.runtime<Kernel>()
      let whole = 0
      const points = yield* Effect.promise(() =>
        everyStep(
          runtime,
          "copy",
          () =>
            Pipeline.copy(join(source, "file"), copy, { ...SMALL, verify: "read", journal: true, journalEvery: 8192 }),
          () => {
            const left = fs.readdirSync(directory).sort()
            expect(left.filter((name) => name !== "copy")).toEqual(["source"])
            if (!left.includes("copy")) return
            whole++
            sameFile(join(source, "file"), copy)
            fs.unlinkSync(copy)
          }
        )
      )
      expect(points).toBeGreaterThan(100)
      expect(whole).toBeGreaterThan(0)
    }, 120_000)
  })

  describe("hash", () => {
    claim("is that of the contents, of a path as of an open file", function*() {
      for (const size of [0, 1, 4096, 100_003]) {
        const { source } = yield* treeOf({ file: pattern(size) })
        const path = join(source, "file")
        const expected = (algorithm: string) => createHash(algorithm).update(pattern(size))
        expect(yield* Pipeline.hash(path, SMALL)).toBe(expected("sha256").digest("hex"))
        expect(yield* Pipeline.hash(yield* File.open(path))).toBe(expected("sha256").digest("hex"))
        expect(yield* Pipeline.hash(path, { algorithm: "sha1", encoding: "base64" })).toBe(
          expected("sha1").digest("base64")
        )
      }
    })
    claim("tells how far it is", function*() {
      const { source } = yield* treeOf({ file: pattern(10_000) })
      const told: Array<Pipeline.BytesProgress> = []
      yield* Pipeline.hash(join(source, "file"), { ...SMALL, onProgress: (now) => told.push(now) })
      expect(told.map(({ bytes }) => bytes)).toEqual([4096, 8192, 10_000])
      expect(told[0]!.totalBytes).toBe(10_000)
    })
    claim("by an algorithm that there is not, or of no file, fails typed", function*() {
      const { source } = yield* treeOf({ file: "x" })
      const error = yield* failureOf(Pipeline.hash(join(source, "file"), { algorithm: "none" }))
      expect(error).toMatchObject({ reason: "InvalidArgument" })
      expect(yield* failureOf(Pipeline.hash(join(source, "no")))).toMatchObject({ reason: "NotFound" })
    })
  })

  describe("transform", () => {
    const gzip = Stream.mapChunks<Uint8Array, Uint8Array>((chunk) => chunk)
    const zipped = <E>(bytes: Stream.Stream<Uint8Array, E>) =>
      Stream.unwrap(Effect.map(Stream.runCollect(bytes), (all) => Stream.make(gzipSync(Buffer.concat([...all])))))

    claim("writes what the function makes of the contents", function*() {
      for (const size of [0, 10_000, 300_000]) {
        const { directory, copy, source } = yield* treeOf({ file: pattern(size) })
        const from = join(source, "file")
        expect(yield* Pipeline.transform(from, copy, gzip, SMALL)).toEqual({ bytesRead: size, bytesWritten: size })
        sameFile(from, copy)
        const done = yield* Pipeline.transform(from, copy, zipped, { overwrite: true, durable: true })
        expect(done.bytesRead).toBe(size)
        expect(done.bytesWritten).toBe(fs.statSync(copy).size)
        expect(gunzipSync(fs.readFileSync(copy)).equals(fs.readFileSync(from))).toBe(true)
        expect(fs.readdirSync(directory).sort()).toEqual(["copy", "source"])
      }
    })
    claim("whose function fails, fails as it does and leaves nothing; a name that is taken stays", function*() {
      const { copy, directory, source } = yield* treeOf({ file: pattern(50_000) })
      const from = join(source, "file")
      let seen = 0
      const error = yield* failureOf(Pipeline.transform(
        from,
        copy,
        Stream.mapEffect((bytes: Uint8Array) =>
          (seen += bytes.length) > 20_000 ? Effect.fail("mine") : Effect.succeed(bytes)
        ),
        SMALL
      ))
      expect(error).toBe("mine")
      expect(fs.readdirSync(directory)).toEqual(["source"])
      fs.writeFileSync(copy, "old")
      const taken = yield* failureOf(Pipeline.transform(from, copy, (bytes) => bytes))
      expect(taken).toMatchObject({ _tag: "PipelineError", reason: "AlreadyExists", path: copy })
      expect(fs.readFileSync(copy, "utf8")).toBe("old")
      expect(fs.readdirSync(directory).sort()).toEqual(["copy", "source"])
    })
    claim("interrupted at any step leaves the whole result, or nothing", function*() {
      const { copy, directory, source } = yield* treeOf({ file: pattern(5000) })
      const runtime = yield* Effect.runtime<Kernel>()
      const points = yield* Effect.promise(() =>
        everyStep(
          runtime,
          "transform",
          () => Pipeline.transform(join(source, "file"), copy, (bytes) => bytes, SMALL),
          () => {
            const left = fs.readdirSync(directory).sort()
            expect(left.filter((name) => name !== "copy")).toEqual(["source"])
            if (!left.includes("copy")) return
            sameFile(join(source, "file"), copy)
            fs.unlinkSync(copy)
          }
        )
      )
      expect(points).toBeGreaterThan(100)
    }, 120_000)
  })

  describe("copyTree", () => {
    const files = { "a/1": pattern(10_000), "a/2": "", "b/c/3": "three", "4": pattern(5000, 4) }

    claim("copies everything that is in it", function*() {
      const { copy, source } = yield* treeOf(files)
      fs.mkdirSync(join(source, "empty"))
      const done = yield* Pipeline.copyTree(source, copy, { ...SMALL, concurrency: 2, verify: "read" })
      expect(done).toMatchObject({ files: 4, directories: 5, links: 0, bytes: 15_005 })
      expect(names(copy)).toEqual(names(source))
      for (const name of Object.keys(files)) sameFile(join(source, name), join(copy, name))
    })
    only("portable", "Wine's symbolic links look like what they point to")("copies links as links", function*() {
      const { copy, source } = yield* treeOf(files)
      fs.symlinkSync("nowhere", join(source, "link"))
      expect(yield* Pipeline.copyTree(source, copy)).toMatchObject({ links: 1 })
      expect(fs.readlinkSync(join(copy, "link"))).toBe("nowhere")
    })

    /** `a/1` cannot be copied: there is a directory in its place. */
    const failing = (onFailure: "undo" | "keep" | "collect") =>
      Effect.gen(function*() {
        const { copy, source } = yield* treeOf({ ...files, "a/0": "before", "z": "after" })
        fs.mkdirSync(join(copy, "a/1/in the way"), { recursive: true })
        const options = { ...SMALL, concurrency: 1, overwrite: true, onFailure }
        const error: PipelineError = yield* failureOf(Pipeline.copyTree(source, copy, options))
        return { error, left: names(copy).map((name) => name.replaceAll("\\", "/")) }
      })
    claim("whose files fail: undo removes what was made", function*() {
      const { error, left } = yield* failing("undo")
      expect(error).toMatchObject({ reason: "AlreadyExists", failures: [], left: [], replaced: 0 })
      expect(left).toEqual(["a", "a/1", "a/1/in the way"])
    })
    claim("whose files fail: keep keeps what is complete, and no directory that has stayed empty", function*() {
      const { error, left } = yield* failing("keep")
      expect(error).toMatchObject({ reason: "AlreadyExists", failures: [] })
      expect(left.filter((name) => name.endsWith(".partial"))).toEqual([])
      const empty = left.filter((name) =>
        ["b", "b/c"].includes(name) && !left.some((one) => one.startsWith(`${name}/`))
      )
      expect(empty).toEqual([])
    })
    claim("whose files fail: collect copies all the others, and says what failed", function*() {
      const { error, left } = yield* failing("collect")
      expect(error.reason).toBe("FilesFailed")
      expect(error.failures.map(({ reason }) => reason)).toEqual(["AlreadyExists"])
      expect(left).toEqual(["4", "a", "a/0", "a/1", "a/1/in the way", "a/2", "b", "b/c", "b/c/3", "z"])
    })
    claim("into itself is refused before anything is made", function*() {
      const { source } = yield* treeOf(files)
      const error = yield* failureOf(Pipeline.copyTree(source, join(source, "copy")))
      expect(error.reason).toBe("Nested")
      expect(names(source)).not.toContain("copy")
    })
    claim("interrupted at random steps keeps complete files alone", function*() {
      const { copy, directory, source } = yield* treeOf(files)
      const runtime = yield* Effect.runtime<Kernel>()
      const points = yield* Effect.promise(() =>
        everyStep(
          runtime,
          "copyTree",
          () => Pipeline.copyTree(source, copy, { ...SMALL, concurrency: 2 }),
          () => {
            expect(names(directory).filter((name) => /partial|journal/.test(name))).toEqual([])
            if (!fs.existsSync(copy)) return
            for (const name of names(copy)) {
              if (fs.statSync(join(copy, name)).isFile()) sameFile(join(source, name), join(copy, name))
            }
            fs.rmSync(copy, { recursive: true })
          },
          {},
          300
        )
      )
      expect(points).toBeGreaterThan(100)
    }, 120_000)
  })

  describe("progress", () => {
    claim("as a stream ends with how it all was, after which nothing comes", function*() {
      const { copy, source } = yield* treeOf({ a: pattern(20_000), b: pattern(30_000) })
      const told = yield* Stream.runCollect(
        Pipeline.progress((onProgress) => Pipeline.copyTree(source, copy, { ...SMALL, onProgress }))
      )
      const all = [...told]
      expect(all.at(-1)).toMatchObject({ files: 2, bytes: 50_000, totalFiles: 2, totalBytes: 50_000 })
      const bytes = all.map((one) => one.bytes)
      expect(bytes).toEqual([...bytes].sort((a, b) => a - b))
    })
    claim("as a stream that is left early stops the copy, and waits for it", function*() {
      const { copy, directory, source } = yield* treeOf({ a: pattern(400_000) })
      yield* Pipeline.progress((onProgress) => Pipeline.copy(join(source, "a"), copy, { ...SMALL, onProgress })).pipe(
        Stream.takeWhile(({ bytes }) => bytes < 10_000),
        Stream.runDrain,
        succeeds
      )
      expect(fs.readdirSync(directory)).toEqual(["source"])
    })
    claim("as a stream fails as the copy does", function*() {
      const { copy, source } = yield* treeOf({ a: "x" })
      const error = yield* failureOf(Stream.runDrain(
        Pipeline.progress((onProgress) => Pipeline.copy(join(source, "no"), copy, { onProgress }))
      ))
      expect(error.reason).toBe("NotFound")
    })
  })
})
