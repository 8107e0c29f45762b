// A copy of very many small files: this project's own node_modules.
import { FileSystem } from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { mkdirSync, readdirSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Bench, contestant, type Env, type MakeScenario, promised } from "../harness/Bench.js"
import { MiB } from "../harness/inputs.js"
import {
  atLeastTimesAsFast,
  atMostTimesTheCost,
  type Case,
  type Contestant,
  microsPerOperation,
  type Outcome,
  seconds
} from "../harness/Scenario.js"
import { digits } from "../harness/statistics.js"
import { timed } from "../harness/timed.js"

const OURS = "Pipeline.copyTree"
const INCUMBENT = "FileSystem.copy"

/** Under Wine links are not what they seem, and how it makes 14,000 files teaches nothing of Windows. */
export const tree: MakeScenario = (bench) =>
  bench.kernel === "win32" ? undefined : {
    name: "tree",
    title: "A copy of node_modules",
    cases: Effect.succeed([theCase(bench)])
  }

const theCase = (bench: Bench): Effect.Effect<Case<Env>> =>
  Effect.sync(() => {
    const modules = realpathSync(fileURLToPath(new URL("../../../../node_modules", import.meta.url)))
    const source = bench.quick ? join(modules, "effect") : modules
    const { bytes, names } = census(source)
    return {
      label: `${names.toLocaleString("en-US")} names, ${Math.round(bytes / MiB)} MiB`,
      measure: seconds,
      amount: 1,
      rounds: { warmUps: 1, measured: bench.quick ? 1 : 3 },
      expected: { "warm-up": 0, measured: 0 },
      contestants: [
        copies(bench, source, "ours", OURS, (to) => bench.library.Pipeline.copyTree(source, to)),
        copies(bench, source, "peer", INCUMBENT, (to) => Effect.flatMap(FileSystem, (fs) => fs.copy(source, to))),
        // Node does not tell the processor time of a child.
        copies(bench, source, "limit", CP, (to) => promised(() => cp(source, to)), {
          cpuMillis: NaN
        })
      ],
      goals: [atLeastTimesAsFast(OURS, [INCUMBENT], 1.5)]
    }
  })

const VERIFIED = "the same, verified by reading again"
const CP = "cp -a, a program in C"

/** Files of 0.2 to 3 KB: once so many, and once twenty times as many, of which each costs the same. */
export const smallFiles: MakeScenario = (bench) =>
  bench.kernel === "win32" ? undefined : {
    name: "small-files",
    title: "A copy of a tree of small files",
    cases: Effect.succeed((bench.quick ? [2000] : [10_000, 200_000]).map((count) => small(bench, count)))
  }

const FILES_EACH = 100

const small = (bench: Bench, count: number): Effect.Effect<Case<Env>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const source = join(bench.directory, "small-files")
    yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(source, { recursive: true, force: true })))
    const bytes = Buffer.alloc(3000, "small ")
    for (let i = 0; i < count; i++) {
      const folder = join(source, `${Math.floor(i / FILES_EACH)}`)
      if (i % FILES_EACH === 0) mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, `${i}`), bytes.subarray(0, 200 + (i * 37) % 2800))
    }
    let resident = 0
    const ours = (name: string, options: { readonly verify?: "read" }) =>
      copies(bench, source, "ours", name, (to) =>
        Effect.suspend(() => {
          const before = process.memoryUsage.rss()
          return Effect.map(bench.library.Pipeline.copyTree(source, to, options), () => {
            resident = Math.max(resident, process.memoryUsage.rss() - before)
          })
        }))
    return {
      label: `${count.toLocaleString("en-US")} files`,
      measure: microsPerOperation,
      amount: count,
      rounds: { warmUps: count > 10_000 ? 0 : 1, measured: 3 },
      expected: { "warm-up": 0, measured: 0 },
      contestants: [
        ours(OURS, {}),
        ours(VERIFIED, { verify: "read" }),
        copies(bench, source, "limit", CP, (to) => promised(() => cp(source, to)), { cpuMillis: NaN })
      ],
      goals: [atMostTimesTheCost(OURS, [CP], 1.5), atMostTimesTheCost(VERIFIED, [CP], 3)],
      afterwards: Effect.sync(() => [
        `the process grew by at most ${digits(resident / 1000 / count)} KB for each file while one was made`
      ])
    }
  })

const copies = <R>(
  { directory }: Bench,
  source: string,
  role: Contestant["role"],
  name: string,
  run: (to: string) => Effect.Effect<unknown, unknown, R>,
  told: Outcome = {}
): Contestant<R> =>
  contestant(role, name, () => {
    const to = join(directory, "tree")
    // Compared with what there is by then: tools keep caches in there.
    return timed(run(to), () => missing(census(source), census(to))).pipe(
      Effect.map(({ result, ...times }) => ({ ...times, ...told, checksum: result })),
      Effect.ensuring(Effect.sync(() => rmSync(to, { recursive: true, force: true })))
    )
  })

interface Census {
  readonly names: number
  readonly bytes: number
}

const missing = (from: Census, to: Census): number => Math.abs(from.names - to.names) + Math.abs(from.bytes - to.bytes)

/** How many names there are in a tree, and how many bytes in its files. */
const census = (path: string): Census => {
  const entries = readdirSync(path, { recursive: true, withFileTypes: true })
  const size = (file: string): number => statSync(file).size
  return {
    names: entries.length,
    bytes: entries.reduce((sum, entry) => sum + (entry.isFile() ? size(join(entry.parentPath, entry.name)) : 0), 0)
  }
}

const cp = (from: string, to: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn("cp", ["-a", from, to], { stdio: "ignore" })
    child.once("error", reject)
    child.once("exit", (code) => code === 0 ? resolve() : reject(new Error(`cp: exit code ${code}`)))
  })
