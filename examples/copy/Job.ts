// What all parts of one run share.
import type { Settings } from "./cli.js"
import type { Journal } from "./Journal.js"
import type { Progress } from "./Progress.js"

export interface Job {
  readonly settings: Settings
  readonly journal: Journal
  readonly progress: Progress
  /** Whether reads can go past the cache here. */
  readonly unbuffered: boolean
}
