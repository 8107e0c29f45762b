/**
 * Locks on ranges of a file: taken by an operation, given back by a call, exactly once for each that was taken,
 * wherever the interruption comes.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type { File, LockOptions } from "../../File.js"
import type { Win32Error } from "../../Win32Error.js"
import { aBoolean, anOffset, InvalidArgument, isAnEffect, optionsOf, refusal, wrong } from "../arguments.js"
import { call, callIn } from "../call.js"
import * as c from "../constants.js"
import { offsetProblem } from "../offset.js"
import { lock as lockOperation } from "../operation.js"
import type { Restore } from "../settle.js"
import { cancellableIn } from "../submit.js"
import { isGenuine, notAFile } from "./self.js"

/** A lock may reach beyond any file: both ends are unsigned 64-bit numbers. */
const END = 2n ** 64n

interface Range {
  readonly offset: bigint
  readonly length: bigint
  readonly problem: string | undefined
}

const readOptions = optionsOf<LockOptions>({
  offset: anOffset,
  length: anOffset,
  exclusive: aBoolean,
  wait: aBoolean
})

const rangeOf = ({ length, offset = 0 }: LockOptions): Range => {
  const problem = offsetProblem(offset)
  if (problem !== undefined) return { offset: 0n, length: 1n, problem }
  const from = BigInt(offset)
  if (length === undefined) return { offset: from, length: from === 0n ? END - 1n : END - from, problem: undefined }
  const whole = typeof length === "bigint" || Number.isSafeInteger(length)
  return whole && length >= 1 && from + BigInt(length) <= END && BigInt(length) < END
    ? { offset: from, length: BigInt(length), problem: undefined }
    : { offset: from, length: 1n, problem: `a lock is at least 1 byte long and ends before 2^64, not ${length} long` }
}

// --- taking one

/** Between two tries where the system cannot wait by itself: from one millisecond, doubled, up to this. */
const LONGEST_PAUSE_MILLIS = 50

/** Succeeds when the lock is held: also when the fiber has been interrupted just then. */
const take = (restore: Restore, self: File, options: LockOptions, range: Range): Effect.Effect<void, Win32Error> => {
  const { length, offset, problem } = range
  const { io, kernel } = self
  const exclusive = options.exclusive ?? true
  const waiting = lockOperation({ ...range, flags: exclusive ? c.LOCKFILE_EXCLUSIVE_LOCK : 0 })
  // With skip mode no failure brings a packet: only then it goes through the port. What is refused, is refused there as
  // well.
  if (problem !== undefined || (options.wait !== false && kernel.engine.kernel.waitsForLocks && io.skipMode)) {
    return Effect.asVoid(cancellableIn(restore, io, waiting))
  }
  const { handle, object } = io
  const attempt = callIn(restore, kernel, "LockFileEx", { handle, offset, length, exclusive }, {
    path: self.path,
    handle,
    object,
    reportsLate: true,
    dispose: () => {
      if (object.open) kernel.engine.call("UnlockFileEx", { handle, offset, length }, { object })
    }
  })
  if (options.wait === false) return Effect.asVoid(attempt)
  const untilFree = (pause: number): Effect.Effect<void, Win32Error> =>
    Effect.catchAll(Effect.asVoid(attempt), (error) =>
      error.code === c.ERROR_LOCK_VIOLATION
        ? Effect.zipRight(
          restore(Effect.sleep(pause)),
          Effect.suspend(() => untilFree(Math.min(pause * 2, LONGEST_PAUSE_MILLIS)))
        )
        : Effect.fail(error))
  return untilFree(1)
}

// --- giving it back

/** A handle that is being closed takes its locks with it. */
const giveBack = (self: File, { length, offset }: Range): Effect.Effect<void, Win32Error> =>
  Effect.catchIf(
    call(self.kernel, "UnlockFileEx", { handle: self.io.handle, offset, length }, {
      path: self.path,
      handle: self.io.handle,
      object: self.io.object
    }),
    (error) => error.reason === "Closed",
    () => Effect.void
  )

export const withLock = <A, E, R>(
  self: File,
  given: LockOptions,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | Win32Error, R> => {
  if (!isGenuine(self)) return notAFile("LockFileEx", self)
  const options = wrong("effect", effect, isAnEffect) ?? readOptions(given)
  if (options instanceof InvalidArgument) return Effect.fail(refusal("LockFileEx", options, self))
  const range = rangeOf(options)
  return Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(take(restore, self, options, range), () =>
      Effect.matchCauseEffect(restore(effect), {
        onSuccess: (value) => Effect.as(giveBack(self, range), value),
        onFailure: (cause) =>
          Effect.matchCauseEffect(giveBack(self, range), {
            onSuccess: () => Effect.failCause(cause),
            onFailure: (lost) => Effect.failCause(Cause.sequential<E, Win32Error>(cause, lost))
          })
      }))
  )
}

export const lock = (self: File, given: LockOptions): Effect.Effect<void, Win32Error, Scope.Scope> => {
  if (!isGenuine(self)) return notAFile("LockFileEx", self)
  const options = readOptions(given)
  if (options instanceof InvalidArgument) return Effect.fail(refusal("LockFileEx", options, self))
  const range = rangeOf(options)
  return Effect.flatMap(
    Scope.Scope,
    (scope) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(take(restore, self, options, range), () =>
          Scope.addFinalizer(
            scope,
            Effect.catchAll(giveBack(self, range), (error) =>
              Effect.logWarning("A lock was not held any more when its scope closed").pipe(
                Effect.annotateLogs({ path: self.path, error: error.message })
              ))
          ))
      )
  )
}
