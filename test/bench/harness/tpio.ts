// Runs the C program on TP_IO beside us: under the same Wine, on the same file.
import * as Effect from "effect/Effect"
import type { Bench } from "./Bench.js"
import { runChild } from "./child.js"
import type { Outcome, Phase } from "./Scenario.js"

export interface TpioOptions {
  /** The issuer: one thread, which callbacks hand their completions back to, or the callbacks themselves. */
  readonly mode: "issuer" | "callbacks"
  readonly path: string
  readonly chunk: number
  readonly inFlight: number
  readonly operations: number
  /** 0: one chunk after the other. */
  readonly seed: number
  /** It looks at the first byte of every page: what the others do in this phase. */
  readonly looked: Phase
}

/** The time is its own: from when its pool is warm to when the last read has come. */
export const tpio = (program: string, bench: Bench, options: TpioOptions): Effect.Effect<Outcome, unknown> => {
  const { chunk, inFlight, looked, mode, operations, path, seed } = options
  return Effect.map(
    runChild(program, [mode, path, ...[chunk, inFlight, operations, seed].map(String)], bench),
    (answer) => {
      const [elapsed = NaN, busy = NaN, sum = NaN] = answer.split(" ").map(Number)
      return { millis: elapsed / 1e6, cpuMillis: busy / 1e6, checksum: sum | 0, looked }
    }
  )
}
