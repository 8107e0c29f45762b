/**
 * Floor 1: numbers of the Windows headers (winnt.h, winbase.h, winerror.h, fileapi.h) that the library uses, under
 * their own names, and the layouts of the structures it writes. `test/` asserts them.
 */

// --- winerror.h: only the codes that the library itself decides on; `Win32Error` names many more
export const ERROR_SUCCESS = 0
export const ERROR_INVALID_FUNCTION = 1
export const ERROR_FILE_NOT_FOUND = 2
export const ERROR_PATH_NOT_FOUND = 3
export const ERROR_TOO_MANY_OPEN_FILES = 4
export const ERROR_ACCESS_DENIED = 5
export const ERROR_INVALID_HANDLE = 6
export const ERROR_NOT_ENOUGH_MEMORY = 8
export const ERROR_NOT_SAME_DEVICE = 17
export const ERROR_NO_MORE_FILES = 18
export const ERROR_WRITE_PROTECT = 19
export const ERROR_WRITE_FAULT = 29
export const ERROR_GEN_FAILURE = 31
export const ERROR_SHARING_VIOLATION = 32
export const ERROR_LOCK_VIOLATION = 33
export const ERROR_HANDLE_EOF = 38
export const ERROR_NOT_SUPPORTED = 50
export const ERROR_FILE_EXISTS = 80
export const ERROR_INVALID_PARAMETER = 87
export const ERROR_BROKEN_PIPE = 109
export const ERROR_DISK_FULL = 112
export const ERROR_CALL_NOT_IMPLEMENTED = 120
export const ERROR_SEM_TIMEOUT = 121
export const ERROR_INVALID_NAME = 123
export const ERROR_DIR_NOT_EMPTY = 145
export const ERROR_BUSY = 170
export const ERROR_ALREADY_EXISTS = 183
export const ERROR_FILENAME_EXCED_RANGE = 206
export const ERROR_FILE_TOO_LARGE = 223
export const ERROR_PIPE_BUSY = 231
export const ERROR_NO_DATA = 232
export const ERROR_PIPE_NOT_CONNECTED = 233
export const ERROR_MORE_DATA = 234
export const WAIT_TIMEOUT = 258
export const ERROR_DIRECTORY = 267
export const ERROR_DELETE_PENDING = 303
export const ERROR_PIPE_CONNECTED = 535
export const ERROR_PIPE_LISTENING = 536
export const ERROR_OPERATION_ABORTED = 995
export const ERROR_IO_PENDING = 997
export const ERROR_NOTIFY_ENUM_DIR = 1022
export const ERROR_IO_DEVICE = 1117
export const ERROR_NOT_FOUND = 1168
export const ERROR_DISK_QUOTA_EXCEEDED = 1295
export const ERROR_NO_SYSTEM_RESOURCES = 1450
export const ERROR_CANT_RESOLVE_FILENAME = 1921

// --- CreateFileW
export const GENERIC_READ = 0x80000000
export const GENERIC_WRITE = 0x40000000
export const DELETE = 0x00010000
export const STANDARD_RIGHTS_WRITE = 0x00020000
export const SYNCHRONIZE = 0x00100000
export const FILE_LIST_DIRECTORY = 0x1
export const FILE_APPEND_DATA = 0x4
export const FILE_WRITE_EA = 0x10
export const FILE_READ_ATTRIBUTES = 0x80
export const FILE_WRITE_ATTRIBUTES = 0x100
export const FILE_SHARE_READ = 1
export const FILE_SHARE_WRITE = 2
export const FILE_SHARE_DELETE = 4
export const CREATE_NEW = 1
export const CREATE_ALWAYS = 2
export const OPEN_EXISTING = 3
export const OPEN_ALWAYS = 4
export const TRUNCATE_EXISTING = 5
export const FILE_ATTRIBUTE_READONLY = 0x1
export const FILE_ATTRIBUTE_DIRECTORY = 0x10
export const FILE_ATTRIBUTE_NORMAL = 0x80
export const FILE_ATTRIBUTE_SPARSE_FILE = 0x200
export const FILE_ATTRIBUTE_REPARSE_POINT = 0x400
export const FILE_ATTRIBUTE_COMPRESSED = 0x800
export const FILE_ATTRIBUTE_OFFLINE = 0x1000
export const FILE_ATTRIBUTE_RECALL_ON_OPEN = 0x40000
export const FILE_ATTRIBUTE_RECALL_ON_DATA_ACCESS = 0x400000
export const INVALID_FILE_ATTRIBUTES = 0xffffffff
export const FILE_FLAG_WRITE_THROUGH = 0x80000000
export const FILE_FLAG_OVERLAPPED = 0x40000000
export const FILE_FLAG_NO_BUFFERING = 0x20000000
export const FILE_FLAG_RANDOM_ACCESS = 0x10000000
export const FILE_FLAG_SEQUENTIAL_SCAN = 0x08000000
export const FILE_FLAG_DELETE_ON_CLOSE = 0x04000000
export const FILE_FLAG_BACKUP_SEMANTICS = 0x02000000
export const FILE_FLAG_OPEN_REPARSE_POINT = 0x00200000

