// Pages read here and there, with so many reads in flight.
import { FileSystem } from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { read as readCallback } from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import type { Kernel } from "../../../src/Kernel.js"
import type { Ledger } from "../../../src/Ledger.js"
import {
  type Bench,
  contestant,
  type Env,
  type Library,
  type MakeScenario,
  NO_TPIO,
  promised
} from "../harness/Bench.js"
import { bun } from "../harness/bun.js"
import { busyProcessors } from "../harness/busy.js"
import { checksum, type Input, PAGE, type Pages, randomPages, SeenPages } from "../harness/inputs.js"
import { theMask } from "../harness/Library.js"
import {
  atMostOver,
  atMostTimesAdded,
  atMostTimesTheCost,
  type Case,
  type Contestant,
  type Goal,
  inCpu,
  microsPerOperation,
  type Phase,
  unjudged
} from "../harness/Scenario.js"
import { digits } from "../harness/statistics.js"
import { tpio } from "../harness/tpio.js"

const SEED = 20261121
const IN_FLIGHT = [1, 8, 32, 256]

const FIBERS = "File.read, a fiber for each place"
const PLAIN = "the same, into plain Uint8Arrays"
const MASK = "the same in the old form, a mask"
const FOR_EACH = "File.read, a new fiber for each read"
const RAW = "fs.read, a callback for each place"
const BARE = "Effect.async around fs.read, a new fiber for each read"
const INCUMBENT = "NodeFileSystem, one File.read after the other's"
const ISSUER = "C on TP_IO, one issuing thread"
const CALLBACKS = "C on TP_IO, its callbacks issue"

/** The pages to read: the same for every contestant. */
export interface Draw extends Pages {
  readonly input: Input
}

export const draw = (bench: Bench, count: number): Effect.Effect<Draw> =>
  Effect.map(bench.large, (input) => ({ input, ...randomPages(input, count, SEED) }))

export const random: MakeScenario = (bench) => ({
  name: "random",
  title: "Reading pages of 4 KiB here and there in a file that is in the cache",
  cases: Effect.succeed(IN_FLIGHT.map((inFlight) => idle(bench, inFlight)))
})

export const randomBusy: MakeScenario = (bench) => ({
  name: "random-busy",
  title: "The same while a process for each processor hashes",
  cases: Effect.succeed(IN_FLIGHT.map((inFlight) => busy(bench, inFlight)))
})

const countOf = (bench: Bench, inFlight: number): number => (bench.quick ? 2000 : 20_000) / (inFlight === 1 ? 4 : 1)

const idle = (bench: Bench, inFlight: number): Effect.Effect<Case<Env>, unknown, Env | Scope.Scope> =>
  Effect.gen(function*() {
    const { library, tpio: native } = bench
    const count = countOf(bench, inFlight)
    const mask = yield* theMask(library, bench.kernel)
    const drawn = yield* draw(bench, count)
    const inC = (role: Contestant["role"], name: string, mode: "issuer" | "callbacks") =>
      native === undefined ? [] : [
        contestant<never>(role, name, () =>
          tpio(native, bench, {
            mode,
            path: drawn.input.path,
            chunk: PAGE,
            inFlight,
            operations: count,
            seed: SEED,
            looked: "warm-up"
          }))
      ]
    return {
      label: `${inFlight} in flight`,
      measure: microsPerOperation,
      amount: count,
      expected: drawn.checksums,
      contestants: [
        yield* fibers(library, drawn, inFlight),
        yield* plain(library, drawn, inFlight),
        yield* newFibers(library, drawn, inFlight),
        ...mask === undefined ? [] : [yield* Effect.provide(fibers(library, drawn, inFlight, MASK, "peer"), mask)],
        yield* callbacks(drawn, inFlight),
        yield* bare(drawn, inFlight),
        yield* promises(drawn, inFlight),
        yield* nodeFileSystem(drawn, inFlight),
        yield* nodeFileSystems(drawn, inFlight),
        ...bun(bench, { path: drawn.input.path, operations: count, inFlight, seed: SEED }),
        ...inC("peer", ISSUER, "issuer"),
        ...inC("limit", CALLBACKS, "callbacks")
      ],
      goals: [
        ...goals(bench, inFlight),
        ...mask === undefined || bench.kernel === "win32" ? [] : [inCpu(atMostTimesAdded(FIBERS, MASK, RAW, 0.5))]
      ],
      notes: bench.kernel === "win32" && native === undefined ? [NO_TPIO] : [],
      afterwards: wakeUpsSince(library, yield* library.Kernel.ledger)
    }
  })

