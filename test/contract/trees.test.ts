/**
 * Trees as they come: names that are no text, directories that were there or belong to somebody else, sources that go
 * away, file systems without numbers for files.
 */
import { expect } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { execFileSync } from "node:child_process"
import builtin, * as fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import { join } from "node:path"
import type { Kernel } from "../../src/Kernel.js"
import * as Pipeline from "../../src/Pipeline.js"
import type { PipelineError } from "../../src/PipelineError.js"
import { contract, failureOf } from "../support/claims.js"
import { interposed } from "../support/interposer.js"
import * as lab from "../support/lab.js"
import { World } from "../support/swaps.js"

const world = Effect.map(lab.directory, (directory) => new World(directory))

/** A system that answers otherwise while an effect runs. */
const played = <A, E, R>(functions: object, effect: Effect.Effect<A, E, R>) => {
  const real = Object.fromEntries(Object.keys(functions).map((name) => [name, builtin[name as keyof typeof builtin]]))
  const play = (functions: object) =>
    Effect.sync(() => {
      Object.assign(builtin, functions)
      syncBuiltinESMExports()
    })
  return Effect.acquireUseRelease(play(functions), () => effect, () => play(real))
}

const withoutNumbers = Object.fromEntries(
  (["statSync", "lstatSync", "fstatSync"] as const).map((name) => {
    const real = fs[name] as (...arguments_: Array<unknown>) => fs.BigIntStats | undefined
    return [name, (...arguments_: Array<unknown>) => {
      const stat = real(...arguments_)
      return stat === undefined || typeof stat.ino !== "bigint" ? stat : Object.assign(stat, { ino: 0n, dev: 1n })
    }]
  })
)

const refusing = (code: string) => () => {
  throw Object.assign(new Error(`${code}: not permitted`), { code, syscall: "utimes" })
}

