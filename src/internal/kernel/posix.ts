/**
 * The functions without OVERLAPPED over POSIX files: each makes as few requests as it can, since every one is a hand-over
 * to another thread and back. They fail with a node error or a `Refusal`; what an access right is missing for is refused as
 * Windows refuses it, so that a program that runs here runs there.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { promisify } from "node:util"
import * as C from "../constants.js"
import { errnoOf, Refusal } from "./errno.js"
import type { Calls, FileInformation } from "./Kernel.js"

const { constants } = fs
const fstat = promisify(fs.fstat)
const lstat = promisify(fs.lstat)
const futimes = promisify(fs.futimes)
const fchmod = promisify(fs.fchmod)
const readlink = promisify(fs.readlink)
const symlink = promisify(fs.symlink)
const link = promisify(fs.link)
const unlink = promisify(fs.unlink)

/** Calls back once. May also throw, before it has asked for anything. */
export type Work<A> = (done: (error: unknown, value?: A) => void) => void

/** For what is seldom asked for. */
export const promised = <A>(promise: Promise<A>): Work<A> => (done) => {
  promise.then((value) => done(null, value), done)
}

type CreateFile = Calls["CreateFileW"][0]
type BasicInformation = Calls["SetBasicInformation"][0]

/** An open regular file. */
export interface PosixFile {
  readonly fd: number
  readonly readable: boolean
  readonly writable: boolean
  readonly writableAttributes: boolean
  /** The name to remove when the file is closed. */
  deleteOnClose: string | undefined
  /** Its name as far as we know, of a file that was opened with DELETE. */
  name: string | undefined
}

const identityOf = (stat: fs.BigIntStats): string => `${stat.dev}:${stat.ino}`

/** Device and inode. */
export const identity = ({ fd }: PosixFile): Work<string> => (done) =>
  fs.fstat(fd, { bigint: true }, (error, stat) => error === null ? done(null, identityOf(stat)) : done(error))

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

/** Windows has a code of its own for CREATE_NEW. */
const openError = (error: NodeJS.ErrnoException): Error =>
  errnoOf(error) === "EEXIST" ? new Refusal(C.ERROR_FILE_EXISTS, "CREATE_NEW found the file there", error) : error

/** Regular files only: a read of a FIFO or a terminal would occupy a libuv thread for ever. */
const requireRegular = (stat: fs.Stats): Refusal | undefined => {
  if (stat.isDirectory()) return new Refusal(C.ERROR_ACCESS_DENIED, "a directory cannot be opened as a file")
  if (!stat.isFile()) return new Refusal(C.ERROR_NOT_SUPPORTED, "the portable kernel opens regular files only")
  return undefined
}

export const createFile = (arguments_: CreateFile): Work<PosixFile> => (done) => {
  const { access, disposition, flags } = arguments_
  const open = openFlags(arguments_)
  if (arguments_.path.includes("\0")) throw new Refusal(C.ERROR_INVALID_NAME, "a file name cannot contain NUL")
  const deleteOnClose = has(flags, C.FILE_FLAG_DELETE_ON_CLOSE) ? absolute(arguments_.path) : undefined
  fs.open(arguments_.path, open, arguments_.mode, (error, fd) => {
    if (error !== null) return done(openError(error))
    const writable = has(access, C.GENERIC_WRITE)
    const file: PosixFile = {
      fd,
      readable: has(access, C.GENERIC_READ),
      writable,
      writableAttributes: writable || has(access, C.FILE_WRITE_ATTRIBUTES),
      deleteOnClose,
      name: has(access, C.DELETE) ? absolute(arguments_.path) : undefined
    }
    // What has just been made is a regular file, and empty.
    if (disposition === C.CREATE_NEW) return done(null, file)
    const ended = (problem: Error | null | undefined) => {
      if (problem === null || problem === undefined) done(null, file)
      else fs.close(fd, () => done(problem))
    }
    fs.fstat(fd, (error, stat) => {
      const problem = error ?? requireRegular(stat)
      if (problem === undefined && truncates(arguments_) && stat.size > 0) fs.ftruncate(fd, 0, ended)
      else ended(problem)
    })
  })
}

/** Not `path.resolve`: `link/..` is not the folder that `link` is in. */
export const absolute = (name: string): string => path.isAbsolute(name) ? name : `${process.cwd()}/${name}`

/** Windows deletes the file; POSIX can only remove a name, and does so when the name still means the file. */
const deleteName = async (fd: number, name: string): Promise<void> => {
  try {
    const [there, file] = await Promise.all([lstat(name, { bigint: true }), fstat(fd, { bigint: true })])
    if (identityOf(there) === identityOf(file)) await unlink(name)
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error
  }
}

