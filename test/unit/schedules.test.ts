/**
 * Random schedules of the engine: submissions, completions, cancellations, turns and time in any order, and a close at
 * any moment. `TPIO_SEED` replays a run; the seed of every run is printed.
 */
import { expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as C from "../../src/internal/constants.js"
import type { Operation as Issued } from "../../src/internal/engine/Operation.js"
import type { CloseReport, ThreadpoolIoObject } from "../../src/internal/engine/ThreadpoolIoObject.js"
import { isBalanced } from "../../src/Ledger.js"
import { type Bench, bench, closed, done, DRAIN, readInto } from "../support/bench.js"
import * as simulated from "../support/simulated.js"

const seed = Number(process.env["TPIO_SEED"] ?? Date.now() % 2 ** 31)
const SCHEDULES = Number(process.env["TPIO_SCHEDULES"] ?? 500)

// --- what can happen

type Step =
  | { readonly _tag: "submit"; readonly plan: number; readonly buffer: number }
  | { readonly _tag: "cancel" | "complete"; readonly which: number }
  | { readonly _tag: "cancelAll" | "turn" | "settle" | "close" }
  | { readonly _tag: "pass"; readonly ms: number }

const plans: ReadonlyArray<simulated.Plan> = [
  simulated.packet,
  simulated.inline(done),
  simulated.failAtStart(C.ERROR_ACCESS_DENIED),
  simulated.duringIssue(done),
  simulated.duringIssue(done, C.ERROR_SUCCESS),
  simulated.pend,
  simulated.pendUntilCancelled(done),
  simulated.stuck,
  simulated.ignoringCancels(1)
]

/** The number of buffers, few enough that operations in flight conflict now and then. */
const BUFFERS = 12

const tagged = <T extends Step["_tag"]>(...tags: ReadonlyArray<T>) => fc.constantFrom(...tags)
const submit = fc.record({ _tag: tagged("submit"), plan: fc.nat(plans.length - 1), buffer: fc.nat(BUFFERS - 1) })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: submit },
  { weight: 6, arbitrary: fc.record({ _tag: tagged("cancel", "complete"), which: fc.nat(20) }) },
  { weight: 4, arbitrary: fc.record({ _tag: tagged("turn", "settle", "cancelAll") }) },
  { weight: 2, arbitrary: fc.record({ _tag: tagged("pass"), ms: fc.nat(DRAIN) }) },
  { weight: 1, arbitrary: fc.record({ _tag: tagged("close") }) }
)

const setting = fc.record({
  steps: fc.array(step, { maxLength: 100, size: "max" }),
  maxInFlight: fc.constantFrom(1, 2, 7),
  skipMode: fc.boolean(),
  owned: fc.boolean(),
  unbind: fc.boolean()
})

// --- a run

class Run {
  readonly #buffers = Array.from({ length: BUFFERS }, () => new Uint8Array(8))
  readonly submitted: Array<Issued> = []
  /** How often who waits for each has been told. */
  readonly told: Array<number> = []
  close: { readonly report: CloseReport | undefined } | undefined

  constructor(readonly here: Bench, readonly object: ThreadpoolIoObject) {}

  take(step: Step): void {
    const { control, loop, settle } = this.here
    switch (step._tag) {
      case "submit":
        return this.#submit(plans[step.plan]!, this.#buffers[step.buffer]!)
      case "cancel":
        if (this.submitted.length > 0) this.object.cancel(this.submitted[step.which % this.submitted.length]!)
        return
      case "complete":
        return control.pending[step.which % control.pending.length]?.complete(done)
      case "cancelAll":
        return this.object.cancelAll()
      case "turn":
        return void (loop.turn() || control.turn())
      case "settle":
        return settle()
      case "pass":
        return loop.pass(step.ms)
      case "close":
        this.close ??= closed(this.object)
    }
  }

  #submit(plan: simulated.Plan, buffer: Uint8Array): void {
    this.here.control.script(plan)
    const index = this.submitted.length
    const operation = this.object.submit(readInto(buffer))
    this.submitted.push(operation)
    this.told.push(operation.delivered ? 1 : 0)
    operation.listener = () => this.told[index]!++
  }
}

/** Checks the conditions that hold at every moment. */
const invariants = ({ here, object }: Run) => {
  const { inFlight } = object.counters
  expect(isBalanced(object.counters.read())).toBe(true)
  expect(inFlight).toBeLessThanOrEqual(object.options.maxInFlight)
  expect(here.loop.refs).toBe(inFlight > 0 ? 1 : 0)
  expect(here.kernel.slots.stray).toBeLessThanOrEqual(object.counters.quarantined)
}

/** Checks the conditions that hold once the object has closed. */
const end = ({ close, here, object, told }: Run, staysBound: boolean) => {
  const { quarantined } = object.counters
  expect(told).toEqual(told.map(() => 1))
  expect(close!.report).toMatchObject({ defect: undefined, closeStatus: C.ERROR_SUCCESS })
  expect(close!.report!.quarantined).toHaveLength(quarantined)
  expect(object.counters).toMatchObject({ inFlight: 0, queued: 0 })
  expect([here.loop.refs, here.loop.timers, here.engine.objects.size]).toEqual([0, 0, 0])
  const kept = quarantined > 0 || staysBound
  expect(here.control.census()).toMatchObject({ objects: kept ? 1 : 0, inFlight: here.control.pending.length })
  expect(here.engine.buffers.lentBytes > 0).toBe(quarantined > 0)
}

it(`${SCHEDULES} schedules: each operation is told once, the ledger balances at every step, and every close ends`, () => {
  let quarantined = 0
  let refused = 0
  fc.assert(
    fc.property(setting, ({ maxInFlight, owned, skipMode, steps, unbind }) => {
      const here = bench()
      here.control.unbindSupported = unbind
      const run = new Run(here, here.bind({ maxInFlight, owned, skipMode }))
      for (const one of steps) {
        run.take(one)
        invariants(run)
      }
      run.take({ _tag: "close" })
      here.settle()
      here.loop.pass(DRAIN)
      here.settle()
      end(run, !owned && !unbind)
      quarantined += run.object.counters.quarantined
      refused += run.submitted.filter(({ ending }) => ending === "refused").length
    }),
    { seed, numRuns: SCHEDULES }
  )
  console.log(`${SCHEDULES} schedules, ${quarantined} operations quarantined, ${refused} refused; TPIO_SEED=${seed}`)
  expect([quarantined > 0, refused > 0]).toEqual([true, true])
})
