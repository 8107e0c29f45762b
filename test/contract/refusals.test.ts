/**
 * Copies that cannot be made fail typed and leave nothing: into a name that is too long, into a directory that one may
 * not look into, from a file that would keep its reader waiting.
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import { expect } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import { createRequire, syncBuiltinESMExports } from "node:module"
import { dirname, join } from "node:path"
import * as File from "../../src/File.js"
import { Kernel } from "../../src/Kernel.js"
import * as Pipeline from "../../src/Pipeline.js"
import * as ThreadpoolFileSystem from "../../src/ThreadpoolFileSystem.js"
import { byHandles } from "../support/byHandles.js"
import { contract, failureOf, pattern } from "../support/claims.js"
import * as lab from "../support/lab.js"

type Make = (from: string, to: string) => Effect.Effect<unknown, unknown, Kernel>

const withFs = <A, E>(use: (fs: FileSystem.FileSystem) => Effect.Effect<A, E>) =>
  Effect.flatMap(ThreadpoolFileSystem.make, use)

const pipelines: Readonly<Record<string, Make>> = {
  "copy": Pipeline.copy,
  "copy, verified": (from, to) => Pipeline.copy(from, to, { verify: "read" }),
  "copy, resumed": (from, to) => Pipeline.copy(from, to, { resume: true, chunkSize: 65_536 }),
  "transform": (from, to) => Pipeline.transform(from, to, (bytes) => bytes)
}

const copies: Readonly<Record<string, Make>> = {
  ...pipelines,
  "File.copy": (from, to) => File.copy(from, to),
  "FileSystem.copyFile": (from, to) => withFs((fs) => fs.copyFile(from, to)),
  "FileSystem.copy": (from, to) => withFs((fs) => fs.copy(from, to))
}

const world = (size: number) =>
  Effect.map(lab.directory, (base) => {
    const from = join(base, "from")
    const there = join(base, "there")
    fs.writeFileSync(from, pattern(size))
    fs.mkdirSync(there)
    return { base, from, there }
  })

contract("a copy that cannot be made fails typed, and leaves nothing", ({ only }) => {
  const onPosix = only(["portable", "simulated"], "names are UTF-16, and rights are other ones")

  const oneFile: Make = (from, to) => Pipeline.copyTree(from, to)
  for (const [method, make] of Object.entries({ ...copies, "copyTree of a file": oneFile })) {
    onPosix(`${method} into a name of 256 bytes`, function*() {
      for (const size of [0, 10, 200_000]) {
        const { from, there } = yield* world(size)
        for (const name of ["n".repeat(256), "ä".repeat(128), "n".repeat(4000)]) {
          expect(yield* failureOf(make(from, join(there, name)))).toMatchObject({
            _tag: expect.stringMatching(/^(PipelineError|Win32Error|SystemError)$/)
          })
          expect(fs.readdirSync(there)).toEqual([])
        }
        yield* make(from, join(there, "ä".repeat(127)))
        expect(fs.readdirSync(there)).toEqual(["ä".repeat(127)])
      }
    })
  }

  const isRoot = process.getuid?.() === 0

  /** Root may look everywhere: as somebody else for as long as it takes. */
  const asUser = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    isRoot
      ? Effect.acquireUseRelease(
        Effect.sync(() => process.seteuid!(65_534)),
        () => effect,
        () => Effect.sync(() => process.seteuid!(0))
      )
      : effect

  const resuming: Readonly<Record<string, Make>> = {
    "copy": copies.copy!,
    "copy, resumed": (from, to) => Pipeline.copy(from, to, { resume: true, verify: "durable" }),
    "copy that overwrites": (from, to) => Pipeline.copy(from, to, { overwrite: true }),
    "copyTree, resumed": (from, to) => Pipeline.copyTree(dirname(from), to, { resume: true, verify: "read" }),
    "copyTree that collects": (from, to) =>
      Pipeline.copyTree(dirname(from), to, { resume: true, onFailure: "collect" }),
    "transform": copies.transform!,
    "transform that takes over": (from, to) => Pipeline.transform(from, to, (bytes) => bytes, { takeOver: true }),
    "File.copy": copies["File.copy"]!,
    "FileSystem.copyFile": copies["FileSystem.copyFile"]!,
    "FileSystem.copy": copies["FileSystem.copy"]!
  }
  for (const [method, make] of Object.entries(resuming)) {
    onPosix(`${method} into a directory, or from one, that one may not look into`, function*() {
      for (const mode of [0o600, 0o300, 0o500, 0o000]) {
        for (const closed of ["there", "in"] as const) {
          const { base } = yield* world(0)
          fs.mkdirSync(join(base, "in"))
          fs.writeFileSync(join(base, "in/from"), pattern(5000))
          fs.mkdirSync(join(base, "there/tree"))
          fs.writeFileSync(join(base, "there/tree/from"), "another")
          const owned = ["", "in", "in/from", "there", "there/tree", "there/tree/from"]
          if (isRoot) { for (const name of owned) fs.chownSync(join(base, name), 65_534, 65_534) }
          fs.chmodSync(join(base, closed), mode)
          const to = join(base, "there", method.startsWith("copyTree") ? "tree" : "copy")
          const ended = yield* Effect.exit(asUser(make(join(base, "in/from"), to)))
          fs.chmodSync(join(base, closed), 0o700)
          const said = `${closed} ${mode.toString(8)}`
          if (Exit.isFailure(ended)) {
            expect([...Cause.defects(ended.cause)], said).toEqual([])
            expect(Cause.isFailure(ended.cause), said).toBe(true)
          }
          // To search and read is enough of a source, to search and write of a destination.
          const may = closed === "in" ? [0o300, 0o500] : [0o300]
          if (!may.includes(mode) && !method.startsWith("copyTree")) {
            expect([said, ended._tag]).toEqual([said, "Failure"])
          }
        }
      }
    })
  }
})

