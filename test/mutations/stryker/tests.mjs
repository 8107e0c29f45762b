// The part of `@effect/vitest` that the unit tests use, without vitest: tests are collected here, and run by
// `runner.mjs` one by one in its own process. Most of them take less than a millisecond, where a start of vitest for
// each mutant takes a second or two.
import {
  ASYMMETRIC_MATCHERS_OBJECT,
  customMatchers,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState
} from "@vitest/expect"
import * as chai from "chai"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as TestContext from "effect/TestContext"
import { setTimeout } from "node:timers"

chai.use(JestExtend)
chai.use(JestChaiExpect)
chai.use(JestAsymmetricMatchers)

export const expect = Object.assign(
  (value, message) => chai.expect(value, message),
  chai.expect,
  globalThis[ASYMMETRIC_MATCHERS_OBJECT],
  { unreachable: (message = "what must not be reached") => chai.assert.fail(message) }
)
/** The file of the test that runs. */
let running = ""
expect.getState = () => ({ testPath: running })
setState({ assertionCalls: 0, isExpectingAssertions: false, environment: "node" }, expect)
chai.expect.extend(expect, customMatchers)

const collected = []
/** The `describe` that is open, in those around it. */
let suite = { name: "", parent: undefined, hooks: {} }
const suitesOf = (one) => one === undefined ? [] : [...suitesOf(one.parent), one]

/** The file whose tests are collected next, with hooks of its own. */
let file = ""
export const begins = (path) => {
  file = path
  suite = { name: "", parent: undefined, hooks: {} }
}

/** The tests of what has been imported since the last time. */
export const collect = () => collected.splice(0)

const each = (of) => (rows) => (name, body, timeout) => {
  for (const row of rows) {
    const values = [row].flat()
    let next = 0
    const text = name.replace(/%[sdijo]/g, () => String(values[next++])).replace(
      /\$(\w+)/g,
      (_, key) => String(row[key])
    )
    of(text, () => body(...values), timeout)
  }
}

/** Behind a limit of time, or before it. */
const bodyOf = (parameters) => parameters.find((one) => typeof one === "function")

const describing = (name, ...parameters) => {
  suite = { name, parent: suite, hooks: {} }
  bodyOf(parameters)()
  suite = suite.parent
}
const nothing = () => {}
const withWays = (run, skip = nothing) =>
  Object.assign(run, {
    each: each(run),
    skip,
    skipIf: (condition) => condition ? skip : run,
    runIf: (condition) => condition ? run : skip
  })
export const describe = withWays(describing)

const hook = (when) => (body) => void (suite.hooks[when] ??= []).push(body)
export const beforeAll = hook("beforeAll")
export const afterAll = hook("afterAll")
export const beforeEach = hook("beforeEach")
export const afterEach = hook("afterEach")

const runHooks = async (suites, when) => {
  for (const { hooks } of suites) for (const body of hooks[when] ?? []) await body()
}

/** The suites whose `beforeAll` has run. */
const begun = new Set()

/** Runs `afterAll` of all that has begun: nothing of one load outlives it. */
export const finish = async () => {
  const suites = [...begun].reverse()
  begun.clear()
  await runHooks(suites, "afterAll")
}

const test = (toPromise) =>
  withWays((name, ...parameters) => {
    const suites = suitesOf(suite)
    const body = bodyOf(parameters)
    const here = file
    const run = async () => {
      running = here
      for (const one of suites) {
        if (begun.has(one)) continue
        begun.add(one)
        await runHooks([one], "beforeAll")
      }
      try {
        await runHooks(suites, "beforeEach")
        await toPromise(body)
      } finally {
        await runHooks([...suites].reverse(), "afterEach")
      }
    }
    collected.push({ file, name: [...suites.map((one) => one.name), name].filter(Boolean).join(" › "), run })
  })

const services = Layer.provide(TestContext.TestContext, Logger.remove(Logger.defaultLogger))
const run = (effect) => Effect.runPromise(effect)

export const it = Object.assign(test(async (body) => body()), {
  live: test((body) => run(Effect.suspend(body))),
  effect: test((body) => run(Effect.provide(Effect.suspend(body), services))),
  scoped: test((body) => run(Effect.provide(Effect.scoped(Effect.suspend(body)), services)))
})

/** The part of vitest's own that these tests use. */
export const { assert } = chai
export const vi = {
  fn: () => {
    const calls = []
    const answer = (...values) => void calls.push(values)
    return Object.assign(answer, { _isMockFunction: true, mock: { calls }, getMockName: () => "it" })
  },
  spyOn: (object, name) => {
    const original = object[name]
    const spy = {
      mockImplementation: (other) => {
        object[name] = other
        return spy
      },
      mockRestore: () => void (object[name] = original)
    }
    return spy
  },
  waitFor: async (look) => {
    for (let looks = 0; looks < 1000; looks++) {
      try {
        return look()
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
    return look()
  }
}
