/**
 * Bounded concurrency for many small pieces of work: a few fibers that each take the next item, where `Effect.forEach` would
 * start and join a fiber for every single one.
 */
import * as Effect from "effect/Effect"

/** `fiber` gets what each fiber needs for itself, in its scope; `work` is done for every item in turn. */
export const forEachOfFew = <A, E, R, Own, E2, R2>(
  items: { readonly length: number; readonly at: (index: number) => A },
  fibers: number,
  own: Effect.Effect<Own, E2, R2>,
  work: (item: A, own: Own) => Effect.Effect<void, E, R>
): Effect.Effect<void, E | E2, R | R2> =>
  Effect.suspend(() => {
    let next = 0
    const fiber = Effect.flatMap(own, (mine) =>
      Effect.whileLoop({
        while: () => next < items.length,
        body: () => work(items.at(next++), mine),
        step: () => {}
      }))
    const few = Math.min(fibers, items.length)
    if (few <= 1) return few === 0 ? Effect.void : fiber
    return Effect.forEach(Array.from({ length: few }), () => fiber, { concurrency: "unbounded", discard: true })
  })
