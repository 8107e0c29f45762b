// `npm run test:fuzz -- --inputs N [--seed S] [--kernel32] [--target File.read] [--only NUMBER]`: calls every public
// function with arguments of every kind, right and wrong, in processes of their own, and prints the figures. A crash,
// an error that is not typed, a call that does not end, or anything that is left behind fails, with the seed and the
// number that show it again.
import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { performance } from "node:perf_hooks"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { run as runOnKernel32 } from "../kernel32/run.mjs"

const { values } = parseArgs({
  options: {
    inputs: { type: "string", default: "100000" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    kernel32: { type: "boolean", default: false },
    target: { type: "string" },
    only: { type: "string" },
    processes: { type: "string", default: "2" }
  }
})

const child = fileURLToPath(new URL("../../build/test/fuzz/child.js", import.meta.url))
const kernel = values.kernel32 ? "win32" : "portable"
const env = { TPIO_KERNEL: kernel }
/** So many inputs in one process: each begins with a fresh one. */
const SHARE = 5000
const MINUTES = 15

const start = (args) => {
  if (values.kernel32) return runOnKernel32(child, args, { env })
  return new Promise((resolve, reject) => {
    const process_ = spawn(process.execPath, [child, ...args], { stdio: "inherit", env: { ...process.env, ...env } })
    process_.once("error", reject)
    process_.once("exit", (code, signal) => resolve(code ?? signal))
  })
}

const read = (path) => {
  try {
    return JSON.parse(readFileSync(path, "utf8"))
  } catch {
    return undefined
  }
}

const seed = Number(values.seed)
const common = ["--seed", String(seed), ...values.target === undefined ? [] : ["--target", values.target]]
const directory = mkdtempSync(join(tmpdir(), "tpio-fuzz-reports-"))
const total = { inputs: 0, endings: {}, findings: [] }

/**
 * A share in a process; when that ends before its time, what it was at is a finding, and the rest is for another one.
 */
const share = async (from, to) => {
  while (from < to) {
    const [report, at] = [join(directory, `${from}.json`), join(directory, `${from}.at`)]
    const args = [...common, "--from", String(from), "--to", String(to), "--report", report, "--at", at]
    const ended = await Promise.race([
      start(args),
      sleep(MINUTES * 60_000, `no end after ${MINUTES} minutes`, { ref: false })
    ])
    const done = read(report)
    if (done !== undefined) {
      total.inputs += done.inputs
      for (const [name, count] of Object.entries(done.endings)) total.endings[name] = (total.endings[name] ?? 0) + count
      total.findings.push(...done.findings)
      if (ended !== 0) total.findings.push({ from, to, input: "a process", problem: `it has ended with ${ended}` })
      return
    }
    const last = read(at) ?? { from, to }
    total.findings.push({ ...last, input: "a batch", problem: `the process has ended with ${ended}` })
    from = last.to
  }
}

if (values.only !== undefined) {
  process.exitCode = await start([...common, "--only", values.only])
} else {
  const begin = performance.now()
  const inputs = Number(values.inputs)
  let next = 0
  const worker = async () => {
    while (next < inputs) {
      const from = next
      next = Math.min(inputs, next + SHARE)
      await share(from, next)
    }
  }
  await Promise.all(Array.from({ length: Number(values.processes) }, worker))
  rmSync(directory, { recursive: true, force: true })
  const groups = new Map()
  for (const finding of total.findings) {
    const key = `${finding.input.split("(")[0]}: ${finding.problem}`
    groups.set(key, [...groups.get(key) ?? [], finding])
  }
  for (const [key, [first, ...more]] of [...groups].sort(([a], [b]) => a < b ? -1 : 1)) {
    const where = first.to === first.from + 1 ? `--only ${first.from}` : `inputs ${first.from} to ${first.to - 1}`
    console.log(
      `${key}\n    ${first.input}\n    --seed ${seed} ${where}${more.length > 0 ? `, and ${more.length} more` : ""}`
    )
  }
  const endings = Object.entries(total.endings).map(([name, count]) => `${count} ${name}`).join(", ")
  const seconds = ((performance.now() - begin) / 1000).toFixed(0)
  console.log(`${total.inputs} inputs on ${kernel}, seed ${seed}, in ${seconds} s: ${endings}`)
  console.log(`${total.findings.length} findings`)
  process.exitCode = total.findings.length === 0 && total.inputs === inputs ? 0 : 1
}
