/**
 * How a pipeline's failures are made: the sentences, and one `Win32Error` for what the library and what node:fs says.
 */
import * as Effect from "effect/Effect"
import { sep } from "node:path"
import { make, PipelineError, type Reason } from "../../PipelineError.js"
import * as Win32Error from "../../Win32Error.js"
import { statusOf } from "../errno.js"
import { leadsElsewhere } from "../file/names.js"
import { asUserKnows, type Place, retell, retellWin32 } from "../held/Place.js"
import { Replaced } from "../held/Room.js"
import { quoted, withoutPeriod } from "./text.js"

export const failure = (reason: Reason, path: string, sentence: string, cause?: unknown): PipelineError =>
  make({ reason, path, sentence, cause })

/** A person's words for the reasons they can do something about; the system's own text for the others. */
const words: { readonly [R in Win32Error.Reason]?: string } = {
  AlreadyExists: "there is something of that name already",
  Busy: "another program is using it",
  DeviceFailure: "the device has failed",
  Exhausted: "the system has run out of memory or open files",
  NoSpace: "the disk is full",
  NotFound: "it is not there",
  PermissionDenied: "permission denied",
  TimedOut: "the system did not answer in time"
}

/** `Cannot read "x": permission denied (ERROR_ACCESS_DENIED).` For the errors of the library and of node:fs. */
export const cannot = (doing: string, place: string | Place) => (error: unknown): PipelineError => {
  if (error instanceof PipelineError) return error
  const path = typeof place === "string" ? place : place.user
  const cause = fromSystem(error, place)
  const { detail, name, reason, text } = cause
  const says = words[reason] ?? withoutPeriod(detail === undefined ? text : `${withoutPeriod(text)}: ${detail}`)
  return failure(reason, path, `Cannot ${doing} ${quoted(path)}: ${says} (${name}).`, cause)
}

const fromSystem = (error: unknown, place: string | Place): Win32Error.Win32Error => {
  const told = typeof place === "string" ? asTold : asUserKnows(place)
  if (error instanceof Win32Error.Win32Error) return told === asTold ? error : retellWin32(error, told)
  const { message, syscall = "node:fs" } = retell(error, told) as NodeJS.ErrnoException
  const path = typeof place === "string" ? place : place.user
  return Win32Error.make({ code: statusOf(error), syscall, path, detail: `(${message})`, cause: error })
}

const asTold = (text: string): string => text

/** Does what node throws at, and throws a `PipelineError`. */
export const attempt = <A>(doing: string, place: string | Place, f: () => A): A => {
  try {
    return f()
  } catch (error) {
    throw cannot(doing, place)(error)
  }
}

/** For what may throw a `PipelineError`. */
export const failing = <A, E, R>(f: () => Effect.Effect<A, E, R>): Effect.Effect<A, E | PipelineError, R> =>
  Effect.suspend((): Effect.Effect<A, E | PipelineError, R> => {
    try {
      return f()
    } catch (thrown) {
      if (thrown instanceof PipelineError) return Effect.fail(thrown)
      throw thrown
    }
  })

/** The failure that a room of held directories reports. */
export const explainHeld = (error: unknown, path: string): PipelineError =>
  error instanceof Replaced
    ? failure("Changed", path, `Something else has taken the place of the directory ${quoted(path)} meanwhile.`, error)
    : cannot("use the directory", path)(error)

/** A temporary name beside a stream of a file would be one of another file's, and could not become its own. */
export const badTarget = (path: string, name: string): PipelineError | undefined =>
  namesDirectory(path)
    ? failure("BadName", path, `${quoted(path)} is the path of a directory, and what is to have it is a file.`)
    : leadsElsewhere(name)
    ? failure("BadName", path, `${quoted(path)} is not the path of a file, but leads elsewhere.`)
    : undefined

/** The path of a directory, whatever is there: `a/` and `a/.` can be nothing else. */
const namesDirectory = (path: string): boolean => {
  const last = path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf(sep)) + 1)
  return last === "" || last === "." || last === ".."
}

export const changed = (source: string, cause?: unknown): PipelineError =>
  failure("Changed", source, `${quoted(source)} has changed while it was being read.`, cause)

/** The failure of a copy that differs from the bytes written. */
export const mismatch = (target: string): PipelineError =>
  failure(
    "Mismatch",
    target,
    `What was read back from ${quoted(target)} is not what was written: the disk or its driver is at fault.`
  )

/** The failure of a copy that has its name already. */
export const replaced = (target: string): PipelineError =>
  failure("Changed", target, `Something else has taken the place of ${quoted(target)} meanwhile.`)

export const alreadyExists = (path: string, cause?: unknown): PipelineError =>
  failure("AlreadyExists", path, `${quoted(path)} exists already.`, cause)

/** The failure of a copy that went on after failures. */
export const filesFailed = (path: string, failures: ReadonlyArray<PipelineError>): PipelineError => {
  const first = failures[0]!
  if (failures.length === 1) return make({ ...only(first), reason: "FilesFailed", failures })
  return make({
    reason: "FilesFailed",
    path,
    sentence: `${failures.length} files could not be copied; the first: ${first.sentence}`,
    cause: first,
    failures
  })
}

const only = ({ path, sentence }: PipelineError) => ({ path, sentence })

/** The same failure, with what it leaves behind. */
export const withRemains = (error: PipelineError, left: ReadonlyArray<string>, replaced: number): PipelineError =>
  new PipelineError({ ...fieldsOf(error), left, replaced })

const fieldsOf = ({ cause, failures, left, path, reason, replaced, sentence }: PipelineError) => ({
  reason,
  path,
  sentence,
  cause,
  failures,
  left,
  replaced
})

export const errnoOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code
