/**
 * Whose a temporary file is: judged by what the system tells of processes, which is a directory here.
 */
import { afterAll, beforeEach, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import builtin, * as fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { plainPlace } from "../../src/internal/held/Place.js"
import { findLeft, isOwn } from "../../src/internal/pipeline/leftovers.js"
import { journalName, partialName } from "../../src/internal/pipeline/names.js"
import { isLocal, lifeOf, type Owner, ownerOf, type System } from "../../src/internal/pipeline/owner.js"
import { endTag, lifeOfTag, nextTag, withTag } from "../../src/internal/pipeline/tags.js"

const MAKER = { locks: false, owner: undefined }

const base = fs.mkdtempSync(join(tmpdir(), "tpio-owner-"))
afterAll(() => fs.rmSync(base, { recursive: true, force: true }))

// --- systems

interface Process {
  readonly start: number
  readonly state?: string
  readonly threads?: number
}

interface Facts {
  readonly boot?: string
  readonly pidNamespace?: string
  readonly timeNamespace?: string
  readonly pid?: number
  /** The process that `/proc/self` leads to. */
  readonly shown?: number
  readonly processes?: Readonly<Record<number, Process>>
  readonly running?: ReadonlyArray<number>
  readonly platform?: NodeJS.Platform
}

const OWN = 100

/** A system whose /proc has been written down. Its own process has the number 100 and began at 5000. */
const systemOf = (facts: Facts = {}): System => {
  const proc = fs.mkdtempSync(join(base, "proc-"))
  const {
    boot = "9f6a7a3e-0000-4000-8000-000000000001",
    pid = OWN,
    pidNamespace = "pid:[4026531836]",
    platform = "linux",
    processes = {},
    running = Object.keys(processes).map(Number),
    shown = pid,
    timeNamespace = "time:[4026531834]"
  } = facts
  const all: Record<number, Process> = { [shown]: { start: 5000 }, ...processes }
  for (const [number, { start, state = "S", threads = 11 }] of Object.entries(all)) {
    fs.mkdirSync(join(proc, number, "ns"), { recursive: true })
    const fields = [
      state,
      "1",
      "1",
      "1",
      "0",
      "-1",
      "0",
      "0",
      "0",
      "0",
      "0",
      "0",
      "0",
      "0",
      "0",
      "20",
      "0",
      threads,
      "0",
      start
    ]
    fs.writeFileSync(join(proc, number, "stat"), `${number} (a) b (c) ${fields.join(" ")} 0 0 0\n`)
    fs.symlinkSync(pidNamespace, join(proc, number, "ns/pid"))
    fs.symlinkSync(timeNamespace, join(proc, number, "ns/time"))
  }
  fs.symlinkSync(`${shown}`, join(proc, "self"))
  fs.mkdirSync(join(proc, "sys/kernel/random"), { recursive: true })
  if (boot !== "") fs.writeFileSync(join(proc, "sys/kernel/random/boot_id"), `${boot}\n`)
  return { platform, pid, proc, isRunning: (asked) => asked === pid || running.includes(asked) }
}

const LOCAL = { hasJournal: true, isLocal: () => true }
const NETWORK = { hasJournal: true, isLocal: () => false }

/** How another process's file looks to a process of `mine`. */
const seen = (owner: Owner, mine: System, where = LOCAL) => lifeOf(owner, ownerOf(mine, false), mine, where)

const supported = process.platform !== "win32"

describe.skipIf(!supported)("on Linux a process", () => {
  const other = (facts: Facts = {}): Owner => ownerOf(systemOf({ pid: 200, ...facts }), false)
  const started = (start: number, more: Partial<Process> = {}) => ({ processes: { 200: { start, ...more } } })
  const owner = () => other(started(7000))

  it("that runs is alive, whatever file system it writes to", () => {
    expect(seen(owner(), systemOf(started(7000)))).toBe("live")
    expect(seen(owner(), systemOf(started(7000)), NETWORK)).toBe("live")
  })
  it("that has ended is dead, and so is one whose number another process has by now", () => {
    expect(seen(owner(), systemOf(), NETWORK)).toBe("dead")
    expect(seen(owner(), systemOf(started(7001)), NETWORK)).toBe("dead")
    expect(seen({ ...owner(), pid: OWN }, systemOf())).toBe("dead")
  })
  it("that has ended and nobody has asked how is dead; one whose first thread alone has ended is not", () => {
    expect(seen(owner(), systemOf(started(7000, { state: "Z", threads: 1 })))).toBe("dead")
    expect(seen(owner(), systemOf(started(7000, { state: "Z", threads: 3 })))).toBe("live")
  })
  it("of another boot is dead on a local file system, and unknown on one that other systems write to", () => {
    const before = other({ ...started(7000), boot: "9f6a7a3e-0000-4000-8000-000000000002" })
    expect(seen(before, systemOf(started(7000)))).toBe("dead")
    expect(seen(before, systemOf(started(7000)), NETWORK)).toBe("unknown")
  })
  it("of another namespace of the same boot is unknown: a container's, whatever the hosts are called", () => {
    const container = other({ ...started(7000), pidNamespace: "pid:[4026532574]" })
    expect(seen(container, systemOf())).toBe("unknown")
    expect(seen(container, systemOf(started(1)))).toBe("unknown")
    // The start of one process is another number there.
    expect(seen(other({ ...started(7000), timeNamespace: "time:[4026532575]" }), systemOf(started(1)))).toBe("unknown")
  })
  it("that the system does not show is unknown while it runs: hidepid=2, and another user", () => {
    expect(seen(owner(), systemOf({ running: [200] }))).toBe("unknown")
    expect(seen(owner(), systemOf({ running: [] }))).toBe("dead")
  })
  it("is unknown where /proc is of another namespace, unless nothing runs under its number", () => {
    expect(seen(owner(), systemOf({ ...started(1), shown: 4711 }))).toBe("unknown")
    expect(seen(owner(), systemOf({ running: [], shown: 4711 }))).toBe("dead")
  })
  it("that could not tell of itself is unknown, and everything is to one that cannot", () => {
    const nothing: System = { ...systemOf(started(7000)), proc: join(base, "none") }
    expect(seen(ownerOf({ ...nothing, pid: 200 }, false), systemOf(started(7000)))).toBe("unknown")
    expect(seen(owner(), nothing)).toBe("unknown")
    expect(seen(other({ ...started(7000), boot: "" }), systemOf(started(7000)))).toBe("unknown")
  })
  it("of another system than Linux is unknown", () => {
    for (const kind of ["w", "v", "u", "x"]) expect(seen({ ...owner(), kind }, systemOf())).toBe("unknown")
  })
})

describe.skipIf(!supported)("elsewhere a process", () => {
  const platforms = ["win32", "darwin"] as const
  const own = (platform: NodeJS.Platform, locks: boolean) => ownerOf(systemOf({ platform, pid: 200 }), locks)

  it("lives as long as nobody else can open its journal, on Windows", () => {
    const platform = "win32"
    for (const running of [[], [200]]) {
      for (const where of [LOCAL, NETWORK]) {
        const mine = systemOf({ platform, running })
        expect(lifeOf(own(platform, true), ownerOf(mine, true), mine, where)).toBe("lock")
        // Another kernel of the same system cannot open it, either.
        expect(lifeOf(own(platform, true), ownerOf(mine, false), mine, where)).toBe("lock")
      }
    }
  })
  it.each(platforms)(
    "without a journal, or without locks, lives as long as its number is in use, on %s",
    (platform) => {
      for (const [locks, hasJournal] of [[true, false], [false, true], [false, false]] as const) {
        const look = (running: ReadonlyArray<number>, local: boolean) => {
          const mine = systemOf({ platform, running })
          return lifeOf(own(platform, locks), ownerOf(mine, locks), mine, { hasJournal, isLocal: () => local })
        }
        expect(look([200], true)).toBe("live")
        expect(look([], true)).toBe("dead")
        expect(look([], false)).toBe("unknown")
      }
    }
  )
  it("has no clock: its tag is the same whatever the time", () => {
    for (const platform of platforms) {
      expect(own(platform, true)).toEqual({ ...own(platform, true), start: "0", boot: "0" })
    }
  })
})

describe("a file system", () => {
  it("of a temporary directory is local; one that is not there, nobody knows", () => {
    // The answer depends on the machine: at least there is one.
    expect(typeof isLocal(base)).toBe("boolean")
    expect(isLocal(join(base, "none"))).toBe(false)
  })
  it.skipIf(process.platform !== "linux")("that has no files of its own is not taken for a local one", () => {
    expect(isLocal("/proc")).toBe(false)
    // A file system that macOS has under another number.
    expect(isLocal(base, "darwin")).toBe(false)
    const TMPFS = 0x0102_1994
    if (fs.existsSync("/dev/shm") && fs.statfsSync("/dev/shm").type === TMPFS) expect(isLocal("/dev/shm")).toBe(true)
  })
})

// --- tags, and what bears them

const life = (tag: string) => lifeOfTag(tag, MAKER, { hasJournal: false, isLocal: () => true })

describe("a tag", () => {
  it("is in use from its making to its end, whoever uses it", () => {
    const tag = nextTag(MAKER)
    expect(life(tag)).toBe("live")
    endTag(tag)
    expect(life(tag)).toBe("dead")
    const other = tag.split("-").map((part, index) => index === 4 ? `${part === "a" ? "b" : "a"}` : part).join("-")
    // Another worker of this process, or another copy of the library in it.
    expect(life(other)).toBe("live")
  })
  it.effect("lasts as long as what uses it, however that ends", () =>
    Effect.gen(function*() {
      let tag = ""
      const use = (given: string) =>
        Effect.suspend(() => {
          expect(life(tag = given)).toBe("live")
          return Effect.fail("enough")
        })
      yield* Effect.ignore(withTag(MAKER, use))
      expect(life(tag)).toBe("dead")
    }))
})

describe("leftovers", () => {
  let directory = ""
  beforeEach(() => {
    directory = fs.mkdtempSync(join(base, "left-"))
  })
  const put = (...names: ReadonlyArray<string>) => {
    for (const name of names) fs.writeFileSync(join(directory, name), "")
  }
  const ended = () => {
    const tag = nextTag(MAKER)
    endTag(tag)
    return tag
  }
  const warnings: Array<string> = []
  const quiet = Layer.provideMerge(
    Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => void warnings.push(String(message)))),
    Layer.empty
  )
  const find = (names: ReadonlyArray<string>, takeOver = false) =>
    Effect.suspend(() => {
      warnings.length = 0
      return Effect.provide(findLeft(plainPlace(directory), names, { maker: MAKER, takeOver }), quiet)
    })
  /** The tag of a process in another container. */
  const foreign = () =>
    ended().split("-").map((part, index) => index === 1 ? "elsewhere" : part).join("-")
      .replace(/-[0-9a-z]+-([0-9a-z]+)$/, "-another-$1")

  it.effect("are what belongs to a file that is to be copied, and is no file of the source's itself", () =>
    Effect.gen(function*() {
      const [a, b, running] = [ended(), ended(), nextTag(MAKER)]
      put(
        partialName("wanted", a),
        partialName("other", a),
        journalName("wanted", b),
        partialName("half", a),
        journalName("half", a),
        partialName("half", b),
        partialName("half", running),
        journalName("half", running)
      )
      const left = yield* find(["wanted", "half", partialName("wanted", a)])
      expect([...left.journaled]).toEqual([["half", [a]]])
      expect([...left.useless].sort()).toEqual([partialName("half", b), journalName("wanted", b)].sort())
      expect(left.foreign).toEqual([])
      expect(warnings).toEqual([])
      endTag(running)
    }))

  it.effect.skipIf(process.platform !== "linux")(
    "of another container are left alone and named in a warning, unless they are to be taken over",
    () =>
      Effect.gen(function*() {
        const tag = foreign()
        put(partialName("a", tag), journalName("a", tag), partialName("b", tag))
        const left = yield* find(["a", "b"])
        expect(left).toMatchObject({ journaled: new Map(), useless: [] })
        expect([...left.foreign].sort()).toEqual(
          [partialName("a", tag), partialName("b", tag), journalName("a", tag)].sort()
        )
        expect(warnings.join()).toContain(partialName("a", tag))
        const taken = yield* find(["a", "b"], true)
        expect([...taken.journaled]).toEqual([["a", [tag]]])
        expect(taken.useless).toEqual([partialName("b", tag)])
        expect(taken.foreign).toEqual([])
        expect(warnings).toEqual([])
      })
  )

  it.effect.skipIf(process.platform !== "linux")(
    "of which there are many are named three, and counted",
    () =>
      Effect.gen(function*() {
        const told = (count: number) =>
          Effect.gen(function*() {
            for (const name of fs.readdirSync(directory)) fs.unlinkSync(join(directory, name))
            for (let made = 0; made < count; made++) put(partialName("a", foreign()))
            yield* find(["a"])
            const text = warnings.join()
            return [text.split(".partial").length - 1, / and (\d+) more\.$/.exec(text)?.[1]]
          })
        expect(yield* told(3)).toEqual([3, undefined])
        expect(yield* told(4)).toEqual([3, "1"])
        expect(yield* told(9)).toEqual([3, "6"])
      })
  )

  it.effect("that are links, directories, or files with another name are not touched, taken over or not", () =>
    Effect.gen(function*() {
      const tags = [ended(), ended(), ended(), ended()] as const
      put(
        "secret",
        "document",
        journalName("a", tags[0]),
        journalName("a", tags[1]),
        partialName("a", tags[3]),
        "journal"
      )
      if (supported) fs.symlinkSync("secret", join(directory, partialName("a", tags[0])))
      fs.linkSync(join(directory, "document"), join(directory, partialName("a", tags[1])))
      fs.mkdirSync(join(directory, partialName("a", tags[2])))
      // The journal, too.
      fs.linkSync(join(directory, "journal"), join(directory, journalName("a", tags[3])))
      const before = fs.readdirSync(directory)
      for (const takeOver of [false, true]) {
        const left = yield* find(["a"], takeOver)
        expect(left.journaled.size).toBe(0)
        expect(left.useless).toEqual(supported ? [] : [journalName("a", tags[0])])
        expect(left.foreign.length).toBe(supported ? 7 : 6)
      }
      expect(fs.readdirSync(directory)).toEqual(before)
    }))

  it.effect("whose other name is the final one are the end of a copy that was killed: only the name goes", () =>
    Effect.gen(function*() {
      const tag = ended()
      put(partialName("a", tag), journalName("a", tag))
      fs.linkSync(join(directory, partialName("a", tag)), join(directory, "a"))
      const left = yield* find(["a"])
      expect([...left.useless].sort()).toEqual([partialName("a", tag), journalName("a", tag)].sort())
      // Not with a third one.
      fs.linkSync(join(directory, "a"), join(directory, "b"))
      expect(yield* find(["a"])).toMatchObject({ useless: [], journaled: new Map() })
    }))

  it("are one's own: of this user, a file, under one name", () => {
    put("own")
    const stat = fs.lstatSync(join(directory, "own"), { bigint: true })
    const like = (change: object) => Object.assign(Object.create(Object.getPrototypeOf(stat)), stat, change)
    expect(isOwn(stat)).toBe(true)
    expect(isOwn(like({ nlink: 2n }))).toBe(false)
    expect(isOwn(like({ mode: BigInt(fs.constants.S_IFIFO) | 0o600n }))).toBe(false)
    if (process.geteuid !== undefined) expect(isOwn(like({ uid: BigInt(process.geteuid()) + 1n }))).toBe(false)
  })

  it.effect(
    "of one name can be 150,000, and the event loop turns while they are looked at",
    () =>
      Effect.gen(function*() {
        const MANY = 150_000
        const tag = ended()
        const names = function*() {
          for (let count = 0; count < MANY; count++) {
            yield journalName("a", tag.replace(/[0-9a-z]+$/, count.toString(36)))
          }
        }
        put("one")
        const stat = fs.lstatSync(join(directory, "one"), { bigint: true })
        // For everybody in this process who has imported them, and so taken back at the end.
        const { lstatSync, opendirSync } = builtin
        // Each that opens it reads all of it: somebody else in this process may, too.
        const opened = () => {
          const entries = names()
          const readSync = () => {
            const { done, value } = entries.next()
            return done === true ? null : { name: Buffer.from(value) }
          }
          return { readSync, closeSync: () => {} }
        }
        const pretended = { lstatSync: () => stat, opendirSync: opened }
        Object.assign(builtin as object, pretended)
        syncBuiltinESMExports()
        let turns = 0
        const turn = setInterval(() => turns++, 0)
        const left = yield* Effect.ensuring(
          find(["a"]),
          Effect.sync(() => {
            clearInterval(turn)
            Object.assign(builtin as object, { lstatSync, opendirSync })
            syncBuiltinESMExports()
          })
        )
        expect(left.useless.length).toBe(MANY)
        expect(turns).toBeGreaterThan(3)
      }),
    60_000
  )
})
