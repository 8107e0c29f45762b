/**
 * The exact requirement, error and success of every effect. Compiled,
 * never run.
 */
import * as Socket from "@effect/platform/Socket"
import type * as SocketServer from "@effect/platform/SocketServer"
import type * as Channel from "effect/Channel"
import type * as Chunk from "effect/Chunk"
import type * as Config from "effect/Config"
import type { ConfigError } from "effect/ConfigError"
import * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import type * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import {
  BufferPool,
  CallbackEnvironment,
  CleanupGroup,
  File,
  Handle,
  Kernel,
  type Ledger,
  NamedPipe,
  NamedPipeSocket,
  NamedPipeSocketServer,
  Operation,
  Pipeline,
  type PipelineError,
  Threadpool,
  ThreadpoolIo,
  Win32Error
} from "../../src/index.js"
import type { Completion } from "../../src/index.js"

/** Each assignable to the other; `any`, which is so with everything, is not. */
type Same<A, B> = 0 extends 1 & B ? false : [A] extends [B] ? [B] extends [A] ? true : false : false

/** Compiles when the effect is exactly that. */
const is = <A, E, R>() =>
<B, F, S>(
  _effect: Effect.Effect<B, F, S>,
  ..._same: [Same<A, B>, Same<E, F>, Same<R, S>] extends [true, true, true] ? [] : ["it is not"]
): void => {}

declare const file: File.File
declare const io: ThreadpoolIo.ThreadpoolIo
declare const environment: CallbackEnvironment.CallbackEnvironment
declare const buffer: Uint8Array
declare const connection: NamedPipe.Connection
declare const server: NamedPipe.Server
declare const pooled: BufferPool.PoolBuffer

declare const asks: Effect.Effect<void, "x", Scope.Scope>

type Error = Win32Error.Win32Error
type Failed = PipelineError.PipelineError
type Needs = Kernel.Kernel | Scope.Scope

export const exactly = (): void => {
  is<File.File, Error, Needs>()(File.open("a"))
  is<Pipeline.Copied, Failed, Kernel.Kernel>()(Pipeline.copyTree("a", "b"))
  is<Pipeline.Copied, Failed, Kernel.Kernel>()(Pipeline.copyTree("a", "b", { filter: (path) => path !== "c" }))
  is<Pipeline.CopyPlan, Failed, Kernel.Kernel>()(Pipeline.copyTree("a", "b", { dryRun: true }))
  is<Pipeline.CopyPlan, Failed | "x", Kernel.Kernel | Scope.Scope>()(
    Pipeline.copyTree("a", "b", {
      dryRun: true,
      filter: (_, { size }) => Effect.zipRight(asks, Effect.succeed(size > 0n))
    })
  )
  is<Pipeline.Copied, Failed | "x", Kernel.Kernel | Scope.Scope>()(
    Pipeline.copyTree("a", "b", { filter: (path) => path === "c" || Effect.as(asks, true) })
  )
  is<ThreadpoolIo.ThreadpoolIo, Error, Needs>()(ThreadpoolIo.make(Handle.make(4)))
  is<ThreadpoolIo.ThreadpoolIo, Error, Needs>()(ThreadpoolIo.bind(Handle.make(4)))
  is<Threadpool.Threadpool, Error, Needs>()(Threadpool.make())
  is<CleanupGroup.CleanupGroup, Error, Needs>()(CleanupGroup.make)
  is<CallbackEnvironment.CallbackEnvironment, Error, Needs>()(CallbackEnvironment.make())
  is<File.File, Error, Scope.Scope>()(CallbackEnvironment.provide(File.open("a"), environment))
  is<BufferPool.PoolBuffer, Error, Needs>()(BufferPool.make(4096))
  is<bigint, Error, Kernel.Kernel>()(File.withFile("a", {}, File.size))
  is<void, Error, Kernel.Kernel>()(File.rename("a", "b"))
  is<void, Error, Kernel.Kernel>()(File.remove("a"))
  is<number, Error, never>()(File.read(file, buffer, 0))
  is<number, Error, never>()(file.pipe(File.read(pooled, 0n)))
  is<void, Error, never>()(File.readExact(file, buffer, 0))
  is<number, Error, never>()(File.write(file, buffer, 0))
  is<void, Error, never>()(File.writeAll(file, pooled, 0))
  is<number, Error, never>()(File.append(file, buffer))
  is<bigint, Error, never>()(File.size(file))
  is<File.Stat, Error, never>()(File.stat(file))
  is<void, Error, never>()(File.truncate(file, 0))
  is<void, Error, never>()(File.sync(file))
  is<void, Error, never>()(File.setBasicInfo(file, { modifiedTimeNs: 0n }))
  is<Completion, Error, never>()(File.submit(file, Operation.read({ buffer })))
  is<Completion, Error, never>()(ThreadpoolIo.submit(io, Operation.append({ buffer: pooled })))
  is<Completion, Error, never>()(ThreadpoolIo.cancellable(io, Operation.write({ buffer })))
  is<NamedPipe.Server, Error, Needs>()(NamedPipe.listen("a"))
  is<NamedPipe.Connection, Error, Scope.Scope>()(NamedPipe.accept(server))
  is<NamedPipe.Connection, Error, Needs>()(NamedPipe.connect("a"))
  is<Completion, Error, never>()(NamedPipe.read(connection, buffer))
  is<number, Error, never>()(connection.pipe(NamedPipe.write(pooled)))
  is<void, Error, never>()(NamedPipe.writeAll(connection, buffer))
  is<Option.Option<Uint8Array>, Error, never>()(NamedPipe.readMessage(connection))
  is<Uint8Array, Error, never>()(NamedPipe.transact(connection, buffer))
  const streamed = Stream.run(NamedPipe.stream(connection), NamedPipe.sink(connection))
  is<void, Error, never>()(streamed)
  is<NamedPipe.Peek, Error, never>()(NamedPipe.peek(connection))
  is<NamedPipe.Information, Error, never>()(NamedPipe.information(connection))
  is<void, Error, never>()(NamedPipe.flush(connection))
  is<void, Error, never>()(NamedPipe.disconnect(connection))
  is<void, never, never>()(ThreadpoolIo.cancelAll(io))
  is<void, never, never>()(ThreadpoolIo.awaitIdle(io))
  is<Ledger.Ledger, never, never>()(ThreadpoolIo.ledger(io))
  is<Ledger.Ledger, never, Kernel.Kernel>()(Kernel.ledger)
}

