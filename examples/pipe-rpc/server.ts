// The server's process: serves the calls on a pipe until the client that attends has gone, however it went.
import * as RpcSerialization from "@effect/rpc/RpcSerialization"
import * as RpcServer from "@effect/rpc/RpcServer"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type * as Kernel from "../../src/Kernel.js"
import * as NamedPipeSocketServer from "../../src/NamedPipeSocketServer.js"
import { Calls, DivisionByZero } from "./Calls.js"
import { Failure, inWords, type Say } from "./words.js"

/** A server that nobody attends does not stay. */
const PATIENCE = "15 seconds"

const isPrime = (n: number): boolean => {
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false
  return n > 1
}

export const serve = (pipe: string, say: Say): Effect.Effect<void, Failure, Kernel.Kernel> =>
  Effect.gen(function*() {
    const attended = yield* Deferred.make<void>()
    const left = yield* Deferred.make<void>()
    const woken = yield* Deferred.make<number>()

    const handlers = Calls.toLayer({
      Divide: ({ dividend, divisor }) =>
        divisor === 0 ? Effect.fail(new DivisionByZero({ dividend })) : Effect.succeed(dividend / divisor),
      Primes: ({ below }) => Stream.range(2, below - 1).pipe(Stream.filter(isPrime)),
      Echo: ({ bytes }) => Effect.succeed(bytes),
      Dream: () =>
        Effect.flatMap(Clock.currentTimeMillis, (begin) =>
          Effect.onInterrupt(Effect.never, () =>
            Effect.flatMap(Clock.currentTimeMillis, (now) =>
              Effect.zipRight(say("Dream was interrupted"), Deferred.succeed(woken, now - begin))))),
      Woken: () =>
        Deferred.await(woken),
      Attend: () =>
        Effect.zipRight(Deferred.succeed(attended, undefined), Effect.never).pipe(
          Effect.ensuring(Deferred.succeed(left, undefined))
        )
    })
    const server = RpcServer.layer(Calls).pipe(
      Layer.provide(handlers),
      Layer.provide(RpcServer.layerProtocolSocketServer),
      Layer.provide(NamedPipeSocketServer.layer(pipe)),
      Layer.provide(RpcSerialization.layerMsgPack)
    )
    const untilLeft = Deferred.await(attended).pipe(
      Effect.timeoutFail({
        duration: PATIENCE,
        onTimeout: () =>
          new Failure({ sentence: "No client has come." })
      }),
      Effect.zipRight(Deferred.await(left))
    )
    yield* Effect.provide(Effect.zipRight(say(`serves ${pipe}`), untilLeft), server)
    yield* say("its client has left")
  }).pipe(Effect.catchTag("SocketServerError", (error) => Effect.fail(inWords("Serving", pipe, error.cause))))
