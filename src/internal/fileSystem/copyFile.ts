/**
 * One file into another: in place, as node copies it, so that what links to the copy goes on doing so. What has been begun
 * and does not end is removed.
 */
import type * as PlatformError from "@effect/platform/Error"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as File from "../../File.js"
import type { Kernel } from "../../Kernel.js"
import type { Win32Error } from "../../Win32Error.js"
import { FILE_ATTRIBUTE_READONLY } from "../constants.js"
import { fromWin32 } from "./errors.js"
import { nodeCall } from "./nodeCall.js"
import { using } from "./opening.js"

export interface CopyOptions {
  readonly method: string
  readonly from: string
  readonly to: string
  /** Also the time of the last access. Windows keeps that of the last change anyway. */
  readonly preserveTimestamps: boolean
}

type Failing<A> = Effect.Effect<A, PlatformError.PlatformError>

export const copyFile = (kernel: Kernel.Service, options: CopyOptions): Failing<void> => {
  const { from, method, to } = options
  const failing = Effect.mapError(fromWin32(method))
  return using(
    kernel,
    { method, path: from, flag: "r", hint: "sequential" },
    (source) =>
      Effect.flatMap(failing(File.stat(source)), (stat) => {
        let begun = false
        // Not cut when it is opened: it may be the very file that is to be copied. From then on until it is known whether it is,
        // nothing may come in between, or an empty file could be left.
        const target = {
          method,
          path: to,
          flag: { access: "write", disposition: "openAlways" },
          mode: stat.mode
        } as const
        return Effect.uninterruptibleMask((restore) =>
          using(kernel, target, (file) =>
            Effect.flatMap(failing(File.stat(file)), (present) => {
              if (present.volume === stat.volume && present.fileIndex === stat.fileIndex) return Effect.void
              begun = true
              return restore(failing(copyInto(kernel, source, stat, file, present, options)))
            })).pipe(Effect.onError(() => begun ? remove(kernel, options) : Effect.void))
        )
      })
  )
}

const remove = (kernel: Kernel.Service, { method, to }: CopyOptions) =>
  Effect.ignore(nodeCall<void>(kernel, { method, path: to }, (done) => fs.unlink(to, done)))

const copyInto = (
  kernel: Kernel.Service,
  source: File.File,
  stat: File.Stat,
  target: File.File,
  present: File.Stat,
  { preserveTimestamps }: CopyOptions
): Effect.Effect<void, Win32Error> => {
  const filled = Effect.zipRight(File.truncate(target, 0), copyContents(source, target))
  const info = keep(kernel, stat, present, preserveTimestamps)
  return info === undefined ? filled : Effect.zipRight(filled, File.setBasicInfo(target, info))
}

const isReadOnly = ({ attributes }: File.Stat): boolean => (attributes & FILE_ATTRIBUTE_READONLY) !== 0

/** What the copy has of its source besides the contents: on Windows the time of the last change in any case. */
const keep = (
  kernel: Kernel.Service,
  stat: File.Stat,
  present: File.Stat,
  preserveTimestamps: boolean
): File.BasicInfo | undefined => {
  const times = { accessTimeNs: stat.accessTimeNs, modifiedTimeNs: stat.modifiedTimeNs }
  if (kernel.name === "win32") {
    return {
      ...(preserveTimestamps ? times : { modifiedTimeNs: stat.modifiedTimeNs }),
      ...(isReadOnly(stat) === isReadOnly(present) ? {} : { readOnly: isReadOnly(stat) })
    }
  }
  const mode = stat.mode === present.mode ? undefined : stat.mode
  return preserveTimestamps ? { ...times, mode } : mode === undefined ? undefined : { mode }
}

const CHUNK = 512 << 10

/** The next chunks are being read while one is written, from where it was read. */
const copyContents = (source: File.File, target: File.File): Effect.Effect<void, Win32Error> =>
  Effect.asVoid(File.forEachChunk(source, { chunkSize: CHUNK }, (chunk) => File.writeAll(target, chunk, chunk.offset)))
