/**
 * Trees that somebody else can write in: a directory or a file is exchanged while it is copied, taken back or removed.
 * Nothing outside of the trees is touched, and a copy that says it has succeeded is one.
 */
import { expect } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as fs from "node:fs"
import { join } from "node:path"
import type { Kernel } from "../../src/Kernel.js"
import * as Pipeline from "../../src/Pipeline.js"
import type { PipelineError } from "../../src/PipelineError.js"
import * as ThreadpoolFileSystem from "../../src/ThreadpoolFileSystem.js"
import { contract, failureOf } from "../support/claims.js"
import { interposed, snapshot } from "../support/interposer.js"
import * as lab from "../support/lab.js"
import { KINDS, PLANTED, SECRET, World } from "../support/swaps.js"

const world = Effect.map(lab.directory, (directory) => new World(directory))

/** The directories that this process has open in one, where the system tells. */
const openBelow = (directory: string): ReadonlyArray<string> => {
  if (process.platform !== "linux") return []
  return fs.readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const path = fs.readlinkSync(`/proc/self/fd/${fd}`)
      // A file that an interrupted open has brought is closed a little later.
      return path.startsWith(directory) && fs.statSync(`/proc/self/fd/${fd}`).isDirectory() ? [path] : []
    } catch {
      return []
    }
  })
}

/** Wine takes long: there not before every request. */
const STRIDE = process.platform === "win32" ? 7 : 1

/** In milliseconds, on a busy machine. */
const LONG = process.platform === "win32" ? 240_000 : 120_000

/** Requests until the destination itself has been looked at, and some more. */
const BEGINNING = 24

/** Calls `act` once, when so many files have their names. */
const atFile = (count: number, act: () => void) => {
  let done = false
  return {
    concurrency: 1,
    onProgress: ({ files }: Pipeline.Progress) => {
      if (done || files < count) return
      done = true
      act()
    }
  }
}

const posix = "there are no links that a program for Windows sees"

