// The findings of a whole run of the benchmark, and how they are kept: one JSON file for each kernel, and a chart for
// each scenario.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { availableParallelism, release } from "node:os"
import { join } from "node:path"
import { chart } from "./chart.js"
import type { CaseResult, GoalResult } from "./race.js"
import { goalText } from "./Scenario.js"
import { digits } from "./statistics.js"

export interface MachineReport {
  readonly kernel: string
  readonly node: string
  readonly system: string
  readonly processors: number
  readonly date: string
  readonly command: string
}

export interface ScenarioResult {
  readonly name: string
  readonly title: string
  readonly cases: ReadonlyArray<CaseResult>
}

/** A scenario with the machine as it was that day: a later run of some scenarios leaves the others as they are. */
export interface KeptScenario extends ScenarioResult {
  readonly machine: MachineReport
}

export const machine = (kernel: string, isWine: boolean, command: string): MachineReport => ({
  kernel,
  node: process.version.slice(1),
  system: isWine
    ? "Wine"
    : `${{ linux: "Linux", darwin: "macOS", win32: "Windows" }[process.platform as string]} ${release()}`,
  processors: availableParallelism(),
  date: new Date().toISOString().slice(0, 10),
  command
})

export const keep = (directory: string, machine: MachineReport, scenarios: ReadonlyArray<ScenarioResult>): void => {
  const charts = join(directory, machine.kernel)
  const file = join(directory, `${machine.kernel}.json`)
  mkdirSync(charts, { recursive: true })
  const kept = new Map(before(file).map((scenario) => [scenario.name, scenario]))
  for (const scenario of scenarios) {
    kept.set(scenario.name, { ...scenario, machine })
    writeFileSync(join(charts, `${scenario.name}.svg`), chart(scenario, machine))
  }
  writeFileSync(file, `${JSON.stringify([...kept.values()], rounded, 1)}\n`)
  writeFileSync(
    join(directory, "README.md"),
    page(KERNELS.flatMap((kernel) => before(join(directory, `${kernel}.json`))))
  )
}

const KERNELS = ["portable", "kernel32"]

/** All that is kept, on one page: each scenario's chart, and every goal in a line. */
export const page = (scenarios: ReadonlyArray<KeptScenario>): string => {
  const goals = scenarios.flatMap(({ cases, machine, name }) =>
    cases.flatMap(({ goals, label }) =>
      goals.map((goal) =>
        [machine.kernel, name, label, goal.row, measured(goal), goalText(goal), verdict(goal)].map(cell).join(" | ")
      )
    )
  )
  return [
    "# Results of the benchmark",
    "",
    "Written by `npm run bench` and `npm run bench:kernel32`, whole, from the JSON files beside it. A goal is judged by the median,",
    "over the rounds, of what was measured side by side.",
    "",
    "| kernel | scenario | case | contestant | measured | goal | |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...goals.map((row) => `| ${row} |`),
    ...scenarios.flatMap(({ cases, machine, name, title }) => [
      "",
      `## ${machine.kernel}, ${name}`,
      "",
      `![${title}, ${machine.kernel}](${machine.kernel}/${name}.svg)`,
      ...cases.flatMap(({ label, notes }) => notes.flatMap((note) => ["", `${label}: ${note}`]))
    ]),
    ""
  ].join("\n")
}

const cell = (text: string): string => text.replaceAll("|", "\\|")

const measured = (goal: GoalResult): string =>
  goal.measured === undefined ? "–" : `${digits(goal.measured)} ${goal.unit}`

const verdict = ({ met, unjudged }: GoalResult): string =>
  met === undefined ? `not judged: ${unjudged}` : met ? "met" : "**not met**"

const before = (file: string): ReadonlyArray<KeptScenario> => {
  try {
    return JSON.parse(readFileSync(file, "utf8"))
  } catch {
    return []
  }
}

/** Six digits say more than any clock here. */
const rounded = (_: string, value: unknown): unknown =>
  typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value
