// Very many files that are kept open, and then closed.
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { mkdirSync, writeFileSync } from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import { join } from "node:path"
import { type Bench, contestant, type Env, type MakeScenario, promised } from "../harness/Bench.js"
import { atMostTimesTheCost, type Case, inCpu, microsPerOperation, type Outcome } from "../harness/Scenario.js"

const AT_ONCE = 8

const OURS = `File.open, ${AT_ONCE} at once, then the scope`
const PEER = `fs.promises.open, ${AT_ONCE} at once, then close`

export const opening: MakeScenario = (bench) => ({
  name: "open",
  title: "Files that are opened, kept open, and closed",
  cases: Effect.succeed([theCase(bench)])
})

const theCase = (bench: Bench): Effect.Effect<Case<Env>> =>
  Effect.sync(() => {
    const count = bench.quick ? 1000 : 10_000
    const folder = join(bench.directory, "many")
    mkdirSync(folder, { recursive: true })
    const paths = Array.from({ length: count }, (_, i) => join(folder, `${i}`))
    for (const path of paths) writeFileSync(path, "contents")
    return {
      label: `${count.toLocaleString("en-US")} files`,
      measure: microsPerOperation,
      amount: count,
      contestants: [
        contestant<Env>("ours", OURS, () =>
          Effect.gen(function*() {
            const scope = yield* Scope.make(ExecutionStrategy.parallelN(AT_ONCE))
            const opened = Effect.forEach(paths, (path) => Scope.extend(bench.library.File.open(path), scope), {
              concurrency: AT_ONCE
            })
            yield* Effect.onExit(opened, () => Scope.close(scope, Exit.void))
            return {}
          })),
        contestant("peer", PEER, () => promised(() => openAndClose(paths)))
      ],
      goals: [inCpu(atMostTimesTheCost(OURS, [PEER], 1.5))]
    }
  })

const openAndClose = async (paths: ReadonlyArray<string>): Promise<Outcome> => {
  const handles: Array<FileHandle> = []
  let next = 0
  const together = (work: () => Promise<void>) => Promise.all(Array.from({ length: AT_ONCE }, work))
  await together(async () => {
    while (next < paths.length) handles.push(await open(paths[next++]!))
  })
  await together(async () => {
    for (let handle; (handle = handles.pop()) !== undefined;) await handle.close()
  })
  return {}
}
