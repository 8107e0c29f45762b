/**
 * How processes end: with an operation that never settles, with operations in flight, and not too early. Each case is a
 * process of its own; it runs what `npm run build` has compiled.
 */
import { describe, expect, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { kernelName } from "../support/lab.js"

const here = fileURLToPath(new URL(".", import.meta.url))
const build = here.includes("build") ? resolve(here, "../..") : resolve(here, "../../build")

interface Ended {
  readonly code: number | null
  readonly milliseconds: number
  readonly output: string
}

/** By then it has hung. On a machine that is busy Wine alone takes many seconds to start. */
const HANGS_MILLIS = 60_000

/** Output goes to a file: under Wine it cannot go to a pipe. Milliseconds count from the program's first line. */
const run = async (name: string): Promise<Ended> => {
  const directory = mkdtempSync(join(tmpdir(), "tpio-process-"))
  const path = join(directory, "output")
  const file = openSync(path, "w")
  try {
    const child = spawn(process.execPath, [join(build, "test/support/programs.js"), name], {
      env: { ...process.env, TPIO_KERNEL: kernelName },
      stdio: ["ignore", file, file]
    })
    let spoke = 0
    const look = setInterval(() => {
      if (spoke === 0 && readFileSync(path).length > 0) spoke = Date.now()
    }, 5)
    const limit = setTimeout(() => child.kill("SIGKILL"), HANGS_MILLIS)
    const code = await new Promise<number | null>((done) => child.on("exit", done))
    clearInterval(look)
    clearTimeout(limit)
    return { code, milliseconds: spoke === 0 ? 0 : Date.now() - spoke, output: readFileSync(path, "utf8") }
  } finally {
    closeSync(file)
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  }
}

const balanced = /: balanced/

describe("a process ends", () => {
  it("rule 19, 20: within 2 s after an operation that never settles has been quarantined", async () => {
    const { code, milliseconds, output } = await run("stuck")
    expect(output).toMatch(/quarantined 1/)
    expect(output).toMatch(balanced)
    expect(output).toMatch(/An operation did not settle after its cancellation and is quarantined/)
    const interrupted = Number(/interrupted after (\d+) ms/.exec(output)![1])
    expect(interrupted).toBeGreaterThanOrEqual(290)
    expect(interrupted).toBeLessThan(1500)
    expect(code).toBe(0)
    expect(milliseconds).toBeLessThan(2000)
  }, 70_000)

  it("rule 20: within 2 s by process.exit after a quarantine", async () => {
    const { code, milliseconds, output } = await run("stuck-exit")
    expect(output).toMatch(/quarantined 1/)
    expect(code).toBe(0)
    expect(milliseconds).toBeLessThan(2000)
  }, 70_000)

  it("rule 23: by process.exit with an operation in flight, without a crash", async () => {
    for (let round = 0; round < 3; round++) {
      const { code, output } = await run("exit-in-flight")
      expect(output).toMatch(/in flight 1/)
      expect(code).toBe(0)
    }
  }, 130_000)

  it("not before a pending operation has settled", async () => {
    const { code, output } = await run("kept-alive")
    expect(output).toMatch(/settled/)
    expect(output).toMatch(balanced)
    expect(code).toBe(0)
  }, 70_000)
})
