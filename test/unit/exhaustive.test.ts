/**
 * The settle machine under every schedule of {submit, complete, cancel, interrupt, close} for up to three operations.
 */
import { expect, it } from "@effect/vitest"
import { cases, early, failsAtStart, inline, pends, pendsOn, runAll, succeedsLate } from "../support/exhaustive.js"
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

const ofFibers: ReadonlyArray<fibers.Case> = [false, true].flatMap((cancellable) => [
  {
    name: `one fiber${cancellable ? ", cancellable" : ""}`,
    fibers: 1,
    answers: [pends, pendsOn, succeedsLate, inline, failsAtStart, early],
    maxInFlight: 1,
    cancellable
  },
  {
    name: `two fibers, one operation at a time${cancellable ? ", cancellable" : ""}`,
    fibers: 2,
    answers: cancellable ? [pends] : [pends, pendsOn],
    maxInFlight: 1,
    cancellable
  }
])

for (const one of ofFibers) {
  it(`every schedule of ${one.name}`, () => {
    const begin = performance.now()
    const schedules = fibers.runAll(one)
    total += schedules
    console.log(`${one.name}: ${schedules} schedules, ${(performance.now() - begin).toFixed(0)} ms; ${total} in all`)
    expect(schedules).toBeGreaterThan(10)
  }, 120_000)
}
