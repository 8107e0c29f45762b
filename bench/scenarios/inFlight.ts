// What an operation costs when it is one of many.
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type Bench, type Env, type MakeScenario } from "../harness/Bench.js"
import { type Case, type Contestant, flatWithin, microsPerOperation } from "../harness/Scenario.js"
import { callbacks, type Draw, draw, fibers } from "./random.js"

const DEPTHS = [1, 10, 100, 1000, 10_000]

export const inFlight: MakeScenario = (bench) => ({
  name: "in-flight",
  title: "A read of 4 KiB with 1 to 10,000 in flight",
  cases: Effect.succeed([
    theCase(bench, "File.read, a fiber for each place", fibers, true),
    theCase(bench, "fs.read, callbacks: what node itself costs", callbacks, false)
  ])
})

const theCase = (
  bench: Bench,
  label: string,
  make: (
    drawn: Draw,
    inFlight: number,
    name: string
  ) => Effect.Effect<Contestant, unknown, Env | Scope.Scope>,
  judged: boolean
): Effect.Effect<Case<Env>, unknown, Env | Scope.Scope> =>
  Effect.gen(function*() {
    const depths = bench.quick ? DEPTHS.slice(0, -1) : DEPTHS
    const count = depths.at(-1)! * 4
    const drawn = yield* draw(bench, count)
    const name = (depth: number): string => `${depth.toLocaleString("en-US")} in flight`
    const contestants = yield* Effect.forEach(depths, (depth) => make(drawn, depth, name(depth)))
    return {
      label,
      measure: microsPerOperation,
      amount: count,
      expected: { "warm-up": drawn.checksum, measured: drawn.checksum },
      contestants,
      goals: judged ? [flatWithin(depths.map(name), 1.5)] : [],
      notes: []
    }
  })