contract("trees", ({ claim, only }) => {
  const onPosix = only(lab.onPosix, "Windows has no such names, modes or flushes")

  onPosix("with a name that is not UTF-8: the others beside it are copied, and it is told", function*() {
    const here = yield* world
    fs.writeFileSync(Buffer.concat([Buffer.from(`${here.source}/sub/`), Buffer.from([0x66, 0xff])]), "")
    const options = { onFailure: "collect" } as const
    const error: PipelineError = yield* failureOf(Pipeline.copyTree(here.source, here.copy, options))
    expect(error.failures.map(({ reason }) => reason)).toEqual(["BadName"])
    expect(error.failures[0]!.message).toContain("f\\xff")
    expect(fs.readdirSync(join(here.copy, "sub")).sort()).toEqual(["b", "deep"])
  })

  onPosix("a directory that was found keeps its permissions, and is not given the source's times", function*() {
    const here = yield* world
    fs.utimesSync(join(here.source, "sub"), 1000, 1000)
    fs.mkdirSync(join(here.copy, "sub"), { recursive: true })
    fs.chmodSync(join(here.copy, "sub"), 0o711)
    yield* played({ utimesSync: refusing("EPERM") }, Pipeline.copyTree(here.source, here.copy, { overwrite: true }))
      .pipe(
        Effect.flip,
        Effect.tap(({ path }: PipelineError) => Effect.sync(() => expect(path).toBe(join(here.copy, "sub/deep"))))
      )
    yield* Pipeline.copyTree(here.source, here.copy, { overwrite: true })
    const { mode, mtimeMs } = fs.statSync(join(here.copy, "sub"))
    expect(mode & 0o777).toBe(0o711)
    expect(mtimeMs).not.toBe(1_000_000)
    expect(here.differences).toEqual([])
  })

  onPosix("a directory that was found, and is somebody else's, does not fail what is resumed", function*() {
    const here = yield* world
    yield* Pipeline.copyTree(here.source, here.copy)
    for (const code of ["EPERM", "EACCES"]) {
      fs.unlinkSync(join(here.copy, "sub/b"))
      yield* played({ utimesSync: refusing(code) }, Pipeline.copyTree(here.source, here.copy, { resume: true }))
      expect(here.differences).toEqual([])
    }
    const failed = played({ utimesSync: refusing("EIO") }, Pipeline.copyTree(here.source, here.copy, { resume: true }))
    expect(yield* failureOf(failed)).toMatchObject({ reason: "DeviceFailure", path: join(here.copy, "sub/deep") })
  })

  onPosix("a directory that was found is finished by what goes on with it", function*() {
    const here = yield* world
    fs.chmodSync(join(here.source, "sub"), 0o505)
    fs.utimesSync(join(here.source, "sub"), 1000, 1000)
    fs.mkdirSync(join(here.copy, "sub/deep"), { recursive: true })
    yield* Pipeline.copyTree(here.source, here.copy, { resume: true })
    const { mode, mtimeMs } = fs.statSync(join(here.copy, "sub"))
    expect([mode & 0o777, mtimeMs]).toEqual([0o505, 1_000_000])
    expect(here.differences).toEqual([])
  })

  claim("a file in the place of a directory fails what is in that, each once, and nothing else", function*() {
    const here = yield* world
    fs.mkdirSync(here.copy)
    fs.writeFileSync(join(here.copy, "sub"), "in the way")
    for (const options of [{ overwrite: true }, { resume: true }]) {
      const error: PipelineError = yield* failureOf(
        Pipeline.copyTree(here.source, here.copy, { ...options, onFailure: "collect" })
      )
      expect(error).toMatchObject({ reason: "FilesFailed", path: here.copy, left: [] })
      expect(error.failures[0]).toMatchObject({ reason: "AlreadyExists", path: join(here.copy, "sub") })
      // Two directories, and a file in each.
      expect(error.failures.length).toBe(4)
      expect(fs.readdirSync(here.copy).sort()).toEqual(["a", "sub", "z"])
    }
    const whole: PipelineError = yield* failureOf(Pipeline.copyTree(here.source, join(here.copy, "a")))
    expect(whole).toMatchObject({ reason: "AlreadyExists", path: join(here.copy, "a"), failures: [] })
    // Into what is there nothing is copied unasked.
    expect(yield* failureOf(Pipeline.copyTree(here.source, here.copy))).toMatchObject({
      reason: "AlreadyExists",
      path: here.copy
    })
  })

  onPosix(
    "a link to a directory is what is copied into, as the destination alone; another link is in the way",
    function*() {
      const here = yield* world
      fs.mkdirSync(join(here.base, "real"))
      fs.symlinkSync("real", here.copy)
      yield* Pipeline.copyTree(here.source, here.copy, { overwrite: true })
      expect(here.differences).toEqual([])
      expect(fs.lstatSync(here.copy).isSymbolicLink()).toBe(true)
      fs.rmSync(join(here.base, "real/sub"), { recursive: true })
      fs.symlinkSync(here.outside, join(here.base, "real/sub"))
      expect(yield* failureOf(Pipeline.copyTree(here.source, here.copy, { overwrite: true }))).toMatchObject({
        reason: "AlreadyExists",
        path: join(here.copy, "sub")
      })
      for (const leads of ["nowhere", join(here.source, "a")]) {
        fs.unlinkSync(here.copy)
        fs.symlinkSync(leads, here.copy)
        expect(yield* failureOf(Pipeline.copyTree(here.source, here.copy, { overwrite: true }))).toMatchObject({
          reason: "AlreadyExists",
          path: here.copy
        })
      }
      expect(here.touched).toEqual([])
    }
  )

  onPosix("links are replaced when they may be, found when they are there, and taken back", function*() {
    const here = yield* world
    const copied = (options: Pipeline.CopyTreeOptions) => Pipeline.copyTree(here.source, here.copy, options)
    const text = () => fs.readlinkSync(join(here.copy, "link"))
    fs.symlinkSync("a", join(here.source, "link"))
    fs.lutimesSync(join(here.source, "link"), 1000, 1000)
    yield* copied({})
    expect(fs.lstatSync(join(here.copy, "link")).mtimeMs).toBe(1_000_000)
    const { ino } = fs.lstatSync(join(here.copy, "link"))
    expect(yield* copied({ resume: true })).toMatchObject({ links: 1, replaced: 0 })
    expect(fs.lstatSync(join(here.copy, "link")).ino).toBe(ino)
    for (const other of ["z", undefined]) {
      fs.unlinkSync(join(here.copy, "link"))
      if (other === undefined) fs.writeFileSync(join(here.copy, "link"), "a file")
      else fs.symlinkSync(other, join(here.copy, "link"))
      expect(yield* failureOf(copied({ resume: true }))).toMatchObject({
        reason: "AlreadyExists",
        path: join(here.copy, "link")
      })
      expect(yield* copied({ resume: true, overwrite: true })).toMatchObject({ replaced: 1 })
      expect(text()).toBe("a")
    }
    expect(yield* copied({ overwrite: true, preserve: [] })).toMatchObject({ replaced: 5 })
    expect(text()).toBe("a")
    expect(fs.lstatSync(join(here.copy, "link")).mtimeMs).not.toBe(1_000_000)
    expect(fs.readdirSync(here.copy).sort()).toEqual(["a", "link", "sub", "z"])
    // A directory is not replaced by a link, and what was to replace it goes.
    fs.unlinkSync(join(here.copy, "link"))
    fs.mkdirSync(join(here.copy, "link"))
    expect(yield* failureOf(copied({ overwrite: true }))).toMatchObject({ path: join(here.copy, "link") })
    expect(fs.readdirSync(here.copy).filter((name) => name.startsWith("."))).toEqual([])
    fs.rmSync(here.copy, { recursive: true })
    // Links come before files.
    fs.mkdirSync(join(here.copy, "z"), { recursive: true })
    expect(yield* failureOf(copied({ overwrite: true, concurrency: 1 }))).toMatchObject({
      reason: "AlreadyExists",
      left: []
    })
    expect(fs.readdirSync(here.copy)).toEqual(["z"])
  })

  onPosix("what can be no copy is told by its kind, in a tree as by itself", function*() {
    const here = yield* world
    execFileSync("mkfifo", [join(here.source, "special")])
    const special = join(here.source, "special")
    const told: ReadonlyArray<readonly [Effect.Effect<unknown, PipelineError, Kernel>, string, string]> = [
      [Pipeline.copyTree(here.source, here.copy), special, "FIFO"],
      [Pipeline.copy(special, here.copy), special, "FIFO"],
      [Pipeline.copy("/dev/null", here.copy), "/dev/null", "device"]
    ]
    for (const [copy, path, kind] of told) {
      const error: PipelineError = yield* failureOf(copy)
      expect(error).toMatchObject({ reason: "SpecialFile", path })
      expect(error.message).toContain(`is a ${kind}, which cannot be copied.`)
      expect(fs.existsSync(here.copy)).toBe(false)
    }
    const collected = Pipeline.copyTree(here.source, here.copy, { onFailure: "collect" })
    expect((yield* failureOf(collected)).failures).toMatchObject([{ reason: "SpecialFile", path: special }])
    expect(here.differences).toEqual([])
  })

  onPosix("every directory that has got an entry is flushed, and the one above them", function*() {
    const here = yield* world
    const flushed = new Set<string>()
    const { fsync } = fs
    const recorded = (fd: number, done: fs.NoParamCallback) => {
      const { ino } = fs.fstatSync(fd)
      for (const path of [here.base, here.copy, join(here.copy, "sub"), join(here.copy, "sub/deep")]) {
        if (fs.statSync(path).ino === ino) flushed.add(path)
      }
      fsync(fd, done)
    }
    yield* played({ fsync: recorded }, Pipeline.copyTree(here.source, here.copy, { verify: "durable" }))
    expect(flushed.size).toBe(4)
    flushed.clear()
    const one = Pipeline.copy(join(here.source, "a"), join(here.copy, "one"), { verify: "durable" })
    yield* played({ fsync: recorded }, one)
    expect([...flushed]).toEqual([here.copy])
  })

  claim("that go away at any moment fail as they say, and are no defects", function*() {
    for (const what of ["source", "source/sub", "source/z"]) {
      for (let at = 1, more = true; more; at += process.platform === "win32" ? 9 : 2) {
        const here = yield* world
        const gone = (request: number) => {
          try {
            if (request === at) fs.rmSync(join(here.base, what), { recursive: true, force: true })
          } catch {
            // Windows does not let go of a directory that is held.
          }
        }
        const { exit, requests } = yield* interposed(
          gone,
          Pipeline.copyTree(here.source, here.copy, { concurrency: 1 })
        )
        if (Exit.isFailure(exit)) expect(Cause.isFailure(exit.cause), `${what} at ${at}: ${exit.cause}`).toBe(true)
        more = at < requests
      }
    }
  }, 120_000)

  onPosix("on a file system without numbers for files are copied, resumed, and told from each other", function*() {
    const here = yield* world
    fs.symlinkSync("a", join(here.source, "link"))
    // Open files tell their numbers to the kernel, which is not played here.
    for (const name of ["a", "sub/b", "sub/deep/c", "z"]) fs.unlinkSync(join(here.source, name))
    yield* played(withoutNumbers, Pipeline.copyTree(here.source, here.copy))
    yield* played(withoutNumbers, Pipeline.copyTree(here.source, here.copy, { resume: true }))
    expect(fs.readdirSync(here.copy).sort()).toEqual(["link", "sub"])
    const nested: ReadonlyArray<readonly [from: string, to: string]> = [
      [here.source, here.source],
      [here.source, join(here.source, "sub/copy")],
      [join(here.source, "sub"), here.source]
    ]
    for (const [from, to] of nested) {
      const error: PipelineError = yield* failureOf(
        played(withoutNumbers, Pipeline.copyTree(from, to, { overwrite: true }))
      )
      expect(error.reason).toBe("Nested")
    }
  })
})
