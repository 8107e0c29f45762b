// Ctrl-C at ten different moments of the copy of a large file: exit code 130, nothing partial left, a balanced ledger.
//   node test/examples/interrupt.mjs [--kernel32] [--mib 2048]
// The last line is `N passed, N failed`.
import { spawn } from "node:child_process"
import { randomFillSync } from "node:crypto"
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

const root = fileURLToPath(new URL("../..", import.meta.url))
const built = join(root, "build/examples/copy/main.js")
const launcher = join(root, "test/kernel32/run.mjs")

/** Longest wait for a moment to come, and for the process to end. */
const PATIENCE = 120_000

/** Parts of the file written when the signal is sent; what is above 1 is seconds into the verification. */
const MOMENTS = [0, 0.05, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1, 1.3]

const writeFile = (path, mib) => {
  const block = randomFillSync(Buffer.alloc(1 << 20))
  const fd = openSync(path, "wx")
  for (let i = 0; i < mib; i++) {
    block.writeUInt32LE(i)
    writeSync(fd, block)
  }
  closeSync(fd)
}

const partials = (directory) => readdirSync(directory).filter((name) => name.endsWith(".partial"))

/** Bytes in the partial file, or undefined before there is one. */
const written = (directory) => {
  const [name] = partials(directory)
  return name === undefined ? undefined : statSync(join(directory, name), { throwIfNoEntry: false })?.size
}

const until = async (condition, exited) => {
  const deadline = Date.now() + PATIENCE
  while (!condition()) {
    if (exited() || Date.now() > deadline) return false
    await sleep(2)
  }
  return true
}

/** Starts a copy, interrupts it at the moment, and answers what is wrong with the way it ended. */
const interruptAt = async (moment, source, directory, size, program, kernel32) => {
  const args = kernel32 ? [launcher, program, "--kernel", "win32"] : [program]
  const child = spawn(process.execPath, [...args, source, join(directory, "copy")], {
    stdio: ["ignore", "pipe", "pipe"]
  })
  let output = ""
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += text))
  const ended = new Promise((resolve) => child.once("close", (code, signal) => resolve(code ?? signal)))
  const exited = () => child.exitCode !== null || child.signalCode !== null
  const came = await until(() => (written(directory) ?? -1) >= Math.min(moment, 1) * size, exited)
  if (moment > 1) await sleep((moment - 1) * 1000)
  child.kill("SIGINT")
  const code = await Promise.race([ended, sleep(PATIENCE, "no end", { ref: false })])
  if (moment > 1.001 && code === 0) {
    // On a busy machine the copy may be finished by then: sooner, in another one.
    rmSync(join(directory, "copy"))
    return interruptAt(1 + (moment - 1) / 2, source, directory, size, program, kernel32)
  }
  const problems = []
  if (!came) problems.push("the moment did not come")
  if (code !== 130) problems.push(`exit code ${code}`)
  if (!/^Ledger .*in flight 0\): balanced\.$/m.test(output)) problems.push("no balanced ledger")
  const left = readdirSync(directory)
  if (left.length > 0) problems.push(`left behind: ${left.join(", ")}`)
  for (const name of left) rmSync(join(directory, name), { recursive: true })
  return problems.length === 0 ? undefined : `${problems.join("; ")}\n${output}`
}

/** Answers how many of the moments went wrong. */
export const interruptAll = async (options) => {
  const { kernel32 = false, mib = 2048, moments = MOMENTS, program = built, say = () => {} } = options
  const directory = mkdtempSync(join(tmpdir(), "interrupt-"))
  const source = join(directory, "large")
  const destination = mkdtempSync(join(directory, "destination-"))
  let failed = 0
  try {
    writeFile(source, mib)
    for (const moment of moments) {
      const problem = await interruptAt(moment, source, destination, mib * 2 ** 20, program, kernel32)
      if (problem !== undefined) failed++
      const name = moment > 1 ? `${Math.round((moment - 1) * 1000)} ms after` : `at ${Math.round(moment * 100)} %`
      say(
        `${problem === undefined ? "passed" : "FAILED"}  Ctrl-C ${name}${problem === undefined ? "" : `: ${problem}`}`
      )
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  return { passed: moments.length - failed, failed }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: { kernel32: { type: "boolean", default: false }, mib: { type: "string", default: "2048" } }
  })
  const { failed, passed } = await interruptAll({ ...values, mib: Number(values.mib), say: console.log })
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = failed === 0 ? 0 : 1
}
