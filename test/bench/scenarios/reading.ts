// The ways to read a file from its beginning to its end that others offer. Each shows `look` every byte.
import { FileSystem } from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { closeSync, createReadStream, openSync, read, readSync } from "node:fs"
import { open } from "node:fs/promises"
import { promised } from "../harness/Bench.js"

/** Gets what was read, lent until it returns, and where in the file that is. */
export type Look = (bytes: Uint8Array, offset: number) => void

export type Read<R = never> = (path: string, chunk: number, look: Look) => Effect.Effect<void, unknown, R>

/** In order: counts where a piece is. */
export const inOrder = (look: Look): (bytes: Uint8Array) => void => {
  let offset = 0
  return (bytes) => {
    look(bytes, offset)
    offset += bytes.length
  }
}

export const readSynchronously: Read = (path, chunk, look) =>
  Effect.sync(() => {
    const see = inOrder(look)
    const buffer = Buffer.allocUnsafeSlow(chunk)
    const fd = openSync(path, "r")
    try {
      for (let bytes; (bytes = readSync(fd, buffer)) > 0;) see(bytes === chunk ? buffer : buffer.subarray(0, bytes))
    } finally {
      closeSync(fd)
    }
  })

/**
 * Four positional `fs.read` in flight, into four buffers that go round: what node can do at best without blocking. With
 * a fifth one the next read begins before a piece is looked at, as ours does.
 */
export const fourReads = (order: "as completed" | "in order", buffers: 4 | 5 = 4): Read => (path, chunk, look) =>
  promised(() => fourReadsOf(path, chunk, look, order, buffers))

const fourReadsOf = (
  path: string,
  chunk: number,
  look: Look,
  order: "as completed" | "in order",
  buffers: 4 | 5
): Promise<void> =>
  new Promise((resolve, reject) => {
    let spare = buffers === 5 ? Buffer.allocUnsafeSlow(chunk) : undefined
    const fd = openSync(path, "r")
    const done: Array<Uint8Array | undefined> = [undefined, undefined, undefined, undefined]
    let next = 0
    let seen = 0
    let working = done.length
    let failure: unknown
    const stop = (): void => {
      if (--working > 0) return
      closeSync(fd)
      if (failure === undefined) resolve()
      else reject(failure)
    }
    const issue = (buffer: Buffer): void => {
      const piece = next++
      read(fd, buffer, 0, chunk, piece * chunk, (error, bytes) => {
        failure ??= error ?? undefined
        if (failure !== undefined || bytes === 0) return stop()
        if (order === "in order") return turn(piece, buffer, bytes)
        look(bytes === chunk ? buffer : buffer.subarray(0, bytes), piece * chunk)
        issue(buffer)
      })
    }
    /** Takes the pieces that have come, as long as none before them is missing. */
    const turn = (piece: number, buffer: Buffer, bytes: number): void => {
      done[piece % done.length] = bytes === chunk ? buffer : buffer.subarray(0, bytes)
      for (let ready; (ready = done[seen % done.length]) !== undefined;) {
        done[seen % done.length] = undefined
        const offset = seen++ * chunk
        if (spare !== undefined) issue(spare)
        look(ready, offset)
        const buffer = ready.length === chunk ? ready as Buffer : Buffer.allocUnsafeSlow(chunk)
        if (spare === undefined) issue(buffer)
        else spare = buffer as Buffer<ArrayBuffer>
      }
    }
    for (let i = 0; i < done.length; i++) issue(Buffer.allocUnsafeSlow(chunk))
  })

/** Four in flight, each read into memory that nobody has used: what chunks of the consumer's own cost at best. */
export const freshReads: Read = (path, chunk, look) =>
  promised(() =>
    new Promise<void>((resolve, reject) => {
      const fd = openSync(path, "r")
      let next = 0
      let working = 4
      const stop = (): void => {
        if (--working > 0) return
        closeSync(fd)
        resolve()
      }
      const issue = (): void => {
        const buffer = Buffer.allocUnsafeSlow(chunk)
        const offset = chunk * next++
        read(fd, buffer, 0, chunk, offset, (error, bytes) => {
          if (error !== null) return reject(error)
          if (bytes === 0) return stop()
          look(bytes === chunk ? buffer : buffer.subarray(0, bytes), offset)
          issue()
        })
      }
      for (let i = 0; i < 4; i++) issue()
    })
  )

export const readPromises: Read = (path, chunk, look) =>
  promised(async () => {
    const see = inOrder(look)
    const buffer = Buffer.allocUnsafeSlow(chunk)
    const file = await open(path, "r")
    try {
      for (;;) {
        const { bytesRead } = await file.read(buffer, 0, chunk)
        if (bytesRead === 0) break
        see(bytesRead === chunk ? buffer : buffer.subarray(0, bytesRead))
      }
    } finally {
      await file.close()
    }
  })

export const readStream: Read = (path, chunk, look) =>
  promised(() =>
    new Promise<void>((resolve, reject) => {
      createReadStream(path, { highWaterMark: chunk }).on("data", inOrder(look) as (bytes: unknown) => void)
        .once("end", resolve).once("error", reject)
    })
  )

export const fileSystemStream: Read<FileSystem> = (path, chunk, look) =>
  Effect.flatMap(FileSystem, (fs) => {
    const see = inOrder(look)
    return Stream.runForEach(fs.stream(path, { chunkSize: chunk }), (bytes) => Effect.sync(() => see(bytes)))
  })
