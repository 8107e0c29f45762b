/**
 * Arguments that do not fit: each public function called with values of every kind, right and wrong. Nothing comes back
 * but answers and typed errors. `npm run test:fuzz` does it a hundred thousand times, in processes of their own.
 */
import { expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { existsSync } from "node:fs"
import { pathToFileURL } from "node:url"
import * as File from "../../src/File.js"
import * as Ledger from "../../src/Ledger.js"
import * as Operation from "../../src/Operation.js"
import * as Pipeline from "../../src/Pipeline.js"
import * as testing from "../../src/testing.js"
import * as ThreadpoolFileSystem from "../../src/ThreadpoolFileSystem.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import { run } from "../fuzz/inputs.js"
import { targets, uncovered, uncoveredMethods } from "../fuzz/targets.js"
import { contract, failureOf, fileOf, freshPath, refused } from "../support/claims.js"
import * as lab from "../support/lab.js"

it("every public function has its turn", () => {
  expect(uncovered()).toEqual([])
})

lab.on(["portable", "win32"], "worlds of real files and pipes are for kernels that have both")(it)(
  "three calls of each come to answers and typed errors, and leave nothing",
  async () => {
    const report = await run({ seed: 1, from: 0, to: targets.length * 3 })
    expect(report.findings).toEqual([])
    expect(report.endings.failed).toBeGreaterThan(100)
  },
  120_000
)

const revoked = (): any => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

it("a ledger that cannot be read is a TypeError that names the function", () => {
  for (const name of ["format", "inlineShare", "isBalanced"] as const) {
    for (const ledger of [revoked(), null, { started: "7" }, { inFlight: Symbol("any") }]) {
      expect(() => Ledger[name](ledger)).toThrow(new RegExp(`^Ledger\\.${name}: `))
    }
  }
})

it("files and faults of a simulation that cannot be read are a TypeError, and are read once", async () => {
  const fault = Object.defineProperty({}, "syscall", { get: () => revoked().any, enumerable: true }) as any
  for (const options of [{ files: revoked() }, { files: { file: revoked() } }, { faults: [fault] }]) {
    await expect(testing.test(Effect.void, options)()).rejects.toThrow(/^testing\.check: /)
    expect(() => testing.layer(options)).toThrow(/^testing\.layer: /)
  }
  let times = 0
  const files = {
    get file() {
      return times++ === 0 ? "text" : revoked()
    }
  }
  const report = await Effect.runPromise(testing.check(File.open("file"), { files, seeds: 3 }))
  expect([report.seeds, times]).toEqual([3, 1])
  const lying = Object.defineProperty(new Uint8Array(4), "length", { value: 1e9 })
  const size = Effect.flatMap(File.open("file"), File.size)
  await testing.test(Effect.map(size, (size) => expect(size).toBe(4n)), { files: { file: lying }, seeds: 1 })()
})

contract("arguments that do not fit", ({ claim }) => {
  claim("the methods of the file system, and of its files, have their turn as well", function*() {
    const fs = yield* ThreadpoolFileSystem.make
    expect(uncoveredMethods(fs, yield* fs.open(yield* fileOf("text")))).toEqual([])
  })
  claim("an array is no options: its own methods are not taken for the caller's", function*() {
    const error = yield* Effect.flip(Pipeline.copyTree(yield* lab.directory, "copy", [] as any))
    expect(error).toMatchObject({ _tag: "PipelineError", reason: "InvalidArgument" })
  })
  claim("a path that is no string is refused by a removal, also of a tree", function*() {
    const fs = yield* ThreadpoolFileSystem.make
    const directory = yield* lab.directory
    for (const path of [Buffer.from(directory), pathToFileURL(directory)]) {
      const error = yield* Effect.flip(fs.remove(path as any, { recursive: true }))
      expect(error).toMatchObject({ _tag: "BadArgument", method: "remove" })
    }
    expect(existsSync(directory)).toBe(true)
  })
  claim("a length that is none cuts nothing off, and is no defect", function*() {
    const fs = yield* ThreadpoolFileSystem.make
    const path = yield* fileOf("text")
    for (const length of [null, "1", {}, Object.create(null), 0.5, Symbol("any")] as Array<any>) {
      expect(yield* Effect.isFailure(fs.truncate(path, length))).toBe(true)
    }
    expect(yield* fs.readFileString(path)).toBe("text")
  })
  claim("a buffer that is none, or lies about its length, is refused before any native call", function*() {
    const file = yield* File.open(yield* fileOf("text"), { access: "readwrite" })
    const proxied = new Proxy(new Uint8Array(8), {})
    for (const buffer of [null, undefined, "text", [1, 2], new DataView(new ArrayBuffer(8)), proxied] as Array<any>) {
      expect(yield* refused(File.read(file, buffer, 0))).toMatchObject({ reason: "InvalidArgument" })
      expect(yield* refused(File.writeAll(file, buffer, 0))).toMatchObject({ reason: "InvalidArgument" })
    }
    const lying = Object.defineProperty(new Uint8Array(4), "byteLength", { value: 1e9 })
    expect(yield* File.read(file, lying, 0)).toBe(4)
  })
  claim(
    "a window that is no number neither throws nor keeps anything waiting",
    function*() {
      const file = yield* File.open(yield* fileOf("text"), { access: "readwrite" })
      for (const wrong of [7n, "7", Symbol("any"), Object.create(null)] as Array<any>) {
        const buffer = new Uint8Array(4)
        for (const window of [{ buffer, start: wrong }, { buffer, length: wrong }]) {
          const reading = Operation.read(window)
          expect(yield* refused(File.submit(file, reading))).toMatchObject({ reason: "InvalidArgument" })
          expect(yield* refused(File.writeVectored(file, [window, buffer], 0))).toMatchObject({
            reason: "InvalidArgument"
          })
        }
      }
      yield* refused(File.forEachChunk(file, { inFlight: 4097 }, () => Effect.void))
    }
  )
  claim("a thing that is none is refused before any native call, and options are read once", function*() {
    for (const it of [null, undefined, {}, { [File.TypeId]: File.TypeId }] as Array<any>) {
      expect(yield* refused(File.stat(it))).toMatchObject({ reason: "InvalidArgument" })
      expect(yield* refused(File.read(it, new Uint8Array(1), 0))).toMatchObject({ reason: "InvalidArgument" })
      expect(yield* refused(ThreadpoolIo.submit(it, Operation.read({ buffer: new Uint8Array(1) })))).toMatchObject({
        reason: "InvalidArgument"
      })
    }
    let times = 0
    const length = { get: () => [4, 1e9][times++] }
    const file = yield* File.open(yield* fileOf("text"))
    const request = Object.defineProperty({ buffer: new Uint8Array(4) }, "length", length)
    const { bytesTransferred } = yield* File.submit(file, Operation.read(request))
    expect([bytesTransferred, times]).toEqual([4, 1])
  })
  claim("what only says that it is an Effect is refused: a fiber would never end over it", function*() {
    const any: any = new Proxy(() => any, { get: () => any, has: () => true })
    const everything = any as Effect.Effect<void>
    const path = yield* fileOf("text")
    const file = yield* File.open(path, { access: "readwrite" })
    for (
      const refused of [
        File.withFile(path, {}, () => everything),
        File.withLock(file, { offset: 0, length: 1 }, everything),
        File.forEachChunk(file, {}, () => everything)
      ]
    ) {
      expect(yield* failureOf(refused)).toMatchObject({ reason: "InvalidArgument" })
    }
    const exit = yield* Effect.exit(Stream.runDrain(Pipeline.progress(() => everything)))
    expect(Cause.squash(Exit.isFailure(exit) ? exit.cause : Cause.empty)).toMatchObject({
      name: "TypeError",
      message: expect.stringMatching(/^Pipeline\.progress: /)
    })
  })
  claim("what is read and written many at once is what it was when it was asked for", function*() {
    const file = yield* File.open(yield* fileOf("text"))
    const request = { offset: 0, length: 4 }
    const reading = File.readMany(file, Array.from({ length: 100 }, () => request), { inFlight: 1 })
    const changed = Effect.sync(() => {
      request.length = 2 ** 40
    })
    const [read] = yield* Effect.all([reading, changed], { concurrency: 2 })
    expect(read.map(({ length }) => length)).toEqual(read.map(() => 4))
  })
  claim("a mode over which node would end the process is refused", function*() {
    const fs = yield* ThreadpoolFileSystem.make
    const path = yield* fileOf("text")
    for (const mode of [2 ** 31, 2 ** 32 - 1, -1, -0, 0.5, NaN]) {
      expect(yield* failureOf(fs.chmod(path, mode))).toMatchObject({ _tag: "BadArgument" })
      expect(yield* refused(File.open(yield* freshPath, { access: "write", disposition: "createNew", mode })))
        .toMatchObject({ reason: "InvalidArgument" })
    }
  })
})
