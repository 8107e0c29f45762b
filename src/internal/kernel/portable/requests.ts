/**
 * The requests of the portable kernel to the file system: some of node's functions, and two pairs of them that always
 * go together. They are answered by libuv's threads (here) or by threads of our own (threads.ts), with the same errors.
 */
import * as fs from "node:fs"
import { timeText } from "../../times.js"

/** The facts of a file. Times are nanoseconds since 1970. */
export interface Stat {
  readonly dev: bigint
  readonly ino: bigint
  readonly size: bigint
  readonly mode: number
  readonly nlink: number
  readonly uid: number
  readonly gid: number
  readonly rdev: number
  readonly blockSize: number
  /** Blocks of 512 bytes. */
  readonly blocks: number
  readonly atimeNs: bigint
  readonly mtimeNs: bigint
  readonly birthtimeNs: bigint
  readonly ctimeNs: bigint
}

export type Answer<A = void> = (error: Error | null, value?: A) => void

/** Each answers once, later; it may also throw, before it has asked for anything. */
export interface Requests {
  open(path: string, flags: number, mode: number, answer: Answer<number>): void
  /** `open` and `fstat`. */
  openAndStat(path: string, flags: number, mode: number, answer: Answer<OpenedFile>): void
  close(fd: number, answer: Answer): void
  fstat(fd: number, answer: Answer<Stat>): void
  lstat(path: string, answer: Answer<Stat>): void
  read(fd: number, bytes: Uint8Array, start: number, length: number, position: number, answer: Answer<number>): void
  /** At position -1: where the descriptor is, or the end of a file that was opened to append. */
  write(fd: number, bytes: Uint8Array, start: number, length: number, position: number, answer: Answer<number>): void
  ftruncate(fd: number, length: number, answer: Answer): void
  fsync(fd: number, answer: Answer): void
  fchmod(fd: number, mode: number, answer: Answer): void
  futimes(fd: number, accessedNs: bigint, modifiedNs: bigint, answer: Answer): void
  unlink(path: string, answer: Answer): void
  rename(from: string, to: string, answer: Answer): void
  /** `link` and `unlink`: a rename that replaces nothing. When `from` has gone in between, `to` goes again. */
  linkAndUnlink(from: string, to: string, answer: Answer): void
  /**
   * Takes a read or write back that nobody has begun: then it is never answered, and `gone` is called when its place is
   * free.
   */
  withdraw(answer: Answer<number>, gone: () => void): boolean
}

export interface OpenedFile {
  readonly fd: number
  readonly stat: Stat
}

const told = (answer: Answer<Stat>) => (error: Error | null, stat: fs.BigIntStats): void => {
  if (error !== null) return answer(error)
  const { atimeNs, birthtimeNs, ctimeNs, dev, ino, mtimeNs, size } = stat
  answer(null, {
    dev,
    ino,
    size,
    mode: Number(stat.mode),
    nlink: Number(stat.nlink),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    rdev: Number(stat.rdev),
    blockSize: Number(stat.blksize),
    blocks: Number(stat.blocks),
    atimeNs,
    mtimeNs,
    birthtimeNs,
    ctimeNs
  })
}

/** Some runtimes, as Deno, call back with nothing at all. */
const ended = (answer: Answer) => (error?: Error | null): void => answer(error ?? null)

export const libuv: Requests = {
  open: fs.open,
  openAndStat: (path, flags, mode, answer) =>
    fs.open(path, flags, mode, (error, fd) => {
      if (error !== null) return answer(error)
      libuv.fstat(fd, (error, stat) => {
        if (error === null) answer(null, { fd, stat: stat! })
        else fs.close(fd, () => answer(error))
      })
    }),
  close: (fd, answer) => fs.close(fd, ended(answer)),
  fstat: (fd, answer) => fs.fstat(fd, { bigint: true }, told(answer)),
  lstat: (path, answer) => fs.lstat(path, { bigint: true }, told(answer)),
  read: (fd, bytes, start, length, position, answer) => fs.read(fd, bytes, start, length, position, answer),
  write: (fd, bytes, start, length, position, answer) => fs.write(fd, bytes, start, length, position, answer),
  ftruncate: (fd, length, answer) => fs.ftruncate(fd, length, ended(answer)),
  fsync: (fd, answer) => fs.fsync(fd, ended(answer)),
  fchmod: (fd, mode, answer) => fs.fchmod(fd, mode, ended(answer)),
  futimes: (fd, accessedNs, modifiedNs, answer) =>
    fs.futimes(fd, timeText(accessedNs), timeText(modifiedNs), ended(answer)),
  unlink: (path, answer) => fs.unlink(path, ended(answer)),
  rename: (from, to, answer) => fs.rename(from, to, ended(answer)),
  linkAndUnlink: (from, to, answer) =>
    fs.link(from, to, (error) => {
      if (error) return answer(error)
      fs.unlink(from, (error) => error ? fs.unlink(to, () => answer(error)) : answer(null))
    }),
  withdraw: () => false
}
