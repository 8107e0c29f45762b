// The garbage collector by hand, without a flag on the command line: scripts under Wine get none.
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

interface Collector {
  (options: { readonly type: "major" | "minor" }): void
}

let collector: Collector | undefined

/** Looks for the collector at its first use: Bun has none by this name. */
const collect = (type: "major" | "minor"): void => {
  if (collector === undefined) {
    setFlagsFromString("--expose-gc")
    collector = runInNewContext("gc") as Collector
  }
  collector({ type })
}

/**
 * Collects everything, and with it the compiled code whose objects are gone. The type is named: from node 22 on,
 * `gc(undefined)` collects young objects only.
 */
export const collectGarbage = (): void => collect("major")

/** Collects young objects; code stays as it is. */
export const collectYoung = (): void => collect("minor")
