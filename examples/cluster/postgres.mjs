// The program of `npm run example:cluster:postgres`: the example on a PostgreSQL server of its own, which lives as long
// as it does. The server is Debian's (`apt-get install postgresql`); all arguments go to the example.
import { execFileSync, spawnSync } from "node:child_process"
import { chownSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const PACKAGES = "/usr/lib/postgresql"

/** PostgreSQL refuses to run as root. */
const NOBODY = 65_534
const user = process.getuid() === 0 ? { uid: NOBODY, gid: NOBODY } : {}

const binaries = () => {
  try {
    const [version] = readdirSync(PACKAGES).sort((a, b) => Number(b) - Number(a))
    return join(PACKAGES, version, "bin")
  } catch {
    console.error(`There is no PostgreSQL below ${PACKAGES}: apt-get install postgresql.`)
    process.exit(1)
  }
}

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })

const bin = binaries()
const directory = mkdtempSync(join(tmpdir(), "cluster-postgres-"))
const data = join(directory, "data")
const run = (program, ...args) => execFileSync(join(bin, program), args, { ...user, cwd: directory, stdio: "ignore" })

// The example hears Ctrl-C as well and cleans up; this program waits for it.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => {})

try {
  if (user.uid !== undefined) chownSync(directory, NOBODY, NOBODY)
  const port = await freePort()
  run("initdb", "-D", data, "-U", "cluster", "--auth", "trust", "--no-sync")
  run(
    "pg_ctl",
    "-D",
    data,
    "-w",
    "-l",
    join(directory, "log"),
    "-o",
    `-p ${port} -h 127.0.0.1 -k ${directory}`,
    "start"
  )
  try {
    const example = fileURLToPath(new URL("../../build/examples/cluster/main.js", import.meta.url))
    const { signal, status } = spawnSync(process.execPath, [example, ...process.argv.slice(2)], {
      stdio: "inherit",
      env: { ...process.env, DATABASE_URL: `postgres://cluster@127.0.0.1:${port}/postgres` }
    })
    process.exitCode = status ?? (signal === null ? 1 : 130)
  } finally {
    run("pg_ctl", "-D", data, "-m", "immediate", "stop")
  }
} finally {
  rmSync(directory, { recursive: true, force: true })
}
