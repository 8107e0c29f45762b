// A large file that is in the cache, from its beginning to its end.
import * as Effect from "effect/Effect"
import { type Bench, contestant, type Env, type MakeScenario, NO_TPIO } from "../harness/Bench.js"
import { MiB, Seen } from "../harness/inputs.js"
import { atLeastTimesTheRate, type Case, type Contestant, megabytesPerSecond } from "../harness/Scenario.js"
import { tpio } from "../harness/tpio.js"
import { forEachChunk } from "./ours.js"
import { fileSystemStream, fourReads, type Read, readPromises, readStream, readSynchronously } from "./reading.js"

const DEFAULT = 64 << 10
const IN_FLIGHT = 4

const OURS = "File.forEachChunk, 4 × 1 MiB"
const INCUMBENT = "FileSystem.stream, 64 KiB (default)"
const FOUR = "fs.read, 4 × 1 MiB"

export const reads = <R>(
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
  title: `Reading a ${bench.quick ? 64 : 512} MiB file that is in the cache`,
  cases: Effect.succeed([theCase(bench)])
})

const theCase = (bench: Bench): Effect.Effect<Case<Env>> =>
  Effect.map(bench.large, ({ bytes, checksums, path }) => {
    const native = bench.tpio
    return {
      label: "Each byte seen once, in recycled or fresh buffers",
      measure: megabytesPerSecond,
      amount: bytes,
      expected: checksums,
      contestants: [
        reads("ours", OURS, path, forEachChunk, MiB),
        reads("peer", FOUR, path, fourReads("as completed"), MiB),
        reads("peer", "fs.promises read, 1 MiB", path, readPromises, MiB),
        reads("peer", "createReadStream, 64 KiB (default)", path, readStream, DEFAULT),
        reads("peer", "createReadStream, 1 MiB", path, readStream, MiB),
        reads("peer", INCUMBENT, path, fileSystemStream, DEFAULT),
        reads("peer", "FileSystem.stream, 1 MiB", path, fileSystemStream, MiB),
        reads("limit", "fs.readSync, 1 MiB", path, readSynchronously, MiB),
        ...native === undefined ? [] : [
          contestant<never>("limit", "C on TP_IO, 4 × 1 MiB", () =>
            tpio(native, bench, {
              mode: "callbacks",
              path,
              chunk: MiB,
              inFlight: IN_FLIGHT,
              operations: bytes / MiB,
              seed: 0
            }))
        ]
      ],
      goals: [
        atLeastTimesTheRate(OURS, [INCUMBENT], 15),
        atLeastTimesTheRate(OURS, [FOUR], 0.8)
      ],
      notes: bench.kernel === "win32" && native === undefined ? [NO_TPIO] : []
    }
  })
