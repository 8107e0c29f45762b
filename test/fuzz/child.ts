/**
 * Runs inputs in a process of its own, which may be brought down by them: what it is at is in a file before it begins.
 * `--only N` shows one of them.
 */
import { writeFileSync } from "node:fs"
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
const { at } = values
const report = await run({
  seed: Number(values.seed),
  from: only ?? Number(values.from),
  to: only === undefined ? Number(values.to) : only + 1,
  target: values.target,
  show: only !== undefined,
  onBatch: at === undefined ? undefined : (from, to) => writeFileSync(at, JSON.stringify({ from, to }))
})
if (values.report === undefined) console.log(JSON.stringify(report, undefined, 2))
else writeFileSync(values.report, JSON.stringify(report))

// The library holds nobody back when there is nothing under way.
setTimeout(() => {
  console.log(`still alive, for ${process.getActiveResourcesInfo().join(", ")}`)
  process.exit(3)
}, 20_000).unref()
