/**
 * Synchronous calls of node:fs over many names, a slice at a time. An lstat or mkdir takes microseconds, and ten times that
 * through libuv's queue; between slices the event loop turns, so that signals, timers and completions are heard.
 */
import * as Effect from "effect/Effect"
import { PipelineError } from "../../PipelineError.js"

const SLICE_MS = 8

const turn: Effect.Effect<void> = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** Runs `step` until it answers `false`. It may throw a `PipelineError`. */
export const whileTurns = (step: () => boolean): Effect.Effect<void, PipelineError> => {
  let more = true
  const slice = Effect.suspend(() => {
    const end = performance.now() + SLICE_MS
    try {
      do more = step()
      while (more && performance.now() < end)
    } catch (thrown) {
      return thrown instanceof PipelineError ? Effect.fail(thrown) : Effect.die(thrown)
    }
    return Effect.void
  })
  return Effect.whileLoop({ while: () => more, body: () => Effect.zipRight(turn, slice), step: () => {} })
}

/** Runs a synchronous function, which may throw a `PipelineError`, over all items in order. */
export const forEachInTurns = <A>(
  items: ReadonlyArray<A>,
  f: (item: A) => void
): Effect.Effect<void, PipelineError> => {
  let next = 0
  return whileTurns(() => {
    if (next === items.length) return false
    f(items[next++]!)
    return next < items.length
  })
}
