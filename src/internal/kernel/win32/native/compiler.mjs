// The compiler that has made the committed libraries. Other versions make other bytes, so only this one can tell
// whether the committed libraries are what relay.c makes. Root on Debian 12 has it installed where CI is set.
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"

/** Programs, and the first line of what they say about their version. */
const VERSIONS = { "clang-14": "Debian clang version 14.0.6", "lld-link-14": "Debian LLD 14.0.6" }

const HOW_TO = "On Debian 12: sudo apt-get update && sudo apt-get install -y --no-install-recommends clang-14 lld-14"

const wrongVersions = () =>
  Object.entries(VERSIONS).flatMap(([program, wanted]) => {
    const { error, stdout } = spawnSync(program, ["--version"], { encoding: "utf8" })
    const version = error === undefined ? stdout.split("\n")[0].trim() : "not installed"
    return version === wanted ? [] : [`${program} is ${version}, and must be ${wanted}.`]
  })

const isDebian12 = () => {
  try {
    return /^VERSION_CODENAME=bookworm$/m.test(readFileSync("/etc/os-release", "utf8"))
  } catch {
    return false
  }
}

/** Whether its absence is a failure: on a build machine that could have it. */
export const compilerIsRequired = process.env.CI !== undefined && isDebian12() && process.getuid?.() === 0

const install = () => {
  const options = {
    stdio: ["ignore", 2, 2],
    timeout: 600_000,
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
  }
  spawnSync("apt-get", ["-qq", "update"], options)
  spawnSync("apt-get", ["-qq", "install", "-y", "--no-install-recommends", "clang-14", "lld-14"], options)
}

/** Why the libraries cannot be built here as they were, or `undefined`. */
export const compilerObstacle = () => {
  if (wrongVersions().length > 0 && compilerIsRequired) install()
  const wrong = wrongVersions()
  return wrong.length === 0 ? undefined : [...wrong, HOW_TO].join("\n")
}
