// Runs the contract suite, and the tests of what only Windows has, on the real kernel32: the JavaScript that `tsc` has
// built, because the Windows builds of esbuild and rollup do not run under Wine. Arguments: parts of file names, to run
// only those; `-t PATTERN` for tests by name; `--report FILE` for a JSON report; `--completions broker` or `callback`
// for the ways in which completions come where there is no relay: then by default the files that lean on them;
// `--submit mask` for the other form in which fibers wait. `--portable` runs the unit and contract tests on the
// portable kernel instead, as they would run on Windows.
import { readdirSync } from "node:fs"
import { basename, dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import type { Reporter } from "vitest/node"
import { cannotBe, rowFor } from "../support/portableCases.js"

process.env.NO_COLOR = "1" // read when vitest is loaded, and inherited by its workers
const { startVitest } = await import("vitest/node")

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    report: { type: "string" },
    testNamePattern: { type: "string", short: "t" },
    portable: { type: "boolean", default: false },
    completions: { type: "string", default: process.env.TPIO_COMPLETIONS ?? "relay" },
    submit: { type: "string", default: process.env.TPIO_SUBMIT ?? "auto" }
  }
})
const { completions, portable } = values

/** The life of objects, the table of results, cancelling, pipes, many at once, the ends of processes and workers. */
const LEANING = [
  ...["lifecycle", "operations", "bind", "environment", "combinators", "interruptions", "misuse", "pipe", "pipeStress"]
    .map((name) => `${name}.test.js`),
  "win32-kernel"
]

const build = resolve(dirname(fileURLToPath(import.meta.url)), "../..")

// From the sources, because `build/` keeps the output of tests that are gone.
const include = ["test/contract", portable ? "test/unit" : "test/kernel32"].flatMap((directory) =>
  readdirSync(join(build, "..", directory))
    // To compile the declarations takes minutes here, and comes to the same; comments are judged from the sources.
    .filter((name) => name.endsWith(".test.ts") && name !== "published.test.ts" && name !== "comments.test.ts")
    .map((name) => `${directory}/${name.replace(/ts$/, "js")}`)
)

// Native code that goes wrong ends the workers' process, or hangs it so that no timeout of a test can help: say how far
// it had come, and give up long before the lane is stopped as a whole.
const GIVE_UP_MILLIS = 300_000
let heard = "nothing"
let heardAt = Date.now()
const hear = (news: string) => {
  heard = news
  heardAt = Date.now()
}
let terminateWorkers = async () => {}
const witness: Reporter = {
  onInit: (vitest) => {
    terminateWorkers = () => vitest.close()
  },
  onTestCaseReady: (test) => hear(`"${test.fullName}" has begun, in ${basename(test.module.moduleId)}`),
  onTestModuleEnd: (module) => hear(`${basename(module.moduleId)} has ended`)
}
const reportDeath = () => console.error(`The process that ran the tests has died or hangs. The last news: ${heard}`)
process.on("exit", reportDeath)
setInterval(() => {
  if (Date.now() - heardAt < GIVE_UP_MILLIS) return
  setTimeout(() => process.exit(1), 10_000)
  void terminateWorkers().finally(() => process.exit(1))
}, 1000).unref()

const partly = values.submit === "mask" ? [...LEANING, "contract/interruption.test.js"] : LEANING
const files = positionals.length > 0 || completions === "relay" ? positionals : partly

const vitest = await startVitest("test", files, {
  config: false,
  watch: false,
  root: build,
  include,
  env: { TPIO_KERNEL: portable ? "portable" : "win32", TPIO_COMPLETIONS: completions, TPIO_SUBMIT: values.submit },
  // Loading Effect takes Wine seconds, so all files share one process; not this one, which has to survive it.
  pool: "forks",
  poolOptions: { forks: { singleFork: true, isolate: false } },
  testTimeout: 30_000,
  hookTimeout: 30_000,
  allowOnly: false,
  setupFiles: portable ? [join(build, "test/support/portableOnWindows.js")] : [],
  ...(values.testNamePattern !== undefined && { testNamePattern: values.testNamePattern }),
  reporters: ["default", ...(values.report === undefined ? [] : ["json"]), witness],
  ...(values.report !== undefined && { outputFile: { json: resolve(values.report) } })
}, {
  esbuild: false,
  optimizeDeps: { noDiscovery: true }
})
// A row that no case needs any more is a mistake.
if (portable && positionals.length === 0 && values.testNamePattern === undefined) {
  const used = new Set(
    vitest.state.getTestModules().flatMap((module) =>
      [...module.children.allTests()].map((test) => rowFor(basename(module.moduleId), test.fullName))
    )
  )
  for (const row of cannotBe.filter((row) => !used.has(row))) {
    console.error(`No case of ${row[0]} has a name like ${row[1]}: ${row[2]}`)
    process.exitCode = 1
  }
}
await vitest.close()
process.off("exit", reportDeath)
process.exit()
