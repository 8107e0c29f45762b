// Parts of the pipelines: what needs a system which lies, or which folds case (node:fs plays it), and what can be
// looked at alone.
import { describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import builtin, * as fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"
import { afterAll, afterEach, assert, beforeAll, beforeEach } from "vitest"
import { count, duration, quoted, size } from "../../examples/copy/text.js"
import * as File from "../../src/File.js"
import * as C from "../../src/internal/constants.js"
import { cannot, filesFailed, withRemains } from "../../src/internal/pipeline/failures.js"
import { forEachOfFew } from "../../src/internal/pipeline/fibers.js"
import { partsOf, piecesOf } from "../../src/internal/pipeline/holes.js"
import { Journal, openJournal, readJournal } from "../../src/internal/pipeline/journal.js"
import { journalName, parseTemporary, partialName, stemOf } from "../../src/internal/pipeline/names.js"
import type { Seen } from "../../src/internal/pipeline/seen.js"
import { settingsOf, wrongPath } from "../../src/internal/pipeline/Settings.js"
import { endTag, nextTag } from "../../src/internal/pipeline/tags.js"
import { slices, whileInSlices } from "../../src/internal/pipeline/turns.js"
import * as Kernel from "../../src/Kernel.js"
import * as Pipeline from "../../src/Pipeline.js"
import { make as makeError, PipelineError } from "../../src/PipelineError.js"
import * as Win32Error from "../../src/Win32Error.js"

const MAKER = { locks: false, owner: undefined }

/** A new tag, which nobody uses: others of this process that look for leftovers must not find it in use. */
const aTag = (): string => {
  const tag = nextTag(MAKER)
  endTag(tag)
  return tag
}

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
      const partial = partialName(name, aTag())
      assert.isAtMost(Buffer.byteLength(partial), 143)
      assert.isAtMost(Buffer.byteLength(partialName(name, LONGEST)), 143)
      assert.isTrue(partial.startsWith(`.${name.slice(0, 1)}`) || partial.startsWith(`.${[...name][0]}`))
      assert.isTrue(partial.endsWith(".partial"))
      assert.isFalse(partial.includes("\ufffd"))
      assert.notStrictEqual(partialName(name, aTag()), partial)
    }
  )

  it.each(["a", "a".repeat(255), "new\nline", ".hidden", `.a.${LONGEST}.partial`])(
    "the partial name and the journal of %j are recognized",
    (name) => {
      const tag = aTag()
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

  it.effect("fail with what they failed with, and nothing else", () =>
    Effect.gen(function*() {
      for (const count of [1, 100]) {
        const exit = yield* Effect.exit(
          forEachOfFew({ length: count, at: (index) => index }, 3, Effect.void, () => Effect.fail("enough"))
        )
        assert.deepStrictEqual(Exit.isFailure(exit) && [...Cause.failures(exit.cause)], ["enough"])
        assert.deepStrictEqual(Exit.isFailure(exit) && [...Cause.defects(exit.cause)], [])
      }
    }))

  it.effect("are not one more than there are items, and none for none", () =>
    Effect.gen(function*() {
      for (const [length, fibers] of [[0, 0], [1, 1], [2, 2], [9, 3]] as const) {
        let begun = 0
        let done = 0
        const own = Effect.sync(() => ++begun)
        yield* forEachOfFew({ length, at: (index) => index }, 3, own, () => Effect.sync(() => void done++))
        assert.deepStrictEqual([begun, done], [fibers, length])
      }
    }))

  it.effect("that have not begun when one fails begin nothing", () =>
    Effect.gen(function*() {
      // Yields so often that the first one fails before the others are forked.
      const fewestOperations = 10
      let begun = 0
      const all = forEachOfFew(items, 50, Effect.void, () => {
        begun++
        return Effect.fail("enough")
      })
      yield* Effect.ignore(Effect.withMaxOpsBeforeYield(all, fewestOperations))
      assert.strictEqual(begun, 1)
    }))

  it.effect("are waited for when they are interrupted, and one that fails meanwhile is told", () =>
    Effect.gen(function*() {
      const all = yield* Deferred.make<void>()
      const ended: Array<number> = []
      let begun = 0
      const work = (item: number) =>
        Effect.zipRight(
          Effect.suspend(() => ++begun === 3 ? Deferred.succeed(all, undefined) : Effect.void),
          Effect.never
        ).pipe(
          Effect.onInterrupt(() => Effect.zipRight(Effect.yieldNow(), Effect.sync(() => ended.push(item)))),
          Effect.ensuring(item === 1 ? Effect.die("too late") : Effect.void)
        )
      const fiber = yield* Effect.fork(forEachOfFew(items, 3, Effect.void, work))
      yield* Deferred.await(all)
      const exit = yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(ended.sort(), [0, 1, 2])
      assert.isTrue(Exit.isFailure(exit) && Cause.isInterrupted(exit.cause))
      assert.deepStrictEqual(Exit.isFailure(exit) && [...Cause.defects(exit.cause)], ["too late"])
    }))
})

