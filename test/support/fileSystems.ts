/**
 * One program on two file systems, each in a directory of its own that was prepared in the same way: what it came to,
 * and what it left behind.
 */
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join, sep } from "node:path"
import { kernelName } from "./lab.js"

/** Where a program works: names below its directory. */
export type At = (name?: string) => string

export interface Case {
  readonly prepare?: (at: At) => unknown
  readonly run: (fs: FileSystem.FileSystem, at: At) => Effect.Effect<unknown, unknown, Scope.Scope>
  /** The promise of the interface: our outcome must be this one. */
  readonly promised?: Outcome
}

export type Outcome =
  | { readonly value: unknown }
  | { readonly error: { readonly tag: string; readonly method: string; readonly reason: string | undefined } }
  | { readonly defect: string }

export interface Observation {
  readonly outcome: Outcome
  /** The file that an error names. */
  readonly path: unknown
  /**
   * Every answer of the file system and of its files, in the order of the calls, also those that the case makes nothing
   * of.
   */
  readonly answers: ReadonlyArray<unknown>
  readonly tree: ReadonlyArray<string>
}

const HOUR = 3_600_000

const isRecent = (time: Date): boolean => Math.abs(time.getTime() - Date.now()) < HOUR
const timeOf = (time: Date): string => isRecent(time) ? "just now" : time.toISOString()

/**
 * Everything below a directory, in the order of names: what it is, its permissions, its last change and its contents.
 */
const treeOf = (root: string, home: string): ReadonlyArray<string> =>
  fs.readdirSync(root).sort().flatMap((name) => {
    const path = join(root, name)
    const stat = fs.lstatSync(path)
    const mode = (stat.mode & 0o7777).toString(8)
    const changed = timeOf(stat.mtime)
    if (stat.isSymbolicLink()) return [`${name} -> ${fs.readlinkSync(path).replaceAll(home, "HOME")} ${changed}`]
    if (stat.isDirectory()) {
      return [
        `${name}/ ${mode} ${changed}`,
        ...treeOf(path, home).map((line) => `${name}/${line}`)
      ]
    }
    if (!stat.isFile()) return [`${name}?`]
    const contents = stat.size > 200 ? `${stat.size} bytes` : JSON.stringify(fs.readFileSync(path, "latin1"))
    return [`${name} ${mode} x${stat.nlink} ${changed} ${contents}`]
  })

const OLD = 1000

/**
 * Takes back the times of what has just been prepared: what a program touches, although no byte moves, is to be seen.
 */
const age = (path: string): void => {
  const stat = fs.lstatSync(path)
  if (stat.isDirectory()) { for (const name of fs.readdirSync(path)) age(join(path, name)) }
  if (isRecent(stat.mtime)) fs.lutimesSync(path, stat.atime, OLD)
}

/** A form of a value that can be compared: no class, no memory, no name of a directory. */
const plain = (value: unknown, home: string): unknown => {
  if (typeof value === "string") return value.replaceAll(home, "HOME").replaceAll(sep, "/")
  if (value instanceof Uint8Array) return `bytes ${plain(Buffer.from(value).toString("latin1"), home)}`
  if (value instanceof Date) return timeOf(value)
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

// --- answers

/** In the place of an answer. */
export const FAILED = "failed"

type Note = (method: string, made: Effect.Effect<unknown, unknown, unknown>) => Effect.Effect<unknown, unknown, unknown>

/** Stands for a file system or one of its files, and hands each effect that it answers with to `note`. */
const recorded = <A extends object>(self: A, note: Note): A =>
  new Proxy(self, {
    get: (_, property) => {
      const found: unknown = Reflect.get(self, property, self)
      const heard = (made: unknown) => Effect.isEffect(made) ? note(String(property), made) : made
      return typeof found === "function"
        ? (...args: ReadonlyArray<unknown>) => heard(Reflect.apply(found, self, args))
        : heard(found)
    }
  })

/**
 * The random parts of names and the numbers of files, of which no two are the same; a handle on Windows tells no
 * blocks.
 */
const anonymous = (method: string, answer: unknown): unknown =>
  typeof answer === "string" && method.startsWith("makeTemp")
    ? answer.replace(
      /[^/]{6}(\/[0-9a-f]{12}[^/]*)?$/,
      (_, name: string = "") => `?${name.replace(/\/[0-9a-f]{12}/, "/?")}`
    )
    : method === "readDirectory" && Array.isArray(answer)
    ? [...answer].sort() // of a tree: in the order in which the directories have answered
    : typeof answer === "object" && answer !== null && "ino" in answer
    ? { ...answer, ino: "some number", ...(kernelName === "win32" ? { blocks: "some number" } : {}) }
    : answer

/** The same file system; what it answers is noted. What a call fails with is the outcome's to tell. */
const noting = (fileSystem: FileSystem.FileSystem, answers: Array<unknown>, home: string): FileSystem.FileSystem => {
  const note: Note = (method, made) =>
    Effect.suspend(() => {
      const at = answers.push(`${method}: under way`) - 1
      return Effect.map(
        Effect.onExit(made, (exit) =>
          Effect.sync(() => {
            answers[at] = Exit.isFailure(exit)
              ? FAILED
              : FileSystem.isFile(exit.value)
              ? `${method}: a file`
              : { [method]: anonymous(method, plain(exit.value, home)) }
          })),
        (value) => FileSystem.isFile(value) ? recorded(value, note) : value
      )
    })
  return recorded(fileSystem, note)
}

/** One umask for all. */
export const observe = (
  fileSystem: FileSystem.FileSystem,
  { prepare, run }: Case
): Effect.Effect<Observation> =>
  Effect.acquireUseRelease(
    Effect.sync(() => fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "tpio-fs-")))),
    (home) => {
      const answers: Array<unknown> = []
      const noted = noting(fileSystem, answers, home)
      const at: At = (name = ".") => name === "." ? home : join(home, ...name.split("/"))
      return Effect.sync(() => {
        prepare?.(at)
        age(home)
      }).pipe(
        Effect.zipRight(Effect.exit(Effect.scoped(Effect.suspend(() => run(noted, at))))),
        Effect.map((exit) => ({ ...outcomeOf(exit, home), answers, tree: treeOf(home, home) }))
      )
    },
    (home) => Effect.sync(() => fs.rmSync(home, { recursive: true, force: true }))
  )
