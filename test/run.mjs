// `npm test`: every check and every test, in lanes that run side by side. The last line is `N passed, N failed`, over
// all lanes. Where the kernel32 lanes cannot run, a banner says so; with CI set that is a failure, unless
// TPIO_KERNEL32=skip. `-- --everything` runs the tests in other surroundings afterwards, as a build machine does.
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { compilerIsRequired } from "../src/internal/kernel/win32/native/compiler.mjs"
import { lane } from "./lanes.mjs"
import { banner, bin, check, conclude, report, root, tests } from "./results.mjs"
import { inSurroundings } from "./surroundings.mjs"

/** The last lines of what a lane has said. */
const lastLines = (said) => said.trim().split("\n").slice(-12).join("\n")

// --- on this machine's own node

// The files that it does not run are listed in test/support/simulatedLane.ts, and among the skipped cases.
const simulated = (file) => [
  bin("vitest/vitest.mjs"),
  ...["run", "--mode", "simulated", "--allowOnly=false", "--reporter=default", "--reporter=json"],
  `--outputFile.json=${file}`
]

// These files judge how fibers wait; here with the form that the other lanes do not take.
const mask = (file) => [
  bin("vitest/vitest.mjs"),
  ...["run", "--mode", "mask", "--allowOnly=false", "--reporter=default", "--reporter=json"],
  `--outputFile.json=${file}`
]

const portable = (file) => [
  bin("vitest/vitest.mjs"),
  ...["run", "--allowOnly=false", "--reporter=default", "--reporter=json", `--outputFile.json=${file}`]
]

/** The native libraries are what their source makes. */
const nativeLibraries = async () => {
  const title = "native libraries, built again"
  const args = [join(root, "src/internal/kernel/win32/native/build.mjs"), "--check"]
  const { code, problem, said, seconds } = await lane({ title, args, needs: "apt" })
  const compared = code !== 3
  const failed = problem !== undefined && (compared || compilerIsRequired) ? 1 : 0
  report(title, seconds, { passed: code === 0 ? 1 : 0, failed, problem: compared ? problem : "NOT COMPARED" })
  if (compared) return
  banner(
    "NATIVE LIBRARIES NOT COMPARED: the committed DLLs of the relay have not been built from their source here.",
    `Reason: ${lastLines(said)}`
  )
}

// --- on the real kernel32

/** Prepares Wine; answers why there is no kernel32, or `undefined`. */
const kernel32Obstacle = async () => {
  if (process.env.TPIO_KERNEL32 === "skip") return "TPIO_KERNEL32=skip asks for it."
  const setup = join(root, "test/kernel32/setup.mjs")
  const { problem, said } = await lane({ title: "kernel32, set-up", args: [setup], minutes: 20, needs: "apt" })
  return problem === undefined ? undefined : `${lastLines(said)}\n${problem}`
}

const endings = join(root, "build/test/endings.js")
const crash = join(root, "build/test/crash.js")

const everything = process.argv.includes("--everything")

/** The files that found most on Windows' node; `npm run test:surroundings -- windows-node` runs all. */
const ON_WINDOWS_NODE = ["contract/file.test", "contract/open", "contract/setinfo", "unit/portable", "unit/threads"]

/** Its programs are bundled first: under Wine that cannot be done. */
const soak = async () => {
  await check("programs of the soak, bundled", [join(root, "test/bench/soak/bundle.mjs")])
  const minutes = process.env.CI === undefined ? "0.2" : "1"
  const args = [join(root, "test/kernel32/run.mjs"), join(root, "build/test/bench/soak.js"), "--minutes", minutes]
  await check("soak on kernel32", args, { needs: "wine" })
}

