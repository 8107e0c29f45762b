// The same by this library.
import * as Effect from "effect/Effect"
import * as BufferPool from "../../src/BufferPool.js"
import * as File from "../../src/File.js"
import type { Kernel } from "../../src/Kernel.js"
import type { Read } from "./reading.js"

/** Four fibers with a buffer each, as completed. */
export const forEachChunk: Read<Kernel> = (path, chunk, look) =>
  Effect.scoped(Effect.gen(function*() {
    const file = yield* File.open(path, { hint: "sequential" })
    let next = 0
    const fiber = Effect.flatMap(BufferPool.make(chunk), (buffer) => {
      const one: Effect.Effect<void, unknown> = Effect.suspend(() => {
        const offset = next
        next += chunk
        return Effect.flatMap(File.read(file, buffer, offset), (bytes) => {
          if (bytes === 0) return Effect.void
          look(bytes === chunk ? buffer.bytes : buffer.bytes.subarray(0, bytes), offset)
          return one
        })
      })
      return one
    })
    yield* Effect.all([fiber, fiber, fiber, fiber], { concurrency: 4, discard: true })
  }))
