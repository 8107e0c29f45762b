/**
 * Where a pipe of the portable kernel is: a socket in a directory that nobody but its user can enter. A directory that
 * is somebody else's, or that others may write to, is never trusted.
 */
import { promises as fs } from "node:fs"
import { tmpdir } from "node:os"
import { isAbsolute, join } from "node:path"
import {
  ERROR_ACCESS_DENIED,
  ERROR_FILENAME_EXCED_RANGE,
  ERROR_INVALID_NAME,
  ERROR_NOT_SUPPORTED
} from "../../constants.js"
import { errnoOf, Refusal } from "../../errno.js"

const PREFIX = /^\\\\\.\\pipe\\/i

export const isPipePath = (path: string): boolean => PREFIX.test(path)

/** `sun_path`, less the NUL at its end, and the dot of the socket beside this one. */
const LONGEST_ADDRESS = process.platform === "linux" ? 106 : 102

const OTHERS_WRITE = 0o022
const OTHERS = 0o077
/** S_ISVTX: only its owner renames or removes what is in such a directory. */
const STICKY = 0o1000

/**
 * The socket's path; two names that Windows takes for one are one. With `create`, its directory is there afterwards.
 */
export const addressOf = async (pipe: string, create: boolean): Promise<string> => {
  const name = pipe.replace(PREFIX, "").toLowerCase()
  if (name === "" || name.endsWith(".") || name.includes("/") || name.includes("\0")) {
    throw new Refusal(ERROR_INVALID_NAME, "no name of a pipe")
  }
  if (process.getuid === undefined) throw new Refusal(ERROR_NOT_SUPPORTED, "pipes need a system with user ids")
  const uid = process.getuid()
  const runtime = process.env["XDG_RUNTIME_DIR"]
  const [parent, directory] = runtime !== undefined && isAbsolute(runtime)
    ? [runtime, "effect-threadpool-io"]
    : [tmpdir(), `effect-threadpool-io-${uid}`]
  const address = join(parent, directory, name)
  if (Buffer.byteLength(address) > LONGEST_ADDRESS) {
    throw new Refusal(ERROR_FILENAME_EXCED_RANGE, `the address of a socket has ${LONGEST_ADDRESS} bytes: ${address}`)
  }
  await checkDirectory(parent, join(parent, directory), uid, create)
  return address
}

/** Checks that no other user can take the directory away, or look into it. */
const checkDirectory = async (parent: string, directory: string, uid: number, create: boolean): Promise<void> => {
  const above = await fs.stat(parent)
  const keptByOthers = above.uid !== uid && above.uid !== 0
  if (keptByOthers || ((above.mode & OTHERS_WRITE) !== 0 && (above.mode & STICKY) === 0)) {
    throw new Refusal(ERROR_ACCESS_DENIED, `${parent} is another user's, or others may rename what is in it`)
  }
  if (create) {
    try {
      await fs.mkdir(directory, { mode: 0o700 })
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error
    }
  }
  const own = await fs.lstat(directory)
  if (!own.isDirectory() || own.uid !== uid || (own.mode & OTHERS) !== 0) {
    throw new Refusal(ERROR_ACCESS_DENIED, `${directory} is not a directory of this user alone (mode 0700)`)
  }
}
