/**
 * Drives a kernel by its verbs, without the engine: for tests of a kernel's own promises.
 */
import * as C from "../../src/internal/constants.js"
import type { CallName, Calls } from "../../src/internal/kernel/Calls.js"
import type { Block, Issue, Kernel } from "../../src/internal/kernel/Kernel.js"

export interface Answer<A> {
  readonly status: number
  readonly value: A | undefined
  readonly cause: unknown
}

/** One operation and every packet that came for it. */
export class Driven implements Issue {
  parameters: Issue["parameters"] = undefined
  readonly input = undefined
  readonly inputLength = 0
  readonly slot: number
  /** The answer of the initiating call. */
  answer = -1
  readonly packets: Array<readonly [status: number, bytes: number]> = []
  /** JavaScript was woken for a packet of it. */
  woke = false
  #heard: (() => void) | undefined

  constructor(
    readonly kernel: Kernel,
    readonly kind: Issue["kind"],
    readonly handle: number,
    readonly threadpoolIo: number,
    readonly block: Block | undefined,
    readonly length: number,
    readonly offsetLow: number,
    readonly offsetHigh: number,
    readonly start: number
  ) {
    this.slot = kernel.slots.acquire(this)
  }

  completed(status: number, bytes: number, woke = true): void {
    this.woke ||= woke
    this.packets.push([status, bytes])
    this.#heard?.()
  }

  /** The first packet. */
  async packet(): Promise<readonly [status: number, bytes: number]> {
    if (this.packets.length === 0) await new Promise<void>((resolve) => this.#heard = resolve)
    return this.packets[0]!
  }

  cancel(): void {
    this.kernel.cancelIoEx(this.handle, this.slot)
  }
}

export interface Request {
  readonly offset?: number | bigint
  readonly length?: number
  readonly start?: number
  readonly block?: Block | undefined
}

/** Both halves of `OVERLAPPED.Offset` set: at the end of the file. */
export const END = 0xffff_ffff_ffff_ffffn

export class Driver {
  constructor(readonly kernel: Kernel) {}

  call<K extends CallName>(name: K, arguments_: Calls[K][0]): Promise<Answer<Calls[K][1]>> {
    return new Promise((resolve) => {
      this.kernel.call(name, arguments_, (status, value, cause) => resolve({ status, value, cause }))
    })
  }

  create(path: string, options: Partial<Calls["CreateFileW"][0]> = {}): Promise<Answer<number>> {
    return this.call("CreateFileW", {
      path,
      access: C.GENERIC_READ | C.GENERIC_WRITE,
      share: C.FILE_SHARE_READ,
      disposition: C.OPEN_ALWAYS,
      flags: 0,
      mode: 0o666,
      ...options
    })
  }

  /** An open handle and its TP_IO. */
  async open(path: string, options: Partial<Calls["CreateFileW"][0]> = {}): Promise<Opened> {
    const { status, value } = await this.create(path, options)
    if (status !== C.ERROR_SUCCESS) throw new Error(`CreateFileW: ${status}`)
    return this.bind(value!)
  }

  bind(handle: number): Opened {
    return new Opened(this, handle, this.kernel.createThreadpoolIo(handle))
  }

  status<K extends CallName>(name: K, arguments_: Calls[K][0]): Promise<number> {
    return this.call(name, arguments_).then(({ status }) => status)
  }
}

export class Opened {
  constructor(readonly driver: Driver, readonly handle: number, readonly threadpoolIo: number) {}

  /** An operation with memory of its own, not yet issued. */
  operation(kind: Issue["kind"], { block, length = 16, offset = 0, start = 0 }: Request = {}): Driven {
    const { kernel } = this.driver
    const at = BigInt(offset)
    const memory = block ?? kernel.allocate(length)
    const low = Number(at & 0xffff_ffffn)
    return new Driven(kernel, kind, this.handle, this.threadpoolIo, memory, length, low, Number(at >> 32n), start)
  }

  /** Start, then issue. What the answer means is for the caller to say. */
  issue(kind: Issue["kind"], request: Request = {}): Driven {
    const operation = this.operation(kind, request)
    this.driver.kernel.startThreadpoolIo(this.threadpoolIo)
    operation.answer = this.driver.kernel.issue(operation)
    return operation
  }

  /** Issues what answers 997, and waits for its packet. */
  async run(kind: Issue["kind"], request: Request = {}): Promise<readonly [status: number, bytes: number]> {
    const operation = this.issue(kind, request)
    if (operation.answer !== C.ERROR_IO_PENDING) throw new Error(`answered ${operation.answer}`)
    const packet = await operation.packet()
    operation.kernel.slots.release(operation.slot)
    return packet
  }

  write(bytes: Uint8Array, offset: number | bigint): Promise<readonly [status: number, bytes: number]> {
    const block = this.driver.kernel.allocate(bytes.length)!
    block.bytes.set(bytes)
    return this.run("write", { block, length: bytes.length, offset })
  }

  /** Rule 17, in its order. */
  async close(): Promise<void> {
    const { handle, threadpoolIo } = this
    await this.driver.call("WaitForThreadpoolIoCallbacks", { threadpoolIo })
    await this.driver.call("CloseHandle", { handle })
    this.driver.kernel.closeThreadpoolIo(threadpoolIo)
  }
}
