/**
 * One process of the cluster: it copies what the shards that it holds have to copy, until it is told to end.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Kernel from "../../src/Kernel.js"
import { layerCopying } from "./Copying.js"
import { layerCluster, type Settings } from "./layers.js"

export interface Role extends Settings {
  readonly port: number
  readonly journal: string
}

/** Printed once the runner serves. */
export const READY = "ready"

export const runner = ({ journal, port, ...settings }: Role): Effect.Effect<never, Error> =>
  Layer.launch(
    Layer.effectDiscard(Effect.sync(() => process.stdout.write(`${READY}\n`))).pipe(
      Layer.provideMerge(layerCopying({ runner: `${port}`, file: journal })),
      Layer.provide(layerCluster(settings, port)),
      Layer.provide(Layer.orDie(Kernel.layer))
    )
  ).pipe(Logger.withMinimumLogLevel(LogLevel.Warning))
