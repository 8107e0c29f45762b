/**
 * The ground of the simulated files and pipes: the world's time, decisions by percentage, faults by appointment, and
 * one way for an operation to begin and to end. No operation decides its own end in any other place.
 */
import * as C from "../../constants.js"
import { ContractViolation } from "../ContractViolation.js"
import type { IssueKind } from "../Kernel.js"
import { ModelOperation, type TakeBack } from "../model.js"
import type { SlotTable } from "../SlotTable.js"
import type { Behaviour, Fault } from "./Behaviour.js"
import type { World } from "./World.js"

/** The file or pipe that a handle of this kernel is open on. */
export interface SimulatedFile {
  readonly path: string
  /** Calls that work on it at this moment. */
  calls: number
  /** 0, 997 or the last error; what comes later comes through the `System`. */
  issue(operation: SimulatedOperation): number
  cancel(operation: SimulatedOperation): void
  /** The last handle has gone. */
  close(): void
}

/** How an operation ends that could end now. */
export type Way = "packet" | "inline" | "early"

/** Events, counted: a simulation in which nothing happens shows nothing. */
export class Happenings {
  inline = 0
  early = 0
  packets = 0
  late = 0
  short = 0
  never = 0
  faults = 0
  cancels = 0
  cancelsLost = 0
  hangUps = 0
}

const functions: { readonly [K in IssueKind]: string } = {
  read: "ReadFile",
  write: "WriteFile",
  connect: "ConnectNamedPipe",
  transact: "TransactNamedPipe",
  peek: "DeviceIoControl(FSCTL_PIPE_PEEK)",
  lock: "LockFileEx",
  ioctl: "DeviceIoControl",
  scatter: "ReadFileScatter",
  gather: "WriteFileGather",
  watch: "ReadDirectoryChangesW",
  custom: "a custom operation"
}

export class System {
  readonly happened = new Happenings()
  /** Operations issued, in all: each has its number. */
  issued = 0
  readonly #called = new Map<string, number>()

  constructor(readonly world: World, public behaviour: Behaviour, readonly faults: ReadonlyArray<Fault>) {}

  /** True in so many of a hundred cases. */
  percent(percentage: number): boolean {
    return percentage > 0 && this.world.choices.below(100) >= 100 - percentage
  }

  /** How long something of the system's takes. */
  latency(): number {
    const { late, latest } = this.behaviour
    if (!this.percent(late)) return 0
    this.happened.late++
    return 1 + this.world.choices.below(Math.max(1, latest))
  }

  /** Ends an operation in a turn of its own; takes it back while that has not come. */
  end(operation: SimulatedOperation, finish: () => void): void {
    operation.pending = this.world.later(this.latency(), () => {
      operation.pending = undefined
      this.happened.packets++
      finish()
    })
  }

  /** How an operation ends for which there is nothing to wait. */
  way(): Way {
    const { early, synchronous } = this.behaviour
    if (synchronous + early === 0) return "packet"
    const drawn = this.world.choices.below(100)
    return drawn >= 100 - synchronous ? "inline" : drawn >= 100 - synchronous - early ? "early" : "packet"
  }

  /** Begins an operation that can end now. `work` does it, sets `bytes` and answers the status. */
  run(operation: SimulatedOperation, work: () => number): number {
    const way = this.way()
    if (way === "packet") {
      this.end(operation, () => operation.finish(work()))
      return C.ERROR_IO_PENDING
    }
    const status = work()
    if (way === "inline") {
      this.happened.inline++
      return status
    }
    this.happened.early++
    operation.finish(status)
    return C.ERROR_IO_PENDING
  }

  /** So many bytes of those that could be transferred, at least one. */
  share(bytes: number): number {
    if (bytes <= 1 || !this.percent(this.behaviour.short)) return bytes
    this.happened.short++
    return 1 + this.world.choices.below(bytes - 1)
  }

  /** The status that an operation or a call fails with although it could succeed, or 0. */
  fault(syscall: string): number {
    if (this.faults.length > 0) {
      const nth = (this.#called.get(syscall) ?? 0) + 1
      this.#called.set(syscall, nth)
      for (const fault of this.faults) {
        if (fault.syscall !== syscall || fault.nth !== nth) continue
        this.happened.faults++
        return fault.code
      }
    }
    const { codes, failing } = this.behaviour
    if (codes.length === 0 || !this.percent(failing)) return C.ERROR_SUCCESS
    this.happened.faults++
    return codes[this.world.choices.below(codes.length)]!
  }

  /** The effect of `CancelIoEx` on an operation that could still be stopped. `give` takes it from where it waits. */
  cancel(operation: SimulatedOperation, give: () => void): void {
    this.happened.cancels++
    const { prompt } = this.behaviour
    operation.cancelled = true
    give()
    if (this.percent(prompt)) operation.finish(C.ERROR_OPERATION_ABORTED)
    else this.end(operation, () => operation.finish(C.ERROR_OPERATION_ABORTED))
  }
}

/** The byte of unwritten memory: it must not be taken for data, nor be changed. */
const POISON = 0xdb
/** Larger windows are looked at in this many places. */
const PLACES = 4096

export class SimulatedOperation extends ModelOperation<SimulatedFile> {
  /** Takes its end back, while that has not come. */
  pending: TakeBack | undefined = undefined
  stuck = false
  cancelled = false
  /** Its number, and where it was made, for whoever must find it. */
  number = 0
  origin: string | undefined = undefined
  #seal = 0

  constructor(slot: number, slots: SlotTable) {
    super(slot, slots)
  }

  /** The window of memory that is the kernel's until the end. */
  get memory(): Uint8Array {
    const { block, length, start } = this.issue!
    return block === undefined ? new Uint8Array(0) : block.bytes.subarray(start, start + length)
  }

  get syscall(): string {
    return this.issue === undefined ? "an operation" : functions[this.issue.kind]
  }

  override toString(): string {
    const where = this.origin === undefined ? "" : `, made ${this.origin}`
    const at = this.issue === undefined ? "" : ` of ${this.issue.length} bytes`
    return `operation ${this.number}, ${this.syscall}${at} on ${this.object.file.path}${where}`
  }

  /** The memory is the kernel's: from now on nobody touches it (rule 13). */
  take(number: number, origin: string | undefined): void {
    this.number = number
    this.origin = origin
    this.stuck = this.cancelled = false
    this.pending = undefined
    if (writes(this.issue!.kind)) this.memory.fill(POISON)
    this.#seal = this.#look()
  }

  /** Does what the kernel does to the memory: looks that nobody else has been there, and seals it again. */
  transfer(use: (memory: Uint8Array) => void): void {
    this.check()
    use(this.memory)
    this.#seal = this.#look()
  }

  check(): void {
    if (this.#look() !== this.#seal) {
      throw new ContractViolation(13, `the memory of ${this} was changed while the operation was in flight`)
    }
  }

  /** The packet, now. */
  finish(status: number): void {
    this.check()
    this.complete(status, this.bytes)
  }

  #look(): number {
    const { memory } = this
    const step = Math.max(1, Math.floor(memory.length / PLACES))
    let sum = 7
    for (let at = 0; at < memory.length; at += step) sum = (Math.imul(sum, 31) + memory[at]!) | 0
    return sum
  }
}

const writes = (kind: IssueKind): boolean =>
  kind === "read" || kind === "transact" || kind === "watch" || kind === "ioctl" || kind === "peek"
