/**
 * How directories are held. Where the system has no way, they are compared: before and after each use.
 *
 * Linux: a descriptor that is good for nothing but naming what is in the directory (`O_PATH`), as
 * `/proc/self/fd/N/name`: whatever becomes of the directory's own name, that is the directory. Windows: a handle that
 * does not share the right to delete, so that nobody renames or removes the directory.
 */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import type { Kernel } from "../../Kernel.js"
import { Win32Error } from "../../Win32Error.js"
import { callIn } from "../call.js"
import * as C from "../constants.js"
import { errnoOf } from "../errno.js"
import type { Restore } from "../settle.js"
import { isSame } from "./identity.js"

/** POSIX names are bytes, and need not be text. */
export type PathLike = string | Buffer

export interface Opened {
  readonly handle: number
  readonly stat: fs.BigIntStats
}

/** The requests to node:fs: at once, or by its threads. */
export interface Requests {
  open(restore: Restore, path: PathLike, flags: number): Effect.Effect<Opened, unknown>
  stat(restore: Restore, path: PathLike, follow: boolean): Effect.Effect<fs.BigIntStats, unknown>
}

export interface Way {
  /** Worth holding on to a little longer than it is used. */
  readonly holds: boolean
  /** Whether a held directory stays what it is. Elsewhere it is compared again after it has been used. */
  readonly sure: boolean
  /** The directories above are to be held as well. */
  readonly needsAbove: boolean
  /** Fails with what the system says. A link is refused, unless it is to be followed. */
  open(restore: Restore, path: PathLike, follow: boolean): Effect.Effect<Opened, unknown>
  /** Looks at the file of that name, which must be a directory. */
  look(restore: Restore, path: PathLike, follow: boolean): Effect.Effect<fs.BigIntStats, unknown>
  close(handle: number): Effect.Effect<void>
  /** Where the system finds the names in it. */
  within(handle: number, path: PathLike): PathLike
}

/** The best that the system and the kernel have. */
export const wayOf = (kernel: Kernel.Service, requests: Requests = atOnce): Way => {
  if (kernel.engine.kernel.holdsDirectories === true) return handles(kernel, requests)
  return (leads ??= doesLead()) ? descriptors(requests) : comparing(requests)
}

const attempt = <A>(f: () => A): Effect.Effect<A, unknown> => Effect.try({ try: f, catch: (error) => error })

export const statOf = (fd: number): Opened => {
  try {
    return { handle: fd, stat: fs.fstatSync(fd, { bigint: true }) }
  } catch (error) {
    fs.closeSync(fd)
    throw error
  }
}

/** An open or a look takes microseconds, and ten times that through libuv's queue. */
const atOnce: Requests = {
  open: (_, path, flags) => attempt(() => statOf(fs.openSync(path, flags))),
  stat: (_, path, follow) => attempt(() => (follow ? fs.statSync : fs.lstatSync)(path, { bigint: true }))
}

const looking = ({ stat }: Requests): Way["look"] => (restore, path, follow) =>
  Effect.flatMap(stat(restore, path, follow), (stat) =>
    stat.isDirectory() ? Effect.succeed(stat) : Effect.fail(
      Object.assign(new Error(`ENOTDIR: not a directory, '${path}'`), { code: "ENOTDIR" })
    ))

// --- Linux

/** node has no name for it. */
const O_PATH = 0o10000000
const DIRECTORY = O_PATH | (fs.constants.O_DIRECTORY ?? 0)
const DESCRIPTORS = "/proc/self/fd"

const descriptors = (requests: Requests): Way => ({
  holds: true,
  sure: true,
  needsAbove: false,
  open: (restore, path, follow) =>
    requests.open(restore, path, follow ? DIRECTORY : DIRECTORY | fs.constants.O_NOFOLLOW),
  look: looking(requests),
  close: (handle) => Effect.sync(() => fs.closeSync(handle)),
  within: (handle) => `${DESCRIPTORS}/${handle}`
})

let leads: boolean | undefined

/** Without /proc, or with one of other processes, a descriptor leads nowhere. */
const doesLead = (): boolean => {
  if (process.platform !== "linux") return false
  try {
    const { handle, stat } = statOf(fs.openSync("/", DIRECTORY))
    try {
      return isSame(stat, fs.statSync(`${DESCRIPTORS}/${handle}/.`, { bigint: true }))
    } finally {
      fs.closeSync(handle)
    }
  } catch {
    return false
  }
}

// --- anywhere

export const comparing = (requests: Requests): Way => {
  const look = looking(requests)
  return {
    holds: false,
    sure: false,
    needsAbove: false,
    open: (restore, path, follow) => Effect.map(look(restore, path, follow), (stat) => ({ handle: -1, stat })),
    look,
    close: () => Effect.void,
    within: (_, path) => path
  }
}

// --- Windows

const isDenied = ({ reason }: Win32Error): boolean => reason === "PermissionDenied"

/**
 * `FILE_LIST_DIRECTORY` takes part in sharing, which a right to attributes alone does not. An empty directory can be
 * made a junction under the handle all the same: so what has the name is looked at, and again when it has been used.
 */
const handles = (kernel: Kernel.Service, requests: Requests): Way => {
  const look = looking(requests)
  const close = (handle: number): Effect.Effect<void> =>
    Effect.ignore(callIn((effect) => effect, kernel, "CloseHandle", { handle }))
  const opened = (restore: Restore, path: PathLike, follow: boolean, access: number) => {
    const arguments_ = {
      path: `${path}`,
      access,
      share: C.FILE_SHARE_READ | C.FILE_SHARE_WRITE,
      disposition: C.OPEN_EXISTING,
      flags: C.FILE_FLAG_BACKUP_SEMANTICS | (follow ? 0 : C.FILE_FLAG_OPEN_REPARSE_POINT),
      mode: 0
    }
    const dispose = (handle: number): void => void kernel.engine.call("CloseHandle", { handle })
    return callIn(restore, kernel, "CreateFileW", arguments_, { path: `${path}`, dispose })
  }
  return {
    holds: true,
    sure: false,
    needsAbove: true,
    open: (restore, path, follow) =>
      opened(restore, path, follow, C.FILE_LIST_DIRECTORY).pipe(
        // A directory that may not be listed can be used all the same.
        Effect.catchIf(isDenied, () => opened(restore, path, follow, C.FILE_READ_ATTRIBUTES)),
        Effect.flatMap((handle) =>
          Effect.onError(Effect.map(look(restore, path, follow), (stat) => ({ handle, stat })), () => close(handle))
        )
      ),
    look,
    close,
    within: (_, path) => path
  }
}

const reasonOf = (error: unknown): string | undefined => {
  if (!(error instanceof Win32Error)) return errnoOf(error)
  return error.code === C.ERROR_CANT_RESOLVE_FILENAME ? "ELOOP" : error.reason === "NotFound" ? "ENOENT" : undefined
}

const causeOf = (error: unknown): unknown => (error as { readonly cause?: unknown } | undefined)?.cause

/** There is nothing of that name. */
export const isMissing = (error: unknown): boolean =>
  error !== undefined && (reasonOf(error) === "ENOENT" || isMissing(causeOf(error)))

const ELSE: ReadonlySet<string | undefined> = new Set(["ENOENT", "ENOTDIR", "ELOOP"])

/** There is no directory of that name. */
export const isNoDirectory = (error: unknown): boolean =>
  error !== undefined && (ELSE.has(reasonOf(error)) || isNoDirectory(causeOf(error)))
