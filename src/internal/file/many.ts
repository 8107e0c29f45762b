/**
 * Many reads or writes as one effect. The next one starts where one completes, without a turn of the fiber, which waits
 * once.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { File, ManyOptions, ReadRequest, WriteRequest } from "../../File.js"
import * as Operation from "../../Operation.js"
import type { Win32Error } from "../../Win32Error.js"
import { aNumber, InvalidArgument, oneOf, optionsOf, refusal } from "../arguments.js"
import * as c from "../constants.js"
import type { Lease } from "../engine/BufferPool.js"
import type { Operation as Issued, Request } from "../engine/Operation.js"
import { offsetProblem } from "../offset.js"
import { PoolBufferImpl } from "../PoolBuffer.js"
import { Flight, settleMany } from "../settle.js"
import { errorOf, failure } from "../submit.js"
import { isList, plainBytes, shown } from "../values.js"
import { alignmentProblem } from "./alignment.js"
import { inFlightProblem, noMemory, warn } from "./chunks.js"
import { Copies } from "./Copies.js"
import { isGenuine, notAFile, refused } from "./self.js"
import { requestOf } from "./Transfer.js"

const DEFAULT_IN_FLIGHT = 64

// --- a batch

abstract class Batch<A> {
  readonly flight = new Flight(() => this.#stop())
  /** The failure that has ended all of them. */
  failed: Effect.Effect<never, Win32Error> | undefined = undefined
  /** Why one has failed, where each stands for itself. */
  readonly errors = new Map<number, Win32Error>()
  readonly quarantined: Array<Issued> = []
  readonly #underWay: Array<Issued | undefined> = []
  #next = 0
  #end: number

  constructor(
    readonly self: File,
    readonly size: number,
    readonly inFlight: number,
    readonly failFast: boolean
  ) {
    this.#end = size
  }

  /** Why one of them cannot be, whatever the system says. */
  abstract problem(index: number): Win32Error | undefined
  /** The request to issue; `undefined`: there is no memory for it. */
  protected abstract request(index: number): Request | undefined
  /** It has ended, with so many bytes, and its memory is not the kernel's any more. */
  protected abstract ended(index: number, bytes: number): void
  /** The value of one that has succeeded. */
  abstract value(index: number): A

  /** Starts as many as may be under way. */
  pump(): void {
    while (this.#next < this.#end && this.flight.underWay < this.inFlight) this.#start(this.#next++)
  }

  #start(index: number): void {
    const problem = this.failFast ? undefined : this.problem(index)
    if (problem !== undefined) return this.#failed(index, problem)
    const request = this.request(index)
    if (request === undefined) return this.#failed(index, noMemory())
    const operation = this.self.io.object.submit(request)
    if (operation.delivered) return this.#delivered(index, operation)
    this.#underWay[index] = operation
    this.flight.add(operation, () => {
      this.#underWay[index] = undefined
      this.#delivered(index, operation)
      this.pump()
    })
  }

  #delivered(index: number, operation: Issued): void {
    const { bytes, ending, request, status } = operation
    const atEnd = status === c.ERROR_HANDLE_EOF && request.kind === "read"
    this.ended(index, bytes)
    if (ending === "completed" && (status === c.ERROR_SUCCESS || atEnd)) return
    if (ending === "quarantined") this.quarantined.push(operation)
    if (ending === "defect") this.#fail(failure(this.self.io, operation))
    else this.#failed(index, errorOf(this.self.io, operation))
  }

  #failed(index: number, error: Win32Error): void {
    if (this.failFast) this.#fail(Effect.fail(error))
    else this.errors.set(index, error)
  }

  /** The first failure ends the others; theirs are its doing. */
  #fail(failed: Effect.Effect<never, Win32Error>): void {
    if (this.failed !== undefined) return
    this.failed = failed
    this.#stop()
  }

  /** All have ended, or one has that ends all. */
  readonly finished = (): boolean =>
    this.failed !== undefined || (this.#next >= this.#end && this.flight.underWay === 0)

  #stop(): void {
    this.#end = 0
    for (const operation of this.#underWay) if (operation !== undefined) this.self.io.object.cancel(operation)
  }

  values(): Array<A> {
    return Array.from({ length: this.size }, (_, index) => this.value(index))
  }

  eithers(): Array<Either.Either<A, Win32Error>> {
    return Array.from({ length: this.size }, (_, index) => {
      const error = this.errors.get(index)
      return error === undefined ? Either.right(this.value(index)) : Either.left(error)
    })
  }
}

const problemOf = (self: File, index: number, request: Request): Win32Error | undefined => {
  const problem = request.problem ?? alignmentProblem(self, request)
  return problem === undefined
    ? undefined
    : refused(self, request.syscall, `Refused: number ${index} of the batch: ${problem}.`)
}

/** Each comes to memory of its own, or to a view of the buffer that was given for it. */
class Reads extends Batch<Uint8Array> {
  readonly #leases: Array<Lease | undefined> = []
  readonly #copies = new Copies()
  /** The bytes that have been read, or their number. */
  readonly #read: Array<Uint8Array | number> = []

