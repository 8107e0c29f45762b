/**
 * What a copy has made, in order, so that a failure can take all of it back and nothing else.
 */
import * as Effect from "effect/Effect"
import { chmodSync, rmdirSync, unlinkSync } from "node:fs"
import * as File from "../../File.js"
import type { Kernel } from "../../Kernel.js"
import { errnoOf } from "./failures.js"
import { whileTurns } from "./turns.js"

interface Thing {
  readonly kind: "directory" | "file" | "link"
  readonly path: string
}

export class Made {
  readonly #made: Array<Thing> = []
  /** Files and links that stood where ours stand now. Nothing brings them back. */
  replaced = 0

  directory(path: string): void {
    this.#made.push({ kind: "directory", path })
  }

  /** A file under its final name. */
  file(path: string): void {
    this.#made.push({ kind: "file", path })
  }

  link(path: string): void {
    this.#made.push({ kind: "link", path })
  }

  /** Removes everything, last made first. Answers what could not be removed. */
  undo(): Effect.Effect<ReadonlyArray<string>, never, Kernel> {
    const left: Array<string> = []
    return Effect.suspend(() => {
      const made = this.#made.splice(0)
      // Some may have their final permissions already, which need not let us remove what is inside.
      for (const { kind, path } of made) if (kind === "directory") makeWritable(path)
      return Effect.forEach(made.reverse(), (one) =>
        Effect.map(remove(one), (gone) => {
          if (!gone) left.push(one.path)
        }), { discard: true })
    }).pipe(
      Effect.map(() => left),
      Effect.uninterruptible
    )
  }

  /** Removes the directories that have stayed empty, deepest first: an interrupted copy keeps its complete files only. */
  removeEmptyDirectories(): Effect.Effect<void> {
    const directories = this.#made.filter((made) => made.kind === "directory")
    return Effect.orDie(whileTurns(() => {
      const last = directories.pop()
      if (last !== undefined) isGone(() => rmdirSync(last.path))
      return directories.length > 0
    }))
  }
}

/** Answers whether it is gone. Files through the library, which waits while another program looks at one (rule 31). */
const remove = ({ kind, path }: Thing): Effect.Effect<boolean, never, Kernel> => {
  if (kind === "directory") return Effect.sync(() => isGone(() => rmdirSync(path)))
  if (kind === "link") return Effect.sync(() => isGone(() => unlinkSync(path)))
  return removeFile(path)
}

/** Answers whether it is gone. */
export const removeFile = (path: string): Effect.Effect<boolean, never, Kernel> =>
  Effect.suspend(() => {
    // Windows does not delete what is read-only, and a copy of a read-only file is.
    if (process.platform === "win32") makeWritable(path)
    return File.remove(path)
  }).pipe(
    Effect.as(true),
    Effect.catchAll((error) => Effect.succeed(error.reason === "NotFound"))
  )

const isGone = (removal: () => void): boolean => {
  try {
    removal()
    return true
  } catch (error) {
    return errnoOf(error) === "ENOENT"
  }
}

export const makeWritable = (path: string): void => {
  try {
    chmodSync(path, 0o700)
  } catch {
    // The removal, or whatever it is wanted for, will tell.
  }
}
