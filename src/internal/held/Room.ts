/**
 * The room for directories that are held: what somebody puts in the place of one leads nobody out of the tree. Copies,
 * what takes them back, what looks for leftovers, flushes, and the removal of trees ask for names in held directories
 * alone.
 *
 * A directory is named by the one that it is in and its name there. It is opened when it is used, from the one above
 * it, and closed when it has not been used for a while; whenever it is opened again it is compared with what it was.
 */
import * as Effect from "effect/Effect"
import type { BigIntStats } from "node:fs"
import { sep } from "node:path"
import type { Restore } from "../settle.js"
import { isOther } from "./identity.js"
import { asUserKnows, inside, type Place, retell } from "./Place.js"
import { isMissing, isNoDirectory, type Opened, type PathLike, type Way } from "./Way.js"

export class Held {
  /** The directory's stat, once it has been opened. */
  stat: BigIntStats | undefined = undefined
  /** While it is open. */
  handle: number | undefined = undefined
  system: PathLike = ""
  pins = 0
  readonly depth: number

  constructor(
    readonly parent: Held | undefined,
    readonly name: PathLike,
    /** The user's. */
    readonly path: string,
    /** A link in its place is meant. */
    public follow: boolean
  ) {
    this.depth = parent === undefined ? 0 : parent.depth + 1
  }

  /** While it is held. */
  get place(): Place {
    return { system: this.system as string, user: this.path }
  }
}

/** Something else has the name of a directory that was held, or nothing has. */
export class Replaced extends Error {
  readonly code: "ENOENT" | "ESTALE"

  constructor(readonly path: string, missing: boolean) {
    super(`${missing ? "nothing" : "something else"} has the name of the directory by now, '${path}'`)
    this.code = missing ? "ENOENT" : "ESTALE"
  }
}

/** So many are open that nobody uses just now, at most. */
const MOST = 256

/** The path of a name in a directory. */
export const join = (directory: PathLike, name: PathLike): PathLike =>
  typeof directory === "string" && typeof name === "string"
    ? inside(directory, name)
    : Buffer.concat([Buffer.from(directory), Buffer.from(sep), Buffer.from(name)])

export class Room<E> {
  /** Open and not in use; first the one that has not been used for longest. */
  readonly #idle = new Set<Held>()

  /** `explain`: what the system says about a directory, or `Replaced`, as a failure of whoever uses it. */
  constructor(private readonly way: Way, private readonly explain: (error: unknown, path: string) => E) {}

  /** Nothing is asked of the system yet. Links that lead to it are followed. */
  root(path: string): Held {
    return new Held(undefined, path, path, true)
  }

  /** Nothing is asked of the system yet. */
  child(parent: Held, name: PathLike, path: string = inside(parent.path, `${name}`)): Held {
    return new Held(parent, name, path, false)
  }

  /** Holds directories for as long as `use` runs. */
  using<A, E2, R>(
    directories: ReadonlyArray<Held>,
    use: () => Effect.Effect<A, E2, R>
  ): Effect.Effect<A, E | E2, R> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(this.#holdAll(restore, directories), () =>
        Effect.matchCauseEffect(restore(Effect.suspend(use)), {
          onFailure: (cause) => Effect.zipRight(this.#releaseAll(directories), Effect.failCause(cause)),
          onSuccess: (value) => Effect.as(this.#settleAll(restore, directories), value)
        }))
    )
  }

  /** Fails when its name means something else by now. */
  verify(directory: Held): Effect.Effect<void, E> {
    const { parent } = directory
    const look = Effect.uninterruptibleMask((restore) => this.#compare(restore, directory))
    return parent === undefined ? look : this.using([parent], () => look)
  }

  /** Closes a directory that is to be removed: Windows does not remove what is open. */
  drop(directory: Held): Effect.Effect<void> {
    return Effect.suspend(() => this.#idle.has(directory) ? this.#close(directory) : Effect.void)
  }

  /** Closes all. Nobody uses any of them. */
  close(): Effect.Effect<void> {
    return Effect.uninterruptible(this.#closeDownTo(0))
  }

  // --- all of this inside a mask

  #holdAll(restore: Restore, directories: ReadonlyArray<Held>): Effect.Effect<void, E> {
    if (directories.every(({ handle }) => handle !== undefined)) {
      for (const directory of directories) this.#pin(directory)
      return Effect.void
    }
    let held = 0
    return Effect.onError(
      Effect.whileLoop({
        while: () => held < directories.length,
        body: () => this.#hold(restore, directories[held]!),
        step: () => held++
      }),
      () => this.#releaseAll(directories.slice(0, held))
    )
  }

  #hold(restore: Restore, directory: Held): Effect.Effect<void, E> {
    const closed: Array<Held> = []
    let above: Held | undefined = directory
    for (; above !== undefined && above.handle === undefined; above = above.parent) closed.push(above)
    if (above !== undefined) this.#pin(above)
    // Only the one from which the next is opened is held: a path may have thousands.
    const step = (): Effect.Effect<void, E> => {
      const [from, child] = [above, closed.pop()!]
      return Effect.flatMap(this.#open(restore, child), () => {
        above = child
        return from === undefined ? Effect.void : this.#release(from)
      })
    }
    return Effect.onError(
      Effect.whileLoop({ while: () => closed.length > 0, body: step, step: () => {} }),
      () => above === undefined ? Effect.void : this.#release(above)
    )
  }

