/**
 * A whole window, from or to a file or a pipe, in as many operations as it takes: the one loop, with one rule for an
 * operation that succeeds and moves nothing.
 */
import * as Effect from "effect/Effect"
import type * as Operation from "../../Operation.js"
import type * as ThreadpoolIo from "../../ThreadpoolIo.js"
import * as Win32Error from "../../Win32Error.js"
import { ERROR_INVALID_PARAMETER, ERROR_WRITE_FAULT } from "../constants.js"
import { transfer } from "../submit.js"
import { alignmentProblem } from "./alignment.js"

export interface Movable {
  readonly io: ThreadpoolIo.ThreadpoolIo
  /** Past the cache, the bytes of a sector; otherwise 1, or absent. */
  readonly alignment?: number
}

/** A read or a write. */
export type Issuable = Pick<Operation.Safe, "request">

const refused = ({ io: { handle, path } }: Movable, syscall: string, code: number, detail: string) =>
  Win32Error.make({ code, syscall, path, handle, detail })

export const misaligned = (self: Movable, { request }: Issuable) => {
  const problem = alignmentProblem(self, request)
  return problem === undefined
    ? undefined
    : Effect.fail(refused(self, request.syscall, ERROR_INVALID_PARAMETER, `Refused: ${problem}.`))
}

/** One operation, for the bytes that it transfers. */
export const move = (self: Movable, operation: Issuable): Effect.Effect<number, Win32Error.Win32Error> =>
  misaligned(self, operation) ?? transfer(self.io, operation)

/** A write that succeeds with 0 bytes: to try again would never end. */
export const nothingWritten = (self: Movable): Win32Error.Win32Error =>
  refused(self, "WriteFile", ERROR_WRITE_FAULT, "The write succeeded with 0 bytes; another try would not end.")

export interface Options {
  /** Hears of each operation that succeeds. */
  readonly moved?: ((bytes: number) => void) | undefined
  /**
   * Whether an operation that moved less than it was asked for, and came so far, was the last one. Otherwise none is.
   */
  readonly isEnd?: ((done: number) => boolean) | undefined
}

/**
 * Moves `size` bytes. `operation` answers the next one after so many bytes. Succeeds with the bytes moved, which are
 * fewer than `size` only where a read meets the end of the file. A write that moves nothing fails.
 */
export const moveAll = (
  self: Movable,
  size: number,
  operation: (done: number) => Issuable,
  { isEnd, moved }: Options = {}
): Effect.Effect<number, Win32Error.Win32Error> => {
  const from = (done: number): Effect.Effect<number, Win32Error.Win32Error> => {
    const next = operation(done)
    return Effect.flatMap(move(self, next), (bytes) => {
      moved?.(bytes)
      const now = done + bytes
      if (now === size || (bytes < next.request.length && isEnd?.(now) === true)) return Effect.succeed(now)
      // Past the cache, what is not whole sectors is the last part of the file.
      const more = bytes > 0 && now % (self.alignment ?? 1) === 0
      if (more) return from(now)
      return next.request.kind === "read" ? Effect.succeed(now) : Effect.fail(nothingWritten(self))
    })
  }
  // The operation itself says what is wrong with an empty window.
  return Effect.suspend(() => size > 0 || operation(0).request.problem !== undefined ? from(0) : Effect.succeed(0))
}
