/**
 * The moment in which a server takes its name, on the real kernel32: a client that comes just then is served.
 */
import * as foreign from "./foreign.js"

import * as Effect from "effect/Effect"
import koffi from "koffi"
import { describe, expect, it } from "vitest"
import * as C from "../../src/internal/constants.js"
import { over } from "../../src/internal/kernel/win32.js"
import { bind, type Native } from "../../src/internal/kernel/win32/bindings.js"
import * as NamedPipe from "../../src/NamedPipe.js"
import { layerOf } from "../support/layerOf.js"
import { completions } from "./loadKernel.js"

/** So many clients come as soon as there is an instance for each, before its creation has returned. */
const kernelWithRacers = (racers: number) => {
  const native = bind(koffi)
  const clients: Array<number> = []
  const race = <F extends Native<any>>(create: F): F =>
    Object.assign((...arguments_: Array<any>) => {
      const handle = create(...arguments_)
      if (clients.length < racers) {
        const client = foreign.CreateFileW(arguments_[0], 0xc000_0000, 0, 0, C.OPEN_EXISTING, C.FILE_FLAG_OVERLAPPED, 0)
        if (client !== -1) clients.push(client)
      }
      return handle
    }, { async: create.async }) as unknown as F
  const raced = { ...native, CreateNamedPipeW: race(native.CreateNamedPipeW) }
  return { kernel: over(raced, { completions, relayLibrary: undefined }), clients }
}

describe("a client that comes while the name is being taken", () => {
  for (const racers of [1, 3]) {
    it(`is served, as are ${racers} at once, and the name is held`, async () => {
      const { clients, kernel } = kernelWithRacers(racers)
      const name = `tpio-race-${process.pid}-${racers}`
      const program = Effect.gen(function*() {
        // More than instances wait: those are made when others are done with.
        const server = yield* NamedPipe.listen(name, { backlog: 2 })
        expect(yield* Effect.flip(NamedPipe.listen(name))).toMatchObject({ reason: "AlreadyExists" })
        const buffer = new Uint8Array(8)
        for (let round = 0; round < clients.length; round++) {
          const connection = yield* NamedPipe.accept(server)
          yield* NamedPipe.write(connection, new Uint8Array([round]))
          expect(foreign.peek(clients[round]!)).toBe(1)
        }
        const late = yield* NamedPipe.connect(name)
        const accepted = yield* NamedPipe.accept(server)
        yield* NamedPipe.write(late, new Uint8Array([7]))
        yield* NamedPipe.read(accepted, buffer)
        expect(buffer[0]).toBe(7)
      })
      const layer = layerOf(Effect.succeed(kernel), {})
      await Effect.runPromise(program.pipe(Effect.scoped, Effect.timeout("10 seconds"), Effect.provide(layer)))
      // Where an instance can hold the name that no client can reach, there was none.
      if (process.env.WINEPREFIX !== undefined) expect(clients.length).toBe(racers)
      for (const client of clients) foreign.CloseHandle(client)
    })
  }
})
