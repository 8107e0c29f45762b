/**
 * Handles that a worker has opened, and their end with it. A worker that is terminated runs no JavaScript, and what it
 * had opened would stay open as long as the process: a file locked against others, a pipe whose other end waits for
 * ever. So the end of the environment closes it, by a hook that needs no JavaScript. It runs before the relay's, for
 * the last hook runs first: operations that are in flight end with their handle, and their completions wake nobody any
 * more.
 *
 * Only where completions come by the relay: in the other ways a completion that comes then would enter what is left of
 * koffi. The main thread needs none of this, for its end is that of the process.
 */
import { isMainThread } from "node:worker_threads"
import type { CallName } from "../Calls.js"
import type { Kernel } from "../Kernel.js"
import type { Bindings, EnvironmentHook } from "./bindings.js"

/** The calls that answer a handle. */
const OPENS: ReadonlySet<CallName> = new Set(["CreateFileW", "CreateNamedPipeW"])

export const closedWithWorker = (native: Bindings, call: Kernel["call"]): Kernel["call"] => {
  const { environmentHooks } = native
  if (isMainThread || environmentHooks === undefined) return call
  const hookOf = (handle: number): EnvironmentHook => ({ hook: native.CloseHandleAddress, argument: handle })
  const opened = new Set<number>()
  return ((name: CallName, arguments_: never, done: (status: number, value: unknown, cause?: unknown) => void) => {
    if (OPENS.has(name)) {
      const open = (handle: number): void => {
        opened.add(handle)
        environmentHooks.add(hookOf(handle))
      }
      const { early } = arguments_ as { readonly early?: (handle: number) => void }
      const heard = early === undefined ? arguments_ : {
        ...arguments_ as object,
        early: (handle: number) => {
          open(handle)
          early(handle)
        }
      } as never
      return call(name, heard, (status: number, value: unknown, cause?: unknown) => {
        if (status === 0) open(value as number)
        done(status, value, cause)
      })
    }
    if (name !== "CloseHandle") return call(name, arguments_, done)
    // Before it is closed: from then on the number may be somebody else's. A handle that we were given has no hook.
    const { handle } = arguments_ as { readonly handle: number }
    if (opened.delete(handle)) environmentHooks.remove(hookOf(handle))
    return call(name, arguments_, done)
  }) as Kernel["call"]
}
