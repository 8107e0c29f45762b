// A machine that has other things to do: for each processor a process that hashes, as long as the scope is open.
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, rmSync } from "node:fs"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { promised } from "./Bench.js"

const PROGRAM = fileURLToPath(new URL("./hasher.js", import.meta.url))

/** `directory`: where each of them keeps a file as a sign that it works. It ends when the file has gone. */
export const busyProcessors = (directory: string): Effect.Effect<void, unknown, Scope.Scope> =>
  Effect.acquireRelease(
    promised(() => Promise.all(Array.from({ length: availableParallelism() }, (_, i) => start(directory, i)))),
    (hashers) => Effect.promise(() => Promise.all(hashers.map(stop)))
  )

interface Hasher {
  readonly child: ChildProcess
  readonly sign: string
}

const start = async (directory: string, index: number): Promise<Hasher> => {
  const sign = join(directory, `hasher-${index}`)
  const child = spawn(process.execPath, [PROGRAM, sign], { stdio: "ignore" })
  while (!existsSync(sign)) {
    if (child.exitCode !== null) throw new Error(`${PROGRAM}: exit code ${child.exitCode}`)
    await sleep(10)
  }
  return { child, sign }
}

const stop = ({ child, sign }: Hasher): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null) return resolve()
    child.once("exit", () => resolve())
    rmSync(sign, { force: true })
  })
