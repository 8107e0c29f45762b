/**
 * The thread that watches, as JavaScript tells it and hears from it. It is started with the first directory and stays.
 * Where there can be no threads the same code runs here; other watchers of the process can then fill the queue of
 * inotify unheard.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { Worker } from "node:worker_threads"
import * as C from "../../../constants.js"
import { watchEntries } from "./entries.js"
import { watchOutbox } from "./outbox.js"
import type { Loop, News, Order, Settings } from "./protocol.js"
import { watchThread } from "./thread.js"
import { watchTree } from "./tree.js"

/** The hearer of one directory's news. */
export interface Client {
  hear(news: News): void
  /** The thread has ended by itself. */
  orphaned(): void
  /** Sends its last order once more: no thread has heard it. */
  ask(): void
}

export class Watcher {
  readonly #clients = new Map<number, Client>()
  /** Directories that wait for an answer, for which the process lives. */
  readonly #awaited = new Set<number>()
  #send: ((order: Order) => void) | undefined = undefined
  #worker: Worker | undefined = undefined
  #serial = 0
  /** There can be no threads. */
  #alone = false

  constructor(private readonly startThread = newThread) {}

  /** A new directory; its number. */
  join(client: Client): number {
    this.#clients.set(++this.#serial, client)
    return this.#serial
  }

  leave(id: number): void {
    this.#clients.delete(id)
  }

  send(order: Order): void {
    this.#send ??= this.#alone ? this.#here() : this.#start()
    if (order.kind !== "taken") this.#await(order.id, true)
    this.#send(order)
  }

  readonly #hear = (news: News): void => {
    if (news.kind !== "told") this.#await(news.id, false)
    this.#clients.get(news.id)?.hear(news)
  }

  #await(id: number, answer: boolean): void {
    if (answer) this.#awaited.add(id)
    else this.#awaited.delete(id)
    if (this.#awaited.size > 0) this.#worker?.ref()
    else this.#worker?.unref()
  }

  #here(): (order: Order) => void {
    const loop: Loop = {
      tell: this.#hear,
      turn: setImmediate,
      timer: (milliseconds, run) => void setTimeout(run, milliseconds).unref(),
      now: () => performance.now()
    }
    return watchThread(fs, path, settingsOf(limitOfQueue()), loop, { watchEntries, watchOutbox, watchTree })
  }

  #start(): (order: Order) => void {
    let worker: Worker
    try {
      worker = this.startThread(settingsOf(limitOfQueue()))
    } catch {
      this.#alone = true
      return this.#here()
    }
    let online = false
    worker.on("message", (news: News) => {
      online = true
      this.#hear(news)
    })
    worker.on("error", () => {})
    worker.on("exit", () => {
      this.#worker = this.#send = undefined
      this.#alone = !online
      this.#awaited.clear()
      for (const client of [...this.#clients.values()]) {
        if (online) client.orphaned()
        else client.ask()
      }
    })
    this.#worker = worker
    return (order) => worker.postMessage(order)
  }
}

export const settingsOf = (queue: number): Settings => ({
  added: C.FILE_ACTION_ADDED,
  removed: C.FILE_ACTION_REMOVED,
  modified: C.FILE_ACTION_MODIFIED,
  oldName: C.FILE_ACTION_RENAMED_OLD_NAME,
  newName: C.FILE_ACTION_RENAMED_NEW_NAME,
  fileName: C.FILE_NOTIFY_CHANGE_FILE_NAME,
  directoryName: C.FILE_NOTIFY_CHANGE_DIR_NAME,
  attributes: C.FILE_NOTIFY_CHANGE_ATTRIBUTES,
  size: C.FILE_NOTIFY_CHANGE_SIZE,
  lastWrite: C.FILE_NOTIFY_CHANGE_LAST_WRITE,
  security: C.FILE_NOTIFY_CHANGE_SECURITY,
  queue
})

const DEFAULT_QUEUE = 16_384

const limitOfQueue = (): number => {
  if (process.platform !== "linux") return Infinity
  try {
    const limit = Number.parseInt(fs.readFileSync("/proc/sys/fs/inotify/max_queued_events", "latin1"), 10)
    return limit > 0 ? limit : DEFAULT_QUEUE
  } catch {
    return DEFAULT_QUEUE
  }
}

/** Some tools rename functions with a helper that is not there in another thread. It may be a script or a module. */
const source = `const __name = (f) => f
const load = process.getBuiltinModule ?? require
const { parentPort, workerData } = load("node:worker_threads")
Error.stackTraceLimit = 0
parentPort.on("message", (${watchThread})(load("node:fs"), load("node:path"), workerData, {
  tell: (news) => parentPort.postMessage(news),
  turn: setImmediate,
  timer: (milliseconds, run) => setTimeout(run, milliseconds),
  now: () => performance.now()
}, { watchEntries: ${watchEntries}, watchOutbox: ${watchOutbox}, watchTree: ${watchTree} }))`

export const newThread = (workerData: Settings): Worker =>
  new Worker(source, {
    eval: true,
    workerData,
    trackUnmanagedFds: false,
    execArgv: [],
    name: "effect-threadpool-io: watch"
  })

/** One for all kernels of this copy of the library, and of this thread. */
export const shared = new Watcher()