const busy = (bench: Bench, inFlight: number): Effect.Effect<Case<Env>, unknown, Env | Scope.Scope> =>
  Effect.gen(function*() {
    const count = countOf(bench, inFlight)
    const drawn = yield* draw(bench, count)
    yield* busyProcessors(bench.directory)
    return {
      label: `${inFlight} in flight, all processors busy`,
      measure: microsPerOperation,
      amount: count,
      expected: drawn.checksums,
      contestants: [
        yield* fibers(bench.library, drawn, inFlight),
        yield* plain(bench.library, drawn, inFlight),
        yield* callbacks(drawn, inFlight),
        yield* promises(drawn, inFlight)
      ],
      goals: bench.kernel === "portable" ? [atMostTimesTheCost(FIBERS, [RAW], 1.5)] : []
    }
  })

/** How often JavaScript was woken, on kernel32; the portable kernel does not count it. */
const wakeUpsSince = (
  { Kernel }: Library,
  before: Ledger
): Effect.Effect<ReadonlyArray<string>, never, Kernel> =>
  Effect.map(Kernel.ledger, ({ completedByCallback, wakeUps }) => {
    const [completions, woken] = [completedByCallback - before.completedByCallback, wakeUps - before.wakeUps]
    return woken === 0 ? [] : [`JavaScript was woken ${digits(woken / completions)} times per completion`]
  })

const goals = ({ kernel, tpio }: Bench, inFlight: number): ReadonlyArray<Goal> => [
  inCpu(atMostTimesTheCost(PLAIN, [FIBERS], 1.1)),
  ...kernel === "portable"
    ? [inCpu(atMostOver(FOR_EACH, BARE, 1, "µs"))]
    : inFlight >= 8
    ? [unjudged(inCpu(atMostTimesTheCost(FIBERS, [ISSUER], 1.35)), tpio === undefined ? NO_TPIO : undefined)]
    : [],
  ...inFlight === 32 ? [FIBERS, FOR_EACH].map((row) => atMostTimesTheCost(row, [INCUMBENT], 1 / 4)) : []
]

// --- this library

export const opened = ({ BufferPool, File }: Library, path: string, inFlight: number) =>
  Effect.gen(function*() {
    const file = yield* File.open(path, { hint: "random", maxInFlight: inFlight })
    const buffers = yield* Effect.all(Array.from({ length: inFlight }, () => BufferPool.make(PAGE)))
    return { file, buffers }
  })

/** A fiber for each read in flight, with a buffer of its own, which reads one page after the other. */
export const fibers = (
  library: Library,
  drawn: Draw,
  inFlight: number,
  name = FIBERS,
  role: Contestant["role"] = "ours"
): Effect.Effect<Contestant, unknown, Kernel | Scope.Scope> =>
  Effect.map(
    opened(library, drawn.input.path, inFlight),
    ({ buffers, file }) =>
      contestant(role, name, (phase) =>
        inFibers(
          drawn,
          phase,
          buffers,
          (buffer, offset) => library.File.read(file, buffer, offset),
          (buffer, bytes) => bytes === PAGE ? buffer.bytes : EMPTY
        ))
  )

