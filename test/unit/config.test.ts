/**
 * The variables of the environment: those that the code reads are those of the documentation's table.
 */
import { describe, expect, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Kernel from "../../src/Kernel.js"
import { root } from "../support/root.js"

/** Reads the variables, each with this value or none; answers the names that were asked for, and what came of it. */
const read = (value: string | undefined) => {
  const asked = new Set<string>()
  const missing = ConfigProvider.fromMap(new Map()).flattened
  const provider = ConfigProvider.fromFlat(ConfigProvider.makeFlat({
    load: (path, primitive, split) => {
      asked.add(path.join("_"))
      return value === undefined
        ? missing.load(path, primitive, split)
        : Effect.map(primitive.parse(value), (it) => [it])
    },
    enumerateChildren: missing.enumerateChildren,
    patch: missing.patch
  }))
  return { asked, exit: Effect.runSyncExit(Effect.withConfigProvider(Kernel.config, provider)) }
}

const page = readFileSync(join(root, "docs/guide/kernel.md"), "utf8")
const table = [...page.matchAll(/^\|[^|]*\| `(TPIO_\w+)` \|/gm)].map(([, name]) => name!)

describe("variables of the environment", () => {
  it("are in one table, all of them and no other", () => {
    const { asked, exit } = read(undefined)
    expect(exit._tag).toBe("Success")
    expect([...asked].sort()).toEqual([...table].sort())
  })
  it("are refused, typed, when they have another value than the table's", () => {
    const { exit } = read("nonsense")
    expect(exit._tag).toBe("Failure")
  })
})