describe("work in slices", () => {
  it.effect("ends with the first step that says so, at once or by an effect", () =>
    Effect.gen(function*() {
      const turns = yield* slices
      for (const answer of [(more: boolean) => more, (more: boolean) => Effect.succeed(more)]) {
        let steps = 0
        yield* whileInSlices(turns, () => {
          assert.isBelow(steps, 5)
          return answer(++steps < 5)
        })
        assert.strictEqual(steps, 5)
      }
    }))
})

describe("options", () => {
  const of = (options: Pipeline.CopyTreeOptions) => settingsOf("here", options)
  it("that are not given are what the documentation says", () => {
    assert.deepStrictEqual(of({}), {
      chunk: 524_288,
      inFlight: 4,
      concurrency: 8,
      overwrite: false,
      verify: "none",
      times: true,
      permissions: true,
      resume: false,
      takeOver: false,
      owner: undefined,
      stretch: Infinity,
      onFailure: "undo",
      onProgress: undefined,
      filter: undefined,
      links: "copy",
      hardLinks: "copy",
      dryRun: false
    })
    assert.deepInclude(of({ resume: true }), { stretch: 32 << 20, onFailure: "keep" })
    assert.deepInclude(of({ resume: true, onFailure: "undo" }), { onFailure: "undo" })
    assert.deepInclude(of({ preserve: ["times"] }), { times: true, permissions: false })
    assert.deepInclude(of({ preserve: ["permissions"] }), { times: false, permissions: true })
  })
  it.each<[Pipeline.CopyTreeOptions, number]>([
    [{}, Infinity],
    [{ verify: "read" }, 32 << 20],
    [{ verify: "durable" }, 32 << 20],
    [{ journal: true }, 32 << 20],
    [{ verify: "read", journal: false }, Infinity],
    [{ resume: true, journal: false }, Infinity],
    [{ journal: true, journalEvery: 1 << 20 }, 1 << 20],
    // A chunk at least, and whole sectors.
    [{ journal: true, journalEvery: 1 }, 524_288],
    [{ journal: true, journalEvery: 1, chunkSize: 4097 }, 8192]
  ])("decide about a journal: %o", (options, stretch) => {
    assert.deepInclude(of(options), { stretch })
  })
  it.each<[Pipeline.CopyTreeOptions, RegExp]>([
    [{ chunkSize: 0 }, /chunkSize must be a whole number of at least 1/],
    [{ inFlight: 1.5 }, /inFlight must be a whole number/],
    [{ concurrency: -1 }, /concurrency must be a whole number/],
    [{ journalEvery: 2 ** 53 }, /journalEvery must be a whole number/],
    [{ chunkSize: 2 ** 30, inFlight: 4, concurrency: 2 }, /more than 4 GiB/],
    [{ chunkSize: 1000, verify: "durable" }, /chunkSize must be a multiple of 4096/],
    [{ takeOver: true }, /takeOver means nothing without resume/],
    [{ owner: "" }, /owner must not be empty/],
    [{ verify: "twice" as never }, /verify/]
  ])("that cannot be are refused: %o", (options, sentence) => {
    const error = of(options)
    assert.instanceOf(error, PipelineError)
    assertFailure(error as PipelineError, "InvalidArgument", sentence)
    assert.strictEqual((error as PipelineError).path, "here")
    assert.match((error as PipelineError).message, /^Cannot copy "here": /)
  })
  it("at their limits are taken", () => {
    assert.deepInclude(of({ chunkSize: 2 ** 30, inFlight: 4, concurrency: 1 }), { concurrency: 1 })
    assert.deepInclude(of({ chunkSize: 8192, verify: "durable" }), { chunk: 8192 })
    assert.deepInclude(of({ chunkSize: 1, inFlight: 1, concurrency: 1, journalEvery: 1 }), { chunk: 1 })
  })
  it("are for paths that can be", () => {
    assert.isUndefined(wrongPath("a", "b"))
    assertFailure(wrongPath("a", "")!, "InvalidArgument", /^Cannot copy "": .*\.$/)
    assertFailure(wrongPath("a\0b", "c")!, "InvalidArgument", /^Cannot copy "a\\x00b": .*\.$/)
    assert.strictEqual(wrongPath("a\0b")!.path, "a\0b")
    assertFailure(wrongPath(7 as never)!, "InvalidArgument", /^Cannot copy "": .*\.$/)
  })
})

