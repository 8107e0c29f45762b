/**
 * Finds out that a watched directory has been removed, where no read says so. On Wine such a read never completes:
 * while nothing else comes, the name is looked up once a second. (A Windows program cannot remove the directory there:
 * Wine keeps it until our handle is closed.)
 */
import * as Effect from "effect/Effect"
import type { Kernel } from "../../Kernel.js"
import * as ThreadpoolIo from "../../ThreadpoolIo.js"
import { call } from "../call.js"
import { FILE_ATTRIBUTE_DIRECTORY } from "../constants.js"
import type { Reader } from "./reader.js"

const REMOVAL_MILLIS = 1000

/** Looks until the directory has gone; then ends its read, which tells of it. */
export const lookForRemoval = (kernel: Kernel.Service, reader: Reader): Effect.Effect<void> => {
  const { path } = reader
  const gone = Effect.suspend(() => call(kernel, "GetFileAttributesW", { path }, { path })).pipe(
    Effect.match({
      onFailure: ({ reason }) => reason === "NotFound",
      onSuccess: (attributes) => (attributes & FILE_ATTRIBUTE_DIRECTORY) === 0
    })
  )
  const pause = Effect.async<void>((resume) => {
    const stop = kernel.engine.host.setTimer(REMOVAL_MILLIS, () => resume(Effect.void))
    return Effect.sync(stop)
  })
  const loop = (ended: number): Effect.Effect<void> =>
    Effect.flatMap(
      Effect.zipRight(pause, Effect.suspend(() => reader.ended === ended ? gone : Effect.succeed(false))),
      (removed) => {
        if (!removed) return loop(reader.ended)
        reader.removed = true
        return ThreadpoolIo.cancelAll(reader.io)
      }
    )
  return Effect.suspend(() => loop(reader.ended))
}
