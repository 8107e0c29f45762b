/**
 * How a completion gets from a thread of the pool to JavaScript: the interface behind which there are three ways.
 */
import type { CompletionWay } from "../Kernel.js"

/** The receiver of completions, on the JavaScript thread. */
export interface Sink {
  /** `woke`: it has woken JavaScript, and not come along with one that did. Does not throw. */
  completed(slot: number, generation: number, status: number, bytes: number, woke: boolean): void
  /** So many packets have come that no operation of ours was waiting for. */
  strayed(count: number): void
}

export interface Completions {
  readonly way: CompletionWay
  /** The address of the `PTP_WIN32_IO_CALLBACK`, and the context that it wants. */
  readonly callback: number
  readonly context: number
  /** The address of the `LPOVERLAPPED_COMPLETION_ROUTINE` for handles without a TP_IO. */
  readonly boundCallback: number
  /** There is memory for so many slots. */
  grown(slots: number): void
  /** The slot is going to be used: nothing that has come for it before may be on its way. */
  vacate(slot: number): void
}