contract("exchanged while it runs", ({ claim, only }) => {
  const onPosix = only(lab.onPosix, posix)

  onPosix(
    "a directory of the destination, by a link: nothing outside is written, nor removed by the undo",
    function*() {
      for (const name of ["copy", "copy/sub", "copy/sub/deep"]) {
        for (const count of [1, 2, 3]) {
          const here = yield* world
          const swap = () => {
            const path = join(here.base, name)
            if (!fs.existsSync(path)) return
            fs.renameSync(path, join(here.aside, "real"))
            fs.symlinkSync(here.outside, path)
          }
          const error: PipelineError = yield* failureOf(Pipeline.copyTree(here.source, here.copy, atFile(count, swap)))
          expect(error.reason).toBe("Changed")
          expect(error.message).not.toContain("/proc")
          expect(here.touched).toEqual([])
        }
      }
    }
  )

  onPosix("a directory of the source, by a link: nothing of elsewhere is copied", function*() {
    for (const name of ["source/sub", "source/sub/deep"]) {
      for (const count of [0, 1, 2, 3]) {
        const here = yield* world
        const swap = () => {
          fs.renameSync(join(here.base, name), join(here.aside, "real"))
          fs.symlinkSync(here.outside, join(here.base, name))
        }
        const options = { ...atFile(count, swap), onFailure: "keep" } as const
        const error: PipelineError = yield* failureOf(Pipeline.copyTree(here.source, here.copy, options))
        expect(error.reason).toBe("Changed")
        expect(here.touched).toEqual([])
        for (const line of snapshot(here.copy)) expect(line).not.toContain(SECRET)
      }
    }
  })

  claim("a file that has been copied, by another program: the undo leaves that one, and says so", function*() {
    const here = yield* world
    let replaced: string | undefined
    const error: PipelineError = yield* failureOf(Pipeline.copyTree(
      here.source,
      here.copy,
      atFile(2, () => {
        // The last one cannot be copied.
        for (const name of ["a", "sub/b", "sub/deep/c", "z"]) {
          if (!fs.existsSync(join(here.copy, name))) fs.unlinkSync(join(here.source, name))
          else if (replaced === undefined) {
            replaced = join(here.copy, name)
            fs.writeFileSync(join(here.aside, "new"), PLANTED)
            fs.renameSync(join(here.aside, "new"), replaced)
          }
        }
      })
    ))
    expect(error.reason).toBe("NotFound")
    expect(fs.readFileSync(replaced!, "utf8")).toBe(PLANTED)
    expect(error.left).toContain(replaced)
    for (const left of error.left) expect(replaced!.startsWith(left)).toBe(true)
    expect(here.touched).toEqual([])
  })

  const DIRECTORIES = ["copy", "copy/sub", "copy/sub/deep"]
  const isLinkAt = (path: string) => fs.lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true

  /**
   * Exchanges something before the k-th request, and puts it back some requests later, for every k; for files, every
   * second.
   */
  const sweep = function*(
    name: string,
    exchanged: ReadonlyArray<string>,
    run: (here: World) => Effect.Effect<unknown, unknown, Kernel>,
    prepare: (here: World) => Effect.Effect<unknown, unknown, Kernel>,
    isDone: (here: World) => ReadonlyArray<string>
  ) {
    let rounds = 0
    let succeeded = 0
    let exchanges = 0
    for (const [index, target] of exchanged.entries()) {
      const isFile = !DIRECTORIES.includes(target) && !/(sub|deep)$/.test(target)
      let lost = 0
      for (let at = 1 + index % STRIDE, more = true; more; at += STRIDE * (isFile ? 2 : 1)) {
        const turn = KINDS[(Math.floor(at / STRIDE) + index) % KINDS.length]!
        // A link that is there when the destination is looked at first is meant, and followed.
        const kind = target === "copy" && turn === "link" && at <= BEGINNING ? "directory" : turn
        const back = at + [1, 3, Infinity][rounds % 3]!
        const said = `${name}, ${target} a ${kind} from request ${at} to ${back}`
        const requests = yield* Effect.scoped(Effect.gen(function*() {
          const here = yield* world
          yield* Effect.orDie(prepare(here))
          const { exit, requests } = yield* interposed((request) => {
            if (request === at && here.exchange(target, kind)) exchanges++
            if (request === back) here.restore()
          }, run(here))
          expect(here.touched, said).toEqual([])
          if (Exit.isSuccess(exit)) succeeded++
          // A temporary name is given up by its name alone, and a copy notices afterwards that it was another file's.
          const isKept = name !== "remove" && !target.startsWith("source") && !target.includes("*")
          if (isKept && name === "undo" && isFile) lost += here.removed.length
          else if (isKept) expect(here.removed, said).toEqual([])
          // A hard link makes the file one of the tree's own.
          if (kind !== "hardLink") expect(here.leaked(here.copy), said).toEqual([])
          // Exchanged after it has been looked at for the last time, it is exchanged after the copy.
          const there = isDone(here)
          here.restore()
          if (Exit.isFailure(exit)) expect(Cause.isFailure(exit.cause), `${said}: ${exit.cause}`).toBe(true)
          // A source that was a link when FileSystem.copy looked at it is copied as that link.
          else if (
            !name.startsWith("FileSystem") || kind !== "link" || !isLinkAt(target.replace(/^source/, here.copy))
          ) {
            expect(there.length === 0 ? there : isDone(here), said).toEqual([])
          }
          expect(openBelow(here.base), said).toEqual([])
          return requests
        }))
        rounds++
        more = at < requests
      }
      // By its name: between the look at what has it and the removal there is one request. Windows removes by a handle.
      expect(lost, `${name}, ${target}`).toBeLessThanOrEqual(lab.kernelName === "win32" ? 0 : 1)
    }
    expect(rounds).toBeGreaterThan(10)
    expect(succeeded).toBeGreaterThan(0)
    expect(exchanges).toBeGreaterThan(0)
    // By handles nothing is exchanged any more between the look at it and its removal.
    if (name === "remove" && lab.kernelName === "win32") expect(exchanges).toBeLessThan(rounds)
    // An undo that has been told of is what was wanted.
    else if (name !== "undo") expect(succeeded).toBeLessThan(rounds)
  }

  const PARTIAL = "copy/.z.*.partial"
  const options = { concurrency: 2, chunkSize: 4096, inFlight: 1 } as const

  claim(
    "at any moment of a copy: what succeeds is the copy of the source, and nothing outside is touched",
    function*() {
      yield* sweep(
        "copy",
        [...DIRECTORIES, "source/sub", "source/sub/deep", "source/z", "copy/a", PARTIAL],
        (here) => Pipeline.copyTree(here.source, here.copy, options),
        () => Effect.void,
        (here) => here.differences
      )
    },
    LONG
  )

  claim("at any moment of a copy that goes on with another: the same", function*() {
    yield* sweep(
      "resume",
      [...DIRECTORIES, "source/sub", "source/sub/deep/c", "copy/a", "copy/sub/deep/.c.*.partial"],
      (here) => Pipeline.copyTree(here.source, here.copy, { ...options, resume: true, verify: "durable" }),
      (here) =>
        Effect.zipRight(
          Pipeline.copyTree(here.source, here.copy),
          Effect.sync(() => fs.unlinkSync(join(here.copy, "sub/deep/c")))
        ),
      (here) => here.differences
    )
  }, LONG)

  claim("at any moment of an undo: nothing outside is removed", function*() {
    yield* sweep(
      "undo",
      [...DIRECTORIES, "copy/a", "copy/sub/b"],
      (here) => Effect.flip(Pipeline.copyTree(here.source, here.copy, atFile(2, () => here.removeSource()))),
      () => Effect.void,
      () => []
    )
  }, LONG)

  claim("at any moment of a copy by the FileSystem: the same", function*() {
    const fileSystem = yield* ThreadpoolFileSystem.make
    yield* sweep(
      "FileSystem.copy",
      [...DIRECTORIES, "source/sub", "source/sub/deep", "source/z", "copy/a", "copy/sub/deep/c"],
      (here) => fileSystem.copy(here.source, here.copy, { preserveTimestamps: true }),
      () => Effect.void,
      (here) => here.differences
    )
  }, LONG)

  claim("at any moment of a copy by the FileSystem over another one: the same", function*() {
    const fileSystem = yield* ThreadpoolFileSystem.make
    yield* sweep(
      "FileSystem.copy over",
      [...DIRECTORIES, "source/sub/deep/c", "copy/sub/b"],
      (here) => fileSystem.copy(here.source, here.copy, { overwrite: true }),
      (here) => Pipeline.copyTree(here.source, here.copy),
      (here) => here.differences
    )
  }, LONG)

  claim("at any moment of a removal: nothing outside is removed", function*() {
    const fileSystem = yield* ThreadpoolFileSystem.make
    yield* sweep(
      "remove",
      [...DIRECTORIES, "copy/a", "copy/sub/deep/c"],
      (here) => fileSystem.remove(here.copy, { recursive: true }),
      (here) => Pipeline.copyTree(here.source, here.copy),
      (here) => fs.existsSync(here.copy) ? ["copy"] : []
    )
  }, LONG)
})
