/**
 * The functions that take a `PTP_CALLBACK_INSTANCE`, when JavaScript calls them, on its own thread, while the pool's
 * thread waits. The library offers none of them; this says why.
 */
import koffi from "koffi"
import { afterAll, describe, expect, it } from "vitest"

const kernel32 = koffi.load("kernel32.dll")
const declare = (name: string, result: string, ...parameters: Array<string>) =>
  kernel32.func(name, result, parameters) as unknown as (...arguments_: Array<number>) => number

const [POINTER, HANDLE, DWORD] = ["uintptr_t", "intptr_t", "uint32_t"] as const
const CreateThreadpoolWork = declare("CreateThreadpoolWork", POINTER, POINTER, POINTER, POINTER)
const SubmitThreadpoolWork = declare("SubmitThreadpoolWork", "void", POINTER)
const CloseThreadpoolWork = declare("CloseThreadpoolWork", "void", POINTER)
const CreateEventW = declare("CreateEventW", HANDLE, POINTER, "int", "int", POINTER)
const CreateSemaphoreW = declare("CreateSemaphoreW", HANDLE, POINTER, "int", "int", POINTER)
const CreateMutexW = declare("CreateMutexW", HANDLE, POINTER, "int", POINTER)
const ReleaseMutex = declare("ReleaseMutex", "int", HANDLE)
const InitializeCriticalSection = declare("InitializeCriticalSection", "void", POINTER)
const EnterCriticalSection = declare("EnterCriticalSection", "void", POINTER)
const WaitForSingleObject = declare("WaitForSingleObject", DWORD, HANDLE, DWORD)
const CloseHandle = declare("CloseHandle", "int", HANDLE)
const CallbackMayRunLong = declare("CallbackMayRunLong", "int", POINTER)
const SetEventWhenCallbackReturns = declare("SetEventWhenCallbackReturns", "void", POINTER, HANDLE)
const ReleaseSemaphoreWhenCallbackReturns = declare(
  "ReleaseSemaphoreWhenCallbackReturns",
  "void",
  POINTER,
  HANDLE,
  DWORD
)
const ReleaseMutexWhenCallbackReturns = declare("ReleaseMutexWhenCallbackReturns", "void", POINTER, HANDLE)
const LeaveCriticalSectionWhenCallbackReturns = declare(
  "LeaveCriticalSectionWhenCallbackReturns",
  "void",
  POINTER,
  POINTER
)

let action: (instance: number) => void
let ran = 0
const callback = koffi.register((instance: number) => {
  action(instance)
  ran++
}, koffi.pointer(koffi.proto("void", [POINTER, POINTER, POINTER])))

const handles: Array<number> = []
const own = (handle: number): number => {
  handles.push(handle)
  return handle
}
afterAll(() => handles.forEach((handle) => CloseHandle(handle)))

/** Runs it in a callback, and comes back when that has returned on the pool's thread too. */
const inCallback = async (run: (instance: number) => void): Promise<void> => {
  action = run
  const before = ran
  const work = CreateThreadpoolWork(Number(koffi.address(callback)), 0, 0)
  SubmitThreadpoolWork(work)
  await expect.poll(() => ran).toBe(before + 1)
  await new Promise((resolve) => setTimeout(resolve, 50))
  CloseThreadpoolWork(work)
}

const isSignalled = (handle: number): boolean => WaitForSingleObject(handle, 0) === 0

describe("called by JavaScript while the pool's thread waits,", () => {
  it("SetEventWhenCallbackReturns sets the event when the pool's thread goes on", async () => {
    const event = own(CreateEventW(0, 1, 0, 0))
    await inCallback((instance) => {
      SetEventWhenCallbackReturns(instance, event)
      expect(isSignalled(event)).toBe(false)
    })
    expect(isSignalled(event)).toBe(true)
  })
  it("ReleaseSemaphoreWhenCallbackReturns releases it then", async () => {
    const semaphore = own(CreateSemaphoreW(0, 0, 5, 0))
    await inCallback((instance) => ReleaseSemaphoreWhenCallbackReturns(instance, semaphore, 2))
    expect([1, 2, 3].map(() => isSignalled(semaphore))).toEqual([true, true, false])
  })
  it("ReleaseMutexWhenCallbackReturns does not release what the JavaScript thread owns", async () => {
    const mutex = own(CreateMutexW(0, 1, 0))
    await inCallback((instance) => ReleaseMutexWhenCallbackReturns(instance, mutex))
    expect(ReleaseMutex(mutex)).not.toBe(0) // ours still
  })
  it("LeaveCriticalSectionWhenCallbackReturns leaves it on a thread that does not own it", async () => {
    const section = koffi.alloc("uint8_t", 64)
    const view = new DataView(koffi.view(section, 40))
    const owner = (): bigint => view.getBigUint64(16, true)
    const address = Number(koffi.address(section))
    InitializeCriticalSection(address)
    EnterCriticalSection(address)
    expect(owner()).not.toBe(0n)
    await inCallback((instance) => LeaveCriticalSectionWhenCallbackReturns(instance, address))
    expect(owner()).toBe(0n) // taken away from the JavaScript thread, which has not left it
  })
  it("CallbackMayRunLong is about the wrong thread, and answers FALSE", async () => {
    let answer = -1
    await inCallback((instance) => answer = CallbackMayRunLong(instance))
    expect(answer).toBe(0)
  })
})
