/**
 * Directories on the portable kernel alone: the limits of inotify, and changes that come in one turn.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Directory from "../../src/Directory.js"
import * as C from "../../src/internal/constants.js"
import { refusalOf, watchStatus } from "../../src/internal/kernel/portable/tree.js"
import * as Kernel from "../../src/Kernel.js"
import { sleep } from "../support/claims.js"
import * as lab from "../support/lab.js"
import { told } from "../support/watching.js"

const errno = (code: string) => Object.assign(new Error(code), { code })

const watching = (options?: Directory.Options) =>
  Effect.gen(function*() {
    const path = yield* lab.directory
    return { path, watched: yield* told(yield* Directory.open(path, options)) }
  })

describe("the portable kernel's directories", () => {
  it("say of the limits of inotify that they are limits, not that the disk is full", () => {
    expect(watchStatus(errno("ENOSPC"))).toBe(C.ERROR_NO_SYSTEM_RESOURCES)
    expect(watchStatus(errno("EMFILE"))).toBe(C.ERROR_TOO_MANY_OPEN_FILES)
    expect(String(refusalOf(errno("ENOSPC")))).toMatch(/max_user_watches/)
  })

  const onLinux = process.platform === "linux" ? it.live : it.live.skip
  onLinux("tell an overflow when the queue of inotify may have been full", () =>
    Effect.gen(function*() {
      const { path, watched } = yield* watching({ bufferSize: 1 << 24 })
      yield* sleep(20)
      for (let file = 0; file < 9000; file++) {
        writeFileSync(join(path, `file-${file}`), "")
        rmSync(join(path, `file-${file}`))
      }
      yield* watched.until("Overflow")
      writeFileSync(join(path, "afterwards"), "")
      yield* watched.until("Created afterwards")
    }).pipe(Effect.scoped, Effect.provide(Kernel.layerPortable)), 60_000)

  it.live("tell names that were exchanged in one turn", () =>
    Effect.gen(function*() {
      const path = yield* lab.directory
      writeFileSync(join(path, "a"), "")
      writeFileSync(join(path, "b"), "")
      const watched = yield* told(yield* Directory.open(path))
      renameSync(join(path, "a"), join(path, "x"))
      renameSync(join(path, "b"), join(path, "a"))
      renameSync(join(path, "x"), join(path, "b"))
      yield* watched.until("Renamed a b")
      yield* watched.until("Renamed b a")
    }).pipe(Effect.scoped, Effect.provide(Kernel.layerPortable)))

  it.live("tell a file that was replaced as removed and created", () =>
    Effect.gen(function*() {
      const path = yield* lab.directory
      writeFileSync(join(path, "target"), "old")
      const watched = yield* told(yield* Directory.open(path))
      writeFileSync(join(path, "partial"), "new")
      renameSync(join(path, "partial"), join(path, "target"))
      yield* watched.until("Removed target")
      yield* watched.until("Created target")
      expect(watched.lines().indexOf("Removed target")).toBeLessThan(watched.lines().indexOf("Created target"))
    }).pipe(Effect.scoped, Effect.provide(Kernel.layerPortable)))

  it.live("tell what is in a directory that was renamed under its new name", () =>
    Effect.gen(function*() {
      const path = yield* lab.directory
      mkdirSync(join(path, "old", "deep"), { recursive: true })
      const watched = yield* told(yield* Directory.open(path, { recursive: true }))
      renameSync(join(path, "old"), join(path, "new"))
      yield* watched.until("Renamed old new")
      writeFileSync(join(path, "new", "deep", "file"), "")
      yield* watched.until("Created new/deep/file")
    }).pipe(Effect.scoped, Effect.provide(Kernel.layerPortable)))
})
