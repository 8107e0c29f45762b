/**
 * The one error of the library: a Win32 code with everything that is known about it.
 *
 * @since 0.1.0
 */
import * as PlatformError from "@effect/platform/Error"
import * as Data from "effect/Data"
import * as codes from "./internal/codes.js"

/**
 * The closed set of reasons to match on. Many codes map to one reason; `code` and `name` tell them apart.
 *
 * - `Closed`: the scope of the resource has closed; no native call was made.
 * - `InvalidArgument`: the arguments were refused; `ERROR_INVALID_PARAMETER` is 87 whether we or the system refused
 *   them.
 * - `InvalidHandle`: not a handle, or closed by somebody else.
 * - `AlreadyBound`: the handle's file has a completion port already.
 * - `NotOverlapped`: the handle was opened without `FILE_FLAG_OVERLAPPED`.
 * - `Cancelled`: 995 that no interruption of ours caused, or a closing handle.
 * - `TimedOut`: the system, or the drain limit after a cancellation.
 * - `Exhausted`: memory, handles or quota. `NoSpace`: the disk.
 *
 * @since 0.1.0
 * @category models
 */
export type Reason =
  | "AlreadyBound"
  | "AlreadyExists"
  | "BrokenPipe"
  | "Busy"
  | "Cancelled"
  | "Closed"
  | "DeviceFailure"
  | "EndOfFile"
  | "Exhausted"
  | "InvalidArgument"
  | "InvalidHandle"
  | "MoreData"
  | "NoSpace"
  | "NotEmpty"
  | "NotFound"
  | "NotOverlapped"
  | "NotSameDevice"
  | "PermissionDenied"
  | "TimedOut"
  | "Unknown"
  | "Unsupported"

/**
 * A failure of a Windows function, or of an argument before any function was called. On the portable kernel the code is
 * the one Windows would answer; the error of the system underneath is in `cause`.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { File, Kernel } from "effect-threadpool-io"
 *
 * const size = Effect.scoped(Effect.flatMap(File.open("settings.json"), File.size)).pipe(
 *   Effect.catchTag("Win32Error", (error) =>
 *     error.reason === "NotFound" ? Effect.succeed(0n) : Effect.fail(error)),
 *   Effect.provide(Kernel.layer)
 * )
 * ```
 *
 * @since 0.1.0
 * @category errors
 */
export class Win32Error extends Data.TaggedError("Win32Error")<{
  /** The answer of `GetLastError`, or the status of the completion. */
  readonly code: number
  /** The code's name in `winerror.h`, as `ERROR_SHARING_VIOLATION`. */
  readonly name: string
  readonly reason: Reason
  /** The Windows function, as `ReadFile`. */
  readonly syscall: string
  /** The object of the call: a path, or a handle when there is none. */
  readonly path?: string | undefined
  readonly handle?: number | undefined
  /** The system's own text for the code. */
  readonly text: string
  /** Further explanation, and advice. */
  readonly detail?: string | undefined
  readonly cause?: unknown
}> {
  override get message(): string {
    const target = this.path ?? (this.handle === undefined ? undefined : `handle 0x${this.handle.toString(16)}`)
    return `${this.syscall}${target === undefined ? "" : ` ${target}`}: ${this.name} (${this.code}): ${this.text}` +
      (this.detail === undefined ? "" : ` ${this.detail}`)
  }
}

/**
 * Makes a `Win32Error` from a code. Name, reason and text come from the code where they are not given. Throws a
 * `TypeError` for a code that is no whole number, and for texts that are none.
 *
 * @example
 * ```ts
 * import { Win32Error } from "effect-threadpool-io"
 *
 * const error = Win32Error.make({ code: 32, syscall: "CreateFileW", path: "C:\\report.xlsx" })
 * console.log(error.name, error.reason) // ERROR_SHARING_VIOLATION Busy
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  readonly code: number
  readonly syscall: string
  readonly reason?: Reason | undefined
  readonly path?: string | undefined
  readonly handle?: number | undefined
  readonly text?: string | undefined
  readonly detail?: string | undefined
  readonly cause?: unknown
}): Win32Error => {
  if (!isWhole(options)) {
    throw new TypeError("Win32Error.make: code must be a whole number, syscall, path, text and detail must be strings")
  }
  return new Win32Error({
    ...options,
    name: codes.nameOf(options.code),
    reason: options.reason ?? codes.reasonOf(options.code),
    text: options.text ?? codes.textOf(options.code)
  })
}

const isWhole = (options: Parameters<typeof make>[0]): boolean => {
  try {
    const { code, detail, handle, path, reason, syscall, text } = options
    return Number.isInteger(code) && typeof syscall === "string" && [path, reason, text, detail].every(isTextOrNone) &&
      (handle === undefined || typeof handle === "number")
  } catch {
    return false
  }
}

const isTextOrNone = (it: unknown): boolean => it === undefined || typeof it === "string"

const systemReasons: { readonly [R in Reason]: PlatformError.SystemErrorReason } = {
  AlreadyBound: "Busy",
  AlreadyExists: "AlreadyExists",
  BrokenPipe: "BadResource",
  Busy: "Busy",
  Cancelled: "Unknown",
  Closed: "BadResource",
  DeviceFailure: "Unknown",
  EndOfFile: "UnexpectedEof",
  Exhausted: "Unknown",
  InvalidArgument: "InvalidData",
  InvalidHandle: "BadResource",
  MoreData: "WouldBlock",
  NoSpace: "WriteZero",
  NotEmpty: "Unknown",
  NotFound: "NotFound",
  NotOverlapped: "BadResource",
  NotSameDevice: "Unknown",
  PermissionDenied: "PermissionDenied",
  TimedOut: "TimedOut",
  Unknown: "Unknown",
  Unsupported: "Unknown"
}

/**
 * The same failure as a `PlatformError` of `@effect/platform`, for code written against `FileSystem`. `InvalidArgument`
 * becomes a `BadArgument`, everything else a `SystemError`; the `Win32Error` itself is its `cause`, so nothing is lost.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { File, Win32Error } from "effect-threadpool-io"
 *
 * const open = (path: string) =>
 *   Effect.mapError(File.open(path), Win32Error.toPlatformError("FileSystem", "open"))
 * ```
 *
 * @since 0.1.0
 * @category conversions
 */
export const toPlatformError =
  (module: typeof PlatformError.Module.Type, method: string) => (error: Win32Error): PlatformError.PlatformError => {
    if (!(PlatformError.Module.literals as ReadonlyArray<unknown>).includes(module) || typeof method !== "string") {
      throw new TypeError("Win32Error.toPlatformError: it takes a module of the platform's, and a method")
    }
    if (!(error instanceof Win32Error)) throw new TypeError("Win32Error.toPlatformError: it takes a Win32Error")
    const description = `${error.name}: ${error.text}${error.detail === undefined ? "" : ` ${error.detail}`}`
    if (error.reason === "InvalidArgument") {
      return new PlatformError.BadArgument({ module, method, description, cause: error })
    }
    return new PlatformError.SystemError({
      reason: systemReasons[error.reason],
      module,
      method,
      description,
      syscall: error.syscall,
      ...(error.path !== undefined ? { pathOrDescriptor: error.path } : {}),
      cause: error
    })
  }
