/**
 * The safety list: what is undefined behaviour in C, one by one, and where it is shown to be impossible here: it does
 * not compile, it fails typed before any native call, or the embedded kernel refuses it as a breach of contract. What
 * is tested elsewhere is named, and a name that is not there any more fails.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import * as CallbackEnvironment from "../../src/CallbackEnvironment.js"
import * as File from "../../src/File.js"
import * as NamedPipe from "../../src/NamedPipe.js"
import * as Operation from "../../src/Operation.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import type { Win32Error } from "../../src/Win32Error.js"
import { contract, fileOf, freshPath, refused } from "../support/claims.js"
import { held } from "../support/held.js"
import * as lab from "../support/lab.js"
import { recorded } from "../support/recorded.js"

/** Misuse, and the claims that keep it out: file, and the name in it. */
const list: Record<string, ReadonlyArray<readonly [file: string, claim: string]>> = {
  "Start without I/O": [
    ["types/mistakes", "noWayToStartCancelWaitOrClose"],
    ["unit/model", "CloseThreadpoolIo with a Start that dangles (rule 5)"],
    [
      "unit/model",
      "a Wait that would never return: for a Start not issued (rule 3), for an operation in flight (rule 20)"
    ],
    ["unit/engine", "is Cancel; slot and memory are back, and the next operation runs"]
  ],
  "I/O without Start": [
    ["unit/model", "an operation issued without Start (rule 1)"],
    ["contract/bind", "makes these native calls, and no others"]
  ],
  "Cancel after success": [
    ["unit/model", "CancelThreadpoolIo without Start, and for an operation whose packet is to come (rule 1)"],
    ["unit/model", "does nothing to what is done, not issued, or another handle's (rule 11)"],
    ["contract/operations", "rule 11: a cancel after the completion is harmless"]
  ],
  "double Cancel": [
    ["unit/engine", "is asked for once, however often it is wanted"],
    ["unit/engine", "after the end does nothing"]
  ],
  "Close before the callbacks have ended": [
    ["unit/model", "CloseThreadpoolIo with a Start that dangles (rule 5)"],
    ["contract/lifecycle", "rule 17: with 200 operations in flight: each ends, and only then the close does"],
    ["contract/bind", "closing its scope cancels what is in flight, and only then closes the handle"]
  ],
  "freeing or reusing the OVERLAPPED or the buffer of what is pending": [
    ["unit/model", "memory freed while an operation in flight uses it, freed twice, or not the kernel's (rule 13)"],
    ["unit/engine", "keeps its slot: none of 5,000 later operations gets it"],
    [
      "unit/engine",
      "keeps its memory, which the kernel may still write: nobody else gets it, nor does the caller see it"
    ],
    ["contract/memory", "whose scope closes while an operation uses it: its memory goes round only after that"],
    ["contract/memory", "a buffer that is transferred away in flight is let go: nobody writes to it"]
  ],
  "waiting for callbacks inside a callback": [
    ["types/mistakes", "noWayToStartCancelWaitOrClose"],
    ["contract/misuse", "closing a scope in the very turn of a completion waits without a deadlock"]
  ],
  "closing the handle first": [
    ["unit/model", "CloseHandle with operations in flight, unless another handle keeps the file object (rule 17)"],
    ["types/mistakes", "a File is not closed by hand"],
    ["contract/lifecycle", "that its owner closes with a read in flight: the read ends, and closing our scope too"]
  ],
  "binding twice": [
    ["contract/handles", "AlreadyBound, a file"],
    ["contract/handles", "AlreadyBound, a pipe, and a duplicate of it"],
    ["contract/bind", "rule 24: a second binding is AlreadyBound, by either function, and the first one goes on"]
  ],
  "a NULL callback": [["types/mistakes", "thereIsNoCallbackToGive"]],
  "one OVERLAPPED submitted twice": [
    ["unit/model", "a slot issued while it is pending (rule 13)"],
    ["contract/combinators", "one operation value is submitted as often as one likes"]
  ],
  "closing a member after its group": [
    ["contract/environment", "rules 17 and 22: drains its members, and closes all of them by one call"],
    ["unit/model", "a member closed by itself after its group has closed it (rule 22)"]
  ],
  "closing a group, a pool or an environment too early": [
    ["contract/environment", "rule 17: objects, then the group, then the pool, then the environment"],
    ["unit/model", "a group, a pool and an environment closed before what uses them (rules 17 and 22)"]
  ],
  "an offset or a length out of range": [["contract/misuse", "an offset or a length out of range"]],
  "a detached, resizable or shared buffer": [
    ["contract/memory", "a buffer that was transferred away before the operation was submitted"],
    ["contract/memory", "a buffer that is transferred away while the operation waits in the queue"],
    ["contract/misuse", "a buffer that is detached, resizable or shared"]
  ],
  "more callbacks at once than koffi has room for": [
    ["contract/environment", "takes its threads off those that all pools have, and gives them back"],
    ["contract/bind", "takes what may be in flight off the threads of all pools, and gives it back"]
  ],
  "a worker that ends with I/O in flight": [
    ["kernel32/win32-kernel", "worker-terminate"],
    ["kernel32/win32-kernel", "worker-terminate-private"]
  ]
}

