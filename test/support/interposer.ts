/**
 * Another program on the same disk, which acts between two requests of ours: before each request to node:fs, or to the
 * kernel, a function runs that may do what it likes to the files.
 */
import * as Effect from "effect/Effect"
import builtin from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import type { Kernel as Internal } from "../../src/internal/kernel/Kernel.js"
import { Kernel } from "../../src/Kernel.js"
import { byHandles } from "./byHandles.js"

type Functions = Record<string, (...arguments_: Array<unknown>) => unknown>

const NAMES = [
  ...[
    "chmod",
    "fsync",
    "link",
    "lstat",
    "mkdir",
    "open",
    "opendir",
    "readdir",
    "readlink",
    "realpath",
    "rename",
    "rmdir",
    "stat"
  ],
  ...["symlink", "unlink", "utimes", "lutimes"]
]

/** The tables of functions behind both forms of node:fs that programs import. */
const tables: ReadonlyArray<readonly [functions: Functions, names: ReadonlyArray<string>]> = [
  [builtin as unknown as Functions, NAMES.flatMap((name) => [name, `${name}Sync`])],
  [builtin.promises as unknown as Functions, NAMES]
]

/**
 * Runs an effect with `act` before each of its requests; `request` counts them from 1 on. What `act` asks of node:fs is
 * not counted. Answers how the effect has ended, and how many requests there were.
 */
export const interposed = <A, E, R>(act: (request: number) => void, effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Kernel, ({ engine }) => {
    const internal = engine.kernel as { call: Internal["call"]; issue: Internal["issue"] }
    let requests = 0
    let acting = false
    const before = (): void => {
      if (acting) return
      acting = true
      try {
        act(++requests)
      } finally {
        acting = false
      }
    }
    const undo: Array<() => void> = []
    const replace = <T extends object, K extends keyof T>(of: T, name: K): void => {
      const original = of[name] as ((...arguments_: Array<unknown>) => unknown) & object
      const own = Object.hasOwn(of, name)
      of[name] = Object.assign(function(this: unknown, ...arguments_: Array<unknown>) {
        before()
        return original.apply(this, arguments_)
      }, original) as T[K]
      undo.push(() => {
        if (own) of[name] = original as T[K]
        else delete of[name]
      })
    }
    const install = Effect.sync(() => {
      for (const [functions, names] of tables) for (const name of names) replace(functions, name)
      replace(internal, "call")
      replace(internal, "issue")
      undo.push(byHandles(engine.kernel))
      syncBuiltinESMExports()
    })
    const remove = Effect.sync(() => {
      for (const one of undo.reverse()) one()
      syncBuiltinESMExports()
    })
    return Effect.acquireUseRelease(
      install,
      () => Effect.map(Effect.exit(effect), (exit) => ({ exit, requests: () => requests })),
      () => remove
    ).pipe(Effect.map(({ exit }) => ({ exit, requests })))
  })

/** The contents of a directory, with all that must not change: to be compared with itself later. */
export const snapshot = (directory: string): ReadonlyArray<string> => {
  const lines: Array<string> = []
  const look = (path: string, name: string): void => {
    const stat = builtin.lstatSync(path, { bigint: true })
    const contents = stat.isFile()
      ? builtin.readFileSync(path, "latin1")
      : stat.isSymbolicLink()
      ? builtin.readlinkSync(path)
      : ""
    // A hard link that an attacker makes changes the count of links, and the time of that.
    lines.push([name, stat.ino, stat.mode, stat.uid, stat.size, stat.mtimeNs, contents].join(" "))
    if (!stat.isDirectory()) return
    for (const entry of builtin.readdirSync(path).sort()) look(`${path}/${entry}`, `${name}/${entry}`)
  }
  look(directory, "")
  return lines
}
