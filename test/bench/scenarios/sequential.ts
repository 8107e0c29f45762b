// A large file that is in the cache, from its beginning to its end: every byte once, in memory that is lent, or fresh.
import * as Effect from "effect/Effect"
import { type Bench, contestant, type Env, type MakeScenario, NO_TPIO } from "../harness/Bench.js"
import { MiB, Seen } from "../harness/inputs.js"
import { atLeastTimesTheRate, type Case, type Contestant, inCpu, megabytesPerSecond } from "../harness/Scenario.js"
import { tpio } from "../harness/tpio.js"
import { forEachChunk, stream, streamRecycled } from "./ours.js"
import {
  fileSystemStream,
  fourReads,
  freshReads,
  type Read,
  readPromises,
  readStream,
  readSynchronously
} from "./reading.js"

const DEFAULT = 64 << 10

const OURS = "File.forEachChunk, 4 × 1 MiB"
const AS_COMPLETED = "the same, as completed"
const INCUMBENT = "FileSystem.stream, 64 KiB (default)"
const FOUR = "fs.read, 4 × 1 MiB"
const FIVE = "fs.read, 4 × 1 MiB, in order in five buffers"

const reads = <R>(
  role: Contestant["role"],
  name: string,
  path: string,
  read: Read<R>,
  chunk: number
): Contestant<R> =>
  contestant(role, name, (phase) =>
    Effect.suspend(() => {
      const seen = new Seen(phase)
      return Effect.map(read(path, chunk, seen.look), () => ({ checksum: seen.sum }))
    }))

export const sequential: MakeScenario = (bench) => ({
  name: "sequential",
  title: "Every byte of a large file that is in the cache",
  cases: Effect.succeed([lent(bench)])
})

const lent = (bench: Bench): Effect.Effect<Case<Env>> =>
  Effect.map(bench.large, ({ bytes, checksums, path }) => {
    const { library, tpio: native } = bench
    return {
      label: `${bytes / MiB} MiB`,
      measure: megabytesPerSecond,
      amount: bytes,
      expected: checksums,
      contestants: [
        reads("ours", OURS, path, forEachChunk(library, true), MiB),
        reads("ours", AS_COMPLETED, path, forEachChunk(library, false), MiB),
        reads("ours", "File.streamRecycled, 4 × 1 MiB", path, streamRecycled(library), MiB),
        reads("peer", FOUR, path, fourReads("as completed"), MiB),
        reads("peer", FIVE, path, fourReads("in order", 5), MiB),
        reads("peer", "fs.promises read, 1 MiB", path, readPromises, MiB),
        reads("peer", "createReadStream, 64 KiB (default)", path, readStream, DEFAULT),
        reads("peer", INCUMBENT, path, fileSystemStream, DEFAULT),
        reads("limit", "fs.readSync, 1 MiB", path, readSynchronously, MiB),
        ...native === undefined ? [] : [
          contestant<never>(
            "limit",
            "C on TP_IO, 4 × 1 MiB",
            () =>
              tpio(native, bench, {
                mode: "callbacks",
                path,
                chunk: MiB,
                inFlight: 4,
                operations: bytes / MiB,
                seed: 0,
                looked: "measured"
              })
          )
        ]
      ],
      goals: [
        atLeastTimesTheRate(OURS, [INCUMBENT], 15),
        atLeastTimesTheRate(AS_COMPLETED, [FOUR], 0.8),
        atLeastTimesTheRate(OURS, [FIVE], 0.9)
      ],
      notes: bench.kernel === "win32" && native === undefined ? [NO_TPIO] : []
    }
  })

export const streams: MakeScenario = (bench) => ({
  name: "stream",
  title: "The same file as a stream of chunks of the consumer's own",
  cases: Effect.succeed([fresh(bench, DEFAULT), fresh(bench, MiB)])
})

const STREAM = "File.stream, 4 in flight"
const FRESH = "fs.read, 4 in flight, fresh memory for each"

const fresh = (bench: Bench, chunk: number): Effect.Effect<Case<Env>> =>
  Effect.map(bench.large, ({ bytes, checksums, path }) => ({
    label: `${chunk >> 10} KiB chunks`,
    measure: megabytesPerSecond,
    amount: bytes,
    expected: checksums,
    contestants: [
      reads("ours", STREAM, path, stream(bench.library), chunk),
      reads("peer", "FileSystem.stream", path, fileSystemStream, chunk),
      reads("peer", "createReadStream", path, readStream, chunk),
      reads("limit", FRESH, path, freshReads, chunk)
    ],
    goals: [
      chunk < MiB
        ? inCpu(atLeastTimesTheRate(STREAM, ["FileSystem.stream"], bench.kernel === "portable" ? 2.5 : 2))
        : inCpu(atLeastTimesTheRate(STREAM, [FRESH], 0.95))
    ]
  }))
