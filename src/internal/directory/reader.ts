/**
 * Reads what `ReadDirectoryChangesW` brings. One read is always in flight: the next one is issued, into the other
 * buffer, before the records of the last one are looked at. A fiber of its own runs each `ThreadpoolIo.submit`; only
 * the close of the `TP_IO` cancels it.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberRuntime from "effect/Runtime"
import * as Path from "node:path"
import type { PoolBuffer } from "../../BufferPool.js"
import type { Completion } from "../../Completion.js"
import type { Change, Place } from "../../Directory.js"
import * as Operation from "../../Operation.js"
import * as ThreadpoolIo from "../../ThreadpoolIo.js"
import * as Win32Error from "../../Win32Error.js"
import * as c from "../constants.js"
import type { Host } from "../kernel/Host.js"
import * as notify from "../notify.js"

/** How long the first half of a rename waits for the second, which the system has already when it gives the first. */
const RENAME_MILLIS = 100

/** The most that Windows takes for a directory on another machine; it refuses a larger buffer with 87. */
const MOST_FROM_ANOTHER_MACHINE = 64 << 10

type Read = Exit.Exit<Completion, Win32Error.Win32Error>

interface Watch {
  readonly recursive: boolean
  readonly filter: ReadonlyArray<Operation.Notification>
}

export class Reader {
  /** A stream is running. */
  busy = false
  /** The directory has been removed, as something else than a read has found out. */
  removed = false
  /** Reads that have ended. */
  ended = 0
  #pending: Fiber.RuntimeFiber<Read> | undefined = undefined
  #turn = 0
  #operations: ReadonlyArray<Operation.ReadDirectoryChanges>
  readonly #pairing = new notify.Pairing()
  /** Changes that no stream has taken yet, from `#at` on. */
  #changes: ReadonlyArray<Change> = []
  #at = 0
  /** A stream has been given the first of them, and has not asked for another one. */
  #given = false

  constructor(
    readonly path: string,
    readonly io: ThreadpoolIo.ThreadpoolIo,
    readonly buffers: readonly [PoolBuffer, PoolBuffer],
    readonly watch: Watch,
    readonly runtime: FiberRuntime.Runtime<never>,
    readonly host: Host
  ) {
    this.#operations = this.#reads(buffers[0].size)
  }

