/**
 * Handles of somebody else, on the real kernel32: what their owner does with them meanwhile, where it can be seen.
 */
import * as foreign from "./foreign.js"

import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import * as Handle from "../../src/Handle.js"
import * as Kernel from "../../src/Kernel.js"
import * as Operation from "../../src/Operation.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import { completions } from "./loadKernel.js"

const directory = mkdtempSync(join(tmpdir(), "borrowed-"))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const run = <A, E>(effect: Effect.Effect<A, E, Kernel.Kernel>) =>
  Effect.runPromise(
    Effect.provide(Effect.timeout(effect, "10 seconds"), Kernel.layerOptions({ kernel: "win32", completions }))
  )

describe("a borrowed handle", () => {
  it("whose number is another file's by now, which its owner has bound: AlreadyBound", async () => {
    const [one, other] = ["one", "other"].map((name) => {
      const path = join(directory, name)
      writeFileSync(path, name)
      return path
    })
    await run(Effect.gen(function*() {
      const first = foreign.openOverlapped(one!)
      yield* Effect.scoped(ThreadpoolIo.make(Handle.make(first)))
      foreign.CloseHandle(first)
      // The lowest number that is free is given out first; others may be free below it.
      const opened: Array<number> = []
      while (opened.length < 1000 && !opened.includes(first)) opened.push(foreign.openOverlapped(other!))
      foreign.CreateIoCompletionPort(opened.at(-1)!, 0, 0, 1)
      const making = Effect.scoped(ThreadpoolIo.make(Handle.make(opened.at(-1)!)))
      expect(yield* Effect.flip(making)).toMatchObject({ reason: "AlreadyBound" })
      for (const handle of opened) foreign.CloseHandle(handle)
    }))
  })
  it("whose owner sets skip mode after it was bound: what is answered at once ends all the same", async () => {
    const { client, server } = foreign.makePipe()
    await run(Effect.scoped(Effect.gen(function*() {
      const io = yield* ThreadpoolIo.make(Handle.make(server))
      expect(io.skipMode).toBe(false)
      expect(foreign.SetFileCompletionNotificationModes(server, 1)).toBe(1)
      const written = yield* ThreadpoolIo.submit(io, Operation.write({ buffer: new Uint8Array(5) }))
      expect(written).toMatchObject({ bytesTransferred: 5, inline: true })
      expect(foreign.peek(client)).toBe(5)
    })))
    for (const handle of [client, server]) foreign.CloseHandle(handle)
  })
})
