/**
 * Random sequences of operations against a model of the file: what is read is what was written, wherever. `TPIO_SEED`
 * replays a run; the seed of every run is printed.
 */
import { describe, expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fc from "effect/FastCheck"
import * as Runtime from "effect/Runtime"
import * as BufferPool from "../../src/BufferPool.js"
import * as File from "../../src/File.js"
import { MemoryFile } from "../../src/internal/kernel/simulated/memory.js"
import type * as Kernel from "../../src/Kernel.js"
import * as Operation from "../../src/Operation.js"
import type { Win32Error } from "../../src/Win32Error.js"
import { contract, freshPath, pattern } from "../support/claims.js"
import * as lab from "../support/lab.js"
import { makeSparse } from "../support/sparse.js"

const seed = Number(process.env["TPIO_SEED"] ?? Date.now() % 2 ** 31)
const MILLISECONDS = 2000
const MILLISECONDS_TO_SHRINK = 10_000
const MIB = 1 << 20

// --- what is done

type Command =
  | { readonly _tag: "Read" | "ReadPooled"; readonly offset: number; readonly size: number }
  | { readonly _tag: "Write" | "WritePooled"; readonly offset: number; readonly size: number; readonly seed: number }
  | { readonly _tag: "Append"; readonly size: number; readonly seed: number }
  | { readonly _tag: "Truncate"; readonly length: number }
  | { readonly _tag: "Size" }

/** Mostly small, now and then up to 1 MiB, and 0. */
const size = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 5000 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 100_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: MIB }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1, 4095, 4096, 4097, 65_536, MIB) }
)

/** Within `span` bytes of a base, and at the edges of pages. */
const near = (base: number, span: number) =>
  fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 0, max: span }).map((by) => base + by) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: span >> 12 }).map((page) => base + page * 4096) }
  )

const commands = (offset: fc.Arbitrary<number>): fc.Arbitrary<ReadonlyArray<Command>> => {
  const patternSeed = fc.integer({ min: 1, max: 1000 })
  const one: fc.Arbitrary<Command> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ _tag: fc.constantFrom("Read" as const, "ReadPooled" as const), offset, size })
    },
    {
      weight: 4,
      arbitrary: fc.record({
        _tag: fc.constantFrom("Write" as const, "WritePooled" as const),
        offset,
        size,
        seed: patternSeed
      })
    },
    { weight: 1, arbitrary: fc.record({ _tag: fc.constant("Append" as const), size, seed: patternSeed }) },
    { weight: 1, arbitrary: fc.record({ _tag: fc.constant("Truncate" as const), length: offset }) },
    { weight: 1, arbitrary: fc.constant({ _tag: "Size" } as const) }
  )
  return fc.array(one, { minLength: 1, maxLength: 25 })
}

// --- on the file and on its model

const same = (what: Command, real: Uint8Array, model: Uint8Array) => {
  if (Buffer.compare(real, model) === 0) return
  const at = real.findIndex((byte, index) => byte !== model[index])
  throw new Error(`${JSON.stringify(what)}: ${real.length} bytes, expected ${model.length}; differ at ${at}`)
}

const perform = (file: File.File, model: MemoryFile, command: Command) =>
  Effect.gen(function*() {
    switch (command._tag) {
      case "Read": {
        const buffer = new Uint8Array(command.size)
        const bytes = yield* File.read(file, buffer, command.offset)
        return compareRead(model, command, buffer.subarray(0, bytes))
      }
      case "ReadPooled": {
        const buffer = yield* BufferPool.make(command.size + 1)
        const window = { buffer, start: 1, length: command.size, offset: BigInt(command.offset) }
        const { bytesTransferred } = yield* File.submit(file, Operation.read(window))
        return compareRead(model, command, buffer.bytes.subarray(1, 1 + bytesTransferred))
      }
      case "Write": {
        const contents = pattern(command.size, command.seed)
        yield* File.writeAll(file, contents, command.offset)
        if (command.size > 0) model.write(contents, command.offset)
        return
      }
      case "WritePooled": {
        const buffer = yield* BufferPool.make(command.size + 1)
        const contents = pattern(command.size, command.seed)
        buffer.bytes.set(contents, 1)
        const window = { buffer, start: 1, length: command.size, offset: BigInt(command.offset) }
        expect(yield* File.submit(file, Operation.write(window))).toMatchObject({ bytesTransferred: command.size })
        if (command.size > 0) model.write(contents, command.offset)
        return
      }
      case "Append": {
        const contents = pattern(command.size, command.seed)
        expect(yield* File.append(file, contents)).toBe(command.size)
        return model.write(contents, model.size)
      }
      case "Truncate": {
        yield* File.truncate(file, command.length)
        return model.truncate(command.length)
      }
      case "Size":
        expect(yield* File.size(file)).toBe(BigInt(model.size))
    }
  }).pipe(Effect.scoped)

