// What all parts of one run share.
import type { Settings } from "./cli.js"
import type { Journal } from "./Journal.js"
import type { Progress } from "./Progress.js"

export interface Job {
  readonly settings: Settings
  readonly journal: Journal
  readonly progress: Progress
  /** By directory: the mode that a file made there with that mode has kept. */
  readonly keptModes: Map<string, number>
  /** Whether reads can go past the cache here. */
  readonly unbuffered: boolean
}
