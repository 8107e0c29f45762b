// The possessions of a process: handles, resident memory, and callbacks that are registered with koffi.
import { readdirSync } from "node:fs"
import { collectGarbage } from "../harness/garbage.js"

export interface Measures {
  /** Open handles, or descriptors; NaN where the system does not say. */
  readonly handles: number
  readonly resident: number
  /** Bytes that JavaScript reaches, and those that hang on them. */
  readonly heap: number
  /** Registrations in use, out of koffi's 8,192. */
  readonly registrations: number
}

export const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`

const CURRENT_PROCESS = -1

/** Handles are multiples of four. So many that are none in a row end the count. */
const HANDLE_STEP = 4
const GAP = 500

/** Answers what measures this process. */
export const measuring = async (): Promise<() => Measures> => {
  const { handles, registrations } = process.platform === "win32" ? await onWindows() : elsewhere
  return () => {
    collectGarbage()
    const { external, heapUsed, rss } = process.memoryUsage()
    return { handles: handles(), resident: rss, heap: heapUsed + external, registrations: registrations() }
  }
}

const elsewhere = {
  handles: (): number => {
    try {
      return readdirSync("/proc/self/fd").length
    } catch {
      return NaN
    }
  },
  registrations: () => 0
}

const onWindows = async () => {
  const { default: koffi } = await import("koffi")
  const kernel32 = koffi.load("kernel32.dll")
  const GetProcessHandleCount = kernel32.func("GetProcessHandleCount", "int", ["intptr_t", "_Out_ uint32_t *"])
  const GetHandleInformation = kernel32.func("GetHandleInformation", "int", ["intptr_t", "_Out_ uint32_t *"])
  const out = [0]
  /** Wine answers 0 for the count: there, one handle after the other is asked for. */
  const counted = (): number => {
    let handles = 0
    for (let index = 1, last = 0; index - last < GAP; index++) {
      if (GetHandleInformation(index * HANDLE_STEP, out) === 0) continue
      handles++
      last = index
    }
    return handles
  }
  return {
    handles: (): number => GetProcessHandleCount(CURRENT_PROCESS, out) !== 0 && out[0]! > 0 ? out[0]! : counted(),
    registrations: (): number => (koffi.stats() as { readonly callbacks: number }).callbacks
  }
}
