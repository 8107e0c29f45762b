/** Spans around calls that take long enough to be worth one: a span costs some twenty microseconds. */
import * as Effect from "effect/Effect"

type Attributes = Readonly<Record<string, unknown>>

/** `ended` tells what came of it, as attributes. */
export const spanned = <A, E, R>(
  name: string,
  attributes: Attributes,
  effect: Effect.Effect<A, E, R>,
  ended?: (result: A) => Attributes
): Effect.Effect<A, E, R> =>
  Effect.withSpan(
    ended === undefined ? effect : Effect.tap(effect, (result) => Effect.annotateCurrentSpan(ended(result))),
    name,
    { attributes, captureStackTrace: false }
  ) as Effect.Effect<A, E, R>
