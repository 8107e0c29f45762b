/**
 * Named pipes: a server that lets in its own user alone and always has an instance waiting, clients that do not lend it
 * their identity, and connections that are read, written and streamed with the care of every other operation.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import type * as Pipeable from "effect/Pipeable"
import { pipeArguments } from "effect/Pipeable"
import * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import * as BufferPool from "./BufferPool.js"
import type { Completion } from "./Completion.js"
import {
  aBoolean,
  aDuration,
  aNumber,
  aString,
  failNotA,
  ioKinds,
  oneOf,
  optionsOf,
  refusal,
  Wrong
} from "./internal/arguments.js"
import { call, callIn } from "./internal/call.js"
import * as c from "./internal/constants.js"
import { moveAll } from "./internal/file/moveAll.js"
import type { Calls, PipeInformation } from "./internal/kernel/Calls.js"
import type { PipePeek } from "./internal/kernel/Kernel.js"
import { bindOrClose, openHandleIn } from "./internal/openHandle.js"
import * as flushing from "./internal/pipe/flush.js"
import { Messages } from "./internal/pipe/Messages.js"
import { nameProblem, pathOf } from "./internal/pipe/name.js"
import * as server from "./internal/pipe/server.js"
import type { Restore } from "./internal/settle.js"
import { spanned } from "./internal/spans.js"
import * as life from "./internal/threadpoolIo.js"
import { carries, isA } from "./internal/values.js"
import { Kernel } from "./Kernel.js"
import * as Operation from "./Operation.js"
import * as ThreadpoolIo from "./ThreadpoolIo.js"
import * as Win32Error from "./Win32Error.js"

/**
 * @since 0.1.0
 * @category symbols
 */
export const TypeId: unique symbol = Symbol.for("effect-threadpool-io/NamedPipe")

/**
 * @since 0.1.0
 * @category symbols
 */
export type TypeId = typeof TypeId

/**
 * @since 0.1.0
 * @category symbols
 */
export const ServerTypeId: unique symbol = Symbol.for("effect-threadpool-io/NamedPipe/Server")

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
export const isConnection = (u: unknown): u is Connection => carries(u, TypeId)

const isOurs = (u: unknown): boolean => isA(u, TypeId, "io")

const notAConnection = (syscall: string, u: unknown) => failNotA("Connection", syscall, u)

const Proto = {
  pipe() {
    return pipeArguments(this, arguments)
  }
}

const makeConnection = (
  kernel: Kernel.Service,
  io: ThreadpoolIo.ThreadpoolIo,
  path: string,
  side: "server" | "client",
  messages: boolean
): Connection =>
  Object.assign(Object.create(Proto), {
    [TypeId]: TypeId,
    path,
    side,
    messages,
    io,
    kernel,
    unfinished: new Messages()
  })

const ioOptions = (options: Options): ThreadpoolIo.Options => ({
  maxInFlight: options.maxInFlight,
  drainTimeout: options.drainTimeout,
  spans: options.spans,
  skipMode: options.skipMode ?? options.messages !== true
})

const invalid = (syscall: string, path: string, detail: string, code = c.ERROR_INVALID_PARAMETER) =>
  Effect.fail(Win32Error.make({ code, syscall, path, detail }))

// -----------------------------------------------------------------------------
// the server
// -----------------------------------------------------------------------------

