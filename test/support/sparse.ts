/**
 * A file with holes: on Windows a file is made sparse before anything is written far out, or the system fills what lies
 * before with zeros. Elsewhere, and on Wine, files are so by themselves.
 */
import * as Effect from "effect/Effect"
import * as lab from "./lab.js"
import { kernel32 } from "./pipe.js"

const GENERIC_READ_WRITE = 0xc0000000
const OPEN_ALWAYS = 4
const FSCTL_SET_SPARSE = 0x900c4

/** Makes the file if there is none. */
export const makeSparse = (path: string): Effect.Effect<void> =>
  lab.kernelName !== "win32" ? Effect.void : Effect.promise(async () => {
    const { default: koffi } = await import("koffi")
    const k = await kernel32()
    const deviceIoControl = koffi.load("kernel32.dll").func("__stdcall", "DeviceIoControl", "int", [
      "intptr_t",
      "uint32_t",
      "uintptr_t",
      "uint32_t",
      "uintptr_t",
      "uint32_t",
      "_Out_ uint32_t *",
      "uintptr_t"
    ])
    const handle = Number(k.CreateFileW(path, GENERIC_READ_WRITE, 0, 0, OPEN_ALWAYS, 0, 0))
    const done = deviceIoControl(handle, FSCTL_SET_SPARSE, 0, 0, 0, 0, [0], 0)
    k.CloseHandle(handle)
    if (done === 0) throw new Error(`FSCTL_SET_SPARSE of ${path} failed`)
  })
