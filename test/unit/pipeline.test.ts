// Parts of the pipelines: what needs a system which lies, or which folds case (node:fs plays it), and what can be
// looked at alone.
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import builtin, * as fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"
import { afterAll, afterEach, assert, beforeAll, beforeEach } from "vitest"
import { count, duration, quoted, size } from "../../examples/copy/text.js"
import { forEachOfFew } from "../../src/internal/pipeline/fibers.js"
import { partsOf, piecesOf } from "../../src/internal/pipeline/holes.js"
import { journalName, parseTemporary, partialName, stemOf } from "../../src/internal/pipeline/names.js"
import { nextTag } from "../../src/internal/pipeline/tags.js"
import * as Kernel from "../../src/Kernel.js"
import * as Pipeline from "../../src/Pipeline.js"
import type { PipelineError } from "../../src/PipelineError.js"

const MAKER = { locks: false, owner: undefined }

const system = { pretendsLinks: false, foldsCase: false }

const real = { lstatSync: fs.lstatSync, symlinkSync: fs.symlinkSync }

const folded = (path: string): string => {
  if (!system.foldsCase) return path
  const name = basename(path).toLowerCase()
  const there = fs.readdirSync(dirname(path)).find((one) => one.toLowerCase() === name)
  return there === undefined ? path : join(dirname(path), there)
}

/** For everybody in this process who has imported them, and so taken back at the end. */
const play = (functions: object): void => {
  Object.assign(builtin, functions)
  syncBuiltinESMExports()
}
beforeAll(() =>
  play({
    symlinkSync: (text: string, path: string) => system.pretendsLinks ? undefined : real.symlinkSync(text, path),
    lstatSync: (path: string, options: fs.StatSyncOptions) => real.lstatSync(folded(path), options)
  })
)
afterAll(() => play(real))

let base = ""

beforeEach(() => {
  base = fs.mkdtempSync(join(tmpdir(), "copy-parts-"))
  fs.mkdirSync(join(base, "source"))
})
afterEach(() => {
  system.pretendsLinks = system.foldsCase = false
  fs.rmSync(base, { recursive: true, force: true })
})

/** Copies `source` to `copy`, which must fail. */
const failureOf = (overwrite = false) =>
  Pipeline.copyTree(join(base, "source"), join(base, "copy"), { chunkSize: 4096, verify: "read", overwrite }).pipe(
    Effect.flip,
    Effect.tap((error) => assert.deepStrictEqual(error.left, [])),
    Effect.provide(Kernel.layerPortable)
  )

const assertFailure = (failure: PipelineError, reason: PipelineError["reason"], sentence: RegExp) => {
  assert.strictEqual(failure.reason, reason)
  assert.match(failure.message, sentence)
}

describe("a system that", () => {
  it.effect("says it has made a link and has not", () =>
    Effect.gen(function*() {
      fs.symlinkSync("anywhere", join(base, "source/link"))
      system.pretendsLinks = true
      assertFailure(yield* failureOf(), "LinkNotMade", /says that it has made the link ".*link", but it has not\.$/)
      assert.deepStrictEqual(fs.readdirSync(base), ["source"])
    }))

  it.effect("does not tell upper case from lower", () =>
    Effect.gen(function*() {
      for (const name of ["a", "Name", "nAme", "z"]) fs.writeFileSync(join(base, "source", name), name)
      system.foldsCase = true
      assertFailure(
        yield* failureOf(),
        "NamesCollide",
        /"[^"]*\/(Name|nAme)" and "[^"]*\/(Name|nAme)" differ only in case/
      )
      assert.deepStrictEqual(fs.readdirSync(base), ["source"])
    }))
})

/** A tag as long as one can be. */
const LONGEST = ["l" + "z".repeat(13), "z".repeat(10), "z".repeat(7), "z".repeat(9), "z".repeat(7), "z".repeat(6)].join(
  "-"
)

describe("names", () => {
  it.each([
    "a",
    "a".repeat(75),
    "a".repeat(76),
    "a".repeat(140),
    "a".repeat(255),
    "ü".repeat(127),
    "🎉".repeat(63),
    "日".repeat(85)
  ])(
    "the partial name of %s has at most 143 bytes",
    (name) => {
      const partial = partialName(name, nextTag(MAKER))
      assert.isAtMost(Buffer.byteLength(partial), 143)
      assert.isAtMost(Buffer.byteLength(partialName(name, LONGEST)), 143)
      assert.isTrue(partial.startsWith(`.${name.slice(0, 1)}`) || partial.startsWith(`.${[...name][0]}`))
      assert.isTrue(partial.endsWith(".partial"))
      assert.isFalse(partial.includes("\ufffd"))
      assert.notStrictEqual(partialName(name, nextTag(MAKER)), partial)
    }
  )

  it.each(["a", "a".repeat(255), "new\nline", ".hidden", `.a.${LONGEST}.partial`])(
    "the partial name and the journal of %j are recognized",
    (name) => {
      const tag = nextTag(MAKER)
      assert.deepStrictEqual(parseTemporary(partialName(name, tag)), { stem: stemOf(name), tag, kind: "partial" })
      assert.deepStrictEqual(parseTemporary(journalName(name, tag)), { stem: stemOf(name), tag, kind: "journal" })
    }
  )

  it("two names never share a stem, however much of them they share", () => {
    const shared = "ü".repeat(70)
    const names = ["", "a", "b", "aa"].flatMap((end) => [shared + end, `${shared}${end}`.repeat(2).slice(0, 120) + end])
    const stems = names.map(stemOf)
    // A name that looks like the stem of another one is no exception.
    const all = [...names, ...stems.map((stem) => stem.slice(1))]
    assert.strictEqual(new Set(all.map(stemOf)).size, new Set(all).size)
  })

  it.each(["a.partial", ".a.partial", ".a.1234-xyz.partial", "..partial"])("%s is none of ours", (name) => {
    assert.isUndefined(parseTemporary(name))
  })

  it("in sentences cannot move the cursor", () => {
    assert.strictEqual(quoted("a\n\x1b[2Jb\u009bc"), "\"a\\n\\x1b[2Jb\\x9bc\"")
  })
})