describe("a journal", () => {
  const size = 100_003n
  const stat = { size, mtimeNs: 5n, changedTimeNs: 6n, ino: 7n, dev: 8n } as Seen
  const sha256 = "0123456789abcdef".repeat(4)
  const line = (to: unknown, hash: unknown = sha256) => `${JSON.stringify({ to, sha256: hash })}\n`
  const withFile = <A>(
    use: (path: string, journal: Journal, file: File.File) => Effect.Effect<A, unknown, Kernel.Kernel>
  ) =>
    Effect.scoped(Effect.gen(function*() {
      const path = join(base, `${fs.readdirSync(base).length}.journal`)
      const file = yield* openJournal(path, "createNew")
      const journal = new Journal(file, 0)
      yield* journal.begin("name", stat)
      return yield* use(path, journal, file)
    })).pipe(Effect.provide(Kernel.layerPortable))

  it.live("tells what was written to it, and where each entry ends", () =>
    withFile((path, journal, file) =>
      Effect.gen(function*() {
        const entries = [{ to: 4096, sha256 }, { to: 40_960, sha256 }, { to: 100_003, sha256 }]
        for (const entry of entries) yield* journal.append(entry)
        yield* journal.sync()
        const read = yield* readJournal(file, "name", stat)
        assert.deepStrictEqual(read.entries, entries)
        const text = fs.readFileSync(path, "latin1")
        assert.deepStrictEqual(read.ends.map((end) => text.slice(end).split("\n").length), [4, 3, 2, 1])
        assert.deepStrictEqual(read.ends.map((end) => text[end - 1]), ["\n", "\n", "\n", "\n"])
      })
    ))

  it.live("is of one source, at one moment of its life", () =>
    withFile((_, journal, file) =>
      Effect.gen(function*() {
        yield* journal.append({ to: 4096, sha256 })
        const others: ReadonlyArray<readonly [string, Seen]> = [
          ["other", stat],
          ...(["size", "mtimeNs", "changedTimeNs", "ino", "dev"] as const).map((key) =>
            ["name", { ...stat, [key]: stat[key]! + 1n }] as const
          ),
          ["name", { ...stat, changedTimeNs: undefined } as unknown as Seen]
        ]
        for (const [name, seen] of others) {
          assert.deepStrictEqual(yield* readJournal(file, name, seen), { entries: [], ends: [0] })
        }
        assert.lengthOf((yield* readJournal(file, "name", stat)).entries, 1)
      })
    ))

  it.live("is believed up to the first entry that cannot be", () =>
    Effect.forEach([
      ["half a sector", line(5000)],
      ["nothing", line(0)],
      ["less than before", line(4096)],
      ["behind the end", line(102_400)],
      ["no number", line("8192")],
      ["half a byte", line(8192.5)],
      ["no hash", line(8192, 7)],
      ["too short a hash", line(8192, sha256.slice(1))],
      ["too long a hash", line(8192, `${sha256}0`)],
      ["no hexadecimal hash", line(8192, "x".repeat(64))],
      ["half a line", line(8192).slice(0, -1)],
      ["no JSON", "}\n"],
      ["an empty line", "\n"],
      ["null", "null\n"]
    ], ([what, text]) =>
      withFile((path, journal, file) =>
        Effect.gen(function*() {
          yield* journal.append({ to: 4096, sha256 })
          fs.appendFileSync(path, text + line(12_288))
          const { ends, entries } = yield* readJournal(file, "name", stat)
          assert.deepStrictEqual([what, entries, ends.length], [what, [{ to: 4096, sha256 }], 2])
        })
      )))

  it.live("of more than a gibibyte is none, nor is one that cannot be read", () =>
    withFile((path, journal, file) =>
      Effect.gen(function*() {
        yield* journal.append({ to: 4096, sha256 })
        fs.truncateSync(path, 2 ** 30 + 1)
        assert.deepStrictEqual(yield* readJournal(file, "name", stat), { entries: [], ends: [0] })
        const closed = yield* Effect.scoped(File.open(path))
        assert.deepStrictEqual(yield* readJournal(closed, "name", stat), { entries: [], ends: [0] })
      })
    ))

  it.live.skipIf(process.platform === "win32")(
    "is its user's alone, and no link",
    () =>
      withFile((path) =>
        Effect.gen(function*() {
          assert.strictEqual(fs.statSync(path).mode & 0o777, 0o600)
          fs.symlinkSync(path, `${path}.link`)
          yield* Effect.flip(Effect.scoped(openJournal(`${path}.link`, "openExisting")))
          yield* Effect.flip(Effect.scoped(openJournal(path, "createNew")))
          yield* Effect.scoped(openJournal(path, "openExisting"))
        })
      )
  )
})

