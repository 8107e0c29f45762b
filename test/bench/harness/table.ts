// Results for a terminal.
import type { CaseResult, GoalResult } from "./race.js"
import type { ScenarioResult } from "./report.js"
import { goalText } from "./Scenario.js"
import { digits } from "./statistics.js"

export const caseTable = (one: CaseResult): string => {
  const ours = one.contestants.find(({ role }) => role === "ours")
  const rows = one.contestants.map(({ cpu, max, median, min, name, role }) => [
    role === "limit" ? `${name} (limit)` : name,
    digits(median),
    `${digits(min)} – ${digits(max)}`,
    ours === undefined || ours.name === name || !(ours.median > 0 && median > 0) ? "" : ratio(one, ours.median, median),
    cpu === undefined ? "" : digits(cpu.median),
    cpu === undefined ? "" : `${digits(cpu.min)} – ${digits(cpu.max)}`,
    cpu === undefined || ours?.cpu === undefined || ours.name === name ? "" : ratio(one, ours.cpu.median, cpu.median)
  ])
  const head = [`  ${one.label}`, one.unit, "min – max", "ours is", `CPU ${one.unit}`, "min – max", "ours is"]
  return [
    ...align([head, ...rows.map(([name, ...rest]) => [`    ${name}`, ...rest])], (column) => column > 0),
    ...one.goals.map((goal) => `    ${goalLine(goal)}`),
    ...one.notes.map((note) => `    ${note}`)
  ].join("\n")
}

/** Above 1, ours is the better one. */
const ratio = ({ better }: CaseResult, ours: number, theirs: number): string =>
  `${digits(better === "higher" ? ours / theirs : theirs / ours)} ×`

export const goalLine = (goal: GoalResult): string =>
  goal.met === undefined
    ? `–       ${goal.row}: ${goalText(goal)}: not judged, ${goal.unjudged}`
    : `${goal.met ? "met    " : "NOT MET"} ${goal.row}: ${digits(goal.measured!)} ${goal.unit}, goal ${goalText(goal)}`

/** The first columns to the left, numbers to the right. */
export const align = (
  rows: ReadonlyArray<ReadonlyArray<string>>,
  isNumber: (column: number) => boolean
): Array<string> => {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) =>
    row.map((cell, column) => isNumber(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))
      .join("   ").trimEnd()
  )
}

/** Every goal in one line, at the end. */
export const summaryTable = (scenarios: ReadonlyArray<ScenarioResult>): string => {
  const goals = scenarios.flatMap(({ cases, name }) =>
    cases.flatMap((one) => one.goals.map((goal) => ({ name, label: one.label, goal })))
  )
  const counted = (met: boolean | undefined): number => goals.filter(({ goal }) => goal.met === met).length
  return [
    ...align([
      ["scenario", "case", "contestant", "measured", "goal", ""],
      ...goals.map(({ goal, label, name }) => [
        name,
        label,
        goal.row,
        goal.measured === undefined ? "–" : `${digits(goal.measured)} ${goal.unit}`,
        goalText(goal),
        goal.met === undefined ? "not judged" : goal.met ? "met" : "NOT MET"
      ])
    ], (column) => column === 3),
    `${counted(true)} goals met, ${counted(false)} not met, ${counted(undefined)} not judged`
  ].join("\n")
}
