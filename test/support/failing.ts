/**
 * A device that fails at one operation: on any kernel, the n-th initiating call of an effect answers an error, as if
 * the system had, and no packet follows.
 */
import * as Effect from "effect/Effect"
import type { Issue, Kernel as Internal } from "../../src/internal/kernel/Kernel.js"
import * as Kernel from "../../src/Kernel.js"
import { byHandles } from "./byHandles.js"

/** The `count`-th call, from 1 on, fails with `status`. */
export const failingIssue = <A, E, R>(count: number, status: number, effect: Effect.Effect<A, E, R>) => {
  let calls = 0
  return failingWhere(() => ++calls === count, status, effect)
}

/** A bad place of a device: every call whose window has the byte at `offset` in it fails with `status`. */
export const failingAt = <A, E, R>(offset: number, status: number, effect: Effect.Effect<A, E, R>) =>
  failingWhere(({ length, offsetLow }) => offsetLow <= offset && offset < offsetLow + length, status, effect)

const failingWhere = <A, E, R>(fails: (issue: Issue) => boolean, status: number, effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Kernel.Kernel, ({ engine }) => {
    const internal = engine.kernel as { issue: Internal["issue"] }
    const original = internal.issue
    const end = byHandles(engine.kernel)
    internal.issue = (issue) => fails(issue) ? status : original.call(engine.kernel, issue)
    const restore = () => {
      internal.issue = original
      end()
    }
    return Effect.ensuring(effect, Effect.sync(restore))
  })
