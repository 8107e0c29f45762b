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

chai.use(JestExtend)
chai.use(JestChaiExpect)
chai.use(JestAsymmetricMatchers)

export const expect = Object.assign(
  (value, message) => chai.expect(value, message),
  chai.expect,
  globalThis[ASYMMETRIC_MATCHERS_OBJECT],
  { unreachable: (message = "what must not be reached") => chai.assert.fail(message) }
)
setState({ assertionCalls: 0, isExpectingAssertions: false, environment: "node" }, expect)
chai.expect.extend(expect, customMatchers)

const collected = []
const path = []

/** The tests of what has been imported since the last time. */
export const collect = () => collected.splice(0)

export const describe = (name, body) => {
  path.push(name)
  body()
  path.pop()
}

const test = (toPromise) => (name, body) => {
  collected.push({ name: [...path, name].join(" › "), run: () => toPromise(body) })
}

const services = Layer.provide(TestContext.TestContext, Logger.remove(Logger.defaultLogger))
const run = (effect) => Effect.runPromise(effect)

export const it = Object.assign(test(async (body) => body()), {
  live: test((body) => run(Effect.suspend(body))),
  effect: test((body) => run(Effect.provide(Effect.suspend(body), services))),
  scoped: test((body) => run(Effect.provide(Effect.scoped(Effect.suspend(body)), services)))
})
