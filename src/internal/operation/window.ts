/**
 * The part of a buffer that an operation is about, or what is wrong with it.
 */
import type { PoolBuffer } from "../../BufferPool.js"
import { InvalidArgument } from "../arguments.js"
import { MAXDWORD } from "../constants.js"
import { callersMemoryTrouble } from "../engine/OperationMemory.js"
import type { Segment } from "../engine/Segments.js"
import { PoolBufferImpl } from "../PoolBuffer.js"
import { isDetached, isInstance, plainBytes, shown } from "../values.js"

/** The bytes that a buffer holds; `undefined`: it is none, is detached, or cannot be looked at. */
export const sizeOf = (buffer: PoolBuffer | Uint8Array): number | undefined =>
  isInstance(buffer, PoolBufferImpl) ? buffer.size : sizeOfBytes(plainBytes(buffer))

const sizeOfBytes = (bytes: Uint8Array | undefined): number | undefined =>
  bytes !== undefined && isDetached(bytes.buffer) ? undefined : bytes?.byteLength

/** In the place of memory that is none. */
export const NOTHING = new Uint8Array(0)

export interface Window {
  readonly memory: Segment["memory"]
  readonly start: number
  readonly length: number
  readonly problem: string | undefined
}

export interface WindowOptions {
  readonly start?: number | undefined
  readonly length?: number | undefined
}

export const window = (given: PoolBuffer | Uint8Array, options: WindowOptions): Window => {
  const pooled = isInstance(given, PoolBufferImpl)
  const memory = pooled ? given.lease : plainBytes(given)
  if (memory === undefined) {
    const problem = `the buffer must be a PoolBuffer of this library or a Uint8Array, not ${shown(given)}`
    return { memory: NOTHING, start: 0, length: 0, problem }
  }
  const size = pooled ? given.size : (memory as Uint8Array).byteLength
  const start = options.start ?? 0
  const length = options.length ?? (typeof start === "number" ? size - start : 0)
  const problem =
    !Number.isInteger(start) || !Number.isInteger(length) || start < 0 || length < 0 || start + length > size
      ? `the window from ${shown(start)}, ${shown(length)} long, is not within the buffer of ${size} bytes`
      : length > MAXDWORD
      ? `a request is at most ${MAXDWORD} bytes long (a DWORD), not ${length}: split it`
      : pooled
      ? undefined
      : callersMemoryTrouble(memory as Uint8Array, length)
  return { memory, start, length, problem }
}

/** The window that options name, once they have been read. */
export const windowOf = (
  options: InvalidArgument | WindowOptions & { readonly buffer: PoolBuffer | Uint8Array }
): Window => options instanceof InvalidArgument ? nowhere(options) : window(options.buffer, options)

/** The window of options that are wrong. */
export const nowhere = ({ problem }: InvalidArgument): Window => ({ memory: NOTHING, start: 0, length: 0, problem })
