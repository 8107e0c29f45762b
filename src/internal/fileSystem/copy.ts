/**
 * `cp -r`, with the rules of node's `fs.cp`: what is there already stays, unless it may be overwritten; links are made
 * anew, to where they lead; a directory is not copied into itself. Files go through thread-pool I/O, and an
 * interruption ends it between two steps. The directories of both trees are held while something is done in them: what
 * somebody puts in the place of one is neither read nor written.
 */
import type * as PlatformError from "@effect/platform/Error"
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import type { BigIntStats } from "node:fs"
import { chmod, lstat, mkdir, readdir, readlink, realpath, stat, symlink, unlink } from "node:fs/promises"
import { basename, dirname, isAbsolute, parse, resolve, sep } from "node:path"
import type { Kernel } from "../../Kernel.js"
import { errnoOf } from "../errno.js"
import { leadsElsewhere } from "../file/names.js"
import { isKnown, isSame } from "../held/identity.js"
import { asUserKnows, inside, type Place, placeIn, plainPlace, retell } from "../held/Place.js"
import type { Held, Room } from "../held/Room.js"
import { copyFile } from "./copyFile.js"
import { retold } from "./errors.js"
import { nodeWork } from "./nodeCall.js"
import { roomFor } from "./trees.js"

const METHOD = "copy"

type Failing<A> = Effect.Effect<A, PlatformError.PlatformError>

export const copy = (
  kernel: Kernel.Service,
  from: string,
  to: string,
  options: FileSystem.CopyOptions = {}
): Failing<void> => Effect.suspend(() => new Copy(kernel, options).run(from, to))

interface Entry {
  readonly from: Place
  readonly to: Place
  readonly stat: BigIntStats
  /** The file that is there already. */
  readonly present: BigIntStats | undefined
}

type PlatformRoom = Room<PlatformError.PlatformError>

class Copy {
  // Two: each keeps open what leads to its own place.
  readonly #sources: PlatformRoom
  readonly #targets: PlatformRoom

  constructor(private readonly kernel: Kernel.Service, private readonly options: FileSystem.CopyOptions) {
    this.#sources = roomFor(kernel, METHOD)
    this.#targets = roomFor(kernel, METHOD)
  }

  run(from: string, to: string): Failing<void> {
    const [source, target] = [plainPlace(from), plainPlace(to)]
    const look = this.#step(source, target, async () => {
      const { stat } = await lookAt(source, target)
      await refuseInside(from, stat, to)
      await mkdir(dirname(to), { recursive: true })
    })
    const whole = Effect.suspend(() => this.#entry(entryOf(this.#sources, from), entryOf(this.#targets, to)))
    return Effect.ensuring(
      Effect.zipRight(look, whole),
      Effect.suspend(() => Effect.zipRight(this.#sources.close(), this.#targets.close()))
    )
  }

  #entry(from: Held, to: Held): Failing<void> {
    const one = this.#at(
      from,
      to,
      (source, target) =>
        Effect.flatMap(
          this.#step(source, target, () => lookAt(source, target)),
          (entry) => Effect.as(this.#make(entry), entry)
        )
    )
    // The directory itself is held while something is done in it, and the one above is not.
    return Effect.flatMap(one, (entry) => {
      if (!entry.stat.isDirectory()) return Effect.void
      from.stat = entry.stat
      to.stat = entry.present
      return this.#contents(from, to, entry)
    })
  }

  /** Makes a directory without what is in it. */
  #make(entry: Entry): Failing<void> {
    const { from, present, stat, to } = entry
    const step = (work: () => Promise<unknown>): Failing<void> => Effect.asVoid(this.#step(from, to, work))
    if (stat.isDirectory()) return present === undefined ? step(() => mkdir(to.system)) : Effect.void
    if (stat.isSymbolicLink()) return step(() => copyLink(entry))
    if (!stat.isFile()) {
      return step(() => Promise.reject(refusal("EINVAL", "it is neither file nor directory nor link", from.user)))
    }
    if (present === undefined) return this.#file(entry)
    if (this.options.overwrite !== true) return Effect.void
    return Effect.zipRight(step(() => unlink(to.system)), this.#file(entry))
  }

  #file({ from, to }: Entry): Failing<void> {
    return Effect.mapError(
      copyFile(this.kernel, {
        method: METHOD,
        from: from.system,
        to: to.system,
        isNew: true,
        preserveTimestamps: this.options.preserveTimestamps ?? false
      }),
      (error) => retold(error, telling(from, to))
    )
  }

  #contents(from: Held, to: Held, { present, stat }: Entry): Failing<void> {
    const listed = this.#sources.using(
      [from],
      () => this.#step(from.place, plainPlace(to.path), () => readdir(from.place.system))
    )
    const children = Effect.flatMap(listed, (names) =>
      Effect.forEach(names, (name) => {
        const child = inside(from.path, name)
        return leadsElsewhere(name)
          ? this.#step(plainPlace(child), plainPlace(to.path), () =>
            Promise.reject(refusal("EINVAL", "the name leads elsewhere", child)))
          : this.#entry(this.#sources.child(from, name), this.#targets.child(to, name))
      }, { discard: true }))
    // Last, because a directory that may not be written to can be copied as well.
    const finished = this.#targets.using([to], () =>
      this.#step(plainPlace(from.path), to.place, async () => {
        if (present === undefined) await chmod(to.place.system, Number(stat.mode))
      }))
    return children.pipe(
      Effect.zipRight(finished),
      Effect.zipRight(this.#targets.verify(to)),
      Effect.zipRight(this.#sources.verify(from))
    )
  }

  /** Asks for both names, while the directories are held that they are in. */
  #at<A>(from: Held, to: Held, use: (from: Place, to: Place) => Failing<A>): Failing<A> {
    return named(this.#sources, from, (source) => named(this.#targets, to, (target) => use(source, target)))
  }

  /** A few functions of node:fs, one after the other. */
  #step<A>(from: Place, to: Place, work: () => Promise<A>): Failing<A> {
    return nodeWork(this.kernel, { method: METHOD, path: from.user }, async () => {
      try {
        return await work()
      } catch (error) {
        throw retell(error, telling(from, to))
      }
    })
  }
}

