/**
 * Directories and all that is below: node's own functions go on to the end whatever happens to whoever called them, so these
 * go step by step, and look before each step whether they are still wanted.
 */
import type { Dirent } from "node:fs"
import { chmod, lstat, readdir, rmdir, stat, unlink } from "node:fs/promises"
import { join, relative } from "node:path"
import { errnoOf } from "../kernel/errno.js"
import type { Stop } from "./nodeCall.js"

class Stopped extends Error {}

const goOn = (stop: Stop): void => {
  if (stop.requested) throw new Stopped()
}

/** How many entries of one directory are worked on at once: libuv has four threads. */
const AT_ONCE = 8

const ofFew = async <A>(items: ReadonlyArray<A>, work: (item: A) => Promise<void>): Promise<void> => {
  let next = 0
  let failed = false
  const worker = async (): Promise<void> => {
    while (!failed && next < items.length) {
      try {
        await work(items[next++]!)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  // All of them are awaited: nothing runs on when one has failed.
  const ends = await Promise.allSettled(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker))
  for (const end of ends) if (end.status === "rejected") throw end.reason
}

// --- listing

const isDirectory = async (entry: Dirent, path: string): Promise<boolean> => {
  if (!entry.isSymbolicLink()) return entry.isDirectory()
  try {
    return (await stat(path)).isDirectory()
  } catch {
    return false
  }
}

/** Names relative to the directory; a link to a directory is gone into, as node does. */
export const list = (root: string) => async (stop: Stop): Promise<Array<string>> => {
  const names: Array<string> = []
  const waiting = [root]
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    goOn(stop)
    for (const entry of await readdir(path, { withFileTypes: true })) {
      const child = join(path, entry.name)
      names.push(relative(root, child))
      if (await isDirectory(entry, child)) waiting.push(child)
    }
  }
  return names
}

// --- removing

/** Somebody else has removed it: so much the better. */
const unlessGone = async (step: Promise<void>): Promise<void> => {
  try {
    await step
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error
  }
}

/** POSIX names are bytes, and need not be text. */
type PathLike = string | Buffer

const childOf = (path: PathLike, name: Buffer): PathLike =>
  process.platform === "win32"
    ? join(String(path), name.toString())
    : Buffer.concat([Buffer.from(path), SEPARATOR, name])

const SEPARATOR = Buffer.from("/")

/** Windows does not delete what is read-only: that is taken off first, as node does. */
const removeFile = async (path: PathLike): Promise<void> => {
  try {
    await unlink(path)
  } catch (error) {
    if (errnoOf(error) !== "EPERM" || process.platform !== "win32") throw error
    await chmod(path, 0o666)
    await unlink(path)
  }
}

const removeDirectory = async (path: PathLike, stop: Stop): Promise<void> => {
  const entries = (await readdir(path, { withFileTypes: true, encoding: "buffer" } as never)) as unknown as Entries
  await ofFew(entries, async (entry) => {
    goOn(stop)
    const child = childOf(path, entry.name)
    await unlessGone(entry.isDirectory() ? removeDirectory(child, stop) : removeFile(child))
  })
  goOn(stop)
  await rmdir(path)
}

/** What `readdir` answers with `encoding: "buffer"`, which its types do not say. */
type Entries = ReadonlyArray<{ readonly name: Buffer; isDirectory(): boolean }>

export const removeTree = (path: string, force: boolean) => async (stop: Stop): Promise<void> => {
  try {
    const stats = await lstat(path)
    goOn(stop)
    await unlessGone(stats.isDirectory() ? removeDirectory(path, stop) : removeFile(path))
  } catch (error) {
    if (!force || errnoOf(error) !== "ENOENT") throw error
  }
}
