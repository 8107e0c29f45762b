/**
 * The counters of operations, of one object or of a whole kernel. `started` = completed by callback + completed inline
 * + failed at start + quarantined + in flight, at any moment (rule 1).
 */
import type { Ledger } from "../../Ledger.js"

export class Counters {
  started = 0
  completedByCallback = 0
  wakeUps = 0
  completedInline = 0
  failedAtStart = 0
  cancelled = 0
  quarantined = 0
  retained = 0
  queued = 0
  inFlight = 0
  initiatingMs = 0

  began(): void {
    this.started++
    this.inFlight++
  }

  ended(how: "completedByCallback" | "completedInline" | "failedAtStart"): void {
    this.inFlight--
    if (how === "completedByCallback") this.completedByCallback++
    else if (how === "completedInline") this.completedInline++
    else this.failedAtStart++
  }

  read(): Ledger {
    return { ...this }
  }
}
