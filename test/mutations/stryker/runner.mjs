// Stryker's test runner for the tests of a part: all of them and the sources in one script, which is loaded anew
// for each mutant, so that none sees what another has left behind. Ends with the first test that fails.
import { declareClassPlugin, PluginKind } from "@stryker-mutator/api/plugin"
import { DryRunStatus, TestStatus, toMutantRunResult } from "@stryker-mutator/api/test-runner"
import { build } from "esbuild"
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { performance } from "node:perf_hooks"
import { clearInterval, setInterval } from "node:timers"
import { fileURLToPath, pathToFileURL } from "node:url"
import { described, inSample } from "./mutants.mjs"
import { part, parts, shareOf } from "./parts.mjs"
import { collect, finish } from "./tests.mjs"

const { kernels = ["portable"], rounds: ROUNDS = 60, tests: files, without } = parts[part]
const sample = shareOf(part)

/**
 * A test that has not ended when the event loop has come round so often, so far apart, never ends: on a busy machine
 * the time between grows with that of the tests.
 */
const ROUND_MS = 50

process.umask(0o022)

/** The one that runs all tests, unit tests as well. */
const KERNEL = "portable"
const { notRun } = await import(new URL("../../../build/test/support/simulatedLane.js", import.meta.url).href)
const canRun = (file) => file.startsWith("contract/") && !Object.hasOwn(notRun, basename(file))

const stryker = globalThis.__stryker__ ??= {}

/** Work that a mutant leaves running may fail at any time; the test that sees it fails in any case. */
let stray
process.on("uncaughtException", (error) => stray?.(error))
process.on("unhandledRejection", (error) => stray?.(error))

const ended = (test) =>
  new Promise((resolve, reject) => {
    let rounds = 0
    const timer = setInterval(() => ++rounds === ROUNDS && end(reject)(new Error("it does not end")), ROUND_MS)
    const end = (settle) => (value) => {
      clearInterval(timer)
      stray = undefined
      settle(value)
    }
    stray = end(reject)
    test.run().then(end(resolve), end(reject))
  })

class Runner {
  /** In the copy of the project that Stryker changes. */
  script = join(process.cwd(), `stryker-tests-${process.pid}.mjs`)
  loads = 0
  /** How long each test has taken when it succeeded: the quick ones go first. */
  times = new Map()

  capabilities() {
    return { reloadEnvironment: true }
  }

  async init() {
    const tests = new URL("./tests.mjs", import.meta.url).href
    const { outputFiles } = await build({
      stdin: {
        contents: files.map((name) => `import "file:${name}"\nimport "./test/${name}.test.ts"`).join("\n"),
        resolveDir: process.cwd(),
        sourcefile: "tests.ts"
      },
      bundle: true,
      // Also those of the package, which says that it has no side effects.
      ignoreAnnotations: true,
      format: "esm",
      packages: "external",
      platform: "node",
      target: "node20",
      write: false,
      plugins: [{
        name: "tests",
        setup: ({ onLoad, onResolve }) => {
          onResolve({ filter: /^(@effect\/)?vitest$/ }, () => ({ path: tests, external: true }))
          onResolve({ filter: /^file:/ }, ({ path }) => ({ path, namespace: "begins" }))
          onLoad({ filter: /^file:/, namespace: "begins" }, ({ path }) => ({
            contents: `import { begins } from "vitest"; begins("${path.slice("file:".length)}.test.ts")`,
            resolveDir: process.cwd()
          }))
        }
      }]
    })
    writeFileSync(this.script, outputFiles[0].contents)
  }

  async #load() {
    const tests = []
    for (const kernel of kernels) {
      process.env.TPIO_KERNEL = kernel
      collect()
      await import(`${pathToFileURL(this.script).href}?${this.loads++}`)
      const runnable = collect().filter(({ file, name }) => !without.test(name) && (kernel === KERNEL || canRun(file)))
      tests.push(...runnable.map((test) => kernel === KERNEL ? test : { ...test, name: `${kernel}: ${test.name}` }))
    }
    return tests
  }

  async #run(test) {
    const begin = performance.now()
    const result = (failureMessage) => ({
      id: test.name,
      name: test.name,
      timeSpentMs: performance.now() - begin,
      ...(failureMessage === undefined ? { status: TestStatus.Success } : { status: TestStatus.Failed, failureMessage })
    })
    try {
      await ended(test)
      this.times.set(test.name, performance.now() - begin)
      return result()
    } catch (error) {
      return result(String(error?.message ?? error))
    }
  }

  async dryRun() {
    stryker.activeMutant = undefined
    stryker.mutantCoverage = undefined
    const tests = []
    for (const test of await this.#load()) {
      stryker.currentTestId = test.name
      tests.push(await this.#run(test))
      stryker.currentTestId = undefined
    }
    await ended({ run: finish })
    return { status: DryRunStatus.Complete, tests, mutantCoverage: stryker.mutantCoverage }
  }

  /** Whether it is none of the sample: its line is the one in the project, not in the copy, which has been changed. */
  #leftOut({ fileName, location: { end, start }, replacement }) {
    if (sample === 1) return false
    const file = fileName.slice(fileName.lastIndexOf("/src/") + 1)
    const source = readFileSync(fileURLToPath(new URL(`../../../${file}`, import.meta.url)), "utf8")
    const one = ({ column, line }) => ({ line: line + 1, column: column + 1 })
    return !inSample(sample, described(file, source, { start: one(start), end: one(end) }, replacement))
  }

  async mutantRun({ activeMutant, hitLimit, mutantActivation, testFilter }) {
    if (this.#leftOut(activeMutant)) return { status: "error", errorMessage: "not in the sample" }
    Object.assign(stryker, { activeMutant: undefined, hitCount: 0, hitLimit })
    if (mutantActivation === "static") stryker.activeMutant = activeMutant.id
    const tests = []
    try {
      const chosen = (await this.#load()).filter(({ name }) => testFilter?.includes(name) ?? true)
      const time = ({ name }) => Math.round((this.times.get(name) ?? 0) / 10)
      chosen.sort((one, other) => time(one) - time(other))
      stryker.activeMutant = activeMutant.id
      for (const test of chosen) {
        tests.push(await this.#run(test))
        if (stryker.hitCount > hitLimit) return { status: "timeout", reason: "it goes round without end" }
        if (tests.at(-1).status === TestStatus.Failed) break
      }
    } catch (error) {
      // It does not even load.
      tests.push({ id: "load", name: "load", timeSpentMs: 0, status: TestStatus.Failed, failureMessage: String(error) })
    } finally {
      stryker.activeMutant = undefined
      await ended({ run: finish }).catch(() => {})
    }
    return toMutantRunResult({ status: DryRunStatus.Complete, tests })
  }

  dispose() {
    rmSync(this.script, { force: true })
  }
}

export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, "here", Runner)]
