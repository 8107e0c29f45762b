// The program of `npm run example:pipe-rpc` as people meet it: two processes, their lines, and how they end.
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { bundle } from "../../examples/bundle.mjs"
import { start as startProgram } from "../support/program.js"

const directory = fs.mkdtempSync(join(tmpdir(), "pipe-rpc-"))
const program = join(directory, "pipe-rpc.mjs")
/** Where the portable kernel has its sockets. */
const runtime = join(directory, "run")

beforeAll(async () => {
  fs.mkdirSync(runtime, { mode: 0o700 })
  await bundle("examples/pipe-rpc/main.ts", program)
}, 60_000)
afterAll(() => fs.rmSync(directory, { recursive: true }))

const start = (...args: ReadonlyArray<string>) =>
  startProgram([program, ...args], { env: { ...process.env, XDG_RUNTIME_DIR: runtime }, detached: true })

const sockets = () => fs.readdirSync(runtime, { recursive: true }).filter((name) => /rpc/.test(String(name)))

const linesOf = (out: string, who: string) =>
  out.split("\n").filter((line) => line.startsWith(`${who}: `)).map((line) => line.slice(who.length + 2))

const balanced = /^ledger \(portable\): started \d+ = callback .* in flight 0\): balanced$/

const assertServer = (out: string, pipe: RegExp) => {
  const [serves, dream, left, ledger, ...more] = linesOf(out, "server")
  assert.match(serves!, pipe)
  assert.deepStrictEqual([dream, left, more], ["Dream was interrupted", "its client has left", []])
  assert.match(ledger!, balanced)
}

const assertClient = (out: string) => {
  const lines = linesOf(out, "client")
  assert.deepStrictEqual(lines.slice(0, -1), [
    "84 / 2 = 42",
    "1 / 0 fails with DivisionByZero",
    "primes, as a stream: 2 3 5 7 11 13 17 19 23 29",
    "1 MiB there and back: the same",
    "Dream, interrupted here, was interrupted there"
  ])
  assert.match(lines.at(-1)!, balanced)
}

describe("pipe-rpc", () => {
  it("makes its calls between two processes and ends by itself", async () => {
    const { code, err, out } = await start().ended
    assert.deepStrictEqual([code, err], [0, ""])
    assertClient(out)
    assertServer(out, /^serves effect-pipe-rpc-\d+$/)
    assert.deepStrictEqual(sockets(), [])
  })
  it("`serve` and `call` are its two halves", async () => {
    const client = start("call", "--pipe", "halves-rpc")
    const server = start("serve", "--pipe", "halves-rpc")
    const ends = await Promise.all([client.ended, server.ended])
    assert.deepStrictEqual(ends.map(({ code, err }) => [code, err]), [[0, ""], [0, ""]])
    assertClient(ends[0].out)
    assertServer(ends[1].out, /^serves halves-rpc$/)
  })
  it("a server whose client is killed ends by itself", async () => {
    const server = start("serve", "--pipe", "killed-rpc")
    await server.until("serves")
    const client = start("call", "--pipe", "killed-rpc")
    await client.until("84 / 2")
    client.child.kill("SIGKILL")
    const { code, err, out } = await server.ended
    assert.deepStrictEqual([code, err], [0, ""])
    assert.match(linesOf(out, "server").at(-1)!, balanced)
  })
  for (const [title, everybody] of [["on the terminal", true], ["for the first process alone", false]] as const) {
    it(`Ctrl-C ${title}: 130, nothing left`, async () => {
      const { child, ended, until } = start()
      await until("client: 84 / 2")
      process.kill(everybody ? -child.pid! : child.pid!, "SIGINT")
      const { code, err, out } = await ended
      assert.deepStrictEqual([code, err], [130, ""])
      for (const who of ["client", "server"]) assert.match(linesOf(out, who).at(-1)!, balanced)
      assert.deepStrictEqual(sockets(), [])
    })
  }
  it("a name that is taken is one sentence, and exit code 1", async () => {
    const first = start("serve", "--pipe", "taken-rpc")
    await first.until("serves")
    const { code, err } = await start("serve", "--pipe", "taken-rpc").ended
    assert.strictEqual(code, 1)
    assert.match(err, /^Serving taken-rpc failed: [^\n]+\.\n$/)
    first.child.kill("SIGTERM")
    assert.strictEqual((await first.ended).code, 143)
    assert.deepStrictEqual(sockets(), [])
  })
  it("--help, and what it does not know", async () => {
    const { code, out } = await start("--help").ended
    assert.strictEqual(code, 0)
    for (const word of ["serve", "call", "--pipe", "--kernel", "130"]) assert.include(out, word)
    for (const args of [["--kernel", "linux"], ["sing"], ["--loud"]]) {
      const { code, err } = await start(...args).ended
      assert.strictEqual(code, 1)
      assert.match(err, /^[^\n]+\.\n$/)
    }
  })
})
