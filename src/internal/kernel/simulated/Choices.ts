/**
 * Where every decision of a simulation comes from, so that the decisions are the whole of it: a seed draws them, a list
 * replays them, and a search goes through all of them. In each, 0 is the plainest answer: shrinking goes towards it.
 */

export interface Choices {
  /** A whole number from 0 to `n - 1`; no decision is made, or recorded, where there is only one. */
  below(n: number): number
  /** The decisions so far. */
  readonly taken: ReadonlyArray<number>
}

/** Decisions drawn from a seed (mulberry32): the same seed, the same decisions, on every machine. */
export const seeded = (seed: number): Choices => {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0
  const taken: Array<number> = []
  return {
    taken,
    below(n) {
      if (n <= 1) return 0
      state = (state + 0x6d2b79f5) >>> 0
      let mixed = Math.imul(state ^ (state >>> 15), state | 1)
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
      const value = Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000 * n)
      taken.push(value)
      return value
    }
  }
}

/** Decisions from a list: one that does not fit any more is the nearest that does, and after the last all are plain. */
export const replayed = (list: ReadonlyArray<number>): Choices => {
  const taken: Array<number> = []
  return {
    taken,
    below(n) {
      if (n <= 1) return 0
      const value = Math.min(list[taken.length] ?? 0, n - 1)
      taken.push(value)
      return value
    }
  }
}

/**
 * Every sequence of decisions, one after the other, each once: runs `body` for each and answers how many there were.
 */
export const exhaust = (body: (choices: Choices) => void): number => {
  let path: Array<number> = []
  for (let runs = 1;; runs++) {
    const taken: Array<number> = []
    const bounds: Array<number> = []
    body({
      taken,
      below(n) {
        if (n <= 1) return 0
        const value = path[taken.length] ?? 0
        if (value >= n) throw new Error("the same decisions have not led to the same place")
        taken.push(value)
        bounds.push(n)
        return value
      }
    })
    let last = taken.length - 1
    while (last >= 0 && taken[last] === bounds[last]! - 1) last--
    if (last < 0) return runs
    path = [...taken.slice(0, last), taken[last]! + 1]
  }
}

/**
 * A shorter or plainer list that still fails, found within so many runs. `fails` answers what was taken when it did.
 */
export const shrink = async (
  failing: ReadonlyArray<number>,
  fails: (list: ReadonlyArray<number>) => Promise<ReadonlyArray<number> | undefined>,
  runs: number
): Promise<ReadonlyArray<number>> => {
  let best = trimmed(failing)
  const attempt = async (list: ReadonlyArray<number>): Promise<boolean> => {
    if (runs-- <= 0) return false
    const taken = await fails(list)
    if (taken === undefined) return false
    const found = trimmed(taken.length < list.length ? taken : list)
    if (!plainer(found, best)) return false
    best = found
    return true
  }
  for (let improved = true; improved && runs > 0;) {
    improved = false
    // Whole stretches go first, long ones before short ones: from the end, where less depends on them.
    for (let size = best.length >> 1; size >= 1; size >>= 1) {
      for (let from = best.length - size; from >= 0 && runs > 0; from -= size) {
        if (await attempt([...best.slice(0, from), ...best.slice(from + size)])) improved = true
        else if (
          best.slice(from, from + size).some((value) => value > 0) &&
          await attempt([...best.slice(0, from), ...Array<number>(size).fill(0), ...best.slice(from + size)])
        ) improved = true
      }
    }
    for (let at = 0; at < best.length && runs > 0; at++) {
      while (best[at]! > 1 && await attempt(best.map((value, index) => index === at ? value >> 1 : value))) {
        improved = true
      }
      while (best[at]! > 0 && await attempt(best.map((value, index) => index === at ? value - 1 : value))) {
        improved = true
      }
    }
  }
  return best
}

const trimmed = (list: ReadonlyArray<number>): ReadonlyArray<number> => {
  let length = list.length
  while (length > 0 && list[length - 1] === 0) length--
  return list.slice(0, length)
}

const plainer = (one: ReadonlyArray<number>, other: ReadonlyArray<number>): boolean => {
  if (one.length !== other.length) return one.length < other.length
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return one[at]! < other[at]!
  return false
}
