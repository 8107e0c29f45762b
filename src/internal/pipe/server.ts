/**
 * The instances of a server's pipe: a first one that holds the name and serves nobody, and fibers that each keep one
 * instance waiting in ConnectNamedPipe, so that a client which comes finds one.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Kernel } from "../../Kernel.js"
import * as Operation from "../../Operation.js"
import * as ThreadpoolIo from "../../ThreadpoolIo.js"
import * as Win32Error from "../../Win32Error.js"
import { call } from "../call.js"
import {
  ERROR_ACCESS_DENIED,
  ERROR_BROKEN_PIPE,
  ERROR_INVALID_HANDLE,
  ERROR_NO_DATA,
  ERROR_PIPE_BUSY,
  ERROR_PIPE_NOT_CONNECTED,
  PIPE_UNLIMITED_INSTANCES
} from "../constants.js"
import type { Calls } from "../kernel/Calls.js"
import { bindOrClose, openHandleIn } from "../openHandle.js"
import { type Restore, settle } from "../settle.js"
import * as life from "../threadpoolIo.js"
import { Backlog, Taker } from "./Backlog.js"

export interface Settings {
  readonly path: string
  readonly messages: boolean
  /** Without the one that holds the name. */
  readonly maxInstances: number
  readonly backlog: number
  readonly outBufferSize: number
  readonly inBufferSize: number
  readonly security: string | undefined
  readonly io: ThreadpoolIo.Options
}

/** An instance whose client has come. Whoever takes it closes it. */
export interface Accepted {
  readonly io: ThreadpoolIo.ThreadpoolIo
  /** The place of the instance is free again; after `io` has been closed. */
  readonly release: () => void
}

/** The result of `accept`: a client, or why there is none. */
type Arrival = Accepted | Cause.Cause<Win32Error.Win32Error>

export class PipeServer {
  readonly backlog: Backlog<Arrival>
  /** Delivered once there is an instance for each fiber, or none could be made. */
  readonly started = new Taker<Arrival>()
  fibers: ReadonlyArray<Fiber.RuntimeFiber<void>> = []
  #starting: number

  /** `early`: instances whose clients came while the name was being taken. */
  constructor(
    readonly kernel: Kernel.Service,
    readonly settings: Settings,
    readonly anchor: number,
    readonly early: Array<number>
  ) {
    this.#starting = Math.min(settings.backlog, settings.maxInstances)
    // The same number may have come and not been accepted: clients after those find the pipe busy.
    this.backlog = new Backlog(settings.backlog, settings.maxInstances)
  }

  /** A fiber has its first instance, or the reason why it has none. */
  began(failure?: Arrival): void {
    if (this.started.delivered || (failure === undefined && --this.#starting > 0)) return
    this.started.deliver(failure)
  }
}

// --- opening and closing

const creation = (settings: Settings, first: boolean): Calls["CreateNamedPipeW"][0] => ({
  path: settings.path,
  first,
  messages: settings.messages,
  maxInstances: settings.maxInstances >= PIPE_UNLIMITED_INSTANCES
    ? PIPE_UNLIMITED_INSTANCES
    : settings.maxInstances + 1,
  outBufferSize: settings.outBufferSize,
  inBufferSize: settings.inBufferSize,
  security: settings.security
})

const takeName = (
  restore: Restore,
  kernel: Kernel.Service,
  settings: Settings
): Effect.Effect<PipeServer, Win32Error.Win32Error> =>
  Effect.suspend(() => {
    const early: Array<number> = []
    const arguments_ = { ...creation(settings, true), early: (handle: number) => void early.push(handle) }
    return Effect.map(
      openHandleIn(restore, kernel, "CreateNamedPipeW", arguments_, early),
      (anchor) => new PipeServer(kernel, settings, anchor, early)
    )
  })

/** With a cause, 5 is about the portable kernel's directory. */
const isTaken = ({ cause, code }: Win32Error.Win32Error): boolean =>
  code === ERROR_PIPE_BUSY || (code === ERROR_ACCESS_DENIED && cause === undefined)

/** The first instance: it fails where there is a pipe of this name already, whoever's it is. */
export const openIn = (
  restore: Restore,
  kernel: Kernel.Service,
  settings: Settings
): Effect.Effect<PipeServer, Win32Error.Win32Error> =>
  takeName(restore, kernel, settings).pipe(
    Effect.mapError((error) =>
      isTaken(error)
        ? Win32Error.make({ ...error, reason: "AlreadyExists", detail: "A server, of whatever user, has this name." })
        : error
    ),
    Effect.flatMap((server) => {
      const fork = Effect.forkDaemon(Effect.interruptible(keepWaiting(server)))
      const starting = Effect.map(Effect.replicateEffect(fork, settings.backlog), (fibers) => {
        server.fibers = fibers
      })
      const closeAnd = (cause: Cause.Cause<Win32Error.Win32Error>) =>
        Effect.zipRight(close(server), Effect.failCause(cause))
      return Effect.zipRight(
        starting,
        settle(
          restore,
          server.started,
          () => {
            const { value } = server.started
            return value !== undefined && Cause.isCause(value) ? closeAnd(value) : Effect.succeed(server)
          },
          () => server.started.deliver(undefined),
          closeAnd
        )
      )
    })
  )

/** Ends pending accepts, disconnects unaccepted clients, and only then releases the pipe's name. */
export const close = (server: PipeServer): Effect.Effect<void> =>
  Effect.suspend(() => {
    const waiting = server.backlog.close()
    return Fiber.interruptAll(server.fibers).pipe(
      Effect.zipRight(Effect.forEach(waiting, turnAway, { discard: true })),
      Effect.zipRight(Effect.forEach(
        [...server.early.splice(0), server.anchor],
        (handle) => Effect.ignore(call(server.kernel, "CloseHandle", { handle })),
        { discard: true }
      ))
    )
  }).pipe(Effect.uninterruptible)

/** Closes an instance that nobody has taken, and frees its place. */
const turnAway = (arrival: Arrival): Effect.Effect<void> =>
  Cause.isCause(arrival) ? Effect.void : closeAccepted(arrival)

export const closeAccepted = ({ io, release }: Accepted): Effect.Effect<void> =>
  Effect.ensuring(life.close(io), Effect.sync(release))

// --- instances that wait

const room = (server: PipeServer): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    if (server.backlog.hasRoom) resume(Exit.void)
    else server.backlog.whenChanged(() => resume(Exit.void))
  })

