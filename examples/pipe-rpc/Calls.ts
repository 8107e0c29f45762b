// The calls that the two processes share, with the schemas of their requests and answers.
import * as Rpc from "@effect/rpc/Rpc"
import * as RpcGroup from "@effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"

export class DivisionByZero extends Schema.TaggedError<DivisionByZero>()("DivisionByZero", {
  dividend: Schema.Number
}) {}

export class Calls extends RpcGroup.make(
  Rpc.make("Divide", {
    payload: { dividend: Schema.Number, divisor: Schema.Number },
    success: Schema.Number,
    error: DivisionByZero
  }),
  Rpc.make("Primes", { payload: { below: Schema.Number }, success: Schema.Number, stream: true }),
  /** Answers the bytes it is sent. */
  Rpc.make("Echo", { payload: { bytes: Schema.Uint8ArrayFromSelf }, success: Schema.Uint8ArrayFromSelf }),
  /** Never answers: to be interrupted. */
  Rpc.make("Dream"),
  /** Answers once a `Dream` has been interrupted, with how long it was dreamt, in milliseconds. */
  Rpc.make("Woken", { success: Schema.Number }),
  /** Never answers: the server lives as long as somebody waits for this one. */
  Rpc.make("Attend")
) {}
