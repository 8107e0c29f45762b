/**
 * Schemas of the errors, so that they can travel: by `@effect/rpc`, to a worker, through a cluster. A module of its
 * own, so that only a program that imports it loads `Schema`; it is not in the index.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Pipeline from "./PipelineError.js"
import * as Win32 from "./Win32Error.js"

const Win32Reason = Schema.Literal(
  "AlreadyBound",
  "AlreadyExists",
  "BrokenPipe",
  "Busy",
  "Cancelled",
  "Closed",
  "DeviceFailure",
  "EndOfFile",
  "Exhausted",
  "InvalidArgument",
  "InvalidHandle",
  "MoreData",
  "NoSpace",
  "NotEmpty",
  "NotFound",
  "NotOverlapped",
  "NotSameDevice",
  "PermissionDenied",
  "TimedOut",
  "Unknown",
  "Unsupported"
)

const PipelineReason = Schema.Literal(
  ...Win32Reason.literals,
  "BadName",
  "Changed",
  "FilesFailed",
  "LinkNotMade",
  "Mismatch",
  "NamesCollide",
  "Nested",
  "SpecialFile"
)

/**
 * A `Win32Error` as it travels: JSON.
 *
 * @since 0.1.0
 * @category models
 */
export interface Win32ErrorEncoded {
  readonly _tag: "Win32Error"
  readonly code: number
  readonly name: string
  readonly reason: Win32.Reason
  readonly syscall: string
  readonly path?: string | undefined
  readonly handle?: number | undefined
  readonly text: string
  readonly detail?: string | undefined
  readonly cause?: unknown
}

/**
 * The schema of `Win32Error.Win32Error`. What arrives is an instance of the class, to match on as ever; its `cause`
 * arrives as an `Error` with the name and the message that it had, and without what else it had. A path means
 * something on the machine that it comes from.
 *
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { Win32Error } from "effect-threadpool-io"
 * import * as ErrorSchema from "effect-threadpool-io/ErrorSchema"
 *
 * const json = Schema.encodeSync(Schema.parseJson(ErrorSchema.Win32Error))(
 *   Win32Error.make({ code: 32, syscall: "CreateFileW", path: "C:\\report.xlsx" })
 * )
 * const error = Schema.decodeSync(Schema.parseJson(ErrorSchema.Win32Error))(json)
 * console.log(error.reason) // Busy
 * ```
 *
 * @since 0.1.0
 * @category schemas
 */
export const Win32Error: Schema.Schema<Win32.Win32Error, Win32ErrorEncoded> = Schema.transform(
  Schema.Struct({
    _tag: Schema.Literal("Win32Error"),
    code: Schema.Number,
    name: Schema.String,
    reason: Win32Reason,
    syscall: Schema.String,
    path: Schema.optional(Schema.String),
    handle: Schema.optional(Schema.Number),
    text: Schema.String,
    detail: Schema.optional(Schema.String),
    cause: Schema.optional(Schema.Defect)
  }),
  Schema.declare((u) => u instanceof Win32.Win32Error),
  {
    strict: true,
    decode: ({ _tag, ...fields }) => new Win32.Win32Error(fields),
    encode: ({ _tag, cause, code, detail, handle, name, path, reason, syscall, text }) => ({
      ...{ _tag, cause, code, detail, handle, name, path, reason, syscall, text }
    })
  }
)

/**
 * A `PipelineError` as it travels: JSON.
 *
 * @since 0.1.0
 * @category models
 */
export interface PipelineErrorEncoded {
  readonly _tag: "PipelineError"
  readonly reason: Pipeline.Reason
  readonly path: string
  readonly sentence: string
  readonly cause?: unknown
  readonly failures: ReadonlyArray<PipelineErrorEncoded>
  readonly replaced: number
  readonly left: ReadonlyArray<string>
}

/**
 * The schema of `PipelineError.PipelineError`, with all its failures. A `cause` that is a `Win32Error` arrives as one.
 *
 * @example
 * ```ts
 * import { Rpc, RpcGroup } from "@effect/rpc"
 * import { Schema } from "effect"
 * import * as ErrorSchema from "effect-threadpool-io/ErrorSchema"
 *
 * class BackUps extends RpcGroup.make(
 *   Rpc.make("BackUp", { payload: { path: Schema.String }, error: ErrorSchema.PipelineError })
 * ) {}
 * ```
 *
 * @since 0.1.0
 * @category schemas
 */
export const PipelineError: Schema.Schema<Pipeline.PipelineError, PipelineErrorEncoded> = Schema.transform(
  Schema.Struct({
    _tag: Schema.Literal("PipelineError"),
    reason: PipelineReason,
    path: Schema.String,
    sentence: Schema.String,
    cause: Schema.optional(Schema.Union(Win32Error, Schema.Defect)),
    failures: Schema.Array(
      Schema.suspend((): Schema.Schema<Pipeline.PipelineError, PipelineErrorEncoded> => PipelineError)
    ),
    replaced: Schema.Number,
    left: Schema.Array(Schema.String)
  }),
  Schema.declare((u) => u instanceof Pipeline.PipelineError),
  {
    strict: true,
    decode: ({ _tag, ...fields }) => new Pipeline.PipelineError(fields),
    encode: ({ _tag, cause, failures, left, path, reason, replaced, sentence }) => ({
      ...{ _tag, cause, failures, left, path, reason, replaced, sentence }
    })
  }
)