  constructor(self: File, readonly requests: ReadonlyArray<ReadRequest>, inFlight: number, failFast: boolean) {
    super(self, requests.length, inFlight, failFast)
  }

  problem(index: number): Win32Error | undefined {
    const request = this.requests[index]!
    if (request.buffer !== undefined) return problemOf(this.self, index, Operation.read(request).request)
    const { length, offset } = request
    const problem = Number.isInteger(length) && length >= 0 && length <= c.MAXDWORD
      ? offsetProblem(offset, length)
      : `the length ${shown(length)} is not a whole number of bytes from 0 to ${c.MAXDWORD}`
    return problemOf(this.self, index, { ...requestOf("read", undefined, 0, length, 0), problem })
  }

  protected request(index: number): Request | undefined {
    const request = this.requests[index]!
    if (request.buffer !== undefined) return Operation.read(request).request
    const lease = this.#leases[index] = this.self.kernel.engine.buffers.lease(request.length)
    return lease === undefined ? undefined : requestOf("read", lease, 0, request.length, request.offset)
  }

  protected ended(index: number, bytes: number): void {
    const lease = this.#leases[index]
    this.#read[index] = lease === undefined ? bytes : this.#copies.copy(lease.block!.bytes, bytes)
    this.#leases[index] = undefined
    lease?.release()
  }

  value(index: number): Uint8Array {
    const read = this.#read[index]!
    if (typeof read !== "number") return read
    const { buffer, start = 0 } = this.requests[index] as Operation.Options
    return (buffer instanceof PoolBufferImpl ? buffer.bytes : plainBytes(buffer)!).subarray(start, start + read)
  }
}

/** Each comes to the bytes that were written. */
class Writes extends Batch<number> {
  readonly #written: Array<number> = []

  constructor(self: File, readonly requests: ReadonlyArray<WriteRequest>, inFlight: number, failFast: boolean) {
    super(self, requests.length, inFlight, failFast)
  }

  problem(index: number): Win32Error | undefined {
    return problemOf(this.self, index, this.request(index))
  }

  protected request(index: number): Request {
    return Operation.write(this.requests[index]!).request
  }

  protected ended(index: number, bytes: number): void {
    this.#written[index] = bytes
  }

  value(index: number): number {
    return this.#written[index]!
  }
}

// --- as an effect

const readOptions = optionsOf<ManyOptions>({ inFlight: aNumber, mode: oneOf("default", "either") })

/** A copy of each request as it is now: later changes to the caller's list, and to its items, do not matter. */
const copied = <Q extends ReadRequest>(requests: ReadonlyArray<Q>): ReadonlyArray<Q> | InvalidArgument => {
  if (!isList(requests)) return new InvalidArgument(`the requests must be a list, not ${shown(requests)}`)
  try {
    return Array.from(
      requests as ReadonlyArray<Operation.Options>,
      ({ buffer, length, offset, start }) => ({ buffer, length, offset, start }) as unknown as Q
    )
  } catch (cause) {
    return new InvalidArgument("the requests cannot be read", cause)
  }
}

type Results<A> = Array<A> | Array<Either.Either<A, Win32Error>>

const run = <A, Q extends ReadRequest>(
  self: File,
  syscall: string,
  requests: ReadonlyArray<Q>,
  given: ManyOptions,
  Kind: new(self: File, requests: ReadonlyArray<Q>, inFlight: number, failFast: boolean) => Batch<A>
): Effect.Effect<Results<A>, Win32Error> =>
  Effect.uninterruptibleMask((restore): Effect.Effect<Results<A>, Win32Error> => {
    const options = readOptions(given)
    if (options instanceof InvalidArgument) return Effect.fail(refusal(syscall, options, self))
    const copies = copied(requests)
    if (copies instanceof InvalidArgument) return Effect.fail(refusal(syscall, copies, self))
    const { inFlight = DEFAULT_IN_FLIGHT, mode } = options
    const problem = inFlightProblem(inFlight)
    if (problem !== undefined) {
      const error = refused(self, syscall, `Refused: ${problem}.`)
      return mode === "either" ? Effect.succeed(copies.map(() => Either.left(error))) : Effect.fail(error)
    }
    const batch = new Kind(self, copies, inFlight, mode !== "either")
    for (let index = 0; batch.failFast && index < batch.size; index++) {
      const problem = batch.problem(index)
      if (problem !== undefined) return Effect.fail(problem)
    }
    batch.pump()
    const end = () => batch.failed ?? Effect.sync(() => batch.failFast ? batch.values() : batch.eithers())
    const { finished, flight } = batch
    return settleMany(
      flight,
      finished() ? end() : Effect.flatMap(restore(flight.until(finished)), end),
      Effect.suspend(() => warn(self, batch.quarantined))
    )
  })

export const readMany = (self: File, requests: ReadonlyArray<ReadRequest>, options: ManyOptions = {}) =>
  isGenuine(self) ? run(self, "ReadFile", requests, options, Reads) : notAFile("ReadFile", self)

export const writeMany = (self: File, requests: ReadonlyArray<WriteRequest>, options: ManyOptions = {}) =>
  isGenuine(self) ? run(self, "WriteFile", requests, options, Writes) : notAFile("WriteFile", self)
