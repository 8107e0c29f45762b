// `npm run test:stryker [-- PART …]`: Stryker changes every place of the engine, one at a time: each condition, each
// operator, each block. What no test finds must stand in `survivors.json`, with the reason why none can or should;
// another one is a failure. Without a part, all of `parts.mjs`. What has not changed since the last time is not run
// again, nor is what a test judges that has changed under its old name: `--fresh` runs everything.
import { spawnSync } from "node:child_process"
import { readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parts } from "./parts.mjs"

const root = fileURLToPath(new URL("../../..", import.meta.url))
const reports = join(root, "build/reports")
const args = process.argv.slice(2)
const named = args.filter((argument) => argument !== "--fresh")
const chosen = named.length > 0 ? named : Object.keys(parts)
/** Percent of each part. */
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
  if (args.includes("--fresh")) rmSync(join(reports, `stryker-${part}.json`), { force: true })
  const stryker = join(root, "node_modules/@stryker-mutator/core/bin/stryker.js")
  const config = join(root, "test/mutations/stryker/stryker.config.mjs")
  const env = { ...process.env, TPIO_STRYKER_PART: part }
  const { status } = spawnSync(process.execPath, [stryker, "run", config], { cwd: root, env, stdio: "inherit" })
  if (status !== 0) stop(`Stryker has failed on ${part}`)
  return JSON.parse(readFileSync(report, "utf8"))
}

/** The text that a mutant replaces. */
const original = (source, { end, start }) => {
  const lines = source.split("\n").slice(start.line - 1, end.line)
  lines[lines.length - 1] = lines.at(-1).slice(0, end.column - 1)
  lines[0] = lines[0].slice(start.column - 1)
  return lines.join("\n")
}
const short = (text) => text.replace(/\s+/g, " ").trim()

/** The name of a mutant, wherever its line has gone. */
const keyOf = ({ file, line, from, to }) => [file, line, from, to].join("\n")

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
  const all = { found: 0, survived: 0 }
  const alive = new Set()
  const unknown = []
  const { files } = judged(part)
  for (const [file, { mutants, source }] of Object.entries(files)) {
    const lines = source.split("\n")
    const here = { found: 0, survived: 0 }
    for (const { location, replacement, status } of mutants) {
      const how = counted[status]
      if (how === undefined) continue
      here[how]++
      if (how === "found") continue
      const { line } = location.start
      const one = {
        file,
        line: short(lines[line - 1]),
        from: short(original(source, location)),
        to: short(replacement)
      }
      alive.add(keyOf(one))
      if (!known.has(keyOf(one))) unknown.push(`NOT LISTED  ${file}:${line}  ${one.from}  =>  ${one.to}`)
    }
    if (here.found + here.survived > 0) row(file, here)
    for (const how of ["found", "survived"]) all[how] += here[how]
  }
  failed = row(part, all) < GOAL || unknown.length > 0 || failed
  for (const one of unknown) console.log(one)
  for (const one of listed) {
    if (one.file in files && !alive.has(keyOf(one))) {
      console.log(`found by now  ${one.file}  ${one.from}  =>  ${one.to}`)
    }
  }
}
if (failed) stop("a survivor is not in test/mutations/stryker/survivors.json, or too few are found")
