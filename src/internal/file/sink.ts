/**
 * A file as a sink: what comes is gathered into blocks, of which several are written at once.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Sink from "effect/Sink"
import type { File, SinkOptions } from "../../File.js"
import type * as Win32Error from "../../Win32Error.js"
import { aBoolean, anOffset, aNumber, InvalidArgument, optionsOf } from "../arguments.js"
import { offsetProblem } from "../offset.js"
import type { Restore } from "../settle.js"
import { isDetached, plainBytes, shown } from "../values.js"
import { sync } from "./attributes.js"
import { failureOf, noMemory, shapeOf, warn } from "./chunks.js"
import { nothingWritten } from "./moveAll.js"
import { isGenuine, notAFile, refused } from "./self.js"
import { type Target, WriteBehind } from "./WriteBehind.js"

export const DEFAULT_BLOCK = 512 << 10

type Push<A> = Effect.Effect<A, readonly [Either.Either<bigint, Win32Error.Win32Error>, Chunk.Chunk<never>]>

const readOptions = optionsOf<SinkOptions>({
  offset: anOffset,
  chunkSize: aNumber,
  inFlight: aNumber,
  sync: aBoolean
})

const targetOf = (self: File, options: SinkOptions): Target | string => {
  const { offset = 0 } = options
  const shape = shapeOf(self, options, DEFAULT_BLOCK)
  if (typeof shape === "string") return shape
  const problem = offsetProblem(offset)
  if (problem !== undefined) return problem
  if (BigInt(offset) % BigInt(self.alignment) !== 0n) {
    return `without buffering, offset must be a multiple of ${self.alignment}`
  }
  return { ...shape, offset, alignment: self.alignment }
}

const end = (result: Either.Either<bigint, Win32Error.Win32Error>): Push<never> => Effect.fail([result, Chunk.empty()])

/** Why nothing more can be written. */
const failed = (self: File, ring: WriteBehind): Push<never> => {
  const { failed } = ring
  if (failed === undefined) return end(Either.left(noMemory()))
  if (failed.failed === undefined) return end(Either.left(nothingWritten(self)))
  return Effect.catchAll(failureOf(self, failed), (error) => end(Either.left(error)))
}

export const sink = (
  self: File,
  given: SinkOptions = {}
): Sink.Sink<bigint, Uint8Array, never, Win32Error.Win32Error> =>
  Sink.fromPush(Effect.uninterruptible(Effect.suspend(() => {
    if (!isGenuine(self)) {
      return Effect.succeed(() => Effect.catchAll(notAFile("WriteFile", self), (error) => end(Either.left(error))))
    }
    const looked = readOptions(given)
    const options = looked instanceof InvalidArgument ? {} : looked
    const target = looked instanceof InvalidArgument ? looked.problem : targetOf(self, options)
    if (typeof target === "string") {
      return Effect.succeed(() => end(Either.left(refused(self, "WriteFile", `Refused: ${target}.`))))
    }
    const ring = new WriteBehind(self.io.object, target)
    const stop = Effect.zipRight(
      ring.flight.stop,
      Effect.suspend(() => warn(self, ring.release().map(({ failed }) => failed)))
    )
    return Effect.as(
      Effect.addFinalizer(() => stop),
      Option.match({
        onNone: () => Effect.uninterruptibleMask((restore) => finish(restore, self, ring, options.sync === true)),
        onSome: (bytes: Chunk.Chunk<Uint8Array>) =>
          Effect.uninterruptibleMask((restore) => take(restore, self, ring, Chunk.toReadonlyArray(bytes), 0, 0))
      })
    )
  })))

/** Takes in all of it, waiting for writes to end where there is no room. */
const take = (
  restore: Restore,
  self: File,
  ring: WriteBehind,
  all: ReadonlyArray<Uint8Array>,
  index: number,
  from: number
): Push<void> => {
  let at = from
  for (let one = index; one < all.length; one++, at = 0) {
    const bytes = plainBytes(all[one])
    // Detached: also since the part before it was taken.
    if (bytes === undefined || isDetached(bytes.buffer)) {
      const what = bytes === undefined ? shown(all[one]) : "one that is detached"
      const detail = `Refused: a sink of bytes takes each as a Uint8Array, not ${what}.`
      return end(Either.left(refused(self, "WriteFile", detail)))
    }
    at = ring.take(bytes, at)
    if (ring.over) return failed(self, ring)
    if (at < bytes.length) {
      return Effect.flatMap(restore(ring.flight.until(ring.ready)), () => take(restore, self, ring, all, one, at))
    }
  }
  return Effect.void
}

const finish = (
  restore: Restore,
  self: File,
  ring: WriteBehind,
  synced: boolean
): Push<never> => {
  const finished: Push<never> = Effect.suspend(() => {
    if (ring.over) return failed(self, ring)
    const written = end(Either.right(BigInt(ring.taken)))
    return synced
      ? Effect.matchEffect(restore(sync(self)), {
        onFailure: (error) => end(Either.left(error)),
        onSuccess: () => written
      })
      : written
  })
  ring.flush()
  return ring.done() ? finished : Effect.flatMap(restore(ring.flight.until(ring.done)), () => finished)
}
