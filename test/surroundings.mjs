// `npm run test:surroundings [-- NAME…]`: the tests in surroundings other than this machine's own: on the kernel32 of
// Wine 10, on Windows' node, and on the portable kernel as an ordinary user with an unusual environment, under other
// versions of node, on other file systems. `--list` prints the names. What cannot be had here is said loudly, and is a
// failure in CI. `npm test -- --everything` runs them after all else.
import { spawnSync } from "node:child_process"
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join, relative } from "node:path"
import { parseArgs } from "node:util"
import { isMain } from "./kernel32/setup.mjs"
import { lane } from "./lanes.mjs"
import { banner, bin, check, conclude, report, root, tests } from "./results.mjs"

const isRoot = process.getuid?.() === 0
let work

/** Thrown where this machine cannot have what a lane needs. */
class Missing extends Error {}

const require = (condition, need) => {
  if (!condition) throw new Missing(need)
}

const run = (command, args, options) => {
  const { error, status, stderr } = spawnSync(command, args, { encoding: "utf8", ...options })
  if (error === undefined && status === 0) return
  throw new Missing(`${command} ${args.join(" ")}: ${error?.message ?? stderr.trim().split("\n").at(-1)}`)
}

const onPath = (name) =>
  (process.env.PATH ?? "").split(delimiter).some((directory) => existsSync(join(directory, name)))

/** Installs a Debian package where its command is missing and that is possible. */
const needCommand = (name, packageName) => {
  if (onPath(name)) return
  require(isRoot && onPath("apt-get"), `the command ${name} (Debian's package ${packageName})`)
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
  run("apt-get", ["-qq", "update"], { env })
  run("apt-get", ["-qq", "install", "-y", "--no-install-recommends", packageName], { env })
}

/** These come to the same in all surroundings: types, and what is computed without files, or with pipes alone. */
const INDEPENDENT = [
  ...["bench", "comments", "engine", "environment", "exhaustive", "forms", "index", "machine", "model", "objects"],
  ...["parts", "pipes", "published", "schedules", "settling", "simulation", "submit", "traces", "Win32Error"]
].map((name) => `unit/${name}`).concat(
  ["chunksInterruption", "combinators", "fairness", "interruption", "interruptions", "pipeInterruption", "pipeStress"]
    .concat("properties", "traces").map((name) => `contract/${name}`),
  ["pipe-rpc", "simulation"].map((name) => `examples/${name}`)
)

// No file is shared between lanes that run at once: each has its directory for temporary files, and vitest's cache.
const suite = (file) => [
  bin("vitest/vitest.mjs"),
  ...["run", "--allowOnly=false", "--reporter=default", "--reporter=json", `--outputFile.json=${file}`],
  ...INDEPENDENT.map((name) => `--exclude=test/${name}.test.ts`)
]

const temporary = (name) => {
  const directory = join(work, name)
  mkdirSync(directory, { recursive: true })
  return directory
}

// --- an ordinary user

/** A user id that no known system gives to anybody. */
const USER = 12_345

/** A copy of the project that belongs to the user. */
const projectOf = (user) => {
  const copy = join(work, "project")
  const left = new Set([".kernel32", ".git", "coverage", "build/nodes", "build/reports"])
  cpSync(root, copy, { recursive: true, verbatimSymlinks: true, filter: (path) => !left.has(relative(root, path)) })
  const own = (path) => {
    lchownSync(path, user, user)
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const inner = join(path, entry.name)
      if (entry.isDirectory()) own(inner)
      else lchownSync(inner, user, user)
    }
  }
  own(copy)
  return copy
}

const asUser = (title, name, { env, umask, temporaryName }) => () => {
  require(isRoot && onPath("setpriv"), "root and the command setpriv, to become an ordinary user")
  const project = existsSync(join(work, "project")) ? join(work, "project") : projectOf(USER)
  const directory = temporary(temporaryName)
  const report = join(directory, `report-${name}.json`)
  chownSync(directory, USER, USER)
  const variables = { HOME: directory, TMPDIR: directory, ...env }
  return tests(title, name, (file) => [
    ...[`--reuid=${USER}`, `--regid=${USER}`, "--clear-groups", "sh", "-c", `umask ${umask}; exec "$@"`, "sh"],
    ...[process.execPath, ...suite(file).map((argument) => argument.replace(root, `${project}/`))]
  ], { command: "setpriv", cwd: project, env: variables, report, minutes: 15 })
}

// --- other versions of node

const onNode = (version) => () => {
  const home = join(root, "build/nodes", version)
  const node = join(home, "node_modules/node/bin/node")
  if (!existsSync(node)) {
    mkdirSync(home, { recursive: true })
    writeFileSync(join(home, "package.json"), "{ \"private\": true }\n")
    run("npm", ["install", "--no-audit", "--no-fund", "--no-package-lock", `node@${version}`], { cwd: home })
  }
  require(existsSync(node), `node ${version} for ${process.platform} from the npm package "node"`)
  // Programs that tests start by name are of this version, too.
  const env = { TMPDIR: temporary(`node-${version}`), PATH: `${join(node, "..")}${delimiter}${process.env.PATH}` }
  return tests(`portable on node ${version}`, `node-${version}`, suite, { command: node, env, minutes: 15 })
}

// --- other file systems

const mounted = []

