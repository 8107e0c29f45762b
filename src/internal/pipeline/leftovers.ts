/**
 * What earlier copies that were killed have left in a directory: partial files with a journal, to go on with, and others, to
 * remove. Only what bears the tag of a process that has ended, and the name of a file that is to be copied there.
 */
import * as Effect from "effect/Effect"
import type { PipelineError } from "../../PipelineError.js"
import { entriesOf } from "../held/entries.js"
import type { Place } from "../held/Place.js"
import { attempt } from "./failures.js"
import { parseTemporary, stemOf } from "./names.js"
import { isAbandoned } from "./tags.js"
import { whileTurns } from "./turns.js"

export interface Left {
  /** Tags of partial files that have a journal, by stem. */
  readonly journaled: Map<string, Array<string>>
  /** Names to remove: no journal speaks of them. */
  readonly useless: Array<string>
}

/** `names` are those that the copy is going to make in the directory. */
export const findLeft = (directory: Place, names: ReadonlyArray<string>): Effect.Effect<Left, PipelineError> =>
  Effect.suspend(() => {
    const left: Left = { journaled: new Map(), useless: [] }
    const search = searching(directory, names, left)
    return Effect.as(
      Effect.ensuring(whileTurns(() => search.next().done !== true), Effect.sync(() => search.return())),
      left
    )
  })

/** Yields after every little piece of work. */
function* searching(directory: Place, names: ReadonlyArray<string>, left: Left): Generator<void, void> {
  const wanted = new Set<string>()
  const stems = new Set<string>()
  for (const name of names) {
    wanted.add(name)
    stems.add(stemOf(name))
    yield
  }
  const partials = new Map<string, { readonly name: string; readonly stem: string; readonly tag: string }>()
  const journals = new Map<string, string>()
  for (const name of listed(directory)) {
    yield
    const parsed = parseTemporary(name)
    // A source may have files of such names, and they are nobody's leftovers.
    if (parsed === undefined || wanted.has(name) || !stems.has(parsed.stem) || !isAbandoned(parsed.tag)) continue
    const { kind, stem, tag } = parsed
    if (kind === "partial") partials.set(`${stem}\0${tag}`, { name, stem, tag })
    else journals.set(`${stem}\0${tag}`, name)
  }
  for (const [key, { name, stem, tag }] of partials) {
    yield
    if (!journals.delete(key)) left.useless.push(name)
    else if (left.journaled.get(stem)?.push(tag) === undefined) left.journaled.set(stem, [tag])
  }
  for (const name of journals.values()) {
    yield
    left.useless.push(name)
  }
}

/** Leftovers have names that are text. */
function* listed(directory: Place): Generator<string> {
  const entries = entriesOf(directory.system)
  try {
    for (;;) {
      const { value } = attempt("read the directory", directory, () => entries.next())
      if (value === undefined) return
      yield value.toString()
    }
  } finally {
    entries.return(undefined)
  }
}