describe("the safety list", () => {
  const here = dirname(fileURLToPath(import.meta.url))
  const sourceOf = (file: string): string => {
    // The tests on kernel32 are JavaScript in a folder of their own; their sources lie beside it.
    const tests = here.includes("build") ? join(here, "../../../test") : join(here, "..")
    const path = join(tests, file)
    return readFileSync(existsSync(`${path}.ts`) ? `${path}.ts` : `${path}.test.ts`, "utf8")
  }
  for (const [misuse, claims] of Object.entries(list)) {
    it(`${misuse}: it is tested where it is said to be`, () => {
      for (const [file, claim] of claims) expect(sourceOf(file), `${file}: ${claim}`).toContain(claim)
    })
  }
})

contract("misuse fails typed, before any native call:", ({ claim }) => {
  const nothingAsked = (effect: Effect.Effect<unknown, Win32Error>) =>
    Effect.gen(function*() {
      const { log, value } = yield* recorded(refused(effect))
      expect([log, value]).toMatchObject([[], { reason: "InvalidArgument" }])
    })

  claim("an offset or a length out of range", function*() {
    const file = yield* File.open(yield* freshPath, { access: "readwrite", disposition: "createNew" })
    const buffer = new Uint8Array(8)
    for (const offset of [-1, -1n, 0.5, NaN, Infinity, 2 ** 53, 2n ** 63n, 2n ** 64n]) {
      yield* nothingAsked(File.read(file, buffer, offset))
      yield* nothingAsked(File.write(file, buffer, offset))
      yield* nothingAsked(ThreadpoolIo.submit(file.io, Operation.read({ buffer, offset })))
    }
    for (const length of [-1, 0.5, NaN, Infinity, 9, 2 ** 32]) {
      yield* nothingAsked(ThreadpoolIo.submit(file.io, Operation.read({ buffer, length })))
      yield* nothingAsked(ThreadpoolIo.submit(file.io, Operation.write({ buffer, length })))
    }
  })
  claim("a buffer that is detached, resizable or shared", function*() {
    const file = yield* File.open(yield* freshPath, { access: "readwrite", disposition: "createNew" })
    const detached = new Uint8Array(8)
    structuredClone(detached.buffer, { transfer: [detached.buffer] })
    const Resizable = ArrayBuffer as unknown as new(
      length: number,
      options: { readonly maxByteLength: number }
    ) => ArrayBuffer
    const buffers = [
      new Uint8Array(new Resizable(8, { maxByteLength: 64 })),
      new Uint8Array(new SharedArrayBuffer(8) as unknown as ArrayBuffer)
    ]
    for (const buffer of buffers) {
      yield* nothingAsked(ThreadpoolIo.submit(file.io, Operation.read({ buffer })))
      yield* nothingAsked(ThreadpoolIo.submit(file.io, Operation.write({ buffer })))
    }
    yield* nothingAsked(ThreadpoolIo.submit(file.io, Operation.read({ buffer: detached, length: 8 })))
  })
  const transferred = (bytes: Uint8Array) => {
    structuredClone(bytes.buffer, { transfer: [bytes.buffer as ArrayBuffer] })
    return bytes
  }
  /** A connection, but for what it is connected by. */
  const pipe = { [NamedPipe.TypeId]: NamedPipe.TypeId, path: "pipe", messages: false } as NamedPipe.Connection
  // Each in its own way the same: nothing of it is left, as of an empty one.
  const detachedOnes: Record<string, () => Uint8Array> = {
    "a detached Uint8Array": () => transferred(new Uint8Array(8)),
    "a detached Uint8Array of no bytes": () => transferred(new Uint8Array(0)),
    "a detached Buffer": () => transferred(Buffer.from(new ArrayBuffer(8))),
    "a detached one of a class of its own": () => transferred(new (class extends Uint8Array {})(8))
  }
  for (const [what, make] of Object.entries(detachedOnes)) {
    claim(`${what}, given to whatever takes one`, function*() {
      const file = yield* File.open(yield* fileOf("text"), { access: "readwrite" })
      const buffer = make()
      const empty = new Uint8Array(0)
      const many = [{ buffer: empty, offset: 0 }, { buffer, offset: 0 }]
      const takers = [
        File.read(file, buffer, 0),
        File.readExact(file, buffer, 0),
        File.write(file, buffer, 0),
        File.writeAll(file, buffer, 0),
        File.append(file, buffer),
        File.readVectored(file, [buffer], 0),
        File.readVectored(file, [empty, { buffer, start: 0, length: 0 }], 0),
        File.writeVectored(file, [empty, buffer], 0),
        File.readMany(file, many),
        File.writeMany(file, many),
        File.deviceIoControl(file, { code: "FSCTL_SET_SPARSE", input: buffer }),
        File.submit(file, Operation.deviceIoControl({ code: "FSCTL_GET_COMPRESSION", output: buffer })),
        ThreadpoolIo.submit(file.io, Operation.transact({ message: buffer, buffer: empty })),
        ThreadpoolIo.submit(file.io, Operation.unsafeMake({ syscall: "Own", buffer, issue: () => 0 })),
        Stream.run(Stream.make(empty, buffer), File.sink(file)),
        NamedPipe.write({ ...pipe, io: file.io }, buffer),
        NamedPipe.writeAll({ ...pipe, io: file.io }, buffer),
        NamedPipe.writeAll({ ...pipe, io: file.io, messages: true }, buffer),
        NamedPipe.read({ ...pipe, io: file.io }, buffer),
        Stream.run(Stream.make(buffer), NamedPipe.sink({ ...pipe, io: file.io }))
      ]
      for (const taker of takers) yield* nothingAsked(taker)
      const either = { mode: "either" } as const
      for (const results of [File.readMany(file, many, either), File.writeMany(file, many, either)]) {
        expect(yield* results).toMatchObject([{ _tag: "Right" }, { left: { reason: "InvalidArgument" } }])
      }
    })
  }
  claim("a buffer that is transferred away in a sink while the write before it is under way", function*() {
    const file = yield* File.open(yield* fileOf("text"), { access: "readwrite" })
    // So many writes that they cannot be done before the transfer.
    const bytes = new Uint8Array(65_536)
    const writing = yield* Effect.fork(
      Stream.run(Stream.make(bytes), File.sink(file, { chunkSize: 2, inFlight: 1 }))
    )
    yield* lab.eventually("a write is under way", () => file.io.object.counters.started > 0)
    transferred(bytes)
    expect(yield* Effect.either(Fiber.join(writing))).toMatchObject({ left: { reason: "InvalidArgument" } })
  })
  claim("a range that ends beyond 2^63", function*() {
    const file = yield* File.open(yield* fileOf("text"), { access: "readwrite" })
    const last = 2n ** 63n - 1n
    const buffer = new Uint8Array(8)
    const own = { syscall: "Own", buffer, issue: () => 0 }
    for (const offset of [last - 7n, last]) {
      const request = { buffer, offset }
      const beyond = [
        File.read(file, buffer, offset),
        File.readExact(file, buffer, offset),
        File.write(file, buffer, offset),
        File.writeAll(file, buffer, offset),
        // The pieces before the end, too.
        File.writeAll(file, new Uint8Array(5 << 20), offset - (4n << 20n)),
        File.readVectored(file, [buffer.subarray(0, 4), buffer.subarray(4)], offset),
        File.writeVectored(file, [buffer.subarray(0, 4), buffer.subarray(4)], offset),
        File.readMany(file, [{ buffer: new Uint8Array(1), offset: 0 }, request]),
        File.readMany(file, [{ length: 1, offset: 0 }, { length: 8, offset }]),
        File.writeMany(file, [{ buffer: new Uint8Array(1), offset: 0 }, request]),
        File.zeroRange(file, offset, 8),
        File.allocatedRanges(file, { offset, length: 8 }),
        File.forEachChunk(file, { offset, chunkSize: 8 }, () => Effect.void),
        Stream.runDrain(File.stream(file, { offset, chunkSize: 8 })),
        Stream.run(Stream.make(buffer), File.sink(file, { offset })),
        ThreadpoolIo.submit(file.io, Operation.unsafeMake({ ...own, offset }))
      ]
      for (const effect of beyond) yield* nothingAsked(effect)
    }
    for (const effect of [File.truncate(file, last + 1n), File.allocate(file, last + 1n)]) yield* nothingAsked(effect)
    yield* nothingAsked(File.withLock(file, { offset: last, length: 2n ** 63n + 2n }, Effect.void))
    // A write that ends there is the system's to refuse.
    expect(Operation.write({ buffer, offset: last - 8n }).request.problem).toBeUndefined()
  })
  claim("an offset, or a length, that is missing when the program runs", function*() {
    const file = yield* File.open(yield* fileOf("text"), { access: "readwrite" })
    const buffer = new Uint8Array(8)
    type Positional = (...arguments_: Array<unknown>) => Effect.Effect<unknown, Win32Error>
    const { read, readExact, readVectored, write, writeAll, writeVectored, zeroRange } = File as unknown as {
      readonly [name: string]: Positional
    }
    for (const positional of [read!, readExact!, write!, writeAll!]) {
      for (const missing of [[], [undefined], [null]]) yield* nothingAsked(positional(file, buffer, ...missing))
      yield* nothingAsked(positional(file))
    }
    for (const positional of [readVectored!, writeVectored!]) {
      for (const missing of [[], [undefined], [null]]) yield* nothingAsked(positional(file, [buffer], ...missing))
    }
    for (const missing of [[], [0], [0, undefined], [undefined, 1], [null, 1], [0, null]]) {
      yield* nothingAsked(zeroRange!(file, ...missing))
    }
    for (const resize of [File.truncate, File.allocate]) yield* nothingAsked(resize(file, undefined as never))
    for (const make of [Operation.read, Operation.write]) {
      yield* nothingAsked(ThreadpoolIo.submit(file.io, make({ buffer, offset: null as never })))
    }
  })
  claim("any use of what has closed", function*() {
    const io = yield* Effect.scoped(Effect.map(held(), ({ io }) => io))
    const { log, value } = yield* recorded(
      refused(ThreadpoolIo.submit(io, Operation.read({ buffer: new Uint8Array(1) })))
    )
    expect([log, value]).toMatchObject([[], { reason: "Closed" }])
  })
})

contract("waiting", ({ claim }) => {
  claim("closing a scope in the very turn of a completion waits without a deadlock", function*() {
    const path = yield* fileOf("12345")
    for (const options of [{}, { threadpool: { maxThreads: 1 }, cleanupGroup: true }]) {
      const environment = yield* CallbackEnvironment.make(options)
      for (let round = 0; round < 20; round++) {
        const scope = yield* Scope.make()
        const file = yield* Scope.extend(File.open(path), scope).pipe(CallbackEnvironment.provide(environment))
        // The code after a read runs where its completion arrived.
        yield* Effect.zipRight(File.read(file, new Uint8Array(5), 0), Scope.close(scope, Exit.void))
      }
    }
  })
})
