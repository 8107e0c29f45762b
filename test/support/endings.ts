/**
 * Programs that end with operations in flight, each a process or a worker thread: what they are told, and how to start
 * one. endingsProgram.ts is what they run.
 */
import { writeFileSync } from "node:fs"
import { Worker } from "node:worker_threads"

/**
 * How it ends. `wait`: somebody else ends it. `interrupt`: it interrupts its fibers when it hears SIGINT or SIGTERM.
 * `natural`: its operations end, and nothing else is left to do. `kill`: by `process.kill` with SIGTERM. `workers`:
 * four workers of it end, each in a way of its own, and then it does, naturally.
 */
export type Way =
  | "natural"
  | "exit"
  | "throw"
  | "reject"
  | "kill"
  | "wait"
  | "interrupt"
  | "workers"

export interface Task {
  readonly way: Way
  /** Reads of a pipe that nobody writes to, or reads of a file that begin again as they end. */
  readonly inFlight: "pipe" | "file"
  /** The file, made by `writeContents`. */
  readonly file: string
  /** The pipe of somebody else, to connect to; by default it has one of its own. */
  readonly pipe?: string | undefined
  readonly operations: number
  /** Milliseconds between the moment in which everything is in flight and the end. */
  readonly after: number
}

/** Its first line of output, or its first message: so many operations are in flight. */
export const READY = "in flight"

/** The code that it gives to `process.exit`. */
export const EXIT_CODE = 7

/** Its exit code when it has read something else than what was written. */
export const WRONG_CODE = 70

export const BLOCK = 4096
export const BLOCKS = 64

/** The byte that a block of the file is made of. */
export const markOf = (block: number): number => 1 + block % BLOCKS

export const writeContents = (path: string): void =>
  writeFileSync(path, Buffer.concat(Array.from({ length: BLOCKS }, (_, block) => Buffer.alloc(BLOCK, markOf(block)))))

export interface EndedWorker {
  readonly code: number
  /** Whether everything came to be in flight. */
  readonly ready: boolean
  /** The text of an exception that it did not catch. */
  readonly error: string | undefined
}

/** A worker of this process, and its end. One that waits for it is terminated when everything is in flight. */
export const runWorker = async (program: URL, kernel: string, task: Task): Promise<EndedWorker> => {
  const worker = new Worker(program, {
    workerData: JSON.stringify(task),
    env: { ...process.env, TPIO_KERNEL: kernel }
  })
  let ready = false
  let error: string | undefined
  worker.on("message", () => {
    ready = true
  })
  worker.on("error", (cause: Error) => {
    error = cause.message
  })
  const ended = new Promise<number>((resolve) => worker.once("exit", resolve))
  if (task.way === "wait") {
    await Promise.race([new Promise((resolve) => worker.once("message", resolve)), ended])
    await new Promise((resolve) => setTimeout(resolve, task.after))
    await worker.terminate()
  }
  return { code: await ended, ready, error }
}
