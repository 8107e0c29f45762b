/**
 * The kind of a file, by the name that `FileSystem` has for it.
 */
import type { File } from "@effect/platform/FileSystem"
import type { StatsBase } from "node:fs"

export const fileType = (stats: StatsBase<number> | StatsBase<bigint>): File.Type =>
  stats.isFile()
    ? "File"
    : stats.isDirectory()
    ? "Directory"
    : stats.isSymbolicLink()
    ? "SymbolicLink"
    : stats.isBlockDevice()
    ? "BlockDevice"
    : stats.isCharacterDevice()
    ? "CharacterDevice"
    : stats.isFIFO()
    ? "FIFO"
    : stats.isSocket()
    ? "Socket"
    : "Unknown"
