// The sentences that the processes print, and the one failure that they end with.
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"

export type Say = (line: string) => Effect.Effect<void>

export class Failure extends Data.TaggedError("Failure")<{ readonly sentence: string; readonly cause?: unknown }> {
  override get message(): string {
    return this.sentence
  }
}

/** The innermost reason that says something: an RPC error wraps a socket error, which wraps the one of the system. */
const innermost = (cause: unknown): string => {
  const inner = typeof cause === "object" && cause !== null ? (cause as { readonly cause?: unknown }).cause : undefined
  return inner === undefined ? cause instanceof Error ? cause.message : String(cause) : innermost(inner)
}

export const inWords = (doing: string, pipe: string, cause: unknown): Failure =>
  new Failure({ sentence: `${doing} ${pipe} failed: ${innermost(cause).replace(/\.$/, "")}.`, cause })
