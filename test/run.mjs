// `npm test`: every check and every test, one lane after the other. The last line is `N passed, N failed`, over all
// lanes. Where the kernel32 lane cannot run, a banner says so; with CI set that is a failure, unless TPIO_KERNEL32=skip.
import { spawn, spawnSync } from "node:child_process"
import { mkdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { compilerIsRequired, compilerObstacle } from "../native/compiler.mjs"
import { ensureKernel32, killWine } from "./kernel32/setup.mjs"

const windows = process.platform === "win32"
const root = fileURLToPath(new URL("..", import.meta.url))
const reports = join(root, "build/reports")
const bin = (path) => join(root, "node_modules", path)

/** How long a lane may take to end after it has been told to, and its output to close after it has ended. */
const GRACE = 5_000

const say = (line = "") => console.log(line)
const heading = (title) => say(`\n${"─".repeat(8)} ${title} ${"─".repeat(Math.max(8, 100 - title.length))}\n`)

let current

/** Ends the current lane with all that it has started: its process group, which on Windows is its tree, and Wine. */
const stop = async () => {
  if (current === undefined) return
  const { child, exited, wine } = current
  const kill = (signal) => {
    try {
      if (!windows) process.kill(-child.pid, signal)
      else spawnSync("taskkill", ["/pid", String(child.pid), "/t", "/f"], { stdio: "ignore" })
    } catch {
      // It has ended.
    }
  }
  kill("SIGTERM")
  await Promise.race([exited, sleep(GRACE)])
  kill("SIGKILL")
  if (wine) killWine()
}

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]]) {
  process.once(signal, () => void stop().finally(() => process.exit(code)))
}

/** Runs node with these arguments, its output on ours. Resolves to what went wrong, or undefined. */
const node = async (args, minutes, wine = false) => {
  // Not our own stdout: a lane that sees a terminal draws on it, and Wine would draw over that.
  const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], detached: !windows })
  child.stdout.pipe(process.stdout, { end: false })
  child.stderr.pipe(process.stderr, { end: false })
  const exited = new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message))
    child.once("exit", (code, signal) => resolve(code === 0 ? undefined : signal ?? `exit code ${code}`))
  })
  const closed = new Promise((resolve) => child.once("close", resolve))
  const timers = new AbortController()
  const timeout = (millis) => sleep(millis, true, { signal: timers.signal }).catch(() => {})
  current = { child, exited, wine }
  try {
    const late = await Promise.race([exited.then(() => false), timeout(minutes * 60_000)])
    if (late) await stop()
    await Promise.race([closed, timeout(GRACE)])
    return late ? `stopped after ${minutes} minutes` : await exited
  } finally {
    current = undefined
    timers.abort()
    child.stdout.destroy()
    child.stderr.destroy()
    child.unref()
  }
}

const lanes = []
const report = (title, begin, result) => lanes.push({ title, seconds: (Date.now() - begin) / 1000, ...result })

/** A lane that passes or fails as a whole. */
const check = async (title, args, wine) => {
  heading(title)
  const begin = Date.now()
  const problem = await node(args, 5, wine)
  const failed = problem === undefined ? 0 : 1
  report(title, begin, { passed: 1 - failed, failed, problem, skipped: [] })
}

const readReport = (file) => {
  try {
    return JSON.parse(readFileSync(file, "utf8"))
  } catch {
    return undefined
  }
}

/** A lane of tests, counted from its JSON report. */
const tests = async (title, name, args, minutes, wine) => {
  heading(title)
  const begin = Date.now()
  const file = join(reports, `${name}.json`)
  rmSync(file, { force: true })
  let problem = await node(args(file), minutes, wine)
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
    [...test.ancestorTitles, test.title].join(" > ")
  )
  report(title, begin, { passed, failed, problem, skipped })
}

const kernel32Obstacle = () => {
  if (process.env.TPIO_KERNEL32 === "skip") return "TPIO_KERNEL32=skip asks for it."
  try {
    ensureKernel32()
  } catch (error) {
    return error.message
  }
}

const endings = join(root, "build/test/endings.js")

