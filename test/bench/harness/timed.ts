// For runs that look at what they have done, on nobody's time.
import * as Effect from "effect/Effect"

/** Times an effect, and not what is looked at afterwards. */
export const timed = <A, E, R, B>(
  effect: Effect.Effect<A, E, R>,
  then: (value: A) => B
): Effect.Effect<{ readonly millis: number; readonly cpuMillis: number; readonly result: B }, E, R> =>
  Effect.suspend(() => {
    const begin = performance.now()
    const cpu = process.cpuUsage()
    return Effect.map(effect, (value) => {
      const millis = performance.now() - begin
      const { system, user } = process.cpuUsage(cpu)
      return { millis, cpuMillis: (system + user) / 1000, result: then(value) }
    })
  })
