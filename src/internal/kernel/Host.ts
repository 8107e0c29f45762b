/**
 * The engine's view of the event loop, so that a simulator can be the loop.
 */

export interface Host {
  /** Milliseconds, monotonic. */
  readonly now: () => number
  /** Calls back once after `milliseconds`; answers what takes the timer back. */
  readonly setTimer: (milliseconds: number, callback: () => void) => () => void
  /** Calls back in a later macrotask turn, after the loop has had a chance to look at timers and sockets. */
  readonly defer: (callback: () => void) => void
  /** Keeps the process alive; every `ref` is followed by one `unref`. */
  readonly ref: () => void
  readonly unref: () => void
}

/** The longest delay of a node timer, about 24.8 days. */
const LONGEST_TIMER = 0x7fffffff

/** Node's event loop. A pending native operation does not keep node alive by itself: an interval that is ref'd does. */
const makeNode = (): Host => {
  let keepAlive: ReturnType<typeof setInterval> | undefined
  let held = 0
  return {
    now: () => performance.now(),
    setTimer: (milliseconds, callback) => {
      const timer = setTimeout(callback, Math.min(milliseconds, LONGEST_TIMER))
      return () => clearTimeout(timer)
    },
    defer: (callback) => {
      setImmediate(callback)
    },
    ref: () => {
      keepAlive ??= setInterval(() => {}, LONGEST_TIMER)
      if (held++ === 0) keepAlive.ref()
    },
    unref: () => {
      if (--held === 0) keepAlive!.unref()
    }
  }
}

/** One for all kernels of this copy of the library. */
export const node: Host = makeNode()
