/**
 * The kernel that is kernel32.dll, through koffi: one private thread pool, one relay of completions and one growable
 * range of slots for each copy of the library in each JavaScript environment. Nothing here loads koffi where there is
 * no Windows.
 */
import {
  ERROR_GEN_FAILURE,
  ERROR_INVALID_PARAMETER,
  ERROR_SUCCESS,
  FILE_DEVICE_FILE_SYSTEM,
  FILE_SKIP_COMPLETION_PORT_ON_SUCCESS,
  FILE_SKIP_SET_EVENT_ON_HANDLE,
  FILE_TYPE_PIPE,
  MAXDWORD
} from "../constants.js"
import { CallbackBudget, MAX_WAITING_CALLBACKS } from "./budget.js"
import { limitOf } from "./gate.js"
import type { Block, CompletionWay, CustomIssue, Diagnosis, Issue, Kernel } from "./Kernel.js"
import { DONE_WITHOUT_PACKET } from "./Kernel.js"
import { SlotTable } from "./SlotTable.js"
import { bind, type Bindings, ForeignMemoryRefused, type Koffi } from "./win32/bindings.js"
import { BoundHandles, statusOf } from "./win32/bound.js"
import { Callbacks } from "./win32/callbacks.js"
import { makeCalls } from "./win32/calls.js"
import { Capabilities } from "./win32/capabilities.js"
import type { Completions, Sink } from "./win32/completions.js"
import { closedWithWorker } from "./win32/handles.js"
import { issuers } from "./win32/issuers.js"
import { allocate, free, reserve, SlotMemory } from "./win32/memory.js"
import { Win32Pools } from "./win32/pool.js"
import { Relay } from "./win32/relay.js"
import type { NodeApi, RelayLibrary } from "./win32/relayLibrary.js"
import { loadRelay, missing, nodeApi, packagedLibrary } from "./win32/relayLibrary.js"

/** Why there is no kernel32 here. */
export interface LoadFailure {
  readonly platform: NodeJS.Platform
  /** The library that is missing. */
  readonly path: string
  readonly reason: string
  readonly cause: unknown
}

/** Synchronous functions on pipes may wait for the handle's own event: it is left as it is. */
const SKIP_MODES = {
  pipe: FILE_SKIP_COMPLETION_PORT_ON_SUCCESS,
  other: FILE_SKIP_COMPLETION_PORT_ON_SUCCESS | FILE_SKIP_SET_EVENT_ON_HANDLE
} as const

// ntdll: FILE_INFORMATION_CLASS, and the bits of FILE_MODE_INFORMATION that say "opened without FILE_FLAG_OVERLAPPED"
const FileInternalInformation = 6
const FileAccessInformation = 8
const SIZES = { [FileInternalInformation]: 8, [FileAccessInformation]: 4 } as const
const FileModeInformation = 16
const FileIoCompletionNotificationInformation = 41
const FileReplaceCompletionInformation = 61
const FILE_SYNCHRONOUS_IO = 0x10 | 0x20

const FORMAT_MESSAGE_FROM_SYSTEM_IGNORE_INSERTS = 0x1000 | 0x200
const LANG_ENGLISH_US = 0x0409
const LANG_DEFAULT = 0

/** One page of our own for what the quick calls answer. */
const PAGE = { size: 4096, status: 0, answer: 64, text: 128, textLength: 1984 } as const

/** The choices of a program. */
export interface LoadOptions {
  /** How completions come; `auto` takes the best that can be had. */
  readonly completions: CompletionWay | "auto"
  /** Where the native library of the relay is, absolute; `undefined`: in the package. */
  readonly relayLibrary: string | undefined
}

const loaded = new Map<string, Promise<Kernel | LoadFailure>>()

/** The kernel of this environment: for the same options always the same one. */
export const load = (
  { completions = "auto", relayLibrary }: Partial<LoadOptions> = {}
): Promise<Kernel | LoadFailure> => {
  const key = `${completions} ${relayLibrary ?? ""}`
  let kernel = loaded.get(key)
  if (kernel === undefined) loaded.set(key, kernel = make({ completions, relayLibrary }))
  return kernel
}