/** One fiber's life: an instance, its client, and the next instance as soon as there is room for one. */
const keepWaiting = (server: PipeServer): Effect.Effect<void> =>
  Effect.forever(
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(restore(room(server)), () => server.backlog.reserve() ? waitIn(restore, server) : Effect.void)
    )
  )

const waitIn = (restore: Restore, server: PipeServer): Effect.Effect<void> => {
  const release = () => server.backlog.release()
  return Effect.matchCauseEffect(instanceIn(restore, server), {
    onFailure: (cause) => {
      release()
      return failed(server, cause)
    },
    onSuccess: (io) => {
      server.began()
      const accepted = { io, release }
      return Effect.matchCauseEffect(restore(clientOf(server, io)), {
        onFailure: (cause) => Effect.zipRight(closeAccepted(accepted), failed(server, cause)),
        onSuccess: () => server.backlog.offer(accepted) ? Effect.void : closeAccepted(accepted)
      })
    }
  })
}

/** Tells an `accept`, and goes on once it has been told. Only an interruption ends the wait. */
const failed = (server: PipeServer, cause: Cause.Cause<Win32Error.Win32Error>): Effect.Effect<void> => {
  if (Cause.isInterrupted(cause)) return Effect.interrupt
  server.began(cause)
  server.backlog.fail(cause)
  return Effect.void
}

const instanceIn = (
  restore: Restore,
  server: PipeServer
): Effect.Effect<ThreadpoolIo.ThreadpoolIo, Win32Error.Win32Error> =>
  Effect.suspend(() => {
    const { early, kernel, settings } = server
    const handle = early.shift()
    return Effect.flatMap(
      handle === undefined
        ? openHandleIn(restore, kernel, "CreateNamedPipeW", creation(settings, false))
        : Effect.succeed(handle),
      (handle) => bindOrClose(kernel, handle, { ...settings.io, path: settings.path })
    )
  })

/** A client that has come and gone before it was seen: the instance is disconnected, and waits for the next one. */
const goneAlready = ({ code }: Win32Error.Win32Error): boolean =>
  code === ERROR_NO_DATA || code === ERROR_BROKEN_PIPE || code === ERROR_PIPE_NOT_CONNECTED

const clientOf = (server: PipeServer, io: ThreadpoolIo.ThreadpoolIo): Effect.Effect<void, Win32Error.Win32Error> =>
  Effect.catchAll(ThreadpoolIo.submit(io, Operation.connect), (error) =>
    goneAlready(error)
      ? Effect.zipRight(disconnect(server.kernel, io), clientOf(server, io))
      : Effect.fail(error))

export const disconnect = (
  kernel: Kernel.Service,
  io: ThreadpoolIo.ThreadpoolIo
): Effect.Effect<void, Win32Error.Win32Error> =>
  call(kernel, "DisconnectNamedPipe", { handle: io.handle }, { path: io.path, handle: io.handle, object: io.object })

// --- accepting

/** For a caller inside a mask of its own, who takes the client before anything can interrupt. */
export const acceptIn = (restore: Restore, server: PipeServer): Effect.Effect<Accepted, Win32Error.Win32Error> =>
  Effect.suspend(() => {
    const taker = server.backlog.take()
    return settle(
      restore,
      taker,
      () =>
        taker.value === undefined
          ? Effect.fail(closedError(server))
          : Cause.isCause(taker.value)
          ? Effect.failCause(taker.value)
          : Effect.succeed(taker.value),
      () => server.backlog.withdraw(taker),
      (cause) => Effect.zipRight(giveBack(server, taker.value), Effect.failCause(cause))
    )
  })

/** A client that came for somebody who has left is the next one's. */
const giveBack = (server: PipeServer, arrival: Arrival | undefined): Effect.Effect<void> =>
  arrival === undefined || Cause.isCause(arrival) || server.backlog.offer(arrival, true)
    ? Effect.void
    : turnAway(arrival)

const closedError = ({ settings }: PipeServer): Win32Error.Win32Error =>
  Win32Error.make({
    code: ERROR_INVALID_HANDLE,
    reason: "Closed",
    syscall: "ConnectNamedPipe",
    path: settings.path,
    detail: "The scope of this server has closed."
  })
