/**
 * The one form in which a fiber waits for the kernel. `Effect.async` with a canceler can lose the canceler to an interruption
 * between its registration and its installation; here nothing is installed: the work is started inside the mask, the wait
 * has no side effects, and whoever leaves the wait early cancels and waits again, uninterruptibly.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/** What is waited for: once `delivered`, nothing of it changes any more. */
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
 * Waits for a ticket that was started inside this mask. `onSettled` when it was waited for to the end; `onAbandoned` when the
 * wait was left early: by then `cancel` has been called and the ticket has been delivered all the same.
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
