/**
 * A small file, copied in one request of the kernel.
 */
import * as Effect from "effect/Effect"
import { Kernel } from "../../Kernel.js"
import type { PipelineError } from "../../PipelineError.js"
import type { Win32Error } from "../../Win32Error.js"
import { call } from "../call.js"
import { ERROR_IO_DEVICE } from "../constants.js"
import { KEPT } from "../file/permissions.js"
import { identityOf } from "../held/identity.js"
import type { SmallCopy } from "../kernel/Calls.js"
import type { Restore } from "../settle.js"
import { changed, mismatch } from "./failures.js"
import type { FileToCopy, Named } from "./FileCopy.js"
import { begin, explain, giveName, modeOf, named, removeParts } from "./naming.js"
import type { Settings } from "./Settings.js"
import { nextTag } from "./tags.js"
import type { TreeCopy } from "./TreeCopy.js"

/** In bytes. Handles are as cheap from there on. */
const MOST = 512 << 10

/** Smaller files have no journal, and are read at once. */
const smallest = ({ chunk, stretch }: Settings): number => Math.min(MOST, chunk, stretch)

/**
 * A small file in one request, where the kernel has one for it. Answers whether it is copied; where it is not, and has
 * not changed either, handles tell why.
 */
export const copySmall = (job: TreeCopy, file: FileToCopy): Effect.Effect<boolean, PipelineError, Kernel> =>
  Effect.flatMap(Kernel, (kernel) => {
    const { settings } = job
    const limit = smallest(settings)
    // Which file is copied is told by its handle, where that must be known.
    const isOne = file.shared === undefined && file.size <= limit && !settings.resume &&
      settings.verify !== "durable" &&
      kernel.engine.kernel.copiesSmallFiles?.() === true
    return isOne
      ? Effect.uninterruptibleMask((restore) =>
        copyAtOnce(restore, kernel, named(job, file, nextTag(job.maker)), limit)
      )
      : Effect.succeed(false)
  })

const copyAtOnce = (
  restore: Restore,
  kernel: Kernel.Service,
  copying: Named,
  limit: number
): Effect.Effect<boolean, PipelineError, Kernel> => {
  const { file: { source }, job: { progress, settings }, partial, target } = copying
  const request = call(kernel, "CopySmallFile", {
    from: source.system,
    to: partial.system,
    limit,
    mode: modeOf(copying),
    keeps: settings.permissions ? KEPT : undefined,
    times: settings.times,
    verify: settings.verify !== "none",
    follow: false
  })
  begin(copying)
  copying.partialIsOurs = true
  const named = ({ bytes, copy, outcome }: SmallCopy): Effect.Effect<boolean, PipelineError | Win32Error, Kernel> => {
    copying.partialIsOurs = outcome === "copied"
    if (outcome === "changed") return Effect.fail(changed(source.user))
    if (outcome === "mismatch") return Effect.fail(mismatch(target.user))
    if (outcome === "anotherWay") return Effect.as(removeParts(copying), false)
    copying.identity = identityOf(copy)
    if (bytes > 0) progress.copied(bytes)
    if (bytes > 0 && settings.verify !== "none") progress.verified(bytes)
    return Effect.as(giveName(copying), true)
  }
  const failed = ({ code }: Win32Error): Effect.Effect<boolean, never, Kernel> => {
    // It has removed what it had made, if it could end.
    copying.partialIsOurs = code === ERROR_IO_DEVICE
    return Effect.as(removeParts(copying), false)
  }
  return Effect.matchEffect(restore(request), { onSuccess: named, onFailure: failed }).pipe(
    Effect.onError(() => removeParts(copying)),
    Effect.mapError((error) => explain(copying, error))
  )
}
