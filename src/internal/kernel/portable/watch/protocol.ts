/**
 * The messages between JavaScript and the thread that watches directories.
 */
import type { WatchParameters } from "../../Kernel.js"

export type Order =
  | { readonly kind: "watch"; readonly id: number; readonly path: string; readonly parameters: WatchParameters }
  /** The last records have been taken, and so many bytes of them may be told next. */
  | { readonly kind: "taken"; readonly id: number; readonly room: number }
  | { readonly kind: "end"; readonly id: number }

/** An error, which does not cross threads with its code. */
export interface Problem {
  readonly code: string
  readonly message: string
}

/** `action` is a `FILE_ACTION_*`, or 0: the directory is not watched because of the problem, or changes were lost. */
export interface Told {
  readonly action: number
  readonly name: string
  readonly problem?: Problem
}

export type News =
  /** Changes are told from now on. */
  | { readonly kind: "begun"; readonly id: number }
  /** No more are told before these have been taken. */
  | { readonly kind: "told"; readonly id: number; readonly records: ReadonlyArray<Told> }
  /** Nothing more will come. */
  | { readonly kind: "failed"; readonly id: number; readonly problem: Problem }
  | { readonly kind: "ended"; readonly id: number }

/** The thread's event loop. */
export interface Loop {
  readonly tell: (news: News) => void
  /** Calls back in a later turn, before which everything is heard that has happened. */
  readonly turn: (run: () => void) => void
  readonly timer: (milliseconds: number, run: () => void) => void
  readonly now: () => number
}

/** Constants, since the thread cannot import them. */
export interface Settings {
  readonly added: number
  readonly removed: number
  readonly modified: number
  readonly oldName: number
  readonly newName: number
  readonly fileName: number
  readonly directoryName: number
  readonly attributes: number
  readonly size: number
  readonly lastWrite: number
  readonly security: number
  /** Events that the system keeps for a thread: of more than that it drops some, and node does not tell. */
  readonly queue: number
}

/** The part that all directories of the thread share. */
export interface Shared {
  /** One of the system's events has been heard. */
  readonly hear: () => void
  /** There is something to do. */
  readonly soon: () => void
  /**
   * Closes a watcher in the next turn, when everything has been heard: what the system keeps of it would not be
   * counted.
   */
  readonly retire: (watcher: { readonly close: () => void }) => void
}
