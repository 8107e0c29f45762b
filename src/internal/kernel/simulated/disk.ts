/**
 * A simulated disk: files with locks; in memory also with a capacity, and a power supply that can fail. Reads and
 * writes happen at once, early, later, in part or never, as the system's choices have it.
 */
import * as C from "../../constants.js"
import type { Issue, LockParameters } from "../Kernel.js"
import { attempt, type Files, type Opened } from "./files.js"
import { type MemoryFile, MemoryFiles } from "./memory.js"
import type { SimulatedFile, SimulatedOperation, System } from "./system.js"

export class Disk {
  /** The files in memory: all there are, unless the disk is given real ones. */
  readonly files = new MemoryFiles()
  readonly storage: Files
  /** Bytes that the files may have together. */
  capacity = Infinity
  /** Bytes that they have. */
  #used = 0
  /** How often the power has gone; a handle from before is of no use. */
  epoch = 0
  /** By what stands for the file, as long as somebody has it open. */
  readonly #locks = new WeakMap<object, Locks>()

  constructor(readonly system: System, real?: Files) {
    this.storage = real ?? this.files
  }

  locksOf(file: object): Locks {
    let locks = this.#locks.get(file)
    if (locks === undefined) this.#locks.set(file, locks = new Locks(this.system))
    return locks
  }

  /** Room for so many more bytes at this place, of those wanted. */
  room(file: object, offset: number, bytes: number): number {
    if (this.capacity === Infinity) return bytes
    const { size } = file as MemoryFile
    this.#used = 0
    for (const one of this.files.names.values()) this.#used += one.size
    return Math.max(0, Math.min(bytes, size + this.capacity - this.#used - offset))
  }

  /** From now on the disk knows what a power cut would leave. */
  remember(): void {
    for (const file of this.files.names.values()) file.remember()
    this.files.remembers = true
  }

  /** Cuts the power: bytes that were written and not flushed are lost, or torn at a sector; every handle is dead. */
  cutPower(): void {
    const { choices } = this.system.world
    for (const file of this.files.names.values()) file.cutPower((sectors) => choices.below(sectors + 1))
    for (const file of this.files.names.values()) this.#locks.delete(file)
    this.epoch++
  }
}

export class DiskFile implements SimulatedFile {
  calls = 0
  readonly #epoch: number

  constructor(readonly disk: Disk, readonly open: Opened, readonly path: string) {
    this.#epoch = disk.epoch
  }

  /** The disk is gone as far as this handle goes. */
  get dead(): boolean {
    return this.#epoch !== this.disk.epoch
  }

  issue(operation: SimulatedOperation): number {
    const { kind } = operation.issue!
    if (this.dead) return C.ERROR_IO_DEVICE
    if (kind === "lock") return this.#lock(operation)
    if (kind !== "read" && kind !== "write") return C.ERROR_NOT_SUPPORTED
    if (!(kind === "read" ? this.open.readable : this.open.writable)) return C.ERROR_ACCESS_DENIED
    const append = this.#appends(operation)
    if (kind === "read" && append) return C.ERROR_INVALID_PARAMETER
    if (!append && offsetOf(operation.issue!) + operation.issue!.length > Number.MAX_SAFE_INTEGER) {
      return C.ERROR_INVALID_PARAMETER
    }
    return this.disk.system.run(operation, () => this.#transfer(operation))
  }

  #transfer(operation: SimulatedOperation): number {
    if (this.dead) return C.ERROR_IO_DEVICE
    return attempt(
      () => operation.issue!.kind === "read" ? this.#read(operation) : this.#write(operation),
      (code) => code
    )
  }

  #appends({ issue }: SimulatedOperation): boolean {
    return isAppend(issue!) || (this.open.appends && issue!.kind === "write")
  }

  #read(operation: SimulatedOperation): number {
    const { file } = this.open
    const { storage } = this.disk
    const offset = offsetOf(operation.issue!)
    const wanted = operation.issue!.length
    if (wanted === 0) return C.ERROR_SUCCESS
    const available = Math.max(0, Math.min(wanted, storage.size(this.open) - offset))
    if (available === 0) return C.ERROR_HANDLE_EOF
    if (this.disk.locksOf(file).forbids(this, offset, available, false)) return C.ERROR_LOCK_VIOLATION
    operation.bytes = this.disk.system.share(available)
    operation.transfer((memory) => storage.read(this.open, memory.subarray(0, operation.bytes), offset))
    return C.ERROR_SUCCESS
  }

