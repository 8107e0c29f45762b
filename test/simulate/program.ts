/**
 * Random programs over the whole library, each against a model of what it does: actors that read, write, append, copy,
 * lock, watch, talk over pipes, open and close, while they interrupt, time out and race each other. What a program does
 * is decided by the same choices as what its system does.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import type * as Scope from "effect/Scope"
import type { Completion } from "../../src/Completion.js"
import * as File from "../../src/File.js"
import type { Choices } from "../../src/internal/kernel/simulated/Choices.js"
import type { Simulated } from "../../src/internal/testing/run.js"
import type { Kernel } from "../../src/Kernel.js"
import type * as Operation from "../../src/Operation.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import type { Win32Error } from "../../src/Win32Error.js"
import type { Place } from "./place.js"
import type { Profile } from "./profiles.js"

export type Io<A> = Effect.Effect<A, Win32Error, Kernel | Scope.Scope>

/** The common shape of the library's errors. */
interface Failure {
  readonly message: string
  readonly reason?: string | undefined
  readonly syscall?: string | undefined
}

/** Counts the deeds done to operations, for the figures. */
export class Doings {
  interrupted = 0
  timedOut = 0
  raced = 0
  failed = 0
}

export class Program {
  readonly doings = new Doings()
  constructor(
    readonly choices: Choices,
    readonly profile: Profile,
    readonly length: number,
    readonly place: Place
  ) {}

  /** Where a file is. */
  path(name: string): string {
    return this.place.path(name)
  }

  /** Its contents at this moment, without a question to the system. */
  contents(name: string): Uint8Array | undefined {
    return this.place.contents(name)
  }

  put(name: string, bytes: Uint8Array): void {
    this.place.put(name, bytes)
  }

  /** So many bytes that nobody else has. */
  bytes(length: number): Uint8Array {
    const seed = this.below(256)
    return Uint8Array.from({ length }, (_, at) => (seed + at * 7 + (at >> 5)) % 256)
  }

  /** Whether failures, and operations given up, go without a reason here. */
  get lenient(): boolean {
    return this.profile.fails || this.profile.hangs
  }

  below(n: number): number {
    return this.choices.below(n)
  }

  /** The value, or `undefined` where it failed, was interrupted or came too late; or was, and yet had its value. */
  perhaps<A, E extends Failure, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A | undefined, never, R> {
    return this.#stopped((told) =>
      Effect.matchEffect(effect, {
        onSuccess: (value) => Effect.sync(() => told(value)),
        onFailure: (error) => this.#failed(error)
      })
    )
  }

  /** The same for what tells how far it came when it is interrupted: none of it is lost. */
  counted(io: ThreadpoolIo.ThreadpoolIo, operation: Operation.Safe): Effect.Effect<Completion | undefined> {
    return this.#stopped<Completion, never>((told) =>
      Effect.uninterruptible(Effect.matchEffect(ThreadpoolIo.cancellable(io, operation), {
        onSuccess: (value) => Effect.sync(() => told(value)),
        onFailure: (error) => this.#failed(error)
      }))
    )
  }

  #failed(error: Failure): Effect.Effect<void> {
    this.doings.failed++
    return this.#expected(error) ? Effect.void : Effect.die(error)
  }

  #stopped<A, R>(
    make: (told: (value: A) => void) => Effect.Effect<void, never, R>
  ): Effect.Effect<A | undefined, never, R> {
    return Effect.suspend(() => {
      let answer: A | undefined
      const effect = make((value) => {
        answer = value
      })
      return Effect.map(this.#stop(effect), () => answer)
    })
  }

  #stop<R>(effect: Effect.Effect<void, never, R>): Effect.Effect<void, never, R> {
    switch (this.below(8)) {
      case 4:
      case 5:
        return this.#interrupted(effect)
      case 6:
        return Effect.map(Effect.timeoutOption(effect, this.below(40)), (option) => {
          if (option._tag === "None") this.doings.timedOut++
        })
      case 7:
        return Effect.map(Effect.race(effect, Effect.as(Effect.sleep(this.below(20)), "lost")), (value) => {
          if (value === "lost") this.doings.raced++
        })
      default:
        return effect
    }
  }

  #interrupted<R>(effect: Effect.Effect<void, never, R>): Effect.Effect<void, never, R> {
    return Effect.gen(this, function*() {
      const fiber = yield* Effect.fork(effect)
      for (let step = this.below(6); step > 0; step--) yield* Effect.yieldNow()
      if (this.below(2) === 1) yield* Effect.sleep(this.below(60))
      const exit = yield* Fiber.interrupt(fiber)
      if (Exit.isFailure(exit) && !Exit.isInterrupted(exit)) yield* exit
      if (Exit.isInterrupted(exit)) this.doings.interrupted++
    })
  }

  /** Failures that this system owes to nobody. */
  #expected(error: Failure): boolean {
    const { breaks, fails, hangs } = this.profile
    return fails || hangs || error.reason === "Cancelled" || (breaks && error.syscall !== "CloseHandle")
  }
}

export const program = (
  choices: Choices,
  profile: Profile,
  length: number,
  place: Place,
  actors: ReadonlyArray<Actor>
) => {
  const one = new Program(choices, profile, length, place)
  const run = (simulated: Simulated): Effect.Effect<unknown, unknown, Kernel> =>
    Effect.gen(function*() {
      const count = 1 + one.below(4)
      const chosen = Array.from(
        { length: count },
        (_, index) => actors[one.below(actors.length)]!(one, simulated, index)
      )
      yield* Effect.all(chosen.map((actor) => whereItCanFail(one)(Effect.scoped(actor))), {
        concurrency: "unbounded",
        discard: true
      })
    }).pipe(Effect.scoped, Logger.withMinimumLogLevel(LogLevel.None))
  return { run, doings: one.doings }
}

/** So that what was begun ends with the virtual day. */
const SOON = "10 minutes"

/** Opens a file, or finds that it cannot be done on this system. */
export const opened = (one: Program, path: string, options: File.OpenOptions = {}): Io<File.File | undefined> =>
  one.lenient
    ? Effect.option(File.open(one.path(path), { access: "readwrite", disposition: "openAlways", ...options })).pipe(
      Effect.map((option) => option._tag === "Some" ? option.value : undefined)
    )
    : File.open(one.path(path), { access: "readwrite", disposition: "openAlways", ...options })

export const settings = (one: Program): File.OpenOptions => ({
  skipMode: one.below(4) !== 3,
  maxInFlight: [64, 1, 2][one.below(3)]
})

export type Actor = (one: Program, simulated: Simulated, index: number) => Io<void>

/** On a system that fails, how an actor ends is no news; that it ends is, and what it finds wrong. */
const whereItCanFail =
  (one: Program) => <R>(effect: Effect.Effect<void, Win32Error, R>): Effect.Effect<void, Win32Error, R> =>
    one.profile.fails || one.profile.hangs || one.profile.breaks
      ? Effect.ignore(Effect.timeout(effect, SOON))
      : effect
