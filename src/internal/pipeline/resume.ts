/**
 * Going on with what an earlier copy left: a file that is complete, or a partial one with its journal.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
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
import type { FileToCopy } from "./FileCopy.js"
import { openJournal, type Read, readJournal } from "./journal.js"
import { isOwn } from "./leftovers.js"
import { journalName, partialName } from "./names.js"
import type { Seen } from "./seen.js"
import { endTag, nextTag, useTag, withTag } from "./tags.js"
import type { TreeCopy } from "./TreeCopy.js"
import { makeWritable, removeFile } from "./UndoLog.js"

/** A partial file that has become ours, with its journal. */
export interface Adopted extends Claimed {
  readonly journal: Read
}

/** A journal that nobody else has open, where the system keeps others out. */
interface Claimed {
  readonly tag: string
  readonly file: File.File
  readonly close: Effect.Effect<void>
}

const paths = ({ directory, name }: FileToCopy, tag: string) => ({
  partial: placeIn(directory, partialName(name, tag)).system,
  journal: placeIn(directory, journalName(name, tag)).system
})

/** Opens a journal, if it is nobody's. One that is in use, has gone or is not one's own is left alone. */
const claim = (file: FileToCopy, tag: string): Effect.Effect<Claimed | undefined, never, Kernel> =>
  Effect.flatMap(Scope.make(), (scope) => {
    const close = Scope.close(scope, Exit.void)
    const opened = Effect.tap(Scope.extend(openJournal(paths(file, tag).journal, "openExisting"), scope), requireOwn)
    return Effect.matchEffect(opened, {
      onSuccess: (opened) => Effect.succeed({ tag, file: opened, close }),
      onFailure: () => Effect.as(close, undefined)
    })
  })

/** The journal last, and open until then: nobody else takes over what is being removed. */
const remove = (file: FileToCopy, { close, tag }: Claimed): Effect.Effect<void, never, Kernel> => {
  const { journal, partial } = paths(file, tag)
  return Effect.zipRight(removeFile(partial), Effect.zipRight(close, Effect.asVoid(removeFile(journal))))
}

const leftOf = ({ left }: TreeCopy, { name, to }: FileToCopy): ReadonlyArray<string> =>
  left.get(to)?.journaled.get(name) ?? []

/** The file is complete, whoever has made it. */
export const removeLeft = (job: TreeCopy, file: FileToCopy): Effect.Effect<void, never, Kernel> =>
  Effect.forEach(
    leftOf(job, file),
    (tag) => Effect.flatMap(claim(file, tag), (claimed) => claimed === undefined ? Effect.void : remove(file, claimed)),
    { discard: true }
  )

/** Takes over the partial file that has come furthest, and removes the others. Inside a mask. */
export const adopt = (
  job: TreeCopy,
  file: FileToCopy,
  stat: Seen
): Effect.Effect<Adopted | undefined, never, Kernel> => {
  const tags = leftOf(job, file)
  if (tags.length === 0) return Effect.succeed(undefined)
  return Effect.gen(function*() {
    let best: Adopted | undefined
    for (const tag of tags) {
      const claimed = yield* claim(file, tag)
      if (claimed === undefined) continue
      const journal = yield* readJournal(claimed.file, file.name, stat)
      const better = journal.entries.length > 0 &&
        (best === undefined || journal.entries.at(-1)!.to > best.journal.entries.at(-1)!.to)
      const worse = better ? best : claimed
      if (better) best = { ...claimed, journal }
      if (worse !== undefined) yield* remove(file, worse)
    }
    return best === undefined ? undefined : yield* takeOver(job, file, best)
  })
}

/**
 * Where an open journal keeps others out, they keep their names. Elsewhere both get names of this process, and the
 * rename of the journal decides between two copies that try to: the second one finds it gone.
 */
const takeOver = (
  { maker }: TreeCopy,
  file: FileToCopy,
  adopted: Adopted
): Effect.Effect<Adopted | undefined, never, Kernel> =>
  Effect.suspend(() => {
    const tag = maker.locks ? useTag(adopted.tag) : nextTag(maker)
    const [old, own] = [paths(file, adopted.tag), paths(file, tag)]
    const taken = maker.locks
      ? Effect.void
      : Effect.zipRight(File.rename(old.journal, own.journal), File.rename(old.partial, own.partial))
    const openable = Effect.suspend((): Effect.Effect<void, unknown, Kernel> =>
      makeOpenable(old.partial) ? taken : Effect.fail("it is not one's own")
    )
    return Effect.matchEffect(openable, {
      onSuccess: () => Effect.succeed({ ...adopted, tag }),
      onFailure: () => Effect.zipRight(Effect.sync(() => endTag(tag)), Effect.as(adopted.close, undefined))
    })
  })

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

/**
 * It may have the permissions of a source that is read-only already. Answers whether it is one's own, and can be
 * opened.
 */
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
 * Whether the copy is there already: of the size, and by its time of modification or, where the copy is verified or
 * that time says nothing, by its contents.
 */
export const lookAtTarget = (
  job: TreeCopy,
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

/**
 * The time that a copy of the source would have: a file system may keep it coarser, or only between two years. It is
 * asked, unless nothing is to be written.
 */
const keptTime = (
  { maker, progress, settings }: TreeCopy,
  { directory, name }: FileToCopy,
  { atimeNs, mtimeNs }: Seen
): Effect.Effect<bigint | undefined, never, Kernel> =>
  settings.dryRun ? Effect.succeed(undefined) : withTag(maker, (tag) => {
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
