/**
 * The digest of a file.
 */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import * as BufferPool from "../../BufferPool.js"
import * as File from "../../File.js"
import { Kernel } from "../../Kernel.js"
import type { HashOptions } from "../../Pipeline.js"
import type { PipelineError } from "../../PipelineError.js"
import * as Win32Error from "../../Win32Error.js"
import { aFunction, aNumber, aString, failNotA, InvalidArgument, oneOf, optionsOf, refusal } from "../arguments.js"
import { ERROR_INVALID_PARAMETER } from "../constants.js"
import { shapeOf } from "../file/chunks.js"
import { bytesOf, forEachOfAll, type Memory, stillIs } from "../file/everything.js"
import { isA } from "../values.js"
import { changed } from "./failures.js"

const CHUNK = 512 << 10
/** A size is a hint: a file may hold more than it says. */
const LEAST = 65_536

const readOptions = optionsOf<HashOptions>({
  algorithm: aString,
  encoding: oneOf("hex", "base64", "base64url"),
  chunkSize: aNumber,
  inFlight: aNumber,
  onProgress: aFunction
})

export const hashFile = (
  file: File.File,
  options: HashOptions
): Effect.Effect<string, PipelineError | Win32Error.Win32Error> =>
  Effect.suspend(() => {
    if (!isA(file, File.TypeId, "io")) return failNotA("File", "Pipeline.hash", file)
    const looked = readOptions(options)
    if (looked instanceof InvalidArgument) return Effect.fail(refusal("Pipeline.hash", looked, file))
    const { algorithm = "sha256", encoding = "hex", onProgress } = looked
    const hash = newHash(algorithm, file.path)
    if (hash instanceof Win32Error.Win32Error) return Effect.fail(hash)
    const shape = shapeOf(file, looked, CHUNK)
    if (typeof shape === "string") return Effect.fail(refused(file.path, `Refused: ${shape}.`))
    const unlessChanged = (before: File.Stat) =>
      Effect.flatMap(
        stillIs(file, before),
        (same) => same ? Effect.succeed(true) : Effect.fail(changed(file.path))
      )
    return Effect.flatMap(File.stat(file), (before) => {
      const size = Number(before.size)
      let seen = 0
      const update = (memory: Memory, _: number, length: number): Effect.Effect<void> => {
        hash.update(bytesOf(memory, length))
        seen += length
        onProgress?.({ bytes: seen, totalBytes: size })
        return Effect.void
      }
      const { chunkSize: chunk, inFlight } = shape
      const all = Effect.flatMap(
        BufferPool.make(Math.min(chunk, Math.max(LEAST, size <= chunk ? size : 0))),
        (buffer) => forEachOfAll(file, { from: 0, size, chunk, inFlight, buffer }, unlessChanged(before), update)
      )
      return Effect.scoped(all).pipe(
        Effect.provideService(Kernel, file.kernel),
        Effect.zipRight(unlessChanged(before)),
        Effect.map(() => hash.digest(encoding))
      )
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
