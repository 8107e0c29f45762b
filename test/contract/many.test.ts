/**
 * Many reads or writes as one effect: each result by index, a bound on what is in flight, and one end for all of them.
 */
import { expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"
import { readFileSync } from "node:fs"
import * as BufferPool from "../../src/BufferPool.js"
import * as File from "../../src/File.js"
import * as Kernel from "../../src/Kernel.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import {
  contract,
  failureOf,
  fileOf,
  freshPath,
  movement,
  pattern,
  refused,
  settleFibers,
  sleep
} from "../support/claims.js"
import { failingIssue } from "../support/failing.js"

const LENGTH = 100_000
const contents = pattern(LENGTH)

const opened = (options: File.OpenOptions = {}) => Effect.flatMap(fileOf(contents), (path) => File.open(path, options))
const created = Effect.flatMap(freshPath, (path) => File.open(path, { access: "readwrite", disposition: "createNew" }))

/** So many reads of 100 bytes. */
const hundreds = (count: number) => Array.from({ length: count }, (_, index) => ({ offset: index * 100, length: 100 }))

contract("many reads", ({ claim }) => {
  claim("each brings what is there, by index, wherever, however many, however many at once", function*() {
    const file = yield* opened()
    yield* Effect.promise(() =>
      FastCheck.assert(
        FastCheck.asyncProperty(
          FastCheck.array(FastCheck.record({ offset: FastCheck.nat(LENGTH + 100), length: FastCheck.nat(20_000) }), {
            maxLength: 60
          }),
          FastCheck.integer({ min: 1, max: 80 }),
          async (requests, inFlight) => {
            const results = await Effect.runPromise(File.readMany(file, requests, { inFlight }))
            expect(results).toHaveLength(requests.length)
            requests.forEach(({ length, offset }, index) => {
              expect(Buffer.compare(results[index]!, contents.subarray(offset, offset + length))).toBe(0)
            })
          }
        ),
        { numRuns: 25 }
      )
    )
  })
  claim("reads into the buffers that it is given, and answers views of them", function*() {
    const file = yield* opened()
    const pooled = yield* BufferPool.make(4096)
    const own = new Uint8Array(500)
    const [first, second, third, fourth] = yield* file.pipe(File.readMany([
      { offset: 10, buffer: pooled, start: 100, length: 50 },
      { offset: 20, buffer: own },
      { offset: 30n, length: 5 },
      { offset: LENGTH - 7, buffer: pooled, start: 1000 }
    ]))
    expect([first, second, third, fourth]).toEqual([
      contents.slice(10, 60),
      contents.slice(20, 520),
      contents.slice(30, 35),
      contents.slice(LENGTH - 7)
    ])
    expect(first!.buffer).toBe(pooled.bytes.buffer)
    expect(second!.buffer).toBe(own.buffer)
    expect(pooled.bytes.slice(100, 150)).toEqual(contents.slice(10, 60))
  })
  claim("what it answers is written by nobody afterwards", function*() {
    const file = yield* opened()
    const before = yield* File.readMany(file, hundreds(500))
    const kept = before.map((bytes) => bytes.slice())
    yield* File.readMany(file, hundreds(900))
    expect(before).toEqual(kept)
  })
  claim("nothing to read is nothing, and no native call", function*() {
    const file = yield* opened()
    const { started, value } = yield* movement(File.readMany(file, []))
    expect([value, started]).toEqual([[], 0])
  })
  claim("keeps no more in flight than was asked for", function*() {
    const file = yield* opened()
    const { engine } = yield* Kernel.Kernel
    let most = 0
    const { object } = file.io
    const submit = object.submit.bind(object)
    object.submit = (request) => {
      const operation = submit(request)
      most = Math.max(most, engine.counters.inFlight)
      return operation
    }
    expect(yield* File.readMany(file, hundreds(300), { inFlight: 7 })).toHaveLength(300)
    expect(most).toBe(7)
  })
  claim("those that are more than the file lets be in flight wait in its queue", function*() {
    const file = yield* opened({ maxInFlight: 2 })
    expect(yield* File.readMany(file, hundreds(50))).toHaveLength(50)
  })
  claim("a caller's array may change meanwhile", function*() {
    const file = yield* opened()
    const requests = hundreds(200)
    const fiber = yield* Effect.fork(File.readMany(file, requests, { inFlight: 2 }))
    yield* settleFibers
    requests.length = 0
    expect(yield* fiber).toHaveLength(200)
  })

  claim("the first that fails ends all of them, with nothing in flight", function*() {
    const file = yield* opened()
    const reads = File.readMany(file, hundreds(300), { inFlight: 8 })
    const { started, value } = yield* movement(failureOf(failingIssue(20, 1117, reads)))
    expect(value).toMatchObject({ code: 1117, syscall: "ReadFile", path: file.path })
    expect(started).toBeLessThan(40)
    expect(yield* ThreadpoolIo.ledger(file.io)).toMatchObject({ inFlight: 0, failedAtStart: 1 })
  })
  claim("each fails for itself where that is asked for", function*() {
    const file = yield* opened()
    const pooled = yield* BufferPool.make(100)
    const requests = [
      ...hundreds(10),
      { offset: -1, length: 100 },
      { offset: 0, length: 1.5 },
      { offset: 0, buffer: pooled, length: 101 },
      { offset: 5, length: 3 }
    ]
    const results = yield* failingIssue(3, 1117, File.readMany(file, requests, { mode: "either" }))
    const tags = results.map(Either.match({ onLeft: ({ reason }) => reason, onRight: ({ length }) => length }))
    expect(tags).toEqual([
      ...[100, 100, "DeviceFailure", 100, 100, 100, 100, 100, 100, 100],
      ...["InvalidArgument", "InvalidArgument", "InvalidArgument", 3]
    ])
  })
  claim("refuses what cannot be, before anything is read, and says which", function*() {
    const file = yield* opened()
    const bad: ReadonlyArray<File.ReadRequest> = [
      { offset: -1, length: 1 },
      { offset: 1.5, length: 1 },
      { offset: 2n ** 63n, length: 1 },
      { offset: 0, length: -1 },
      { offset: 0, length: 0.5 },
      { offset: 0, length: 2 ** 32 },
      { offset: 0, buffer: new Uint8Array(4), start: 5 }
    ]
    for (const one of bad) {
      const error = yield* refused(File.readMany(file, [...hundreds(3), one]))
      expect(error).toMatchObject({ reason: "InvalidArgument", syscall: "ReadFile" })
      expect(error.message).toContain("number 3 of the batch")
    }
    expect(yield* refused(File.readMany(file, hundreds(3), { inFlight: 0 }))).toMatchObject({
      reason: "InvalidArgument"
    })
  })
  claim("windows of one buffer that overlap are refused", function*() {
    const file = yield* opened()
    const buffer = new Uint8Array(100)
    const error = yield* failureOf(File.readMany(file, [{ offset: 0, buffer }, { offset: 100, buffer, start: 50 }]))
    expect(error).toMatchObject({ reason: "InvalidArgument" })
    expect(yield* ThreadpoolIo.ledger(file.io)).toMatchObject({ inFlight: 0 })
  })
  claim("of a file that has closed fail with Closed", function*() {
    const file = yield* Effect.scoped(opened())
    expect(yield* refused(File.readMany(file, hundreds(3)))).toMatchObject({ reason: "Closed", syscall: "ReadFile" })
    const each = yield* File.readMany(file, hundreds(3), { mode: "either" })
    expect(each.map((one) => Either.isLeft(one) && one.left.reason)).toEqual(["Closed", "Closed", "Closed"])
  })
  claim("an interruption starts no more, cancels the rest and waits for it", function*() {
    const file = yield* opened()
    const fiber = yield* Effect.fork(File.readMany(file, hundreds(900), { inFlight: 16 }))
    yield* settleFibers
    expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
    const { inFlight, started } = yield* ThreadpoolIo.ledger(file.io)
    expect(inFlight).toBe(0)
    expect(started).toBeLessThan(900)
    yield* sleep(5)
    expect((yield* ThreadpoolIo.ledger(file.io)).started).toBe(started)
  })
  claim("are not held up by a scope that closes", function*() {
    const exit = yield* Effect.exit(Effect.scoped(Effect.gen(function*() {
      const file = yield* opened()
      const fiber = yield* Effect.forkDaemon(Effect.exit(File.readMany(file, hundreds(900), { inFlight: 16 })))
      yield* settleFibers
      return fiber
    })))
    const outcome = yield* Fiber.join(yield* exit)
    // The reads end before the close does, or are told that it has come.
    expect(Exit.isSuccess(outcome) || JSON.stringify(outcome).includes("Win32Error")).toBe(true)
  })
})

