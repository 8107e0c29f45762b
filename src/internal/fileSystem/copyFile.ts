/**
 * One file into another: in place, as node copies it, so that what links to the copy goes on doing so. What has been
 * begun and does not end is removed.
 */
import type * as PlatformError from "@effect/platform/Error"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as File from "../../File.js"
import type { Kernel } from "../../Kernel.js"
import type { Win32Error } from "../../Win32Error.js"
import { FILE_ATTRIBUTE_READONLY } from "../constants.js"
import { copyContents } from "../file/copyFile.js"
import { identityOf, isKnown, isOther, isSame } from "../held/identity.js"
import { fromWin32 } from "./errors.js"
import { nodeCall } from "./nodeCall.js"
import { using } from "./opening.js"

export interface CopyOptions {
  readonly method: string
  readonly from: string
  readonly to: string
  /** Refuses a target whose name is taken, and a source that is a link or no regular file. */
  readonly isNew?: boolean
  /** Also the time of the last access. Windows keeps that of the last change anyway. */
  readonly preserveTimestamps: boolean
}

type Failing<A> = Effect.Effect<A, PlatformError.PlatformError>

export const copyFile = (kernel: Kernel.Service, options: CopyOptions): Failing<void> => {
  const { from, isNew = false, method, to } = options
  const failing = Effect.mapError(fromWin32(method))
  return using(
    kernel,
    { method, path: from, flag: "r", hint: "sequential", noFollow: isNew },
    (source) =>
      Effect.flatMap(failing(File.stat(source)), (stat) => {
        let begun = false
        // Not cut when it is opened: it may be the very file that is to be copied. From then on until it is known
        // whether it is, nothing may come in between, or an empty file could be left.
        const target = {
          method,
          path: to,
          flag: { access: "write", disposition: isNew ? "createNew" : "openAlways" },
          mode: stat.mode
        } as const
        return Effect.uninterruptibleMask((restore) =>
          using(kernel, target, (file) =>
            Effect.flatMap(failing(File.stat(file)), (present) =>
              Effect.flatMap(
                isNew ? Effect.succeed<boolean>(false) : isSameFile(kernel, options, stat, present),
                (same) => {
                  if (same) {
                    return Effect.void
                  }
                  begun = true
                  const copied = failing(copyInto(source, stat, file, present, options))
                  return restore(isNew ? Effect.zipRight(copied, requireName(kernel, options, present)) : copied)
                }
              ).pipe(Effect.onError(() => begun ? remove(kernel, options, present) : Effect.void))))
        )
      })
  )
}

/** `false` where the file system has no number for what was made. */
const isExchanged = (there: fs.BigIntStats, made: File.Stat): boolean => {
  const identity = identityOf(made)
  return isKnown(identity) && isOther(there, identity)
}

/** Fails when another program has given its name to something else. */
const requireName = (kernel: Kernel.Service, { method, to }: CopyOptions, made: File.Stat): Failing<void> =>
  nodeCall(kernel, { method, path: to }, (done) =>
    fs.lstat(to, { bigint: true }, (error, stat) => {
      if (error !== null || !isExchanged(stat, made)) return done(error)
      done(Object.assign(new Error(`ESTALE: something else has the name of the copy, '${to}'`), { code: "ESTALE" }))
    }))

/** A file of that name which is another one by now stays. */
const remove = (kernel: Kernel.Service, { isNew = false, method, to }: CopyOptions, made: File.Stat) =>
  Effect.ignore(nodeCall<void>(kernel, { method, path: to }, (done) => {
    if (!isNew) return fs.unlink(to, done)
    fs.lstat(to, { bigint: true }, (error, stat) => {
      if (error === null && !isExchanged(stat, made)) fs.unlink(to, done)
      else done(error)
    })
  }))

/**
 * By their numbers, or, where the file system gives none, by their names.
 */
const isSameFile = (
  kernel: Kernel.Service,
  { from, method, to }: CopyOptions,
  a: File.Stat,
  b: File.Stat
): Failing<boolean> => {
  const [one, other] = [identityOf(a), identityOf(b)]
  if (isKnown(one) && isKnown(other)) return Effect.succeed(isSame(one, other))
  const nameOf = (path: string) => nodeCall<string>(kernel, { method, path }, (done) => fs.realpath.native(path, done))
  return Effect.zipWith(nameOf(from), nameOf(to), (one, other) => one === other)
}

const copyInto = (
  source: File.File,
  stat: File.Stat,
  target: File.File,
  present: File.Stat,
  { preserveTimestamps }: CopyOptions
): Effect.Effect<void, Win32Error> => {
  const set = (info: File.BasicInfo | undefined) => info === undefined ? Effect.void : File.setBasicInfo(target, info)
  return set(rightsOf(stat, present)).pipe(
    Effect.zipRight(File.truncate(target, 0)),
    Effect.zipRight(copyContents(source, stat, target)),
    Effect.zipRight(set(keep(stat, present, preserveTimestamps)))
  )
}

/** Before the data: who may not read the source reads none of it in the copy. */
const rightsOf = ({ mode }: File.Stat, present: File.Stat): File.BasicInfo | undefined =>
  mode === undefined || mode === present.mode ? undefined : { mode }

const isReadOnly = ({ attributes }: File.Stat): boolean => (attributes & FILE_ATTRIBUTE_READONLY) !== 0

/**
 * The attributes that node's copy keeps besides contents and mode: on Windows the time of the last change in any case.
 */
const keep = (
  stat: File.Stat,
  present: File.Stat,
  preserveTimestamps: boolean
): File.BasicInfo | undefined => {
  const times = { accessTimeNs: stat.accessTimeNs, modifiedTimeNs: stat.modifiedTimeNs }
  if (process.platform !== "win32") return preserveTimestamps ? times : undefined
  return {
    ...(preserveTimestamps ? times : { modifiedTimeNs: stat.modifiedTimeNs }),
    ...(isReadOnly(stat) === isReadOnly(present) ? {} : { readOnly: isReadOnly(stat) })
  }
}
