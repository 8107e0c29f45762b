/**
 * Trees that somebody else can write in: a directory or a file is exchanged while it is copied, taken back or removed.
 * Nothing outside of the trees is touched, and a copy that says it has succeeded is one.
 */
import { expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import { join } from "node:path"
import * as Pipeline from "../../src/Pipeline.js"
import type { PipelineError } from "../../src/PipelineError.js"
import { contract, failureOf } from "../support/claims.js"
import { snapshot } from "../support/interposer.js"
import * as lab from "../support/lab.js"

const SECRET = "what nobody is to read"
const PLANTED = "what somebody else has put there"

const FILES = { "a": "first", "sub/b": "second", "sub/deep/c": "third", "z": "last" } as const

const write = (root: string, files: Record<string, string>) => {
  for (const [name, contents] of Object.entries(files)) {
    fs.mkdirSync(join(root, name, ".."), { recursive: true })
    fs.writeFileSync(join(root, name), contents)
  }
}

/** A source, a place for its copy, and what is neither. */
class World {
  readonly source: string
  readonly copy: string
  readonly outside: string
  readonly aside: string
  readonly before: ReadonlyArray<string>

  constructor(readonly base: string) {
    this.source = join(base, "source")
    this.copy = join(base, "copy")
    this.outside = join(base, "outside")
    this.aside = join(base, "aside")
    write(this.source, FILES)
    write(this.outside, { secret: SECRET, b: SECRET, c: SECRET, "deep/c": SECRET, "kept/x": SECRET })
    fs.chmodSync(join(this.outside, "secret"), 0o600)
    fs.chmodSync(this.outside, 0o751)
    fs.mkdirSync(this.aside)
    this.before = snapshot(this.outside)
  }

  assertOutsideIsUntouched(): void {
    expect(snapshot(this.outside)).toEqual(this.before)
  }
}

const world = Effect.map(lab.directory, (directory) => new World(directory))

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
  const onPosix = only(["portable", "simulated"], posix)

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
          here.assertOutsideIsUntouched()
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
        here.assertOutsideIsUntouched()
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
    here.assertOutsideIsUntouched()
  })
})
