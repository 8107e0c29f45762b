// Runs the C program on TP_IO beside us: under the same Wine, on the same file.
import type * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { type Bench, promised } from "./Bench.js"
import type { Outcome } from "./Scenario.js"

export interface TpioOptions {
  /** Who issues: one thread, which callbacks hand their completions back to, or the callbacks themselves. */
  readonly mode: "issuer" | "callbacks"
  readonly path: string
  readonly chunk: number
  readonly inFlight: number
  readonly operations: number
  /** 0: one chunk after the other. */
  readonly seed: number
}

/** The time is its own: from when its pool is warm to when the last read has come. */
export const tpio = (program: string, { directory }: Bench, options: TpioOptions): Effect.Effect<Outcome, unknown> =>
  promised(async () => {
    const result = join(directory, "tpio.txt")
    const { chunk, inFlight, mode, operations, path, seed } = options
    // Its output goes nowhere: Wine gives no pipes.
    const child = spawn(program, [mode, path, ...[chunk, inFlight, operations, seed].map(String), result], {
      stdio: "ignore"
    })
    const code = await new Promise<number | null>((resolve, reject) =>
      child.once("error", reject).once("exit", resolve)
    )
    if (code !== 0) throw new Error(`tpio ${mode}: exit code ${code}`)
    const [elapsed = NaN, busy = NaN, sum = NaN] = readFileSync(result, "utf8").trim().split(" ").map(Number)
    return { millis: elapsed / 1e6, cpuMillis: busy / 1e6, checksum: sum | 0, looked: "measured" }
  })
