/**
 * The functions without OVERLAPPED on directories: what watching one needs, and the names in it.
 */
import * as C from "../../constants.js"
import type { DirectoryEntry, FileKind } from "../Calls.js"
import type { Bindings } from "./bindings.js"
import type { Capabilities } from "./capabilities.js"
import { type Answer, type Implementation, refuse } from "./implementation.js"
import { allocate } from "./memory.js"
import { toSystemPath } from "./path.js"
import { guarded } from "./renaming.js"

type Names = "GetFileAttributesW" | "PrepareDirectoryChanges" | "GetDirectoryInformation"

/** The most that a server takes; some hundreds of names. */
const ROOM = 64 << 10

const kindOf = (attributes: number, tag: number): FileKind =>
  (attributes & C.FILE_ATTRIBUTE_REPARSE_POINT) !== 0 && (tag & C.NAME_SURROGATE) !== 0
    ? "SymbolicLink"
    : (attributes & C.FILE_ATTRIBUTE_DIRECTORY) !== 0
    ? "Directory"
    : "File"

/** The records of one answer. */
export const entriesIn = (bytes: Uint8Array): Array<DirectoryEntry> => {
  const at = C.FILE_FULL_DIR_INFO
  const memory = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const entries: Array<DirectoryEntry> = []
  for (let start = 0, next = -1; next !== 0; start += next) {
    next = memory.readUInt32LE(start + at.NextEntryOffset)
    const from = start + at.FileName
    const name = memory.toString("utf16le", from, from + memory.readUInt32LE(start + at.FileNameLength))
    if (name === "." || name === "..") continue
    const attributes = memory.readUInt32LE(start + at.FileAttributes)
    entries.push({ name, kind: kindOf(attributes, memory.readUInt32LE(start + at.EaSize)) })
  }
  return entries
}

export const directoryCalls = (
  native: Bindings,
  { tellsRemoval }: Capabilities,
  answer: Answer
): { readonly [K in Names]: Implementation<K> } => {
  /** FILE_LIST_DIRECTORY is FILE_READ_DATA, so that CreateFileW opens a file as well. */
  const lookForDirectory: (
    handle: number,
    scratch: Parameters<Implementation<"PrepareDirectoryChanges">>[1],
    told: (status: number, cause?: unknown) => void
  ) => void = (handle, { address, view }, told) =>
    native.GetFileInformationByHandle.async(
      handle,
      address,
      answer((status, _, cause) => {
        if (status !== C.ERROR_SUCCESS) return told(status, cause)
        const attributes = view.getUint32(C.BY_HANDLE_FILE_INFORMATION.FileAttributes, true)
        told((attributes & C.FILE_ATTRIBUTE_DIRECTORY) === 0 ? C.ERROR_DIRECTORY : C.ERROR_SUCCESS)
      })
    )

  return {
    PrepareDirectoryChanges: ({ handle }, scratch, done) =>
      lookForDirectory(
        handle,
        scratch,
        (status, cause) => status === C.ERROR_SUCCESS ? done(status, { tellsRemoval }) : done(status, undefined, cause)
      ),

    GetDirectoryInformation: ({ handle }, scratch, done) => {
      const room = scratch.room ??= allocate(native, ROOM)
      if (room === undefined) return refuse(done, C.ERROR_NOT_ENOUGH_MEMORY)
      const more = (): void =>
        native.GetFileInformationByHandleEx.async(handle, C.FileFullDirectoryInfo, room.address, ROOM, answered)
      const answered = answer((status, _, cause) => {
        // The root of a volume has neither `.` nor `..`: an empty one has no first name.
        if (status === C.ERROR_NO_MORE_FILES || status === C.ERROR_FILE_NOT_FOUND) return done(C.ERROR_SUCCESS, [])
        if (status !== C.ERROR_SUCCESS) {
          return guarded(
            done,
            () =>
              lookForDirectory(
                handle,
                scratch,
                (problem, why) =>
                  problem === C.ERROR_SUCCESS ? done(status, undefined, cause) : done(problem, undefined, why)
              )
          )
        }
        const entries = entriesIn(room.bytes)
        if (entries.length > 0) done(C.ERROR_SUCCESS, entries)
        else guarded(done, more)
      })
      more()
    },

    GetFileAttributesW: ({ path }, _, done) => {
      const name = toSystemPath(path)
      if (name === undefined) return refuse(done, C.ERROR_INVALID_NAME)
      native.GetFileAttributesW.async(name, (error, attributes) => {
        if (error !== null) done(C.ERROR_GEN_FAILURE, undefined, error)
        else if (attributes !== C.INVALID_FILE_ATTRIBUTES) done(C.ERROR_SUCCESS, attributes)
        else done(native.GetLastError() || C.ERROR_GEN_FAILURE, undefined)
      })
    }
  }
}
