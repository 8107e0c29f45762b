/**
 * Threads of the portable kernel's own, for requests that are small: they are told through shared memory, so that a
 * request costs JavaScript a fourth of what a hand-over to libuv's threads costs. They are started when there is enough
 * to do, and until then, or where there cannot be any, libuv does everything. Large transfers are libuv's always: no
 * copy is made of them.
 */
import { availableParallelism } from "node:os"
import { Worker } from "node:worker_threads"
import { seconds } from "../../times.js"
import type { Calls, SmallCopy } from "../Calls.js"
import { type Descriptor, ownDescriptor, usesDescriptor } from "./descriptor.js"
import type { Answer, OpenedFile, Requests, Stat } from "./requests.js"
import { BYTES, CAPACITY, DATA, layout, type Shared, SUBMITTED, thread, WITHDRAWN } from "./thread.js"
import { errnoNamed, numberOf, type Operation, Request, requireInside, requireName } from "./threadRequest.js"

export { CAPACITY, DATA }

/** Requests before the first thread is started: a program that makes fewer never has one. */
const WORTH_A_THREAD = 64
/** Requests that wait before another thread is woken, or started: waking one costs as much as several requests. */
const BACKLOG = 8
/** The number of threads that libuv has. */
const MOST_THREADS = 4
/** More do not run at once; the others are for when some are stuck. */
const AT_ONCE = Math.min(MOST_THREADS, availableParallelism())
/**
 * Turns of the event loop that find nothing before JavaScript sleeps: it takes longer to be woken. Where looking again
 * does not help, because the threads have no processor of their own just now, JavaScript soon looks less often.
 */
const MOST_POLLS = 5
/** Sleeps without a look before one is tried again. */
const BLIND_SLEEPS = 32

export class Threads implements Requests {
  readonly #control = new SharedArrayBuffer(BYTES)
  readonly #data = new SharedArrayBuffer(CAPACITY * DATA)
  readonly #words = new Int32Array(this.#control)
  readonly #numbers = new Float64Array(this.#control)
  readonly #integers = new BigInt64Array(this.#control)
  readonly #requests = Array.from(
    { length: CAPACITY },
    (_, slot) => new Request(slot, this.#words, this.#numbers, this.#integers, this.#data)
  )
  readonly #free = [...this.#requests]
  readonly #workers = new Map<number, Worker>()
  #started = 0
  #booting = false
  #failed = false
  #wanted = 0
  #inFlight = 0
  /** The most at once since there was none, and before that. */
  #together = 0
  #before = 0
  /** Completed, oldest last. */
  readonly #completed: Array<Request> = []
  #awake = false
  #asleep = false
  #idle = 0
  #polls = MOST_POLLS
  #blind = 0

  constructor(readonly descriptor: () => Descriptor = ownDescriptor) {
    this.#words[layout.completed] = -1
  }

