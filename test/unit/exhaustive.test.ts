/**
 * The settle machine under every schedule of {submit, complete, cancel, interrupt, close} for up to three operations.
 */
import { expect, it } from "@effect/vitest"
import { cases, runAll } from "../support/exhaustive.js"
import * as fibers from "../support/exhaustiveFibers.js"

let total = 0
for (const one of cases) {
  it(`every schedule of ${one.name}`, () => {
    const begin = performance.now()
    const schedules = runAll(one)
    total += schedules
    console.log(`${one.name}: ${schedules} schedules, ${(performance.now() - begin).toFixed(0)} ms; ${total} in all`)
    expect(schedules).toBeGreaterThan(10)
  }, 120_000)
}

for (const one of fibers.cases) {
  it(`every schedule of ${one.name}`, () => {
    const begin = performance.now()
    const schedules = fibers.runAll(one)
    total += schedules
    console.log(`${one.name}: ${schedules} schedules, ${(performance.now() - begin).toFixed(0)} ms; ${total} in all`)
    expect(schedules).toBeGreaterThan(10)
  }, 120_000)
}
