/**
 * A worker with a kernel of its own: reads a file many times at once, again and again; or, as `pending`, waits for
 * bytes on the handle that it is given; or, as `alone`, opens a file that nobody else may open meanwhile.
 */
import { parentPort, workerData } from "node:worker_threads"
import { Driver } from "../support/driver.js"
import { loadKernel } from "./loadKernel.js"

interface Task {
  readonly path?: string
  readonly rounds?: number
  readonly pending?: number
  readonly alone?: string
}

const AT_ONCE = 100

const { alone, path, pending, rounds = 0 } = workerData as Task
const kernel = await loadKernel()
if ("reason" in kernel) throw new Error(kernel.reason)
const driver = new Driver(kernel)
// Operations in flight do not keep a worker alive by themselves; the engine does that.
const keepAlive = setInterval(() => {}, 1000)

if (pending !== undefined) {
  driver.bind(pending).issue("read")
  parentPort!.postMessage("pending")
} else if (alone !== undefined) {
  const file = await driver.open(alone, { share: 0 })
  for (let operation = 0; operation < AT_ONCE; operation++) file.issue("read", { length: 1 })
  parentPort!.postMessage("open")
} else {
  const file = await driver.open(path!, { access: 0x80000000, disposition: 3, share: 7 })
  let [read, woke, wrong] = [0, 0, 0]
  for (let round = 0; round < rounds; round++) {
    const operations = Array.from({ length: AT_ONCE }, (_, index) => file.issue("read", { length: 1, offset: index }))
    for (const operation of operations) {
      await operation.packet()
      if (operation.packets.length !== 1 || operation.block!.bytes[0] !== (operation.offsetLow & 0xff)) wrong++
      read += operation.packets[0]![1]
      woke += Number(operation.woke)
      kernel.slots.release(operation.slot)
      kernel.free(operation.block!)
    }
  }
  await file.close()
  clearInterval(keepAlive)
  parentPort!.postMessage({ read, woke, wrong, stray: kernel.slots.stray })
}
