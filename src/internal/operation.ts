/**
 * Tells an operation from other values.
 */
import type * as Operation from "../Operation.js"

export const TypeId: Operation.TypeId = Symbol.for("effect-threadpool-io/Operation") as Operation.TypeId

/** Whether one of the constructors of `Operation` has made the value. */
export const isOperation = (u: unknown): u is Operation.Operation => {
  try {
    return typeof u === "object" && u !== null && TypeId in u && typeof (u as Operation.Operation).request === "object"
  } catch {
    return false
  }
}
