/**
 * Floor 1: the Win32 codes that file, pipe and thread-pool functions answer, with their symbolic names, the reason to match
 * on, and a text for systems that have none of their own.
 */
import type { Reason } from "../Win32Error.js"

const table: ReadonlyArray<readonly [code: number, name: string, reason: Reason, text: string]> = [
  [0, "ERROR_SUCCESS", "Unknown", "The operation completed successfully."],
  [1, "ERROR_INVALID_FUNCTION", "Unsupported", "Incorrect function."],
  [2, "ERROR_FILE_NOT_FOUND", "NotFound", "The system cannot find the file specified."],
  [3, "ERROR_PATH_NOT_FOUND", "NotFound", "The system cannot find the path specified."],
  [4, "ERROR_TOO_MANY_OPEN_FILES", "Exhausted", "The system cannot open the file: too many are open."],
  [5, "ERROR_ACCESS_DENIED", "PermissionDenied", "Access is denied."],
  [6, "ERROR_INVALID_HANDLE", "InvalidHandle", "The handle is invalid."],
  [8, "ERROR_NOT_ENOUGH_MEMORY", "Exhausted", "Not enough memory resources are available."],
  [14, "ERROR_OUTOFMEMORY", "Exhausted", "Not enough storage is available to complete this operation."],
  [15, "ERROR_INVALID_DRIVE", "NotFound", "The system cannot find the drive specified."],
  [17, "ERROR_NOT_SAME_DEVICE", "NotSameDevice", "The file cannot be moved to a different disk drive."],
  [19, "ERROR_WRITE_PROTECT", "PermissionDenied", "The media is write protected."],
  [20, "ERROR_BAD_UNIT", "NotFound", "The system cannot find the device specified."],
  [21, "ERROR_NOT_READY", "DeviceFailure", "The device is not ready."],
  [22, "ERROR_BAD_COMMAND", "DeviceFailure", "The device does not recognize the command."],
  [23, "ERROR_CRC", "DeviceFailure", "Data error (cyclic redundancy check)."],
  [24, "ERROR_BAD_LENGTH", "InvalidArgument", "The command length is incorrect."],
  [25, "ERROR_SEEK", "DeviceFailure", "The drive cannot locate a specific area or track."],
  [27, "ERROR_SECTOR_NOT_FOUND", "DeviceFailure", "The drive cannot find the sector requested."],
  [29, "ERROR_WRITE_FAULT", "DeviceFailure", "The system cannot write to the specified device."],
  [30, "ERROR_READ_FAULT", "DeviceFailure", "The system cannot read from the specified device."],
  [31, "ERROR_GEN_FAILURE", "DeviceFailure", "A device attached to the system is not functioning."],
  [32, "ERROR_SHARING_VIOLATION", "Busy", "The file is being used by another process."],
  [33, "ERROR_LOCK_VIOLATION", "Busy", "Another process has locked a portion of the file."],
  [36, "ERROR_SHARING_BUFFER_EXCEEDED", "Exhausted", "Too many files opened for sharing."],
  [38, "ERROR_HANDLE_EOF", "EndOfFile", "Reached the end of the file."],
  [39, "ERROR_HANDLE_DISK_FULL", "NoSpace", "The disk is full."],
  [50, "ERROR_NOT_SUPPORTED", "Unsupported", "The request is not supported."],
  [53, "ERROR_BAD_NETPATH", "NotFound", "The network path was not found."],
  [55, "ERROR_DEV_NOT_EXIST", "NotFound", "The network resource or device is no longer available."],
  [59, "ERROR_UNEXP_NET_ERR", "DeviceFailure", "An unexpected network error occurred."],
  [64, "ERROR_NETNAME_DELETED", "BrokenPipe", "The network name is no longer available."],
  [65, "ERROR_NETWORK_ACCESS_DENIED", "PermissionDenied", "Network access is denied."],
  [67, "ERROR_BAD_NET_NAME", "NotFound", "The network name cannot be found."],
  [80, "ERROR_FILE_EXISTS", "AlreadyExists", "The file exists."],
  [82, "ERROR_CANNOT_MAKE", "PermissionDenied", "The directory or file cannot be created."],
  [87, "ERROR_INVALID_PARAMETER", "InvalidArgument", "The parameter is incorrect."],
  [109, "ERROR_BROKEN_PIPE", "BrokenPipe", "The pipe has been ended."],
  [110, "ERROR_OPEN_FAILED", "NotFound", "The system cannot open the device or file specified."],
  [111, "ERROR_BUFFER_OVERFLOW", "InvalidArgument", "The file name is too long."],
  [112, "ERROR_DISK_FULL", "NoSpace", "There is not enough space on the disk."],
  [120, "ERROR_CALL_NOT_IMPLEMENTED", "Unsupported", "This function is not supported on this system."],
  [121, "ERROR_SEM_TIMEOUT", "TimedOut", "The semaphore timeout period has expired."],
  [122, "ERROR_INSUFFICIENT_BUFFER", "InvalidArgument", "The data area passed to a system call is too small."],
  [123, "ERROR_INVALID_NAME", "InvalidArgument", "The filename, directory name, or volume label syntax is incorrect."],
  [126, "ERROR_MOD_NOT_FOUND", "NotFound", "The specified module could not be found."],
  [127, "ERROR_PROC_NOT_FOUND", "Unsupported", "The specified procedure could not be found."],
  [131, "ERROR_NEGATIVE_SEEK", "InvalidArgument", "An attempt was made to move the file pointer before the beginning."],
  [145, "ERROR_DIR_NOT_EMPTY", "NotEmpty", "The directory is not empty."],
  [148, "ERROR_PATH_BUSY", "Busy", "The path specified cannot be used at this time."],
  [158, "ERROR_NOT_LOCKED", "InvalidArgument", "The segment is already unlocked."],
  [161, "ERROR_BAD_PATHNAME", "InvalidArgument", "The specified path is invalid."],
  [167, "ERROR_LOCK_FAILED", "Busy", "Unable to lock a region of a file."],
  [170, "ERROR_BUSY", "Busy", "The requested resource is in use."],
  [183, "ERROR_ALREADY_EXISTS", "AlreadyExists", "Cannot create a file when that file already exists."],
  [206, "ERROR_FILENAME_EXCED_RANGE", "InvalidArgument", "The filename or extension is too long."],
  [223, "ERROR_FILE_TOO_LARGE", "NoSpace", "The file size exceeds the limit allowed and cannot be saved."],
  [230, "ERROR_BAD_PIPE", "InvalidArgument", "The pipe state is invalid."],
  [231, "ERROR_PIPE_BUSY", "Busy", "All pipe instances are busy."],
  [232, "ERROR_NO_DATA", "BrokenPipe", "The pipe is being closed."],
  [233, "ERROR_PIPE_NOT_CONNECTED", "BrokenPipe", "No process is on the other end of the pipe."],
  [234, "ERROR_MORE_DATA", "MoreData", "More data is available."],
  [258, "WAIT_TIMEOUT", "TimedOut", "The wait operation timed out."],
  [267, "ERROR_DIRECTORY", "InvalidArgument", "The directory name is invalid."],
  [303, "ERROR_DELETE_PENDING", "Busy", "The file cannot be opened because it is in the process of being deleted."],
  [487, "ERROR_INVALID_ADDRESS", "InvalidArgument", "Attempt to access invalid address."],
  [535, "ERROR_PIPE_CONNECTED", "AlreadyExists", "There is a process on the other end of the pipe."],
  [536, "ERROR_PIPE_LISTENING", "Busy", "Waiting for a process to open the other end of the pipe."],
  [676, "ERROR_HANDLES_CLOSED", "Cancelled", "The handle was closed with the request pending."],
  [745, "ERROR_NOTIFY_CLEANUP", "Cancelled", "The handle of a directory was closed with the request pending."],
  [
    995,
    "ERROR_OPERATION_ABORTED",
    "Cancelled",
    "The I/O operation has been aborted because of a thread exit or a request."
  ],
  [996, "ERROR_IO_INCOMPLETE", "Busy", "Overlapped I/O event is not in a signaled state."],
  [997, "ERROR_IO_PENDING", "Busy", "Overlapped I/O operation is in progress."],
  [998, "ERROR_NOACCESS", "InvalidArgument", "Invalid access to memory location."],
  [1022, "ERROR_NOTIFY_ENUM_DIR", "MoreData", "More changes than the buffer holds: enumerate the directory."],
  [1117, "ERROR_IO_DEVICE", "DeviceFailure", "The request could not be performed because of an I/O device error."],
  [1168, "ERROR_NOT_FOUND", "NotFound", "Element not found."],
  [1224, "ERROR_USER_MAPPED_FILE", "Busy", "The file has a user-mapped section open."],
  [
    1295,
    "ERROR_DISK_QUOTA_EXCEEDED",
    "NoSpace",
    "The requested file operation failed because the storage quota was exceeded."
  ],
  [
    1307,
    "ERROR_INVALID_OWNER",
    "PermissionDenied",
    "This security ID may not be assigned as the owner of this object."
  ],
  [1314, "ERROR_PRIVILEGE_NOT_HELD", "PermissionDenied", "A required privilege is not held by the client."],
  [1392, "ERROR_FILE_CORRUPT", "DeviceFailure", "The file or directory is corrupted and unreadable."],
  [1393, "ERROR_DISK_CORRUPT", "DeviceFailure", "The disk structure is corrupted and unreadable."],
  [
    1450,
    "ERROR_NO_SYSTEM_RESOURCES",
    "Exhausted",
    "Insufficient system resources exist to complete the requested service."
  ],
  [1453, "ERROR_WORKING_SET_QUOTA", "Exhausted", "Insufficient quota to complete the requested service."],
  [1460, "ERROR_TIMEOUT", "TimedOut", "This operation returned because the timeout period expired."],
  [
    1784,
    "ERROR_INVALID_USER_BUFFER",
    "InvalidArgument",
    "The supplied user buffer is not valid for the requested operation."
  ],
  [1816, "ERROR_NOT_ENOUGH_QUOTA", "Exhausted", "Not enough quota is available to process this command."],
  [1920, "ERROR_CANT_ACCESS_FILE", "PermissionDenied", "The file cannot be accessed by the system."],
  [1921, "ERROR_CANT_RESOLVE_FILENAME", "InvalidArgument", "The name of the file cannot be resolved by the system."],
  [4390, "ERROR_NOT_A_REPARSE_POINT", "InvalidArgument", "The file or directory is not a reparse point."]
]

const known = new Map(table.map((row) => [row[0], row]))

export const nameOf = (code: number): string => known.get(code)?.[1] ?? `ERROR_${code}`
export const reasonOf = (code: number): Reason => known.get(code)?.[2] ?? "Unknown"
export const textOf = (code: number): string => known.get(code)?.[3] ?? `Win32 error ${code}.`
export const knownCodes: ReadonlyArray<number> = table.map((row) => row[0])
