/**
 * Common ground of the tests of directories: a watched directory, its changes so far, and a way to wait for more.
 */
import { expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { spawnSync } from "node:child_process"
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Directory from "../../src/Directory.js"
import type { Win32Error } from "../../src/Win32Error.js"
import * as lab from "./lab.js"

/** One word and the names, with `/` between their parts. */
export const line = (change: Directory.Change): string =>
  Directory.match(change, {
    Created: ({ name }) => `Created ${name}`,
    Removed: ({ name }) => `Removed ${name}`,
    Modified: ({ name }) => `Modified ${name}`,
    Renamed: ({ from, to }) => `Renamed ${from.name} ${to.name}`,
    Overflow: () => "Overflow"
  }).replaceAll("\\", "/")

export interface Told {
  readonly changes: Array<Directory.Change>
  readonly lines: () => ReadonlyArray<string>
  /** Waits until this has been told. */
  readonly until: (wanted: string) => Effect.Effect<void>
  /** How the stream has ended. */
  readonly ended: Effect.Effect<Exit.Exit<void, Win32Error>>
  readonly stop: Effect.Effect<void>
}

/** Collects what a directory tells from here on. */
export const told = (directory: Directory.Directory): Effect.Effect<Told, never, Scope.Scope> =>
  Effect.gen(function*() {
    const changes: Array<Directory.Change> = []
    const fiber = yield* Effect.forkScoped(
      Stream.runForEach(Directory.changes(directory), (change) => Effect.sync(() => void changes.push(change)))
    )
    const lines = () => changes.map(line)
    return {
      changes,
      lines,
      until: (wanted) =>
        lab.eventually(wanted, () => lines().includes(wanted)).pipe(
          Effect.tapErrorCause(() => Effect.sync(() => expect(lines()).toContain(wanted)))
        ),
      ended: Fiber.await(fiber),
      stop: Effect.asVoid(Fiber.interrupt(fiber))
    }
  })

/** Removes a directory as another program would. On Wine a Windows program cannot, while somebody has it open. */
export const removeFromOutside = (path: string): void => {
  if (!lab.isWine) return rmSync(path, { recursive: true })
  const unix = path.replaceAll("\\", "/").replace(/^C:/i, `${process.env.WINEPREFIX}/drive_c`).replace(/^Z:/i, "")
  spawnSync("cmd", ["/c", "start", "/unix", "/bin/rm", "-r", unix], { stdio: "ignore" })
}

export const LONG_NAME = "d".repeat(250)

/** A path of more than 4,096 bytes, and a file at its end. It goes with the scope. */
export const deepPath = (directory: string): Effect.Effect<void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      let parent = openSync(directory, "r")
      for (let depth = 0; depth < 20; depth++) {
        const name = `/proc/self/fd/${parent}/${LONG_NAME}`
        mkdirSync(name)
        const child = openSync(name, "r")
        closeSync(parent)
        parent = child
      }
      writeFileSync(`/proc/self/fd/${parent}/file`, "")
      closeSync(parent)
    }),
    // No function of node's can.
    () => Effect.sync(() => spawnSync("rm", ["-rf", join(directory, LONG_NAME)]))
  )

export const exitError = (exit: Exit.Exit<unknown, Win32Error>) =>
  Exit.match(exit, {
    onSuccess: () => undefined,
    onFailure: (cause) => cause._tag === "Fail" ? { code: cause.error.code, reason: cause.error.reason } : cause._tag
  })
