// The benchmark: `npm run bench` on the portable kernel, `npm run bench:kernel32` on the real kernel32. `-- --help` tells more.
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { loadavg } from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import * as Kernel from "../src/Kernel.js"
import * as Bench from "./harness/Bench.js"
import { describe } from "./harness/chart.js"
import { collectGarbage, collectYoung } from "./harness/garbage.js"
import { race } from "./harness/race.js"
import { keep, machine, type ScenarioResult } from "./harness/report.js"
import type { Case, Scenario } from "./harness/Scenario.js"
import { caseTable, summaryTable } from "./harness/table.js"
import { scenarios } from "./scenarios/index.js"

const windows = process.platform === "win32"
const COMMAND = windows ? "npm run bench:kernel32" : "npm run bench"

const HELP = `${COMMAND} -- [options]

  --scenario NAME   only this one; may be given several times. One of:
                    ${Object.keys(scenarios).join(", ")}
  --contestant TEXT only contestants whose name has this text in it, without goals and without results: for a profile
  --rounds N        rounds that count (default 5; 3 with --quick)
  --quick           smaller files and fewer operations, for a look; keeps its results in build/bench/results
  --json            JSON lines in place of the table
  --output DIR      where results are kept (default bench/results)
  --help            this text

Each round runs every contestant once, in one process, and begins with another. Medians of the rounds are told, and the least and
the most; a ratio is the median of the ratios of the rounds. Ratios compare what ran side by side: absolute numbers are this
machine's, and under Wine they are not those of Windows.`

const { values } = parseArgs({
  options: {
    scenario: { type: "string", multiple: true },
    contestant: { type: "string" },
    rounds: { type: "string" },
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    output: { type: "string" },
    kernel: { type: "string", default: windows ? "win32" : "portable" },
    help: { type: "boolean", default: false }
  }
})

const out = (text: string): void => void process.stdout.write(`${text}\n`)

/** What runs now, on a terminal only, in one line that the next one writes over. */
const progress = (text: string): void => {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${text.slice(0, process.stderr.columns - 1)}`)
}

const named = (): ReadonlyArray<string> => {
  const all = Object.keys(scenarios)
  const unknown = values.scenario?.filter((name) => !all.includes(name)) ?? []
  if (unknown.length > 0) throw new Error(`There is no scenario ${unknown.join(", ")}. There are ${all.join(", ")}.`)
  return values.scenario ?? all
}

const chosen = (one: Case<Bench.Env>): Case<Bench.Env> => {
  const text = values.contestant
  if (text === undefined) return one
  return { ...one, contestants: one.contestants.filter(({ name }) => name.includes(text)), goals: [] }
}

const runScenario = (
  scenario: Scenario<Bench.Env>,
  rounds: number
): Effect.Effect<ScenarioResult, unknown, Bench.Env> =>
  Effect.scoped(Effect.gen(function*() {
    const { name, title } = scenario
    if (!values.json) out(`\n${name}: ${title}`)
    const cases = yield* Effect.forEach(yield* scenario.cases, (makeCase) =>
      Effect.scoped(Effect.gen(function*() {
        const result = yield* race(chosen(yield* makeCase), {
          rounds,
          warmUps: 1,
          warmMillis: values.quick ? 200 : 1000,
          progress,
          beforeCase: collectGarbage,
          // Nobody pays for the garbage of another.
          before: collectYoung
        })
        progress("")
        out(values.json ? JSON.stringify({ scenario: name, ...result }) : caseTable(result))
        return result
      })))
    return { name, title, cases }
  }))

const program = Effect.scoped(Effect.gen(function*() {
  const kernel = values.kernel as "portable" | "win32"
  const bench = yield* Bench.make({ kernel, quick: values.quick })
  const rounds = Number(values.rounds ?? (values.quick ? 3 : 5))
  const computer = machine(
    kernel === "win32" ? "kernel32" : "portable",
    process.env["WINEPREFIX"] !== undefined,
    COMMAND
  )
  if (!values.json) {
    out(`${describe(computer)}\nload average at the start ${loadavg().map((load) => load.toFixed(1)).join(" ")}`)
  }
  const output = values.output ??
    fileURLToPath(new URL(values.quick ? "results" : "../../bench/results", import.meta.url))
  const results: Array<ScenarioResult> = []
  let failed = 0
  for (const name of named()) {
    const scenario = scenarios[name]!(bench)
    if (scenario === undefined) continue
    const exit = yield* Effect.exit(runScenario(scenario, rounds))
    if (Exit.isSuccess(exit)) {
      results.push(exit.value)
      if (values.contestant === undefined) keep(output, computer, [exit.value])
    } else if (Cause.isInterrupted(exit.cause)) return yield* Effect.failCause(exit.cause)
    else {
      failed++
      console.error(`${name} failed: ${Cause.pretty(exit.cause, { renderErrorCause: true })}`)
    }
  }
  if (!values.json) out(`\n${summaryTable(results)}`)
  return failed
}))

const main = program.pipe(
  Effect.provide(
    Layer.merge(Kernel.layerOptions({ kernel: values.kernel as "portable" | "win32" }), NodeFileSystem.layer)
  )
)

if (values.help) out(HELP)
else {
  const fiber = Effect.runFork(main)
  // What runs is waited for and the directory removed; whoever asks a second time does not wait.
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
