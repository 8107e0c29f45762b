/**
 * Reading and writing: one operation, or as many as a whole buffer takes.
 */
import * as Effect from "effect/Effect"
import type { PoolBuffer } from "../../BufferPool.js"
import type { Completion } from "../../Completion.js"
import type { File } from "../../File.js"
import * as Operation from "../../Operation.js"
import * as ThreadpoolIo from "../../ThreadpoolIo.js"
import type { Win32Error } from "../../Win32Error.js"
import { ERROR_HANDLE_EOF } from "../constants.js"
import { advance, offsetProblem } from "../offset.js"
import { isOperation, vectored } from "../operation.js"
import { sizeOf } from "../operation/window.js"
import { type Issuable, misaligned, move, moveAll } from "./moveAll.js"
import { isGenuine, notAFile, refused } from "./self.js"

type Memory = PoolBuffer | Uint8Array

export const submit = (self: File, operation: Operation.Safe): Effect.Effect<Completion, Win32Error> =>
  isGenuine(self) && isOperation(operation)
    ? misaligned(self, operation) ?? ThreadpoolIo.submit(self.io, operation)
    : ThreadpoolIo.submit(isGenuine(self) ? self.io : self as never, operation)

/** The same for the bytes transferred. */
const transfer = (self: File, operation: Issuable): Effect.Effect<number, Win32Error> =>
  isGenuine(self) ? move(self, operation) : notAFile(operation.request.syscall, self)

/** The same at a position. `Operation` takes one that is missing for 0; here it is a mistake. */
const transferAt = (
  self: File,
  offset: number | bigint | undefined,
  operation: Issuable
): Effect.Effect<number, Win32Error> =>
  offset === undefined && isGenuine(self)
    ? Effect.fail(refused(self, operation.request.syscall, "Refused: the offset is missing."))
    : transfer(self, operation)

export const read = (self: File, buffer: Memory, offset: number | bigint): Effect.Effect<number, Win32Error> =>
  transferAt(self, offset, Operation.read({ buffer, offset }))

export const write = (self: File, buffer: Memory, offset: number | bigint): Effect.Effect<number, Win32Error> =>
  transferAt(self, offset, Operation.write({ buffer, offset }))

export const append = (self: File, buffer: Memory): Effect.Effect<number, Win32Error> =>
  transfer(self, Operation.append({ buffer }))

export const readExact = (self: File, buffer: Memory, offset: number | bigint): Effect.Effect<void, Win32Error> =>
  Effect.flatMap(
    whole(self, buffer, offset, Operation.read),
    (isWhole) =>
      isWhole
        ? Effect.void
        : Effect.fail(
          refused(
            self,
            "ReadFile",
            "The file ends before the buffer is full: `File.read` answers with what there is.",
            ERROR_HANDLE_EOF
          )
        )
  )

export const writeAll = (self: File, buffer: Memory, offset: number | bigint): Effect.Effect<void, Win32Error> =>
  Effect.asVoid(whole(self, buffer, offset, Operation.write))

/** The most that one operation of `whole` moves: what a copy of the caller's memory costs stays bounded. */
const PIECE = 4 << 20

/** Moves the whole buffer; answers whether the file held as much. */
const whole = (
  self: File,
  buffer: Memory,
  offset: number | bigint,
  make: (options: Operation.Options) => Operation.Safe
): Effect.Effect<boolean, Win32Error> => {
  const size = sizeOf(buffer)
  // It says what is wrong with it.
  if (size === undefined || !isGenuine(self) || offsetProblem(offset, size) !== undefined) {
    return Effect.as(transferAt(self, offset, make({ buffer, offset })), true)
  }
  return Effect.map(
    moveAll(
      self,
      size,
      (done) => make({ buffer, start: done, length: Math.min(PIECE, size - done), offset: advance(offset, done) })
    ),
    (moved) => moved === size
  )
}

export const readVectored = (
  self: File,
  buffers: ReadonlyArray<Operation.Segment>,
  offset: number | bigint
): Effect.Effect<number, Win32Error> => transferVectored(self, "read", buffers, offset)

export const writeVectored = (
  self: File,
  buffers: ReadonlyArray<Operation.Segment>,
  offset: number | bigint
): Effect.Effect<number, Win32Error> => transferVectored(self, "write", buffers, offset)

const transferVectored = (
  self: File,
  kind: "read" | "write",
  buffers: ReadonlyArray<Operation.Segment>,
  offset: number | bigint
): Effect.Effect<number, Win32Error> => {
  const inPlace = isGenuine(self) && self.unbuffered && self.kernel.engine.kernel.passesCache === true
  return transferAt(self, offset, vectored(kind, { buffers, offset }, inPlace))
}