const listenProblem = (path: string, settings: server.Settings): Effect.Effect<never, Win32Error.Win32Error> | void => {
  const refuse = (detail: string) => invalid("CreateNamedPipeW", path, detail)
  const { backlog, inBufferSize, maxInstances, outBufferSize, security } = settings
  const between = (value: number, least: number, most: number) =>
    Number.isInteger(value) && value >= least && value <= most
  if (!between(maxInstances, 1, c.PIPE_UNLIMITED_INSTANCES)) {
    return refuse(`maxInstances must be 1 to ${c.PIPE_UNLIMITED_INSTANCES}, not ${maxInstances}.`)
  }
  if (!between(backlog, 1, c.PIPE_UNLIMITED_INSTANCES)) {
    return refuse(`backlog must be 1 to ${c.PIPE_UNLIMITED_INSTANCES}, not ${backlog}.`)
  }
  for (const size of [outBufferSize, inBufferSize]) {
    if (!between(size, 0, c.MAXDWORD)) return refuse(`A buffer cannot have ${size} bytes.`)
  }
  if (security?.includes("\0") === true) return refuse("The security descriptor has a NUL character.")
}

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
export const listen = (
  name: string,
  given: ListenOptions = {}
): Effect.Effect<Server, Win32Error.Win32Error, Kernel | Scope.Scope> =>
  Effect.flatMap(Kernel, (kernel) =>
    Effect.flatMap(Scope.Scope, (scope) =>
      Effect.uninterruptibleMask((restore) => {
        const options = lookAtListen(given)
        if (options instanceof Wrong) return Effect.fail(refusal("CreateNamedPipeW", options, { path: name }))
        const path = pathOf(name)
        const settings: server.Settings = {
          path,
          messages: options.messages ?? false,
          maxInstances: options.maxInstances ?? c.PIPE_UNLIMITED_INSTANCES,
          backlog: options.backlog ?? 4,
          outBufferSize: options.outBufferSize ?? 65_536,
          inBufferSize: options.inBufferSize ?? 65_536,
          security: options.security,
          io: ioOptions(options)
        }
        const problem = nameProblem(path)
        if (problem !== undefined) return invalid("CreateNamedPipeW", path, problem, c.ERROR_INVALID_NAME)
        return listenProblem(path, settings) ?? Effect.flatMap(server.openIn(restore, kernel, settings), (opened) =>
          Effect.as(
            Scope.addFinalizer(scope, server.close(opened)),
            Object.assign(Object.create(Proto), {
              [ServerTypeId]: ServerTypeId,
              path,
              messages: settings.messages,
              server: opened
            }) as Server
          ))
      })))

const lookAtListen = optionsOf<ListenOptions>({
  messages: aBoolean,
  backlog: aNumber,
  maxInstances: aNumber,
  outBufferSize: aNumber,
  inBufferSize: aNumber,
  security: aString,
  ...ioKinds
})

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
export const accept = (self: Server): Effect.Effect<Connection, Win32Error.Win32Error, Scope.Scope> =>
  spanned("NamedPipe.accept", isA(self, ServerTypeId, "server") ? { pipe: self.path } : {}, acceptOne(self))

const acceptOne = (self: Server): Effect.Effect<Connection, Win32Error.Win32Error, Scope.Scope> =>
  Effect.flatMap(
    Scope.Scope,
    (scope) =>
      Effect.uninterruptibleMask((restore) =>
        isA(self, ServerTypeId, "server")
          ? Effect.flatMap(server.acceptIn(restore, self.server), (accepted) =>
            Effect.as(
              Scope.addFinalizer(scope, server.closeAccepted(accepted)),
              makeConnection(self.server.kernel, accepted.io, self.path, "server", self.messages)
            ))
          : failNotA("Server", "ConnectNamedPipe", self)
      )
  )

// -----------------------------------------------------------------------------
// the client
// -----------------------------------------------------------------------------

const impersonationLevels = {
  anonymous: c.SECURITY_ANONYMOUS,
  identification: c.SECURITY_IDENTIFICATION,
  impersonation: c.SECURITY_IMPERSONATION,
  delegation: c.SECURITY_DELEGATION
}

const lookAtConnect = optionsOf<ConnectOptions>({
  messages: aBoolean,
  timeout: aDuration,
  waitForServer: aBoolean,
  impersonation: oneOf(...Object.keys(impersonationLevels)),
  ...ioKinds
})

const SHORTEST_PAUSE = 1
const LONGEST_PAUSE = 50

/**
 * `CreateFileW` on a pipe. While it is busy, or not there and that is to be waited for, it tries again after a pause
 * that grows. Not `WaitNamedPipe`, which blocks a thread of libuv's for all that time, cannot be interrupted, and
 * promises nothing: another client may still be faster.
 */
