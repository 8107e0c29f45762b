/**
 * A handle's owner, who uses it by other means than the library: for claims about borrowed handles, and about
 * overlapped functions that the library does not know.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { KoffiFunc } from "koffi"
import * as Handle from "../../src/Handle.js"
import { kernel32 } from "./pipe.js"

type Native = KoffiFunc<(...arguments_: ReadonlyArray<number>) => number>

export interface Api {
  readonly ReadFile: Native
  readonly WriteFile: Native
  readonly CreateEventW: Native
  readonly GetOverlappedResult: KoffiFunc<(...arguments_: ReadonlyArray<any>) => number>
  readonly DuplicateHandle: KoffiFunc<(...arguments_: ReadonlyArray<any>) => number>
  readonly GetCurrentProcess: Native
  readonly GetLastError: Native
  readonly CloseHandle: Native
  /** Native memory that stays where it is; its address, and a view. */
  readonly memory: (bytes: number) => { readonly address: number; readonly bytes: Uint8Array }
}

const declareAll = async (): Promise<Api> => {
  const { default: koffi } = await import("koffi")
  const library = koffi.load("kernel32.dll")
  const declare = (name: string, result: string, parameters: Array<string>) =>
    library.func("__stdcall", name, result, parameters) as KoffiFunc<(...arguments_: ReadonlyArray<any>) => number>
  const transfer = ["intptr_t", "uintptr_t", "uint32_t", "uintptr_t", "uintptr_t"]
  return {
    ReadFile: declare("ReadFile", "int", transfer),
    WriteFile: declare("WriteFile", "int", transfer),
    CreateEventW: declare("CreateEventW", "intptr_t", ["uintptr_t", "int", "int", "uintptr_t"]),
    GetOverlappedResult: declare("GetOverlappedResult", "int", ["intptr_t", "uintptr_t", "_Out_ uint32_t *", "int"]),
    DuplicateHandle: declare("DuplicateHandle", "int", [
      "intptr_t",
      "intptr_t",
      "intptr_t",
      "_Out_ intptr_t *",
      "uint32_t",
      "int",
      "uint32_t"
    ]),
    GetCurrentProcess: declare("GetCurrentProcess", "intptr_t", []),
    GetLastError: declare("GetLastError", "uint32_t", []),
    CloseHandle: declare("CloseHandle", "int", ["intptr_t"]),
    memory: (size) => {
      const block = koffi.alloc("uint8_t", size)
      const bytes = new Uint8Array(koffi.view(block, size))
      bytes.fill(0)
      return { address: Number(koffi.address(block)), bytes }
    }
  }
}

let declared: Promise<Api> | undefined

export const native: Effect.Effect<Api> = Effect.promise(() => declared ??= declareAll())

const DUPLICATE_SAME_ACCESS = 2

/** Another handle to the same file object, for whoever takes it over and closes it. */
export const duplicateToOwn = (handle: Handle.Handle): Effect.Effect<Handle.Handle> =>
  Effect.map(native, (k) => {
    const target = [0]
    const self = k.GetCurrentProcess()
    if (k.DuplicateHandle(self, handle, self, target, 0, 0, DUPLICATE_SAME_ACCESS) === 0) {
      throw new Error(`DuplicateHandle: ${k.GetLastError()}`)
    }
    return Handle.make(Number(target[0]))
  })

/** Another handle to the same file object. */
export const duplicate = (handle: Handle.Handle): Effect.Effect<Handle.Handle, never, Scope.Scope> =>
  Effect.acquireRelease(duplicateToOwn(handle), (twin) => Effect.map(native, (k) => void k.CloseHandle(twin)))

const ERROR_IO_INCOMPLETE = 996
const ERROR_IO_PENDING = 997

/** The owner's own overlapped read, with an event and an OVERLAPPED of its own. Answers the bytes. */
export const readByOwner = (handle: Handle.Handle, length: number): Effect.Effect<Uint8Array> =>
  Effect.flatMap(native, (k) =>
    Effect.promise(async () => {
      const overlapped = k.memory(32)
      const buffer = k.memory(length)
      const event = k.CreateEventW(0, 1, 0, 0)
      new DataView(overlapped.bytes.buffer).setBigInt64(24, BigInt(event), true)
      const answer = k.ReadFile(handle, buffer.address, length, 0, overlapped.address)
      if (answer === 0 && k.GetLastError() !== ERROR_IO_PENDING) throw new Error(`ReadFile: ${k.GetLastError()}`)
      const count = [0]
      while (k.GetOverlappedResult(handle, overlapped.address, count, 0) === 0) {
        if (k.GetLastError() !== ERROR_IO_INCOMPLETE) throw new Error(`GetOverlappedResult: ${k.GetLastError()}`)
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
      k.CloseHandle(event)
      return buffer.bytes.slice(0, count[0])
    }))

const PIPE_ACCESS_DUPLEX = 3
const FILE_FLAG_OVERLAPPED = 0x40000000
const MESSAGES = 4 | 2
const GENERIC_READ_WRITE = 0xc0000000
const OPEN_EXISTING = 3

let serial = 0

/** A pipe of messages; `send` sends one. */
export const messagePipe = Effect.gen(function*() {
  const k = yield* Effect.promise(kernel32)
  const name = `\\\\.\\pipe\\tpio-message-${process.pid}-${serial++}`
  const handle = (value: () => number) =>
    Effect.acquireRelease(
      Effect.sync(() => Handle.make(Number(value()))),
      (handle) => Effect.sync(() => void k.CloseHandle(handle))
    )
  const mode = PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED
  const server = yield* handle(() => k.CreateNamedPipeW(name, mode, MESSAGES, 1, 65536, 65536, 0, 0))
  const client = yield* handle(() => k.CreateFileW(name, GENERIC_READ_WRITE, 0, 0, OPEN_EXISTING, 0, 0))
  const send = (bytes: Uint8Array) =>
    Effect.sync(() => {
      if (k.WriteFile(client, bytes, bytes.length, [0], 0) === 0) throw new Error(`WriteFile: ${k.GetLastError()}`)
    })
  return { server, client, send }
})
