// A copy of the large file. Each copy is looked at and removed again on nobody's time.
import { FileSystem } from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import {
  closeSync,
  constants,
  copyFileSync,
  createReadStream,
  createWriteStream,
  openSync,
  readSync,
  rmSync,
  writeSync
} from "node:fs"
import { copyFile } from "node:fs/promises"
import { join } from "node:path"
import { pipeline } from "node:stream/promises"
import { type Bench, contestant, type Env, type Library, type MakeScenario, promised } from "../harness/Bench.js"
import { MiB, Seen } from "../harness/inputs.js"
import {
  atLeastTimesTheRate,
  type Case,
  type Contestant,
  megabytesPerSecond,
  type Phase,
  unjudged
} from "../harness/Scenario.js"
import { timed } from "../harness/timed.js"
import { readSynchronously } from "./reading.js"

const OURS = "Pipeline.copy"
const INCUMBENT = "FileSystem.stream into FileSystem.sink"
const COPY_FILE = "fs.copyFile"

export const copy: MakeScenario = (bench) => ({
  name: "copy",
  title: "A copy of a large file that is in the cache",
  cases: Effect.succeed([theCase(bench)])
})

/** Whether a copy can be had here without copying. */
const sharesExtents = (path: string, directory: string): boolean => {
  const clone = join(directory, "clone")
  try {
    copyFileSync(path, clone, constants.COPYFILE_FICLONE_FORCE)
    return true
  } catch {
    return false
  } finally {
    rmSync(clone, { force: true })
  }
}

const theCase = (bench: Bench): Effect.Effect<Case<Env>> =>
  Effect.map(bench.large, ({ bytes, checksums, path }) => {
    const copies = <R>(
      role: Contestant["role"],
      name: string,
      run: (to: string) => Effect.Effect<unknown, unknown, R>
    ) => contestant<R>(role, name, (phase) => copied(join(bench.directory, "copy"), phase, run))
    const shared = sharesExtents(path, bench.directory)
    const portable = bench.kernel === "portable"
    return {
      label: `${bytes / MiB} MiB`,
      measure: megabytesPerSecond,
      amount: bytes,
      expected: checksums,
      contestants: [
        copies("ours", OURS, (to) => bench.library.Pipeline.copy(path, to)),
        copies("ours", "File.streamRecycled into File.sink", (to) => streamed(bench.library, path, to)),
        copies("peer", INCUMBENT, (to) => Effect.flatMap(FileSystem, (fs) => Stream.run(fs.stream(path), fs.sink(to)))),
        copies(
          "peer",
          "createReadStream into createWriteStream",
          (to) => promised(() => pipeline(createReadStream(path), createWriteStream(to)))
        ),
        copies("peer", COPY_FILE, (to) => promised(() => copyFile(path, to))),
        copies("limit", "fs.readSync, fs.writeSync, 1 MiB", (to) => Effect.sync(() => copySynchronously(path, to)))
      ],
      goals: !portable ? [] : [
        atLeastTimesTheRate(OURS, [INCUMBENT], 4),
        unjudged(
          atLeastTimesTheRate(OURS, [COPY_FILE], 0.9),
          shared ? "this file system shares extents between copies" : undefined
        )
      ],
      notes: shared ? ["this file system shares extents: fs.copyFile copies nothing"] : []
    }
  })

/** Times a copy, then looks at it, then removes it. */
const copied = <R>(to: string, phase: Phase, run: (to: string) => Effect.Effect<unknown, unknown, R>) =>
  timed(run(to), () => sumOf(to, phase)).pipe(
    Effect.map(({ result, ...times }) => ({ ...times, checksum: result })),
    Effect.ensuring(Effect.sync(() => rmSync(to, { force: true })))
  )

const sumOf = (path: string, phase: Phase): number => {
  const seen = new Seen(phase)
  Effect.runSync(readSynchronously(path, MiB, seen.look))
  return seen.sum
}

const streamed = ({ File }: Library, from: string, to: string) =>
  File.withFile(
    from,
    { hint: "sequential" },
    (source) =>
      File.withFile(to, { access: "write", disposition: "createNew" }, (target) =>
        Stream.run(
          Stream.map(File.streamRecycled(source), ({ bytes }) => bytes),
          File.sink(target)
        ))
  )

const copySynchronously = (from: string, to: string): void => {
  const [source, target] = [openSync(from, "r"), openSync(to, "wx")]
  try {
    const buffer = Buffer.allocUnsafeSlow(MiB)
    for (let bytes; (bytes = readSync(source, buffer)) > 0;) writeSync(target, buffer, 0, bytes)
  } finally {
    closeSync(source)
    closeSync(target)
  }
}