const openIn = (
  restore: Restore,
  kernel: Kernel.Service,
  path: string,
  options: ConnectOptions
): Effect.Effect<number, Win32Error.Win32Error> => {
  const timeout = Duration.toMillis(options.timeout ?? "5 seconds")
  const level = impersonationLevels[options.impersonation ?? "identification"]
  const arguments_ = {
    path,
    access: (c.GENERIC_READ | c.GENERIC_WRITE) >>> 0,
    share: 0,
    disposition: c.OPEN_EXISTING,
    flags: (c.SECURITY_SQOS_PRESENT | level) >>> 0,
    mode: 0
  }
  const open = openHandleIn(restore, kernel, "CreateFileW", arguments_)
  const passes = ({ code }: Win32Error.Win32Error) =>
    code === c.ERROR_PIPE_BUSY || (options.waitForServer === true && code === c.ERROR_FILE_NOT_FOUND)
  const attempt = (deadline: number, pause: number): Effect.Effect<number, Win32Error.Win32Error> =>
    Effect.catchAll(open, (error) =>
      !passes(error) || timeout === 0
        ? Effect.fail(error)
        : Effect.flatMap(Clock.currentTimeMillis, (now) =>
          now >= deadline
            ? Effect.fail(Win32Error.make({
              code: c.ERROR_SEM_TIMEOUT,
              syscall: "CreateFileW",
              path,
              text: kernel.engine.kernel.message(c.ERROR_SEM_TIMEOUT),
              detail: error.code === c.ERROR_PIPE_BUSY
                ? `Busy for ${timeout} ms.`
                : `Not there for ${timeout} ms.`,
              cause: error
            }))
            : Effect.zipRight(
              restore(Effect.sleep(Math.min(pause, Math.max(deadline - now, SHORTEST_PAUSE)))),
              attempt(deadline, Math.min(pause * 2, LONGEST_PAUSE))
            )))
  return Effect.flatMap(Clock.currentTimeMillis, (now) => attempt(now + timeout, SHORTEST_PAUSE))
}

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
export const connect = (
  name: string,
  given: ConnectOptions = {}
): Effect.Effect<Connection, Win32Error.Win32Error, Kernel | Scope.Scope> =>
  spanned("NamedPipe.connect", { pipe: name }, connectOne(name, given))

const connectOne = (
  name: string,
  given: ConnectOptions
): Effect.Effect<Connection, Win32Error.Win32Error, Kernel | Scope.Scope> =>
  Effect.flatMap(Kernel, (kernel) =>
    Effect.flatMap(Scope.Scope, (scope) =>
      Effect.uninterruptibleMask((restore) => {
        const options = lookAtConnect(given)
        if (options instanceof Wrong) return Effect.fail(refusal("CreateFileW", options, { path: name }))
        const path = pathOf(name)
        const messages = options.messages ?? false
        const problem = nameProblem(path)
        if (problem !== undefined) return invalid("CreateFileW", path, problem, c.ERROR_INVALID_NAME)
        return openIn(restore, kernel, path, options).pipe(
          Effect.flatMap((handle) => bindOrClose(kernel, handle, { ...ioOptions(options), path })),
          Effect.tap((io) =>
            messages
              ? Effect.onError(
                callIn(restore, kernel, "SetNamedPipeHandleState", { handle: io.handle, messages }, {
                  path,
                  handle: io.handle
                }),
                () => life.close(io)
              )
              : Effect.void
          ),
          Effect.flatMap((io) =>
            Effect.as(
              Scope.addFinalizer(scope, life.close(io)),
              makeConnection(kernel, io, path, "client", messages)
            )
          )
        )
      })))

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
} = dual(
  2,
  (self: Connection, buffer: BufferPool.PoolBuffer | Uint8Array) =>
    isOurs(self) ? ThreadpoolIo.submit(self.io, Operation.read({ buffer })) : notAConnection("ReadFile", self)
)

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

const DEFAULT_MAXIMUM = 1 << 20
/** The size of one read of a message: most messages come whole. */
const MESSAGE_READ = 64 << 10

const poolBuffer = (self: Connection, size: number) => Effect.provideService(BufferPool.make(size), Kernel, self.kernel)

