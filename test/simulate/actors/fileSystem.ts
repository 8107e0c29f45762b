/**
 * `ThreadpoolFileSystem`, on real files: what it reads is what was written last, unless that was stopped on the way.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ThreadpoolFileSystem from "../../../src/ThreadpoolFileSystem.js"
import type { Actor } from "../program.js"

const same = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0

export const fileSystem: Actor = (one, _, index) =>
  Effect.gen(function*() {
    if (!one.place.real) return
    const fs = yield* ThreadpoolFileSystem.make
    const path = one.path(`system ${index}`)
    /** Its contents; `undefined` where they are unknown. */
    let known: Uint8Array | undefined
    const wrote = (done: unknown, bytes: Uint8Array) => {
      known = done === undefined || one.profile.hangs ? undefined : bytes
    }
    for (let step = 0; step < one.length / 10; step++) {
      const bytes = one.bytes(one.below(200))
      const chunkSize = 1 + one.below(64)
      switch (one.below(8)) {
        case 0:
          wrote(yield* one.perhaps(Effect.as(fs.writeFile(path, bytes), true)), bytes)
          break
        case 1:
          wrote(
            yield* one.perhaps(Effect.as(Stream.run(Stream.make(bytes), fs.sink(path)), true)),
            bytes
          )
          break
        case 2:
          if (known !== undefined) {
            const appended: Uint8Array = Buffer.concat([known, bytes])
            wrote(yield* one.perhaps(Effect.as(fs.writeFile(path, bytes, { flag: "a" }), true)), appended)
          }
          break
        case 3:
          if (known !== undefined) {
            const length: number = Math.min(known.length, one.below(200))
            const cut: Uint8Array = known.subarray(0, length)
            wrote(yield* one.perhaps(Effect.as(fs.truncate(path, length), true)), cut)
          }
          break
        case 4:
          if (known !== undefined) {
            const copied = yield* one.perhaps(Effect.as(fs.copyFile(path, `${path} copy`), true))
            if (copied === true && !same(one.contents(`system ${index} copy`)!, known)) {
              yield* Effect.dieMessage("a copy is another file's")
            }
          }
          break
        case 5:
          if (known !== undefined) {
            const stat = yield* one.perhaps(fs.stat(path))
            if (stat !== undefined && Number(stat.size) !== known.length) {
              yield* Effect.dieMessage("stat tells another size")
            }
          }
          break
        case 6:
          if (known !== undefined) {
            const parts: Array<Uint8Array> = []
            const keep = Stream.runForEach(
              fs.stream(path, { chunkSize }),
              (part) => Effect.sync(() => void parts.push(part))
            )
            const done = yield* one.perhaps(Effect.as(keep, true))
            if (done === true && !same(Buffer.concat(parts), known)) {
              yield* Effect.dieMessage("a stream has other bytes than the file")
            }
          }
          break
        default:
          if (known !== undefined) {
            const read = yield* one.perhaps(fs.readFile(path))
            if (read !== undefined && !same(read, known)) {
              yield* Effect.dieMessage("readFile has other bytes than the file")
            }
          }
      }
    }
  })
