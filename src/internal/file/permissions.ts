/**
 * Permission bits of a copy. Setuid and setgid speak of an owner and a group, which are not copied: as `cp -p` does
 * without the right to give files away, they are dropped.
 */
export const KEPT = 0o1777

/** A copy that is not finished is its owner's alone, to read and to write. */
export const PRIVATE = 0o600

export const permissions = (mode: bigint | number): number => Number(mode) & KEPT
