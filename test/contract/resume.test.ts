/**
 * Going on with a copy: whatever is left of the earlier one, the later one ends with the source's contents under the
 * final name, and with nothing else beside it.
 */
import { describe, expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as fs from "node:fs"
import { join } from "node:path"
import type { Kernel as Internal } from "../../src/internal/kernel/Kernel.js"
import { Kernel } from "../../src/Kernel.js"
import * as Pipeline from "../../src/Pipeline.js"
import { contract, failureOf, pattern } from "../support/claims.js"
import * as lab from "../support/lab.js"
import { everyStep } from "../support/sweep.js"

const STRETCH = 16_384
const SIZE = 100_003
const options = { chunkSize: 4096, inFlight: 3, journalEvery: STRETCH, resume: true } as const

const world = Effect.map(lab.directory, (directory) => {
  const from = join(directory, "source")
  fs.writeFileSync(from, pattern(SIZE))
  return { directory, from, to: join(directory, "copy") }
})

type World = Effect.Effect.Success<typeof world>

const modified = (path: string) => fs.statSync(path, { bigint: true }).mtimeNs

/** To the microsecond. Through node, Windows' ticks since 1601 are a double, of which the least step is 1.6 µs. */
const sameTime = (a: bigint, b: bigint) =>
  process.platform === "win32" && lab.kernelName === "portable"
    ? Math.abs(Number(a - b)) < 1600
    : a / 1000n === b / 1000n

const assertCopied = ({ directory, from, to }: World) => {
  expect(fs.readFileSync(to).equals(fs.readFileSync(from))).toBe(true)
  expect(modified(to)).toSatisfy((time: bigint) => sameTime(time, modified(from)))
  expect(fs.readdirSync(directory).sort()).toEqual(["copy", "source"])
}

const left = (directory: string, kind: "partial" | "journal") =>
  fs.readdirSync(directory).filter((name) => name.endsWith(`.${kind}`)).map((name) => join(directory, name))

/** Copies until so many bytes have been handed on, and then is interrupted: what is partial stays. */
const interruptedAt = ({ from, to }: World, bytes: number) =>
  Effect.gen(function*() {
    const exit = yield* Effect.async<Exit.Exit<unknown, unknown>, never, Kernel>((resume) => {
      let stop: (() => void) | undefined
      const onProgress = (progress: Pipeline.Progress) => {
        if (progress.bytes >= bytes) stop?.()
      }
      resume(Effect.exit(
        Effect.raceFirst(
          Pipeline.copy(from, to, { ...options, onProgress }),
          Effect.async<never>((_) => void (stop = () => _(Effect.interrupt)))
        )
      ))
    })
    expect(Exit.isInterrupted(exit)).toBe(true)
  })

contract("resumed copies", ({ claim }) => {
  claim("go on where the journal ends, having read back what is before", function*() {
    const here = yield* world
    yield* interruptedAt(here, 60_000)
    expect(left(here.directory, "partial").length).toBe(1)
    expect(left(here.directory, "journal").length).toBe(1)
    let last: Pipeline.Progress | undefined
    const done = yield* Pipeline.copy(here.from, here.to, { ...options, onProgress: (now) => last = now })
    expect(done.foundBytes).toBeGreaterThanOrEqual(STRETCH)
    expect(done.foundBytes % STRETCH).toBe(0)
    expect(last!.verifiedBytes).toBe(done.foundBytes)
    assertCopied(here)
  })

  claim("verified, read all of it back", function*() {
    const here = yield* world
    yield* interruptedAt(here, 60_000)
    let last: Pipeline.Progress | undefined
    yield* Pipeline.copy(here.from, here.to, { ...options, verify: "durable", onProgress: (now) => last = now })
    expect(last!.verifiedBytes).toBe(SIZE)
    assertCopied(here)
  })

  claim("believe nothing that does not read back as the journal says", function*() {
    const here = yield* world
    yield* interruptedAt(here, 80_000)
    const [partial = ""] = left(here.directory, "partial")
    const fd = fs.openSync(partial, "r+")
    fs.writeSync(fd, "X", STRETCH + 100)
    fs.closeSync(fd)
    const done = yield* Pipeline.copy(here.from, here.to, options)
    expect(done.foundBytes).toBe(STRETCH)
    assertCopied(here)
  })

  claim("keep nothing of what lies behind the place where they go on", function*() {
    const here = yield* world
    // Zeros are not written, so old bytes in their place would stay; and so would those behind the end.
    const bytes = pattern(SIZE + 200_000)
    bytes.fill(0, 2 * STRETCH, SIZE + 150_000)
    fs.writeFileSync(here.from, bytes)
    yield* interruptedAt(here, 20_000)
    const [partial = ""] = left(here.directory, "partial")
    fs.appendFileSync(partial, Buffer.alloc(400_000, "old"))
    const done = yield* Pipeline.copy(here.from, here.to, options)
    expect(done.foundBytes).toBeGreaterThan(0)
    assertCopied(here)
  })

  claim("have a journal that tells of data only when it is on the disk, where they are durable", function*() {
    const here = yield* world
    const { engine } = yield* Kernel
    const internal = engine.kernel as { call: Internal["call"] }
    const original = internal.call
    /** Entries of the journal whenever something is flushed. */
    const entries: Array<number> = []
    const call = (...given: Parameters<Internal["call"]>) => {
      if (given[0] === "FlushFileBuffers") {
        const [journal = ""] = left(here.directory, "journal")
        entries.push(fs.readFileSync(journal, "utf8").split("\n").length - 2)
      }
      return Reflect.apply(original, engine.kernel, given)
    }
    internal.call = call as unknown as Internal["call"]
    const copied = Pipeline.copy(here.from, here.to, { ...options, verify: "durable" })
    yield* Effect.ensuring(copied, Effect.sync(() => internal.call = original))
    const stretches = Math.ceil(SIZE / STRETCH)
    const expected = Array.from({ length: stretches }, (_, index) => [index, index + 1]).flat()
    // In the end before it is read back, and once more for its times.
    expect(entries).toEqual([...expected, stretches, stretches])
    assertCopied(here)
  })

  claim("begin anew when the source is another by now", function*() {
    const here = yield* world
    yield* interruptedAt(here, 60_000)
    fs.writeFileSync(here.from, pattern(SIZE, 7))
    fs.utimesSync(here.from, 1, 1)
    const done = yield* Pipeline.copy(here.from, here.to, options)
    expect(done.foundBytes).toBe(0)
    assertCopied(here)
  })

  claim("whose journal was cut at any byte, or the partial file, end the same", function*() {
    const here = yield* world
    yield* interruptedAt(here, 90_000)
    const [partial = ""] = left(here.directory, "partial")
    const [journal = ""] = left(here.directory, "journal")
    const [partialBytes, journalBytes] = [fs.readFileSync(partial), fs.readFileSync(journal)]
    const cuts = Array.from({ length: 12 }, (_, index) => Math.floor(journalBytes.length * index / 11))
    for (const cut of cuts) {
      fs.writeFileSync(partial, partialBytes)
      fs.writeFileSync(journal, journalBytes.subarray(0, cut))
      yield* Pipeline.copy(here.from, here.to, options)
      assertCopied(here)
      fs.unlinkSync(here.to)
    }
    for (const cut of [0, 1, STRETCH, STRETCH + 1, partialBytes.length - 1]) {
      fs.writeFileSync(partial, partialBytes.subarray(0, cut))
      fs.writeFileSync(journal, journalBytes)
      const done = yield* Pipeline.copy(here.from, here.to, options)
      expect(done.foundBytes).toBeLessThanOrEqual(cut)
      assertCopied(here)
      fs.unlinkSync(here.to)
    }
    // Only one of the two.
    fs.writeFileSync(journal, journalBytes)
    yield* Pipeline.copy(here.from, here.to, options)
    assertCopied(here)
    fs.unlinkSync(here.to)
    fs.writeFileSync(partial, partialBytes)
    yield* Pipeline.copy(here.from, here.to, options)
    assertCopied(here)
  }, 60_000)

  claim("interrupted at any step of theirs can be resumed in their turn", function*() {
    const here = yield* world
    fs.writeFileSync(here.from, pattern(40_000))
    const runtime = yield* Effect.runtime<Kernel>()
    let found = 0
    const onProgress = (progress: Pipeline.Progress) => void (found = Math.max(found, progress.foundBytes))
    const points = yield* Effect.promise(() =>
      everyStep(
        runtime,
        "resumed copy",
        () => Pipeline.copy(here.from, here.to, { ...options, onProgress }),
        () => {
          // The next copy begins with the partial file.
          if (!fs.existsSync(here.to)) return
          expect(fs.readFileSync(here.to).equals(pattern(40_000))).toBe(true)
          fs.unlinkSync(here.to)
        }
      )
    )
    expect(points).toBeGreaterThan(100)
    expect(found).toBe(40_000)
    yield* Pipeline.copy(here.from, here.to, options)
    assertCopied(here)
  }, 120_000)

  describe("with something under the final name", () => {
    claim("leave it alone when it is the copy already", function*() {
      for (const verify of ["none", "read"] as const) {
        const here = yield* world
        yield* Pipeline.copy(here.from, here.to)
        const before = fs.statSync(here.to, { bigint: true })
        const done = yield* Pipeline.copy(here.from, here.to, { ...options, verify })
        expect(done).toMatchObject({ files: 1, foundFiles: 1, foundBytes: SIZE })
        expect(fs.statSync(here.to, { bigint: true }).ino).toBe(before.ino)
        assertCopied(here)
      }
    })
    claim("fail when it is something else, or replace it when they may", function*() {
      for (const verify of ["none", "read"] as const) {
        const here = yield* world
        fs.writeFileSync(here.to, pattern(SIZE, 3))
        const time = fs.statSync(here.from)
        // By its time alone it could be the copy.
        if (verify === "read") fs.utimesSync(here.to, time.atime, time.mtime)
        else fs.utimesSync(here.to, 1, 1)
        const error = yield* failureOf(Pipeline.copy(here.from, here.to, { ...options, verify }))
        expect(error.reason).toBe("AlreadyExists")
        expect(fs.readFileSync(here.to).equals(pattern(SIZE, 3))).toBe(true)
        yield* Pipeline.copy(here.from, here.to, { ...options, verify, overwrite: true })
        assertCopied(here)
      }
    })
  })

  claim("ask what times are kept by a file, and bear it that somebody removes that", function*() {
    const here = yield* world
    fs.writeFileSync(here.to, pattern(SIZE))
    fs.utimesSync(here.to, 1, 1)
    const { engine } = yield* Kernel
    const internal = engine.kernel as { call: Internal["call"] }
    const original = internal.call
    let removed = 0
    // Windows refuses to remove a file that is open.
    const call = (...given: Parameters<Internal["call"]>) => {
      const [name, arguments_, done] = given
      const gone = (...answer: Parameters<typeof done>) => {
        for (const path of name === "CloseHandle" ? left(here.directory, "partial") : []) {
          fs.unlinkSync(path)
          removed++
        }
        done(...answer)
      }
      return Reflect.apply(original, engine.kernel, [name, arguments_, gone])
    }
    internal.call = call as unknown as Internal["call"]
    const error = yield* Effect.ensuring(
      failureOf(Pipeline.copy(here.from, here.to, options)),
      Effect.sync(() => internal.call = original)
    )
    expect([removed, error.reason]).toEqual([1, "AlreadyExists"])
    expect(fs.readdirSync(here.directory).sort()).toEqual(["copy", "source"])
  })

  claim("of a tree copy what is not there yet, and remove what killed ones left", function*() {
    const { directory } = yield* world
    const [source, copy] = [join(directory, "tree"), join(directory, "tree copy")]
    fs.mkdirSync(join(source, "sub"), { recursive: true })
    for (let i = 0; i < 10; i++) fs.writeFileSync(join(source, "sub", `${i}`), pattern(1000 * i, i))
    yield* Pipeline.copyTree(source, copy)
    for (const name of ["3", "7"]) fs.unlinkSync(join(copy, "sub", name))
    // By the tag of a process that has ended: this one's, of a copy that is over.
    yield* interruptedAt(
      { directory: join(copy, "sub"), from: join(directory, "source"), to: join(copy, "sub", "3") },
      50_000
    )
    const [partial = ""] = left(join(copy, "sub"), "partial")
    fs.writeFileSync(partial.replace(/[0-9a-z]+\.partial$/, "zzz.partial"), "useless")
    const done = yield* Pipeline.copyTree(source, copy, { ...options, verify: "read" })
    expect(done).toMatchObject({ files: 10, foundFiles: 8 })
    expect(fs.readdirSync(join(copy, "sub"))).toEqual(fs.readdirSync(join(source, "sub")))
    for (const name of fs.readdirSync(join(source, "sub"))) {
      expect(fs.readFileSync(join(copy, "sub", name)).equals(fs.readFileSync(join(source, "sub", name)))).toBe(true)
    }
  })

  claim("of what was not to be resumed leave nothing when they are interrupted", function*() {
    const here = yield* world
    const runtime = yield* Effect.runtime<Kernel>()
    yield* Effect.promise(() =>
      everyStep(
        runtime,
        "journaled copy",
        () => Pipeline.copy(here.from, here.to, { ...options, resume: false, journal: true }),
        () => {
          expect(fs.readdirSync(here.directory).filter((name) => name !== "copy")).toEqual(["source"])
          fs.rmSync(here.to, { force: true })
        },
        {},
        150
      )
    )
  }, 60_000)
})
