/**
 * `CreateFileW`. With `FILE_FLAG_OPEN_REPARSE_POINT` it refuses what leads elsewhere, a link or a junction, as
 * O_NOFOLLOW does: those tags are name surrogates. Files that are deduplicated, or kept in the cloud, have a tag as
 * well, and are opened again without the flag, since their raw data is not their contents.
 */
import * as C from "../../constants.js"
import type { Bindings } from "./bindings.js"
import { type Answer, type Implementation, refuse } from "./implementation.js"
import { toSystemPath } from "./path.js"
import { guarded } from "./renaming.js"

const INVALID_HANDLE_VALUE = -1

const { BY_HANDLE_FILE_INFORMATION: AT, FILE_ATTRIBUTE_TAG_INFO } = C

export const openCalls = (
  native: Bindings,
  answer: Answer
): { readonly CreateFileW: Implementation<"CreateFileW"> } => ({
  CreateFileW: ({ access, disposition, flags, path, share }, { address, view }, done) => {
    const name = toSystemPath(path)
    if (name === undefined) return refuse(done, C.ERROR_INVALID_NAME)
    const open = (how: number, flags: number, opened: (handle: number) => void): void => {
      // A path may lead to a pipe, whose server could act as us: unless the caller has said how far, it is not even
      // told who we are (SECURITY_ANONYMOUS is 0).
      const flagsAndAttributes = (flags | C.FILE_FLAG_OVERLAPPED | C.SECURITY_SQOS_PRESENT) >>> 0
      native.CreateFileW.async(name, access, share, 0, how, flagsAndAttributes, 0, (error, handle) => {
        if (error !== null) done(C.ERROR_GEN_FAILURE, undefined, error)
        else if (handle === INVALID_HANDLE_VALUE) done(native.GetLastError() || C.ERROR_GEN_FAILURE, undefined)
        else opened(handle)
      })
    }
    const close = (handle: number, then: () => void): void =>
      guarded(then, () => native.CloseHandle.async(handle, then))
    const fail = (handle: number, status: number, cause?: unknown): void =>
      close(handle, () => done(status, undefined, cause))
    /** Asks a handle that is closed when it cannot answer. */
    const ask = (
      handle: number,
      question: (answered: (error: unknown, result: number) => void) => void,
      then: () => void
    ) => {
      const answered = answer((status, _, cause) => status === C.ERROR_SUCCESS ? then() : fail(handle, status, cause))
      guarded((status, _, cause) => fail(handle, status, cause), () => question(answered))
    }
    /** Which file it is, and whether it has a tag. */
    const look = (handle: number, then: (identity: string, hasTag: boolean) => void): void =>
      ask(handle, (answered) => native.GetFileInformationByHandle.async(handle, address, answered), () => {
        const fields = [AT.VolumeSerialNumber, AT.FileIndexHigh, AT.FileIndexLow]
        const identity = fields.map((field) => view.getUint32(field, true)).join(":")
        then(identity, (view.getUint32(AT.FileAttributes, true) & C.FILE_ATTRIBUTE_REPARSE_POINT) !== 0)
      })
    /** The first handle may share nothing with a second one, and is closed before that is opened. */
    const again = (first: number, identity: string): void =>
      close(first, () =>
        guarded(done, () =>
          open(
            disposition === C.TRUNCATE_EXISTING ? disposition : C.OPEN_EXISTING,
            flags & ~C.FILE_FLAG_OPEN_REPARSE_POINT,
            (handle) =>
              look(handle, (found) =>
                found === identity ? done(C.ERROR_SUCCESS, handle) : fail(handle, C.ERROR_CANT_RESOLVE_FILENAME))
          )))
    open(disposition, flags, (handle) => {
      if ((flags & C.FILE_FLAG_OPEN_REPARSE_POINT) === 0) return done(C.ERROR_SUCCESS, handle)
      look(handle, (identity, hasTag) => {
        if (!hasTag) return done(C.ERROR_SUCCESS, handle)
        const { ReparseTag, size } = FILE_ATTRIBUTE_TAG_INFO
        const { FileAttributeTagInfo: kind } = C
        ask(
          handle,
          (answered) => native.GetFileInformationByHandleEx.async(handle, kind, address, size, answered),
          () => {
            const leadsElsewhere = (view.getUint32(ReparseTag, true) & C.NAME_SURROGATE) !== 0
            if (leadsElsewhere) fail(handle, C.ERROR_CANT_RESOLVE_FILENAME)
            else again(handle, identity)
          }
        )
      })
    })
  }
})
