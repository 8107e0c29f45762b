/**
 * Tags of temporary names: which process of which machine makes the file, so that a later one can tell what is left behind from
 * what is being written.
 *
 * A tag is `<host>-<process>-<its start>-<instance>-<count>`, each in letters and digits.
 */
import { createHash, randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { hostname } from "node:os"
import { errnoOf } from "./failures.js"

/** As a regular expression. */
export const TAG = "[0-9a-f]{4}-[0-9a-z]+-[0-9a-z]+-[0-9a-f]{4}-[0-9a-z]+"

const UNKNOWN = "0"

/** When a process began, in ticks since the system did: pids come again, pairs of both do not. Linux tells. */
const startOf = (pid: number): string => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1")
    // The name of the program is in parentheses, and may have spaces and parentheses itself.
    const ticks = text.slice(text.lastIndexOf(")") + 2).split(" ")[19]
    return Number(ticks).toString(36)
  } catch {
    return UNKNOWN
  }
}

const linux = process.platform === "linux"

/** Elsewhere a process can tell of itself alone: milliseconds since 1970. */
const ownStart = (): string =>
  linux ? startOf(process.pid) : Math.round(Date.now() - process.uptime() * 1000).toString(36)

/** What two workers of one process may differ by when they ask the two clocks. */
const SAME_START_MS = 1000

const isOwnStart = (start: string): boolean =>
  linux ? start === ownStart() : Math.abs(parseInt(start, 36) - parseInt(ownStart(), 36)) <= SAME_START_MS

/** Of two systems on one machine (WSL, Wine) each has processes of its own. */
const host = createHash("sha256").update(`${process.platform} ${hostname()}`).digest("hex").slice(0, 4)

/** A process may have several workers and several copies of this module. */
const instance = randomBytes(2).toString("hex")

let prefix: string | undefined
let made = 0
/** What this instance is writing. */
const active = new Set<string>()

export const nextTag = (): string => {
  prefix ??= `${host}-${process.pid.toString(36)}-${ownStart()}-${instance}`
  return `${prefix}-${(made++).toString(36)}`
}

/** For as long as a temporary file may be left to a later copy in this very process. */
export const activate = (tag: string): void => {
  active.add(tag)
}

export const deactivate = (tag: string): void => {
  active.delete(tag)
}

/**
 * Whether whoever made the tag has certainly ended. What another machine, or another worker of this process, has made is left
 * alone.
 */
export const isAbandoned = (tag: string): boolean => {
  const [itsHost, pid, start, itsInstance] = tag.split("-") as [string, string, string, string]
  if (itsHost !== host) return false
  const its = parseInt(pid, 36)
  if (its === process.pid) return isOwnStart(start) ? itsInstance === instance && !active.has(tag) : true
  return !isRunning(its) || (linux && start !== startOf(its))
}

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errnoOf(error) !== "ESRCH"
  }
}
