/**
 * Named pipes: a server that lets in its own user alone and always has an instance waiting, clients that do not lend it
 * their identity, and connections that are read, written and streamed with the care of every other operation.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Option from "effect/Option"
import type * as Pipeable from "effect/Pipeable"
import type * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import type * as BufferPool from "./BufferPool.js"
import type { Completion } from "./Completion.js"
import type { PipeInformation } from "./internal/kernel/Calls.js"
import type { PipePeek } from "./internal/kernel/Kernel.js"
import * as connecting from "./internal/pipe/connecting.js"
import * as internal from "./internal/pipe/connection.js"
import * as listening from "./internal/pipe/listening.js"
import type { Messages } from "./internal/pipe/Messages.js"
import * as reading from "./internal/pipe/reading.js"
import type * as server from "./internal/pipe/server.js"
import type { Kernel } from "./Kernel.js"
import type * as ThreadpoolIo from "./ThreadpoolIo.js"
import type * as Win32Error from "./Win32Error.js"

/**
 * @since 0.1.0
 * @category symbols
 */
export const TypeId: unique symbol = internal.TypeId

/**
 * @since 0.1.0
 * @category symbols
 */
export type TypeId = typeof TypeId

/**
 * @since 0.1.0
 * @category symbols
 */
export const ServerTypeId: unique symbol = listening.ServerTypeId

/**
 * @since 0.1.0
 * @category symbols
 */
export type ServerTypeId = typeof ServerTypeId

/**
 * One end of a pipe whose two ends are there.
 *
 * @since 0.1.0
 * @category models
 */
export interface Connection extends Pipeable.Pipeable {
  readonly [TypeId]: TypeId
  /** `\\.\pipe\name`. */
  readonly path: string
  readonly side: "server" | "client"
  /** Whether messages are kept apart when it is read. */
  readonly messages: boolean
  /** Its thread-pool object: ledger, `cancelAll`, `awaitIdle`. */
  readonly io: ThreadpoolIo.ThreadpoolIo
  /** @internal */
  readonly kernel: Kernel.Service
  /** @internal */
  readonly unfinished: Messages
}

/**
 * A name that clients can connect to, for as long as its scope is open.
 *
 * @since 0.1.0
 * @category models
 */
export interface Server extends Pipeable.Pipeable {
  readonly [ServerTypeId]: ServerTypeId
  /** `\\.\pipe\name`. */
  readonly path: string
  readonly messages: boolean
  /** @internal */
  readonly server: server.PipeServer
}

/**
 * Options of both ends.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * A pipe of messages: what one `write` writes is what one `readMessage` reads. Default `false`, a pipe of bytes.
   * `Unsupported` on the portable kernel, whose sockets do not keep messages apart.
   */
  readonly messages?: boolean | undefined
  /** Passed to `ThreadpoolIo.make`. */
  readonly maxInFlight?: ThreadpoolIo.Options["maxInFlight"]
  readonly drainTimeout?: ThreadpoolIo.Options["drainTimeout"]
  readonly spans?: ThreadpoolIo.Options["spans"]
  /**
   * Default: on for a pipe of bytes. Off for one of messages: what a synchronous 234 (`ERROR_MORE_DATA`) means in skip
   * mode is not documented.
   */
  readonly skipMode?: ThreadpoolIo.Options["skipMode"]
}

/**
 * @since 0.1.0
 * @category models
 */
