/**
 * Closing: with everything in flight, on pools and in groups, of handles that are somebody else's, in any order.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as CallbackEnvironment from "../../../src/CallbackEnvironment.js"
import * as File from "../../../src/File.js"
import * as Handle from "../../../src/Handle.js"
import * as C from "../../../src/internal/constants.js"
import { DiskFile } from "../../../src/internal/kernel/simulated/disk.js"
import type { Simulated } from "../../../src/internal/testing/run.js"
import type { Kernel } from "../../../src/Kernel.js"
import * as Operation from "../../../src/Operation.js"
import * as ThreadpoolIo from "../../../src/ThreadpoolIo.js"
import type { Win32Error } from "../../../src/Win32Error.js"
import { type Actor, opened, type Program, settings } from "../program.js"

/** Opens, forks, closes with everything in flight; on pools and in groups of its own. */
export const churn: Actor = (one, simulated, index) =>
  Effect.gen(function*() {
    for (let step = 0; step < one.length / 6; step++) {
      const inside = Effect.scoped(Effect.gen(function*() {
        const file = yield* opened(one, `churn ${index}`, settings(one))
        if (file === undefined) return
        for (let forks = one.below(5); forks > 0; forks--) {
          const offset = one.below(50)
          const operation = one.below(2) === 0
            ? Operation.read({ buffer: new Uint8Array(8), offset })
            : Operation.write({ buffer: new Uint8Array(8), offset })
          yield* Effect.fork(Effect.exit(ThreadpoolIo.submit(file.io, operation)))
        }
        if (one.below(2) === 1) yield* Effect.yieldNow()
        if (one.below(4) === 3) {
          yield* Effect.zipRight(ThreadpoolIo.cancelAll(file.io), ThreadpoolIo.awaitIdle(file.io))
        }
      }))
      const where = one.below(4)
      yield* one.perhaps(
        where === 0
          ? inside
          : where < 3
          ? Effect.scoped(Effect.flatMap(
            CallbackEnvironment.make(where === 1 ? { threadpool: { maxThreads: 2 } } : { cleanupGroup: true }),
            (environment) => CallbackEnvironment.provide(inside, environment)
          ))
          : borrowing(one, simulated, one.path(`borrowed ${index}`))
      )
    }
  })

/** Borrows a handle: binds, uses and unbinds it, and finds it still open. */
const borrowing = (one: Program, { kernel }: Simulated, path: string): Effect.Effect<void, Win32Error, Kernel> =>
  Effect.suspend(() => {
    const open = kernel.disk.storage.open({
      path,
      access: (C.GENERIC_READ | C.GENERIC_WRITE) >>> 0,
      share: 0,
      disposition: C.OPEN_ALWAYS,
      flags: 0,
      mode: 0o666
    })
    const handle = kernel.openHandle(new DiskFile(kernel.disk, open, path))
    const use = Effect.scoped(Effect.gen(function*() {
      const io = yield* ThreadpoolIo.make(Handle.make(handle))
      const buffer = new Uint8Array(4).fill(9)
      yield* Effect.fork(Effect.exit(ThreadpoolIo.submit(io, Operation.write({ buffer, offset: one.below(4) }))))
      if (one.below(2) === 1) yield* ThreadpoolIo.submit(io, Operation.write({ buffer, offset: 8 }))
    }))
    const close = Effect.async<void>((resume) => {
      kernel.call("CloseHandle", { handle }, () => resume(Exit.void))
    })
    // A quarantined operation keeps its handle.
    return Effect.ensuring(
      Effect.zipRight(use, use),
      Effect.suspend(() => one.profile.hangs ? Effect.void : Effect.uninterruptible(close))
    )
  })

/** An environment, its pool and its group, and what was made in them, closed in any order, also all at once. */
export const anyOrder: Actor = (one, _, index) =>
  Effect.gen(function*() {
    for (let round = 0; round < one.length / 15; round++) {
      const scopes = yield* Effect.forEach([0, 1, 2, 3], () => Scope.make())
      const order = [...scopes]
      for (let at = order.length - 1; at > 0; at--) {
        const other = one.below(at + 1)
        const scope = order[at]!
        order[at] = order[other]!
        order[other] = scope
      }
      const concurrency = one.below(2) === 0 ? 1 : "unbounded"
      const closing = Effect.forEach(order, (scope) => Scope.close(scope, Exit.void), { concurrency, discard: true })
      const body = Effect.gen(function*() {
        const environment = yield* Scope.extend(
          CallbackEnvironment.make({ threadpool: { maxThreads: 1 + one.below(3) }, cleanupGroup: one.below(2) === 1 }),
          scopes[0]!
        )
        for (const scope of scopes.slice(1)) {
          const file = yield* CallbackEnvironment.provide(
            Scope.extend(opened(one, `order ${index}`, settings(one)), scope),
            environment
          )
          if (file === undefined) return
          for (let forks = one.below(4); forks > 0; forks--) {
            const operation = Operation.write({ buffer: new Uint8Array(8), offset: one.below(50) })
            yield* Effect.fork(Effect.exit(File.submit(file, operation)))
          }
        }
        if (one.below(2) === 1) yield* Effect.yieldNow()
      })
      yield* Effect.ensuring(one.perhaps(body), closing)
    }
  })
