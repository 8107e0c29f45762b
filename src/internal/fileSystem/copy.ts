/**
 * `cp -r`, with the rules of node's `fs.cp`: what is there already stays, unless it may be overwritten; links are made
 * anew, to where they lead; a directory is not copied into itself. Files go through thread-pool I/O, and an
 * interruption ends it between two steps.
 */
import type * as PlatformError from "@effect/platform/Error"
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import type { BigIntStats } from "node:fs"
import { chmod, lstat, mkdir, readdir, readlink, realpath, stat, symlink, unlink } from "node:fs/promises"
import { dirname, isAbsolute, join, parse, resolve, sep } from "node:path"
import type { Kernel } from "../../Kernel.js"
import { errnoOf } from "../errno.js"
import { leadsElsewhere } from "../file/names.js"
import { isKnown, isSame } from "../held/identity.js"
import { copyFile } from "./copyFile.js"
import { nodeWork } from "./nodeCall.js"

const METHOD = "copy"

type Failing<A> = Effect.Effect<A, PlatformError.PlatformError>

export const copy = (
  kernel: Kernel.Service,
  from: string,
  to: string,
  options: FileSystem.CopyOptions = {}
): Failing<void> => {
  const job: Job = {
    kernel,
    overwrite: options.overwrite ?? false,
    preserveTimestamps: options.preserveTimestamps ?? false
  }
  return Effect.flatMap(
    step(job, from, async () => {
      const entry = await look(from, to)
      await refuseInside(from, entry.stat, to)
      await mkdir(dirname(to), { recursive: true })
      return entry
    }),
    (entry) => copyEntry(job, entry)
  )
}

interface Job {
  readonly kernel: Kernel.Service
  readonly overwrite: boolean
  readonly preserveTimestamps: boolean
}

interface Entry {
  readonly from: string
  readonly to: string
  readonly stat: BigIntStats
  /** The file that is there already. */
  readonly present: BigIntStats | undefined
}

/** A few functions of node:fs, one after the other. */
const step = <A>({ kernel }: Job, path: string, work: () => Promise<A>): Failing<A> =>
  nodeWork(kernel, { method: METHOD, path }, work)

const copyEntry = (job: Job, entry: Entry): Failing<void> => {
  const { from, present, stat } = entry
  if (stat.isDirectory()) return copyDirectory(job, entry)
  if (stat.isSymbolicLink()) return step(job, from, () => copyLink(entry))
  if (!stat.isFile()) {
    return step(job, from, () => Promise.reject(refusal("EINVAL", "it is neither file nor directory nor link", from)))
  }
  if (present === undefined) return copyContents(job, entry)
  if (!job.overwrite) return Effect.void
  return Effect.zipRight(step(job, from, () => unlink(entry.to)), copyContents(job, entry))
}

const copyContents = ({ kernel, preserveTimestamps }: Job, { from, to }: Entry): Failing<void> =>
  copyFile(kernel, { method: METHOD, from, to, preserveTimestamps })

const copyDirectory = (job: Job, { from, present, stat, to }: Entry): Failing<void> =>
  Effect.flatMap(
    step(job, from, async () => {
      if (present === undefined) await mkdir(to)
      return readdir(from)
    }),
    (names) => {
      let next = 0
      const children = Effect.whileLoop({
        while: () => next < names.length,
        body: () => {
          const name = names[next++]!
          const child = join(from, name)
          if (leadsElsewhere(name)) {
            return step(job, child, () => Promise.reject(refusal("EINVAL", "the name leads elsewhere", child)))
          }
          return Effect.flatMap(step(job, child, () => look(child, join(to, name))), (entry) => copyEntry(job, entry))
        },
        step: () => {}
      })
      // Last, because a directory that may not be written to can be copied as well.
      return present === undefined
        ? Effect.zipRight(children, step(job, from, () => chmod(to, Number(stat.mode))))
        : children
    }
  )

const copyLink = async ({ from, present, to }: Entry): Promise<void> => {
  const target = absolute(await readlink(from), from)
  if (present !== undefined) {
    if (!present.isSymbolicLink()) throw refusal("EEXIST", "there is something else than a link", to)
    const old = absolute(await readlink(to), to)
    if (isWithin(target, old)) throw refusal("EINVAL", "the link would lead into itself", to)
    if ((await stat(from)).isDirectory() && isWithin(old, target)) {
      throw refusal("EINVAL", "the link there leads to a directory with this one in it", to)
    }
    await unlink(to)
  }
  await symlink(target, to)
}

const absolute = (target: string, link: string): string => isAbsolute(target) ? target : resolve(dirname(link), target)

// --- what must not be copied

const refusal = (code: string, message: string, path: string): Error =>
  Object.assign(new Error(`${code}: ${message}, cp '${path}'`), { code, syscall: "cp", path })

const look = async (from: string, to: string): Promise<Entry> => {
  const [stat, present] = await Promise.all([lstat(from, { bigint: true }), presentAt(to)])
  if (present !== undefined) {
    if (await isSameFile(from, stat, to, present)) throw refusal("EINVAL", "source and destination are the same", to)
    if (stat.isDirectory() && !present.isDirectory()) {
      throw refusal("ENOTDIR", "a directory does not replace what is none", to)
    }
    if (!stat.isDirectory() && present.isDirectory()) throw refusal("EISDIR", "only a directory replaces one", to)
  }
  if (stat.isDirectory() && isWithin(from, to)) throw refusal("EINVAL", "a directory is not copied into itself", to)
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
