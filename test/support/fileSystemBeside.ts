/**
 * Our `FileSystem` beside `NodeFileSystem`: the same programs in directories that were prepared in the same way come to
 * the same, and leave the same behind. What is different on purpose is listed; a difference that is not fails, and so
 * does one that is listed and is none.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as FileSystem from "@effect/platform/FileSystem"
import { expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ThreadpoolFileSystem from "../../src/ThreadpoolFileSystem.js"
import type { Claim } from "./claims.js"
import { differences } from "./fileSystemDifferences.js"
import { type Case, FAILED, type Observation, observe } from "./fileSystems.js"

/** Without the answers from the first failure of either on: later calls depend on it, and the outcome tells it. */
const upToTheFirstFailure = (...both: readonly [Observation, Observation]): readonly [Observation, Observation] => {
  const failures = both.map(({ answers }) => answers.indexOf(FAILED)).filter((index) => index >= 0)
  const cut = (one: Observation): Observation =>
    failures.length === 0 ? one : { ...one, answers: one.answers.slice(0, Math.min(...failures)) }
  return [cut(both[0]), cut(both[1])]
}

export const claimEach = (claim: Claim, cases: Record<string, Case>): void => {
  for (const [name, one] of Object.entries(cases)) {
    claim(name, function*() {
      const [ours, nodes] = upToTheFirstFailure(
        yield* observe(yield* ThreadpoolFileSystem.make, one),
        yield* observe(yield* Effect.provide(FileSystem.FileSystem, NodeFileSystem.layer), one)
      )
      const listed = differences[name]
      const different = listed?.[process.platform === "win32" ? "win32" : "portable"]
      const expected = { ...nodes, ...different }
      // For an open file node gives the descriptor, and we give the path.
      expect(ours).toEqual(typeof expected.path === "number" ? { ...expected, path: ours.path } : expected)
      if (different !== undefined && listed?.varies !== true) expect(nodes).not.toEqual(expected)
      if (one.promised !== undefined) expect(ours.outcome).toEqual(one.promised)
    })
  }
}
