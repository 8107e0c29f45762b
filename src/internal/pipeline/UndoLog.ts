/**
 * The things that a copy has made, in order, so that a failure can take all of it back and nothing else: each thing is
 * compared with what was made before it is removed.
 */
import * as Effect from "effect/Effect"
import { chmodSync, lstatSync, rmdirSync, unlinkSync } from "node:fs"
import * as File from "../../File.js"
import { Kernel } from "../../Kernel.js"
import type { PipelineError } from "../../PipelineError.js"
import type { Win32Error } from "../../Win32Error.js"
import { ERROR_CANT_RESOLVE_FILENAME } from "../constants.js"
import { removeMeant } from "../held/byHandle.js"
import { type Identity, isOther, isSameBirth } from "../held/identity.js"
import { inside, type Place, placeIn } from "../held/Place.js"
import type { Held, Room } from "../held/Room.js"
import { isMissing } from "../held/Way.js"
import { errnoOf } from "./failures.js"
import { forEachInTurns } from "./turns.js"

/** A file or a link: a name in a directory, and what it meant. */
interface Named {
  readonly directory: Held
  readonly name: string
  readonly identity: Identity
}

type Thing = Held | Named

const isDirectory = (thing: Thing): thing is Held => "follow" in thing

export class UndoLog {
  readonly #made: Array<Thing> = []
  readonly #directories = new Set<Held>()
  /** Files and links that stood where ours stand now. Nothing brings them back. */
  replaced = 0
  /** Further names of files, also those that an earlier copy had given. */
  hardLinks = 0

  directory(directory: Held): void {
    this.#made.push(directory)
    this.#directories.add(directory)
  }

  has(directory: Held): boolean {
    return this.#directories.has(directory)
  }

  /**
   * A file under its final name, or a link. `identity` is that of the open file, or of the link that has just been
   * made.
   */
  file(directory: Held, name: string, identity: Identity): void {
    this.#made.push({ directory, name, identity })
  }

  /** Removes everything, last made first. Answers what could not be removed, and what is not what was made. */
  undo(room: Room<PipelineError>): Effect.Effect<ReadonlyArray<string>, never, Kernel> {
    const left: Array<string> = []
    return Effect.suspend(() => {
      const made = this.#made.splice(0)
      // Some may have their final permissions already, which need not let us remove what is inside.
      const opened = forEachInTurns(made, (thing) => isDirectory(thing) ? openUp(room, thing) : Effect.void)
      const removed = forEachInTurns(reversed(made), (thing) =>
        Effect.map(remove(room, thing), (gone) => {
          if (!gone) left.push(isDirectory(thing) ? thing.path : inside(thing.directory.path, thing.name))
        }))
      return Effect.zipRight(opened, removed)
    }).pipe(
      Effect.map(() => left),
      Effect.uninterruptible
    )
  }

  /**
   * Removes the directories that have stayed empty, deepest first: an interrupted copy keeps its complete files only.
   */
  removeEmptyDirectories(room: Room<PipelineError>): Effect.Effect<void, never, Kernel> {
    return forEachInTurns(reversed([...this.#directories]), (directory) => Effect.asVoid(remove(room, directory)))
  }
}

function* reversed<A>(items: ReadonlyArray<A>): Generator<A> {
  for (let index = items.length - 1; index >= 0; index--) yield items[index]!
}

const openUp = (room: Room<PipelineError>, directory: Held): Effect.Effect<void> =>
  Effect.ignore(room.using([directory], () => Effect.sync(() => makeWritable(directory.place.system))))

/** Answers whether it is gone. */
const remove = (room: Room<PipelineError>, thing: Thing): Effect.Effect<boolean, never, Kernel> =>
  Effect.catchAll(
    isDirectory(thing)
      ? removeDirectory(room, thing)
      : room.using([thing.directory], () => removeNamed(placeIn(thing.directory.place, thing.name), thing.identity)),
    (error) => Effect.succeed(isMissing(error))
  )

/** One that is not empty stays. */
const removeDirectory = (room: Room<PipelineError>, directory: Held): Effect.Effect<boolean, Failure, Kernel> => {
  const { name, parent, stat } = directory
  if (parent === undefined || stat === undefined) return Effect.succeed(false)
  const isOurs = (there: Identity) => !isOther(there, stat)
  const removed = Effect.suspend(() => {
    const path = inside(parent.place.system, name as string)
    return throughHandle(path, isOurs, Effect.sync(() => isGone(path, isOurs, () => rmdirSync(path))))
  })
  return Effect.zipRight(room.drop(directory), room.using([parent], () => removed))
}

const removeNamed = ({ system }: Place, identity: Identity): Effect.Effect<boolean, Failure, Kernel> => {
  const isOurs = (there: Identity) => isSameBirth(there, identity)
  const byName = Effect.suspend(() => {
    if (!windows) return Effect.succeed(isGone(system, isOurs, () => unlinkSync(system)))
    // Through the library, which waits while another program looks at it (rule 31).
    let ours = false
    const gone = isGone(system, isOurs, () => {
      ours = true
    })
    return ours ? removeFile(system) : Effect.succeed(gone)
  })
  return throughHandle(system, isOurs, byName)
}

type Failure = PipelineError | Win32Error

/** Where that can be, and by its name elsewhere, and where it is a link. Answers whether it is gone. */
const throughHandle = (
  path: string,
  isOurs: (there: Identity) => boolean,
  byName: Effect.Effect<boolean, never, Kernel>
): Effect.Effect<boolean, Win32Error, Kernel> =>
  Effect.flatMap(Kernel, (kernel) =>
    kernel.engine.kernel.holdsDirectories !== true
      ? byName
      : Effect.catchIf(
        removeMeant(kernel, path, isOurs),
        ({ code }) => code === ERROR_CANT_RESOLVE_FILENAME,
        () => byName
      ))

const windows = process.platform === "win32"

/** Removes what has the name when it is what was made, and answers whether it is gone. */
const isGone = (path: string, isOurs: (there: Identity) => boolean, removal: () => void): boolean => {
  try {
    if (!isOurs(lstatSync(path, { bigint: true }))) return false
    removal()
    return true
  } catch (error) {
    return errnoOf(error) === "ENOENT"
  }
}

/** Answers whether it is gone. */
export const removeFile = (path: string): Effect.Effect<boolean, never, Kernel> =>
  Effect.suspend(() => {
    // Windows does not delete what is read-only, and a copy of a read-only file is.
    if (windows) makeWritable(path)
    return File.remove(path)
  }).pipe(
    Effect.as(true),
    Effect.catchAll((error) => Effect.succeed(error.reason === "NotFound"))
  )

export const makeWritable = (path: string): void => {
  try {
    chmodSync(path, 0o700)
  } catch {
    // The removal, or whatever it is wanted for, will tell.
  }
}