const make = async (options: LoadOptions): Promise<Kernel | LoadFailure> => {
  const { arch, platform } = process
  if (platform !== "win32") return failure(`kernel32.dll needs Windows, this is ${platform}`, undefined)
  if (arch !== "x64" && arch !== "arm64") {
    return failure(`needs a 64-bit Node, this one is ${arch}: the structures are laid out for 64 bits`, undefined)
  }
  try {
    const { default: koffi } = await import("koffi")
    return withKoffi(koffi, options)
  } catch (cause) {
    return failure("koffi cannot be loaded", cause)
  }
}

const failure = (reason: string, cause: unknown, path = "kernel32.dll"): LoadFailure => ({
  platform: process.platform,
  path,
  reason,
  cause
})

/** With a koffi that is there, or one that a test has made. */
export const withKoffi = (koffi: Koffi, options: LoadOptions): Kernel | LoadFailure => {
  try {
    return over(bind(koffi), options)
  } catch (cause) {
    return cause instanceof NoRelay
      ? failure(`there is no relay: ${cause.message}`, cause.cause, cause.path)
      : cause instanceof ForeignMemoryRefused
      ? failure(`${cause.message}: use Kernel.layerPortable there, or a process of node`, cause.cause)
      : failure("a function of kernel32.dll cannot be loaded", cause)
  }
}

/** Over functions that are there, or that a test has changed. */
export const over = (native: Bindings, options: LoadOptions): Kernel => new Win32Kernel(native, options)

/** The way, or the library, that was asked for. */
class NoRelay extends Error {
  constructor(readonly path: string, cause: unknown) {
    super(messageOf(cause), { cause })
  }
}

const messageOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

class Win32Kernel implements Kernel {
  readonly name = "win32"
  readonly slots: SlotTable
  readonly waitsForLocks: boolean
  readonly holdsDirectories = true
  readonly passesCache = true
  readonly copiesFiles = true
  readonly opensAlone = true
  readonly sparseByRequest = true
  readonly call: Kernel["call"]
  readonly pools: Win32Pools
  readonly #native: Bindings
  readonly #capabilities: Capabilities
  readonly #memory: SlotMemory
  readonly #page: Block
  readonly #view: DataView
  readonly #completions: Completions
  readonly #bound: BoundHandles
  readonly completions: Kernel["completions"]
  readonly #messages = new Map<number, string | undefined>()