// --- CreateFileW on a named pipe: what the server may do with the client's identity
export const SECURITY_SQOS_PRESENT = 0x00100000
export const SECURITY_ANONYMOUS = 0x00000000
export const SECURITY_IDENTIFICATION = 0x00010000
export const SECURITY_IMPERSONATION = 0x00020000
export const SECURITY_DELEGATION = 0x00030000

// --- CreateNamedPipeW, SetNamedPipeHandleState, GetNamedPipeInfo
export const PIPE_ACCESS_DUPLEX = 3
export const FILE_FLAG_FIRST_PIPE_INSTANCE = 0x00080000
export const PIPE_SERVER_END = 1
export const PIPE_READMODE_BYTE = 0
export const PIPE_READMODE_MESSAGE = 2
export const PIPE_TYPE_MESSAGE = 4
export const PIPE_REJECT_REMOTE_CLIENTS = 8
export const PIPE_UNLIMITED_INSTANCES = 255
/** `GetFileType`. */
export const FILE_TYPE_PIPE = 3
/** ntifs.h: what NtCreateNamedPipeFile takes. */
export const FILE_CREATE = 2
export const OBJ_CASE_INSENSITIVE = 0x40
export const FILE_PIPE_MESSAGE_TYPE = 1
export const FILE_PIPE_REJECT_REMOTE_CLIENTS = 2
export const FILE_PIPE_MESSAGE_MODE = 1

// --- OpenProcessToken, GetTokenInformation, ConvertStringSecurityDescriptorToSecurityDescriptorW
export const TOKEN_QUERY = 0x0008
export const TokenUser = 1
export const SDDL_REVISION_1 = 1

// --- SetFileCompletionNotificationModes
export const FILE_SKIP_COMPLETION_PORT_ON_SUCCESS = 1
export const FILE_SKIP_SET_EVENT_ON_HANDLE = 2

// --- MoveFileExW
export const MOVEFILE_REPLACE_EXISTING = 1
export const MOVEFILE_WRITE_THROUGH = 8

// --- FILE_INFO_BY_HANDLE_CLASS
export const FileBasicInfo = 0
export const FileStandardInfo = 1
export const FileRenameInfo = 3
export const FileDispositionInfo = 4
export const FileAllocationInfo = 5
export const FileEndOfFileInfo = 6
export const FileAttributeTagInfo = 9
export const FileFullDirectoryInfo = 14
export const FileStorageInfo = 16
export const FileDispositionInfoEx = 21
export const FileRenameInfoEx = 22
export const FILE_DISPOSITION_FLAG_DELETE = 1
export const FILE_DISPOSITION_FLAG_POSIX_SEMANTICS = 2
export const FILE_DISPOSITION_FLAG_IGNORE_READONLY_ATTRIBUTE = 0x10
export const FILE_RENAME_FLAG_REPLACE_IF_EXISTS = 1
export const FILE_RENAME_FLAG_POSIX_SEMANTICS = 2
export const FILE_RENAME_FLAG_IGNORE_READONLY_ATTRIBUTE = 0x40

// --- LockFileEx
export const LOCKFILE_FAIL_IMMEDIATELY = 1
export const LOCKFILE_EXCLUSIVE_LOCK = 2

// --- DeviceIoControl: bits of a code that say how its buffers go
export const METHOD_MASK = 3
export const METHOD_IN_DIRECT = 1
export const FILE_DEVICE_FILE_SYSTEM = 9

