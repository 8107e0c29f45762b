/**
 * Directories with many entries: the event loop turns while they are listed, copied, taken back and removed. The clock
 * goes on by a millisecond whenever somebody looks at it, so that it is the work that decides, and not the machine.
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import { expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { join } from "node:path"
import type { Host } from "../../src/internal/kernel/Host.js"
import { Kernel } from "../../src/Kernel.js"
import * as Pipeline from "../../src/Pipeline.js"
import * as ThreadpoolFileSystem from "../../src/ThreadpoolFileSystem.js"
import { contract } from "../support/claims.js"
import { interposed } from "../support/interposer.js"
import * as lab from "../support/lab.js"

/** Not counted. */
const { unlinkSync } = fs

const ENTRIES = 300
/** Requests between two turns of the event loop, at most: a slice has eight looks at the clock. */
const AT_ONCE = 100

/** The most requests to the system that the effect makes in one turn of the event loop. */
const mostInOneTurn = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const { engine } = yield* Kernel
    const host = engine.host as { now: Host["now"] }
    const { now } = host
    let time = now.call(host)
    let [most, inThisTurn, watching] = [0, 0, true]
    const turn = (): void => {
      inThisTurn = 0
      if (watching) setImmediate(turn)
    }
    turn()
    host.now = () => ++time
    const { exit, requests } = yield* Effect.ensuring(
      interposed(() => {
        most = Math.max(most, ++inThisTurn)
      }, effect),
      Effect.sync(() => {
        host.now = now
        watching = false
      })
    )
    return { exit, requests, most }
  })

const withFs = <A, E>(use: (fs: FileSystem.FileSystem) => Effect.Effect<A, E>) =>
  Effect.flatMap(ThreadpoolFileSystem.make, use)

const directory = (make: (path: string) => void) =>
  Effect.map(lab.directory, (base) => {
    const source = join(base, "source")
    fs.mkdirSync(source)
    for (let index = 0; index < ENTRIES; index++) make(join(source, `entry-${index}`))
    return { source, copy: join(base, "copy") }
  })

const file = (path: string): void => fs.writeFileSync(path, "")

contract("a directory of many entries leaves the event loop its turns", ({ only }) => {
  const claim = only("portable", "the clock of the simulation is its own, and Wine takes ten times as long")
  const kinds: Readonly<Record<string, (path: string) => void>> = {
    files: file,
    directories: (path) => fs.mkdirSync(path),
    links: (path) => fs.symlinkSync("nowhere", path)
  }
  for (const [kind, make] of Object.entries(kinds)) {
    claim(`while it is copied and flushed, and when that is resumed: ${kind}`, function*() {
      const { copy, source } = yield* directory(make)
      for (const resume of [false, true]) {
        const copying = Pipeline.copyTree(source, copy, { resume, verify: "durable" })
        const { exit, most, requests } = yield* mostInOneTurn(copying)
        expect(exit).toMatchObject({ _tag: "Success" })
        expect(requests).toBeGreaterThan(ENTRIES)
        expect(most).toBeLessThan(AT_ONCE)
      }
      expect(fs.readdirSync(copy).length).toBe(ENTRIES)
    })
  }
  claim("while a copy is taken back", function*() {
    const { copy, source } = yield* directory(file)
    const onProgress = ({ files }: Pipeline.Progress): void => {
      if (files !== ENTRIES / 2) return
      for (const name of fs.readdirSync(source)) {
        if (!fs.existsSync(join(copy, name))) unlinkSync(join(source, name))
      }
    }
    const { exit, most } = yield* mostInOneTurn(Pipeline.copyTree(source, copy, { concurrency: 1, onProgress }))
    expect(exit).toMatchObject({ _tag: "Failure" })
    expect(fs.existsSync(copy)).toBe(false)
    expect(most).toBeLessThan(AT_ONCE)
  })
  claim("while the FileSystem copies, lists and removes it", function*() {
    const { copy, source } = yield* directory(file)
    const attempts: ReadonlyArray<(fs: FileSystem.FileSystem) => Effect.Effect<unknown, unknown>> = [
      (fs) => fs.copy(source, copy),
      (fs) => fs.readDirectory(source, { recursive: true }),
      (fs) => fs.remove(source, { recursive: true })
    ]
    for (const attempt of attempts) {
      const { exit, most } = yield* mostInOneTurn(withFs(attempt))
      expect(exit).toMatchObject({ _tag: "Success" })
      expect(most).toBeLessThan(AT_ONCE)
    }
    expect([fs.existsSync(source), fs.readdirSync(copy).length]).toEqual([false, ENTRIES])
  })
})
