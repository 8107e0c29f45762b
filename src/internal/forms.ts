/**
 * How a fiber starts something and waits for its end, in one of two forms that promise the same: an interruption
 * cancels, and the fiber goes on when what it has started has ended, and not before.
 */
import * as Effect from "effect/Effect"
import { EffectPrototype } from "effect/Effectable"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Runtime from "effect/Runtime"
import * as Scheduler from "effect/Scheduler"
import { type Restore, settle, type Ticket } from "./settle.js"

/** The work that is started and waited for. One value can be run any number of times. */
export interface Waited<T extends Ticket, A, E> {
  start(): T
  /** The result of an operation that has been delivered. */
  exit(ticket: T): Exit.Exit<A, E>
  cancel(ticket: T): void
  /**
   * It has been delivered, and its fiber was interrupted: what there is to say before the fiber goes on, if anything.
   */
  abandoned(ticket: T): Effect.Effect<void> | undefined
  /** For the mask alone: with what the fiber goes on in place of its interruption. */
  late?(ticket: T): Exit.Exit<A, E> | undefined
}

export type Form = <T extends Ticket, A, E>(waited: Waited<T, A, E>) => Effect.Effect<A, E>

// --- with what Effect publishes

/** For a caller inside a mask of its own, who takes the result before anything can interrupt. */
export const maskedIn = <T extends Ticket, A, E>(restore: Restore, waited: Waited<T, A, E>): Effect.Effect<A, E> => {
  const ticket = waited.start()
  return settle(
    restore,
    ticket,
    () => waited.exit(ticket),
    () => waited.cancel(ticket),
    (cause) => {
      const late = waited.late?.(ticket)
      if (late !== undefined) return late
      const warning = waited.abandoned(ticket)
      return warning === undefined ? Effect.failCause(cause) : Effect.zipRight(warning, Effect.failCause(cause))
    }
  )
}

export const masked: Form = (waited) => Effect.uninterruptibleMask((restore) => maskedIn(restore, waited))

// --- with one primitive

/** The base of the other form: fields of a fiber that Effect does not publish. */
interface Innards extends Omit<Fiber.RuntimeFiber<unknown, unknown>, "currentScheduler"> {
  /**
   * The function that an interruption calls, in place of the resumption, while an Async is waited for; `null` where it
   * may not interrupt.
   */
  _asyncInterruptor: ((exit: Exit.Exit<never>) => void) | null
  currentScheduler: Scheduler.Scheduler
}

type Resume = (exit: Exit.Exit<unknown, unknown>) => void

/** The instruction that starts something and waits for `resume`. */
class Async {
  readonly _op = "Async"
  readonly effect_instruction_i1 = FiberId.none
  constructor(readonly effect_instruction_i0: (resume: Resume) => void) {}
}
Object.setPrototypeOf(Async.prototype, EffectPrototype)

const currentFiber = (): Innards => (Fiber.getCurrentFiber() as unknown as { readonly value: Innards }).value

/** Starts, and puts an interruptor of ours in the place of Effect's in the same step: nothing can come in between. */
export const primitive: Form = <T extends Ticket, A, E>(waited: Waited<T, A, E>): Effect.Effect<A, E> =>
  new Async((resume) => {
    const fiber = currentFiber()
    const interruptible = fiber._asyncInterruptor !== null
    const ticket = waited.start()
    if (ticket.delivered) return resume(waited.exit(ticket))
    let interruption: Exit.Exit<never> | undefined
    ticket.listener = () => {
      if (interruption === undefined) return resumeTogether(fiber, resume, waited.exit(ticket))
      // The fiber would not run it: it has been interrupted, and goes on with that.
      const warning = waited.abandoned(ticket)
      if (warning !== undefined) runBeside(fiber, warning)
      resumeTogether(fiber, resume, interruption)
    }
    if (!interruptible) return
    fiber._asyncInterruptor = (exit) => {
      interruption = exit
      if (!ticket.delivered) waited.cancel(ticket)
    }
  }) as never

