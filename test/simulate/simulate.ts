/**
 * One random program per seed, on one of the systems; and what to type to see it again.
 */
import { replayed, seeded, shrink } from "../../src/internal/kernel/simulated/Choices.js"
import type { Choices } from "../../src/internal/kernel/simulated/Choices.js"
import type { SimulatedKernel } from "../../src/internal/kernel/simulated/kernel.js"
import { Happenings } from "../../src/internal/kernel/simulated/system.js"
import { defaults, type Options, type Run, run, type Simulated } from "../../src/internal/testing/run.js"
import { actors } from "./actors.js"
import { inDirectory, inMemory } from "./place.js"
import { type Profile, profiles } from "./profiles.js"
import { type Actor, Doings, program } from "./program.js"

export interface Outcome extends Run {
  readonly profile: string
  readonly doings: Doings
}

/** How fibers wait for operations. */
type Submit = Options["submit"]

/** The run that these decisions make: the first of them say which system it is, how long, and how fibers wait. */
export const simulate = (choices: Choices, submit?: Submit): Promise<Outcome> => {
  const profile = profiles[choices.below(profiles.length)]!
  const length = 8 + choices.below(250)
  const realFiles = choices.below(4) === 3
  return simulateIn(choices, profile, length, realFiles, actors, submit ?? (length % 2 === 0 ? "auto" : "mask"))
}

/** One actor, or several of its kind, in memory. */
export const alone = (actor: Actor, seed: number, submit: Submit): Promise<Outcome> => {
  const choices = seeded(seed)
  const profile = profiles[choices.below(profiles.length)]!
  return simulateIn(choices, profile, 8 + choices.below(120), false, [actor], submit)
}

const simulateIn = async (
  choices: Choices,
  profile: Profile,
  length: number,
  realFiles: boolean,
  actors: ReadonlyArray<Actor>,
  submit: Submit
): Promise<Outcome> => {
  let kernel: SimulatedKernel | undefined
  const place = realFiles ? inDirectory() : inMemory(() => kernel!)
  const { doings, run: body } = program(choices, profile, length, place, actors)
  const { behaviour, capacity } = profile
  const started = (simulated: Simulated) => {
    kernel = simulated.kernel
    return body(simulated)
  }
  try {
    const done = await run(started, choices, { ...defaults, behaviour, capacity, realFiles, submit })
    return Object.assign(done, { profile: profile.name, doings })
  } finally {
    place.remove()
  }
}

export const ofSeed = (seed: number, submit?: Submit): Promise<Outcome> => simulate(seeded(seed), submit)

export const ofLine = (line: string, submit?: Submit): Promise<Outcome> => {
  const [kind, rest = ""] = line.split(":")
  return simulate(
    kind === "seed" ? seeded(Number(rest)) : replayed(rest === "" ? [] : rest.split(".").map(Number)),
    submit
  )
}

/** The command that repeats a failing run, made as plain as it can be within so many runs. */
export const reproduction = async (failing: Outcome, submit?: Submit, runs = 2000): Promise<string> => {
  const list = await shrink(failing.taken, async (candidate) => {
    const { problems, taken } = await simulate(replayed(candidate), submit)
    return problems.length > 0 ? taken : undefined
  }, runs)
  return `npm run test:simulate -- ${submit === undefined ? "" : `--submit ${submit} `}--replay list:${list.join(".")}`
}

/** Figures of many runs. */
export class Figures {
  seeds = 0
  operations = 0
  milliseconds = 0
  readonly happened = new Happenings()
  readonly doings = new Doings()
  readonly ledger = { completedByCallback: 0, completedInline: 0, failedAtStart: 0, cancelled: 0, quarantined: 0 }
  readonly profiles: Record<string, number> = {}

  add({ doings, happened, milliseconds, operations, profile, simulated }: Outcome): void {
    this.seeds++
    this.operations += operations
    this.milliseconds += milliseconds
    sum(this.happened, happened)
    sum(this.doings, doings)
    sum(this.ledger, simulated.engine.counters)
    this.profiles[profile] = (this.profiles[profile] ?? 0) + 1
  }

  /** Adds the figures of another process. */
  merge(other: Figures): void {
    this.seeds += other.seeds
    this.operations += other.operations
    this.milliseconds += other.milliseconds
    sum(this.happened, other.happened)
    sum(this.doings, other.doings)
    sum(this.ledger, other.ledger)
    for (const [name, count] of Object.entries(other.profiles)) this.profiles[name] = (this.profiles[name] ?? 0) + count
  }

  table(): string {
    const row = (title: string, figures: object) =>
      `${title.padEnd(10)} ${Object.entries(figures).map(([name, count]) => `${name} ${count}`).join(", ")}`
    return [
      row("systems", this.profiles),
      row("ledger", this.ledger),
      row("happened", this.happened),
      row("programs", this.doings),
      `time       ${(this.milliseconds / 3_600_000).toFixed(1)} hours of virtual time`
    ].join("\n")
  }
}

const sum = <A extends object>(into: A, from: A): void => {
  for (const key of Object.keys(into) as Array<keyof A>) {
    into[key] = (into[key] as number + (from[key] as number)) as A[keyof A]
  }
}
