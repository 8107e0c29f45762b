// The reasons to refuse a command line; everything else fails with the library's errors.
import * as Data from "effect/Data"

export class Refused extends Data.TaggedError("Refused")<{ readonly sentence: string; readonly cause?: unknown }> {
  override get message(): string {
    return this.sentence
  }
}

export const refused = (sentence: string, cause?: unknown): Refused => new Refused({ sentence, cause })
