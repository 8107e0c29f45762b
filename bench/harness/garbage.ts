// The garbage collector by hand, without a flag on the command line: scripts under Wine get none.
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

setFlagsFromString("--expose-gc")

const collect = runInNewContext("gc") as (options?: { readonly type: "minor" }) => void

/** All of it, and with it the compiled code whose objects are gone. */
export const collectGarbage = (): void => collect()

/** What is young; code stays as it is. */
export const collectYoung = (): void => collect({ type: "minor" })
