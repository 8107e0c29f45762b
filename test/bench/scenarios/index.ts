// All scenarios, in the order in which they are run.
import type { MakeScenario } from "../harness/Bench.js"
import { copy } from "./copy.js"
import { hash } from "./hash.js"
import { inFlight } from "./inFlight.js"
import { many } from "./many.js"
import { allocation, resident } from "./memory.js"
import { opening } from "./opening.js"
import { pipe } from "./pipe.js"
import { random, randomBusy } from "./random.js"
import { sequential, streams } from "./sequential.js"
import { submit } from "./submit.js"
import { smallFiles, tree } from "./tree.js"
import { watching } from "./watching.js"

export const scenarios: { readonly [name: string]: MakeScenario } = {
  sequential,
  stream: streams,
  hash,
  copy,
  tree,
  "small-files": smallFiles,
  open: opening,
  watch: watching,
  random,
  "random-busy": randomBusy,
  "read-many": many,
  submit,
  "in-flight": inFlight,
  pipe,
  memory: resident,
  allocation
}