/** Into memory of the caller's own, as most programs have it. */
const plain = ({ File }: Library, drawn: Draw, inFlight: number) =>
  Effect.map(File.open(drawn.input.path, { hint: "random", maxInFlight: inFlight }), (file) => {
    const buffers = Array.from({ length: inFlight }, () => new Uint8Array(PAGE))
    return contestant<never>("ours", PLAIN, (phase) =>
      inFibers(
        drawn,
        phase,
        buffers,
        (buffer, offset) => File.read(file, buffer, offset),
        (buffer, bytes) => bytes === PAGE ? buffer : EMPTY
      ))
  })

type ReadAt<Place, A, E, R> = (place: Place, offset: number) => Effect.Effect<A, E, R>

/** The fiber of a place: it reads at the next offset when it has read at the one before. */
export const pageByPage = <Place, A, E, R>(
  { offsets }: Pages,
  seen: SeenPages,
  read: ReadAt<Place, A, E, R>,
  bytes: (place: Place, read: A) => Uint8Array
): (place: Place) => Effect.Effect<void, E, R> => {
  let next = 0
  return (place) => {
    let index = 0
    return Effect.whileLoop({
      while: () => next < offsets.length,
      body: () => read(place, offsets[index = next++]!),
      step: (answer: A) => seen.look(index, bytes(place, answer))
    })
  }
}

/** A fiber for each place. */
export const inFibers = <Place, A, E, R>(
  pages: Pages,
  phase: Phase,
  places: ReadonlyArray<Place>,
  read: ReadAt<Place, A, E, R>,
  bytes: (place: Place, read: A) => Uint8Array
): Effect.Effect<{ readonly checksum: number }, E, R> =>
  Effect.suspend(() => {
    const seen = new SeenPages(pages.offsets, phase)
    return Effect.map(
      Effect.forEach(places, pageByPage(pages, seen, read, bytes), { concurrency: "unbounded", discard: true }),
      () => ({ checksum: seen.sum })
    )
  })

const EMPTY = new Uint8Array(0)

/** `Effect.forEach` with concurrency: it makes, starts and joins a fiber for each page. */
const forEachPage = <Place, A, E, R>(
  { offsets }: Pages,
  phase: Phase,
  places: ReadonlyArray<Place>,
  read: ReadAt<Place, A, E, R>,
  bytes: (place: Place, read: A) => Uint8Array
): Effect.Effect<{ readonly checksum: number }, E, R> =>
  Effect.suspend(() => {
    const seen = new SeenPages(offsets, phase)
    const free = [...places]
    const one = (offset: number, index: number) => {
      const place = free.pop()!
      return Effect.map(read(place, offset), (answer) => {
        seen.look(index, bytes(place, answer))
        free.push(place)
      })
    }
    return Effect.map(
      Effect.forEach(offsets, one, { concurrency: places.length, discard: true }),
      () => ({ checksum: seen.sum })
    )
  })

const newFibers = (library: Library, drawn: Draw, inFlight: number) =>
  Effect.map(
    opened(library, drawn.input.path, inFlight),
    ({ buffers, file }) =>
      contestant<never>("ours", FOR_EACH, (phase) =>
        forEachPage(
          drawn,
          phase,
          buffers,
          (buffer, offset) => library.File.read(file, buffer, offset),
          (buffer, bytes) => bytes === PAGE ? buffer.bytes : EMPTY
        ))
  )

// --- node

export const handle = (path: string): Effect.Effect<FileHandle, unknown, Scope.Scope> =>
  Effect.acquireRelease(promised(() => open(path, "r")), (file) => Effect.promise(() => file.close()))

export const buffersFor = (inFlight: number) => Array.from({ length: inFlight }, () => Buffer.allocUnsafeSlow(PAGE))

/**
 * Callbacks that issue the next read themselves, into recycled buffers, and are made once: the least that node:fs
 * costs.
 */
