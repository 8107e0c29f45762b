/**
 * The queue for threads, in order of arrival. libuv has four for the whole process; the kernels leave one to everybody
 * else, so that a slow disk never stops their `dns.lookup`. The portable kernel's own threads have as many requests as
 * fit.
 */
import type { Requests } from "./portable/requests.js"

/** Something that makes one request at a time from `run` until it calls `Gate.leave`. */
export interface Waiter {
  next: Waiter | undefined
  previous: Waiter | undefined
  /** The queue it waits in. */
  queue: WaitQueue | undefined
  run(): void
}

/** An intrusive list: waiting allocates nothing, and leaving from the middle is as cheap as from the front. */
export class WaitQueue {
  #first: Waiter | undefined = undefined
  #last: Waiter | undefined = undefined

  push(job: Waiter): void {
    job.queue = this
    job.previous = this.#last
    if (this.#last === undefined) this.#first = job
    else this.#last.next = job
    this.#last = job
  }

  shift(): Waiter | undefined {
    const job = this.#first
    if (job !== undefined) this.remove(job)
    return job
  }

  remove(job: Waiter): void {
    if (job.previous === undefined) this.#first = job.next
    else job.previous.next = job.next
    if (job.next === undefined) this.#last = job.previous
    else job.next.previous = job.previous
    job.next = job.previous = job.queue = undefined
  }
}

export class Gate {
  readonly #queue = new WaitQueue()
  #running = 0

  get idle(): boolean {
    return this.#running === 0
  }

  constructor(readonly limit: number, readonly requests: Requests) {}

  enter(job: Waiter): void {
    if (this.#running === this.limit) {
      this.#queue.push(job)
      return
    }
    this.#running++
    job.run()
  }

  leave(): void {
    const job = this.#queue.shift()
    if (job === undefined) this.#running--
    else job.run()
  }
}

/** The number of threads that libuv makes of `UV_THREADPOOL_SIZE`, less the thread that is everybody else's. */
export const limitOf = (size: string | undefined): number => {
  const threads = size === undefined ? 4 : Math.min(Math.max(Number.parseInt(size, 10) || 0, 1), 1024)
  return Math.max(threads - 1, 1)
}
