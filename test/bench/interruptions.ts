// Very many operations, two of three interrupted at a random moment, on a pipe and on a file: every byte accounted for,
// the ledgers balanced, and the resident memory flat. Exit code 1 when anything of that does not hold.
//   npm run stress -- [--operations 100000] [--seed N] [--kernel auto|win32|portable]; npm run stress:kernel32
import * as Effect from "effect/Effect"
import { kernel as kernelOption, valuesOrExit, whole } from "../../examples/commandLine.js"
import * as Kernel from "../../src/Kernel.js"
import * as Ledger from "../../src/Ledger.js"
import { run } from "../support/interruptions.js"
import { collectGarbage } from "./harness/garbage.js"
import { mebibytes } from "./soak/measures.js"

const { kernel, operations, seed } = valuesOrExit({
  name: "stress",
  before: ["Interrupts very many operations on a pipe and on a file, and accounts for every byte."],
  arguments: [],
  options: {
    operations: whole(1, 999_999_999, 100_000, "How many operations."),
    seed: whole(0, 999_999_999, Date.now() % 1e9, "The seed of all that is drawn."),
    kernel: kernelOption("is put under stress")
  },
  after: ["Exit code: 0 when every byte is accounted for, 1 otherwise."]
})

const ROUNDS = 20

/**
 * The most that the process may grow after a fifth of the rounds, when everything has run often enough to be compiled.
 */
const MOST_GROWTH = 16 << 20

const resident: Array<number> = []
const begin = performance.now()

const progress = (round: number): void => {
  collectGarbage()
  resident.push(process.memoryUsage.rss())
  console.log(`${round} of ${ROUNDS} rounds, ${mebibytes(resident.at(-1)!)} resident`)
}

const program = Effect.gen(function*() {
  const { name } = yield* Kernel.Kernel
  console.log(`${operations} operations on ${name}, seed ${seed}`)
  const report = yield* run({ seed, operations, rounds: ROUNDS, progress })
  const early = resident[ROUNDS / 5]!
  const growth = resident.at(-1)! - early
  const problems = [...report.problems]
  if (growth > MOST_GROWTH) problems.push(`the resident memory has grown by ${growth} bytes`)
  console.log([
    `${report.interrupted} interrupted, ${report.timedOut} timed out, in ${
      ((performance.now() - begin) / 1000).toFixed(1)
    } s`,
    `pipe: ${mebibytes(report.bytesWritten)} written by writes that succeeded, ${mebibytes(report.bytesRead)} read`,
    `file: ${mebibytes(report.bytesCompared)} compared`,
    `resident memory: ${mebibytes(resident[0]!)} after a fifth, ${growth < 0 ? "-" : "+"}${
      mebibytes(Math.abs(growth))
    } since`,
    `ledger of all: ${Ledger.format(yield* Kernel.ledger)}`,
    ...problems.map((problem) => `WRONG: ${problem}`)
  ].join("\n"))
  return problems.length
})

process.exitCode = await Effect.runPromise(Effect.provide(program, Kernel.layerOptions({ kernel }))) === 0 ? 0 : 1
