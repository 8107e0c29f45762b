/**
 * Random programs over the whole library, each against a model of what it does: actors that read, write, append, copy, lock,
 * talk over pipes, open and close, while they interrupt, time out and race each other. What a program does is decided by the
 * same choices as what its system does.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import type * as Scope from "effect/Scope"
import * as BufferPool from "../../src/BufferPool.js"
import * as CallbackEnvironment from "../../src/CallbackEnvironment.js"
import type { Completion } from "../../src/Completion.js"
import * as File from "../../src/File.js"
import * as Handle from "../../src/Handle.js"
import type { Choices } from "../../src/internal/kernel/simulated/Choices.js"
import { DiskFile } from "../../src/internal/kernel/simulated/disk.js"
import type { Simulated } from "../../src/internal/testing/run.js"
import type { Kernel } from "../../src/Kernel.js"
import * as NamedPipe from "../../src/NamedPipe.js"
import * as Operation from "../../src/Operation.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import type { Win32Error } from "../../src/Win32Error.js"
import type { Profile } from "./profiles.js"
import { Received } from "./received.js"
import { Region } from "./region.js"

type Io<A> = Effect.Effect<A, Win32Error, Kernel | Scope.Scope>

/** What has been done to operations, for the figures. */
export class Doings {
  interrupted = 0
  timedOut = 0
  raced = 0
  failed = 0
}

export class Program {
  readonly doings = new Doings()
  constructor(readonly choices: Choices, readonly profile: Profile, readonly length: number) {}

  below(n: number): number {
    return this.choices.below(n)
  }

  /** The value, or `undefined` where it failed, was interrupted or came too late; or was, and yet had its value. */
  perhaps<A, R>(effect: Effect.Effect<A, Win32Error, R>): Effect.Effect<A | undefined, never, R> {
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

  #failed(error: Win32Error): Effect.Effect<void> {
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
  #expected(error: Win32Error): boolean {
    const { breaks, fails, hangs } = this.profile
    return fails || hangs || error.reason === "Cancelled" || (breaks && error.syscall !== "CloseHandle")
  }
}