const runBeside = (fiber: Innards, effect: Effect.Effect<void>): void =>
  void Runtime.runFork(
    Runtime.make({
      context: fiber.currentContext,
      runtimeFlags: Runtime.defaultRuntimeFlags,
      fiberRefs: fiber.getFiberRefs()
    })
  )(effect)

// --- many fibers in one microtask

let resumed: Array<() => void> = []

const goOn = (): void => {
  const tasks = resumed
  resumed = []
  let run = 0
  try {
    while (run < tasks.length) tasks[run++]!()
  } finally {
    // One of them has thrown: the others are not at fault.
    if (run < tasks.length) {
      resumed = tasks.slice(run).concat(resumed)
      queueMicrotask(goOn)
    }
  }
}

/**
 * Effect's own has a microtask and a runner for each fiber; here all that go on after one look at the kernel share one.
 */
const together: Scheduler.Scheduler = {
  shouldYield: (fiber) => Scheduler.defaultScheduler.shouldYield(fiber),
  scheduleTask: (task) => {
    if (resumed.push(task) === 1) queueMicrotask(goOn)
  }
}

/** A scheduler of the program's own is respected. */
const resumeTogether = (fiber: Innards, resume: Resume, exit: Exit.Exit<unknown, unknown>): void => {
  const scheduler = fiber.currentScheduler
  if (scheduler !== Scheduler.defaultScheduler) return resume(exit)
  fiber.currentScheduler = together
  resume(exit)
  // At once: it was for this one resumption.
  fiber.currentScheduler = scheduler
}

// --- which of them

/**
 * Whether this version of Effect is one that the primitive works on: by a fiber that is interrupted, and two that are
 * not.
 */
export const primitiveWorks = (): boolean => {
  const atOnce: Scheduler.Scheduler = { shouldYield: () => false, scheduleTask: (task) => task() }
  const begin = (region: (effect: Effect.Effect<string>) => Effect.Effect<string>) => {
    const ticket: { delivered: boolean; listener: (() => void) | undefined } = { delivered: false, listener: undefined }
    const seen = { cancelled: 0 }
    const waited: Waited<Ticket, string, never> = {
      start: () => ticket,
      exit: () => Exit.succeed("ended"),
      cancel: () => void seen.cancelled++,
      abandoned: () => undefined
    }
    const fiber = Effect.runFork(region(primitive(waited)), { scheduler: atOnce })
    const end = () => {
      ticket.delivered = true
      ticket.listener?.()
      return fiber.unsafePoll()
    }
    return { fiber, seen, end }
  }
  const interrupt = ({ fiber, seen }: ReturnType<typeof begin>) => {
    fiber.unsafeInterruptAsFork(FiberId.none)
    return fiber.unsafePoll() === null ? seen.cancelled : undefined
  }
  const hasEnded = (exit: Exit.Exit<string> | null): boolean => exit?._tag === "Success" && exit.value === "ended"
  try {
    const [undisturbed, interrupted, protectedOne] = [
      begin((it) => it),
      begin((it) => it),
      begin(Effect.uninterruptible)
    ]
    if (interrupt(interrupted) !== 1 || interrupt(protectedOne) !== 0) return false
    const exit = interrupted.end()
    return exit !== null && Exit.isInterrupted(exit) && hasEnded(undisturbed.end()) && protectedOne.end() !== null &&
      Object.getOwnPropertyDescriptor(undisturbed.fiber, "currentScheduler")?.writable === true
  } catch {
    return false
  }
}

/** The form of a program: the primitive where it works, unless the other one is asked for. */
export const formOf = (choice: "auto" | "mask" | undefined): Form => {
  if (choice === "mask") return masked
  works ??= primitiveWorks()
  return works ? primitive : masked
}

/** Found out once, when the first kernel is built. */
let works: boolean | undefined
