// Pages read here and there, with so many reads in flight.
import { FileSystem } from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { read as readCallback } from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import * as BufferPool from "../../src/BufferPool.js"
import * as File from "../../src/File.js"
import * as Kernel from "../../src/Kernel.js"
import type { Ledger } from "../../src/Ledger.js"
import { type Bench, contestant, type Env, type MakeScenario, NO_TPIO, promised } from "../harness/Bench.js"
import { checksum, type Input, PAGE, randomPages } from "../harness/inputs.js"
import {
  atMostOver,
  atMostTimesTheCost,
  type Case,
  type Contestant,
  type Goal,
  microsPerOperation,
  unjudged
} from "../harness/Scenario.js"
import { digits } from "../harness/statistics.js"
import { tpio } from "../harness/tpio.js"

const SEED = 20261121
const IN_FLIGHT = [1, 8, 32, 256]

const FIBERS = "File.read, a fiber for each place"
const FOR_EACH = "File.read, a new fiber for each read"
const RAW = "fs.read, callbacks"
const INCUMBENT = "NodeFileSystem, one File.read after the other's"
const ISSUER = "C on TP_IO, one issuing thread"
const CALLBACKS = "C on TP_IO, its callbacks issue"

/** What is read: the same pages by everybody. */
export interface Draw {
  readonly input: Input
  readonly offsets: Float64Array
  readonly checksum: number
}

export const draw = (bench: Bench, count: number): Effect.Effect<Draw> =>
  Effect.map(bench.large, (input) => ({ input, ...randomPages(input, count, SEED) }))

export const random: MakeScenario = (bench) => ({
  name: "random",
  title: "Reading pages of 4 KiB here and there in a file that is in the cache",
  cases: Effect.succeed(IN_FLIGHT.map((inFlight) => theCase(bench, inFlight)))
})

const theCase = (bench: Bench, inFlight: number): Effect.Effect<Case<Env>, unknown, Env | Scope.Scope> =>
  Effect.gen(function*() {
    const count = (bench.quick ? 2000 : 20_000) / (inFlight === 1 ? 4 : 1)
    const drawn = yield* draw(bench, count)
    const native = bench.tpio
    const inC = (role: Contestant["role"], name: string, mode: "issuer" | "callbacks") =>
      native === undefined ? [] : [
        contestant<never>(role, name, () =>
          tpio(native, bench, {
            mode,
            path: drawn.input.path,
            chunk: PAGE,
            inFlight,
            operations: count,
            seed: SEED
          }))
      ]
    return {
      label: `${inFlight} in flight`,
      measure: microsPerOperation,
      amount: count,
      expected: { "warm-up": drawn.checksum, measured: drawn.checksum },
      contestants: [
        yield* fibers(drawn, inFlight),
        yield* newFibers(drawn, inFlight),
        yield* callbacks(drawn, inFlight),
        yield* promises(drawn, inFlight),
        yield* nodeFileSystem(drawn, inFlight),
        yield* nodeFileSystems(drawn, inFlight),
        ...inC("peer", ISSUER, "issuer"),
        ...inC("limit", CALLBACKS, "callbacks")
      ],
      goals: goals(bench, inFlight),
      notes: bench.kernel === "win32" && native === undefined ? [NO_TPIO] : [],
      afterwards: wakeUpsSince(yield* Kernel.ledger)
    }
  })

/** How often JavaScript was woken, on kernel32; the portable kernel does not count it. */
const wakeUpsSince = (before: Ledger): Effect.Effect<ReadonlyArray<string>, never, Kernel.Kernel> =>
  Effect.map(Kernel.ledger, ({ completedByCallback, wakeUps }) => {
    const [completions, woken] = [completedByCallback - before.completedByCallback, wakeUps - before.wakeUps]
    return woken === 0 ? [] : [`JavaScript was woken ${digits(woken / completions)} times per completion`]
  })

const goals = ({ kernel, tpio }: Bench, inFlight: number): ReadonlyArray<Goal> => {
  const withoutC = tpio === undefined ? NO_TPIO : undefined
  return [
    ...kernel === "portable"
      ? [FIBERS, FOR_EACH].map((row) => atMostOver(row, RAW, 4, "µs"))
      : inFlight >= 8
      ? [
        unjudged(atMostTimesTheCost(FIBERS, [ISSUER], 1), withoutC),
        unjudged(atMostTimesTheCost(FIBERS, [CALLBACKS], 1.5), withoutC)
      ]
      : [],
    ...inFlight === 32 ? [FIBERS, FOR_EACH].map((row) => atMostTimesTheCost(row, [INCUMBENT], 1 / 5)) : []
  ]
}

// --- this library

const opened = (path: string, inFlight: number) =>
  Effect.gen(function*() {
    const file = yield* File.open(path, { hint: "random", maxInFlight: inFlight })
    const buffers = yield* Effect.all(Array.from({ length: inFlight }, () => BufferPool.make(PAGE)))
    return { file, buffers }
  })

/** As many fibers as reads in flight, each with its buffer, which read one page after the other. */
export const fibers = (
  { input, offsets }: Draw,
  inFlight: number,
  name = FIBERS
): Effect.Effect<Contestant, unknown, Kernel.Kernel | Scope.Scope> =>
  Effect.map(opened(input.path, inFlight), ({ buffers, file }) =>
    contestant("ours", name, () =>
      inFibers(
        offsets,
        buffers,
        (buffer, offset) => File.read(file, buffer, offset),
        (buffer, bytes) => bytes === PAGE ? buffer.bytes : EMPTY
      )))