export const layers = (): void => {
  const fixed: ReadonlyArray<Layer.Layer<Kernel.Kernel, Error>> = [
    Kernel.layer,
    Kernel.layerPortable,
    Kernel.layerWin32,
    Kernel.layerOptions({ kernel: "auto", drainTimeout: "1 second" })
  ]
  const configured: Layer.Layer<Kernel.Kernel, Error | ConfigError> = Kernel.layerConfig(Kernel.config)
  const config: Config.Config<Kernel.Kernel.Options> = Kernel.config
  void [fixed, configured, config]
  // @ts-expect-error there is no such kernel
  Kernel.layerOptions({ kernel: "linux" })
  // @ts-expect-error no duration
  Kernel.layerOptions({ drainTimeout: "a while" })
}

export const sockets = (): void => {
  type SocketError = Socket.SocketError
  type Server = SocketServer.SocketServer
  is<Socket.Socket, never, Kernel.Kernel>()(NamedPipeSocket.make("a"))
  is<Socket.Socket, never, Kernel.Kernel>()(NamedPipeSocket.fromConnection(
    Effect.mapError(NamedPipe.connect("a"), (cause) => new Socket.SocketGenericError({ reason: "Open", cause }))
  ))
  is<Server["Type"], SocketServer.SocketServerError, Needs>()(NamedPipeSocketServer.make("a"))
  const client: Layer.Layer<Socket.Socket, never, Kernel.Kernel> = NamedPipeSocket.layer("a")
  const server: Layer.Layer<Server, SocketServer.SocketServerError, Kernel.Kernel> = NamedPipeSocketServer.layer("a")
  const channel: Channel.Channel<
    Chunk.Chunk<Uint8Array>,
    Chunk.Chunk<Uint8Array | string | Socket.CloseEvent>,
    SocketError,
    never,
    void,
    unknown,
    Kernel.Kernel
  > = NamedPipeSocket.makeChannel("a")
  void [client, server, channel]
  // @ts-expect-error a pipe of messages is no socket
  NamedPipeSocket.make("a", { messages: true })
  // @ts-expect-error nor is one served
  NamedPipeSocketServer.layer("a", { messages: true })
  // @ts-expect-error one read and one write are in flight, always
  NamedPipeSocket.make("a", { maxInFlight: 1 })
}