const kernel32 = async () => {
  const title = "contract on kernel32"
  const obstacle = kernel32Obstacle()
  if (obstacle === undefined) {
    const launch = [join(root, "test/kernel32/run.mjs"), join(root, "build/test/kernel32/vitest.js")]
    await tests(title, "kernel32", (file) => [...launch, "--report", file], 12, !windows)
    await check("ends of processes on kernel32", [endings, "--kernel32"], !windows)
    // The two ways that stand in for the relay of completions: the files that lean on them.
    for (const way of ["broker", "callback"]) {
      const args = (file) => [...launch, "--completions", way, "--report", file]
      await tests(`the same, by ${way}, in part`, `kernel32-${way}`, args, 5, !windows)
    }
    return
  }
  const failed = process.env.CI !== undefined && process.env.TPIO_KERNEL32 !== "skip" ? 1 : 0
  report(title, Date.now(), { passed: 0, failed, problem: "NOT RUN", skipped: [] })
  return obstacle
}

/** The native libraries are what their source makes; `undefined`, or why that could not be told. */
const nativeLibraries = async () => {
  const title = "native libraries, built again"
  heading(title)
  const begin = Date.now()
  const obstacle = compilerObstacle()
  const problem = obstacle ?? await node([join(root, "native/build.mjs"), "--check"], 2)
  const failed = problem !== undefined && (obstacle === undefined || compilerIsRequired) ? 1 : 0
  const how = obstacle === undefined ? problem : "NOT COMPARED"
  report(title, begin, { passed: problem === undefined ? 1 : 0, failed, problem: how, skipped: [] })
  return obstacle
}

const banner = (...text) => {
  const rule = "!".repeat(118)
  say(["", rule, ...text.join("\n").split("\n").map((line) => `!!  ${line}`), rule].join("\n"))
}

const summary = () => {
  heading("summary")
  for (const { failed, passed, problem, seconds, skipped, title } of lanes) {
    const counts = `${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ""}`
    say(
      `${title.padEnd(30)} ${seconds.toFixed(0).padStart(4)} s  ${counts}${
        problem === undefined ? "" : `  (${problem})`
      }`
    )
  }
  const incapable = /\[not on .+\]$/
  const list = (what, names) => {
    if (names.length > 0) say(`\n${what}:\n${names.map((name) => `  ${name}`).join("\n")}`)
  }
  for (const { skipped, title } of lanes) {
    list(`cases a kernel cannot do, ${title}`, skipped.filter((name) => incapable.test(name)))
    list(`skipped for no stated reason, ${title}`, skipped.filter((name) => !incapable.test(name)))
  }
}

mkdirSync(reports, { recursive: true })
await check("types and build (tsc)", [bin("typescript/bin/tsc"), "-p", "tsconfig.json"])
await check("lint (eslint)", [bin("eslint/bin/eslint.js"), "--max-warnings", "0", "."])
await check("examples in the documentation", [join(root, "test/docs.mjs")])
await tests("unit and contract on portable", "portable", (file) => [
  bin("vitest/vitest.mjs"),
  ...["run", "--coverage", "--allowOnly=false", "--reporter=default", "--reporter=json", `--outputFile.json=${file}`]
], 8)
await check("ends of processes on portable", [endings])
await check("mistakes made on purpose, in short", [join(root, "test/mutations/run.mjs"), "--quick"])
const uncompared = await nativeLibraries()
const obstacle = await kernel32()
summary()
if (uncompared !== undefined) {
  banner(
    "NATIVE LIBRARIES NOT COMPARED: native/*.dll are as committed, and have not been built from their source here.",
    `Reason: ${uncompared}`
  )
}
if (obstacle !== undefined) {
  banner(
    "KERNEL32 LANE NOT RUN: the real Windows API has not been tested.",
    `Reason: ${obstacle}`,
    "How to: `npm run setup:kernel32` (as root on Debian or Ubuntu it installs Wine), then `npm test`."
  )
}

const total = (what) => lanes.reduce((sum, lane) => sum + lane[what], 0)
say(`\n${total("passed")} passed, ${total("failed")} failed`)
process.exitCode = total("failed") === 0 ? 0 : 1
