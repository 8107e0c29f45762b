/**
 * A file as text. Node aborts the process, or answers an empty string, when it decodes more than a string can hold.
 */
import type * as PlatformError from "@effect/platform/Error"
import * as Effect from "effect/Effect"
import { constants } from "node:buffer"
import { TextDecoder } from "node:util"
import type { Kernel } from "../../Kernel.js"
import * as contents from "./contents.js"
import { badArgument, systemError } from "./errors.js"
import { using } from "./opening.js"

/** UTF-16 code units that a string holds, at most. */
const MOST = constants.MAX_STRING_LENGTH

/** Bytes of one code unit, at most, in any encoding; the escape sequences of ISO-2022-JP do not count. */
const BYTES_OF_A_UNIT = 4

/** Bytes decoded at once where not all of them may fit. */
const PIECE = 1 << 20

/**
 * The text, or `undefined` when no string can hold it. No encoding makes more code units than there are bytes: up to
 * `most` bytes are decoded at once, more of them in pieces whose lengths are added up.
 */
export const decode = (decoder: TextDecoder, bytes: Uint8Array, most = MOST, piece = PIECE): string | undefined => {
  if (bytes.length <= most) return decoder.decode(bytes)
  let text = ""
  for (let at = 0; at < bytes.length; at += piece) {
    const more = decoder.decode(bytes.subarray(at, at + piece), { stream: at + piece < bytes.length })
    if (text.length + more.length > most) return undefined
    text += more
  }
  return text
}

const METHOD = "readFileString"

const tooLong = (path: string): PlatformError.PlatformError =>
  systemError("InvalidData", METHOD, path, `the text has more than the ${MOST} characters that a string can hold`)

/** Errors of a file that cannot be read name `readFile`, as @effect/platform has it. */
export const read = (
  kernel: Kernel.Service,
  path: string,
  encoding?: string
): Effect.Effect<string, PlatformError.PlatformError> =>
  using(kernel, { method: "readFile", path, flag: "r", hint: "sequential" }, (file) =>
    Effect.flatMap(
      contents.read(file, (size) => size > BigInt(MOST) * BigInt(BYTES_OF_A_UNIT) ? tooLong(path) : undefined),
      (bytes) => decoded(path, bytes, encoding)
    ))

const decoded = (path: string, bytes: Uint8Array, encoding: string | undefined) =>
  Effect.flatMap(
    Effect.try({
      try: () => decode(new TextDecoder(encoding), bytes),
      catch: (cause) => badArgument(METHOD, "invalid encoding", cause)
    }),
    (text) => text === undefined ? Effect.fail(tooLong(path)) : Effect.succeed(text)
  )
