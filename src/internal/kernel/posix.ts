/**
 * The functions without OVERLAPPED over POSIX files, as promises that reject with a node error or a `Refusal`.
 * What an access right is missing for is refused as Windows refuses it, so that a program that runs here runs there.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { promisify } from "node:util"
import * as C from "../constants.js"
import { errnoOf, Refusal } from "./errno.js"
import type { Calls, FileInformation } from "./Kernel.js"

const { constants } = fs
const open = promisify(fs.open)
const close = promisify(fs.close)
const fstat = promisify(fs.fstat)
const lstat = promisify(fs.lstat)
const fsync = promisify(fs.fsync)
const ftruncate = promisify(fs.ftruncate)
const futimes = promisify(fs.futimes)
const fchmod = promisify(fs.fchmod)
const rename = promisify(fs.rename)
const link = promisify(fs.link)
const unlink = promisify(fs.unlink)
const readlink = promisify(fs.readlink)
const symlink = promisify(fs.symlink)

type CreateFile = Calls["CreateFileW"][0]
type BasicInformation = Calls["SetBasicInformation"][0]

/** An open regular file. */
export interface PosixFile {
  readonly fd: number
  readonly readable: boolean
  readonly writable: boolean
  readonly writableAttributes: boolean
  /** Device and inode. */
  readonly identity: string
  /** The name to remove when the file is closed. */
  readonly deleteOnClose: string | undefined
}

const identityOf = (stat: fs.BigIntStats): string => `${stat.dev}:${stat.ino}`

// --- CreateFileW

/** What Windows does not have, node on Windows does not name. */
const flag = (name: "O_NONBLOCK" | "O_NOCTTY" | "O_NOFOLLOW" | "O_SYNC"): number => constants[name] ?? 0

/** The file is truncated after it has been looked at, not by open(2): nothing happens to what is no regular file. */
const truncates = ({ disposition }: CreateFile): boolean =>
  disposition === C.CREATE_ALWAYS || disposition === C.TRUNCATE_EXISTING

const has = (value: number, bits: number): boolean => (value & bits) !== 0

const accessFlags = (arguments_: CreateFile): number => {
  if (!has(arguments_.access, C.GENERIC_WRITE) && !truncates(arguments_)) return constants.O_RDONLY
  return has(arguments_.access, C.GENERIC_READ) ? constants.O_RDWR : constants.O_WRONLY
}

const dispositionFlags = ({ access, disposition }: CreateFile): number => {
  switch (disposition) {
    case C.CREATE_NEW:
      return constants.O_CREAT | constants.O_EXCL
    case C.CREATE_ALWAYS:
    case C.OPEN_ALWAYS:
      return constants.O_CREAT
    case C.OPEN_EXISTING:
      return 0
    case C.TRUNCATE_EXISTING:
      if (has(access, C.GENERIC_WRITE)) return 0
      throw new Refusal(C.ERROR_INVALID_PARAMETER, "TRUNCATE_EXISTING needs GENERIC_WRITE")
    default:
      throw new Refusal(C.ERROR_INVALID_PARAMETER, `${disposition} is no creation disposition`)
  }
}

/** O_NONBLOCK: the open of a FIFO answers at once. libuv adds O_CLOEXEC. Share modes have no counterpart. */
const openFlags = (arguments_: CreateFile): number => {
  if (has(arguments_.flags, C.FILE_FLAG_NO_BUFFERING)) {
    throw new Refusal(C.ERROR_NOT_SUPPORTED, "FILE_FLAG_NO_BUFFERING needs aligned memory, which node cannot allocate")
  }
  return accessFlags(arguments_) | dispositionFlags(arguments_) | flag("O_NONBLOCK") | flag("O_NOCTTY") |
    (has(arguments_.flags, C.FILE_FLAG_WRITE_THROUGH) ? flag("O_SYNC") : 0) |
    (has(arguments_.flags, C.FILE_FLAG_OPEN_REPARSE_POINT) ? flag("O_NOFOLLOW") : 0)
}

const openNamed = async (arguments_: CreateFile): Promise<number> => {
  const flags = openFlags(arguments_)
  if (arguments_.path.includes("\0")) throw new Refusal(C.ERROR_INVALID_NAME, "a file name cannot contain NUL")
  try {
    return await open(arguments_.path, flags, arguments_.mode)
  } catch (error) {
    // Windows has a code of its own for CREATE_NEW.
    if (errnoOf(error) === "EEXIST") throw new Refusal(C.ERROR_FILE_EXISTS, "CREATE_NEW found the file there", error)
    throw error
  }
}

/** Regular files only: a read of a FIFO or a terminal would occupy a libuv thread for ever. */
const requireRegular = (stat: fs.BigIntStats): void => {
  if (stat.isDirectory()) throw new Refusal(C.ERROR_ACCESS_DENIED, "a directory cannot be opened as a file")
  if (!stat.isFile()) throw new Refusal(C.ERROR_NOT_SUPPORTED, "the portable kernel opens regular files only")
}

export const createFile = async (arguments_: CreateFile): Promise<PosixFile> => {
  const { access, flags } = arguments_
  const name = has(flags, C.FILE_FLAG_DELETE_ON_CLOSE) ? absolute(arguments_.path) : undefined
  const fd = await openNamed(arguments_)
  try {
    const stat = await fstat(fd, { bigint: true })
    requireRegular(stat)
    if (truncates(arguments_) && stat.size > 0n) await ftruncate(fd, 0)
    const writable = has(access, C.GENERIC_WRITE)
    return {
      fd,
      readable: has(access, C.GENERIC_READ),
      writable,
      writableAttributes: writable || has(access, C.FILE_WRITE_ATTRIBUTES),
      identity: identityOf(stat),
      deleteOnClose: name
    }
  } catch (error) {
    await close(fd)
    throw error
  }
}

