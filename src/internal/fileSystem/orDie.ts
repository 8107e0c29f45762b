/** A layer that dies where it cannot start, with a message for the person who has started the program. */
import * as Layer from "effect/Layer"
import type { Win32Error } from "../../Win32Error.js"

export const orDie = <A, R>(layer: Layer.Layer<A, Win32Error, R>): Layer.Layer<A, never, R> =>
  Layer.catchAll(
    layer,
    (error) => Layer.die(new Error(`The file system cannot start. ${error.message}`, { cause: error }))
  )
