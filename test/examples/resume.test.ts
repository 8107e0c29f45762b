// `--resume` after a real kill -9, at random moments of the copy of a large file and of a tree, by another process each
// time.
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { bundle } from "../../examples/bundle.mjs"
import { partialsIn, takenOver } from "../support/partials.js"
import { start as startProgram } from "../support/program.js"
import { differences } from "./manifest.mjs"

const MiB = 1 << 20
const base = fs.mkdtempSync(join(tmpdir(), "copy-resume-"))
const program = join(base, "copy.mjs")

beforeAll(() => bundle("examples/copy/main.ts", program))
afterAll(() => fs.rmSync(base, { recursive: true }))

const start = (args: ReadonlyArray<string>) => {
  const { child, ended } = startProgram([program, ...args])
  return { child, ended: ended.then(({ code, err, out }) => ({ code, output: out + err })) }
}

/** Bytes that the partial files of a directory have. */
const written = (directory: string): number =>
  partialsIn(directory).reduce(
    (sum, name) => sum + (fs.statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0),
    0
  )

/** Kills the copy once the condition holds; answers whether there was something to kill. */
const killWhen = async (args: ReadonlyArray<string>, condition: () => boolean): Promise<boolean> => {
  const { child, ended } = start(args)
  let over = false
  void ended.then(() => (over = true))
  while (!over && !condition()) await sleep(1)
  child.kill("SIGKILL")
  return (await ended).code === "SIGKILL"
}

describe("--resume after kill -9", () => {
  it.each(
    [[["--verify", "read"], 40], [["--verify", "none", "--resume"], 75], [["--verify", "durable"], 110]] as const
  )(
    "of a copy with %j goes on behind %i MiB",
    async (options, moment) => {
      const directory = fs.mkdtempSync(join(base, "file-"))
      const [source, copy] = [join(directory, "source"), join(directory, "destination", "copy")]
      fs.mkdirSync(join(copy, ".."))
      fs.writeFileSync(source, Buffer.alloc(128 * MiB, "0123456789abcdef-"))
      const args = [...options, source, copy]
      assert.isTrue(await killWhen(args, () => written(join(copy, "..")) >= moment * MiB))
      assert.isFalse(fs.existsSync(copy))
      assert.strictEqual(partialsIn(join(copy, "..")).length, 2)
      const { code, output } = await start([...args.filter((one) => one !== "--resume"), "--resume"]).ended
      assert.strictEqual(code, 0, output)
      assert.isAtLeast(takenOver(output), 32 * MiB * Math.floor((moment - 4) / 32))
      assert.match(output, /in flight 0\): balanced\.$/m)
      assert.deepStrictEqual(differences(source, copy), [])
      assert.deepStrictEqual(fs.readdirSync(join(copy, "..")), ["copy"])
      fs.rmSync(directory, { recursive: true })
    },
    60_000
  )

  it("of a tree, killed several times, ends with the whole tree and nothing else", async () => {
    const directory = fs.mkdtempSync(join(base, "tree-"))
    const [source, copy] = [join(directory, "source"), join(directory, "copy")]
    for (let i = 0; i < 400; i++) {
      fs.mkdirSync(join(source, `${i % 20}`), { recursive: true })
      fs.writeFileSync(join(source, `${i % 20}`, `${i}`), Buffer.alloc(i * 101, `${i}`), {
        mode: i % 7 === 0 ? 0o444 : 0o644
      })
    }
    fs.writeFileSync(join(source, "large"), Buffer.alloc(64 * MiB, "large "))
    const files = () => fs.existsSync(copy) ? fs.readdirSync(copy, { recursive: true }).length : 0
    let killed = 0
    for (const many of [1, 200, 400]) {
      if (await killWhen(["--resume", source, copy], () => files() >= many)) killed++
    }
    assert.isAtLeast(killed, 2)
    const { code, output } = await start(["--resume", source, copy]).ended
    assert.strictEqual(code, 0, output)
    assert.match(output, /^Of that, \d+ files? and .* had been copied before\.$/m)
    assert.deepStrictEqual(differences(source, copy), [])
    const again = await start(["--resume", source, copy]).ended
    assert.match(again.output, /^Of that, 401 files and /m)
  }, 60_000)

  it("of a copy that is still running leaves that alone", async () => {
    const directory = fs.mkdtempSync(join(base, "two-"))
    const [source, copy] = [join(directory, "source"), join(directory, "copy")]
    fs.writeFileSync(source, Buffer.alloc(64 * MiB, "0123456789abcdef-"))
    const first = start(["--queue-depth", "1", "--chunk", "16KiB", source, copy])
    while (written(directory) < 40 * MiB) await sleep(1)
    first.child.kill("SIGSTOP")
    const before = partialsIn(directory)
    const second = await start(["--resume", source, copy]).ended
    assert.strictEqual(second.code, 0, second.output)
    assert.strictEqual(takenOver(second.output), 0)
    assert.deepStrictEqual(partialsIn(directory), before)
    first.child.kill("SIGCONT")
    const ended = await first.ended
    assert.strictEqual(ended.code, 1)
    assert.match(ended.output, /exists already/)
    assert.deepStrictEqual(fs.readdirSync(directory).sort(), ["copy", "source"])
    assert.deepStrictEqual(differences(source, copy), [])
  }, 60_000)
})

describe("--resume", () => {
  it("needs SOURCE and DESTINATION", async () => {
    const { code, output } = await start(["--resume"]).ended
    assert.deepStrictEqual([code, /^--resume needs SOURCE and DESTINATION/.test(output)], [1, true])
  })

  it("interrupted by Ctrl-C keeps what has a journal, and says so", async () => {
    const directory = fs.mkdtempSync(join(base, "interrupt-"))
    const [source, copy] = [join(directory, "source"), join(directory, "copy")]
    fs.writeFileSync(source, Buffer.alloc(96 * MiB, "0123456789abcdef-"))
    const { child, ended } = start(["--resume", source, copy])
    while (written(directory) < 48 * MiB) await sleep(1)
    child.kill("SIGINT")
    const { code, output } = await ended
    assert.strictEqual(code, 130)
    assert.match(output, /what is partial is kept where it has a journal/)
    assert.strictEqual(partialsIn(directory).length, 2)
    const again = await start(["--resume", source, copy]).ended
    assert.strictEqual(again.code, 0, again.output)
    assert.isAtLeast(takenOver(again.output), 32 * MiB)
    assert.deepStrictEqual(differences(source, copy), [])
    assert.deepStrictEqual(fs.readdirSync(directory).sort(), ["copy", "source"])
  }, 60_000)
})

describe("--keep-going", () => {
  it("copies the other files, and says what failed", async () => {
    const directory = fs.mkdtempSync(join(base, "going-"))
    const [source, copy] = [join(directory, "source"), join(directory, "copy")]
    for (const name of ["a", "b", "c"]) {
      fs.mkdirSync(source, { recursive: true })
      fs.writeFileSync(join(source, name), name)
    }
    fs.mkdirSync(join(copy, "b/in the way"), { recursive: true })
    const { code, output } = await start(["--keep-going", "--overwrite", source, copy]).ended
    assert.strictEqual(code, 1)
    assert.match(output, /b" is a directory and cannot be replaced by a file\./)
    assert.match(output, /^2 files are complete and kept\.$/m)
    assert.deepStrictEqual(fs.readdirSync(copy).sort(), ["a", "b", "c"])
  })
})
