/**
 * Seeded scripts of what a program and its peer do with a file or a pipe. The same seed is the same script on every
 * kernel.
 */

export type Subject = "file" | "pipe"

/** Which end of a pipe: 0 the server's, 1 the client's. A file has one end. */
export type End = 0 | 1

export type Step =
  | { readonly _tag: "read" | "write"; readonly end: End; readonly length: number; readonly offset: number }
  /** Cancels one that was submitted, done or not: `CancelIoEx`. */
  | { readonly _tag: "cancel"; readonly which: number }
  /** The event loop turns: completions that have come are heard. */
  | { readonly _tag: "turn" }
  /** On a file, everything has ended; on a pipe, what needs no peer has had the time to. */
  | { readonly _tag: "pause" }
  /** One end of a pipe goes: what is in flight on it is cancelled and awaited, then its handle is closed. */
  | { readonly _tag: "close"; readonly end: End }

export interface Script {
  readonly seed: number
  readonly subject: Subject
  readonly skipMode: boolean
  readonly steps: ReadonlyArray<Step>
}

/** A small generator with a good spread (mulberry32): answers whole numbers below `limit`. */
export const random = (seed: number) => {
  let state = seed | 0
  return (limit: number): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % limit
  }
}

/** Files are small, so that operations meet. */
const FILE_OFFSETS = 2_048
const FILE_LENGTHS = 700
/** Large ones fill the buffer of a pipe, so that a write pends. */
const PIPE_LENGTHS = [1, 7, 100, 1_000, 20_000]

const MOST_STEPS = 24

export const makeScript = (seed: number, subjects: ReadonlyArray<Subject>): Script => {
  const below = random(seed)
  const subject = subjects[below(subjects.length)]!
  const skipMode = below(2) === 1
  const length = 1 + below(MOST_STEPS)
  const end = (): End => subject === "file" ? 0 : below(2) as End
  const transfer = (): Step => ({
    _tag: below(2) === 0 ? "read" : "write",
    end: end(),
    length: subject === "file" ? below(FILE_LENGTHS) : PIPE_LENGTHS[below(PIPE_LENGTHS.length)]!,
    offset: subject === "file" ? below(FILE_OFFSETS) : 0
  })
  const step = (): Step => {
    const kind = below(100)
    if (kind < 60) return transfer()
    if (kind < 80) return { _tag: "cancel", which: below(MOST_STEPS) }
    if (kind < 90) return { _tag: "turn" }
    if (kind < 97 || subject === "file") return { _tag: "pause" }
    return { _tag: "close", end: end() }
  }
  return { seed, subject, skipMode, steps: Array.from({ length }, step) }
}