  /**
   * Decides whether a small request, `alone` or not, is for a thread of ours. One by itself is back from libuv's
   * sooner.
   */
  wanted(alone: boolean): boolean {
    if (alone && this.#before < 2) return false
    if (this.#workers.size > 0) return true
    if (++this.#wanted >= WORTH_A_THREAD) this.#start()
    return false
  }

  /** Whether there is a thread to ask. */
  get running(): boolean {
    return this.#workers.size > 0
  }

  // --- threads

  #start(): void {
    if (this.#booting || this.#failed) return
    this.#booting = true
    const id = ++this.#started
    let descriptor: Descriptor | undefined
    const shared: Shared = {
      layout,
      control: this.#control,
      data: this.#data,
      thread: id,
      notSupported: errnoNamed("ENOTSUP")
    }
    try {
      const { close, ...shown } = descriptor = this.descriptor()
      const workerData = { shared, shown }
      const worker = new Worker(source, { eval: true, workerData, trackUnmanagedFds: false, execArgv: [] })
      // Where descriptors belong to one thread, as in Deno, it cannot use ours: it says so, ends, and stays the only
      // one.
      worker.on("message", (usesOurs: boolean) => {
        if (!usesOurs) return
        this.#booting = false
        this.#workers.set(id, worker)
        // JavaScript may sleep while all threads are stuck: it looks again whether this one is enough.
        if (this.#asleep) Atomics.notify(this.#words, layout.completed)
      })
      worker.on("error", () => {})
      worker.on("exit", () => this.#exited(id))
      worker.once("message", close).once("exit", close)
      worker.unref()
    } catch {
      this.#failed = true
      descriptor?.close()
    }
  }

  /**
   * Not by itself: it has run out of memory, or there may be no threads here. What it had begun is not known to be
   * done.
   */
  #exited(id: number): void {
    this.#booting = false
    this.#failed = true
    if (!this.#workers.delete(id)) return
    this.#take()
    for (const request of this.#requests) {
      const lost = this.#words[request.base + layout.thread] === id || this.#workers.size === 0
      if (request.answer !== undefined && lost && !this.#completed.includes(request)) this.#lose(request)
    }
    // JavaScript may sleep, and nobody else wake it.
    Atomics.notify(this.#words, layout.completed)
  }

  #lose(request: Request): void {
    request.lost = true
    this.#completed.unshift(request)
  }

  // --- requests

  open(path: string, flags: number, mode: number, answer: Answer<number>): void {
    this.#named("open", path, undefined, flags, mode, answer)
  }

  openAndStat(path: string, flags: number, mode: number, answer: Answer<OpenedFile>): void {
    this.#named("openAndStat", path, undefined, flags, mode, answer)
  }

  close(fd: number, answer: Answer): void {
    this.#submit("close", fd, 0, 0, answer)
  }

  fstat(fd: number, answer: Answer<Stat>): void {
    this.#submit("fstat", fd, 0, 0, answer)
  }

  lstat(path: string, answer: Answer<Stat>): void {
    this.#named("lstat", path, undefined, 0, 0, answer)
  }

  read(fd: number, bytes: Uint8Array, start: number, length: number, position: number, answer: Answer<number>): void {
    requireInside(bytes, start, length)
    const request = this.#next()
    request.bytes = bytes
    request.start = start
    this.#begin(request, "read", fd, length, position, answer)
  }

  write(fd: number, bytes: Uint8Array, start: number, length: number, position: number, answer: Answer<number>): void {
    requireInside(bytes, start, length)
    const request = this.#next()
    request.data.set(length === bytes.length ? bytes : bytes.subarray(start, start + length))
    this.#begin(request, "write", fd, length, position, answer)
  }

  ftruncate(fd: number, length: number, answer: Answer): void {
    this.#submit("ftruncate", fd, length, 0, answer)
  }

  fsync(fd: number, answer: Answer): void {
    this.#submit("fsync", fd, 0, 0, answer)
  }

  fchmod(fd: number, mode: number, answer: Answer): void {
    this.#submit("fchmod", fd, mode, 0, answer)
  }

  futimes(fd: number, accessedNs: bigint, modifiedNs: bigint, answer: Answer): void {
    this.#submit("futimes", fd, seconds(accessedNs), seconds(modifiedNs), answer)
  }

  unlink(path: string, answer: Answer): void {
    this.#named("unlink", path, undefined, 0, 0, answer)
  }

  rename(from: string, to: string, answer: Answer): void {
    this.#named("rename", from, to, 0, 0, answer)
  }

  linkAndUnlink(from: string, to: string, answer: Answer): void {
    this.#named("linkAndUnlink", from, to, 0, 0, answer)
  }

  /** `open`, `fstat` and all the rest of a copy, of a file that fits into the memory of a thread. */
  copySmall(
    { follow, from, keeps, limit, mode, times, to, verify }: Calls["CopySmallFile"][0],
    answer: Answer<SmallCopy>
  ): void {
    const asked = (times ? 1 : 0) | (verify ? 2 : 0) | (follow ? 4 : 0)
    this.#named("copySmall", from, to, mode, keeps ?? -1, answer, limit, asked)
  }

  /** It completes all the same, without being done: the slot comes back with it. */
  withdraw(answer: Answer<number>, gone: () => void): boolean {
    const request = this.#requests.find((request) => request.answer === answer)
    if (request === undefined) return false
    const state = request.base + layout.state
    if (Atomics.compareExchange(this.#words, state, SUBMITTED, WITHDRAWN) !== SUBMITTED) return false
    request.answer = gone
    request.withdrawn = true
    return true
  }

  // --- submission

  #next(): Request {
    const request = this.#free.pop()
    if (request === undefined) throw new Error("more requests at once than the portable kernel has room for")
    return request
  }

  #submit(operation: Operation, a: number, b: number, c: number, answer: Answer<never>): void {
    this.#begin(this.#next(), operation, a, b, c, answer)
  }

  #named(
    operation: Operation,
    path: string,
    second: string | undefined,
    a: number,
    b: number,
    answer: Answer<never>,
    c = 0,
    d = 0
  ): void {
    requireName(path)
    if (second !== undefined) requireName(second)
    const request = this.#next()
    request.path = path
    const { base, data } = request
    const length = data.write(path)
    this.#words[base + layout.firstName] = length
    if (second !== undefined) this.#words[base + layout.secondName] = data.write(second, length)
    this.#numbers[request.numbers + 3] = d
    this.#begin(request, operation, a, b, c, answer)
  }

  #begin(request: Request, operation: Operation, a: number, b: number, c: number, answer: Answer<never>): void {
    const { base, numbers, slot } = request
    const words = this.#words
    request.operation = operation
    request.answer = answer
    this.#numbers[numbers] = a
    this.#numbers[numbers + 1] = b
    this.#numbers[numbers + 2] = c
    words[base + layout.operation] = numberOf[operation]
    words[base + layout.thread] = 0
    if (++this.#inFlight > this.#together) this.#together = this.#inFlight
    this.#wake()
    // The last thread has ended since this one was let in.
    if (this.#workers.size === 0) return this.#lose(request)
    Atomics.store(words, base + layout.state, SUBMITTED)
    const submitted = words[layout.submitted]!
    Atomics.store(words, layout.queue + (submitted & (CAPACITY - 1)), slot)
    Atomics.store(words, layout.submitted, (submitted + 1) | 0)
    const running = this.#workers.size - Atomics.load(words, layout.sleepers)
    if (running <= 0) this.#rouse()
    else if (this.#asleep || (running < AT_ONCE && this.#untaken() > BACKLOG)) this.#help()
  }

  /** Requests that no thread has begun. */
  #untaken(): number {
    return (this.#words[layout.submitted]! - Atomics.load(this.#words, layout.taken)) | 0
  }

  /** Wakes a thread. It is no sleeper any more from now on, and not only when it runs. */
  #rouse(): void {
    const woken = Atomics.notify(this.#words, layout.submitted, 1)
    if (woken > 0) Atomics.sub(this.#words, layout.sleepers, woken)
  }

  /** The threads that run are too few, or what they do takes long: another one. */
  #help(): void {
    if (Atomics.load(this.#words, layout.sleepers) > 0) this.#rouse()
    else if (this.#workers.size < MOST_THREADS) this.#start()
  }

  // --- completion

  #wake(): void {
    if (this.#awake) return
    this.#awake = true
    this.#idle = 0
    setImmediate(this.#turn)
  }

  readonly #turn = (): void => {
    this.#take()
    if (this.#completed.length > 0) {
      if (this.#idle > 0) this.#polls = MOST_POLLS
      this.#idle = 0
    } else if (this.#untaken() > 0) this.#help()
    try {
      while (this.#completed.length > 0) this.#finish(this.#completed.pop()!)
    } finally {
      // Also when one that was told has thrown: the others are not its fault.
      if (this.#inFlight === 0) this.#awake = false
      else if (this.#completed.length > 0 || this.#idle++ < this.#polls) setImmediate(this.#turn)
      else this.#sleep()
    }
  }

  #take(): void {
    const words = this.#words
    if (Atomics.load(words, layout.completed) <= 0) return
    let link = Atomics.exchange(words, layout.completed, -1)
    while (link > 0) {
      const request = this.#requests[link - 1]!
      this.#completed.push(request)
      link = words[request.base + layout.next]!
    }
  }

  /**
   * Until a thread completes something. A thread that completed it just now has seen JavaScript awake, and told nobody.
   */
  #sleep(): void {
    const words = this.#words
    if (this.#polls > 0) this.#polls--
    else if (++this.#blind === BLIND_SLEEPS) {
      this.#blind = 0
      this.#polls = 1
    }
    if (Atomics.compareExchange(words, layout.completed, -1, 0) !== -1) {
      setImmediate(this.#turn)
      return
    }
    const waiting = Atomics.waitAsync(words, layout.completed, 0)
    if (!waiting.async) {
      setImmediate(this.#turn)
      return
    }
    this.#asleep = true
    // The wait by itself does not keep the process alive.
    const [worker] = this.#workers.values()
    worker?.ref()
    void waiting.value.then(() => {
      worker?.unref()
      this.#asleep = false
      Atomics.compareExchange(words, layout.completed, 0, -1)
      this.#idle = 0
      // Out of the promise: what is thrown there would be an unhandled rejection.
      process.nextTick(this.#turn)
    })
  }

  #finish(request: Request): void {
    const { answer } = request
    const problem = request.problem()
    const value = problem === null ? request.value() : undefined
    request.withdrawn = request.lost = false
    request.answer = request.path = request.bytes = undefined
    this.#free.push(request)
    if (--this.#inFlight === 0) {
      this.#before = this.#together
      this.#together = 0
    }
    answer!(problem, value as never)
  }
}

/** Some tools rename functions with a helper that is not there in another thread. It may be a script or a module. */
const source = `const __name = (f) => f
const load = process.getBuiltinModule ?? require
const fs = load("node:fs")
const { parentPort, workerData: { shared, shown } } = load("node:worker_threads")
const usesOurs = (${usesDescriptor})(fs, shown)
parentPort.postMessage(usesOurs)
if (usesOurs) (${thread})(fs, shared, ${seconds})`
