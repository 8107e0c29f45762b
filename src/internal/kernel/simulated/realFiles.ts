/**
 * Real files for a simulated disk: what is done to them is done by node:fs, at once; when, and whether all of it, is
 * decided by the simulation. For programs that look at their files by other means as well: `Pipeline`,
 * `ThreadpoolFileSystem`.
 */
import * as fs from "node:fs"
import * as C from "../../constants.js"
import { errnoOf, Refusal } from "../../errno.js"
import { timeText } from "../../times.js"
import type { Calls, FileInformation } from "../Calls.js"
import type { Answer, Requests, Stat } from "../portable/requests.js"
import * as posix from "../posix.js"
import type { Files, Opened } from "./files.js"

interface RealFile extends Opened {
  readonly posix: posix.PosixFile
}

/** Answers `answer` before it returns. */
const at = <A>(work: () => A, answer: Answer<A>): void => {
  let value: A
  try {
    value = work()
  } catch (error) {
    return answer(error as Error)
  }
  answer(null, value)
}

const told = (stat: fs.BigIntStats): Stat => ({
  dev: stat.dev,
  ino: stat.ino,
  size: stat.size,
  mode: Number(stat.mode),
  nlink: Number(stat.nlink),
  uid: Number(stat.uid),
  gid: Number(stat.gid),
  rdev: Number(stat.rdev),
  blockSize: Number(stat.blksize),
  blocks: Number(stat.blocks),
  atimeNs: stat.atimeNs,
  mtimeNs: stat.mtimeNs,
  birthtimeNs: stat.birthtimeNs,
  ctimeNs: stat.ctimeNs
})

const fstat = (fd: number): Stat => told(fs.fstatSync(fd, { bigint: true }))

const linkAndUnlink = (from: string, to: string): void => {
  fs.linkSync(from, to)
  fs.unlinkSync(from)
}

/** The portable kernel's requests, answered at once. */
const requests: Requests = {
  open: (path, flags, mode, answer) => at(() => fs.openSync(path, flags, mode), answer),
  openAndStat: (path, flags, mode, answer) =>
    at(() => {
      const fd = fs.openSync(path, flags, mode)
      return { fd, stat: fstat(fd) }
    }, answer),
  close: (fd, answer) => at(() => fs.closeSync(fd), answer),
  fstat: (fd, answer) => at(() => fstat(fd), answer),
  lstat: (path, answer) => at(() => told(fs.lstatSync(path, { bigint: true })), answer),
  read: (fd, bytes, start, length, position, answer) =>
    at(() => fs.readSync(fd, bytes, start, length, position), answer),
  write: (fd, bytes, start, length, position, answer) =>
    at(() => fs.writeSync(fd, bytes, start, length, position), answer),
  ftruncate: (fd, length, answer) => at(() => fs.ftruncateSync(fd, length), answer),
  fsync: (fd, answer) => at(() => fs.fsyncSync(fd), answer),
  fchmod: (fd, mode, answer) => at(() => fs.fchmodSync(fd, mode), answer),
  futimes: (fd, accessedNs, modifiedNs, answer) =>
    at(() => fs.futimesSync(fd, timeText(accessedNs), timeText(modifiedNs)), answer),
  unlink: (path, answer) => at(() => fs.unlinkSync(path), answer),
  rename: (from, to, answer) => at(() => fs.renameSync(from, to), answer),
  linkAndUnlink: (from, to, answer) => at(() => linkAndUnlink(from, to), answer),
  withdraw: () => false
}

/** Does work of the portable kernel's now. */
const now = <A>(work: posix.Work<A>): A => {
  let ended = false
  let problem: unknown
  let result: A | undefined
  work(requests, (error, value) => {
    ended = true
    problem = error
    result = value
  })
  if (!ended) throw new Error("this cannot be done at once")
  if (problem !== null && problem !== undefined) throw problem
  return result as A
}

export class RealFiles implements Files<RealFile> {
  /** The node of each file that is open, by device and inode. */
  readonly #files = new Map<string, { users: number }>()
  readonly #descriptors = new Set<number>()

