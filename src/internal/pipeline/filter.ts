/**
 * The caller's filter of a tree: asked what is to be copied.
 */
import * as Effect from "effect/Effect"
import type { BigIntStats } from "node:fs"
import type { CopyTreeOptions, SourceStat } from "../../Pipeline.js"
import { aBoolean, InvalidArgument, isAnEffect, type Kind, wrong } from "../arguments.js"
import { kindOf } from "../kernel/kinds.js"
import { failure } from "./failures.js"
import { quoted } from "./text.js"

export type Filter<E, R> = NonNullable<CopyTreeOptions<E, R>["filter"]>

/** The filter's own failure: it ends the copy, however failures of files are dealt with. */
export class OfFilter {
  constructor(readonly error: unknown) {}
}

const PERMISSIONS = 0o7777n

const statOf = (stat: BigIntStats): SourceStat => ({
  type: kindOf(stat),
  size: stat.size,
  mode: Number(stat.mode & PERMISSIONS),
  numberOfLinks: Number(stat.nlink),
  accessTimeNs: stat.atimeNs,
  modifiedTimeNs: stat.mtimeNs,
  createdTimeNs: stat.birthtimeNs
})

const anAnswer: Kind = { name: "a boolean or an Effect", is: (value) => aBoolean.is(value) || isAnEffect.is(value) }

/** `name` is the path in the tree, with `/` between names. An exception is a defect: the caller's own. */
export const ask = <R>(
  filter: Filter<unknown, R>,
  path: string,
  name: string,
  stat: BigIntStats
): boolean | Effect.Effect<boolean, OfFilter, R> => {
  const looked = (answer: boolean, kind: Kind): Effect.Effect<boolean, OfFilter> => {
    const problem = wrong("what filter answers", answer, kind)
    if (!(problem instanceof InvalidArgument)) return Effect.succeed(answer)
    const sentence = `Cannot copy ${quoted(path)}: ${problem.problem}.`
    return Effect.fail(new OfFilter(failure("InvalidArgument", path, sentence, problem.cause)))
  }
  try {
    const answer: unknown = filter(name, statOf(stat))
    if (typeof answer === "boolean") return answer
    if (wrong("answer", answer, anAnswer) !== undefined) return looked(answer as boolean, anAnswer)
    return Effect.matchEffect(answer as Effect.Effect<boolean, unknown, R>, {
      onFailure: (error) => Effect.fail(new OfFilter(error)),
      onSuccess: (answer) => looked(answer, aBoolean)
    })
  } catch (thrown) {
    return Effect.die(thrown)
  }
}
