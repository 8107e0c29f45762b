/**
 * The account of every operation: how many were started, and how each of them ended.
 *
 * @since 0.1.0
 */
import { aNumber, InvalidArgument, optionsOf, throwWrong } from "./internal/arguments.js"

/**
 * The counters of one `ThreadpoolIo`, or of a whole `Kernel`. All but the last are numbers of operations since
 * creation; `queued` and `inFlight` are of this moment.
 *
 * They keep the rule of pairing: `StartThreadpoolIo` before every operation, and exactly one of {completion callback,
 * `CancelThreadpoolIo`} after it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Ledger {
  /** `StartThreadpoolIo` was called. */
  readonly started: number
  /** The completion callback came. */
  readonly completedByCallback: number
  /**
   * Completions that woke JavaScript; the others came along with one of these, or while JavaScript was awake. Over
   * `completedByCallback` it is what a completion costs in turns of the event loop: 1 where each comes by itself.
   */
  readonly wakeUps: number
  /** The initiating call succeeded at once under skip mode; `CancelThreadpoolIo` was called. */
  readonly completedInline: number
  /** The initiating call failed; `CancelThreadpoolIo` was called. */
  readonly failedAtStart: number
  /** Cancellation was asked for, whatever came of it; queued operations, which were never started, count too. */
  readonly cancelled: number
  /** Did not settle within `drainTimeout` after its cancellation: its memory is kept for good. */
  readonly quarantined: number
  /** Objects that could not be closed without danger and are kept. */
  readonly retained: number
  /** Waits for a place among the operations in flight. */
  readonly queued: number
  /** Started, and not yet ended. */
  readonly inFlight: number
  /** Milliseconds spent inside initiating calls, on the JavaScript thread: an estimate, from one call in sixteen. */
  readonly initiatingMs: number
}

/**
 * Whether every operation that was started is accounted for: `started` = completed by callback + completed inline +
 * failed at start + quarantined + in flight.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Kernel, Ledger } from "effect-threadpool-io"
 *
 * const program = Effect.gen(function*() {
 *   const ledger = yield* Kernel.ledger
 *   console.log(Ledger.isBalanced(ledger), Ledger.format(ledger))
 * })
 *
 * Effect.runPromise(program.pipe(Effect.provide(Kernel.layer)))
 * ```
 *
 * @since 0.1.0
 * @category predicates
 */
export const isBalanced = (self: Ledger): boolean => balances(counters("isBalanced", self))

const balances = ({ completedByCallback, completedInline, failedAtStart, inFlight, quarantined, started }: Ledger) =>
  started === completedByCallback + completedInline + failedAtStart + quarantined + inFlight

const look = optionsOf<Ledger>({
  started: aNumber,
  completedByCallback: aNumber,
  wakeUps: aNumber,
  completedInline: aNumber,
  failedAtStart: aNumber,
  cancelled: aNumber,
  quarantined: aNumber,
  retained: aNumber,
  queued: aNumber,
  inFlight: aNumber,
  initiatingMs: aNumber
}, "ledger")

const counters = (name: string, self: Ledger): Ledger => {
  const looked = look(self)
  return looked instanceof InvalidArgument ? throwWrong(`Ledger.${name}`, looked) : looked
}

/**
 * The share of operations that completed inline, without a callback, among those that completed: from 0 to 1, and 0
 * when none has. It tells what skip mode saves.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Kernel, Ledger } from "effect-threadpool-io"
 *
 * const percent = Effect.map(Kernel.ledger, (ledger) => Math.round(Ledger.inlineShare(ledger) * 100))
 * ```
 *
 * @since 0.1.0
 * @category accessors
 */
export const inlineShare = (self: Ledger): number => {
  const { completedByCallback, completedInline } = counters("inlineShare", self)
  return completedInline === 0 ? 0 : completedInline / (completedInline + completedByCallback)
}

/**
 * The ledger in one line for people.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Kernel, Ledger } from "effect-threadpool-io"
 *
 * const line = Effect.map(Kernel.ledger, Ledger.format)
 * ```
 *
 * @since 0.1.0
 * @category formatting
 */
export const format = (self: Ledger): string => {
  const ledger = counters("format", self)
  return `started ${ledger.started} = callback ${ledger.completedByCallback} + inline ${ledger.completedInline}` +
    ` + failed at start ${ledger.failedAtStart}` +
    (ledger.quarantined > 0 ? ` + quarantined ${ledger.quarantined}` : "") +
    (ledger.inFlight > 0 ? ` + in flight ${ledger.inFlight}` : "") +
    ` (cancelled ${ledger.cancelled}, quarantined ${ledger.quarantined}, in flight ${ledger.inFlight}): ` +
    (balances(ledger) ? "balanced" : "NOT BALANCED")
}
