/**
 * Makes the service that the Kernel tag stands for out of a kernel, for as long as a scope.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Kernel } from "../Kernel.js"
import type { Win32Error } from "../Win32Error.js"
import { Engine } from "./engine/Engine.js"
import { formOf } from "./forms.js"
import * as Host from "./kernel/Host.js"
import type * as Internal from "./kernel/Kernel.js"
import * as metrics from "./metrics.js"

export const serve = (
  load: Effect.Effect<Internal.Kernel, Win32Error>,
  options: Kernel.Options,
  host: Host.Host = Host.node
): Effect.Effect<Kernel.Service, Win32Error, Scope.Scope> =>
  Effect.gen(function*() {
    const kernel = yield* load
    const engine = new Engine(kernel, host)
    const publishLast = metrics.publisher(engine)
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        engine.close()
        publishLast()
      })
    )
    const drainTimeout = Duration.decode(options.drainTimeout ?? "5 seconds")
    if (kernel.completions?.reason !== undefined) {
      yield* Effect.logDebug(`completions come by ${kernel.completions.way}: ${kernel.completions.reason}`)
    }
    return {
      name: kernel.name,
      drainTimeout,
      completions: kernel.completions,
      engine,
      environment: undefined,
      form: formOf(options.submit)
    }
  })
