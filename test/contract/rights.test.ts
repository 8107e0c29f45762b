/**
 * Rights: a copy lets nobody do what its source does not, not even while it is written, and nobody act as its owner.
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import { describe, expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { join } from "node:path"
import * as File from "../../src/File.js"
import type { Kernel } from "../../src/Kernel.js"
import * as Pipeline from "../../src/Pipeline.js"
import * as ThreadpoolFileSystem from "../../src/ThreadpoolFileSystem.js"
import { contract, pattern } from "../support/claims.js"
import { moving } from "../support/device.js"
import * as lab from "../support/lab.js"

const sourceOf = (mode: number, size = 20_000) =>
  Effect.map(lab.directory, (directory) => {
    for (const name of ["tree", "to"]) fs.mkdirSync(join(directory, name))
    const path = join(directory, "tree/source")
    fs.writeFileSync(path, pattern(size))
    fs.chmodSync(path, mode)
    return { path, to: join(directory, "to"), copy: join(directory, "to/copy") }
  })

const fileSystem = <A, E>(use: (fs: FileSystem.FileSystem) => Effect.Effect<A, E>) =>
  Effect.flatMap(ThreadpoolFileSystem.make, use)

const modeOf = (path: string) => fs.statSync(path).mode & 0o7777

type Making = (path: string, copy: string) => Effect.Effect<unknown, unknown, Kernel>

const pipelines: Readonly<Record<string, Making>> = {
  copy: (path, copy) => Pipeline.copy(path, copy),
  "copy, verified": (path, copy) => Pipeline.copy(path, copy, { verify: "read" }),
  "copy, durable": (path, copy) => Pipeline.copy(path, copy, { verify: "durable" }),
  "copy without times": (path, copy) => Pipeline.copy(path, copy, { preserve: ["permissions"] }),
  "copy with a journal": (path, copy) =>
    Pipeline.copy(path, copy, { resume: true, chunkSize: 4096, journalEvery: 4096 }),
  "copy over a file": (path, copy) => {
    fs.writeFileSync(copy, "old")
    fs.chmodSync(copy, 0o6777)
    return Pipeline.copy(path, copy, { overwrite: true })
  },
  transform: (path, copy) => Pipeline.transform(path, copy, (bytes) => bytes)
}

/** Runs `look` before every write. */
const beforeWrites = <A, E, R>(look: () => void, effect: Effect.Effect<A, E, R>) =>
  moving(({ kind, length }) => {
    if (kind === "write") look()
    return length
  }, effect)

const withUmask = <A, E, R>(umask: number, effect: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => process.umask(umask)),
    () => effect,
    (before) => Effect.sync(() => process.umask(before))
  )

contract("rights", ({ only }) => {
  const posix = only(lab.onPosix, "Windows has no permission bits")

  describe("of a copy", () => {
    for (const [name, make] of Object.entries(pipelines)) {
      posix(`are those of its source but for setuid and setgid, whatever the umask: ${name}`, function*() {
        for (const mode of [0o6755, 0o4700, 0o2755, 0o640, 0o444, 0o666]) {
          for (const umask of [0o022, 0o077, 0]) {
            const { copy, path } = yield* sourceOf(mode)
            yield* withUmask(umask, make(path, copy))
            expect([umask, modeOf(copy)]).toEqual([umask, mode & 0o1777])
          }
        }
      })
      posix(`are its owner's alone until it is finished: ${name}`, function*() {
        const { copy, path, to } = yield* sourceOf(0o644)
        const seen = new Set<number>()
        const look = () => {
          for (const one of fs.readdirSync(to)) if (one !== "copy") seen.add(modeOf(join(to, one)))
        }
        yield* withUmask(0, beforeWrites(look, make(path, copy)))
        expect([...seen].filter((mode) => mode !== 0o600)).toEqual([])
      })
    }
    posix("of a tree have no setuid and setgid, for files of every size", function*() {
      for (const size of [0, 1, 16_384, 200_000]) {
        const { copy, path } = yield* sourceOf(0o6755, size)
        yield* Pipeline.copyTree(join(path, ".."), copy)
        expect(modeOf(join(copy, "source"))).toBe(0o755)
      }
    })
    posix("by File.copy are its owner's alone until it is finished, and have no setuid and setgid", function*() {
      for (const size of [0, 20_000, 1_200_000]) {
        const { copy, path } = yield* sourceOf(0o6755, size)
        const seen = new Set<number>()
        yield* withUmask(0, beforeWrites(() => seen.add(modeOf(copy)), File.copy(path, copy)))
        expect([size, ...seen, modeOf(copy)]).toEqual([size, ...(size === 0 ? [] : [0o600]), 0o755])
      }
    })
    posix("that has none of its source's are those of a new file", function*() {
      const { copy, path } = yield* sourceOf(0o6755)
      yield* withUmask(0o027, Pipeline.copy(path, copy, { preserve: [] }))
      expect(modeOf(copy)).toBe(0o640)
    })
  })

  describe("of what FileSystem copies", () => {
    posix("are the source's before there is any data in it", function*() {
      for (const present of [undefined, 0o644, 0o666]) {
        const { copy, path } = yield* sourceOf(0o600)
        if (present !== undefined) {
          fs.writeFileSync(copy, "old")
          fs.chmodSync(copy, present)
        }
        const seen: Array<readonly [number, number]> = []
        const look = () => seen.push([modeOf(copy), fs.statSync(copy).size])
        yield* beforeWrites(look, fileSystem((fs) => fs.copyFile(path, copy)))
        expect(seen[0]).toEqual([0o600, 0])
        expect(seen.map(([mode]) => mode).filter((mode) => mode !== 0o600)).toEqual([])
      }
    })
    posix("are all of the source's, setuid and setgid as well, as node has it", function*() {
      const { copy, path, to } = yield* sourceOf(0o6755)
      fs.copyFileSync(path, join(to, "node"))
      yield* fileSystem((fs) => fs.copyFile(path, copy))
      yield* fileSystem((fs) => fs.copy(path, join(to, "another")))
      for (const one of [copy, join(to, "another")]) expect(modeOf(one)).toBe(modeOf(join(to, "node")))
    })
  })
})
