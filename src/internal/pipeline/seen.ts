/**
 * The source as it was when its copy began, as its handle tells.
 */
import type { BigIntStats } from "node:fs"
import type { Stat } from "../../File.js"
import { FILE_ATTRIBUTE_READONLY } from "../constants.js"
import type { Look } from "../file/everything.js"

export interface Seen extends Look, Pick<BigIntStats, "dev" | "ino" | "mode" | "atimeNs" | "mtimeNs"> {
  /** Windows file attributes. */
  readonly attributes: number
}

/** A mode for what has none, as node makes it up. */
const modeOf = (attributes: number): number => (attributes & FILE_ATTRIBUTE_READONLY) === 0 ? 0o666 : 0o444

export const seen = (stat: Stat): Seen => ({
  dev: stat.volume,
  ino: stat.fileIndex,
  size: stat.size,
  mode: BigInt(stat.mode ?? modeOf(stat.attributes)),
  atimeNs: stat.accessTimeNs,
  mtimeNs: stat.modifiedTimeNs,
  modifiedTimeNs: stat.modifiedTimeNs,
  changedTimeNs: stat.changedTimeNs,
  attributes: stat.attributes
})
