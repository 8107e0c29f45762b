/**
 * Devices that do what they may and seldom do: success with fewer bytes than asked for, or with none. Whatever moves a
 * whole window goes on after the former, and fails in one way after the latter.
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import { describe, expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as File from "../../src/File.js"
import * as NamedPipe from "../../src/NamedPipe.js"
import * as Pipeline from "../../src/Pipeline.js"
import * as ThreadpoolFileSystem from "../../src/ThreadpoolFileSystem.js"
import { contract, failureOf, pattern } from "../support/claims.js"
import { movesAtMost, takesNothing } from "../support/device.js"
import * as lab from "../support/lab.js"

const source = (contents: Uint8Array) =>
  Effect.map(lab.directory, (directory) => {
    const path = join(directory, "source")
    writeFileSync(path, contents)
    mkdirSync(join(directory, "to"))
    return { path, to: join(directory, "to"), copy: join(directory, "to/copy") }
  })

const writable = (path: string) => File.open(path, { access: "readwrite", disposition: "openAlways" })

const fileSystem = <A, E>(use: (fs: FileSystem.FileSystem) => Effect.Effect<A, E>) =>
  Effect.flatMap(ThreadpoolFileSystem.make, use)

const WRITE_FAULT = 29

/** The error of the system, wherever it has been put. */
const codeOf = (error: unknown): unknown => {
  const { cause, code } = error as { readonly code?: unknown; readonly cause?: unknown }
  return typeof code === "number" ? code : cause === undefined ? error : codeOf(cause)
}

contract("a device", ({ claim, only }) => {
  describe("that succeeds and takes nothing fails", () => {
    claim("writeAll, and a sink", function*() {
      const { path } = yield* source(pattern(10))
      const file = yield* writable(path)
      for (
        const attempt of [
          File.writeAll(file, pattern(100), 0),
          Stream.run(Stream.make(pattern(100)), File.sink(file))
        ]
      ) expect(yield* failureOf(takesNothing(attempt as Effect.Effect<unknown>))).toMatchObject({ code: WRITE_FAULT })
      expect(readFileSync(path)).toEqual(Buffer.from(pattern(10)))
    })
    claim("writeAll of a pipe", function*() {
      const name = `tpio-device-${process.pid}`
      const listening = yield* NamedPipe.listen(name)
      const client = yield* NamedPipe.connect(name)
      yield* NamedPipe.accept(listening)
      const error = yield* failureOf(takesNothing(NamedPipe.writeAll(client, pattern(100))))
      expect(error).toMatchObject({ code: WRITE_FAULT, syscall: "WriteFile" })
    })
    claim("a copy of every size and kind, and leaves nothing", function*() {
      for (const size of [1, 5000, 200_000]) {
        const { copy, path, to } = yield* source(pattern(size))
        for (const options of [{ verify: "read" }, { preserve: [] }, { resume: true, stretch: 65_536 }] as const) {
          const shape = { ...options, chunkSize: 65_536 }
          const error = yield* failureOf(takesNothing(Pipeline.copy(path, copy, shape)))
          expect([error._tag, codeOf(error)]).toEqual(["PipelineError", WRITE_FAULT])
          expect(readdirSync(to)).toEqual([])
        }
      }
    })
    only(["portable", "simulated"], "Windows copies by a function of its own")(
      "File.copy, and leaves nothing",
      function*() {
        for (const size of [1, 200_000, 1_200_000]) {
          const { copy, path, to } = yield* source(pattern(size))
          const error = yield* failureOf(takesNothing(File.copy(path, copy)))
          expect([error, readdirSync(to)]).toMatchObject([{ code: WRITE_FAULT, syscall: "CopyFileW" }, []])
        }
      }
    )
    claim("transform", function*() {
      const { copy, path, to } = yield* source(pattern(1000))
      const error = yield* failureOf(takesNothing(Pipeline.transform(path, copy, (bytes) => bytes)))
      expect([error, codeOf(error)]).toMatchObject([{ _tag: "PipelineError" }, WRITE_FAULT])
      expect(readdirSync(to)).toEqual([])
    })
    claim("the FileSystem's writes and copies", function*() {
      const { copy, path } = yield* source(pattern(1000))
      const attempts: ReadonlyArray<(fs: FileSystem.FileSystem) => Effect.Effect<unknown, unknown>> = [
        (fs) => fs.writeFile(copy, pattern(100)),
        (fs) => fs.writeFile(copy, pattern(100), { flag: "a" }),
        (fs) => fs.copyFile(path, copy),
        (fs) => fs.copy(path, copy),
        (fs) => Stream.run(Stream.make(pattern(100)), fs.sink(copy)),
        (fs) => Effect.scoped(Effect.flatMap(fs.open(copy, { flag: "w" }), (file) => file.writeAll(pattern(100))))
      ]
      for (const attempt of attempts) {
        const error = yield* failureOf(takesNothing(fileSystem(attempt)))
        expect([error, codeOf(error)]).toMatchObject([{ _tag: "SystemError" }, WRITE_FAULT])
      }
    })
  })

  describe("that moves a few bytes at a time moves all", () => {
    claim("of what is read and written whole", function*() {
      const { path } = yield* source(pattern(700))
      const file = yield* writable(path)
      const [read, written] = [new Uint8Array(700), pattern(900, 2)]
      yield* movesAtMost(64, File.readExact(file, read, 0))
      expect(read).toEqual(pattern(700))
      expect(yield* failureOf(movesAtMost(64, File.readExact(file, new Uint8Array(701), 0)))).toMatchObject({
        code: 38
      })
      yield* movesAtMost(64, File.writeAll(file, written, 0))
      expect(readFileSync(path)).toEqual(Buffer.from(written))
    })
    claim("of a copy, however it is made", function*() {
      const { copy, path } = yield* source(pattern(9000))
      yield* movesAtMost(1000, Pipeline.copy(path, copy, { verify: "read", chunkSize: 4096 }))
      yield* movesAtMost(1000, Pipeline.transform(path, copy, (bytes) => bytes, { overwrite: true, chunkSize: 4096 }))
      yield* movesAtMost(1000, fileSystem((fs) => fs.copyFile(path, `${copy}2`)))
      yield* movesAtMost(1000, fileSystem((fs) => fs.writeFile(`${copy}3`, pattern(9000), { flag: "a" })))
      for (const one of [copy, `${copy}2`, `${copy}3`]) expect(readFileSync(one)).toEqual(Buffer.from(pattern(9000)))
    })
  })
})
