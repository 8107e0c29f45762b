// Lanes with a result: each passes or fails as a whole, or is counted test by test. The summary comes at the end.
import { mkdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { heading, lane, say } from "./lanes.mjs"

export const root = fileURLToPath(new URL("..", import.meta.url))
const reports = join(root, "build/reports")
export const bin = (path) => join(root, "node_modules", path)

const results = []
const banners = []

/** A lane that has ended. `problem` stands beside the counts; it fails the lane only where `failed` says so. */
export const report = (title, seconds, result) => results.push({ title, seconds, skipped: [], ...result })

/** Lines that nobody overlooks, printed at the very end. */
export const banner = (...lines) => banners.push(lines)

/** A lane that passes or fails as a whole. */
export const check = async (title, args, options) => {
  const { problem, said, seconds } = await lane({ title, args, ...options })
  const failed = problem === undefined ? 0 : 1
  report(title, seconds, { passed: 1 - failed, failed, problem })
  return { problem, said }
}

const readReport = (file) => {
  try {
    return JSON.parse(readFileSync(file, "utf8"))
  } catch {
    return undefined
  }
}

/** A lane of tests, counted from the JSON report whose file `args` is told. */
export const tests = async (title, name, args, options) => {
  const file = options?.report ?? join(reports, `${name}.json`)
  mkdirSync(reports, { recursive: true })
  rmSync(file, { force: true })
  const { seconds, ...ended } = await lane({ title, args: args(file), ...options })
  let { problem } = ended
  const json = readReport(file)
  if (json === undefined) problem = `no report, ${problem ?? "although it claims success"}`
  const suites = json?.testResults ?? []
  const cases = suites.flatMap((suite) => suite.assertionResults)
  const passed = cases.filter((test) => test.status === "passed").length
  const broken = suites.filter((suite) =>
    suite.status === "failed" && suite.assertionResults.every((test) => test.status !== "failed")
  )
  let failed = cases.filter((test) => test.status === "failed").length + broken.length
  if (problem === undefined && passed + failed === 0) problem = "ran no test"
  // A crash, or an error outside of any test.
  if (problem !== undefined && failed === 0) failed = 1
  const skipped = cases.filter((test) => !["passed", "failed"].includes(test.status)).map((test) =>
    [...test.ancestorTitles, test.title].join(" > ") +
    (test.meta?.cannotBe === undefined ? "" : ` [not on portable on Windows: ${test.meta.cannotBe}]`)
  )
  report(title, seconds, { passed, failed, problem, skipped })
}

const summary = () => {
  heading("summary")
  for (const { failed, passed, problem, seconds, skipped, title } of results) {
    const counts = `${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ""}`
    say(
      `${title.padEnd(30)} ${seconds.toFixed(0).padStart(4)} s  ${counts}${
        problem === undefined ? "" : `  (${problem})`
      }`
    )
  }
  const incapable = /\[(?:not on|needs) .+\]$/
  const list = (what, names) => {
    if (names.length > 0) say(`\n${what}:\n${names.map((name) => `  ${name}`).join("\n")}`)
  }
  for (const { skipped, title } of results) {
    list(`cases that cannot be here, ${title}`, skipped.filter((name) => incapable.test(name)))
    list(`skipped for no stated reason, ${title}`, skipped.filter((name) => !incapable.test(name)))
  }
}

const frame = (text) => {
  const rule = "!".repeat(118)
  say(["", rule, ...text.join("\n").split("\n").map((line) => `!!  ${line}`), rule].join("\n"))
}

/** Prints everything, `N passed, N failed` at last, and sets the exit code. */
export const conclude = () => {
  summary()
  banners.forEach(frame)
  const total = (what) => results.reduce((sum, lane) => sum + lane[what], 0)
  say(`\n${total("passed")} passed, ${total("failed")} failed`)
  process.exitCode = total("failed") === 0 ? 0 : 1
}
