/**
 * Leftovers of killed copies beside their targets: only what is one's own and belongs to nobody who runs is taken over.
 */
import { describe, expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import { basename, dirname, join } from "node:path"
import * as File from "../../src/File.js"
import { GENERIC_WRITE } from "../../src/internal/constants.js"
import type { Calls } from "../../src/internal/kernel/Calls.js"
import type { Kernel as Internal } from "../../src/internal/kernel/Kernel.js"
import { journalName, parseTemporary, partialName } from "../../src/internal/pipeline/names.js"
import * as Kernel from "../../src/Kernel.js"
import * as Pipeline from "../../src/Pipeline.js"
import { contract, failureOf, pattern } from "../support/claims.js"
import * as lab from "../support/lab.js"

const SIZE = 100_003
const JOURNALED = { chunkSize: 4096, journal: true, journalEvery: 16_384 } as const
const RESUMING = { ...JOURNALED, resume: true } as const

const world = Effect.map(lab.directory, (directory) => {
  const from = join(directory, "source")
  fs.writeFileSync(from, pattern(SIZE))
  const there = join(directory, "there")
  fs.mkdirSync(there)
  return { directory, from, there, to: join(there, "copy") }
})

type World = Effect.Effect.Success<typeof world>

const isCopy = ({ from, to }: Pick<World, "from" | "to">) =>
  expect(fs.readFileSync(to).equals(fs.readFileSync(from))).toBe(true)

const temporary = (directory: string) =>
  fs.readdirSync(directory).filter((name) => parseTemporary(name) !== undefined).sort()

interface Leaving {
  readonly bytes?: number
  readonly owner?: string | undefined
}

/** Leaves the files of a killed copy, of a process that has ended: this one's, of a copy that is over. */
const leave = ({ from, to }: Pick<World, "from" | "to">, { bytes = 60_000, owner }: Leaving = {}) =>
  Effect.gen(function*() {
    const exit = yield* Effect.async<Exit.Exit<unknown, unknown>, never, Kernel.Kernel>((resume) => {
      let stop: (() => void) | undefined
      const onProgress = (progress: Pipeline.Progress) => {
        if (progress.bytes >= bytes) stop?.()
      }
      resume(Effect.exit(Effect.raceFirst(
        Pipeline.copy(from, to, { ...RESUMING, owner, inFlight: 3, onProgress }),
        Effect.async<never>((_) => void (stop = () => _(Effect.interrupt)))
      )))
    })
    expect(Exit.isInterrupted(exit)).toBe(true)
    const tags = temporary(dirname(to)).map((name) => parseTemporary(name)!.tag)
    const tag = tags.find((tag) => fs.existsSync(join(dirname(to), journalName(basename(to), tag))))!
    return {
      tag,
      partial: join(dirname(to), partialName(basename(to), tag)),
      journal: join(dirname(to), journalName(basename(to), tag))
    }
  })

/** The calls by which copies get their names: through a handle, where the kernel holds directories. */
const RENAMES: ReadonlyArray<string> = ["MoveFileExW", "SetRenameInformation"]

/** Does something in the moment in which an effect is about to give a file its name. */
const beforeItsEnd = <A, E, R, R2>(effect: Effect.Effect<A, E, R>, meanwhile: Effect.Effect<unknown, unknown, R2>) =>
  Effect.gen(function*() {
    const { engine } = yield* Kernel.Kernel
    const internal = engine.kernel as { call: Internal["call"] }
    const original = internal.call
    let release: (() => void) | undefined
    const call = (...given: Parameters<Internal["call"]>) => {
      const go = () => Reflect.apply(original, engine.kernel, given)
      if (!RENAMES.includes(given[0]) || release !== undefined) return go()
      release = go
      return () => false
    }
    internal.call = call as unknown as Internal["call"]
    const restore = Effect.sync(() => internal.call = original)
    return yield* Effect.ensuring(
      Effect.gen(function*() {
        const fiber = yield* Effect.fork(effect)
        yield* lab.eventually("the rename", () => release !== undefined)
        yield* Effect.orDie(Effect.ensuring(meanwhile, Effect.sync(() => release!())))
        return yield* Effect.exit(Fiber.join(fiber))
      }),
      restore
    )
  })

type CreateFile = Calls["CreateFileW"][0]

const beforeEachOpen = <A, E, R>(look: (opened: CreateFile) => void, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const { engine } = yield* Kernel.Kernel
    const internal = engine.kernel as { call: Internal["call"] }
    const original = internal.call
    const call = (...given: Parameters<Internal["call"]>) => {
      if (given[0] === "CreateFileW") look(given[1] as CreateFile)
      return Reflect.apply(original, engine.kernel, given)
    }
    internal.call = call as unknown as Internal["call"]
    return yield* Effect.ensuring(effect, Effect.sync(() => internal.call = original))
  })

