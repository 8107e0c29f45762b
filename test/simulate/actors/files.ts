/**
 * Files: regions, buffers of the pool, appends, locks, a copy by hand.
 */
import * as Effect from "effect/Effect"
import * as BufferPool from "../../../src/BufferPool.js"
import * as File from "../../../src/File.js"
import * as Operation from "../../../src/Operation.js"
import { type Actor, opened, settings } from "../program.js"
import { Region } from "../region.js"

/** Reads and writes on a region of one file that everybody shares. */
export const regions: Actor = (one, _, index) =>
  Effect.gen(function*() {
    const file = yield* opened(one, "shared", settings(one))
    if (file === undefined) return
    const region = new Region(64, one.profile.hangs)
    for (let step = 0; step < one.length; step++) {
      const at = one.below(56)
      const length = 1 + one.below(8)
      const offset = index * 64 + at
      if (one.below(2) === 0) {
        const buffer = new Uint8Array(length).fill(1 + step % 255)
        const done = yield* one.counted(file.io, Operation.write({ buffer, offset }))
        if (done === undefined || done.cancelRequested) region.unknown(at, length, buffer[0]!)
        if (done !== undefined) region.written(at, done.bytesTransferred, buffer[0]!)
      } else {
        const buffer = new Uint8Array(length)
        const done = yield* one.perhaps(File.submit(file, Operation.read({ buffer, offset })))
        if (done !== undefined) region.compare(at, buffer.subarray(0, done.bytesTransferred))
      }
    }
  })

/** Writes out of a buffer of the pool and reads it back into another, several in flight. */
export const poolBuffers: Actor = (one, _, index) =>
  Effect.gen(function*() {
    const file = yield* opened(one, `pool ${index}`, settings(one))
    if (file === undefined) return
    const buffer = yield* BufferPool.make(64)
    const into = yield* BufferPool.make(64)
    for (let step = 0; step < one.length / 4; step++) {
      const windows = Array.from({ length: 1 + one.below(4) }, (_, part) => part)
      yield* Effect.forEach(windows, (part) =>
        Effect.gen(function*() {
          const mark = (step * 4 + part) % 256
          buffer.bytes.fill(mark, part * 16, part * 16 + 16)
          const window = { start: part * 16, length: 16, offset: part * 16 }
          const wrote = yield* one.perhaps(File.submit(file, Operation.write({ buffer, ...window })))
          // A buffer whose operation was given up is the kernel's, for good.
          if (wrote === undefined && one.profile.hangs) return yield* Effect.never
          if (wrote === undefined || wrote.bytesTransferred < 16) return
          const read = yield* one.perhaps(File.submit(file, Operation.read({ buffer: into, ...window })))
          if (read === undefined && one.profile.hangs) return yield* Effect.never
          if (read === undefined) return
          for (let at = 0; at < read.bytesTransferred; at++) {
            if (into.bytes[part * 16 + at] !== mark) return yield* Effect.dieMessage("a pool buffer has other bytes")
          }
        }), { concurrency: "unbounded", discard: true })
    }
  })

/** Appends: every one that succeeded is there once, those that were stopped at most once. */
export const appends: Actor = (one, _, index) =>
  Effect.gen(function*() {
    const path = `log ${index}`
    const file = yield* opened(one, path, settings(one))
    if (file === undefined) return
    const sure = new Map<number, boolean>()
    const numbers = Array.from({ length: Math.min(200, one.length) }, (_, number) => number)
    yield* Effect.forEach(numbers, (number) =>
      Effect.map(
        one.counted(file.io, Operation.append({ buffer: new Uint8Array(4).fill(number + 1) })),
        (done) => sure.set(number, done !== undefined && done.bytesTransferred === 4)
      ), { concurrency: 1 + one.below(6), discard: true })
    if (one.profile.fails || one.profile.hangs) return
    const bytes = one.contents(path)!
    const found = new Map<number, number>()
    for (let at = 0; at < bytes.length; at += 4) {
      const number = bytes[at]! - 1
      if (bytes.subarray(at, at + 4).some((byte) => byte !== bytes[at])) yield* Effect.dieMessage("an append is torn")
      found.set(number, (found.get(number) ?? 0) + 1)
    }
    for (const [number, certain] of sure) {
      const times = found.get(number) ?? 0
      if (times > 1 || (certain && times === 0)) {
        yield* Effect.dieMessage(`append ${number}, ${certain ? "which succeeded," : ""} is there ${times} times`)
      }
    }
  })

/** Locks: nobody else is inside. */
export const locks: Actor = (one, _, index) =>
  Effect.gen(function*() {
    const path = `locked ${index}`
    let inside = 0
    const visit = (file: File.File, exclusive: boolean) => {
      // An interruption may come between the lock and the first step inside.
      let entered = 0
      return File.withLock(
        file,
        { offset: 0, length: 10, exclusive, wait: one.below(4) !== 3 },
        Effect.gen(function*() {
          if (exclusive ? inside !== 0 : inside < 0) yield* Effect.dieMessage("two hold an exclusive lock")
          entered = exclusive ? -1 : 1
          inside += entered
          yield* Effect.sleep(one.below(10))
        }).pipe(Effect.ensuring(Effect.sync(() => {
          inside -= entered
        })))
      ).pipe(Effect.catchIf((error) => error.reason === "Busy", () => Effect.void))
    }
    yield* Effect.forEach([1, 2, 3], () =>
      Effect.scoped(Effect.gen(function*() {
        const file = yield* opened(one, path, settings(one))
        if (file === undefined) return
        for (let step = 0; step < one.length / 8; step++) yield* one.perhaps(visit(file, one.below(3) !== 2))
      })), { concurrency: 3, discard: true })
  })

/** A copy, by hand, that is complete when it says so. */
export const copies: Actor = (one, _, index) =>
  Effect.gen(function*() {
    const from = `source ${index}`
    const bytes = new Uint8Array(one.below(300)).map((_, at) => at * 7)
    one.put(from, bytes)
    const copied = yield* one.perhaps(Effect.scoped(Effect.gen(function*() {
      const source = yield* File.open(one.path(from))
      const target = yield* File.open(one.path(`${from}.part`), { access: "readwrite", disposition: "createAlways" })
      const buffer = yield* BufferPool.make(32)
      for (let offset = 0;;) {
        const length = yield* File.read(source, buffer, offset)
        if (length === 0) break
        for (let done = 0; done < length;) {
          const window = { start: done, length: length - done, offset: offset + done }
          const { bytesTransferred } = yield* File.submit(target, Operation.write({ buffer, ...window }))
          done += bytesTransferred
        }
        offset += length
      }
      yield* File.sync(target)
      yield* File.rename(one.path(`${from}.part`), one.path(`copy ${index}`), { replace: true })
      return true
    })))
    const copy = one.contents(`copy ${index}`)
    if (copied === true && copy === undefined) yield* Effect.dieMessage("the copy is not there")
    if (copy !== undefined && Buffer.compare(copy, bytes) !== 0) {
      yield* Effect.dieMessage("the copy is not whole")
    }
  })
