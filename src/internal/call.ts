/**
 * The other combinator: what takes no OVERLAPPED and may block, with the same care as `submit`. It cannot be cancelled once
 * it runs; interruption takes it back while it is queued, waits for it otherwise (bounded), and disposes of what it brings.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Kernel } from "../Kernel.js"
import * as Win32Error from "../Win32Error.js"
import { ERROR_INVALID_HANDLE, ERROR_SUCCESS } from "./constants.js"
import type * as Engine from "./engine/Call.js"
import type { CallName, Calls } from "./kernel/Kernel.js"
import { type Restore, settle } from "./settle.js"

export interface CallOptions<K extends CallName> extends Engine.CallOptions<K> {
  readonly path?: string | undefined
  readonly handle?: number | undefined
  readonly detail?: string | undefined
  /** An interruption that comes when the call can only be waited for is not told where it has succeeded. */
  readonly reportsLate?: boolean | undefined
  /** Makes a call return that has begun and that nobody waits for any more. */
  readonly stop?: (() => void) | undefined
}

/** For a caller inside a mask of its own, who takes the result before anything can interrupt. */
export const callIn = <K extends CallName>(
  restore: Restore,
  kernel: Kernel.Service,
  name: K,
  arguments_: Calls[K][0],
  options: CallOptions<K> = {}
): Effect.Effect<Calls[K][1], Win32Error.Win32Error> =>
  Effect.suspend(() => {
    const { engine } = kernel
    // In the same step as the call: a fiber can be held up after any earlier check, and the handle be closed meanwhile.
    if (options.object?.open === false) {
      return Effect.fail(Win32Error.make({
        code: ERROR_INVALID_HANDLE,
        reason: "Closed",
        syscall: name,
        path: options.path,
        detail: "The scope of this File has closed."
      }))
    }
    const running = engine.call(name, arguments_, options)
    return settle(
      restore,
      running,
      () =>
        running.status === ERROR_SUCCESS
          ? Effect.succeed(running.value as Calls[K][1])
          : Effect.fail(Win32Error.make({
            code: running.status,
            syscall: name,
            path: options.path,
            handle: options.handle,
            text: engine.kernel.message(running.status),
            detail: options.detail ?? (running.cause instanceof Error ? `(${running.cause.message})` : undefined),
            cause: running.cause
          })),
      () => {
        running.cancel(Duration.toMillis(kernel.drainTimeout))
        if (!running.settled) options.stop?.()
      },
      (cause) => {
        if (options.reportsLate === true && running.status === ERROR_SUCCESS) {
          return Effect.succeed(running.value as Calls[K][1])
        }
        running.discard()
        return running.givenUp
          ? Effect.zipRight(
            Effect.logWarning("A call did not return after its interruption and is given up").pipe(
              Effect.annotateLogs({ syscall: name, path: options.path ?? "", handle: options.handle ?? "" })
            ),
            Effect.failCause(cause)
          )
          : Effect.failCause(cause)
      }
    )
  })

export const call = <K extends CallName>(
  kernel: Kernel.Service,
  name: K,
  arguments_: Calls[K][0],
  options: CallOptions<K> = {}
): Effect.Effect<Calls[K][1], Win32Error.Win32Error> =>
  Effect.uninterruptibleMask((restore) => callIn(restore, kernel, name, arguments_, options))
