// `npm run test:mutations [-- PART OF A NAME …]`: makes each of the mistakes in `list.mjs`, one at a time, and sees that it is found: by the
// exhaustive schedules, by the simulation, or else by the unit tests. A mistake that nothing finds is a survivor, and a failure.
import { spawn } from "node:child_process"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { clearTimeout, setTimeout } from "node:timers"
import { fileURLToPath } from "node:url"
import { mutations } from "./list.mjs"

const root = fileURLToPath(new URL("../..", import.meta.url))
/** A process that has not ended by then never ends. */
const MINUTES = 10
/** Parts of names; by default all. */
const filters = process.argv.slice(2)

/** What the process printed, when it failed or did not end; undefined: it found nothing wrong. */
const findings = (args, index) =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      env: { ...process.env, TPIO_MUTATION: String(index) },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let output = ""
    child.stdout.on("data", (chunk) => output += chunk)
    child.stderr.on("data", (chunk) => output += chunk)
    const timer = setTimeout(() => child.kill("SIGKILL"), MINUTES * 60_000)
    child.on("close", (code) => {
      clearTimeout(timer)
      resolve(code === 0 ? undefined : code === null ? "it does not end" : output.trim())
    })
  })

const firstFailure = (output) =>
  output.split("\n").find((line) => /^\s*(×|FAIL)|AssertionError/.test(line))?.trim() ?? output.split("\n").at(-1)

const judge = async (index) => {
  const found = await findings([join(root, "test/mutations/judge.mjs")], index)
  if (found !== undefined) return found
  const vitest = join(root, "node_modules/vitest/vitest.mjs")
  const unit = await findings(
    [vitest, "run", "--config", join(root, "test/mutations/vitest.config.mjs"), "--bail", "1", "--reporter", "verbose"],
    index
  )
  return unit === undefined ? undefined : `unit tests: ${firstFailure(unit)}`
}

const chosen = mutations.map((mutation, index) => ({ mutation, index })).filter(({ mutation }) =>
  filters.length === 0 || filters.some((part) => mutation.name.includes(part))
)
const intact = await findings([join(root, "test/mutations/judge.mjs")], -1)
if (intact !== undefined) {
  console.log(`without any mutation something is wrong already: ${intact}`)
  process.exit(1)
}
const survivors = []
const queue = [...chosen]
const work = async () => {
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const found = await judge(next.index)
    if (found === undefined) survivors.push(next.mutation.name)
    console.log(
      `${found === undefined ? "SURVIVED" : "killed  "}  ${next.mutation.name}${
        found === undefined ? "" : `  (${found})`
      }`
    )
  }
}
await Promise.all(Array.from({ length: Math.max(1, availableParallelism()) }, work))
console.log(`${chosen.length} mutations, ${chosen.length - survivors.length} killed, ${survivors.length} survived`)
process.exitCode = survivors.length === 0 ? 0 : 1