  #write(operation: SimulatedOperation): number {
    const { file } = this.open
    const { storage } = this.disk
    const append = this.#appends(operation)
    const offset = append ? storage.size(this.open) : offsetOf(operation.issue!)
    const wanted = operation.issue!.length
    if (wanted === 0) return C.ERROR_SUCCESS
    if (this.disk.locksOf(file).forbids(this, offset, wanted, true)) return C.ERROR_LOCK_VIOLATION
    const room = this.disk.room(file, offset, wanted)
    if (room === 0) return C.ERROR_DISK_FULL
    operation.bytes = Math.min(room, append ? wanted : this.disk.system.share(wanted))
    operation.transfer((memory) => storage.write(this.open, memory.subarray(0, operation.bytes), offset))
    return C.ERROR_SUCCESS
  }

  cancel(operation: SimulatedOperation): void {
    const { system } = this.disk
    const waits = this.disk.locksOf(this.open.file).waits(operation)
    if (operation.cancelled || (!waits && operation.pending === undefined)) return
    if (!waits && system.percent(system.behaviour.lost)) {
      system.happened.cancelsLost++
      return
    }
    system.cancel(operation, () => {
      operation.pending?.()
      operation.pending = undefined
      this.disk.locksOf(this.open.file).withdraw(operation)
      // A write may have come some of the way.
      const { issue } = operation
      if (issue!.kind === "write" && !this.#appends(operation) && system.percent(system.behaviour.short)) {
        this.#transfer(operation)
      }
    })
  }

  #lock(operation: SimulatedOperation): number {
    if (!this.#mayLock) return C.ERROR_ACCESS_DENIED
    const { flags, lengthHigh, lengthLow } = operation.issue!.parameters as LockParameters
    const { offsetHigh, offsetLow } = operation.issue!
    const status = this.disk.locksOf(this.open.file).take(operation, {
      owner: this,
      from: join(offsetHigh, offsetLow),
      length: join(lengthHigh, lengthLow),
      exclusive: (flags & C.LOCKFILE_EXCLUSIVE_LOCK) !== 0
    }, (flags & C.LOCKFILE_FAIL_IMMEDIATELY) === 0)
    if (status === C.ERROR_LOCK_VIOLATION && !operation.object.skipMode) {
      // The file system has answered by itself, and the I/O manager tells the port all the same.
      operation.follows = "packet"
      this.disk.system.end(operation, () => operation.finish(status))
    }
    return status
  }

  /** The right to append is not enough. */
  get #mayLock(): boolean {
    return this.open.readable || (this.open.writable && !this.open.appends)
  }

  tryLock(from: bigint, length: bigint, exclusive: boolean): number {
    if (!this.#mayLock) return C.ERROR_ACCESS_DENIED
    return this.disk.locksOf(this.open.file).hold({ owner: this, from, length, exclusive })
  }

  unlock(from: bigint, length: bigint): number {
    if (!this.#mayLock) return C.ERROR_ACCESS_DENIED
    return this.disk.locksOf(this.open.file).giveBack(this, from, length)
  }

  close(): void {
    this.disk.locksOf(this.open.file).forget(this)
    if (!this.dead) this.disk.storage.close(this.open)
  }
}

interface Lock {
  readonly owner: DiskFile
  readonly from: bigint
  readonly length: bigint
  readonly exclusive: boolean
}

/** The locks of one file, and who waits for one, first come first served. */
class Locks {
  readonly #held: Array<Lock> = []
  readonly #waiting: Array<{ readonly operation: SimulatedOperation; readonly lock: Lock }> = []

  constructor(readonly system: System) {}

  hold(lock: Lock): number {
    if (!this.#free(lock)) return C.ERROR_LOCK_VIOLATION
    this.#held.push(lock)
    return C.ERROR_SUCCESS
  }

  take(operation: SimulatedOperation, lock: Lock, wait: boolean): number {
    if (this.hold(lock) === C.ERROR_SUCCESS) {
      // Held from this moment: how its owner hears of it is another matter.
      const way = this.system.way()
      if (way === "inline") return C.ERROR_SUCCESS
      if (way === "early") operation.finish(C.ERROR_SUCCESS)
      else this.#granted(operation)
      return C.ERROR_IO_PENDING
    }
    if (!wait) return C.ERROR_LOCK_VIOLATION
    this.#waiting.push({ operation, lock })
    return C.ERROR_IO_PENDING
  }

  /** Too late to be cancelled. */
  #granted(operation: SimulatedOperation): void {
    this.system.world.later(this.system.latency(), () => operation.finish(C.ERROR_SUCCESS))
  }

  giveBack(owner: DiskFile, from: bigint, length: bigint): number {
    const at = this.#held.findIndex((lock) => lock.owner === owner && lock.from === from && lock.length === length)
    if (at < 0) return ERROR_NOT_LOCKED
    this.#held.splice(at, 1)
    this.#serve()
    return C.ERROR_SUCCESS
  }

  waits(operation: SimulatedOperation): boolean {
    return this.#waiting.some((one) => one.operation === operation)
  }

  withdraw(operation: SimulatedOperation): void {
    const at = this.#waiting.findIndex((one) => one.operation === operation)
    if (at >= 0) this.#waiting.splice(at, 1)
  }

  forget(owner: DiskFile): void {
    for (let at = this.#held.length - 1; at >= 0; at--) if (this.#held[at]!.owner === owner) this.#held.splice(at, 1)
    this.#serve()
  }

  /** Locks are mandatory: they hold for reads and writes through other handles, and a shared one for every write. */
  forbids(by: DiskFile, offset: number, length: number, write: boolean): boolean {
    if (this.#held.length === 0) return false
    const from = BigInt(offset)
    return this.#held.some((lock) =>
      overlap(lock, { from, length: BigInt(length) }) && (lock.exclusive ? lock.owner !== by : write)
    )
  }

  #free(wanted: Lock): boolean {
    return !this.#held.some((lock) => (lock.exclusive || wanted.exclusive) && overlap(lock, wanted))
  }

  #serve(): void {
    for (let at = 0; at < this.#waiting.length;) {
      const { lock, operation } = this.#waiting[at]!
      if (!this.#free(lock)) {
        at++
        continue
      }
      this.#waiting.splice(at, 1)
      this.#held.push(lock)
      this.#granted(operation)
    }
  }
}

const ERROR_NOT_LOCKED = 158

const overlap = (one: Pick<Lock, "from" | "length">, other: Pick<Lock, "from" | "length">): boolean =>
  one.from < other.from + other.length && other.from < one.from + one.length

const join = (high: number, low: number): bigint => (BigInt(high) << 32n) | BigInt(low)

const offsetOf = ({ offsetHigh, offsetLow }: Issue): number => offsetHigh * 0x1_0000_0000 + offsetLow

const isAppend = ({ kind, offsetHigh, offsetLow }: Issue): boolean =>
  kind === "write" && offsetLow === C.MAXDWORD && offsetHigh === C.MAXDWORD
