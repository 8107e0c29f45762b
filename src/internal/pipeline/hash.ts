/**
 * The digest of a file.
 */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import * as BufferPool from "../../BufferPool.js"
import * as File from "../../File.js"
import type { Kernel } from "../../Kernel.js"
import type { HashOptions } from "../../Pipeline.js"
import * as Win32Error from "../../Win32Error.js"
import { ERROR_INVALID_PARAMETER } from "../constants.js"
import { forEachChunk, InOrder, readChunk } from "./chunks.js"

const CHUNK = 512 << 10
const IN_FLIGHT = 4

export const hashFile = (
  file: File.File,
  options: HashOptions
): Effect.Effect<string, Win32Error.Win32Error, Kernel> =>
  Effect.suspend(() => {
    const chunk = options.chunkSize ?? CHUNK
    const depth = options.inFlight ?? IN_FLIGHT
    const hash = newHash(options.algorithm ?? "sha256", file.path)
    if (hash instanceof Win32Error.Win32Error) return Effect.fail(hash)
    for (const [name, value] of Object.entries({ chunkSize: chunk, inFlight: depth })) {
      if (!Number.isSafeInteger(value) || value < 1) {
        return Effect.fail(refused(file.path, `${name} must be at least 1.`))
      }
    }
    const order = new InOrder()
    return Effect.scoped(
      Effect.flatMap(File.size(file), (size) =>
        Effect.flatMap(BufferPool.make(chunk), (buffer) =>
          forEachChunk({ from: 0, to: Number(size), chunk, depth }, buffer, (one) =>
            Effect.flatMap(readChunk(file, one), (bytes) =>
              order.pass(one.index, () => {
                hash.update(one.buffer.bytes.subarray(0, bytes))
                options.onProgress?.({ bytes: Math.min(one.offset + bytes, Number(size)), totalBytes: Number(size) })
              })))))
    ).pipe(Effect.map(() =>
      hash.digest(options.encoding ?? "hex")
    ))
  })

const refused = (path: string, detail: string, cause?: unknown) =>
  Win32Error.make({ code: ERROR_INVALID_PARAMETER, syscall: "Pipeline.hash", path, detail, cause })

const newHash = (algorithm: string, path: string) => {
  try {
    return createHash(algorithm)
  } catch (cause) {
    return refused(path, `There is no algorithm ${JSON.stringify(algorithm)}; crypto.getHashes() lists them.`, cause)
  }
}
