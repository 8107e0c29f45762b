/**
 * Times for node's `utimes`, `lutimes` and `futimes`, which take seconds as a double.
 */

/**
 * The double that keeps the whole microseconds of a time, whether node cuts it off to microseconds (before 24) or to
 * nanoseconds: the first one that is not nearer to 1970, from 1697 to 2242; beyond, the nearest. It uses nothing from
 * outside: threads of the portable kernel are given its text.
 */
export const seconds = (ns: bigint): number => {
  const magnitude = (ns < 0n ? -ns : ns) / 1000n
  const whole = Number(magnitude / 1_000_000n)
  const micros = Number(magnitude % 1_000_000n)
  let time = whole + micros / 1e6
  // Doubles are less than a microsecond apart until then. Three quarters of a relative epsilon lead to the next one.
  if (whole < 2 ** 33 && Math.floor((time - whole) * 1e9) < micros * 1000) time += time * 0.75 * 2 ** -52
  return ns < 0n ? -time : time
}

/** The time as text: node takes a negative number for "now". */
export const timeText = (ns: bigint): string => `${seconds(ns)}`

/** Whether two times are one in what every version of node keeps. */
export const sameTime = (a: bigint, b: bigint): boolean => a / 1000n === b / 1000n