/** A fiber for each place, which reads at the next offset when it has read at the one before. */
export const inFibers = <Place, A, E, R>(
  offsets: Float64Array,
  places: ReadonlyArray<Place>,
  read: (place: Place, offset: number) => Effect.Effect<A, E, R>,
  bytes: (place: Place, read: A) => Uint8Array
): Effect.Effect<{ readonly checksum: number }, E, R> =>
  Effect.suspend(() => {
    let next = 0
    let sum = 0
    const fiber = (place: Place) => {
      let offset = 0
      return Effect.whileLoop({
        while: () => next < offsets.length,
        body: () => read(place, offset = offsets[next++]!),
        step: (answer: A) => sum = (sum + checksum(bytes(place, answer), offset, "measured")) | 0
      })
    }
    return Effect.map(
      Effect.forEach(places, fiber, { concurrency: "unbounded", discard: true }),
      () => ({ checksum: sum })
    )
  })

const EMPTY = new Uint8Array(0)

/** `Effect.forEach` with concurrency: it makes, starts and joins a fiber for each page. */
const newFibers = ({ input, offsets }: Draw, inFlight: number) =>
  Effect.map(
    opened(input.path, inFlight),
    ({ buffers, file }) =>
      contestant<never>("ours", FOR_EACH, () =>
        Effect.suspend(() => {
          const free = [...buffers]
          let sum = 0
          const one = (offset: number) => {
            const buffer = free.pop()!
            return Effect.map(File.read(file, buffer, offset), (bytes) => {
              sum = (sum + checksum(bytes === PAGE ? buffer.bytes : EMPTY, offset, "measured")) | 0
              free.push(buffer)
            })
          }
          return Effect.map(
            Effect.forEach(offsets, one, { concurrency: inFlight, discard: true }),
            () => ({ checksum: sum })
          )
        }))
  )

// --- node

const handle = (path: string): Effect.Effect<FileHandle, unknown, Scope.Scope> =>
  Effect.acquireRelease(promised(() => open(path, "r")), (file) => Effect.promise(() => file.close()))

/** Callbacks that issue the next read themselves, into recycled buffers: the least that node:fs costs. */
export const callbacks = ({ input, offsets }: Draw, inFlight: number, name = RAW) =>
  Effect.map(handle(input.path), ({ fd }) => {
    const buffers = Array.from({ length: inFlight }, () => Buffer.allocUnsafeSlow(PAGE))
    return contestant<never>("peer", name, () =>
      promised(() =>
        new Promise((resolve, reject) => {
          let next = 0
          let sum = 0
          let working = inFlight
          const advance = (buffer: Buffer): void => {
            const offset = offsets[next++]
            if (offset === undefined) {
              if (--working === 0) resolve({ checksum: sum })
              return
            }
            readCallback(fd, buffer, 0, PAGE, offset, (error) => {
              if (error !== null) return reject(error)
              sum = (sum + checksum(buffer, offset, "measured")) | 0
              advance(buffer)
            })
          }
          buffers.forEach(advance)
        })
      ))
  })

export const promises = ({ input, offsets }: Draw, inFlight: number) =>
  Effect.map(handle(input.path), (file) => {
    const buffers = Array.from({ length: inFlight }, () => Buffer.allocUnsafeSlow(PAGE))
    return contestant<never>("peer", "fs.promises read", () =>
      promised(async () => {
        let next = 0
        let sum = 0
        await Promise.all(buffers.map(async (buffer) => {
          while (next < offsets.length) {
            const offset = offsets[next++]!
            await file.read(buffer, 0, PAGE, offset)
            sum = (sum + checksum(buffer, offset, "measured")) | 0
          }
        }))
        return { checksum: sum }
      }))
  })

// --- the incumbent

/** How many reads are enough to know what one costs, at hundreds of microseconds each. */
const FEW = 4000

/** One `File`, read by many fibers. It has a cursor and no positional read: it reads one page after the other. */
const nodeFileSystem = ({ checksum: whole, input, offsets }: Draw, inFlight: number) =>
  Effect.gen(function*() {
    const file = yield* Effect.flatMap(FileSystem, (fs) => fs.open(input.path))
    const count = Math.min(offsets.length, FEW)
    let expected = 0
    for (let page = 0; page < count; page++) {
      expected = (expected + checksum(input.firsts.subarray(page, page + 1), page * PAGE, "measured")) | 0
    }
    const buffers = Array.from({ length: inFlight }, () => Buffer.allocUnsafeSlow(PAGE))
    return contestant<never>("peer", INCUMBENT, () =>
      Effect.gen(function*() {
        yield* file.seek(0, "start")
        let next = 0
        let read = 0
        let sum = 0
        const fiber = (buffer: Uint8Array) =>
          Effect.whileLoop({
            while: () => next++ < count,
            body: () => file.read(buffer),
            step: () => sum = (sum + checksum(buffer, PAGE * read++, "measured")) | 0
          })
        yield* Effect.forEach(buffers, fiber, { concurrency: "unbounded", discard: true })
        if (sum !== expected) return yield* Effect.fail("read something else than is there")
        return { amount: count, checksum: whole }
      }))
  })

/** A `File` for each fiber, with a seek before each read: what it takes to read here and there. */
export const nodeFileSystems = ({ input, offsets }: Draw, inFlight: number) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem
    const places = yield* Effect.all(Array.from({ length: inFlight }, () =>
      Effect.map(fs.open(input.path), (file) => ({ file, buffer: Buffer.allocUnsafeSlow(PAGE) }))))
    return contestant<never>("peer", "NodeFileSystem, a File for each fiber, seek and read", () =>
      inFibers(
        offsets,
        places,
        ({ buffer, file }, offset) =>
          Effect.zipRight(file.seek(offset, "start"), file.read(buffer)),
        ({ buffer }) => buffer
      ))
  })
