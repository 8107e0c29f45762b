/**
 * The calls that reach the kernel, in order, under the names of the Windows functions: for claims about the order of
 * teardown.
 */
import * as Effect from "effect/Effect"
import type { Kernel as Internal, Pools } from "../../src/internal/kernel/Kernel.js"
import * as Kernel from "../../src/Kernel.js"

const objectFunctions = {
  createThreadpoolIo: "CreateThreadpoolIo",
  closeThreadpoolIo: "CloseThreadpoolIo",
  bindIoCompletionCallback: "BindIoCompletionCallback",
  startThreadpoolIo: "StartThreadpoolIo",
  cancelThreadpoolIo: "CancelThreadpoolIo",
  cancelIoEx: "CancelIoEx",
  unbind: "unbind",
  setSkipMode: "SetFileCompletionNotificationModes"
} as const

const poolFunctions = {
  createThreadpool: "CreateThreadpool",
  closeThreadpool: "CloseThreadpool",
  createCleanupGroup: "CreateThreadpoolCleanupGroup",
  closeCleanupGroup: "CloseThreadpoolCleanupGroup",
  initializeEnvironment: "InitializeThreadpoolEnvironment",
  destroyEnvironment: "DestroyThreadpoolEnvironment"
} as const

type Anything = { [name: string]: unknown }
type AnyFunction = (...arguments_: Array<unknown>) => unknown

/** The calls that an effect has made. */
export const recorded = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const { engine } = yield* Kernel.Kernel
    const log: Array<string> = []
    const undo = [
      record(log, engine.kernel, objectFunctions),
      record(log, engine.kernel.pools, poolFunctions),
      record(log, engine.kernel, { call: undefined })
    ]
    const value = yield* Effect.ensuring(effect, Effect.sync(() => undo.forEach((one) => one())))
    return { value, log }
  })

/** By the name that is given, or by the first argument. */
const record = (
  log: Array<string>,
  on: Internal | Pools,
  names: { readonly [name: string]: string | undefined }
): () => void => {
  const object = on as unknown as Anything
  const own = Object.keys(names).map((name) => [name, Object.getOwnPropertyDescriptor(object, name)] as const)
  for (const [name, shown] of Object.entries(names)) {
    const original = object[name] as AnyFunction
    object[name] = (...arguments_: Array<unknown>) => {
      log.push(shown ?? String(arguments_[0]))
      return original.apply(on, arguments_)
    }
  }
  return () => {
    for (const [name, descriptor] of own) {
      delete object[name]
      if (descriptor !== undefined) Object.defineProperty(object, name, descriptor)
    }
  }
}
