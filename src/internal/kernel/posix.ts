/**
 * The functions without OVERLAPPED over POSIX files: each makes as few requests as it can, since every one is a
 * hand-over to another thread and back. They fail with a node error or a `Refusal`; what an access right is missing for
 * is refused as Windows refuses it, so that a program that runs here runs there.
 */
import { randomUUID } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import { promisify } from "node:util"
import * as C from "../constants.js"
import { errnoOf, Refusal } from "../errno.js"
import type { Calls, FileInformation } from "./Calls.js"
import type { Requests, Stat } from "./portable/requests.js"

const { constants } = fs

/** Calls back once. May also throw, before it has asked for anything. */
export type Work<A> = (requests: Requests, done: (error: unknown, value?: A) => void) => void

/** For what is seldom asked for. */
const promised = <A>(work: (requests: Requests) => Promise<A>): Work<A> => (requests, done) => {
  work(requests).then((value) => done(null, value), done)
}

const asked = <A>(ask: (answer: (error: Error | null, value?: A) => void) => void): Promise<A> =>
  promisify<A>(ask as (answer: (error: Error | null, value: A) => void) => void)()

type CreateFile = Calls["CreateFileW"][0]
type BasicInformation = Calls["SetBasicInformation"][0]

/** An open regular file. */
export interface PosixFile {
  readonly fd: number
  readonly readable: boolean
  readonly writable: boolean
  /** O_APPEND: whatever is written goes to the end. */
  readonly appends: boolean
  readonly writableAttributes: boolean
  /** The name to remove when the file is closed. */
  deleteOnClose: string | undefined
  /** Its name as far as we know, of a file that was opened with DELETE. */
  name: string | undefined
}

const identityOf = (stat: Stat): string => `${stat.dev}:${stat.ino}`

/** Device and inode. */
export const identity = ({ fd }: PosixFile): Work<string> => (requests, done) =>
  requests.fstat(fd, (error, stat) => error === null ? done(null, identityOf(stat!)) : done(error))

// --- CreateFileW

/** Node on Windows has no name for flags that Windows lacks. */
const flag = (name: "O_NONBLOCK" | "O_NOCTTY" | "O_NOFOLLOW" | "O_SYNC"): number => constants[name] ?? 0

const truncates = ({ disposition }: CreateFile): boolean =>
  disposition === C.CREATE_ALWAYS || disposition === C.TRUNCATE_EXISTING

const has = (value: number, bits: number): boolean => (value & bits) !== 0

/** Windows' right to append without the right to write elsewhere. */
const appends = ({ access }: CreateFile): boolean => has(access, C.FILE_APPEND_DATA) && !has(access, C.GENERIC_WRITE)

const accessFlags = (arguments_: CreateFile): number => {
  const append = appends(arguments_)
  if (!has(arguments_.access, C.GENERIC_WRITE) && !append && !truncates(arguments_)) return constants.O_RDONLY
  return (has(arguments_.access, C.GENERIC_READ) ? constants.O_RDWR : constants.O_WRONLY) |
    (append ? constants.O_APPEND : 0)
}