export const nothingRunsWithoutItsNeeds = (): void => {
  const opened = File.open("a")
  // @ts-expect-error a Scope and a Kernel are missing
  Effect.runSync(opened)
  // @ts-expect-error a Kernel is missing
  Effect.runSync(Effect.scoped(opened))
  // @ts-expect-error a Scope is missing
  Effect.runSync(Effect.provide(opened, Kernel.layer))
  // @ts-expect-error a Scope and a Kernel are missing
  Effect.runSync(ThreadpoolIo.make(Handle.make(4)))
  // @ts-expect-error a Scope is missing
  Effect.runSync(Effect.provide(ThreadpoolIo.make(Handle.make(4)), Kernel.layer))
  // @ts-expect-error a Scope is missing
  Effect.runSync(Effect.provide(BufferPool.make(4096), Kernel.layer))
  // @ts-expect-error a Kernel is missing
  Effect.runSync(File.remove("a"))
  Effect.runSync(opened.pipe(Effect.scoped, Effect.provide(Kernel.layer)))
}

export const everyReasonCanBeMatched = (error: Win32Error.Win32Error): string => {
  switch (error.reason) {
    case "AlreadyBound":
    case "AlreadyExists":
    case "BrokenPipe":
    case "Busy":
    case "Cancelled":
    case "Closed":
    case "DeviceFailure":
    case "EndOfFile":
    case "Exhausted":
    case "InvalidArgument":
    case "InvalidHandle":
    case "MoreData":
    case "NoSpace":
    case "NotEmpty":
    case "NotFound":
    case "NotOverlapped":
    case "NotSameDevice":
    case "PermissionDenied":
    case "TimedOut":
    case "Unknown":
    case "Unsupported":
      return error.name
  }
}

export const aFailureIsHandledByItsTag = (): Effect.Effect<number> =>
  Effect.catchTag(File.read(file, buffer, 0), "Win32Error", ({ code }) => Effect.succeed(code))

export const noReasonIsInvented = (): void => {
  // @ts-expect-error the set of reasons is closed
  Win32Error.make({ code: 1, syscall: "ReadFile", reason: "Sad" })
}

declare const sink: Sink.Sink<bigint, Uint8Array, never, Win32Error.Win32Error>
declare const look: (chunk: File.LentChunk) => Effect.Effect<string, "why", Kernel.Kernel>

export const chunksAndBatches = (): void => {
  type Own = Uint8Array
  type Failure = Win32Error.Win32Error
  const looked = File.forEachChunk(file, {}, look)
  is<bigint, Failure | "why", Kernel.Kernel>()(looked)
  is<bigint, Failure | "why", Kernel.Kernel>()(file.pipe(File.forEachChunk({ ordered: false }, look)))
  is<Chunk.Chunk<Own>, Failure, never>()(Stream.runCollect(File.stream(file)))
  is<Chunk.Chunk<File.LentChunk>, Failure, never>()(Stream.runCollect(File.streamRecycled(file, { length: 1n })))
  const copied = [Stream.run(File.stream(file), File.sink(file, { sync: true })), Stream.run(File.stream(file), sink)]
  is<bigint, Failure, never>()(copied[0]!)
  is<bigint, Failure, never>()(copied[1]!)
  is<Array<Own>, Failure, never>()(File.readMany(file, [{ offset: 0, length: 1 }, { offset: 1n, buffer }]))
  is<Array<Own>, Failure, never>()(file.pipe(File.readMany([], { inFlight: 2 })))
  is<Array<Either.Either<Own, Failure>>, never, never>()(File.readMany(file, [], { mode: "either" }))
  is<Array<number>, Failure, never>()(File.writeMany(file, [{ offset: 0, buffer: pooled }]))
  is<Array<Either.Either<number, Failure>>, never, never>()(file.pipe(File.writeMany([], { mode: "either" })))
  // @ts-expect-error a chunk is lent by the library, and not made by hand
  void look({ offset: 0n, size: 1, bytes: buffer })
  // @ts-expect-error a read says how much, or where to
  void File.readMany(file, [{ offset: 0 }])
  // @ts-expect-error a write has a buffer
  void File.writeMany(file, [{ offset: 0, length: 1 }])
}
