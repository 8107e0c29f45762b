/**
 * Cleanup groups: `make` and `close` without a scope.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { pipeArguments } from "effect/Pipeable"
import type * as CleanupGroup from "../CleanupGroup.js"
import type { Kernel } from "../Kernel.js"
import * as Win32Error from "../Win32Error.js"
import { CleanupGroupObject, type GroupReport } from "./engine/Environment.js"

export const TypeId: CleanupGroup.TypeId = Symbol.for("effect-threadpool-io/CleanupGroup") as CleanupGroup.TypeId

const Proto = {
  [TypeId]: TypeId,
  pipe() {
    return pipeArguments(this, arguments)
  }
}

/** The caller closes it. */
export const acquire = (kernel: Kernel.Service): CleanupGroup.CleanupGroup | Win32Error.Win32Error => {
  const { drainTimeout, engine } = kernel
  const group = engine.kernel.pools.createCleanupGroup()
  if (group <= 0) {
    const syscall = "CreateThreadpoolCleanupGroup"
    return Win32Error.make({ code: -group, syscall, text: engine.kernel.message(-group) })
  }
  return Object.assign(Object.create(Proto), { object: new CleanupGroupObject(engine, group), drainTimeout })
}

export const close = ({ drainTimeout, object }: CleanupGroup.CleanupGroup): Effect.Effect<void> =>
  Effect.async<GroupReport>((resume) =>
    object.close(Duration.toMillis(drainTimeout), (report) => resume(Exit.succeed(report)))
  ).pipe(
    Effect.uninterruptible,
    Effect.flatMap(({ defect, retained }) =>
      defect !== undefined
        ? Effect.die(defect)
        : retained === undefined
        ? Effect.void
        : Effect.logWarning("A cleanup group was not closed").pipe(Effect.annotateLogs({ retained }))
    )
  )
