/**
 * The platform's `SocketServer` over a named pipe: whatever serves sockets, as `@effect/rpc` does, serves it.
 *
 * @since 0.1.0
 */
import * as Socket from "@effect/platform/Socket"
import * as SocketServer from "@effect/platform/SocketServer"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberRef from "effect/FiberRef"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import {
  aBoolean,
  aDuration,
  aFunction,
  aNumber,
  anything,
  InvalidArgument,
  optionsOf,
  refusal
} from "./internal/arguments.js"
import * as internal from "./internal/socket/socket.js"
import type { Kernel } from "./Kernel.js"
import * as NamedPipe from "./NamedPipe.js"
import type { Options } from "./NamedPipeSocket.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface ListenOptions extends Options, Omit<NamedPipe.ListenOptions, "messages" | "maxInFlight"> {}

const failed = (reason: "Open" | "Unknown") => (cause: unknown) => new SocketServer.SocketServerError({ reason, cause })

/** Logs the failure of a handler that no fiber waits for. */
const report = <E>(cause: Cause.Cause<E>): Effect.Effect<void> =>
  Cause.isInterruptedOnly(cause) ? Effect.void : Effect.flatMap(
    FiberRef.get(FiberRef.unhandledErrorLogLevel),
    Option.match({
      onNone: () => Effect.void,
      onSome: (level) => Effect.logWithLevel(level, cause, "Unhandled error in SocketServer")
    })
  )

/** The connection is there; its one `run` closes it. */
const socketOf = (connection: NamedPipe.Connection, scope: Scope.CloseableScope, options: Options) => {
  let taken = false
  const open = Effect.acquireRelease(
    Effect.suspend(() => {
      if (taken) return Effect.fail(new Socket.SocketCloseError({ reason: "Close", code: 1000 }))
      taken = true
      return Effect.succeed(connection)
    }),
    () => Scope.close(scope, Exit.void)
  )
  return internal.fromConnection(open, options, true)
}

/**
 * Takes the name (`NamedPipe.listen`) until the scope closes, and serves it while `run` runs: one fiber with the
 * handler for each client. Clients that come before are served first. `address` is a `UnixAddress` with the path of the
 * pipe.
 *
 * - The socket of a handler is that one connection: it is closed when its `run` ends, and when the handler ends. A
 *   second `run` fails with `Close`. On its options and its behaviour see `NamedPipeSocket.fromConnection`.
 * - A handler that fails is reported at the level of `Effect.withUnhandledErrorLogLevel`; the other clients are served
 *   on.
 * - Interrupting `run` interrupts the handlers and closes their connections. The name stays taken, and `run` can run
 *   again. Closing the scope of the server ends `run` with a `SocketServerError` whose cause says `Closed`.
 *
 * Only the current user on this machine can connect, unless `security` says otherwise.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Kernel, NamedPipeSocketServer } from "effect-threadpool-io"
 *
 * const echo = Effect.gen(function*() {
 *   const server = yield* NamedPipeSocketServer.make("echo")
 *   return yield* server.run((socket) =>
 *     Effect.scoped(Effect.flatMap(socket.writer, (write) => socket.run(write)))
 *   )
 * }).pipe(Effect.scoped, Effect.provide(Kernel.layer))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  name: string,
  given: ListenOptions = {}
): Effect.Effect<SocketServer.SocketServer["Type"], SocketServer.SocketServerError, Kernel | Scope.Scope> => {
  const options = readOptions(given)
  if (options instanceof InvalidArgument) return Effect.fail(failed("Open")(refusal("CreateNamedPipeW", options)))
  const { bufferSize: _, closeCodeIsError: __, readLimit: ___, ...listen } = options
  return Effect.map(
    Effect.mapError(NamedPipe.listen(name, { ...listen, messages: false }), failed("Open")),
    (server) =>
      SocketServer.SocketServer.of({
        address: { _tag: "UnixAddress", path: server.path },
        run: (handler) => serve(server, options, handler)
      })
  )
}

const readOptions = optionsOf<ListenOptions>({
  ...{ closeCodeIsError: aFunction, bufferSize: aNumber, readLimit: aNumber },
  ...{ backlog: aNumber, maxInstances: aNumber, outBufferSize: aNumber, inBufferSize: aNumber, security: anything },
  ...{ drainTimeout: aDuration, spans: aBoolean, skipMode: aBoolean }
})

const serve = <R, E, A>(
  server: NamedPipe.Server,
  options: Options,
  handler: (socket: Socket.Socket) => Effect.Effect<A, E, R>
): Effect.Effect<never, SocketServer.SocketServerError, R> => {
  const handle = (connection: NamedPipe.Connection, scope: Scope.CloseableScope) =>
    socketOf(connection, scope, options).pipe(
      Effect.flatMap(handler),
      Effect.provideService(internal.PipeConnection, connection),
      Effect.interruptible,
      Effect.catchAllCause(report),
      Effect.ensuring(Scope.close(scope, Exit.void))
    )
  return Effect.scopedWith((scope) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        const fibers = yield* Scope.extend(FiberSet.make(), scope)
        // Fibers that begin uninterruptible: each has its connection in hand before anything can interrupt it.
        const fork = yield* FiberSet.runtime(fibers)<R>()
        const next = Effect.flatMap(Scope.make(), (connectionScope) =>
          restore(Scope.extend(NamedPipe.accept(server), connectionScope)).pipe(
            Effect.onError(() => Scope.close(connectionScope, Exit.void)),
            Effect.map((connection) =>
              void fork(handle(connection, connectionScope))
            )
          ))
        return yield* Effect.mapError(Effect.forever(next), failed("Unknown"))
      })
    )
  )
}

/**
 * `make` as a layer.
 *
 * @example
 * ```ts
 * import { RpcSerialization, RpcServer } from "@effect/rpc"
 * import { Layer } from "effect"
 * import { Kernel, NamedPipeSocketServer } from "effect-threadpool-io"
 *
 * const protocol = RpcServer.layerProtocolSocketServer.pipe(
 *   Layer.provide([NamedPipeSocketServer.layer("orders"), RpcSerialization.layerMsgPack]),
 *   Layer.provide(Kernel.layer)
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  name: string,
  options?: ListenOptions
): Layer.Layer<SocketServer.SocketServer, SocketServer.SocketServerError, Kernel> =>
  Layer.scoped(SocketServer.SocketServer, make(name, options))
