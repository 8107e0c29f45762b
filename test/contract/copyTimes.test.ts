/**
 * Times of copies: those of the source to the microsecond, whenever they were; and a resumed copy knows what is its own
 * by them, also where the destination keeps them coarser.
 */
import { describe, expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { join } from "node:path"
import type { Kernel as Internal } from "../../src/internal/kernel/Kernel.js"
import { timeText } from "../../src/internal/times.js"
import * as Kernel from "../../src/Kernel.js"
import * as Pipeline from "../../src/Pipeline.js"
import * as ThreadpoolFileSystem from "../../src/ThreadpoolFileSystem.js"
import { byHandles } from "../support/byHandles.js"
import { contract, failureOf, pattern } from "../support/claims.js"
import * as lab from "../support/lab.js"

const windows = process.platform === "win32"

const BILLION = 1_000_000_000n

/**
 * A day before 1970, halves, a microsecond before 1970, and what no double holds. Node reads times from 1970 on, on
 * Windows.
 */
const TIMES = [
  -86_400n * BILLION,
  -1_000n,
  -1_234_567_890_123_457_000n,
  1_234_567_890_125_000_000n,
  1_753_000_000_999_999_000n,
  0n
].filter((time) => time >= 0n || !windows)

/** Answers what node could set, in microseconds: every one, but on Windows only 1.6 of them. */
const setTime = (path: string, ns: bigint): bigint => {
  fs.utimesSync(path, timeText(ns), timeText(ns))
  const set = fs.lstatSync(path, { bigint: true }).mtimeNs / 1000n
  if (!windows) expect(set).toBe(ns / 1000n)
  return set
}

const modified = (path: string) => fs.lstatSync(path, { bigint: true }).mtimeNs / 1000n

/** To the system a file that is looked at has been accessed, on Wine. */
const accessed = (path: string) => windows ? undefined : fs.lstatSync(path, { bigint: true }).atimeNs / 1000n

const directories = Effect.map(lab.directory, (directory) => {
  fs.mkdirSync(join(directory, "source"))
  return { directory, source: join(directory, "source"), copy: join(directory, "copy") }
})

contract("times of copies", ({ claim, only }) => {
  describe("are those of the source", () => {
    // Small at once, larger by the way of handles, verified with a journal.
    for (const [size, verify] of [[10, "none"], [100_000, "none"], [100_000, "read"]] as const) {
      claim(`of a file of ${size} bytes, with verify "${verify}"`, function*() {
        const { copy, source } = yield* directories
        for (const [index, time] of TIMES.entries()) {
          const file = join(source, `${index}`)
          fs.writeFileSync(file, pattern(size))
          const set = setTime(file, time)
          yield* Pipeline.copy(file, copy, { verify, overwrite: true })
          expect(modified(copy)).toBe(set)
          expect(accessed(copy)).toBe(windows ? undefined : time / 1000n)
        }
      })
    }
    claim("of a directory", function*() {
      const { copy, source } = yield* directories
      for (const [index, time] of TIMES.entries()) {
        const set = setTime(source, time)
        yield* Pipeline.copyTree(source, `${copy}${index}`)
        const off = modified(`${copy}${index}`) - set
        expect(windows ? off * off <= 4n : off === 0n).toBe(true)
      }
    })
    only(lab.onPosix, "programs on Wine make no links, and on Windows they may lack the right")(
      "of a link",
      function*() {
        const { copy, source } = yield* directories
        for (const [index, time] of TIMES.entries()) {
          fs.symlinkSync("nowhere", join(source, `${index}`))
          fs.lutimesSync(join(source, `${index}`), timeText(time), timeText(time))
        }
        yield* Pipeline.copyTree(source, copy)
        for (const [index, time] of TIMES.entries()) expect(modified(join(copy, `${index}`))).toBe(time / 1000n)
      }
    )
    claim("of a file that was transformed", function*() {
      const { copy, source } = yield* directories
      const file = join(source, "file")
      for (const time of TIMES) {
        fs.writeFileSync(file, "contents")
        const set = setTime(file, time)
        yield* Pipeline.transform(file, copy, (bytes) => bytes, { overwrite: true, preserve: ["times"] })
        expect(modified(copy)).toBe(set)
      }
    })
    claim("of a file that the file system has copied, and are those that it is given", function*() {
      const { copy, source } = yield* directories
      const system = yield* ThreadpoolFileSystem.make
      const file = join(source, "file")
      for (const time of TIMES) {
        fs.writeFileSync(file, "contents")
        const set = setTime(file, time)
        yield* Effect.orDie(system.copy(file, copy, { preserveTimestamps: true, overwrite: true }))
        expect(modified(copy)).toBe(set)
      }
      yield* Effect.orDie(system.utimes(copy, -86_400, -86_400))
      // Node reads 32 bits of it on Windows, without a sign.
      expect(modified(copy)).toBe((windows ? 2n ** 32n - 86_400n : -86_400n) * 1_000_000n)
    })
  })

  claim("a resumed copy finds its own, whenever it was modified", function*() {
    const { copy, source } = yield* directories
    for (const [index, time] of TIMES.entries()) {
      fs.writeFileSync(join(source, `${index}`), pattern(100))
      setTime(join(source, `${index}`), time)
    }
    yield* Pipeline.copyTree(source, copy)
    const again = yield* Pipeline.copyTree(source, copy, { resume: true })
    expect(again).toMatchObject({ files: TIMES.length, foundFiles: TIMES.length })
  })

  claim("a resumed copy finds what an earlier version has made, half a microsecond late", function*() {
    const { copy, source } = yield* directories
    const file = join(source, "file")
    fs.writeFileSync(file, "contents")
    fs.writeFileSync(copy, "contents")
    fs.utimesSync(file, 1_234_567_890.125, 1_234_567_890.125)
    fs.utimesSync(copy, 1_234_567_890.1250005, 1_234_567_890.1250005)
    expect(yield* Pipeline.copy(file, copy, { resume: true })).toMatchObject({ foundFiles: 1 })
  })

  describe("a resumed copy onto a destination that keeps times", () => {
    for (
      const [name, keep] of [
        ["to two seconds", (ns: bigint) => ns / (2n * BILLION) * 2n * BILLION],
        ["to ten milliseconds", (ns: bigint) => ns / 10_000_000n * 10_000_000n],
        ["to two seconds, rounded up", (ns: bigint) => ns / (2n * BILLION) * 2n * BILLION + 2n * BILLION],
        ["from 1980 on", (ns: bigint) => ns < 315_532_800n * BILLION ? 315_532_800n * BILLION : ns]
      ] as const
    ) {
      claim(`${name} finds its own, and nothing else`, function*() {
        const { copy, directory, source } = yield* directories
        const file = join(source, "file")
        const time = name.startsWith("from") ? 1_000_000_000_123_000n : 1_234_567_891_234_567_000n
        fs.writeFileSync(file, pattern(100))
        fs.writeFileSync(copy, pattern(100))
        setTime(file, time)
        setTime(copy, keep(time))
        const resumed = Pipeline.copy(file, copy, { resume: true })
        expect(yield* coarsely(keep, resumed)).toMatchObject({ foundFiles: 1 })
        setTime(copy, keep(time) + 4n * BILLION)
        expect((yield* failureOf(coarsely(keep, resumed))).reason).toBe("AlreadyExists")
        setTime(copy, keep(time))
        // Where it is kept as it is, it is another file's.
        if (keep(time) !== time) expect((yield* failureOf(resumed)).reason).toBe("AlreadyExists")
        expect(fs.readdirSync(directory).sort()).toEqual(["copy", "source"])
      })
    }
  })
})

/** Runs an effect on a file system that keeps times of modification as `keep` says. */
const coarsely = <A, E, R>(keep: (ns: bigint) => bigint, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const { engine } = yield* Kernel.Kernel
    const internal = engine.kernel as { call: Internal["call"] }
    const original = internal.call
    const call = (name: string, given: { readonly modifiedTimeNs?: bigint }, ...rest: Array<unknown>) => {
      const kept = name === "SetBasicInformation" && given.modifiedTimeNs !== undefined
        ? { ...given, modifiedTimeNs: keep(given.modifiedTimeNs) }
        : given
      return Reflect.apply(original, engine.kernel, [name, kept, ...rest])
    }
    internal.call = call as Internal["call"]
    const end = byHandles(engine.kernel)
    const restore = () => {
      internal.call = original
      end()
    }
    return yield* Effect.ensuring(effect, Effect.sync(restore))
  })
