/**
 * Very many operations that are interrupted at random moments, on a pipe and on a file, with every byte accounted for.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as File from "../../src/File.js"
import type * as Kernel from "../../src/Kernel.js"
import * as Ledger from "../../src/Ledger.js"
import * as NamedPipe from "../../src/NamedPipe.js"
import * as Operation from "../../src/Operation.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import type { Win32Error } from "../../src/Win32Error.js"
import { random } from "./traces/script.js"

export interface Settings {
  readonly seed: number
  /** Operations in all: in every round half of them on a pipe and half on a file, both opened anew. */
  readonly operations: number
  readonly rounds: number
  /** Told after every round. */
  readonly progress?: ((round: number) => void) | undefined
}

export interface Report {
  /** Interruptions that came before the operation had ended, and time-outs likewise. */
  readonly interrupted: number
  readonly timedOut: number
  /**
   * Bytes of the pipe: of writes that succeeded, and received. The second may be more, by parts of interrupted writes.
   */
  readonly bytesWritten: number
  readonly bytesRead: number
  /** Comparisons of a byte of the file with what may be there. */
  readonly bytesCompared: number
  readonly ledgers: ReadonlyArray<Ledger.Ledger>
  /** The faults that were found. */
  readonly problems: ReadonlyArray<string>
}

type Io<A> = Effect.Effect<A, Win32Error>

export const run = (settings: Settings): Effect.Effect<Report, Win32Error, Kernel.Kernel> =>
  Effect.gen(function*() {
    const state = new State(settings.seed)
    const half = Math.floor(settings.operations / settings.rounds / 2)
    const ledgers: Array<Ledger.Ledger> = []
    for (let round = 1; round <= settings.rounds; round++) {
      ledgers.push(...yield* oneRound(state, half))
      settings.progress?.(round)
    }
    const { bytesCompared, bytesRead, bytesWritten, interrupted, problems, timedOut } = state
    return { interrupted, timedOut, bytesWritten, bytesRead, bytesCompared, ledgers, problems }
  })

/**
 * A round by itself: a pipe and a file, opened, used by about twice `half` operations and closed. Answers their
 * ledgers.
 */
export const oneRound = (
  state: State,
  half: number
): Effect.Effect<ReadonlyArray<Ledger.Ledger>, Win32Error, Kernel.Kernel> =>
  Effect.scoped(Effect.gen(function*() {
    const pipe = yield* onPipe(state, half)
    // How many reads it takes to receive what was written is not ours to say: the file makes up for it.
    const done = pipe.reduce((sum, { started }) => sum + started, 0)
    const ledgers = [...pipe, yield* onFile(state, Math.max(2 * half - done, half))]
    for (const ledger of ledgers) {
      if (!Ledger.isBalanced(ledger) || ledger.inFlight > 0 || ledger.quarantined > 0) {
        state.problems.push(`the ledger: ${Ledger.format(ledger)}`)
      }
    }
    return ledgers
  }))

/** The results of the rounds, and their random numbers. */
export class State {
  readonly below: (limit: number) => number
  readonly problems: Array<string> = []
  interrupted = 0
  timedOut = 0
  bytesWritten = 0
  bytesRead = 0
  bytesCompared = 0
  constructor(seed: number) {
    this.below = random(seed)
  }

  /**
   * Runs an operation of `ThreadpoolIo.cancellable` and, three times in four, interrupts it: at once, a few steps of
   * the fibers later, turns of the event loop later, or by a time-out. `undefined` when the interruption won.
   */
  perhaps<A>(operation: Io<A>): Effect.Effect<A | undefined, Win32Error> {
    const moment = this.below(8)
    return Effect.gen(this, function*() {
      if (moment < 2) return yield* operation
      // Inside the region, because the interruption that comes at its end takes the answer away.
      let answer: A | undefined
      const told = Effect.uninterruptible(Effect.map(operation, (value) => {
        answer = value
      }))
      if (moment >= 6) {
        yield* Effect.timeoutOption(told, this.below(3))
        if (answer === undefined) this.timedOut++
        return answer
      }
      const fiber = yield* Effect.fork(told)
      for (let step = this.below(4); step > 0; step--) yield* moment < 4 ? Effect.yieldNow() : turn
      yield* Fiber.interruptFork(fiber)
      const exit = yield* Fiber.await(fiber)
      if (answer !== undefined) return answer
      if (!Exit.isInterrupted(exit)) yield* exit
      this.interrupted++
      return undefined
    })
  }
}

const turn: Effect.Effect<void> = Effect.async<void>((resume) => void setImmediate(() => resume(Exit.void)))

// --- the pipe: one end writes, the other reads

const MOST = 4_096

let serial = 0

/** Prime, and at most a byte: the marks of writes that are in the pipe at once differ. */
const MARKS = 251

/** A write, as the reader must find it: so many bytes of its mark. */
interface Sent {
  readonly mark: number
  readonly length: number
  /** Whether all of it must come: known once it has ended. */
  whole: boolean | undefined
}

