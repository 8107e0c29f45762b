/**
 * Going on with what an earlier copy left: a file that is complete, or a partial one with its journal.
 */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { closeSync, constants, fchmodSync, fstatSync, lstatSync, openSync } from "node:fs"
import type { PoolBuffer } from "../../BufferPool.js"
import * as File from "../../File.js"
import type { Kernel } from "../../Kernel.js"
import { make, type Win32Error } from "../../Win32Error.js"
import { ERROR_ACCESS_DENIED } from "../constants.js"
import { type Place, placeIn } from "../held/Place.js"
import { sameTime } from "../times.js"
import { forEachChunk } from "./chunks.js"
import type { FileToCopy } from "./Copying.js"
import type { Job } from "./Job.js"
import { type Read, readJournal } from "./journal.js"
import { isOwn } from "./leftovers.js"
import { makeWritable, removeFile } from "./Made.js"
import { journalName, partialName } from "./names.js"
import type { Seen } from "./seen.js"
import { endTag, nextTag, withTag } from "./tags.js"

/** A partial file that has become ours, with its journal. */
export interface Adopted {
  readonly tag: string
  readonly journal: Read
}

const paths = ({ directory, name }: FileToCopy, tag: string) => ({
  partial: placeIn(directory, partialName(name, tag)).system,
  journal: placeIn(directory, journalName(name, tag)).system
})

const remove = (file: FileToCopy, tag: string): Effect.Effect<void, never, Kernel> => {
  const { journal, partial } = paths(file, tag)
  return Effect.zipRight(removeFile(partial), Effect.asVoid(removeFile(journal)))
}

const leftOf = ({ left }: Job, { name, to }: FileToCopy): ReadonlyArray<string> =>
  left.get(to)?.journaled.get(name) ?? []

/** The file is complete, whoever has made it. */
export const removeLeft = (job: Job, file: FileToCopy): Effect.Effect<void, never, Kernel> =>
  Effect.forEach(leftOf(job, file), (tag) => remove(file, tag), { discard: true })

/**
 * Takes over the partial file that has come furthest, and removes the others. The rename of the journal decides between two
 * copies that try to: the second one finds it gone.
 */
export const adopt = (
  job: Job,
  file: FileToCopy,
  stat: Seen
): Effect.Effect<Adopted | undefined, never, Kernel> => {
  const tags = leftOf(job, file)
  if (tags.length === 0) return Effect.succeed(undefined)
  return Effect.gen(function*() {
    let best: Adopted | undefined
    for (const tag of tags) {
      const journal = yield* readJournal(paths(file, tag).journal, file.name, stat)
      const better = journal.entries.length > 0 &&
        (best === undefined || journal.entries.at(-1)!.to > best.journal.entries.at(-1)!.to)
      const worse = better ? best?.tag : tag
      if (better) best = { tag, journal }
      if (worse !== undefined) yield* remove(file, worse)
    }
    if (best === undefined) return undefined
    const tag = nextTag(job.maker)
    const [old, own] = [paths(file, best.tag), paths(file, tag)]
    if (!makeOpenable(old.partial)) {
      endTag(tag)
      return undefined
    }
    const taken = Effect.zipRight(File.rename(old.journal, own.journal), File.rename(old.partial, own.partial))
    return yield* Effect.match(taken, {
      onSuccess: () => ({ tag, journal: best.journal }),
      onFailure: () => {
        endTag(tag)
        return undefined
      }
    })
  })
}

const FOREIGN = "it is not a file of this user's own with one name"

/** Fails when what has been opened is not what may be taken over: it may have been exchanged since it was looked at. */
export const requireOwn = (file: File.File): Effect.Effect<void, Win32Error> =>
  Effect.flatMap(File.stat(file), ({ numberOfLinks, posix }) => {
    const user = process.geteuid?.()
    return numberOfLinks === 1 && (user === undefined || posix === undefined || posix.uid === user)
      ? Effect.void
      : Effect.fail(make({ code: ERROR_ACCESS_DENIED, syscall: "CreateFileW", path: file.path, detail: FOREIGN }))
  })

const windows = process.platform === "win32"
const { O_NOFOLLOW = 0, O_NONBLOCK = 0, O_RDONLY } = constants

/** It may have the permissions of a source that is read-only already. Answers whether it is one's own, and can be opened. */
const makeOpenable = (path: string): boolean => {
  try {
    if (windows) {
      if (!isOwn(lstatSync(path, { bigint: true }))) return false
      makeWritable(path)
      return true
    }
    const fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    try {
      if (!isOwn(fstatSync(fd, { bigint: true }))) return false
      fchmodSync(fd, 0o600)
      return true
    } finally {
      closeSync(fd)
    }
  } catch {
    return false
  }
}

/**
 * Whether the copy is there already: of the size, and by its time of modification or, where the copy is verified or that time
 * says nothing, by its contents.
 */
export const lookAtTarget = (
  job: Job,
  file: FileToCopy,
  stat: Seen,
  target: Place,
  buffer: PoolBuffer
): Effect.Effect<"absent" | "complete" | "another", Win32Error, Kernel> =>
  Effect.suspend(() => {
    const there = lstatSync(target.system, { bigint: true, throwIfNoEntry: false })
    if (there === undefined) return Effect.succeed("absent")
    if (!there.isFile() || there.size !== stat.size) return Effect.succeed("another")
    const { settings } = job
    const answer = (same: boolean) => same ? "complete" : "another"
    if (settings.verify === "none" && settings.times) {
      return sameTime(there.mtimeNs, stat.mtimeNs)
        ? Effect.succeed("complete")
        : Effect.map(keptTime(job, file, stat), (kept) => answer(kept !== undefined && sameTime(there.mtimeNs, kept)))
    }
    const { chunk, inFlight } = settings
    const sum = (path: string) =>
      File.withFile(path, { hint: "sequential" }, (file) => {
        const hash = createHash("sha256")
        return Effect.map(
          forEachChunk(file, { from: 0, to: Number(stat.size), chunk, inFlight }, buffer, (chunk, _, bytes) => {
            hash.update(chunk.bytes.subarray(0, bytes))
            return Effect.void
          }),
          () => hash.digest("hex")
        )
      })
    return Effect.zipWith(sum(file.source.system), sum(target.system), (a, b) => answer(a === b))
  })

/** The time that a copy of the source would have: a file system may keep it coarser, or only between two years. It is asked. */
const keptTime = (
  { maker, progress }: Job,
  { directory, name }: FileToCopy,
  { atimeNs, mtimeNs }: Seen
): Effect.Effect<bigint | undefined, never, Kernel> =>
  withTag(maker, (tag) => {
    const probe = placeIn(directory, partialName(name, tag))
    progress.begun(probe.user)
    const set = Effect.scoped(Effect.flatMap(
      File.open(probe.system, { access: "write", disposition: "createNew" }),
      File.setBasicInfo({ accessTimeNs: atimeNs, modifiedTimeNs: mtimeNs })
    ))
    return set.pipe(
      Effect.map(() => lstatSync(probe.system, { bigint: true, throwIfNoEntry: false })?.mtimeNs),
      Effect.catchAll(() => Effect.succeed(undefined)),
      Effect.ensuring(Effect.zipRight(removeFile(probe.system), Effect.sync(() => progress.ended(probe.user))))
    )
  })
