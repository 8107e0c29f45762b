/**
 * A file chunk by chunk, with reads in flight ahead of whoever looks at it: lent to an effect, or as a stream. No fiber
 * of its own, and none per chunk: reads start where the consumer's fiber is, and complete into the ring.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { ChunkOptions, File, ForEachChunkOptions, LentChunk } from "../../File.js"
import * as Win32Error from "../../Win32Error.js"
import {
  aBoolean,
  aFunction,
  anOffset,
  aNumber,
  InvalidArgument,
  isAnEffect,
  optionsOf,
  refusal,
  wrong
} from "../arguments.js"
import * as c from "../constants.js"
import type { Operation as Issued } from "../engine/Operation.js"
import { offsetProblem } from "../offset.js"
import { PoolBufferImpl } from "../PoolBuffer.js"
import { type Restore, settleMany } from "../settle.js"
import { failure, quarantineOf } from "../submit.js"
import { copy, kept } from "./Copies.js"
import { type Piece, type Range, ReadAhead } from "./ReadAhead.js"
import { isGenuine, notAFile, refused } from "./self.js"
import type { Transfer } from "./Transfer.js"

export const DEFAULT_CHUNK = 1 << 20
export const DEFAULT_IN_FLIGHT = 4

// --- what is asked for

/** Each has memory of its own: whoever asks for more has mistaken bytes for chunks, and would run out of it. */
const MOST_IN_FLIGHT = 4096

/** Chunks, and how many at once; what is wrong with them otherwise. */
export const shapeOf = (
  { alignment }: File,
  options: { readonly chunkSize?: number | undefined; readonly inFlight?: number | undefined },
  defaultChunk: number
): { readonly chunkSize: number; readonly inFlight: number } | string => {
  const { chunkSize = defaultChunk, inFlight = DEFAULT_IN_FLIGHT } = options
  if (!Number.isInteger(chunkSize) || chunkSize < 1 || chunkSize > c.MAXDWORD) {
    return `a chunk is a whole number of bytes from 1 to ${c.MAXDWORD}, not ${chunkSize}`
  }
  if (chunkSize % alignment !== 0) return `without buffering, chunkSize must be a multiple of ${alignment}`
  if (inFlight > MOST_IN_FLIGHT) return `at most ${MOST_IN_FLIGHT} chunks are in flight, not ${inFlight}`
  return inFlightProblem(inFlight) ?? { chunkSize, inFlight }
}

export const inFlightProblem = (inFlight: number): string | undefined =>
  Number.isInteger(inFlight) && inFlight >= 1 ? undefined : `inFlight must be an integer of at least 1, not ${inFlight}`

const rangeOf = (self: File, options: ChunkOptions): Range | string => {
  const { length, offset = 0 } = options
  const shape = shapeOf(self, options, DEFAULT_CHUNK)
  if (typeof shape === "string") return shape
  const problem = offsetProblem(offset) ?? (length === undefined ? undefined : offsetProblem(length))
  if (problem !== undefined) return problem
  if (BigInt(offset) % BigInt(self.alignment) !== 0n) {
    return `without buffering, offset must be a multiple of ${self.alignment}`
  }
  return {
    ...shape,
    smallest: shape.chunkSize,
    offset,
    length: length === undefined ? Infinity : Number(length),
    alignment: self.alignment
  }
}

/** A read of less costs more than its bytes do, and so does a pull of a stream. */
const UNIT = 512 << 10
/** Read ahead of a stream, in bytes, unless more was asked for. */
const AHEAD = 4 * UNIT
/** Chunks in one pull, however small they are. */
const MOST_PULLED = 1024

/** The same range in larger reads, of several chunks each. */
const inUnits = (range: Range): Range => {
  const { chunkSize, inFlight, length } = range
  const unit = chunkSize * Math.max(1, Math.ceil(Math.min(UNIT, length) / chunkSize))
  const ahead = Math.floor(Math.max(AHEAD, inFlight * chunkSize) / unit)
  return { ...range, chunkSize: unit, inFlight: Math.max(1, Math.min(inFlight, ahead)) }
}

const readOptions = optionsOf<ForEachChunkOptions>({
  offset: anOffset,
  length: anOffset,
  chunkSize: aNumber,
  inFlight: aNumber,
  ordered: aBoolean
})

