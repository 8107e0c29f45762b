// `npm run test:hostile -- [--seconds 60] [--kernel win32]`: copies, resumed copies, undos and removals against a
// process that exchanges names in both trees for links to what nobody is to read or to touch; on Wine, which makes no
// links, for other directories and files. Prints rounds, refusals and escapes; an escape fails.
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { fork } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { kernel as kernelOption, valuesOrExit, whole } from "../../examples/commandLine.js"
import * as Kernel from "../../src/Kernel.js"
import * as Pipeline from "../../src/Pipeline.js"
import * as ThreadpoolFileSystem from "../../src/ThreadpoolFileSystem.js"
import { World } from "../support/swaps.js"

const { kernel, seconds } = valuesOrExit({
  name: "hostile",
  before: ["Copies, resumed copies, undos and removals against a process that exchanges names."],
  arguments: [],
  options: {
    seconds: whole(1, 86_400, 60, "How long."),
    kernel: kernelOption("is tried")
  },
  after: ["Exit code: 0 without escapes, 1 otherwise."]
})
const layer = kernel === "win32" ? Kernel.layerWin32 : Kernel.layerPortable

const swapper = fork(fileURLToPath(new URL("./swapper.js", import.meta.url)))
const answered = () => new Promise<number>((resolve) => swapper.once("message", (count) => resolve(count as number)))

/** Answers how often it has exchanged something so far; from then on everything has its own name. */
const stopped = Effect.promise(() => {
  const count = answered()
  swapper.send("")
  return count
})

/** Without the other process: this one would write through a link that it has planted. */
const refilled = (world: World) =>
  Effect.map(stopped, () => {
    world.refill()
    swapper.send(world.base)
  })

const base = mkdtempSync(join(tmpdir(), "hostile-"))

const program = Effect.gen(function*() {
  const fileSystem = yield* ThreadpoolFileSystem.make
  const end = Date.now() + seconds * 1000
  let [rounds, refusals, exchanges] = [0, 0, 0]
  const escapes: Array<string> = []
  while (Date.now() < end) {
    const here = new World(mkdtempSync(join(base, "round-")))
    swapper.send(here.base)
    const options = { concurrency: 2, resume: rounds % 2 === 1 }
    let halfway = false
    const undone = Pipeline.copyTree(here.source, here.copy, {
      onProgress: ({ files }) => {
        if (halfway || files < 2) return
        halfway = true
        // Not through a directory that may be a link by now.
        here.removeSource(["a", "z"])
      }
    })
    const steps: ReadonlyArray<Effect.Effect<unknown, unknown, Kernel.Kernel>> = [
      Effect.ensuring(undone, refilled(here)),
      Pipeline.copyTree(here.source, here.copy, options),
      fileSystem.remove(here.copy, { recursive: true, force: true }),
      fileSystem.copy(here.source, here.copy),
      Pipeline.copyTree(here.source, here.copy, { ...options, overwrite: true }),
      fileSystem.remove(here.copy, { recursive: true, force: true })
    ]
    for (const step of steps) {
      if (Exit.isFailure(yield* Effect.exit(step))) refusals++
      rounds++
    }
    exchanges = yield* stopped
    escapes.push(...here.touched, ...here.leaked(here.copy))
    rmSync(here.base, { recursive: true, force: true, maxRetries: 5 })
  }
  console.log(`${rounds} rounds, ${exchanges} exchanges, ${refusals} refusals, ${escapes.length} escapes`)
  for (const escape of escapes.slice(0, 5)) console.error(escape)
  return escapes.length === 0 && rounds > 0 && exchanges > 0
})

const good = await Effect.runPromise(Effect.provide(program, layer)).finally(() => {
  swapper.disconnect()
  rmSync(base, { recursive: true, force: true })
})
process.exitCode = good ? 0 : 1
