/**
 * A named pipe for tests on kernel32, made with declarations of its own: the library does not know these handles until
 * it is given them. The server's end is overlapped, the client's is not.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { KoffiFunc } from "koffi"

type KoffiFunction = KoffiFunc<(...arguments_: ReadonlyArray<any>) => any>
import * as Handle from "../../src/Handle.js"

const PIPE_ACCESS_DUPLEX = 3
const FILE_FLAG_OVERLAPPED = 0x40000000
const PIPE_UNLIMITED_INSTANCES = 255
const OPEN_EXISTING = 3
const GENERIC_READ_WRITE = 0xc0000000

interface Api {
  readonly CreateNamedPipeW: KoffiFunction
  readonly CreateFileW: KoffiFunction
  readonly CloseHandle: KoffiFunction
  readonly ConnectNamedPipe: KoffiFunction
  readonly GetLastError: KoffiFunction
  readonly WriteFile: KoffiFunction
  readonly LockFileEx: KoffiFunction
}

let api: Promise<Api> | undefined

/** kernel32, as a program would declare it that uses koffi for itself. */
export const kernel32 = (): Promise<Api> =>
  api ??= import("koffi").then(({ default: koffi }) => {
    const library = koffi.load("kernel32.dll")
    const declare = (name: string, result: string, parameters: Array<string>) =>
      library.func("__stdcall", name, result, parameters)
    return {
      CreateNamedPipeW: declare("CreateNamedPipeW", "intptr_t", [
        "str16",
        "uint32_t",
        "uint32_t",
        "uint32_t",
        "uint32_t",
        "uint32_t",
        "uint32_t",
        "uintptr_t"
      ]),
      CreateFileW: declare("CreateFileW", "intptr_t", [
        "str16",
        "uint32_t",
        "uint32_t",
        "uintptr_t",
        "uint32_t",
        "uint32_t",
        "intptr_t"
      ]),
      CloseHandle: declare("CloseHandle", "int", ["intptr_t"]),
      ConnectNamedPipe: declare("ConnectNamedPipe", "int", ["intptr_t", "uintptr_t"]),
      GetLastError: declare("GetLastError", "uint32_t", []),
      WriteFile: declare("WriteFile", "int", ["intptr_t", "void *", "uint32_t", "_Out_ uint32_t *", "uintptr_t"]),
      LockFileEx: declare("LockFileEx", "int", [
        "intptr_t",
        "uint32_t",
        "uint32_t",
        "uint32_t",
        "uint32_t",
        "uintptr_t"
      ])
    }
  })

export interface Pipe {
  /** Overlapped; not bound to anything; closed with the scope unless the test closes it. */
  readonly server: Handle.Handle
  readonly client: Handle.Handle
  readonly close: (end: Handle.Handle) => Effect.Effect<void>
  /** Writes from the client without the library, synchronously. */
  readonly send: (bytes: Uint8Array) => Effect.Effect<void>
}

let serial = 0

export const make: Effect.Effect<Pipe, never, Scope.Scope> = Effect.gen(function*() {
  const k = yield* Effect.promise(kernel32)
  const name = `\\\\.\\pipe\\tpio-${process.pid}-${serial++}`
  const closed = new Set<number>()
  const close = (end: Handle.Handle) =>
    Effect.sync(() => {
      if (!closed.has(end)) {
        closed.add(end)
        k.CloseHandle(end)
      }
    })
  const acquire = (what: string, handle: () => number) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const value = Number(handle())
        if (value === -1) throw new Error(`${what}: ${k.GetLastError()}`)
        return Handle.make(value)
      }),
      close
    )
  const server = yield* acquire(
    "CreateNamedPipeW",
    () =>
      k.CreateNamedPipeW(
        name,
        PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
        0,
        PIPE_UNLIMITED_INSTANCES,
        65536,
        65536,
        0,
        0
      )
  )
  const open = (flags: number) => () => k.CreateFileW(name, GENERIC_READ_WRITE, 0, 0, OPEN_EXISTING, flags, 0)
  const client = yield* acquire("CreateFileW", open(0))
  const send = (bytes: Uint8Array) =>
    Effect.sync(() => {
      if (k.WriteFile(client, bytes, bytes.length, [0], 0) === 0) throw new Error(`WriteFile: ${k.GetLastError()}`)
    })
  return { server, client, close, send }
})
