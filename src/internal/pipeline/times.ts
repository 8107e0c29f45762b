/**
 * Times for node's synchronous calls.
 */

/** Node takes seconds, as a double: half a microsecond more keeps the microsecond whatever the rounding. */
export const seconds = (ns: bigint): number => (Number(ns / 1000n) + 0.5) / 1e6
