/**
 * Past the cache: aligned to the sectors that the volume has, which it was asked for, and refused otherwise before any
 * call.
 */
import { expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import * as BufferPool from "../../src/BufferPool.js"
import * as File from "../../src/File.js"
import type { Kernel as Internal } from "../../src/internal/kernel/Kernel.js"
import * as Kernel from "../../src/Kernel.js"
import * as Operation from "../../src/Operation.js"
import type { Win32Error } from "../../src/Win32Error.js"
import { contract, failureOf, fileOf, freshPath, nativeCalls, pattern, refused } from "../support/claims.js"

const unbuffered = { access: "readwrite", disposition: "openAlways", unbuffered: true } as const

contract("rule 27: an unbuffered file", ({ claim, only }) => {
  const aligned = only("win32", "node cannot allocate aligned memory")

  claim("is the only one that is aligned to anything", function*() {
    const { calls, value: file } = yield* nativeCalls(Effect.flatMap(fileOf("x"), (path) => File.open(path)))
    expect(file.alignment).toBe(1)
    expect(calls).toEqual(["CreateFileW"])
  })
  only("portable", "kernel32 knows the sectors")("and its sectors are Unsupported here, typed", function*() {
    const file = yield* File.open(yield* fileOf("x"))
    expect(yield* failureOf(File.sectors(file))).toMatchObject({ code: 50, reason: "Unsupported" })
  })
  aligned("is aligned to the sector that its volume tells", function*() {
    const file = yield* File.open(yield* freshPath, unbuffered)
    const { logicalBytesPerSector, physicalBytesPerSector } = yield* File.sectors(file)
    expect(file.alignment).toBe(logicalBytesPerSector)
    expect([512, 1024, 2048, 4096]).toContain(logicalBytesPerSector)
    expect(physicalBytesPerSector).toBeGreaterThanOrEqual(logicalBytesPerSector)
  })
  aligned("takes single sectors, anywhere", function*() {
    const path = yield* freshPath
    const file = yield* File.open(path, unbuffered)
    const sector = file.alignment
    const contents = pattern(6 * sector)
    for (const index of [3, 0, 5, 1, 4, 2]) {
      const [from, to] = [index * sector, (index + 1) * sector]
      expect(yield* File.write(file, contents.subarray(from, to), from)).toBe(sector)
    }
    expect(Buffer.compare(readFileSync(path), contents)).toBe(0)
    const pooled = yield* BufferPool.make(4 * sector)
    const window = { buffer: pooled, start: sector, length: 2 * sector, offset: 3 * sector }
    expect(yield* File.submit(file, Operation.read(window))).toMatchObject({ bytesTransferred: 2 * sector })
    expect(Buffer.compare(pooled.bytes.subarray(sector, 3 * sector), contents.subarray(3 * sector, 5 * sector))).toBe(0)
  })
  aligned("refuses what is not whole sectors, before any native call", function*() {
    const file = yield* File.open(yield* fileOf(new Uint8Array(16_384)), unbuffered)
    const sector = file.alignment
    const memory = new Uint8Array(4 * sector)
    const pooled = yield* BufferPool.make(4 * sector)
    const attempts: ReadonlyArray<Effect.Effect<unknown, Win32Error>> = [
      File.read(file, memory, sector / 2),
      File.read(file, memory.subarray(1), 0),
      File.write(file, memory, 1n + 2n ** 40n),
      File.append(file, memory.subarray(0, sector + 1)),
      File.submit(file, Operation.read({ buffer: pooled, start: sector / 2, length: sector })),
      File.writeVectored(file, [memory.subarray(0, 3), memory.subarray(3, sector + 1)], 0)
    ]
    for (const attempt of attempts) {
      const error = yield* refused(attempt)
      expect(error).toMatchObject({ code: 87, reason: "InvalidArgument" })
      expect(error.detail).toContain(`multiples of ${sector}`)
    }
  })
  aligned("of a volume that does not tell is aligned to 4096", function*() {
    const { engine } = yield* Kernel.Kernel
    const internal = engine.kernel as { call: Internal["call"] }
    const original = internal.call
    internal.call = ((...arguments_: Parameters<Internal["call"]>) => {
      const [name, , done] = arguments_
      if (name !== "GetStorageInformation") return original.apply(engine.kernel, arguments_)
      queueMicrotask(() => done(50, undefined))
      return () => false
    }) as Internal["call"]
    const file = yield* Effect.ensuring(
      Effect.flatMap(freshPath, (path) => File.open(path, unbuffered)),
      Effect.sync(() => internal.call = original)
    )
    expect(file.alignment).toBe(4096)
  })
  aligned("is read to a tail that is no whole sector, and written to one by cutting it", function*() {
    const path = yield* fileOf(pattern(5000))
    const file = yield* File.open(path, unbuffered)
    const last = Math.floor(5000 / file.alignment) * file.alignment
    const sector = new Uint8Array(file.alignment)
    expect(yield* File.read(file, sector, last)).toBe(5000 - last)
    expect(Buffer.compare(sector.subarray(0, 5000 - last), pattern(5000).subarray(last))).toBe(0)
    yield* File.write(file, sector.fill(9), last)
    yield* File.truncate(file, last + 10)
    expect(yield* File.size(file)).toBe(BigInt(last + 10))
    expect([...readFileSync(path).subarray(last)]).toEqual(Array<number>(10).fill(9))
  })
})
