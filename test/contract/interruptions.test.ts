/**
 * Thousands of operations that are interrupted at random, on a pipe and on a file: every byte is accounted for and the
 * ledgers balance. `npm run stress` does it a hundred thousand times, and watches the memory.
 */
import { describe, expect } from "@effect/vitest"
import * as Kernel from "../../src/Kernel.js"
import { contract, movement } from "../support/claims.js"
import { run } from "../support/interruptions.js"

const seed = Number(process.env["TPIO_SEED"] ?? Date.now() % 2 ** 31)

contract("operations interrupted at random", ({ claim }) => {
  describe(`seed ${seed}`, () => {
    claim("4,000 on pipes and files: nothing is lost, and nothing is left", function*() {
      const { started, value } = yield* movement(run({ seed, operations: 4_000, rounds: 2 }))
      expect(value.problems).toEqual([])
      expect(started).toBeGreaterThan(4_000)
      expect(value.interrupted).toBeGreaterThan(100)
      expect(value.bytesRead).toBeGreaterThanOrEqual(value.bytesWritten)
      expect((yield* Kernel.ledger).inFlight).toBe(0)
    }, 60_000)
  })
})
