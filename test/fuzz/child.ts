/**
 * Runs inputs in a process of its own, which may be brought down by them: what it is at is in a file before it begins.
 * `--only N` shows one of them.
 */
import { writeFileSync } from "node:fs"
import { resolve } from "node:path"
import { parseArgs } from "node:util"
import { listen, run } from "./inputs.js"

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    from: { type: "string", default: "0" },
    to: { type: "string", default: "0" },
    only: { type: "string" },
    target: { type: "string" },
    report: { type: "string" },
    at: { type: "string" }
  }
})

listen()
const only = values.only === undefined ? undefined : Number(values.only)
// The inputs run in another directory.
const pathOf = (path: string | undefined) => path === undefined ? undefined : resolve(path)
const [at, reportFile] = [pathOf(values.at), pathOf(values.report)]
const report = await run({
  seed: Number(values.seed),
  from: only ?? Number(values.from),
  to: only === undefined ? Number(values.to) : only + 1,
  target: values.target,
  show: only !== undefined,
  onBatch: at === undefined ? undefined : (from, to) => writeFileSync(at, JSON.stringify({ from, to }))
})
if (reportFile === undefined) console.log(JSON.stringify(report, undefined, 2))
else writeFileSync(reportFile, JSON.stringify(report))

// The library holds nobody back when there is nothing under way.
setTimeout(() => {
  console.log(`still alive, for ${process.getActiveResourcesInfo().join(", ")}`)
  process.exit(3)
}, 20_000).unref()
