// Memory: of a very large file that streams by, and of very many small operations. Each run is a process of its own, so
// that nobody sees what others have left (probe.ts).
import * as Effect from "effect/Effect"
import { statSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Bench, contestant, type Env, type MakeScenario } from "../harness/Bench.js"
import { runChild } from "../harness/child.js"
import { MiB, randomFile, sparseFile } from "../harness/inputs.js"
import { atMost, atMostTimesTheCost, type Case, type Contestant, told } from "../harness/Scenario.js"
import type { Probe } from "./probe.js"

const OURS = "File.forEachChunk, 4 × 1 MiB"
const READS = "File.read"
const MASKED = "the same in the old form, a mask"

export const resident: MakeScenario = (bench) => ({
  name: "memory",
  title: "Resident memory while a very large sparse file streams by",
  cases: Effect.succeed([streaming(bench)])
})

const streaming = (bench: Bench): Effect.Effect<Case<Env>> =>
  Effect.sync(() => {
    const path = join(bench.directory, "sparse")
    const gibibytes = bench.quick ? 1 : 8
    sparseFile(path, gibibytes * 1024 * MiB)
    const probes = (role: Contestant["role"], name: string, reader: string) =>
      probe(bench, role, name, { what: "memory", who: reader, path, operations: 0 })
    return {
      label: `${gibibytes} GiB, the most over idle`,
      measure: told("MB"),
      amount: 1,
      rounds: { warmUps: 0, measured: 3 },
      contestants: [
        probes("ours", OURS, "forEachChunk"),
        probes("ours", "File.stream, fresh chunks, 4 × 1 MiB", "stream"),
        probes("peer", "fs.read, 4 × 1 MiB", "fourReads"),
        probes("peer", "createReadStream, 1 MiB", "readStream"),
        probes("peer", "FileSystem.stream, 1 MiB", "fileSystemStream")
      ],
      goals: [atMost(OURS, 32, "MB")]
    }
  })

export const allocation: MakeScenario = (bench) => ({
  name: "allocation",
  title: "JavaScript memory of reading 4 KiB, 8 in flight",
  cases: Effect.succeed([perOperation(bench), growth(bench)])
})

const small = (bench: Bench): string => {
  const path = join(bench.directory, "small")
  if (statSync(path, { throwIfNoEntry: false }) === undefined) randomFile(path, 16 * MiB)
  return path
}

const perOperation = (bench: Bench): Effect.Effect<Case<Env>> =>
  Effect.sync(() => {
    const probes = (role: Contestant["role"], name: string, who: string, submit?: "mask") =>
      probe(bench, role, name, { what: "allocation", who, submit, path: small(bench), operations: 2000 })
    return {
      label: "Allocated by one read in steady state",
      measure: told("bytes"),
      amount: 1,
      rounds: { warmUps: 0, measured: 3 },
      contestants: [
        probes("ours", READS, "fibers"),
        probes("peer", MASKED, "fibers", "mask"),
        probes("peer", "fs.read", "callbacks"),
        probes("peer", "fs.promises read", "promises"),
        probes("peer", "NodeFileSystem, a File for each fiber, seek and read", "nodeFileSystems")
      ],
      goals: [atMostTimesTheCost(READS, [MASKED], 0.5)]
    }
  })

/** The noise of a collected heap in which nothing has been kept: a byte in fifteen operations. */
const NOTHING = 64

const growth = (bench: Bench): Effect.Effect<Case<Env>> =>
  Effect.sync(() => {
    const operations = bench.quick ? 50_000 : 1_000_000
    return {
      label: `Growth of the collected heap over ${operations.toLocaleString("en-US")} reads`,
      measure: told("KiB"),
      amount: 1,
      rounds: { warmUps: 0, measured: 1 },
      contestants: [
        probe(bench, "ours", READS, { what: "growth", who: "fibers", path: small(bench), operations }),
        probe(bench, "peer", "fs.read", { what: "growth", who: "callbacks", path: small(bench), operations })
      ],
      goals: [atMost(READS, NOTHING, "KiB")]
    }
  })

/** A young generation that is large enough that nothing is collected while allocation is counted. */
const NO_SCAVENGES = ["--min-semi-space-size=64", "--max-semi-space-size=64"]

const probe = (
  bench: Bench,
  role: Contestant["role"],
  name: string,
  probe: Omit<Probe, "kernel" | "module">
): Contestant => {
  const script = fileURLToPath(new URL("./probe.js", import.meta.url))
  const flags = probe.what === "allocation" ? NO_SCAVENGES : []
  return contestant(role, name, () =>
    Effect.map(
      runChild(process.execPath, [
        ...flags,
        script,
        JSON.stringify({ ...probe, kernel: bench.kernel, module: bench.module.href })
      ], bench),
      (answer) => ({ value: Number(answer), cpuMillis: NaN })
    ))
}
