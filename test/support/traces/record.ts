/**
 * Runs a script on a kernel by its verbs alone, pairing Start and Cancel as the table of results says, and writes down
 * everything that the kernel answers. Nothing here judges.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as C from "../../../src/internal/constants.js"
import type { Kernel } from "../../../src/internal/kernel/Kernel.js"
import { Driven, Driver } from "../driver.js"
import type { End, Script, Step } from "./script.js"

export type Event =
  | {
    readonly _tag: "issue"
    readonly operation: number
    readonly end: End
    readonly kind: "read" | "write"
    readonly length: number
    readonly offset: number
    /** 0 for TRUE, otherwise the last error. */
    readonly answer: number
    /** `InternalHigh` where no packet is to follow. */
    readonly bytes: number
    /** The bytes that an operation without a packet has read. */
    readonly data: Uint8Array | undefined
  }
  | {
    readonly _tag: "packet"
    readonly operation: number
    readonly status: number
    readonly bytes: number
    readonly data: Uint8Array | undefined
  }
  | { readonly _tag: "cancel"; readonly operation: number }
  /** The handle goes from here on: the other end may notice before `close` is told. */
  | { readonly _tag: "closing"; readonly end: End }
  | { readonly _tag: "close"; readonly end: End; readonly wait: number; readonly status: number }

export interface Trace {
  readonly script: Script
  readonly events: ReadonlyArray<Event>
  /** Packets that belonged to no operation in flight. */
  readonly strays: number
  /** Operations whose packet did not come in time: nothing was closed after that. */
  readonly stuck: ReadonlyArray<number>
}

/** The first contents of a file: bytes of no operation. */
export const INITIAL = { length: 1_000, byte: 0xff }

/** Longer than any packet of a healthy kernel takes, also on a busy machine. */
const PATIENCE_MS = 10_000

const turn = () => new Promise<void>((resolve) => void setImmediate(resolve))
const sleep = (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms))

/** The table of results: whether a packet follows what the initiating call has answered. */
export const packetFollows = (answer: number, skipMode: boolean): boolean =>
  answer === C.ERROR_IO_PENDING || (isDone(answer) && !skipMode)

const isDone = (answer: number): boolean => answer === C.ERROR_SUCCESS || answer === C.ERROR_MORE_DATA

/** The bytes of a write say whose they are. */
export const byteOf = (operation: number): number => operation + 1

class Recorded extends Driven {
  number = -1
  done = false
  onPacket: (status: number, bytes: number) => void = () => {}

  override completed(status: number, bytes: number): void {
    this.onPacket(status, bytes)
    super.completed(status, bytes)
  }
}

interface Bound {
  readonly handle: number
  readonly threadpoolIo: number
  readonly skipMode: boolean
  closed: boolean
}

