// The files that Stryker changes, and the tests that judge them. `main.mjs` starts it.
import { part, parts, shareOf } from "./parts.mjs"

export default {
  mutate: parts[part].mutate,
  // Texts are for people: no test repeats them.
  mutator: { excludedMutations: ["StringLiteral"] },
  plugins: [new URL("./runner.mjs", import.meta.url).href],
  testRunner: "here",
  coverageAnalysis: "perTest",
  concurrency: 2,
  timeoutMS: 20_000,
  // Each loads the scripts anew, and node keeps them all.
  maxTestRunnerReuse: 200,
  checkers: [],
  ignorePatterns: [".kernel32", "build", "coverage", "dist"],
  tempDirName: "build/stryker",
  incremental: true,
  incrementalFile: `build/reports/stryker-${part}-${shareOf(part)}.json`,
  reporters: ["json", "progress-append-only"],
  jsonReporter: { fileName: `build/reports/mutation-${part}.json` },
  allowConsoleColors: false
}
