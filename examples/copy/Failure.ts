// The one failure of a copy: what it was doing, to which file, and why, as a sentence for people.
import * as Data from "effect/Data"
import type * as Win32Error from "../../src/Win32Error.js"
import { quoted } from "./text.js"

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

/** `Cannot read "x": permission denied (ERROR_ACCESS_DENIED).` */
export const fromWin32 = (doing: string, path: string) => (error: Win32Error.Win32Error): CopyFailure =>
  failure("System", `Cannot ${doing} ${quoted(path)}: ${words[error.reason] ?? sentenceEnd(error.text)} (${error.name}).`, error)

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

/** The same for an error of node:fs. */
export const fromErrno = (doing: string, path: string, error: unknown): CopyFailure => {
  const { code = "", message } = error as NodeJS.ErrnoException
  const why = words[errnoReasons[code] ?? "Unknown"] ?? sentenceEnd(message)
  return failure("System", `Cannot ${doing} ${quoted(path)}: ${why} (${code}).`, error)
}

export const errnoOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code

const sentenceEnd = (text: string): string => text.replace(/\.\s*$/, "")