const mount = (type, make, size) => {
  require(isRoot && process.platform === "linux", `root on Linux, to mount ${type}`)
  const [image, directory] = [join(work, `${type}.image`), temporary(type)]
  if (make === undefined) run("mount", ["-t", type, "-o", `size=${size}`, type, directory])
  else {
    run("truncate", ["-s", size, image])
    run(make, ["-q", image])
    // A machine may refuse that to root as well: loud, and no failure.
    if (spawnSync("mount", ["-o", "loop", image, directory]).status !== 0) {
      throw Object.assign(new Missing(`a machine that lets root mount a file as ${type}`), { isRefused: true })
    }
  }
  mounted.push(directory)
  return directory
}

const onFileSystem = (type, packageName) => () => {
  if (packageName !== undefined) needCommand(`mkfs.${type}`, packageName)
  const directory = join(mount(type, packageName === undefined ? undefined : `mkfs.${type}`, "6G"), "mit Leer ü")
  mkdirSync(directory)
  return tests(`portable on ${type}`, type, suite, { env: { TMPDIR: directory }, minutes: 15 })
}

// --- a newer Wine

const setup = [join(root, "test/kernel32/setup.mjs")]
let wine10

/** Takes minutes of download the first time on a machine. */
const setUpWine10 = () =>
  wine10 ??= lane({
    title: "Wine 10, set-up",
    args: setup,
    env: { TPIO_WINE: "10" },
    minutes: 50,
    needs: "apt",
    waits: true
  })

const onWine10 = async () => {
  const { code, problem, said } = await setUpWine10()
  if (problem !== undefined) {
    const need = `Wine 10: ${said.trim().split("\n").slice(-3).join(" ")}`
    throw Object.assign(new Missing(need), { isRefused: code === 4 })
  }
  const launch = [join(root, "test/kernel32/run.mjs"), join(root, "build/test/kernel32/vitest.js"), "--wine", "10"]
  return tests("contract on kernel32, Wine 10", "kernel32-wine-10", (file) => [...launch, "--report", file], {
    needs: "wine 10",
    minutes: 20
  })
}

// --- Windows' node

const onWindowsNode = async () => {
  const { problem, said } = await lane({ title: "kernel32, set-up", args: setup, minutes: 20, needs: "apt" })
  require(problem === undefined, `Wine: ${said.trim().split("\n").slice(-3).join(" ")}`)
  const launch = [join(root, "test/kernel32/run.mjs"), join(root, "build/test/kernel32/vitest.js"), "--portable"]
  return tests("portable on Windows' node", "windows-node", (file) => [...launch, "--report", file], {
    needs: "wine",
    minutes: 30
  })
}

const surroundings = {
  "wine-10": onWine10,
  "windows-node": onWindowsNode,
  user: asUser("portable as an ordinary user", "user", { env: {}, umask: "022", temporaryName: "plain" }),
  "strict-user": asUser("portable as a user, umask 077", "strict-user", {
    env: { LANG: "C", LC_ALL: "", TZ: "Pacific/Apia" },
    umask: "077",
    temporaryName: "mit Leer ü"
  }),
  "node-20": onNode("20"),
  "node-22": onNode("22"),
  "node-24": onNode("24"),
  "node-latest": onNode("latest"),
  tmpfs: onFileSystem("tmpfs"),
  xfs: onFileSystem("xfs", "xfsprogs"),
  btrfs: onFileSystem("btrfs", "btrfs-progs")
}

/** `npm test -- --everything` runs these: not `windows-node`, of which some cases fail, nor `wine-10`. */
const ON_BUILD_MACHINES = ["user", "strict-user", "node-24", "node-latest", "xfs", "btrfs"]

const release = () => {
  for (const directory of mounted.splice(0)) spawnSync("umount", ["-l", directory])
  rmSync(work, { recursive: true, force: true, maxRetries: 5 })
}

/** Whether the version that a lane would install is the one that runs this: `npm test` does that. */
const isThisNode = (name) => name === `node-${process.versions.node.split(".")[0]}`

const start = async (name) => {
  try {
    await surroundings[name]()
  } catch (error) {
    if (!(error instanceof Missing)) throw error
    report(`portable: ${name}`, 0, {
      passed: 0,
      failed: process.env.CI === undefined || error.isRefused ? 0 : 1,
      problem: "NOT RUN"
    })
    banner(`NOT RUN: ${name}.`, `It needs ${error.message}`)
  }
}

/** The tests in the surroundings of these names. What they run must have been built. */
export const inSurroundings = (names = ON_BUILD_MACHINES.filter((name) => !isThisNode(name))) => {
  work = mkdtempSync(join(tmpdir(), "tpio-"))
  chmodSync(work, 0o755) // tests become other users
  process.on("exit", release)
  return Promise.all(names.map(start))
}

if (isMain(import.meta.url)) {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { list: { type: "boolean" } } })
  const unknown = positionals.filter((name) => !(name in surroundings))
  if (values.list === true) console.log(Object.keys(surroundings).join("\n"))
  else if (unknown.length > 0) {
    console.error(`There are no surroundings ${unknown.join(", ")}; there are ${Object.keys(surroundings).join(", ")}.`)
    process.exitCode = 2
  } else {
    await check("types and build (tsc)", [bin("typescript/bin/tsc"), "-p", "tsconfig.json"])
    await inSurroundings(
      positionals.length > 0 ? positionals : Object.keys(surroundings).filter((name) => !isThisNode(name))
    )
    conclude()
  }
}
