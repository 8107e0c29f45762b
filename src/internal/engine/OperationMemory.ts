/**
 * The memory of an operation: its ranges, which no other one in flight may conflict with, the block that the kernel
 * uses, and the copies from and to memory of the caller's.
 */
import { ERROR_NOT_ENOUGH_MEMORY } from "../constants.js"
import { isDetached } from "../values.js"
import { Lease, poolMemory } from "./BufferPool.js"
import type { Engine } from "./Engine.js"
import type { Operation } from "./Operation.js"
import * as Segments from "./Segments.js"

const OF_ANOTHER = "the pool buffer was made by another kernel"

/** Why the operation must not be made, or `undefined`; takes its ranges otherwise. */
export const take = (engine: Engine, operation: Operation): string | undefined => {
  const { access, length, memory, segments, start } = operation.request
  if (segments !== undefined) return takeSegments(engine, operation, segments)
  if (memory === undefined) return undefined
  if (memory instanceof Lease) {
    if (memory.block === undefined) return "the pool buffer has been returned"
    if (!memory.isOf(engine.buffers)) return OF_ANOTHER
    operation.rangeStart = start
    operation.ranges = memory.ranges
  } else {
    // Checked again here: between making the value and submitting it, the memory may have been transferred away.
    const trouble = callersMemoryTrouble(memory, length)
    if (trouble !== undefined) return trouble
    operation.rangeStart = memory.byteOffset + start
    operation.ranges = engine.rangesOf(memory.buffer)
  }
  operation.rangeEnd = operation.rangeStart + length
  if (length === 0) operation.ranges = undefined
  else if (!operation.ranges.add(operation, access === "kernel-writes")) {
    operation.ranges = undefined
    return "the buffer overlaps that of an operation in flight, and one of the two is written by the kernel"
  }
  return undefined
}

const takeSegments = (
  engine: Engine,
  operation: Operation,
  segments: ReadonlyArray<Segments.Segment>
): string | undefined => {
  const trouble = segmentsTrouble(segments)
  if (trouble !== undefined) return trouble
  if (segments.some(({ memory }) => memory instanceof Lease && !memory.isOf(engine.buffers))) return OF_ANOTHER
  const { access } = operation.request
  operation.parts = Segments.take(segments, access, (buffer) => engine.rangesOf(buffer))
  return operation.parts === undefined
    ? "a buffer overlaps another, or that of an operation in flight, and one of the two is written by the kernel"
    : undefined
}

/** Gives the operation memory that the kernel may use, filled with what it reads; or says why it cannot. */
export const prepare = (engine: Engine, operation: Operation): string | undefined =>
  prepareMemory(engine, operation) ?? prepareInput(engine, operation)

const prepareMemory = (engine: Engine, operation: Operation): string | undefined => {
  const { access, length, memory, segments, start } = operation.request
  if (segments !== undefined) return prepareSegments(engine, operation, segments)
  if (memory === undefined) return undefined
  if (memory instanceof Lease) {
    if (memory.block === undefined) return "the pool buffer has been returned"
    operation.block = memory.block
    operation.start = start
    return undefined
  }
  const trouble = callersMemoryTrouble(memory, length)
  if (trouble !== undefined) return trouble
  operation.block = engine.buffers.acquire(length)
  if (operation.block === undefined) return noMemory(operation)
  if (access === "kernel-reads" && length > 0) {
    operation.block.bytes.set(
      start === 0 && length === memory.length ? memory : memory.subarray(start, start + length)
    )
  }
  return undefined
}

const prepareSegments = (
  engine: Engine,
  operation: Operation,
  segments: ReadonlyArray<Segments.Segment>
): string | undefined => {
  const trouble = segmentsTrouble(segments)
  if (trouble !== undefined) return trouble
  const { access, kind, length } = operation.request
  const inPlace = kind === "scatter" || kind === "gather"
  const block = engine.buffers.acquire(inPlace ? Segments.elementsSize(segments) : length)
  if (block === undefined) return noMemory(operation)
  if (inPlace) {
    operation.input = block
    Segments.writeElements(segments, block.bytes)
  } else {
    operation.block = block
    if (access === "kernel-reads") Segments.gather(segments, block.bytes)
  }
  return undefined
}

const prepareInput = (engine: Engine, operation: Operation): string | undefined => {
  const { input } = operation.request
  if (input === undefined) return undefined
  operation.input = engine.buffers.acquire(input.length)
  if (operation.input === undefined) return noMemory(operation)
  operation.input.bytes.set(input)
  return undefined
}

const noMemory = (operation: Operation): string => {
  operation.status = ERROR_NOT_ENOUGH_MEMORY
  return "no memory for a buffer"
}

/** The kernel has let go: copies what has come into memory of the caller's, and gives everything back. */
export const release = (engine: Engine, operation: Operation): void => {
  const { access, memory, segments, start } = operation.request
  operation.ranges?.remove(operation)
  if (segments !== undefined) releaseSegments(engine, operation, segments)
  else if (memory instanceof Lease) memory.settled()
  else if (operation.block !== undefined) {
    // The copy is made before anyone is told; afterwards the caller's memory is not touched again.
    const bytes = Math.min(operation.bytes, operation.length)
    if (access === "kernel-writes" && bytes > 0 && memory!.byteLength >= start + bytes) {
      memory!.set(operation.block.bytes.subarray(0, bytes), start)
    }
    engine.buffers.release(operation.block)
  }
  if (operation.input !== undefined) engine.buffers.release(operation.input)
  operation.block = operation.input = undefined
}

const releaseSegments = (
  engine: Engine,
  operation: Operation,
  segments: ReadonlyArray<Segments.Segment>
): void => {
  const { block, bytes, length, request } = operation
  if (block !== undefined) {
    if (request.access === "kernel-writes") Segments.spread(segments, block.bytes, Math.min(bytes, length))
    engine.buffers.release(block)
  }
  if (operation.parts !== undefined) Segments.giveBack(operation.parts)
  operation.parts = undefined
}

/**
 * The kernel may still use the block, though no operation waits for it any more. A caller's own memory is safe: the
 * kernel has only a copy of it. A buffer of the pool stays out of use.
 */
export const abandon = (operation: Operation): void => {
  if (!(operation.request.memory instanceof Lease)) operation.ranges?.remove(operation)
  if (operation.block !== undefined && operation.parts !== undefined) Segments.giveBack(operation.parts)
}

const segmentsTrouble = (segments: ReadonlyArray<Segments.Segment>): string | undefined => {
  for (const { length, memory, start } of segments) {
    const trouble = memory instanceof Lease
      ? memory.block === undefined ? "a pool buffer has been returned" : undefined
      : callersMemoryTrouble(memory, start + length)
    if (trouble !== undefined) return trouble
  }
  return undefined
}

/** Memory of the caller's that cannot be copied safely; typed, before any native call. */
export const callersMemoryTrouble = (memory: Uint8Array, length: number): string | undefined => {
  const { buffer } = memory
  if (typeof SharedArrayBuffer !== "undefined" && buffer instanceof SharedArrayBuffer) return "the buffer is shared"
  if (poolMemory.has(buffer)) return "the bytes are a pool buffer's: give the PoolBuffer itself"
  if ((buffer as { readonly resizable?: boolean }).resizable === true) return "the buffer is resizable"
  if (memory.byteLength < length) return "the buffer is detached or too short"
  if (memory.byteLength === 0 && isDetached(buffer)) return "the buffer is detached"
  return undefined
}
