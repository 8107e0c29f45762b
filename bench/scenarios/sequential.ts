// A large file that is in the cache, from its beginning to its end: every byte once, in memory that is lent, or fresh.
import * as Effect from "effect/Effect"
import { type Bench, contestant, type Env, type MakeScenario, NO_TPIO } from "../harness/Bench.js"
import { MiB, Seen } from "../harness/inputs.js"
import { atLeastTimesTheRate, type Case, type Contestant, megabytesPerSecond } from "../harness/Scenario.js"
import { tpio } from "../harness/tpio.js"
import { forEachChunk, stream, streamRecycled } from "./ours.js"
import { fileSystemStream, fourReads, type Read, readPromises, readStream, readSynchronously } from "./reading.js"

const DEFAULT = 64 << 10

const OURS = "File.forEachChunk, 4 × 1 MiB"
const INCUMBENT = "FileSystem.stream, 64 KiB (default)"
const FOUR = "fs.read, 4 × 1 MiB"

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
    const native = bench.tpio
    return {
      label: `${bytes / MiB} MiB`,
      measure: megabytesPerSecond,
      amount: bytes,
      expected: checksums,
      contestants: [
        reads("ours", OURS, path, forEachChunk(true), MiB),
        reads("ours", "the same, as completed", path, forEachChunk(false), MiB),
        reads("ours", "File.streamRecycled, 4 × 1 MiB", path, streamRecycled, MiB),
        reads("peer", FOUR, path, fourReads("as completed"), MiB),
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
                seed: 0
              })
          )
        ]
      ],
      goals: [
        atLeastTimesTheRate(OURS, [INCUMBENT], 15),
        atLeastTimesTheRate(OURS, [FOUR], 0.8)
      ],
      notes: bench.kernel === "win32" && native === undefined ? [NO_TPIO] : []
    }
  })

export const streams: MakeScenario = (bench) => ({
  name: "stream",
  title: "The same file as a stream of chunks of the consumer's own",
  cases: Effect.succeed([fresh(bench, DEFAULT, "64 KiB chunks"), fresh(bench, MiB, "1 MiB chunks")])
})

const fresh = (bench: Bench, chunk: number, label: string): Effect.Effect<Case<Env>> =>
  Effect.map(bench.large, ({ bytes, checksums, path }) => ({
    label,
    measure: megabytesPerSecond,
    amount: bytes,
    expected: checksums,
    contestants: [
      reads("ours", "File.stream, 4 in flight", path, stream, chunk),
      reads("peer", "FileSystem.stream", path, fileSystemStream, chunk),
      reads("peer", "createReadStream", path, readStream, chunk)
    ],
    goals: [atLeastTimesTheRate("File.stream, 4 in flight", ["FileSystem.stream"], 2)]
  }))
