/**
 * How kernel32 is called by functions without an OVERLAPPED, where no system tells afterwards: on a kernel32 that only
 * notes it.
 */
import { describe, expect, it } from "vitest"
import * as c from "../../src/internal/constants.js"
import type { Bindings } from "../../src/internal/kernel/win32/bindings.js"
import { makeCalls } from "../../src/internal/kernel/win32/calls.js"
import { Capabilities } from "../../src/internal/kernel/win32/capabilities.js"

/** The arguments of CreateFileW. */
const created = (path: string, flags: number) => {
  const calls: Array<ReadonlyArray<unknown>> = []
  const native = {
    VirtualAlloc: () => 4096,
    view: (_: number, bytes: number) => new Uint8Array(bytes),
    CreateFileW: { async: (...arguments_: ReadonlyArray<unknown>) => calls.push(arguments_.slice(0, -1)) }
  } as unknown as Bindings
  makeCalls(native, new Capabilities(native), 1)("CreateFileW", {
    path,
    access: 1,
    share: 7,
    disposition: 3,
    flags,
    mode: 0
  }, () => {})
  return calls
}

describe("CreateFileW", () => {
  it("is overlapped, and a pipe that the path leads to is not told who we are, unless the caller has said what", () => {
    const always = (c.FILE_FLAG_OVERLAPPED | c.SECURITY_SQOS_PRESENT) >>> 0
    expect(created("\\\\.\\pipe\\a", 0)).toEqual([["\\\\.\\pipe\\a", 1, 7, 0, 3, always | c.SECURITY_ANONYMOUS, 0]])
    const asked = (c.SECURITY_SQOS_PRESENT | c.SECURITY_IDENTIFICATION) >>> 0
    expect(created("C:\\a", asked)).toEqual([["\\\\?\\C:\\a", 1, 7, 0, 3, (always | asked) >>> 0, 0]])
  })

  it("of a file: none of its flags says anything about the caller", () => {
    const QUALITY_OF_SERVICE = 0x001f_0000
    const ours = [
      c.FILE_ATTRIBUTE_NORMAL,
      c.FILE_ATTRIBUTE_READONLY,
      c.FILE_FLAG_WRITE_THROUGH,
      c.FILE_FLAG_NO_BUFFERING,
      c.FILE_FLAG_SEQUENTIAL_SCAN,
      c.FILE_FLAG_RANDOM_ACCESS,
      c.FILE_FLAG_OPEN_REPARSE_POINT,
      c.FILE_FLAG_BACKUP_SEMANTICS,
      c.FILE_FLAG_OVERLAPPED
    ]
    expect(ours.filter((flag) => (flag & QUALITY_OF_SERVICE) !== 0)).toEqual([])
  })
})
