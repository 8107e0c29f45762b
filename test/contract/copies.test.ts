/**
 * Copies that something comes in the way of: a request that fails, a file that somebody puts there in that moment. And
 * what they carry over is what was asked for.
 */
import { describe, expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import { basename, join } from "node:path"
import * as C from "../../src/internal/constants.js"
import type { CallName, Calls } from "../../src/internal/kernel/Calls.js"
import type { Kernel as Internal } from "../../src/internal/kernel/Kernel.js"
import { Kernel } from "../../src/Kernel.js"
import * as Pipeline from "../../src/Pipeline.js"
import type { PipelineError } from "../../src/PipelineError.js"
import type { Win32Error } from "../../src/Win32Error.js"
import { contract, failureOf, pattern } from "../support/claims.js"
import { failingIssue } from "../support/failing.js"
import * as lab from "../support/lab.js"

const SIZE = 100_003
const SMALL = { chunkSize: 4096, inFlight: 3 } as const
/** Each takes another way through a copy. */
const FORMS: ReadonlyArray<Pipeline.CopyOptions> = [
  {},
  { ...SMALL, verify: "read" },
  { ...SMALL, verify: "durable" },
  { ...SMALL, resume: true, journalEvery: 16_384 }
]

const world = Effect.map(lab.directory, (directory) => {
  const [source, there] = [join(directory, "source"), join(directory, "there")]
  for (const path of [source, there]) fs.mkdirSync(path)
  const from = join(source, "file")
  fs.writeFileSync(from, pattern(SIZE))
  return { directory, source, there, from, to: join(there, "copy") }
})

const isCopy = ({ from, to }: { readonly from: string; readonly to: string }) =>
  expect(fs.readFileSync(to).equals(fs.readFileSync(from))).toBe(true)

type Done = (status: number, value?: unknown) => void

/**
 * A kernel whose calls of one name a function may answer, or watch: what it answers is what ends the call.
 */
const answering = <K extends CallName, A, E, R>(
  name: K,
  answer: (arguments_: Calls[K][0], done: Done, go: (done: Done) => void) => void,
  effect: Effect.Effect<A, E, R>,
  changes: Partial<Internal> = {}
) =>
  Effect.flatMap(Kernel, ({ engine }) => {
    const kernel = engine.kernel as { call: unknown }
    const own = Object.keys({ call: 0, ...changes }).map((key) =>
      [key, Object.getOwnPropertyDescriptor(kernel, key)] as const
    )
    const original = engine.kernel.call
    const call = (...given: Parameters<Internal["call"]>) => {
      const go = (done: unknown) => Reflect.apply(original, engine.kernel, [given[0], given[1], done])
      if (given[0] !== name) return go(given[2])
      answer(given[1] as Calls[K][0], given[2] as Done, go)
      return () => false
    }
    Object.assign(kernel, { call, ...changes })
    return Effect.ensuring(
      effect,
      Effect.sync(() => {
        for (const [key, descriptor] of own) {
          Reflect.deleteProperty(kernel, key)
          if (descriptor !== undefined) Object.defineProperty(kernel, key, descriptor)
        }
      })
    )
  })

/** The call by which a copy gets its name. */
const RENAME = lab.kernelName === "win32" ? "SetRenameInformation" : "MoveFileExW"

/** Every call of that name for such a path fails. */
const refusing = <A, E, R>(
  name: "CreateFileW" | typeof RENAME,
  which: (path: string) => boolean,
  status: number,
  effect: Effect.Effect<A, E, R>
) =>
  answering(
    name,
    (arguments_, done, go) => {
      const path = "to" in arguments_ ? arguments_.to : arguments_.path
      if (which(basename(path))) setImmediate(done, status)
      else go(done)
    },
    effect,
    { copiesSmallFiles: () => false }
  )

const isPartial = (name: string) => name.endsWith(".partial")

contract("a copy", ({ claim, only }) => {
  const onPosix = only(lab.onPosix, "modes are POSIX', and names are compared there alone")

  describe("that the system refuses is told with the path that the user knows, and leaves nothing:", () => {
    const denied = { _tag: "PipelineError", reason: "PermissionDenied", left: [], replaced: 0 }
    for (const [index, options] of FORMS.entries()) {
      claim(`its source, its copy or its name, in form ${index + 1}`, function*() {
        const { from, there, to } = yield* world
        const copy = Pipeline.copy(from, to, options)
        const refused: ReadonlyArray<
          readonly ["CreateFileW" | typeof RENAME, (name: string) => boolean, string, string]
        > = [
          ["CreateFileW", (name) => name === "file", "Cannot read", from],
          ["CreateFileW", isPartial, "Cannot write", to],
          [RENAME, (name) => name === "copy", "Cannot make", to]
        ]
        for (const [name, which, says, path] of refused) {
          const error = yield* failureOf(refusing(name, which, C.ERROR_ACCESS_DENIED, copy))
          expect(error).toMatchObject({ ...denied, path })
          expect(error.message).toContain(`${says} "`)
          expect((error.cause as { readonly path: string }).path).not.toContain("/proc/self")
          const left = fs.readdirSync(there).map((file) => file.replace(/.*\./, "")).sort()
          // A copy that can be resumed leaves its partial file to the next one.
          const resumable = options.resume === true && (says === "Cannot make" || left.length > 0)
          expect(left).toEqual(resumable ? ["journal", "partial"] : [])
        }
      })
    }
    claim("what is there already, and is to be compared", function*() {
      const here = yield* world
      yield* Pipeline.copy(here.from, here.to)
      for (const [name, path] of [["file", here.from], ["copy", here.to]] as const) {
        let opened = 0
        // The source has been opened once when it is compared.
        const which = (one: string) => one === name && (name === "copy" || ++opened === 2)
        const resumed = Pipeline.copy(here.from, here.to, { resume: true, verify: "read" })
        const error = yield* failureOf(refusing("CreateFileW", which, C.ERROR_ACCESS_DENIED, resumed))
        expect(error).toMatchObject({ ...denied, path })
        expect(error.message).toContain("Cannot read")
        isCopy(here)
      }
    })
    claim("each of its reads and writes, and it says which", function*() {
      const sentences = new Set<string>()
      for (let count = 1, more = true; more; count++) {
        const { from, there, to } = yield* world
        fs.truncateSync(from, 9000)
        const copy = Pipeline.copy(from, to, { verify: "read", journal: false })
        const ended = yield* Effect.either(failingIssue(count, C.ERROR_IO_DEVICE, copy))
        more = ended._tag === "Left"
        if (ended._tag === "Right") continue
        expect(ended.left).toMatchObject({ _tag: "PipelineError", reason: "DeviceFailure" })
        sentences.add(ended.left.message.replace(/ ".*/, ""))
        expect(fs.readdirSync(there)).toEqual([])
      }
      expect([...sentences].sort()).toEqual(["Cannot read", "Cannot read back", "Cannot write"])
    })
    claim("into what is a directory, of a stream too, which says so", function*() {
      const { from, there } = yield* world
      const makes: ReadonlyArray<Effect.Effect<unknown, Win32Error | PipelineError, Kernel>> = [
        ...FORMS.map((options) => Pipeline.copy(from, there, { ...options, resume: false, overwrite: true })),
        Pipeline.transform(from, there, (bytes) => bytes, { overwrite: true })
      ]
      for (const make of makes) {
        const error = yield* failureOf(make)
        expect(error).toMatchObject({ reason: "AlreadyExists", path: there })
        expect(error.message).toContain("is a directory and cannot be replaced by a file.")
        expect(fs.readdirSync(there)).toEqual([])
      }
    })
  })

  describe("touches nothing that somebody has put", () => {
    const PLANTED = "somebody's own"
    const planted = (directory: string) => {
      for (const name of fs.readdirSync(directory)) expect(fs.readFileSync(join(directory, name), "utf8")).toBe(PLANTED)
      return fs.readdirSync(directory)
    }
    claim("under its temporary name", function*() {
      const makes: ReadonlyArray<
        (from: string, to: string) => Effect.Effect<unknown, Win32Error | PipelineError, Kernel>
      > = [
        ...FORMS.map((options) => (from: string, to: string) => Pipeline.copy(from, to, options)),
        (from, to) => Pipeline.transform(from, to, (bytes) => bytes)
      ]
      for (const make of makes) {
        const { from, there, to } = yield* world
        const plant: Parameters<typeof answering<"CreateFileW", unknown, unknown, Kernel>>[1] = (opened, done, go) => {
          if (isPartial(opened.path)) fs.writeFileSync(opened.path, PLANTED)
          go(done)
        }
        const copied = answering("CreateFileW", plant, make(from, to), { copiesSmallFiles: () => false })
        expect(yield* failureOf(copied)).toMatchObject({ reason: "AlreadyExists" })
        expect(planted(there).map(isPartial)).toEqual([true])
      }
    })
    onPosix("under its name, in the moment in which it has got it", function*() {
      for (const options of FORMS) {
        for (const overwrite of [false, true]) {
          const { from, there, to } = yield* world
          if (overwrite) fs.writeFileSync(to, "old")
          const exchange: Parameters<typeof answering<"MoveFileExW", unknown, unknown, unknown>>[1] = (_, done, go) =>
            go((status) => {
              if (status === 0) {
                // The number of a file that has gone is used again.
                fs.renameSync(to, join(there, "..", "aside"))
                fs.writeFileSync(to, PLANTED)
              }
              done(status)
            })
          const copied = answering("MoveFileExW", exchange, Pipeline.copy(from, to, { ...options, overwrite }))
          const error = yield* failureOf(copied)
          expect(error).toMatchObject({ reason: "Changed", path: to })
          expect(planted(there).filter((name) => !/journal$/.test(name))).toEqual(["copy"])
        }
      }
    })
  })

  describe("of a small file, in one request,", () => {
    /** A kernel with such a request, which answers this. */
    const atOnce = <A, E, R>(
      answer: (arguments_: Calls["CopySmallFile"][0], done: Done) => void,
      effect: Effect.Effect<A, E, R>
    ) => answering("CopySmallFile", answer, effect, { copiesSmallFiles: () => true })
    const copy = { volume: 0n, fileIndex: 0n, createdTimeNs: 0n }
    const outcome = (outcome: string) => (_: unknown, done: Done) => setImmediate(done, 0, { outcome, bytes: 0, copy })

    claim("whose source has changed, or that is not what was written, fails as any other", function*() {
      const { from, there, to } = yield* world
      const told = (one: string) => failureOf(atOnce(outcome(one), Pipeline.copy(from, to, { verify: "read" })))
      expect(yield* told("changed")).toMatchObject({ reason: "Changed", path: from })
      expect(yield* told("mismatch")).toMatchObject({ reason: "Mismatch", path: to })
      expect(fs.readdirSync(there)).toEqual([])
    })
    claim("that is none, or whose request fails, is made by handles", function*() {
      const here = yield* world
      yield* atOnce(outcome("anotherWay"), Pipeline.copy(here.from, here.to))
      isCopy(here)
      fs.unlinkSync(here.to)
      // The device has failed in the middle of it, and nothing that was made could be removed.
      const failed = ({ to }: Calls["CopySmallFile"][0], done: Done) => {
        fs.writeFileSync(to, "half")
        setImmediate(done, C.ERROR_IO_DEVICE)
      }
      yield* atOnce(failed, Pipeline.copy(here.from, here.to))
      isCopy(here)
      expect(fs.readdirSync(here.there)).toEqual(["copy"])
      fs.unlinkSync(here.to)
      // The name is somebody else's.
      const taken = ({ to }: Calls["CopySmallFile"][0], done: Done) => {
        fs.writeFileSync(to, "somebody's own")
        setImmediate(done, C.ERROR_ALREADY_EXISTS)
      }
      yield* atOnce(taken, Pipeline.copy(here.from, here.to))
      isCopy(here)
      expect(fs.readdirSync(here.there).map(isPartial).sort()).toEqual([false, true])
    })
    claim("is asked for as the options say", function*() {
      const asked: Array<unknown> = []
      const note = ({ follow, keeps, limit, mode, times, verify }: Calls["CopySmallFile"][0], done: Done) => {
        asked.push({ follow, keeps, limit, mode, times, verify })
        outcome("anotherWay")(undefined, done)
      }
      const all: ReadonlyArray<Pipeline.CopyOptions> = [
        {},
        { verify: "read" },
        { preserve: ["times"], chunkSize: 200_000 },
        { preserve: ["permissions"], journal: true, journalEvery: 131_072, chunkSize: 131_072 },
        // By handles.
        { resume: true },
        { verify: "durable" },
        { chunkSize: 65_536 }
      ]
      for (const options of all) {
        const { from, to } = yield* world
        yield* atOnce(note, Pipeline.copy(from, to, options))
      }
      const plain = { follow: false, keeps: 0o1777, limit: 524_288, mode: 0o600, times: true, verify: false }
      expect(asked).toEqual([
        plain,
        { ...plain, verify: true },
        { ...plain, keeps: undefined, limit: 200_000, mode: 0o666 },
        { ...plain, limit: 131_072, times: false }
      ])
    })
  })

  describe("carries over what was asked for:", () => {
    const kinds = ["times", "permissions"] as const
    const asked: ReadonlyArray<ReadonlyArray<(typeof kinds)[number]>> = [[], ["times"], ["permissions"], kinds]
    onPosix("of files, in every form, of streams and of directories", function*() {
      const fresh = (kind: number) => kind & ~process.umask()
      for (const preserve of asked) {
        const permissions = preserve.includes("permissions")
        const makes: ReadonlyArray<
          (from: string, to: string) => Effect.Effect<unknown, Win32Error | PipelineError, Kernel>
        > = [
          ...FORMS.map((options) => (from: string, to: string) => Pipeline.copy(from, to, { ...options, preserve })),
          (from, to) => Pipeline.transform(from, to, (bytes) => bytes, { preserve, durable: true })
        ]
        for (const make of makes) {
          const here = yield* world
          fs.chmodSync(here.from, 0o1604)
          fs.utimesSync(here.from, 1000, 1000)
          yield* make(here.from, here.to)
          isCopy(here)
          const { mode, mtimeMs } = fs.statSync(here.to)
          expect([mode & 0o7777, mtimeMs === 1_000_000]).toEqual([
            permissions ? 0o1604 : fresh(0o666),
            preserve.includes("times")
          ])
        }
        const { source, to } = yield* world
        fs.chmodSync(source, 0o505)
        fs.utimesSync(source, 1000, 1000)
        yield* Pipeline.copyTree(source, to, { preserve })
        const { mode, mtimeMs } = fs.statSync(to)
        expect([mode & 0o7777, mtimeMs === 1_000_000]).toEqual([
          permissions ? 0o505 : fresh(0o777),
          preserve.includes("times")
        ])
      }
    })
    claim("of a transformation, how far it is, and f answers a stream or is refused", function*() {
      const { from, there, to } = yield* world
      fs.truncateSync(from, 10_000)
      const told: Array<Pipeline.BytesProgress> = []
      yield* Pipeline.transform(from, to, (bytes) => bytes, { ...SMALL, onProgress: (now) => told.push(now) })
      expect(told).toEqual([4096, 8192, 10_000].map((bytes) => ({ bytes, totalBytes: 10_000 })))
      fs.unlinkSync(to)
      for (const wrong of [undefined, 7, Effect.void, {}]) {
        const error = yield* failureOf(
          Pipeline.transform(
            from,
            to,
            () => wrong as Stream.Stream<Uint8Array>
          )
        )
        expect(error).toMatchObject({ _tag: "PipelineError", reason: "InvalidArgument", path: from })
        expect(error.message).toContain("f must answer a Stream.")
        expect(fs.readdirSync(there)).toEqual([])
      }
      expect(yield* Pipeline.transform(from, to, () => Stream.empty)).toEqual({ bytesRead: 0, bytesWritten: 0 })
      expect(fs.statSync(to).size).toBe(0)
    })
    claim("with a journal beside it where one is wanted and it is longer than a stretch", function*() {
      const journaled = (options: Pipeline.CopyOptions, size = SIZE) =>
        Effect.gen(function*() {
          const { from, to } = yield* world
          fs.truncateSync(from, size)
          const kinds = new Set<string>()
          const onProgress = ({ partials }: Pipeline.Progress) => {
            for (const path of partials()) kinds.add(path.replace(/.*\./, ""))
          }
          yield* Pipeline.copy(from, to, { ...SMALL, journalEvery: 16_384, ...options, onProgress })
          return kinds.has("journal")
        })
      expect(yield* journaled({})).toBe(false)
      for (const verify of ["read", "durable"] as const) {
        expect([verify, yield* journaled({ verify })]).toEqual([verify, true])
      }
      expect(yield* journaled({ verify: "read", journal: false })).toBe(false)
      expect(yield* journaled({ journal: true }, 16_384)).toBe(false)
      expect(yield* journaled({ journal: true }, 16_385)).toBe(true)
    })
  })

  claim("that fails is not kept for another one to go on with, unless it can", function*() {
    const kept = (options: Pipeline.CopyOptions) =>
      Effect.gen(function*() {
        const { from, there, to } = yield* world
        const copied = Pipeline.copy(from, to, { ...SMALL, inFlight: 1, journalEvery: 16_384, ...options })
        expect(yield* failureOf(failingIssue(30, C.ERROR_IO_DEVICE, copied))).toMatchObject({ reason: "DeviceFailure" })
        return fs.readdirSync(there).map((name) => name.replace(/.*\./, "")).sort()
      })
    expect(yield* kept({ resume: true })).toEqual(["journal", "partial"])
    expect(yield* kept({ resume: true, journal: false })).toEqual([])
    expect(yield* kept({ journal: true })).toEqual([])
  })

  claim("of a path that leads through a file, or into one, is of nothing", function*() {
    const { from, there, to } = yield* world
    for (const path of [join(from, "x"), join(there, "no")]) {
      const error = yield* failureOf(Pipeline.copy(path, to))
      expect(error).toMatchObject({ reason: "NotFound", path })
      expect(error.message).toContain("There is no ")
    }
    expect(yield* failureOf(Pipeline.copy(from, join(from, "x")))).toMatchObject({ reason: "NotFound", path: from })
    expect(yield* failureOf(Pipeline.copy(from, join(there, "no", "x")))).toMatchObject({ reason: "NotFound" })
    expect(fs.readdirSync(there)).toEqual([])
  })
})
