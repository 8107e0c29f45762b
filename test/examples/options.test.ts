// The command line is read in two ways: plainly, or by @effect/cli. Where the first one answers, both answer the same.
import * as Effect from "effect/Effect"
import { assert, describe, it } from "vitest"
import { parse } from "../../examples/copy/cli.js"
import { parsePlain } from "../../examples/copy/plain.js"

const plain: ReadonlyArray<ReadonlyArray<string>> = [
  [],
  ["a", "b"],
  ["a", "--overwrite", "b"],
  ["a", "b", "--resume", "--keep-going", "--verify", "durable"],
  ["a", "b", "--resume", "--take-over"],
  ["--queue-depth", "7", "--concurrency", "3", "--chunk", "64KiB", "--kernel", "portable", "a", "b"],
  ["--keep", "--verify", "none"],
  ["a b", "ü/日本"]
]

const notPlain: ReadonlyArray<ReadonlyArray<string>> = [
  ["a"],
  ["a", "b", "c"],
  ["a", ""],
  ["--resume"],
  ["a", "b", "--take-over"],
  ["--chunk", "1GiB", "--queue-depth", "1000", "a", "b"],
  ["--chunk", "1KiB", "--verify", "durable", "a", "b"],
  ["--chunk", "none", "a", "b"],
  ["--chunk"],
  ["--verify=none", "a", "b"],
  ["--verify", "none", "--verify", "read", "a", "b"],
  ["--toString", "a", "b"],
  ["-x"],
  ["--help"],
  ["--", "a", "b"]
]

describe("a plain command line", () => {
  it.each(plain.map((args) => [args]))("%j is read as @effect/cli reads it", async (args) => {
    const settings = parsePlain(args)
    assert.isDefined(settings)
    assert.deepStrictEqual(settings, await Effect.runPromise(parse(["node", "copy", ...args])))
  })

  it.each(notPlain.map((args) => [args]))("%j is left to @effect/cli", (args) => {
    assert.isUndefined(parsePlain(args))
  })
})
