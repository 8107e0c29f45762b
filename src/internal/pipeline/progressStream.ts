/**
 * The progress of a pipeline as a stream, of which only the latest state is kept.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { aFunction, isAnEffect, throwWrong, wrong } from "../arguments.js"

/** The last progress of the pipeline, and the fiber that waits for it. */
class Latest<P extends object, E> {
  #state: P | undefined
  #exit: Exit.Exit<unknown, E> | undefined
  #listener: (() => void) | undefined

  readonly tell = (state: P): void => {
    // It goes on changing: whoever gets it keeps what it was.
    this.#state = { ...state }
    this.#wake()
  }

  end(exit: Exit.Exit<unknown, E>): void {
    this.#exit = exit
    this.#wake()
  }

  #wake(): void {
    const listener = this.#listener
    this.#listener = undefined
    listener?.()
  }

  readonly take: Effect.Effect<P, Option.Option<E>> = Effect.suspend(() => {
    const state = this.#state
    if (state !== undefined) {
      this.#state = undefined
      return Effect.succeed(state)
    }
    if (this.#exit !== undefined) {
      return Exit.isSuccess(this.#exit)
        ? Effect.fail(Option.none())
        : Effect.mapError(Effect.failCause(this.#exit.cause), Option.some)
    }
    const told = Effect.async<void>((resume) => {
      if (this.#state !== undefined || this.#exit !== undefined) resume(Effect.void)
      else this.#listener = () => resume(Effect.void)
    })
    return Effect.flatMap(told, () => this.take)
  })
}

export const progress = <A, E, R, P extends object>(
  run: (onProgress: (progress: P) => void) => Effect.Effect<A, E, R>
): Stream.Stream<P, E, R> =>
  Stream.unwrapScoped(Effect.suspend(() => {
    const latest = new Latest<P, E>()
    const pipeline = Effect.onExit(
      Effect.suspend(() => {
        const problem = wrong("run", run, aFunction)
        if (problem !== undefined) return throwWrong("Pipeline.progress", problem)
        const pipeline = run(latest.tell)
        const answer = wrong("what run answers", pipeline, isAnEffect)
        return answer === undefined ? pipeline : throwWrong("Pipeline.progress", answer)
      }),
      (exit) => Effect.sync(() => latest.end(exit))
    )
    return Effect.as(Effect.forkScoped(pipeline), Stream.repeatEffectOption(latest.take))
  }))
