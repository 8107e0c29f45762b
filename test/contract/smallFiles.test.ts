/**
 * Small files, which go in one request each once a kernel has threads of its own: what they become, and how they fail,
 * is what handles make of them.
 */
import { expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { join } from "node:path"
import * as File from "../../src/File.js"
import { timeText } from "../../src/internal/times.js"
import * as Kernel from "../../src/Kernel.js"
import * as Pipeline from "../../src/Pipeline.js"
import { byHandles } from "../support/byHandles.js"
import { contract, failureOf, nativeCalls, pattern } from "../support/claims.js"
import * as lab from "../support/lab.js"
import { everyStep } from "../support/sweep.js"

const COUNT = 120
const TIMES = [-1_234_567_890_123_457_000n, -1_000n, 0n, 1_753_000_000_999_999_000n]
const MODES = [0o644, 0o4755, 0o2711, 0o600]
const SIZES = [0, 1, 5000, 65_535, 300_000, 524_288]

/** Copies until the kernel has threads that take whole files. */
const warm = Effect.gen(function*() {
  const { engine } = yield* Kernel.Kernel
  const directory = yield* lab.directory
  const source = join(directory, "source")
  fs.mkdirSync(source)
  for (let index = 0; index < 40; index++) fs.writeFileSync(join(source, `${index}`), "x")
  yield* Pipeline.copyTree(source, join(directory, "copy"))
  yield* lab.eventually("threads", () => engine.kernel.copiesSmallFiles?.() === true)
})

const slowly = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Kernel.Kernel, ({ engine }) => {
    const end = byHandles(engine.kernel)
    return Effect.ensuring(effect, Effect.sync(end))
  })

const wholeFiles = (calls: ReadonlyArray<string>) => calls.filter((name) => name === "CopySmallFile").length

/** Each happens to the one file of a tree after it has been planned. */
const changes: Readonly<Record<string, (source: string, copy: string) => void>> = {
  "nothing": () => {},
  "it is removed": (source) => fs.unlinkSync(source),
  "a link takes its place": (source) => {
    fs.renameSync(source, `${source}2`)
    fs.symlinkSync(`${source}2`, source)
  },
  "a directory takes its place": (source) => {
    fs.unlinkSync(source)
    fs.mkdirSync(source)
  },
  "a FIFO takes its place": (source) => {
    fs.unlinkSync(source)
    execFileSync("mkfifo", [source])
  },
  "nobody may read it": (source) => fs.chmodSync(source, 0),
  "it grows beyond a small file": (source) => fs.writeFileSync(source, pattern(100_000)),
  "it grows": (source) => fs.writeFileSync(source, pattern(10_000)),
  "something has its final name": (_, copy) => {
    fs.mkdirSync(copy, { recursive: true })
    fs.writeFileSync(join(copy, "file"), "other")
  }
}

