/**
 * A connection of a named pipe: what makes one, and what is done with it that takes no part in messages.
 */
import * as Effect from "effect/Effect"
import { pipeArguments } from "effect/Pipeable"
import * as Sink from "effect/Sink"
import type { PoolBuffer } from "../../BufferPool.js"
import type { Completion } from "../../Completion.js"
import type { Kernel } from "../../Kernel.js"
import type { Connection, Information, Options, Peek, TypeId as PublicTypeId } from "../../NamedPipe.js"
import * as Operation from "../../Operation.js"
import * as ThreadpoolIo from "../../ThreadpoolIo.js"
import * as Win32Error from "../../Win32Error.js"
import { failNotA } from "../arguments.js"
import { call } from "../call.js"
import * as c from "../constants.js"
import { moveAll } from "../file/moveAll.js"
import type { Calls } from "../kernel/Calls.js"
import { peek as peekOperation } from "../operation.js"
import { sizeOf } from "../operation/window.js"
import { transfer } from "../submit.js"
import { hasTypeId, isA } from "../values.js"
import * as flushing from "./flush.js"
import { Messages } from "./Messages.js"

export const TypeId: PublicTypeId = Symbol.for("effect-threadpool-io/NamedPipe") as PublicTypeId

type Memory = PoolBuffer | Uint8Array

export const isConnection = (u: unknown): u is Connection => hasTypeId(u, TypeId)

export const isGenuine = (u: unknown): boolean => isA(u, TypeId, "io")

export const notAConnection = (syscall: string, u: unknown) => failNotA("Connection", syscall, u)

export const Proto = {
  pipe() {
    return pipeArguments(this, arguments)
  }
}

export const make = (
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

export const ioOptions = (options: Options): ThreadpoolIo.Options => ({
  maxInFlight: options.maxInFlight,
  drainTimeout: options.drainTimeout,
  spans: options.spans,
  skipMode: options.skipMode ?? options.messages !== true
})

export const invalid = (syscall: string, path: string, detail: string, code = c.ERROR_INVALID_PARAMETER) =>
  Effect.fail(Win32Error.make({ code, syscall, path, detail }))

export const read = (self: Connection, buffer: Memory): Effect.Effect<Completion, Win32Error.Win32Error> =>
  isGenuine(self) ? ThreadpoolIo.submit(self.io, Operation.read({ buffer })) : notAConnection("ReadFile", self)

export const write = (self: Connection, buffer: Memory): Effect.Effect<number, Win32Error.Win32Error> =>
  isGenuine(self)
    ? Effect.map(
      ThreadpoolIo.submit(self.io, Operation.write({ buffer })),
      (completion) => completion.bytesTransferred
    )
    : notAConnection("WriteFile", self)

/** The most that one write of `writeAll` takes: what a copy of the caller's memory costs stays bounded. */
const PIECE = 256 << 10

export const writeAll = (self: Connection, buffer: Memory): Effect.Effect<void, Win32Error.Win32Error> => {
  if (!isGenuine(self)) return notAConnection("WriteFile", self)
  const size = sizeOf(buffer)
  // It says what is wrong with it.
  if (size === undefined) return Effect.asVoid(write(self, buffer))
  // An empty message is a message.
  if (size === 0 && self.messages) return Effect.asVoid(write(self, buffer))
  const piece = self.messages ? size : PIECE
  return Effect.asVoid(
    moveAll(self, size, (start) => Operation.write({ buffer, start, length: Math.min(piece, size - start) }))
  )
}

export const sink = (self: Connection): Sink.Sink<void, Uint8Array, never, Win32Error.Win32Error> =>
  Sink.forEach((bytes: Uint8Array) => writeAll(self, bytes))

/** A call on the handle of a connection. */
const callOn = <K extends "DisconnectNamedPipe" | "GetNamedPipeInfo">(
  self: Connection,
  name: K
): Effect.Effect<Calls[K][1], Win32Error.Win32Error> =>
  isGenuine(self)
    ? call(self.kernel, name, { handle: self.io.handle } as Calls[K][0], {
      path: self.path,
      handle: self.io.handle,
      object: self.io.object
    })
    : notAConnection(name, self)

export const peek = (self: Connection): Effect.Effect<Peek, Win32Error.Win32Error> =>
  Effect.suspend(() => {
    const buffer = new Uint8Array(c.FILE_PIPE_PEEK_BUFFER.size)
    const peeking = peekOperation(buffer)
    return isGenuine(self)
      ? Effect.map(transfer(self.io, peeking), () => peekOf(buffer))
      : notAConnection(peeking.request.syscall, self)
  })

const peekOf = (buffer: Uint8Array): Peek => {
  const view = new DataView(buffer.buffer)
  return {
    bytesAvailable: view.getUint32(c.FILE_PIPE_PEEK_BUFFER.ReadDataAvailable, true),
    bytesLeftInMessage: view.getUint32(c.FILE_PIPE_PEEK_BUFFER.MessageLength, true)
  }
}

export const information = (self: Connection): Effect.Effect<Information, Win32Error.Win32Error> =>
  callOn(self, "GetNamedPipeInfo")

export const flush = (self: Connection): Effect.Effect<void, Win32Error.Win32Error> =>
  !isGenuine(self)
    ? notAConnection("FlushFileBuffers", self)
    : self.side === "server"
    ? flushing.flush(self.kernel, self.io)
    : invalid("FlushFileBuffers", self.path, "A client's flush cannot be stopped: only a server's end can be flushed.")

export const disconnect = (self: Connection): Effect.Effect<void, Win32Error.Win32Error> =>
  callOn(self, "DisconnectNamedPipe")