  open(arguments_: Calls["CreateFileW"][0]): RealFile {
    const opened = now(posix.createFile(arguments_))
    const identity = now(posix.identity(opened))
    const file = this.#files.get(identity) ?? { users: 0 }
    file.users++
    this.#descriptors.add(opened.fd)
    this.#files.set(identity, file)
    return { file, posix: opened, readable: opened.readable, writable: opened.writable, appends: opened.appends }
  }

  close({ file, posix: opened }: RealFile): void {
    const there = file as { users: number }
    if (--there.users === 0) this.#files.delete(now(posix.identity(opened)))
    const { deleteOnClose, fd } = opened
    try {
      if (deleteOnClose !== undefined && means(deleteOnClose, fd)) fs.unlinkSync(deleteOnClose)
    } finally {
      this.#descriptors.delete(fd)
      fs.closeSync(fd)
    }
  }

  dispose(): void {
    for (const fd of this.#descriptors) fs.closeSync(fd)
    this.#descriptors.clear()
  }

  size({ posix: { fd } }: RealFile): number {
    return fs.fstatSync(fd).size
  }

  read({ posix: { fd } }: RealFile, into: Uint8Array, offset: number): number {
    let done = 0
    while (done < into.length) {
      const bytes = fs.readSync(fd, into, done, into.length - done, offset + done)
      if (bytes === 0) break
      done += bytes
    }
    return done
  }

  write({ appends, posix: { fd } }: RealFile, bytes: Uint8Array, offset: number): void {
    for (let done = 0; done < bytes.length;) {
      done += fs.writeSync(fd, bytes, done, bytes.length - done, appends ? null : offset + done)
    }
  }

  flush({ posix: opened }: RealFile): void {
    if (!opened.writable) throw C.ERROR_ACCESS_DENIED
  }

  information({ posix: opened }: RealFile): FileInformation {
    return now(posix.information(opened))
  }

  setEndOfFile({ posix: opened }: RealFile, length: bigint): void {
    now(posix.setEndOfFile(opened, length))
  }

  setBasicInformation({ posix: opened }: RealFile, information: Calls["SetBasicInformation"][0]): void {
    const { accessTimeNs, mode, modifiedTimeNs, readOnly } = information
    if (!opened.writableAttributes) throw C.ERROR_ACCESS_DENIED
    const { fd } = opened
    const stat = fstat(fd)
    if (mode !== undefined) fs.fchmodSync(fd, mode & 0o7777)
    else if (readOnly !== undefined) fs.fchmodSync(fd, readOnly ? stat.mode & ~0o222 : stat.mode | 0o200)
    if (accessTimeNs === undefined && modifiedTimeNs === undefined) return
    requests.futimes(
      fd,
      accessTimeNs ?? stat.atimeNs,
      modifiedTimeNs ?? stat.mtimeNs,
      (error) => {
        if (error !== null) throw error
      }
    )
  }

  setDisposition({ posix: opened }: RealFile, remove: boolean): void {
    const name = nameOf(opened)
    opened.deleteOnClose = remove ? name : undefined
  }

  rename({ posix: opened }: RealFile, to: string, replace: boolean): void {
    const from = nameOf(opened)
    this.move({ from, to, replace })
    opened.name = posix.absolute(to)
    if (opened.deleteOnClose !== undefined) opened.deleteOnClose = opened.name
  }

  move({ from, replace, to }: Calls["MoveFileExW"][0]): void {
    if (replace) return fs.renameSync(from, to)
    try {
      linkAndUnlink(from, to)
    } catch (error) {
      throw posix.moveError(error)
    }
  }

  remove(path: string): void {
    now(posix.deleteFile({ path }))
  }
}

/** Whether a name means the file that is open. */
const means = (name: string, fd: number): boolean => {
  try {
    const [named, open] = [fs.statSync(name, { bigint: true }), fs.fstatSync(fd, { bigint: true })]
    return named.dev === open.dev && named.ino === open.ino
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false
    throw error
  }
}

const nameOf = ({ fd, name }: posix.PosixFile): string => {
  if (name === undefined) throw new Refusal(C.ERROR_ACCESS_DENIED, "the handle was opened without DELETE")
  if (!means(name, fd)) throw new Refusal(C.ERROR_FILE_NOT_FOUND, "its name means another file by now")
  return fs.realpathSync(name)
}
