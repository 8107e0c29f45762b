/**
 * Named pipes: a name that is held, clients that come, bytes in both directions, and ends that go away.
 */
import { describe, expect } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Kernel as Internal } from "../../src/internal/kernel/Kernel.js"
import * as Kernel from "../../src/Kernel.js"
import * as NamedPipe from "../../src/NamedPipe.js"
import { contract, failureOf, pattern, refused, settleFibers, sleep } from "../support/claims.js"

let serial = 0
const fresh = () => `tpio-test-${process.pid}-${serial++}`

/** A resource in a scope that the test closes. */
const separately = <A, E, R>(resource: Effect.Effect<A, E, R | Scope.Scope>) =>
  Effect.gen(function*() {
    const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
    return { resource: yield* Scope.extend(resource, scope), close: Scope.close(scope, Exit.void) }
  })

/** Both ends of a connection. */
const pair = (options: NamedPipe.ListenOptions & NamedPipe.ConnectOptions = {}) =>
  Effect.gen(function*() {
    const name = fresh()
    const listening = yield* NamedPipe.listen(name, options)
    const client = yield* separately(NamedPipe.connect(name, options))
    const server = yield* separately(NamedPipe.accept(listening))
    return {
      name,
      listening,
      client: client.resource,
      server: server.resource,
      closeClient: client.close,
      closeServer: server.close
    }
  })

const text = (value: string) => new TextEncoder().encode(value)

const readText = (connection: NamedPipe.Connection, size = 64) => {
  const buffer = new Uint8Array(size)
  return Effect.map(
    NamedPipe.read(connection, buffer),
    ({ bytesTransferred }) => new TextDecoder().decode(buffer.subarray(0, bytesTransferred))
  )
}

/** `toEqual` takes seconds for a megabyte. */
const same = (one: Uint8Array, other: Uint8Array) => Buffer.compare(one, other) === 0

/** Exactly so many bytes. */
const readAll = (connection: NamedPipe.Connection, length: number) =>
  Effect.gen(function*() {
    const all = new Uint8Array(length)
    const buffer = new Uint8Array(65_536)
    for (let at = 0; at < length;) {
      const { bytesTransferred, endOfFile } = yield* NamedPipe.read(connection, buffer)
      if (endOfFile) throw new Error(`the end after ${at} bytes`)
      all.set(buffer.subarray(0, bytesTransferred), at)
      at += bytesTransferred
    }
    return all
  })

/** More than a kernel reads ahead, and no more than a socket of every system keeps besides. */
const SENT = process.platform === "darwin" ? 108_000 : 180_000

type Calls = Parameters<Internal["call"]>

/** Sees what the kernel is asked for, and answers in its place with the status that `answer` gives. */
const asking = <A, E, R>(answer: (...call: Calls) => number | undefined, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const { engine } = yield* Kernel.Kernel
    const internal = engine.kernel as { call: Internal["call"] }
    const original = internal.call
    internal.call = ((...call: Calls) => {
      const status = answer(...call)
      if (status === undefined) return original.apply(engine.kernel, call)
      setImmediate(() => call[2](status, undefined))
      return () => false
    }) as Internal["call"]
    return yield* Effect.ensuring(effect, Effect.sync(() => internal.call = original))
  })

const ERROR_NO_SYSTEM_RESOURCES = 1450

/** The instances after the first so many cannot be made. */
const noInstances = (after: number) => {
  let made = 0
  return (name: Calls[0]) => name === "CreateNamedPipeW" && made++ >= after ? ERROR_NO_SYSTEM_RESOURCES : undefined
}

