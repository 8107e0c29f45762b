/**
 * The layer of a kernel that a test has made.
 */
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Host } from "../../src/internal/kernel/Host.js"
import type { Kernel as Internal } from "../../src/internal/kernel/Kernel.js"
import { serve } from "../../src/internal/serve.js"
import * as Kernel from "../../src/Kernel.js"
import type { Win32Error } from "../../src/Win32Error.js"

export const layerOf = (
  load: Effect.Effect<Internal, Win32Error>,
  options: Kernel.Kernel.Options = {},
  host?: Host
): Layer.Layer<Kernel.Kernel, Win32Error> => Layer.scoped(Kernel.Kernel, serve(load, options, host))
