/**
 * `effect-threadpool-io/testing`: what it finds, what it says, and that it says nothing where nothing is wrong.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as BufferPool from "../../src/BufferPool.js"
import * as File from "../../src/File.js"
import * as C from "../../src/internal/constants.js"
import { exhaust, replayed, seeded, shrink } from "../../src/internal/kernel/simulated/Choices.js"
import { MemoryFile } from "../../src/internal/kernel/simulated/memory.js"
import * as NamedPipe from "../../src/NamedPipe.js"
import * as Operation from "../../src/Operation.js"
import * as Testing from "../../src/testing.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"

const found = <E>(program: Parameters<typeof Testing.check<void, E>>[0], options: Testing.Options = {}) =>
  Effect.runPromise(Effect.flip(Testing.check(program, options))).then(({ problems }) => problems.join("\n"))

const opened = File.open("file", { access: "readwrite", disposition: "openAlways" })

describe("choices", () => {
  it("of one seed are the same, and replayed are the same", () => {
    const take = (choices: { below(n: number): number }) => Array.from({ length: 50 }, (_, at) => choices.below(at + 1))
    const one = seeded(7)
    expect(take(one)).toEqual(take(seeded(7)))
    expect(take(seeded(7))).not.toEqual(take(seeded(8)))
    expect(take(replayed(one.taken))).toEqual(take(seeded(7)))
  })
  it("are exhausted, each sequence once", () => {
    const seen = new Set<string>()
    const runs = exhaust((choices) => {
      const first = choices.below(3)
      seen.add([first, first === 1 ? choices.below(4) : 0].join())
    })
    expect([runs, seen.size]).toEqual([6, 6])
  })
  it("shrink to what matters", async () => {
    const failing = Array.from({ length: 100 }, (_, at) => at)
    const list = await shrink(failing, async (one) => one.some((value) => value >= 42) ? one : undefined, 10_000)
    expect(list).toEqual([42])
  })
})

describe("a disk that loses power", () => {
  it("keeps what was flushed, and of the rest whole sectors", () => {
    const file = new MemoryFile(1n, 0)
    file.remember()
    file.write(new Uint8Array(2048).fill(1), 0)
    file.flush()
    file.write(new Uint8Array(1024).fill(2), 256)
    file.cutPower(() => 1)
    const bytes = file.contents()
    expect([bytes[255], bytes[256], bytes[511], bytes[512], bytes.length]).toEqual([1, 2, 2, 1, 2048])
  })
})

describe("check", () => {
  it("finds nothing in a program that is right, and tells what has happened", async () => {
    const program = Effect.gen(function*() {
      const file = yield* opened
      yield* File.writeAll(file, new Uint8Array(100).fill(1), 0)
      const bytes = new Uint8Array(100)
      yield* File.readExact(file, bytes, 0)
      expect(bytes.every((byte) => byte === 1)).toBe(true)
    })
    const report = await Effect.runPromise(Testing.check(program, { seeds: 50 }))
    expect(report).toMatchObject({ seeds: 50 })
    expect(report.operations).toBeGreaterThan(100)
    expect(report.happened.short).toBeGreaterThan(0)
  })
  it("takes no time, however long the program sleeps", async () => {
    const report = await Effect.runPromise(Testing.check(Effect.sleep("1 hour"), { seeds: 10 }))
    expect(report.milliseconds).toBe(10 * 3_600_000)
  })
  it("names a handle that is left open", async () => {
    const leaking = Effect.flatMap(Scope.make(), (scope) => Effect.asVoid(Scope.extend(opened, scope)))
    expect(await found(leaking)).toContain("left open: file")
  })
  it("names memory of the pool that is not returned", async () => {
    const leaking = Effect.flatMap(Scope.make(), (scope) => Effect.asVoid(Scope.extend(BufferPool.make(100), scope)))
    expect(await found(leaking)).toContain("4096 bytes of pool memory not returned")
  })
  it("names what a program waits for that never happens", async () => {
    const program = Effect.gen(function*() {
      const server = yield* NamedPipe.listen("nobody comes")
      yield* NamedPipe.accept(server)
    })
    const problems = await found(program, { seeds: 1 })
    expect(problems).toContain("waits for something that never happens")
    expect(problems).toContain("ConnectNamedPipe")
  })
  it("names the operation whose memory was touched, and the line that made it", async () => {
    const program = Effect.gen(function*() {
      const file = yield* opened
      const buffer = yield* BufferPool.make(16)
      const fiber = yield* Effect.fork(File.submit(file, Operation.write({ buffer })))
      yield* Effect.yieldNow()
      buffer.bytes.fill(1)
      yield* Fiber.await(fiber)
    })
    expect(await found(program)).toMatch(
      /the memory of operation \d+, WriteFile of 16 bytes on file, made at .*testing\.test\.[jt]s:\d+:\d+\)? was changed .* \(rule 13\)/
    )
  })
  it("finds what only some orders of events show", async () => {
    const program = Effect.gen(function*() {
      const file = yield* opened
      const order: Array<number> = []
      const append = (number: number) =>
        Effect.map(File.append(file, new Uint8Array(1)), () => {
          order.push(number)
        })
      yield* Effect.all([append(1), append(2)], { concurrency: 2 })
      if (order[0] !== 1) yield* Effect.dieMessage("the second append came first")
    })
    expect(await found(program)).toContain("the second append came first")
  })
  it("works for programs that wait for promises, too", async () => {
    const program = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    expect((await Effect.runPromise(Testing.check(program, { seeds: 3 }))).seeds).toBe(3)
  })
})

describe("faults", () => {
  const read = Effect.gen(function*() {
    const file = yield* opened
    yield* File.read(file, new Uint8Array(4), 0)
  })
  it("come by appointment", async () => {
    const problems = await found(read, { faults: [{ syscall: "ReadFile", nth: 1, code: C.ERROR_IO_DEVICE }] })
    expect(problems).toContain("ReadFile")
    const none = Testing.check(read, { faults: [{ syscall: "ReadFile", nth: 2, code: C.ERROR_IO_DEVICE }] })
    expect((await Effect.runPromise(none)).happened.faults).toBe(0)
  })
  it("come at calls, too", async () => {
    expect(await found(read, { faults: [{ syscall: "CreateFileW", nth: 1, code: C.ERROR_ACCESS_DENIED }] })).toContain(
      "CreateFileW"
    )
  })
  it("a full disk is NoSpace", () =>
    Testing.test(
      Effect.gen(function*() {
        const file = yield* opened
        const error = yield* Effect.flip(File.writeAll(file, new Uint8Array(100), 0))
        expect(error.reason).toBe("NoSpace")
      }),
      { capacity: 50 }
    )())
  it("a device that never answers costs the drain limit, in virtual time, and a quarantine", () =>
    Testing.test(
      Effect.gen(function*() {
        const { io } = yield* opened
        const simulation = yield* Testing.Simulation
        yield* Effect.timeoutOption(ThreadpoolIo.submit(io, Operation.read({ buffer: new Uint8Array(1) })), "1 second")
        expect(yield* simulation.time).toBeGreaterThanOrEqual(8000)
        expect((yield* ThreadpoolIo.ledger(io)).quarantined).toBe(1)
      }).pipe(Effect.scoped, Logger.withMinimumLogLevel(LogLevel.None)),
      { behaviour: { never: 100 }, drainTimeout: "7 seconds", seeds: 5 }
    )())
  it("a power cut leaves handles that are dead, and scopes that close", () =>
    Testing.test(
      Effect.gen(function*() {
        const file = yield* opened
        yield* (yield* Testing.Simulation).cutPower
        const error = yield* Effect.flip(File.writeAll(file, new Uint8Array(1), 0))
        expect(error.code).toBe(C.ERROR_IO_DEVICE)
      }),
      { seeds: 20 }
    )())
})

describe("the layer", () => {
  it.live("is a kernel, and knows what is on its disk", () =>
    Effect.gen(function*() {
      const simulation = yield* Testing.Simulation
      const file = yield* File.open("file", { access: "readwrite" })
      const bytes = new Uint8Array(5)
      yield* File.readExact(file, bytes, 0)
      expect(new TextDecoder().decode(bytes)).toBe("hello")
      yield* File.writeAll(file, new TextEncoder().encode("HELLO"), 0)
      expect(Option.map(yield* simulation.contents("file"), (all) => new TextDecoder().decode(all))).toEqual(
        Option.some("HELLO")
      )
      yield* Effect.sleep("1 hour")
      expect(yield* simulation.time).toBeGreaterThanOrEqual(3_600_000)
    }).pipe(Effect.scoped, Effect.provide(Testing.layer({ files: { file: "hello" } }))))

  it.effect("lives by a TestClock where it is told to", () =>
    Effect.gen(function*() {
      const simulation = yield* Testing.Simulation
      const fiber = yield* Effect.fork(Effect.zipRight(Effect.sleep("1 minute"), simulation.time))
      yield* TestClock.adjust("59 seconds")
      expect(Option.isNone(yield* Fiber.poll(fiber))).toBe(true)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      const file = yield* opened
      const append = yield* Effect.fork(File.append(file, new Uint8Array(3)))
      yield* Effect.repeatN(TestClock.adjust("1 second"), 5)
      expect(yield* Fiber.join(append)).toBe(3)
      yield* Effect.fork(Effect.forever(TestClock.adjust("1 second")))
    }).pipe(Effect.scoped, Effect.provide(Testing.layer({ clock: "inherited", behaviour: { late: 0 } }))))

  it.live("a leak is a defect when it is released", () =>
    Effect.gen(function*() {
      const leak = Effect.flatMap(Scope.make(), (scope) => Scope.extend(opened, scope))
      const exit = yield* Effect.exit(Effect.provide(leak, Testing.layer()))
      expect(String(exit)).toContain("left open: file")
    }))
})