const compareRead = (
  model: MemoryFile,
  command: Command & { readonly offset: number; readonly size: number },
  real: Uint8Array
) => {
  const expected = new Uint8Array(command.size)
  same(command, real, expected.subarray(0, model.read(expected, command.offset)))
}

// --- running

/** Random values until the time is over; a failure says its seed and the shortest values that bring it about. */
const always = <A>(
  arbitrary: fc.Arbitrary<A>,
  property: (value: A) => Effect.Effect<void, Win32Error, Kernel.Kernel>
) =>
  Effect.gen(function*() {
    const runtime = yield* Effect.runtime<Kernel.Kernel>()
    let end = Date.now() + MILLISECONDS
    let runs = 0
    // fast-check's own limit would leave the run under way to itself.
    const timed = async (value: A) => {
      if (Date.now() > end) return
      runs++
      await Runtime.runPromise(runtime)(property(value)).catch((error: unknown) => {
        end = Date.now() + MILLISECONDS_TO_SHRINK
        throw error
      })
    }
    yield* Effect.promise(() => fc.assert(fc.asyncProperty(arbitrary, timed), { seed, numRuns: 500 }))
    console.log(`${runs} runs on ${lab.kernelName}; to replay them: TPIO_SEED=${seed}`)
    expect(runs).toBeGreaterThan(3)
  })

const options = { access: "readwrite", disposition: "createAlways" } as const

contract("a file is what its model is", ({ claim }) => {
  const against = (offset: fc.Arbitrary<number>, base: number) =>
    Effect.gen(function*() {
      const path = yield* freshPath
      yield* makeSparse(path)
      yield* always(commands(offset), (sequence) =>
        Effect.scoped(Effect.gen(function*() {
          const file = yield* File.open(path, { ...options, disposition: "openAlways" })
          const model = new MemoryFile(0n, 0)
          yield* File.truncate(file, 0)
          yield* File.truncate(file, base)
          model.truncate(base)
          for (const command of sequence) yield* perform(file, model, command)
          expect(yield* File.size(file)).toBe(BigInt(model.size))
        })))
    })
  describe("after any sequence of reads, writes, appends and truncations", () => {
    const places = [
      ["within the first 4 MiB", 0, 4 * MIB],
      ["around 2^32", 2 ** 32 - MIB, 2 * MIB],
      ["beyond 5 GB, where there was nothing", 5_000_000_000, 4 * MIB]
    ] as const
    for (const [name, base, span] of places) {
      claim(name, function*() {
        yield* against(near(base, span), base)
      }, 60_000)
    }
  })

  claim("after any set of writes that do not overlap, all at once", function*() {
    const path = yield* freshPath
    const lengths = fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1, maxLength: 40 })
    const inFlight = fc.constantFrom(1, 3, 64)
    yield* always(
      fc.tuple(lengths, inFlight, fc.integer({ min: 0, max: 2 ** 20 })),
      ([lengths, maxInFlight, base]) =>
        Effect.scoped(Effect.gen(function*() {
          const file = yield* File.open(path, { ...options, maxInFlight })
          const total = lengths.reduce((sum, length) => sum + length, 0)
          const contents = pattern(total, total)
          let at = 0
          const writes = lengths.map((length) => {
            const [start, end] = [at, at += length]
            return File.writeAll(file, contents.subarray(start, end), base + start)
          })
          yield* Effect.all(writes.reverse(), { concurrency: "unbounded" })
          const back = new Uint8Array(total)
          yield* File.readExact(file, back, base)
          expect(Buffer.compare(back, contents)).toBe(0)
          expect(yield* File.size(file)).toBe(BigInt(base + total))
        }))
    )
  }, 60_000)

  claim(
    "after writes that were interrupted: each is there whole, in its first part, or not at all",
    function*() {
      const path = yield* freshPath
      const lengths = fc.array(fc.integer({ min: 1, max: 50_000 }), { minLength: 1, maxLength: 20 })
      yield* always(
        fc.tuple(lengths, fc.integer({ min: 0, max: 3 })),
        ([lengths, milliseconds]) =>
          Effect.scoped(Effect.gen(function*() {
            const file = yield* File.open(path, options)
            yield* Effect.forEach(
              lengths,
              (length, index) => File.write(file, new Uint8Array(length).fill(index + 1), index * 50_000),
              { concurrency: "unbounded", discard: true }
            ).pipe(Effect.timeoutOption(milliseconds))
            const back = new Uint8Array(lengths.length * 50_000)
            yield* File.read(file, back, 0)
            lengths.forEach((length, index) => {
              const written = back.subarray(index * 50_000, (index + 1) * 50_000)
              const end = written.lastIndexOf(index + 1) + 1
              expect(end).toBeLessThanOrEqual(length)
              expect(written.subarray(0, end).every((byte) => byte === index + 1)).toBe(true)
              expect(written.subarray(end).every((byte) => byte === 0)).toBe(true)
            })
          }))
      )
    },
    60_000
  )
})
