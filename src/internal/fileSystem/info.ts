/**
 * Information about a file, in the form of `FileSystem`.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Option from "effect/Option"
import type { Stats } from "node:fs"
import type { Stat } from "../../File.js"
import * as c from "../constants.js"
import { kindOf } from "../kernel/kinds.js"

/** The information about a name. */
export const ofStats = (stats: Stats): FileSystem.File.Info => ({
  type: kindOf(stats),
  mtime: Option.some(stats.mtime),
  atime: Option.some(stats.atime),
  birthtime: Option.some(stats.birthtime),
  dev: stats.dev,
  ino: Option.some(stats.ino),
  mode: stats.mode,
  nlink: Option.some(stats.nlink),
  uid: Option.some(stats.uid),
  gid: Option.some(stats.gid),
  rdev: Option.some(stats.rdev),
  size: FileSystem.Size(stats.size),
  blksize: Option.fromNullable(stats.blksize).pipe(Option.map(FileSystem.Size)),
  blocks: Option.fromNullable(stats.blocks)
})

const MILLISECOND = 1_000_000n

/** Rounded, as node rounds. */
const dateOf = (ns: bigint): Date => new Date(Number((ns + MILLISECOND / 2n) / MILLISECOND))

const S_IFREG = 0o100000

/** Windows has no permission bits: node makes these of the one attribute that there is, and so do we. */
const modeOfAttributes = (attributes: number): number =>
  S_IFREG | ((attributes & c.FILE_ATTRIBUTE_READONLY) === 0 ? 0o666 : 0o444)

/** The information about an open file. Facts that the system does not tell through a handle are none. */
export const ofStat = ({ posix, ...stat }: Stat): FileSystem.File.Info => ({
  type: "File",
  mtime: Option.some(dateOf(stat.modifiedTimeNs)),
  atime: Option.some(dateOf(stat.accessTimeNs)),
  birthtime: Option.some(dateOf(stat.createdTimeNs)),
  dev: Number(stat.volume),
  ino: Option.some(Number(stat.fileIndex)),
  mode: stat.mode === undefined ? modeOfAttributes(stat.attributes) : S_IFREG | stat.mode,
  nlink: Option.some(stat.numberOfLinks),
  uid: Option.some(posix?.uid ?? 0),
  gid: Option.some(posix?.gid ?? 0),
  rdev: Option.some(posix?.rdev ?? 0),
  size: FileSystem.Size(stat.size),
  blksize: Option.some(FileSystem.Size(posix?.blockSize ?? c.PAGE_SIZE)),
  blocks: Option.fromNullable(posix?.blocks)
})
