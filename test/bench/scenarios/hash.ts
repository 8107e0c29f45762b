// SHA-256 of the file: how much of the reading disappears behind the hashing.
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { type Bench, contestant, type Env, type MakeScenario } from "../harness/Bench.js"
import { MiB } from "../harness/inputs.js"
import { atLeastTimesTheRate, type Case, type Contestant, megabytesPerSecond } from "../harness/Scenario.js"
import { forEachChunk } from "./ours.js"
import { fileSystemStream, fourReads, type Read, readSynchronously } from "./reading.js"

const OURS = "Pipeline.hash, 4 in flight"
const SYNCHRONOUS = "fs.readSync and hash"
const FOUR = "four fs.read in flight and hash"

export const hash: MakeScenario = (bench) => ({
  name: "hash",
  title: "SHA-256 of a large file that is in the cache",
  cases: Effect.succeed([theCase(bench, 256 << 10, "256 KiB chunks"), theCase(bench, MiB, "1 MiB chunks")])
})

/** So much of a digest as a checksum holds. */
const short = (digest: Buffer): number => digest.readInt32LE()

const theCase = (bench: Bench, chunk: number, label: string): Effect.Effect<Case<Env>, unknown> =>
  Effect.gen(function*() {
    const { bytes, path } = yield* bench.large
    const hashes = <R>(role: Contestant["role"], name: string, read: Read<R>): Contestant<R> =>
      contestant(role, name, () => digestBy(read, path, chunk))
    const { checksum } = yield* digestBy(readSynchronously, path, chunk)
    return {
      label,
      measure: megabytesPerSecond,
      amount: bytes,
      expected: { "warm-up": checksum, measured: checksum },
      contestants: [
        contestant<Env>(
          "ours",
          OURS,
          () =>
            Effect.map(bench.library.Pipeline.hash(path, { chunkSize: chunk }), (digest) => ({
              checksum: short(Buffer.from(digest, "hex"))
            }))
        ),
        hashes("ours", "File.forEachChunk and hash", forEachChunk(bench.library, true)),
        hashes("peer", FOUR, fourReads("in order")),
        hashes("peer", SYNCHRONOUS, readSynchronously),
        hashes("peer", "FileSystem.stream and hash", fileSystemStream)
      ],
      goals: [atLeastTimesTheRate(OURS, [SYNCHRONOUS, FOUR], 0.95)]
    }
  })

const digestBy = <R>(
  read: Read<R>,
  path: string,
  chunk: number
): Effect.Effect<{ readonly checksum: number }, unknown, R> =>
  Effect.suspend(() => {
    const sha256 = createHash("sha256")
    return Effect.map(read(path, chunk, (bytes) => sha256.update(bytes)), () => ({ checksum: short(sha256.digest()) }))
  })