// --- files that would keep their reader waiting

const kinds = { ...copies, "copyTree": ((from, to) => Pipeline.copyTree(dirname(from), to)) as Make }

const readers: Readonly<Record<string, (from: string) => Effect.Effect<unknown, unknown, Kernel>>> = {
  "hash": (from) => Pipeline.hash(from),
  "readFile": (from) => withFs((fs) => fs.readFile(from)),
  "FileSystem.stream": (from) => withFs((fs) => Stream.runDrain(fs.stream(from))),
  "File.stream": (from) => Effect.scoped(Effect.flatMap(File.open(from), (file) => Stream.runDrain(File.stream(file)))),
  "File.read": (from) => Effect.scoped(Effect.flatMap(File.open(from), (file) => File.read(file, new Uint8Array(9), 0)))
}

/**
 * Every read of the file of that name from its n-th on finds nothing yet, as those of /proc/kmsg: the system says so at
 * once because the file was opened in a way that does not wait.
 */
const wouldWait = <A, E, R>(path: string, from: number, effect: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.map(Kernel, ({ engine }) => {
      const module = createRequire(import.meta.url)("node:fs") as { read: unknown }
      const { read } = fs
      const { ino } = fs.statSync(path)
      let reads = 0
      let waits = false
      module.read = (fd: number, ...rest: ReadonlyArray<unknown>) => {
        if (fs.fstatSync(fd).ino !== ino || ++reads < from) return Reflect.apply(read, fs, [fd, ...rest])
        if (process.platform === "linux") {
          const flags = /^flags:\s*(\d+)/m.exec(fs.readFileSync(`/proc/self/fdinfo/${fd}`, "latin1"))![1]!
          waits ||= (Number.parseInt(flags, 8) & fs.constants.O_NONBLOCK) === 0
        }
        const error = Object.assign(new Error("EAGAIN: resource temporarily unavailable, read"), {
          code: "EAGAIN",
          errno: -11,
          syscall: "read"
        })
        setImmediate(rest.at(-1) as (error: Error) => void, error)
      }
      syncBuiltinESMExports()
      const end = byHandles(engine.kernel)
      return () => {
        end()
        module.read = read
        syncBuiltinESMExports()
        expect(waits).toBe(false)
      }
    }),
    () => effect,
    (undo) => Effect.sync(undo)
  )

contract("a file that has nothing for its reader yet", ({ only }) => {
  const claim = only("portable", "the other kernels have other reads")
  for (const [method, make] of Object.entries(kinds)) {
    claim(`fails ${method}, typed, which leaves nothing`, function*() {
      for (const from of [1, 2]) {
        const { base, there } = yield* world(0)
        fs.mkdirSync(join(base, "in"))
        const source = join(base, "in/from")
        fs.writeFileSync(source, pattern(3_000_000))
        const error = yield* failureOf(wouldWait(source, from, make(source, join(there, "copy"))))
        expect(error).toMatchObject({ _tag: expect.stringMatching(/^(PipelineError|Win32Error|SystemError)$/) })
        expect(fs.readdirSync(there)).toEqual([])
      }
    })
  }
  for (const [method, read] of Object.entries(readers)) {
    claim(`fails ${method}, typed`, function*() {
      const { from } = yield* world(1_000_000)
      const error = yield* failureOf(wouldWait(from, 1, read(from)))
      expect(error).toMatchObject({ _tag: expect.stringMatching(/^(PipelineError|Win32Error|SystemError)$/) })
    })
  }
})
