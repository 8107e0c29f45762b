// One scenario as a picture: a panel of bars for each case. SVG by hand, legible on light and on dark pages.
import type { CaseResult, ContestantResult } from "./race.js"
import type { MachineReport, ScenarioResult } from "./report.js"
import { goalText } from "./Scenario.js"
import { digits } from "./statistics.js"

const WIDTH = 880
const MARGIN = 28
const NAMES = 300
const VALUES = 150
const BAR = 16
const ROW = 26
const PLOT = WIDTH - 2 * MARGIN - NAMES - VALUES

const STYLE = `
  text { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #24292f }
  .title { font-size: 17px; font-weight: 600 }
  .label { font-size: 14px; font-weight: 600 }
  .small { font-size: 11.5px; fill: #57606a }
  .card { fill: #ffffff; stroke: #d0d7de }
  .grid { stroke: #d8dee4; stroke-width: 1 }
  .ours { fill: #0969da } .peer { fill: #afb8c1 }
  .limit { fill: #fff8e5; stroke: #bf8700; stroke-width: 1.5; stroke-dasharray: 4 3 }
  .spread { stroke: #24292f; stroke-width: 1.3; opacity: .75 }
  .met { fill: #1a7f37 } .missed { fill: #cf222e }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .small { fill: #9198a1 }
    .card { fill: #0d1117; stroke: #3d444d }
    .grid { stroke: #2a313c }
    .ours { fill: #4493f8 } .peer { fill: #59636e }
    .limit { fill: #2b2411; stroke: #d29922 }
    .spread { stroke: #e6edf3 }
    .met { fill: #3fb950 } .missed { fill: #f85149 }
  }`

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

const text = (x: number, y: number, content: string, style = "", anchor = "start"): string =>
  `<text x="${round(x)}" y="${round(y)}"${style === "" ? "" : ` class="${style}"`}${
    anchor === "start" ? "" : ` text-anchor="${anchor}"`
  }>${escape(content)}</text>`

const round = (value: number): number => Math.round(value * 10) / 10

/** The smallest of 1, 2, 2.5 and 5 times a power of ten with which no more than five steps reach `most`. */
export const step = (most: number): number => {
  const power = 10 ** Math.floor(Math.log10(most / 5))
  return ([1, 2, 2.5, 5].find((factor) => factor * power * 5 >= most) ?? 10) * power
}

interface Drawn {
  readonly svg: ReadonlyArray<string>
  readonly height: number
}

const panel = (one: CaseResult, top: number): Drawn => {
  const most = Math.max(...one.contestants.map(({ max }) => max), 0) || 1
  const tick = step(most)
  const ticks = Math.ceil(most / tick)
  const left = MARGIN + NAMES
  const scale = (value: number): number => left + Math.max(value, 0) / (ticks * tick) * PLOT
  const first = top + 30
  const bottom = first + one.contestants.length * ROW
  const grid = Array.from({ length: ticks + 1 }, (_, i) => scale(i * tick))
  const goals = one.goals.map((goal, i) => {
    const verdict = goal.met === undefined
      ? ["–", `${goal.row}: ${goalText(goal)}: not judged, ${goal.unjudged}`, ""] as const
      : [
        goal.met ? "✓" : "✗",
        `${goal.row}: ${digits(goal.measured!)} ${goal.unit}, goal ${goalText(goal)}`,
        goal.met ? "met" : "missed"
      ] as const
    const y = bottom + 40 + i * 18
    return text(MARGIN, y, verdict[0], verdict[2]) + text(MARGIN + 18, y, verdict[1], "small")
  })
  return {
    svg: [
      text(MARGIN, top + 14, one.label, "label"),
      text(
        WIDTH - MARGIN,
        top + 14,
        `${one.unit}, ${one.better} is better, median of ${one.rounds} rounds`,
        "small",
        "end"
      ),
      ...grid.map((x) => `<line class="grid" x1="${round(x)}" x2="${round(x)}" y1="${first - 4}" y2="${bottom}"/>`),
      ...grid.map((x, i) => text(x, bottom + 15, digits(i * tick), "small", "middle")),
      ...one.contestants.flatMap((contestant, i) => bar(contestant, one.unit, first + i * ROW, scale)),
      ...goals
    ],
    height: bottom + 40 + goals.length * 18 - top
  }
}

const bar = (
  { max, median, min, name, role }: ContestantResult,
  unit: string,
  top: number,
  scale: (value: number) => number
): Array<string> => {
  const middle = top + BAR / 2
  const width = Math.max(scale(median) - scale(0), 1.5)
  return [
    text(MARGIN + NAMES - 10, middle + 4.5, role === "limit" ? `limit: ${name}` : name, "", "end"),
    `<rect class="${role}" x="${round(scale(0))}" y="${top}" width="${round(width)}" height="${BAR}" rx="2"/>`,
    `<line class="spread" x1="${round(scale(min))}" x2="${round(scale(max))}" y1="${middle}" y2="${middle}"/>`,
    ...[min, max].map((end) =>
      `<line class="spread" x1="${round(scale(end))}" x2="${round(scale(end))}" y1="${middle - 4}" y2="${middle + 4}"/>`
    ),
    text(WIDTH - MARGIN, middle + 4.5, `${digits(median)} ${unit}`, "", "end")
  ]
}

export const chart = (scenario: ScenarioResult, machine: MachineReport): string => {
  const panels: Array<string> = []
  let top = 78
  for (const one of scenario.cases) {
    const drawn = panel(one, top)
    panels.push(...drawn.svg)
    top += drawn.height + 18
  }
  const legend = "Blue: this library. Dashed: a limit. Thin line: from the least to the most of the rounds."
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${top + 22}" viewBox="0 0 ${WIDTH} ${
      top + 22
    }" role="img" aria-labelledby="title">`,
    `<title id="title">${escape(`${scenario.title}, ${machine.kernel}`)}</title>`,
    `<style>${STYLE}\n</style>`,
    `<rect class="card" x="0.5" y="0.5" width="${WIDTH - 1}" height="${top + 21}" rx="8"/>`,
    text(MARGIN, 34, scenario.title, "title"),
    text(MARGIN, 54, describe(machine), "small"),
    ...panels,
    text(MARGIN, top + 6, legend, "small"),
    "</svg>",
    ""
  ].join("\n")
}

export const describe = ({ command, date, kernel, node, processors, system }: MachineReport): string =>
  `${kernel}, node ${node} on ${system}, ${processors} processors, ${date}: ${command}`
