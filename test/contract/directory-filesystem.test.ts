/**
 * `FileSystem.watch` of @effect/platform-node on our backend, beside what it does on its own.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as PlatformError from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import { expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import * as Kernel from "../../src/Kernel.js"
import * as WatchBackend from "../../src/WatchBackend.js"
import { contract, failureOf, sleep } from "../support/claims.js"
import * as lab from "../support/lab.js"
import { deepPath, LONG_NAME, removeFromOutside } from "../support/watching.js"

const ours = Layer.unwrapEffect(Effect.map(Kernel.Kernel, (kernel) =>
  NodeFileSystem.layer.pipe(
    Layer.provide(WatchBackend.layer),
    Layer.provide(Layer.succeed(Kernel.Kernel, kernel))
  )))

/** Collects the events of a path, from the moment that they are told. */
const events = (path: string, options?: FileSystem.WatchOptions) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const before = (yield* Kernel.ledger).inFlight
    const told: Array<string> = []
    const fiber = yield* Effect.forkScoped(
      Stream.runForEach(fs.watch(path, options), ({ _tag, path }) =>
        Effect.sync(() => void told.push(`${_tag} ${path.replaceAll("\\", "/")}`)))
    )
    const inFlight = Effect.map(Kernel.ledger, (ledger) =>
      ledger.inFlight)
    // The first read of changes is under way, or it has failed.
    yield* Effect.race(
      Effect.repeat(inFlight, { until: (now) => now > before, schedule: Schedule.spaced("1 millis") }),
      Fiber.await(fiber)
    )
    const until = (wanted: string) =>
      lab.eventually(wanted, () => told.includes(wanted)).pipe(
        Effect.tapErrorCause(() => Effect.sync(() => expect(told).toContain(wanted)))
      )
    return { told, until, fiber }
  })

contract("FileSystem.watch", ({ claim, only }) => {
  claim("of a directory creates, updates and removes, by names relative to it", function*() {
    const path = yield* lab.directory
    const { until } = yield* Effect.provide(events(path), ours)
    writeFileSync(join(path, "a"), "")
    yield* until("Create a")
    yield* sleep(20)
    appendFileSync(join(path, "a"), "more")
    yield* until("Update a")
    renameSync(join(path, "a"), join(path, "b"))
    yield* until("Remove a")
    yield* until("Create b")
    rmSync(join(path, "b"))
    yield* until("Remove b")
  })

  claim("of a directory tells of what is below only when it is recursive", function*() {
    const path = yield* lab.directory
    const flat = yield* Effect.provide(events(path), ours)
    const deep = yield* Effect.provide(events(path, { recursive: true }), ours)
    mkdirSync(join(path, "below"))
    yield* deep.until("Create below")
    writeFileSync(join(path, "below", "file"), "")
    yield* deep.until("Create below/file")
    expect(flat.told).not.toContain("Create below/file")
  })

  claim("of a file tells of that file alone", function*() {
    const path = yield* lab.directory
    const file = join(path, "file")
    writeFileSync(file, "")
    const { told, until } = yield* Effect.provide(events(file), ours)
    writeFileSync(join(path, "other"), "")
    appendFileSync(file, "more")
    yield* until("Update file")
    rmSync(file)
    yield* until("Remove file")
    expect(told.filter((one) => !one.endsWith(" file"))).toEqual([])
  })

  claim("of a directory tells of permissions that change", function*() {
    const path = yield* lab.directory
    writeFileSync(join(path, "file"), "")
    const { told, until } = yield* Effect.provide(events(path), ours)
    chmodSync(join(path, "file"), 0o444)
    yield* until("Update file")
    chmodSync(join(path, "file"), 0o666)
    expect(new Set(told)).toEqual(new Set(["Update file"]))
  })

  claim("of a file tells of its permissions and times alone, as well", function*() {
    const path = yield* lab.directory
    const file = join(path, "file")
    writeFileSync(file, "")
    const { told, until } = yield* Effect.provide(events(file), ours)
    chmodSync(file, 0o444)
    yield* until("Update file")
    chmodSync(file, 0o666)
    yield* sleep(50)
    told.length = 0
    utimesSync(file, 1, 2)
    yield* until("Update file")
  })

  only("portable", "Wine makes no links")(
    "of a link to a file tells of that file by the link's name",
    function*() {
      const [home, elsewhere] = [yield* lab.directory, yield* lab.directory]
      const [target, link] = [join(elsewhere, "target"), join(home, "link")]
      writeFileSync(target, "")
      symlinkSync(target, link)
      const { told, until } = yield* Effect.provide(events(link), ours)
      appendFileSync(target, "more")
      yield* until("Update link")
      chmodSync(target, 0o444)
      rmSync(target)
      yield* until("Remove link")
      expect(told.filter((one) => !one.endsWith(" link"))).toEqual([])
    }
  )

  only(process.platform === "linux" ? "portable" : [], "it makes the path by descriptors")(
    "goes on above a path of more than 4,096 bytes",
    function*() {
      const path = yield* lab.directory
      const quiet = Layer.merge(ours, Logger.remove(Logger.defaultLogger))
      const { until } = yield* Effect.provide(events(path, { recursive: true }), quiet)
      yield* deepPath(path)
      yield* until(`Create ${LONG_NAME}`)
      writeFileSync(join(path, "afterwards"), "")
      yield* until("Create afterwards")
    }
  )

  claim("fails as a PlatformError: of what is missing, and when the directory is removed", function*() {
    const home = yield* lab.directory
    const fs = yield* Effect.provide(FileSystem.FileSystem, ours)
    const missing = yield* failureOf(Stream.runDrain(fs.watch(join(home, "missing"))))
    expect(missing).toMatchObject({ _tag: "SystemError", reason: "NotFound" })
    const path = mkdtempSync(join(home, "watched-"))
    const { fiber } = yield* Effect.provide(events(path), ours)
    removeFromOutside(path)
    const exit = yield* Fiber.await(fiber)
    const error = Exit.isFailure(exit) && exit.cause._tag === "Fail" ? exit.cause.error : undefined
    expect(PlatformError.isPlatformError(error)).toBe(true)
    expect(error).toMatchObject({ _tag: "SystemError", reason: "NotFound", method: "watch" })
  })

  claim("ends with its scope, and leaves nothing", function*() {
    const path = yield* lab.directory
    yield* Effect.scoped(Effect.asVoid(Effect.provide(events(path), ours)))
    expect((yield* Kernel.ledger).inFlight).toBe(0)
  })
})
