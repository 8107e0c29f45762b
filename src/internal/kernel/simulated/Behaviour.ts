/**
 * How a simulated system behaves, within what the contract allows: how often each of the possible things happens, in
 * percent. All of it is decided by the choices, so the same seed behaves the same.
 */

export interface Behaviour {
  /** An operation that could be done at once is: the initiating call answers its result. */
  readonly synchronous: number
  /** The completion comes before the initiating call has returned (rule 6). */
  readonly early: number
  /** A completion or a call takes longer than everything around it: up to `latest` milliseconds. */
  readonly late: number
  readonly latest: number
  /** A read or write transfers less than it could. */
  readonly short: number
  /** An operation never completes, whatever is asked for. */
  readonly never: number
  /** An operation or a call fails, with one of `codes`. */
  readonly failing: number
  readonly codes: ReadonlyArray<number>
  /** A cancellation comes too late: the operation ends as if nobody had asked. */
  readonly lost: number
  /** The end of a cancelled operation comes before `CancelIoEx` has returned. */
  readonly prompt: number
  /** The other end of a pipe goes away in the middle of an operation. */
  readonly hangUp: number
}

/** Everything that a healthy system does. */
export const healthy: Behaviour = {
  synchronous: 25,
  early: 15,
  late: 15,
  latest: 50,
  short: 15,
  never: 0,
  failing: 0,
  codes: [],
  lost: 30,
  prompt: 15,
  hangUp: 0
}

/** One operation or call that fails by appointment. */
export interface Fault {
  /** A Windows function: `ReadFile`, `CloseHandle`. */
  readonly syscall: string
  /** The how manieth of them, from 1. */
  readonly nth: number
  readonly code: number
}
