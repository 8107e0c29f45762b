// The benchmark, started by run.mjs: `npm run bench` on the portable kernel, `npm run bench:kernel32` on the real
// kernel32. `-- --help` tells more.
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { loadavg } from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { against, comparison, comparisonHead, type Copies } from "./harness/against.js"
import * as Bench from "./harness/Bench.js"
import { describe } from "./harness/chart.js"
import { collectGarbage, collectYoung } from "./harness/garbage.js"
import { directory } from "./harness/inputs.js"
import { load } from "./harness/Library.js"
import { race } from "./harness/race.js"
import { keep, machine, type ScenarioResult } from "./harness/report.js"
import type { Case, Scenario } from "./harness/Scenario.js"
import { align, caseTable, summaryTable } from "./harness/table.js"
import { scenarios } from "./scenarios/index.js"

const windows = process.platform === "win32"
const COMMAND = windows ? "npm run bench:kernel32" : "npm run bench"

const HELP = `${COMMAND} -- [options]

  --scenario NAME   only this one; may be given several times. One of:
                    ${Object.keys(scenarios).join(", ")}
  --contestant TEXT only contestants whose name has this text in it, without goals and without results: for a profile
  --against REV     packs this revision and measures its public API beside today's, and beside itself, which shows the noise
  --rounds N        rounds that count (default 5; 3 with --quick; 15 with --against)
  --quick           smaller files and fewer operations, for a look
  --json            JSON lines in place of the table
  --save            keeps the results and draws the charts in test/bench/results; without it nothing is changed that git tracks,
                    and they are kept in build/test/bench/results
  --output DIR      keeps them there
  --help            this text

Each round runs every contestant once, in one process, and begins with another. Medians of the rounds are told, and the least and
the most; a ratio is the median of the ratios of the rounds. Ratios compare what ran side by side: absolute numbers are this
machine's, and under Wine they are not those of Windows.

CPU is the processor time of the whole process in the same unit, threads that read or write included. V8's helper threads are off,
in all that is measured, so that it repeats also on a machine that has other things to do; the clock's time does not. The scenario
random-busy runs beside a process for each processor that hashes. Bun (npm package bun) is a contestant where the PATH has it.`

interface Options {
  readonly kernel: "portable" | "win32"
  readonly named: ReadonlyArray<string>
  readonly contestant: string | undefined
  readonly against: { readonly revision: string; readonly packed: string } | undefined
  readonly rounds: number
  readonly quick: boolean
  readonly json: boolean
  /** Where results are kept; `undefined`: nowhere. */
  readonly output: string | undefined
}

class Mistake extends Error {}

const options = (): Options | "help" => {
  const { values } = parseArgs({
    options: {
      scenario: { type: "string", multiple: true },
      contestant: { type: "string" },
      against: { type: "string" },
      packed: { type: "string" },
      rounds: { type: "string" },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      save: { type: "boolean", default: false },
      output: { type: "string" },
      kernel: { type: "string", default: windows ? "win32" : "portable" },
      help: { type: "boolean", default: false }
    }
  })
  if (values.help) return "help"
  const { contestant, json, packed, quick, save } = values
  const all = Object.keys(scenarios)
  const unknown = values.scenario?.filter((name) => !all.includes(name)) ?? []
  if (unknown.length > 0) throw new Mistake(`There is no scenario ${unknown.join(", ")}. There are ${all.join(", ")}.`)
  const compared = values.against !== undefined
  const rounds = Number(values.rounds ?? (compared ? 15 : quick ? 3 : 5))
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new Mistake(`--rounds takes a number from 1 on, not ${values.rounds}.`)
  }
  if (save && (quick || compared || contestant !== undefined || values.output !== undefined)) {
    throw new Mistake("--save keeps whole results: it does not go with --quick, --against, --contestant or --output.")
  }
  if (compared && packed === undefined) {
    throw new Mistake("--against needs test/bench/run.mjs, which packs the revision.")
  }
  const inProject = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
  return {
    kernel: values.kernel as Options["kernel"],
    named: values.scenario ?? all,
    contestant,
    against: compared ? { revision: values.against!, packed: packed! } : undefined,
    rounds,
    quick,
    json,
    output: compared || contestant !== undefined
      ? undefined
      : values.output ?? inProject(save ? "../../../test/bench/results" : "results")
  }
}

const out = (text: string): void => void process.stdout.write(`${text}\n`)

