// Builds the native libraries from relay.c: `npm run build:native`. They are committed, because users have no compiler.
// The same compiler makes the same bytes in any folder: with `--check`, as in `npm test`, they are built again and
// compared. Exit code 3: that compiler is not here.
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { compilerObstacle } from "./compiler.mjs"

/** Processors as node names them, and as compiler and linker do. */
const MACHINES = { x64: ["x86_64", "x64"], arm64: ["aarch64", "arm64"] }

const EXPORTS = ["relay_version", "relay_open", "relay_stop", "relay_completed", "relay_completed_bound"]

const COMPILE = [
  ...["-c", "-O2", "-std=c11", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-funwind-tables"],
  ...["-fno-ident", "-mno-incremental-linker-compatible"]
]
const LINK = ["/dll", "/noentry", "/nodefaultlib", "/Brepro", "/opt:ref,icf"]

const here = fileURLToPath(new URL(".", import.meta.url))
const library = (machine) => join(here, `relay-${machine}.dll`)

const run = (file, args) => {
  const { error, status, stderr, stdout } = spawnSync(file, args, { cwd: here, encoding: "utf8" })
  if (error !== undefined || status !== 0) {
    throw new Error(`${file} ${args.join(" ")}: ${error?.message ?? `exit code ${status}`}\n${stdout}${stderr}`)
  }
  return stdout
}

const build = (machine, directory) => {
  const [target, linkers] = MACHINES[machine]
  const object = join(directory, `${machine}.obj`)
  const out = join(directory, `relay-${machine}.dll`)
  run("clang-14", [`--target=${target}-pc-windows-msvc`, ...COMPILE, "-o", object, "relay.c"])
  const symbols = EXPORTS.map((name) => `/export:${name}`)
  run("lld-link-14", [...LINK, ...symbols, `/machine:${linkers}`, `/out:${out}`, object])
  return readFileSync(out)
}

const all = (each) => {
  const directory = mkdtempSync(join(tmpdir(), "relay-"))
  try {
    for (const machine of Object.keys(MACHINES)) each(machine, build(machine, directory))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const check = (machine, bytes) => {
  const same = readFileSync(library(machine)).equals(bytes)
  console.log(`relay-${machine}.dll: ${bytes.length} bytes, ${same ? "as committed" : "NOT as committed"}`)
  if (same) return
  console.log("Run `npm run build:native`, and commit what it makes.")
  process.exitCode = 1
}

const write = (machine, bytes) => {
  writeFileSync(library(machine), bytes)
  console.log(`relay-${machine}.dll: ${bytes.length} bytes`)
}

const obstacle = compilerObstacle()
if (obstacle === undefined) all(process.argv.includes("--check") ? check : write)
else {
  console.error(obstacle)
  process.exitCode = 3
}
