/**
 * The platform's `Socket` over a named pipe: whatever speaks `Socket`, as `@effect/rpc` does, runs over it.
 *
 * @since 0.1.0
 */
import * as Socket from "@effect/platform/Socket"
import * as Channel from "effect/Channel"
import type * as Chunk from "effect/Chunk"
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import {
  aBoolean,
  aDuration,
  aFunction,
  aNumber,
  anything,
  InvalidArgument,
  isAnEffect,
  optionsOf,
  throwWrong,
  wrong
} from "./internal/arguments.js"
import * as internal from "./internal/socket/socket.js"
import type { Kernel } from "./Kernel.js"
import * as NamedPipe from "./NamedPipe.js"
import type * as Win32Error from "./Win32Error.js"

/**
 * The connection of the socket, for the handlers of `run` and of a server: who is at the other end, the ledger. Look it
 * up with `Effect.serviceOption`.
 *
 * @since 0.1.0
 * @category tags
 */
export interface PipeConnection extends internal.PipeConnection {}

/**
 * @example
 * ```ts
 * import { Effect, Option } from "effect"
 * import { NamedPipe, NamedPipeSocket } from "effect-threadpool-io"
 *
 * const whoAsks = Effect.serviceOption(NamedPipeSocket.PipeConnection).pipe(
 *   Effect.flatMap(Option.match({
 *     onNone: () => Effect.succeedNone,
 *     onSome: (pipe) => Effect.asSome(NamedPipe.information(pipe))
 *   }))
 * )
 * ```
 *
 * @since 0.1.0
 * @category tags
 */
export const PipeConnection: Context.Tag<PipeConnection, NamedPipe.Connection> = internal.PipeConnection

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * With which codes `run` fails. Default: all but 1000 and 1006. The end of a pipe has no code, it counts as 1000;
   * another code is one that was written here, in a `CloseEvent`, and the other end does not learn it.
   */
  readonly closeCodeIsError?: ((code: number) => boolean) | undefined
  /** How many bytes a chunk has at most. Default 65,536. */
  readonly bufferSize?: number | undefined
  /**
   * How many bytes there may be in chunks whose handlers have not ended, each counted with 1,024 more, before nothing
   * is read until one does. Default 1 MiB.
   */
  readonly readLimit?: number | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface ConnectOptions
  extends Options, Omit<NamedPipe.ConnectOptions, "messages" | "maxInFlight" | "timeout">
{
  /** How long to try while the pipe is busy or, with `waitForServer`, not there. Default 5 seconds. */
  readonly openTimeout?: Duration.DurationInput | undefined
}

const failedOpen = (cause: Win32Error.Win32Error) =>
  new Socket.SocketGenericError({ reason: cause.reason === "TimedOut" ? "OpenTimeout" : "Open", cause })

