/**
 * Directories on the portable kernel alone: the limits of inotify, and names in a directory that was renamed.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Directory from "../../src/Directory.js"
import * as C from "../../src/internal/constants.js"
import * as Portable from "../../src/internal/kernel/portable.js"
import { refusalOf, watchStatus } from "../../src/internal/kernel/portable/tree.js"
import * as Kernel from "../../src/Kernel.js"
import { Driver, type Opened } from "../support/driver.js"
import * as lab from "../support/lab.js"
import { told } from "../support/watching.js"
import { NAMES } from "../support/watchThread.js"

const errno = (code: string) => Object.assign(new Error(code), { code })

describe("the portable kernel's directories", () => {
  it("say of the limits of inotify that they are limits, not that the disk is full", () => {
    expect(watchStatus(errno("ENOSPC"))).toBe(C.ERROR_NO_SYSTEM_RESOURCES)
    expect(watchStatus(errno("EMFILE"))).toBe(C.ERROR_TOO_MANY_OPEN_FILES)
    expect(String(refusalOf(errno("ENOSPC")))).toMatch(/max_user_watches/)
    const other = errno("EMFILE")
    expect(refusalOf(other)).toBe(other)
  })

  describe("answer as Windows does", () => {
    const PREPARED = { recursive: false, filter: NAMES }
    const opening = { access: C.FILE_LIST_DIRECTORY, disposition: C.OPEN_EXISTING }
    const withDriver = async (use: (driver: Driver, path: string) => Promise<void>) => {
      const path = mkdtempSync(join(tmpdir(), "tpio-portable-directory-"))
      try {
        await use(new Driver(Portable.make({ threads: 3 })), path)
      } finally {
        rmSync(path, { recursive: true })
      }
    }
    const watching = (driver: Driver, path: string) =>
      driver.open(path, { ...opening, flags: C.FILE_FLAG_BACKUP_SEMANTICS })
    const refused = (opened: Opened, ...issue: Parameters<Opened["issue"]>) => {
      const operation = opened.operation(...issue)
      operation.parameters = PREPARED as never
      const { kernel } = opened.driver
      kernel.startThreadpoolIo(opened.threadpoolIo)
      const answer = kernel.issue(operation)
      kernel.cancelThreadpoolIo(opened.threadpoolIo)
      kernel.slots.release(operation.slot)
      return answer
    }
    const read = (opened: Opened, length: number) => {
      const operation = opened.operation("watch", { length })
      operation.parameters = PREPARED as never
      opened.driver.kernel.startThreadpoolIo(opened.threadpoolIo)
      expect(opened.driver.kernel.issue(operation)).toBe(C.ERROR_IO_PENDING)
      return operation
    }

    it("to who opens one: as a file it is refused, and a file is no directory", () =>
      withDriver(async (driver, path) => {
        expect((await driver.create(path, opening)).status).toBe(C.ERROR_ACCESS_DENIED)
        const flags = C.FILE_FLAG_BACKUP_SEMANTICS
        expect((await driver.create(path, { disposition: C.OPEN_EXISTING, flags })).status).toBe(C.ERROR_ACCESS_DENIED)
        writeFileSync(join(path, "file"), "")
        expect((await driver.create(join(path, "file"), { ...opening, flags })).status).toBe(C.ERROR_DIRECTORY)
        const file = await driver.create(join(path, "file"))
        const prepare = (handle: number) => driver.status("PrepareDirectoryChanges", { handle, ...PREPARED })
        expect([await prepare(file.value!), await prepare(4711)]).toEqual([C.ERROR_DIRECTORY, C.ERROR_INVALID_HANDLE])
        await driver.call("CloseHandle", { handle: file.value! })
      }))

    it("to who asks it for something else than its changes", () =>
      withDriver(async (driver, path) => {
        const opened = await watching(driver, path)
        expect(refused(opened, "read")).toBe(C.ERROR_INVALID_FUNCTION)
        expect(refused(opened, "watch", { length: 0 })).toBe(C.ERROR_INVALID_PARAMETER)
        expect(await driver.status("PrepareDirectoryChanges", { handle: opened.handle, ...PREPARED })).toBe(0)
        // Once is enough.
        expect(await driver.status("PrepareDirectoryChanges", { handle: opened.handle, ...PREPARED })).toBe(0)
        await opened.close()
      }))

    it("with what fits into the first buffer, for every one after it", () =>
      withDriver(async (driver, path) => {
        const opened = await watching(driver, path)
        expect(await driver.status("PrepareDirectoryChanges", { handle: opened.handle, ...PREPARED })).toBe(0)
        // A record of a name of two letters, exactly.
        const first = read(opened, 16)
        writeFileSync(join(path, "ab"), "")
        expect(await first.packet()).toEqual([0, 16])
        const second = read(opened, 65_536)
        writeFileSync(join(path, "too long a name for it"), "")
        // An overflow: success, and nothing.
        expect(await second.packet()).toEqual([0, 0])
        const [cancelled, third] = [read(opened, 16), read(opened, 12)]
        cancelled.cancel()
        expect(await cancelled.packet()).toEqual([C.ERROR_OPERATION_ABORTED, 0])
        writeFileSync(join(path, "cd"), "")
        expect(await third.packet()).toEqual([0, 0])
        for (const one of [first, second, cancelled, third]) driver.kernel.slots.release(one.slot)
        await opened.close()
      }))
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
