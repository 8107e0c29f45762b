/**
 * Everything a pipe can do, interrupted at every fiber step; where a program streams or waits for a clock, at the first
 * 500. After each point nothing may be left: the ledger balances, every handle is closed, every buffer is back, and the
 * name is free.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Kernel from "../../src/Kernel.js"
import * as NamedPipe from "../../src/NamedPipe.js"
import * as lab from "../support/lab.js"
import { swept } from "../support/sweep.js"

type Program = Effect.Effect<unknown, unknown, Kernel.Kernel | Scope.Scope>

/** The points at which an operation was in flight. */
let inFlightPoints = 0

const shared = swept(({ points }) =>
  `interruption sweep of pipes on ${lab.kernelName}: ${points} points, ${inFlightPoints} of them in flight`
)

/** Streams and clocks have thousands of steps, most of them their own: of programs with those, so many are swept. */
const LIMIT = 500

/** A program whose steps count from where it sets `from`: those before are another's. */
const fromThere = (program: () => Program) => {
  later.add(program)
  return program
}

const later = new Set<() => Program>()

let from = true

/** One name for all: at each point it must be free again. */
const name = `tpio-sweep-${process.pid}`
const one = { backlog: 1 } as const
const messages = { backlog: 1, messages: true } as const
const text = new TextEncoder().encode("0123456789")

const pair = (options: NamedPipe.ListenOptions & NamedPipe.ConnectOptions = one) =>
  Effect.gen(function*() {
    const listening = yield* NamedPipe.listen(name, options)
    const client = yield* NamedPipe.connect(name, options)
    const server = yield* NamedPipe.accept(listening)
    return { client, server }
  })

const programs: Record<string, () => Program> = {
  "listen": () => NamedPipe.listen(name, { backlog: 2 }),
  "listen, where the name is taken": () => Effect.zipRight(NamedPipe.listen(name, one), NamedPipe.listen(name, one)),
  "connect, where there is no server": () => NamedPipe.connect(name),
  "connect, and nobody accepts": () => Effect.zipRight(NamedPipe.listen(name, one), NamedPipe.connect(name)),
  "connect and accept": () => pair(),
  "accept two": () =>
    Effect.gen(function*() {
      const server = yield* NamedPipe.listen(name, one)
      yield* Effect.scoped(NamedPipe.connect(name))
      yield* Effect.scoped(NamedPipe.accept(server))
      yield* NamedPipe.connect(name)
      yield* NamedPipe.accept(server)
    }),
  "write and read": () =>
    Effect.gen(function*() {
      const { client, server } = yield* pair()
      yield* NamedPipe.write(client, text)
      yield* NamedPipe.read(server, new Uint8Array(64))
      yield* NamedPipe.writeAll(server, text)
      yield* NamedPipe.read(client, new Uint8Array(4))
    }),
  "stream and sink": fromThere(() =>
    Effect.gen(function*() {
      const { client, server } = yield* pair()
      from = true
      yield* Stream.run(Stream.make(text), NamedPipe.sink(client))
      yield* Stream.runDrain(Stream.take(NamedPipe.stream(server, { bufferSize: 64 }), 1))
    })
  ),
  "peek and disconnect": () =>
    Effect.gen(function*() {
      const { client, server } = yield* pair()
      yield* NamedPipe.peek(server)
      yield* NamedPipe.disconnect(server)
      yield* NamedPipe.read(client, new Uint8Array(4))
    }),
  "an accept and a read that end by the clock": fromThere(() =>
    Effect.gen(function*() {
      const server = yield* NamedPipe.listen(name, one)
      const client = yield* NamedPipe.connect(name)
      yield* NamedPipe.accept(server)
      from = true
      yield* Effect.timeoutOption(Effect.scoped(NamedPipe.accept(server)), 3)
      yield* Effect.timeoutOption(NamedPipe.read(client, text.slice()), 3)
    })
  ),
  "a write that nobody reads, which ends by the clock": fromThere(() =>
    Effect.gen(function*() {
      const { client } = yield* pair()
      from = true
      yield* Effect.timeoutOption(NamedPipe.writeAll(client, new Uint8Array(1 << 20)), 4)
    })
  )
}

const ofMessages: Record<string, () => Program> = {
  "readMessage": fromThere(() =>
    Effect.gen(function*() {
      const { client, server } = yield* pair(messages)
      from = true
      yield* NamedPipe.write(client, new Uint8Array(1))
      yield* NamedPipe.write(client, new Uint8Array(10_000))
      yield* NamedPipe.readMessage(server, { maximum: 1 })
      yield* Effect.flip(NamedPipe.readMessage(server, { maximum: 1000 }))
    })
  ),
  "transact": fromThere(() =>
    Effect.gen(function*() {
      const { client, server } = yield* pair(messages)
      from = true
      yield* NamedPipe.write(server, text)
      yield* NamedPipe.transact(client, text)
    })
  ),
  "information": () => Effect.flatMap(pair(messages), ({ client }) => NamedPipe.information(client)),
  "a flush that nobody reads, which ends by the clock": fromThere(() =>
    Effect.gen(function*() {
      const { server } = yield* pair()
      from = true
      yield* NamedPipe.writeAll(server, text)
      yield* Effect.timeoutOption(NamedPipe.flush(server), 3)
    })
  )
}

describe("a pipe interrupted at every fiber step", () => {
  const sweep = (title: string, program: () => Program) => async () => {
    const begun = () => {
      from = !later.has(program)
      return program()
    }
    const limit = later.has(program) ? LIMIT : undefined
    const { inFlight, tried } = await shared.sweep(title, begun, { from: () => from, limit })
    expect(tried).toBeGreaterThan(3)
    inFlightPoints += inFlight
    await shared.run(Effect.scoped(NamedPipe.listen(name)))
  }
  for (const [title, program] of Object.entries(programs)) it(title, { timeout: 120_000 }, sweep(title, program))
  const kernel32 = lab.on(["win32", "simulated"], "its sockets have neither messages nor a flush")
  for (const [title, program] of Object.entries(ofMessages)) kernel32(it)(title, sweep(title, program), 120_000)
})
