/**
 * The error of `Pipeline`: it says in a sentence for people what could not be done to which file, and why.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type * as Win32Error from "./Win32Error.js"

/**
 * The reasons to match on: a reason of `Win32Error` where the system has refused (`cause` is that error), or one of
 * ours.
 *
 * - `BadName`: a name that is not UTF-8, which node can neither open nor make; or one that would lead elsewhere, as
 *   `a:b` does on Windows into a stream of `a`.
 * - `Changed`: the source has changed while it was copied, or something else has taken the place of a directory that
 *   was copied from or to, as a link that would lead elsewhere.
 * - `FilesFailed`: `collect` was asked for, and `failures` has what failed.
 * - `LinkNotMade`: the system says that it has made a symbolic link, and has not.
 * - `Mismatch`: what was read back is not what was written.
 * - `NamesCollide`: two names of the source differ only in case, which the destination does not tell apart.
 * - `Nested`: the destination is in the source, the source in the destination, or both are the same; or a link of the
 *   source leads to a directory that it or the destination is in.
 * - `SpecialFile`: a FIFO, a socket, a device, a directory where a file was expected, or a link that is to be refused.
 *
 * @since 0.1.0
 * @category models
 */
export type Reason =
  | Win32Error.Reason
  | "BadName"
  | "Changed"
  | "FilesFailed"
  | "LinkNotMade"
  | "Mismatch"
  | "NamesCollide"
  | "Nested"
  | "SpecialFile"

/**
 * A pipeline's failure. `message` is one sentence.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Pipeline } from "effect-threadpool-io"
 *
 * const backUp = Pipeline.copy("notes.db", "notes.bak").pipe(
 *   Effect.catchIf((error) => error.reason === "AlreadyExists", () => Effect.logInfo("There is a backup already."))
 * )
 * ```
 *
 * @since 0.1.0
 * @category errors
 */
export class PipelineError extends Data.TaggedError("PipelineError")<{
  readonly reason: Reason
  /** The file or directory that it is about. */
  readonly path: string
  /** One sentence, with a period. */
  readonly sentence: string
  /** The `Win32Error` of what the system has refused; its `cause` is node's error where node was asked. */
  readonly cause?: unknown
  /** Each failure, for `FilesFailed`. */
  readonly failures: ReadonlyArray<PipelineError>
  /** Files and links that had been replaced before it failed: nothing brings them back. */
  readonly replaced: number
  /** Files and directories that this copy had made and could not remove again. */
  readonly left: ReadonlyArray<string>
}> {
  override get message(): string {
    return this.sentence
  }
}

/**
 * Makes a `PipelineError`, without failures, and with nothing replaced or left, unless it is told. Throws a `TypeError`
 * for texts that are none.
 *
 * @example
 * ```ts
 * import { PipelineError } from "effect-threadpool-io"
 *
 * const error = PipelineError.make({ reason: "Changed", path: "notes.db", sentence: "It has changed." })
 * console.log(error.message, error.failures.length) // It has changed. 0
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly reason: Reason
  readonly path: string
  readonly sentence: string
  readonly cause?: unknown
  readonly failures?: ReadonlyArray<PipelineError> | undefined
  readonly replaced?: number | undefined
  readonly left?: ReadonlyArray<string> | undefined
}): PipelineError => {
  if (!isWhole(options)) throw new TypeError("PipelineError.make: reason, path and sentence must be strings")
  return new PipelineError({
    ...options,
    failures: options.failures ?? [],
    replaced: options.replaced ?? 0,
    left: options.left ?? []
  })
}

const isWhole = (options: Parameters<typeof make>[0]): boolean => {
  try {
    const { path, reason, sentence } = options
    return [reason, path, sentence].every((it) => typeof it === "string")
  } catch {
    return false
  }
}
