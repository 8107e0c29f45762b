/**
 * Which file a name means: compared by numbers, where the file system gives any.
 */

import type { FileInformation } from "../kernel/Calls.js"

/** The facts that node's stat with `bigint` has among others; or a handle's. */
export interface Identity {
  readonly dev: bigint
  readonly ino: bigint
  readonly birthtimeNs: bigint
}

/** The facts that a handle tells. */
export const identityOf = (
  { createdTimeNs, fileIndex, volume }: Pick<FileInformation, "createdTimeNs" | "fileIndex" | "volume">
): Identity => ({ dev: volume, ino: fileIndex, birthtimeNs: createdTimeNs })

/** File systems without numbers for files answer 0, and Windows all ones where a number has more than 64 bits. */
const ALL_ONES = 2n ** 64n - 1n

export const isKnown = ({ ino }: Pick<Identity, "ino">): boolean => ino !== 0n && ino !== ALL_ONES

/** `false` where the numbers tell nothing: two files are never taken for one. */
export const isSame = (a: Pick<Identity, "dev" | "ino">, b: Pick<Identity, "dev" | "ino">): boolean =>
  a.ino === b.ino && a.dev === b.dev && isKnown(a)

/** `false` where the numbers tell nothing, too: what is held must not be lost for that. */
export const isOther = (a: Pick<Identity, "dev" | "ino">, b: Pick<Identity, "dev" | "ino">): boolean =>
  a.ino !== b.ino || a.dev !== b.dev

/**
 * The number of a file that has gone is given to the next one, which has been born later. Without numbers birth tells
 * alone.
 */
export const isSameBirth = (a: Identity, b: Identity): boolean =>
  !isOther(a, b) && a.birthtimeNs === b.birthtimeNs && (isKnown(a) || a.birthtimeNs !== 0n)
