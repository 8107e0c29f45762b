/**
 * The one form in which a fiber waits for the kernel. `Effect.async` with a canceler can lose the canceler to an
 * interruption between its registration and its installation; here nothing is installed: the work is started inside the
 * mask, the wait has no side effects, and whoever leaves the wait early cancels and waits again, uninterruptibly.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/** A result to wait for: once `delivered`, nothing of it changes any more. */
export interface Ticket {
  readonly delivered: boolean
  listener: (() => void) | undefined
}

export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

const wait = (ticket: Ticket): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    // It may have been delivered before this registration ran.
    if (ticket.delivered) resume(Exit.void)
    else ticket.listener = () => resume(Exit.void)
  })

/**
 * Waits for a ticket that was started inside this mask. `onSettled` when it was waited for to the end; `onAbandoned`
 * when the wait was left early: by then `cancel` has been called and the ticket has been delivered all the same.
 */
export const settle = <A, E, B, E2>(
  restore: Restore,
  ticket: Ticket,
  onSettled: () => Effect.Effect<A, E>,
  cancel: () => void,
  onAbandoned: (cause: Cause.Cause<never>) => Effect.Effect<B, E2>
): Effect.Effect<A | B, E | E2> => {
  if (ticket.delivered) return onSettled()
  return Effect.matchCauseEffect(restore(wait(ticket)), {
    onSuccess: onSettled,
    onFailure: (cause) => {
      if (ticket.delivered) return onAbandoned(cause)
      cancel()
      return Effect.flatMap(wait(ticket), () => onAbandoned(cause))
    }
  })
}

/**
 * The same for many tickets at once, which one fiber starts and waits for: for some of them, or for all. What is
 * started is started inside a mask, and whoever leaves early cancels all of it and waits again: `settleMany` around a
 * fiber's use of it, or `stop` as a finalizer.
 */
export class Flight {
  #underWay = 0
  #enough: (() => boolean) | undefined = undefined
  #wake: (() => void) | undefined = undefined

  /** `cancelAll`: also starts nothing more. */
  constructor(private readonly cancelAll: () => void) {}

  get underWay(): number {
    return this.#underWay
  }

  /** Takes on a ticket that has just been started and has not been delivered; `then` runs when it is. */
  add(ticket: Ticket, then?: () => void): void {
    this.#underWay++
    ticket.listener = then === undefined ? this.#delivered : () => {
      this.#underWay--
      then()
      this.#look()
    }
  }

  readonly #delivered = (): void => {
    this.#underWay--
    this.#look()
  }

  /** Wakes whoever waits, if it is for this. */
  #look(): void {
    if (this.#wake === undefined || !this.#enough!()) return
    const wake = this.#wake
    this.#wake = this.#enough = undefined
    wake()
  }

  /** Waits until `enough` holds, which is asked again at every delivery. For one fiber at a time. */
  until(enough: () => boolean): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      this.#enough = enough
      this.#wake = () => resume(Exit.void)
      this.#look()
    })
  }

  readonly #idle = (): boolean => this.#underWay === 0

  /** Nothing is under way when this has ended. Run uninterruptibly. */
  readonly stop: Effect.Effect<void> = Effect.suspend(() => {
    this.cancelAll()
    return this.#underWay === 0 ? Effect.void : this.until(this.#idle)
  })
}

/** Inside a mask: however `use` ends, nothing is under way, and `ended` has run, before anybody hears of it. */
export const settleMany = <A, E, R>(
  flight: Flight,
  use: Effect.Effect<A, E, R>,
  ended: Effect.Effect<void>
): Effect.Effect<A, E, R> =>
  Effect.matchCauseEffect(use, {
    onSuccess: (value) => Effect.as(Effect.zipRight(flight.stop, ended), value),
    onFailure: (cause) => Effect.zipRight(Effect.zipRight(flight.stop, ended), Effect.failCause(cause))
  })
