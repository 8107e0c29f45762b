/**
 * Directories, interrupted at every fiber step: while they are opened, while nothing happens, and while something does.
 * After each point no operation, handle, buffer or fiber may be left.
 */
import { beforeAll, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Directory from "../../src/Directory.js"
import type * as Kernel from "../../src/Kernel.js"
import * as lab from "../support/lab.js"
import { interruptNow, runWith, swept } from "../support/sweep.js"

type Program = Effect.Effect<unknown, unknown, Kernel.Kernel | Scope.Scope>

let serial = 0
let pendingPoints = 0

const shared = swept(({ points }) =>
  `interruption sweep of directories on ${lab.kernelName}: ${points} points, a read in flight at ${pendingPoints} of them`
)

beforeAll(() => void mkdirSync(join(shared.home, "below")))

/** Always the same file: what is watched does not grow. */
const happens = (): void => writeFileSync(join(shared.home, "file"), `${serial++}`)

/** A stream of an idle directory: where no step interrupts it, the clock ends it, long after the last step. */
const idle = (directory: Directory.Directory) =>
  Effect.timeoutOption(Stream.runDrain(Directory.changes(directory)), "4 millis")

const programs: Record<string, () => Program> = {
  "Directory.open": () => Directory.open(shared.home),
  "Directory.open, recursively": () => Directory.open(shared.home, { recursive: true }),
  "Directory.open of what is missing": () => Directory.open(join(shared.home, "missing")),
  "Directory.open of arguments that are refused": () => Directory.open(shared.home, { bufferSize: 3 }),
  "a change that comes": () =>
    Effect.gen(function*() {
      const directory = yield* Directory.open(shared.home)
      happens()
      yield* Stream.runHead(Directory.changes(directory))
    })
}

describe("interrupted at every fiber step", () => {
  for (const [name, program] of Object.entries(programs)) {
    it(name, { timeout: 120_000 }, async () => {
      const { inFlight, tried } = await shared.sweep(name, program)
      expect(tried).toBeGreaterThan(3)
      pendingPoints += inFlight
    })
  }

  it("a stream to which nothing comes", { timeout: 120_000 }, async () => {
    const from = () => shared.kernel.engine.counters.inFlight > 0
    const { inFlight } = await shared.sweep("idle", () => Effect.flatMap(Directory.open(shared.home), idle), { from })
    expect(inFlight).toBeGreaterThan(5)
    pendingPoints += inFlight
  })
})

describe("completion and interruption in the same tick", () => {
  for (const order of ["completion first", "interruption first"] as const) {
    it(order, { timeout: 120_000 }, async () => {
      const { slots } = shared.kernel.engine.kernel
      const original = slots.complete
      for (let round = 0; round < 30; round++) {
        let fiber: Parameters<typeof interruptNow>[0] | undefined
        let told = 0
        const program = Effect.gen(function*() {
          const directory = yield* Directory.open(shared.home)
          slots.complete = function(...arguments_) {
            slots.complete = original
            if (order === "completion first") original.apply(slots, arguments_)
            interruptNow(fiber!)
            if (order === "interruption first") original.apply(slots, arguments_)
          }
          happens()
          yield* Stream.runForEach(Directory.changes(directory), () => Effect.sync(() => told++))
        })
        const exit = await runWith(shared.runtime, Effect.scoped(program), (forked) => {
          fiber = forked
        })
        slots.complete = original
        await shared.clean(`${order}, round ${round}`)
        expect(Exit.isInterrupted(exit)).toBe(true)
        expect(told).toBeLessThanOrEqual(2)
        shared.points++
      }
    })
  }
})

describe("after an interruption", () => {
  it("what was not handed on is told to the next stream", async () => {
    for (let round = 0; round < 20; round++) {
      const name = `after-${round}`
      const program = Effect.scoped(Effect.gen(function*() {
        const directory = yield* Directory.open(shared.home, { filter: ["fileName"] })
        const first = yield* Effect.fork(Stream.runDrain(Directory.changes(directory)))
        yield* Effect.yieldNow()
        yield* Effect.async<void>((resume) => void setTimeout(() => resume(Effect.void), 5))
        interruptNow(first)
        yield* first.await
        writeFileSync(join(shared.home, name), "")
        return yield* Stream.runHead(Directory.changes(directory))
      }))
      expect(await shared.run(program)).toMatchObject({ value: { _tag: "Created", name } })
      await shared.clean(name)
    }
  })
})
