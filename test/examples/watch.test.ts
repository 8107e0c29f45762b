// The watch program as people meet it: as a process of its own.
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { bundle } from "../../examples/bundle.mjs"

const home = mkdtempSync(join(tmpdir(), "watch-program-"))
const program = join(home, "watch.mjs")

beforeAll(() => bundle("examples/watch/main.ts", program), 30_000)
afterAll(() => rmSync(home, { recursive: true, force: true }))

const start = (...args: ReadonlyArray<string>) => {
  const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "pipe"] })
  const told = { out: "", err: "" }
  child.stdout.on("data", (text) => (told.out += text))
  child.stderr.on("data", (text) => (told.err += text))
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve))
  const until = async (text: string) => {
    for (let waited = 0; !told.out.includes(text); waited += 10) {
      if (waited > 10_000) throw new Error(`not told: ${text}. Told: ${told.out}${told.err}`)
      await sleep(10)
    }
  }
  return { child, told, ended, until }
}

describe("the watch program", () => {
  it("without a directory shows what it can do, and ends by itself", async () => {
    const { ended, told } = start()
    expect(await ended).toBe(0)
    expect(told.err).toBe("")
    const lines = told.out.trimEnd().split("\n")
    expect(lines[0]).toMatch(/^Watching ".*watch-\w+"\.$/)
    for (
      const line of [
        "created  \"notes.txt\"",
        "changed  \"notes.txt\"",
        "renamed  \"notes.txt\" to \"diary.txt\"",
        "created  \"year\"",
        "created  \"year/day.txt\"",
        "removed  \"diary.txt\""
      ]
    ) expect(lines).toContain(line)
    expect(lines.at(-1)).toMatch(/^Every step was told: \d+ changes of 6 steps\.$/)
  }, 30_000)

  it("watches a directory until Ctrl-C, which ends it with 130", async () => {
    const directory = mkdtempSync(join(home, "directory-"))
    const { child, ended, told, until } = start(directory)
    await until("Ctrl-C ends it.")
    writeFileSync(join(directory, "a \u001b[2J name"), "")
    await until("created  \"a \\x1b[2J name\"")
    child.kill("SIGINT")
    expect(await ended).toBe(130)
    expect(told.err).toBe("")
  }, 30_000)

  it("ends with 1 and a sentence when the directory is removed, or is none", async () => {
    const directory = mkdtempSync(join(home, "directory-"))
    const { ended, told, until } = start(directory)
    await until("Ctrl-C ends it.")
    rmSync(directory, { recursive: true })
    expect(await ended).toBe(1)
    expect(told.err).toMatch(/has been removed/)
    const missing = start(join(home, "missing"))
    expect(await missing.ended).toBe(1)
    expect(missing.told.err).toMatch(/ERROR_FILE_NOT_FOUND/)
  }, 30_000)

  it("says what it can be asked for", async () => {
    const { ended, told } = start("--help")
    expect(await ended).toBe(0)
    expect(told.out).toMatch(/ReadDirectoryChangesW/)
    expect(told.out).toMatch(/--flat/)
  }, 30_000)
})
