/**
 * The engine on the simulated kernel, with an event loop and a clock that the test turns: nothing happens by itself.
 */
import type { PoolBuffer } from "../../src/BufferPool.js"
import * as C from "../../src/internal/constants.js"
import type { Lease } from "../../src/internal/engine/BufferPool.js"
import { Engine } from "../../src/internal/engine/Engine.js"
import type { BindOptions, CloseReport, ThreadpoolIoObject } from "../../src/internal/engine/ThreadpoolIoObject.js"
import type { Host } from "../../src/internal/kernel/Host.js"
import { PoolBufferImpl } from "../../src/internal/PoolBuffer.js"
import * as Operation from "../../src/Operation.js"
import * as simulated from "./simulated.js"

/** An event loop by hand: nothing runs and no time passes unless the test says so. */
export class Loop implements Host {
  time = 0
  refs = 0
  readonly #timers: Array<{ readonly due: number; readonly callback: () => void }> = []
  readonly #deferred: Array<() => void> = []

  readonly now = () => this.time
  readonly setTimer = (milliseconds: number, callback: () => void) => {
    const timer = { due: this.time + milliseconds, callback }
    this.#timers.push(timer)
    return () => void (this.#timers.includes(timer) && this.#timers.splice(this.#timers.indexOf(timer), 1))
  }
  readonly defer = (callback: () => void) => void this.#deferred.push(callback)
  readonly ref = () => void this.refs++
  readonly unref = () => void this.refs--

  get timers(): number {
    return this.#timers.length
  }

  /** One macrotask turn; `false` when nothing waited for it. */
  turn(): boolean {
    const due = this.#deferred.splice(0)
    for (const run of due) run()
    return due.length > 0
  }

  pass(milliseconds: number): void {
    this.time += milliseconds
    for (const timer of [...this.#timers]) {
      if (timer.due > this.time || !this.#timers.includes(timer)) continue
      this.#timers.splice(this.#timers.indexOf(timer), 1)
      timer.callback()
    }
  }
}

export const DRAIN = 100

export const bench = () => {
  const { control, kernel } = simulated.make({ turn: "manual" })
  const loop = new Loop()
  const engine = new Engine(kernel, loop)
  const bind = (options: Partial<BindOptions> = {}, handle = control.borrowedHandle("file")): ThreadpoolIoObject => {
    const object = engine.bind(handle, {
      owned: false,
      skipMode: true,
      maxInFlight: 100,
      drainTimeoutMs: DRAIN,
      ...options
    })
    if (typeof object === "number") throw new Error(`CreateThreadpoolIo: ${object}`)
    control.log.length = 0
    return object
  }
  /** Everything that can happen without time passing. */
  const settle = () => {
    do control.turns()
    while (loop.turn() || control.turn())
  }
  return { bind, control, engine, kernel, loop, settle }
}

export type Bench = ReturnType<typeof bench>

export const readInto = (buffer: Uint8Array) => Operation.read({ buffer }).request
export const read = () => readInto(new Uint8Array(8))
export const own = (issue: () => number, syscall = "Own") => Operation.unsafeMake({ syscall, issue }).request
export const done: simulated.Outcome = { status: C.ERROR_SUCCESS, bytes: 3 }

/** Closes it; the report comes when the bench is settled. */
export const closed = (object: ThreadpoolIoObject): { report: CloseReport | undefined } => {
  const answer: { report: CloseReport | undefined } = { report: undefined }
  object.close((report) => answer.report = report)
  return answer
}

/** A kernel's census when nothing is open. */
export const nothingOpen = { objects: 0, started: 0, inFlight: 0 }

/** A buffer of the pool, as `BufferPool.make` lends it. */
export const lend = ({ engine }: Bench, size: number): { readonly lease: Lease; readonly buffer: PoolBuffer } => {
  const lease = engine.buffers.lease(size)!
  const buffer = new PoolBufferImpl(lease, size)
  return { lease, buffer }
}
