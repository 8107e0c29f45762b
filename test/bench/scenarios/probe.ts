// A process that measures its own memory while one contestant runs: `node probe.js PROBE RESULT`, PROBE being JSON.
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { statSync, writeFileSync } from "node:fs"
import type { Env, Library } from "../harness/Bench.js"
import { collectGarbage } from "../harness/garbage.js"
import { MiB, PAGE, randomPages } from "../harness/inputs.js"
import { timed } from "../harness/timed.js"
import { forEachChunk, stream } from "./ours.js"
import { callbacks, type Draw, fibers, nodeFileSystems, promises } from "./random.js"
import { fileSystemStream, fourReads, type Read, readStream } from "./reading.js"

export interface Probe {
  readonly kernel: "portable" | "win32"
  /** The file of the library. */
  readonly module: string
  /**
   * The time of reads, its processor time and the checksum; the most resident memory over idle in MB; bytes allocated
   * by one operation; growth of the collected heap in KiB.
   */
  readonly what: "reads" | "memory" | "allocation" | "growth"
  readonly who: string
  /** In the old form, in place of the one that the library chooses. */
  readonly submit?: "mask" | undefined
  readonly path: string
  readonly operations: number
  readonly inFlight?: number | undefined
  readonly seed?: number | undefined
}

const [json = "", result = ""] = process.argv.slice(2)
const asked = JSON.parse(json) as Probe
const library: Library = await import(asked.module)

const readers: Record<string, Read<Env>> = {
  forEachChunk: forEachChunk(library, true),
  stream: stream(library),
  fourReads: fourReads("as completed"),
  readStream,
  fileSystemStream
}

const contestants = {
  fibers: (drawn: Draw, inFlight: number) => fibers(library, drawn, inFlight),
  callbacks,
  promises,
  nodeFileSystems
}

const IN_FLIGHT = 8
/** Reads before anything is counted: everything is compiled by then. */
const WARM_UP = 200_000

const pause = (millis: number) => Effect.promise(() => new Promise((resolve) => setTimeout(resolve, millis)))

const collected = Effect.zipRight(pause(200), Effect.sync(collectGarbage)).pipe(Effect.repeatN(2))

const memory = ({ path, who }: Probe) =>
  Effect.gen(function*() {
    yield* collected
    const idle = process.memoryUsage.rss()
    let most = idle
    let next = 0
    yield* readers[who]!(path, MiB, (_, offset) => {
      if (offset < next) return
      next = offset + 16 * MiB
      most = Math.max(most, process.memoryUsage.rss())
    })
    return (most - idle) / 1e6
  })

const reading = ({ inFlight = IN_FLIGHT, path, seed = 1, who }: Probe, count: number) => {
  const bytes = statSync(path).size
  const input: Draw["input"] = {
    path,
    bytes,
    firsts: new Uint8Array(bytes / PAGE),
    checksums: { "warm-up": 0, measured: 0 }
  }
  return contestants[who as keyof typeof contestants]({ input, ...randomPages(input, count, seed) }, inFlight)
}

const allocation = (probe: Probe) =>
  Effect.gen(function*() {
    const { run } = yield* reading(probe, probe.operations)
    yield* Effect.repeatN(run("measured"), WARM_UP / probe.operations)
    yield* collected
    const before = process.memoryUsage().heapUsed
    yield* run("measured")
    return (process.memoryUsage().heapUsed - before) / probe.operations
  })

const STRETCH = 10_000

const growth = (probe: Probe) =>
  Effect.gen(function*() {
    const { run } = yield* reading(probe, STRETCH)
    const kept = Effect.map(collected, () => {
      const { external, heapUsed } = process.memoryUsage()
      return heapUsed + external
    })
    yield* Effect.repeatN(run("measured"), WARM_UP / STRETCH)
    const before = yield* kept
    yield* Effect.repeatN(run("measured"), probe.operations / STRETCH - 1)
    return ((yield* kept) - before) / 1024
  })

/** Runs that warm up. */
const WARM_RUNS = 3

const reads = (probe: Probe) =>
  Effect.gen(function*() {
    const { run } = yield* reading(probe, probe.operations)
    yield* Effect.repeatN(run("measured"), WARM_RUNS - 1)
    const { cpuMillis, millis, result } = yield* timed(run("measured"), ({ checksum }) => checksum)
    return [millis, cpuMillis, result].join(" ")
  })

const measures = { reads, memory, allocation, growth }

const layer = Layer.merge(
  library.Kernel.layerOptions({ kernel: asked.kernel, submit: asked.submit }),
  NodeFileSystem.layer
)
const measure: (probe: Probe) => Effect.Effect<number | string, unknown, Env | Scope.Scope> = measures[asked.what]
const value = await Effect.runPromise(Effect.scoped(Effect.provide(measure(asked), layer)))
writeFileSync(result, String(value))
