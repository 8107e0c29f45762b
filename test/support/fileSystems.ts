/**
 * One program on two file systems, each in a directory of its own that was prepared in the same way: what it came to, and what
 * it left behind.
 */
import type { PlatformError } from "@effect/platform/Error"
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join, sep } from "node:path"

/** Where a program works: names below its directory. */
export type At = (name?: string) => string

export interface Case {
  readonly prepare?: (at: At) => unknown
  readonly run: (fs: FileSystem.FileSystem, at: At) => Effect.Effect<unknown, unknown, Scope.Scope>
  /** What the interface promises: our outcome must be this one. */
  readonly promised?: Outcome
}

export type Outcome =
  | { readonly value: unknown }
  | { readonly error: { readonly tag: string; readonly method: string; readonly reason: string | undefined } }
  | { readonly defect: string }

export interface Observation {
  readonly outcome: Outcome
  /** What an error names. */
  readonly path: unknown
  readonly tree: ReadonlyArray<string>
}

/** Everything below a directory, in the order of names: what it is, its permissions and its contents. */
const treeOf = (root: string, home: string): ReadonlyArray<string> =>
  fs.readdirSync(root).sort().flatMap((name) => {
    const path = join(root, name)
    const stat = fs.lstatSync(path)
    const mode = (stat.mode & 0o7777).toString(8)
    if (stat.isSymbolicLink()) return [`${name} -> ${fs.readlinkSync(path).replaceAll(home, "HOME")}`]
    if (stat.isDirectory()) return [`${name}/ ${mode}`, ...treeOf(path, home).map((line) => `${name}/${line}`)]
    if (!stat.isFile()) return [`${name}?`]
    const contents = stat.size > 200 ? `${stat.size} bytes` : JSON.stringify(fs.readFileSync(path, "latin1"))
    return [`${name} ${mode} x${stat.nlink} ${contents}`]
  })

/** As something that can be compared: no class, no memory, no name of a directory. */
const plain = (value: unknown, home: string): unknown => {
  if (typeof value === "string") return value.replaceAll(home, "HOME").replaceAll(sep, "/")
  if (value instanceof Uint8Array) return `bytes ${plain(Buffer.from(value).toString("latin1"), home)}`
  if (value instanceof Date) return value.toISOString()
  if (Option.isOption(value)) return Option.isSome(value) ? { some: plain(value.value, home) } : "none"
  if (Array.isArray(value)) return value.map((item) => plain(item, home))
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item, home)]))
  }
  return value
}

const isPlatformError = (u: unknown): u is PlatformError =>
  typeof u === "object" && u !== null && "_tag" in u && (u._tag === "SystemError" || u._tag === "BadArgument")

const outcomeOf = (exit: Exit.Exit<unknown, unknown>, home: string): Pick<Observation, "outcome" | "path"> => {
  if (Exit.isSuccess(exit)) return { outcome: { value: plain(exit.value, home) }, path: undefined }
  const error = Option.getOrUndefined(Cause.failureOption(exit.cause))
  if (!isPlatformError(error)) return { outcome: { defect: String(Cause.squash(exit.cause)) }, path: undefined }
  const reason = error._tag === "SystemError" ? error.reason : undefined
  return {
    outcome: { error: { tag: error._tag, method: error.method, reason } },
    path: error._tag === "SystemError" ? plain(error.pathOrDescriptor, home) : undefined
  }
}

/** One umask for all. */
export const observe = (
  fileSystem: FileSystem.FileSystem,
  { prepare, run }: Case
): Effect.Effect<Observation> =>
  Effect.acquireUseRelease(
    Effect.sync(() => fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "tpio-fs-")))),
    (home) => {
      const at: At = (name = ".") => name === "." ? home : join(home, ...name.split("/"))
      return Effect.sync(() => prepare?.(at)).pipe(
        Effect.zipRight(Effect.exit(Effect.scoped(Effect.suspend(() => run(fileSystem, at))))),
        Effect.map((exit) => ({ ...outcomeOf(exit, home), tree: treeOf(home, home) }))
      )
    },
    (home) => Effect.sync(() => fs.rmSync(home, { recursive: true, force: true }))
  )
