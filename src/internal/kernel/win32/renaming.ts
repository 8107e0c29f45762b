/**
 * New names for files. With `replace` a read-only file is replaced as well, as on POSIX. Windows 10 1809 and later do
 * so by a flag, through a handle; `MoveFileExW` and earlier systems answer 5. There the attribute is taken off first,
 * and put back when the file is not replaced after all.
 */
import * as C from "../../constants.js"
import type { Bindings } from "./bindings.js"
import { type Answer, type Implementation, refuse } from "./implementation.js"
import { allocate, free } from "./memory.js"
import { toSystemPath } from "./path.js"

type Ended = (status: number, value: undefined, cause?: unknown) => void

/** Whether a system does not know a class of information, or a flag of it, as Wine. */
export const isUnknownClass = (status: number): boolean =>
  status === C.ERROR_INVALID_PARAMETER || status === C.ERROR_INVALID_FUNCTION ||
  status === C.ERROR_NOT_SUPPORTED || status === C.ERROR_CALL_NOT_IMPLEMENTED

/** A step that an earlier one's completion makes: what koffi throws there nobody else would catch. */
export const guarded = (done: Ended, step: () => void): void => {
  try {
    step()
  } catch (cause) {
    done(C.ERROR_GEN_FAILURE, undefined, cause)
  }
}

const {
  FILE_RENAME_FLAG_IGNORE_READONLY_ATTRIBUTE: IGNORE_READONLY,
  FILE_RENAME_FLAG_POSIX_SEMANTICS: POSIX,
  FILE_RENAME_FLAG_REPLACE_IF_EXISTS: REPLACE
} = C

/**
 * One after the other, until a system knows it and does not deny it. With POSIX semantics a file that others have open
 * is replaced.
 */
const REPLACEMENTS = [
  [C.FileRenameInfoEx, REPLACE | POSIX | IGNORE_READONLY],
  [C.FileRenameInfoEx, REPLACE | POSIX],
  [C.FileRenameInfo, REPLACE]
] as const

/** Without POSIX semantics, which replace nothing less. */
const FREE_NAME = [[C.FileRenameInfo, 0]] as const

const isReadOnlyFile = (attributes: number): boolean =>
  attributes !== C.INVALID_FILE_ATTRIBUTES && (attributes & C.FILE_ATTRIBUTE_READONLY) !== 0 &&
  (attributes & C.FILE_ATTRIBUTE_DIRECTORY) === 0

export const renameCalls = (
  native: Bindings,
  answer: Answer
): { [K in "MoveFileExW" | "SetRenameInformation"]: Implementation<K> } => {
  /** Where `name` is a read-only file, `then`; otherwise it stays denied. */
  const ifReadOnly = (name: string, done: Ended, then: (attributes: number) => void): void =>
    guarded(done, () =>
      native.GetFileAttributesW.async(name, (error, attributes) => {
        if (error !== null || !isReadOnlyFile(attributes)) done(C.ERROR_ACCESS_DENIED, undefined, error ?? undefined)
        else guarded(done, () => then(attributes))
      }))

  /** Tries again without the attribute. */
  const writable = (name: string, again: (done: Ended) => void, done: Ended): void =>
    ifReadOnly(name, done, (attributes) => {
      const others = attributes & ~C.FILE_ATTRIBUTE_READONLY || C.FILE_ATTRIBUTE_NORMAL
      const cleared = answer((status) => {
        if (status !== C.ERROR_SUCCESS) return done(C.ERROR_ACCESS_DENIED, undefined)
        again((status, _, cause) => {
          if (status === C.ERROR_SUCCESS) return done(status, undefined)
          const ended = () => done(status, undefined, cause)
          guarded(ended, () => native.SetFileAttributesW.async(name, attributes, ended))
        })
      })
      native.SetFileAttributesW.async(name, others, cleared)
    })

  const rename = (handle: number, name: string, replace: boolean, done: Ended): void => {
    const text = Buffer.from(name, "utf16le")
    const size = Math.max(C.FILE_RENAME_INFO.size, C.FILE_RENAME_INFO.FileName + text.length + 2)
    const block = allocate(native, size)
    if (block === undefined) return done(C.ERROR_NOT_ENOUGH_MEMORY, undefined)
    const view = new DataView(block.bytes.buffer)
    view.setUint32(C.FILE_RENAME_INFO.FileNameLength, text.length, true)
    block.bytes.set(text, C.FILE_RENAME_INFO.FileName)
    const ended: Ended = (status, _, cause) => {
      free(native, block)
      done(status, undefined, cause)
    }
    const ways = replace ? REPLACEMENTS : FREE_NAME
    const set = (way: number, done: Ended): void =>
      guarded(done, () => {
        const [informationClass, flags] = ways[way]!
        view.setUint32(C.FILE_RENAME_INFO.Flags, flags, true)
        native.SetFileInformationByHandle.async(handle, informationClass, block.address, size, answer(done))
      })
    const from = (way: number): void =>
      set(way, (status, _, cause) => {
        const denied = replace && status === C.ERROR_ACCESS_DENIED
        if (!denied && !isUnknownClass(status)) ended(status, undefined, cause)
        else if (way + 1 < ways.length) from(way + 1)
        else if (denied) writable(name, (done) => set(way, done), ended)
        else ended(status, undefined, cause)
      })
    from(0)
  }

  return {
    MoveFileExW: ({ from, replace, to }, _, done) => {
      const [source, target] = [toSystemPath(from), toSystemPath(to)]
      if (source === undefined || target === undefined) return refuse(done, C.ERROR_INVALID_NAME)
      const flags = C.MOVEFILE_WRITE_THROUGH | (replace ? C.MOVEFILE_REPLACE_EXISTING : 0)
      const byHandle = (): void => {
        const share = C.FILE_SHARE_READ | C.FILE_SHARE_WRITE | C.FILE_SHARE_DELETE
        const how = C.FILE_FLAG_BACKUP_SEMANTICS | C.FILE_FLAG_OPEN_REPARSE_POINT
        native.CreateFileW.async(
          source,
          C.DELETE | C.SYNCHRONIZE,
          share,
          0,
          C.OPEN_EXISTING,
          how,
          0,
          (error, handle) => {
            if (error !== null || handle === -1) return done(C.ERROR_ACCESS_DENIED, undefined, error ?? undefined)
            rename(handle, target, true, (status, _, cause) => {
              const closed = () => done(status, undefined, cause)
              guarded(closed, () => native.CloseHandle.async(handle, closed))
            })
          }
        )
      }
      const moved = answer((status, _, cause) => {
        if (replace && status === C.ERROR_ACCESS_DENIED) ifReadOnly(target, done, byHandle)
        else done(status, undefined, cause)
      })
      native.MoveFileExW.async(source, target, flags, moved)
    },

    SetRenameInformation: ({ handle, replace, to }, _, done) => {
      const name = toSystemPath(to)
      if (name === undefined) return refuse(done, C.ERROR_INVALID_NAME)
      queueMicrotask(() => rename(handle, name, replace, done))
    }
  }
}
