/**
 * The second verb of a kernel: functions that take no OVERLAPPED and may block, with what each is given and answers.
 */
import type { WatchParameters } from "./Kernel.js"

/** The answer of `GetFileInformationByHandle`. Times are nanoseconds since 1970. */
export interface FileInformation {
  readonly size: bigint
  readonly accessTimeNs: bigint
  readonly modifiedTimeNs: bigint
  readonly createdTimeNs: bigint
  /**
   * When anything about the file was last changed, what is in it or what is known of it: `ctime`, on Windows
   * `ChangeTime`. No program can set it back. `undefined` where the file system keeps none.
   */
  readonly changedTimeNs: bigint | undefined
  /** Windows file attributes; the portable kernel tells READONLY and NORMAL only. */
  readonly attributes: number
  /** POSIX permission bits; `undefined` on Windows. */
  readonly mode: number | undefined
  readonly numberOfLinks: number
  /** Volume serial number (device) and file index (inode): the same pair is the same file. */
  readonly volume: bigint
  readonly fileIndex: bigint
  /** Facts that only POSIX has; `undefined` on Windows. */
  readonly posix?: PosixInformation | undefined
}

/**
 * Owner and group, the device that a special file is, and how the file is kept: bytes per block, and blocks of 512
 * bytes.
 */
export interface PosixInformation {
  readonly uid: number
  readonly gid: number
  readonly rdev: number
  readonly blockSize: number
  readonly blocks: number
}

/** The answers of `GetNamedPipeInfo`, `GetNamedPipeHandleStateW` and `GetNamedPipeClientProcessId`; sizes in bytes. */
export interface PipeInformation {
  readonly side: "server" | "client"
  /** Whether it is a pipe of messages (`PIPE_TYPE_MESSAGE`), and whether this end reads them as such. */
  readonly messages: boolean
  readonly readsMessages: boolean
  readonly outBufferSize: number
  readonly inBufferSize: number
  /** 255 is unlimited. */
  readonly maxInstances: number
  readonly instances: number
  /** The process at the other end; `undefined` where the system does not tell. */
  readonly peerProcessId: number | undefined
}

export type FileKind =
  | "File"
  | "Directory"
  | "SymbolicLink"
  | "BlockDevice"
  | "CharacterDevice"
  | "FIFO"
  | "Socket"
  | "Unknown"

/** A name in a directory. Where it is no UTF-8 it has U+FFFD in the place of what is none, and `bytes` is the name. */
export interface DirectoryEntry {
  readonly name: string
  readonly bytes?: Uint8Array | undefined
  readonly kind: FileKind
}

/** How `CopySmallFile` has ended. Only `copied` has left a file there. */
export interface SmallCopy {
  /**
   * `anotherWay`: no small regular file, which is for handles. `mismatch`: what was read back is not what was written.
   */
  readonly outcome: "copied" | "anotherWay" | "changed" | "mismatch"
  readonly bytes: number
  /** Which file the copy is, as its handle tells. */
  readonly copy: Pick<FileInformation, "volume" | "fileIndex" | "createdTimeNs">
}

/** Sector sizes, in bytes. */
export interface StorageInformation {
  /** The unit of offsets, lengths and addresses of unbuffered operations. */
  readonly logicalBytesPerSector: number
  /** The bytes that the device writes at once; the same as the logical one where the system does not tell. */
  readonly physicalBytesPerSector: number
}

