/**
 * The small parts of the engine: its list, file offsets, and what it needs of node's event loop.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Counters } from "../../src/internal/engine/Ledger.js"
import { List } from "../../src/internal/engine/List.js"
import { nodeCall } from "../../src/internal/fileSystem/nodeCall.js"
import { node } from "../../src/internal/kernel/Host.js"
import * as Offset from "../../src/internal/offset.js"
import type { Kernel } from "../../src/Kernel.js"

describe("a list through its items", () => {
  interface Item {
    readonly name: string
    previous: Item | undefined
    next: Item | undefined
  }
  const filled = (names: string) => {
    const list = new List<Item>()
    const items = [...names].map((name): Item => ({ name, previous: undefined, next: undefined }))
    for (const item of items) list.push(item)
    return { list, items }
  }
  const names = (list: List<Item>) => [...list].map(({ name }) => name).join("")

  for (const without of ["", "a", "b", "c", "ab", "ba", "bc", "cb", "ac", "ca", "abc", "cba", "bac"]) {
    it(`keeps its order when "${without}" leaves it, and takes it again at its end`, () => {
      const { items, list } = filled("abc")
      const leaving = [...without].map((name) => items.find((item) => item.name === name)!)
      for (const item of leaving) {
        list.remove(item)
        expect([item.previous, item.next]).toEqual([undefined, undefined])
      }
      const left = [..."abc"].filter((name) => !without.includes(name)).join("")
      expect([names(list), list.length, list.first?.name]).toEqual([left, left.length, left[0]])
      for (const item of leaving) list.push(item)
      expect([names(list), list.length]).toEqual([left + without, 3])
      expect([list.shift()?.name, list.shift()?.name, list.shift()?.name, list.shift()?.name])
        .toEqual([...left + without, undefined])
      expect([list.length, names(list)]).toEqual([0, ""])
    })
  }
  it("can lose the item at hand while it is gone through", () => {
    const { list } = filled("abc")
    const seen: Array<string> = []
    for (const item of list) {
      seen.push(item.name)
      list.remove(item)
    }
    expect([seen.join(""), list.length]).toEqual(["abc", 0])
  })
})

describe("rule 26: an offset", () => {
  const halves = (offset: number | bigint) => [Offset.low(offset), Offset.high(offset)]
  const exact: ReadonlyArray<readonly [offset: number | bigint, low: number, high: number]> = [
    [0, 0, 0],
    [0n, 0, 0],
    [0xffff_ffff, 0xffff_ffff, 0],
    [0xffff_ffffn, 0xffff_ffff, 0],
    [0x1_0000_0000, 0, 1],
    [0x1_0000_0000n, 0, 1],
    [0x12_3456_789a, 0x3456_789a, 0x12],
    [Number.MAX_SAFE_INTEGER, 0xffff_ffff, 0x1f_ffff],
    [0x7fff_ffff_ffff_ffffn, 0xffff_ffff, 0x7fff_ffff]
  ]
  for (const [offset, low, high] of exact) {
    it(`of ${offset}${typeof offset === "bigint" ? "n" : ""} goes exactly into two halves`, () => {
      expect(Offset.offsetProblem(offset)).toBeUndefined()
      expect(halves(offset)).toEqual([low, high])
    })
  }
  for (const offset of [-1, -1n, 0.5, NaN, Infinity, 2 ** 53, 0x8000_0000_0000_0000n]) {
    it(`of ${offset}${typeof offset === "bigint" ? "n" : ""} is refused, by name`, () => {
      expect(Offset.offsetProblem(offset)).toContain(String(offset))
    })
  }
  const { MAX_SAFE_INTEGER } = Number
  const steps: ReadonlyArray<readonly [from: number | bigint, by: number, to: number | bigint]> = [
    [5, 3, 8],
    [5n, 3, 8n],
    [MAX_SAFE_INTEGER - 1, 1, MAX_SAFE_INTEGER],
    [MAX_SAFE_INTEGER, 2, 0x20_0000_0000_0001n],
    [0.5, 1, 1.5]
  ]
  for (const [from, by, to] of steps) {
    it(`of ${from}${typeof from === "bigint" ? "n" : ""} is, ${by} bytes on, exactly ${to}`, () => {
      expect(Offset.advance(from, by)).toBe(to)
    })
  }
  it("that is none stays none, however far on", () => {
    for (const none of [NaN, Infinity, "5", null, undefined]) {
      expect(Offset.advance(none as number, 1)).toBe(none)
    }
  })
})

describe("node's event loop", () => {
  /** Timers that keep the process alive. */
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length

  it("is held while anybody holds it, and let go with the last", () => {
    const before = timers()
    const held: Array<number> = []
    for (const step of ["ref", "ref", "unref", "unref", "ref", "unref"] as const) {
      node[step]()
      held.push(timers() - before)
    }
    expect(held).toEqual([1, 1, 1, 0, 1, 0])
  })
  it("calls back after a time, and not when that is taken back", async () => {
    const called: Array<string> = []
    const takeBack = node.setTimer(1, () => called.push("taken back"))
    takeBack()
    const begin = node.now()
    await new Promise<void>((resolve) => node.setTimer(20, resolve))
    const elapsed = node.now() - begin
    expect([called, elapsed > 15, elapsed < 10_000]).toEqual([[], true, true])
  })
  it("does not take a very long time for none at all", async () => {
    let called = false
    const takeBack = node.setTimer(2 ** 40, () => called = true)
    await new Promise<void>((resolve) => node.setTimer(20, resolve))
    takeBack()
    expect(called).toBe(false)
  })
  it("defers to a later turn: microtasks run before", async () => {
    const order: Array<string> = []
    const deferred = new Promise<void>((resolve) =>
      node.defer(() => {
        order.push("deferred")
        resolve()
      })
    )
    for (let hop = 0; hop < 10; hop++) await Promise.resolve()
    order.push("microtasks")
    await deferred
    expect(order).toEqual(["microtasks", "deferred"])
  })
})

it("a ledger that has been read does not move any more", () => {
  const counters = new Counters()
  counters.began()
  const read = counters.read()
  counters.ended("completedInline")
  expect([read.inFlight, read.completedInline]).toEqual([1, 0])
  expect(counters).toMatchObject({ started: 1, inFlight: 0, completedInline: 1 })
})

for (const how of ["completedByCallback", "completedInline", "failedAtStart"] as const) {
  it(`an operation that is ${how} counts as that alone`, () => {
    const counters = new Counters()
    counters.began()
    counters.ended(how)
    const none = { completedByCallback: 0, completedInline: 0, failedAtStart: 0 }
    expect(counters).toMatchObject({ started: 1, inFlight: 0, ...none, [how]: 1 })
  })
}

describe("a call of node:fs", () => {
  it.live("that is interrupted is not given up at once because its drainTimeout is longer than node's timers can be", () =>
    Effect.gen(function*() {
      const kernel = { drainTimeout: Duration.days(30) } as Kernel.Service
      let done = () => {}
      const disposed: Array<number> = []
      const call = nodeCall<number>(
        kernel,
        { method: "stat", path: "file", dispose: (it) => disposed.push(it) },
        (told) => {
          done = () => told(null, 7)
        }
      )
      const fiber = yield* Effect.fork(call)
      yield* Effect.sleep(1)
      const interrupted = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* Effect.sleep(30)
      expect(yield* Fiber.poll(interrupted)).toMatchObject({ _tag: "None" })
      done()
      yield* Fiber.join(interrupted)
      expect(disposed).toEqual([7])
    }))
})
