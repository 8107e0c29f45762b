/**
 * A kernel32 that only notes what it is asked, and answers what a test says: for what neither Wine nor any machine of
 * ours can show. Functions that nobody has answers for succeed with 1.
 */
import type { Bindings } from "../../src/internal/kernel/win32/bindings.js"

export interface Called {
  readonly name: string
  readonly arguments_: ReadonlyArray<any>
  /** On one of libuv's threads. */
  readonly async: boolean
}

/** Answers, by function; a negative number is FALSE, or the value for failure, with that last error. */
export type Answers = { readonly [name: string]: (...arguments_: ReadonlyArray<any>) => number }

/** Values that stand for failure, where it is not 0. */
const FAILED: { readonly [name: string]: number } = { CreateFileW: -1, CreateNamedPipeW: -1 }

export const recordedNative = (answers: Answers = {}, properties: Partial<Bindings> = {}) => {
  const calls: Array<Called> = []
  const blocks = new Map<number, ArrayBuffer>()
  let last = 0x10_0000
  let lastError = 0
  const own: { readonly [name: string]: unknown } = {
    wineVersion: undefined,
    environmentHooks: undefined,
    VirtualAlloc: (address: number, bytes: number) => {
      if (address !== 0) {
        blocks.set(address, new ArrayBuffer(bytes))
        return address
      }
      const at = last
      last += Math.ceil(bytes / 0x1_0000 + 1) * 0x1_0000
      blocks.set(at, new ArrayBuffer(bytes))
      return at
    },
    view: (address: number, bytes: number) => new Uint8Array(blocks.get(address)!, 0, bytes),
    GetLastError: () => lastError,
    ...properties
  }
  const answer = (name: string, arguments_: ReadonlyArray<unknown>, async: boolean): number => {
    calls.push({ name, arguments_, async })
    const value = answers[name]?.(...arguments_) ?? 1
    if (value >= 0 || name.startsWith("Nt")) return value
    lastError = -value
    return FAILED[name] ?? 0
  }
  const native = new Proxy({}, {
    get: (_, name: string) => {
      if (name in own) return own[name]
      if (name.endsWith("Address")) return 1
      return Object.assign((...arguments_: ReadonlyArray<unknown>) => answer(name, arguments_, false), {
        async: (...arguments_: ReadonlyArray<unknown>) => {
          const done = arguments_[arguments_.length - 1] as (error: unknown, result: number) => void
          setImmediate(() => done(null, answer(name, arguments_.slice(0, -1), true)))
        }
      })
    }
  }) as Bindings
  /** The memory at an address that a function was given. */
  const at = (address: number): DataView => {
    for (const [start, block] of blocks) {
      if (address >= start && address < start + block.byteLength) return new DataView(block, address - start)
    }
    throw new Error(`nothing is at ${address}`)
  }
  const named = (name: string) => calls.filter((one) => one.name === name).map(({ arguments_ }) => arguments_)
  return { native, calls, named, at }
}
