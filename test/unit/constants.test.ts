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
  ERROR_LOCK_VIOLATION: 33,
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
  ERROR_NO_MORE_FILES: 18,
  ERROR_PIPE_NOT_CONNECTED: 233,
  ERROR_MORE_DATA: 234,
  WAIT_TIMEOUT: 258,
  ERROR_DIRECTORY: 267,
  ERROR_DELETE_PENDING: 303,
  ERROR_PIPE_CONNECTED: 535,
  ERROR_PIPE_LISTENING: 536,
  ERROR_OPERATION_ABORTED: 995,
  ERROR_IO_PENDING: 997,
  ERROR_NOTIFY_ENUM_DIR: 1022,
  ERROR_IO_DEVICE: 1117,
  ERROR_NOT_FOUND: 1168,
  ERROR_DISK_QUOTA_EXCEEDED: 1295,
  ERROR_NO_SYSTEM_RESOURCES: 1450,
  ERROR_CANT_RESOLVE_FILENAME: 1921
}

/**
 * winnt.h (the bit fields of TP_CALLBACK_ENVIRON_V3 too), winbase.h, fileapi.h, minwinbase.h, memoryapi.h, basetsd.h,
 * sddl.h
 */
const flags = {
  GENERIC_READ: 0x8000_0000,
  GENERIC_WRITE: 0x4000_0000,
  DELETE: 0x0001_0000,
  STANDARD_RIGHTS_WRITE: 0x0002_0000,
  SYNCHRONIZE: 0x0010_0000,
  FILE_LIST_DIRECTORY: 0x0001,
  FILE_APPEND_DATA: 0x0004,
  FILE_WRITE_EA: 0x0010,
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
  FILE_ATTRIBUTE_SPARSE_FILE: 0x0000_0200,
  FILE_ATTRIBUTE_COMPRESSED: 0x0000_0800,
  FILE_ATTRIBUTE_OFFLINE: 0x0000_1000,
  FILE_ATTRIBUTE_RECALL_ON_OPEN: 0x0004_0000,
  FILE_ATTRIBUTE_RECALL_ON_DATA_ACCESS: 0x0040_0000,
  INVALID_FILE_ATTRIBUTES: 0xffff_ffff,
  FILE_FLAG_WRITE_THROUGH: 0x8000_0000,
  FILE_FLAG_OVERLAPPED: 0x4000_0000,
  FILE_FLAG_NO_BUFFERING: 0x2000_0000,
  FILE_FLAG_RANDOM_ACCESS: 0x1000_0000,
  FILE_FLAG_SEQUENTIAL_SCAN: 0x0800_0000,
  FILE_FLAG_DELETE_ON_CLOSE: 0x0400_0000,
  FILE_FLAG_BACKUP_SEMANTICS: 0x0200_0000,
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
  FILE_TYPE_PIPE: 0x0003,
  FILE_CREATE: 0x0000_0002,
  OBJ_CASE_INSENSITIVE: 0x0000_0040,
  FILE_PIPE_MESSAGE_TYPE: 0x0000_0001,
  FILE_PIPE_REJECT_REMOTE_CLIENTS: 0x0000_0002,
  FILE_PIPE_MESSAGE_MODE: 0x0000_0001,
  // CTL_CODE(FILE_DEVICE_NAMED_PIPE, 3, METHOD_BUFFERED, FILE_READ_DATA)
  FSCTL_PIPE_PEEK: (0x11 << 16) | (1 << 14) | (3 << 2),
  TOKEN_QUERY: 0x0008,
  TokenUser: 1,
  SDDL_REVISION_1: 1,
  FILE_SKIP_COMPLETION_PORT_ON_SUCCESS: 0x1,
  FILE_SKIP_SET_EVENT_ON_HANDLE: 0x2,
  MOVEFILE_REPLACE_EXISTING: 0x0000_0001,
  MOVEFILE_WRITE_THROUGH: 0x0000_0008,
  FILE_NOTIFY_CHANGE_FILE_NAME: 0x0000_0001,
  FILE_NOTIFY_CHANGE_DIR_NAME: 0x0000_0002,
  FILE_NOTIFY_CHANGE_ATTRIBUTES: 0x0000_0004,
  FILE_NOTIFY_CHANGE_SIZE: 0x0000_0008,
  FILE_NOTIFY_CHANGE_LAST_WRITE: 0x0000_0010,
  FILE_NOTIFY_CHANGE_LAST_ACCESS: 0x0000_0020,
  FILE_NOTIFY_CHANGE_CREATION: 0x0000_0040,
  FILE_NOTIFY_CHANGE_SECURITY: 0x0000_0100,
  FILE_ACTION_ADDED: 0x0000_0001,
  FILE_ACTION_REMOVED: 0x0000_0002,
  FILE_ACTION_MODIFIED: 0x0000_0003,
  FILE_ACTION_RENAMED_OLD_NAME: 0x0000_0004,
  FILE_ACTION_RENAMED_NEW_NAME: 0x0000_0005,
  FileBasicInfo: 0,
  FileStandardInfo: 1,
  FileRenameInfo: 3,
  FileDispositionInfo: 4,
  FileAllocationInfo: 5,
  FileEndOfFileInfo: 6,
  FileAttributeTagInfo: 9,
  FileStorageInfo: 16,
  FileDispositionInfoEx: 21,
  FileFullDirectoryInfo: 14,
  FileRenameInfoEx: 22,
  FILE_DISPOSITION_FLAG_DELETE: 0x0000_0001,
  FILE_DISPOSITION_FLAG_POSIX_SEMANTICS: 0x0000_0002,
  FILE_DISPOSITION_FLAG_IGNORE_READONLY_ATTRIBUTE: 0x0000_0010,
  FILE_RENAME_FLAG_REPLACE_IF_EXISTS: 0x0000_0001,
  FILE_RENAME_FLAG_POSIX_SEMANTICS: 0x0000_0002,
  FILE_RENAME_FLAG_IGNORE_READONLY_ATTRIBUTE: 0x0000_0040,
  LOCKFILE_FAIL_IMMEDIATELY: 0x0000_0001,
  LOCKFILE_EXCLUSIVE_LOCK: 0x0000_0002,
  METHOD_IN_DIRECT: 1,
  FILE_DEVICE_FILE_SYSTEM: 0x0000_0009,
  MEM_COMMIT: 0x0000_1000,
  MEM_RESERVE: 0x0000_2000,
  MEM_RELEASE: 0x0000_8000,
  PAGE_READWRITE: 0x04,
  MAXDWORD: 0xffff_ffff,
  NAME_SURROGATE: 0x2000_0000,
  TP_CALLBACK_PRIORITY_HIGH: 0,
  TP_CALLBACK_PRIORITY_NORMAL: 1,
  TP_CALLBACK_PRIORITY_LOW: 2,
  TP_CALLBACK_RUNS_LONG: 0b1
}

