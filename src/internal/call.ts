/**
 * The other combinator: what takes no OVERLAPPED and may block, with the same care as `submit`. It cannot be cancelled
 * once it runs; interruption takes it back while it is queued, waits for it otherwise (bounded), and disposes of what
 * it brings.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Kernel } from "../Kernel.js"
import * as Win32Error from "../Win32Error.js"
import { ERROR_INVALID_HANDLE, ERROR_SUCCESS } from "./constants.js"
import type * as Engine from "./engine/Call.js"
import { masked, maskedIn, type Waited } from "./forms.js"
import type { CallName, Calls } from "./kernel/Calls.js"
import type { Restore, Ticket } from "./settle.js"

export interface CallOptions<K extends CallName> extends Engine.CallOptions<K> {
  readonly path?: string | undefined
  readonly handle?: number | undefined
  readonly detail?: string | undefined
  /** An interruption that comes when the call can only be waited for is not told where it has succeeded. */
  readonly reportsLate?: boolean | undefined
  /** Makes a call return that has begun and that nobody waits for any more. */
  readonly stop?: (() => void) | undefined
}

/** In place of a call on a handle whose scope has closed: it has ended before it began. */
const closed: Ticket = { delivered: true, listener: undefined }

class Calling<K extends CallName>
  implements Waited<Engine.Call<K> | typeof closed, Calls[K][1], Win32Error.Win32Error>
{
  constructor(
    readonly kernel: Kernel.Service,
    readonly name: K,
    readonly arguments_: Calls[K][0],
    readonly options: CallOptions<K>
  ) {}

  start(): Engine.Call<K> | typeof closed {
    // In the same step as the call: a fiber can be held up after any earlier check, and the handle be closed meanwhile.
    if (this.options.object?.open === false) return closed
    return this.kernel.engine.call(this.name, this.arguments_, this.options)
  }

  exit(running: Engine.Call<K> | typeof closed): Exit.Exit<Calls[K][1], Win32Error.Win32Error> {
    const { kernel, name, options: { detail, handle, path } } = this
    if (!("status" in running)) {
      return Exit.fail(Win32Error.make({
        code: ERROR_INVALID_HANDLE,
        reason: "Closed",
        syscall: name,
        path,
        detail: "The scope of this File has closed."
      }))
    }
    const { cause, status, value } = running
    if (status === ERROR_SUCCESS) return Exit.succeed(value as Calls[K][1])
    return Exit.fail(Win32Error.make({
      code: status,
      syscall: name,
      path,
      handle,
      text: kernel.engine.kernel.message(status),
      detail: detail ?? (cause instanceof Error ? `(${cause.message})` : undefined),
      cause
    }))
  }

  cancel(running: Engine.Call<K> | typeof closed): void {
    if (!("status" in running)) return
    running.cancel(Duration.toMillis(this.kernel.drainTimeout))
    if (!running.settled) this.options.stop?.()
  }

  late(running: Engine.Call<K> | typeof closed): Exit.Exit<Calls[K][1]> | undefined {
    return this.options.reportsLate === true && "status" in running && running.status === ERROR_SUCCESS
      ? Exit.succeed(running.value as Calls[K][1])
      : undefined
  }

  abandoned(running: Engine.Call<K> | typeof closed): Effect.Effect<void> | undefined {
    if (!("status" in running)) return undefined
    running.discard()
    const { name, options: { handle = "", path = "" } } = this
    return !running.givenUp ? undefined : Effect.annotateLogs(
      Effect.logWarning("A call did not return after its interruption and is given up"),
      { syscall: name, path, handle }
    )
  }
}

/** For a caller inside a mask of its own, who takes the result before anything can interrupt. */
export const callIn = <K extends CallName>(
  restore: Restore,
  kernel: Kernel.Service,
  name: K,
  arguments_: Calls[K][0],
  options: CallOptions<K> = {}
): Effect.Effect<Calls[K][1], Win32Error.Win32Error> =>
  Effect.suspend(() => maskedIn(restore, new Calling(kernel, name, arguments_, options)))

export const call = <K extends CallName>(
  kernel: Kernel.Service,
  name: K,
  arguments_: Calls[K][0],
  options: CallOptions<K> = {}
): Effect.Effect<Calls[K][1], Win32Error.Win32Error> => {
  const calling = new Calling(kernel, name, arguments_, options)
  // Only the mask sees a result that has come and that an interruption then takes away.
  return options.dispose === undefined && options.reportsLate !== true ? kernel.form(calling) : masked(calling)
}