const dispositionFlags = ({ access, disposition }: CreateFile): number => {
  switch (disposition) {
    case C.CREATE_NEW:
      return constants.O_CREAT | constants.O_EXCL
    // O_TRUNC sets the time of the last change of an empty file as well, and does nothing to a FIFO or a device.
    case C.CREATE_ALWAYS:
      return constants.O_CREAT | constants.O_TRUNC
    case C.OPEN_ALWAYS:
      return constants.O_CREAT
    case C.OPEN_EXISTING:
      return 0
    case C.TRUNCATE_EXISTING:
      if (has(access, C.GENERIC_WRITE)) return constants.O_TRUNC
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

const SPECIAL: ReadonlyMap<number, string> = new Map([
  [constants.S_IFIFO, "FIFO"],
  [constants.S_IFSOCK, "socket"],
  [constants.S_IFCHR, "character device"],
  [constants.S_IFBLK, "block device"]
])

/** Regular files only: a read of a FIFO or a terminal would occupy a libuv thread for ever. */
const requireRegular = ({ mode }: Stat): Refusal | undefined => {
  const type = mode & constants.S_IFMT
  if (type === constants.S_IFDIR) return new Refusal(C.ERROR_ACCESS_DENIED, "a directory cannot be opened as a file")
  if (type !== constants.S_IFREG) {
    const kind = SPECIAL.get(type) ?? "special file"
    return new Refusal(C.ERROR_NOT_SUPPORTED, `it is a ${kind}, and the portable kernel opens regular files only`)
  }
  return undefined
}

export const createFile = (arguments_: CreateFile): Work<PosixFile> => (requests, done) => {
  const { access, disposition, flags, mode, path: name } = arguments_
  const open = openFlags(arguments_)
  if (name.includes("\0")) throw new Refusal(C.ERROR_INVALID_NAME, "a file name cannot contain NUL")
  const writable = has(access, C.GENERIC_WRITE | C.FILE_APPEND_DATA)
  const opened = (fd: number): PosixFile => ({
    fd,
    readable: has(access, C.GENERIC_READ),
    writable,
    appends: appends(arguments_),
    writableAttributes: writable || has(access, C.FILE_WRITE_ATTRIBUTES),
    deleteOnClose: has(flags, C.FILE_FLAG_DELETE_ON_CLOSE) ? absolute(name) : undefined,
    name: has(access, C.DELETE) ? absolute(name) : undefined
  })
  // A file that has just been made is regular, and empty.
  if (disposition === C.CREATE_NEW) {
    return requests.open(
      name,
      open,
      mode,
      (error, fd) => error === null ? done(null, opened(fd!)) : done(openError(error))
    )
  }
  requests.openAndStat(name, open, mode, (error, there) => {
    if (error !== null) return done(openError(error))
    const { fd, stat } = there!
    const problem = requireRegular(stat)
    if (problem === undefined) done(null, opened(fd))
    else requests.close(fd, () => done(problem))
  })
}

/** Not `path.resolve`: `link/..` is not the folder that `link` is in. */
export const absolute = (name: string): string => path.isAbsolute(name) ? name : `${process.cwd()}/${name}`

/** Windows deletes the file; POSIX can only remove a name, and does so when the name still means the file. */
const deleteName = async (requests: Requests, fd: number, name: string): Promise<void> => {
  try {
    const there = await asked<Stat>((answer) => requests.lstat(name, answer))
    const file = await asked<Stat>((answer) => requests.fstat(fd, answer))
    if (identityOf(there) === identityOf(file)) await asked<void>((answer) => requests.unlink(name, answer))
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error
  }
}

export const closeFile = ({ deleteOnClose, fd }: PosixFile): Work<void> => (requests, done) => {
  if (deleteOnClose === undefined) return requests.close(fd, done)
  promised((requests) => deleteName(requests, fd, deleteOnClose))(requests, (problem) => {
    requests.close(fd, (error) => done(problem ?? error))
  })
}

// --- what an open file is asked

const requireAccess = (granted: boolean, name: string): void => {
  if (!granted) throw new Refusal(C.ERROR_ACCESS_DENIED, `the handle was opened without ${name}`)
}

export const flush = (file: PosixFile): Work<void> => (requests, done) => {
  requireAccess(file.writable, "GENERIC_WRITE")
  requests.fsync(file.fd, done)
}

const WRITE_BITS = 0o222
const OWNER_WRITES = 0o200
const MODE_BITS = 0o7777

export const information = ({ fd }: PosixFile): Work<FileInformation> => (requests, done) =>
  requests.fstat(fd, (error, stat) => error === null ? done(null, informationOf(stat!)) : done(error))

const informationOf = (stat: Stat): FileInformation => {
  const mode = stat.mode & MODE_BITS
  return {
    size: stat.size,
    accessTimeNs: stat.atimeNs,
    modifiedTimeNs: stat.mtimeNs,
    createdTimeNs: stat.birthtimeNs,
    changedTimeNs: stat.ctimeNs,
    attributes: (mode & WRITE_BITS) === 0 ? C.FILE_ATTRIBUTE_READONLY : C.FILE_ATTRIBUTE_NORMAL,
    mode,
    numberOfLinks: stat.nlink,
    volume: stat.dev,
    fileIndex: stat.ino,
    posix: { uid: stat.uid, gid: stat.gid, rdev: stat.rdev, blockSize: stat.blockSize, blocks: stat.blocks }
  }
}

export const setEndOfFile = (file: PosixFile, length: bigint): Work<void> => (requests, done) => {
  requireAccess(file.writable, "GENERIC_WRITE")
  if (length < 0n || length > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new Refusal(C.ERROR_INVALID_PARAMETER, `${length} is no length that node can set`)
  }
  requests.ftruncate(file.fd, Number(length), done)
}

export const setBasicInformation = (file: PosixFile, information: BasicInformation): Work<void> => (requests, done) => {
  requireAccess(file.writableAttributes, "FILE_WRITE_ATTRIBUTES")
  const { accessTimeNs, mode, modifiedTimeNs, readOnly } = information
  if (mode === undefined && readOnly === undefined && accessTimeNs !== undefined && modifiedTimeNs !== undefined) {
    return requests.futimes(file.fd, accessTimeNs, modifiedTimeNs, done)
  }
  promised((requests) => setEach(requests, file, information))(requests, done)
}

/** A time that is to stay is written back as it was read: POSIX's "omit" is not to be had from node 20. */
const setEach = async (requests: Requests, { fd }: PosixFile, information: BasicInformation): Promise<void> => {
  const { accessTimeNs, mode, modifiedTimeNs, readOnly } = information
  const someTime = accessTimeNs !== undefined || modifiedTimeNs !== undefined
  const everyTime = accessTimeNs !== undefined && modifiedTimeNs !== undefined
  const present = (mode === undefined && readOnly !== undefined) || (someTime && !everyTime)
    ? await asked<Stat>((answer) => requests.fstat(fd, answer))
    : undefined
  // The former writers are not known any more: the owner can again, and nobody else is given more than that.
  const bits = mode ??
    (readOnly === true ? present!.mode & ~WRITE_BITS : readOnly === false ? present!.mode | OWNER_WRITES : undefined)
  if (bits !== undefined) await asked<void>((answer) => requests.fchmod(fd, bits & MODE_BITS, answer))
  if (!someTime) return
  const [accessed, modified] = [accessTimeNs ?? present!.atimeNs, modifiedTimeNs ?? present!.mtimeNs]
  await asked<void>((answer) => requests.futimes(fd, accessed, modified, answer))
}

// --- names

/**
 * rename(2) replaces, and node has no other. To replace nothing, a second name is made, which fails where there is one
 * already, and then the first is removed. A crash in between leaves the file whole under both names: the same move then
 * answers 183, and deleting `from` ends it (rename(2) of two names of one file does nothing). What somebody puts in the
 * place of `from` in between is removed in its stead: POSIX cannot make the removal depend on what the name means.
 */
export const moveFile = ({ from, replace, to }: Calls["MoveFileExW"][0]): Work<void> => (requests, done) => {
  if (replace) return requests.rename(from, to, done)
  // link(2) follows a symbolic link on some systems, though not on Linux: there it is made anew.
  if (process.platform === "linux") return requests.linkAndUnlink(from, to, (error) => done(moveError(error)))
  promised((requests) => moveLink(requests, from, to))(requests, (error) => done(moveError(error)))
}

const cannotLink = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"])

export const moveError = (error: unknown): unknown =>
  (error as NodeJS.ErrnoException | null)?.syscall === "link" && cannotLink.has(errnoOf(error) ?? "")
    ? new Refusal(
      C.ERROR_NOT_SUPPORTED,
      "this file or file system has no hard links, without which a move cannot avoid replacing: move with `replace`",
      error
    )
    : error

const moveLink = async (requests: Requests, from: string, to: string): Promise<void> => {
  const stat = await asked<Stat>((answer) => requests.lstat(from, answer))
  if ((stat.mode & constants.S_IFMT) !== constants.S_IFLNK) {
    return process.platform === "win32"
      ? moveAlone(from, to)
      : asked<void>((answer) => requests.linkAndUnlink(from, to, answer))
  }
  await fs.promises.symlink(await fs.promises.readlink(from), to)
  try {
    await fs.promises.unlink(from)
  } catch (error) {
    await fs.promises.unlink(to)
    throw error
  }
}

/** Windows may remove a name for everybody who has begun to: that who finds it under a name of its own has moved it. */
const moveAlone = async (from: string, to: string): Promise<void> => {
  const { link, rename, unlink } = fs.promises
  await link(from, to)
  try {
    const own = path.join(path.dirname(from), `.${randomUUID()}`)
    await rename(from, own)
    await unlink(own)
  } catch (error) {
    await unlink(to)
    throw error
  }
}

export const deleteFile = ({ path: name }: Calls["DeleteFileW"][0]): Work<void> => (requests, done) =>
  requests.unlink(name, done)
