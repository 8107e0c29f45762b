/**
 * A request of the portable kernel's own threads: its place in the memory that they share, and what comes out of it,
 * as node would tell it.
 */
import { getSystemErrorMap } from "node:util"
import type { SmallCopy } from "../Calls.js"
import type { Answer, Stat } from "./requests.js"
import { DATA, layout, OPERATIONS, STAT } from "./thread.js"

export type Operation = (typeof OPERATIONS)[number]

export const numberOf = Object.fromEntries(OPERATIONS.map((name, index) => [name, index])) as Record<Operation, number>

/** The names of a request's functions in errors. */
const syscalls: Readonly<Record<Operation, readonly [string, string]>> = {
  open: ["open", ""],
  openAndStat: ["open", "fstat"],
  close: ["close", ""],
  fstat: ["fstat", ""],
  lstat: ["lstat", ""],
  read: ["read", ""],
  write: ["write", ""],
  ftruncate: ["ftruncate", ""],
  fsync: ["fsync", ""],
  fchmod: ["fchmod", ""],
  futimes: ["futime", ""],
  unlink: ["unlink", ""],
  rename: ["rename", ""],
  linkAndUnlink: ["link", "unlink"],
  copySmall: ["open", "copyfile"]
}

/** In the order of their numbers. */
const outcomes = ["copied", "anotherWay", "changed", "mismatch"] as const

/** A request under way, as JavaScript knows it. The record belongs to its slot. */
export class Request {
  operation: Operation = "open"
  answer: Answer<never> | undefined = undefined
  path: string | undefined = undefined
  /** Where a read goes. */
  bytes: Uint8Array | undefined = undefined
  start = 0
  withdrawn = false
  /** The thread that had it has ended: its record tells nothing. */
  lost = false
  readonly data: Buffer

  constructor(
    readonly slot: number,
    private readonly sharedWords: Int32Array,
    private readonly sharedNumbers: Float64Array,
    private readonly sharedIntegers: BigInt64Array,
    data: SharedArrayBuffer
  ) {
    this.data = Buffer.from(data, slot * DATA, DATA)
  }

  get base(): number {
    return layout.slots + this.slot * layout.words
  }

  /** In doubles, or 64-bit integers. */
  get numbers(): number {
    return this.base / 2 + layout.numbers
  }

  /** The error that a thread has met, or `null`. */
  problem(): Error | null {
    const { base, bytes, operation, sharedNumbers, sharedWords, start } = this
    if (this.withdrawn) return null
    if (this.lost) return systemError(errnoNamed("EIO"), syscalls[operation][0]!, this.path)
    const error = sharedWords[base + layout.error]!
    if (error !== 0) return systemError(error, syscalls[operation][sharedWords[base + layout.failed]!]!, this.path)
    return operation === "read" && start + sharedNumbers[this.numbers]! > bytes!.length ? outside() : null
  }

  /** The answer of a request that has succeeded; what was read goes into its memory. */
  value(): unknown {
    const { numbers, sharedNumbers } = this
    if (this.withdrawn) return undefined
    switch (this.operation) {
      case "read": {
        const count = sharedNumbers[numbers]!
        this.bytes!.set(this.data.subarray(0, count), this.start)
        return count
      }
      case "write":
      case "open":
        return sharedNumbers[numbers]!
      case "openAndStat":
        return { fd: sharedNumbers[numbers]!, stat: this.#stat(numbers + STAT) }
      case "fstat":
      case "lstat":
        return this.#stat(numbers + STAT)
      case "copySmall":
        return this.#smallCopy(numbers)
      case "close":
      case "fchmod":
      case "fsync":
      case "ftruncate":
      case "futimes":
      case "linkAndUnlink":
      case "rename":
      case "unlink":
        return undefined
    }
  }

  #smallCopy(at: number): SmallCopy {
    const { birthtimeNs, dev, ino } = this.#stat(at + STAT)
    return {
      outcome: outcomes[this.sharedNumbers[at + 1]!]!,
      bytes: this.sharedNumbers[at]!,
      copy: { volume: dev, fileIndex: ino, createdTimeNs: birthtimeNs }
    }
  }

  #stat(at: number): Stat {
    const integers = this.sharedIntegers
    return {
      dev: BigInt.asUintN(64, integers[at]!),
      ino: BigInt.asUintN(64, integers[at + 1]!),
      size: integers[at + 2]!,
      mode: Number(integers[at + 3]!),
      nlink: Number(integers[at + 4]!),
      atimeNs: integers[at + 5]!,
      mtimeNs: integers[at + 6]!,
      birthtimeNs: integers[at + 7]!,
      uid: Number(integers[at + 8]!),
      gid: Number(integers[at + 9]!),
      rdev: Number(integers[at + 10]!),
      blockSize: Number(integers[at + 11]!),
      blocks: Number(integers[at + 12]!),
      ctimeNs: integers[at + 13]!
    }
  }
}

const refusal = (code: string, message: string): NodeJS.ErrnoException =>
  Object.assign(new RangeError(message), { code })

const outside = () => refusal("ERR_OUT_OF_RANGE", "the memory of the request has been taken away")

export const requireInside = (bytes: Uint8Array, start: number, length: number): void => {
  if (start + length > bytes.length) throw outside()
}

/** No system takes a longer one; and node's functions refuse NUL. */
export const requireName = (path: string): void => {
  if (path.length * 3 > DATA / 2) throw systemError(errnoNamed("ENAMETOOLONG"), "open", path.slice(0, 100))
  if (path.includes("\0")) throw refusal("ERR_INVALID_ARG_VALUE", "a file name cannot contain NUL")
}

/** Node's own numbers are not those of Windows. */
export const errnoNamed = (code: string): number => {
  for (const [number, [name]] of getSystemErrorMap()) if (name === code) return number
  return -1
}

/** Makes an error as node does. */
const systemError = (errno: number, syscall: string, path: string | undefined): NodeJS.ErrnoException => {
  const [code, text] = getSystemErrorMap().get(errno) ?? ["EIO", "i/o error"]
  const name = path === undefined ? "" : ` '${path}'`
  return Object.assign(
    new Error(`${code}: ${text}, ${syscall}${name}`),
    path === undefined ? { errno, code, syscall } : { errno, code, syscall, path }
  )
}
