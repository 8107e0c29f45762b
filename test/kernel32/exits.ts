/**
 * A program that ends, in the way its argument names, with 64 operations in flight (a worker: 256): half of them reads of
 * pipes that nobody writes to, half of them reads of a file, issued again as they complete.
 */
import { fileURLToPath } from "node:url"
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads"
import { load } from "../../src/internal/kernel/win32.js"
import { Driver } from "../support/driver.js"
import * as foreign from "./foreign.js"

const HALF = isMainThread ? 32 : 128
const LENGTH = 4096
const WAY: string = isMainThread ? process.argv[2] : workerData

const begin = async (completed: () => void): Promise<void> => {
  const kernel = await load()
  if ("reason" in kernel) throw new Error(kernel.reason)
  const driver = new Driver(kernel)
  for (let index = 0; index < HALF; index++) driver.bind(foreign.makePipe().server).issue("read", { length: LENGTH })
  const file = await driver.open(fileURLToPath(import.meta.url), { access: 0x80000000, disposition: 3, share: 7 })
  const read = (): void => {
    const operation = file.issue("read", { length: LENGTH })
    void operation.packet().then(() => {
      kernel.slots.release(operation.slot)
      completed()
      read()
    })
  }
  for (let index = 0; index < HALF; index++) read()
}

/** Every completion throws; all of them must be heard nevertheless. */
const throwInCompletions = async (): Promise<void> => {
  const kernel = await load()
  if ("reason" in kernel) throw new Error(kernel.reason)
  const file = await new Driver(kernel).open(fileURLToPath(import.meta.url), { access: 0x80000000, disposition: 3 })
  let caught = 0
  const keepAlive = setTimeout(() => process.exit(1), 10_000)
  process.on("uncaughtException", () => {
    if (++caught === 2 * HALF) clearTimeout(keepAlive)
  })
  for (let index = 0; index < 2 * HALF; index++) {
    file.issue("read", { length: LENGTH }).completed = () => {
      throw new Error("thrown by a completion")
    }
  }
}

const endWorker = async (): Promise<void> => {
  const worker = new Worker(new URL(import.meta.url), { workerData: WAY })
  await new Promise((resolve) => worker.once("message", resolve))
  if (WAY === "worker-terminate") await worker.terminate()
  else await new Promise((resolve) => worker.once("exit", resolve))
  await new Promise((resolve) => setTimeout(resolve, 100)) // late completions, if any, come now
}

if (isMainThread && WAY.startsWith("worker-")) {
  for (let round = 0; round < 5; round++) await endWorker()
} else if (WAY === "completions-throw") await throwInCompletions()
else {
  let completions = 0
  await begin(() => {
    if (++completions < HALF) return
    if (WAY.endsWith("exit")) process.exit(0)
    if (WAY === "throw") throw new Error("uncaught")
  })
  parentPort?.postMessage("begun")
  // What ends by itself has no timer to wait for; all others do not end before they are told to.
  if (!WAY.endsWith("natural")) setTimeout(() => process.exit(99), 10_000)
}
