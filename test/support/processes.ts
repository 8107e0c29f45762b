/**
 * Processes that tests start and end, on the portable kernel or on kernel32, each of them the very process of node: a
 * signal reaches it, and not a launcher. Output goes to a file, because under Wine it cannot go to a pipe.
 */
import { spawn } from "node:child_process"
import { closeSync, openSync, readFileSync } from "node:fs"
import { constants } from "node:os"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"

export type KernelName = "portable" | "win32"

/** The repository; this file runs where `tsc` has put it. */
export const root = fileURLToPath(new URL("../../..", import.meta.url))

const script = <A>(path: string): Promise<A> => import(pathToFileURL(join(root, path)).href) as Promise<A>

interface Setup {
  readonly ensureKernel32: () => void
  readonly nodeExe: string
  readonly wineEnv: () => NodeJS.ProcessEnv
  readonly wineCommand: (
    program: string,
    args: ReadonlyArray<string>
  ) => readonly [command: string, args: ReadonlyArray<string>]
}

interface Bundle {
  readonly bundle: (entry: string, outfile: string) => Promise<unknown>
}

/**
 * Puts a program into one file, for it is started very often; answers where: not where another run of tests has its
 * own.
 */
export const bundled = async (entry: string, folder: string): Promise<string> => {
  const outfile = join(root, "build/bundles", folder, entry.replace(/ts$/, "mjs"))
  await (await script<Bundle>("examples/bundle.mjs")).bundle(entry, outfile)
  return outfile
}

export interface Ended {
  /** 128 + N for the signal N, as a shell tells it. */
  readonly code: number
  readonly output: string
}

export interface Running {
  /** Its output so far. */
  readonly output: () => string
  readonly over: () => boolean
  readonly kill: (signal: NodeJS.Signals) => void
  readonly ended: Promise<Ended>
}

export type Start = (program: string, args: ReadonlyArray<string>, outputFile: string) => Running

/** Starts programs on a kernel. The first time it prepares Wine, where that is needed. */
export const starter = async (kernel: KernelName): Promise<Start> => {
  const wine = kernel === "win32" && process.platform !== "win32"
  const setup = wine ? await script<Setup>("test/kernel32/setup.mjs") : undefined
  setup?.ensureKernel32()
  return (program, args, outputFile) => {
    const fd = openSync(outputFile, "w")
    const [command, words] = setup === undefined
      ? [process.execPath, [program, ...args]]
      : setup.wineCommand("wine", [setup.nodeExe, program, ...args])
    const child = spawn(command, words, {
      env: { ...process.env, ...setup?.wineEnv(), TPIO_KERNEL: kernel },
      stdio: ["ignore", fd, fd],
      // A Ctrl-C on our terminal is for us.
      detached: process.platform !== "win32"
    })
    closeSync(fd)
    const output = () => readFileSync(outputFile, "utf8")
    let over = false
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once("error", reject)
      child.once("exit", (code, signal) => {
        over = true
        resolve({ code: code ?? 128 + constants.signals[signal!], output: output() })
      })
    })
    return { output, over: () => over, kill: (signal) => child.kill(signal), ended }
  }
}
