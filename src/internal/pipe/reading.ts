/**
 * Messages of a connection, each read whole: piece by piece, kept where an interruption comes between two of them.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as BufferPool from "../../BufferPool.js"
import { Kernel } from "../../Kernel.js"
import type { Connection, MessageOptions } from "../../NamedPipe.js"
import * as Operation from "../../Operation.js"
import * as ThreadpoolIo from "../../ThreadpoolIo.js"
import * as Win32Error from "../../Win32Error.js"
import { aNumber, InvalidArgument, optionsOf, refusal } from "../arguments.js"
import * as c from "../constants.js"
import { invalid, isGenuine, notAConnection, read } from "./connection.js"

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
  if (!isGenuine(self)) return notAConnection(syscall, self)
  const looked = lookAtMessage(options)
  if (looked instanceof InvalidArgument) return Effect.fail(refusal(syscall, looked, self))
  const { maximum = DEFAULT_MAXIMUM } = looked
  return !self.messages
    ? invalid(syscall, self.path, "The connection is a pipe of bytes: open both ends with `messages`.")
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

export const readMessage = (
  self: Connection,
  options: MessageOptions = {}
): Effect.Effect<Option.Option<Uint8Array>, Win32Error.Win32Error> =>
  asReader(self, "ReadFile", options, (buffer, maximum) => finishMessage(self, buffer, maximum))

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
              invalid(
                "TransactNamedPipe",
                self.path,
                "The pipe ended in the middle of the answer.",
                c.ERROR_BROKEN_PIPE
              )
          })
        )
      ))

const lookAtStream = optionsOf<MessageOptions & { readonly bufferSize?: number | undefined }>({
  maximum: aNumber,
  bufferSize: aNumber
})

export const stream = (
  self: Connection,
  given: MessageOptions & { readonly bufferSize?: number | undefined } = {}
): Stream.Stream<Uint8Array, Win32Error.Win32Error> => {
  if (!isGenuine(self)) return Stream.fromEffect(notAConnection("ReadFile", self))
  const options = lookAtStream(given)
  if (options instanceof InvalidArgument) return Stream.fail(refusal("ReadFile", options, self))
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
