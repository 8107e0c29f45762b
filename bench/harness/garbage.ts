// The garbage collector by hand, without a flag on the command line: scripts under Wine get none.
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

let collector: ((options?: { readonly type: "minor" }) => void) | undefined

/** Looked for when it is needed: Bun has none by this name. */
const collect = (options?: { readonly type: "minor" }): void => {
  if (collector === undefined) {
    setFlagsFromString("--expose-gc")
    collector = runInNewContext("gc") as typeof collect
  }
  collector(options)
}

/** All of it, and with it the compiled code whose objects are gone. */
export const collectGarbage = (): void => collect()

/** Collects young objects; code stays as it is. */
export const collectYoung = (): void => collect({ type: "minor" })
