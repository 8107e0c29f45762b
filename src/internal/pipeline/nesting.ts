/**
 * Paths that lie in each other: the destination must not be in the source, nor the source in the destination.
 */
import { type BigIntStats, lstatSync, realpathSync, statSync } from "node:fs"
import { dirname } from "node:path"
import { isKnown, isSame } from "../held/identity.js"
import { attempt, failure } from "./failures.js"
import { quoted } from "./text.js"

export const isLink = (path: string): boolean =>
  attempt("look at", path, () => lstatSync(path, { throwIfNoEntry: false }))?.isSymbolicLink() === true

/** Follows links. */
export const statIfAny = (path: string): BigIntStats | undefined =>
  attempt("look at", path, () => statSync(path, { bigint: true, throwIfNoEntry: false }))

export const real = (path: string): string => attempt("read", path, () => realpathSync.native(path))

/** Where a file system has no numbers for files, their names without links tell. */
export const isSameFile = (a: string, statA: BigIntStats, b: string, statB: BigIntStats): boolean =>
  isKnown(statA) || isKnown(statB) || statA.dev !== statB.dev ? isSame(statA, statB) : real(a) === real(b)

/** Compares which files they are, not what they are called: names may differ by links, by mounts and by case. */
export const refuseNesting = (source: string, stat: BigIntStats, destination: string): void => {
  const parent = dirname(destination)
  const parentStat = attempt("use the directory", parent, () => statSync(parent, { bigint: true }))
  if (!parentStat.isDirectory()) throw failure("NotFound", parent, `${quoted(parent)} is not a directory.`)
  const destinationStat = statIfAny(destination)
  if (destinationStat !== undefined && isSameFile(source, stat, destination, destinationStat)) {
    throw failure("Nested", source, `${quoted(source)} and ${quoted(destination)} are the same.`)
  }
  if (stat.isDirectory() && lies(real(parent), source, stat)) {
    throw failure(
      "Nested",
      destination,
      `The destination ${quoted(destination)} is inside the source ${quoted(source)}.`
    )
  }
  if (destinationStat?.isDirectory() === true && lies(dirname(real(source)), destination, destinationStat)) {
    throw failure("Nested", source, `The source ${quoted(source)} is inside the destination ${quoted(destination)}.`)
  }
}

/** Whether the path is the directory or somewhere in it. */
const lies = (path: string, directory: string, stat: BigIntStats): boolean => {
  for (;;) {
    const above = attempt("read", path, () => statSync(path, { bigint: true }))
    if (isSameFile(path, above, directory, stat)) return true
    const up = dirname(path)
    if (up === path) return false
    path = up
  }
}

/** Which file it is, as a key. */
export const keyOf = ({ dev, ino }: Pick<BigIntStats, "dev" | "ino">): string => `${dev}:${ino}`

/** The destination, if it is there, and all directories that it is in. No link of the source may lead to them. */
export const around = (destination: string): ReadonlySet<string> => {
  const keys = new Set<string>()
  const add = (path: string): void => {
    for (;;) {
      const stat = statIfAny(path)
      if (stat !== undefined && isKnown(stat)) keys.add(keyOf(stat))
      const up = dirname(path)
      if (up === path) return
      path = up
    }
  }
  add(real(dirname(destination)))
  if (statIfAny(destination) !== undefined) add(real(destination))
  return keys
}
