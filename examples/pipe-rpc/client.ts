// The client's process: typed calls, one of each kind, and what comes of them.
import * as RpcClient from "@effect/rpc/RpcClient"
import * as RpcSerialization from "@effect/rpc/RpcSerialization"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type * as Kernel from "../../src/Kernel.js"
import * as NamedPipeSocket from "../../src/NamedPipeSocket.js"
import { Calls } from "./Calls.js"
import { type Failure, inWords, type Say } from "./words.js"

const MIB = 1 << 20

export const call = (pipe: string, say: Say): Effect.Effect<void, Failure, Kernel.Kernel> =>
  Effect.gen(function*() {
    const server = yield* RpcClient.make(Calls)
    yield* Effect.forkScoped(server.Attend())

    const divide = (dividend: number, divisor: number) =>
      server.Divide({ dividend, divisor }).pipe(
        Effect.map((quotient) => `= ${quotient}`),
        Effect.catchTag("DivisionByZero", ({ _tag }) => Effect.succeed(`fails with ${_tag}`)),
        Effect.flatMap((result) => say(`${dividend} / ${divisor} ${result}`))
      )
    yield* divide(84, 2)
    yield* divide(1, 0)

    const primes = yield* Stream.runCollect(server.Primes({ below: 30 }))
    yield* say(`primes, as a stream: ${Chunk.join(Chunk.map(primes, String), " ")}`)

    const bytes = new Uint8Array(MIB).map((_, index) => index)
    const same = Buffer.compare(yield* server.Echo({ bytes }), bytes) === 0
    yield* say(`1 MiB there and back: ${same ? "the same" : "NOT the same"}`)

    const dreaming = yield* Effect.fork(server.Dream())
    yield* Effect.sleep("100 millis")
    yield* Fiber.interrupt(dreaming)
    yield* server.Woken()
    yield* say("Dream, interrupted here, was interrupted there")
  }).pipe(
    Effect.scoped,
    Effect.provide(
      RpcClient.layerProtocolSocket().pipe(
        Layer.provide(NamedPipeSocket.layer(pipe, { waitForServer: true, openTimeout: "15 seconds" })),
        Layer.provide(RpcSerialization.layerMsgPack)
      )
    ),
    Effect.catchTag("RpcClientError", (error) => Effect.fail(inWords("Calling", pipe, error.cause ?? error)))
  )
