/**
 * The relay of completions, and the two ways that stand in for it: what native/relay.c and its JavaScript side promise.
 */
import * as foreign from "./foreign.js"

import koffi from "koffi"
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as C from "../../src/internal/constants.js"
import type { Kernel } from "../../src/internal/kernel/Kernel.js"
import { load, type LoadOptions, over } from "../../src/internal/kernel/win32.js"
import { bind, type Bindings } from "../../src/internal/kernel/win32/bindings.js"
import { packagedLibrary } from "../../src/internal/kernel/win32/relayLibrary.js"
import { Driver } from "../support/driver.js"

const directory = mkdtempSync(join(tmpdir(), "relay-"))
const path = join(directory, "file")
const CONTENTS = Uint8Array.from({ length: 65_536 }, (_, index) => index & 0xff)

beforeAll(() => writeFileSync(path, CONTENTS))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const kernelOf = async (options: Partial<LoadOptions>): Promise<Kernel> => {
  const loaded = await load(options)
  if ("reason" in loaded) throw new Error(`${loaded.reason}: ${loaded.cause}`)
  return loaded
}

/** The JavaScript thread does nothing. */
const holdThread = (milliseconds: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

const READ = { access: C.GENERIC_READ, disposition: C.OPEN_EXISTING, share: 7 }

/** So many reads of one byte at once, behind a thread that is busy: how they arrived. */
const burst = async (kernel: Kernel, count: number, busyMs: number) => {
  const file = await new Driver(kernel).open(path, READ)
  const memory = kernel.allocate(count)!
  const stray = kernel.slots.stray
  const reads = Array.from(
    { length: count },
    (_, index) => file.issue("read", { block: memory, start: index, length: 1, offset: index % CONTENTS.length })
  )
  holdThread(busyMs)
  let turns = 0
  const begin = performance.now()
  while (reads.some(({ packets }) => packets.length === 0)) {
    await new Promise<void>((resolve) => setImmediate(resolve))
    turns++
  }
  const drained = performance.now() - begin
  for (const { slot } of reads) kernel.slots.release(slot)
  const right = reads.every(({ packets: [packet] }, index) =>
    packet![0] === C.ERROR_SUCCESS && packet![1] === 1 && memory.bytes[index] === (index & 0xff)
  )
  const once = reads.every(({ packets }) => packets.length === 1)
  await file.close()
  kernel.free(memory)
  const wakeUps = reads.filter(({ woke }) => woke).length
  return { once, right, wakeUps, turns, drained, strays: kernel.slots.stray - stray }
}

const clean = { once: true, right: true, strays: 0 }

describe("the relay", () => {
  it("is what there is by default", async () => {
    expect((await kernelOf({})).completions).toEqual({ way: "relay", reason: undefined })
  })

  it("brings 10,000 completions to a thread that was busy for 2 s: each once, for one wake-up, a share in each turn", async () => {
    const { drained, turns, wakeUps, ...rest } = await burst(await kernelOf({}), 10_000, 2000)
    expect(rest).toEqual(clean)
    console.log(`10,000 completions: ${wakeUps} wake-ups, ${turns} turns of the event loop, ${drained.toFixed(0)} ms`)
    expect(wakeUps).toBeLessThanOrEqual(3)
    expect(turns).toBeGreaterThanOrEqual(10_000 / 64 - 3)
  })

  it("serves two workers with a relay each, and the main thread, at the same time", async () => {
    const work = () =>
      new Promise<unknown>((resolve, reject) => {
        const worker = new Worker(new URL("./relays.js", import.meta.url), { workerData: { path, rounds: 20 } })
        worker.once("message", resolve)
        worker.once("error", reject)
      })
    const kernel = await kernelOf({})
    const workers = Promise.all([work(), work()])
    for (let round = 0; round < 5; round++) expect(await burst(kernel, 200, 10)).toMatchObject(clean)
    for (const answer of await workers) expect(answer).toMatchObject({ read: 2000, wrong: 0, stray: 0 })
  })

  it("serves a second copy of its library, at another path", async () => {
    // Not in a directory that goes: it is never unloaded.
    const relayLibrary = fileURLToPath(new URL("../../relay-copy.dll", import.meta.url))
    if (!existsSync(relayLibrary)) copyFileSync(packagedLibrary(), relayLibrary)
    const [kernel, other] = [await kernelOf({}), await kernelOf({ relayLibrary })]
    expect(other).not.toBe(kernel)
    expect(other.completions).toEqual({ way: "relay", reason: undefined })
    const answers = await Promise.all([burst(kernel, 500, 20), burst(other, 500, 20)])
    for (const answer of answers) expect(answer).toMatchObject(clean)
  })

  it("cancels what a worker has in flight when that is terminated: it takes no bytes from anybody", async () => {
    const { client, server } = foreign.makePipe()
    const worker = new Worker(new URL("./relays.js", import.meta.url), { workerData: { pending: server } })
    await new Promise((resolve) => worker.once("message", resolve))
    await worker.terminate()
    const driver = new Driver(await kernelOf({}))
    await driver.bind(client).write(Buffer.from("still there"), 0).catch(() => {})
    expect(foreign.peek(server)).toBe("still there".length)
    foreign.CloseHandle(server)
    foreign.CloseHandle(client)
  })

  it("closes what a worker had open when that is terminated", async () => {
    const alone = join(directory, "alone")
    writeFileSync(alone, CONTENTS)
    const worker = new Worker(new URL("./relays.js", import.meta.url), { workerData: { alone } })
    await new Promise((resolve) => worker.once("message", resolve))
    const driver = new Driver(await kernelOf({}))
    expect(await driver.create(alone, { share: 0 })).toMatchObject({ status: C.ERROR_SHARING_VIOLATION })
    await worker.terminate()
    const { status, value } = await driver.create(alone, { share: 0 })
    expect(status).toBe(C.ERROR_SUCCESS)
    await driver.status("CloseHandle", { handle: value! })
  })
})

describe("where it cannot be had", () => {
  const native = (changes: Partial<Bindings>): Bindings => ({ ...bind(koffi), ...changes })
  const auto: LoadOptions = { completions: "auto", relayLibrary: undefined }
  const noThreadsafeFunctions = native({ hostAddress: (name) => name.includes("threadsafe") ? 0 : 1 })

  it("completions come by the broker when the program exports no threadsafe functions, and a reason tells it", async () => {
    const { hostAddress } = bind(koffi)
    const kernel = over(native({ hostAddress: (name) => name.includes("threadsafe") ? 0 : hostAddress(name) }), auto)
    expect(kernel.completions?.way).toBe("broker")
    expect(kernel.completions?.reason).toContain("napi_create_threadsafe_function")
    expect(await burst(kernel, 500, 50)).toMatchObject(clean)
  })

  it("completions come by callbacks when there is no library, and a reason tells it", async () => {
    const load = (name: string) => {
      throw new Error(`${name} is not there`)
    }
    const kernel = over(native({ load }), auto)
    expect(kernel.completions?.way).toBe("callback")
    expect(kernel.completions?.reason).toContain("is not there")
    expect(await burst(kernel, 500, 50)).toMatchObject({ ...clean, wakeUps: 500 })
  })

  it("nothing else is taken when it was asked for, or its library was", async () => {
    expect(() => over(noThreadsafeFunctions, { ...auto, completions: "relay" })).toThrow("does not export")
    const missing = join(directory, "missing.dll")
    expect(await load({ relayLibrary: missing })).toMatchObject({
      path: missing,
      reason: expect.stringContaining("relay")
    })
    // A library that is none of ours.
    expect(await load({ relayLibrary: "C:\\windows\\system32\\kernel32.dll" })).toHaveProperty("reason")
  })
})

describe.each(["broker", "callback"] as const)("by %s", (completions) => {
  it("completions behind a busy thread all arrive once", async () => {
    const kernel = await kernelOf({ completions })
    expect(kernel.completions).toEqual({ way: completions, reason: undefined })
    const { drained: _, turns: __, wakeUps, ...rest } = await burst(kernel, 2000, 200)
    expect(rest).toEqual(clean)
    if (completions === "callback") expect(wakeUps).toBe(2000)
    else expect(wakeUps).toBeLessThan(200)
  })
})