/** Runs with a buffer, as the only one who reads messages from the connection. */
const asReader = <A>(
  self: Connection,
  syscall: string,
  options: MessageOptions,
  run: (buffer: BufferPool.PoolBuffer, maximum: number) => Effect.Effect<A, Win32Error.Win32Error>
): Effect.Effect<A, Win32Error.Win32Error> => {
  if (!isOurs(self)) return notAConnection(syscall, self)
  const looked = lookAtMessage(options)
  if (looked instanceof Wrong) return Effect.fail(refusal(syscall, looked, self))
  const { maximum = DEFAULT_MAXIMUM } = looked
  return !self.messages
    ? invalid(syscall, self.path, "It is a pipe of bytes: open both ends with `messages`.")
    : !(Number.isInteger(maximum) && maximum >= 0)
    ? invalid(syscall, self.path, `A message cannot have ${maximum} bytes.`)
    : Effect.uninterruptibleMask((restore) => {
      if (self.unfinished.reading) {
        return invalid(syscall, self.path, "Another fiber reads a message from this connection.", c.ERROR_BUSY)
      }
      self.unfinished.reading = true
      return Effect.ensuring(
        restore(Effect.scoped(
          Effect.flatMap(poolBuffer(self, Math.min(MESSAGE_READ, maximum + 1)), (buffer) => run(buffer, maximum))
        )),
        Effect.sync(() => {
          self.unfinished.reading = false
        })
      )
    })
}

const lookAtMessage = optionsOf<MessageOptions>({ maximum: aNumber })

/** One piece, kept by the connection before anything can interrupt. Answers whether the end was found instead. */
const readPiece = (self: Connection, buffer: BufferPool.PoolBuffer, maximum: number, operation: Operation.Operation) =>
  Effect.uninterruptible(
    Effect.map(ThreadpoolIo.cancellable(self.io, operation), ({ bytesTransferred, endOfFile, status }) => {
      if (!endOfFile) {
        self.unfinished.add(buffer.bytes.subarray(0, bytesTransferred), status === c.ERROR_MORE_DATA, maximum)
      }
      return endOfFile
    })
  )

const finishMessage = (
  self: Connection,
  buffer: BufferPool.PoolBuffer,
  maximum: number
): Effect.Effect<Option.Option<Uint8Array>, Win32Error.Win32Error> =>
  Effect.suspend(() => {
    const { unfinished } = self
    if (!unfinished.whole) {
      return Effect.flatMap(readPiece(self, buffer, maximum, Operation.read({ buffer })), (endOfFile) =>
        endOfFile ? Effect.succeed(Option.none()) : finishMessage(self, buffer, maximum))
    }
    const { length } = unfinished
    const message = unfinished.take()
    return message !== undefined ? Effect.succeed(Option.some(message)) : Effect.fail(Win32Error.make({
      code: c.ERROR_MORE_DATA,
      syscall: "ReadFile",
      path: self.path,
      handle: self.io.handle,
      detail: `The message has ${length} bytes; ${maximum} were allowed. It has been dropped.`
    }))
  })

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
export const readMessage = (
  self: Connection,
  options: MessageOptions = {}
): Effect.Effect<Option.Option<Uint8Array>, Win32Error.Win32Error> =>
  asReader(self, "ReadFile", options, (buffer, maximum) => finishMessage(self, buffer, maximum))

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
export const transact = (
  self: Connection,
  request: Uint8Array,
  options: MessageOptions = {}
): Effect.Effect<Uint8Array, Win32Error.Win32Error> =>
  asReader(self, "TransactNamedPipe", options, (buffer, maximum) =>
    self.unfinished.length > 0 || self.unfinished.whole
      ? invalid(
        "TransactNamedPipe",
        self.path,
        "A message has been read in part: finish it with `readMessage` first.",
        c.ERROR_BUSY
      )
      : Effect.zipRight(
        readPiece(self, buffer, maximum, Operation.transact({ message: request, buffer })),
        Effect.flatMap(
          finishMessage(self, buffer, maximum),
          Option.match({
            onSome: Effect.succeed,
            onNone: () =>
              invalid("TransactNamedPipe", self.path, "It ended in the middle of the answer.", c.ERROR_BROKEN_PIPE)
          })
        )
      ))

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
} = dual(2, (self: Connection, buffer: BufferPool.PoolBuffer | Uint8Array) =>
  isOurs(self)
    ? Effect.map(
      ThreadpoolIo.submit(self.io, Operation.write({ buffer })),
      (completion) => completion.bytesTransferred
    )
    : notAConnection("WriteFile", self))

