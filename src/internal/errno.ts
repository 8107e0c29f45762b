/**
 * From what node says to what Windows says: the errno of a failed node:fs call as a Win32 code.
 */
import * as C from "./constants.js"

const codes: ReadonlyMap<string, number> = new Map([
  ["ENOENT", C.ERROR_FILE_NOT_FOUND],
  ["ENOTDIR", C.ERROR_PATH_NOT_FOUND],
  ["EMFILE", C.ERROR_TOO_MANY_OPEN_FILES],
  ["ENFILE", C.ERROR_TOO_MANY_OPEN_FILES],
  ["EACCES", C.ERROR_ACCESS_DENIED],
  ["EPERM", C.ERROR_ACCESS_DENIED],
  ["EISDIR", C.ERROR_ACCESS_DENIED],
  ["EBADF", C.ERROR_INVALID_HANDLE],
  ["ENOMEM", C.ERROR_NOT_ENOUGH_MEMORY],
  ["EXDEV", C.ERROR_NOT_SAME_DEVICE],
  ["EROFS", C.ERROR_WRITE_PROTECT],
  ["EBUSY", C.ERROR_SHARING_VIOLATION],
  ["ETXTBSY", C.ERROR_SHARING_VIOLATION],
  // An open that another process's lease holds up, and that was told not to block.
  ["EAGAIN", C.ERROR_SHARING_VIOLATION],
  ["ENOTSUP", C.ERROR_NOT_SUPPORTED],
  ["EOPNOTSUPP", C.ERROR_NOT_SUPPORTED],
  ["ENOSYS", C.ERROR_NOT_SUPPORTED],
  // An open of a socket, or of a FIFO without a reader.
  ["ENXIO", C.ERROR_NOT_SUPPORTED],
  ["ENODEV", C.ERROR_NOT_SUPPORTED],
  ["EINVAL", C.ERROR_INVALID_PARAMETER],
  ["ERR_INVALID_ARG_VALUE", C.ERROR_INVALID_PARAMETER],
  ["ERR_INVALID_ARG_TYPE", C.ERROR_INVALID_PARAMETER],
  ["ERR_OUT_OF_RANGE", C.ERROR_INVALID_PARAMETER],
  ["EPIPE", C.ERROR_BROKEN_PIPE],
  ["ENOSPC", C.ERROR_DISK_FULL],
  ["ENOTEMPTY", C.ERROR_DIR_NOT_EMPTY],
  ["EEXIST", C.ERROR_ALREADY_EXISTS],
  ["ENAMETOOLONG", C.ERROR_FILENAME_EXCED_RANGE],
  ["EFBIG", C.ERROR_FILE_TOO_LARGE],
  ["ETIMEDOUT", C.WAIT_TIMEOUT],
  ["ECANCELED", C.ERROR_OPERATION_ABORTED],
  ["EIO", C.ERROR_IO_DEVICE],
  ["EDQUOT", C.ERROR_DISK_QUOTA_EXCEEDED],
  ["ELOOP", C.ERROR_CANT_RESOLVE_FILENAME]
])

/** A refusal of our own, with the code that Windows would answer. */
export class Refusal extends Error {
  override readonly name = "Refusal"

  constructor(readonly status: number, sentence: string, cause?: unknown) {
    super(sentence, cause === undefined ? undefined : { cause })
  }
}

/** `ERROR_GEN_FAILURE` for what has no counterpart. */
export const fromErrno = (code: string | undefined): number => codes.get(code ?? "") ?? C.ERROR_GEN_FAILURE

export const errnoOf = (error: unknown): string | undefined => {
  const code = (error as { readonly code?: unknown } | undefined)?.code
  return typeof code === "string" ? code : undefined
}

export const statusOf = (error: unknown): number => error instanceof Refusal ? error.status : fromErrno(errnoOf(error))
