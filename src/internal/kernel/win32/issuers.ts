/**
 * The first verb: every overlapped function but the two that are on the hot path. Each makes its one call and answers
 * its BOOL; nobody comes between that and GetLastError.
 */
import { FSCTL_PIPE_PEEK } from "../../constants.js"
import type { Issue, IssueKind, LockParameters, WatchParameters } from "../Kernel.js"
import type { Bindings } from "./bindings.js"

/** The arguments of an overlapped function: addresses, and the rest in `issue`. */
export interface Arguments {
  readonly handle: number
  readonly overlapped: number
  /** The address of the memory, at the window's start; 0 when there is none. */
  readonly address: number
  readonly length: number
  readonly issue: Issue
}

export type Issuer = (native: Bindings, arguments_: Arguments) => number

export const issuers: { readonly [K in Exclude<IssueKind, "read" | "write" | "custom">]: Issuer } = {
  connect: (native, { handle, overlapped }) => native.ConnectNamedPipe(handle, overlapped),
  transact: (native, { address, handle, issue, length, overlapped }) =>
    native.TransactNamedPipe(handle, issue.input!.address, issue.inputLength, address, length, 0, overlapped),

  peek: (native, { address, handle, length, overlapped }) =>
    native.DeviceIoControl(handle, FSCTL_PIPE_PEEK, 0, 0, address, length, 0, overlapped),

  lock: (native, { handle, issue, overlapped }) => {
    const { flags, lengthHigh, lengthLow } = issue.parameters as LockParameters
    return native.LockFileEx(handle, flags, 0, lengthLow, lengthHigh, overlapped)
  },

  ioctl: (native, { address, handle, issue: { input, inputLength, parameters }, length, overlapped }) =>
    native.DeviceIoControl(
      handle,
      parameters as number,
      inputLength === 0 ? 0 : input!.address,
      inputLength,
      length === 0 ? 0 : address,
      length,
      0,
      overlapped
    ),

  scatter: (native, { handle, issue, length, overlapped }) =>
    native.ReadFileScatter(handle, issue.input!.address, length, 0, overlapped),

  gather: (native, { handle, issue, length, overlapped }) =>
    native.WriteFileGather(handle, issue.input!.address, length, 0, overlapped),

  watch: (native, { address, handle, issue, length, overlapped }) => {
    const { filter, recursive } = issue.parameters as WatchParameters
    return native.ReadDirectoryChangesW(handle, address, length, recursive ? 1 : 0, filter, 0, overlapped, 0)
  }
}