describe("a failure", () => {
  const place = { system: "/proc/self/fd/7/a", user: "/home/me/a" }
  const denied = (path?: string, detail?: string) =>
    Win32Error.make({
      code: C.ERROR_ACCESS_DENIED,
      syscall: "CreateFileW",
      path,
      detail,
      handle: 9,
      text: "Access is denied."
    })
  const errno = Object.assign(new Error("EACCES: permission denied, open '/proc/self/fd/7/a'"), {
    code: "EACCES",
    syscall: "open"
  })
  const causeOf = (error: PipelineError) => error.cause as Win32Error.Win32Error

  it("of the library's is told with the user's path, wherever the path stands", () => {
    const { cause: _, ...rest } = cannot("read", place)(denied("/proc/self/fd/7/a", "of /proc/self/fd/7/a"))
    assert.deepInclude(rest, { reason: "PermissionDenied", path: "/home/me/a" })
    const error = causeOf(cannot("read", place)(denied("/proc/self/fd/7/a", "of /proc/self/fd/7/a")))
    assert.deepInclude({ ...error }, {
      code: C.ERROR_ACCESS_DENIED,
      reason: "PermissionDenied",
      syscall: "CreateFileW",
      handle: 9,
      path: "/home/me/a",
      detail: "of /home/me/a"
    })
    assert.strictEqual(error.text, "Access is denied.")
    const without = causeOf(cannot("read", place)(denied()))
    assert.deepStrictEqual([without.path, without.detail], [undefined, undefined])
  })
  it("of the library's about a path that the user knows is its cause as it is", () => {
    const error = denied("/home/me/a")
    assert.strictEqual(cannot("read", "/home/me/a")(error).cause, error)
    assert.strictEqual(cannot("read", { system: "/a", user: "/a" })(error).path, "/a")
  })
  it("of node's is one of the library's, with node's as its cause", () => {
    for (const at of [place, "/home/me/a"]) {
      const error = cannot("write", at)(errno)
      assert.strictEqual(error.message, "Cannot write \"/home/me/a\": permission denied (ERROR_ACCESS_DENIED).")
      const { cause, code, path, syscall } = causeOf(error)
      assert.deepStrictEqual({ code, syscall, path }, { code: 5, syscall: "open", path: "/home/me/a" })
      assert.strictEqual(cause, errno)
      assert.match(causeOf(error).detail!, /^\(EACCES/)
    }
    assert.strictEqual(causeOf(cannot("write", "/a")(new Error("what?"))).syscall, "node:fs")
  })
  it("that nobody can do anything about is told in the system's words", () => {
    const error = Win32Error.make({
      code: C.ERROR_INVALID_PARAMETER,
      syscall: "ReadFile",
      text: "Wrong.",
      detail: "so"
    })
    assert.match(cannot("read", "/a")(error).message, /^Cannot read "\/a": Wrong: so \(ERROR_INVALID_PARAMETER\)\.$/)
  })
  it("that is one already stays the same", () => {
    const error = makeError({ reason: "Changed", path: "a", sentence: "It has changed." })
    assert.strictEqual(cannot("read", place)(error), error)
  })
  it("of several files tells the first; of one, that one", () => {
    const [a, b] = ["a", "b"].map((path) => makeError({ reason: "Changed", path, sentence: `${path} has changed.` }))
    assert.deepInclude({ ...filesFailed("to", [a!]) }, { reason: "FilesFailed", path: "a", sentence: "a has changed." })
    const both = filesFailed("to", [a!, b!])
    assert.deepInclude({ ...both }, {
      reason: "FilesFailed",
      path: "to",
      sentence: "2 files could not be copied; the first: a has changed."
    })
    assert.strictEqual(both.cause, a)
    for (const failures of [[a!], [a!, b!]]) assert.deepStrictEqual(filesFailed("to", failures).failures, failures)
    assert.deepInclude({ ...withRemains(a!, ["x"], 3) }, { ...a!, left: ["x"], replaced: 3 })
  })
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
