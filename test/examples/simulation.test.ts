/**
 * The mistakes of `examples/simulation/programs.ts` are found, named and reproduced; the programs as they should be
 * pass.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as programs from "../../examples/simulation/programs.js"
import * as Testing from "../../src/testing.js"

const CONTENTS = "The quick brown fox jumps over the lazy dog, and nobody has seen it."

const contents = (path: string) =>
  Effect.gen(function*() {
    const simulation = yield* Testing.Simulation
    return Option.match(yield* simulation.contents(path), {
      onNone: () => undefined,
      onSome: (bytes) => new TextDecoder().decode(bytes)
    })
  })

const must = (what: string, condition: boolean) => condition ? Effect.void : Effect.dieMessage(what)

const copying = (copy: typeof programs.copy) =>
  Effect.gen(function*() {
    yield* copy("original", "copy")
    yield* must("the copy is not the original", (yield* contents("copy")) === CONTENTS)
  })

const saving = (save: typeof programs.save) =>
  Effect.gen(function*() {
    yield* save("settings", "new settings, longer than the old ones")
    const simulation = yield* Testing.Simulation
    yield* simulation.cutPower
    const found = yield* contents("settings")
    yield* must(`after the power cut: ${found}`, found === "new settings, longer than the old ones")
  })

const failureOf = (program: Parameters<typeof Testing.check>[0], options: Testing.Options) =>
  Effect.runPromise(Effect.flip(Testing.check(program, options)))

const passes = (program: Parameters<typeof Testing.check>[0], options: Testing.Options) =>
  Effect.runPromise(Testing.check(program, options))

describe("a copy that takes transfers for granted", () => {
  const options = { files: { original: CONTENTS } }

  it("is found, and shrunk to a few decisions", async () => {
    const failure = await failureOf(copying(programs.copyNaively), options)
    expect(failure.message).toContain("the copy is not the original")
    expect(failure.reproduce).toMatch(/^TPIO_SIMULATION=list:[\d.]+$/)
    expect(failure.reproduce.split(".").length).toBeLessThan(40)
  })
  it("is found again by the line that was printed", async () => {
    const { reproduce } = await failureOf(copying(programs.copyNaively), options)
    process.env["TPIO_SIMULATION"] = reproduce.split("=")[1]
    const again = await failureOf(copying(programs.copyNaively), options).finally(() =>
      delete process.env["TPIO_SIMULATION"]
    )
    expect(again.problems.join()).toContain("the copy is not the original")
  })
  it("passes when it counts", async () => {
    const { happened } = await passes(copying(programs.copy), options)
    expect(happened.short).toBeGreaterThan(0)
  })
})

describe("a file that is replaced without being flushed", () => {
  const options = { files: { settings: "old settings" } }

  it("is found torn or empty after a power cut", async () => {
    const failure = await failureOf(saving(programs.saveNaively), options)
    expect(failure.message).toContain("after the power cut")
  })
  it("passes when it is flushed first", () => passes(saving(programs.save), options))
})

describe("a buffer that is filled again while its write is in flight", () => {
  it("breaks rule 13: the operation is named, and the line that made it", async () => {
    const failure = await failureOf(programs.logNaively("log", ["one", "two", "three", "four"]), {})
    expect(failure.message).toContain("(rule 13)")
    expect(failure.message).toMatch(/operation \d+, WriteFile of \d+ bytes on log, made at .*programs\.[jt]s:\d+/)
  })
})
