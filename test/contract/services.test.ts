/**
 * The library in an application of Effect's: runtimes, services and layers, and several kernels in one process.
 */
import { expect } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import type * as Scope from "effect/Scope"
import * as BufferPool from "../../src/BufferPool.js"
import * as File from "../../src/File.js"
import * as Handle from "../../src/Handle.js"
import * as Kernel from "../../src/Kernel.js"
import * as NamedPipe from "../../src/NamedPipe.js"
import * as Operation from "../../src/Operation.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import { contract, failureOf, fileOf, pattern } from "../support/claims.js"
import * as lab from "../support/lab.js"

let serial = 0

/** A read that nothing comes for. */
const waitingRead = Effect.gen(function*() {
  const name = `tpio-services-${process.pid}-${serial++}`
  const server = yield* NamedPipe.listen(name)
  const client = yield* NamedPipe.connect(name)
  yield* NamedPipe.accept(server)
  return NamedPipe.read(client, new Uint8Array(16))
})

class Inbox extends Effect.Service<Inbox>()("test/Inbox", {
  scoped: Effect.gen(function*() {
    return { reading: yield* Effect.forkScoped(yield* waitingRead) }
  })
}) {}

/** A kernel of its own, for as long as the scope. */
const another = Effect.map(Layer.build(Layer.fresh(lab.layer)), Context.get(Kernel.Kernel))

const on = (kernel: Kernel.Kernel.Service) => <A, E>(effect: Effect.Effect<A, E, Kernel.Kernel | Scope.Scope>) =>
  Effect.provideService(effect, Kernel.Kernel, kernel)

const inFlight = ({ engine }: Kernel.Kernel.Service): number => engine.counters.inFlight

contract("a ManagedRuntime", ({ claim, only }) => {
  claim("that is disposed has waited until the kernel has let go of what its services have in flight", function*() {
    const runtime = ManagedRuntime.make(Layer.provideMerge(Inbox.Default, lab.layer))
    const { reading } = yield* Effect.promise(() => runtime.runPromise(Inbox))
    const kernel = yield* Effect.promise(() => runtime.runPromise(Kernel.Kernel))
    const watched = lab.watch(kernel)
    yield* lab.eventually("the read in flight", () => inFlight(kernel) > 0)
    yield* Effect.promise(() => runtime.dispose())
    expect(Exit.isInterrupted(yield* Fiber.await(reading))).toBe(true)
    expect(watched.leftovers()).toEqual(lab.nothing)
  })

  only(["portable", "win32"], "a simulated kernel whose scope closes fails when anything is left")(
    "that is disposed has not ended a fiber: interrupted afterwards, that one leaves nothing either",
    function*() {
      const runtime = ManagedRuntime.make(Layer.fresh(lab.layer))
      const kernel = yield* Effect.promise(() => runtime.runPromise(Kernel.Kernel))
      const watched = lab.watch(kernel)
      const fiber = runtime.runFork(Effect.scoped(Effect.flatten(waitingRead)))
      yield* lab.eventually("the read in flight", () => inFlight(kernel) > 0)
      yield* Effect.promise(() => runtime.dispose())
      expect(fiber.unsafePoll()).toBe(null)
      yield* Fiber.interrupt(fiber)
      expect(watched.leftovers()).toEqual(lab.nothing)
    }
  )
})

contract("layers", ({ claim }) => {
  class Reader
    extends Effect.Service<Reader>()("test/Reader", { effect: Effect.map(Kernel.Kernel, (kernel) => ({ kernel })) })
  {}
  class Writer
    extends Effect.Service<Writer>()("test/Writer", { effect: Effect.map(Kernel.Kernel, (kernel) => ({ kernel })) })
  {}

  const kernels = (ofReader: typeof lab.layer, ofWriter: typeof lab.layer) =>
    Effect.map(
      Layer.build(Layer.merge(Layer.provide(Reader.Default, ofReader), Layer.provide(Writer.Default, ofWriter))),
      (services) => [Context.get(services, Reader).kernel, Context.get(services, Writer).kernel] as const
    )

  claim("of one name are one kernel for all services", function*() {
    const [reader, writer] = yield* kernels(lab.layer, lab.layer)
    expect(reader).toBe(writer)
  })

  claim("that are fresh are a kernel each, with a ledger each", function*() {
    const [reader, writer] = yield* kernels(Layer.fresh(lab.layer), Layer.fresh(lab.layer))
    expect(reader.engine).not.toBe(writer.engine)
    const path = yield* fileOf(pattern(100))
    yield* on(reader)(File.withFile(path, {}, (file) => File.read(file, new Uint8Array(10), 0)))
    expect(reader.engine.counters.read().started).toBeGreaterThan(0)
    expect(writer.engine.counters.read().started).toBe(0)
  })
})

contract("of two kernels", ({ claim, only }) => {
  claim("a file of the one is read where the other is provided", function*() {
    const other = yield* another
    const file = yield* on(other)(File.open(yield* fileOf(pattern(100))))
    const buffer = new Uint8Array(100)
    expect(yield* File.read(file, buffer, 0)).toBe(100)
    expect(buffer).toEqual(pattern(100))
  })

  claim("a buffer of the one is refused by files of the other, whole or as a part", function*() {
    const path = yield* fileOf(pattern(100))
    const file = yield* File.open(path, { access: "readwrite" })
    const other = yield* another
    const buffer = yield* on(other)(BufferPool.make(4096))
    const before = (yield* Kernel.ledger).started
    for (
      const attempt of [
        File.read(file, buffer, 0),
        File.write(file, buffer, 0),
        File.readVectored(file, [new Uint8Array(10), buffer], 0),
        File.readMany(file, [{ offset: 0, buffer }]),
        ThreadpoolIo.submit(file.io, Operation.read({ buffer, start: 1, length: 5 }))
      ] as ReadonlyArray<Effect.Effect<unknown, unknown>>
    ) {
      expect(yield* failureOf(attempt)).toMatchObject({
        reason: "InvalidArgument",
        message: expect.stringContaining("another kernel")
      })
    }
    expect((yield* Kernel.ledger).started).toBe(before)
    expect(yield* on(other)(Effect.flatMap(File.open(path), (file) => File.read(file, buffer, 0)))).toBe(100)
  })

  only(["portable"], "handles of kernel32 are the process's; simulated systems are worlds of their own")(
    "a handle of the one means nothing to the other",
    function*() {
      const path = yield* fileOf(pattern(100))
      const mine = yield* File.open(path)
      const other = yield* another
      const file = yield* on(other)(File.open(path))
      expect(file.io.handle).not.toBe(mine.io.handle)
      expect(yield* failureOf(ThreadpoolIo.make(Handle.make(file.io.handle)))).toMatchObject({
        reason: "InvalidHandle"
      })
    }
  )
})
