/**
 * The kernel that is kernel32.dll, through koffi: one private thread pool, one callback registration and one growable slab of
 * slots for each copy of the library in each JavaScript environment. Nothing here loads koffi where there is no Windows.
 */
import {
  ERROR_GEN_FAILURE,
  ERROR_INVALID_PARAMETER,
  ERROR_SUCCESS,
  FILE_SKIP_COMPLETION_PORT_ON_SUCCESS,
  FILE_SKIP_SET_EVENT_ON_HANDLE
} from "../constants.js"
import { CallbackBudget } from "./budget.js"
import { type Block, type CustomIssue, type Diagnosis, DONE_WITHOUT_PACKET, type Issue, type Kernel } from "./Kernel.js"
import { SlotTable } from "./SlotTable.js"
import { bind, type Bindings } from "./win32/bindings.js"
import { BoundHandles } from "./win32/bound.js"
import { callLimit, makeCalls } from "./win32/calls.js"
import { issuers } from "./win32/issuers.js"
import { allocate, free, reserve, SlotMemory } from "./win32/memory.js"
import { Win32Pools } from "./win32/pool.js"
import { isSilent } from "./win32/wine.js"

/** Why there is no kernel32 here. */
export interface LoadFailure {
  readonly platform: NodeJS.Platform
  readonly reason: string
  readonly cause: unknown
}

const SKIP_MODES = FILE_SKIP_COMPLETION_PORT_ON_SUCCESS | FILE_SKIP_SET_EVENT_ON_HANDLE

// ntdll: FILE_INFORMATION_CLASS, and the bits of FILE_MODE_INFORMATION that say "opened without FILE_FLAG_OVERLAPPED"
const FileModeInformation = 16
const FileIoCompletionNotificationInformation = 41
const FileReplaceCompletionInformation = 61
const FILE_SYNCHRONOUS_IO = 0x10 | 0x20

const GET_MODULE_HANDLE_EX_FLAG_PIN_FROM_ADDRESS = 0x1 | 0x4
const FORMAT_MESSAGE_FROM_SYSTEM_IGNORE_INSERTS = 0x1000 | 0x200
const LANG_ENGLISH_US = 0x0409
const LANG_DEFAULT = 0

/** One page of our own for what the quick calls answer. */
const PAGE = { size: 4096, status: 0, answer: 64, text: 128, textLength: 1984 } as const

let loaded: Promise<Kernel | LoadFailure> | undefined

/** The kernel of this environment, always the same one. */
export const load = (): Promise<Kernel | LoadFailure> => loaded ??= make()

const make = async (): Promise<Kernel | LoadFailure> => {
  const { arch, platform } = process
  const failure = (reason: string, cause: unknown): LoadFailure => ({ platform, reason, cause })
  if (platform !== "win32") return failure(`kernel32.dll needs Windows, this is ${platform}`, undefined)
  if (arch !== "x64" && arch !== "arm64") {
    return failure(`needs a 64-bit Node, this one is ${arch}: the structures are laid out for 64 bits`, undefined)
  }
  try {
    const { default: koffi } = await import("koffi")
    return new Win32Kernel(bind(koffi))
  } catch (cause) {
    return failure("koffi or a function of kernel32.dll cannot be loaded", cause)
  }
}

class Win32Kernel implements Kernel {
  readonly name = "win32"
  readonly slots: SlotTable
  readonly waitsForLocks: boolean
  readonly call: Kernel["call"]
  readonly pools: Win32Pools
  readonly #native: Bindings
  readonly #memory: SlotMemory
  readonly #page: Block
  readonly #view: DataView
  readonly #callback: number
  readonly #bound: BoundHandles
  readonly #messages = new Map<number, string | undefined>()

  constructor(native: Bindings) {
    this.#native = native
    this.waitsForLocks = !native.isWine
    this.#memory = new SlotMemory(native)
    this.slots = new SlotTable((slab) => this.#memory.grow(slab))
    this.#page = reserve(native, PAGE.size)
    this.#view = new DataView(this.#page.bytes.buffer)
    this.#callback = native.register((_instance, _context, overlapped, ioResult, bytes, io) =>
      this.#completed(overlapped, ioResult, bytes, io)
    )
    this.#pinCallback()
    const budget = new CallbackBudget()
    this.pools = new Win32Pools(native, budget)
    this.#bound = new BoundHandles(native, budget, (...completion) => this.#completedBound(...completion))
    this.call = makeCalls(native, callLimit(process.env["UV_THREADPOOL_SIZE"]))
  }

  // --- memory

