/**
 * The code of the thread that watches, in this thread; the test may play the system.
 */
import { EventEmitter } from "node:events"
import * as fs from "node:fs"
import * as nodePath from "node:path"
import * as C from "../../src/internal/constants.js"
import { watchEntries } from "../../src/internal/kernel/portable/watch/entries.js"
import { watchOutbox } from "../../src/internal/kernel/portable/watch/outbox.js"
import type { News, Order, Problem, Told } from "../../src/internal/kernel/portable/watch/protocol.js"
import { watchThread } from "../../src/internal/kernel/portable/watch/thread.js"
import { watchTree } from "../../src/internal/kernel/portable/watch/tree.js"
import { settingsOf } from "../../src/internal/kernel/portable/watch/watcher.js"

export const NAMES = C.FILE_NOTIFY_CHANGE_FILE_NAME | C.FILE_NOTIFY_CHANGE_DIR_NAME
export const EVERYTHING = NAMES | C.FILE_NOTIFY_CHANGE_SIZE | C.FILE_NOTIFY_CHANGE_LAST_WRITE |
  C.FILE_NOTIFY_CHANGE_ATTRIBUTES | C.FILE_NOTIFY_CHANGE_SECURITY

const words: Record<number, string> = {
  [C.FILE_ACTION_ADDED]: "Created",
  [C.FILE_ACTION_REMOVED]: "Removed",
  [C.FILE_ACTION_MODIFIED]: "Modified",
  [C.FILE_ACTION_RENAMED_OLD_NAME]: "From",
  [C.FILE_ACTION_RENAMED_NEW_NAME]: "To"
}

const lineOf = ({ action, name, problem }: Told): string =>
  action !== 0 ? `${words[action]} ${name}` : problem === undefined ? "Overflow" : `${problem.code} ${name}`

export const error = (code: string): Error => Object.assign(new Error(code), { code })

export interface Options {
  readonly recursive?: boolean
  readonly filter?: number
  /** Events that the system keeps. */
  readonly queue?: number
  readonly system?: Partial<typeof fs>
  /** Changes are taken as soon as they are told: the default. */
  readonly takes?: boolean
  /** Bytes that are told at once. */
  readonly room?: number
  /** Time passes when the test says so. */
  readonly manual?: boolean
}

export class Watched {
  readonly lines: Array<string> = []
  /** How often something was told. */
  times = 0
  failed: Problem | undefined = undefined
  #begun = false
  #ended = false
  #now = 0
  #timers: Array<{ readonly due: number; readonly run: () => void }> = []
  readonly #send: (order: Order) => void

  constructor(readonly path: string, readonly options: Options = {}) {
    const { manual = false, queue = Infinity, system } = options
    const loop = {
      tell: (news: News) => this.#hear(news),
      turn: (run: () => void) => void setImmediate(run),
      timer: (milliseconds: number, run: () => void) => {
        if (manual) this.#timers.push({ due: this.#now + milliseconds, run })
        else setTimeout(run, milliseconds).unref()
      },
      now: () => manual ? this.#now : performance.now()
    }
    this.#send = watchThread({ ...fs, ...system }, nodePath, settingsOf(queue), loop, {
      watchEntries,
      watchOutbox,
      watchTree
    })
    const { filter = EVERYTHING, recursive = true } = options
    this.#send({ kind: "watch", id: 1, path, parameters: { recursive, filter } })
  }

  #hear(news: News): void {
    if (news.kind === "begun") this.#begun = true
    else if (news.kind === "ended") this.#ended = true
    else if (news.kind === "failed") this.failed = news.problem
    else {
      this.times++
      this.lines.push(...news.records.map(lineOf))
      if (this.options.takes !== false) this.taken()
    }
  }

  /** So many milliseconds pass, and everything happens that is due by then. */
  async pass(milliseconds: number): Promise<void> {
    this.#now += milliseconds
    const due = this.#timers.filter(({ due }) => due <= this.#now)
    this.#timers = this.#timers.filter(({ due }) => due > this.#now)
    for (const { run } of due) run()
    await turns()
  }

  taken(): void {
    this.#send({ kind: "taken", id: 1, room: this.options.room ?? 32_768 })
  }

  get begun(): Promise<void> {
    return eventually("it has begun", () => this.#begun || this.failed !== undefined)
  }

  /** Until this has been told. */
  until(line: string): Promise<void> {
    return eventually(`${line} among ${this.lines.join(", ")}`, () => this.lines.includes(line))
  }

  get end(): Promise<void> {
    this.#send({ kind: "end", id: 1 })
    return eventually("it has ended", () => this.#ended)
  }
}

export const begin = async (place: string, options?: Options): Promise<Watched> => {
  const watched = new Watched(place, options)
  await watched.begun
  return watched
}

/** Turns of the event loop, in which everything is done that can be done now. */
export const turns = async (count = 20): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

export const eventually = async (what: string, holds: () => boolean): Promise<void> => {
  const until = performance.now() + 10_000
  while (!holds()) {
    if (performance.now() > until) throw new Error(`never: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

/** The system's part of `fs.watch`, played by the test. */
export class Watchers {
  readonly open = new Map<string, (event: string, name: string | null) => void>()
  readonly #emitters = new Map<string, EventEmitter>()
  opened = 0

  readonly watch = ((place: string, _: unknown, listener: (event: string, name: string | null) => void) => {
    this.opened++
    this.open.set(place, listener)
    const emitter = new EventEmitter()
    this.#emitters.set(place, emitter)
    return Object.assign(emitter, {
      close: () => {
        if (this.open.get(place) === listener) this.open.delete(place)
      }
    })
  }) as unknown as typeof fs.watch

  tell(place: string, event: "rename" | "change", name: string | null): void {
    this.open.get(place)!(event, name)
  }

  /** The system cannot tell of it any more. */
  fail(place: string): void {
    this.#emitters.get(place)!.emit("error", error("EPERM"))
  }
}

/** Counts what `fs.watch` opens and what is closed of it. */
export const counted = (): { readonly watch: typeof fs.watch; readonly open: () => number } => {
  let open = 0
  const watch = (...parameters: Parameters<typeof fs.watch>): fs.FSWatcher => {
    const watcher = fs.watch(...parameters)
    open++
    watcher.on("close", () => open--)
    return watcher
  }
  return { watch: watch as typeof fs.watch, open: () => open }
}
