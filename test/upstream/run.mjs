// `npm run test:upstream -- DIR`: Effect's own suites that use a file system, from a checkout of Effect-TS/effect
// (branch v3), with NodeFileSystem replaced by ThreadpoolFileSystem, and once more as they are. The packages are those
// of this repository. Exit code 1: a test fails on ours that passes on NodeFileSystem.
import { existsSync } from "node:fs"
import { join, relative, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { startVitest } from "vitest/node"

const SUITES = [
  ...["FileSystem", "KeyValueStore", "PlatformConfigProvider", "CommandExecutor"].map((name) =>
    `platform-node-shared/test/${name}`
  ),
  ...["HttpServer", "HttpApi", "PlatformConfigProvider"].map((name) => `platform-node/test/${name}`),
  ...["ConfigProvider", "FileSystem", "KeyValueStore", "Multipart", "PlatformLogger"].map((name) =>
    `platform/test/${name}`
  ),
  ...["Args", "CliApp", "Command", "CommandDescriptor", "ConfigFile", "Options", "Primitive", "Prompt", "Wizard"]
    .map((name) => `cli/test/${name}`)
].map((name) => `${name}.test.ts`)

const usage = (problem) => {
  console.error(`${problem}\nUsage: npm run test:upstream -- DIR
DIR is a checkout: git clone --depth 1 --branch v3 https://github.com/Effect-TS/effect DIR`)
  process.exit(2)
}

const [directory] = process.argv.slice(2)
if (directory === undefined) usage("Which directory?")
const checkout = resolve(directory)
const packages = join(checkout, "packages")
const missing = SUITES.filter((suite) => !existsSync(join(packages, suite)))
if (missing.length > 0) usage(`${packages} has no ${missing.join(", ")}`)

const here = fileURLToPath(import.meta.url)
const standIn = fileURLToPath(new URL("NodeFileSystem.ts", import.meta.url))

let replaced = 0
const resolver = (ours) => ({
  name: "NodeFileSystem-replaced",
  enforce: "pre",
  resolveId(source, importer = "") {
    if (ours && /(^|\/)NodeFileSystem(\.[jt]s)?$/.test(source)) {
      replaced++
      return standIn
    }
    // The checkout has nothing installed.
    return importer.startsWith(packages) && /^[@\w]/.test(source) ? this.resolve(source, here) : undefined
  }
})

const run = async (ours) => {
  const setup = join(checkout, "vitest.setup.ts")
  const vitest = await startVitest("test", [], {
    root: packages,
    config: false,
    watch: false,
    include: SUITES,
    reporters: [{}],
    setupFiles: existsSync(setup) ? [setup] : [],
    // One after the other: some set variables of the environment.
    sequence: { concurrent: false },
    testTimeout: 60_000,
    fakeTimers: { toFake: undefined },
    server: { deps: { inline: [/@effect\/platform-node/] } }
  }, { plugins: [resolver(ours)], esbuild: { target: "es2022" } })
  const tests = new Map()
  for (const module of vitest.state.getTestModules()) {
    const suite = relative(packages, module.moduleId)
    for (const error of module.errors()) {
      tests.set(`${suite} (as a whole)`, { suite, state: "failed", error: error.message })
    }
    for (const test of module.children.allTests()) {
      const { errors, state } = test.result()
      tests.set(`${suite} > ${test.fullName}`, { suite, state, error: errors?.[0]?.message })
    }
  }
  await vitest.close()
  return tests
}

const ours = await run(true)
if (replaced === 0) usage("Nothing was replaced: these suites do not import NodeFileSystem.")
const nodes = await run(false)
process.exitCode = 0

const count = (tests, suite, state) =>
  [...tests.values()].filter((one) => one.suite === suite && one.state === state).length
const row = (name, ...columns) =>
  console.log(name.padEnd(62) + columns.map((column) => String(column).padStart(8)).join(""))
console.log()
row("", "ours", "", "", "node's", "", "")
row("suite", "passed", "failed", "skipped", "passed", "failed", "skipped")
for (const suite of SUITES) {
  row(
    suite,
    ...[ours, nodes].flatMap((tests) => ["passed", "failed", "skipped"].map((state) => count(tests, suite, state)))
  )
}
const states = ["passed", "failed", "skipped"]
row(
  "all",
  ...[ours, nodes].flatMap((tests) =>
    states.map((state) => [...tests.values()].filter((one) => one.state === state).length)
  )
)

for (const [tests, others, where] of [[ours, nodes, "OURS"], [nodes, ours, "NODE'S"]]) {
  for (const [name, { error, state }] of tests) {
    if (state !== "failed") continue
    const both = others.get(name)?.state === "failed"
    if (!both && tests === ours) process.exitCode = 1
    if (!both || tests === ours) console.log(`\nFAILS ON ${both ? "BOTH" : `${where} ALONE`}: ${name}\n  ${error}`)
  }
}
