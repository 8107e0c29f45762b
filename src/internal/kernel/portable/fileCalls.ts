/**
 * Changes to a file's name through its open file. POSIX does them to names: each is looked at first, whether it still
 * means the file. Another file that is put in its place just then is renamed or removed instead.
 */
import * as fs from "node:fs"
import { promisify } from "node:util"
import * as C from "../../constants.js"
import { Refusal } from "../../errno.js"
import type { Calls } from "../Calls.js"
import * as posix from "../posix.js"
import { libuv } from "./requests.js"

const fstat = promisify(fs.fstat)
const stat = promisify(fs.stat)
const realpath = promisify(fs.realpath)

/** The file's present name, without symbolic links. */
const nameOf = async (file: posix.PosixFile): Promise<string> => {
  if (file.name === undefined) throw new Refusal(C.ERROR_ACCESS_DENIED, "the handle was opened without DELETE")
  const name = await realpath(file.name)
  const [named, open] = await Promise.all([stat(name, { bigint: true }), fstat(file.fd, { bigint: true })])
  if (named.dev === open.dev && named.ino === open.ino) return name
  throw new Refusal(C.ERROR_FILE_NOT_FOUND, "its name means another file by now")
}

export const setDisposition = async (file: posix.PosixFile, remove: boolean): Promise<void> => {
  const name = await nameOf(file)
  file.deleteOnClose = remove ? name : undefined
}

type Rename = Pick<Calls["SetRenameInformation"][0], "replace" | "to">

export const setName = async (file: posix.PosixFile, { replace, to }: Rename): Promise<void> => {
  const from = await nameOf(file)
  await promisify<void>((done) => posix.moveFile({ from, to, replace })(libuv, done))()
  file.name = posix.absolute(to)
  if (file.deleteOnClose !== undefined) file.deleteOnClose = file.name
}
