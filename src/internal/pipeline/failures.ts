/**
 * How a pipeline's failures are made: the sentences, and one `Win32Error` for what the library and what node:fs says.
 */
import { make, PipelineError, type Reason } from "../../PipelineError.js"
import * as Win32Error from "../../Win32Error.js"
import { leadsElsewhere } from "../file/names.js"
import { statusOf } from "../kernel/errno.js"
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
export const cannot = (doing: string, path: string) => (error: unknown): PipelineError => {
  const cause = fromSystem(error, path)
  const { detail, name, reason, text } = cause
  const says = words[reason] ?? withoutPeriod(detail === undefined ? text : `${withoutPeriod(text)}: ${detail}`)
  return failure(reason, path, `Cannot ${doing} ${quoted(path)}: ${says} (${name}).`, cause)
}

const fromSystem = (error: unknown, path: string): Win32Error.Win32Error => {
  if (error instanceof Win32Error.Win32Error) return error
  const { message, syscall = "node:fs" } = error as NodeJS.ErrnoException
  return Win32Error.make({ code: statusOf(error), syscall, path, detail: `(${message})`, cause: error })
}

/** A temporary name beside a stream of a file would be one of another file's, and could not become its own. */
export const badTarget = (path: string, name: string): PipelineError | undefined =>
  leadsElsewhere(name)
    ? failure("BadName", path, `${quoted(path)} is not the path of a file, but leads elsewhere.`)
    : undefined

export const changed = (source: string): PipelineError =>
  failure("Changed", source, `${quoted(source)} has changed while it was being copied.`)

export const alreadyExists = (path: string, cause?: unknown): PipelineError =>
  failure("AlreadyExists", path, `${quoted(path)} exists already.`, cause)

/** Of a copy that was to go on after failures. */
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
