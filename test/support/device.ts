/**
 * A device that moves less than it is asked for: on any kernel, what reaches the system has the length that a test
 * decides, and succeeds with that.
 */
import * as Effect from "effect/Effect"
import type { Issue, Kernel as Internal } from "../../src/internal/kernel/Kernel.js"
import * as Kernel from "../../src/Kernel.js"
import { byHandles } from "./byHandles.js"

/** `length` answers how much of an operation is done. */
export const moving = <A, E, R>(length: (issue: Issue) => number, effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Kernel.Kernel, ({ engine }) => {
    const internal = engine.kernel as { issue: Internal["issue"] }
    const original = internal.issue
    const end = byHandles(engine.kernel)
    internal.issue = (issue) =>
      original.call(
        engine.kernel,
        new Proxy(issue, { get: (target, key) => key === "length" ? length(target) : target[key as keyof Issue] })
      )
    const restore = () => {
      internal.issue = original
      end()
    }
    return Effect.ensuring(effect, Effect.sync(restore))
  })

/** Every write succeeds with 0 bytes. */
export const takesNothing = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  moving(({ kind, length }) => kind === "write" ? 0 : length, effect)

/** Every read and write moves at most so many bytes. */
export const movesAtMost = <A, E, R>(bytes: number, effect: Effect.Effect<A, E, R>) =>
  moving(({ kind, length }) => kind === "read" || kind === "write" ? Math.min(length, bytes) : length, effect)
