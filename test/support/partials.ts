/**
 * The files that a copy leaves beside complete ones while it is under way, and its words about them afterwards.
 */
import * as fs from "node:fs"

const MiB = 1 << 20

export const isPartial = (name: string): boolean => /\.(partial|journal)$/.test(name)

/** Everything below a directory, by relative path; nothing where there is none. */
export const namesIn = (directory: string): ReadonlyArray<string> =>
  fs.existsSync(directory) ? fs.readdirSync(directory, { recursive: true, encoding: "utf8" }) : []

export const partialsIn = (directory: string): ReadonlyArray<string> => namesIn(directory).filter(isPartial)

/** Bytes of partial files that a copy has gone on behind, by what it prints. */
export const takenOver = (output: string): number => {
  const [, amount = "0", unit = ""] = /and ([\d.]+) (bytes?|KiB|MiB) had been copied before/.exec(output) ?? []
  return Number(amount) * (unit === "MiB" ? MiB : unit === "KiB" ? 1024 : 1)
}
