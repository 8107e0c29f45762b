// The sync program as people meet it: as a process of its own.
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { bundle } from "../../examples/bundle.mjs"
import { removeTree } from "../support/removeTree.js"
import { differences } from "./manifest.mjs"

const home = fs.mkdtempSync(join(tmpdir(), "sync-program-"))
const program = join(home, "sync.mjs")

beforeAll(() => bundle("examples/sync/main.ts", program), 30_000)
afterAll(() => fs.rmSync(home, { recursive: true, force: true }))

let base = ""
let source = ""
let copy = ""

beforeEach(() => {
  base = fs.mkdtempSync(join(home, "test-"))
  source = join(base, "source")
  copy = join(base, "copy")
  for (const name of ["a", "sub/b", "sub/deep/c", "z"]) write(join(source, name), `contents of ${name}`)
  fs.linkSync(join(source, "a"), join(source, "sub/again"))
  fs.symlinkSync("../a", join(source, "sub/link"))
})
afterEach(() => removeTree(base))

const write = (path: string, contents: string | Uint8Array): void => {
  fs.mkdirSync(join(path, ".."), { recursive: true })
  fs.writeFileSync(path, contents)
}

const start = (...args: ReadonlyArray<string>) => {
  // Relative paths are as good as any.
  const child = spawn(process.execPath, [program, ...args], { cwd: base, stdio: ["ignore", "pipe", "pipe"] })
  const told = { out: "", err: "" }
  child.stdout.on("data", (text) => (told.out += text))
  child.stderr.on("data", (text) => (told.err += text))
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve))
  return { child, told, ended }
}

const run = async (...args: ReadonlyArray<string>) => {
  const { ended, told } = start("source", "copy", ...args)
  return { code: await ended, ...told }
}

const names = () => fs.readdirSync(copy, { recursive: true, encoding: "utf8" }).sort()

describe("the sync program", () => {
  it("makes the destination like its source, and then again with what has changed", async () => {
    expect(await run()).toEqual({
      code: 0,
      out: "5 files copied, 65 bytes; 0 files the same; 0 things removed.\n",
      err: ""
    })
    expect(differences(source, copy)).toEqual([])
    expect(fs.statSync(join(copy, "a")).ino).toBe(fs.statSync(join(copy, "sub/again")).ino)
    write(join(source, "z"), "changed, and longer")
    write(join(source, "new/file"), "new")
    expect((await run()).out).toBe("2 files copied, 22 bytes; 4 files the same; 0 things removed.\n")
    expect(differences(source, copy)).toEqual([])
    expect((await run("--checksum")).out).toBe("0 files copied, 0 bytes; 6 files the same; 0 things removed.\n")
  }, 60_000)

  it("removes with --delete what has gone, and what is in the way, but for what is excluded", async () => {
    await run()
    fs.rmSync(join(source, "sub/deep"), { recursive: true })
    fs.unlinkSync(join(source, "z"))
    write(join(source, "z/now"), "a directory")
    fs.mkdirSync(join(copy, "excluded"))
    write(join(copy, "excluded/kept.log"), "kept")
    write(join(copy, "excluded/gone"), "gone")
    write(join(copy, "sub/kept.log"), "kept")
    write(join(copy, "gone/deep/file"), "gone")
    const dry = await run("--delete", "--exclude", "*.log", "--dry-run")
    expect(dry).toMatchObject({ code: 0, err: "" })
    expect(dry.out.split("\n").filter((line) => line.startsWith("remove"))).toEqual(
      ["excluded/gone", "gone", "sub/deep", "z"].map((name) => `remove   "${join(copy, name)}"`)
    )
    expect(names()).toContain("gone/deep/file")
    // Without it nothing is removed, and what is in the way is told.
    const kept = await run("--exclude", "*.log")
    expect(kept.code).toBe(1)
    expect(kept.err).toMatch(/z" is there and is not a directory, so it cannot be copied into/)
    expect(names()).toContain("gone/deep/file")
    expect(await run("--delete", "--exclude", "*.log")).toMatchObject({ code: 0, err: "" })
    expect(names()).toEqual(
      ["a", "excluded", "excluded/kept.log", "sub", "sub/again", "sub/b", "sub/kept.log", "sub/link", "z", "z/now"]
    )
  }, 60_000)

  it("removes nothing where a part of the source cannot be read, nor what another copy is writing", async () => {
    await run()
    fs.symlinkSync("x", Buffer.concat([Buffer.from(`${source}/sub/`), Buffer.from([0x66, 0xff])]))
    write(join(copy, "gone"), "gone")
    const refused = await run("--delete")
    expect(refused.code).toBe(1)
    expect(refused.err).toMatch(/not UTF-8/)
    expect(names()).toContain("gone")
    fs.rmSync(join(source, "sub"), { recursive: true })
    const partial = ".z.l0-0-zzzzz-0-0-0.partial"
    write(join(copy, partial), "somebody's")
    expect((await run("--delete")).code).toBe(0)
    expect(names()).toEqual([partial, "a", "z"])
  }, 60_000)

  it("is cancelled by Ctrl-C with nothing partial left, and goes on the next time", async () => {
    write(join(source, "big"), Buffer.alloc(300 << 20, "0123456789abcdef-"))
    const { child, ended } = start("source", "copy")
    while (!fs.existsSync(copy) || !names().some((name) => name.endsWith(".partial"))) {
      if (child.exitCode !== null) break
      await sleep(1)
    }
    child.kill("SIGINT")
    expect(await ended).toBe(130)
    expect(names().filter((name) => name.includes(".partial") || name.includes(".journal"))).toEqual([])
    expect((await run()).code).toBe(0)
    expect(differences(source, copy)).toEqual([])
  }, 60_000)

  it("says what it can be asked for, and what is wrong", async () => {
    const help = start("--help")
    expect(await help.ended).toBe(0)
    for (const word of ["--delete", "--exclude", "--dry-run", "--checksum", "Exit code"]) {
      expect(help.told.out).toContain(word)
    }
    const one = start("source")
    expect([await one.ended, one.told.err]).toEqual([1, "Name both SOURCE and DESTINATION; --help says more.\n"])
    const file = start("source/a", "copy")
    expect([await file.ended, file.told.err]).toEqual([1, "\"source/a\" is not a directory.\n"])
    const missing = start("missing", "copy")
    expect(await missing.ended).toBe(1)
    expect(missing.told.err).toMatch(/There is no ".*missing" to copy/)
    expect(fs.existsSync(copy)).toBe(false)
  }, 60_000)
})
