/**
 * The memory of a vectored operation: several pieces, in order, as if they were one. The kernel gets them as they are,
 * page by page (`ReadFileScatter`, `WriteFileGather`), or through one block of the pool, of which each has its part.
 */
import { PAGE_SIZE } from "../constants.js"
import type { Access } from "../kernel/Kernel.js"
import { Lease } from "./BufferPool.js"
import type { Ranged, Ranges } from "./Ranges.js"

export interface Segment {
  readonly memory: Lease | Uint8Array
  readonly start: number
  readonly length: number
}

/** `FILE_SEGMENT_ELEMENT`: one page each, and a NULL at the end. */
const ELEMENT = 8

/** A segment's bytes, taken for an operation in flight. */
export class Part implements Ranged {
  readonly rangeStart: number
  readonly rangeEnd: number

  constructor(readonly memory: Lease | Uint8Array, readonly ranges: Ranges, start: number, length: number) {
    this.rangeStart = memory instanceof Lease ? start : memory.byteOffset + start
    this.rangeEnd = this.rangeStart + length
  }
}

/**
 * Takes all of them or none; `undefined` when one overlaps what is in flight, or another, and the kernel writes either.
 */
export const take = (
  segments: ReadonlyArray<Segment>,
  access: Access,
  rangesOf: (buffer: ArrayBufferLike) => Ranges
): ReadonlyArray<Part> | undefined => {
  const parts: Array<Part> = []
  for (const { length, memory, start } of segments) {
    if (length === 0) continue
    const part = new Part(memory, memory instanceof Lease ? memory.ranges : rangesOf(memory.buffer), start, length)
    if (!part.ranges.add(part, access === "kernel-writes")) {
      giveBack(parts)
      return undefined
    }
    parts.push(part)
  }
  return parts
}

export const giveBack = (parts: ReadonlyArray<Part>): void => {
  for (const part of parts) part.ranges.remove(part)
  for (const { memory } of parts) if (memory instanceof Lease) memory.settled()
}

/** The caller's bytes, one after the other. */
export const gather = (segments: ReadonlyArray<Segment>, into: Uint8Array): void => {
  let at = 0
  for (const { length, memory, start } of segments) {
    // A detached segment has none, and cannot be asked.
    if (length === 0) continue
    const bytes = memory instanceof Lease ? memory.block!.bytes : memory
    into.set(bytes.subarray(start, start + length), at)
    at += length
  }
}

/**
 * Copies the `total` bytes that have been read to their segments. A segment that was detached meanwhile gets nothing.
 */
export const spread = (segments: ReadonlyArray<Segment>, from: Uint8Array, total: number): void => {
  let at = 0
  for (const { length, memory, start } of segments) {
    const count = Math.min(length, total - at)
    if (count < 0) return
    const bytes = memory instanceof Lease ? memory.block?.bytes : memory
    if (bytes !== undefined && count > 0 && bytes.byteLength >= start + count) {
      bytes.set(from.subarray(at, at + count), start)
    }
    at += length
  }
}

export const elementsSize = (segments: ReadonlyArray<Segment>): number =>
  ELEMENT * (segments.reduce((pages, { length }) => pages + length / PAGE_SIZE, 0) + 1)

/** Every page of every segment, which are whole pages of the pool's. */
export const writeElements = (segments: ReadonlyArray<Segment>, into: Uint8Array): void => {
  const view = new DataView(into.buffer, into.byteOffset, into.byteLength)
  let at = 0
  for (const { length, memory, start } of segments) {
    const address = (memory as Lease).block!.address + start
    for (let page = 0; page < length; page += PAGE_SIZE, at += ELEMENT) {
      view.setBigUint64(at, BigInt(address + page), true)
    }
  }
  view.setBigUint64(at, 0n, true)
}
