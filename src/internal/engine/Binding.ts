/**
 * The two ways to bind a handle to the thread pool, and all that differs between them: what Start, Cancel, Wait and
 * Close are. The settle machine knows neither.
 */
import type { Kernel } from "../kernel/Kernel.js"

export interface Binding {
  /** Answers the object (positive), or minus the last error. */
  create(kernel: Kernel, handle: number, environment: number, maxInFlight: number): number
  /** Before every operation (rule 1). */
  start(kernel: Kernel, object: number): void
  /** After every operation that no callback follows (rule 1). */
  cancel(kernel: Kernel, object: number): void
  /** The ledger is zero, and the handle still open: `done` once no callback runs any more. */
  wait(kernel: Kernel, object: number, done: () => void): void
  /** The handle is closed or unbound. */
  close(kernel: Kernel, object: number): void
}

/** `CreateThreadpoolIo`. */
export const threadpoolIo: Binding = {
  create: (kernel, handle, environment) => kernel.createThreadpoolIo(handle, environment),
  start: (kernel, object) => kernel.startThreadpoolIo(object),
  cancel: (kernel, object) => kernel.cancelThreadpoolIo(object),
  wait: (kernel, object, done) => void kernel.call("WaitForThreadpoolIoCallbacks", { threadpoolIo: object }, done),
  close: (kernel, object) => kernel.closeThreadpoolIo(object)
}

/**
 * `BindIoCompletionCallback`: there is no object, so nothing to start, to cancel or to wait for. The callback is the
 * kernel's own for the life of the process, and what ends the binding is the close of the handle.
 */
export const ioCompletionCallback: Binding = {
  create: (kernel, handle, _, maxInFlight) => kernel.bindIoCompletionCallback(handle, maxInFlight),
  start: () => {},
  cancel: () => {},
  wait: (_kernel, _object, done) => done(),
  close: (kernel, object) => kernel.forgetBinding(object)
}
