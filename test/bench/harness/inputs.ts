// The files that are read, in a directory that goes when the benchmark ends, and the checksum that says that they were.
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { randomFillSync } from "node:crypto"
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Phase } from "./Scenario.js"

export const PAGE = 4096
export const MiB = 1 << 20

/**
 * Bytes from one that is looked at to the next: all of them once, and then one of each page, which costs next to
 * nothing.
 */
const STRIDES: { readonly [phase in Phase]: number } = { "warm-up": 1, measured: PAGE }

/**
 * The checksum of bytes read from `offset` on. Each byte is weighed by where it is; the parts of a file may be added in
 * any order.
 */
export const checksum = (bytes: Uint8Array, offset: number, phase: Phase): number => {
  const stride = STRIDES[phase]
  let place = Math.ceil(offset / stride)
  let sum = 0
  for (let i = place * stride - offset; i < bytes.length; i += stride) {
    sum = (sum + Math.imul(bytes[i]!, Math.imul(place++, 0x9e3779b1) | 1)) | 0
  }
  return sum
}

export interface Input {
  readonly path: string
  readonly bytes: number
  readonly checksums: { readonly [phase in Phase]: number }
  /** The first byte of each page. */
  readonly firsts: Uint8Array
}

export const directory: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => {
    const path = mkdtempSync(join(tmpdir(), "tpio-bench-"))
    // Also when the process is made to exit before its scopes have closed.
    process.once("exit", () => rmSync(path, { recursive: true, force: true }))
    return path
  }),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true, maxRetries: 3 }))
)

/** A file of random bytes, which is in the cache when this returns. */
export const randomFile = (path: string, bytes: number): Input => {
  const block = Buffer.alloc(MiB)
  const firsts = new Uint8Array(Math.ceil(bytes / PAGE))
  const checksums = { "warm-up": 0, measured: 0 }
  const fd = openSync(path, "wx")
  try {
    for (let offset = 0; offset < bytes; offset += block.length) {
      const part = randomFillSync(block).subarray(0, Math.min(block.length, bytes - offset))
      writeSync(fd, part)
      for (let i = 0; i < part.length; i += PAGE) firsts[(offset + i) / PAGE] = part[i]!
      for (const phase of ["warm-up", "measured"] as const) {
        checksums[phase] = (checksums[phase] + checksum(part, offset, phase)) | 0
      }
    }
  } finally {
    closeSync(fd)
  }
  return { path, bytes, checksums, firsts }
}

/** A file that is all hole. */
export const sparseFile = (path: string, bytes: number): void => {
  const fd = openSync(path, "wx")
  ftruncateSync(fd, bytes)
  closeSync(fd)
}

export interface Pages {
  readonly offsets: Float64Array
  readonly checksums: { readonly [phase in Phase]: number }
}

/** Reads from one whose page is looked at to the next, less one: looking takes time that is nobody's. */
const UNSEEN: { readonly [phase in Phase]: number } = { "warm-up": 0, measured: 15 }

/** Pages of the input, drawn as test/bench/native/tpio.c draws them, as offsets, and the checksums of reading them. */
export const randomPages = ({ bytes, firsts }: Input, count: number, seed: number): Pages => {
  const pages = Math.floor(bytes / PAGE)
  const offsets = new Float64Array(count)
  const [all, some] = [new SeenPages(offsets, "warm-up"), new SeenPages(offsets, "measured")]
  let state = seed
  for (let i = 0; i < count; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    const page = (state >>> 0) % pages
    offsets[i] = page * PAGE
    for (const seen of [all, some]) seen.look(i, firsts.subarray(page, page + 1))
  }
  return { offsets, checksums: { "warm-up": all.sum, measured: some.sum } }
}

/** Adds up the first bytes of pages that were read, each by which read it was. */
export class SeenPages {
  sum = 0
  readonly #unseen: number
  constructor(readonly offsets: Float64Array, phase: Phase) {
    this.#unseen = UNSEEN[phase]
  }
  readonly look = (read: number, bytes: Uint8Array): void => {
    if ((read & this.#unseen) === 0) this.sum = (this.sum + checksum(bytes, this.offsets[read]!, "measured")) | 0
  }
}

/** Adds up what it is shown. */
export class Seen {
  sum = 0
  constructor(readonly phase: Phase) {}
  readonly look = (bytes: Uint8Array, offset: number): void => {
    this.sum = (this.sum + checksum(bytes, offset, this.phase)) | 0
  }
}