/** Codes of winioctl.h whose buffers hold no addresses and no handles. */
export const IO_CONTROL_CODES = {
  FSCTL_FILESYSTEM_GET_STATISTICS: 0x90060,
  FSCTL_GET_COMPRESSION: 0x9003c,
  FSCTL_SET_COMPRESSION: 0x9c040,
  FSCTL_GET_NTFS_VOLUME_DATA: 0x90064,
  FSCTL_GET_OBJECT_ID: 0x9009c,
  FSCTL_CREATE_OR_GET_OBJECT_ID: 0x900c0,
  FSCTL_GET_REPARSE_POINT: 0x900a8,
  FSCTL_GET_RETRIEVAL_POINTERS: 0x90073,
  FSCTL_QUERY_ALLOCATED_RANGES: 0x940cf,
  FSCTL_SET_SPARSE: 0x900c4,
  FSCTL_SET_ZERO_DATA: 0x980c8,
  IOCTL_DISK_GET_DRIVE_GEOMETRY: 0x70000,
  IOCTL_DISK_GET_LENGTH_INFO: 0x7405c,
  IOCTL_STORAGE_GET_DEVICE_NUMBER: 0x2d1080,
  IOCTL_STORAGE_QUERY_PROPERTY: 0x2d1400,
  IOCTL_VOLUME_GET_VOLUME_DISK_EXTENTS: 0x560000
} as const

// --- ReadDirectoryChangesW
export const FILE_NOTIFY_CHANGE_FILE_NAME = 0x001
export const FILE_NOTIFY_CHANGE_DIR_NAME = 0x002
export const FILE_NOTIFY_CHANGE_ATTRIBUTES = 0x004
export const FILE_NOTIFY_CHANGE_SIZE = 0x008
export const FILE_NOTIFY_CHANGE_LAST_WRITE = 0x010
export const FILE_NOTIFY_CHANGE_LAST_ACCESS = 0x020
export const FILE_NOTIFY_CHANGE_CREATION = 0x040
export const FILE_NOTIFY_CHANGE_SECURITY = 0x100
export const FILE_ACTION_ADDED = 1
export const FILE_ACTION_REMOVED = 2
export const FILE_ACTION_MODIFIED = 3
export const FILE_ACTION_RENAMED_OLD_NAME = 4
export const FILE_ACTION_RENAMED_NEW_NAME = 5

// --- VirtualAlloc
export const MEM_COMMIT = 0x1000
export const MEM_RESERVE = 0x2000
export const MEM_RELEASE = 0x8000
export const PAGE_READWRITE = 4

/** A request is at most a DWORD long (rule 26). */
export const MAXDWORD = 0xffffffff

/** A multiple of every sector size in use: for unbuffered files whose volume does not tell its own. */
export const LARGEST_SECTOR = 4096

/** A page of memory on x64 and arm64: what a `FILE_SEGMENT_ELEMENT` points to. */
export const PAGE_SIZE = 4096

/** `OVERLAPPED` on x64 and arm64 (rule 28). */
export const OVERLAPPED = { size: 32, Internal: 0, InternalHigh: 8, Offset: 16, OffsetHigh: 20, hEvent: 24 } as const

/** `SECURITY_ATTRIBUTES` on x64 and arm64. */
export const SECURITY_ATTRIBUTES = { size: 24, nLength: 0, lpSecurityDescriptor: 8, bInheritHandle: 16 } as const

/** `OBJECT_ATTRIBUTES` and `UNICODE_STRING` on x64 and arm64. */
export const OBJECT_ATTRIBUTES = {
  size: 48,
  Length: 0,
  RootDirectory: 8,
  ObjectName: 16,
  Attributes: 24,
  SecurityDescriptor: 32,
  SecurityQualityOfService: 40
} as const
export const UNICODE_STRING = { size: 16, Length: 0, MaximumLength: 2, Buffer: 8 } as const

/** `FILE_PIPE_PEEK_BUFFER`, up to its data. */
export const FILE_PIPE_PEEK_BUFFER = {
  size: 16,
  NamedPipeState: 0,
  ReadDataAvailable: 4,
  NumberOfMessages: 8,
  MessageLength: 12
} as const
export const FSCTL_PIPE_PEEK = 0x11400c

