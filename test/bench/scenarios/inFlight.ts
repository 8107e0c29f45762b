// The cost of a read that is one of many: in one Effect, and in fibers that are there before the clock starts, since
// what it takes to make ten thousand fibers is Effect's and says nothing of reads.
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type Bench, contestant, type Env, type MakeScenario } from "../harness/Bench.js"
import { PAGE, type Pages, SeenPages } from "../harness/inputs.js"
import {
  type Case,
  type Contestant,
  flatRatioWithin,
  inCpu,
  microsPerOperation,
  type Outcome,
  type Phase
} from "../harness/Scenario.js"
import { timed } from "../harness/timed.js"
import { inBatches } from "./many.js"
import { bareRead, buffersFor, callbacks, type Draw, draw, handle, opened, pageByPage } from "./random.js"

const DEPTHS = [32, 100, 1000, 10_000]
/** The least number of pages for each fiber. */
const PAGES_EACH = 40
/** The least number of reads in one run. */
const READS = 40_000

export const inFlight: MakeScenario = (bench) => ({
  name: "in-flight",
  title: "A read of 4 KiB with 32 to 10,000 in flight",
  cases: Effect.succeed([
    theCase(bench, "File.readMany, beside fs.read", "File.readMany", batches, "fs.read", raw, 1),
    theCase(
      bench,
      `fibers that are there and read ${PAGES_EACH} pages each, beside Effect.async around fs.read`,
      "File.read",
      fibers,
      "Effect.async",
      bareFibers,
      PAGES_EACH
    )
  ])
})

type Make = (bench: Bench, drawn: Draw, inFlight: number, name: string) => Effect.Effect<
  Contestant,
  unknown,
  Env | Scope.Scope
>

const theCase = (
  bench: Bench,
  label: string,
  ours: string,
  makeOurs: Make,
  theirs: string,
  makeTheirs: Make,
  pagesEach: number
): Effect.Effect<Case<Env>, unknown, Env | Scope.Scope> =>
  Effect.gen(function*() {
    const depths = bench.quick ? DEPTHS.slice(0, -1) : DEPTHS
    const named = (who: string) => (depth: number): string => `${who}, ${depth.toLocaleString("en-US")}`
    const contestants = yield* Effect.forEach(depths, (depth) =>
      Effect.gen(function*() {
        const count = Math.max(depth * pagesEach, bench.quick ? READS / 10 : READS)
        const drawn = yield* draw(bench, count)
        return [
          telling(drawn, yield* makeOurs(bench, drawn, depth, named(ours)(depth))),
          telling(drawn, yield* makeTheirs(bench, drawn, depth, named(theirs)(depth)))
        ]
      }))
    return {
      label,
      measure: microsPerOperation,
      amount: NaN,
      contestants: contestants.flat(),
      goals: [inCpu(flatRatioWithin(depths.map(named(ours)), depths.map(named(theirs)), 1.5))]
    }
  })

/** Each depth reads as many pages as it needs, and tells how many; what was read is compared here. */
const telling = ({ checksums, offsets }: Draw, { name, role, run }: Contestant): Contestant =>
  contestant(
    role,
    name,
    (phase) =>
      Effect.flatMap(run(phase), ({ checksum, ...outcome }) =>
        checksum === checksums[phase]
          ? Effect.succeed({ ...outcome, amount: offsets.length })
          : Effect.fail("read something else than is there"))
  )

/** How many entries one `readMany` has, less where there are fewer reads. */
const BATCH = 10_000

const batches: Make = (bench, drawn, inFlight, name) =>
  Effect.gen(function*() {
    const { BufferPool, File } = bench.library
    const file = yield* File.open(drawn.input.path, { hint: "random", maxInFlight: inFlight })
    const batch = Math.min(BATCH, drawn.offsets.length)
    const buffer = yield* BufferPool.make(batch * PAGE)
    return contestant<never>("ours", name, (phase) =>
      inBatches(
        bench.library,
        file,
        drawn,
        phase,
        (offset, i) => ({ buffer, start: i * PAGE, length: PAGE, offset }),
        batch,
        inFlight
      ))
  })

const fibers: Make = (bench, drawn, inFlight, name) =>
  Effect.map(
    opened(bench.library, drawn.input.path, inFlight),
    ({ buffers, file }) =>
      contestant<never>("ours", name, (phase) =>
        inWaitingFibers(
          drawn,
          phase,
          buffers,
          (buffer, offset) => bench.library.File.read(file, buffer, offset),
          ({ bytes }) => bytes
        ))
  )

const raw: Make = (_, drawn, inFlight, name) => callbacks(drawn, inFlight, name)

const bareFibers: Make = (_, drawn, inFlight, name) =>
  Effect.map(handle(drawn.input.path), ({ fd }) => {
    const buffers = buffersFor(inFlight)
    return contestant<never>("peer", name, (phase) =>
      inWaitingFibers(drawn, phase, buffers, (buffer, offset) =>
        bareRead(fd, buffer, offset), (buffer) =>
        buffer))
  })

/** The clock starts when all of them wait, and stops when all have read what there is. */
const inWaitingFibers = <Place, A, E>(
  pages: Pages,
  phase: Phase,
  places: ReadonlyArray<Place>,
  read: (place: Place, offset: number) => Effect.Effect<A, E>,
  bytes: (place: Place) => Uint8Array
): Effect.Effect<Outcome, E> =>
  Effect.scoped(Effect.gen(function*() {
    const seen = new SeenPages(pages.offsets, phase)
    const [latch, ended] = [yield* Effect.makeLatch(), yield* Deferred.make<void, E>()]
    const fiber = pageByPage(pages, seen, read, bytes)
    let left = places.length
    const last = Effect.suspend(() => --left === 0 ? Deferred.succeed(ended, undefined) : Effect.void)
    yield* Effect.forEach(places, (place) =>
      latch.await.pipe(
        Effect.zipRight(fiber(place)),
        Effect.zipRight(last),
        Effect.catchAllCause((cause) => Deferred.failCause(ended, cause)),
        Effect.forkScoped
      ), { discard: true })
    yield* Effect.yieldNow()
    const { result, ...times } = yield* timed(Effect.zipRight(latch.open, Deferred.await(ended)), () => seen.sum)
    return { ...times, checksum: result }
  }))