describe("text", () => {
  it.each([[0, "0 bytes"], [1, "1 byte"], [1023, "1023 bytes"], [1024, "1.00 KiB"], [10_500_000, "10.0 MiB"]])(
    "%i bytes",
    (bytes, text) => assert.strictEqual(size(bytes), text)
  )

  it.each([[0.123, "0.12 s"], [59.96, "60.0 s"], [61, "1 min 1 s"], [7300, "2 h 1 min"]])(
    "%f seconds",
    (seconds, text) => assert.strictEqual(duration(seconds), text)
  )

  it.each([[0, "0 files"], [1, "1 file"], [1_234_567, "1,234,567 files"]])(
    "%i files",
    (files, text) => assert.strictEqual(count(files, "file"), text)
  )
})

describe("fibers", () => {
  const items = { length: 100, at: (index: number) => index }

  it.effect("never are more than they may be, and leave no item out", () =>
    Effect.gen(function*() {
      let running = 0
      let most = 0
      const seen = new Set<number>()
      yield* forEachOfFew(items, 3, Effect.void, (item) =>
        Effect.gen(function*() {
          most = Math.max(most, ++running)
          yield* Effect.yieldNow()
          seen.add(item)
          running--
        }))
      assert.deepStrictEqual([most, seen.size], [3, 100])
    }))

  it.effect("stop when one of them fails", () =>
    Effect.gen(function*() {
      let begun = 0
      const failure = yield* Effect.flip(forEachOfFew(items, 3, Effect.void, (item) => {
        begun++
        return item === 10 ? Effect.fail("enough") : Effect.yieldNow()
      }))
      assert.strictEqual(failure, "enough")
      assert.isBelow(begun, 20)
    }))
})

describe("runs of zeros", () => {
  const KiB = 1024
  const bytesWith = (length: number, ...holes: ReadonlyArray<readonly [from: number, to: number]>) => {
    const bytes = new Uint8Array(length).fill(1)
    for (const [from, to] of holes) bytes.fill(0, from, to)
    return bytes
  }

  it.each<[string, Uint8Array, ReadonlyArray<readonly [number, number]> | undefined]>([
    ["none", bytesWith(512 * KiB), undefined],
    ["too short a one", bytesWith(512 * KiB, [4 * KiB, 64 * KiB]), undefined],
    ["all", bytesWith(512 * KiB, [0, 512 * KiB]), []],
    ["one in the middle", bytesWith(512 * KiB, [100 * KiB, 164 * KiB]), [[0, 100 * KiB], [164 * KiB, 512 * KiB]]],
    ["one at the start", bytesWith(512 * KiB, [0, 64 * KiB]), [[64 * KiB, 512 * KiB]]],
    ["one at the end, in a last block that is not full", bytesWith(300_001, [200 * KiB, 300_001]), [[0, 200 * KiB]]],
    ["two", bytesWith(512 * KiB, [0, 65 * KiB], [200 * KiB, 300 * KiB]), [[64 * KiB, 200 * KiB], [
      300 * KiB,
      512 * KiB
    ]]],
    ["in less than 64 KiB", bytesWith(60 * KiB, [0, 60 * KiB]), undefined]
  ])("%s", (_, bytes, parts) => {
    assert.deepStrictEqual(
      partsOf(bytes, bytes.length)?.map(({ end, start }) => [start, end]),
      parts?.map((part) => [...part])
    )
  })

  it("that the system tells of lie between the data", () => {
    const data = [[10, 20], [30, 40], [60, 70]] as const
    const told = (from: number, to: number) =>
      piecesOf(data, from, to).map((piece) => `${piece.data ? "data" : "hole"} ${piece.from}-${piece.to}`)
    assert.deepStrictEqual(told(0, 15), ["hole 0-10", "data 10-15"])
    assert.deepStrictEqual(told(15, 65), ["data 15-20", "hole 20-30", "data 30-40", "hole 40-60", "data 60-65"])
    assert.deepStrictEqual(told(40, 60), ["hole 40-60"])
    assert.deepStrictEqual(told(65, 100), ["data 65-70", "hole 70-100"])
    assert.deepStrictEqual(piecesOf(undefined, 3, 5), [{ from: 3, to: 5, data: true }])
  })
})