  /** The first read; fails with what the system refuses it for. */
  readonly begin: Effect.Effect<void, Win32Error.Win32Error> = Effect.suspend(() => {
    if (this.buffers[0].size <= MOST_FROM_ANOTHER_MACHINE) return this.#first()
    return Effect.catchIf(this.#first(), ({ code }) => code === c.ERROR_INVALID_PARAMETER, () => {
      this.#operations = this.#reads(MOST_FROM_ANOTHER_MACHINE)
      return this.#first()
    })
  })

  #reads(length: number): ReadonlyArray<Operation.ReadDirectoryChanges> {
    return this.buffers.map((buffer) => Operation.readDirectoryChanges({ buffer, length, ...this.watch }))
  }

  #first(): Effect.Effect<void, Win32Error.Win32Error> {
    const first = this.#read()
    // A scheduler may hold its fiber up before it has come to submit.
    const issued: Effect.Effect<void, Win32Error.Win32Error> = Effect.suspend(() => {
      if (this.io.object.counters.inFlight > 0) return Effect.void
      const read = first.unsafePoll()
      if (read === null) return Effect.zipRight(Effect.yieldNow(), issued)
      return Exit.isSuccess(read) && Exit.isFailure(read.value) ? Effect.failCause(read.value.cause) : Effect.void
    })
    return issued
  }

  /** The next change. It stays the next one until `given` has been called, and then this again, or `left`. */
  readonly next: Effect.Effect<Change, Win32Error.Win32Error> = Effect.suspend(() => {
    this.#taken()
    const first = this.#changes[this.#at]
    return first === undefined ? this.#pull : Effect.succeed(first)
  })

  /** The stream has the change: its fiber was not interrupted on the way. */
  readonly given = (change: Change): Change => {
    this.#given = true
    return change
  }

  /** The stream has ended. One that was interrupted, or failed, may not have done anything with its last change. */
  left(exit: Exit.Exit<unknown, unknown>): void {
    if (Exit.isSuccess(exit)) this.#taken()
    this.#given = false
    this.busy = false
  }

  #taken(): void {
    if (this.#given) this.#at++
    this.#given = false
  }

  /** Waits for reads until one has brought something. */
  readonly #pull: Effect.Effect<Change, Win32Error.Win32Error> = Effect.uninterruptibleMask((restore) => {
    const pull: Effect.Effect<Change, Win32Error.Win32Error> = Effect.suspend(() => {
      const pending = this.#pending ?? this.#read()
      const limit = this.#pairing.waits ? RENAME_MILLIS : Infinity
      return restore(this.#wait(pending, limit)).pipe(
        Effect.flatMap((read) => read === undefined ? Effect.succeed(this.#lone()) : this.#brought(read)),
        Effect.flatMap((changes) => {
          this.#changes = changes
          this.#at = 0
          return changes.length === 0 ? pull : Effect.succeed(changes[0]!)
        })
      )
    })
    return pull
  })

  /** Waits for a read without a hold on it: an interruption leaves it as it is. `undefined` after the limit. */
  #wait(read: Fiber.RuntimeFiber<Read>, limitMs: number): Effect.Effect<Read | undefined> {
    return Effect.async((resume) => {
      const observer = (exit: Exit.Exit<Read>): void => {
        stopTimer()
        resume(exit)
      }
      const expired = (): void => {
        read.removeObserver(observer)
        resume(Exit.succeed(undefined))
      }
      const stopTimer = limitMs === Infinity ? () => {} : this.host.setTimer(limitMs, expired)
      read.addObserver(observer)
      return Effect.sync(() => {
        stopTimer()
        read.removeObserver(observer)
      })
    })
  }

  /** Issues the next read, as soon as the scheduler lets its fiber run: as a rule in this very step. */
  #read(): Fiber.RuntimeFiber<Read> {
    const submit = Effect.exit(ThreadpoolIo.submit(this.io, this.#operations[this.#turn]!))
    const fiber = FiberRuntime.runFork(this.runtime)(submit)
    fiber.addObserver(() => this.ended++)
    return this.#pending = fiber
  }

  #brought(read: Read): Effect.Effect<ReadonlyArray<Change>, Win32Error.Win32Error> {
    this.#pending = undefined
    if (Exit.isFailure(read)) return Effect.catchAll(Effect.failCause(read.cause), (error) => this.#failed(error))
    const { bytesTransferred } = read.value
    const { bytes } = this.buffers[this.#turn]!
    this.#turn = 1 - this.#turn
    // Before the last buffer is looked at.
    this.#read()
    if (bytesTransferred === 0) return Effect.succeed(this.#lost([]))
    const { malformed, records } = notify.parse(bytes, bytesTransferred)
    const changes = this.#pairing.next(records).map(this.#change)
    return Effect.succeed(malformed ? this.#lost(changes) : changes)
  }

  #failed(error: Win32Error.Win32Error): Effect.Effect<ReadonlyArray<Change>, Win32Error.Win32Error> {
    if (!this.io.object.open) {
      return Effect.fail(this.#error(c.ERROR_INVALID_HANDLE, "Closed", "The scope of this Directory has closed."))
    }
    if (error.code === c.ERROR_NOTIFY_ENUM_DIR) {
      this.#read()
      return Effect.succeed(this.#lost([]))
    }
    return Effect.fail(
      this.removed || error.code === c.ERROR_ACCESS_DENIED
        ? this.#error(c.ERROR_ACCESS_DENIED, "NotFound", "The directory that was watched has been removed.")
        : error
    )
  }

  #error(code: number, reason: Win32Error.Reason, detail: string): Win32Error.Win32Error {
    const { handle } = this.io
    return Win32Error.make({ code, reason, detail, syscall: "ReadDirectoryChangesW", path: this.path, handle })
  }

  #lost(changes: ReadonlyArray<Change>): ReadonlyArray<Change> {
    return [...changes, ...this.#lone(), { _tag: "Overflow" }]
  }

  #lone(): ReadonlyArray<Change> {
    return this.#pairing.lone().map(this.#change)
  }

  readonly #change = (event: notify.Event): Change => {
    if (event._tag === "Renamed") {
      return { _tag: "Renamed", from: this.#place(event.from), to: this.#place(event.to) }
    }
    const place = this.#place(event.name)
    if (event._tag !== "Unwatched") return { _tag: event._tag, ...place }
    const detail = "This directory is not watched, nor is what is in it."
    const error = Win32Error.make({ code: event.code, detail, syscall: "ReadDirectoryChangesW", path: place.path })
    return { _tag: "Overflow", unwatched: { ...place, error } }
  }

  #place(name: string): Place {
    return { name, path: name === "" ? this.path : Path.join(this.path, name) }
  }
}