/** The library's own. */
const own = { LARGEST_SECTOR: 4096, METHOD_MASK: 3, PAGE_SIZE: 4096 }

/** winioctl.h: CTL_CODE(DeviceType, Function, Method, Access), as each is defined there. */
const CTL_CODE = (device: number, function_: number, method: number, access: number): number =>
  ((device << 16) | (access << 14) | (function_ << 2) | method) >>> 0
const [METHOD_BUFFERED, METHOD_NEITHER] = [0, 3]
const [FILE_ANY_ACCESS, FILE_READ_DATA, FILE_WRITE_DATA] = [0, 1, 2]
const FILE_SYSTEM = 0x9
const [DISK, MASS_STORAGE, VOLUME] = [0x7, 0x2d, 0x56]
const controlCodes = {
  FSCTL_FILESYSTEM_GET_STATISTICS: CTL_CODE(FILE_SYSTEM, 24, METHOD_BUFFERED, FILE_ANY_ACCESS),
  FSCTL_GET_COMPRESSION: CTL_CODE(FILE_SYSTEM, 15, METHOD_BUFFERED, FILE_ANY_ACCESS),
  FSCTL_SET_COMPRESSION: CTL_CODE(FILE_SYSTEM, 16, METHOD_BUFFERED, FILE_READ_DATA | FILE_WRITE_DATA),
  FSCTL_GET_NTFS_VOLUME_DATA: CTL_CODE(FILE_SYSTEM, 25, METHOD_BUFFERED, FILE_ANY_ACCESS),
  FSCTL_GET_OBJECT_ID: CTL_CODE(FILE_SYSTEM, 39, METHOD_BUFFERED, FILE_ANY_ACCESS),
  FSCTL_CREATE_OR_GET_OBJECT_ID: CTL_CODE(FILE_SYSTEM, 48, METHOD_BUFFERED, FILE_ANY_ACCESS),
  FSCTL_GET_REPARSE_POINT: CTL_CODE(FILE_SYSTEM, 42, METHOD_BUFFERED, FILE_ANY_ACCESS),
  FSCTL_GET_RETRIEVAL_POINTERS: CTL_CODE(FILE_SYSTEM, 28, METHOD_NEITHER, FILE_ANY_ACCESS),
  FSCTL_QUERY_ALLOCATED_RANGES: CTL_CODE(FILE_SYSTEM, 51, METHOD_NEITHER, FILE_READ_DATA),
  FSCTL_SET_SPARSE: CTL_CODE(FILE_SYSTEM, 49, METHOD_BUFFERED, FILE_ANY_ACCESS),
  FSCTL_SET_ZERO_DATA: CTL_CODE(FILE_SYSTEM, 50, METHOD_BUFFERED, FILE_WRITE_DATA),
  IOCTL_DISK_GET_DRIVE_GEOMETRY: CTL_CODE(DISK, 0x0000, METHOD_BUFFERED, FILE_ANY_ACCESS),
  IOCTL_DISK_GET_LENGTH_INFO: CTL_CODE(DISK, 0x0017, METHOD_BUFFERED, FILE_READ_DATA),
  IOCTL_STORAGE_GET_DEVICE_NUMBER: CTL_CODE(MASS_STORAGE, 0x0420, METHOD_BUFFERED, FILE_ANY_ACCESS),
  IOCTL_STORAGE_QUERY_PROPERTY: CTL_CODE(MASS_STORAGE, 0x0500, METHOD_BUFFERED, FILE_ANY_ACCESS),
  IOCTL_VOLUME_GET_VOLUME_DISK_EXTENTS: CTL_CODE(VOLUME, 0, METHOD_BUFFERED, FILE_ANY_ACCESS)
}

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
const BOOLEAN = 1
const WCHAR = 2
const LARGE_INTEGER = 8
/** Two DWORDs, and aligned as such. */
const FILETIME = 8

