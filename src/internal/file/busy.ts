/**
 * Another program (an antivirus, an indexer) looks at a file that is to be renamed or removed: it soon lets go.
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Win32Error from "../../Win32Error.js"
import * as c from "../constants.js"

/** About three seconds in all. */
const untilFree = Schedule.exponential("20 millis").pipe(Schedule.jittered, Schedule.intersect(Schedule.recurs(7)))

const isTransient = (error: Win32Error.Win32Error): boolean =>
  error.code === c.ERROR_ACCESS_DENIED || error.code === c.ERROR_SHARING_VIOLATION ||
  error.code === c.ERROR_DELETE_PENDING

/** Only on Windows does looking at a file stand in anybody's way. */
export const whileBusy = <A>(
  attempt: Effect.Effect<A, Win32Error.Win32Error>
): Effect.Effect<A, Win32Error.Win32Error> =>
  process.platform === "win32" ? Effect.retry(attempt, { schedule: untilFree, while: isTransient }) : attempt
