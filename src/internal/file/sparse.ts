/**
 * Holes in files, by the control codes of the file system; and by plain writes, where there are none and that comes to
 * the same.
 */
import * as Effect from "effect/Effect"
import type { AllocatedRange, File, RangeOptions } from "../../File.js"
import * as Operation from "../../Operation.js"
import * as ThreadpoolIo from "../../ThreadpoolIo.js"
import type * as Win32Error from "../../Win32Error.js"
import { aBoolean, anOffset, InvalidArgument, optionsOf, refusal, wrong } from "../arguments.js"
import { FILE_ALLOCATED_RANGE_BUFFER } from "../constants.js"
import * as c from "../constants.js"
import { offsetProblem } from "../offset.js"
import { size } from "./attributes.js"
import { writeAll } from "./readWrite.js"
import { isGenuine, notAFile, refused } from "./self.js"

const LARGEST = 2n ** 63n - 1n

const fail = (self: File, code: number, detail: string) => Effect.fail(refused(self, "DeviceIoControl", detail, code))

/** `FILE_ZERO_DATA_INFORMATION`, `FILE_ALLOCATED_RANGE_BUFFER`: two LARGE_INTEGERs. */
const bytesOf = (...numbers: ReadonlyArray<bigint>): Uint8Array => {
  const bytes = new Uint8Array(numbers.length * 8)
  const view = new DataView(bytes.buffer)
  numbers.forEach((number, index) => view.setBigInt64(index * 8, number, true))
  return bytes
}

/** The first byte, and the first one behind. */
const boundsOf = (offset: number | bigint, length: number | bigint | undefined): readonly [bigint, bigint] | string => {
  const problem = offsetProblem(offset) ?? (length === undefined ? undefined : offsetProblem(length))
  if (problem !== undefined) return `Refused: ${problem}.`
  const from = BigInt(offset)
  const end = length === undefined ? LARGEST : from + BigInt(length)
  return end > LARGEST ? "Refused: the range ends beyond 2^63 - 1." : [from, end]
}

/**
 * On POSIX every file may have holes, where its file system knows any: there is nothing to set, and nothing to take
 * back.
 */
export const setSparse = (self: File, sparse: boolean): Effect.Effect<void, Win32Error.Win32Error> =>
  Effect.suspend(() => {
    if (!isGenuine(self)) return notAFile("DeviceIoControl", self)
    const problem = wrong("sparse", sparse, aBoolean)
    if (problem !== undefined) return Effect.fail(refusal("DeviceIoControl", problem, self))
    if (sparse && !self.kernel.engine.kernel.sparseByRequest) return Effect.void
    const input = new Uint8Array([sparse ? 1 : 0])
    return Effect.asVoid(ThreadpoolIo.submit(self.io, Operation.deviceIoControl({ code: "FSCTL_SET_SPARSE", input })))
  })

// --- zeros

const isUnsupported = (error: Win32Error.Win32Error): boolean => error.reason === "Unsupported"

const PIECE = 1 << 20
let zeros: Uint8Array | undefined

export const zeroRange = (
  self: File,
  offset: number | bigint,
  length: number | bigint
): Effect.Effect<"system" | "written", Win32Error.Win32Error> => {
  if (!isGenuine(self)) return notAFile("DeviceIoControl", self)
  // Not to the end of everything, when the length is missing.
  const bounds = length === undefined ? "Refused: the length is missing." : boundsOf(offset, length)
  if (typeof bounds === "string") return fail(self, c.ERROR_INVALID_PARAMETER, bounds)
  const [from, end] = bounds
  const write = (at: bigint, last: bigint): Effect.Effect<void, Win32Error.Win32Error> =>
    Effect.suspend(() => {
      if (at >= last) return Effect.void
      zeros ??= new Uint8Array(PIECE)
      const count = last - at < PIECE ? Number(last - at) : PIECE
      return Effect.flatMap(writeAll(self, zeros.subarray(0, count), at), () => write(at + BigInt(count), last))
    })
  const written = Effect.flatMap(size(self), (size) => write(from, end < size ? end : size))
  const input = bytesOf(from, end)
  return ThreadpoolIo.submit(self.io, Operation.deviceIoControl({ code: "FSCTL_SET_ZERO_DATA", input })).pipe(
    Effect.as("system" as const),
    Effect.catchIf(isUnsupported, () => Effect.as(written, "written" as const))
  )
}

// --- what takes room

const readOptions = optionsOf<RangeOptions>({ offset: anOffset, length: anOffset })

/** The number of ranges that one page holds. */
const OUTPUT_BYTES = c.PAGE_SIZE

export const allocatedRanges = (
  self: File,
  options: RangeOptions
): Effect.Effect<ReadonlyArray<AllocatedRange>, Win32Error.Win32Error> =>
  Effect.suspend(() => {
    if (!isGenuine(self)) return notAFile("DeviceIoControl", self)
    const looked = readOptions(options)
    if (looked instanceof InvalidArgument) return Effect.fail(refusal("DeviceIoControl", looked, self))
    const bounds = boundsOf(looked.offset ?? 0, looked.length)
    if (typeof bounds === "string") return fail(self, c.ERROR_INVALID_PARAMETER, bounds)
    const output = new Uint8Array(OUTPUT_BYTES)
    const found: Array<AllocatedRange> = []
    const end = bounds[1]
    const page = (from: bigint): Effect.Effect<ReadonlyArray<AllocatedRange>, Win32Error.Win32Error> =>
      Effect.flatMap(
        ThreadpoolIo.submit(
          self.io,
          Operation.deviceIoControl({ code: "FSCTL_QUERY_ALLOCATED_RANGES", input: bytesOf(from, end - from), output })
        ),
        ({ bytesTransferred, status }) => {
          const before = found.length
          found.push(...rangesIn(output, bytesTransferred))
          if (status !== c.ERROR_MORE_DATA) return Effect.succeed(found)
          const last = found[found.length - 1]
          const next = last === undefined ? from : last.offset + last.length
          return found.length > before && next > from
            ? page(next)
            : fail(self, c.ERROR_MORE_DATA, "The system says that there are more ranges, and brings none.")
        }
      )
    return page(bounds[0])
  })

const rangesIn = (output: Uint8Array, bytes: number): ReadonlyArray<AllocatedRange> => {
  const view = new DataView(output.buffer, output.byteOffset, bytes)
  const { FileOffset, Length, size } = FILE_ALLOCATED_RANGE_BUFFER
  return Array.from({ length: Math.floor(bytes / size) }, (_, index) => ({
    offset: view.getBigInt64(index * size + FileOffset, true),
    length: view.getBigInt64(index * size + Length, true)
  }))
}
