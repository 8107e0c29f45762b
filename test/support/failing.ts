/**
 * A device that fails at one operation: on any kernel, the n-th initiating call of an effect answers an error, as if
 * the system had, and no packet follows.
 */
import * as Effect from "effect/Effect"
import type { Kernel as Internal } from "../../src/internal/kernel/Kernel.js"
import * as Kernel from "../../src/Kernel.js"
import { byHandles } from "./byHandles.js"

/** The `count`-th call, from 1 on, fails with `status`. */
export const failingIssue = <A, E, R>(count: number, status: number, effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Kernel.Kernel, ({ engine }) => {
    const internal = engine.kernel as { issue: Internal["issue"] }
    const original = internal.issue
    const end = byHandles(engine.kernel)
    let calls = 0
    internal.issue = (issue) => ++calls === count ? status : original.call(engine.kernel, issue)
    const restore = () => {
      internal.issue = original
      end()
    }
    return Effect.ensuring(effect, Effect.sync(restore))
  })
