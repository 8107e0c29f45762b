/**
 * Which process a temporary file belongs to, and whether it still runs. Nothing is concluded from names of hosts, nor
 * from clocks.
 *
 * On Linux a process is told from all others by the boot of its system, its namespaces of processes and of time, its
 * number and its start. Elsewhere a number is all that there is; but on Windows nobody else opens the journal while its
 * process has it open, and the system closes it with the process.
 */
import { createHash } from "node:crypto"
import { readFileSync, readlinkSync, realpathSync, statfsSync } from "node:fs"
import { join } from "node:path"
import { errnoOf } from "../errno.js"

/** A process, each part in letters and digits, `0` where it is not known. */
export interface Owner {
  /**
   * `l`: Linux; `w`: Windows, where nobody else opens its journals; `v`: Windows without that; `u`: others.
   */
  readonly kind: string
  readonly boot: string
  readonly namespace: string
  readonly pid: number
  readonly start: string
}

/** `unknown`: it is another system's, or cannot be looked at. `lock`: it lives as long as its journal is locked. */
export type Life = "live" | "dead" | "unknown" | "lock"

/** A system's knowledge of its processes. */
export interface System {
  readonly platform: NodeJS.Platform
  readonly pid: number
  /** `/proc`, or what is like it. */
  readonly proc: string
  /** Undefined: nobody tells. */
  isRunning(pid: number): boolean
}

export const UNKNOWN = "0"

export const here: System = {
  platform: process.platform,
  pid: process.pid,
  proc: "/proc",
  isRunning: (pid) => {
    try {
      process.kill(pid, 0)
      return true
    } catch (error) {
      return errnoOf(error) !== "ESRCH"
    }
  }
}

/** So many bits of a SHA-256 that two are never equal by chance. */
const short = (text: string, digits: number): string =>
  BigInt(`0x${createHash("sha256").update(text).digest("hex").slice(0, digits)}`).toString(36)

/** In place of a boot: 64 bits. */
export const hashOf = (name: string): string => short(name, 16)

const orUnknown = (f: () => string): string => {
  try {
    return f()
  } catch {
    return UNKNOWN
  }
}

export const ownerOf = (system: System, locks: boolean): Owner => {
  const { pid, platform, proc } = system
  const kind = platform === "linux" ? "l" : platform !== "win32" ? "u" : locks ? "w" : "v"
  if (kind !== "l") return { kind, boot: UNKNOWN, namespace: UNKNOWN, pid, start: UNKNOWN }
  return {
    kind,
    boot: orUnknown(() => short(readFileSync(join(proc, "sys/kernel/random/boot_id"), "latin1").trim(), 16)),
    namespace: orUnknown(() => short(namespaceOf(proc), 12)),
    pid,
    start: startOf(proc, "self") ?? UNKNOWN
  }
}

/** The start of a process is told in the time of whoever asks. */
const namespaceOf = (proc: string): string =>
  `${readlinkSync(join(proc, "self/ns/pid"))} ${orUnknown(() => readlinkSync(join(proc, "self/ns/time")))}`

/**
 * When a process began, in ticks since the system did; `over` when it has ended and nobody has asked how. Undefined
 * when that cannot be read.
 */
const startOf = (proc: string, pid: number | "self"): string | undefined => {
  try {
    const text = readFileSync(join(proc, `${pid}`, "stat"), "latin1")
    // The name of the program is in parentheses, and may have spaces and parentheses itself.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
    const [state, threads, ticks] = [fields[0], Number(fields[17]), Number(fields[19])]
    if ((state === "Z" || state === "X") && threads <= 1) return "over"
    return Number.isSafeInteger(ticks) ? ticks.toString(36) : undefined
  } catch {
    return undefined
  }
}

/** Where another namespace's processes are shown, none of them is the one that is looked for. */
const isOfOurNamespace = ({ pid, proc }: System): boolean =>
  orUnknown(() => readlinkSync(join(proc, "self"))) === `${pid}`

/** The place of a temporary file, as far as it is known. */
export interface Where {
  readonly hasJournal: boolean
  /** No other system writes there. */
  isLocal(): boolean
}

export const lifeOf = (owner: Owner, own: Owner, system: System, where: Where): Life => {
  if (platformOf(owner) !== platformOf(own)) return "unknown"
  if (owner.kind !== "l") return elsewhere(owner, system, where)
  if (owner.boot === UNKNOWN || own.boot === UNKNOWN) return "unknown"
  if (owner.boot !== own.boot) return where.isLocal() ? "dead" : "unknown"
  if (owner.namespace === UNKNOWN || owner.namespace !== own.namespace) return "unknown"
  if (!system.isRunning(owner.pid)) return "dead"
  if (owner.start === UNKNOWN) return "unknown"
  const start = owner.pid === own.pid
    ? own.start
    : isOfOurNamespace(system)
    ? startOf(system.proc, owner.pid) ?? UNKNOWN
    : UNKNOWN
  return start === UNKNOWN ? "unknown" : start === owner.start ? "live" : "dead"
}

const platformOf = ({ kind }: Owner): string => kind === "v" ? "w" : kind

/** A number that is in use may be another process's by now: that one's end is waited for. */
const elsewhere = ({ kind, pid }: Owner, system: System, { hasJournal, isLocal }: Where): Life => {
  if (hasJournal && kind === "w") return "lock"
  return system.isRunning(pid) ? "live" : isLocal() ? "dead" : "unknown"
}

// --- file systems

/** Linux: those that no other system writes to. f_type of statfs(2). */
const LOCAL = new Set([
  0xef53, // ext2, ext3, ext4
  0x5846_5342, // XFS
  0x9123_683e, // Btrfs
  0x0102_1994, // tmpfs
  0x8584_58f6, // ramfs
  0x794c_7630, // overlayfs
  0x2fc1_2fc1, // ZFS
  0xf2f5_2010, // F2FS
  0xca45_1a4e, // bcachefs
  0x4d44, // FAT
  0x2011_bab0, // exFAT
  0x5346_544e, // NTFS
  0x7366_746e, // NTFS3
  0x3153_464a, // JFS
  0x5265_4973, // ReiserFS
  0xf15f, // eCryptfs
  0x3434 // NILFS
])

/** macOS numbers file systems as they are registered; APFS is always this one. */
const APFS = 26

/** Whether no other system writes to the file system of a directory. `false` where that is not known. */
export const isLocal = (directory: string, platform: NodeJS.Platform = process.platform): boolean => {
  try {
    // A drive that stands for a share leads to it.
    if (platform === "win32") return !realpathSync.native(directory).startsWith("\\\\")
    const type = statfsSync(directory).type >>> 0
    return platform === "linux" ? LOCAL.has(type) : type === APFS
  } catch {
    return false
  }
}
