/**
 * Errors that travel: by JSON, and by `@effect/rpc` over a named pipe to somebody who matches on them there.
 */
import * as Rpc from "@effect/rpc/Rpc"
import * as RpcClient from "@effect/rpc/RpcClient"
import * as RpcGroup from "@effect/rpc/RpcGroup"
import * as RpcSerialization from "@effect/rpc/RpcSerialization"
import * as RpcServer from "@effect/rpc/RpcServer"
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as ErrorSchema from "../../src/ErrorSchema.js"
import * as Kernel from "../../src/Kernel.js"
import * as NamedPipeSocket from "../../src/NamedPipeSocket.js"
import * as NamedPipeSocketServer from "../../src/NamedPipeSocketServer.js"
import * as PipelineError from "../../src/PipelineError.js"
import * as Win32Error from "../../src/Win32Error.js"

const refused = Win32Error.make({
  code: 32,
  syscall: "CreateFileW",
  path: "C:\\ä\\report.xlsx",
  detail: "Close it.",
  cause: Object.assign(new TypeError("EBUSY: busy"), { errno: -16 })
})
const bare = Win32Error.make({ code: 6, syscall: "ReadFile", handle: 0xffff_ffff })
const one = PipelineError.make({ reason: "Busy", path: "a/ü", sentence: "It is in use.", cause: refused })
const all = PipelineError.make({
  reason: "FilesFailed",
  path: "a",
  sentence: "Two files could not be copied.",
  failures: [
    one,
    PipelineError.make({ reason: "Changed", path: "a/b", sentence: "It has changed.", cause: new Error("?") })
  ],
  replaced: 3,
  left: ["a/c"]
})

/** Everything that is promised to arrive. */
const arrives = (error: unknown): unknown =>
  error instanceof Win32Error.Win32Error
    ? { ...error, message: error.message, cause: arrives(error.cause) }
    : error instanceof PipelineError.PipelineError
    ? { ...error, message: error.message, cause: arrives(error.cause), failures: error.failures.map(arrives) }
    : error instanceof Error
    ? { name: error.name, message: error.message }
    : error

class Calls extends RpcGroup.make(
  Rpc.make("Win32", { payload: { bare: Schema.Boolean }, error: ErrorSchema.Win32Error }),
  Rpc.make("Pipeline", { payload: { all: Schema.Boolean }, error: ErrorSchema.PipelineError })
) {}

const handlers = Calls.toLayer({
  Win32: (asked) => Effect.fail(asked.bare ? bare : refused),
  Pipeline: (asked) => Effect.fail(asked.all ? all : one)
})

describe("schemas of errors", () => {
  const json = <A, I>(schema: Schema.Schema<A, I>, error: A) => {
    const text = Schema.parseJson(schema)
    return arrives(Schema.decodeSync(text)(Schema.encodeSync(text)(error)))
  }
  it("bring an error through JSON as it was", () => {
    for (const error of [refused, bare]) expect(json(ErrorSchema.Win32Error, error)).toEqual(arrives(error))
    for (const error of [one, all]) expect(json(ErrorSchema.PipelineError, error)).toEqual(arrives(error))
  })
  it("refuse what is no error of ours, typed", () => {
    const decode = Schema.decodeUnknownEither(ErrorSchema.Win32Error)
    const encoded = Schema.encodeSync(ErrorSchema.Win32Error)(refused)
    expect(Either.isRight(decode(encoded))).toBe(true)
    for (const wrong of [{ ...encoded, reason: "Bored" }, { ...encoded, code: "32" }, {}, null]) {
      expect(Either.isLeft(decode(wrong))).toBe(true)
    }
  })
  it.scopedLive("bring errors over a named pipe by rpc, to be matched on there", () => {
    const pipe = `error-schema-${process.pid}`
    const serving = RpcServer.layer(Calls).pipe(
      Layer.provide(handlers),
      Layer.provide(RpcServer.layerProtocolSocketServer),
      Layer.provide(NamedPipeSocketServer.layer(pipe))
    )
    const calling = RpcClient.layerProtocolSocket().pipe(Layer.provide(NamedPipeSocket.layer(pipe)))
    return Effect.gen(function*() {
      yield* Layer.build(serving)
      const calls = yield* RpcClient.make(Calls).pipe(Effect.provide(yield* Layer.build(calling)))
      for (const [asked, error] of [[false, refused], [true, bare]] as const) {
        const told = yield* calls.Win32({ bare: asked }).pipe(
          Effect.as("none"),
          Effect.catchTag("Win32Error", Effect.succeed)
        )
        expect(arrives(told)).toEqual(arrives(error))
      }
      for (const [asked, error] of [[false, one], [true, all]] as const) {
        const told = yield* calls.Pipeline({ all: asked }).pipe(
          Effect.as("none"),
          Effect.catchTag("PipelineError", Effect.succeed)
        )
        expect(arrives(told)).toEqual(arrives(error))
      }
    }).pipe(Effect.provide(RpcSerialization.layerNdjson), Effect.provide(Kernel.layer))
  })
})