  constructor(native: Bindings, options: LoadOptions) {
    this.#native = native
    this.#capabilities = new Capabilities(native)
    this.waitsForLocks = this.#capabilities.waitsForLocks
    this.#memory = new SlotMemory(native)
    this.slots = new SlotTable(
      (slab) => {
        this.#memory.grow(slab)
        this.#completions.grown(this.#memory.slots)
      },
      (slot) => this.#memory.disarm(slot)
    )
    this.#page = reserve(native, PAGE.size)
    this.#view = new DataView(this.#page.bytes.buffer)
    const { completions, reason } = this.#chooseCompletions(options)
    this.#completions = completions
    this.completions = { way: completions.way, reason }
    const waits = completions.way === "callback"
    const budget = new CallbackBudget(waits ? MAX_WAITING_CALLBACKS : Infinity)
    this.pools = new Win32Pools(native, budget, waits)
    this.#bound = new BoundHandles(native, budget, completions)
    const call = makeCalls(native, this.#capabilities, limitOf(process.env["UV_THREADPOOL_SIZE"]))
    this.call = completions.way === "relay" ? closedWithWorker(native, call) : call
  }

  // --- memory

  allocate(bytes: number): Block | undefined {
    return allocate(this.#native, bytes)
  }

  free(block: Block): void {
    free(this.#native, block)
  }

  allocateOwn(): undefined {}

  giveAway(): never {
    throw new Error("memory of kernel32's is nobody's own")
  }

  // --- the object

  createThreadpoolIo(handle: number, environment = 0): number {
    const { callback, context } = this.#completions
    const io = this.#native.CreateThreadpoolIo(handle, callback, context, this.pools.addressOf(environment))
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
    const modes = SKIP_MODES[this.#native.GetFileType(handle) === FILE_TYPE_PIPE ? "pipe" : "other"]
    const done = this.#native.SetFileCompletionNotificationModes(handle, modes)
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

  /** Two handles of one file are told apart by their rights alone: the library documents what that leaves. */
  identityOf(handle: number): string {
    const { address } = this.#page
    const { GetFileType, NtQueryInformationFile } = this.#native
    const asked = ([FileInternalInformation, FileAccessInformation] as const).map((informationClass) => {
      this.#page.bytes.fill(0, PAGE.answer, PAGE.answer + 8)
      const size = SIZES[informationClass]
      NtQueryInformationFile(handle, address + PAGE.status, address + PAGE.answer, size, informationClass)
      return this.#view.getBigUint64(PAGE.answer, true)
    })
    return [GetFileType(handle), ...asked].join(" ")
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
    this.#completions.vacate(slot)
    const generation = this.slots.generation(slot)
    const overlapped = this.#memory.prepare(slot, generation, threadpoolIo, handle, offsetLow, offsetHigh)
    const address = issue.block === undefined ? 0 : issue.block.address + issue.start
    const { kind } = issue
    if (kind === "custom") return custom(issue.parameters as CustomIssue, { handle, overlapped, address, length })
    const done = kind === "read" || kind === "write"
      // No byte count: a pending operation would write it later, over whatever is there by then.
      ? (kind === "read" ? this.#native.ReadFile : this.#native.WriteFile)(handle, address, length, 0, overlapped)
      : issuers[kind](this.#native, { handle, overlapped, address, length, issue })
    if (done === 0) return this.#native.GetLastError() || ERROR_GEN_FAILURE
    return ofFileSystem(issue) && !this.#capabilities.controlCodesPost ? DONE_WITHOUT_PACKET : ERROR_SUCCESS
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

  /** The best way there is, or the one that was asked for, and why it is not the best. */
  #chooseCompletions({ completions, relayLibrary }: LoadOptions): {
    readonly completions: Completions
    readonly reason: string | undefined
  } {
    const native = this.#native
    const sink: Sink = {
      completed: (...completion) => this.#completed(...completion),
      strayed: (count) => {
        this.slots.stray += count
      }
    }
    const relay = (way: "relay" | "broker", library: RelayLibrary, api: NodeApi) =>
      new Relay(native, library, way, api, this.#memory, sink, () => this.slots.inUse)
    const callbacks = () => new Callbacks(native, this.#memory, sink, (binding) => this.#bound.has(binding))
    if (completions === "callback") return { completions: callbacks(), reason: undefined }
    try {
      const library = loadRelay(native, relayLibrary ?? packagedLibrary())
      const api = nodeApi(native)
      const lacking = missing(api)
      if (completions === "broker") return { completions: relay("broker", library, api), reason: undefined }
      if (lacking.length === 0) return { completions: relay("relay", library, api), reason: undefined }
      const reason = `this program does not export ${lacking.join(", ")}`
      if (completions === "relay") throw new Error(reason)
      return { completions: relay("broker", library, api), reason }
    } catch (cause) {
      // A library or a way that was named is the only one wanted.
      if (completions !== "auto" || relayLibrary !== undefined) {
        throw new NoRelay(relayLibrary ?? `relay-${process.arch}.dll`, cause)
      }
      return { completions: callbacks(), reason: messageOf(cause) }
    }
  }

  /**
   * On the JavaScript thread. What is thrown here is thrown on, but not at the others, which have come with it or
   * behind it.
   */
  #completed(slot: number, generation: number, status: number, bytes: number, woke: boolean): void {
    try {
      const bound = this.#bound.has(this.#memory.threadpoolIo(slot))
      this.slots.complete(slot, generation, bound ? statusOf(this.#native, status) : status, bytes, woke)
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
  }
}

/** Control codes of pipes are not among these. */
const ofFileSystem = ({ kind, parameters }: Issue): boolean =>
  kind === "ioctl" && (parameters as number) >>> 16 === FILE_DEVICE_FILE_SYSTEM

/** Refuses any answer that is no status: the answer decides about memory that the system may be writing to. */
const custom = (issue: CustomIssue, arguments_: Parameters<CustomIssue>[0]): number => {
  const status: unknown = issue(arguments_)
  if (Number.isInteger(status) && (status as number) >= 0 && (status as number) <= MAXDWORD) return status as number
  throw new TypeError("Operation.unsafeMake: issue must answer 0 or the last error, a number")
}
