// Stryker's test runner for the tests of the engine: all of them and the sources in one script, which is loaded anew
// for each mutant, so that none sees what another has left behind. Ends with the first test that fails.
import { declareClassPlugin, PluginKind } from "@stryker-mutator/api/plugin"
import { DryRunStatus, TestStatus, toMutantRunResult } from "@stryker-mutator/api/test-runner"
import { build } from "esbuild"
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { performance } from "node:perf_hooks"
import { clearInterval, setInterval } from "node:timers"
import { pathToFileURL } from "node:url"
import { part, parts } from "./parts.mjs"
import { collect } from "./tests.mjs"

/** Too slow to be asked about each mutant: smaller ones find the same. */
const SLOW =
  /^every schedule of (three operations|two fibers)|one completion that frees 50,000|^metrics › of the moment/
/**
 * A test that has not ended when the event loop has come round so often, so far apart, never ends: on a busy machine
 * the time between grows with that of the tests, none of which waits for a second.
 */
const ROUNDS = 60
const ROUND_MS = 50

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
        contents: parts[part].tests.map((name) => `import "./test/unit/${name}.test.ts"`).join("\n"),
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
        setup: ({ onResolve }) => onResolve({ filter: /^@effect\/vitest$/ }, () => ({ path: tests, external: true }))
      }]
    })
    writeFileSync(this.script, outputFiles[0].contents)
  }

  async #load() {
    collect()
    await import(`${pathToFileURL(this.script).href}?${this.loads++}`)
    return collect().filter(({ name }) => !SLOW.test(name))
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
    return { status: DryRunStatus.Complete, tests, mutantCoverage: stryker.mutantCoverage }
  }

  async mutantRun({ activeMutant, hitLimit, mutantActivation, testFilter }) {
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
    }
    return toMutantRunResult({ status: DryRunStatus.Complete, tests })
  }

  dispose() {
    rmSync(this.script, { force: true })
  }
}

export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, "here", Runner)]