export const record = async (kernel: Kernel, script: Script): Promise<Trace> => {
  const directory = mkdtempSync(join(tmpdir(), "tpio-trace-"))
  try {
    return await new Recorder(kernel, script, directory).run()
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

let serial = 0

class Recorder {
  readonly #events: Array<Event> = []
  readonly #operations: Array<Recorded> = []
  readonly #driver: Driver
  readonly #ends: Array<Bound> = []
  /** The instance that holds the name of the pipe. */
  #name: number | undefined = undefined

  constructor(readonly kernel: Kernel, readonly script: Script, readonly directory: string) {
    this.#driver = new Driver(kernel)
  }

  async run(): Promise<Trace> {
    const strays = this.kernel.slots.stray
    await (this.script.subject === "file" ? this.#openFile() : this.#openPipe())
    for (const step of this.script.steps) await this.#take(step)
    await this.#drain()
    for (const end of [0, 1] as const) await this.#close(end)
    if (this.#name !== undefined) await this.#driver.status("CloseHandle", { handle: this.#name })
    // A packet too many would come now.
    await turn()
    const stuck = this.#operations.filter(({ done }) => !done)
    for (const operation of this.#operations) {
      if (!operation.done) continue
      this.kernel.slots.release(operation.slot)
      if (operation.block !== undefined) this.kernel.free(operation.block)
    }
    return {
      script: this.script,
      events: this.#events,
      strays: this.kernel.slots.stray - strays,
      stuck: stuck.map(({ number }) => number)
    }
  }

  // --- opening

  async #openFile(): Promise<void> {
    const path = join(this.directory, "file")
    writeFileSync(path, Buffer.alloc(INITIAL.length, INITIAL.byte))
    this.#bind(await this.#answer("CreateFileW", this.#driver.create(path)))
  }

  async #openPipe(): Promise<void> {
    const path = `\\\\.\\pipe\\tpio-trace-${process.pid}-${serial++}`
    const pipe = { path, messages: false, maxInstances: 255, outBufferSize: 4096, inBufferSize: 4096 }
    const instance = (first: boolean) =>
      this.#answer("CreateNamedPipeW", this.#driver.call("CreateNamedPipeW", { ...pipe, first, security: undefined }))
    this.#name = await instance(true)
    this.#bind(await instance(false))
    const connecting = this.#issue(0, "connect", 0, 0)
    const client = await this.#answer(
      "CreateFileW",
      this.#driver.create(path, { disposition: C.OPEN_EXISTING, share: 0 })
    )
    this.#bind(client)
    if (!connecting.done) await connecting.packet()
    this.kernel.slots.release(connecting.slot)
  }

  async #answer(what: string, call: Promise<{ readonly status: number; readonly value: number | undefined }>) {
    const { status, value } = await call
    if (status !== C.ERROR_SUCCESS) throw new Error(`${what}: ${status}`)
    return value!
  }

  #bind(handle: number): void {
    const threadpoolIo = this.kernel.createThreadpoolIo(handle)
    if (threadpoolIo < 0) throw new Error(`CreateThreadpoolIo: ${-threadpoolIo}`)
    if (this.script.skipMode) this.kernel.setSkipMode(handle)
    this.#ends.push({ handle, threadpoolIo, skipMode: this.kernel.getSkipMode(handle), closed: false })
  }

  // --- steps

  async #take(step: Step): Promise<void> {
    switch (step._tag) {
      case "read":
      case "write": {
        if (this.#ends[step.end]!.closed) return
        this.#transfer(step.end, step._tag, step.length, step.offset)
        return
      }
      case "cancel": {
        const operation = this.#operations[step.which % Math.max(1, this.#operations.length)]
        // One that has ended is asked for too: that must do nothing. Not on a handle that is closed.
        if (operation !== undefined && !this.#endOf(operation).closed) this.#cancel(operation)
        return
      }
      case "turn":
        return turn()
      case "pause":
        return this.script.subject === "file" ? void await this.#settled(this.#operations) : sleep(1)
      case "close":
        return this.#close(step.end)
    }
  }

  #endOf(operation: Recorded): Bound {
    return this.#ends.find(({ handle }) => handle === operation.handle)!
  }

  #transfer(end: End, kind: "read" | "write", length: number, offset: number): Recorded {
    const number = this.#operations.length
    const operation = this.#issue(end, kind, length, offset, number)
    this.#operations.push(operation)
    return operation
  }

  #issue(end: End, kind: "read" | "write" | "connect", length: number, offset: number, number = -1): Recorded {
    const { kernel } = this
    const { handle, skipMode, threadpoolIo } = this.#ends[end]!
    const block = kind === "connect" ? undefined : kernel.allocate(Math.max(1, length))
    const operation = new Recorded(kernel, kind, handle, threadpoolIo, block, length, offset, 0, 0)
    operation.number = number
    if (kind === "write") block!.bytes.fill(byteOf(number), 0, length)
    const early: Array<Event> = []
    let into: { push: (event: Event) => unknown } = early
    const dataOf = (bytes: number) => kind === "read" ? block!.bytes.slice(0, bytes) : undefined
    operation.onPacket = (status, bytes) => {
      operation.done = true
      if (number >= 0) into.push({ _tag: "packet", operation: number, status, bytes, data: dataOf(bytes) })
    }
    kernel.startThreadpoolIo(threadpoolIo)
    const answer = kernel.issue(operation)
    operation.answer = answer
    const follows = packetFollows(answer, skipMode)
    if (!follows) {
      kernel.cancelThreadpoolIo(threadpoolIo)
      operation.done = true
    }
    const bytes = follows || !isDone(answer) ? 0 : kernel.transferred(operation.slot)
    if (kind !== "connect") {
      const data = follows ? undefined : dataOf(bytes)
      this.#events.push({ _tag: "issue", operation: number, end, kind, length, offset, answer, bytes, data })
    }
    this.#events.push(...early)
    into = this.#events
    return operation
  }

  #cancel(operation: Recorded): void {
    this.#events.push({ _tag: "cancel", operation: operation.number })
    operation.cancel()
  }

  // --- the end

  /**
   * On a pipe: each end sends one byte more and the other reads up to it, so that every byte before is accounted for.
   */
  async #drain(): Promise<void> {
    if (this.script.subject === "file" || this.#ends.some(({ closed }) => closed)) return
    for (const operation of this.#operations) if (!operation.done) this.#cancel(operation)
    await this.#settled(this.#operations)
    for (const end of [0, 1] as const) {
      const last = byteOf(this.#transfer(end === 0 ? 1 : 0, "write", 1, 0).number)
      let received: number | undefined
      while (received !== last) {
        const read = this.#transfer(end, "read", 100_000, 0)
        if (!await this.#settled([read])) return
        received = this.#lastByteOf(read)
        if (received === undefined) return
      }
    }
  }

  #lastByteOf(read: Recorded): number | undefined {
    for (let at = this.#events.length - 1; at >= 0; at--) {
      const event = this.#events[at]!
      if ("data" in event && event.operation === read.number && event.data !== undefined) return event.data.at(-1)
    }
    return undefined
  }

  async #settled(operations: ReadonlyArray<Recorded>): Promise<boolean> {
    const end = Date.now() + PATIENCE_MS
    while (operations.some(({ done }) => !done)) {
      if (Date.now() > end) return false
      await turn()
    }
    return true
  }

  async #close(end: End): Promise<void> {
    const bound = this.#ends[end]
    if (bound === undefined || bound.closed) return
    const { handle, threadpoolIo } = bound
    const mine = this.#operations.filter((operation) => operation.handle === handle)
    for (const operation of mine) if (!operation.done) this.#cancel(operation)
    bound.closed = true
    if (!await this.#settled(mine)) return
    const wait = await this.#driver.status("WaitForThreadpoolIoCallbacks", { threadpoolIo })
    this.#events.push({ _tag: "closing", end })
    const status = await this.#driver.status("CloseHandle", { handle })
    this.kernel.closeThreadpoolIo(threadpoolIo)
    this.#events.push({ _tag: "close", end, wait, status })
  }
}
