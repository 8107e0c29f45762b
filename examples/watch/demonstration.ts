// Changes a directory step by step, and goes on when the step before has been told.
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Directory from "../../src/Directory.js"
import type * as Kernel from "../../src/Kernel.js"
import type { Win32Error } from "../../src/Win32Error.js"
import { count, quoted } from "../copy/text.js"

interface Step {
  readonly what: string
  readonly make: (path: string) => void
  /** The change that it must come to. */
  readonly told: (change: Directory.Change) => boolean
}

const named = (tag: "Created" | "Modified" | "Removed", name: string) => (change: Directory.Change): boolean =>
  change._tag === tag && change.name === name

const steps: ReadonlyArray<Step> = [
  {
    what: "write notes.txt",
    make: (path) => writeFileSync(join(path, "notes.txt"), "one\n"),
    told: named("Created", "notes.txt")
  },
  {
    what: "append to notes.txt",
    make: (path) => appendFileSync(join(path, "notes.txt"), "two\n"),
    told: named("Modified", "notes.txt")
  },
  {
    what: "rename notes.txt to diary.txt",
    make: (path) => renameSync(join(path, "notes.txt"), join(path, "diary.txt")),
    told: (change) => change._tag === "Renamed" && change.to.name === "diary.txt"
  },
  { what: "make the directory year", make: (path) => mkdirSync(join(path, "year")), told: named("Created", "year") },
  {
    what: "write day.txt in it",
    make: (path) => writeFileSync(join(path, "year", "day.txt"), "three\n"),
    told: named("Created", join("year", "day.txt"))
  },
  { what: "remove diary.txt", make: (path) => rmSync(join(path, "diary.txt")), told: named("Removed", "diary.txt") }
]

const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "watch-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

export const demonstration = (
  print: (change: Directory.Change) => Effect.Effect<void>
): Effect.Effect<void, Win32Error | Error, Kernel.Kernel> =>
  Effect.scoped(Effect.gen(function*() {
    const path = yield* temporaryDirectory
    const directory = yield* Directory.open(path, { recursive: true })
    const say = (text: string) => Effect.sync(() => void process.stdout.write(`${text}\n`))
    yield* say(`Watching ${quoted(path)}.`)
    let waiting: { readonly step: Step; readonly seen: Deferred.Deferred<void> } | undefined
    let changes = 0
    const watching = yield* Effect.fork(Stream.runForEach(Directory.changes(directory), (change) =>
      Effect.zipRight(
        print(change),
        Effect.suspend(() => {
          changes++
          return waiting?.step.told(change) === true ? Deferred.succeed(waiting.seen, undefined) : Effect.void
        })
      )))
    for (const step of steps) {
      const seen = yield* Deferred.make<void>()
      waiting = { step, seen }
      yield* say(`> ${step.what}`)
      yield* Effect.sync(() => step.make(path))
      yield* Deferred.await(seen).pipe(Effect.timeoutFail({
        duration: "10 seconds",
        onTimeout: () => new Error(`Nothing was told of this step within 10 seconds: ${step.what}.`)
      }))
    }
    yield* Fiber.interrupt(watching)
    yield* say(`Every step was told: ${count(changes, "change")} of ${steps.length} steps.`)
  }))
