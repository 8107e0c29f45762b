/**
 * A copy from its two paths and its options.
 */
import * as Effect from "effect/Effect"
import { statSync } from "node:fs"
import { Kernel } from "../../Kernel.js"
import type { Copied, CopyOptions, CopyTreeOptions } from "../../Pipeline.js"
import { PipelineError } from "../../PipelineError.js"
import { Room } from "../held/Room.js"
import { wayOf } from "../held/Way.js"
import { copyPlanned } from "./copyTree.js"
import { wouldCopy } from "./dryRun.js"
import { explainHeld, failure } from "./failures.js"
import { makePlan } from "./plan.js"
import { Progress } from "./Progress.js"
import { settingsOf, wrongPath } from "./Settings.js"
import { quoted } from "./text.js"
import type { TreeCopy } from "./TreeCopy.js"
import { UndoLog } from "./UndoLog.js"

export const copyTree = <E = never, R = never>(
  from: string,
  to: string,
  options: CopyTreeOptions<E, R>
): Effect.Effect<Copied, E | PipelineError, Kernel | R> =>
  Effect.flatMap(Kernel, (kernel) => {
    const settings = wrongPath(from, to) ?? settingsOf(from, options)
    if (settings instanceof PipelineError) return Effect.fail(settings)
    const room = new Room(wayOf(kernel), explainHeld)
    const job: TreeCopy = {
      settings,
      room,
      made: new UndoLog(),
      found: new Set(),
      progress: new Progress(settings.onProgress),
      passesCache: kernel.engine.kernel.passesCache === true,
      maker: { locks: kernel.engine.kernel.opensAlone === true, owner: settings.owner },
      left: new Map(),
      failures: []
    }
    const failures = settings.onFailure === "collect" ? job.failures : undefined
    return Effect.ensuring(
      Effect.flatMap(makePlan<E, R>(room, from, to, settings, failures), (plan) => {
        if (settings.dryRun) return wouldCopy(job, plan)
        job.progress.planned(plan.files.length + plan.hardLinks.length, plan.bytes)
        return copyPlanned(job, plan, to)
      }),
      Effect.suspend(() => room.close())
    )
  })

export const copy = (from: string, to: string, options: CopyOptions): Effect.Effect<Copied, PipelineError, Kernel> =>
  Effect.suspend(() =>
    isDirectory(from)
      ? Effect.fail(failure("SpecialFile", from, `${quoted(from)} is a directory: Pipeline.copyTree copies those.`))
      : copyTree(from, to, options)
  )

const isDirectory = (path: string): boolean => {
  try {
    return statSync(path).isDirectory()
  } catch {
    // The plan says what is wrong.
    return false
  }
}
