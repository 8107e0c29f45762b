/**
 * Handles that are opened inside a mask: whatever happens between the system's answer and the moment in which somebody
 * has the handle, it is closed.
 */
import * as Effect from "effect/Effect"
import { make } from "../Handle.js"
import type { Kernel } from "../Kernel.js"
import type * as ThreadpoolIo from "../ThreadpoolIo.js"
import { Win32Error } from "../Win32Error.js"
import { call, callIn } from "./call.js"
import type { Calls } from "./kernel/Calls.js"
import type { Restore } from "./settle.js"
import { acquire } from "./threadpoolIo.js"

/**
 * A handle that comes after an interruption, when nobody waits for it any more, is closed, and with it those `besides`.
 */
export const openHandleIn = <K extends "CreateFileW" | "CreateNamedPipeW">(
  restore: Restore,
  kernel: Kernel.Service,
  name: K,
  arguments_: Calls[K][0],
  besides: ReadonlyArray<number> = []
): Effect.Effect<number, Win32Error> =>
  callIn(restore, kernel, name, arguments_, {
    path: arguments_.path,
    dispose: (opened) => {
      for (const handle of [opened, ...besides]) kernel.engine.call("CloseHandle", { handle })
    }
  })

/** Closes the handle when the effect does not succeed. */
export const orClose = <A, E, R>(
  kernel: Kernel.Service,
  handle: number,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => Effect.onError(effect, () => Effect.ignore(call(kernel, "CloseHandle", { handle })))

/** Binds a handle of our own to the thread pool. One that cannot be bound is closed. */
export const bindOrClose = (
  kernel: Kernel.Service,
  handle: number,
  options: ThreadpoolIo.Options
): Effect.Effect<ThreadpoolIo.ThreadpoolIo, Win32Error> => {
  try {
    const io = acquire(kernel, make(handle), { ...options, owned: true })
    return io instanceof Win32Error ? orClose(kernel, handle, Effect.fail(io)) : Effect.succeed(io)
  } catch (defect) {
    return orClose(kernel, handle, Effect.die(defect))
  }
}
