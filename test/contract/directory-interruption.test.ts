/**
 * Directories, interrupted at every fiber step: while they are opened, while nothing happens, and while something does. After
 * each point no operation, handle, buffer or fiber may be left.
 */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as ManagedRuntime from "effect/ManagedRuntime"
import type * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Directory from "../../src/Directory.js"
import * as Kernel from "../../src/Kernel.js"
import * as lab from "../support/lab.js"
import { everyStep, interruptNow, runWith } from "../support/sweep.js"

type Program = Effect.Effect<unknown, unknown, Kernel.Kernel | Scope.Scope>

const runtime = ManagedRuntime.make(lab.layer)
let resolved: Runtime.Runtime<Kernel.Kernel>
let kernel: Kernel.Kernel.Service
let watched: ReturnType<typeof lab.watch>
let home: string
let serial = 0
let points = 0
let pendingPoints = 0

beforeAll(async () => {
  resolved = await runtime.runtime()
  kernel = await runtime.runPromise(Kernel.Kernel)
  watched = lab.watch(kernel)
  home = mkdtempSync(join(tmpdir(), "tpio-directories-"))
  mkdirSync(join(home, "below"))
})

afterAll(async () => {
  await runtime.dispose()
  rmSync(home, { recursive: true, force: true })
  console.log(
    `interruption sweep of directories on ${lab.kernelName}: ${points} points, a read in flight at ${pendingPoints} of them`
  )
})

const clean = async (where: string) => {
  await Effect.runPromise(lab.eventually(`${where}: handles closed`, () => watched.leftovers().openHandles === 0))
  expect({ where, ...watched.leftovers() }).toEqual({ where, ...lab.nothing })
}

/** Always the same file: what is watched does not grow. */
const happens = (): void => writeFileSync(join(home, "file"), `${serial++}`)

/** Nobody writes: what no step has interrupted ends by the clock, long after the last step. */
const idle = (directory: Directory.Directory) =>
  Effect.timeoutOption(Stream.runDrain(Directory.changes(directory)), "4 millis")

const programs: Record<string, () => Program> = {
  "Directory.open": () => Directory.open(home),
  "Directory.open, recursively": () => Directory.open(home, { recursive: true }),
  "Directory.open of what is missing": () => Directory.open(join(home, "missing")),
  "Directory.open of arguments that are refused": () => Directory.open(home, { bufferSize: 3 }),
  "a change that comes": () =>
    Effect.gen(function*() {
      const directory = yield* Directory.open(home)
      happens()
      yield* Stream.runHead(Directory.changes(directory))
    })
}

describe("interrupted at every fiber step", () => {
  for (const [name, program] of Object.entries(programs)) {
    it(name, { timeout: 30_000 }, async () => {
      let inFlight = 0
      const tried = await everyStep(
        resolved,
        name,
        () => Effect.scoped(Effect.suspend(program)),
        async ({ step }) => {
          await clean(`${name}, step ${step}`)
          if (inFlight > 0) pendingPoints++
          inFlight = 0
        },
        {
          onInterrupt: () => {
            inFlight = kernel.engine.counters.inFlight
          }
        }
      )
      expect(tried).toBeGreaterThan(3)
      points += tried
    })
  }

  it("a stream to which nothing comes", { timeout: 30_000 }, async () => {
    let inFlight = 0
    let counted = 0
    const tried = await everyStep(
      resolved,
      "idle",
      () => Effect.scoped(Effect.flatMap(Directory.open(home), idle)),
      async ({ step }) => {
        await clean(`idle, step ${step}`)
        if (inFlight > 0) counted++
        inFlight = 0
      },
      {
        from: () => kernel.engine.counters.inFlight > 0,
        onInterrupt: () => {
          inFlight = kernel.engine.counters.inFlight
        }
      }
    )
    expect(counted).toBeGreaterThan(5)
    points += tried
    pendingPoints += counted
  })
})

describe("completion and interruption in the same tick", () => {
  for (const order of ["completion first", "interruption first"] as const) {
    it(order, { timeout: 60_000 }, async () => {
      const { slots } = kernel.engine.kernel
      const original = slots.complete
      for (let round = 0; round < 30; round++) {
        let fiber: Parameters<typeof interruptNow>[0] | undefined
        let told = 0
        const program = Effect.gen(function*() {
          const directory = yield* Directory.open(home)
          slots.complete = function(...arguments_) {
            slots.complete = original
            if (order === "completion first") original.apply(slots, arguments_)
            interruptNow(fiber!)
            if (order === "interruption first") original.apply(slots, arguments_)
          }
          happens()
          yield* Stream.runForEach(Directory.changes(directory), () => Effect.sync(() => told++))
        })
        const exit = await runWith(resolved, Effect.scoped(program), (forked) => {
          fiber = forked
        })
        slots.complete = original
        await clean(`${order}, round ${round}`)
        expect(Exit.isInterrupted(exit)).toBe(true)
        expect(told).toBeLessThanOrEqual(2)
        points++
      }
    })
  }
})

describe("after an interruption", () => {
  it("what was not handed on is told to the next stream", async () => {
    for (let round = 0; round < 20; round++) {
      const name = `after-${round}`
      const program = Effect.scoped(Effect.gen(function*() {
        const directory = yield* Directory.open(home, { filter: ["fileName"] })
        const first = yield* Effect.fork(Stream.runDrain(Directory.changes(directory)))
        yield* Effect.yieldNow()
        yield* Effect.async<void>((resume) => void setTimeout(() => resume(Effect.void), 5))
        interruptNow(first)
        yield* first.await
        writeFileSync(join(home, name), "")
        return yield* Stream.runHead(Directory.changes(directory))
      }))
      expect(await runtime.runPromise(program)).toMatchObject({ value: { _tag: "Created", name } })
      await clean(name)
    }
  })
})
