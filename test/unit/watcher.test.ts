/**
 * The thread that watches, from outside: where there is none, when it ends, how long the process lives for it.
 */
import { describe, expect, it } from "@effect/vitest"
import { EventEmitter } from "node:events"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Worker } from "node:worker_threads"
import { afterEach } from "vitest"
import * as C from "../../src/internal/constants.js"
import { Tree } from "../../src/internal/kernel/portable/tree.js"
import type { Settings } from "../../src/internal/kernel/portable/watch/protocol.js"
import { newThread, Watcher } from "../../src/internal/kernel/portable/watch/watcher.js"
import { eventually, NAMES } from "../support/watchThread.js"

interface Watched {
  readonly tree: Tree
  readonly names: Array<string>
  readonly failures: Array<number>
}

const started: Array<Worker> = []
/** `ref` and `unref` of the last thread. */
const held: Array<boolean> = []

const real = (workerData: Settings): Worker => {
  const worker = newThread(workerData)
  started.push(worker)
  for (const name of ["ref", "unref"] as const) {
    const way = worker[name].bind(worker)
    worker[name] = () => {
      held.push(name === "ref")
      way()
    }
  }
  return worker
}

const ways = {
  real,
  refused: () => {
    throw new Error("no threads here")
  },
  stillborn: () => {
    const worker = Object.assign(new EventEmitter(), { postMessage() {}, ref() {}, unref() {} })
    setImmediate(() => worker.emit("exit", 1))
    return worker as unknown as Worker
  }
}

const left: Array<() => void> = []

afterEach(() => {
  for (const undo of left.splice(0).reverse()) undo()
  held.length = 0
})

const directory = (): string => {
  const path = fs.mkdtempSync(join(tmpdir(), "tpio-watcher-"))
  left.push(() => fs.rmSync(path, { recursive: true }))
  return path
}

const watch = async (watcher: Watcher, path: string): Promise<Watched> => {
  const names: Array<string> = []
  const failures: Array<number> = []
  const tree = await new Promise<Tree>((resolve, reject) => {
    const made: Tree = new Tree(
      path,
      { recursive: false, filter: NAMES },
      {
        changed: (records) => {
          names.push(...records.map(({ name }) => name))
          made.taken(1000)
        },
        overflowed: () => {},
        failed: (status) => void failures.push(status)
      },
      (error) => setImmediate(() => error === undefined ? resolve(made) : reject(error)),
      watcher
    )
  })
  return { tree, names, failures }
}

const ended = (tree: Tree) => new Promise<void>((resolve) => tree.end(resolve))
const terminate = () => started.at(-1)!.terminate()

describe("the thread that watches", () => {
  for (const [way, start] of Object.entries(ways)) {
    it(`is one for all directories, or this one: ${way}`, async () => {
      const before = started.length
      const watcher = new Watcher(start)
      const [one, other] = [directory(), directory()]
      const watched = await Promise.all([watch(watcher, one), watch(watcher, other)])
      fs.writeFileSync(join(one, "one"), "")
      fs.writeFileSync(join(other, "other"), "")
      await eventually("both are told", () => watched.every(({ names }) => names.length === 1))
      expect(watched.map(({ names }) => names)).toEqual([["one"], ["other"]])
      await Promise.all(watched.map(({ tree }) => ended(tree)))
      expect(started.length - before).toBe(way === "real" ? 1 : 0)
      if (way === "real") await terminate()
    })
  }

  it("says so when it ends by itself, and the next directory has another one", async () => {
    const watcher = new Watcher(real)
    const [one, other] = [await watch(watcher, directory()), await watch(watcher, directory())]
    await terminate()
    await eventually("both have failed", () => one.failures.length + other.failures.length === 2)
    expect([...one.failures, ...other.failures]).toEqual([C.ERROR_NO_SYSTEM_RESOURCES, C.ERROR_NO_SYSTEM_RESOURCES])
    await Promise.all([ended(one.tree), ended(other.tree)])
    const path = directory()
    const next = await watch(watcher, path)
    fs.writeFileSync(join(path, "new"), "")
    await eventually("it is told", () => next.names.length === 1)
    await ended(next.tree)
    await terminate()
  })

  it("is not waited for when it ends before a directory has ended", async () => {
    const watcher = new Watcher(real)
    const { tree } = await watch(watcher, directory())
    const end = ended(tree)
    await terminate()
    await end
    await ended(tree)
  })

  it("keeps the process alive while it owes an answer, and no longer", async () => {
    const watcher = new Watcher(real)
    const path = directory()
    const beginning = watch(watcher, path)
    expect(held.at(-1)).toBe(true)
    const { names, tree } = await beginning
    expect(held.at(-1)).toBe(false)
    fs.writeFileSync(join(path, "new"), "")
    await eventually("it is told", () => names.length === 1)
    expect(held.at(-1)).toBe(false)
    const end = ended(tree)
    expect(held.at(-1)).toBe(true)
    await end
    expect(held.at(-1)).toBe(false)
    await terminate()
  })

  it("knows how many events the system keeps, and asks of each directory once to end", async () => {
    let queue: number | undefined
    const orders: Array<string> = []
    const watcher = new Watcher((settings) => {
      queue = settings.queue
      const worker = {
        postMessage: ({ id, kind }: { id: number; kind: string }) => {
          orders.push(kind)
          if (kind !== "taken") {
            setImmediate(() => emitter.emit("message", { kind: kind === "watch" ? "begun" : "ended", id }))
          }
        },
        ref() {},
        unref() {}
      }
      const emitter = Object.assign(new EventEmitter(), worker)
      return emitter as unknown as Worker
    })
    const { tree } = await watch(watcher, directory())
    await Promise.all([ended(tree), ended(tree)])
    await ended(tree)
    expect(orders).toEqual(["watch", "end"])
    expect(queue).toBe(
      process.platform === "linux"
        ? Number(fs.readFileSync("/proc/sys/fs/inotify/max_queued_events", "latin1"))
        : Infinity
    )
  })

  it("answers for a directory that cannot be watched, and for one that was given up meanwhile", async () => {
    const watcher = new Watcher(real)
    await expect(watch(watcher, join(directory(), "missing"))).rejects.toMatchObject({ code: "ENOENT" })
    const beginning = new Promise<Error | undefined>((resolve) => {
      const listener = { changed: () => {}, overflowed: () => {}, failed: () => {} }
      const tree = new Tree(directory(), { recursive: true, filter: NAMES }, listener, resolve, watcher)
      tree.end(() => {})
    })
    expect(await beginning).toMatchObject({ status: C.ERROR_OPERATION_ABORTED })
    await terminate()
  })
})
