/**
 * The digest of a file.
 */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import * as File from "../../File.js"
import type { HashOptions } from "../../Pipeline.js"
import * as Win32Error from "../../Win32Error.js"
import { aFunction, aNumber, aString, failNotA, oneOf, optionsOf, refusal, Wrong } from "../arguments.js"
import { ERROR_INVALID_PARAMETER } from "../constants.js"
import { isA } from "../values.js"

const CHUNK = 512 << 10

const lookAtOptions = optionsOf<HashOptions>({
  algorithm: aString,
  encoding: oneOf("hex", "base64", "base64url"),
  chunkSize: aNumber,
  inFlight: aNumber,
  onProgress: aFunction
})

export const hashFile = (file: File.File, options: HashOptions): Effect.Effect<string, Win32Error.Win32Error> =>
  Effect.suspend(() => {
    if (!isA(file, File.TypeId, "io")) return failNotA("File", "Pipeline.hash", file)
    const looked = lookAtOptions(options)
    if (looked instanceof Wrong) return Effect.fail(refusal("Pipeline.hash", looked, file))
    const { algorithm = "sha256", chunkSize = CHUNK, encoding = "hex", inFlight, onProgress } = looked
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
