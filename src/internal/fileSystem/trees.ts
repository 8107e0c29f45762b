/**
 * Directories and all that is below: node's own functions go on to the end whatever happens to whoever called them, so
 * these go step by step, and look before each step whether they are still wanted.
 */
import type { PlatformError } from "@effect/platform/Error"
import * as Effect from "effect/Effect"
import { isUtf8 } from "node:buffer"
import * as fs from "node:fs"
import { chmod, lstat, opendir, readdir, rmdir, stat, unlink } from "node:fs/promises"
import * as path from "node:path"
import type { Kernel } from "../../Kernel.js"
import { Win32Error } from "../../Win32Error.js"
import { aString, wrong } from "../arguments.js"
import { errnoOf } from "../errno.js"
import { removeMeant } from "../held/byHandle.js"
import { isOther } from "../held/identity.js"
import { asUserKnows, type Place, retell } from "../held/Place.js"
import { type Held, join, Replaced, Room } from "../held/Room.js"
import { isMissing, type Opened, type PathLike, type Requests, wayOf } from "../held/Way.js"
import { IN_BYTES, nameOf } from "../kernel/entryNames.js"
import { badArgument, fromErrno, fromWin32 } from "./errors.js"
import { nodeCallIn, nodeWork, type Stop } from "./nodeCall.js"

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

const isDirectory = async (entry: fs.Dirent, name: string): Promise<boolean> => {
  if (!entry.isSymbolicLink()) return entry.isDirectory()
  try {
    return (await stat(name)).isDirectory()
  } catch {
    return false
  }
}

/** Names relative to the directory; a link to a directory is gone into, as node does. */
export const list = (root: string) => async (stop: Stop): Promise<Array<string>> => {
  const names: Array<string> = []
  const waiting = [root]
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    goOn(stop)
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      const child = path.join(directory, entry.name)
      names.push(path.relative(root, child))
      if (await isDirectory(entry, child)) waiting.push(child)
    }
  }
  return names
}

// --- removing

/** Windows does not delete what is read-only: that is taken off first, as node does. */
const removeFile = async (file: PathLike): Promise<void> => {
  try {
    await unlink(file)
  } catch (error) {
    if (errnoOf(error) !== "EPERM" || process.platform !== "win32") throw error
    await chmod(file, 0o666)
    await unlink(file)
  }
}

/** Succeeds also where another process has removed it. */
const unlessGone = async (step: Promise<void>): Promise<void> => {
  try {
    await step
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error
  }
}

const asPath = (bytes: Buffer): PathLike => isUtf8(bytes) ? bytes.toString() : bytes

/**
 * Removes all but the directories, which it answers. Not while they are read: not every file system then tells of all.
 */
const removeFiles = async (directory: PathLike, stop: Stop): Promise<ReadonlyArray<PathLike>> => {
  const directories: Array<PathLike> = []
  const files: Array<PathLike> = []
  const entries = await opendir(directory, IN_BYTES)
  try {
    for (let entry = await entries.read(); entry !== null; entry = await entries.read()) {
      const name = asPath(nameOf(entry))
      if (entry.isDirectory()) directories.push(name)
      else files.push(name)
    }
  } finally {
    await entries.close()
  }
  await ofFew(files, (name) => {
    goOn(stop)
    return unlessGone(removeFile(join(directory, name)))
  })
  return directories
}

/** node's functions, off the JavaScript thread, with their own errors. */
const requestsOf = (kernel: Kernel.Service, options: Asked): Requests => {
  const raw = <A>(effect: Effect.Effect<A, PlatformError>) => Effect.mapError(effect, ({ cause }) => cause)
  return {
    open: (restore, name, flags) =>
      raw(nodeCallIn<Opened>(
        restore,
        kernel,
        { ...options, dispose: ({ handle }) => fs.close(handle, () => {}) },
        (done) =>
          fs.open(name, flags, (error, handle) => {
            if (error !== null) return done(error)
            fs.fstat(handle, { bigint: true }, (error, stat) => {
              if (error === null) done(null, { handle, stat })
              else fs.close(handle, () => done(error))
            })
          })
      )),
    stat: (restore, name, follow) =>
      raw(nodeCallIn<fs.BigIntStats>(
        restore,
        kernel,
        options,
        (done) => (follow ? fs.stat : fs.lstat)(name, { bigint: true }, done)
      ))
  }
}

