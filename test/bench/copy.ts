// Copy speed of whole processes, side by side: ours against what @effect/platform offers, on a large file and on a
// tree.
//   npm run bench:copy -- [--runs 5] [--mib 512] [--tree node_modules] [--modules] [--json]
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { realpathSync, rmSync, statSync } from "node:fs"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { parseArgs } from "node:util"
import { contestant, promised } from "./harness/Bench.js"
import { directory, MiB, randomFile } from "./harness/inputs.js"
import { race } from "./harness/race.js"
import { type Case, type Contestant, seconds } from "./harness/Scenario.js"
import { caseTable } from "./harness/table.js"

const root = fileURLToPath(new URL("../../..", import.meta.url))

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    mib: { type: "string", default: "512" },
    tree: { type: "string", default: join(root, "node_modules") },
    // Load every module by itself instead of all from one file: adds what Node takes to find and load hundreds.
    modules: { type: "boolean", default: false },
    json: { type: "boolean", default: false }
  }
})

const programs = {
  ours: "examples/copy/main",
  stream: "test/bench/copy/stream",
  fileSystemCopy: "test/bench/copy/fileSystemCopy"
}

/** Where each program is, all bundled or none: neither side may win by how it is packed. */
const prepare = async (): Promise<typeof programs> => {
  if (values.modules) {
    return mapValues(programs, (entry) => join(root, "build", `${entry}.js`))
  }
  const { bundle } = await import(pathToFileURL(join(root, "examples/bundle.mjs")).href) as {
    readonly bundle: (entry: string, outfile: string) => Promise<unknown>
  }
  await Promise.all(Object.values(programs).map((entry) => bundle(`${entry}.ts`, `build/bundles/${entry}.mjs`)))
  return mapValues(programs, (entry) => join(root, "build/bundles", `${entry}.mjs`))
}

const mapValues = <K extends string>(record: Record<K, string>, f: (value: string) => string): Record<K, string> =>
  Object.fromEntries(Object.entries<string>(record).map(([key, value]) => [key, f(value)])) as Record<K, string>

/** From start to exit; the copy is looked at and removed afterwards, on nobody's time. */
const program = (
  role: Contestant["role"],
  name: string,
  script: string,
  options: ReadonlyArray<string>,
  source: string,
  destination: string
): Contestant =>
  contestant(role, name, () =>
    promised(async () => {
      const begin = performance.now()
      const child = spawn(process.execPath, [script, ...options, source, destination], {
        stdio: ["ignore", "ignore", "inherit"]
      })
      const ended = await new Promise<string | number | null>((resolve, reject) =>
        child.once("error", reject).once("exit", (code, signal) => resolve(signal ?? code))
      )
      const millis = performance.now() - begin
      if (ended !== 0) throw new Error(`it ended with ${ended}`)
      assertCopied(source, destination)
      rmSync(destination, { recursive: true })
      // Node does not tell the processor time of a child.
      return { millis, cpuMillis: NaN }
    }))

const assertCopied = (source: string, destination: string): void => {
  const [from, to] = [statSync(source), statSync(destination)]
  if (from.isFile() && from.size !== to.size) throw new Error(`${destination} is not a copy`)
}

const main = Effect.scoped(Effect.gen(function*() {
  const path = yield* directory
  const { fileSystemCopy, ours, stream } = yield* promised(prepare)
  const large = join(path, "large")
  randomFile(large, Number(values.mib) * MiB)
  const theCase = (label: string, source: string, name: string, incumbent: string): Case => {
    const add = (role: Contestant["role"], name: string, script: string, ...options: ReadonlyArray<string>) =>
      program(role, name, script, options, source, join(path, "copy"))
    return {
      label,
      measure: seconds,
      amount: 1,
      contestants: [
        add("ours", "this library, --verify none", ours, "--verify", "none"),
        add("ours", "this library, --verify read", ours, "--verify", "read"),
        add("peer", name, incumbent)
      ],
      goals: []
    }
  }
  const packed = values.modules ? "loaded module by module" : "each bundled into one file"
  if (!values.json) console.log(`Node ${process.version}, ${availableParallelism()} processors, ${path}, ${packed}`)
  for (
    const one of [
      theCase(`${values.mib} MiB in one file`, large, "FileSystem.stream into FileSystem.sink", stream),
      theCase(`the tree ${values.tree}`, realpathSync(values.tree), "FileSystem.copy", fileSystemCopy)
    ]
  ) {
    const result = yield* race(one, { rounds: Number(values.runs), warmUps: 1, progress: () => {}, before: () => {} })
    console.log(values.json ? JSON.stringify(result) : caseTable(result))
  }
}))

const ending = new AbortController()
process.once("SIGINT", () => ending.abort())
await Effect.runPromise(main, { signal: ending.signal }).catch((error: unknown) => {
  if (!ending.signal.aborted) throw error
  process.exitCode = 130
})
