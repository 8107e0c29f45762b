/**
 * The shape of one call of the system, and what all of them share.
 */
import type { CallDone, CallName, Calls } from "../Calls.js"
import type { Block } from "../Kernel.js"

export type Implementation<K extends CallName> = (arguments_: Calls[K][0], scratch: Scratch, done: CallDone<K>) => void

/** Where the system writes the answer of one running call. */
export interface Scratch {
  readonly address: number
  readonly view: DataView
  /** An event for an OVERLAPPED there, from its first use on. */
  event?: number | undefined
  /** More memory, from its first use on. */
  room?: Block | undefined
}

/** The end of an `.async` call of a function that answers a BOOL. */
export type Answer = (
  done: (status: number, value: undefined, cause?: unknown) => void
) => (error: unknown, result: number) => void

/** `done` is never called before `call` has returned. */
export const refuse = <A>(done: (status: number, value: A | undefined) => void, status: number): void =>
  queueMicrotask(() => done(status, undefined))

export const MAX_INT64 = 2n ** 63n - 1n