export const program = (choices: Choices, profile: Profile, length: number) => {
  const one = new Program(choices, profile, length)
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
const opened = (one: Program, path: string, options: File.OpenOptions = {}): Io<File.File | undefined> =>
  one.profile.fails || one.profile.hangs
    ? Effect.option(File.open(path, { access: "readwrite", disposition: "openAlways", ...options })).pipe(
      Effect.map((option) => option._tag === "Some" ? option.value : undefined)
    )
    : File.open(path, { access: "readwrite", disposition: "openAlways", ...options })

const settings = (one: Program): File.OpenOptions => ({
  skipMode: one.below(4) !== 3,
  maxInFlight: [64, 1, 2][one.below(3)]
})

type Actor = (one: Program, simulated: Simulated, index: number) => Io<void>

const actors: ReadonlyArray<Actor> = [
  // Reads and writes on a region of one file that everybody shares.
  (one, _, index) =>
    Effect.gen(function*() {
      const file = yield* opened(one, "shared", settings(one))
      if (file === undefined) return
      const region = new Region(64, one.profile.hangs)
      for (let step = 0; step < one.length; step++) {
        const at = one.below(56)
        const length = 1 + one.below(8)
        const offset = index * 64 + at
        if (one.below(2) === 0) {
          const buffer = new Uint8Array(length).fill(1 + step % 255)
          const done = yield* one.counted(file.io, Operation.write({ buffer, offset }))
          if (done === undefined || done.cancelRequested) region.unknown(at, length, buffer[0]!)
          if (done !== undefined) region.written(at, done.bytesTransferred, buffer[0]!)
        } else {
          const buffer = new Uint8Array(length)
          const done = yield* one.perhaps(File.submit(file, Operation.read({ buffer, offset })))
          if (done !== undefined) region.compare(at, buffer.subarray(0, done.bytesTransferred))
        }
      }
    }),
  // Writes out of a buffer of the pool and reads it back into another, several in flight.
  (one, _, index) =>
    Effect.gen(function*() {
      const file = yield* opened(one, `pool ${index}`, settings(one))
      if (file === undefined) return
      const buffer = yield* BufferPool.make(64)
      const into = yield* BufferPool.make(64)
      for (let step = 0; step < one.length / 4; step++) {
        const windows = Array.from({ length: 1 + one.below(4) }, (_, part) => part)
        yield* Effect.forEach(windows, (part) =>
          Effect.gen(function*() {
            const mark = (step * 4 + part) % 256
            buffer.bytes.fill(mark, part * 16, part * 16 + 16)
            const window = { start: part * 16, length: 16, offset: part * 16 }
            const wrote = yield* one.perhaps(File.submit(file, Operation.write({ buffer, ...window })))
            // A buffer whose operation was given up is the kernel's, for good.
            if (wrote === undefined && one.profile.hangs) return yield* Effect.never
            if (wrote === undefined || wrote.bytesTransferred < 16) return
            const read = yield* one.perhaps(File.submit(file, Operation.read({ buffer: into, ...window })))
            if (read === undefined && one.profile.hangs) return yield* Effect.never
            if (read === undefined) return
            for (let at = 0; at < read.bytesTransferred; at++) {
              if (into.bytes[part * 16 + at] !== mark) return yield* Effect.dieMessage("a pool buffer has other bytes")
            }
          }), { concurrency: "unbounded", discard: true })
      }
    }),
  // Appends: every one that succeeded is there once, those that were stopped at most once.
  (one, simulated, index) =>
    Effect.gen(function*() {
      const path = `log ${index}`
      const file = yield* opened(one, path, settings(one))
      if (file === undefined) return
      const sure = new Map<number, boolean>()
      const numbers = Array.from({ length: Math.min(200, one.length) }, (_, number) => number)
      yield* Effect.forEach(numbers, (number) =>
        Effect.map(
          one.counted(file.io, Operation.append({ buffer: new Uint8Array(4).fill(number + 1) })),
          (done) => sure.set(number, done !== undefined && done.bytesTransferred === 4)
        ), { concurrency: 1 + one.below(6), discard: true })
      if (one.profile.fails || one.profile.hangs) return
      const bytes = simulated.kernel.disk.files.names.get(path)!.contents()
      const found = new Map<number, number>()
      for (let at = 0; at < bytes.length; at += 4) {
        const number = bytes[at]! - 1
        if (bytes.subarray(at, at + 4).some((byte) => byte !== bytes[at])) yield* Effect.dieMessage("an append is torn")
        found.set(number, (found.get(number) ?? 0) + 1)
      }
      for (const [number, certain] of sure) {
        const times = found.get(number) ?? 0
        if (times > 1 || (certain && times === 0)) {
          yield* Effect.dieMessage(`append ${number}, ${certain ? "which succeeded," : ""} is there ${times} times`)
        }
      }
    }),
  // A pipe, both ends: what was written comes, in order, once.
  (one, _, index) =>
    Effect.gen(function*() {
      const name = `pipe ${index}`
      const sizes = { inBufferSize: 1 + one.below(40), outBufferSize: 1 + one.below(40) }
      const io = { skipMode: one.below(4) !== 3, drainTimeout: "5 seconds" } as const
      const server = yield* NamedPipe.listen(name, { ...sizes, ...io, backlog: 1 + one.below(2) })
      const writer = yield* NamedPipe.connect(name, io)
      const reader = yield* NamedPipe.accept(server)
      const received = new Received(one.profile.hangs)
      const writing = Effect.gen(function*() {
        for (let step = 0; step < one.length / 2; step++) {
          const sent = received.expect(step % Received.LAST, 1 + one.below(30))
          const buffer = new Uint8Array(sent.length).fill(sent.mark)
          const done = yield* one.counted(writer.io, Operation.write({ buffer }))
          sent.atLeast = done?.bytesTransferred ?? 0
          sent.atMost = done === undefined || done.cancelRequested ? sent.length : done.bytesTransferred
        }
        received.expect(Received.LAST, 1)
        yield* NamedPipe.writeAll(writer, new Uint8Array([Received.LAST]))
      })
      const reading = Effect.gen(function*() {
        const buffer = new Uint8Array(64)
        while (!received.complete) {
          const done = yield* one.counted(reader.io, Operation.read({ buffer }))
          if (done === undefined) continue
          if (done.endOfFile && one.profile.breaks) return
          if (done.endOfFile) return yield* Effect.dieMessage("the pipe has ended too early")
          received.take(buffer.subarray(0, done.bytesTransferred))
        }
      })
      yield* Effect.all([writing, reading], { concurrency: 2, discard: true })
    }),
  // Messages: each whole, in order; a question has its answer.
  (one, _, index) =>
    Effect.gen(function*() {
      const name = `messages ${index}`
      const server = yield* NamedPipe.listen(name, { messages: true })
      const client = yield* NamedPipe.connect(name, { messages: true })
      const end = yield* NamedPipe.accept(server)
      const count = Math.ceil(one.length / 4)
      const answering = Effect.gen(function*() {
        for (let step = 0; step < count; step++) {
          const message = yield* NamedPipe.readMessage(end)
          if (message._tag === "None" && one.profile.breaks) return
          if (message._tag === "None") return yield* Effect.dieMessage("no message")
          yield* NamedPipe.write(end, message.value.map((byte) => byte + 1))
        }
      })
      const asking = Effect.gen(function*() {
        for (let step = 0; step < count; step++) {
          const question = new Uint8Array(1 + one.below(20)).fill(step)
          const answer = yield* NamedPipe.transact(client, question)
          if (answer.length !== question.length || answer.some((byte) => byte !== (step + 1) % 256)) {
            yield* Effect.dieMessage("the answer is another question's")
          }
        }
      })
      yield* Effect.all([answering, asking], { concurrency: 2, discard: true })
    }),
  // Locks: nobody else is inside.
  (one, _, index) =>
    Effect.gen(function*() {
      const path = `locked ${index}`
      let inside = 0
      const visit = (file: File.File, exclusive: boolean) => {
        // An interruption may come between the lock and the first step inside.
        let entered = 0
        return File.withLock(
          file,
          { offset: 0, length: 10, exclusive, wait: one.below(4) !== 3 },
          Effect.gen(function*() {
            if (exclusive ? inside !== 0 : inside < 0) yield* Effect.dieMessage("two hold an exclusive lock")
            entered = exclusive ? -1 : 1
            inside += entered
            yield* Effect.sleep(one.below(10))
          }).pipe(Effect.ensuring(Effect.sync(() => {
            inside -= entered
          })))
        ).pipe(Effect.catchIf((error) => error.reason === "Busy", () => Effect.void))
      }
      yield* Effect.forEach([1, 2, 3], () =>
        Effect.scoped(Effect.gen(function*() {
          const file = yield* opened(one, path, settings(one))
          if (file === undefined) return
          for (let step = 0; step < one.length / 8; step++) yield* one.perhaps(visit(file, one.below(3) !== 2))
        })), { concurrency: 3, discard: true })
    }),
  // A copy, by hand, that is complete when it says so.
  (one, simulated, index) =>
    Effect.gen(function*() {
      const from = `source ${index}`
      const bytes = new Uint8Array(one.below(300)).map((_, at) => at * 7)
      simulated.kernel.disk.files.create(from).write(bytes, 0)
      const copied = yield* one.perhaps(Effect.scoped(Effect.gen(function*() {
        const source = yield* File.open(from)
        const target = yield* File.open(`${from}.part`, { access: "readwrite", disposition: "createAlways" })
        const buffer = yield* BufferPool.make(32)
        for (let offset = 0;;) {
          const length = yield* File.read(source, buffer, offset)
          if (length === 0) break
          for (let done = 0; done < length;) {
            const window = { start: done, length: length - done, offset: offset + done }
            const { bytesTransferred } = yield* File.submit(target, Operation.write({ buffer, ...window }))
            done += bytesTransferred
          }
          offset += length
        }
        yield* File.sync(target)
        yield* File.rename(`${from}.part`, `copy ${index}`, { replace: true })
        return true
      })))
      const copy = simulated.kernel.disk.files.names.get(`copy ${index}`)
      if (copied === true && copy === undefined) yield* Effect.dieMessage("the copy is not there")
      if (copy !== undefined && Buffer.compare(copy.contents(), bytes) !== 0) {
        yield* Effect.dieMessage("the copy is not whole")
      }
    }),
  // Opens, forks, closes with everything in flight; on pools and in groups of its own.
  (one, simulated, index) =>
    Effect.gen(function*() {
      for (let step = 0; step < one.length / 6; step++) {
        const inside = Effect.scoped(Effect.gen(function*() {
          const file = yield* opened(one, `churn ${index}`, settings(one))
          if (file === undefined) return
          for (let forks = one.below(5); forks > 0; forks--) {
            const offset = one.below(50)
            const operation = one.below(2) === 0
              ? Operation.read({ buffer: new Uint8Array(8), offset })
              : Operation.write({ buffer: new Uint8Array(8), offset })
            yield* Effect.fork(Effect.exit(ThreadpoolIo.submit(file.io, operation)))
          }
          if (one.below(2) === 1) yield* Effect.yieldNow()
          if (one.below(4) === 3) {
            yield* Effect.zipRight(ThreadpoolIo.cancelAll(file.io), ThreadpoolIo.awaitIdle(file.io))
          }
        }))
        const where = one.below(4)
        yield* one.perhaps(
          where === 0
            ? inside
            : where < 3
            ? Effect.scoped(Effect.flatMap(
              CallbackEnvironment.make(where === 1 ? { threadpool: { maxThreads: 2 } } : { cleanupGroup: true }),
              (environment) => CallbackEnvironment.provide(inside, environment)
            ))
            : borrowing(one, simulated, `borrowed ${index}`)
        )
      }
    })
]

/** Somebody else's handle: bound, used, unbound, and still theirs. */
const borrowing = (one: Program, { kernel }: Simulated, path: string): Effect.Effect<void, Win32Error, Kernel> =>
  Effect.suspend(() => {
    const file = kernel.disk.files.names.get(path) ?? kernel.disk.files.create(path)
    const open = { file, readable: true, writable: true, writableAttributes: true, deleteOnClose: undefined }
    const handle = kernel.openHandle(new DiskFile(kernel.disk, open, path))
    const use = Effect.scoped(Effect.gen(function*() {
      const io = yield* ThreadpoolIo.make(Handle.make(handle))
      const buffer = new Uint8Array(4).fill(9)
      yield* Effect.fork(Effect.exit(ThreadpoolIo.submit(io, Operation.write({ buffer, offset: one.below(4) }))))
      if (one.below(2) === 1) yield* ThreadpoolIo.submit(io, Operation.write({ buffer, offset: 8 }))
    }))
    const close = Effect.async<void>((resume) => {
      kernel.call("CloseHandle", { handle }, () => resume(Exit.void))
    })
    // What is quarantined keeps its handle.
    return Effect.ensuring(
      Effect.zipRight(use, use),
      Effect.suspend(() => one.profile.hangs ? Effect.void : Effect.uninterruptible(close))
    )
  })

/** On a system that fails, how an actor ends is no news; that it ends is, and what it finds wrong. */
const whereItCanFail =
  (one: Program) => <R>(effect: Effect.Effect<void, Win32Error, R>): Effect.Effect<void, Win32Error, R> =>
    one.profile.fails || one.profile.hangs || one.profile.breaks
      ? Effect.ignore(Effect.timeout(effect, SOON))
      : effect
