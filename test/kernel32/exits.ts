/**
 * A program that ends, in the way its argument names, with 64 operations in flight (a worker: 256): half of them reads
 * of pipes that nobody writes to, half of them reads of a file, issued again as they complete. With `-private` behind
 * the way they are on a pool of their own; with `-bound`, on handles bound by BindIoCompletionCallback.
 */
import { fileURLToPath } from "node:url"
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads"
import type { Kernel } from "../../src/internal/kernel/Kernel.js"
import { Driver } from "../support/driver.js"
import * as foreign from "./foreign.js"
import { loadKernel } from "./loadKernel.js"

const HALF = isMainThread ? 32 : 128
const LENGTH = 4096
const ARGUMENT: string = isMainThread ? process.argv[2] : workerData
const [, WAY, BINDING] = /^(.*?)(-private|-bound)?$/.exec(ARGUMENT)! as unknown as [string, string, string | undefined]

/** The same kernel, whose objects are bound in another way. */
const elsewhere = (kernel: Kernel, binding: string): Kernel => {
  const { pools } = kernel
  const other: Kernel = Object.create(kernel)
  if (binding === "-bound") {
    other.createThreadpoolIo = (handle) => kernel.bindIoCompletionCallback(handle, 1)
    other.startThreadpoolIo = other.cancelThreadpoolIo = () => {}
  } else {
    const pool = pools.createThreadpool({ minimum: 1, maximum: 8, stack: undefined })
    const environment = pools.initializeEnvironment({ pool, group: 0, priority: 2, runsLong: true, library: undefined })
    other.createThreadpoolIo = (handle) => kernel.createThreadpoolIo(handle, environment)
  }
  return bindMethods(other, kernel)
}

/** A class with private fields answers only to itself. */
const bindMethods = (other: Kernel, kernel: Kernel): Kernel =>
  new Proxy(other, {
    get: (target, name) => {
      if (Object.hasOwn(target, name)) return Reflect.get(target, name)
      const value: unknown = Reflect.get(kernel, name, kernel)
      return typeof value === "function" ? value.bind(kernel) : value
    }
  })

const begin = async (completed: () => void): Promise<void> => {
  const kernel = await loadKernel()
  if ("reason" in kernel) throw new Error(kernel.reason)
  const driver = new Driver(BINDING === undefined ? kernel : elsewhere(kernel, BINDING))
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
  const kernel = await loadKernel()
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
  const worker = new Worker(new URL(import.meta.url), { workerData: ARGUMENT })
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
  // A natural end has no timer to wait for; all others do not end before they are told to.
  if (!WAY.endsWith("natural")) setTimeout(() => process.exit(99), 10_000)
}
