/**
 * Time and turns of a simulation: the engine's host, the fibers' scheduler and the hardware's clock in one. Nothing
 * happens by itself. Fibers run first, as microtasks do; of what waits for a turn, the choices say what comes next; and
 * when nothing can happen, time passes until something can.
 */
import type { Host } from "../Host.js"
import type { TakeBack } from "../model.js"
import type { Choices } from "./Choices.js"

interface Due {
  readonly due: number
  readonly run: () => void
}

/** So many fiber tasks in a row, and the event loop turns nevertheless: as Effect's own scheduler has it. */
const TASKS_PER_TURN = 2048

export class World implements Host {
  /** Virtual milliseconds since the beginning. */
  time = 0
  /** The number of references that keep the process alive. */
  refs = 0
  /** Turns taken, as a measure of work. */
  turns = 0
  /** Told when there is something to do, by whoever turns this world in a real event loop. */
  onWork: (() => void) | undefined = undefined
  #tasks: Array<() => void> = []
  #nextTask = 0
  /** Tasks of another priority than 0, in order of it: rare. */
  readonly #ranked: Array<{ readonly priority: number; readonly run: () => void }> = []
  #tasksInTurn = 0
  readonly #deferred: Array<() => void> = []
  /** In order of time, and of their making. */
  readonly #timers: Array<Due> = []
  readonly #events: Array<Due> = []
  readonly #ready: Array<number> = []

  constructor(readonly choices: Choices) {}

  // --- the engine's host

  readonly now = (): number => this.time

  readonly setTimer = (milliseconds: number, callback: () => void): () => void => {
    const timer = { due: this.time + Math.max(0, milliseconds), run: callback }
    let at = this.#timers.length
    while (at > 0 && this.#timers[at - 1]!.due > timer.due) at--
    this.#timers.splice(at, 0, timer)
    this.onWork?.()
    return () => {
      const index = this.#timers.indexOf(timer)
      if (index >= 0) this.#timers.splice(index, 1)
    }
  }

  readonly defer = (callback: () => void): void => {
    this.#deferred.push(callback)
    this.onWork?.()
  }

  readonly ref = (): void => {
    this.refs++
  }

  readonly unref = (): void => {
    this.refs--
  }

  /** Timers that have not come. */
  get timers(): number {
    return this.#timers.length
  }

  // --- fibers

  /** A fiber's task: before every turn. */
  task(run: () => void, priority = 0): void {
    if (priority === 0) this.#tasks.push(run)
    else {
      let at = this.#ranked.length
      while (at > 0 && this.#ranked[at - 1]!.priority > priority) at--
      this.#ranked.splice(at, 0, { priority, run })
    }
    this.onWork?.()
  }

  // --- hardware

  /**
   * Something of the system's own, after so many milliseconds, in whatever order with everything else that is due then.
   */
  later(milliseconds: number, run: () => void): TakeBack {
    const event = { due: this.time + milliseconds, run }
    this.#events.push(event)
    this.onWork?.()
    return () => {
      const index = this.#events.indexOf(event)
      if (index >= 0) this.#events.splice(index, 1)
      return index >= 0
    }
  }

  // --- turning

  /** Does one thing. `false` when there is nothing, now or ever. */
  step(passTime = true): boolean {
    const task = this.#tasksInTurn < TASKS_PER_TURN ? this.#takeTask() : undefined
    if (task !== undefined) {
      this.#tasksInTurn++
      task()
      return true
    }
    this.#tasksInTurn = 0
    if (this.#turn()) return true
    const late = this.#takeTask()
    if (late !== undefined) {
      late()
      return true
    }
    return passTime && this.#passTime()
  }

  #takeTask(): (() => void) | undefined {
    if (this.#nextTask < this.#tasks.length) {
      const task = this.#tasks[this.#nextTask]!
      if (++this.#nextTask === this.#tasks.length) {
        this.#tasks = []
        this.#nextTask = 0
      }
      return task
    }
    return this.#ranked.shift()?.run
  }

  /** One macrotask: the first that was deferred, the first timer that is due, or any event that is. */
  #turn(): boolean {
    const ready = this.#ready
    ready.length = 0
    for (let at = 0; at < this.#events.length; at++) if (this.#events[at]!.due <= this.time) ready.push(at)
    const deferred = this.#deferred.length > 0 ? 1 : 0
    const timer = this.#timers.length > 0 && this.#timers[0]!.due <= this.time ? 1 : 0
    const count = ready.length + deferred + timer
    if (count === 0) return false
    this.turns++
    const choice = this.choices.below(count)
    if (choice < ready.length) this.#events.splice(ready[choice]!, 1)[0]!.run()
    else if (choice === ready.length && deferred === 1) this.#deferred.shift()!()
    else this.#timers.shift()!.run()
    return true
  }

  /** When something happens that time brings. */
  get nextDue(): number {
    let next = this.#timers[0]?.due ?? Infinity
    for (const { due } of this.#events) if (due < next) next = due
    return next
  }

  #passTime(): boolean {
    const next = this.nextDue
    if (next === Infinity) return false
    this.time = next
    return true
  }
}
