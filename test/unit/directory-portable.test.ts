/**
 * Directories on the portable kernel alone: the limits of inotify, and names in a directory that was renamed.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdirSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Directory from "../../src/Directory.js"
import * as C from "../../src/internal/constants.js"
import { refusalOf, watchStatus } from "../../src/internal/kernel/portable/tree.js"
import * as Kernel from "../../src/Kernel.js"
import * as lab from "../support/lab.js"
import { told } from "../support/watching.js"

const errno = (code: string) => Object.assign(new Error(code), { code })

describe("the portable kernel's directories", () => {
  it("say of the limits of inotify that they are limits, not that the disk is full", () => {
    expect(watchStatus(errno("ENOSPC"))).toBe(C.ERROR_NO_SYSTEM_RESOURCES)
    expect(watchStatus(errno("EMFILE"))).toBe(C.ERROR_TOO_MANY_OPEN_FILES)
    expect(String(refusalOf(errno("ENOSPC")))).toMatch(/max_user_watches/)
  })

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