/**
 * A socket over connections that `open` opens, a new one in the scope of every `run`.
 *
 * - `run` hands each chunk, memory of the handler's own, to the handler, in order. Effects of handlers run beside each
 *   other; when they have too much in hand (`readLimit`), nothing more is read, and the other end waits. `run` ends
 *   with success when the other end has gone and the handlers have ended, and fails with what a handler fails with. Its
 *   end interrupts handlers and closes the connection.
 * - Writes go out whole, one after the other, in the order in which they were asked for, and each returns when it has
 *   been handed to the system; what has been handed over reaches the other end also when the connection is closed after
 *   it. An interrupted write is either taken back whole or, once it has begun, completed without being waited for.
 *   Before `run` has opened the connection, writes wait for it.
 * - A `CloseEvent` ends `run` after everything that was written before it.
 * - A pipe cannot be closed in one direction: the end of a writer's scope tells the other end nothing.
 *
 * Errors: `Open`, `OpenTimeout`, `Read` and `Write` with the `Win32Error` as cause; `Close` as `closeCodeIsError` says.
 *
 * @example
 * ```ts
 * import { Socket } from "@effect/platform"
 * import { Effect } from "effect"
 * import { NamedPipe, NamedPipeSocket } from "effect-threadpool-io"
 *
 * const open = Effect.mapError(
 *   NamedPipe.connect("echo", { impersonation: "anonymous" }),
 *   (cause) => new Socket.SocketGenericError({ reason: "Open", cause })
 * )
 * const socket = NamedPipeSocket.fromConnection(open, { readLimit: 1 << 16 })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromConnection = <RO>(
  open: Effect.Effect<NamedPipe.Connection, Socket.SocketError, RO>,
  options: Options = {}
): Effect.Effect<Socket.Socket, never, Exclude<RO, Scope.Scope>> =>
  Effect.suspend(() => {
    const problem = wrong("open", open, isAnEffect)
    if (problem !== undefined) return throwWrong("NamedPipeSocket.fromConnection", problem)
    const looked = readOptions(options)
    return looked instanceof InvalidArgument
      ? throwWrong("NamedPipeSocket.fromConnection", looked)
      : internal.fromConnection(open, looked, false)
  })

const readOptions = optionsOf<Options>({ closeCodeIsError: aFunction, bufferSize: aNumber, readLimit: aNumber })

const lookAtConnect = optionsOf<ConnectOptions>({
  ...{ closeCodeIsError: aFunction, bufferSize: aNumber, readLimit: aNumber },
  ...{ openTimeout: aDuration, waitForServer: aBoolean, impersonation: anything },
  ...{ drainTimeout: aDuration, spans: aBoolean, skipMode: aBoolean }
})

/**
 * The client's end of the pipe with this name (`NamedPipe.connect`), opened anew by every `run`.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Kernel, NamedPipeSocket } from "effect-threadpool-io"
 *
 * const hello = Effect.gen(function*() {
 *   const socket = yield* NamedPipeSocket.make("echo", { waitForServer: true })
 *   const write = yield* socket.writer
 *   yield* socket.run((chunk) => console.log(new TextDecoder().decode(chunk)), {
 *     onOpen: Effect.orDie(write("hello"))
 *   })
 * }).pipe(Effect.scoped, Effect.provide(Kernel.layer))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (name: string, given: ConnectOptions = {}): Effect.Effect<Socket.Socket, never, Kernel> => {
  const options = lookAtConnect(given)
  if (options instanceof InvalidArgument) return Effect.sync(() => throwWrong("NamedPipeSocket.make", options))
  const { bufferSize: _, closeCodeIsError: __, openTimeout, readLimit: ___, ...connect } = options
  return fromConnection(
    Effect.mapError(NamedPipe.connect(name, { ...connect, timeout: openTimeout, messages: false }), failedOpen),
    options
  )
}

/**
 * The same as a channel: bytes, strings and `CloseEvent`s in, chunks out. What comes out faster than it is taken is
 * kept, without a limit: the platform's `Socket.toChannel` does not hold the other end back.
 *
 * @example
 * ```ts
 * import { Stream } from "effect"
 * import { NamedPipeSocket } from "effect-threadpool-io"
 *
 * const first = Stream.make("hello").pipe(
 *   Stream.concat(Stream.never),
 *   Stream.encodeText,
 *   Stream.pipeThroughChannel(NamedPipeSocket.makeChannel("echo")),
 *   Stream.decodeText(),
 *   Stream.runHead
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeChannel = <IE = never>(
  name: string,
  options: ConnectOptions = {}
): Channel.Channel<
  Chunk.Chunk<Uint8Array>,
  Chunk.Chunk<Uint8Array | string | Socket.CloseEvent>,
  Socket.SocketError | IE,
  IE,
  void,
  unknown,
  Kernel
> => Channel.unwrap(Effect.map(make(name, options), Socket.toChannelWith<IE>()))

/**
 * `make` as a layer.
 *
 * @example
 * ```ts
 * import { RpcClient, RpcSerialization } from "@effect/rpc"
 * import { Layer } from "effect"
 * import { Kernel, NamedPipeSocket } from "effect-threadpool-io"
 *
 * const protocol = RpcClient.layerProtocolSocket().pipe(
 *   Layer.provide([NamedPipeSocket.layer("orders"), RpcSerialization.layerMsgPack]),
 *   Layer.provide(Kernel.layer)
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (name: string, options?: ConnectOptions): Layer.Layer<Socket.Socket, never, Kernel> =>
  Layer.effect(Socket.Socket, make(name, options))
