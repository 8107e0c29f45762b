/**
 * The state that all parts of one copy share.
 */
import type { PipelineError } from "../../PipelineError.js"
import type { Held, Room } from "../held/Room.js"
import type { Left } from "./leftovers.js"
import type { Progress } from "./Progress.js"
import type { Settings } from "./Settings.js"
import type { Maker } from "./tags.js"
import type { UndoLog } from "./UndoLog.js"

export interface TreeCopy {
  readonly settings: Settings
  /** All directories of the copy. */
  readonly room: Room<PipelineError>
  readonly made: UndoLog
  /** Directories that were there before. */
  readonly found: Set<Held>
  readonly progress: Progress
  /** Copies can be read back past the system's cache. */
  readonly passesCache: boolean
  readonly maker: Maker
  /** By directory: what an earlier copy left in it. */
  readonly left: Map<Held, Left>
  /** The failures of a copy that collects them. */
  readonly failures: Array<PipelineError>
}
