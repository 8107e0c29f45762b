// The program of `npm run example:cluster` as people meet it: runners, of which one is killed, and their remains.
import { build } from "esbuild"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { parse } from "../../examples/cluster/options.js"
import { makeTree } from "../../examples/cluster/tree.js"
import { start as startProgram } from "../support/program.js"

const root = fileURLToPath(new URL("../..", import.meta.url))

const directory = fs.mkdtempSync(join(tmpdir(), "tpio-cluster-"))
/** Where it finds the packages that it leaves outside: some are native. */
const program = join(root, `build/cluster-${process.pid}.mjs`)
const environment = { ...process.env, TMPDIR: directory, XDG_RUNTIME_DIR: directory }

beforeAll(() =>
  build({
    absWorkingDir: root,
    entryPoints: ["./examples/cluster/main.ts"],
    outfile: program,
    bundle: true,
    platform: "node",
    format: "esm",
    packages: "external",
    logLevel: "warning"
  }), 60_000)
afterAll(() => {
  fs.rmSync(directory, { recursive: true, force: true })
  fs.rmSync(program, { force: true })
})

const start = (...args: ReadonlyArray<string>) => startProgram([program, ...args], { env: environment })

const FILES = 120

const source = join(directory, "source")

/** The program looks itself whether the trees are the same, and how often each file got its name. */
const copies = async (name: string, ...args: ReadonlyArray<string>) => {
  const target = join(directory, name)
  const { code, err, out } = await start(...args, source, target).ended
  assert.deepStrictEqual([code, err], [0, ""], out)
  assert.match(out, /^identical: 121 files, .*; each file got its final name once$/m)
  return out
}

/** Runners are children of a program that has ended: whoever still runs names its socket or the database. */
const runners = () =>
  fs.readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && fs.readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(program)
    } catch {
      return false
    }
  })

describe.skipIf(process.platform === "win32")("the cluster example", () => {
  beforeAll(() => makeTree(source, FILES, true))

  it("copies a tree though a runner is killed in the middle", async () => {
    assert.match(await copies("killed", "--runners", "3"), /^runner \d+ is killed after \d+ files?$/m)
  }, 300_000)

  it("speaks over named pipes, too", async () => {
    await copies("pipes", "--runners", "2", "--transport", "pipe", "--no-kill")
  }, 300_000)

  it.skipIf(!fs.existsSync("/proc/self"))("Ctrl-C: 130, and no runner is left", async () => {
    const { child, ended, until } = start("--runners", "2", "--no-kill", source, join(directory, "interrupted"))
    await until("2 runners")
    child.kill("SIGINT")
    const { code, err } = await ended
    assert.deepStrictEqual([code, err], [130, ""])
    assert.deepStrictEqual(runners(), [])
    assert.deepStrictEqual(fs.readdirSync(directory).filter((name) => name.startsWith("cluster-")), [])
  }, 120_000)

  it("tells what is wrong in one sentence, and helps", async () => {
    const { code, err } = await start("--runners", "none").ended
    assert.deepStrictEqual([code, err], [1, `--runners takes a whole number from 1 to 100, not "none".\n`])
    const { out } = await start("--help").ended
    for (const word of ["--runners", "--files", "--transport", "DATABASE_URL"]) assert.include(out, word)
    for (
      const [args, named] of [
        [["--runners", "none"], "--runners"],
        [["--transport", "pigeon"], "--transport"],
        [["--files", "-1"], "--files"],
        [["only-one"], "SOURCE and TARGET"],
        [["--runners", "1"], "--no-kill"]
      ] as const
    ) {
      const parsed = parse(args)
      assert.include("wrong" in parsed ? parsed.wrong : "", named)
    }
  }, 60_000)
})
