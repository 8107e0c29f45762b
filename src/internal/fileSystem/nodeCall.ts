/**
 * Calls that are no I/O on an open handle: functions of node:fs, waited for with the care of `call`. None of them can
 * be cancelled; whoever is interrupted waits for the one that runs, bounded, and disposes of what it has brought.
 */
import type * as PlatformError from "@effect/platform/Error"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Kernel } from "../../Kernel.js"
import { node } from "../kernel/Host.js"
import { type Restore, settle, type Ticket } from "../settle.js"
import { badArgument, fromErrno } from "./errors.js"

/** A flag for work of many steps, looked at before each: set, when the rest is not waited for any more. */
export interface Stop {
  readonly requested: boolean
}

export interface NodeCallOptions<A> {
  readonly method: string
  /** The path that an error names. */
  readonly path: string
  /** Takes back what a call has brought that nobody gets. */
  readonly dispose?: ((value: A) => void) | undefined
}

type Callback<A> = (error: Error | null, value?: A) => void

class Call<A> implements Ticket, Stop {
  delivered = false
  listener: (() => void) | undefined = undefined
  requested = false
  givenUp = false
  /** It threw instead of calling back. */
  refused = false
  error: unknown = null
  value: A | undefined = undefined
  #stopTimer: (() => void) | undefined = undefined

  begin(start: (done: Callback<A>, stop: Stop) => void, options: NodeCallOptions<A>): void {
    // Some runtimes, as Deno, call back with nothing at all.
    const done: Callback<A> = (failed, value) => {
      const error = failed ?? null
      if (this.givenUp) {
        if (error === null) options.dispose?.(value as A)
        return
      }
      this.error = error
      this.value = value
      this.#deliver()
    }
    try {
      start(done, this)
    } catch (error) {
      this.refused = true
      this.error = error
      this.delivered = true
    }
  }

  cancel(limitMs: number): void {
    this.requested = true
    if (!Number.isFinite(limitMs)) return
    this.#stopTimer = node.setTimer(limitMs, () => {
      this.givenUp = true
      this.#deliver()
    })
  }

  #deliver(): void {
    this.#stopTimer?.()
    this.delivered = true
    this.listener?.()
  }
}

/** `start` calls one function of node:fs with `done`; when it throws, its arguments were refused. */
export const nodeCall = <A>(
  kernel: Kernel.Service,
  options: NodeCallOptions<A>,
  start: (done: Callback<A>, stop: Stop) => void
): Effect.Effect<A, PlatformError.PlatformError> =>
  Effect.uninterruptibleMask((restore) => nodeCallIn(restore, kernel, options, start))

/** For a caller inside a mask of its own, who takes what the call has brought before anything can interrupt. */
export const nodeCallIn = <A>(
  restore: Restore,
  kernel: Kernel.Service,
  options: NodeCallOptions<A>,
  start: (done: Callback<A>, stop: Stop) => void
): Effect.Effect<A, PlatformError.PlatformError> =>
  Effect.suspend(() => {
    const call = new Call<A>()
    call.begin(start, options)
    return settle(
      restore,
      call,
      () => outcome(call, options),
      () => call.cancel(Duration.toMillis(kernel.drainTimeout)),
      (cause) => {
        if (call.givenUp) return Effect.zipRight(warnGivenUp(options), Effect.failCause(cause))
        if (!call.refused && call.error === null) options.dispose?.(call.value as A)
        return Effect.failCause(cause)
      }
    )
  })

const outcome = <A>(
  { error, refused, value }: Call<A>,
  { method, path }: NodeCallOptions<A>
): Effect.Effect<A, PlatformError.PlatformError> =>
  refused
    ? Effect.fail(badArgument(method, (error as Error).message, error))
    : error === null
    ? Effect.succeed(value as A)
    : Effect.fail(fromErrno(method, path)(error))

const warnGivenUp = <A>({ method, path }: NodeCallOptions<A>): Effect.Effect<void> =>
  Effect.logWarning("A call did not return after its interruption and is given up").pipe(
    Effect.annotateLogs({ method, path })
  )

/** The same for work of many steps. It looks at `stop` before each, and ends there when it is interrupted. */
export const nodeWork = <A>(
  kernel: Kernel.Service,
  options: NodeCallOptions<A>,
  work: (stop: Stop) => Promise<A>
): Effect.Effect<A, PlatformError.PlatformError> =>
  nodeCall(kernel, options, (done, stop) => {
    work(stop).then((value) => done(null, value), done)
  })