  allocate(bytes: number): Block | undefined {
    return allocate(this.#native, bytes)
  }

  free(block: Block): void {
    free(this.#native, block)
  }

  // --- the object

  createThreadpoolIo(handle: number, environment = 0): number {
    const io = this.#native.CreateThreadpoolIo(handle, this.#callback, 0, this.pools.addressOf(environment))
    if (io === 0) return -(this.#native.GetLastError() || ERROR_INVALID_PARAMETER)
    this.pools.opened(io, environment)
    return io
  }

  closeThreadpoolIo(threadpoolIo: number): void {
    this.#native.CloseThreadpoolIo(threadpoolIo)
    this.pools.closed(threadpoolIo)
  }

  bindIoCompletionCallback(handle: number, callbacks: number): number {
    return this.#bound.bind(handle, callbacks)
  }

  forgetBinding(binding: number): void {
    this.#bound.forget(binding)
  }

  setSkipMode(handle: number): number {
    const done = this.#native.SetFileCompletionNotificationModes(handle, SKIP_MODES)
    return done !== 0 ? ERROR_SUCCESS : this.#native.GetLastError()
  }

  getSkipMode(handle: number): boolean {
    const { address } = this.#page
    const { NtQueryInformationFile } = this.#native
    const [status, answer] = [address + PAGE.status, address + PAGE.answer]
    if (NtQueryInformationFile(handle, status, answer, 4, FileIoCompletionNotificationInformation) !== 0) return false
    return (this.#view.getUint32(PAGE.answer, true) & FILE_SKIP_COMPLETION_PORT_ON_SUCCESS) !== 0
  }

  unbind(handle: number): boolean {
    const { address } = this.#page
    this.#page.bytes.fill(0, PAGE.answer, PAGE.answer + 16) // FILE_COMPLETION_INFORMATION: no port, no key
    const { NtSetInformationFile } = this.#native
    const status = address + PAGE.status
    return NtSetInformationFile(handle, status, address + PAGE.answer, 16, FileReplaceCompletionInformation) === 0
  }

  diagnose(handle: number): Diagnosis {
    const { address } = this.#page
    const { NtQueryInformationFile } = this.#native
    const status = NtQueryInformationFile(handle, address + PAGE.status, address + PAGE.answer, 4, FileModeInformation)
    if (status !== 0) {
      return this.#native.GetHandleInformation(handle, address + PAGE.answer) === 0 ? "invalid" : "unsupported"
    }
    const mode = this.#view.getUint32(PAGE.answer, true)
    return (mode & FILE_SYNCHRONOUS_IO) !== 0 ? "not-overlapped" : "already-bound"
  }

  // --- the first verb

  startThreadpoolIo(threadpoolIo: number): void {
    this.#native.StartThreadpoolIo(threadpoolIo)
  }

  cancelThreadpoolIo(threadpoolIo: number): void {
    this.#native.CancelThreadpoolIo(threadpoolIo)
  }

  issue(issue: Issue): number {
    const { handle, length, offsetHigh, offsetLow, slot, threadpoolIo } = issue
    const generation = this.slots.generation(slot)
    const overlapped = this.#memory.prepare(slot, generation, threadpoolIo, offsetLow, offsetHigh)
    const address = issue.block === undefined ? 0 : issue.block.address + issue.start
    const { kind } = issue
    if (kind === "custom") return (issue.parameters as CustomIssue)({ handle, overlapped, address, length })
    const done = kind === "read" || kind === "write"
      // No byte count: a pending operation would write it later, over whatever is there by then.
      ? (kind === "read" ? this.#native.ReadFile : this.#native.WriteFile)(handle, address, length, 0, overlapped)
      : issuers[kind](this.#native, { handle, overlapped, address, length, issue })
    if (done === 0) return this.#native.GetLastError() || ERROR_GEN_FAILURE
    return this.#native.isWine && isSilent(issue) ? DONE_WITHOUT_PACKET : ERROR_SUCCESS
  }

  transferred(slot: number): number {
    return this.#memory.transferred(slot)
  }

  cancelIoEx(handle: number, slot: number): void {
    this.#native.CancelIoEx(handle, this.#memory.overlapped(slot))
  }

  // --- texts

  message(code: number): string | undefined {
    if (!this.#messages.has(code)) {
      this.#messages.set(code, this.#format(code, LANG_ENGLISH_US) ?? this.#format(code, LANG_DEFAULT))
    }
    return this.#messages.get(code)
  }

  #format(code: number, language: number): string | undefined {
    const { address, bytes } = this.#page
    const flags = FORMAT_MESSAGE_FROM_SYSTEM_IGNORE_INSERTS
    const units = this.#native.FormatMessageW(flags, 0, code >>> 0, language, address + PAGE.text, PAGE.textLength, 0)
    const text = Buffer.from(bytes.buffer, PAGE.text, units * 2).toString("utf16le").trim()
    return text === "" ? undefined : text
  }

  // --- completions

  /**
   * On the JavaScript thread, while the pool's thread waits. The address is looked up, never followed. koffi drops other
   * threads' completions while an exception is pending: what is thrown here is thrown on, but not through koffi.
   */
  #completed(overlapped: number, ioResult: number, bytes: number, io: number): void {
    const slot = this.#memory.slotAt(overlapped)
    if (slot < 0 || this.#memory.threadpoolIo(slot) !== io) this.slots.stray++
    // Wine's packets do not tell the bytes of a control code; the OVERLAPPED does.
    else this.#complete(slot, ioResult, bytes || this.#memory.transferred(slot))
  }

  /** The same of a handle that was bound without a TP_IO. Wine tells no bytes with an error: 234 has some. */
  #completedBound(status: number, bytes: number, overlapped: number): void {
    const slot = this.#memory.slotAt(overlapped)
    if (slot < 0 || !this.#bound.has(this.#memory.threadpoolIo(slot))) this.slots.stray++
    else this.#complete(slot, status, bytes || this.#memory.transferred(slot))
  }

  #complete(slot: number, ioResult: number, bytes: number): void {
    try {
      this.slots.complete(slot, this.#memory.generation(slot), ioResult, bytes)
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
  }

  /** koffi's code must stay mapped while the system may call it, also after its environment, a worker's say, has ended. */
  #pinCallback(): void {
    const { address } = this.#page
    this.#native.GetModuleHandleExW(
      GET_MODULE_HANDLE_EX_FLAG_PIN_FROM_ADDRESS,
      this.#callback,
      address + PAGE.answer
    )
  }
}