/** `TP_CALLBACK_ENVIRON` version 3 on x64 and arm64 (rule 28). */
export const TP_CALLBACK_ENVIRON_V3 = {
  size: 72,
  Version: 0,
  Pool: 8,
  CleanupGroup: 16,
  CleanupGroupCancelCallback: 24,
  RaceDll: 32,
  ActivationContext: 40,
  FinalizationCallback: 48,
  Flags: 56,
  CallbackPriority: 60,
  Size: 64
} as const
export const TP_CALLBACK_PRIORITY_HIGH = 0
export const TP_CALLBACK_PRIORITY_NORMAL = 1
export const TP_CALLBACK_PRIORITY_LOW = 2
/** `Flags.LongFunction`: what `SetThreadpoolCallbackRunsLong` sets. */
export const TP_CALLBACK_RUNS_LONG = 1

/** `TP_POOL_STACK_INFORMATION` on x64 and arm64. */
export const TP_POOL_STACK_INFORMATION = { size: 16, StackReserve: 0, StackCommit: 8 } as const

/** `BY_HANDLE_FILE_INFORMATION`. */
export const BY_HANDLE_FILE_INFORMATION = {
  size: 52,
  FileAttributes: 0,
  CreationTime: 4,
  LastAccessTime: 12,
  LastWriteTime: 20,
  VolumeSerialNumber: 28,
  FileSizeHigh: 32,
  FileSizeLow: 36,
  NumberOfLinks: 40,
  FileIndexHigh: 44,
  FileIndexLow: 48
} as const

/** `FILE_BASIC_INFO`. */
export const FILE_BASIC_INFO = {
  size: 40,
  CreationTime: 0,
  LastAccessTime: 8,
  LastWriteTime: 16,
  ChangeTime: 24,
  FileAttributes: 32
} as const

/** `FILE_STANDARD_INFO`. */
export const FILE_STANDARD_INFO = {
  size: 24,
  AllocationSize: 0,
  EndOfFile: 8,
  NumberOfLinks: 16,
  DeletePending: 20,
  Directory: 21
} as const

/** `FILE_ATTRIBUTE_TAG_INFO`. */
export const FILE_ATTRIBUTE_TAG_INFO = {
  size: 8,
  FileAttributes: 0,
  ReparseTag: 4
} as const

/**
 * `IsReparseTagNameSurrogate`: the bit of a tag that stands for something of another name, as a link or a junction
 * does.
 */
export const NAME_SURROGATE = 0x20000000

/** `FILE_STORAGE_INFO`. */
export const FILE_STORAGE_INFO = {
  size: 28,
  LogicalBytesPerSector: 0,
  PhysicalBytesPerSectorForAtomicity: 4,
  PhysicalBytesPerSectorForPerformance: 8,
  FileSystemEffectivePhysicalBytesPerSectorForAtomicity: 12,
  Flags: 16,
  ByteOffsetForSectorAlignment: 20,
  ByteOffsetForPartitionAlignment: 24
} as const

/** `FILE_FS_SIZE_INFORMATION`. */
export const FILE_FS_SIZE_INFORMATION = {
  size: 24,
  TotalAllocationUnits: 0,
  AvailableAllocationUnits: 8,
  SectorsPerAllocationUnit: 16,
  BytesPerSector: 20
} as const

/** `FILE_RENAME_INFO`: the name follows at once. */
export const FILE_RENAME_INFO = { size: 24, Flags: 0, RootDirectory: 8, FileNameLength: 16, FileName: 20 } as const

/** `FILE_ALLOCATED_RANGE_BUFFER`. */
export const FILE_ALLOCATED_RANGE_BUFFER = { size: 16, FileOffset: 0, Length: 8 } as const

/**
 * `FILE_FULL_DIR_INFO`: `FileNameLength` bytes of UTF-16 follow, without a NUL. `EaSize` is the tag of a reparse point.
 */
export const FILE_FULL_DIR_INFO = {
  NextEntryOffset: 0,
  FileAttributes: 56,
  FileNameLength: 60,
  EaSize: 64,
  FileName: 68
} as const

/** `FILE_NOTIFY_INFORMATION`: `FileNameLength` bytes of UTF-16 follow, without a NUL. Each record begins at a DWORD. */
export const FILE_NOTIFY_INFORMATION = { NextEntryOffset: 0, Action: 4, FileNameLength: 8, FileName: 12 } as const
