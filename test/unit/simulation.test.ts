/**
 * Random programs in simulated systems: the same seeds every time, and those that have found something once. For
 * others, and for very many: `npm run test:simulate`.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as File from "../../src/File.js"
import { seeded } from "../../src/internal/kernel/simulated/Choices.js"
import { defaults, run } from "../../src/internal/testing/run.js"
import { watching } from "../simulate/actors/directories.js"
import { sockets } from "../simulate/actors/pipes.js"
import type { Actor } from "../simulate/program.js"
import { alone as simulateAlone, Figures, ofLine, ofSeed, reproduction } from "../simulate/simulate.js"

const SEEDS = 70

/** Every one of these was a defect once. */
const regressions: ReadonlyArray<readonly [line: string, defect: string]> = [
  ["seed:18", "Directory.open waited for the first change when its read's fiber was held up before it had submitted"]
]

/** The same, of one kind of actor among themselves. */
const alone: ReadonlyArray<readonly [actor: Actor, seeds: ReadonlyArray<number>, defect: string]> = [
  [watching, [43, 79], "Directory.open waited for the first change"],
  [
    sockets,
    [23, 69, 87],
    "a socket slept through what came between two steps of its fiber"
  ]
]

describe("random programs in simulated systems", () => {
  it(`seeds 1 to ${SEEDS}: every invariant holds, and whatever may happen does`, async () => {
    const figures = new Figures()
    for (let seed = 1; seed <= SEEDS; seed++) {
      const outcome = await ofSeed(seed)
      figures.add(outcome)
      if (outcome.problems.length > 0) {
        throw new Error(`seed ${seed}: ${outcome.problems.join("\n")}\n${await reproduction(outcome, undefined, 200)}`)
      }
    }
    console.log(`${figures.operations} operations of ${figures.seeds} programs\n${figures.table()}`)
    const { happened, ledger } = figures
    for (const count of Object.values({ ...happened, ...ledger })) expect(count).toBeGreaterThan(0)
  }, 120_000)

  it("a seed is one run, however often: the same decisions, operations and times", async () => {
    for (const seed of [3, 30, 300]) {
      const [one, other] = [await ofSeed(seed), await ofSeed(seed)]
      expect([other.taken, other.milliseconds, other.operations]).toEqual([one.taken, one.milliseconds, one.operations])
    }
  })

  for (const [line, defect] of regressions) {
    it(`never again: ${defect}`, async () => {
      for (const submit of ["auto", "mask"] as const) {
        expect({ submit, problems: (await ofLine(line, submit)).problems }).toEqual({ submit, problems: [] })
      }
    })
  }
  for (const [actor, seeds, defect] of alone) {
    it(`never again: ${defect}`, async () => {
      for (const seed of seeds) {
        for (const submit of ["auto", "mask"] as const) {
          const { problems } = await simulateAlone(actor, seed, submit)
          expect({ seed, submit, problems }).toEqual({ seed, submit, problems: [] })
        }
      }
    })
  }
})

// --- one program, on every path

interface Step {
  readonly kind: "read" | "write" | "append"
  readonly offset: number
  readonly length: number
}

const script = (seed: number): ReadonlyArray<Step> => {
  const choices = seeded(seed)
  const kinds = ["read", "write", "append"] as const
  return Array.from({ length: 40 }, () => ({
    kind: kinds[choices.below(3)]!,
    offset: choices.below(200),
    length: choices.below(60)
  }))
}

const result = async (
  steps: ReadonlyArray<Step>,
  behaviour: { synchronous: number; early: number },
  skipMode: boolean
) => {
  const results: Array<unknown> = []
  const program = Effect.scoped(Effect.gen(function*() {
    const file = yield* File.open("file", { access: "readwrite", disposition: "createNew", skipMode })
    for (const { kind, length, offset } of steps) {
      const buffer = new Uint8Array(length).fill(results.length)
      const bytes = kind === "append" ? yield* File.append(file, buffer) : yield* File[kind](file, buffer, offset)
      results.push([bytes, kind === "read" ? [...buffer] : []])
    }
  }))
  const { problems } = await run(() => program, seeded(1), {
    ...defaults,
    behaviour: { ...behaviour, short: 0, late: 0 }
  })
  return { problems, results }
}

describe("the path an operation takes", () => {
  it("makes no difference to its result: packets, before the call returns, inline, with and without skip mode", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const steps = script(seed)
      const plain = await result(steps, { synchronous: 0, early: 0 }, true)
      expect(plain.problems).toEqual([])
      for (
        const behaviour of [{ synchronous: 100, early: 0 }, { synchronous: 0, early: 100 }, {
          synchronous: 40,
          early: 30
        }]
      ) {
        for (const skipMode of [true, false]) expect(await result(steps, behaviour, skipMode)).toEqual(plain)
      }
    }
  })
})
