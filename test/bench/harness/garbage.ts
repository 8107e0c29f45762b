// The garbage collector by hand, without a flag on the command line: scripts under Wine get none.
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

interface Collector {
  (options?: { readonly type: "major" | "minor" }): void
}

let found: Collector | undefined

/** Looks for the collector at its first use: Bun has none by this name. */
const collector = (): Collector => {
  if (found === undefined) {
    setFlagsFromString("--expose-gc")
    found = runInNewContext("gc") as Collector
  }
  return found
}

/**
 * Collects everything, and with it the compiled code whose objects are gone. Asks twice: in node 20 the call with a
 * type leaves most of the heap, and from node 22 on a call with `undefined` collects young objects only.
 */
export const collectGarbage = (): void => {
  const collect = collector()
  collect({ type: "major" })
  collect()
}

/** Collects young objects; code stays as it is. */
export const collectYoung = (): void => collector()({ type: "minor" })
