/**
 * The steps of a copy that would be made of a plan. Names are looked at, and with `resume` files are read; nothing is
 * written.
 */
import * as Effect from "effect/Effect"
import type { PoolBuffer } from "../../BufferPool.js"
import type { Kernel } from "../../Kernel.js"
import type { CopyPlan, CopyStep } from "../../Pipeline.js"
import type { PipelineError } from "../../PipelineError.js"
import { isOther } from "../held/identity.js"
import { inside, type Place, placeIn } from "../held/Place.js"
import type { Held } from "../held/Room.js"
import { compare, withSource } from "./copyFile.js"
import { findLeftIn, forEachFile, namesOf, orCollected } from "./copyTree.js"
import { notADirectory } from "./directories.js"
import { alreadyExists, failing } from "./failures.js"
import { look } from "./leftovers.js"
import { isSameLink } from "./links.js"
import { isDirectory } from "./naming.js"
import type { Plan, PlannedDirectory, PlannedFile, PlannedHardLink, PlannedLink } from "./plan.js"
import type { TreeCopy } from "./TreeCopy.js"
import { forEachInTurns } from "./turns.js"

type Action = CopyStep["action"]
type Looked<A = void> = Effect.Effect<A, PipelineError, Kernel>

export const wouldCopy = (job: TreeCopy, plan: Plan): Looked<CopyPlan> =>
  Effect.gen(function*() {
    const dry = new DryRun(job, plan)
    yield* forEachInTurns(plan.directories, (directory) => orCollected(job, dry.directory(directory)))
    if (plan.directories.length === 0) yield* Effect.forEach(plan.files, ({ to }) => dry.findLeft(to))
    yield* forEachInTurns(plan.links, (link) => orCollected(job, dry.link(link)))
    yield* forEachFile(job, plan.files, (file, own) => dry.file(file, own))
    yield* forEachInTurns(plan.hardLinks, (link) => orCollected(job, dry.hardLink(link)))
    return resultOf(dry.steps, job.failures)
  })

const resultOf = (steps: ReadonlyArray<CopyStep>, refused: ReadonlyArray<PipelineError>): CopyPlan => {
  const counts = {
    files: 0,
    hardLinks: 0,
    directories: 0,
    links: 0,
    bytes: 0,
    foundFiles: 0,
    foundBytes: 0,
    replaced: 0
  }
  for (const { action, bytes, kind } of steps) {
    if (action === "replace") counts.replaced++
    if (kind === "directory") counts.directories++
    else if (kind === "link") counts.links++
    else {
      counts.files++
      counts.bytes += bytes
      if (kind === "hardLink") counts.hardLinks++
      if (action !== "keep") continue
      counts.foundFiles++
      counts.foundBytes += bytes
    }
  }
  return { ...counts, steps, refused }
}

class DryRun {
  readonly steps: Array<CopyStep> = []
  /** Directories of the destination that are not there. What is in one that is refused is not told. */
  readonly #absent = new Map<Held, "new" | "refused">()
  readonly #copied = new Set<PlannedFile>()
  readonly #names: ReturnType<typeof namesOf>

  constructor(private readonly job: TreeCopy, { files, hardLinks }: Plan) {
    this.#names = namesOf([...files, ...hardLinks])
  }

  directory({ source, target }: PlannedDirectory): Looked {
    const { settings } = this.job
    const parent = target.parent!
    const name = target.name as string
    const step = { kind: "directory", from: source.path, to: target.path, bytes: 0 } as const
    this.#absent.set(target, this.#absent.get(parent) ?? "refused")
    return this.#step(parent, name, step, (place) => {
      const there = look(place)
      if (there === undefined) {
        this.#absent.set(target, "new")
        return Effect.succeed("create")
      }
      if (!settings.overwrite && !settings.resume) throw alreadyExists(place.user)
      if (!there.isDirectory() && !target.follow) throw notADirectory(place)
      this.#absent.delete(target)
      return Effect.as(this.findLeft(target), "keep")
    })
  }

  link(link: PlannedLink): Looked {
    const { name, to } = link
    const from = inside(link.from.path, name)
    const step = { kind: "link", from, to: inside(to.path, name), bytes: 0 } as const
    return this.#step(to, name, step, (place) => {
      const there = look(place)
      const isFound = this.job.settings.resume && isSameLink(there, place, link)
      return Effect.succeed(isFound ? "keep" : this.#action(place, there))
    })
  }

  file(file: PlannedFile, own: PoolBuffer): Looked {
    const { name, original, size, to } = file
    const step = {
      kind: "file",
      from: inside(file.from.path, original),
      to: inside(to.path, name),
      bytes: size
    } as const
    const looked = this.#step(to, name, step, (place) => {
      const there = look(place)
      if (there === undefined) return Effect.succeed(this.#isBegun(to, name) ? "resume" : "create")
      return this.job.settings.resume && there.isFile()
        ? this.#compared(file, place, own)
        : Effect.succeed(this.#action(place, there))
    })
    return Effect.map(looked, () => {
      if (this.#absent.get(to) !== "refused") this.#copied.add(file)
    })
  }

  hardLink(link: PlannedHardLink): Looked {
    const { first, name, original, size, to } = link
    const isLink = this.#copied.has(first)
    const step = {
      kind: isLink ? "hardLink" : "file",
      from: inside(link.from.path, original),
      to: inside(to.path, name),
      bytes: isLink ? 0 : size
    } as const
    return this.#step(to, name, step, (place) => {
      const there = look(place)
      if (there === undefined || !this.job.settings.resume || this.#absent.has(first.to)) {
        return Effect.succeed(this.#action(place, there))
      }
      return this.job.room.using([first.to], () =>
        failing(() => {
          const copy = look(placeIn(first.to.place, first.name))
          return Effect.succeed(copy !== undefined && !isOther(there, copy) ? "keep" : this.#action(place, there))
        }))
    })
  }

  #step(to: Held, name: string, step: Omit<CopyStep, "action">, act: (place: Place) => Looked<Action>): Looked {
    const told = (action: Action) => void this.steps.push({ action, ...step })
    const absent = this.#absent.get(to)
    if (absent === "refused") return Effect.void
    if (absent === "new") return Effect.sync(() => told("create"))
    return this.job.room.using([to], () => failing(() => Effect.map(act(placeIn(to.place, name)), told)))
  }

  /** May throw a `PipelineError`. */
  #action(place: Place, there: ReturnType<typeof look>): Action {
    if (there === undefined) return "create"
    if (there.isDirectory()) throw isDirectory(place)
    if (!this.job.settings.overwrite) throw alreadyExists(place.user)
    return "replace"
  }

  /** Looks for what earlier copies left in a directory that is there. */
  findLeft(directory: Held): Looked {
    const { room, settings } = this.job
    return settings.resume
      ? room.using([directory], () => findLeftIn(this.job, directory, this.#names))
      : Effect.void
  }

  #isBegun(directory: Held, name: string): boolean {
    return this.job.left.get(directory)?.journaled.has(name) === true
  }

  #compared(file: PlannedFile, place: Place, own: PoolBuffer): Looked<Action> {
    const { from, name, original, size, to } = file
    return this.job.room.using([from], () => {
      const one = { source: placeIn(from.place, original), directory: to.place, to, name, size, shared: undefined }
      const compared = withSource(one, (_, stat) => compare(this.job, one, stat, own))
      return Effect.flatMap(
        compared,
        (there) => failing(() => Effect.succeed(there === "complete" ? "keep" : this.#action(place, look(place))))
      )
    })
  }
}
