/**
 * The numbers of the Windows headers, written down a second time from the Windows SDK: as hexadecimal or decimal as
 * they are there. A constant that is used and not listed here fails.
 */
import { describe, expect, it } from "@effect/vitest"
import * as constants from "../../src/internal/constants.js"
import { RECORD } from "../../src/internal/kernel/win32/memory.js"

/** winerror.h */
const errors = {
  ERROR_SUCCESS: 0,
  ERROR_INVALID_FUNCTION: 1,
  ERROR_FILE_NOT_FOUND: 2,
  ERROR_PATH_NOT_FOUND: 3,
  ERROR_TOO_MANY_OPEN_FILES: 4,
  ERROR_ACCESS_DENIED: 5,
  ERROR_INVALID_HANDLE: 6,
  ERROR_NOT_ENOUGH_MEMORY: 8,
  ERROR_NOT_SAME_DEVICE: 17,
  ERROR_WRITE_PROTECT: 19,
  ERROR_WRITE_FAULT: 29,
  ERROR_GEN_FAILURE: 31,
  ERROR_SHARING_VIOLATION: 32,
  ERROR_HANDLE_EOF: 38,
  ERROR_NOT_SUPPORTED: 50,
  ERROR_FILE_EXISTS: 80,
  ERROR_INVALID_PARAMETER: 87,
  ERROR_BROKEN_PIPE: 109,
  ERROR_DISK_FULL: 112,
  ERROR_CALL_NOT_IMPLEMENTED: 120,
  ERROR_SEM_TIMEOUT: 121,
  ERROR_INVALID_NAME: 123,
  ERROR_DIR_NOT_EMPTY: 145,
  ERROR_BUSY: 170,
  ERROR_ALREADY_EXISTS: 183,
  ERROR_FILENAME_EXCED_RANGE: 206,
  ERROR_FILE_TOO_LARGE: 223,
  ERROR_PIPE_BUSY: 231,
  ERROR_NO_DATA: 232,
  ERROR_PIPE_NOT_CONNECTED: 233,
  ERROR_MORE_DATA: 234,
  WAIT_TIMEOUT: 258,
  ERROR_DELETE_PENDING: 303,
  ERROR_PIPE_CONNECTED: 535,
  ERROR_PIPE_LISTENING: 536,
  ERROR_OPERATION_ABORTED: 995,
  ERROR_IO_PENDING: 997,
  ERROR_IO_DEVICE: 1117,
  ERROR_NOT_FOUND: 1168,
  ERROR_DISK_QUOTA_EXCEEDED: 1295,
  ERROR_CANT_RESOLVE_FILENAME: 1921
}

/** winnt.h, winbase.h, fileapi.h, minwinbase.h, memoryapi.h, basetsd.h, sddl.h */
const flags = {
  GENERIC_READ: 0x8000_0000,
  GENERIC_WRITE: 0x4000_0000,
  DELETE: 0x0001_0000,
  FILE_READ_ATTRIBUTES: 0x0080,
  FILE_WRITE_ATTRIBUTES: 0x0100,
  FILE_SHARE_READ: 0x0000_0001,
  FILE_SHARE_WRITE: 0x0000_0002,
  FILE_SHARE_DELETE: 0x0000_0004,
  CREATE_NEW: 1,
  CREATE_ALWAYS: 2,
  OPEN_EXISTING: 3,
  OPEN_ALWAYS: 4,
  TRUNCATE_EXISTING: 5,
  FILE_ATTRIBUTE_READONLY: 0x0000_0001,
  FILE_ATTRIBUTE_DIRECTORY: 0x0000_0010,
  FILE_ATTRIBUTE_NORMAL: 0x0000_0080,
  FILE_ATTRIBUTE_REPARSE_POINT: 0x0000_0400,
  FILE_FLAG_WRITE_THROUGH: 0x8000_0000,
  FILE_FLAG_OVERLAPPED: 0x4000_0000,
  FILE_FLAG_NO_BUFFERING: 0x2000_0000,
  FILE_FLAG_RANDOM_ACCESS: 0x1000_0000,
  FILE_FLAG_SEQUENTIAL_SCAN: 0x0800_0000,
  FILE_FLAG_DELETE_ON_CLOSE: 0x0400_0000,
  FILE_FLAG_OPEN_REPARSE_POINT: 0x0020_0000,
  SECURITY_SQOS_PRESENT: 0x0010_0000,
  SECURITY_ANONYMOUS: 0 << 16,
  SECURITY_IDENTIFICATION: 1 << 16,
  SECURITY_IMPERSONATION: 2 << 16,
  SECURITY_DELEGATION: 3 << 16,
  PIPE_ACCESS_DUPLEX: 0x0000_0003,
  FILE_FLAG_FIRST_PIPE_INSTANCE: 0x0008_0000,
  PIPE_SERVER_END: 0x0000_0001,
  PIPE_READMODE_BYTE: 0x0000_0000,
  PIPE_READMODE_MESSAGE: 0x0000_0002,
  PIPE_TYPE_MESSAGE: 0x0000_0004,
  PIPE_REJECT_REMOTE_CLIENTS: 0x0000_0008,
  PIPE_UNLIMITED_INSTANCES: 255,
  TOKEN_QUERY: 0x0008,
  TokenUser: 1,
  SDDL_REVISION_1: 1,
  FILE_SKIP_COMPLETION_PORT_ON_SUCCESS: 0x1,
  FILE_SKIP_SET_EVENT_ON_HANDLE: 0x2,
  MOVEFILE_REPLACE_EXISTING: 0x0000_0001,
  MOVEFILE_WRITE_THROUGH: 0x0000_0008,
  FileBasicInfo: 0,
  FileEndOfFileInfo: 6,
  MEM_COMMIT: 0x0000_1000,
  MEM_RESERVE: 0x0000_2000,
  MEM_RELEASE: 0x0000_8000,
  PAGE_READWRITE: 0x04,
  MAXDWORD: 0xffff_ffff,
  TP_CALLBACK_PRIORITY_HIGH: 0,
  TP_CALLBACK_PRIORITY_NORMAL: 1
}

