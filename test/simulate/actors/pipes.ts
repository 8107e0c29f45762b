/**
 * Pipes: of bytes, of messages, and as sockets.
 */
import * as Socket from "@effect/platform/Socket"
import * as SocketServer from "@effect/platform/SocketServer"
import * as Effect from "effect/Effect"
import * as NamedPipe from "../../../src/NamedPipe.js"
import * as NamedPipeSocket from "../../../src/NamedPipeSocket.js"
import * as NamedPipeSocketServer from "../../../src/NamedPipeSocketServer.js"
import * as Operation from "../../../src/Operation.js"
import type { Actor } from "../program.js"
import { Received } from "../received.js"

/** A pipe, both ends: what was written comes, in order, once. */
export const bytes: Actor = (one, _, index) =>
  Effect.gen(function*() {
    const name = `pipe ${index}`
    const sizes = { inBufferSize: 1 + one.below(40), outBufferSize: 1 + one.below(40) }
    const io = { skipMode: one.below(4) !== 3, drainTimeout: "5 seconds" } as const
    const server = yield* NamedPipe.listen(name, { ...sizes, ...io, backlog: 1 + one.below(2) })
    const writer = yield* NamedPipe.connect(name, io)
    const reader = yield* NamedPipe.accept(server)
    const received = new Received(one.profile.hangs)
    const writing = Effect.gen(function*() {
      for (let step = 0; step < one.length / 2; step++) {
        const sent = received.expect(step % Received.LAST, 1 + one.below(30))
        const buffer = new Uint8Array(sent.length).fill(sent.mark)
        const done = yield* one.counted(writer.io, Operation.write({ buffer }))
        sent.atLeast = done?.bytesTransferred ?? 0
        sent.atMost = done === undefined || done.cancelRequested ? sent.length : done.bytesTransferred
      }
      received.expect(Received.LAST, 1)
      yield* NamedPipe.writeAll(writer, new Uint8Array([Received.LAST]))
    })
    const reading = Effect.gen(function*() {
      const buffer = new Uint8Array(64)
      while (!received.complete) {
        const done = yield* one.counted(reader.io, Operation.read({ buffer }))
        if (done === undefined) continue
        if (done.endOfFile && one.profile.breaks) return
        if (done.endOfFile) return yield* Effect.dieMessage("the pipe has ended too early")
        received.take(buffer.subarray(0, done.bytesTransferred))
      }
    })
    yield* Effect.all([writing, reading], { concurrency: 2, discard: true })
  })

/** Messages: each whole, in order; a question has its answer. */
export const messages: Actor = (one, _, index) =>
  Effect.gen(function*() {
    const name = `messages ${index}`
    const server = yield* NamedPipe.listen(name, { messages: true })
    const client = yield* NamedPipe.connect(name, { messages: true })
    const end = yield* NamedPipe.accept(server)
    const count = Math.ceil(one.length / 4)
    const answering = Effect.gen(function*() {
      for (let step = 0; step < count; step++) {
        const message = yield* NamedPipe.readMessage(end)
        if (message._tag === "None" && one.profile.breaks) return
        if (message._tag === "None") return yield* Effect.dieMessage("no message")
        yield* NamedPipe.write(end, message.value.map((byte) => byte + 1))
      }
    })
    const asking = Effect.gen(function*() {
      for (let step = 0; step < count; step++) {
        const question = new Uint8Array(1 + one.below(20)).fill(step)
        const answer = yield* NamedPipe.transact(client, question)
        if (answer.length !== question.length || answer.some((byte) => byte !== (step + 1) % 256)) {
          yield* Effect.dieMessage("the answer is another question's")
        }
      }
    })
    yield* Effect.all([answering, asking], { concurrency: 2, discard: true })
  })

/** Sockets: what was sent comes back, and then it is closed. */
export const sockets: Actor = (one, _, index) =>
  Effect.gen(function*() {
    const name = `sockets ${index}`
    const server = yield* NamedPipeSocketServer.make(name, {
      inBufferSize: 1 + one.below(60),
      backlog: 1 + one.below(2)
    })
    const echo = (socket: Socket.Socket) =>
      Effect.scoped(Effect.flatMap(socket.writer, (write) => socket.run((bytes) => write(bytes.slice()))))
    yield* Effect.forkScoped(server.run(echo))
    const talk = Effect.gen(function*() {
      const socket = yield* NamedPipeSocket.make(name, { waitForServer: true })
      const sent = one.bytes(1 + one.below(200))
      const received: Array<Uint8Array> = []
      let count = 0
      const write = yield* socket.writer
      const pieces = Array.from({ length: Math.ceil(sent.length / 30) }, (_, at) => sent.slice(at * 30, at * 30 + 30))
      yield* socket.run((bytes) => {
        received.push(bytes.slice())
        count += bytes.length
        return count >= sent.length ? write(new Socket.CloseEvent()) : Effect.void
      }, { onOpen: Effect.asVoid(Effect.forkDaemon(Effect.ignore(Effect.forEach(pieces, (piece) => write(piece))))) })
      // Handlers run side by side, and so may their answers come.
      if (!one.lenient && !one.profile.breaks && Buffer.compare(Buffer.concat(received).sort(), sent.sort()) !== 0) {
        yield* Effect.dieMessage("an echo is not what was sent")
      }
    }).pipe(Effect.scoped)
    for (let round = 0; round < one.length / 60; round++) yield* one.perhaps(talk)
  }).pipe(
    Effect.catchAll((error) =>
      one.lenient || one.profile.breaks || !(error instanceof SocketServer.SocketServerError)
        ? Effect.void
        : Effect.die(error)
    )
  )
