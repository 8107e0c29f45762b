/**
 * Every function of kernel32.dll and ntdll.dll that the library calls, as koffi sees it. Pointers and handles are numbers and
 * no type has a name, so that another koffi user, or a second copy of the library, in the same process is not in the way.
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

/** `PTP_WIN32_IO_CALLBACK`. */
export type IoCompletionCallback = (
  instance: number,
  context: number,
  overlapped: number,
  ioResult: number,
  bytes: number,
  io: number
) => void

const HANDLE = "intptr_t"
const POINTER = "uintptr_t"
const DWORD = "uint32_t"
const BOOL = "int32_t"
const NTSTATUS = "int32_t"
const VOID = "void"

export type Bindings = ReturnType<typeof bind>

/** Throws where koffi, the system or a function is missing. */
export const bind = (koffi: Koffi) => {
  const library = (name: string) => {
    const dll = koffi.load(name)
    return <const P extends ReadonlyArray<Parameter>>(symbol: string, result: string, parameters: P) =>
      dll.func(symbol, result, [...parameters]) as unknown as Native<P>
  }
  const kernel32 = library("kernel32.dll")
  const ntdll = library("ntdll.dll")

  return {
    view: (address: number, bytes: number): Uint8Array => new Uint8Array(koffi.view(address, bytes)),

    /** The address of the callback. Never unregistered: a late completion must find it (koffi kills the process otherwise). */
    register: (callback: IoCompletionCallback): number => {
      const parameters = [POINTER, POINTER, POINTER, DWORD, POINTER, POINTER]
      return Number(koffi.register(callback, koffi.pointer(koffi.proto(VOID, parameters))))
    },

    GetLastError: kernel32("GetLastError", DWORD, []),
    FormatMessageW: kernel32("FormatMessageW", DWORD, [DWORD, POINTER, DWORD, DWORD, POINTER, DWORD, POINTER]),
    GetModuleHandleExW: kernel32("GetModuleHandleExW", BOOL, [DWORD, POINTER, POINTER]),

    VirtualAlloc: kernel32("VirtualAlloc", POINTER, [POINTER, POINTER, DWORD, DWORD]),
    VirtualFree: kernel32("VirtualFree", BOOL, [POINTER, POINTER, DWORD]),

    CreateThreadpool: kernel32("CreateThreadpool", POINTER, [POINTER]),
    SetThreadpoolThreadMaximum: kernel32("SetThreadpoolThreadMaximum", VOID, [POINTER, DWORD]),
    CreateThreadpoolIo: kernel32("CreateThreadpoolIo", POINTER, [HANDLE, POINTER, POINTER, POINTER]),
    StartThreadpoolIo: kernel32("StartThreadpoolIo", VOID, [POINTER]),
    CancelThreadpoolIo: kernel32("CancelThreadpoolIo", VOID, [POINTER]),
    WaitForThreadpoolIoCallbacks: kernel32("WaitForThreadpoolIoCallbacks", VOID, [POINTER, BOOL]),
    CloseThreadpoolIo: kernel32("CloseThreadpoolIo", VOID, [POINTER]),
    SetFileCompletionNotificationModes: kernel32("SetFileCompletionNotificationModes", BOOL, [HANDLE, DWORD]),

    ReadFile: kernel32("ReadFile", BOOL, [HANDLE, POINTER, DWORD, POINTER, POINTER]),
    WriteFile: kernel32("WriteFile", BOOL, [HANDLE, POINTER, DWORD, POINTER, POINTER]),
    CancelIoEx: kernel32("CancelIoEx", BOOL, [HANDLE, POINTER]),

    CreateFileW: kernel32("CreateFileW", HANDLE, ["str16", DWORD, DWORD, POINTER, DWORD, DWORD, HANDLE]),
    CloseHandle: kernel32("CloseHandle", BOOL, [HANDLE]),
    FlushFileBuffers: kernel32("FlushFileBuffers", BOOL, [HANDLE]),
    GetFileInformationByHandle: kernel32("GetFileInformationByHandle", BOOL, [HANDLE, POINTER]),
    GetFileInformationByHandleEx: kernel32("GetFileInformationByHandleEx", BOOL, [HANDLE, DWORD, POINTER, DWORD]),
    SetFileInformationByHandle: kernel32("SetFileInformationByHandle", BOOL, [HANDLE, DWORD, POINTER, DWORD]),
    MoveFileExW: kernel32("MoveFileExW", BOOL, ["str16", "str16", DWORD]),
    DeleteFileW: kernel32("DeleteFileW", BOOL, ["str16"]),

    NtQueryInformationFile: ntdll("NtQueryInformationFile", NTSTATUS, [HANDLE, POINTER, POINTER, DWORD, DWORD]),
    NtSetInformationFile: ntdll("NtSetInformationFile", NTSTATUS, [HANDLE, POINTER, POINTER, DWORD, DWORD])
  }
}
