/**
 * What the parts of one file's copy share.
 */
import type { BigIntStats } from "node:fs"
import type { PoolBuffer } from "../../BufferPool.js"
import type { Data } from "./holes.js"
import type { Job } from "./Job.js"
import type { PlannedFile } from "./plan.js"

export interface Copying {
  readonly job: Job
  readonly file: PlannedFile
  /** What the source was when its copy began: what the copy is to be, unless the source has changed at its end. */
  readonly stat: BigIntStats
  readonly target: string
  readonly tag: string
  /** The temporary name, and whether what has it is ours to remove. */
  readonly partial: string
  partialIsOurs: boolean
  /** The path of its journal, if it gets one. */
  readonly journal: string | undefined
  /** Holds one chunk. */
  readonly buffer: PoolBuffer
  /** Where the data that has been written ends. */
  writtenTo: number
  /** Where the source has its data, if the system tells. */
  data: Data | undefined
}
