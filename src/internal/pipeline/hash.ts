/**
 * The digest of a file.
 */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import * as File from "../../File.js"
import type { HashOptions } from "../../Pipeline.js"
import * as Win32Error from "../../Win32Error.js"
import { ERROR_INVALID_PARAMETER } from "../constants.js"

const CHUNK = 512 << 10

export const hashFile = (file: File.File, options: HashOptions): Effect.Effect<string, Win32Error.Win32Error> =>
  Effect.suspend(() => {
    const { algorithm = "sha256", chunkSize = CHUNK, encoding = "hex", inFlight, onProgress } = options
    const hash = newHash(algorithm, file.path)
    if (hash instanceof Win32Error.Win32Error) return Effect.fail(hash)
    return Effect.flatMap(File.size(file), (length) => {
      const totalBytes = Number(length)
      let seen = 0
      const update = ({ bytes }: File.LentChunk): Effect.Effect<void> => {
        hash.update(bytes)
        seen += bytes.length
        onProgress?.({ bytes: seen, totalBytes })
        return Effect.void
      }
      return Effect.map(File.forEachChunk(file, { length, chunkSize, inFlight }, update), () => hash.digest(encoding))
    })
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
