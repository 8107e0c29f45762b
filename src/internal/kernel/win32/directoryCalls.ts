/**
 * The functions without OVERLAPPED that watching a directory needs.
 */
import {
  BY_HANDLE_FILE_INFORMATION,
  ERROR_DIRECTORY,
  ERROR_GEN_FAILURE,
  ERROR_INVALID_NAME,
  ERROR_SUCCESS,
  FILE_ATTRIBUTE_DIRECTORY,
  INVALID_FILE_ATTRIBUTES
} from "../../constants.js"
import type { Bindings } from "./bindings.js"
import type { Capabilities } from "./capabilities.js"
import type { Answer, Implementation } from "./implementation.js"
import { toSystemPath } from "./path.js"

type Names = "GetFileAttributesW" | "PrepareDirectoryChanges"

export const directoryCalls = (
  native: Bindings,
  { tellsRemoval }: Capabilities,
  answer: Answer
): { readonly [K in Names]: Implementation<K> } => ({
  /** FILE_LIST_DIRECTORY is FILE_READ_DATA, so that CreateFileW opens a file as well. */
  PrepareDirectoryChanges: ({ handle }, { address, view }, done) =>
    native.GetFileInformationByHandle.async(
      handle,
      address,
      answer((status, _, cause) => {
        if (status !== ERROR_SUCCESS) return done(status, undefined, cause)
        const attributes = view.getUint32(BY_HANDLE_FILE_INFORMATION.FileAttributes, true)
        if ((attributes & FILE_ATTRIBUTE_DIRECTORY) === 0) return done(ERROR_DIRECTORY, undefined)
        done(ERROR_SUCCESS, { tellsRemoval })
      })
    ),

  GetFileAttributesW: ({ path }, _, done) => {
    const name = toSystemPath(path)
    if (name === undefined) return queueMicrotask(() => done(ERROR_INVALID_NAME, undefined))
    native.GetFileAttributesW.async(name, (error, attributes) => {
      if (error !== null) done(ERROR_GEN_FAILURE, undefined, error)
      else if (attributes !== INVALID_FILE_ATTRIBUTES) done(ERROR_SUCCESS, attributes)
      else done(native.GetLastError() || ERROR_GEN_FAILURE, undefined)
    })
  }
})
