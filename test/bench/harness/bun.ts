// Bun beside us, where it is installed (npm package `bun`): the same reads by its fs.promises, and by this library on
// it.
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Probe } from "../scenarios/probe.js"
import { type Bench, contestant } from "./Bench.js"
import { runChild } from "./child.js"
import type { Contestant } from "./Scenario.js"

let version: string | null | undefined

const installed = (): string | null => {
  if (version !== undefined) return version
  const { status, stdout } = spawnSync("bun", ["--version"], { encoding: "utf8" })
  return version = status === 0 ? stdout.trim() : null
}

export interface BunReads {
  readonly path: string
  readonly operations: number
  readonly inFlight: number
  readonly seed: number
}

/** The time is its own, when it is warm. */
export const bun = (bench: Bench, reads: BunReads): ReadonlyArray<Contestant> => {
  const found = bench.kernel === "portable" ? installed() : null
  if (found === null) return []
  const program = fileURLToPath(new URL("../scenarios/probe.js", import.meta.url))
  const run = (who: string) => {
    const probe: Probe = { kernel: bench.kernel, module: bench.module.href, what: "reads", who, ...reads }
    return Effect.map(runChild("bun", [program, JSON.stringify(probe)], bench), (answer) => {
      const [millis = NaN, cpuMillis = NaN, sum = NaN] = answer.split(" ").map(Number)
      return { millis, cpuMillis, checksum: sum, looked: "measured" } as const
    })
  }
  return [
    contestant("peer", `fs.promises read on Bun ${found}`, () => run("promises")),
    contestant("peer", `File.read on Bun ${found}`, () => run("fibers"))
  ]
}
