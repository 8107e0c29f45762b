// This revision beside another one, and that one beside itself, which shows what difference is none.
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Bench, Env, MakeScenario } from "./Bench.js"
import type { Copy } from "./Library.js"
import type { CaseResult, ContestantResult } from "./race.js"
import type { Case, Scenario } from "./Scenario.js"
import { digits, median, summarize } from "./statistics.js"

/** Now, then, and then once more. */
export type Copies = readonly [Copy, Copy, Copy]

/** Runs our contestants of a scenario, by each copy in turn. */
export const against = (
  [now, then, again]: Copies,
  bench: Bench,
  makeScenario: MakeScenario
): Scenario<Env> | undefined => {
  const scenario = makeScenario(bench)
  if (scenario === undefined) return undefined
  const casesOf = ({ context, library, module }: Copy) =>
    Effect.map(
      Effect.provide(makeScenario({ ...bench, library, module })!.cases, context),
      (cases) => cases.map((one) => Effect.provide(one, context) as Effect.Effect<Case<Env>, unknown, Scope.Scope>)
    )
  return {
    ...scenario,
    cases: Effect.map(
      Effect.all([casesOf(now), casesOf(then), casesOf(again)]),
      ([ours, theirs, others]) =>
        ours.map((one, i) =>
          Effect.map(Effect.all([one, theirs[i]!, others[i]!]), ([first, second, third]) => ({
            ...first,
            goals: [],
            afterwards: undefined,
            contestants: first.contestants.filter(({ role }) => role === "ours").flatMap(({ name }) => [
              of(now, "ours", name, first),
              of(then, "peer", name, second),
              of(again, "peer", name, third)
            ])
          }))
        )
    )
  }
}

const SEPARATOR = ": "

const of = (copy: Copy, role: "ours" | "peer", name: string, { contestants }: Case<Env>) => ({
  role,
  name: `${name}${SEPARATOR}${copy.title}`,
  run: (phase: Parameters<Case["contestants"][number]["run"]>[0]) =>
    Effect.provide(contestants.find((one) => one.name === name)!.run(phase), copy.context)
})

/** The cost of each contestant now over its cost then: processor time and the clock's, each with its noise. */
export const comparison = ({ better, contestants, label }: CaseResult): ReadonlyArray<ReadonlyArray<string>> =>
  Array.from({ length: contestants.length / 3 }, (_, i) => {
    const [now, then, again] = contestants.slice(3 * i) as [ContestantResult, ContestantResult, ContestantResult]
    const cost = (one: ReadonlyArray<number>, other: ReadonlyArray<number>): string => {
      const ratios = one.map((value, round) => better === "lower" ? value / other[round]! : other[round]! / value)
      const { max, min } = summarize(ratios)
      return `${digits(median(ratios))} × (${digits(min)} – ${digits(max)})`
    }
    const cpu = now.cpu !== undefined && then.cpu !== undefined && again.cpu !== undefined
      ? [cost(now.cpu.samples, then.cpu.samples), cost(again.cpu.samples, then.cpu.samples)]
      : ["", ""]
    return [
      label,
      now.name.slice(0, now.name.lastIndexOf(SEPARATOR)),
      ...cpu,
      cost(now.samples, then.samples),
      cost(again.samples, then.samples)
    ]
  })

export const comparisonHead = (revision: string): ReadonlyArray<string> => [
  "case",
  "contestant",
  `CPU over ${revision}'s`,
  `${revision} over itself`,
  `time over ${revision}'s`,
  `${revision} over itself`
]