const onPipe = (
  state: State,
  operations: number
): Effect.Effect<ReadonlyArray<Ledger.Ledger>, Win32Error, Kernel.Kernel | Scope.Scope> =>
  Effect.gen(function*() {
    const name = `tpio-interruptions-${process.pid}-${serial++}`
    // Small buffers, where the system asks: a write pends as soon as the reader is behind.
    const server = yield* NamedPipe.listen(name, { inBufferSize: MOST, outBufferSize: MOST })
    const writer = yield* NamedPipe.connect(name)
    const reader = yield* NamedPipe.accept(server)
    const received = new Received(state)
    const writes = Math.floor(operations / 2)
    const writing = Effect.gen(function*() {
      for (let index = 0; index < writes; index++) {
        const sent: Sent = { mark: index % MARKS, length: 1 + state.below(MOST), whole: undefined }
        received.expect(sent)
        const buffer = new Uint8Array(sent.length).fill(sent.mark)
        const done = yield* state.perhaps(ThreadpoolIo.cancellable(writer.io, Operation.write({ buffer })))
        sent.whole = done !== undefined && done.bytesTransferred === sent.length
        if (sent.whole) state.bytesWritten += sent.length
      }
      const last: Sent = { mark: MARKS, length: 1, whole: true }
      received.expect(last)
      yield* NamedPipe.writeAll(writer, new Uint8Array([MARKS]))
      state.bytesWritten++
    })
    const buffer = new Uint8Array(MOST * 2)
    const reading = Effect.gen(function*() {
      while (!received.complete) {
        const done = yield* state.perhaps(ThreadpoolIo.cancellable(reader.io, Operation.read({ buffer })))
        if (done === undefined) continue
        if (done.endOfFile) return void state.problems.push("the pipe has ended too early")
        received.take(buffer.subarray(0, done.bytesTransferred))
      }
    })
    yield* Effect.all([writing, reading], { concurrency: 2, discard: true })
    return yield* Effect.all([ThreadpoolIo.ledger(writer.io), ThreadpoolIo.ledger(reader.io)])
  })

/** Compares what comes with what was sent: in order, whole where the write succeeded, any part of it otherwise. */
class Received {
  readonly #sent: Array<Sent> = []
  #at = 0
  /** Bytes of the first one that have come. */
  #of = 0
  complete = false

  constructor(readonly state: State) {}

  expect(sent: Sent): void {
    this.#sent.push(sent)
  }

  take(bytes: Uint8Array): void {
    this.state.bytesRead += bytes.length
    for (const byte of bytes) this.#take(byte)
    if (this.#at > 10_000) {
      this.#sent.splice(0, this.#at)
      this.#at = 0
    }
  }

  #take(byte: number): void {
    for (let sent = this.#sent[this.#at]; sent !== undefined; sent = this.#sent[++this.#at]) {
      if (byte === sent.mark && this.#of < sent.length) {
        this.#of++
        if (byte === MARKS) this.complete = true
        return
      }
      if (this.#of < sent.length && sent.whole !== false) {
        this.state.problems.push(`of a write of ${sent.length} bytes that succeeded, ${this.#of} have come`)
      }
      this.#of = 0
    }
    this.state.problems.push(`a byte ${byte} has come that nobody had sent`)
    this.complete = true
  }
}

// --- the file: regions that one fiber each writes and reads

const REGIONS = 16
const BLOCK = 4_096
const BLOCKS = 16

const onFile = (
  state: State,
  operations: number
): Effect.Effect<Ledger.Ledger, Win32Error, Kernel.Kernel | Scope.Scope> =>
  Effect.gen(function*() {
    const directory = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "tpio-"))),
      (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
    )
    const { io } = yield* File.open(join(directory, "file"), { access: "readwrite", disposition: "createNew" })
    yield* ThreadpoolIo.submit(
      io,
      Operation.write({ buffer: new Uint8Array(REGIONS * BLOCKS * BLOCK) })
    )
    const region = (index: number) => inRegion(state, io, index, Math.floor(operations / REGIONS))
    yield* Effect.forEach(Array.from({ length: REGIONS }, (_, index) => index), region, {
      concurrency: REGIONS,
      discard: true
    })
    return yield* ThreadpoolIo.ledger(io)
  })

const inRegion = (
  state: State,
  io: ThreadpoolIo.ThreadpoolIo,
  region: number,
  operations: number
): Effect.Effect<void, Win32Error> =>
  Effect.gen(function*() {
    /** Which bytes each block may have: one, or more after writes that were interrupted. */
    const possible = Array.from({ length: BLOCKS }, () => new Set([0]))
    const buffer = new Uint8Array(BLOCK)
    for (let index = 0; index < operations; index++) {
      const block = state.below(BLOCKS)
      const offset = (region * BLOCKS + block) * BLOCK
      if (state.below(2) === 0) {
        const mark = 1 + index % 255
        buffer.fill(mark)
        const done = yield* state.perhaps(ThreadpoolIo.cancellable(io, Operation.write({ buffer, offset })))
        if (done === undefined) possible[block]!.add(mark)
        else possible[block] = new Set([mark])
      } else {
        const done = yield* state.perhaps(ThreadpoolIo.cancellable(io, Operation.read({ buffer, offset })))
        if (done !== undefined) compare(state, buffer, done.bytesTransferred, possible[block]!)
      }
    }
    // The final contents are read without interruption.
    for (let block = 0; block < BLOCKS; block++) {
      const offset = (region * BLOCKS + block) * BLOCK
      const { bytesTransferred } = yield* ThreadpoolIo.submit(io, Operation.read({ buffer, offset }))
      compare(state, buffer, bytesTransferred, possible[block]!)
    }
  })

const compare = (state: State, buffer: Uint8Array, bytes: number, possible: ReadonlySet<number>): void => {
  if (bytes !== BLOCK) state.problems.push(`a read of the file got ${bytes} bytes`)
  for (const byte of buffer) {
    if (!possible.has(byte)) return void state.problems.push(`a byte ${byte} is in the file that nobody had written`)
  }
  state.bytesCompared += bytes
}
