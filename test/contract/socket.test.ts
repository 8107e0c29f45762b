/**
 * The platform's Socket and SocketServer over named pipes: what everything that speaks Socket relies on.
 */
import * as Socket from "@effect/platform/Socket"
import { describe, expect } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Kernel from "../../src/Kernel.js"
import * as NamedPipe from "../../src/NamedPipe.js"
import * as NamedPipeSocket from "../../src/NamedPipeSocket.js"
import * as NamedPipeSocketServer from "../../src/NamedPipeSocketServer.js"
import { contract, failureOf, pattern, settleFibers, sleep } from "../support/claims.js"
import { eventually } from "../support/lab.js"

let serial = 0
const fresh = () => `tpio-socket-${process.pid}-${serial++}`

const text = (value: string) => new TextEncoder().encode(value)
const same = (one: Uint8Array, other: Uint8Array) => Buffer.compare(one, other) === 0

const echo = (socket: Socket.Socket) =>
  Effect.scoped(Effect.flatMap(socket.writer, (write) => socket.run((chunk) => write(chunk))))

/** A server that runs until the test ends. */
const serving = <A, E>(
  handler: (socket: Socket.Socket) => Effect.Effect<A, E, Scope.Scope>,
  options?: NamedPipeSocketServer.ListenOptions
) =>
  Effect.gen(function*() {
    const name = fresh()
    const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
    const server = yield* Scope.extend(NamedPipeSocketServer.make(name, options), scope)
    const fiber = yield* Effect.forkIn(server.run((socket) => Effect.scoped(handler(socket))), scope)
    return { name, server, fiber, close: Scope.close(scope, Exit.void) }
  })

/** A socket, its writer, and what has come so far. */
const client = (name: string, options?: NamedPipeSocket.ConnectOptions) =>
  Effect.gen(function*() {
    const socket = yield* NamedPipeSocket.make(name, options)
    const write = yield* socket.writer
    const received: Array<Uint8Array> = []
    const opened = yield* Deferred.make<void>()
    const run = socket.run((chunk) => void received.push(chunk), {
      onOpen: Effect.asVoid(Deferred.succeed(opened, undefined))
    })
    const fiber = yield* Effect.fork(run)
    yield* Effect.raceFirst(Deferred.await(opened), Fiber.join(fiber))
    return {
      socket,
      write,
      fiber,
      bytes: () => Buffer.concat(received),
      heard: (length: number) =>
        eventually(`${length} bytes`, () => received.reduce((sum, { length }) => sum + length, 0) >= length, 15_000)
    }
  })

/** The server's connection of a client's socket that this test holds in its own hands. */
const raw = (name: string) => NamedPipe.listen(name)

