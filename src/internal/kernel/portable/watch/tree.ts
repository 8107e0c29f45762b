/**
 * One directory that is watched, told as `ReadDirectoryChangesW` tells it. node names an entry of a directory and says
 * little more: each name is looked at and compared with what was there before. One watcher for every directory: node's
 * own recursive watcher on Linux is the same underneath, and keeps to itself what was there before.
 *
 * The function runs in the thread that watches, from its own text: it uses nothing but its arguments.
 */
import type * as NodeFs from "node:fs"
import type * as NodePath from "node:path"
import type { WatchParameters } from "../../Kernel.js"
import type { Arrival, Entry, Folder, Rename, Seen, watchEntries } from "./entries.js"
import type { watchOutbox } from "./outbox.js"
import type { Loop, Problem, Settings, Shared } from "./protocol.js"

/* v8 ignore start: it runs in a thread of its own */
export function watchTree(
  fs: typeof NodeFs,
  path: typeof NodePath,
  c: Settings,
  loop: Loop,
  { hear, retire, soon }: Shared,
  entries: ReturnType<typeof watchEntries>,
  Outbox: ReturnType<typeof watchOutbox>
) {
  const { differences, entryOf, identityOf, inOrder, isMissing, isUnknown, look, problemOf } = entries

  const NAMES_A_STEP = 64
  /** How long a name that has gone waits for the other half of a rename. */
  const HALF_MILLIS = 10
  /** Names that wait to be looked at. Beyond that many the whole tree is compared, and what changed is an overflow. */
  const MOST_WAITING = 65_536

  /** Something was said about a name's contents; about the name; and it had gone when it was last looked at. */
  const CONTENTS = 1
  const NAME = 2
  const HALF = 4

  const deaf = (folder: Folder): void => {
    if (folder.watcher !== undefined) retire(folder.watcher)
    folder.watcher = undefined
  }

  return class Tree {
    readonly #root: Folder
    ended = false
    /** Not while it is looked at for the first time, nor while it is looked at because changes were lost. */
    #tells = false
    #begun = false
    /** Directories to look at. */
    readonly #queue = new entries.FolderQueue()
    /** Directories in which every name is looked at. */
    readonly #whole = new Set<Folder>()
    #waiting = 0
    /** Everything is looked at again, in silence, and then told as an overflow. */
    #lost = false
    #job: Iterator<void> | undefined = undefined
    readonly outbox: InstanceType<typeof Outbox>
    #later: Set<Folder> | undefined = undefined
    /** A removal of the root, or a rename of its own, was heard. */
    #rootLeft = false
    #rootMissing = false

    constructor(readonly id: number, readonly real: string, readonly parameters: WatchParameters) {
      this.#root = new entries.WatchedFolder(undefined, "", identityOf(fs.lstatSync(real, { bigint: true })))
      this.outbox = new Outbox(id, c.newName)
    }

    /** Listens first, then looks: what happens in between is heard. */
    begin(): void {
      this.#listen(this.#root)
      this.#all(this.#root)
    }

    end(): void {
      this.ended = true
      this.#job = undefined
      this.#forget(this.#root)
    }

    fail(problem: Problem): void {
      if (this.ended) return
      this.end()
      this.outbox.close()
      loop.tell({ kind: "failed", id: this.id, problem })
    }

    // --- hearing

    #listen(folder: Folder): void {
      const watcher = fs.watch(this.#pathOf(folder), { persistent: false }, (event, name) => {
        hear()
        if (folder.watcher === watcher) this.#heard(folder, event === "change" ? CONTENTS : NAME, name)
      })
      folder.watcher = watcher
      // Windows says so of a directory that is removed. One that is still there is listened to anew.
      watcher.on("error", () => {
        if (folder.watcher !== watcher) return
        deaf(folder)
        this.#all(folder)
        soon()
      })
    }

    #heard(folder: Folder, said: number, name: string | null): void {
      if (name === null) return this.lost()
      if (isUnknown(name)) return this.outbox.unknown()
      if (folder === this.#root && said === NAME && name === path.basename(this.real)) this.#rootLeft = true
      this.#say(folder, name, said)
    }

    #say(folder: Folder, name: string, said: number): void {
      this.#keep(folder, name, said)
      if (this.#waiting > MOST_WAITING) this.lost()
      else this.#queue.add(folder)
    }

    #keep(folder: Folder, name: string, said: number): void {
      const before = folder.dirty.get(name)
      if (before === undefined) this.#waiting++
      folder.dirty.set(name, (before ?? 0) | said)
    }

    #all(folder: Folder): void {
      this.#whole.add(folder)
      this.#queue.add(folder)
    }

    /** Some changes are not known any more. */
    lost(): void {
      this.#lost = true
      // The first look goes to its end before: it would never come to one while somebody is busy there.
      if (this.#begun) this.#again()
      soon()
    }

    #again(): void {
      this.#tells = false
      this.#job = undefined
      this.#waiting = 0
      const every = (folder: Folder): void => {
        folder.dirty.clear()
        this.#all(folder)
        for (const entry of folder.entries.values()) if (entry.folder !== undefined) every(entry.folder)
      }
      every(this.#root)
    }

    // --- looking

    /** There is something to look at, and room to tell of it. */
    get busy(): boolean {
      if (this.ended || this.outbox.full) return false
      return this.#job !== undefined || !this.#queue.empty
    }

    work(until: number): void {
      do {
        if (!this.busy) return
        this.#job ??= this.#look(this.#queue.next())
        if (this.#job.next().done === true) this.#job = undefined
        if (this.#whole.size === 0 && !this.#tells && !this.ended) this.#looked()
      } while (loop.now() < until)
    }

    /** The overflow is told last: whoever then lists the directory sees at least what this has seen. */
    #looked(): void {
      const lost = this.#lost
      this.#lost = false
      this.#tells = true
      if (this.#begun) this.outbox.overflow()
      else {
        this.#begun = true
        loop.tell({ kind: "begun", id: this.id })
        if (lost) this.lost()
      }
    }

    *#look(folder: Folder): Generator<void, void> {
      const names = folder.dirty
      folder.dirty = new Map()
      this.#waiting -= names.size
      const fresh = folder.watcher === undefined
      const place = this.#pathOf(folder)
      try {
        if (fresh) this.#listen(folder)
        if (fresh || this.#whole.has(folder)) this.#list(folder, place, names)
      } catch (error) {
        const problem = problemOf(error)
        if (isMissing(problem) && !this.#isThere(folder, place)) return this.#astray(folder, names, fresh)
        return this.#leave(folder, problem)
      }
      const seen: Array<Seen> = []
      let step = 0
      for (const [name, said] of names) {
        if (++step % NAMES_A_STEP === 0) yield
        try {
          seen.push({ name, said, stat: look(place + path.sep + name) })
        } catch (error) {
          this.#unwatched(folder, problemOf(error))
        }
      }
      // Only then have the names meant what they are to mean.
      if (!this.#isThere(folder, place)) return this.#astray(folder, names, fresh)
      if (folder === this.#root) this.#rootMissing = false
      this.#whole.delete(folder)
      this.#compare(folder, seen)
    }

    /** Every name that is there or was there. */
    #list(folder: Folder, place: string, names: Map<string, number>): void {
      let unknown = false
      for (const name of folder.entries.keys()) if (!names.has(name)) names.set(name, 0)
      for (const name of fs.readdirSync(place)) {
        if (isUnknown(name)) unknown = true
        else if (!names.has(name)) names.set(name, 0)
      }
      if (!unknown) return
      if (this.#tells) this.outbox.unknown()
      if (!this.parameters.recursive || folder.told || !entries.hasUnknownDirectory(place)) return
      this.#unwatched(folder, { code: "EILSEQ", message: "a directory in it has a name that is no UTF-8" })
    }

    #isThere(folder: Folder, place: string): boolean {
      try {
        const stat = look(place)
        return stat !== undefined && identityOf(stat) === folder.identity
      } catch (error) {
        this.#unwatched(folder, problemOf(error))
        return true
      }
    }

    /** Not where it was. Its parent finds out what has become of it, and then this goes on. */
    #astray(folder: Folder, names: ReadonlyMap<string, number>, fresh: boolean): void {
      if (fresh) {
        deaf(folder)
        this.#whole.add(folder)
      }
      for (const [name, said] of names) this.#keep(folder, name, said)
      if (folder.parent !== undefined) this.#say(folder.parent, folder.name, NAME)
      else if (!this.#rootMissing) {
        // The reason may not have been heard yet.
        this.#rootMissing = true
        this.#wait(folder)
      } else if (this.#later?.has(folder) !== true) this.#rootGone()
    }

    /**
     * When it was removed, what was in it had been removed before. Otherwise it has another name, or one above it has.
     */
    #rootGone(): void {
      const { dirty, entries } = this.#root
      if (this.#rootLeft) {
        for (const [name, said] of dirty) {
          const entry = entries.get(name)
          if (entry !== undefined && (said & NAME) !== 0) this.#remove(this.#root, name, entry, true)
        }
      }
      this.fail({ code: "ENOENT", message: "it is not there any more" })
    }

    /** Neither it nor what is in it is watched, which is told once. The next look at its name tries again. */
    #leave(folder: Folder, problem: Problem): void {
      const limit = problem.code === "ENOSPC" || problem.code === "EMFILE"
      if (folder === this.#root || (limit && !this.#begun)) return this.fail(problem)
      deaf(folder)
      this.#whole.delete(folder)
      for (const [name, entry] of folder.entries) this.#remove(folder, name, entry, false)
      folder.entries.clear()
      this.#unwatched(folder, problem)
    }

    #unwatched(folder: Folder, problem: Problem): void {
      if (folder.told) return
      folder.told = true
      this.outbox.tell({ action: 0, name: folder.placeOf(""), problem })
    }

    #compare(folder: Folder, seen: ReadonlyArray<Seen>): void {
      const left: Array<Seen & { readonly entry: Entry }> = []
      const come = new Set<Arrival>()
      const modified: Array<string> = []
      for (const { name, said, stat } of seen) {
        const before = folder.entries.get(name)
        const identity = stat === undefined ? undefined : identityOf(stat)
        if (before !== undefined && before.identity === identity) {
          const now = entryOf(stat!, identity, before.folder)
          folder.entries.set(name, now)
          if (now.folder !== undefined) this.#stayed(now.folder)
          // Said, and nothing differs: a second write within one tick of the clock.
          const bits = differences(before, now) || ((said & CONTENTS) === 0 ? 0 : c.lastWrite | c.attributes)
          if ((bits & this.parameters.filter) !== 0) modified.push(name)
          continue
        }
        if (before !== undefined) left.push({ name, said, stat, entry: before })
        if (identity !== undefined) come.add({ name, entry: entryOf(stat!, identity, undefined) })
      }
      this.#moved(folder, left, come)
      for (const name of modified) this.#change(folder, c.modified, name)
    }

    /** A name that has left and come back under another name of the same directory was renamed. */
    #moved(folder: Folder, left: ReadonlyArray<Seen & { readonly entry: Entry }>, come: Set<Arrival>): void {
      const byIdentity = new Map<string, Arrival>()
      if (left.length > 0) { for (const to of come) byIdentity.set(to.entry.identity, to) }
      const renames: Array<Rename> = []
      for (const { entry: before, name: from, said, stat } of left) {
        const to = byIdentity.get(before.identity)
        if (to !== undefined) {
          renames.push({ from, before, to })
          byIdentity.delete(before.identity)
        } else if (stat === undefined && this.#tells && (said & HALF) === 0) {
          // Its new name may not have been heard yet.
          this.#keep(folder, from, said | HALF)
          this.#wait(folder)
          continue
        } else this.#remove(folder, from, before, true)
        folder.entries.delete(from)
      }
      const { circular, ordered } = inOrder(renames)
      for (const { before, from } of circular) this.#remove(folder, from, before, true)
      for (const { before: { directory, folder: below }, from, to } of ordered) {
        come.delete(to)
        folder.entries.set(to.name, { ...to.entry, folder: below })
        this.#named(folder, directory, c.oldName, from)
        this.#named(folder, directory, c.newName, to.name)
        if (below === undefined) continue
        below.name = to.name
        this.#stayed(below)
      }
      for (const { entry, name } of come) this.#add(folder, name, entry)
    }

    /** Names that wait in it can be looked at now. */
    #stayed(folder: Folder): void {
      if (folder.watcher === undefined) this.#all(folder)
      else if (folder.dirty.size > 0 || this.#whole.has(folder)) this.#queue.add(folder)
    }

    /** Looks at it once more, a little later. */
    #wait(folder: Folder): void {
      if (this.#later !== undefined) return void this.#later.add(folder)
      const later = this.#later = new Set([folder])
      loop.timer(HALF_MILLIS, () => {
        this.#later = undefined
        if (!this.ended) { for (const folder of later) if (!folder.gone) this.#queue.add(folder) }
        soon()
      })
    }

    /** With everything that is in it: what was put there before we listened is told here or not at all. */
    #add(folder: Folder, name: string, entry: Entry): void {
      const below = entry.directory && this.parameters.recursive
        ? new entries.WatchedFolder(folder, name, entry.identity)
        : undefined
      folder.entries.set(name, { ...entry, folder: below })
      this.#named(folder, entry.directory, c.added, name)
      if (below !== undefined) this.#all(below)
    }

    #remove(folder: Folder, name: string, { directory, folder: below }: Entry, tells: boolean): void {
      if (below !== undefined) {
        for (const [child, entry] of below.entries) this.#remove(below, child, entry, tells)
        this.#forget(below)
      }
      if (tells) this.#named(folder, directory, c.removed, name)
    }

    #forget(folder: Folder): void {
      folder.gone = true
      deaf(folder)
      this.#whole.delete(folder)
      this.#queue.delete(folder)
      this.#waiting -= folder.dirty.size
      for (const { folder: below } of folder.entries.values()) if (below !== undefined) this.#forget(below)
      folder.entries.clear()
    }

    /** A directory above may have been renamed, of which nothing is heard. */
    checkRoot(): void {
      if (this.#begun && !this.#isThere(this.#root, this.real)) this.#queue.add(this.#root)
    }

    // --- telling

    #named(folder: Folder, directory: boolean, action: number, name: string): void {
      if ((this.parameters.filter & (directory ? c.directoryName : c.fileName)) !== 0) {
        this.#change(folder, action, name)
      }
    }

    #change(folder: Folder, action: number, name: string): void {
      if (this.#tells) this.outbox.tell({ action, name: folder.placeOf(name) })
    }

    #pathOf(folder: Folder): string {
      const place = folder.placeOf("")
      return place === "" ? this.real : path.join(this.real, place)
    }
  }
}
/* v8 ignore stop */
