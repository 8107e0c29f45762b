// The package as it would be published: packed, and unpacked again to be looked at.
import { spawnSync } from "node:child_process"
import { mkdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

export const root = fileURLToPath(new URL("../..", import.meta.url))
const windows = process.platform === "win32"

/** Runs a command to its end; throws with all that it has said when it fails. */
export const run = (command, args, { minutes = 5, ...options } = {}) => {
  const { error, signal, status, stderr, stdout } = spawnSync(command, args, {
    encoding: "utf8",
    timeout: minutes * 60_000,
    shell: windows && command === "npm",
    ...options
  })
  if (status === 0) return stdout
  const why = error?.message ?? signal ?? `exit code ${status}`
  throw new Error(`${command} ${args.join(" ")}: ${why}\n${stdout ?? ""}${stderr ?? ""}`)
}

/** Packs into `folder`; answers the tarball, and the folder of what is in it. */
export const pack = (folder) => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const [{ filename }] = JSON.parse(
    run("npm", ["pack", "--json", "--silent", "--pack-destination", folder], { cwd: root })
  )
  const tarball = join(folder, filename)
  run("tar", ["xzf", filename], { cwd: folder })
  return { tarball, unpacked: join(folder, "package"), manifest: readJson(join(folder, "package/package.json")) }
}

export const readJson = (path) => JSON.parse(readFileSync(path, "utf8"))

let passed = 0
let failed = 0

/** One claim: says how it went, and goes on. */
export const claim = async (title, body) => {
  const begin = Date.now()
  try {
    const note = await body()
    passed++
    console.log(
      `ok      ${title}${note === undefined ? "" : `: ${note}`}  (${Math.round((Date.now() - begin) / 1000)} s)`
    )
  } catch (error) {
    failed++
    console.log(`FAILED  ${title}\n${String(error.stack ?? error).replaceAll(/^/gm, "        ")}`)
  }
}

/** Prints `N passed, N failed`, and sets the exit code. */
export const conclude = () => {
  console.log(`\n${passed} passed, ${failed} failed`)
  process.exitCode = failed === 0 ? 0 : 1
}
