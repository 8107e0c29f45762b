/**
 * Watches of what real programs do in a tree, and of a directory on another machine: whoever applies what was told to
 * what was there has what is there now.
 */
import { expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { execFile, spawnSync } from "node:child_process"
import { mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Directory from "../../src/Directory.js"
import type { Kernel as Internal } from "../../src/internal/kernel/Kernel.js"
import { Kernel } from "../../src/Kernel.js"
import { contract, failureOf } from "../support/claims.js"
import * as lab from "../support/lab.js"
import { told } from "../support/watching.js"

const has = (program: string): boolean => spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0

/** Ends with the program, which must succeed. Nothing of the user's settings is read. */
const run = (directory: string, program: string, ...parameters: ReadonlyArray<string>) =>
  Effect.async<void>((resume) => {
    const env = {
      ...process.env,
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_AUTHOR_NAME: "a",
      GIT_AUTHOR_EMAIL: "a@example.com",
      GIT_COMMITTER_NAME: "a",
      GIT_COMMITTER_EMAIL: "a@example.com"
    }
    execFile(program, parameters, { cwd: directory, env }, (error) => {
      resume(error === null ? Effect.void : Effect.die(error))
    })
  })

const namesIn = (directory: string, prefix = ""): ReadonlyArray<string> =>
  readdirSync(join(directory, prefix), { withFileTypes: true }).flatMap((entry) => {
    const name = prefix === "" ? entry.name : `${prefix}/${entry.name}`
    return entry.isDirectory() ? [name, ...namesIn(directory, name)] : [name]
  })

/** The names that are there, for somebody who knows what was there before and does as he is told. */
const after = (before: ReadonlyArray<string>, changes: ReadonlyArray<Directory.Change>): ReadonlyArray<string> => {
  const names = new Set(before)
  const taken = (from: string): ReadonlyArray<string> => {
    const gone = [...names].filter((name) => name === from || name.startsWith(`${from}/`))
    for (const name of gone) names.delete(name)
    return gone
  }
  for (const change of changes) {
    Directory.match(change, {
      Created: ({ name }) => void names.add(name),
      Removed: ({ name }) => void taken(name),
      Modified: () => {},
      Renamed: ({ from, to }) => {
        const moved = taken(from.name)
        taken(to.name)
        names.add(to.name)
        for (const name of moved) names.add(to.name + name.slice(from.name.length))
      },
      Overflow: () => {}
    })
  }
  return [...names].sort()
}

contract("a watched tree, and what is told of real programs in it:", ({ claim, only }) => {
  const withPrograms = only(
    has("git") && has("tar") ? "portable" : [],
    "it runs git and tar, whose names have / between them"
  )

  const watching = (directory: string, act: Effect.Effect<void>) =>
    Effect.gen(function*() {
      const before = namesIn(directory)
      const open = yield* Directory.open(directory, { recursive: true, bufferSize: 1 << 20 })
      const { changes } = yield* told(open)
      yield* act
      const overflown = () =>
        changes.some(Directory.match({
          Created: () => false,
          Removed: () => false,
          Modified: () => false,
          Renamed: () => false,
          Overflow: () => true
        }))
      const now = [...namesIn(directory)].sort()
      yield* lab.eventually("all names, or an overflow", () =>
        overflown() || JSON.stringify(after(before, changes)) === JSON.stringify(now), 15_000).pipe(
          Effect.catchAllDefect(() =>
            Effect.sync(() =>
              expect(after(before, changes)).toEqual(now)
            )
          )
        )
    })

  withPrograms("a repository is made, committed to, and another branch is checked out, back and forth", function*() {
    const directory = yield* lab.directory
    const git = (...parameters: ReadonlyArray<string>) => run(directory, "git", ...parameters)
    const write = (...names: ReadonlyArray<string>) =>
      Effect.sync(() => {
        for (const name of names) {
          mkdirSync(join(directory, name, ".."), { recursive: true })
          writeFileSync(join(directory, name), name)
        }
      })
    const files = Array.from({ length: 60 }, (_, index) => `src/${index % 7}/deep/file-${index}`)
    yield* watching(
      directory,
      Effect.gen(function*() {
        yield* git("init", "-q")
        yield* write(...files, "README")
        yield* git("add", ".")
        yield* git("commit", "-q", "-m", "one")
        yield* git("branch", "first")
        yield* git("rm", "-q", "-r", "src/0", "README")
        yield* git("mv", "src/1", "lib")
        yield* write("src/new/file")
        yield* git("add", ".")
        yield* git("commit", "-q", "-m", "two")
        yield* git("branch", "second")
        for (const branch of ["first", "second", "first"]) yield* git("checkout", "-q", branch)
        yield* git("gc", "-q")
      })
    )
  }, 60_000)

  withPrograms("packages are unpacked beside each other, and get their names by a rename", function*() {
    const home = yield* lab.directory
    const directory = join(home, "node_modules")
    const made = join(home, "made")
    for (let index = 0; index < 40; index++) {
      const parent = join(made, "package", `lib-${index % 8}`)
      mkdirSync(parent, { recursive: true })
      writeFileSync(join(parent, `file-${index}.js`), "x".repeat(index * 100))
    }
    mkdirSync(directory)
    yield* run(made, "tar", "cf", join(home, "package.tar"), "package")
    yield* watching(
      directory,
      Effect.gen(function*() {
        for (const name of ["one", "two", "three", "four"]) {
          mkdirSync(join(directory, `.${name}-x1`))
          yield* run(join(directory, `.${name}-x1`), "tar", "xf", join(home, "package.tar"))
          yield* run(directory, "mv", `.${name}-x1/package`, name)
          yield* run(directory, "rm", "-r", `.${name}-x1`)
        }
        // One is replaced by a newer one.
        yield* run(directory, "mv", "two", ".two-old")
        yield* run(directory, "mv", "three", "two")
        yield* run(directory, "rm", "-r", ".two-old")
      })
    )
  }, 60_000)

  // --- on another machine

  /** A directory that takes no longer read than `most`, as one on another machine does. */
  const takingAtMost = <A, E, R>(most: number, effect: Effect.Effect<A, E, R>) =>
    Effect.flatMap(Kernel, ({ engine }) => {
      const internal = engine.kernel as { issue: Internal["issue"] }
      const { issue } = internal
      const lengths: Array<number> = []
      internal.issue = (one) => {
        if (one.kind !== "watch") return issue.call(engine.kernel, one)
        lengths.push(one.length)
        return one.length > most ? 87 : issue.call(engine.kernel, one)
      }
      return Effect.ensuring(
        Effect.map(effect, (value) => ({ value, lengths })),
        Effect.sync(() => internal.issue = issue)
      )
    })

  claim("on another machine, which takes no more than 64 KiB, a larger buffer is used as far as it goes", function*() {
    const directory = yield* lab.directory
    for (const bufferSize of [65_536, 65_540, 1 << 20]) {
      const name = `file-${bufferSize}`
      const { lengths } = yield* takingAtMost(
        65_536,
        Effect.scoped(Effect.gen(function*() {
          const open = yield* Directory.open(directory, { bufferSize })
          const { until } = yield* told(open)
          writeFileSync(join(directory, name), "")
          yield* until(`Created ${name}`)
        }))
      )
      expect(lengths.slice(0, 2)).toEqual(bufferSize > 65_536 ? [bufferSize, 65_536] : [65_536, 65_536])
      expect(lengths.slice(1).every((length) => length === 65_536)).toBe(true)
    }
    for (const bufferSize of [65_536, 1 << 20]) {
      const error = yield* failureOf(takingAtMost(0, Effect.scoped(Directory.open(directory, { bufferSize }))))
      expect(error).toMatchObject({ code: 87 })
    }
  })
})