/** Shows the running contestant, on a terminal only, in one line that the next one writes over. */
const progress = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${text.slice(0, process.stderr.columns - 1)}`)
}

const chosen = (one: Case<Bench.Env>, text: string | undefined): Case<Bench.Env> =>
  text === undefined
    ? one
    : { ...one, contestants: one.contestants.filter(({ name }) => name.includes(text)), goals: [] }

const runScenario = (
  scenario: Scenario<Bench.Env>,
  { contestant, json, quick, rounds }: Options
): Effect.Effect<ScenarioResult, unknown, Bench.Env> =>
  Effect.scoped(Effect.gen(function*() {
    const { name, title } = scenario
    if (!json) out(`\n${name}: ${title}`)
    const cases = yield* Effect.forEach(yield* scenario.cases, (makeCase) =>
      Effect.scoped(Effect.gen(function*() {
        const one = chosen(yield* makeCase, contestant)
        if (one.contestants.length === 0) return []
        const result = yield* race(one, {
          rounds,
          warmUps: 1,
          warmMillis: quick ? 200 : 1000,
          progress,
          beforeCase: collectGarbage,
          // No contestant pays for the garbage of another.
          before: collectYoung
        })
        progress("")
        out(json ? JSON.stringify({ scenario: name, ...result }) : caseTable(result))
        return [result]
      })))
    return { name, title, cases: cases.flat() }
  }))

const program = (options: Options) =>
  Effect.scoped(Effect.gen(function*() {
    const { json, kernel, named, output, quick } = options
    const now = yield* load("now", new URL("../../src/index.js", import.meta.url), kernel)
    const copies = options.against === undefined ? undefined : yield* others(now, options.against, kernel)
    const bench = yield* Bench.make({ kernel, quick, directory: yield* directory, ...now })
    const isWine = process.env["WINEPREFIX"] !== undefined
    const computer = machine(kernel === "win32" ? "kernel32" : "portable", isWine, COMMAND)
    if (!json) {
      out(`${describe(computer)}\nload average at the start ${loadavg().map((load) => load.toFixed(1)).join(" ")}`)
    }
    const results: Array<ScenarioResult> = []
    let failed = 0
    for (const name of named) {
      const scenario = copies === undefined ? scenarios[name]!(bench) : against(copies, bench, scenarios[name]!)
      if (scenario === undefined) continue
      const exit = yield* Effect.exit(Effect.provide(runScenario(scenario, options), now.context))
      if (Exit.isSuccess(exit)) {
        results.push(exit.value)
        if (output !== undefined) keep(output, computer, [exit.value])
      } else if (Cause.isInterrupted(exit.cause)) return yield* Effect.failCause(exit.cause)
      else {
        failed++
        console.error(`${name} failed: ${Cause.pretty(exit.cause, { renderErrorCause: true })}`)
      }
    }
    if (!json) out(`\n${options.against === undefined ? summaryTable(results) : compared(options.against, results)}`)
    return failed
  }))

const others = (
  now: Copies[0],
  { packed, revision }: { revision: string; packed: string },
  kernel: Options["kernel"]
) => {
  const copy = (title: string, folder: string) =>
    load(title, new URL(`against/${packed}/${folder}/dist/index.js`, import.meta.url), kernel)
  return Effect.map(
    Effect.all([copy(revision, "first"), copy(`${revision} again`, "second")]),
    ([then, again]): Copies => [now, then, again]
  )
}

const compared = ({ revision }: { readonly revision: string }, results: ReadonlyArray<ScenarioResult>): string =>
  align([
    ["scenario", ...comparisonHead(revision)],
    ...results.flatMap(({ cases, name }) => cases.flatMap((one) => comparison(one).map((row) => [name, ...row])))
  ], (column) => column > 2).join("\n")

const start = (options: Options): void => {
  const fiber = Effect.runFork(program(options))
  // Waits for the running contestant and removes the directory; a second signal does not wait.
  process.once("SIGINT", () => {
    process.once("SIGINT", () => process.exit(130))
    Effect.runFork(Fiber.interrupt(fiber))
  })
  fiber.addObserver((exit) => {
    if (Exit.isSuccess(exit)) process.exitCode = exit.value === 0 ? 0 : 1
    else {
      const interrupted = Cause.isInterruptedOnly(exit.cause)
      if (!interrupted) console.error(Cause.pretty(exit.cause))
      process.exitCode = interrupted ? 130 : 1
    }
  })
}

try {
  const asked = options()
  if (asked === "help") out(HELP)
  else start(asked)
} catch (error) {
  if (!(error instanceof Mistake || error instanceof TypeError)) throw error
  console.error(`${error.message}\nTry ${COMMAND} -- --help.`)
  process.exitCode = 1
}
