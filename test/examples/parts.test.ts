// Parts of the copy program that need a system which lies, or which folds case: node:fs plays it.
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"
import { afterEach, assert, beforeEach, vi } from "vitest"
import { InOrder } from "../../examples/copy/chunks.js"
import type { Settings } from "../../examples/copy/cli.js"
import { copyTree } from "../../examples/copy/copyTree.js"
import type { CopyFailure } from "../../examples/copy/Failure.js"
import { forEachOfFew } from "../../examples/copy/fibers.js"
import type { Job } from "../../examples/copy/Job.js"
import { Journal } from "../../examples/copy/Journal.js"
import { partialName } from "../../examples/copy/names.js"
import { makePlan } from "../../examples/copy/plan.js"
import { Progress } from "../../examples/copy/Progress.js"
import { count, duration, quoted, size } from "../../examples/copy/text.js"
import * as Kernel from "../../src/Kernel.js"

const system = vi.hoisted(() => ({ pretendsLinks: false, foldsCase: false }))

vi.mock("node:fs", async (original) => {
  const real = await original<typeof fs>()
  const folded = (path: string): string => {
    if (!system.foldsCase) return path
    const name = basename(path).toLowerCase()
    const there = real.readdirSync(dirname(path)).find((one) => one.toLowerCase() === name)
    return there === undefined ? path : join(dirname(path), there)
  }
  return {
    ...real,
    symlinkSync: (text: string, path: string) => system.pretendsLinks ? undefined : real.symlinkSync(text, path),
    lstatSync: (path: string, options: fs.StatSyncOptions) => real.lstatSync(folded(path), options)
  }
})

let base = ""

beforeEach(() => {
  base = fs.mkdtempSync(join(tmpdir(), "copy-parts-"))
  fs.mkdirSync(join(base, "source"))
})
afterEach(() => {
  system.pretendsLinks = system.foldsCase = false
  fs.rmSync(base, { recursive: true, force: true })
})

const settings: Settings = {
  paths: undefined,
  queueDepth: 2,
  concurrency: 2,
  chunk: 4096,
  kernel: "portable",
  overwrite: false,
  verify: "read",
  keep: false
}

/** Copies `source` to `copy`, and undoes what a failure leaves. */
const failureOf = (overwrite = false) =>
  Effect.gen(function*() {
    const journal = new Journal()
    const progress = new Progress(process.stdout, true)
    const job: Job = {
      settings: { ...settings, overwrite },
      journal,
      progress,
      keptModes: new Map(),
      unbuffered: false
    }
    const plan = yield* makePlan(join(base, "source"), join(base, "copy"))
    const failure = yield* Effect.flip(copyTree(job, plan))
    assert.deepStrictEqual(yield* journal.undo(), [])
    return failure
  }).pipe(Effect.provide(Kernel.layerPortable))

const assertFailure = (failure: CopyFailure, reason: CopyFailure["reason"], sentence: RegExp) => {
  assert.strictEqual(failure.reason, reason)
  assert.match(failure.sentence, sentence)
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
      assertFailure(yield* failureOf(), "NamesCollide", /"\S*\/(Name|nAme)" and "\S*\/(Name|nAme)" differ only in case/)
      assert.deepStrictEqual(fs.readdirSync(base), ["source"])
    }))
})

describe("names", () => {
  it.each(["a", "a".repeat(255), "ü".repeat(127), "🎉".repeat(63), "日".repeat(85)])(
    "the partial name of %s",
    (name) => {
      const partial = partialName(name)
      assert.isAtMost(Buffer.byteLength(partial), 255)
      assert.isTrue(partial.startsWith(`.${name.slice(0, 1)}`) || partial.startsWith(`.${[...name][0]}`))
      assert.isTrue(partial.endsWith(".partial"))
      assert.isFalse(partial.includes("\ufffd"))
      assert.notStrictEqual(partialName(name), partial)
    }
  )

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

  it.effect("pass in order, whatever the order they come in", () =>
    Effect.gen(function*() {
      const order = new InOrder()
      const passed: Array<number> = []
      const indices = [3, 1, 0, 4, 2]
      yield* Effect.forEach(indices, (index) => order.pass(index, () => passed.push(index)), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(passed, [0, 1, 2, 3, 4])
    }))
})
