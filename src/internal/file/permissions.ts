/**
 * Permission bits of a copy. Setuid and setgid speak of an owner and a group, which are not copied: as `cp -p` does
 * without the right to give files away, they are dropped.
 */
export const KEPT = 0o1777

/** Nobody else reads a copy that is not finished, nor writes it. */
export const PRIVATE = 0o600

export const permissions = (mode: bigint | number): number => Number(mode) & KEPT