/** The ring, with its first reads under way. */
const begin = (
  self: File,
  given: ForEachChunkOptions,
  how: { readonly ordered?: true; readonly toKeep?: boolean } = {}
): ReadAhead | Win32Error.Win32Error => {
  const options = readOptions(given)
  if (options instanceof InvalidArgument) return refusal("ReadFile", options, self)
  const asked = rangeOf(self, options)
  if (typeof asked === "string") return refused(self, "ReadFile", `Refused: ${asked}.`)
  const range = how.toKeep === true ? inUnits(asked) : asked
  // Where there are several chunks, each is copied out of the memory of the read.
  const toKeep = how.toKeep === true && range.chunkSize === range.smallest
  const ring = new ReadAhead(self.io.object, range, how.ordered ?? options.ordered ?? true, toKeep)
  ring.pump()
  return ring
}

// --- how it ends

/** Why a transfer has not been made. */
export const failureOf = (self: File, { failed }: Transfer): Effect.Effect<never, Win32Error.Win32Error> =>
  failure(self.io, failed!)

export const noMemory = () => Win32Error.make({ code: c.ERROR_NOT_ENOUGH_MEMORY, syscall: "VirtualAlloc" })

/** Names what did not settle in time (rule 19). */
export const warn = (self: File, operations: ReadonlyArray<Issued | undefined>): Effect.Effect<void> => {
  const warnings = operations.flatMap((one) => one === undefined ? [] : quarantineOf(self.io, one) ?? [])
  return warnings.length === 0 ? Effect.void : Effect.all(warnings, { discard: true })
}

const ended = (self: File, ring: ReadAhead): Effect.Effect<void> =>
  Effect.suspend(() => warn(self, ring.release().map(({ failed }) => failed)))

