// `npm run verify:windows` and `npm run verify:portable`: the tests of one kernel on this machine, what the system
// answers where it may differ, and a small benchmark, in one report file that can be attached to an issue. They work
// from a fresh checkout with node alone: missing packages are installed. `--wine` lets verify:windows run on Wine.
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { arch, availableParallelism, cpus, release, totalmem, type, version } from "node:os"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

const HELP = `Runs the tests of one kernel on this machine and writes a report that can be attached to an issue.

  npm run verify:windows  -- [--wine] [--report FILE] [--only TEXT]
  npm run verify:portable -- [--report FILE] [--only TEXT]

  --wine         on Wine, where there is no Windows
  --report FILE  where the report goes (default build/verify-KERNEL.md)
  --only TEXT    only test files with this text in their names
  --help         this text`

const { values } = parseArgs({
  options: {
    kernel: { type: "string", default: "win32" },
    wine: { type: "boolean", default: false },
    report: { type: "string" },
    only: { type: "string" },
    help: { type: "boolean", default: false }
  }
})
const { kernel } = values
const root = fileURLToPath(new URL("..", import.meta.url))
const windows = process.platform === "win32"
const file = resolve(values.report ?? join(root, `build/verify-${kernel}.md`))

const stop = (message, code) => {
  console.error(message)
  process.exit(code)
}
if (values.help) {
  console.log(HELP)
  process.exit(0)
}
if (kernel === "win32" && !windows && !values.wine) {
  stop(
    "This is not Windows. `npm run verify:windows -- --wine` runs the same on Wine; `npm run verify:portable` is for this system.",
    2
  )
}

const sections = []
let failed = 0

/** Runs a part to its end and shows what it says; answers its output. A part that fails does not stop the others. */
const part = (title, args, minutes) => {
  console.log(`\n── ${title}`)
  const begin = Date.now()
  const { error, signal, status, stderr, stdout } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    timeout: minutes * 60_000,
    env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined }
  })
  const said = `${stdout ?? ""}${stderr ?? ""}`
  const problem = error?.message ?? signal ?? (status === 0 ? undefined : `exit code ${status}`)
  if (problem !== undefined) failed++
  console.log(said.trim().split("\n").slice(-6).join("\n"))
  const seconds = Math.round((Date.now() - begin) / 1000)
  return { title, problem, said, seconds, passed: undefined, broken: [], skipped: 0 }
}

/** A part that leaves vitest's report. */
const tests = (title, name, args, minutes) => {
  const report = join(root, `build/reports/verify-${name}.json`)
  mkdirSync(dirname(report), { recursive: true })
  const done = part(title, args(report), minutes)
  try {
    const suites = JSON.parse(readFileSync(report, "utf8")).testResults
    const cases = suites.flatMap((suite) => suite.assertionResults)
    done.passed = cases.filter((test) => test.status === "passed").length
    done.skipped = cases.filter((test) => !["passed", "failed"].includes(test.status)).length
    done.broken = [
      ...suites.filter((suite) => suite.status === "failed" && suite.assertionResults.length === 0).map((suite) =>
        `${suite.name}: ${suite.message}`
      ),
      ...cases.filter((test) => test.status === "failed").map((test) =>
        `${[...test.ancestorTitles, test.title].join(" > ")}\n${test.failureMessages.join("\n")}`
      )
    ]
  } catch {
    done.broken = ["There is no report: the process that ran the tests has died."]
  }
  sections.push(done)
}

/** A part that passes or fails as a whole; of what it says the end is kept. */
const check = (title, args, minutes) => sections.push(part(title, args, minutes))

// --- what is missing

