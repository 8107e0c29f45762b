/**
 * Whole files: gone through chunk by chunk, filled by a sink, read and written in batches, over several buffers.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import * as File from "../../../src/File.js"
import type { Win32Error } from "../../../src/Win32Error.js"
import { type Actor, opened, type Program, settings } from "../program.js"

const same = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0

const sizes = (one: Program) => ({ chunkSize: 1 + one.below(64), inFlight: 1 + one.below(4) })

/** Reads a file, in one of the ways to go through it. */
const seen = (one: Program, file: File.File, length: number): Effect.Effect<Uint8Array, Win32Error> =>
  Effect.suspend(() => {
    const options = sizes(one)
    const all = new Uint8Array(length)
    const parts: Array<Uint8Array> = []
    const keep = (bytes: Uint8Array) => Effect.sync(() => void parts.push(bytes.slice()))
    switch (one.below(4)) {
      case 0:
        return Effect.map(File.forEachChunk(file, options, ({ bytes }) => keep(bytes)), () => Buffer.concat(parts))
      case 1: {
        const put = (chunk: File.LentChunk) => Effect.sync(() => all.set(chunk.bytes, Number(chunk.offset)))
        return Effect.map(
          File.forEachChunk(file, { ...options, ordered: false }, put),
          (bytes) => all.subarray(0, Number(bytes))
        )
      }
      case 2:
        return Effect.map(Stream.runForEach(File.stream(file, options), keep), () => Buffer.concat(parts))
      default:
        return Effect.map(
          Stream.runForEach(File.streamRecycled(file, options), ({ bytes }) => keep(bytes)),
          () => Buffer.concat(parts)
        )
    }
  })

/** A file gone through shows every byte once; one that a sink has filled has them all. */
export const chunks: Actor = (one, _, index) =>
  Effect.gen(function*() {
    for (let round = 0; round < one.length / 20; round++) {
      const name = `chunks ${index} ${round}`
      const bytes = one.bytes(one.below(400))
      if (one.below(2) === 0) {
        one.put(name, bytes)
        const shown = yield* one.perhaps(
          File.withFile(one.path(name), settings(one), (file) => seen(one, file, bytes.length))
        )
        if (shown !== undefined && !same(shown, bytes)) yield* Effect.dieMessage("a file has been shown as it is not")
      } else {
        const pieces = Stream.rechunk(Stream.fromIterable(piecesOf(one, bytes)), 1)
        const open = { ...settings(one), access: "write", disposition: "createNew" } as const
        const written = yield* one.perhaps(
          File.withFile(one.path(name), open, (file) => Stream.run(pieces, File.sink(file, sizes(one))))
        )
        const there = one.contents(name)
        if (written !== undefined && (Number(written) !== bytes.length || !same(there!, bytes))) {
          yield* Effect.dieMessage("a sink has not written what it was given")
        }
        if (there?.some((byte, at) => byte !== 0 && byte !== bytes[at]) === true) {
          yield* Effect.dieMessage("a sink has written what nobody had given it")
        }
      }
    }
  })

const piecesOf = (one: Program, bytes: Uint8Array): ReadonlyArray<Uint8Array> => {
  const pieces: Array<Uint8Array> = []
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + one.below(50)
    pieces.push(bytes.slice(at, end))
    at = end
  }
  return pieces
}

/** Batches, and operations over several buffers: each result is that of its own request. */
export const many: Actor = (one, _, index) =>
  Effect.gen(function*() {
    const name = `many ${index}`
    const contents = one.bytes(256)
    one.put(name, contents)
    const file = yield* opened(one, name, settings(one))
    if (file === undefined) return
    const begins = (part: Uint8Array, offset: number, length: number) =>
      length === 0 || offset >= contents.length
        ? part.length === 0
        : part.length > 0 && part.length <= length && same(part, contents.subarray(offset, offset + part.length))
    for (let step = 0; step < one.length / 8; step++) {
      const requests = Array.from({ length: one.below(12) }, () => ({ offset: one.below(250), length: one.below(40) }))
      const inFlight = 1 + one.below(6)
      switch (one.below(4)) {
        case 0: {
          const read = yield* one.perhaps(File.readMany(file, requests, { inFlight }))
          if (read?.every((part, at) => begins(part, requests[at]!.offset, requests[at]!.length)) === false) {
            yield* Effect.dieMessage("a read of a batch has another's bytes")
          }
          break
        }
        case 1: {
          const read = yield* one.perhaps(File.readMany(file, requests, { inFlight, mode: "either" }))
          const wrong = read?.some((one, at) =>
            Either.isRight(one) && !begins(one.right, requests[at]!.offset, requests[at]!.length)
          )
          if (wrong === true) yield* Effect.dieMessage("a read of a batch has another's bytes")
          break
        }
        case 2: {
          const buffers = requests.slice(0, 4).map(({ length }) => new Uint8Array(length))
          const offset = one.below(200)
          const length = buffers.reduce((sum, buffer) => sum + buffer.length, 0)
          const bytes = yield* one.perhaps(File.readVectored(file, buffers, offset))
          if (bytes !== undefined && !begins(Buffer.concat(buffers).subarray(0, bytes), offset, length)) {
            yield* Effect.dieMessage("a read over several buffers has other bytes")
          }
          break
        }
        default:
          yield* batch(one, `${name} ${step}`, inFlight)
      }
    }
  })

/** Writes side by side, of which each says how far it has come. */
const batch = (one: Program, name: string, inFlight: number) =>
  Effect.scoped(Effect.gen(function*() {
    const file = yield* opened(one, name, settings(one))
    if (file === undefined) return
    const marks = Array.from({ length: 1 + one.below(6) }, (_, at) => at + 1)
    const vectored = one.below(2) === 1
    const segments = marks.map((mark) => new Uint8Array(8).fill(mark))
    const requests = segments.map((buffer, at) => ({ buffer, offset: at * 8 }))
    const wrote = yield* one.perhaps<ReadonlyArray<number>, Win32Error, never>(
      vectored
        ? Effect.map(File.writeVectored(file, segments, 0), (bytes) =>
          marks.map((_, at) => Math.max(0, Math.min(8, bytes - at * 8))))
        : File.writeMany(file, requests, { inFlight })
    )
    if (wrote === undefined) {
      return
    }
    const there = one.contents(name)!
    for (const [at, count] of wrote.entries()) {
      if (
        there.subarray(at * 8, at * 8 + count).some((byte) =>
          byte !== marks[at]
        )
      ) {
        yield* Effect.dieMessage("a write of a batch is not where it should be")
      }
    }
  }))
