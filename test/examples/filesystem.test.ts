// The program that finds duplicates, as people meet it: as a process of its own.
import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { bundle } from "../../examples/bundle.mjs"

const home = mkdtempSync(join(tmpdir(), "duplicates-program-"))
const program = join(home, "duplicates.mjs")

beforeAll(() => bundle("examples/filesystem/main.ts", program), 30_000)
afterAll(() => rmSync(home, { recursive: true, force: true }))

const run = (...args: ReadonlyArray<string>) =>
  new Promise<{ readonly code: number; readonly out: string; readonly err: string }>((resolve) => {
    const child = execFile(
      process.execPath,
      [program, ...args],
      (_, out, err) => resolve({ code: child.exitCode ?? -1, out, err })
    )
  })

describe("the program that finds duplicates", () => {
  it("finds the same on both file systems, and tells the time of each", async () => {
    const directory = join(home, "files")
    mkdirSync(join(directory, "below"), { recursive: true })
    for (const [name, contents] of [["a", "same"], ["below/b", "same"], ["c", "else"], ["d", ""], ["e", ""]] as const) {
      writeFileSync(join(directory, name), contents)
    }
    writeFileSync(join(directory, "large"), Buffer.alloc(700_000, "large"))
    writeFileSync(join(directory, "below/larger"), Buffer.alloc(700_000, "large"))
    const { code, err, out } = await run(directory, "--rounds", "1")
    expect({ code, err }).toEqual({ code: 0, err: "" })
    const lines = out.trimEnd().split("\n")
    expect(lines.slice(0, 3)).toEqual([
      `2 groups of files with the same contents below ${JSON.stringify(directory)}, 684 KiB to spare:`,
      "  684 KiB: \"below/larger\", \"large\"",
      "  4 bytes: \"a\", \"below/b\""
    ])
    expect(lines[3]).toMatch(/^NodeFileSystem +[\d,]+ ms$/)
    expect(lines[4]).toMatch(/^ThreadpoolFileSystem [\d,]+ ms$/)
    expect(lines[5]).toMatch(/^Both have found the same\. [\d.]+ x as fast\.$/)
  }, 30_000)

  it("ends with 1 and a sentence where there is nothing", async () => {
    const { code, err } = await run(join(home, "none"))
    expect(code).toBe(1)
    expect(err).toMatch(/NotFound: FileSystem.readDirectory/)
  }, 30_000)
})
