// All scenarios, in the order in which they are run.
import type { MakeScenario } from "../harness/Bench.js"
import { copy } from "./copy.js"
import { hash } from "./hash.js"
import { inFlight } from "./inFlight.js"
import { pipe } from "./pipe.js"
import { random } from "./random.js"
import { sequential, streams } from "./sequential.js"
import { submit } from "./submit.js"

export const scenarios: { readonly [name: string]: MakeScenario } = {
  sequential,
  stream: streams,
  hash,
  copy,
  random,
  submit,
  "in-flight": inFlight,
  pipe
}