interface Asked {
  readonly method: string
  readonly path: string
}

/** Directories that a method of the FileSystem holds. */
export const roomFor = (
  kernel: Kernel.Service,
  method: string,
  requests?: Requests
): Room<PlatformError> =>
  new Room(
    wayOf(kernel, requests),
    (error, path) => error instanceof Win32Error ? fromWin32(method)(error) : fromErrno(method, path)(error)
  )

/** Each directory is held while it is emptied: what somebody puts in its place is not. */
class Removal {
  readonly #room: Room<PlatformError>

  constructor(private readonly kernel: Kernel.Service, private readonly asked: Asked) {
    this.#room = roomFor(kernel, asked.method, requestsOf(kernel, asked))
  }

  run(force: boolean): Effect.Effect<void, PlatformError> {
    const room = this.#room
    const { path: whole } = this.asked
    const name = path.basename(whole)
    // These are no entries that could be removed, which the system says at the end.
    const target = /^\.{0,2}$/.test(name) ? room.root(whole) : room.child(room.root(path.dirname(whole)), name, whole)
    const removed = Effect.flatMap(
      this.#named(target, (system) => lstat(system)),
      (stat) => stat.isDirectory() ? this.#directory(target) : this.#named(target, removeFile)
    )
    const forced = force ? Effect.catchIf(removed, isMissing, () => Effect.void) : removed
    return Effect.ensuring(forced, Effect.suspend(() => room.close()))
  }

  #directory(directory: Held): Effect.Effect<void, PlatformError> {
    const room = this.#room
    const emptied = room.using(
      [directory],
      () => this.#step(directory.place, (stop) => removeFiles(directory.system, stop))
    )
    const below = (name: PathLike) =>
      Effect.catchIf(Effect.suspend(() => this.#directory(room.child(directory, name))), isMissing, () => Effect.void)
    // Not held meanwhile, but compared when it is opened again: there may be thousands below each other.
    return Effect.flatMap(emptied, (names) => Effect.forEach(names, below, { discard: true })).pipe(
      Effect.zipRight(room.drop(directory)),
      Effect.zipRight(this.#emptied(directory))
    )
  }

  /** Where the system can, through a handle: another directory that has the name by now stays. */
  #emptied(directory: Held): Effect.Effect<void, PlatformError> {
    const { name, parent, path, stat } = directory
    if (this.kernel.engine.kernel.holdsDirectories !== true || parent === undefined || stat === undefined) {
      return this.#named(directory, (system) => rmdir(system))
    }
    const { method } = this.asked
    return this.#room.using([parent], () =>
      Effect.flatMap(
        Effect.mapError(
          removeMeant(this.kernel, `${join(parent.system, name)}`, (there) => !isOther(there, stat)),
          fromWin32(method)
        ),
        (gone) => gone ? Effect.void : Effect.fail(fromErrno(method, path)(new Replaced(path, false)))
      ))
  }

  /** Asks for a name, while the directory is held that it is in. */
  #named<A>(target: Held, work: (system: PathLike) => Promise<A>): Effect.Effect<A, PlatformError> {
    const { name, parent, path: user } = target
    if (parent === undefined) return this.#step({ system: user, user }, () => work(name))
    return this.#room.using([parent], () => {
      const system = join(parent.system, name)
      return this.#step({ system: `${system}`, user }, () => work(system))
    })
  }

  /** Some of node's functions. */
  #step<A>(place: Place, work: (stop: Stop) => Promise<A>): Effect.Effect<A, PlatformError> {
    return nodeWork(this.kernel, this.asked, async (stop) => {
      try {
        goOn(stop)
        return await work(stop)
      } catch (error) {
        throw retell(error, asUserKnows(place))
      }
    })
  }
}

export const removeTree = (
  kernel: Kernel.Service,
  asked: Asked,
  force: boolean
): Effect.Effect<void, PlatformError> =>
  Effect.suspend(() =>
    typeof asked.path === "string"
      ? new Removal(kernel, asked).run(force)
      : Effect.fail(badArgument(asked.method, wrong("path", asked.path, aString)!.problem))
  )
