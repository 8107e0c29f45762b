// The watch program as people meet it: as a process of its own.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { bundle } from "../../examples/bundle.mjs"
import { start as startProgram } from "../support/program.js"

const home = mkdtempSync(join(tmpdir(), "watch-program-"))
const program = join(home, "watch.mjs")

beforeAll(() => bundle("examples/watch/main.ts", program), 30_000)
afterAll(() => rmSync(home, { recursive: true, force: true }))

const start = (...args: ReadonlyArray<string>) => startProgram([program, ...args])

describe("the watch program", () => {
  it("without a directory shows what it can do, and ends by itself", async () => {
    const { ended, printed } = start()
    expect((await ended).code).toBe(0)
    expect(printed.err).toBe("")
    const lines = printed.out.trimEnd().split("\n")
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
    const { child, ended, printed, until } = start(directory)
    await until("Ctrl-C ends it.")
    writeFileSync(join(directory, "a \u001b[2J name"), "")
    await until("created  \"a \\x1b[2J name\"")
    child.kill("SIGINT")
    expect((await ended).code).toBe(130)
    expect(printed.err).toBe("")
  }, 30_000)

  it("ends with 1 and a sentence when the directory is removed, or is none", async () => {
    const directory = mkdtempSync(join(home, "directory-"))
    const { ended, printed, until } = start(directory)
    await until("Ctrl-C ends it.")
    rmSync(directory, { recursive: true })
    expect((await ended).code).toBe(1)
    expect(printed.err).toMatch(/has been removed/)
    const missing = start(join(home, "missing"))
    expect((await missing.ended).code).toBe(1)
    expect(missing.printed.err).toMatch(/ERROR_FILE_NOT_FOUND/)
  }, 30_000)

  it("says what it can be asked for", async () => {
    const { ended, printed } = start("--help")
    expect((await ended).code).toBe(0)
    expect(printed.out).toMatch(/ReadDirectoryChangesW/)
    expect(printed.out).toMatch(/--flat/)
  }, 30_000)
})
