// `npm run test:stryker [-- PART …]`: Stryker changes every place of a part, or of a sample of it, one at a time: each
// condition, each operator, each block. What no test finds must stand in `survivors.json`, with the reason why none can
// or should; another one is a failure. Without a part, all of `parts.mjs`. What has not changed since the last time is
// not run again, nor is what a test judges that has changed under its old name: `--fresh` runs everything. Parts whose
// tests work on real files are judged by a sample, the same each time; `TPIO_STRYKER_SHARE=1` takes all, for hours.
import { spawnSync } from "node:child_process"
import { readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { described, inSample, keyOf } from "./mutants.mjs"
import { parts, shareOf } from "./parts.mjs"

const root = fileURLToPath(new URL("../../..", import.meta.url))
const reports = join(root, "build/reports")
const args = process.argv.slice(2)
const named = args.filter((argument) => argument !== "--fresh")
const chosen = named.length > 0 ? named : Object.keys(parts)
/** Percent of each part, unless it has another. */
const GOAL = 90

const stop = (sentence) => {
  console.log(sentence)
  process.exit(1)
}

/** Stryker's report on one part. */
const judged = (part) => {
  if (!(part in parts)) stop(`no such part: ${part}`)
  const report = join(reports, `mutation-${part}.json`)
  rmSync(report, { force: true })
  if (args.includes("--fresh")) rmSync(join(reports, `stryker-${part}-${shareOf(part)}.json`), { force: true })
  const stryker = join(root, "node_modules/@stryker-mutator/core/bin/stryker.js")
  const config = join(root, "test/mutations/stryker/stryker.config.mjs")
  const env = { ...process.env, TPIO_STRYKER_PART: part }
  const { status } = spawnSync(process.execPath, [stryker, "run", config], { cwd: root, env, stdio: "inherit" })
  if (status !== 0) stop(`Stryker has failed on ${part}`)
  return JSON.parse(readFileSync(report, "utf8"))
}

const listed = JSON.parse(readFileSync(new URL("survivors.json", import.meta.url), "utf8"))
const known = new Set(listed.map(keyOf))
const counted = { Killed: "found", Timeout: "found", Survived: "survived", NoCoverage: "survived" }
let failed = false

const row = (name, { found, survived }) => {
  const score = 100 * found / (found + survived)
  console.log(`${name.padEnd(44)} ${score.toFixed(1).padStart(5)} %  ${found + survived} mutants, ${survived} survived`)
  return score
}

for (const part of chosen) {
  const { goal = GOAL } = parts[part]
  const sample = shareOf(part)
  const all = { found: 0, survived: 0 }
  const asked = new Set()
  const alive = new Set()
  const unknown = []
  const { files } = judged(part)
  for (const [file, { mutants, source }] of Object.entries(files)) {
    const here = { found: 0, survived: 0 }
    for (const { location, replacement, status } of mutants) {
      const how = counted[status]
      const one = described(file, source, location, replacement)
      if (how === undefined || !inSample(sample, one)) continue
      here[how]++
      asked.add(keyOf(one))
      if (how === "found") continue
      alive.add(keyOf(one))
      if (!known.has(keyOf(one))) {
        unknown.push(`NOT LISTED  ${file}:${location.start.line}  ${one.from}  =>  ${one.to}`)
      }
    }
    if (here.found + here.survived > 0) row(file, here)
    for (const how of ["found", "survived"]) all[how] += here[how]
  }
  failed = row(part, all) < goal || unknown.length > 0 || failed
  for (const one of unknown) console.log(one)
  for (const one of listed) {
    if (asked.has(keyOf(one)) && !alive.has(keyOf(one))) {
      console.log(`found by now  ${one.file}  ${one.from}  =>  ${one.to}`)
    }
  }
}
if (failed) stop("a survivor is not in test/mutations/stryker/survivors.json, or too few are found")