contract("many writes", ({ claim }) => {
  claim("each goes where it belongs, and answers its bytes", function*() {
    const file = yield* created
    const requests = Array.from({ length: 100 }, (_, index) => ({
      offset: index * 1000,
      buffer: contents.subarray(index * 1000, index * 1000 + 1000)
    }))
    const written = yield* File.writeMany(file, requests.reverse(), { inFlight: 9 })
    expect(written).toEqual(requests.map(() => 1000))
    expect(Buffer.compare(readFileSync(file.path), contents)).toBe(0)
  })
  claim("one that fails ends them, and nothing is written afterwards", function*() {
    const file = yield* created
    const requests = Array.from({ length: 100 }, (_, index) => ({ offset: index, buffer: new Uint8Array(1) }))
    const error = yield* failureOf(failingIssue(10, 112, File.writeMany(file, requests, { inFlight: 4 })))
    expect(error).toMatchObject({ code: 112, reason: "NoSpace", syscall: "WriteFile" })
    const { inFlight, started } = yield* ThreadpoolIo.ledger(file.io)
    expect(inFlight).toBe(0)
    yield* sleep(5)
    expect((yield* ThreadpoolIo.ledger(file.io)).started).toBe(started)
  })
  claim("refuses what cannot be, before anything is written", function*() {
    const file = yield* created
    const requests = [{ offset: 0, buffer: contents }, { offset: -1, buffer: contents }]
    expect(yield* refused(File.writeMany(file, requests))).toMatchObject({
      reason: "InvalidArgument",
      syscall: "WriteFile"
    })
  })
})
