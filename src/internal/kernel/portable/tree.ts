/**
 * What is in a directory, and what becomes of it, told as `ReadDirectoryChangesW` tells it. node's watcher names an entry and
 * says little more: each name is looked at (lstat) and compared with what was there before. One watcher for every directory:
 * node's own recursive watcher on Linux is the same underneath, keeps to itself what was there before, and lists a tree on the
 * JavaScript thread (0.8 s for 14,000 names, where this one's longest turn was a tenth of that).
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { promisify } from "node:util"
import * as C from "../../constants.js"
import { errnoOf, Refusal, statusOf } from "../errno.js"
import type { WatchParameters } from "../Kernel.js"
import type { Done, TakeBack } from "../model.js"

const lstat = promisify(fs.lstat)
const readdir = promisify(fs.readdir)
const realpath = promisify(fs.realpath)

/** Hears what has become of the directory; names are relative to it. */
export interface Listener {
  /** Records that belong together: a rename is two of them. */
  changed(records: ReadonlyArray<{ readonly action: number; readonly name: string }>): void
  /** Something has been lost. */
  overflowed(): void
  /** Nothing more will come. */
  failed(status: number): void
}

/** Names that wait to be looked at. Beyond that many the whole tree is compared, and what changed is an overflow. */
const MOST_WAITING = 65_536

interface Entry {
  /** Device, inode and time of birth: inodes are used again. */
  readonly identity: string
  readonly directory: boolean
  readonly size: bigint
  readonly modifiedNs: bigint
  readonly security: string
  /** What is in it, where that is watched. */
  readonly folder: Folder | undefined
}

class Folder {
  entries = new Map<string, Entry>()
  /** Names that something was said of; `true` when it was about contents. */
  dirty = new Map<string, boolean>()
  watcher: fs.FSWatcher | undefined = undefined

  constructor(public parent: Folder | undefined, public name: string) {}

  /** Relative to the root, which is the empty name. */
  relative(name: string): string {
    if (this.parent === undefined) return name
    return this.parent.relative(name === "" ? this.name : `${this.name}${path.sep}${name}`)
  }

  get depth(): number {
    return this.parent === undefined ? 0 : this.parent.depth + 1
  }
}

interface Arrival {
  readonly name: string
  readonly stat: fs.BigIntStats
  readonly identity: string
}

const identityOf = (stat: fs.BigIntStats): string => `${stat.dev}:${stat.ino}:${stat.birthtimeNs}`

export class Tree {
  readonly #root = new Folder(undefined, "")
  #real = ""
  #identity = ""
  #dirty = new Set<Folder>()
  #waiting = 0
  /** Something was lost: everything is to be compared, in silence, and then told as an overflow. */
  #stale = false
  #begun = false
  #soonAwaited = false
  /** Takes the job that looks back; `undefined` when none is queued or runs. */
  #takeBack: TakeBack | undefined = undefined
  #ended = false
  #whenQuiet: (() => void) | undefined = undefined

  constructor(
    readonly path: string,
    readonly parameters: WatchParameters,
    readonly listener: Listener,
    /** Runs work on one of libuv's threads, in its turn. */
    readonly run: (work: () => Promise<void>, done: Done<void>) => TakeBack
  ) {}

  /** Listens first, then looks: what happens in between is heard. */
  begin(done: Done<void>): void {
    this.#job(async () => {
      this.#real = await realpath(this.path)
      this.#identity = identityOf(await lstat(this.#real, { bigint: true }))
      if (this.#ended) return
      inotify.join(this)
      this.#listen(this.#root)
      await this.#compareAll(this.#root, false)
    }, (status, _, cause) => {
      this.#begun = status === C.ERROR_SUCCESS
      done(this.#ended ? C.ERROR_OPERATION_ABORTED : status, undefined, cause)
    })
  }

  /** Listens no more. Calls back when nothing looks any more. Answers whether the job that looks was taken back. */
  end(quiet: () => void): boolean {
    this.#stop()
    if (this.#takeBack?.() === false) {
      this.#whenQuiet = quiet
      return false
    }
    const taken = this.#takeBack !== undefined
    this.#takeBack = undefined
    quiet()
    return taken
  }

