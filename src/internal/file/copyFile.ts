/**
 * One file into a new one, where no function of the system does it safely: the source is opened without waiting for
 * what may have taken its name, read to its end whatever its size says, and unchanged after that. A small one takes one
 * request.
 */
import * as Effect from "effect/Effect"
import * as BufferPool from "../../BufferPool.js"
import type * as File from "../../File.js"
import { Kernel } from "../../Kernel.js"
import * as Operation from "../../Operation.js"
import * as Win32Error from "../../Win32Error.js"
import { call } from "../call.js"
import { ERROR_IO_DEVICE, ERROR_SHARING_VIOLATION } from "../constants.js"
import { setBasicInfo, setDeleteOnClose, stat } from "./attributes.js"
import { forEachOfAll, type Memory, stillIs } from "./everything.js"
import { moveAll } from "./moveAll.js"
import { withFile } from "./opening.js"
import { KEPT, permissions, PRIVATE } from "./permissions.js"

const CHUNK = 512 << 10
/** A size is a hint: a file may hold more than it says. */
const LEAST = 65_536
/** Larger ones by handles, which an interruption stops between two operations. */
const SMALL = CHUNK

type Failing<A> = Effect.Effect<A, Win32Error.Win32Error>

/**
 * Copies the contents of a file from its first byte on: the next chunks are being read while one is written, from where
 * it was read. Where the source has changed, `isSame` says whether what there was up to its first size is enough.
 */
export const copyContents = (
  source: File.File,
  stat: File.Stat,
  target: File.File,
  isSame: Failing<boolean> = stillIs(source, stat)
): Failing<void> => {
  const size = Number(stat.size)
  const buffer = BufferPool.make(Math.max(LEAST, size <= CHUNK ? size : 0))
  const write = (memory: Memory, offset: number, length: number) =>
    moveAll(
      target,
      length,
      (start) => Operation.write({ buffer: memory, start, length: length - start, offset: offset + start })
    )
  return Effect.flatMap(
    buffer,
    (buffer) => forEachOfAll(source, { from: 0, size, chunk: CHUNK, inFlight: 4, buffer }, isSame, write)
  ).pipe(
    Effect.scoped,
    Effect.provideService(Kernel, source.kernel),
    Effect.asVoid
  )
}

const changed = (from: string) =>
  Win32Error.make({
    code: ERROR_SHARING_VIOLATION,
    syscall: "CopyFileW",
    path: from,
    detail: "The source has changed while it was being read."
  })

export const copyFile = (
  kernel: Kernel.Service,
  from: string,
  to: string
): Effect.Effect<void, Win32Error.Win32Error> => {
  const byHandles = copyByHandles(kernel, from, to)
  if (kernel.engine.kernel.copiesSmallFiles?.() !== true) return byHandles
  const small = {
    from,
    to,
    limit: SMALL,
    mode: PRIVATE,
    keeps: KEPT,
    times: true,
    verify: false,
    follow: true
  }
  return Effect.matchEffect(call(kernel, "CopySmallFile", small), {
    onSuccess: ({ outcome }) =>
      outcome === "copied" ? Effect.void : outcome === "changed" ? Effect.fail(changed(from)) : byHandles,
    // Its thread has ended, and may have left a part; everything else handles tell better.
    onFailure: (error) => error.code === ERROR_IO_DEVICE ? Effect.fail(explained(error, from, to)) : byHandles
  })
}

const explained = ({ cause, code, reason }: Win32Error.Win32Error, from: string, to: string) =>
  Win32Error.make({ code, reason, syscall: "CopyFileW", path: from, detail: `The copy: ${to}`, cause })

const copyByHandles = (
  kernel: Kernel.Service,
  from: string,
  to: string
): Failing<void> => {
  const using = (path: string, options: File.OpenOptions, use: (file: File.File) => Failing<void>): Failing<void> =>
    Effect.provideService(withFile(path, options, use), Kernel, kernel)
  const fill = (source: File.File, before: File.Stat, target: File.File): Failing<void> => {
    const unchanged = Effect.flatMap(
      stillIs(source, before),
      (same) => same ? Effect.succeed(true) : Effect.fail(changed(from))
    )
    return copyContents(source, before, target, unchanged).pipe(
      Effect.zipRight(unchanged),
      Effect.zipRight(setBasicInfo(target, {
        accessTimeNs: before.accessTimeNs,
        modifiedTimeNs: before.modifiedTimeNs,
        ...(before.mode === undefined ? {} : { mode: permissions(before.mode) })
      })),
      Effect.onError(() => Effect.ignore(setDeleteOnClose(target, true)))
    )
  }
  const target = { access: "write", disposition: "createNew", mode: PRIVATE, deletable: true } as const
  return using(
    from,
    { hint: "sequential" },
    (source) => Effect.flatMap(stat(source), (before) => using(to, target, (copy) => fill(source, before, copy)))
  ).pipe(Effect.mapError((error) => error.syscall === "CopyFileW" ? error : explained(error, from, to)))
}