const kernel32 = async (built) => {
  const title = "contract on kernel32"
  const obstacle = await kernel32Obstacle()
  if (obstacle !== undefined) {
    const failed = process.env.CI !== undefined && process.env.TPIO_KERNEL32 !== "skip" ? 1 : 0
    report(title, 0, { passed: 0, failed, problem: "NOT RUN" })
    banner(
      "KERNEL32 LANES NOT RUN: the real Windows API has not been tested.",
      `Reason: ${obstacle}`,
      "How to: `npm run setup:kernel32` (as root on Debian or Ubuntu it installs Wine), then `npm test`."
    )
    return
  }
  await built
  const launch = [join(root, "test/kernel32/run.mjs"), join(root, "build/test/kernel32/vitest.js")]
  await Promise.all([
    tests(title, "kernel32", (file) => [...launch, "--report", file], { minutes: 18, needs: "wine" }),
    // The two ways that stand in for the relay of completions: the files that lean on them; and with one of them the
    // other form in which fibers wait.
    ...[["broker", "auto"], ["callback", "mask"]].map(([way, submit]) =>
      tests(
        `the same, by ${way}, in part`,
        `kernel32-${way}`,
        (file) => [...launch, "--completions", way, "--submit", submit, "--report", file],
        { minutes: 5, needs: "wine" }
      )
    ),
    tests(
      "portable on Windows' node, in part",
      "windows-node-part",
      (file) => [...launch, "--portable", ...ON_WINDOWS_NODE, "--report", file],
      { minutes: 5, needs: "wine" }
    ),
    check("ends of processes on kernel32", [endings, "--kernel32"], { needs: "wine" }),
    check("trees against a process that renames, on kernel32", [
      ...[join(root, "test/kernel32/run.mjs"), join(root, "build/test/hostile/main.js")],
      ...["--kernel", "win32", "--seconds", "5"]
    ], { needs: "wine" }),
    check("kill -9 of copies on kernel32", [crash, "--kernel32", "--times", "4"], { needs: "wine" }),
    soak()
  ])
}

// --- all of them

/** The state of every path in the work tree that git does not ignore; `undefined` where there is no git. */
const workTree = () => {
  const { status, stdout } = spawnSync("git", ["status", "--porcelain", "-z", "--untracked-files=all"], { cwd: root })
  return status === 0 ? stdout.toString().split("\0").filter(Boolean) : undefined
}

/** Fails when a test has left something in the work tree, or has changed it. */
const sameWorkTree = (before) => {
  const changed = workTree()?.filter((line) => !before?.includes(line))
  const problem = changed === undefined
    ? "NOT COMPARED: git does not answer"
    : changed.length > 0
    ? `changed: ${changed.join(", ")}`
    : undefined
  report("the work tree is as it was", 0, {
    passed: problem === undefined ? 1 : 0,
    failed: changed === undefined || changed.length === 0 ? 0 : 1,
    problem
  })
}

const before = workTree()

const built = check("types and build (tsc)", [bin("typescript/bin/tsc"), "-p", "tsconfig.json"])
const onKernel32 = kernel32(built)
await built
await Promise.all([
  onKernel32,
  tests("unit and contract on portable", "portable", portable, { minutes: 18 }),
  tests("contract on simulated", "simulated", simulated, { minutes: 10 }),
  tests("interruption, masked", "mask", mask, { minutes: 10 }),
  check("lint (eslint)", [bin("eslint/bin/eslint.js"), "--max-warnings", "0", "."]),
  check("imports, by the floors", [join(root, "test/imports.mjs")]),
  check("ends of processes on portable", [endings]),
  check("trees against a process that exchanges names", [join(root, "build/test/hostile/main.js"), "--seconds", "3"]),
  check("kill -9 of copies on portable", [crash, "--times", "6"]),
  check("mistakes made on purpose, in short", [join(root, "test/mutations/run.mjs"), "--quick"]),
  nativeLibraries(),
  check("examples in the documentation", [join(root, "test/docs.mjs")]),
  check("the package, as it would be published", [join(root, "test/package/check.mjs")])
    .then(() => check("the package in fresh projects, in short", [join(root, "test/package/consumers.mjs"), "--short"]))
])
if (everything) await inSurroundings()
sameWorkTree(before)
conclude()
