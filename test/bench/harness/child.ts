// Another process that does one run, and writes what it has found into a file: Wine gives no pipes.
import type * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { type Bench, promised } from "./Bench.js"

/** Its last argument is the name of the file. */
export const runChild = (
  program: string,
  arguments_: ReadonlyArray<string>,
  { directory }: Bench
): Effect.Effect<string, unknown> =>
  promised(async () => {
    const result = join(directory, "result.txt")
    rmSync(result, { force: true })
    const child = spawn(program, [...arguments_, result], { stdio: "ignore" })
    const code = await new Promise<number | null>((resolve, reject) =>
      child.once("error", reject).once("exit", resolve)
    )
    if (code !== 0) throw new Error(`${program} ${arguments_.join(" ")}: exit code ${code}`)
    return readFileSync(result, "utf8").trim()
  })