/** The next piece, once there is one or none will come. */
const next = <A, E, R>(
  restore: Restore,
  self: File,
  ring: ReadAhead,
  use: (piece: Piece | undefined) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | Win32Error.Win32Error, R> => {
  const take = (): Effect.Effect<A, E | Win32Error.Win32Error, R> => {
    if (ring.exhausted) return Effect.fail(noMemory())
    const piece = ring.take()
    if (piece?.failed !== undefined) return failureOf(self, piece)
    if (piece === undefined && !ring.finished) return next(restore, self, ring, use)
    return use(piece)
  }
  return ring.ready() ? take() : Effect.flatMap(restore(ring.flight.until(ring.ready)), take)
}

// --- lent

class Lent extends PoolBufferImpl implements LentChunk {
  constructor(readonly offset: bigint, piece: Piece) {
    super(piece.lease, piece.size)
  }
}

const lend = ({ range }: ReadAhead, piece: Piece): Lent => new Lent(BigInt(range.offset) + BigInt(piece.at), piece)

export const forEachChunk = <E, R>(
  self: File,
  options: ForEachChunkOptions,
  f: (chunk: LentChunk) => Effect.Effect<unknown, E, R>
): Effect.Effect<bigint, E | Win32Error.Win32Error, R> => {
  if (!isGenuine(self)) return notAFile("ReadFile", self)
  return Effect.uninterruptibleMask((restore) => {
    const problem = wrong("f", f, aFunction)
    if (problem !== undefined) return Effect.fail(refusal("ReadFile", problem, self))
    const ring = begin(self, options)
    if (ring instanceof Win32Error.Win32Error) return Effect.fail(ring)
    let seen = 0
    let lent: Lent | undefined
    const giveBack = () => {
      lent?.lease.release()
      lent = undefined
    }
    const use = (piece: Piece | undefined): Effect.Effect<unknown, E | Win32Error.Win32Error, R> => {
      if (piece === undefined) return Effect.void
      ring.pump()
      seen += piece.size
      lent = lend(ring, piece)
      const answer = f(lent)
      const problem = wrong("what f answers", answer, isAnEffect)
      return problem === undefined ? restore(answer) : Effect.fail(refusal("ReadFile", problem, self))
    }
    const loop = Effect.whileLoop({
      while: () => !ring.finished,
      body: () => next(restore, self, ring, use),
      step: giveBack
    })
    return Effect.map(
      settleMany(ring.flight, loop, Effect.zipRight(Effect.sync(giveBack), ended(self, ring))),
      () => BigInt(seen)
    )
  })
}

// --- as a stream

type Pull<A> = Effect.Effect<Chunk.Chunk<A>, Option.Option<Win32Error.Win32Error>>

/** A stream whose end, however it comes, stops the ring and gives its memory back. */
const streamOf = <A>(
  self: File,
  options: ChunkOptions,
  toKeep: boolean,
  pull: (ring: ReadAhead) => { readonly next: (restore: Restore) => Pull<A>; readonly release?: () => void }
): Stream.Stream<A, Win32Error.Win32Error> =>
  Stream.fromPull(
    Effect.suspend(() => {
      if (!isGenuine(self)) return Effect.succeed(Effect.mapError(notAFile("ReadFile", self), Option.some))
      const ring = begin(self, options, { ordered: true, toKeep })
      if (ring instanceof Win32Error.Win32Error) return Effect.succeed(Effect.fail(Option.some(ring)))
      const { next, release } = pull(ring)
      const stop = Effect.zipRight(
        ring.flight.stop,
        Effect.suspend(() => {
          release?.()
          return ended(self, ring)
        })
      )
      return Effect.as(Effect.addFinalizer(() => stop), Effect.uninterruptibleMask(next))
    }).pipe(Effect.uninterruptible)
  )

/** Pulls all chunks of a read at once; where each is a read of its own, all that are ready. */
export const stream = (self: File, options: ChunkOptions = {}): Stream.Stream<Uint8Array, Win32Error.Win32Error> =>
  streamOf(self, options, true, (ring) => {
    const chunkSize = ring.range.smallest
    /** The rest of several chunks, the first of which have been given. */
    let unit: Piece | undefined
    let given = 0
    let failed: Piece | undefined
    const release = () => {
      unit?.lease.release()
      unit = undefined
    }
    const copyOf = ({ lease, size }: Piece): Array<Uint8Array> => {
      const copies: Array<Uint8Array> = []
      while (given < size && copies.length < MOST_PULLED) {
        const length = Math.min(chunkSize, size - given)
        copies.push(copy(lease.block!.bytes.subarray(given, given + length), length))
        given += length
      }
      if (given === size) {
        release()
        ring.pump()
      }
      return copies
    }
    const ready = (): Array<Uint8Array> => {
      if (unit !== undefined) return copyOf(unit)
      const chunks: Array<Uint8Array> = []
      while (failed === undefined && chunks.length < ring.range.inFlight) {
        const piece = ring.take()
        if (piece === undefined) break
        if (piece.failed !== undefined) failed = piece
        else if (piece.size > chunkSize) {
          unit = piece
          given = 0
          return chunks.concat(copyOf(piece))
        } else chunks.push(kept(piece.lease, piece.size))
        ring.pump()
      }
      return chunks
    }
    const pull = (restore: Restore): Pull<Uint8Array> => {
      const chunks = ready()
      if (chunks.length > 0) return Effect.succeed(Chunk.unsafeFromArray(chunks))
      if (failed !== undefined) return Effect.mapError(failureOf(self, failed), Option.some)
      if (ring.exhausted) return Effect.fail(Option.some(noMemory()))
      if (ring.finished) return Effect.fail(Option.none())
      return Effect.flatMap(restore(ring.flight.until(ring.ready)), () => pull(restore))
    }
    return { next: pull, release }
  })

export const streamRecycled = (
  self: File,
  options: ChunkOptions = {}
): Stream.Stream<LentChunk, Win32Error.Win32Error> =>
  streamOf(self, options, false, (ring) => {
    let lent: Lent | undefined
    const giveBack = () => {
      lent?.lease.release()
      lent = undefined
    }
    const pull = (restore: Restore): Pull<LentChunk> => {
      giveBack()
      const piece = Effect.mapError(next(restore, self, ring, Effect.succeed), Option.some)
      return Effect.flatMap(piece, (piece) => {
        if (piece === undefined) return Effect.fail(Option.none())
        ring.pump()
        lent = lend(ring, piece)
        return Effect.succeed(Chunk.of(lent))
      })
    }
    return { next: pull, release: giveBack }
  })