contract("a pipe", ({ claim }) => {
  describe("of bytes", () => {
    claim("carries bytes in both directions", function*() {
      const { client, server } = yield* pair()
      yield* NamedPipe.writeAll(client, text("hello"))
      expect(yield* readText(server)).toBe("hello")
      yield* NamedPipe.writeAll(server, text("and back"))
      expect(yield* readText(client)).toBe("and back")
      expect([client.side, server.side]).toEqual(["client", "server"])
    })
    claim("carries a megabyte, in order, while it is read", function*() {
      const { client, server } = yield* pair()
      const sent = pattern(1_000_003)
      const writing = yield* Effect.fork(NamedPipe.writeAll(client, sent))
      expect(same(yield* readAll(server, sent.length), sent)).toBe(true)
      yield* Fiber.join(writing)
    })
    claim("tells a reader that the other end has gone, after everything that was written", function*() {
      const { client, closeServer, server } = yield* pair()
      yield* NamedPipe.writeAll(server, text("last words"))
      yield* closeServer
      expect(yield* readText(client)).toBe("last words")
      expect(yield* NamedPipe.read(client, new Uint8Array(8))).toMatchObject({ bytesTransferred: 0, endOfFile: true })
    })
    claim("tells a reader that waits", function*() {
      const { closeClient, server } = yield* pair()
      const reading = yield* Effect.fork(NamedPipe.read(server, new Uint8Array(8)))
      yield* settleFibers
      yield* closeClient
      expect(yield* Fiber.join(reading)).toMatchObject({ bytesTransferred: 0, endOfFile: true })
    })
    claim("tells a writer, typed", function*() {
      const { client, closeServer } = yield* pair()
      yield* closeServer
      const writing = Effect.forever(NamedPipe.write(client, new Uint8Array(65_536)))
      expect(yield* failureOf(writing)).toMatchObject({ reason: "BrokenPipe" })
    })
    for (const goes of ["client", "server"] as const) {
      for (const [unread, written] of [[false, true], [true, true], [true, false]] as const) {
        const how = `${unread ? ", leaving bytes unread," : ""} can be read${
          written ? ", also after a failed write" : ""
        }`
        claim(`all that a ${goes} sent before it went${how}`, function*() {
          const room = { inBufferSize: 1 << 18, outBufferSize: 1 << 18 }
          const { closeClient, closeServer, ...ends } = yield* pair(room)
          const [stays, left, close] = goes === "client"
            ? [ends.server, ends.client, closeClient]
            : [ends.client, ends.server, closeServer]
          if (unread) yield* NamedPipe.writeAll(stays, new Uint8Array(SENT))
          // A little more than is read ahead, in small pieces; or much, in large ones.
          const sent = pattern(unread ? 70_000 : SENT)
          const piece = sent.length / (unread ? 100 : 20)
          for (let at = 0; at < sent.length; at += piece) yield* NamedPipe.writeAll(left, sent.subarray(at, at + piece))
          yield* close
          // Long enough for a reset to come before anybody reads.
          if (!written) yield* sleep(20)
          for (let round = 0; round < (written ? 3 : 0); round++) {
            expect(yield* failureOf(Effect.forever(NamedPipe.write(stays, new Uint8Array(65_536))))).toMatchObject({
              reason: "BrokenPipe"
            })
          }
          expect(same(yield* readAll(stays, sent.length), sent)).toBe(true)
          expect(yield* NamedPipe.read(stays, new Uint8Array(8))).toMatchObject({
            bytesTransferred: 0,
            endOfFile: true
          })
        })
      }
    }
    claim("a read that is interrupted takes no bytes", function*() {
      const { client, server } = yield* pair()
      for (let round = 0; round < 20; round++) {
        const reading = yield* Effect.fork(NamedPipe.read(server, new Uint8Array(8)))
        yield* settleFibers
        yield* Fiber.interrupt(reading)
        yield* NamedPipe.writeAll(client, text(`${round}.`))
        expect(yield* readText(server)).toBe(`${round}.`)
      }
    })
    claim("a write to a client that never reads ends with its interruption, and its memory is its own", function*() {
      const { client, server } = yield* pair()
      const bytes = pattern(4 << 20)
      const writing = yield* Effect.fork(NamedPipe.writeAll(client, bytes))
      yield* sleep(50)
      expect(client.io.object.counters.inFlight).toBe(1)
      expect(Exit.isInterrupted(yield* Fiber.interrupt(writing))).toBe(true)
      const expected = bytes.slice()
      bytes.fill(0)
      // The bytes that have arrived, or still arrive, are a beginning of those that were written.
      const buffer = new Uint8Array(65_536)
      for (let at = 0;;) {
        const got = yield* NamedPipe.read(server, buffer).pipe(Effect.timeoutOption(100))
        if (Option.isNone(got)) break
        const { bytesTransferred } = got.value
        expect(same(buffer.subarray(0, bytesTransferred), expected.subarray(at, at + bytesTransferred))).toBe(true)
        at += bytesTransferred
      }
    })
    claim("streams until the other end goes, in memory of the reader's own", function*() {
      const { client, closeClient, server } = yield* pair()
      const sent = Array.from({ length: 20 }, (_, index) => pattern(10_000, index))
      const collecting = yield* Effect.fork(Stream.runCollect(NamedPipe.stream(server, { bufferSize: 4096 })))
      yield* Stream.run(Stream.fromIterable(sent), NamedPipe.sink(client))
      yield* closeClient
      const chunks = Chunk.toReadonlyArray(yield* Fiber.join(collecting))
      expect(same(Buffer.concat(chunks), Buffer.concat(sent))).toBe(true)
      for (const chunk of chunks) expect(chunk.byteLength).toBeLessThanOrEqual(4096)
    })
    claim("a reader that takes little holds the writer back", function*() {
      const { client, server } = yield* pair()
      let written = 0
      const source = Stream.repeatEffect(Effect.sync(() => {
        written += 65_536
        return new Uint8Array(65_536)
      })).pipe(Stream.rechunk(1))
      const writing = yield* Effect.fork(Stream.run(source, NamedPipe.sink(client)))
      yield* Stream.runDrain(Stream.take(NamedPipe.stream(server), 2))
      yield* sleep(100)
      const before = written
      expect(before).toBeLessThan(8 << 20)
      yield* sleep(100)
      expect(written).toBe(before)
      yield* Fiber.interrupt(writing)
    })
    claim("peek tells what could be read, and takes nothing", function*() {
      const { client, server } = yield* pair()
      expect(yield* NamedPipe.peek(server)).toEqual({ bytesAvailable: 0, bytesLeftInMessage: 0 })
      yield* NamedPipe.writeAll(client, text("12345"))
      yield* sleep(20)
      for (let round = 0; round < 2; round++) {
        expect(yield* NamedPipe.peek(server)).toMatchObject({ bytesAvailable: 5 })
      }
      expect(yield* readText(server)).toBe("12345")
    })
    claim("disconnect ends the reads of both ends", function*() {
      const { client, server } = yield* pair()
      const reading = yield* Effect.fork(NamedPipe.read(client, new Uint8Array(8)))
      const own = yield* Effect.fork(NamedPipe.read(server, new Uint8Array(8)))
      yield* settleFibers
      yield* NamedPipe.disconnect(server)
      expect(yield* Fiber.join(reading)).toMatchObject({ endOfFile: true })
      expect(yield* Fiber.join(own)).toMatchObject({ endOfFile: true })
      expect(yield* failureOf(NamedPipe.write(server, text("?")))).toMatchObject({ reason: "BrokenPipe" })
    })
  })

  describe("server", () => {
    claim("has its name alone: a second one fails with AlreadyExists", function*() {
      const name = fresh()
      const first = yield* separately(NamedPipe.listen(name))
      expect(yield* failureOf(NamedPipe.listen(name))).toMatchObject({ reason: "AlreadyExists" })
      expect(yield* failureOf(NamedPipe.listen(name.toUpperCase()))).toMatchObject({ reason: "AlreadyExists" })
      // The attempt is nothing to the one that has it.
      yield* NamedPipe.connect(name)
      yield* first.close
      yield* NamedPipe.listen(name)
    })
    claim("that is gone is not found", function*() {
      const name = fresh()
      const { close } = yield* separately(NamedPipe.listen(name))
      yield* close
      expect(yield* failureOf(NamedPipe.connect(name))).toMatchObject({ code: 2, reason: "NotFound" })
    })
    claim("that never was is not found, at once", function*() {
      expect(yield* failureOf(NamedPipe.connect(fresh()))).toMatchObject({ reason: "NotFound" })
    })
    claim("can be waited for", function*() {
      const name = fresh()
      const connecting = yield* Effect.fork(NamedPipe.connect(name, { waitForServer: true }))
      yield* sleep(60)
      const server = yield* NamedPipe.listen(name)
      yield* NamedPipe.accept(server)
      expect((yield* Fiber.join(connecting)).side).toBe("client")
    })
    claim("that several wait for serves each of them, whenever they come to its name", function*() {
      for (let round = 0; round < 5; round++) {
        const name = fresh()
        const waiting = yield* Effect.fork(Effect.replicateEffect(
          Effect.flatMap(NamedPipe.connect(name, { waitForServer: true }), (client) => readText(client)),
          4,
          { concurrency: 4 }
        ))
        yield* sleep(round)
        const server = yield* NamedPipe.listen(name)
        for (let client = 0; client < 4; client++) {
          yield* NamedPipe.writeAll(yield* NamedPipe.accept(server), text("you"))
        }
        expect(yield* Fiber.join(waiting)).toEqual(["you", "you", "you", "you"])
      }
    })
    claim("is waited for no longer than asked", function*() {
      const connecting = NamedPipe.connect(fresh(), { waitForServer: true, timeout: 100 })
      expect(yield* failureOf(connecting)).toMatchObject({ code: 121, reason: "TimedOut" })
    })
    claim("survives clients that come and go before it looks", function*() {
      const name = fresh()
      const server = yield* NamedPipe.listen(name, { backlog: 2 })
      for (let round = 0; round < 2; round++) yield* Effect.scoped(NamedPipe.connect(name))
      // Clients that are gone may be accepted all the same: they end at once.
      const hearing = yield* Effect.fork(Effect.iterate("", {
        while: (heard) => heard === "",
        body: () => Effect.scoped(Effect.flatMap(NamedPipe.accept(server), readText))
      }))
      for (let round = 0; round < 10; round++) yield* Effect.scoped(NamedPipe.connect(name))
      const client = yield* NamedPipe.connect(name)
      yield* NamedPipe.writeAll(client, text("here"))
      expect(yield* Fiber.join(hearing)).toBe("here")
    })
    claim("serves many at once, each its own", function*() {
      const name = fresh()
      const server = yield* NamedPipe.listen(name)
      const serving = yield* Effect.fork(
        Effect.replicateEffect(
          Effect.scoped(Effect.flatMap(
            NamedPipe.accept(server),
            (connection) => Stream.run(NamedPipe.stream(connection), NamedPipe.sink(connection))
          )),
          3
        ).pipe(Effect.replicateEffect(4, { concurrency: 4 }))
      )
      const asked = yield* Effect.forEach(
        Array.from({ length: 12 }, (_, index) => index),
        (index) =>
          Effect.scoped(Effect.gen(function*() {
            const client = yield* NamedPipe.connect(name)
            yield* NamedPipe.writeAll(client, text(`client ${index}`))
            return yield* readText(client)
          })),
        { concurrency: 6 }
      )
      expect(asked).toEqual(Array.from({ length: 12 }, (_, index) => `client ${index}`))
      yield* Fiber.join(serving)
    })
    claim("whose scope closes: accept fails with Closed, waiting or not, and what was accepted lives on", function*() {
      const name = fresh()
      const { close, resource: server } = yield* separately(NamedPipe.listen(name))
      const client = yield* NamedPipe.connect(name)
      const accepted = yield* NamedPipe.accept(server)
      const accepting = yield* Effect.fork(Effect.either(Effect.scoped(NamedPipe.accept(server))))
      yield* settleFibers
      yield* close
      expect(yield* Fiber.join(accepting)).toMatchObject({ left: { reason: "Closed" } })
      expect(yield* refused(NamedPipe.accept(server))).toMatchObject({ reason: "Closed" })
      yield* NamedPipe.writeAll(client, text("still"))
      expect(yield* readText(accepted)).toBe("still")
    })
    claim("whose scope closes turns away who was not accepted", function*() {
      const name = fresh()
      const { close } = yield* separately(NamedPipe.listen(name))
      const client = yield* NamedPipe.connect(name)
      yield* sleep(20)
      yield* close
      expect(yield* NamedPipe.read(client, new Uint8Array(8))).toMatchObject({ endOfFile: true })
    })
    claim("an accept that is interrupted loses no client", function*() {
      const name = fresh()
      const server = yield* NamedPipe.listen(name)
      for (let round = 0; round < 30; round++) {
        const accepting = yield* Effect.fork(Effect.scoped(NamedPipe.accept(server)))
        yield* settleFibers
        yield* Fiber.interrupt(accepting)
        const client = yield* NamedPipe.connect(name)
        yield* NamedPipe.writeAll(client, text(`${round}`))
        expect(yield* Effect.scoped(Effect.flatMap(NamedPipe.accept(server), readText))).toBe(`${round}`)
      }
    })
    claim("that cannot make all the instances it was asked for: listen fails, and the name is free", function*() {
      const name = fresh()
      for (const made of [0, 1, 2, 4]) {
        const listening = asking(noInstances(made), Effect.scoped(NamedPipe.listen(name, { backlog: 4 })))
        expect(yield* failureOf(listening)).toMatchObject({ code: ERROR_NO_SYSTEM_RESOURCES, reason: "Exhausted" })
      }
      yield* NamedPipe.listen(name)
    })
    claim("that cannot make another instance: accept is told once, and tries again", function*() {
      const name = fresh()
      const server = yield* NamedPipe.listen(name, { backlog: 1 })
      yield* asking(
        noInstances(0),
        Effect.gen(function*() {
          yield* NamedPipe.connect(name)
          yield* NamedPipe.accept(server)
          expect(yield* failureOf(NamedPipe.accept(server))).toMatchObject({ code: ERROR_NO_SYSTEM_RESOURCES })
        })
      )
      // One more may have been tried before the instances came back.
      yield* Effect.fork(Effect.zipRight(NamedPipe.connect(name, { waitForServer: true }), Effect.never))
      yield* Effect.retry(NamedPipe.accept(server), { times: 1 })
    })
    claim("gets no more of a client's identity than was said", function*() {
      const name = fresh()
      yield* NamedPipe.listen(name)
      const levels = {
        anonymous: 0x10_0000,
        identification: 0x11_0000,
        impersonation: 0x12_0000,
        delegation: 0x13_0000
      }
      for (const [impersonation, flags] of [...Object.entries(levels), [undefined, levels.identification] as const]) {
        const seen: Array<number> = []
        const look = (called: Calls[0], arguments_: Calls[1]) => {
          if (called === "CreateFileW") seen.push((arguments_ as { readonly flags: number }).flags)
          return undefined
        }
        const options = { impersonation: impersonation as keyof typeof levels | undefined }
        yield* asking(look, Effect.scoped(NamedPipe.connect(name, options)))
        expect(seen[0]).toBe(flags)
        yield* sleep(10)
      }
    })
    claim("no more clients at once than maxInstances", function*() {
      const name = fresh()
      const server = yield* NamedPipe.listen(name, { maxInstances: 2, backlog: 4 })
      const first = yield* separately(Effect.zipRight(NamedPipe.connect(name), NamedPipe.accept(server)))
      yield* NamedPipe.connect(name)
      yield* NamedPipe.accept(server)
      const third = yield* Effect.fork(Effect.zipRight(NamedPipe.connect(name), NamedPipe.accept(server)))
      yield* sleep(100)
      expect((yield* Fiber.poll(third))._tag).toBe("None")
      yield* first.close
      yield* Fiber.join(third)
    })
  })

  describe("name that is none", () => {
    const names: Record<string, string> = {
      "empty": "",
      "empty behind the prefix": "\\\\.\\pipe\\",
      "with a NUL": "a\0b",
      "with a backslash": "a\\b",
      "with a slash": "../a",
      "that ends in a dot": "a.",
      "of 257 characters": "x".repeat(248)
    }
    for (const [what, name] of Object.entries(names)) {
      claim(`${what} fails typed, before any native call`, function*() {
        expect(yield* refused(NamedPipe.listen(name))).toMatchObject({ reason: "InvalidArgument" })
        expect(yield* refused(NamedPipe.connect(name))).toMatchObject({ reason: "InvalidArgument" })
      })
    }
    claim("options that are none fail typed", function*() {
      for (
        const options of [{ backlog: 0 }, { maxInstances: 256 }, { inBufferSize: -1 }, { outBufferSize: 1.5 }, {
          security: "\0"
        }]
      ) {
        expect(yield* refused(NamedPipe.listen(fresh(), options))).toMatchObject({ reason: "InvalidArgument" })
      }
    })
  })
})