export const closeFile = ({ deleteOnClose, fd }: PosixFile): Work<void> => (done) => {
  if (deleteOnClose === undefined) return fs.close(fd, done)
  promised(deleteName(fd, deleteOnClose))((problem) => fs.close(fd, (error) => done(problem ?? error)))
}

// --- what an open file is asked

const requireAccess = (granted: boolean, name: string): void => {
  if (!granted) throw new Refusal(C.ERROR_ACCESS_DENIED, `the handle was opened without ${name}`)
}

export const flush = (file: PosixFile): Work<void> => (done) => {
  requireAccess(file.writable, "GENERIC_WRITE")
  fs.fsync(file.fd, done)
}

const WRITE_BITS = 0o222
const OWNER_WRITES = 0o200
const MODE_BITS = 0o7777

export const information = ({ fd }: PosixFile): Work<FileInformation> => (done) =>
  fs.fstat(fd, { bigint: true }, (error, stat) => error === null ? done(null, informationOf(stat)) : done(error))

const informationOf = (stat: fs.BigIntStats): FileInformation => {
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

export const setEndOfFile = (file: PosixFile, length: bigint): Work<void> => (done) => {
  requireAccess(file.writable, "GENERIC_WRITE")
  if (length < 0n || length > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new Refusal(C.ERROR_INVALID_PARAMETER, `${length} is no length that node can set`)
  }
  fs.ftruncate(file.fd, Number(length), done)
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

export const setBasicInformation = (file: PosixFile, information: BasicInformation): Work<void> => (done) => {
  requireAccess(file.writableAttributes, "FILE_WRITE_ATTRIBUTES")
  const { accessTimeNs, mode, modifiedTimeNs, readOnly } = information
  if (mode === undefined && readOnly === undefined && accessTimeNs !== undefined && modifiedTimeNs !== undefined) {
    return fs.futimes(file.fd, seconds(accessTimeNs), seconds(modifiedTimeNs), done)
  }
  promised(setEach(file, information))(done)
}

/** A time that is to stay is written back as it was read: POSIX's "omit" is not to be had from node 20. */
const setEach = async ({ fd }: PosixFile, information: BasicInformation): Promise<void> => {
  const { accessTimeNs, mode, modifiedTimeNs, readOnly } = information
  const stat = await fstat(fd, { bigint: true })
  const present = Number(stat.mode) & MODE_BITS
  if (mode !== undefined) await fchmod(fd, mode & MODE_BITS)
  // Who could write before is not known any more: the owner can again, and nobody else is given more than that.
  else if (readOnly !== undefined) await fchmod(fd, readOnly ? present & ~WRITE_BITS : present | OWNER_WRITES)
  if (accessTimeNs === undefined && modifiedTimeNs === undefined) return
  await futimes(fd, seconds(accessTimeNs ?? stat.atimeNs), seconds(modifiedTimeNs ?? stat.mtimeNs))
}

// --- names

/**
 * rename(2) replaces, and node has no other. To replace nothing, a second name is made, which fails where there is one
 * already, and then the first is removed. A crash in between leaves the file whole under both names: the same move then
 * answers 183, and deleting `from` ends it (rename(2) of two names of one file does nothing). What somebody puts in the
 * place of `from` in between is removed in its stead: POSIX cannot make the removal depend on what the name means.
 */
export const moveFile = ({ from, replace, to }: Calls["MoveFileExW"][0]): Work<void> => (done) => {
  if (replace) return fs.rename(from, to, done)
  addName(from, to)((error) => {
    if (error !== null) return done(error)
    fs.unlink(from, (error) => {
      if (error === null) return done(null)
      // Somebody moved or deleted it first: the removal of the old name decides who has moved the file.
      fs.unlink(to, () => done(error))
    })
  })
}

const cannotLink = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"])

/** link(2) follows a symbolic link on some systems, though not on Linux: there it is made anew. */
const addName = (from: string, to: string): Work<void> => (done) => {
  const linked = (error: unknown) => {
    if (error === null || !cannotLink.has(errnoOf(error) ?? "")) return done(error)
    done(
      new Refusal(
        C.ERROR_NOT_SUPPORTED,
        "this file or file system has no hard links, without which a move cannot avoid replacing: move with `replace`",
        error
      )
    )
  }
  if (process.platform === "linux") fs.link(from, to, linked)
  else promised(linkOrCopyLink(from, to))((error) => linked(error))
}

const linkOrCopyLink = async (from: string, to: string): Promise<void> =>
  (await lstat(from)).isSymbolicLink() ? symlink(await readlink(from), to) : link(from, to)

export const deleteFile = ({ path: name }: Calls["DeleteFileW"][0]): Work<void> => (done) => fs.unlink(name, done)
