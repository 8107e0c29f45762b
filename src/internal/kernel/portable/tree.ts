/**
 * A directory that is watched, with what is below it where that is asked for: what the thread that watches tells of it,
 * as `ReadDirectoryChangesW` would.
 */
import * as C from "../../constants.js"
import { errnoOf, Refusal, statusOf } from "../../errno.js"
import * as notify from "../../notify.js"
import type { WatchParameters } from "../Kernel.js"
import type { News, Problem, Told } from "./watch/protocol.js"
import { type Client, shared } from "./watch/watcher.js"

/** Hears what has become of the directory; names are relative to it. */
export interface Listener {
  changed(records: ReadonlyArray<notify.Notified>): void
  /** Something has been lost. */
  overflowed(): void
  /** Nothing more will come. */
  failed(status: number): void
}

export class Tree implements Client {
  readonly #id: number
  #begun: ((error?: Error) => void) | undefined
  #ending = false
  #ended = false
  readonly #whenQuiet: Array<() => void> = []

  /** Begins to watch. Calls back when all of it is watched, or with why it cannot be. */
  constructor(
    readonly path: string,
    readonly parameters: WatchParameters,
    readonly listener: Listener,
    begun: (error?: Error) => void,
    readonly watcher = shared
  ) {
    this.#begun = begun
    this.#id = watcher.join(this)
    this.ask()
  }

  ask(): void {
    const { parameters, path } = this
    this.watcher.send(this.#ending ? { kind: "end", id: this.#id } : { kind: "watch", id: this.#id, path, parameters })
  }

  /** The last changes have been taken, and so many bytes of records may be told next. */
  taken(room: number): void {
    this.watcher.send({ kind: "taken", id: this.#id, room })
  }

  /** Watches no more. Calls back when nothing is watched. */
  end(quiet: () => void): void {
    if (this.#ended) return quiet()
    this.#whenQuiet.push(quiet)
    if (this.#ending) return
    this.#ending = true
    this.ask()
  }

  hear(news: News): void {
    if (news.kind === "ended") this.orphaned()
    else if (this.#ending) return
    else if (news.kind === "begun") this.#answer()
    else if (news.kind === "told") this.#told(news.records)
    else this.#failed(errorOf(news.problem))
  }

  orphaned(): void {
    if (!this.#ending) {
      return this.#failed(new Refusal(C.ERROR_NO_SYSTEM_RESOURCES, "the thread that watches has ended"))
    }
    this.#ended = true
    this.watcher.leave(this.#id)
    this.#answer(new Refusal(C.ERROR_OPERATION_ABORTED, "it is not watched any more"))
    for (const quiet of this.#whenQuiet.splice(0)) quiet()
  }

  #told(told: ReadonlyArray<Told>): void {
    const changes = told.filter(({ action, problem }) => action !== 0 || problem !== undefined)
    this.listener.changed(changes.map(({ action, name, problem }) => ({
      name,
      action: problem === undefined ? action : notify.unwatched(watchStatus(problem))
    })))
    if (changes.length < told.length) this.listener.overflowed()
  }

  #answer(error?: Error): void {
    const begun = this.#begun
    this.#begun = undefined
    begun?.(error)
  }

  #failed(error: Error): void {
    if (this.#begun !== undefined) this.#answer(error)
    // Windows says so of a directory that has been removed.
    else this.listener.failed(errnoOf(error) === "ENOENT" ? C.ERROR_ACCESS_DENIED : watchStatus(error))
  }
}

const errorOf = ({ code, message }: Problem): Error => Object.assign(new Error(message), { code })

/** The limits of inotify look like a full disk. */
export const watchStatus = (error: unknown): number =>
  errnoOf(error) === "ENOSPC" ? C.ERROR_NO_SYSTEM_RESOURCES : statusOf(error)

export const refusalOf = (error: unknown): unknown =>
  errnoOf(error) === "ENOSPC"
    ? new Refusal(
      C.ERROR_NO_SYSTEM_RESOURCES,
      "the system has no inotify watch left (fs.inotify.max_user_watches); a recursive watch takes one per directory",
      error
    )
    : error
