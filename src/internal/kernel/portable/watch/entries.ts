/**
 * A watched directory as it was when it was last looked at, and the names in it. The function runs in the thread that
 * watches, from its own text: it uses nothing but its arguments.
 */
import type * as NodeFs from "node:fs"
import type * as NodePath from "node:path"
import type { Problem, Settings } from "./protocol.js"

export interface Entry {
  readonly identity: string
  readonly directory: boolean
  readonly size: bigint
  readonly modifiedNs: bigint
  readonly mode: bigint
  readonly uid: bigint
  readonly gid: bigint
  /** The directory's own names, where they are watched. */
  readonly folder: Folder | undefined
}

export interface Folder {
  readonly parent: Folder | undefined
  name: string
  readonly identity: string
  readonly depth: number
  readonly entries: Map<string, Entry>
  /** Names that something was said of, and what. */
  dirty: Map<string, number>
  watcher: NodeFs.FSWatcher | undefined
  /** It was told that not all of it is watched. */
  told: boolean
  gone: boolean
  /** Its name, or the name of something in it, relative to the directory that is watched, whose own is empty. */
  placeOf(name: string): string
}

/** A name as it was found. */
export interface Seen {
  readonly name: string
  readonly said: number
  readonly stat: NodeFs.BigIntStats | undefined
}

export interface Arrival {
  readonly name: string
  readonly entry: Entry
}

/** A name that has left, and where it has come back. */
export interface Rename {
  readonly from: string
  readonly before: Entry
  readonly to: Arrival
}

/* v8 ignore start: it runs in a thread of its own */
export function watchEntries(fs: typeof NodeFs, path: typeof NodePath, c: Settings) {
  class WatchedFolder implements Folder {
    readonly entries = new Map<string, Entry>()
    dirty = new Map<string, number>()
    watcher: NodeFs.FSWatcher | undefined = undefined
    told = false
    gone = false
    readonly depth: number

    constructor(readonly parent: Folder | undefined, public name: string, readonly identity: string) {
      this.depth = parent === undefined ? 0 : parent.depth + 1
    }

    placeOf(name: string): string {
      if (this.parent === undefined) return name
      return this.parent.placeOf(name === "" ? this.name : this.name + path.sep + name)
    }
  }

  /** Directories to look at: one that was renamed comes before what is in it. */
  class FolderQueue {
    readonly #byDepth: Array<Set<Folder>> = []

    get empty(): boolean {
      return this.#byDepth.every(({ size }) => size === 0)
    }

    add(folder: Folder): void {
      const set = this.#byDepth[folder.depth] ??= new Set()
      set.add(folder)
    }

    delete(folder: Folder): void {
      this.#byDepth[folder.depth]?.delete(folder)
    }

    /** Takes the first one. */
    next(): Folder {
      const set = this.#byDepth.find(({ size }) => size > 0)!
      const [folder] = set
      set.delete(folder!)
      return folder!
    }
  }

  /** `undefined` when there is nothing. */
  const look = (name: string): NodeFs.BigIntStats | undefined =>
    fs.lstatSync(name, { bigint: true, throwIfNoEntry: false })

  /**
   * Inodes are used again: the time of birth belongs to them. Windows counts how often it has used a number, in the
   * number.
   */
  const identityOf = ({ birthtimeNs, dev, ino }: NodeFs.BigIntStats): string =>
    process.platform === "win32" ? `${dev}:${ino}` : `${dev}:${ino}:${birthtimeNs}`

  const entryOf = (stat: NodeFs.BigIntStats, identity: string, folder: Folder | undefined): Entry => ({
    identity,
    directory: stat.isDirectory(),
    size: stat.size,
    modifiedNs: stat.mtimeNs,
    mode: stat.mode,
    uid: stat.uid,
    gid: stat.gid,
    folder
  })

  /** In the bits of a filter. */
  const differences = (before: Entry, now: Entry): number => {
    let bits = 0
    if (before.size !== now.size) bits |= c.size
    if (before.modifiedNs !== now.modifiedNs) bits |= c.lastWrite
    if (before.mode !== now.mode || before.uid !== now.uid || before.gid !== now.gid) bits |= c.security | c.attributes
    return bits
  }

  const problemOf = (error: unknown): Problem => {
    const { code, message } = error as NodeJS.ErrnoException
    return { code: code ?? "", message }
  }

  const isMissing = ({ code }: Problem): boolean => code === "ENOENT" || code === "ENOTDIR"

  /** Node puts this character in the place of bytes that are no UTF-8. */
  const isUnknown = (name: string): boolean => name.includes("\ufffd")

  /** Whether a directory is among the names that are no UTF-8. */
  const hasUnknownDirectory = (place: string): boolean =>
    fs.readdirSync(place, { encoding: "buffer", withFileTypes: true }).some((entry) =>
      isUnknown(String(entry.name)) && entry.isDirectory()
    )

  /** So that every new name is free when its turn comes. Of names in a circle one cannot be: it is no rename. */
  const inOrder = (
    renames: ReadonlyArray<Rename>
  ): { readonly ordered: ReadonlyArray<Rename>; readonly circular: ReadonlyArray<Rename> } => {
    const ordered: Array<Rename> = []
    const circular: Array<Rename> = []
    const byName = new Map(renames.map((rename) => [rename.from, rename]))
    for (const { from } of renames) {
      const chain: Array<Rename> = []
      for (let next = byName.get(from); next !== undefined; next = byName.get(next.to.name)) {
        byName.delete(next.from)
        chain.push(next)
      }
      if (chain.at(-1)?.to.name === from) circular.push(chain.pop()!)
      ordered.push(...chain.reverse())
    }
    return { ordered, circular }
  }

  return {
    WatchedFolder,
    FolderQueue,
    inOrder,
    look,
    identityOf,
    entryOf,
    differences,
    problemOf,
    isMissing,
    isUnknown,
    hasUnknownDirectory
  }
}
/* v8 ignore stop */
