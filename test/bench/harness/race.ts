// Contestants in turn: each round runs every one of them once and begins with another, so that whatever changes on the
// machine meets them all. There are no pauses in between, because memory that was given back is dear to get again.
import * as Effect from "effect/Effect"
import { type Case, type Contestant, isMet, type Phase } from "./Scenario.js"
import { median, summarize, type Summary } from "./statistics.js"

export interface ContestantResult extends Summary {
  readonly name: string
  readonly role: Contestant["role"]
  readonly samples: ReadonlyArray<number>
  /** The same measure of processor time in place of the clock's; of some nobody knows it. */
  readonly cpu: (Summary & { readonly samples: ReadonlyArray<number> }) | undefined
}

export interface GoalResult {
  readonly row: string
  readonly text: string
  readonly relation: "≥" | "≤"
  readonly bound: number
  readonly unit: string
  readonly measured: number | undefined
  /** `undefined`: it cannot be judged here, for this reason. */
  readonly met: boolean | undefined
  readonly unjudged?: string | undefined
}

export interface CaseResult {
  readonly label: string
  readonly unit: string
  readonly better: "higher" | "lower"
  readonly rounds: number
  readonly contestants: ReadonlyArray<ContestantResult>
  readonly goals: ReadonlyArray<GoalResult>
  readonly notes: ReadonlyArray<string>
}

export interface RaceOptions {
  readonly rounds: number
  readonly warmUps: number
  readonly progress: (text: string) => void
  /** How long each contestant warms up, or ten runs: at least one. */
  readonly warmMillis?: number | undefined
  /** On nobody's time. */
  readonly beforeCase?: (() => void) | undefined
  readonly before: () => void
}

interface Sample {
  readonly value: number
  readonly cpu: number
}

export const race = <R>(one: Case<R>, options: RaceOptions): Effect.Effect<CaseResult, Error, R> =>
  Effect.gen(function*() {
    const { contestants } = one
    const samples = new Map(contestants.map(({ name }) => [name, [] as Array<Sample>]))
    options.beforeCase?.()
    const { measured, warmUps } = one.rounds ?? { measured: options.rounds, warmUps: options.warmUps }
    for (let round = -warmUps; round < measured; round++) {
      const phase: Phase = round < 0 ? "warm-up" : "measured"
      for (let i = 0; i < contestants.length; i++) {
        const contestant = contestants[(i + Math.max(round, 0)) % contestants.length]!
        options.progress(`${one.label}: ${phase === "warm-up" ? phase : `round ${round + 1}`}, ${contestant.name}`)
        options.before()
        const begin = performance.now()
        const sample = yield* runOnce(one, contestant, phase)
        if (phase === "measured") samples.get(contestant.name)!.push(sample)
        else yield* warmUp(one, contestant, begin + (options.warmMillis ?? 0))
      }
    }
    const result = conclude(one, measured, samples)
    return one.afterwards === undefined ? result : { ...result, notes: [...result.notes, ...yield* one.afterwards] }
  })

const WARM_RUNS = 10

/** Code is compiled here, before anything is timed. */
const warmUp = <R>(one: Case<R>, contestant: Contestant<R>, end: number): Effect.Effect<void, Error, R> =>
  Effect.gen(function*() {
    for (let run = 0; run < WARM_RUNS && performance.now() < end; run++) yield* runOnce(one, contestant, "measured")
  })

const runOnce = <R>(
  one: Case<R>,
  { name, run }: Contestant<R>,
  phase: Phase
): Effect.Effect<Sample, Error, R> =>
  Effect.suspend(() => {
    const before = process.cpuUsage()
    const begin = performance.now()
    return Effect.flatMap(run(phase), (outcome) => {
      const millis = outcome.millis ?? performance.now() - begin
      const { system, user } = process.cpuUsage(before)
      const { expected } = one
      const right = expected?.[outcome.looked ?? phase]
      if (outcome.checksum !== right) {
        return Effect.fail(`read something else than is there: ${outcome.checksum}, not ${right}`)
      }
      const valueOf = (millis: number): number =>
        one.measure.valueOf({ millis, amount: outcome.amount ?? one.amount, value: outcome.value ?? NaN })
      const [value, cpu] = [valueOf(millis), valueOf(outcome.cpuMillis ?? (user + system) / 1000)]
      return Number.isFinite(value) ? Effect.succeed({ value, cpu }) : Effect.fail("told no value")
    })
  }).pipe(
    Effect.sandbox,
    Effect.mapError((cause) => new Error(`${one.label}, ${name}: ${String(cause)}`, { cause }))
  )

/** Goals are judged round by round: what was measured side by side is compared, and then the median taken. */
export const conclude = <R>(
  { contestants, goals, label, measure, notes }: Case<R>,
  rounds: number,
  samples: ReadonlyMap<string, ReadonlyArray<Sample>>
): CaseResult => {
  const valueIn = (round: number, by: keyof Sample) => (name: string): number => {
    const runs = samples.get(name)
    if (runs === undefined) throw new Error(`${label}: no contestant is called ${name}`)
    return runs[round]![by]
  }
  return {
    label,
    unit: measure.unit,
    better: measure.better,
    rounds,
    notes: notes ?? [],
    contestants: contestants.map(({ name, role }) => {
      const runs = samples.get(name)!
      const values = runs.map(({ value }) => value)
      const cpu = runs.map(({ cpu }) => cpu)
      return {
        name,
        role,
        ...summarize(values),
        samples: values,
        cpu: measure.told || cpu.some(Number.isNaN) ? undefined : { ...summarize(cpu), samples: cpu }
      }
    }),
    goals: goals.map(({ cpu, of, unjudged, ...goal }) => {
      if (unjudged !== undefined) return { ...goal, measured: undefined, met: undefined, unjudged }
      const measured = median(Array.from({ length: rounds }, (_, round) => of(valueIn(round, cpu ? "cpu" : "value"))))
      return { ...goal, measured, met: isMet(measured, goal) }
    })
  }
}