const warnings = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const told: Array<string> = []
    const logger = Logger.make(({ message }) => void told.push(String(message)))
    const quiet = Layer.provideMerge(Logger.replace(Logger.defaultLogger, logger), Layer.empty)
    return Effect.map(Effect.provide(effect, quiet), (value) => ({ told: told.join("\n"), value }))
  })

const links = ["portable", "simulated"] as const
const NO_LINKS = "programs on Wine make no links, and on Windows they may lack the right"
const isRoot = process.geteuid?.() === 0

contract("leftovers", ({ claim, only }) => {
  describe("of what is under way in this process are left alone", () => {
    const firsts: Record<string, (world: World) => Effect.Effect<unknown, unknown, Kernel.Kernel>> = {
      "a copy": ({ from, to }) => Pipeline.copy(from, to, { overwrite: true }),
      "a copy with a journal": ({ from, to }) => Pipeline.copy(from, to, { ...JOURNALED, overwrite: true }),
      "a resuming copy": ({ from, to }) => Pipeline.copy(from, to, { ...RESUMING, overwrite: true }),
      "a small copy": ({ from, to }) => {
        fs.truncateSync(from, 100)
        return Pipeline.copy(from, to, { overwrite: true })
      },
      "a copy of a tree": ({ directory, from, there }) => {
        fs.mkdirSync(join(directory, "tree"))
        fs.copyFileSync(from, join(directory, "tree", "copy"))
        return Pipeline.copyTree(join(directory, "tree"), there, { overwrite: true })
      },
      "a transformation": ({ from, to }) => Pipeline.transform(from, to, (bytes) => bytes, { overwrite: true })
    }
    for (const [name, first] of Object.entries(firsts)) {
      claim(`as those of ${name}`, function*() {
        const here = yield* world
        const { from, there, to } = here
        const second = Effect.gen(function*() {
          const before = temporary(there)
          expect(before.length).toBeGreaterThan(0)
          const { told } = yield* warnings(Pipeline.copy(from, to, { ...RESUMING, overwrite: true }))
          expect(told).toBe("")
          yield* Pipeline.transform(from, to, (bytes) => bytes, { overwrite: true, takeOver: true })
          expect(temporary(there)).toEqual(before)
        })
        const exit = yield* beforeItsEnd(first(here), second)
        expect(Exit.isSuccess(exit)).toBe(true)
        isCopy(here)
        expect(fs.readdirSync(there)).toEqual(["copy"])
      })
    }
  })

  describe("that somebody has planted are neither taken over nor touched", () => {
    const plants: Record<string, (left: { partial: string; journal: string }, document: string) => void> = {
      "a link in the place of the partial file": ({ partial }, document) => {
        fs.unlinkSync(partial)
        fs.symlinkSync(document, partial)
      },
      "a link in the place of the journal": ({ journal }, document) => {
        fs.copyFileSync(journal, document)
        fs.unlinkSync(journal)
        fs.symlinkSync(document, journal)
      },
      "another name of a file in the place of the partial file": ({ partial }, document) => {
        fs.unlinkSync(partial)
        fs.linkSync(document, partial)
      },
      "another name of a file in the place of the journal": ({ journal }, document) => {
        fs.copyFileSync(journal, document)
        fs.unlinkSync(journal)
        fs.linkSync(document, journal)
      }
    }
    for (const [name, plant] of Object.entries(plants)) {
      const where = name.startsWith("a link") ? only(links, NO_LINKS) : claim
      where(name, function*() {
        const here = yield* world
        const left = yield* leave(here)
        const document = join(here.directory, "document")
        fs.writeFileSync(document, pattern(SIZE, 9), { mode: 0o640 })
        plant(left, document)
        const before = { stat: fs.statSync(document), bytes: fs.readFileSync(document) }
        for (const takeOver of [false, true]) {
          const { told } = yield* warnings(Pipeline.copy(here.from, here.to, { ...RESUMING, takeOver }))
          expect(told).toContain(basename(left.partial))
          isCopy(here)
          fs.unlinkSync(here.to)
        }
        const after = fs.statSync(document)
        expect(fs.readFileSync(document).equals(before.bytes)).toBe(true)
        expect([after.mode, after.mtimeMs, after.nlink]).toEqual([
          before.stat.mode,
          before.stat.mtimeMs,
          before.stat.nlink
        ])
        expect(temporary(here.there)).toEqual([basename(left.partial), basename(left.journal)].sort())
      })
    }
  })

  for (const kind of ["partial", "journal"] as const) {
    claim(`that are exchanged in the moment in which the ${kind} is opened are not written to`, function*() {
      const here = yield* world
      yield* leave(here)
      const document = join(here.directory, "document")
      fs.writeFileSync(document, pattern(SIZE, 9))
      let exchanged = 0
      const exchange = ({ access, path }: CreateFile) => {
        if (!path.endsWith(`.${kind}`) || (access & GENERIC_WRITE) === 0 || exchanged++ > 0) return
        const there = join(here.there, basename(path))
        fs.unlinkSync(there)
        fs.linkSync(document, there)
      }
      const ended = yield* Effect.either(beforeEachOpen(exchange, Pipeline.copy(here.from, here.to, RESUMING)))
      expect(exchanged).toBeGreaterThan(0)
      expect(fs.readFileSync(document).equals(pattern(SIZE, 9))).toBe(true)
      // Without a journal of one's own there is nothing to go on with.
      if (kind === "journal") isCopy(here)
      else expect([ended, fs.existsSync(here.to)]).toMatchObject([{ left: { reason: "PermissionDenied" } }, false])
    })
  }

  claim(
    "of several, the one that has come furthest is gone on with, whichever is found first; the others go",
    function*() {
      for (const first of [true, false]) {
        const here = yield* world
        const left = yield* leave(here)
        const another = left.tag.replace(/[0-9a-z]+$/, "zzz")
        const [partial, journal] = [partialName("copy", another), journalName("copy", another)].map((name) =>
          join(here.there, name)
        ) as [string, string]
        fs.copyFileSync(left.partial, partial)
        fs.copyFileSync(left.journal, journal)
        const shorter = first ? journal : left.journal
        const lines = fs.readFileSync(shorter, "utf8").split("\n").slice(0, 2)
        fs.writeFileSync(shorter, `${lines.join("\n")}\n`)
        const { foundBytes } = yield* Pipeline.copy(here.from, here.to, RESUMING)
        expect(foundBytes).toBeGreaterThan(16_384)
        isCopy(here)
        expect(fs.readdirSync(here.there)).toEqual(["copy"])
      }
    }
  )

  /** Something happens to what was left before a call of that name that is about its journal. */
  const beforeTaking = <A, E, R>(
    name: "CreateFileW" | "MoveFileExW",
    happens: () => void,
    effect: Effect.Effect<A, E, R>
  ) =>
    Effect.gen(function*() {
      const { engine } = yield* Kernel.Kernel
      const internal = engine.kernel as { call: Internal["call"] }
      const original = internal.call
      let happened = false
      const call = (...given: Parameters<Internal["call"]>) => {
        const { from, path = from } = given[1] as { readonly from?: string; readonly path?: string }
        if (!happened && given[0] === name && path!.endsWith(".journal")) {
          happened = true
          happens()
        }
        return Reflect.apply(original, engine.kernel, given)
      }
      internal.call = call as unknown as Internal["call"]
      const value = yield* Effect.ensuring(effect, Effect.sync(() => internal.call = original))
      expect(happened).toBe(true)
      return value
    })

  claim("whose partial file is exchanged while its journal is opened are not taken over, nor touched", function*() {
    const here = yield* world
    const { journal, partial } = yield* leave(here)
    const document = join(here.directory, "document")
    fs.writeFileSync(document, pattern(SIZE, 9))
    fs.chmodSync(document, 0o444)
    const { mode } = fs.statSync(document)
    const exchange = () => {
      fs.unlinkSync(partial)
      fs.linkSync(document, partial)
    }
    const done = yield* beforeTaking("CreateFileW", exchange, Pipeline.copy(here.from, here.to, RESUMING))
    expect(done.foundBytes).toBe(0)
    isCopy(here)
    expect([fs.readFileSync(document).equals(pattern(SIZE, 9)), fs.statSync(document).mode]).toEqual([true, mode])
    expect(temporary(here.there)).toEqual([basename(partial), basename(journal)].sort())
  })

  only("portable", "elsewhere an open journal keeps its name")(
    "whose journal another copy has taken in that moment are that one's",
    function*() {
      const here = yield* world
      const { journal, partial } = yield* leave(here)
      const taken = () => fs.unlinkSync(journal)
      const done = yield* beforeTaking("MoveFileExW", taken, Pipeline.copy(here.from, here.to, RESUMING))
      expect(done.foundBytes).toBe(0)
      isCopy(here)
      expect(temporary(here.there)).toEqual([basename(partial)])
    }
  )

  /** Goes on with a copy, while its journal becomes a name of another file, which stays as it is. Answers that file. */
  const withJournalExchanged = (here: World, journal: string, link: (document: string, name: string) => void) =>
    Effect.gen(function*() {
      const document = join(here.directory, "document")
      fs.copyFileSync(journal, document)
      const before = fs.readFileSync(document, "utf8")
      const exchange = () => {
        fs.unlinkSync(journal)
        link(document, journal)
      }
      const done = yield* beforeTaking("CreateFileW", exchange, Pipeline.copy(here.from, here.to, RESUMING))
      expect(done.foundBytes).toBe(0)
      isCopy(here)
      expect(fs.readFileSync(document, "utf8")).toBe(before)
      return document
    })

  only(links, NO_LINKS)("whose journal is exchanged for a link while it is opened are not written to", function*() {
    const here = yield* world
    const { journal } = yield* leave(here)
    yield* withJournalExchanged(here, journal, fs.symlinkSync)
  })

  only(lab.hardLinks, "its file system gives a file one name")(
    "whose journal is exchanged for a file that has another name, and says the same, are not gone on with",
    function*() {
      const here = yield* world
      const { journal, partial } = yield* leave(here)
      const document = yield* withJournalExchanged(here, journal, fs.linkSync)
      expect(fs.statSync(document).nlink).toBe(2)
      expect(temporary(here.there)).toEqual([basename(partial), basename(journal)].sort())
    }
  )

  only(isRoot ? links : [], "only root gives files away")("of another user are left alone", function*() {
    const here = yield* world
    const { journal, partial } = yield* leave(here)
    for (const path of [partial, journal]) fs.chownSync(path, 65_534, 65_534)
    yield* warnings(Pipeline.copy(here.from, here.to, { ...RESUMING, verify: "read", takeOver: true }))
    isCopy(here)
    expect(fs.statSync(here.to).uid).toBe(0)
    expect(fs.statSync(partial).uid).toBe(65_534)
    // Only one of the two.
    fs.unlinkSync(here.to)
    fs.chownSync(partial, 0, 0)
    yield* warnings(Pipeline.copy(here.from, here.to, { ...RESUMING, verify: "read" }))
    isCopy(here)
    expect(fs.existsSync(partial)).toBe(true)
  })

  only(process.platform === "linux" ? links : [], "namespaces are Linux'")(
    "of another container are left alone, named in a warning, and taken over when that is asked for",
    function*() {
      const here = yield* world
      const left = yield* leave(here)
      const foreign = left.tag.split("-").map((part, index) => index === 1 ? "container" : index === 4 ? "other" : part)
        .join("-")
      const [partial, journal] = [partialName("copy", foreign), journalName("copy", foreign)]
      fs.renameSync(left.partial, join(here.there, partial))
      fs.renameSync(left.journal, join(here.there, journal))
      const first = yield* warnings(Pipeline.copy(here.from, here.to, RESUMING))
      expect(first.told).toContain(partial)
      expect(first.value.foundBytes).toBe(0)
      expect(temporary(here.there)).toEqual([partial, journal].sort())
      fs.unlinkSync(here.to)
      const second = yield* warnings(Pipeline.copy(here.from, here.to, { ...RESUMING, takeOver: true }))
      expect(second.told).toBe("")
      expect(second.value.foundBytes).toBeGreaterThan(0)
      isCopy(here)
      expect(fs.readdirSync(here.there)).toEqual(["copy"])
    }
  )

  only("win32", "elsewhere an open file keeps nobody out")(
    "whose journal a process has open are left alone, and otherwise taken over, whatever has the number of their process",
    function*() {
      const here = yield* world
      const left = yield* leave(here)
      // Another process has had the number of this one.
      const tag = left.tag.split("-").map((part, index) => index === 4 ? "other" : part).join("-")
      const [partial, journal] = [partialName("copy", tag), journalName("copy", tag)]
      fs.renameSync(left.partial, join(here.there, partial))
      fs.renameSync(left.journal, join(here.there, journal))
      const open = File.open(join(here.there, journal), { access: "readwrite", share: ["read"] })
      for (const options of [RESUMING, { ...RESUMING, takeOver: true }]) {
        const copied = Effect.scoped(Effect.zipRight(open, Pipeline.copy(here.from, here.to, options)))
        const { told, value } = yield* warnings(copied)
        expect([told, value.foundBytes]).toEqual(["", 0])
        isCopy(here)
        // It is complete, too.
        yield* Effect.scoped(Effect.zipRight(open, Pipeline.copy(here.from, here.to, options)))
        expect(temporary(here.there)).toEqual([partial, journal].sort())
        fs.unlinkSync(here.to)
      }
      expect((yield* Pipeline.copy(here.from, here.to, RESUMING)).foundBytes).toBeGreaterThan(0)
      isCopy(here)
      expect(fs.readdirSync(here.there)).toEqual(["copy"])
    }
  )

  only("win32", "elsewhere an open file keeps nobody out")(
    "of a copy that goes on with one are its own until it has given the final name",
    function*() {
      const here = yield* world
      const { journal } = yield* leave(here)
      const second = Effect.gen(function*() {
        expect(yield* failureOf(Effect.scoped(File.open(journal, { access: "write" })))).toMatchObject({
          reason: "Busy"
        })
        expect(temporary(here.there).length).toBe(2)
      })
      const exit = yield* beforeItsEnd(Pipeline.copy(here.from, here.to, RESUMING), second)
      expect(exit).toMatchObject({ _tag: "Success" })
      isCopy(here)
      expect(fs.readdirSync(here.there)).toEqual(["copy"])
    }
  )

  describe("of a named owner", () => {
    /** Leaves them on another machine, or in a container: only the owner's part of the tag is this process's. */
    const moved = (here: World, owner: string | undefined) =>
      Effect.map(leave(here, { owner }), (left) => {
        const tag = left.tag.split("-").map((part, index) => index === 0 ? part : index === 2 ? "1" : `x${index}`).join(
          "-"
        )
        const names = [partialName("copy", tag), journalName("copy", tag)]
        fs.renameSync(left.partial, join(here.there, names[0]!))
        fs.renameSync(left.journal, join(here.there, names[1]!))
        return names.sort()
      })

    claim("are taken over by that owner's next copy, wherever the last one ran", function*() {
      const here = yield* world
      yield* moved(here, "shard 7")
      const { told, value } = yield* warnings(Pipeline.copy(here.from, here.to, { ...RESUMING, owner: "shard 7" }))
      expect(told).toBe("")
      expect(value.foundBytes).toBeGreaterThan(0)
      isCopy(here)
      expect(fs.readdirSync(here.there)).toEqual(["copy"])
    })

    for (const owner of ["shard 8", undefined]) {
      claim(
        `are left alone with a warning by ${owner === undefined ? "a copy without one" : "another's"}`,
        function*() {
          const here = yield* world
          const names = yield* moved(here, "shard 7")
          const { told, value } = yield* warnings(Pipeline.copy(here.from, here.to, { ...RESUMING, owner }))
          expect(told).toContain(names[0])
          expect(value.foundBytes).toBe(0)
          isCopy(here)
          expect(temporary(here.there)).toEqual(names)
        }
      )
    }

    claim("are left alone while this process writes them, by that owner itself, too", function*() {
      const here = yield* world
      const { from, there, to } = here
      const options = { ...RESUMING, owner: "shard 7", overwrite: true } as const
      const second = Effect.gen(function*() {
        const before = temporary(there)
        yield* Pipeline.copy(from, to, options)
        expect(temporary(there)).toEqual(before)
      })
      expect(Exit.isSuccess(yield* beforeItsEnd(Pipeline.copy(from, to, options), second))).toBe(true)
      isCopy(here)
      expect(fs.readdirSync(there)).toEqual(["copy"])
    })

    claim("are not those of a process: that of a copy without an owner is judged as ever", function*() {
      const here = yield* world
      yield* leave(here)
      const { value } = yield* warnings(Pipeline.copy(here.from, here.to, { ...RESUMING, owner: "shard 7" }))
      expect(value.foundBytes).toBeGreaterThan(0)
      expect(fs.readdirSync(here.there)).toEqual(["copy"])
    })

    claim("without a name are a mistake, told before anything is done", function*() {
      const here = yield* world
      const error = yield* failureOf(Pipeline.copy(here.from, here.to, { owner: "" }))
      expect(error.reason).toBe("InvalidArgument")
      expect(fs.readdirSync(here.there)).toEqual([])
    })
  })

  claim("of a source that was written to since, and has its old time again, are not gone on with", function*() {
    const here = yield* world
    fs.utimesSync(here.from, 1_700_000_000, 1_700_000_000)
    yield* leave(here)
    fs.writeFileSync(here.from, pattern(SIZE, 7))
    fs.utimesSync(here.from, 1_700_000_000, 1_700_000_000)
    const done = yield* Pipeline.copy(here.from, here.to, RESUMING)
    expect(done.foundBytes).toBe(0)
    isCopy(here)
    expect(fs.readdirSync(here.there)).toEqual(["copy"])
  })

  for (const verify of ["read", "durable"] as const) {
    claim(
      `that agree with their journal and not with the source are copied anew, with verify "${verify}"`,
      function*() {
        const here = yield* world
        const { journal, partial } = yield* leave(here)
        // The second stretch of both, as somebody would write them who wants the copy to be another file.
        const bytes = fs.readFileSync(partial)
        bytes.fill("planted", 16_384, 32_768)
        fs.writeFileSync(partial, bytes)
        const lines = fs.readFileSync(journal, "utf8").split("\n")
        const sha256 = createHash("sha256").update(bytes.subarray(16_384, 32_768)).digest("hex")
        lines[2] = JSON.stringify({ to: 32_768, sha256 })
        fs.writeFileSync(journal, lines.join("\n"))
        const done = yield* Pipeline.copy(here.from, here.to, { ...RESUMING, verify })
        expect(done.foundBytes).toBe(16_384)
        isCopy(here)
        expect(fs.readdirSync(here.there)).toEqual(["copy"])
      }
    )
  }

  describe("go when the file is complete", () => {
    claim("because another has made it meanwhile", function*() {
      const here = yield* world
      yield* leave(here)
      yield* Pipeline.copy(here.from, here.to)
      expect(temporary(here.there).length).toBe(2)
      expect(yield* Pipeline.copy(here.from, here.to, RESUMING)).toMatchObject({ foundFiles: 1 })
      expect(fs.readdirSync(here.there)).toEqual(["copy"])
    })
    claim("because another has been faster than the one that resumes", function*() {
      const here = yield* world
      yield* leave(here)
      const faster = Effect.sync(() => fs.writeFileSync(here.to, "another"))
      const exit = yield* beforeItsEnd(failureOf(Pipeline.copy(here.from, here.to, RESUMING)), faster)
      expect(Exit.isSuccess(exit) && exit.value.reason).toBe("AlreadyExists")
      expect(fs.readdirSync(here.there)).toEqual(["copy"])
      expect(fs.readFileSync(here.to, "utf8")).toBe("another")
    })
    claim("because its process was killed between its two names", function*() {
      const here = yield* world
      const { partial } = yield* leave(here)
      fs.unlinkSync(partial)
      yield* Pipeline.copy(here.from, here.to)
      fs.linkSync(here.to, partial)
      expect(yield* Pipeline.copy(here.from, here.to, RESUMING)).toMatchObject({ foundFiles: 1 })
      expect(fs.readdirSync(here.there)).toEqual(["copy"])
      isCopy(here)
    })
  })

  claim("of one long name are not those of another that begins alike", function*() {
    const here = yield* world
    const [a, b] = ["a", "b"].map((end) => join(here.there, "ä".repeat(60) + "x".repeat(90) + end))
    const left = yield* leave({ from: here.from, to: a! })
    const copied = yield* Pipeline.copy(here.from, b!, RESUMING)
    expect(copied.foundBytes).toBe(0)
    expect(fs.existsSync(left.partial)).toBe(true)
    expect((yield* Pipeline.copy(here.from, a!, RESUMING)).foundBytes).toBeGreaterThan(0)
    expect(temporary(here.there)).toEqual([])
  })

  claim("of a name of 140 bytes have names of at most 143", function*() {
    const here = yield* world
    const to = join(here.there, "x".repeat(140))
    const names = new Set<string>()
    const onProgress = ({ partials }: Pipeline.Progress) => {
      for (const path of partials()) names.add(basename(path))
    }
    yield* Pipeline.copy(here.from, to, { ...RESUMING, onProgress })
    expect(names.size).toBe(2)
    for (const name of names) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(143)
  })

  claim("of transformations go when the next one takes over, and not before", function*() {
    const here = yield* world
    const left = yield* leave(here)
    const useless = join(here.there, partialName("copy", left.tag.replace(/[0-9a-z]+$/, "zzz")))
    fs.writeFileSync(useless, "half")
    const transform = (takeOver: boolean) =>
      Pipeline.transform(here.from, here.to, (bytes) => bytes, { overwrite: true, takeOver })
    yield* transform(false)
    expect(fs.existsSync(useless)).toBe(true)
    yield* transform(true)
    expect(fs.existsSync(useless)).toBe(false)
    // A copy that can be resumed stays.
    expect(temporary(here.there).length).toBe(2)
  })

  claim("taken over without resuming are a mistake, told before anything is done", function*() {
    const here = yield* world
    const error = yield* failureOf(Pipeline.copy(here.from, here.to, { takeOver: true }))
    expect(error.reason).toBe("InvalidArgument")
    expect(fs.readdirSync(here.there)).toEqual([])
  })

  describe("are looked for typed", () => {
    const asUser = only(links, "permissions of directories are POSIX'")
    for (const [mode, what] of [[0o600, "searched"], [0o300, "read"]] as const) {
      asUser(`in a directory that must not be ${what}`, function*() {
        const here = yield* world
        fs.chmodSync(here.directory, 0o755)
        yield* leave(here)
        if (isRoot) { for (const path of [here.there, here.from]) fs.chownSync(path, 65_534, 65_534) }
        fs.chmodSync(here.there, mode)
        if (isRoot) process.seteuid!(65_534)
        const exit = yield* Effect.exit(Effect.ensuring(
          failureOf(warnings(Pipeline.copy(here.from, here.to, RESUMING))),
          Effect.sync(() => {
            if (isRoot) process.seteuid!(0)
            fs.chmodSync(here.there, 0o700)
          })
        ))
        expect(exit).toMatchObject({ _tag: "Success", value: { reason: "PermissionDenied" } })
      })
    }
  })
})