  #fail(status: number): void {
    if (this.#ended) return
    this.#stop()
    this.listener.failed(status)
  }

  #stop(): void {
    this.#ended = true
    inotify.leave(this)
    this.#forget(this.#root)
  }

  #job(work: () => Promise<void>, done: Done<void>): void {
    this.#takeBack = this.run(work, (status, value, cause) => {
      this.#takeBack = undefined
      done(status, value, cause)
      // Watchers that were set up after the end was asked for.
      if (this.#ended) this.#forget(this.#root)
      this.#whenQuiet?.()
      this.#soon()
    })
  }

  // --- hearing

  #listen(folder: Folder): void {
    // Not persistent: it is an operation in flight that keeps the process alive.
    const watcher = fs.watch(this.#pathOf(folder), { persistent: false }, (event, name) => {
      inotify.heard()
      this.#heard(folder, event === "change", name)
    })
    folder.watcher = watcher
    watcher.on("error", (error) => {
      // Windows says so of a directory that is removed; its parent's watcher tells of that.
      if (folder === this.#root) this.#fail(statusOf(error))
      else watcher.close()
    })
  }

  #heard(folder: Folder, contents: boolean, name: string | null): void {
    if (this.#ended || this.#stale) return
    if (name === null) return this.lost()
    if (!folder.dirty.has(name) && ++this.#waiting > MOST_WAITING) return this.lost()
    folder.dirty.set(name, contents || folder.dirty.get(name) === true)
    this.#dirty.add(folder)
    this.#soon()
  }

  /** What has happened is not known any more. */
  lost(): void {
    this.#stale = true
    this.#soon()
  }

  /** A turn later: the two halves of a rename are heard in the same turn. */
  #soon(): void {
    if (!this.#begun || this.#ended || this.#soonAwaited || this.#takeBack !== undefined) return
    if (this.#dirty.size === 0 && !this.#stale) return
    this.#soonAwaited = true
    setImmediate(() => {
      this.#soonAwaited = false
      if (this.#ended) return
      this.#job(() => this.#look(), (status, _, cause) => {
        if (status !== C.ERROR_SUCCESS) this.#fail(watchStatus(cause))
      })
    })
  }

  // --- looking

  async #look(): Promise<void> {
    if (this.#stale) return this.#catchUp()
    // The deepest first: a directory that is removed was emptied before.
    const folders = [...this.#dirty].sort((a, b) => b.depth - a.depth)
    this.#dirty = new Set()
    this.#waiting = 0
    for (const folder of folders) {
      const names = folder.dirty
      folder.dirty = new Map()
      // It may have gone with a directory above.
      if (folder.watcher !== undefined) await this.#compare(folder, names, true)
      if (this.#ended) return
      if (folder === this.#root && names.has(path.basename(this.#real))) await this.#checkRoot()
    }
  }

  /** The overflow is told last: whoever then lists the directory sees at least what this has seen. */
  async #catchUp(): Promise<void> {
    for (const folder of this.#dirty) folder.dirty.clear()
    this.#dirty.clear()
    this.#waiting = 0
    this.#stale = false
    await this.#compareAll(this.#root, false)
    if (!this.#ended) this.listener.overflowed()
  }

  /** A directory's own removal is told under its own name. */
  async #checkRoot(): Promise<void> {
    const stat = await look(this.#real)
    if (stat === undefined || (stat !== "unknown" && identityOf(stat) !== this.#identity)) {
      this.#fail(C.ERROR_ACCESS_DENIED)
    }
  }

  /** Every name that is there or was there. */
  async #compareAll(folder: Folder, tell: boolean): Promise<void> {
    const names = new Map<string, boolean>()
    for (const name of folder.entries.keys()) names.set(name, true)
    try {
      for (const name of await readdir(this.#pathOf(folder))) names.set(name, true)
    } catch (error) {
      if (folder === this.#root) return gone(error) ? this.#fail(C.ERROR_ACCESS_DENIED) : Promise.reject(error)
      // It has gone, which its parent tells, or is not ours to read any more.
      if (!passable(error)) throw error
    }
    const present = await this.#compare(folder, names, tell)
    // Those that are new have been compared already.
    for (const child of present) if (!this.#ended) await this.#compareAll(child, tell)
  }

  /** Looks at these names and tells what has become of them. Answers the folders that were there before and still are. */
  async #compare(folder: Folder, names: ReadonlyMap<string, boolean>, tell: boolean): Promise<ReadonlyArray<Folder>> {
    const left: Array<readonly [name: string, Entry]> = []
    const come: Array<Arrival> = []
    const stayed: Array<Folder> = []
    const modified: Array<string> = []
    for (const [name, contents] of names) {
      const before = folder.entries.get(name)
      const stat = await look(this.#pathOf(folder, name))
      if (this.#ended) return []
      if (stat === "unknown") continue
      if (stat !== undefined && before?.identity === identityOf(stat)) {
        const now = entryOf(stat, before.folder)
        folder.entries.set(name, now)
        if (now.folder !== undefined) stayed.push(now.folder)
        if (contents && (differences(before, now) & this.parameters.filter) !== 0) modified.push(name)
        continue
      }
      if (before !== undefined) left.push([name, before])
      if (stat !== undefined) come.push({ name, stat, identity: identityOf(stat) })
    }
    await this.#moved(folder, left, come, tell)
    if (tell) {
      for (const name of modified) {
        this.listener.changed([{ action: C.FILE_ACTION_MODIFIED, name: folder.relative(name) }])
      }
    }
    return stayed
  }

  /** What has left and come back under another name of the same directory was renamed. */
  async #moved(folder: Folder, left: ReadonlyArray<readonly [string, Entry]>, come: Array<Arrival>, tell: boolean) {
    for (const [name] of left) folder.entries.delete(name)
    const renamed: Array<readonly [from: string, Entry, Arrival]> = []
    for (const [name, entry] of left) {
      const index = come.findIndex(({ identity }) => identity === entry.identity)
      if (index < 0) this.#remove(folder, name, entry, tell)
      else renamed.push([name, entry, come.splice(index, 1)[0]!])
    }
    for (const [from, entry, { name: to, stat }] of renamed) {
      if (entry.folder !== undefined) entry.folder.name = to
      folder.entries.set(to, entryOf(stat, entry.folder))
      if (!tell) continue
      this.#tell(
        folder,
        entry.directory,
        [C.FILE_ACTION_RENAMED_OLD_NAME, from],
        [C.FILE_ACTION_RENAMED_NEW_NAME, to]
      )
    }
    for (const { name, stat } of come) if (!this.#ended) await this.#add(folder, name, stat, tell)
  }

  /** With everything that is in it: what was put there before we listened is told here or not at all. */
  async #add(folder: Folder, name: string, stat: fs.BigIntStats, tell: boolean): Promise<void> {
    const below = this.parameters.recursive && stat.isDirectory() ? new Folder(folder, name) : undefined
    folder.entries.set(name, entryOf(stat, below))
    if (tell) this.#tell(folder, stat.isDirectory(), [C.FILE_ACTION_ADDED, name])
    if (below === undefined) return
    try {
      this.#listen(below)
    } catch (error) {
      // Gone already, or not ours to read: it is not watched.
      if (passable(error)) return
      throw error
    }
    await this.#compareAll(below, tell)
  }

  #remove(folder: Folder, name: string, entry: Entry, tell: boolean): void {
    const { folder: below } = entry
    if (below !== undefined) {
      for (const [child, inside] of below.entries) this.#remove(below, child, inside, tell)
      this.#forget(below)
    }
    if (tell) this.#tell(folder, entry.directory, [C.FILE_ACTION_REMOVED, name])
  }

  #tell(folder: Folder, directory: boolean, ...records: ReadonlyArray<readonly [action: number, name: string]>): void {
    const bit = directory ? C.FILE_NOTIFY_CHANGE_DIR_NAME : C.FILE_NOTIFY_CHANGE_FILE_NAME
    if ((this.parameters.filter & bit) === 0) return
    this.listener.changed(records.map(([action, name]) => ({ action, name: folder.relative(name) })))
  }

  #forget(folder: Folder): void {
    folder.watcher?.close()
    folder.watcher = undefined
    for (const { folder: below } of folder.entries.values()) if (below !== undefined) this.#forget(below)
    folder.entries.clear()
  }

  #pathOf(folder: Folder, name = ""): string {
    const relative = folder.relative(name)
    return relative === "" ? this.#real : path.join(this.#real, relative)
  }
}

const entryOf = (stat: fs.BigIntStats, folder: Folder | undefined): Entry => ({
  identity: identityOf(stat),
  directory: stat.isDirectory(),
  size: stat.size,
  modifiedNs: stat.mtimeNs,
  security: `${stat.mode}:${stat.uid}:${stat.gid}`,
  folder
})

/** What the filter knows. When nothing differs it was told all the same: a second write within one tick of the clock. */
const differences = (before: Entry, now: Entry): number => {
  let bits = 0
  if (before.size !== now.size) bits |= C.FILE_NOTIFY_CHANGE_SIZE
  if (before.modifiedNs !== now.modifiedNs) bits |= C.FILE_NOTIFY_CHANGE_LAST_WRITE
  if (before.security !== now.security) bits |= C.FILE_NOTIFY_CHANGE_SECURITY | C.FILE_NOTIFY_CHANGE_ATTRIBUTES
  return bits === 0 ? C.FILE_NOTIFY_CHANGE_LAST_WRITE | C.FILE_NOTIFY_CHANGE_ATTRIBUTES : bits
}

const gone = (error: unknown): boolean => errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR"

const passable = (error: unknown): boolean => gone(error) || errnoOf(error) === "EACCES"

/** `undefined` when there is nothing. */
const look = async (name: string): Promise<fs.BigIntStats | "unknown" | undefined> => {
  try {
    return await lstat(name, { bigint: true })
  } catch (error) {
    if (gone(error)) return undefined
    if (errnoOf(error) === "EACCES") return "unknown"
    throw error
  }
}

/** The limits of inotify look like a full disk. */
export const watchStatus = (error: unknown): number =>
  errnoOf(error) === "ENOSPC" ? C.ERROR_NO_SYSTEM_RESOURCES : statusOf(error)

export const refusalOf = (error: unknown): unknown =>
  errnoOf(error) === "ENOSPC"
    ? new Refusal(
      C.ERROR_NO_SYSTEM_RESOURCES,
      "the system has no inotify watch left (fs.inotify.max_user_watches); a recursive watch takes one per directory",
      error
    )
    : error

/**
 * The queue of inotify, one for all watchers of the process. When it is full the kernel drops events, and node does not tell:
 * as many as fit into it, heard in one turn of the event loop, are taken for that.
 */
class Inotify {
  readonly #trees = new Set<Tree>()
  #limit = Infinity
  #heard = 0

  join(tree: Tree): void {
    if (this.#trees.size === 0 && process.platform === "linux") this.#limit = limitOfQueue()
    this.#trees.add(tree)
  }

  leave(tree: Tree): void {
    this.#trees.delete(tree)
  }

  heard(): void {
    if (this.#heard++ === 0) setImmediate(() => this.#heard = 0)
    if (this.#heard !== this.#limit) return
    for (const tree of this.#trees) tree.lost()
  }
}

const DEFAULT_QUEUE = 16_384

const limitOfQueue = (): number => {
  try {
    const limit = Number.parseInt(fs.readFileSync("/proc/sys/fs/inotify/max_queued_events", "latin1"), 10)
    return limit > 0 ? limit : DEFAULT_QUEUE
  } catch {
    return DEFAULT_QUEUE
  }
}

const inotify = new Inotify()