/** The functions that take no OVERLAPPED and may block: arguments and result of each. */
export interface Calls {
  /**
   * `CreateFileW`, always with `FILE_FLAG_OVERLAPPED`; answers the handle. Path as the user gave it: the kernel makes
   * it absolute and `\\\\?\\` where needed. With `FILE_FLAG_OPEN_REPARSE_POINT` it fails at a link, or a junction
   * (1921); other files with a reparse point, as deduplicated ones, are opened as without it.
   */
  readonly CreateFileW: [
    {
      readonly path: string
      readonly access: number
      readonly share: number
      readonly disposition: number
      readonly flags: number
      /** POSIX mode of a file that is created; ignored on Windows. */
      readonly mode: number
    },
    number
  ]
  readonly CloseHandle: [{ readonly handle: number }, void]
  readonly FlushFileBuffers: [{ readonly handle: number }, void]
  /** `changes`: also `changedTimeNs`, for which Windows is asked once more (`FileBasicInfo`). */
  readonly GetFileInformationByHandle: [
    { readonly handle: number; readonly changes?: boolean | undefined },
    FileInformation
  ]
  /** `SetFileInformationByHandle(FileEndOfFileInfo)`. */
  readonly SetEndOfFile: [{ readonly handle: number; readonly length: bigint }, void]
  /** `SetFileInformationByHandle(FileBasicInfo)`; on POSIX futimes and fchmod. What is `undefined` stays. */
  readonly SetBasicInformation: [
    {
      readonly handle: number
      readonly accessTimeNs: bigint | undefined
      readonly modifiedTimeNs: bigint | undefined
      readonly readOnly: boolean | undefined
      readonly mode: number | undefined
    },
    void
  ]
  /** `MoveFileExW`; without `replace` an existing name is never replaced (atomically: no check beforehand). */
  readonly MoveFileExW: [{ readonly from: string; readonly to: string; readonly replace: boolean }, void]
  readonly DeleteFileW: [{ readonly path: string }, void]
  /**
   * `CopyFileW`, never over a file that is there: what is in it, its time of modification, and its attributes. Only
   * where `copiesFiles` says so.
   */
  readonly CopyFileW: [{ readonly from: string; readonly to: string }, void]
  /**
   * No function of Windows: everything that handles do for a copy of a regular file of at most `limit` bytes, in one
   * request. `to` is new, and the source is unchanged after it was read. What fails leaves nothing there, unless its
   * thread has ended (`ERROR_IO_DEVICE`). Only where `copiesSmallFiles` says so.
   */
  readonly CopySmallFile: [
    {
      readonly from: string
      readonly to: string
      readonly limit: number
      /** The mode of the new file. */
      readonly mode: number
      /** The permission bits that it then gets from the source. `undefined`: none of them. */
      readonly keeps: number | undefined
      /** Whether it also gets the times of the source. */
      readonly times: boolean
      /** Reads the copy back and compares it. */
      readonly verify: boolean
      /** A link that has the source's name is followed. */
      readonly follow: boolean
    },
    SmallCopy
  ]
  /**
   * `CreateNamedPipeW`: duplex, overlapped, `PIPE_REJECT_REMOTE_CLIENTS`; answers an instance. The `first` one holds
   * the name and never serves: nobody can connect to it. 5 or 231 where the name is taken.
   */
  readonly CreateNamedPipeW: [
    {
      readonly path: string
      readonly first: boolean
      readonly messages: boolean
      readonly maxInstances: number
      readonly outBufferSize: number
      readonly inBufferSize: number
      /**
       * A security descriptor as SDDL; by default one that lets in the current user alone. The first one's is that of
       * all.
       */
      readonly security: string | undefined
      /**
       * Hears, before the end of the first one, of instances whose clients came while the name was being taken. They
       * are whose call it is.
       */
      readonly early?: ((handle: number) => void) | undefined
    },
    number
  ]
  readonly DisconnectNamedPipe: [{ readonly handle: number }, void]
  /** Whether reads keep messages apart (`PIPE_READMODE_MESSAGE`). */
  readonly SetNamedPipeHandleState: [{ readonly handle: number; readonly messages: boolean }, void]
  readonly GetNamedPipeInfo: [{ readonly handle: number }, PipeInformation]
  /**
   * `LockFileEx(LOCKFILE_FAIL_IMMEDIATELY)`; 33 where it is taken. Past the completion port: through it, a failure may
   * bring a packet all the same.
   */
  readonly LockFileEx: [
    { readonly handle: number; readonly offset: bigint; readonly length: bigint; readonly exclusive: boolean },
    "held"
  ]
  /** `UnlockFileEx`. Its OVERLAPPED only says where; it never pends. */
  readonly UnlockFileEx: [{ readonly handle: number; readonly offset: bigint; readonly length: bigint }, void]
  /** `GetFileInformationByHandleEx(FileStorageInfo)`, or what older systems tell of the volume. */
  readonly GetStorageInformation: [{ readonly handle: number }, StorageInformation]
  /** `SetFileInformationByHandle(FileAllocationInfo)`, never below what the file has. */
  readonly SetAllocationInformation: [{ readonly handle: number; readonly length: bigint }, void]
  /** `SetFileInformationByHandle(FileDispositionInfo)`: whether the file goes when its handle is closed. */
  readonly SetDispositionInformation: [{ readonly handle: number; readonly remove: boolean }, void]
  /** `SetFileInformationByHandle(FileRenameInfo)`. */
  readonly SetRenameInformation: [{ readonly handle: number; readonly to: string; readonly replace: boolean }, void]
  /**
   * Before the first `ReadDirectoryChangesW` of a handle: 267 when it is not a directory's. The portable kernel begins
   * here to look at what is there and to listen, with what that read is going to ask for; on Windows nothing has to
   * begin.
   */
  readonly PrepareDirectoryChanges: [
    { readonly handle: number } & WatchParameters,
    { /** The removal of the directory completes a pending read, with 5. */ readonly tellsRemoval: boolean }
  ]
  /**
   * `GetFileInformationByHandleEx(FileFullDirectoryInfo)`: the next entries of a directory, some hundreds at most,
   * without `.` and `..`. Empty when there are no more. 267 when the handle is not a directory's.
   */
  readonly GetDirectoryInformation: [{ readonly handle: number }, ReadonlyArray<DirectoryEntry>]
  /** `FILE_ATTRIBUTE_*` of a name. Windows only. */
  readonly GetFileAttributesW: [{ readonly path: string }, number]
  /** `WaitForThreadpoolIoCallbacks(io, FALSE)`. */
  readonly WaitForThreadpoolIoCallbacks: [{ readonly threadpoolIo: number }, void]
  /** `CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL)`: closes all of its members. */
  readonly CloseThreadpoolCleanupGroupMembers: [{ readonly group: number }, void]
}

export type CallName = keyof Calls

/** Hears the end of a `call`: 0 and the result, or the last error with what the system said about it. */
export type CallDone<K extends CallName> = (status: number, value: Calls[K][1] | undefined, cause?: unknown) => void
