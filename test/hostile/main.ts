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
import { parseArgs } from "node:util"
import * as Kernel from "../../src/Kernel.js"
import * as Pipeline from "../../src/Pipeline.js"
import * as ThreadpoolFileSystem from "../../src/ThreadpoolFileSystem.js"
import { World } from "../support/swaps.js"

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    kernel: { type: "string", default: "portable" }
  }
})
const layer = values.kernel === "win32" ? Kernel.layerWin32 : Kernel.layerPortable

const swapper = fork(fileURLToPath(new URL("./swapper.js", import.meta.url)))
const answered = () => new Promise<number>((resolve) => swapper.once("message", (count) => resolve(count as number)))

/** The other process may have the same in its hands. */
const attempt = (f: () => void) => Effect.ignore(Effect.try(f))

const base = mkdtempSync(join(tmpdir(), "hostile-"))

const program = Effect.gen(function*() {
  const fileSystem = yield* ThreadpoolFileSystem.make
  const end = Date.now() + Number(values.seconds) * 1000
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
        here.removeSource()
      }
    })
    const steps: ReadonlyArray<Effect.Effect<unknown, unknown, Kernel.Kernel>> = [
      Effect.ensuring(undone, attempt(() => here.refill())),
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
    const stopped = answered()
    swapper.send("")
    exchanges = yield* Effect.promise(() => stopped)
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
