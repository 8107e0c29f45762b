/**
 * Another koffi user in the same process, who came first: its own declarations, named types among them, of what the
 * tests need besides the kernel.
 */
import koffi from "koffi"
import { threadId } from "node:worker_threads"

const kernel32 = koffi.load("kernel32.dll")
koffi.alias("HANDLE", "intptr_t")
koffi.alias("DWORD", "uint32_t")
koffi.opaque("TP_IO")

const declare = (prototype: string): (...arguments_: Array<unknown>) => number => kernel32.func(prototype)

export const CreateNamedPipeW = declare(
  "HANDLE CreateNamedPipeW(str16, DWORD, DWORD, DWORD, DWORD, DWORD, DWORD, uintptr_t)"
)
export const CreateFileW = declare("HANDLE CreateFileW(str16, DWORD, DWORD, uintptr_t, DWORD, DWORD, uintptr_t)")
export const CreateIoCompletionPort = declare("HANDLE CreateIoCompletionPort(HANDLE, HANDLE, uintptr_t, DWORD)")
export const SetFileCompletionNotificationModes = declare(
  "int SetFileCompletionNotificationModes(HANDLE, uint8_t)"
)
export const CloseHandle = declare("int CloseHandle(HANDLE)")
export const GetLastError = declare("DWORD GetLastError()")
export const ReadFile = declare("int ReadFile(HANDLE, uintptr_t, DWORD, uintptr_t, uintptr_t)")
export const GetOverlappedResult = declare("int GetOverlappedResult(HANDLE, uintptr_t, _Out_ DWORD *, int)")
const PeekNamedPipe = declare("int PeekNamedPipe(HANDLE, uintptr_t, DWORD, uintptr_t, _Out_ DWORD *, uintptr_t)")
const VirtualQuery = declare("size_t VirtualQuery(uintptr_t, _Out_ uint8_t *, size_t)")
const CreateToolhelp32Snapshot = declare("HANDLE CreateToolhelp32Snapshot(DWORD, DWORD)")
const Thread32First = declare("int Thread32First(HANDLE, _Inout_ uint8_t *)")
const Thread32Next = declare("int Thread32Next(HANDLE, _Inout_ uint8_t *)")

const PIPE_ACCESS_DUPLEX = 3
const FILE_FLAG_OVERLAPPED = 0x40000000
const GENERIC_READ_WRITE = 0xc0000000
const OPEN_EXISTING = 3
const INVALID_HANDLE_VALUE = -1

let pipes = 0

/** Two overlapped ends of a byte pipe, neither bound to anything. */
export const makePipe = (): { readonly server: number; readonly client: number } => {
  const name = `\\\\.\\pipe\\foreign-${process.pid}-${threadId}-${pipes++}`
  const mode = (PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED) >>> 0
  const server = CreateNamedPipeW(name, mode, 0, 1, 65_536, 65_536, 0, 0)
  const client = CreateFileW(name, GENERIC_READ_WRITE, 0, 0, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, 0)
  if (server === INVALID_HANDLE_VALUE || client === INVALID_HANDLE_VALUE) throw new Error(`pipe: ${GetLastError()}`)
  return { server, client }
}

/** Bytes that could be read from this end. */
export const peek = (pipe: number): number => {
  const available = [0]
  if (PeekNamedPipe(pipe, 0, 0, 0, available, 0) === 0) throw new Error(`PeekNamedPipe: ${GetLastError()}`)
  return available[0]!
}

export const openOverlapped = (path: string): number =>
  CreateFileW(path, GENERIC_READ_WRITE, 7, 0, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, 0)

/** A file opened without FILE_FLAG_OVERLAPPED. */
export const openSynchronous = (path: string): number =>
  CreateFileW(path, GENERIC_READ_WRITE, 7, 0, OPEN_EXISTING, 0, 0)

/** An OVERLAPPED that the library does not know. */
export const foreignOverlapped = (): number => Number(koffi.address(koffi.alloc("uint8_t", 32)))

export const readUint32 = (address: number): number => koffi.decode.uint32(address)
export const readUint64 = (address: number): bigint => BigInt(koffi.decode.uint64(address))

export const isMapped = (address: number): boolean => {
  const MEM_FREE = 0x10000
  const information = Buffer.alloc(48) // MEMORY_BASIC_INFORMATION
  if (VirtualQuery(address, information, information.length) === 0) throw new Error(`VirtualQuery: ${GetLastError()}`)
  return information.readUInt32LE(32) !== MEM_FREE
}

/** How many threads this process has. */
export const countThreads = (): number => {
  const TH32CS_SNAPTHREAD = 4
  const snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0)
  const entry = Buffer.alloc(28) // THREADENTRY32
  entry.writeUInt32LE(entry.length, 0)
  let threads = 0
  for (let more = Thread32First(snapshot, entry); more !== 0; more = Thread32Next(snapshot, entry)) {
    if (entry.readUInt32LE(12) === process.pid) threads++
  }
  CloseHandle(snapshot)
  return threads
}

/** Whether koffi can still be configured: a second copy of the library, or a late comer, must live without. */
export const canStillConfigure = (): boolean => {
  try {
    koffi.config({ max_async_calls: 4096 })
    return true
  } catch {
    return false
  }
}