describe("the constants", () => {
  it("are those of the Windows SDK, every one", () => {
    const numbers = Object.entries(constants).filter(([, value]) => typeof value === "number")
    expect(Object.fromEntries(numbers)).toEqual({ ...errors, ...flags, ...own })
  })
  it("are those of the Windows SDK, the control codes too", () => {
    expect(constants.IO_CONTROL_CODES).toEqual(controlCodes)
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
  it("OBJECT_ATTRIBUTES, UNICODE_STRING and FILE_PIPE_PEEK_BUFFER", () => {
    expect(constants.OBJECT_ATTRIBUTES).toEqual(laidOut([
      ["Length", DWORD],
      ["RootDirectory", POINTER],
      ["ObjectName", POINTER],
      ["Attributes", DWORD],
      ["SecurityDescriptor", POINTER],
      ["SecurityQualityOfService", POINTER]
    ], 8))
    expect(constants.UNICODE_STRING).toEqual(laidOut([
      ["Length", WCHAR],
      ["MaximumLength", WCHAR],
      ["Buffer", POINTER]
    ], 8))
    expect(constants.FILE_PIPE_PEEK_BUFFER).toEqual(laidOut([
      ["NamedPipeState", DWORD],
      ["ReadDataAvailable", DWORD],
      ["NumberOfMessages", DWORD],
      ["MessageLength", DWORD]
    ], 4))
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
  it("TP_POOL_STACK_INFORMATION", () => {
    const fields = [["StackReserve", POINTER], ["StackCommit", POINTER]] as const
    expect(constants.TP_POOL_STACK_INFORMATION).toEqual(laidOut(fields, 8))
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
  it("FILE_NOTIFY_INFORMATION, up to its name", () => {
    const { size, ...header } = laidOut([
      ["NextEntryOffset", DWORD],
      ["Action", DWORD],
      ["FileNameLength", DWORD]
    ], 4)
    expect(constants.FILE_NOTIFY_INFORMATION).toEqual({ ...header, FileName: size })
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
  it("FILE_STANDARD_INFO", () => {
    expect(constants.FILE_STANDARD_INFO).toEqual(laidOut([
      ["AllocationSize", LARGE_INTEGER],
      ["EndOfFile", LARGE_INTEGER],
      ["NumberOfLinks", DWORD],
      ["DeletePending", BOOLEAN],
      ["Directory", BOOLEAN]
    ], 8))
    expect(constants.FILE_STANDARD_INFO.size).toBe(24)
  })
  it("FILE_ATTRIBUTE_TAG_INFO", () => {
    expect(constants.FILE_ATTRIBUTE_TAG_INFO).toEqual(laidOut([
      ["FileAttributes", DWORD],
      ["ReparseTag", DWORD]
    ], 4))
  })
  it("FILE_STORAGE_INFO", () => {
    expect(constants.FILE_STORAGE_INFO).toEqual(laidOut([
      ["LogicalBytesPerSector", DWORD],
      ["PhysicalBytesPerSectorForAtomicity", DWORD],
      ["PhysicalBytesPerSectorForPerformance", DWORD],
      ["FileSystemEffectivePhysicalBytesPerSectorForAtomicity", DWORD],
      ["Flags", DWORD],
      ["ByteOffsetForSectorAlignment", DWORD],
      ["ByteOffsetForPartitionAlignment", DWORD]
    ], 4))
  })
  it("FILE_FS_SIZE_INFORMATION", () => {
    expect(constants.FILE_FS_SIZE_INFORMATION).toEqual(laidOut([
      ["TotalAllocationUnits", LARGE_INTEGER],
      ["AvailableAllocationUnits", LARGE_INTEGER],
      ["SectorsPerAllocationUnit", DWORD],
      ["BytesPerSector", DWORD]
    ], 8))
  })
  it("FILE_RENAME_INFO, whose BOOLEAN is a DWORD of flags in its later form", () => {
    expect(constants.FILE_RENAME_INFO).toEqual(laidOut([
      ["Flags", DWORD],
      ["RootDirectory", POINTER],
      ["FileNameLength", DWORD],
      ["FileName", WCHAR]
    ], 8))
  })
  it("FILE_ALLOCATED_RANGE_BUFFER", () => {
    expect(constants.FILE_ALLOCATED_RANGE_BUFFER).toEqual(laidOut([
      ["FileOffset", LARGE_INTEGER],
      ["Length", LARGE_INTEGER]
    ], 8))
  })
  it("a slot of ours: the OVERLAPPED first, and what is ours behind it", () => {
    const { generation, size, threadpoolIo } = RECORD
    expect([generation % 4, threadpoolIo % 8, size % 8]).toEqual([0, 0, 0])
    expect(generation).toBeGreaterThanOrEqual(constants.OVERLAPPED.size)
    expect(threadpoolIo).toBeGreaterThanOrEqual(generation + 4)
    expect(size).toBeGreaterThanOrEqual(threadpoolIo + 8)
  })
})