/** Not `path.resolve`: `link/..` is not the folder that `link` is in. */
const absolute = (name: string): string => path.isAbsolute(name) ? name : `${process.cwd()}/${name}`

/** Windows deletes the file; POSIX can only remove a name, and does so when the name still means the file. */
const deleteName = async (file: PosixFile, name: string): Promise<void> => {
  try {
    if (identityOf(await lstat(name, { bigint: true })) === file.identity) await unlink(name)
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error
  }
}

export const closeFile = async (file: PosixFile): Promise<void> => {
  try {
    if (file.deleteOnClose !== undefined) await deleteName(file, file.deleteOnClose)
  } finally {
    await close(file.fd)
  }
}

// --- what an open file is asked

const requireAccess = (granted: boolean, name: string): void => {
  if (!granted) throw new Refusal(C.ERROR_ACCESS_DENIED, `the handle was opened without ${name}`)
}

export const flush = async (file: PosixFile): Promise<void> => {
  requireAccess(file.writable, "GENERIC_WRITE")
  await fsync(file.fd)
}

const WRITE_BITS = 0o222
const OWNER_WRITES = 0o200
const MODE_BITS = 0o7777

export const information = async ({ fd }: PosixFile): Promise<FileInformation> => {
  const stat = await fstat(fd, { bigint: true })
  const mode = Number(stat.mode) & MODE_BITS
  return {
    size: stat.size,
    accessTimeNs: stat.atimeNs,
    modifiedTimeNs: stat.mtimeNs,
    createdTimeNs: stat.birthtimeNs,
    attributes: (mode & WRITE_BITS) === 0 ? C.FILE_ATTRIBUTE_READONLY : C.FILE_ATTRIBUTE_NORMAL,
    mode,
    numberOfLinks: Number(stat.nlink),
    volume: stat.dev,
    fileIndex: stat.ino
  }
}

export const setEndOfFile = async (file: PosixFile, length: bigint): Promise<void> => {
  requireAccess(file.writable, "GENERIC_WRITE")
  if (length < 0n || length > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new Refusal(C.ERROR_INVALID_PARAMETER, `${length} is no length that node can set`)
  }
  await ftruncate(file.fd, Number(length))
}

/**
 * libuv takes seconds as a double, about 240 ns apart today, and cuts off towards zero: the next one away from it keeps
 * the microsecond. As text, because node takes a negative number for "now".
 */
const seconds = (ns: bigint): string => {
  const magnitude = ns < 0n ? -ns : ns
  let time = Number(magnitude) / 1e9
  while (kept(time) < magnitude) time += time * Number.EPSILON
  return ns < 0n ? `-${time}` : `${time}`
}

const kept = (time: number): bigint => {
  const whole = Math.floor(time)
  return BigInt(whole) * 1_000_000_000n + BigInt(Math.floor((time - whole) * 1e9))
}

/** A time that is to stay is written back as it was read: POSIX's "omit" is not to be had from node 20. */
export const setBasicInformation = async (file: PosixFile, information: BasicInformation): Promise<void> => {
  requireAccess(file.writableAttributes, "FILE_WRITE_ATTRIBUTES")
  const { accessTimeNs, mode, modifiedTimeNs, readOnly } = information
  if (mode !== undefined) {
    await fchmod(file.fd, mode & MODE_BITS)
  } else if (readOnly !== undefined) {
    const present = Number((await fstat(file.fd, { bigint: true })).mode) & MODE_BITS
    // Who could write before is not known any more: the owner can again, and nobody else is given more than that.
    await fchmod(file.fd, readOnly ? present & ~WRITE_BITS : present | OWNER_WRITES)
  }
  if (accessTimeNs === undefined && modifiedTimeNs === undefined) return
  const stat = await fstat(file.fd, { bigint: true })
  await futimes(file.fd, seconds(accessTimeNs ?? stat.atimeNs), seconds(modifiedTimeNs ?? stat.mtimeNs))
}

// --- names

/**
 * rename(2) replaces, and node has no other. To replace nothing, a second name is made, which fails where there is one
 * already, and then the first is removed. A crash in between leaves the file whole under both names: the same move then
 * answers 183, and deleting `from` ends it (rename(2) of two names of one file does nothing). What somebody puts in the
 * place of `from` in between is removed in its stead: POSIX cannot make the removal depend on what the name means.
 */
export const moveFile = async ({ from, replace, to }: Calls["MoveFileExW"][0]): Promise<void> => {
  if (replace) return rename(from, to)
  await addName(from, to)
  try {
    await unlink(from)
  } catch (error) {
    // Somebody moved or deleted it first: the removal of the old name decides who has moved the file.
    await unlink(to).catch(() => undefined)
    throw error
  }
}

const cannotLink = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"])

/** A symbolic link is made anew, because link(2) follows it on some systems. */
const addName = async (from: string, to: string): Promise<void> => {
  if ((await lstat(from)).isSymbolicLink()) return symlink(await readlink(from), to)
  try {
    await link(from, to)
  } catch (error) {
    if (!cannotLink.has(errnoOf(error) ?? "")) throw error
    throw new Refusal(
      C.ERROR_NOT_SUPPORTED,
      "this file or file system has no hard links, without which a move cannot avoid replacing: move with `replace`",
      error
    )
  }
}

export const deleteFile = ({ path: name }: Calls["DeleteFileW"][0]): Promise<void> => unlink(name)
