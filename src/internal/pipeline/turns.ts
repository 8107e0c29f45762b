/**
 * Synchronous calls of node:fs over many names, a slice at a time. An lstat or mkdir takes microseconds, and ten times
 * that through libuv's queue; between slices the event loop turns, so that signals, timers and completions are heard.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { Kernel } from "../../Kernel.js"
import { PipelineError } from "../../PipelineError.js"
import * as Host from "../kernel/Host.js"

const SLICE_MS = 8

/** One after the other, however many pieces of work share them. */
export class Slices {
  #end = -Infinity

  constructor(private readonly host: Host.Host) {}

  get over(): boolean {
    return this.host.now() >= this.#end
  }

  readonly turn: Effect.Effect<void> = Effect.async<void>((resume) =>
    this.host.defer(() => {
      this.#end = this.host.now() + SLICE_MS
      resume(Effect.void)
    })
  )
}

/** The slices of the kernel's event loop, where there is one. */
export const slices: Effect.Effect<Slices> = Effect.map(
  Effect.serviceOption(Kernel),
  (kernel) => new Slices(Option.match(kernel, { onNone: () => Host.node, onSome: ({ engine }) => engine.host }))
)

/** Runs `step` until it answers `false`, or an effect that does. It may throw a `PipelineError`. */
export const whileInSlices = <E = never, R = never>(
  slices: Slices,
  step: () => boolean | Effect.Effect<boolean, E, R>
): Effect.Effect<void, E | PipelineError, R> => {
  let more = true
  const slice = Effect.suspend((): Effect.Effect<void, E | PipelineError, R> => {
    try {
      do {
        const answer = step()
        if (typeof answer !== "boolean") {
          return Effect.map(answer, (it) => {
            more = it
          })
        }
        more = answer
      } while (more && !slices.over)
    } catch (thrown) {
      return thrown instanceof PipelineError ? Effect.fail(thrown) : Effect.die(thrown)
    }
    return Effect.void
  })
  return Effect.whileLoop({
    while: () => more,
    body: () => slices.over ? Effect.zipRight(slices.turn, slice) : slice,
    step: () => {}
  })
}

/** The same, with slices of its own. */
export const whileTurns = (step: () => boolean): Effect.Effect<void, PipelineError> =>
  Effect.flatMap(slices, (slices) => whileInSlices(slices, step))

/** Runs an effect, which takes little time, for each of many items in order. */
export const forEachInTurns = <A, E, R>(
  items: Iterable<A>,
  f: (item: A) => Effect.Effect<void, E, R>
): Effect.Effect<void, E, R> =>
  Effect.flatMap(slices, (slices) => {
    const rest = items[Symbol.iterator]()
    let next = rest.next()
    const one = Effect.suspend(() => {
      const { value } = next as IteratorYieldResult<A>
      next = rest.next()
      return f(value)
    })
    return Effect.whileLoop({
      while: () => next.done !== true,
      body: () => slices.over ? Effect.zipRight(slices.turn, one) : one,
      step: () => {}
    })
  })