/** The library's own. */
const own = { SECTOR: 4096 }

type Field = readonly [name: string, bytes: number]

/** Offsets as a C compiler gives them: each member at the next multiple of its own size, 8 at most. */
const laidOut = (fields: ReadonlyArray<Field>, alignment: number) => {
  const layout: Record<string, number> = {}
  let at = 0
  for (const [name, bytes] of fields) {
    const boundary = Math.min(bytes, alignment)
    at = Math.ceil(at / boundary) * boundary
    layout[name] = at
    at += bytes
  }
  return { ...layout, size: Math.ceil(at / alignment) * alignment }
}

const POINTER = 8
const DWORD = 4
const LARGE_INTEGER = 8
/** Two DWORDs, and aligned as such. */
const FILETIME = 8

describe("the constants", () => {
  it("are those of the Windows SDK, every one", () => {
    const numbers = Object.entries(constants).filter(([, value]) => typeof value === "number")
    expect(Object.fromEntries(numbers)).toEqual({ ...errors, ...flags, ...own })
  })
  it("are unsigned, as koffi takes a DWORD", () => {
    for (const value of Object.values(constants)) if (typeof value === "number") expect(value).toBeGreaterThanOrEqual(0)
  })
})

describe("rule 28: the layout for 64 bits of", () => {
  it("OVERLAPPED", () => {
    expect(constants.OVERLAPPED).toEqual(laidOut([
      ["Internal", POINTER],
      ["InternalHigh", POINTER],
      ["Offset", DWORD],
      ["OffsetHigh", DWORD],
      ["hEvent", POINTER]
    ], 8))
    expect(constants.OVERLAPPED.size).toBe(32)
  })
  it("SECURITY_ATTRIBUTES", () => {
    expect(constants.SECURITY_ATTRIBUTES).toEqual(laidOut([
      ["nLength", DWORD],
      ["lpSecurityDescriptor", POINTER],
      ["bInheritHandle", DWORD]
    ], 8))
    expect(constants.SECURITY_ATTRIBUTES.size).toBe(24)
  })
  it("TP_CALLBACK_ENVIRON_V3", () => {
    expect(constants.TP_CALLBACK_ENVIRON_V3).toEqual(laidOut([
      ["Version", DWORD],
      ["Pool", POINTER],
      ["CleanupGroup", POINTER],
      ["CleanupGroupCancelCallback", POINTER],
      ["RaceDll", POINTER],
      ["ActivationContext", POINTER],
      ["FinalizationCallback", POINTER],
      ["Flags", DWORD],
      ["CallbackPriority", DWORD],
      ["Size", DWORD]
    ], 8))
    expect(constants.TP_CALLBACK_ENVIRON_V3.size).toBe(72)
  })
  it("BY_HANDLE_FILE_INFORMATION", () => {
    expect(constants.BY_HANDLE_FILE_INFORMATION).toEqual(laidOut([
      ["FileAttributes", DWORD],
      ["CreationTime", FILETIME],
      ["LastAccessTime", FILETIME],
      ["LastWriteTime", FILETIME],
      ["VolumeSerialNumber", DWORD],
      ["FileSizeHigh", DWORD],
      ["FileSizeLow", DWORD],
      ["NumberOfLinks", DWORD],
      ["FileIndexHigh", DWORD],
      ["FileIndexLow", DWORD]
    ], 4))
    expect(constants.BY_HANDLE_FILE_INFORMATION.size).toBe(52)
  })
  it("FILE_BASIC_INFO", () => {
    expect(constants.FILE_BASIC_INFO).toEqual(laidOut([
      ["CreationTime", LARGE_INTEGER],
      ["LastAccessTime", LARGE_INTEGER],
      ["LastWriteTime", LARGE_INTEGER],
      ["ChangeTime", LARGE_INTEGER],
      ["FileAttributes", DWORD]
    ], 8))
    expect(constants.FILE_BASIC_INFO.size).toBe(40)
  })
  it("a slot of ours: the OVERLAPPED first, and what is ours behind it", () => {
    const { generation, size, threadpoolIo } = RECORD
    expect([generation % 4, threadpoolIo % 8, size % 8]).toEqual([0, 0, 0])
    expect(generation).toBeGreaterThanOrEqual(constants.OVERLAPPED.size)
    expect(threadpoolIo).toBeGreaterThanOrEqual(generation + 4)
    expect(size).toBeGreaterThanOrEqual(threadpoolIo + 8)
  })
})
