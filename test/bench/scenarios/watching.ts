// How long it takes until a recursive watch of very many names hears a change.
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { lstatSync, mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Bench, contestant, type Env, type MakeScenario } from "../harness/Bench.js"
import { atMostTimesTheCost, type Case, seconds } from "../harness/Scenario.js"

const NAMES_EACH = 100

const OURS = "Directory.open, a change, Directory.changes"
const WALK = "readdirSync and lstatSync"

/** The simulated trees of Wine say nothing of Windows, which watches a tree without looking at it. */
export const watching: MakeScenario = (bench) =>
  bench.kernel === "win32" ? undefined : {
    name: "watch",
    title: "A recursive watch, until it hears its first change",
    cases: Effect.succeed([theCase(bench)])
  }

const theCase = (bench: Bench): Effect.Effect<Case<Env>> =>
  Effect.sync(() => {
    const names = bench.quick ? 10_000 : 100_000
    const root = join(bench.directory, "watched")
    for (let i = 0; i < names / NAMES_EACH; i++) {
      const folder = join(root, `${i}`)
      mkdirSync(folder, { recursive: true })
      for (let j = 1; j < NAMES_EACH; j++) writeFileSync(join(folder, `${j}`), "")
    }
    const { Directory } = bench.library
    let changes = 0
    const firstChange = Effect.scoped(Effect.gen(function*() {
      const directory = yield* Directory.open(root, { recursive: true })
      writeFileSync(join(root, "0", "1"), `${++changes}`)
      yield* Stream.runHead(Directory.changes(directory))
      return {}
    }))
    return {
      label: `${names.toLocaleString("en-US")} names`,
      measure: seconds,
      amount: 1,
      contestants: [
        contestant<Env>("ours", OURS, () => firstChange),
        contestant("peer", WALK, () =>
          Effect.sync(() => {
            walk(root)
            return {}
          }))
      ],
      goals: [atMostTimesTheCost(OURS, [WALK], 3)]
    }
  })

const walk = (folder: string): void => {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    if (lstatSync(path).isDirectory()) walk(path)
  }
}
