// `npm run test:mutations [-- PART …]`: makes each of the mistakes in `list.mjs`, one at a time, and sees that it is
// found: by the exhaustive schedules, by the simulation, or else by the unit tests. A mistake that nothing finds is a
// survivor, and a failure; so is one whose place is not in the sources any more, or whose judge has gone. `PART`: only
// those with it in their name, in the file that they change, or in a test that judges them (`unit/owner`). `--quick`:
// those with `quick`, each by what finds it soonest.
import { spawn } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { clearTimeout, setTimeout } from "node:timers"
import { fileURLToPath } from "node:url"
import { mutate, mutations } from "./list.mjs"

const root = fileURLToPath(new URL("../..", import.meta.url))
/** A process that has not ended by then never ends. */
const MINUTES = 10
const ENDLESS = "it does not end"
const quick = process.argv.includes("--quick")
/** Parts of names, of files or of judges; by default all. */
const filters = process.argv.slice(2).filter((argument) => argument !== "--quick")

/** The output of the process, when it failed or did not end; `undefined`: it found nothing wrong. */
const findings = (args, index, only = "") =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      env: { ...process.env, TPIO_MUTATION: String(index), TPIO_QUICK: only },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let output = ""
    child.stdout.on("data", (chunk) => output += chunk)
    child.stderr.on("data", (chunk) => output += chunk)
    const timer = setTimeout(() => child.kill("SIGKILL"), MINUTES * 60_000)
    child.on("close", (code) => {
      clearTimeout(timer)
      resolve(code === 0 ? undefined : code === null ? ENDLESS : output.trim())
    })
  })

/** The test that has failed. A run that failed for another reason has found nothing. */
const firstFailure = (output) => {
  if (output === ENDLESS) return output
  const line = output.split("\n").find((line) => /^\s*(×|FAIL)|AssertionError|Test timed out/.test(line))?.trim()
  if (line === undefined) throw new Error(`the unit tests have not run: ${output.slice(-1000)}`)
  return line
}

const simulation = [join(root, "test/mutations/judge.mjs")]
const vitest = [join(root, "node_modules/vitest/vitest.mjs"), "run", "--bail", "1", "--reporter", "verbose"]
const config = ["--config", join(root, "test/mutations/vitest.config.mjs")]

const unitTests = async (index, ...files) => {
  const found = await findings([...vitest, ...config, ...files], index)
  return found === undefined ? undefined : `unit tests: ${firstFailure(found)}`
}

const judgeQuickly = (only, index) =>
  only === "schedules" || only === "seeds" ? findings(simulation, index, only) : unitTests(index, only)

const judge = async (index) => {
  const { quick: only, tests } = mutations[index]
  if (quick) return judgeQuickly(only, index)
  return tests === undefined ? await findings(simulation, index) ?? unitTests(index) : unitTests(index, ...tests)
}

const wordsOf = ({ file, name, tests = [] }) => [name, file, ...tests]
const chosen = mutations.map((mutation, index) => ({ mutation, index })).filter(({ mutation }) =>
  (!quick || mutation.quick !== undefined) &&
  (filters.length === 0 || filters.some((part) => wordsOf(mutation).some((words) => words.includes(part))))
)
if (chosen.length === 0) {
  console.log("no mutation has such a name")
  process.exit(1)
}
// All of them, also those that are not made now: a line that has changed is found by whoever has changed it.
const stale = mutations.filter(({ file, ...place }) =>
  [`build/src/${file}.js`, `src/${file}.ts`].some((path) =>
    mutate(readFileSync(join(root, path), "utf8"), place) === undefined
  )
)
if (stale.length > 0) {
  for (const { file, name } of stale) console.log(`STALE     ${name}  (its place is not in ${file}, or more than once)`)
  process.exit(1)
}
const judges = [...new Set(chosen.flatMap(({ mutation: { tests = [] } }) => tests))]
const gone = judges.filter((name) => !existsSync(join(root, `test/${name}.test.ts`)))
if (gone.length > 0) {
  for (const name of gone) console.log(`STALE     there is no test/${name}.test.ts`)
  process.exit(1)
}
// A judge that fails by itself would take any mistake for found.
const simulates = quick || chosen.some(({ mutation }) => mutation.tests === undefined)
const intact = (simulates ? await findings(simulation, -1, quick ? "schedules seeds" : "") : undefined) ??
  (quick || judges.length === 0 ? undefined : await unitTests(-1, ...judges))
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
