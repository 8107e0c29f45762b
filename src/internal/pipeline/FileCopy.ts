/**
 * The state that the parts of one file's copy share.
 */
import type * as Effect from "effect/Effect"
import type { PoolBuffer } from "../../BufferPool.js"
import type { Identity } from "../held/identity.js"
import type { Place } from "../held/Place.js"
import type { Held } from "../held/Room.js"
import type { Holes } from "./holes.js"
import type { Shared } from "./plan.js"
import type { Seen } from "./seen.js"
import type { TreeCopy } from "./TreeCopy.js"

/** Its directories are held until its copy has ended. */
export interface FileToCopy {
  readonly source: Place
  /** Where it is to be, and the same as one that is held. */
  readonly directory: Place
  readonly to: Held
  readonly name: string
  readonly size: number
  /** For a file whose other names are kept, too. */
  readonly shared: Shared | undefined
}

/** The names of a copy, and what has them. */
export interface Named {
  readonly job: TreeCopy
  readonly file: FileToCopy
  readonly target: Place
  readonly tag: string
  /** The temporary name, and whether what has it is ours to remove. */
  readonly partial: Place
  partialIsOurs: boolean
  /** Its journal, if it gets one. */
  readonly journal: Place | undefined
  /**
   * Closes the journal, once it is open: while it is, nobody else opens it, where the system keeps files from others.
   */
  closeJournal: Effect.Effect<void>
  /** Which file the copy is, once it is finished. */
  identity: Identity | undefined
}

/** A copy by handles. */
export interface FileCopy extends Named {
  /** The source as it was when its copy began: the copy becomes that, unless the source has changed at its end. */
  readonly stat: Seen
  /** Holds one chunk. */
  readonly buffer: PoolBuffer
  /** Where the data that has been written ends. */
  writtenTo: number
  holes: Holes
}
