/**
 * Names that go away between two looks at them: a copy, a hash, a removal or a listing ends, with a success or with a
 * typed failure, at whichever request it happens.
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import { expect } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import { dirname, join } from "node:path"
import * as Directory from "../../src/Directory.js"
import * as File from "../../src/File.js"
import type { Kernel } from "../../src/Kernel.js"
import * as Pipeline from "../../src/Pipeline.js"
import * as ThreadpoolFileSystem from "../../src/ThreadpoolFileSystem.js"
import { contract } from "../support/claims.js"
import { interposed } from "../support/interposer.js"
import * as lab from "../support/lab.js"

interface World {
  readonly base: string
  readonly source: string
  readonly copy: string
}

const world = Effect.map(lab.directory, (base) => {
  const source = join(base, "source")
  fs.mkdirSync(join(source, "sub/deep"), { recursive: true })
  for (const name of ["a", "sub/b", "sub/deep/c"]) fs.writeFileSync(join(source, name), `contents of ${name}`)
  if (process.platform !== "win32") fs.symlinkSync("a", join(source, "link"))
  return { base, source, copy: join(base, "copy") }
})

const options = { concurrency: 1, chunkSize: 4096, inFlight: 1 } as const

const withFs = <A, E>(use: (fs: FileSystem.FileSystem) => Effect.Effect<A, E>) =>
  Effect.flatMap(ThreadpoolFileSystem.make, use)

type Run = (here: World) => Effect.Effect<unknown, unknown, Kernel>

/** By name: what runs, and which names go away under it. */
const programs: Readonly<Record<string, readonly [goes: ReadonlyArray<string>, run: Run]>> = {
  "copyTree": [
    ["source", "source/sub/deep", "source/a", "source/link", "copy/sub"],
    ({ copy, source }) => Pipeline.copyTree(source, copy, options)
  ],
  "copyTree, resumed and durable": [
    ["source/sub/deep/c", "copy"],
    ({ copy, source }) => Pipeline.copyTree(source, copy, { ...options, resume: true, verify: "durable" })
  ],
  "copyTree that collects": [
    ["source/sub"],
    ({ copy, source }) => Pipeline.copyTree(source, copy, { ...options, onFailure: "collect" })
  ],
  "copy": [["source/a", "source"], ({ copy, source }) => Pipeline.copy(join(source, "a"), copy, options)],
  "copy, resumed": [
    ["source/a", "copy"],
    ({ copy, source }) => Pipeline.copy(join(source, "a"), copy, { ...options, resume: true, verify: "read" })
  ],
  "copy of a link": [["source/a", "source/link"], ({ copy, source }) => Pipeline.copy(join(source, "link"), copy)],
  "transform": [
    ["source/a", "copy"],
    ({ copy, source }) => Pipeline.transform(join(source, "a"), copy, (bytes) => bytes, options)
  ],
  "hash": [["source/a"], ({ source }) => Pipeline.hash(join(source, "a"))],
  "File.copy": [["source/a"], ({ copy, source }) => File.copy(join(source, "a"), copy)],
  "FileSystem.copy": [
    ["source/sub/deep", "source/sub/b", "source/link", "copy/sub"],
    ({ copy, source }) => withFs((fs) => fs.copy(source, copy))
  ],
  "FileSystem.copyFile": [
    ["source/a", "copy"],
    ({ copy, source }) => withFs((fs) => fs.copyFile(join(source, "a"), copy))
  ],
  "FileSystem.readDirectory": [
    ["source", "source/sub", "source/sub/deep"],
    ({ source }) => withFs((fs) => fs.readDirectory(source, { recursive: true }))
  ],
  "FileSystem.remove": [
    ["source", "source/sub", "source/a"],
    ({ source }) => withFs((fs) => fs.remove(source, { recursive: true }))
  ],
  "FileSystem.stream": [
    ["source/a"],
    ({ source }) => withFs((fs) => Stream.runDrain(fs.stream(join(source, "a"))))
  ],
  "FileSystem.makeTempFileScoped": [
    ["source/sub"],
    ({ source }) => withFs((fs) => Effect.scoped(fs.makeTempFileScoped({ directory: join(source, "sub") })))
  ],
  "Directory.open": [["source/sub"], ({ source }) => Effect.scoped(Directory.open(join(source, "sub")))]
}

contract("a name that goes away", ({ only }) => {
  const onPosix = only(["portable", "simulated"], "a directory that is open on Windows does not go away")
  for (const [name, [goes, run]] of Object.entries(programs)) {
    onPosix(
      `before any request of ${name} lets it succeed, or fail typed`,
      function*() {
        for (const gone of goes) {
          for (let at = 1, more = true; more; at++) {
            // For good, or for two requests.
            const comesBack = at % 2 === 0
            more = yield* Effect.scoped(Effect.gen(function*() {
              const here = yield* world
              const path = join(here.base, gone)
              const aside = join(here.base, "aside")
              const { exit, requests } = yield* interposed((request) => {
                if (request === at && fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined) {
                  fs.renameSync(path, aside)
                }
                if (comesBack && request === at + 2 && fs.existsSync(aside) && fs.existsSync(dirname(path))) {
                  fs.rmSync(path, { recursive: true, force: true })
                  fs.renameSync(aside, path)
                }
              }, run(here))
              const said = `${gone} from request ${at} on${comesBack ? ", for two" : ""}`
              if (Exit.isFailure(exit)) {
                expect([...Cause.defects(exit.cause)], said).toEqual([])
                expect([...Cause.failures(exit.cause)].length, said).toBe(1)
              }
              return at < requests
            }))
          }
        }
      },
      120_000
    )
  }
})
