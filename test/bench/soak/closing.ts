// Scopes that close over operations in flight: each of those must settle, typed, and what was read must be right.
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as File from "../../../src/File.js"
import type * as Kernel from "../../../src/Kernel.js"
import * as NamedPipe from "../../../src/NamedPipe.js"
import * as Operation from "../../../src/Operation.js"
import * as ThreadpoolIo from "../../../src/ThreadpoolIo.js"
import type { Win32Error } from "../../../src/Win32Error.js"
import { BLOCK, BLOCKS, markOf } from "../../support/endings.js"
import type { State } from "../../support/interruptions.js"

/** Reads that pend on a pipe, and as many that go round on a file. */
const EACH = 32

let serial = 0

/** Answers how many operations the scope has closed over. */
export const close = (state: State, file: string): Effect.Effect<number, Win32Error, Kernel.Kernel> =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const fibers = yield* Effect.onError(
      Scope.extend(begin(state, file), scope),
      (cause) => Scope.close(scope, Exit.failCause(cause))
    )
    yield* Effect.sleep(state.below(20))
    yield* Scope.close(scope, Exit.void)
    for (const fiber of fibers) {
      const exit = yield* Fiber.await(fiber)
      if (Exit.isSuccess(exit) || Cause.isDie(exit.cause)) {
        state.problems.push(`an operation whose scope has closed: ${Exit.isSuccess(exit) ? "success" : exit.cause}`)
      }
    }
    return fibers.length
  })

const begin = (state: State, file: string) =>
  Effect.gen(function*() {
    const name = `tpio-soak-closing-${process.pid}-${serial++}`
    const server = yield* NamedPipe.listen(name)
    yield* NamedPipe.connect(name)
    const pipe = yield* NamedPipe.accept(server)
    const { io } = yield* File.open(file)
    const pending = Effect.suspend(() =>
      ThreadpoolIo.submit(pipe.io, Operation.read({ buffer: new Uint8Array(BLOCK) }))
    )
    const round = (index: number) => {
      const buffer = new Uint8Array(BLOCK)
      let block = index
      return Effect.forever(Effect.suspend(() =>
        Effect.map(ThreadpoolIo.submit(io, Operation.read({ buffer, offset: BLOCK * (block % BLOCKS) })), () => {
          const mark = markOf(block++)
          if (!buffer.every((byte) => byte === mark)) state.problems.push("a read of a file has brought something else")
        })
      ))
    }
    const both = Array.from({ length: EACH }, (_, index) => [pending, round(index)]).flat()
    return yield* Effect.forEach(both, (one: Effect.Effect<unknown, Win32Error>) => Effect.forkDaemon(one))
  })
