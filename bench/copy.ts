// Copy speed of whole processes, side by side: ours against what @effect/platform offers, on a large file and on a tree.
//   npm run bench:copy -- [--runs 5] [--mib 512] [--tree node_modules] [--modules] [--json]
import { spawn } from "node:child_process"
import { randomFillSync } from "node:crypto"
import { closeSync, mkdtempSync, openSync, realpathSync, rmSync, statSync, writeSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { parseArgs } from "node:util"

const root = fileURLToPath(new URL("../..", import.meta.url))

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

interface Contestant {
  readonly name: string
  readonly program: string
  readonly options: ReadonlyArray<string>
}

interface Subject {
  readonly name: string
  readonly source: string
  readonly contestants: ReadonlyArray<Contestant>
}

const programs = {
  ours: "examples/copy/main",
  stream: "bench/copy/stream",
  fileSystemCopy: "bench/copy/fileSystemCopy"
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

const writeRandomFile = (path: string, mib: number): void => {
  const block = Buffer.alloc(1 << 20)
  const fd = openSync(path, "wx")
  for (let i = 0; i < mib; i++) writeSync(fd, randomFillSync(block))
  closeSync(fd)
}

/** Milliseconds from start to exit. */
const time = ({ name, options, program }: Contestant, source: string, destination: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const before = performance.now()
    const child = spawn(process.execPath, [program, ...options, source, destination], {
      stdio: ["ignore", "ignore", "inherit"]
    })
    child.once("error", reject)
    child.once("exit", (code, signal) => {
      const millis = performance.now() - before
      if (code === 0) resolve(millis)
      else reject(new Error(`${name}: ${signal ?? `exit code ${code}`}`))
    })
  })

/** Alternating, and each round begins with another one: what changes on the machine meanwhile meets them all. */
const race = async ({ contestants, name, source }: Subject, directory: string, runs: number): Promise<void> => {
  const times = new Map(contestants.map((contestant) => [contestant, [] as Array<number>]))
  for (let round = -1; round < runs; round++) {
    for (let i = 0; i < contestants.length; i++) {
      const contestant = contestants[(i + Math.max(round, 0)) % contestants.length]!
      const destination = join(directory, "copy")
      const millis = await time(contestant, source, destination)
      if (round < 0) assertCopied(source, destination)
      else times.get(contestant)!.push(millis)
      rmSync(destination, { recursive: true })
    }
  }
  report(name, times)
}

const assertCopied = (source: string, destination: string): void => {
  const [from, to] = [statSync(source), statSync(destination)]
  if (from.isFile() && from.size !== to.size) throw new Error(`${destination} is not a copy`)
}

const median = (sorted: ReadonlyArray<number>): number =>
  (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2

const report = (subject: string, times: ReadonlyMap<Contestant, ReadonlyArray<number>>): void => {
  const rows = [...times].map(([{ name }, millis]) => {
    const sorted = [...millis].sort((a, b) => a - b)
    return { subject, name, median: median(sorted), min: sorted[0]!, max: sorted.at(-1)!, runs: sorted.length }
  })
  const ours = rows[0]!.median
  for (const row of rows) {
    const rounded = { median: Math.round(row.median), min: Math.round(row.min), max: Math.round(row.max) }
    if (values.json) {
      console.log(JSON.stringify({ ...row, ...rounded, timesOurs: Number((row.median / ours).toFixed(3)) }))
    }
  }
  if (values.json) return
  console.log(`\n${subject}, ${rows[0]!.runs} runs each`)
  console.log(`${"".padEnd(44)}  median       min – max   of ours`)
  for (const { max, median, min, name } of rows) {
    const range = `${seconds(min)} – ${seconds(max)}`
    console.log(
      `${name.padEnd(44)} ${seconds(median)} ${range.padStart(15)} ${(median / ours).toFixed(2).padStart(7)} ×`
    )
  }
}

const seconds = (millis: number): string => `${(millis / 1000).toFixed(2)} s`

const main = async (): Promise<void> => {
  const directory = mkdtempSync(join(tmpdir(), "bench-copy-"))
  process.once("exit", () => rmSync(directory, { recursive: true, force: true }))
  process.once("SIGINT", () => process.exit(130))
  const { fileSystemCopy, ours, stream } = await prepare()
  const large = join(directory, "large")
  writeRandomFile(large, Number(values.mib))
  const none = { name: "this library, --verify none", program: ours, options: ["--verify", "none"] }
  const read = { name: "this library, --verify read", program: ours, options: ["--verify", "read"] }
  const subjects: ReadonlyArray<Subject> = [
    {
      name: `${values.mib} MiB in one file`,
      source: large,
      contestants: [none, read, { name: "FileSystem.stream into FileSystem.sink", program: stream, options: [] }]
    },
    {
      name: `the tree ${values.tree}`,
      source: realpathSync(values.tree),
      contestants: [none, read, { name: "FileSystem.copy", program: fileSystemCopy, options: [] }]
    }
  ]
  const packed = values.modules ? "loaded module by module" : "each bundled into one file"
  if (!values.json) {
    console.log(`Node ${process.version}, ${availableParallelism()} processors, ${directory}, ${packed}`)
  }
  for (const subject of subjects) await race(subject, directory, Number(values.runs))
}

await main()