if (!existsSync(join(root, "node_modules/typescript"))) {
  console.log("── npm ci")
  const { status } = spawnSync(windows ? "npm.cmd" : "npm", ["ci"], { cwd: root, stdio: "inherit", shell: windows })
  if (status !== 0) stop("npm ci has failed, for the reason given above.", 1)
}
const build = part("types and build", [join(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.json"], 10)
if (build.problem !== undefined) stop(`The project does not compile here: ${build.problem}\n${build.said}`, 1)

// --- the parts

const only = values.only === undefined ? [] : [values.only]
const onKernel32 = (program, ...args) => [join(root, "test/kernel32/run.mjs"), join(root, "build", program), ...args]

if (kernel === "win32") {
  const vitest = (...args) => (report) => onKernel32("test/kernel32/vitest.js", ...only, ...args, "--report", report)
  check("what the system answers", onKernel32("test/kernel32/probes.js"), 5)
  tests("contract", "relay", vitest(), 30)
  for (const way of ["broker", "callback"]) tests(`contract, by ${way}, in part`, way, vitest("--completions", way), 15)
  check("ends of processes", [join(root, "build/test/endings.js"), "--kernel32"], 15)
  check("a small benchmark", onKernel32("test/bench/main.js", "--scenario", "random", "--quick", "--rounds", "3"), 10)
} else {
  const vitest = join(root, "node_modules/vitest/vitest.mjs")
  const args = ["run", ...only, "--allowOnly=false", "--reporter=default", "--reporter=json"]
  tests("unit and contract", "portable", (report) => [vitest, ...args, `--outputFile.json=${report}`], 40)
  check("ends of processes", [join(root, "build/test/endings.js")], 15)
  check(
    "a small benchmark",
    [join(root, "build/test/bench/main.js"), "--scenario", "random", "--quick", "--rounds", "3"],
    10
  )
}

// --- the report

/** Without the goals of the benchmark, which are meant for a quiet machine and a run of full length. */
const withoutGoals = (text) =>
  text.replace(/^ +(NOT MET|met|not judged) .*\n/gm, "").replace(/^scenario +case +contestant[\s\S]*/m, "")
const lastLines = (text, count) => text.trim().split("\n").slice(-count).join("\n")
const fenced = (text) => `\`\`\`\`text\n${text}\n\`\`\`\``
const git = (...args) => spawnSync("git", args, { cwd: root, encoding: "utf8" }).stdout?.trim() || "unknown"
const { version: ours } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))

const row = ({ broken, passed, problem, seconds, skipped, title }) => {
  const result = problem === undefined && broken.length === 0 ? "passed" : `**failed** (${problem ?? "see below"})`
  const counts = passed === undefined ? "" : `${passed} passed, ${broken.length} failed, ${skipped} skipped`
  return `| ${title} | ${result} | ${counts} | ${seconds} s |`
}

const details = ({ broken, passed, problem, said, title }) => {
  if (passed === undefined) return [`### ${title}\n\n${fenced(lastLines(withoutGoals(said), 120))}`]
  if (problem === undefined && broken.length === 0) return []
  return [`### ${title}\n\n${(broken.length > 0 ? broken : [lastLines(said, 60)]).map(fenced).join("\n\n")}`]
}

const text = `# effect-threadpool-io ${ours} on ${type()} ${release()}

| | |
| --- | --- |
| revision | ${git("rev-parse", "--short", "HEAD")}${
  git("status", "--porcelain") === "unknown" ? "" : ", with changes"
} |
| kernel | ${kernel}${values.wine && !windows ? ", under Wine" : ""} |
| system | ${type()} ${release()}, ${arch()}: ${version()} |
| machine | ${availableParallelism()} × ${cpus()[0]?.model.trim() ?? "unknown"}, ${
  Math.round(totalmem() / 2 ** 30)
} GiB |
| node | ${process.version} |
| date | ${new Date().toISOString()} |

| part | result | tests | time |
| --- | --- | --- | --- |
${sections.map(row).join("\n")}

Skipped cases are about other kernels or systems, or take what is not here: rights, or a program. The benchmark compares
ways to read on this machine: µs for each operation, in time and in processor time. It judges nothing.

${sections.flatMap(details).join("\n\n")}
`
mkdirSync(dirname(file), { recursive: true })
writeFileSync(file, text)
const all = sections.reduce((sum, { passed = 0 }) => sum + passed, 0) +
  sections.filter(({ passed, problem }) => passed === undefined && problem === undefined).length
const bad = sections.reduce((sum, { broken, problem }) => sum + (broken.length || (problem === undefined ? 0 : 1)), 0)
console.log(`\nThe report is ${file}. Please attach it to an issue, also when everything has passed.`)
console.log(`${all} passed, ${bad} failed`)
process.exitCode = bad === 0 && failed === 0 ? 0 : 1
