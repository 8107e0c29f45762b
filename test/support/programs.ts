/**
 * Programs that end with something in flight, each a process of its own: `node programs.js NAME`. What they print and
 * how they end is asserted by test/contract/process.test.ts.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Handle from "../../src/Handle.js"
import * as Kernel from "../../src/Kernel.js"
import * as Ledger from "../../src/Ledger.js"
import * as Operation from "../../src/Operation.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import * as lab from "./lab.js"
import { layerOf } from "./layerOf.js"
import * as pipe from "./pipe.js"
import * as simulated from "./simulated.js"

const DRAIN = "300 millis"

/** The kernel of this lane; where a file of the portable kernel cannot be held pending, the simulated one stands in. */
const world = (() => {
  if (lab.kernelName === "win32") {
    return {
      layer: Kernel.layerOptions({ ...lab.options, drainTimeout: DRAIN }),
      handle: Effect.map(pipe.make, ({ server }) => server),
      pending: Operation.read({ buffer: new Uint8Array(64) })
    }
  }
  const { control, kernel } = simulated.make()
  control.otherwise = simulated.pend
  return {
    layer: layerOf(Effect.succeed(kernel), { drainTimeout: DRAIN, submit: lab.submit }),
    handle: Effect.sync(() => Handle.make(control.borrowedHandle("held"))),
    pending: Operation.read({ buffer: new Uint8Array(64) }),
    control
  }
})()

/** An operation that no cancel ends. On Wine that is a lock that another handle holds; it knows no end either. */
const stuckOperation = Effect.gen(function*() {
  if (world.control !== undefined) {
    world.control.otherwise = simulated.stuck
    return { io: yield* ThreadpoolIo.make(yield* world.handle), operation: world.pending }
  }
  return yield* stuckLock
})

const LOCKFILE_EXCLUSIVE_LOCK = 2

const stuckLock = Effect.gen(function*() {
  const { LockFileEx, CloseHandle, CreateFileW, GetLastError } = yield* Effect.promise(pipe.kernel32)
  // Windows removes no directory with an open file in it, and this file stays open: the process's end closes it.
  const path = join(mkdtempSync(join(tmpdir(), "tpio-locked-")), "locked")
  const open = Effect.acquireRelease(
    Effect.sync(() => Handle.make(Number(CreateFileW(path, 0xc0000000, 7, 0, 4, 0x40000000, 0)))),
    (handle) => Effect.sync(() => CloseHandle(handle))
  )
  const lock = Operation.unsafeMake({
    syscall: "LockFileEx",
    issue: ({ handle, overlapped }) =>
      LockFileEx(handle, LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, overlapped) !== 0 ? 0 : GetLastError()
  })
  const holder = yield* ThreadpoolIo.make(yield* open, { skipMode: true })
  yield* ThreadpoolIo.submit(holder, lock)
  // The handle of a quarantined object stays open: it is ours to keep, not the test's to close.
  const waiting = Handle.make(Number(CreateFileW(path, 0xc0000000, 7, 0, 4, 0x40000000, 0)))
  return { io: yield* ThreadpoolIo.make(waiting, { owned: true }), operation: lock }
})

const report = Effect.flatMap(Kernel.ledger, (ledger) => Effect.sync(() => console.log(Ledger.format(ledger))))

const programs: Record<string, Effect.Effect<unknown, unknown, Kernel.Kernel>> = {
  /** Interrupts an operation that never ends; the scope closes; the process ends by itself. */
  "stuck": Effect.gen(function*() {
    const { io, operation } = yield* stuckOperation
    const fiber = yield* Effect.fork(ThreadpoolIo.submit(io, operation))
    yield* Effect.sleep("50 millis")
    const [elapsed] = yield* Effect.timed(Fiber.interrupt(fiber))
    console.log(`interrupted after ${Math.round(Duration.toMillis(elapsed))} ms`)
  }).pipe(Effect.scoped, Effect.zipRight(report)),

  /** The same, and then `process.exit`. */
  "stuck-exit": Effect.gen(function*() {
    const { io, operation } = yield* stuckOperation
    const fiber = yield* Effect.fork(ThreadpoolIo.submit(io, operation))
    yield* Effect.sleep("50 millis")
    yield* Fiber.interrupt(fiber)
    yield* report
    process.exit(0)
  }).pipe(Effect.scoped),

  /** `process.exit` with an operation in flight that was not even cancelled. */
  "exit-in-flight": Effect.gen(function*() {
    const io = yield* ThreadpoolIo.make(yield* world.handle)
    yield* Effect.fork(ThreadpoolIo.submit(io, world.pending))
    yield* Effect.sleep("50 millis")
    yield* report
    process.exit(0)
  }).pipe(Effect.scoped),

  /** Nothing but a pending operation: it must keep the process alive until it ends, here by its timeout's cancel. */
  "kept-alive": Effect.gen(function*() {
    const io = yield* ThreadpoolIo.make(yield* world.handle)
    const fiber = yield* Effect.fork(ThreadpoolIo.submit(io, world.pending))
    yield* Effect.yieldNow()
    setTimeout(
      () => Effect.runFork(Effect.zipRight(Fiber.interrupt(fiber), Effect.sync(() => console.log("cancelled")))),
      300
    )
      .unref()
    yield* Fiber.await(fiber)
    console.log("settled")
  }).pipe(Effect.scoped, Effect.zipRight(report))
}

const name = process.argv[2]
const program = name === undefined ? undefined : programs[name]
if (program === undefined) throw new Error(`programs: ${Object.keys(programs).join(", ")}`)
const layer: Layer.Layer<Kernel.Kernel, unknown> = world.layer
await Effect.runPromise(Effect.provide(program, layer))
