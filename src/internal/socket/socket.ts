/**
 * A connection of a named pipe behind the platform's `Socket`. While `run` runs there are two fibers of ours beside
 * those of the handlers: one reads, and stops while handlers have too much in hand; one writes what all writers have
 * offered, one write after the other.
 */
import * as Socket from "@effect/platform/Socket"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Scope from "effect/Scope"
import * as BufferPool from "../../BufferPool.js"
import { Kernel } from "../../Kernel.js"
import * as NamedPipe from "../../NamedPipe.js"
import type { Options } from "../../NamedPipeSocket.js"
import * as Operation from "../../Operation.js"
import * as Win32Error from "../../Win32Error.js"
import { ERROR_NO_DATA } from "../constants.js"
import { moveAll } from "../file/moveAll.js"
import { Inbox } from "../pipe/Inbox.js"
import { settle } from "../settle.js"
import { Outbox, Write } from "./Outbox.js"

export interface PipeConnection {
  readonly _: unique symbol
}

export const PipeConnection = Context.GenericTag<PipeConnection, NamedPipe.Connection>(
  "effect-threadpool-io/NamedPipeSocket/PipeConnection"
)

/** The most that one WriteFile takes: what a copy of the caller's memory costs stays bounded. */
const PIECE = 256 << 10

const encoder = new TextEncoder()

/** The end of file, on a pipe that knows no codes: a normal closure. */
const NORMAL = 1000

const closed = (code = NORMAL, closeReason?: string) =>
  new Socket.SocketCloseError({ reason: "Close", code, closeReason })

const failedWrite = (cause: unknown) => new Socket.SocketGenericError({ reason: "Write", cause })

type Outgoing = Outbox<Socket.CloseEvent>

const lost = (path: string) =>
  failedWrite(Win32Error.make({
    code: ERROR_NO_DATA,
    syscall: "WriteFile",
    path,
    detail: "The connection was closed before all of it was written."
  }))

// --- one connection

const wait = (register: (done: () => void) => void): Effect.Effect<void> =>
  Effect.async<void>((resume) => register(() => resume(Exit.void)))

/** Until it holds. Nobody else waits for the same inbox. */
const until = (inbox: Inbox, condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() =>
    condition() ? Effect.void : wait((done) => {
      // It may have come to hold: a scheduler may hold a fiber up between any two of its steps.
      if (condition()) return done()
      inbox.whenChanged(() => {
        if (!condition()) return
        inbox.whenChanged(undefined)
        done()
      })
    })
  )

/** Hands every chunk to `handle`, and fails with the end. */
const readAll = (
  connection: NamedPipe.Connection,
  buffer: BufferPool.PoolBuffer,
  inbox: Inbox,
  handle: (chunk: Uint8Array) => void
): Effect.Effect<never, Socket.SocketError> => {
  const read = Effect.mapError(
    NamedPipe.read(connection, buffer),
    (cause) => new Socket.SocketGenericError({ reason: "Read", cause })
  )
  const next = Effect.flatMap(read, ({ bytesTransferred, endOfFile }) => {
    // Messages from before the end are handled before the end is told.
    if (endOfFile) return Effect.zipRight(until(inbox, () => inbox.isEmpty), Effect.fail(closed()))
    if (bytesTransferred > 0) handle(buffer.bytes.slice(0, bytesTransferred))
    return until(inbox, () => inbox.hasRoom)
  })
  return Effect.forever(next)
}

const writePieces = (
  connection: NamedPipe.Connection,
  write: Write<Socket.CloseEvent>
): Effect.Effect<void, Win32Error.Win32Error> =>
  Effect.suspend(() => {
    const next = () => Operation.write({ buffer: write.bytes, length: Math.min(PIECE, write.bytes.byteLength) })
    return Effect.asVoid(moveAll(connection, write.bytes.byteLength, next, { moved: (bytes) => write.advance(bytes) }))
  })

/** A write that fails is its writer's affair: what the other end has sent before it went can still be read. */
const writeAll = (connection: NamedPipe.Connection, outbox: Outgoing): Effect.Effect<never, Socket.SocketError> => {
  const offered = wait((done) => {
    // Meanwhile something may have been offered.
    if (outbox.waits) return done()
    outbox.whenOffered = () => {
      outbox.whenOffered = undefined
      done()
    }
  })
  const next = Effect.suspend((): Effect.Effect<void, Socket.SocketError> => {
    const write = outbox.begin()
    if (write === undefined) return offered
    if (write.closing !== undefined) {
      outbox.end(write)
      return Effect.fail(closed(write.closing.code, write.closing.reason))
    }
    return Effect.match(writePieces(connection, write), {
      onFailure: (error) => outbox.end(write, error),
      onSuccess: () => outbox.end(write)
    })
  })
  return Effect.forever(next)
}

