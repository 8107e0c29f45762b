// Statistics of several runs of the same thing.

export interface Summary {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** The middle of an odd number of values, and halfway between the two middle ones of an even number. */
export const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2
}

export const summarize = (values: ReadonlyArray<number>): Summary => ({
  median: median(values),
  min: Math.min(...values),
  max: Math.max(...values)
})

/** So many digits as say something: three, and all of a number above a thousand. */
export const digits = (value: number): string => {
  const size = Math.abs(value)
  if (size >= 99.95) return Math.round(value).toLocaleString("en-US")
  if (size === 0) return "0"
  return value.toFixed(size >= 9.995 ? 1 : size >= 0.995 ? 2 : 3)
}
