/**
 * What earlier copies that were killed have left in a directory: partial files with a journal, to go on with, and others, to
 * remove. Only what bears the tag of a process that has ended, and the name of a file that is to be copied there.
 */
import { readdirSync } from "node:fs"
import { parseTemporary, stemOf } from "./names.js"
import { isAbandoned } from "./tags.js"

export interface Left {
  /** Tags of partial files that have a journal, by stem. */
  readonly journaled: Map<string, Array<string>>
  /** Names to remove: no journal speaks of them. */
  readonly useless: ReadonlyArray<string>
}

const NOTHING: Left = { journaled: new Map(), useless: [] }

/** `names` are those that the copy is going to make in the directory. */
export const findLeft = (directory: string, names: ReadonlyArray<string>): Left => {
  const wanted = new Set(names)
  const stems = new Set(names.map(stemOf))
  const partials = new Map<string, string>()
  const journals = new Map<string, string>()
  for (const name of list(directory)) {
    const parsed = parseTemporary(name)
    // A source may have files of such names, and they are nobody's leftovers.
    if (parsed === undefined || wanted.has(name) || !stems.has(parsed.stem) || !isAbandoned(parsed.tag)) continue
    const found = parsed.kind === "partial" ? partials : journals
    found.set(`${parsed.stem}\0${parsed.tag}`, name)
  }
  if (partials.size === 0 && journals.size === 0) return NOTHING
  const left = { journaled: new Map<string, Array<string>>(), useless: [] as Array<string> }
  for (const [key, name] of partials) {
    if (!journals.delete(key)) left.useless.push(name)
    else {
      const [stem, tag] = key.split("\0") as [string, string]
      left.journaled.set(stem, [...left.journaled.get(stem) ?? [], tag])
    }
  }
  left.useless.push(...journals.values())
  return left
}

const list = (directory: string): ReadonlyArray<string> => {
  try {
    return readdirSync(directory)
  } catch {
    // Whoever writes there will say why it cannot.
    return []
  }
}
