// The parts of a benchmark: scenarios of cases, of contestants that do the same work in turn, and of goals.
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { digits } from "./statistics.js"

/** How a run becomes a number. */
export interface Measure {
  readonly unit: string
  readonly better: "higher" | "lower"
  /** The run itself tells it: it is no time. */
  readonly told?: boolean | undefined
  readonly valueOf: (run: { readonly millis: number; readonly amount: number; readonly value: number }) => number
}

/** `amount` is bytes. */
export const megabytesPerSecond: Measure = {
  unit: "MB/s",
  better: "higher",
  valueOf: ({ amount, millis }) => amount / 1000 / millis
}

/** `amount` is operations. */
export const microsPerOperation: Measure = {
  unit: "µs",
  better: "lower",
  valueOf: ({ amount, millis }) => millis * 1000 / amount
}

export const seconds: Measure = { unit: "s", better: "lower", valueOf: ({ millis }) => millis / 1000 }

/** A figure that the run itself has measured; less is better. */
export const told = (unit: string): Measure => ({ unit, better: "lower", told: true, valueOf: ({ value }) => value })

/** The findings of a run; all of them are optional. */
export interface Outcome {
  /** The checksum of all bytes that went through it, compared with what the case expects. */
  readonly checksum?: number | undefined
  /** Which of the two checksums it is, when it is not that of the phase. */
  readonly looked?: Phase | undefined
  /** In place of what the clock around it says: a run of another process, say. Milliseconds. */
  readonly millis?: number | undefined
  readonly cpuMillis?: number | undefined
  /** In place of the case's: how much it has done. */
  readonly amount?: number | undefined
  /** For a `told` measure. */
  readonly value?: number | undefined
}

/** `warm-up`: nothing is timed, and everything that was read is looked at, where `measured` samples it. */
export type Phase = "warm-up" | "measured"

export interface Contestant<R = never> {
  readonly name: string
  /** This library, what people use instead of it, or what it could be at best. */
  readonly role: "ours" | "peer" | "limit"
  readonly run: (phase: Phase) => Effect.Effect<Outcome, unknown, R>
}

/** Contestants that can be compared. */
export interface Case<R = never> {
  readonly label: string
  readonly measure: Measure
  readonly amount: number
  readonly expected?: { readonly [phase in Phase]: number } | undefined
  readonly contestants: ReadonlyArray<Contestant<R>>
  readonly goals: ReadonlyArray<Goal>
  /** In place of what the command line says, where a run says little more the second time. */
  readonly rounds?: { readonly warmUps: number; readonly measured: number } | undefined
  /** Notes for a reader of its numbers. */
  readonly notes?: ReadonlyArray<string> | undefined
  /** Notes that need all rounds to have run. */
  readonly afterwards?: Effect.Effect<ReadonlyArray<string>, never, R> | undefined
}

export interface Scenario<R = never> {
  readonly name: string
  readonly title: string
  /** One at a time, each in a scope of its own. */
  readonly cases: Effect.Effect<
    ReadonlyArray<Effect.Effect<Case<R>, unknown, R | Scope.Scope>>,
    unknown,
    R | Scope.Scope
  >
}

// -----------------------------------------------------------------------------
// goals
// -----------------------------------------------------------------------------

/** Something that must hold of the contestants' values in one round; judged by its median over the rounds. */
export interface Goal {
  /** The contestant it is about, in whose line it stands. */
  readonly row: string
  readonly text: string
  readonly of: (value: (name: string) => number) => number
  readonly relation: "≥" | "≤"
  readonly bound: number
  readonly unit: string
  /** Judged by processor time, in place of what the clock says. */
  readonly cpu?: boolean | undefined
  /** Why it cannot be judged here. */
  readonly unjudged?: string | undefined
}

const theBetterOf = (names: ReadonlyArray<string>): string =>
  names.length === 1 ? names[0]! : `the better of ${names.join(" and ")}`

/** A goal for rates: at least so many times that of the best of these. */
export const atLeastTimesTheRate = (row: string, peers: ReadonlyArray<string>, bound: number): Goal => ({
  row,
  text: theBetterOf(peers),
  of: (value) => value(row) / Math.max(...peers.map(value)),
  relation: "≥",
  bound,
  unit: "×"
})

/** A goal for times: so many times as fast as the best of these. */
export const atLeastTimesAsFast = (row: string, peers: ReadonlyArray<string>, bound: number): Goal => ({
  row,
  text: `as fast as ${theBetterOf(peers)}`,
  of: (value) => Math.min(...peers.map(value)) / value(row),
  relation: "≥",
  bound,
  unit: "×"
})

/** A goal for times: at most so many times that of the best of these. */
export const atMostTimesTheCost = (row: string, peers: ReadonlyArray<string>, bound: number): Goal => ({
  row,
  text: `the time of ${theBetterOf(peers)}`,
  of: (value) => value(row) / Math.min(...peers.map(value)),
  relation: "≤",
  bound,
  unit: "×"
})

/** A goal for times: at most so much more than this one. */
export const atMostOver = (row: string, peer: string, bound: number, unit: string): Goal => ({
  row,
  text: `more than ${peer}`,
  of: (value) => value(row) - value(peer),
  relation: "≤",
  bound,
  unit
})

/** A goal for times: adds at most so many times of what the other one adds to the same work. */
export const atMostTimesAdded = (row: string, other: string, to: string, bound: number): Goal => ({
  row,
  text: `what ${other} adds to ${to}`,
  of: (value) => (value(row) - value(to)) / (value(other) - value(to)),
  relation: "≤",
  bound,
  unit: "×"
})

export const atMost = (row: string, bound: number, unit: string): Goal => ({
  row,
  text: "",
  of: (value) => value(row),
  relation: "≤",
  bound,
  unit
})

/** The largest of them at most so many times the smallest. */
export const flatWithin = (rows: ReadonlyArray<string>, bound: number): Goal => ({
  row: rows.at(-1)!,
  text: `from the cheapest to the dearest of ${rows.length}`,
  of: (value) => Math.max(...rows.map(value)) / Math.min(...rows.map(value)),
  relation: "≤",
  bound,
  unit: "×"
})

/** A goal for ratios: each over the one beside it, the largest at most so many times the smallest. */
export const flatRatioWithin = (rows: ReadonlyArray<string>, peers: ReadonlyArray<string>, bound: number): Goal => ({
  row: rows.at(-1)!,
  text: `from the smallest to the largest of ${rows.length} ratios`,
  of: (value) => {
    const ratios = rows.map((row, i) => value(row) / value(peers[i]!))
    return Math.max(...ratios) / Math.min(...ratios)
  },
  relation: "≤",
  bound,
  unit: "×"
})

/** The same, judged by processor time. */
export const inCpu = (goal: Goal): Goal => ({ ...goal, text: `${goal.text} in CPU`.trim(), cpu: true })

export const unjudged = (goal: Goal, reason: string | undefined): Goal =>
  reason === undefined ? goal : { ...goal, unjudged: reason }

export const isMet = (measured: number, { bound, relation }: Pick<Goal, "bound" | "relation">): boolean =>
  relation === "≥" ? measured >= bound : measured <= bound

export const goalText = ({ bound, relation, text, unit }: Pick<Goal, "bound" | "relation" | "text" | "unit">): string =>
  `${relation} ${digits(bound)} ${unit}${text === "" ? "" : ` ${text}`}`