/** The most that one write of `writeAll` takes: what a copy of the caller's memory costs stays bounded. */
const PIECE = 256 << 10

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
} = dual(2, (self: Connection, buffer: BufferPool.PoolBuffer | Uint8Array) => {
  if (!isOurs(self)) return notAConnection("WriteFile", self)
  const size = Operation.sizeOf(buffer)
  // It says what is wrong with it.
  if (size === undefined) return Effect.asVoid(write(self, buffer))
  // An empty message is a message.
  if (size === 0 && self.messages) return Effect.asVoid(write(self, buffer))
  const piece = self.messages ? size : PIECE
  return Effect.asVoid(
    moveAll(self, size, (start) => Operation.write({ buffer, start, length: Math.min(piece, size - start) }))
  )
})

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
export const stream = (
  self: Connection,
  given: MessageOptions & { readonly bufferSize?: number | undefined } = {}
): Stream.Stream<Uint8Array, Win32Error.Win32Error> => {
  if (!isOurs(self)) return Stream.fromEffect(notAConnection("ReadFile", self))
  const options = lookAtStream(given)
  if (options instanceof Wrong) return Stream.fail(refusal("ReadFile", options, self))
  return self.messages
    ? Stream.repeatEffectOption(Effect.flatMap(
      Effect.mapError(readMessage(self, options), Option.some),
      Option.match({ onNone: () => Effect.fail(Option.none()), onSome: Effect.succeed })
    ))
    : Stream.unwrapScoped(Effect.map(poolBuffer(self, options.bufferSize ?? 65_536), (buffer) => {
      const next: Effect.Effect<Uint8Array, Option.Option<Win32Error.Win32Error>> = Effect.flatMap(
        Effect.mapError(read(self, buffer), Option.some),
        ({ bytesTransferred, endOfFile }) =>
          endOfFile
            ? Effect.fail(Option.none())
            : bytesTransferred === 0
            ? next
            : Effect.succeed(buffer.bytes.slice(0, bytesTransferred))
      )
      return Stream.repeatEffectOption(next)
    }))
}

const lookAtStream = optionsOf<MessageOptions & { readonly bufferSize?: number | undefined }>({
  maximum: aNumber,
  bufferSize: aNumber
})

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
export const sink = (self: Connection): Sink.Sink<void, Uint8Array, never, Win32Error.Win32Error> =>
  Sink.forEach((bytes: Uint8Array) => writeAll(self, bytes))

// -----------------------------------------------------------------------------
// what takes no OVERLAPPED
// -----------------------------------------------------------------------------

/** A call on the handle of a connection. */
const callOn = <K extends "DisconnectNamedPipe" | "GetNamedPipeInfo">(
  self: Connection,
  name: K
): Effect.Effect<Calls[K][1], Win32Error.Win32Error> =>
  isOurs(self)
    ? call(self.kernel, name, { handle: self.io.handle } as Calls[K][0], {
      path: self.path,
      handle: self.io.handle,
      object: self.io.object
    })
    : notAConnection(name, self)

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
export const peek = (self: Connection): Effect.Effect<Peek, Win32Error.Win32Error> =>
  Effect.suspend(() => {
    const buffer = new Uint8Array(c.FILE_PIPE_PEEK_BUFFER.size)
    const peeking = Operation.peek(buffer)
    return isOurs(self)
      ? Effect.map(ThreadpoolIo.transfer(self.io, peeking), () => peekOf(buffer))
      : notAConnection(peeking.request.syscall, self)
  })

const peekOf = (buffer: Uint8Array): Peek => {
  const view = new DataView(buffer.buffer)
  return {
    bytesAvailable: view.getUint32(c.FILE_PIPE_PEEK_BUFFER.ReadDataAvailable, true),
    bytesLeftInMessage: view.getUint32(c.FILE_PIPE_PEEK_BUFFER.MessageLength, true)
  }
}

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
export const information = (self: Connection): Effect.Effect<Information, Win32Error.Win32Error> =>
  callOn(self, "GetNamedPipeInfo")

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
export const flush = (self: Connection): Effect.Effect<void, Win32Error.Win32Error> =>
  !isOurs(self)
    ? notAConnection("FlushFileBuffers", self)
    : self.side === "server"
    ? flushing.flush(self.kernel, self.io)
    : invalid("FlushFileBuffers", self.path, "A client's flush cannot be stopped: only a server's end can be flushed.")

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
export const disconnect = (self: Connection): Effect.Effect<void, Win32Error.Win32Error> =>
  callOn(self, "DisconnectNamedPipe")
