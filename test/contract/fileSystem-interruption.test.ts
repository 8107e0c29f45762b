/**
 * `FileSystem`, interrupted at every fiber step, of longer programs at the first 120. After each point no operation,
 * handle or buffer may be left, no half of a copy, and no temporary file.
 */
import { beforeAll, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type * as Kernel from "../../src/Kernel.js"
import * as ThreadpoolFileSystem from "../../src/ThreadpoolFileSystem.js"
import * as lab from "../support/lab.js"
import { swept } from "../support/sweep.js"

type Program = Effect.Effect<unknown, unknown, Kernel.Kernel | Scope.Scope>

/** Checks the leftovers of the point before, and takes them away. */
const check = (): void => {
  if (existsSync(at("copy"))) expect(readFileSync(at("copy"), "latin1")).toBe(contents)
  rmSync(at("copy"), { force: true })
  expect(readdirSync(at("temporary"))).toEqual([])
}

const shared = swept(({ points }) => `interruption sweep of FileSystem on ${lab.kernelName}: ${points} points`)
const at = (name: string): string => join(shared.home, name)
const contents = "0123456789".repeat(500)

beforeAll(() => {
  writeFileSync(at("file"), contents)
  mkdirSync(at("temporary"))
  mkdirSync(at("tree/below"), { recursive: true })
  writeFileSync(at("tree/below/file"), contents)
})

const using =
  (use: (fs: ThreadpoolFileSystem.ThreadpoolFileSystem) => Effect.Effect<unknown, unknown, Scope.Scope>) =>
  (): Program => Effect.flatMap(ThreadpoolFileSystem.make, use)

const bytes = new TextEncoder().encode(contents)

const programs: Record<string, () => Program> = {
  "stat": using((fs) => fs.stat(at("file"))),
  "readFile": using((fs) => fs.readFile(at("file"))),
  "readFile of nothing": using((fs) => fs.readFile(at("none"))),
  "readFile of a directory": using((fs) => fs.readFile(at("tree"))),
  "writeFile": using((fs) => fs.writeFile(at("written"), bytes)),
  "writeFile, appending": using((fs) => fs.writeFile(at("appended"), bytes.subarray(0, 10), { flag: "a" })),
  "truncate": using((fs) => fs.truncate(at("written"), 10)),
  "copyFile": using((fs) => fs.copyFile(at("file"), at("copy"))),
  "makeTempDirectoryScoped": using((fs) => fs.makeTempDirectoryScoped({ directory: at("temporary") })),
  "makeTempFileScoped": using((fs) => fs.makeTempFileScoped({ directory: at("temporary") })),
  "a file's cursor, shared": using((fs) =>
    Effect.flatMap(fs.open(at("file")), (file) =>
      Effect.gen(function*() {
        const other = yield* Effect.forkScoped(file.readAlloc(100))
        yield* file.readAlloc(100)
        yield* file.seek(10, "start")
        yield* file.read(new Uint8Array(10))
        yield* other.await
      }))
  ),
  "readAt": using((fs) => Effect.flatMap(fs.open(at("file")), (file) => file.readAt(new Uint8Array(100), 50))),
  "stream": using((fs) => Stream.runDrain(fs.stream(at("file"), { chunkSize: 1000 }))),
  "sink": using((fs) => Stream.run(Stream.make(bytes, bytes), fs.sink(at("written")))),
  "copy and remove of a tree": using((fs) =>
    Effect.zipRight(
      fs.copy(at("tree"), at("second"), { overwrite: true }),
      fs.remove(at("second"), { recursive: true })
    )
  )
}

describe("interrupted at every fiber step", () => {
  for (const [name, program] of Object.entries(programs)) {
    it(name, { timeout: 60_000 }, async () => {
      const { tried } = await shared.sweep(name, program, { limit: 120, check })
      expect(tried).toBeGreaterThan(3)
    })
  }
})
