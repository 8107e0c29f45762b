/**
 * A program of the examples that runs as a process of its own: what it has printed, and how it has ended.
 */
import { spawn, type SpawnOptions } from "node:child_process"

export interface Ended {
  /** The exit code, or the name of the signal. */
  readonly code: number | string
  readonly out: string
  readonly err: string
}

/** Starts `node` with these words, or another command. */
export const start = (
  args: ReadonlyArray<string>,
  options: Pick<SpawnOptions, "detached" | "env"> = {},
  [command, ...words]: ReadonlyArray<string> = [process.execPath]
) => {
  const child = spawn(command!, [...words, ...args], { ...options, stdio: ["ignore", "pipe", "pipe"] })
  const printed = { out: "", err: "" }
  child.stdout.on("data", (text) => (printed.out += text))
  child.stderr.on("data", (text) => (printed.err += text))
  // "close": also of a process that has inherited the two.
  const ended = new Promise<Ended>((resolve) =>
    child.once("close", (code, signal) => resolve({ code: code ?? String(signal), ...printed }))
  )
  /** Resolves once it has printed that. */
  const until = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => printed.out.includes(text) && resolve()
      child.stdout.on("data", look)
      void ended.then(({ err, out }) => reject(new Error(`it ended without "${text}":\n${out}${err}`)))
      look()
    })
  return { child, printed, ended, until }
}