/** A separator at the end stays: it asks for a directory. */
const entryOf = (room: PlatformRoom, path: string): Held => {
  const name = basename(path)
  // These are no entries of what is above them.
  if (/^\.{0,2}$/.test(name)) return room.root(path)
  return room.child(room.root(dirname(path)), name + path.slice(path.lastIndexOf(name) + name.length), path)
}

const named = <A>(room: PlatformRoom, { name, parent, path }: Held, use: (place: Place) => Failing<A>): Failing<A> =>
  parent === undefined
    ? use(plainPlace(path))
    : room.using([parent], () => use({ ...placeIn(parent.place, name as string), user: path }))

const telling = (from: Place, to: Place) => (text: string): string => asUserKnows(to)(asUserKnows(from)(text))

const copyLink = async ({ from, present, to }: Entry): Promise<void> => {
  const target = absolute(await readlink(from.system), from.user)
  if (present !== undefined) {
    if (!present.isSymbolicLink()) throw refusal("EEXIST", "there is something else than a link", to.user)
    const old = absolute(await readlink(to.system), to.user)
    if (isWithin(target, old)) throw refusal("EINVAL", "the link would lead into itself", to.user)
    if ((await stat(from.system)).isDirectory() && isWithin(old, target)) {
      throw refusal("EINVAL", "the link there leads to a directory with this one in it", to.user)
    }
    await unlink(to.system)
  }
  await symlink(target, to.system)
}

const absolute = (target: string, link: string): string => isAbsolute(target) ? target : resolve(dirname(link), target)

// --- what must not be copied

const refusal = (code: string, message: string, path: string): Error =>
  Object.assign(new Error(`${code}: ${message}, cp '${path}'`), { code, syscall: "cp", path })

const lookAt = async (from: Place, to: Place): Promise<Entry> => {
  const { user } = to
  const [stat, present] = await Promise.all([lstat(from.system, { bigint: true }), presentAt(to.system)])
  if (present !== undefined) {
    if (await isSameFile(from.system, stat, to.system, present)) {
      throw refusal("EINVAL", "source and destination are the same", user)
    }
    if (stat.isDirectory() && !present.isDirectory()) {
      throw refusal("ENOTDIR", "a directory does not replace what is none", user)
    }
    if (!stat.isDirectory() && present.isDirectory()) throw refusal("EISDIR", "only a directory replaces one", user)
  }
  if (stat.isDirectory() && isWithin(from.user, user)) {
    throw refusal("EINVAL", "a directory is not copied into itself", user)
  }
  return { from, to, stat, present }
}

const presentAt = async (path: string): Promise<BigIntStats | undefined> => {
  try {
    return await lstat(path, { bigint: true })
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined
    throw error
  }
}

/** Where a file system has no numbers for files, their names without links tell. */
const isSameFile = async (a: string, statA: BigIntStats, b: string, statB: BigIntStats): Promise<boolean> =>
  isKnown(statA) || isKnown(statB) || statA.dev !== statB.dev
    ? isSame(statA, statB)
    : (await realpath(a)) === (await realpath(b))

/** By the names alone. */
const isWithin = (outer: string, inner: string): boolean => {
  const parts = resolve(inner).split(sep)
  return resolve(outer).split(sep).filter(Boolean).every((part, index) => parts.filter(Boolean)[index] === part)
}

/** Also through links: no directory above the destination is the source. */
const refuseInside = async (from: string, source: BigIntStats, to: string): Promise<void> => {
  const above = resolve(dirname(from))
  for (let path = resolve(dirname(to)); path !== above && path !== parse(path).root; path = dirname(path)) {
    try {
      if (await isSameFile(from, source, path, await stat(path, { bigint: true }))) {
        throw refusal("EINVAL", "a directory is not copied into itself", to)
      }
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error
    }
  }
}
