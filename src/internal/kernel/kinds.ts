/**
 * The kind of a file, from what node:fs tells about it.
 */
import type { Dirent, StatsBase } from "node:fs"
import type { FileKind } from "./Calls.js"

type Told = Pick<StatsBase<number>, Extract<keyof Dirent, keyof StatsBase<number>>>

export const kindOf = (told: Told): FileKind =>
  told.isFile()
    ? "File"
    : told.isDirectory()
    ? "Directory"
    : told.isSymbolicLink()
    ? "SymbolicLink"
    : told.isBlockDevice()
    ? "BlockDevice"
    : told.isCharacterDevice()
    ? "CharacterDevice"
    : told.isFIFO()
    ? "FIFO"
    : told.isSocket()
    ? "Socket"
    : "Unknown"
