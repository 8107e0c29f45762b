// Starts the benchmark with V8's helper threads off, so that processor time repeats: `npm run bench`, and with
// --kernel32 first `npm run bench:kernel32`. For `--against REV` it packs that revision before; `-- --help` tells the
// rest.
import { spawnSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

const root = fileURLToPath(new URL("../..", import.meta.url))
const main = join(root, "build/test/bench/main.js")
const node = (script, args, options) => run(process.execPath, [join(root, "node_modules", script), ...args], options)

const run = (program, args, options) => {
  const { error, status, stderr, stdout } = spawnSync(program, args, { encoding: "utf8", ...options })
  if (error !== undefined || status !== 0) {
    throw new Error(`${program} ${args.join(" ")}: ${error?.message ?? `exit code ${status}`}\n${stdout}${stderr}`)
  }
  return stdout.trim()
}

/**
 * Builds and packs a revision twice with the modules that are installed now; answers the folder's name in
 * build/test/bench/against.
 */
const pack = (revision) => {
  const commit = run("git", ["rev-parse", "--verify", "--quiet", `${revision}^{commit}`], { cwd: root })
  const against = join(root, "build/test/bench/against")
  const target = join(against, commit)
  if (existsSync(target)) return commit
  process.stderr.write(`packing ${revision} …\n`)
  mkdirSync(against, { recursive: true })
  const folder = mkdtempSync(join(against, "packing-"))
  try {
    const [archive, source] = [join(folder, "source.tar"), join(folder, "source")]
    run("git", ["archive", "--output", archive, commit], { cwd: root })
    mkdirSync(source)
    run("tar", ["-xf", archive, "-C", source])
    node("typescript/bin/tsc", ["-p", "tsconfig.build.json"], { cwd: source })
    const libraries = join(source, "src/internal/kernel/win32/native")
    if (existsSync(libraries)) cpSync(libraries, join(source, "dist/native"), { recursive: true })
    const [{ filename }] = JSON.parse(run("npm", ["pack", "--json", "--ignore-scripts"], { cwd: source }))
    for (const copy of ["first", "second"]) {
      mkdirSync(join(folder, copy))
      run("tar", ["-xzf", join(source, filename), "--strip-components=1", "-C", join(folder, copy)])
    }
    rmSync(archive)
    rmSync(source, { recursive: true })
    renameSync(folder, target)
    return commit
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const argv = process.argv.slice(2)
const kernel32 = argv[0] === "--kernel32"
const args = kernel32 ? argv.slice(1) : argv
const { values } = parseArgs({ args, options: { against: { type: "string" } }, strict: false, allowPositionals: true })

try {
  const packed = typeof values.against === "string" && !values.help ? ["--packed", pack(values.against)] : []
  const launcher = kernel32 ? [join(root, "test/kernel32/run.mjs")] : []
  // Both get a Ctrl-C of the terminal; this one only hands the exit code on.
  process.on("SIGINT", () => {})
  const { signal, status } = spawnSync(
    process.execPath,
    [...launcher, "--single-threaded", main, ...args, ...packed],
    { stdio: "inherit" }
  )
  process.exitCode = status ?? (signal === null ? 1 : 130)
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
