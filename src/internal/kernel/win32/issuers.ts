/**
 * The first verb: every overlapped function but the two that are on the hot path. Each makes its one call and answers its
 * BOOL; nobody comes between that and GetLastError.
 */
import type { Issue, IssueKind } from "../Kernel.js"
import type { Bindings } from "./bindings.js"

/** What an overlapped function is called with: addresses, and the rest in `issue`. */
export interface Arguments {
  readonly handle: number
  readonly overlapped: number
  /** Of the memory, at the window's start; 0 when there is none. */
  readonly address: number
  readonly length: number
  readonly issue: Issue
}

export type Issuer = (native: Bindings, arguments_: Arguments) => number

export const issuers: { readonly [K in Exclude<IssueKind, "read" | "write" | "custom">]: Issuer } = {
  connect: (native, { handle, overlapped }) => native.ConnectNamedPipe(handle, overlapped),
  transact: (native, { address, handle, issue, length, overlapped }) =>
    native.TransactNamedPipe(handle, issue.input!.address, issue.inputLength, address, length, 0, overlapped)
}
