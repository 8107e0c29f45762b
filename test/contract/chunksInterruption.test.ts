/**
 * Reading ahead, writing behind and batches, interrupted at every fiber step: nothing is left, and once the
 * interruption has settled nothing more is read or written.
 */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as File from "../../src/File.js"
import { pattern } from "../support/claims.js"
import * as lab from "../support/lab.js"
import { everyStep, swept } from "../support/sweep.js"

/** The points at which an operation of the one under test was in flight. */
let inFlightPoints = 0

const shared = swept(({ points }) =>
  `interruption sweep on ${lab.kernelName}: ${points} points, an operation in flight at ${inFlightPoints} of them`
)

const SIZE = 20_000
/** More than one read of a stream. */
const LARGE = (512 << 10) + 100
const at = (name: string) => join(shared.home, name)

beforeAll(async () => {
  writeFileSync(at("data"), pattern(SIZE))
  writeFileSync(at("large"), pattern(LARGE))
  from = await shared.run(Scope.extend(File.open(at("data")), scope))
  large = await shared.run(Scope.extend(File.open(at("large")), scope))
  const write = { access: "write", disposition: "createNew" } as const
  to = await shared.run(Scope.extend(File.open(at("out"), write), scope))
})

// Declared after the sweep's own, and so run before it: the kernel is still there.
afterAll(async () => {
  await Effect.runPromise(Scope.close(scope, Exit.void))
  expect(shared.watched.leftovers()).toEqual(lab.nothing)
})

/** Open all the time: opening and closing are swept elsewhere. */
const scope = Effect.runSync(Scope.make())
let from: File.File
let large: File.File
let to: File.File

const reading = (use: (file: File.File) => Effect.Effect<unknown, unknown>) => Effect.suspend(() => use(from))
const writing = (use: (file: File.File) => Effect.Effect<unknown, unknown>) => Effect.suspend(() => use(to))

const chunks = { chunkSize: 9000, inFlight: 2 }
const requests = Array.from({ length: 6 }, (_, index) => ({ offset: index * 512, length: 512 }))
const pieces = Array.from({ length: 3 }, () => pattern(6000))

const turn = () => new Promise<void>((resolve) => void setImmediate(resolve))

const programs: Record<string, () => Effect.Effect<unknown, unknown>> = {
  "forEachChunk": () => reading((file) => File.forEachChunk(file, chunks, () => Effect.void)),
  "forEachChunk as completed": () =>
    reading((file) => File.forEachChunk(file, { ...chunks, ordered: false }, () => Effect.yieldNow())),
  "forEachChunk that writes what it is lent": () =>
    reading((file) =>
      writing((to) => File.forEachChunk(file, chunks, (chunk) => File.writeAll(to, chunk, chunk.offset)))
    ),
  "stream": () => reading((file) => Stream.runDrain(File.stream(file, chunks))),
  "stream in reads of several chunks": () =>
    Effect.suspend(() => Stream.runDrain(File.stream(large, { chunkSize: 200_000, inFlight: 2 }))),
  "stream that is left early": () => reading((file) => Stream.runHead(File.stream(file, chunks))),
  "streamRecycled": () => reading((file) => Stream.runDrain(File.streamRecycled(file, chunks))),
  "sink": () => writing((file) => Stream.run(Stream.fromIterable(pieces), File.sink(file, chunks))),
  "sink with sync": () =>
    writing((file) => Stream.run(Stream.fromIterable(pieces), File.sink(file, { ...chunks, sync: true }))),
  "stream into sink": () =>
    reading((from) => writing((to) => Stream.run(File.stream(from, chunks), File.sink(to, chunks)))),
  "readMany": () => reading((file) => File.readMany(file, requests, { inFlight: 3 })),
  "readMany, each for itself": () => reading((file) => File.readMany(file, requests, { mode: "either", inFlight: 3 })),
  "writeMany": () =>
    writing((file) =>
      File.writeMany(file, requests.map(({ offset }) => ({ offset, buffer: pieces[0]!.subarray(0, 512) })), {
        inFlight: 3
      })
    )
}

describe("interrupted at every fiber step", () => {
  for (const [name, program] of Object.entries(programs)) {
    it(name, { timeout: 120_000 }, async () => {
      const { kernel: { engine }, runtime, watched } = shared
      const onInterrupt = () => {
        if (engine.counters.inFlight > 0) inFlightPoints++
      }
      const tried = await everyStep(runtime, name, program, async ({ exit, step }) => {
        shared.points++
        const where = `${name}, step ${step}`
        if (Exit.isFailure(exit)) expect([where, Exit.isInterrupted(exit)]).toEqual([where, true])
        const { started } = engine.counters
        expect({ where, ...watched.leftovers() }).toEqual({ where, ...lab.nothing, openHandles: 3, objects: 3 })
        await turn()
        expect([where, engine.counters.started]).toEqual([where, started])
      }, { onInterrupt })
      expect(tried).toBeGreaterThan(15)
    })
  }
})
