/**
 * Pipes under stress: very many connections, clients that hang up at any moment, one that never reads. Afterwards
 * nothing is in flight, no handle is open, and the ledger balances.
 */
import { expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Kernel from "../../src/Kernel.js"
import { isBalanced } from "../../src/Ledger.js"
import * as NamedPipe from "../../src/NamedPipe.js"
import { contract, pattern, sleep } from "../support/claims.js"
import * as lab from "../support/lab.js"

let serial = 0
const fresh = () => `tpio-stress-${process.pid}-${serial++}`

/** The same numbers at every run. */
const random = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor(state / 2 ** 32 * below)
  }
}

/** Gives back everything it reads, until the other end goes; that it goes in the middle is nobody's failure. */
const echo = (connection: NamedPipe.Connection) => {
  const buffer = new Uint8Array(4096)
  const turn: Effect.Effect<void> = NamedPipe.read(connection, buffer).pipe(
    Effect.flatMap(({ bytesTransferred, endOfFile }) =>
      endOfFile
        ? Effect.succeed(false)
        : Effect.as(NamedPipe.writeAll(connection, buffer.slice(0, bytesTransferred)), true)
    ),
    Effect.catchTag("Win32Error", (error) => error.reason === "BrokenPipe" ? Effect.succeed(false) : Effect.die(error)),
    Effect.flatMap((goesOn) => goesOn ? turn : Effect.void)
  )
  return turn
}

/** A server of so many fibers, each serving one client after the other. */
const serve = (name: string, fibers: number) =>
  Effect.gen(function*() {
    const server = yield* NamedPipe.listen(name, { backlog: 8 })
    let served = 0
    const one = Effect.scoped(Effect.flatMap(NamedPipe.accept(server), (connection) => {
      served++
      return echo(connection)
    }))
    yield* Effect.forkScoped(Effect.forever(one)).pipe(Effect.replicateEffect(fibers, { discard: true }))
    return { served: () => served }
  })

contract("pipes under stress", ({ claim }) => {
  const balancedAndIdle = Effect.gen(function*() {
    const { engine } = yield* Kernel.Kernel
    const ledger = yield* Kernel.ledger
    expect([ledger.quarantined, ledger.retained, isBalanced(ledger)]).toEqual([0, 0, true])
    expect(engine.counters.inFlight).toBe(0)
  })

  claim("1,000 times connect, exchange and close", function*() {
    yield* Effect.scoped(Effect.gen(function*() {
      const name = fresh()
      const server = yield* serve(name, 2)
      const buffer = new Uint8Array(16)
      for (let round = 0; round < 1000; round++) {
        yield* Effect.scoped(Effect.gen(function*() {
          const client = yield* NamedPipe.connect(name)
          yield* NamedPipe.write(client, new Uint8Array([round % 256]))
          expect((yield* NamedPipe.read(client, buffer)).bytesTransferred).toBe(1)
          expect(buffer[0]).toBe(round % 256)
        }))
      }
      expect(server.served()).toBe(1000)
    }))
    yield* balancedAndIdle
  }, 60_000)

  claim("64 clients at once that hang up at any moment", function*() {
    const next = random(20261121)
    let finished = 0
    yield* Effect.scoped(Effect.gen(function*() {
      const name = fresh()
      yield* serve(name, 16)
      const client = (size: number, patience: number) =>
        Effect.scoped(Effect.gen(function*() {
          const connection = yield* NamedPipe.connect(name, { timeout: "20 seconds" })
          const sent = pattern(size, patience)
          yield* Effect.fork(NamedPipe.writeAll(connection, sent))
          const buffer = new Uint8Array(8192)
          for (let at = 0; at < size;) {
            const { bytesTransferred, endOfFile } = yield* NamedPipe.read(connection, buffer)
            expect(endOfFile).toBe(false)
            expect(Buffer.compare(buffer.subarray(0, bytesTransferred), sent.subarray(at, at + bytesTransferred))).toBe(
              0
            )
            at += bytesTransferred
          }
          finished++
        })).pipe(Effect.timeoutOption(patience))
      for (let round = 0; round < 3; round++) {
        const clients = yield* Effect.forEach(
          Array.from({ length: 64 }, () => client(1 + next(40_000), 5 + next(400))),
          (one) => Effect.fork(one)
        )
        yield* Fiber.joinAll(clients)
      }
      // The server is there, however they ended.
      yield* Effect.scoped(Effect.gen(function*() {
        const connection = yield* NamedPipe.connect(name, { timeout: "20 seconds" })
        yield* NamedPipe.write(connection, new Uint8Array(1))
        expect((yield* NamedPipe.read(connection, new Uint8Array(1))).bytesTransferred).toBe(1)
      }))
    }))
    expect(finished).toBeGreaterThan(0)
    expect(finished).toBeLessThan(192)
    yield* balancedAndIdle
  }, 60_000)

  claim("a client that never reads: a timeout ends each writer, and the server serves others meanwhile", function*() {
    const { engine } = yield* Kernel.Kernel
    yield* Effect.scoped(Effect.gen(function*() {
      const name = fresh()
      const server = yield* NamedPipe.listen(name)
      for (let round = 0; round < 10; round++) {
        yield* Effect.scoped(Effect.gen(function*() {
          yield* NamedPipe.connect(name)
          const connection = yield* NamedPipe.accept(server)
          const writing = yield* Effect.fork(NamedPipe.writeAll(connection, new Uint8Array(8 << 20)))
          yield* lab.eventually("the writer is stuck", () => connection.io.object.counters.inFlight === 1)
          yield* sleep(20)
          yield* Effect.scoped(Effect.zipRight(NamedPipe.connect(name), NamedPipe.accept(server)))
          const begin = Date.now()
          if (round % 2 === 0) expect(Exit.isInterrupted(yield* Fiber.interrupt(writing))).toBe(true)
          else {yield* Effect.flip(Effect.timeout(Fiber.join(writing), 10)).pipe(
              Effect.zipRight(Fiber.interrupt(writing))
            )}
          expect(Date.now() - begin).toBeLessThan(1000)
          expect(connection.io.object.counters.inFlight).toBe(0)
        }))
      }
      yield* lab.eventually("only the instances that wait are in flight", () => engine.counters.inFlight === 4)
    }))
    yield* balancedAndIdle
  }, 60_000)
})