contract("small files", ({ only }) => {
  const own = process.platform === "win32"
    ? only("simulated", "node has neither modes nor O_NOFOLLOW on Windows")
    : only("portable", "other kernels have no threads of their own")

  own("go in one request each: contents, times and permissions are those of the source", function*() {
    yield* warm
    const directory = yield* lab.directory
    const source = join(directory, "source")
    fs.mkdirSync(source)
    const contents = SIZES.map((size) => pattern(size, size))
    for (let index = 0; index < COUNT; index++) {
      const [file, time] = [join(source, `${index}`), timeText(TIMES[index % TIMES.length]!)]
      fs.writeFileSync(file, contents[index % SIZES.length]!)
      fs.chmodSync(file, MODES[index % MODES.length]!)
      fs.utimesSync(file, time, time)
    }
    for (const verify of ["none", "read"] as const) {
      const copy = join(directory, verify)
      let last: Pipeline.Progress | undefined
      const copied = Pipeline.copyTree(source, copy, { verify, onProgress: (now) => last = now })
      const { calls, started, value } = yield* nativeCalls(copied)
      expect([wholeFiles(calls), started]).toEqual([COUNT, 0])
      const bytes = COUNT / SIZES.length * SIZES.reduce((sum, size) => sum + size)
      expect(value).toMatchObject({ files: COUNT, bytes })
      expect(last).toMatchObject({ files: COUNT, bytes, verifiedBytes: verify === "none" ? 0 : bytes })
      expect(last!.partials()).toEqual([])
      expect(fs.readdirSync(copy).length).toBe(COUNT)
      for (let index = 0; index < COUNT; index++) {
        const there = fs.statSync(join(copy, `${index}`), { bigint: true })
        expect(fs.readFileSync(join(copy, `${index}`)).equals(contents[index % SIZES.length]!)).toBe(true)
        expect(there.mode & 0o7777n).toBe(BigInt(MODES[index % MODES.length]! & 0o1777))
        expect(there.mtimeNs / 1000n).toBe(TIMES[index % TIMES.length]! / 1000n)
      }
    }
  })

  own("get nothing else from their source where nothing was asked for", function*() {
    yield* warm
    const directory = yield* lab.directory
    fs.writeFileSync(join(directory, "file"), "contents")
    fs.chmodSync(join(directory, "file"), 0o700)
    fs.utimesSync(join(directory, "file"), 1, 1)
    const copy = join(directory, "copy")
    expect(wholeFiles((yield* nativeCalls(Pipeline.copy(join(directory, "file"), copy, { preserve: [] }))).calls)).toBe(
      1
    )
    expect(fs.statSync(copy).mtimeMs).toBeGreaterThan(1_000_000)
    expect(fs.statSync(copy).mode & 0o111).toBe(0)
  })

  own("with holes go by handles, and keep them", function*() {
    yield* warm
    const directory = yield* lab.directory
    const [file, copy] = [join(directory, "file"), join(directory, "copy")]
    const fd = fs.openSync(file, "w")
    fs.writeSync(fd, pattern(4096), 0, 4096, 0)
    fs.ftruncateSync(fd, 400_000)
    fs.closeSync(fd)
    yield* Pipeline.copy(file, copy)
    expect(fs.readFileSync(copy).equals(fs.readFileSync(file))).toBe(true)
    expect(fs.statSync(copy).blocks).toBeLessThan(200)
  })

  own("are what File.copy makes in one request, and by handles: it follows a link, and waits for no FIFO", function*() {
    yield* warm
    const directory = yield* lab.directory
    const at = (name: string) => join(directory, name)
    for (const size of SIZES) {
      fs.writeFileSync(at("file"), pattern(size, 3))
      fs.chmodSync(at("file"), 0o4751)
      fs.symlinkSync("file", at("link"))
      for (const from of [at("file"), at("link")]) {
        for (const [slow, count] of [[false, 1], [true, 0]] as const) {
          // A read may set the time of access.
          fs.utimesSync(at("file"), 1_234_567_890.5, 1_234_567_000.25)
          const copying = File.copy(from, at("copy"))
          expect(wholeFiles((yield* nativeCalls(slow ? slowly(copying) : copying)).calls)).toBe(count)
          const stat = fs.lstatSync(at("copy"))
          expect([stat.isFile(), stat.mode & 0o7777, stat.atimeMs, stat.mtimeMs]).toEqual([
            true,
            0o751,
            1_234_567_890_500,
            1_234_567_000_250
          ])
          expect(fs.readFileSync(at("copy")).equals(pattern(size, 3))).toBe(true)
          fs.unlinkSync(at("copy"))
        }
      }
      fs.unlinkSync(at("link"))
    }
    execFileSync("mkfifo", [at("fifo")])
    fs.symlinkSync("fifo", at("link"))
    fs.writeFileSync(at("taken"), "other")
    for (const slow of [false, true]) {
      const failure = (from: string, to: string) => {
        const copying = File.copy(at(from), at(to))
        return failureOf(slow ? slowly(copying) : copying)
      }
      for (const from of ["fifo", "link"]) {
        expect(yield* failure(from, "copy")).toMatchObject({
          reason: "Unsupported",
          path: at(from),
          syscall: "CopyFileW"
        })
      }
      expect(yield* failure("file", "taken")).toMatchObject({ code: 80, path: at("file") })
      expect(yield* failure("file", "fifo")).toMatchObject({ code: 80 })
      expect(fs.readdirSync(directory).sort()).toEqual(["fifo", "file", "link", "taken"])
      expect(fs.readFileSync(at("taken"), "utf8")).toBe("other")
    }
  })

  own("go by handles when they are resumed, durable, of more than a chunk or not small", function*() {
    yield* warm
    const directory = yield* lab.directory
    const [file, copy] = [join(directory, "file"), join(directory, "copy")]
    for (
      const [size, options] of [
        [100, { resume: true }],
        [100, { verify: "durable" }],
        [5000, { chunkSize: 4096 }],
        [524_289, {}]
      ] as const
    ) {
      fs.writeFileSync(file, pattern(size))
      const { calls } = yield* nativeCalls(Pipeline.copy(file, copy, { ...options, overwrite: true }))
      expect([size, options, wholeFiles(calls)]).toEqual([size, options, 0])
      expect(fs.readFileSync(copy).equals(pattern(size))).toBe(true)
    }
  })

  for (const [what, change] of Object.entries(changes)) {
    own(`end as handles make them end when ${what === "nothing" ? "nothing happens" : what}`, function*() {
      yield* warm
      const outcome = (slow: boolean) =>
        Effect.gen(function*() {
          const directory = yield* lab.directory
          const [source, copy] = [join(directory, "source"), join(directory, "copy")]
          fs.mkdirSync(source)
          fs.writeFileSync(join(source, "file"), pattern(5000))
          let isPlanned = false
          const onProgress = () => {
            if (!isPlanned) change(join(source, "file"), copy)
            isPlanned = true
          }
          const copying = Effect.either(Pipeline.copyTree(source, copy, { onProgress, onFailure: "keep" }))
          const { calls, value } = yield* nativeCalls(slow ? slowly(copying) : copying)
          const there = fs.existsSync(copy)
            ? fs.readdirSync(copy).map((name) => [name, fs.readFileSync(join(copy, name)).toString("latin1")])
            : undefined
          const told = value._tag === "Right"
            ? value.right
            : { ...value.left, cause: undefined, message: value.left.message }
          return {
            whole: wholeFiles(calls),
            outcome: JSON.parse(JSON.stringify({ there, told }).replaceAll(directory, ""))
          }
        })
      const [fast, slow] = [yield* outcome(false), yield* outcome(true)]
      expect([fast.whole, slow.whole]).toEqual([what === "something has its final name" ? fast.whole : 1, 0])
      expect(fast.outcome).toEqual(slow.outcome)
    })
  }

  own("leave no part when they are interrupted at any step", function*() {
    yield* warm
    const directory = yield* lab.directory
    const source = join(directory, "file")
    fs.writeFileSync(source, pattern(3000))
    const copy = join(directory, "to", "copy")
    fs.mkdirSync(join(directory, "to"))
    const runtime = yield* Effect.runtime<Kernel.Kernel>()
    yield* Effect.promise(() =>
      everyStep(runtime, "copy", () => Pipeline.copy(source, copy), () => {
        const left = fs.readdirSync(join(directory, "to"))
        expect(left.filter((name) => name !== "copy")).toEqual([])
        if (left.length > 0) expect(fs.readFileSync(copy).equals(pattern(3000))).toBe(true)
        fs.rmSync(copy, { force: true })
      })
    )
  })
})
