/**
 * Every function of kernel32.dll, ntdll.dll and advapi32.dll that the library calls, as koffi sees it. Pointers and
 * handles are numbers and no type has a name, so that another koffi user, or a second copy of the library, in the same
 * process is not in the way.
 */
import type KoffiModule from "koffi"

export type Koffi = typeof KoffiModule

type Parameter = "int32_t" | "uint32_t" | "intptr_t" | "uintptr_t" | "str16"
type Argument<P> = P extends "str16" ? string : number
type Arguments<P extends ReadonlyArray<Parameter>> = { -readonly [K in keyof P]: Argument<P[K]> }

export interface Native<P extends ReadonlyArray<Parameter>> {
  (...arguments_: Arguments<P>): number
  /** On one of libuv's threads. Inside `done`, the last error is the one of that thread. */
  readonly async: (...arguments_: [...Arguments<P>, done: (error: unknown, result: number) => void]) => void
}

/** The addresses of a function of one parameter, and what it is called with. */
export interface EnvironmentHook {
  readonly hook: number
  readonly argument: number | bigint
}

/** `LPOVERLAPPED_COMPLETION_ROUTINE`, as `BindIoCompletionCallback` takes it. */
export type BoundCompletionCallback = (code: number, bytes: number, overlapped: number) => void

/** `PTP_WIN32_IO_CALLBACK`. */
export type IoCompletionCallback = (
  instance: number,
  context: number,
  overlapped: number,
  ioResult: number,
  bytes: number,
  io: number
) => void

const GET_MODULE_HANDLE_EX_FLAG_PIN_FROM_ADDRESS = 0x1 | 0x4

const HANDLE = "intptr_t"
const POINTER = "uintptr_t"
const DWORD = "uint32_t"
const BOOL = "int32_t"
const NTSTATUS = "int32_t"
const VOID = "void"

/** Electron does so since version 21: its memory is in a cage. */
export class ForeignMemoryRefused extends Error {
  constructor(cause: unknown) {
    super("this runtime refuses views of memory that is not its own, which kernel32 needs, as Electron does since 21", {
      cause
    })
  }
}

export type Bindings = ReturnType<typeof bind>