contract("a socket over a pipe", ({ claim, only }) => {
  describe("client", () => {
    claim("sends strings and bytes, and hears what comes back", function*() {
      const { name, server } = yield* serving(echo)
      expect(server.address).toEqual({ _tag: "UnixAddress", path: `\\\\.\\pipe\\${name}` })
      const { bytes, heard, write } = yield* client(name)
      yield* write("hello, ")
      yield* write(text("wörld"))
      yield* heard(13)
      expect(bytes().toString()).toBe("hello, wörld")
    })
    claim("opens when it runs, not before, and each run opens anew", function*() {
      const name = fresh()
      const socket = yield* NamedPipeSocket.make(name)
      expect(yield* failureOf(socket.run(() => {}))).toMatchObject({ reason: "Open", cause: { reason: "NotFound" } })
      const server = yield* raw(name)
      for (let round = 0; round < 3; round++) {
        const running = yield* Effect.fork(socket.run(() => {}))
        const scope = yield* Scope.make()
        yield* Scope.extend(NamedPipe.accept(server), scope)
        yield* Scope.close(scope, Exit.void)
        expect(yield* Fiber.await(running)).toEqual(Exit.void)
      }
    })
    claim("fails with OpenTimeout when it was to wait for a server that did not come", function*() {
      const socket = yield* NamedPipeSocket.make(fresh(), { waitForServer: true, openTimeout: 30 })
      expect(yield* failureOf(socket.run(() => {}))).toMatchObject({
        reason: "OpenTimeout",
        cause: { _tag: "Win32Error", reason: "TimedOut" }
      })
    })
    claim("a write waits for the connection, and is taken back when it is interrupted first", function*() {
      const { name } = yield* serving(echo)
      const socket = yield* NamedPipeSocket.make(name)
      const write = yield* socket.writer
      const interrupted = yield* Effect.fork(write("never "))
      const waiting = yield* Effect.fork(write("later"))
      yield* settleFibers
      yield* Fiber.interrupt(interrupted)
      const heard: Array<string> = []
      const done = yield* Deferred.make<void>()
      yield* Effect.fork(socket.run((chunk) => {
        heard.push(new TextDecoder().decode(chunk))
        return Deferred.succeed(done, undefined)
      }))
      yield* Deferred.await(done)
      yield* Fiber.join(waiting)
      expect(heard.join("")).toBe("later")
    })
    claim("loses nothing that comes before its run has begun to listen", function*() {
      const greeting = pattern(300_000)
      const { name } = yield* serving((socket) =>
        Effect.flatMap(socket.writer, (write) => socket.run(() => {}, { onOpen: Effect.orDie(write(greeting)) }))
      )
      const { bytes, heard } = yield* client(name)
      yield* heard(greeting.length)
      expect(same(bytes(), greeting)).toBe(true)
    })
    claim("as a channel", function*() {
      const { name } = yield* serving(echo)
      const collected = yield* Stream.make("hello", "world").pipe(
        Stream.concat(Stream.never),
        Stream.encodeText,
        Stream.pipeThroughChannel(NamedPipeSocket.makeChannel(name)),
        Stream.decodeText(),
        Stream.mapConcat((part) => [...part]),
        Stream.take(10),
        Stream.runCollect
      )
      expect(Chunk.join(collected, "")).toBe("helloworld")
    })
  })

  describe("handlers", () => {
    claim("begin in order and run beside each other", function*() {
      const { name } = yield* serving((socket) =>
        Effect.flatMap(socket.writer, (write) =>
          socket.run(() => {}, {
            onOpen: Effect.orDie(
              Effect.forEach(["1", "2", "3"], (part) => Effect.zipRight(Effect.sleep(20), write(part)))
            )
          }))
      )
      const socket = yield* NamedPipeSocket.make(name)
      const order: Array<string> = []
      const third = yield* Deferred.make<void>()
      // The first one waits for the third.
      yield* Effect.raceFirst(
        socket.run((chunk) => {
          const part = new TextDecoder().decode(chunk)
          order.push(part)
          return part === "3" ? Deferred.succeed(third, undefined) : Deferred.await(third)
        }),
        Deferred.await(third)
      )
      expect(order).toEqual(["1", "2", "3"])
    })
    claim("that are slow hold the other end back", function*() {
      const name = fresh()
      const listening = yield* raw(name)
      const socket = yield* NamedPipeSocket.make(name, { readLimit: 1 << 18 })
      let handled = 0
      const running = yield* Effect.fork(socket.run((chunk) => {
        handled += chunk.length
        return Effect.never
      }))
      const peer = yield* NamedPipe.accept(listening)
      const writing = yield* Effect.fork(NamedPipe.writeAll(peer, new Uint8Array(8 << 20)))
      yield* eventually("the limit is reached", () => handled >= 1 << 17)
      yield* sleep(100)
      expect(handled).toBeLessThan((1 << 18) + 65_536)
      expect(Option.isNone(yield* Fiber.poll(writing))).toBe(true)
      yield* Fiber.interrupt(running)
      expect(Exit.isFailure(yield* Fiber.await(writing))).toBe(true)
    })
    claim("have ended when run ends with the other end", function*() {
      const name = fresh()
      const listening = yield* raw(name)
      const socket = yield* NamedPipeSocket.make(name)
      let ended = 0
      const running = yield* Effect.fork(
        socket.run(() => Effect.zipRight(Effect.sleep(50), Effect.sync(() => ended++)))
      )
      const scope = yield* Scope.make()
      const peer = yield* Scope.extend(NamedPipe.accept(listening), scope)
      yield* NamedPipe.writeAll(peer, text("last words"))
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(running)
      expect(ended).toBe(1)
    })
    claim("that fail, or die, end run with it", function*() {
      const { name } = yield* serving(echo)
      for (const failure of [Effect.fail("no"), Effect.die("no"), undefined]) {
        const socket = yield* NamedPipeSocket.make(name)
        const write = yield* socket.writer
        const exit = yield* Effect.exit(socket.run(() => {
          if (failure === undefined) throw "no"
          return failure
        }, { onOpen: Effect.orDie(write("?")) }))
        expect(exit).toEqual(failure === undefined ? Exit.die("no") : yield* Effect.exit(failure))
      }
    })
    claim("are interrupted with run, and know their connection", function*() {
      const { name } = yield* serving(echo)
      const socket = yield* NamedPipeSocket.make(name)
      const write = yield* socket.writer
      let side = ""
      let interrupted = 0
      const running = yield* Effect.fork(socket.run(() =>
        Effect.serviceOption(NamedPipeSocket.PipeConnection).pipe(
          Effect.tap((connection) => side = Option.getOrThrow(connection).side),
          Effect.zipRight(Effect.never),
          Effect.onInterrupt(() => Effect.sync(() => interrupted++))
        ), { onOpen: Effect.orDie(write("?")) }))
      yield* eventually("a handler runs", () => side !== "")
      yield* Fiber.interrupt(running)
      expect([side, interrupted]).toEqual(["client", 1])
    })
  })

  describe("writes", () => {
    claim("of many fibers stay whole", function*() {
      const { name } = yield* serving(echo)
      const { bytes, heard, write } = yield* client(name)
      const parts = Array.from({ length: 24 }, (_, index) => new Uint8Array(300_000 + index).fill(65 + index))
      yield* Effect.forEach(parts, (part) => Effect.fork(write(part)))
      const total = parts.reduce((sum, { length }) => sum + length, 0)
      yield* heard(total)
      const runs = bytes().toString("latin1").match(/(.)\1*/g)!
      expect(runs.map((run) => run.length)).toEqual(parts.map(({ length }) => length))
    })
    claim("to a client that never reads end with their interruption; one that has begun is completed", function*() {
      const name = fresh()
      const listening = yield* raw(name)
      const { write } = yield* client(name)
      const peer = yield* NamedPipe.accept(listening)
      const bytes = pattern(4 << 20)
      const expected = Buffer.concat([bytes, text("after")])
      const begun = yield* Effect.fork(write(bytes))
      const waiting = yield* Effect.fork(write("never"))
      yield* sleep(50)
      yield* Fiber.interrupt(waiting)
      expect(Exit.isInterrupted(yield* Fiber.interrupt(begun))).toBe(true)
      bytes.fill(0)
      const last = yield* Effect.fork(write("after"))
      const all: Array<Uint8Array> = []
      let length = 0
      yield* NamedPipe.stream(peer).pipe(
        Stream.takeUntil((chunk) => (length += chunk.length) >= expected.length),
        Stream.runForEach((chunk) => Effect.sync(() => all.push(chunk)))
      )
      yield* Fiber.join(last)
      expect(same(Buffer.concat(all), expected)).toBe(true)
    })
    claim("that were handed over arrive although it is closed behind them", function*() {
      const sent = pattern(20_000)
      const { name } = yield* serving((socket) =>
        Effect.flatMap(
          socket.writer,
          (write) =>
            Effect.raceFirst(socket.run(() => {}), Effect.zipRight(write(sent), write(new Socket.CloseEvent())))
        )
      )
      const { bytes, fiber } = yield* client(name)
      expect(yield* Fiber.await(fiber)).toEqual(Exit.void)
      expect(same(bytes(), sent)).toBe(true)
    })
    claim("fail, typed, when the other end has gone, and when run has ended before them", function*() {
      const name = fresh()
      const listening = yield* raw(name)
      const { fiber, write } = yield* client(name, { readLimit: 1 })
      const scope = yield* Scope.make()
      yield* Scope.extend(NamedPipe.accept(listening), scope)
      const big = yield* Effect.fork(write(new Uint8Array(8 << 20)))
      yield* sleep(20)
      yield* Scope.close(scope, Exit.void)
      expect(yield* failureOf(Fiber.join(big))).toMatchObject({ reason: "Write", cause: { reason: "BrokenPipe" } })
      yield* Fiber.join(fiber)
      const again = yield* client(name)
      yield* NamedPipe.accept(listening)
      const cut = yield* Effect.fork(again.write(new Uint8Array(8 << 20)))
      yield* sleep(20)
      yield* Fiber.interrupt(again.fiber)
      expect(yield* failureOf(Fiber.join(cut))).toMatchObject({ reason: "Write", cause: { reason: "BrokenPipe" } })
    })
    claim("a CloseEvent ends run after what was written before it, as closeCodeIsError says", function*() {
      const name = fresh()
      const listening = yield* raw(name)
      for (const [code, isError] of [[1000, false], [1009, true]] as const) {
        const { fiber, write } = yield* client(name)
        const scope = yield* Scope.make()
        const peer = yield* Scope.extend(NamedPipe.accept(listening), scope)
        const before = yield* Effect.fork(write(new Uint8Array(1 << 20)))
        const closing = yield* Effect.fork(write(new Socket.CloseEvent(code, "enough")))
        let length = 0
        yield* Stream.runForEach(NamedPipe.stream(peer), (chunk) => Effect.sync(() => length += chunk.length))
        expect(length).toBe(1 << 20)
        yield* Fiber.join(before)
        yield* Fiber.join(closing)
        const exit = yield* Fiber.await(fiber)
        if (isError) {
          expect(yield* failureOf(exit)).toMatchObject({ reason: "Close", code, closeReason: "enough" })
        } else expect(exit).toEqual(Exit.void)
        yield* Scope.close(scope, Exit.void)
      }
    })
  })

  describe("server", () => {
    claim("fails with Open when the name is taken", function*() {
      const { name } = yield* serving(echo)
      expect(yield* failureOf(NamedPipeSocketServer.make(name))).toMatchObject({
        _tag: "SocketServerError",
        reason: "Open",
        cause: { reason: "AlreadyExists" }
      })
    })
    only(
      "portable",
      "a client that is faster than the server's own, on the instance that holds the name, is turned away"
    )("serves clients that waited for it, at whatever moment of its beginning they came", function*() {
      for (let round = 0; round < 10; round++) {
        const name = fresh()
        const waiting = yield* Effect.fork(Effect.forEach(
          Array.from({ length: 8 }, (_, index) => index),
          (index) =>
            Effect.scoped(Effect.gen(function*() {
              yield* Effect.sleep(index)
              const { heard, write } = yield* client(name, { waitForServer: true })
              yield* write("?")
              yield* heard(1)
            })),
          { concurrency: 8, discard: true }
        ))
        yield* sleep(round)
        const server = yield* NamedPipeSocketServer.make(name)
        const serving = yield* Effect.fork(server.run(echo))
        yield* Fiber.join(waiting)
        yield* Fiber.interrupt(serving)
      }
    })
    claim("serves clients that came before run", function*() {
      const server = yield* NamedPipeSocketServer.make(fresh())
      const name = server.address._tag === "UnixAddress" ? server.address.path : ""
      const { bytes, heard, write } = yield* client(name)
      const early = yield* Effect.fork(write("early"))
      const serving = yield* Effect.fork(server.run(echo))
      yield* heard(5)
      yield* Fiber.join(early)
      expect(bytes().toString()).toBe("early")
      yield* Fiber.interrupt(serving)
    })
    claim("closes a connection that its handler does not run, or fails on, and serves on", function*() {
      let clients = 0
      const { name } = yield* serving((socket) =>
        Effect.suspend((): Effect.Effect<void, unknown> =>
          ++clients === 1 ? Effect.void : clients === 2 ? Effect.fail("no") : echo(socket)
        )
      )
      for (let round = 0; round < 2; round++) {
        const { fiber } = yield* client(name)
        expect(yield* Fiber.await(fiber)).toEqual(Exit.void)
      }
      const { heard, write } = yield* client(name)
      yield* write("?")
      yield* heard(1)
    })
    claim("its sockets run once: then they and their writes fail with Close", function*() {
      const seen = yield* Deferred.make<ReadonlyArray<unknown>>()
      const { name } = yield* serving((socket) =>
        Effect.gen(function*() {
          const write = yield* socket.writer
          yield* socket.run(() => {})
          yield* Deferred.succeed(seen, [yield* failureOf(socket.run(() => {})), yield* failureOf(write("?"))])
        })
      )
      const { fiber } = yield* client(name)
      yield* Fiber.interrupt(fiber)
      const closed = { reason: "Close", code: 1000 }
      expect(yield* Deferred.await(seen)).toMatchObject([closed, closed])
    })
    claim("interrupted with clients connected: their handlers too, they find the end; it can run again", function*() {
      const server = yield* NamedPipeSocketServer.make(fresh())
      const name = server.address._tag === "UnixAddress" ? server.address.path : ""
      for (let round = 0; round < 2; round++) {
        let running = 0
        const serving = yield* Effect.fork(server.run((socket) =>
          Effect.ensuring(
            socket.run(() => Effect.never, { onOpen: Effect.sync(() => running++) }),
            Effect.sync(() => running--)
          )
        ))
        const clients = yield* Effect.forEach(Array.from({ length: 8 }), () => client(name))
        yield* eventually("all are served", () => running === 8)
        yield* Effect.forEach(clients, ({ write }) => write("?"))
        yield* Fiber.interrupt(serving)
        expect(running).toBe(0)
        yield* Effect.forEach(clients, ({ fiber }) => Fiber.join(fiber))
      }
    })
    claim("whose scope closes with clients connected ends run, typed or interrupted, and all of them", function*() {
      const { close, fiber, name } = yield* serving(echo)
      const clients = yield* Effect.forEach(Array.from({ length: 4 }), () => client(name))
      const stuck = yield* Effect.fork(clients[0]!.write(new Uint8Array(8 << 20)))
      yield* sleep(20)
      yield* close
      expect(Exit.isFailure(yield* Fiber.await(fiber))).toBe(true)
      yield* Effect.forEach(clients, (one) => Fiber.await(one.fiber))
      yield* Fiber.await(stuck)

      const scope = yield* Scope.make()
      const server = yield* Scope.extend(NamedPipeSocketServer.make(fresh()), scope)
      const running = yield* Effect.fork(server.run(echo))
      yield* settleFibers
      yield* Scope.close(scope, Exit.void)
      expect(yield* failureOf(Fiber.join(running))).toMatchObject({ reason: "Unknown", cause: { reason: "Closed" } })
    })
  })

  describe("under load", () => {
    claim("10 MB each way, at once", function*() {
      const sent = pattern(10_000_003)
      const back = pattern(10_000_003, 7)
      const arrived: Array<Uint8Array> = []
      const { name } = yield* serving((socket) =>
        Effect.flatMap(
          socket.writer,
          (write) => socket.run((chunk) => void arrived.push(chunk), { onOpen: Effect.orDie(write(back)) })
        )
      )
      const { bytes, heard, write } = yield* client(name)
      yield* write(sent)
      yield* heard(back.length)
      expect(same(bytes(), back)).toBe(true)
      yield* eventually("all has arrived", () => arrived.reduce((sum, { length }) => sum + length, 0) === sent.length)
      expect(same(Buffer.concat(arrived), sent)).toBe(true)
    })
    claim("64 clients that hang up at random", function*() {
      const { name } = yield* serving(echo)
      const hangUp = (index: number) =>
        Effect.scoped(Effect.gen(function*() {
          const { fiber, heard, write } = yield* client(name, { openTimeout: "15 seconds" })
          const bytes = pattern(1000 * (index % 16) + 1, index)
          if (index % 3 !== 0) yield* write(bytes)
          else yield* Effect.fork(write(bytes))
          if (index % 2 === 0) yield* heard(bytes.length).pipe(Effect.timeoutOption((index * 7) % 40))
          yield* index % 5 === 0 ? write(new Socket.CloseEvent()) : Fiber.interrupt(fiber)
        }))
      yield* Effect.forEach(Array.from({ length: 64 }, (_, index) => index), hangUp, { concurrency: 16, discard: true })
      const { heard, write } = yield* client(name)
      yield* write("still there")
      yield* heard(11)
    })
    claim("a thousand connections, one after the other", function*() {
      const { name } = yield* serving(echo)
      const socket = yield* NamedPipeSocket.make(name)
      const before = yield* Kernel.ledger
      const write = yield* socket.writer
      for (let round = 0; round < 1000; round++) {
        // Every second one hangs up before it has heard anything, with its bytes on the way.
        const heard = socket.run((): Effect.Effect<void, string> => Effect.fail("heard"), {
          onOpen: Effect.orDie(write("?"))
        })
        const opened = yield* Deferred.make<void>()
        const left = socket.run(() => {}, {
          onOpen: Effect.zipRight(Effect.orDie(write("?")), Deferred.succeed(opened, undefined))
        })
        if (round % 2 === 0) expect(yield* failureOf(heard)).toBe("heard")
        else yield* Effect.raceFirst(Effect.zipRight(left, Effect.never), Deferred.await(opened))
      }
      const after = yield* Kernel.ledger
      expect(after.started).toBeGreaterThan(before.started)
      expect(after.quarantined).toBe(before.quarantined)
    }, 30_000)
  })
})
