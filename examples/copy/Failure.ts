// The one failure of a copy: what it was doing, to which file, and why, as a sentence for people.
import * as Data from "effect/Data"
import * as Win32Error from "../../src/Win32Error.js"
import { quoted, withoutPeriod } from "./text.js"

export type Reason =
  | "BadName"
  | "BadOption"
  | "Changed"
  | "DestinationExists"
  | "LinkNotMade"
  | "Mismatch"
  | "NamesCollide"
  | "Nested"
  | "SourceMissing"
  | "SpecialFile"
  | "System"

export class CopyFailure extends Data.TaggedError("CopyFailure")<{
  readonly reason: Reason
  readonly sentence: string
  readonly cause?: unknown
}> {
  override get message(): string {
    return this.sentence
  }
}

export const failure = (reason: Reason, sentence: string, cause?: unknown): CopyFailure =>
  new CopyFailure({ reason, sentence, cause })

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

const errnoReasons: Record<string, Win32Error.Reason> = {
  EACCES: "PermissionDenied",
  EBUSY: "Busy",
  EDQUOT: "NoSpace",
  EEXIST: "AlreadyExists",
  EIO: "DeviceFailure",
  EMFILE: "Exhausted",
  ENFILE: "Exhausted",
  ENOENT: "NotFound",
  ENOSPC: "NoSpace",
  EPERM: "PermissionDenied",
  EROFS: "PermissionDenied"
}

/** `Cannot read "x": permission denied (ERROR_ACCESS_DENIED).` For the errors of the library and of node:fs. */
export const cannot = (doing: string, path: string) => (error: unknown): CopyFailure => {
  const { code, reason, text } = explain(error)
  return failure(
    "System",
    `Cannot ${doing} ${quoted(path)}: ${words[reason] ?? withoutPeriod(text)} (${code}).`,
    error
  )
}

export const changed = (source: string): CopyFailure =>
  failure("Changed", `${quoted(source)} has changed while it was being copied.`)

const explain = (
  error: unknown
): { readonly code: string; readonly reason: Win32Error.Reason; readonly text: string } => {
  if (error instanceof Win32Error.Win32Error) {
    const { detail, name, reason, text } = error
    return { code: name, reason, text: detail === undefined ? text : `${withoutPeriod(text)}: ${detail}` }
  }
  const { code = "Error", message } = error as NodeJS.ErrnoException
  return { code, reason: errnoReasons[code] ?? "Unknown", text: message }
}

export const errnoOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code