  /** The one above it is held. */
  #open(restore: Restore, directory: Held): Effect.Effect<void, E> {
    return Effect.flatMap(
      this.#asked(directory, this.way.open(restore, this.#pathOf(directory), directory.follow)),
      (opened) =>
        Effect.matchCauseEffect(this.#look(restore, directory, opened), {
          onFailure: (cause) => Effect.zipRight(this.way.close(opened.handle), Effect.failCause(cause)),
          onSuccess: () => this.#opened(directory, opened)
        })
    )
  }

  /** Where nothing holds the one above, it may have been another one by then. */
  #look(restore: Restore, directory: Held, { stat }: Opened): Effect.Effect<void, E> {
    if (directory.stat !== undefined && isOther(directory.stat, stat)) return this.#replaced(directory)
    const { parent } = directory
    return this.way.sure || parent === undefined ? Effect.void : this.#compare(restore, parent)
  }

  #opened(directory: Held, { handle, stat }: Opened): Effect.Effect<void> {
    const another = directory.handle !== undefined
    if (!another) {
      directory.stat ??= stat
      directory.system = this.way.within(handle, this.#pathOf(directory))
      directory.handle = handle
      if (this.way.needsAbove && directory.parent !== undefined) this.#pin(directory.parent)
    }
    this.#pin(directory)
    return another ? this.way.close(handle) : Effect.void
  }

  #pathOf({ name, parent }: Held): PathLike {
    return parent === undefined ? name : join(parent.system, name)
  }

  /** The one above it is held. */
  #compare(restore: Restore, directory: Held): Effect.Effect<void, E> {
    const look = this.way.look(restore, this.#pathOf(directory), directory.follow)
    return Effect.flatMap(
      this.#asked(directory, look),
      (stat) => directory.stat !== undefined && !isOther(directory.stat, stat) ? Effect.void : this.#replaced(directory)
    )
  }

  #asked<A>(directory: Held, effect: Effect.Effect<A, unknown>): Effect.Effect<A, E> {
    return Effect.mapError(effect, (error) => {
      const { path, stat } = directory
      if (stat !== undefined && isNoDirectory(error)) return this.explain(new Replaced(path, isMissing(error)), path)
      return this.explain(retell(error, asUserKnows({ system: `${this.#pathOf(directory)}`, user: path })), path)
    })
  }

  #replaced({ path }: Held): Effect.Effect<never, E> {
    return Effect.fail(this.explain(new Replaced(path, false), path))
  }

  #pin(directory: Held): void {
    if (directory.pins++ === 0) this.#idle.delete(directory)
  }

  #release(directory: Held): Effect.Effect<void> {
    if (--directory.pins > 0) return Effect.void
    this.#idle.add(directory)
    // Keeps as many as there are above it: the next request needs those, and no others.
    return this.#closeDownTo(this.way.holds ? Math.min(directory.depth + 1, MOST) : 0)
  }

  #releaseAll(directories: ReadonlyArray<Held>): Effect.Effect<void> {
    let closed: Effect.Effect<void> = Effect.void
    for (const directory of directories) closed = Effect.zipRight(closed, this.#release(directory))
    return closed
  }

  /** Where nothing holds them for sure, they are compared once more. */
  #settleAll(restore: Restore, directories: ReadonlyArray<Held>): Effect.Effect<void, E> {
    if (this.way.sure) return this.#releaseAll(directories)
    return Effect.ensuring(
      Effect.forEach(directories, (directory) => this.#compare(restore, directory), { discard: true }),
      Effect.suspend(() => this.#releaseAll(directories))
    )
  }

  #closeDownTo(most: number): Effect.Effect<void> {
    if (this.#idle.size <= most) return Effect.void
    const first = (): Effect.Effect<void> => {
      for (const directory of this.#idle) return this.#close(directory)
      return Effect.void
    }
    return Effect.whileLoop({ while: () => this.#idle.size > most, body: first, step: () => {} })
  }

  #close(directory: Held): Effect.Effect<void> {
    this.#idle.delete(directory)
    const { handle, parent } = directory
    directory.handle = undefined
    const closed = this.way.close(handle!)
    return this.way.needsAbove && parent !== undefined
      ? Effect.zipRight(closed, Effect.suspend(() => this.#release(parent)))
      : closed
  }
}