/** Throws where koffi, the system or a function is missing. */
export const bind = (koffi: Koffi) => {
  const load = (name: string) => {
    const dll = koffi.load(name)
    return {
      address: (symbol: string): number => Number(dll.symbol(symbol)),
      has: (symbol: string): boolean => {
        try {
          return Number(dll.symbol(symbol)) !== 0
        } catch {
          return false
        }
      },
      function: <const P extends ReadonlyArray<Parameter>>(symbol: string, result: string, parameters: P) =>
        dll.func(symbol, result, [...parameters]) as unknown as Native<P>
    }
  }
  const kernel32 = load("kernel32.dll")
  const ntdll = load("ntdll.dll")
  const advapi32 = load("advapi32.dll")
  const GetModuleHandleExW = kernel32.function("GetModuleHandleExW", BOOL, [DWORD, POINTER, POINTER])
  const pinned = koffi.alloc("uintptr_t", 1)

  return {
    /** Wine tells its version by a function that Windows does not have. */
    wineVersion: ntdll.has("wine_get_version")
      ? (ntdll.function("wine_get_version", "str", []) as unknown as () => string)()
      : undefined,
    /** Throws `ForeignMemoryRefused` where the runtime has no views of memory that is not its own. */
    view: (address: number, bytes: number): Uint8Array => {
      try {
        return new Uint8Array(koffi.view(address, bytes))
      } catch (cause) {
        throw new ForeignMemoryRefused(cause)
      }
    },

    /** A library of our own. Throws where it cannot be loaded. */
    load,

    /** The module that this address is in stays mapped, also after the JavaScript environment that has loaded it. */
    pin: (address: number): void => {
      GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN_FROM_ADDRESS, address, Number(koffi.address(pinned)))
    },

    /** The `napi_env` of this JavaScript environment. */
    environment: koffi.node.env as unknown,
    /** The address of a function that the program which runs us exports; 0 when it does not. */
    hostAddress: (symbol: string): number => {
      try {
        return Number(koffi.load(null).symbol(symbol))
      } catch {
        return 0
      }
    },

    /**
     * The address of the callback. Never unregistered: a late completion must find it (koffi kills the process
     * otherwise).
     */
    register: (callback: IoCompletionCallback): number => {
      const parameters = [POINTER, POINTER, POINTER, DWORD, POINTER, POINTER]
      return Number(koffi.register(callback, koffi.pointer(koffi.proto(VOID, parameters))))
    },

    /** Likewise never unregistered. */
    registerBound: (callback: BoundCompletionCallback): number =>
      Number(koffi.register(callback, koffi.pointer(koffi.proto(VOID, [DWORD, DWORD, POINTER])))),

    /** A function without arguments. Likewise never unregistered. */
    registerPump: (callback: () => void): number =>
      Number(koffi.register(callback, koffi.pointer(koffi.proto(VOID, [])))),

    /** Native functions that run when this JavaScript environment ends, the last one first. */
    environmentHooks: bindEnvironmentHooks(koffi),
    CloseHandleAddress: kernel32.address("CloseHandle"),
    CancelIoAddress: kernel32.address("CancelIo"),
    CancelIoExAddress: kernel32.address("CancelIoEx"),
    SleepAddress: kernel32.address("Sleep"),
    SubmitThreadpoolWorkAddress: kernel32.address("SubmitThreadpoolWork"),
    NtDelayExecutionAddress: ntdll.address("NtDelayExecution"),

    GetLastError: kernel32.function("GetLastError", DWORD, []),
    FormatMessageW: kernel32.function("FormatMessageW", DWORD, [DWORD, POINTER, DWORD, DWORD, POINTER, DWORD, POINTER]),

    VirtualAlloc: kernel32.function("VirtualAlloc", POINTER, [POINTER, POINTER, DWORD, DWORD]),
    VirtualFree: kernel32.function("VirtualFree", BOOL, [POINTER, POINTER, DWORD]),

    CreateThreadpool: kernel32.function("CreateThreadpool", POINTER, [POINTER]),
    SetThreadpoolThreadMaximum: kernel32.function("SetThreadpoolThreadMaximum", VOID, [POINTER, DWORD]),
    SetThreadpoolThreadMinimum: kernel32.function("SetThreadpoolThreadMinimum", BOOL, [POINTER, DWORD]),
    SetThreadpoolStackInformation: kernel32.function("SetThreadpoolStackInformation", BOOL, [POINTER, POINTER]),
    QueryThreadpoolStackInformation: kernel32.function("QueryThreadpoolStackInformation", BOOL, [POINTER, POINTER]),
    CloseThreadpool: kernel32.function("CloseThreadpool", VOID, [POINTER]),
    CreateThreadpoolCleanupGroup: kernel32.function("CreateThreadpoolCleanupGroup", POINTER, []),
    CloseThreadpoolCleanupGroupMembers: kernel32.function("CloseThreadpoolCleanupGroupMembers", VOID, [
      POINTER,
      BOOL,
      POINTER
    ]),
    CloseThreadpoolCleanupGroup: kernel32.function("CloseThreadpoolCleanupGroup", VOID, [POINTER]),
    CreateThreadpoolWork: kernel32.function("CreateThreadpoolWork", POINTER, [POINTER, POINTER, POINTER]),
    CloseThreadpoolWork: kernel32.function("CloseThreadpoolWork", VOID, [POINTER]),
    GetModuleHandleW: kernel32.function("GetModuleHandleW", HANDLE, ["str16"]),
    BindIoCompletionCallback: kernel32.function("BindIoCompletionCallback", BOOL, [HANDLE, POINTER, DWORD]),
    CreateThreadpoolIo: kernel32.function("CreateThreadpoolIo", POINTER, [HANDLE, POINTER, POINTER, POINTER]),
    StartThreadpoolIo: kernel32.function("StartThreadpoolIo", VOID, [POINTER]),
    CancelThreadpoolIo: kernel32.function("CancelThreadpoolIo", VOID, [POINTER]),
    WaitForThreadpoolIoCallbacks: kernel32.function("WaitForThreadpoolIoCallbacks", VOID, [POINTER, BOOL]),
    CloseThreadpoolIo: kernel32.function("CloseThreadpoolIo", VOID, [POINTER]),
    SetFileCompletionNotificationModes: kernel32.function("SetFileCompletionNotificationModes", BOOL, [HANDLE, DWORD]),

    ReadFile: kernel32.function("ReadFile", BOOL, [HANDLE, POINTER, DWORD, POINTER, POINTER]),
    WriteFile: kernel32.function("WriteFile", BOOL, [HANDLE, POINTER, DWORD, POINTER, POINTER]),
    ReadDirectoryChangesW: kernel32.function("ReadDirectoryChangesW", BOOL, [
      HANDLE,
      POINTER,
      DWORD,
      BOOL,
      DWORD,
      POINTER,
      POINTER,
      POINTER
    ]),
    ConnectNamedPipe: kernel32.function("ConnectNamedPipe", BOOL, [HANDLE, POINTER]),
    TransactNamedPipe: kernel32.function("TransactNamedPipe", BOOL, [
      HANDLE,
      POINTER,
      DWORD,
      POINTER,
      DWORD,
      POINTER,
      POINTER
    ]),
    LockFileEx: kernel32.function("LockFileEx", BOOL, [HANDLE, DWORD, DWORD, DWORD, DWORD, POINTER]),
    DeviceIoControl: kernel32.function("DeviceIoControl", BOOL, [
      HANDLE,
      DWORD,
      POINTER,
      DWORD,
      POINTER,
      DWORD,
      POINTER,
      POINTER
    ]),
    ReadFileScatter: kernel32.function("ReadFileScatter", BOOL, [HANDLE, POINTER, DWORD, POINTER, POINTER]),
    WriteFileGather: kernel32.function("WriteFileGather", BOOL, [HANDLE, POINTER, DWORD, POINTER, POINTER]),
    CancelIoEx: kernel32.function("CancelIoEx", BOOL, [HANDLE, POINTER]),
    CreateEventW: kernel32.function("CreateEventW", HANDLE, [POINTER, BOOL, BOOL, POINTER]),
    GetOverlappedResult: kernel32.function("GetOverlappedResult", BOOL, [HANDLE, POINTER, POINTER, BOOL]),
    CreateIoCompletionPort: kernel32.function("CreateIoCompletionPort", HANDLE, [HANDLE, HANDLE, POINTER, DWORD]),
    GetQueuedCompletionStatus: kernel32.function("GetQueuedCompletionStatus", BOOL, [
      HANDLE,
      POINTER,
      POINTER,
      POINTER,
      DWORD
    ]),

    CreateFileW: kernel32.function("CreateFileW", HANDLE, ["str16", DWORD, DWORD, POINTER, DWORD, DWORD, HANDLE]),
    CloseHandle: kernel32.function("CloseHandle", BOOL, [HANDLE]),
    GetFileType: kernel32.function("GetFileType", DWORD, [HANDLE]),
    GetHandleInformation: kernel32.function("GetHandleInformation", BOOL, [HANDLE, POINTER]),
    FlushFileBuffers: kernel32.function("FlushFileBuffers", BOOL, [HANDLE]),
    GetFileInformationByHandle: kernel32.function("GetFileInformationByHandle", BOOL, [HANDLE, POINTER]),
    GetFileAttributesW: kernel32.function("GetFileAttributesW", DWORD, ["str16"]),
    SetFileAttributesW: kernel32.function("SetFileAttributesW", BOOL, ["str16", DWORD]),
    GetFileInformationByHandleEx: kernel32.function("GetFileInformationByHandleEx", BOOL, [
      HANDLE,
      DWORD,
      POINTER,
      DWORD
    ]),
    SetFileInformationByHandle: kernel32.function("SetFileInformationByHandle", BOOL, [HANDLE, DWORD, POINTER, DWORD]),
    UnlockFileEx: kernel32.function("UnlockFileEx", BOOL, [HANDLE, DWORD, DWORD, DWORD, POINTER]),
    MoveFileExW: kernel32.function("MoveFileExW", BOOL, ["str16", "str16", DWORD]),
    CopyFileW: kernel32.function("CopyFileW", BOOL, ["str16", "str16", BOOL]),
    DeleteFileW: kernel32.function("DeleteFileW", BOOL, ["str16"]),

    CreateNamedPipeW: kernel32.function("CreateNamedPipeW", HANDLE, [
      "str16",
      DWORD,
      DWORD,
      DWORD,
      DWORD,
      DWORD,
      DWORD,
      POINTER
    ]),
    NtCreateNamedPipeFile: ntdll.function("NtCreateNamedPipeFile", NTSTATUS, [
      POINTER,
      DWORD,
      POINTER,
      POINTER,
      DWORD,
      DWORD,
      DWORD,
      DWORD,
      DWORD,
      DWORD,
      DWORD,
      DWORD,
      DWORD,
      POINTER
    ]),
    DisconnectNamedPipe: kernel32.function("DisconnectNamedPipe", BOOL, [HANDLE]),
    SetNamedPipeHandleState: kernel32.function("SetNamedPipeHandleState", BOOL, [HANDLE, POINTER, POINTER, POINTER]),
    GetNamedPipeInfo: kernel32.function("GetNamedPipeInfo", BOOL, [HANDLE, POINTER, POINTER, POINTER, POINTER]),
    GetNamedPipeHandleStateW: kernel32.function("GetNamedPipeHandleStateW", BOOL, [
      HANDLE,
      POINTER,
      POINTER,
      POINTER,
      POINTER,
      POINTER,
      DWORD
    ]),
    GetNamedPipeClientProcessId: kernel32.function("GetNamedPipeClientProcessId", BOOL, [HANDLE, POINTER]),
    GetNamedPipeServerProcessId: kernel32.function("GetNamedPipeServerProcessId", BOOL, [HANDLE, POINTER]),

    GetCurrentProcess: kernel32.function("GetCurrentProcess", HANDLE, []),
    LocalFree: kernel32.function("LocalFree", POINTER, [POINTER]),
    OpenProcessToken: advapi32.function("OpenProcessToken", BOOL, [HANDLE, DWORD, POINTER]),
    GetTokenInformation: advapi32.function("GetTokenInformation", BOOL, [HANDLE, DWORD, POINTER, DWORD, POINTER]),
    ConvertStringSecurityDescriptorToSecurityDescriptorW: advapi32.function(
      "ConvertStringSecurityDescriptorToSecurityDescriptorW",
      BOOL,
      ["str16", DWORD, POINTER, POINTER]
    ),

    RtlNtStatusToDosError: ntdll.function("RtlNtStatusToDosError", DWORD, [NTSTATUS]),
    NtQueryInformationFile: ntdll.function("NtQueryInformationFile", NTSTATUS, [
      HANDLE,
      POINTER,
      POINTER,
      DWORD,
      DWORD
    ]),
    NtQueryVolumeInformationFile: ntdll.function("NtQueryVolumeInformationFile", NTSTATUS, [
      HANDLE,
      POINTER,
      POINTER,
      DWORD,
      DWORD
    ]),
    NtSetInformationFile: ntdll.function("NtSetInformationFile", NTSTATUS, [HANDLE, POINTER, POINTER, DWORD, DWORD])
  }
}

/** `undefined` where the host is not node, or hides its functions. */
const bindEnvironmentHooks = (koffi: Koffi) => {
  try {
    const host = koffi.load(null)
    const [add, remove] = ["add", "remove"].map((verb) =>
      host.func(`napi_${verb}_env_cleanup_hook`, "int32_t", [POINTER, POINTER, POINTER])
    )
    return {
      add: ({ argument, hook }: EnvironmentHook) => void add!(koffi.node.env, hook, argument),
      remove: ({ argument, hook }: EnvironmentHook) => void remove!(koffi.node.env, hook, argument)
    }
  } catch {
    return undefined
  }
}