export const callbacks = (drawn: Draw, inFlight: number, name = RAW) =>
  Effect.map(handle(drawn.input.path), ({ fd }) => {
    const buffers = buffersFor(inFlight)
    return contestant<never>("peer", name, (phase) => promised(() => byCallbacks(fd, drawn, phase, buffers)))
  })

const byCallbacks = (
  fd: number,
  { offsets }: Pages,
  phase: Phase,
  buffers: ReadonlyArray<Buffer>
): Promise<{ readonly checksum: number }> =>
  new Promise((resolve, reject) => {
    const seen = new SeenPages(offsets, phase)
    let next = 0
    let working = buffers.length
    const begin = (buffer: Buffer): void => {
      let index = 0
      const advance = (): void => {
        index = next++
        if (index < offsets.length) readCallback(fd, buffer, 0, PAGE, offsets[index]!, ended)
        else if (--working === 0) resolve({ checksum: seen.sum })
      }
      const ended = (error: Error | null): void => {
        if (error !== null) return reject(error)
        seen.look(index, buffer)
        advance()
      }
      advance()
    }
    buffers.forEach(begin)
  })

/** The cost of Effect itself around a callback, with nothing that cancels or waits. */
const bare = (drawn: Draw, inFlight: number) =>
  Effect.map(handle(drawn.input.path), ({ fd }) => {
    const buffers = buffersFor(inFlight)
    return contestant<never>("peer", BARE, (phase) =>
      forEachPage(drawn, phase, buffers, (buffer, offset) =>
        bareRead(fd, buffer, offset), (buffer) => buffer))
  })

export const bareRead = (fd: number, buffer: Buffer, offset: number): Effect.Effect<void, Error> =>
  Effect.async<void, Error>((resume) =>
    readCallback(fd, buffer, 0, PAGE, offset, (error) => resume(error === null ? Exit.void : Exit.fail(error)))
  )

export const promises = ({ input, offsets }: Draw, inFlight: number) =>
  Effect.map(handle(input.path), (file) => {
    const buffers = buffersFor(inFlight)
    return contestant<never>("peer", "fs.promises read", (phase) =>
      promised(async () => {
        const seen = new SeenPages(offsets, phase)
        let next = 0
        await Promise.all(buffers.map(async (buffer) => {
          while (next < offsets.length) {
            const index = next++
            await file.read(buffer, 0, PAGE, offsets[index])
            seen.look(index, buffer)
          }
        }))
        return { checksum: seen.sum }
      }))
  })

// --- the incumbent

/** How many reads are enough to know what one costs, at hundreds of microseconds each. */
const FEW = 4000

/** One `File`, read by many fibers. It has a cursor and no positional read: it reads one page after the other. */
const nodeFileSystem = ({ checksums, input, offsets }: Draw, inFlight: number) =>
  Effect.gen(function*() {
    const file = yield* Effect.flatMap(FileSystem, (fs) => fs.open(input.path))
    const count = Math.min(offsets.length, FEW)
    let expected = 0
    for (let page = 0; page < count; page++) {
      expected = (expected + checksum(input.firsts.subarray(page, page + 1), page * PAGE, "measured")) | 0
    }
    const buffers = buffersFor(inFlight)
    return contestant<never>("peer", INCUMBENT, (phase) =>
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
        return { amount: count, checksum: checksums[phase] }
      }))
  })

/** A `File` for each fiber, with a seek before each read: what it takes to read here and there. */
export const nodeFileSystems = (drawn: Draw, inFlight: number) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem
    const places = yield* Effect.all(
      buffersFor(inFlight).map((buffer) => Effect.map(fs.open(drawn.input.path), (file) => ({ file, buffer })))
    )
    return contestant<never>("peer", "NodeFileSystem, a File for each fiber, seek and read", (phase) =>
      inFibers(
        drawn,
        phase,
        places,
        ({ buffer, file }, offset) => Effect.zipRight(file.seek(offset, "start"), file.read(buffer)),
        ({ buffer }) => buffer
      ))
  })