export interface ListenOptions extends Options {
  /**
   * How many instances wait for a client at any time, while fewer than so many clients wait to be accepted. Default 4.
   */
  readonly backlog?: number | undefined
  /** How many clients there may be at once, accepted or not: 1 to 254, or 255 (the default), which is no limit. */
  readonly maxInstances?: number | undefined
  /**
   * The bytes that the system keeps of what was written and not read, in each direction. Advice. Default 65,536 bytes.
   */
  readonly outBufferSize?: number | undefined
  readonly inBufferSize?: number | undefined
  /**
   * The users who may connect, as a security descriptor in SDDL. Default: the current user alone, who also owns the
   * pipe; not the administrators, not the system. `Unsupported` on the portable kernel, whose pipes are always the
   * user's alone. Clients on other machines are refused whatever it says (`PIPE_REJECT_REMOTE_CLIENTS`).
   *
   * It is the descriptor of the pipe, given with its first instance. The server makes all others under it, so its own
   * user needs the right to (`FILE_CREATE_PIPE_INSTANCE`, which is in `FA` and in `GW`), or on Windows each of them
   * fails with `PermissionDenied`. Without an integrity label the pipe is of medium integrity: programs of low
   * integrity get `PermissionDenied` whatever the list says, those of the same user at medium integrity reach an
   * elevated server. In an AppContainer the name is one like `LOCAL\app`, and the list must hold the package's SID.
   */
  readonly security?: string | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface ConnectOptions extends Options {
  /**
   * How long to try while all instances are busy (231 `ERROR_PIPE_BUSY`), with pauses of 1 to 50 milliseconds. Default
   * 5 seconds; 0 fails with `Busy` at once.
   */
  readonly timeout?: Duration.DurationInput | undefined
  /** Tries so long also while there is no such pipe yet. Default `false`: `NotFound` at once. */
  readonly waitForServer?: boolean | undefined
  /**
   * The server's rights to the client's identity (`SECURITY_SQOS_PRESENT`). Default `identification`: it may look at it
   * and not act under it.
   */
  readonly impersonation?: "anonymous" | "identification" | "impersonation" | "delegation" | undefined
}

/**
 * The answer of `GetNamedPipeInfo` and its relatives.
 *
 * @since 0.1.0
 * @category models
 */
export interface Information extends PipeInformation {}

/**
 * The answer of `peek`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Peek extends PipePeek {}

/**
 * Whether a value is a `Connection`.
 *
 * @example
 * ```ts
 * import { NamedPipe } from "effect-threadpool-io"
 *
 * console.log(NamedPipe.isConnection("pipe")) // false
 * ```
 *
 * @since 0.1.0
 * @category guards
 */
export const isConnection: (u: unknown) => u is Connection = internal.isConnection

// -----------------------------------------------------------------------------
// the server
// -----------------------------------------------------------------------------

/**
 * `CreateNamedPipeW`: takes the name and keeps `backlog` instances waiting for clients (`ConnectNamedPipe`), until the
 * scope closes. A taken name fails with `AlreadyExists`: the first instance is made with
 * `FILE_FLAG_FIRST_PIPE_INSTANCE`, serves nobody and is kept to the end, so that nobody else can have the name in
 * between. Only the current user on this machine may connect, unless `security` says otherwise.
 *
 * Closing the scope cancels what waits, turns away who has come and was not accepted, and gives the name up.
 * Connections that have been accepted live on in their own scopes; on Windows the name stays taken until the last of
 * them is closed.
 *
 * `name` is `app`, or `\\.\pipe\app`, or in an AppContainer `LOCAL\app`; upper and lower case are the same. On the
 * portable kernel it is a Unix domain socket in a directory of the user's own (`$XDG_RUNTIME_DIR/effect-threadpool-io`,
 * or one of the temporary directory), with mode 0600 in a directory of mode 0700, and beside it another one, with a dot
 * behind its name, by which others learn that the server lives. Those that a dead server has left behind are taken
 * over; anything else under their names stays, and `listen` fails with `AlreadyExists`.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Kernel, NamedPipe } from "effect-threadpool-io"
 *
 * const echo = Effect.gen(function*() {
 *   const server = yield* NamedPipe.listen("echo")
 *   const one = Effect.scoped(Effect.flatMap(
 *     NamedPipe.accept(server),
 *     (connection) => Stream.run(NamedPipe.stream(connection), NamedPipe.sink(connection))
 *   ))
 *   yield* Effect.forever(one)
 * }).pipe(Effect.scoped, Effect.provide(Kernel.layer))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const listen: (
  name: string,
  options?: ListenOptions
) => Effect.Effect<Server, Win32Error.Win32Error, Kernel | Scope.Scope> = listening.listen

/**
 * The next client, in the order of arrival. Closing the scope closes the connection (`CloseHandle`): what was written
 * and has been handed to the system can still be read by the client, who then finds the end. `disconnect` throws it
 * away instead; `flush` before waits until it has been read.
 *
 * Fails with `Closed` once the scope of the server has closed, and with why no instance could be made, which is tried
 * again afterwards. A client that has come and gone in the meantime is not seen. An `accept` that is interrupted loses
 * no client.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { NamedPipe } from "effect-threadpool-io"
 *
 * const greet = (server: NamedPipe.Server) =>
 *   Effect.scoped(Effect.flatMap(
 *     NamedPipe.accept(server),
 *     (connection) => NamedPipe.writeAll(connection, new TextEncoder().encode("hello"))
 *   ))
 * ```
 *
 * @since 0.1.0
 * @category accepting
 */
export const accept: (self: Server) => Effect.Effect<Connection, Win32Error.Win32Error, Scope.Scope> = listening.accept

// -----------------------------------------------------------------------------
// the client
// -----------------------------------------------------------------------------

/**
 * `CreateFileW` on a pipe, with `SECURITY_SQOS_PRESENT` and, for messages, `SetNamedPipeHandleState`. Closing
 * the scope cancels and awaits what is in flight and closes the handle.
 *
 * Fails with `NotFound` when there is no such pipe, `PermissionDenied` when it is not for this user, `Busy` or, after
 * `timeout`, `TimedOut` (121 `ERROR_SEM_TIMEOUT`) when all its instances are in use.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Kernel, NamedPipe } from "effect-threadpool-io"
 *
 * const ask = Effect.gen(function*() {
 *   const connection = yield* NamedPipe.connect("echo", { waitForServer: true, timeout: "10 seconds" })
 *   yield* NamedPipe.writeAll(connection, new TextEncoder().encode("hello"))
 *   const buffer = new Uint8Array(64)
 *   const { bytesTransferred } = yield* NamedPipe.read(connection, buffer)
 *   return new TextDecoder().decode(buffer.subarray(0, bytesTransferred))
 * }).pipe(Effect.scoped, Effect.provide(Kernel.layer))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const connect: (
  name: string,
  options?: ConnectOptions
) => Effect.Effect<Connection, Win32Error.Win32Error, Kernel | Scope.Scope> = connecting.connect

// -----------------------------------------------------------------------------
// reading
// -----------------------------------------------------------------------------

/**
 * One `ReadFile`: waits until there are bytes, and brings what there is, at most as much as the buffer holds.
 * `endOfFile` says that the other end is gone (109, 232, 233) and everything has been read; zero bytes without it are a
 * message, or a write, of nothing. On a pipe of messages a status of 234 (`ERROR_MORE_DATA`) says that the message goes
 * on.
 *
 * Interruption cancels it. When bytes have won the race against it they are lost with it: use
 * `ThreadpoolIo.cancellable` on `io` where that matters. On the portable kernel a cancelled read never takes bytes.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { NamedPipe } from "effect-threadpool-io"
 *
 * const some = (connection: NamedPipe.Connection) => {
 *   const buffer = new Uint8Array(4096)
 *   return Effect.map(NamedPipe.read(connection, buffer), ({ bytesTransferred, endOfFile }) =>
 *     endOfFile ? undefined : buffer.subarray(0, bytesTransferred))
 * }
 * ```
 *
 * @since 0.1.0
 * @category reading
 */
export const read: {
  (
    buffer: BufferPool.PoolBuffer | Uint8Array
  ): (self: Connection) => Effect.Effect<Completion, Win32Error.Win32Error>
  (self: Connection, buffer: BufferPool.PoolBuffer | Uint8Array): Effect.Effect<Completion, Win32Error.Win32Error>
} = dual(2, internal.read)

/**
 * How long a message may be, in bytes.
 *
 * @since 0.1.0
 * @category models
 */
export interface MessageOptions {
  /** Default 1 MiB. A longer one is read to its end, dropped, and fails with `MoreData` (234). */
  readonly maximum?: number | undefined
}

/**
 * The next whole message, in memory of your own, put together from as many reads as it takes (234 `ERROR_MORE_DATA`);
 * `None` when the other end is gone. A message of no bytes is one. One fiber at a time may read, others fail with
 * `Busy`.
 *
 * An interruption loses nothing: what has been read of a message is kept, and the next `readMessage` goes on from
 * there.
 *
 * @example
 * ```ts
 * import { Effect, Option } from "effect"
 * import { NamedPipe } from "effect-threadpool-io"
 *
 * const json = (connection: NamedPipe.Connection) =>
 *   Effect.map(
 *     NamedPipe.readMessage(connection, { maximum: 65_536 }),
 *     Option.map((message) => JSON.parse(new TextDecoder().decode(message)) as unknown)
 *   )
 * ```
 *
 * @since 0.1.0
 * @category reading
 */
export const readMessage: (
  self: Connection,
  options?: MessageOptions
) => Effect.Effect<Option.Option<Uint8Array>, Win32Error.Win32Error> = reading.readMessage

/**
 * `TransactNamedPipe`: writes one message and reads the one that answers it, as `readMessage` does. Fails with
 * `BrokenPipe` when the other end is gone. When it is interrupted the request may have been sent; its answer then is
 * the next message.
 *
 * @example
 * ```ts
 * import { NamedPipe } from "effect-threadpool-io"
 *
 * const time = (connection: NamedPipe.Connection) =>
 *   NamedPipe.transact(connection, new TextEncoder().encode("time?"))
 * ```
 *
 * @since 0.1.0
 * @category reading
 */
export const transact: (
  self: Connection,
  request: Uint8Array,
  options?: MessageOptions
) => Effect.Effect<Uint8Array, Win32Error.Win32Error> = reading.transact

// -----------------------------------------------------------------------------
// writing
// -----------------------------------------------------------------------------

/**
 * One `WriteFile`: on a pipe of messages, one message. Succeeds with the bytes written, and waits while the other end
 * does not read. Fails with `BrokenPipe` (232, 109, 233) when that is gone.
 *
 * Interruption cancels it. Bytes that the other end had taken by then stay written; on the portable kernel that may be
 * one piece of 64 KiB more than it had taken.
 *
 * @example
 * ```ts
 * import { NamedPipe } from "effect-threadpool-io"
 *
 * const send = (connection: NamedPipe.Connection, message: string) =>
 *   NamedPipe.write(connection, new TextEncoder().encode(message))
 * ```
 *
 * @since 0.1.0
 * @category writing
 */
export const write: {
  (buffer: BufferPool.PoolBuffer | Uint8Array): (self: Connection) => Effect.Effect<number, Win32Error.Win32Error>
  (self: Connection, buffer: BufferPool.PoolBuffer | Uint8Array): Effect.Effect<number, Win32Error.Win32Error>
} = dual(2, internal.write)

/**
 * Writes the whole buffer: a pipe of bytes in pieces of at most 256 KiB, a message in one. One fiber at a time: the
 * pieces of two may come to lie between each other.
 *
 * @example
 * ```ts
 * import { NamedPipe } from "effect-threadpool-io"
 *
 * const page = (connection: NamedPipe.Connection) => NamedPipe.writeAll(connection, new Uint8Array(1 << 20))
 * ```
 *
 * @since 0.1.0
 * @category writing
 */
export const writeAll: {
  (buffer: BufferPool.PoolBuffer | Uint8Array): (self: Connection) => Effect.Effect<void, Win32Error.Win32Error>
  (self: Connection, buffer: BufferPool.PoolBuffer | Uint8Array): Effect.Effect<void, Win32Error.Win32Error>
} = dual(2, internal.writeAll)

// -----------------------------------------------------------------------------
// streams
// -----------------------------------------------------------------------------

/**
 * The bytes that come from the connection, until its other end is gone. Each element is memory of your own: the bytes
 * of one read, at most `bufferSize` (default 65,536) long and never empty; on a pipe of messages, one message, which
 * may be empty. Reads only when it is asked for more.
 *
 * Does not close the connection when it ends, fails or is left early: the scope of the connection does.
 *
 * @example
 * ```ts
 * import { Stream } from "effect"
 * import { NamedPipe } from "effect-threadpool-io"
 *
 * const lines = (connection: NamedPipe.Connection) =>
 *   NamedPipe.stream(connection).pipe(Stream.decodeText(), Stream.splitLines)
 * ```
 *
 * @since 0.1.0
 * @category streaming
 */
export const stream: (
  self: Connection,
  options?: MessageOptions & { readonly bufferSize?: number | undefined }
) => Stream.Stream<Uint8Array, Win32Error.Win32Error> = reading.stream

/**
 * Writes what comes, one element after the other (`writeAll`; on a pipe of messages each is one message), and takes the
 * next when the one before has been written. Does not close the connection when the stream ends: the scope of the
 * connection does, and that is how the other end learns of it.
 *
 * @example
 * ```ts
 * import { Stream } from "effect"
 * import { NamedPipe } from "effect-threadpool-io"
 *
 * const send = (connection: NamedPipe.Connection, lines: Stream.Stream<string>) =>
 *   Stream.run(Stream.encodeText(lines), NamedPipe.sink(connection))
 * ```
 *
 * @since 0.1.0
 * @category streaming
 */
export const sink: (self: Connection) => Sink.Sink<void, Uint8Array, never, Win32Error.Win32Error> = internal.sink

// -----------------------------------------------------------------------------
// what takes no OVERLAPPED
// -----------------------------------------------------------------------------

/**
 * How many bytes could be read at once, and how many are left of the message that is read next. Takes nothing. Fails
 * with `BrokenPipe` when the other end is gone and nothing is left.
 *
 * It is an operation like the others (`FSCTL_PIPE_PEEK`), and one of the `maxInFlight`. `PeekNamedPipe` is not called:
 * on Windows it may wait for ever for the event of a handle that is in skip mode.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { NamedPipe } from "effect-threadpool-io"
 *
 * const waiting = (connection: NamedPipe.Connection) =>
 *   Effect.map(NamedPipe.peek(connection), ({ bytesAvailable }) => bytesAvailable > 0)
 * ```
 *
 * @since 0.1.0
 * @category accessors
 */
export const peek: (self: Connection) => Effect.Effect<Peek, Win32Error.Win32Error> = internal.peek

/**
 * `GetNamedPipeInfo`, `GetNamedPipeHandleStateW`, and the process at the other end where the system tells.
 * `Unsupported` on the portable kernel. `instances` counts the one that holds the name too.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { NamedPipe } from "effect-threadpool-io"
 *
 * const who = (connection: NamedPipe.Connection) =>
 *   Effect.map(NamedPipe.information(connection), ({ peerProcessId }) => peerProcessId)
 * ```
 *
 * @since 0.1.0
 * @category accessors
 */
export const information: (self: Connection) => Effect.Effect<Information, Win32Error.Win32Error> = internal.information

/**
 * `FlushFileBuffers`, at a server's end: waits until the client has read everything that was written. That is for
 * programs which want to know: bytes that were written are not lost when the connection is closed after them.
 *
 * Interruption disconnects the client, because nothing else makes Windows return from it: use it with a timeout, as the
 * last thing before closing. A flush occupies one of libuv's threads; there is one at a time, and the others wait in
 * line. It is refused at a client's end, where nothing could stop it. `Unsupported` on the portable kernel.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { NamedPipe } from "effect-threadpool-io"
 *
 * const wasRead = (connection: NamedPipe.Connection) =>
 *   Effect.map(Effect.timeoutOption(NamedPipe.flush(connection), "1 second"), (read) => read._tag === "Some")
 * ```
 *
 * @since 0.1.0
 * @category ending
 */
export const flush: (self: Connection) => Effect.Effect<void, Win32Error.Win32Error> = internal.flush

/**
 * `DisconnectNamedPipe`, at a server's end: throws away what the client has not read, and ends its reads and writes.
 * The connection cannot be used any more; closing its scope closes the handle. At a client's end it fails.
 *
 * @example
 * ```ts
 * import { NamedPipe } from "effect-threadpool-io"
 *
 * const hangUp = (connection: NamedPipe.Connection) => NamedPipe.disconnect(connection)
 * ```
 *
 * @since 0.1.0
 * @category ending
 */
export const disconnect: (self: Connection) => Effect.Effect<void, Win32Error.Win32Error> = internal.disconnect
