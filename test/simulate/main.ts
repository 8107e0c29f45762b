/**
 * `npm run test:simulate -- --seeds N [--from S] [--minutes M] [--processes P] [--submit auto|mask]`: random
 * programs in simulated systems, one per seed, and what happened in them. Without `--seeds`, until a million operations
 * have been done; without `--submit`, fibers wait in one form or the other by turns. `--replay` runs one again.
 */
import { fork } from "node:child_process"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { Figures, ofLine, ofSeed, reproduction } from "./simulate.js"

/** Seeds that a process is given at a time. */
const BATCH = 10
const MILLION = 1_000_000

interface Batch {
  readonly from: number
  readonly to: number
}

interface Answer {
  readonly figures: Figures
  readonly failures: ReadonlyArray<string>
}

const { values } = parseArgs({
  options: {
    seeds: { type: "string" },
    from: { type: "string", default: "1" },
    minutes: { type: "string" },
    processes: { type: "string" },
    submit: { type: "string" },
    replay: { type: "string" },
    worker: { type: "boolean" }
  }
})

const submit = values.submit as "auto" | "mask" | undefined

// --- a process that does batches

const batch = async ({ from, to }: Batch): Promise<Answer> => {
  const figures = new Figures()
  const failures: Array<string> = []
  for (let seed = from; seed < to; seed++) {
    const outcome = await ofSeed(seed, submit)
    figures.add(outcome)
    if (outcome.problems.length === 0) continue
    failures.push(
      `FAILED: seed ${seed} (${outcome.profile}): ${
        outcome.problems.join("\n  ")
      }\n  reproduce: npm run test:simulate -- --replay seed:${seed}\n  shrunk:    ${await reproduction(
        outcome,
        submit
      )}`
    )
  }
  return { figures, failures }
}

if (values.worker === true) {
  process.on("message", (message: Batch) => {
    void batch(message).then((answer) => process.send!(answer))
  })
}

// --- one run again

const replay = async (line: string): Promise<number> => {
  const { doings, happened, operations, problems, profile } = await ofLine(line, submit)
  console.log(`a system that is ${profile}; ${operations} operations`, { ...happened }, { ...doings })
  console.log(problems.length === 0 ? "no problem" : problems.join("\n"))
  return problems.length
}

// --- all of them

const all = async (): Promise<number> => {
  const begin = performance.now()
  const seconds = () => (performance.now() - begin) / 1000
  const first = Number(values.from)
  const end = values.seeds === undefined ? Infinity : first + Number(values.seeds)
  const limit = values.minutes === undefined ? Infinity : Number(values.minutes) * 60
  const wanted = values.seeds === undefined && values.minutes === undefined ? MILLION : Infinity
  const figures = new Figures()
  let next = first
  let failed = 0
  const work = () =>
    new Promise<void>((resolve, reject) => {
      // One thread of libuv: `node:fs` answers a program in the order of its requests.
      const env = { ...process.env, UV_THREADPOOL_SIZE: "1" }
      const chosen = submit === undefined ? [] : ["--submit", submit]
      const child = fork(fileURLToPath(import.meta.url), ["--worker", ...chosen], { env })
      const give = () => {
        if (next >= end || seconds() > limit || figures.operations >= wanted) return void child.kill()
        const from = next
        next = Math.min(end, next + BATCH)
        child.send({ from, to: next } satisfies Batch)
      }
      child.on("message", (answer: Answer) => {
        figures.merge(answer.figures)
        for (const failure of answer.failures) console.log(failure)
        failed += answer.failures.length
        give()
      })
      child.on("exit", (code, signal) => {
        if (signal === "SIGTERM") resolve()
        else reject(new Error(`a process has ended with ${code ?? signal}`))
      })
      give()
    })
  const processes = Number(values.processes ?? Math.max(1, availableParallelism()))
  await Promise.all(Array.from({ length: processes }, work))
  console.log(figures.table())
  const { completedByCallback: callbacks, completedInline: inline } = figures.ledger
  const { cancels, faults, hangUps, never } = figures.happened
  console.log(
    `${figures.operations} operations, ${cancels} cancellations, ${callbacks} callbacks, ${inline} inline, ${
      faults + hangUps + never
    } faults injected, ${figures.seeds} seeds from ${first}, ${
      seconds().toFixed(0)
    } seconds on ${processes} processes, ${failed} failed`
  )
  return failed
}

if (values.worker !== true) {
  process.exitCode = await (values.replay === undefined ? all() : replay(values.replay)) === 0 ? 0 : 1
}