// --- the socket

const DEFAULT_BUFFER = 65_536
const DEFAULT_READ_LIMIT = 1 << 20

/** With `once` there is one connection for good: after its end, writes fail instead of waiting for the next. */
export const fromConnection = <RO>(
  open: Effect.Effect<NamedPipe.Connection, Socket.SocketError, RO>,
  options: Options,
  once: boolean
): Effect.Effect<Socket.Socket, never, Exclude<RO, Scope.Scope>> =>
  Effect.map(Effect.context<Exclude<RO, Scope.Scope>>(), (openContext) => {
    const isError = options.closeCodeIsError ?? Socket.defaultCloseCodeIsError
    const isClean = Socket.SocketCloseError.isClean((code) => !isError(code))
    const latch = Effect.unsafeMakeLatch(false)
    let current: { readonly outbox: Outgoing; readonly path: string } | undefined
    let over = false

    const run = <_, E = never, R = never>(
      handler: (chunk: Uint8Array) => Effect.Effect<_, E, R> | void,
      runOptions?: { readonly onOpen?: Effect.Effect<void> | undefined }
    ): Effect.Effect<void, Socket.SocketError | E, R> =>
      Effect.scopedWith((scope) =>
        Effect.gen(function*() {
          const connection = yield* Scope.extend(open, scope)
          const buffer = yield* BufferPool.make(options.bufferSize ?? DEFAULT_BUFFER).pipe(
            Effect.provideService(Kernel, connection.kernel),
            Scope.extend(scope),
            Effect.mapError((cause) => new Socket.SocketGenericError({ reason: "Open", cause }))
          )
          // Closed before the connection is: no handler finds it closed under its feet.
          const fibers = yield* Scope.extend(FiberSet.make<unknown, Socket.SocketError | E>(), scope)
          const fork = yield* Effect.provideService(FiberSet.runtime(fibers)<R>(), PipeConnection, connection)
          const inbox = new Inbox(options.readLimit ?? DEFAULT_READ_LIMIT)
          const outbox: Outgoing = new Outbox()
          const opened = { outbox, path: connection.path }
          yield* Scope.addFinalizer(
            scope,
            Effect.sync(() => {
              if (current === opened) {
                current = undefined
                latch.unsafeClose()
              }
              outbox.close()
            })
          )
          const reading = readAll(connection, buffer, inbox, (chunk) => {
            const result = handler(chunk)
            if (Effect.isEffect(result)) fork(result).addObserver(inbox.begin(chunk.byteLength))
          })
          fork(writeAll(connection, outbox))
          // Not before `onOpen` has begun, nor after it has ended: it may wait for an answer.
          fork(Effect.zipRight(Effect.yieldNow(), reading))
          current = opened
          yield* latch.open
          if (runOptions?.onOpen !== undefined) yield* runOptions.onOpen
          return yield* Effect.catchIf(FiberSet.join(fibers), isClean, () => Effect.void)
        })
      ).pipe(
        Effect.mapInputContext((input: Context.Context<R>) =>
          Context.merge(openContext, input) as Context.Context<R | Exclude<RO, Scope.Scope>>
        ),
        Effect.ensuring(Effect.sync(() => {
          if (!once) return
          over = true
          latch.unsafeOpen()
        })),
        Effect.interruptible
      ) as Effect.Effect<void, Socket.SocketError | E, R>

    const whenOpen: Effect.Effect<NonNullable<typeof current>, Socket.SocketError> = Effect.suspend(() =>
      current !== undefined
        ? Effect.succeed(current)
        : over
        ? Effect.fail(closed())
        : Effect.zipRight(latch.await, whenOpen)
    )

    const write = (chunk: Uint8Array | string | Socket.CloseEvent): Effect.Effect<void, Socket.SocketError> =>
      Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(restore(whenOpen), ({ outbox, path }) => {
          const write = Socket.isCloseEvent(chunk)
            ? new Write(undefined, chunk)
            : new Write<Socket.CloseEvent>(typeof chunk === "string" ? encoder.encode(chunk) : chunk, undefined)
          outbox.offer(write)
          return settle(
            restore,
            write,
            () =>
              write.written
                ? Effect.void
                : Effect.fail(write.failure === undefined ? lost(path) : failedWrite(write.failure)),
            () => outbox.withdraw(write),
            Effect.failCause
          )
        })
      )

    return Socket.Socket.of({ [Socket.TypeId]: Socket.TypeId, run, runRaw: run, writer: Effect.succeed(write) })
  })
