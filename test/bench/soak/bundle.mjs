// The programs that a soak starts very often, each in one file; under Wine that cannot be done.
import { bundle } from "../../../examples/bundle.mjs"

for (const program of ["test/support/endingsProgram", "test/bench/soak/workers"]) {
  await bundle(`${program}.ts`, `build/bundles/soak/${program}.mjs`)
}
