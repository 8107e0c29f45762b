/**
 * Where an open file is read and written next. What moves it takes its turn; what names its own position does not. Not
 * a semaphore of Effect's: it is ten times the price of a read, and can lose a permit to an interruption.
 */
import * as Effect from "effect/Effect"
import { List } from "../engine/List.js"
import { settle, type Ticket } from "../settle.js"

class Turn implements Ticket {
  delivered = false
  listener: (() => void) | undefined = undefined
  previous: Turn | undefined = undefined
  next: Turn | undefined = undefined
  /** Its turn has come; otherwise, when delivered, it has left the line. */
  come = false

  deliver(): void {
    this.delivered = true
    this.listener?.()
  }
}

export class Cursor {
  position = 0n
  #busy = false
  readonly #line = new List<Turn>()

  /** Runs an effect after those before it, and before those behind it, however it ends. */
  exclusively<A, E>(work: () => Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.uninterruptibleMask((restore) => {
      const turn = this.#enter()
      return settle(
        restore,
        turn,
        () =>
          Effect.matchCauseEffect(restore(Effect.suspend(work)), {
            onSuccess: (value) => {
              this.#leave()
              return Effect.succeed(value)
            },
            onFailure: (cause) => {
              this.#leave()
              return Effect.failCause(cause)
            }
          }),
        () => {
          this.#line.remove(turn)
          turn.deliver()
        },
        (cause) => {
          if (turn.come) this.#leave()
          return Effect.failCause(cause)
        }
      )
    })
  }

  #enter(): Turn {
    const turn = new Turn()
    if (this.#busy) this.#line.push(turn)
    else {
      this.#busy = true
      turn.come = turn.delivered = true
    }
    return turn
  }

  #leave(): void {
    const turn = this.#line.shift()
    if (turn === undefined) this.#busy = false
    else {
      turn.come = true
      turn.deliver()
    }
  }
}
