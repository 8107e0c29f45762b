/**
 * The systems that random programs run on: each a way to behave within the contract.
 */
import * as C from "../../src/internal/constants.js"
import type { Behaviour } from "../../src/internal/kernel/simulated/Behaviour.js"

export interface Profile {
  readonly name: string
  readonly behaviour: Partial<Behaviour>
  /** Operations fail that could succeed. */
  readonly fails: boolean
  /** Some operations never end, or after everybody has given up: what they come to, nobody knows. */
  readonly hangs: boolean
  /** Connections may break. */
  readonly breaks: boolean
  readonly capacity?: number
}

const sane = { fails: false, hangs: false, breaks: false }

const codes = [
  C.ERROR_IO_DEVICE,
  C.ERROR_ACCESS_DENIED,
  C.ERROR_NOT_ENOUGH_MEMORY,
  C.ERROR_NO_SYSTEM_RESOURCES,
  1,
  1392
]

export const profiles: ReadonlyArray<Profile> = [
  { ...sane, name: "everything pends", behaviour: { synchronous: 0, early: 0, late: 0, short: 0, lost: 0, prompt: 0 } },
  { ...sane, name: "healthy", behaviour: {} },
  { ...sane, name: "everything at once", behaviour: { synchronous: 100, early: 0 } },
  { ...sane, name: "everything early", behaviour: { synchronous: 0, early: 100 } },
  { ...sane, name: "slow", behaviour: { synchronous: 5, early: 5, late: 80, latest: 500, lost: 60 } },
  { ...sane, name: "cancels come at once", behaviour: { synchronous: 0, early: 5, late: 60, lost: 0, prompt: 100 } },
  { ...sane, name: "cancels come too late", behaviour: { synchronous: 0, early: 0, late: 60, lost: 100 } },
  { ...sane, name: "one byte at a time", behaviour: { short: 90 } },
  { ...sane, name: "failing", fails: true, behaviour: { failing: 8, codes } },
  { ...sane, name: "failing before it is asked", fails: true, behaviour: { failing: 15, codes, synchronous: 90 } },
  { ...sane, name: "disk full", fails: true, behaviour: {}, capacity: 1500 },
  { ...sane, name: "hanging up", breaks: true, behaviour: { hangUp: 3 } },
  { ...sane, name: "never answering", hangs: true, behaviour: { never: 2, late: 30, latest: 200 } },
  { ...sane, name: "answering after all have gone", hangs: true, behaviour: { late: 20, latest: 12_000, lost: 80 } }
]
