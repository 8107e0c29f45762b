/**
 * Bounded concurrency for many small pieces of work: a few fibers that each take the next item, where `Effect.forEach`
 * would start and join a fiber for every single one. And where an interruption in the very moment of forking could make
 * that of Effect 3.22 wait for ever, this waits for each of its fibers, once.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { RuntimeFiber } from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import { settle, type Ticket } from "../settle.js"

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
    return few <= 1 ? (few === 0 ? Effect.void : fiber) : together(fiber, few)
  })

/** Runs so many of an effect. The first failure interrupts the others; all are waited for, however they end. */
const together = <E, R>(effect: Effect.Effect<void, E, R>, count: number): Effect.Effect<void, E, R> =>
  Effect.uninterruptibleMask((restore) => {
    const group = new Group<E>(count)
    // This fiber may yield between the two, and the new one fail meanwhile.
    const forkOne = Effect.map(Effect.fork(restore(effect)), (fiber) => group.add(fiber))
    const fork = () => group.failed === undefined ? forkOne : Effect.sync(() => group.leaveOut())
    let forked = 0
    const forkAll = Effect.whileLoop({ while: () => forked++ < count, body: fork, step: () => {} })
    return Effect.flatMap(
      forkAll,
      () =>
        settle(
          restore,
          group,
          () => group.result,
          () => group.interrupt(),
          (cause) => Effect.failCause(group.failed === undefined ? cause : Cause.sequential(cause, group.failed))
        )
    )
  })

class Group<E> implements Ticket {
  listener: (() => void) | undefined = undefined
  /** Why the fibers have failed that were not interrupted. */
  failed: Cause.Cause<E> | undefined = undefined
  readonly #fibers: Array<RuntimeFiber<void, E>> = []
  #running: number
  #interrupted = false

  constructor(count: number) {
    this.#running = count
  }

  get delivered(): boolean {
    return this.#running === 0
  }

  get result(): Effect.Effect<void, E> {
    return this.failed === undefined ? Effect.void : Effect.failCause(this.failed)
  }

  add(fiber: RuntimeFiber<void, E>): void {
    this.#fibers.push(fiber)
    fiber.addObserver((exit) => this.#ended(exit))
    if (this.#interrupted) fiber.unsafeInterruptAsFork(FiberId.none)
  }

  /** Counts a fiber that is not started any more. */
  leaveOut(): void {
    this.#running--
  }

  interrupt(): void {
    this.#interrupted = true
    for (const fiber of this.#fibers) fiber.unsafeInterruptAsFork(FiberId.none)
  }

  #ended(exit: Exit.Exit<void, E>): void {
    if (Exit.isFailure(exit)) {
      if (!Cause.isInterruptedOnly(exit.cause)) {
        this.failed = this.failed === undefined ? exit.cause : Cause.parallel(this.failed, exit.cause)
      }
      if (!this.#interrupted) this.interrupt()
    }
    if (--this.#running === 0) this.listener?.()
  }
}
