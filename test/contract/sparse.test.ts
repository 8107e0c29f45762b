/**
 * Holes: what is made zeros reads as zeros, whoever makes it so, and nothing claims a hole that is not there.
 */
import { describe, expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync, statSync } from "node:fs"
import * as File from "../../src/File.js"
import { contract, failureOf, fileOf, freshPath, pattern, refused } from "../support/claims.js"
import * as lab from "../support/lab.js"

const writing = { access: "readwrite", disposition: "openAlways" } as const
const SIZE = 200_000

contract("holes", ({ claim }) => {
  describe("zeroRange", () => {
    const zeroed = (offset: number, length: number) =>
      Effect.gen(function*() {
        const contents = pattern(SIZE)
        const path = yield* fileOf(contents)
        const file = yield* File.open(path, writing)
        yield* File.setSparse(file, true)
        const how = yield* File.zeroRange(file, offset, length)
        contents.fill(0, offset, offset + length)
        const real = readFileSync(path)
        expect(real.length).toBe(SIZE)
        expect(Buffer.compare(real, contents)).toBe(0)
        return { how, path }
      })
    claim("makes just these bytes zeros", function*() {
      for (
        const [offset, length] of [[0, 1], [4095, 2], [4096, 65_536], [12_345, 67_890], [0, SIZE], [7, 0]] as const
      ) {
        yield* zeroed(offset, length)
      }
    })
    claim("never extends the file", function*() {
      yield* zeroed(SIZE - 10, 1_000_000)
      yield* zeroed(SIZE, 10)
      yield* zeroed(SIZE + 4096, 10)
    })
    claim("says how it was done: by the system only where it has the call", function*() {
      const { how } = yield* zeroed(65_536, 65_536)
      // Wine and node have none.
      if (lab.kernelName === "portable") expect(how).toBe("written")
      expect(["system", "written"]).toContain(how)
    })
    claim("of more than a few megabytes, where it takes many writes", function*() {
      const path = yield* freshPath
      const file = yield* File.open(path, writing)
      yield* File.writeAll(file, new Uint8Array(3_500_000).fill(7), 0)
      yield* File.zeroRange(file, 100, 3_400_000)
      const real = readFileSync(path)
      expect(real.subarray(0, 100).every((byte) => byte === 7)).toBe(true)
      expect(real.subarray(100, 3_400_100).every((byte) => byte === 0)).toBe(true)
      expect(real.subarray(3_400_100).every((byte) => byte === 7)).toBe(true)
    })
    claim("refuses a range that is none, without a native call", function*() {
      const file = yield* File.open(yield* fileOf("x"), writing)
      for (const [offset, length] of [[-1, 1], [0, -1], [0.5, 1], [0, Number.NaN], [2n ** 62n, 2n ** 62n]] as const) {
        expect(yield* refused(File.zeroRange(file, offset, length))).toMatchObject({ reason: "InvalidArgument" })
      }
    })
    claim("of a file that cannot be written fails, typed", function*() {
      const path = yield* fileOf("0123456789")
      const file = yield* File.open(path)
      expect(yield* failureOf(File.zeroRange(file, 0, 5))).toMatchObject({ code: 5, reason: "PermissionDenied" })
      expect(readFileSync(path, "utf8")).toBe("0123456789")
    })
  })

  describe("setSparse", () => {
    claim("changes neither size nor contents, and a file of 1 TB takes no room", function*() {
      const path = yield* fileOf("0123456789")
      const file = yield* File.open(path, writing)
      yield* File.setSparse(file, true)
      expect(readFileSync(path, "utf8")).toBe("0123456789")
      yield* File.truncate(file, 2 ** 40)
      expect(yield* File.size(file)).toBe(BigInt(2 ** 40))
      if (lab.kernelName === "portable") expect(statSync(path).blocks * 512).toBeLessThan(1 << 20)
    })
    claim("back to none is done, or Unsupported, typed", function*() {
      const file = yield* File.open(yield* fileOf("x"), writing)
      const error = yield* Effect.flip(File.setSparse(file, false)).pipe(Effect.option)
      if (error._tag === "Some") expect(error.value).toMatchObject({ reason: "Unsupported" })
      else expect(lab.kernelName).toBe("win32")
    })
  })

  describe("allocatedRanges", () => {
    claim("tells where there is something, or is Unsupported, typed: never a guess", function*() {
      const file = yield* File.open(yield* fileOf(pattern(SIZE)), writing)
      const answer = yield* Effect.either(File.allocatedRanges(file, {}))
      if (answer._tag === "Left") {
        return expect(answer.left).toMatchObject({
          reason: "Unsupported",
          syscall: "DeviceIoControl(FSCTL_QUERY_ALLOCATED_RANGES)"
        })
      }
      expect(lab.kernelName).toBe("win32")
      const covered = answer.right.reduce((sum, { length }) => sum + length, 0n)
      expect(covered).toBeGreaterThanOrEqual(BigInt(SIZE))
    })
    claim("refuses a range that is none, without a native call", function*() {
      const file = yield* File.open(yield* fileOf("x"))
      for (const range of [{ offset: -1 }, { length: -1 }, { offset: 2n ** 62n, length: 2n ** 62n }]) {
        expect(yield* refused(File.allocatedRanges(file, range))).toMatchObject({ reason: "InvalidArgument" })
      }
    })
  })
})
