/**
 * Synchronous calls of node:fs over many names, a slice at a time. An lstat or mkdir takes microseconds, and ten times that
 * through libuv's queue; between slices the event loop turns, so that signals, timers and completions are heard.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Kernel } from "../../Kernel.js"
import { PipelineError } from "../../PipelineError.js"
import * as Host from "../engine/Host.js"

const SLICE_MS = 8

const turnOf = (host: Host.Host): Effect.Effect<void> =>
  Effect.async<void>((resume) => host.defer(() => resume(Effect.void)))

/** Whose event loop it is: the kernel's, where there is one. */
const host = Effect.map(
  Effect.serviceOption(Kernel),
  Option.match({ onNone: () => Host.node, onSome: ({ engine }) => engine.host })
)

/** Runs `step` until it answers `false`. It may throw a `PipelineError`. */
export const whileTurns = (step: () => boolean): Effect.Effect<void, PipelineError> =>
  Effect.flatMap(host, (host) => whileTurnsOf(host, step))

const whileTurnsOf = (host: Host.Host, step: () => boolean): Effect.Effect<void, PipelineError> => {
  const turn = turnOf(host)
  let more = true
  const slice = Effect.suspend(() => {
    const end = host.now() + SLICE_MS
    try {
      do more = step()
      while (more && host.now() < end)
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
