/**
 * Three programs that work on every developer's machine, each with a mistake that a simulated system finds, and as it
 * should be.
 */
import * as Effect from "effect/Effect"
import * as BufferPool from "../../src/BufferPool.js"
import * as File from "../../src/File.js"
import * as Operation from "../../src/Operation.js"

const text = (string: string): Uint8Array => new TextEncoder().encode(string)

// --- 1: a system may transfer less than it was asked for

const CHUNK = 16

/** A copy, chunk by chunk. Which transfer does it take for granted? */
export const copyNaively = (from: string, to: string) =>
  Effect.gen(function*() {
    const source = yield* File.open(from)
    const target = yield* File.open(to, { access: "write", disposition: "createAlways" })
    const buffer = yield* BufferPool.make(CHUNK)
    for (let offset = 0;; offset += CHUNK) {
      const length = yield* File.read(source, buffer, offset)
      if (length === 0) return
      yield* File.submit(target, Operation.write({ buffer, length, offset }))
    }
  }).pipe(Effect.scoped)

export const copy = (from: string, to: string) =>
  Effect.gen(function*() {
    const source = yield* File.open(from)
    const target = yield* File.open(to, { access: "write", disposition: "createAlways" })
    const buffer = new Uint8Array(CHUNK)
    for (let offset = 0;;) {
      const length = yield* File.read(source, buffer, offset)
      if (length === 0) return
      yield* File.writeAll(target, buffer.subarray(0, length), offset)
      offset += length
    }
  }).pipe(Effect.scoped)

// --- 2: what is written is not on the disk

const replace = (path: string, contents: string, flush: boolean) =>
  Effect.gen(function*() {
    const file = yield* File.open(`${path}.new`, { access: "write", disposition: "createAlways" })
    yield* File.writeAll(file, text(contents), 0)
    if (flush) yield* File.sync(file)
  }).pipe(Effect.scoped, Effect.zipRight(File.rename(`${path}.new`, path, { replace: true })))

/** Replaces a file in one step, so that a reader finds the old contents or the new ones. And after a power cut? */
export const saveNaively = (path: string, contents: string) => replace(path, contents, false)

export const save = (path: string, contents: string) => replace(path, contents, true)

// --- 3: a buffer in flight is the kernel's

/** Writes lines behind the back of whoever produces them. Whose is the buffer when the next line comes? */
export const logNaively = (path: string, lines: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const file = yield* File.open(path, { access: "write", disposition: "createAlways" })
    const buffer = yield* BufferPool.make(64)
    for (const line of lines) {
      buffer.bytes.set(text(`${line}\n`))
      yield* Effect.fork(File.submit(file, Operation.append({ buffer, length: line.length + 1 })))
      yield* Effect.yieldNow()
    }
  }).pipe(Effect.scoped)
