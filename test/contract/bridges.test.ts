/**
 * Streams of node and of the Web, both ways: how much is read ahead of a reader who stops, and that one who leaves has
 * closed the file.
 */
import * as NodeStream from "@effect/platform-node/NodeStream"
import { expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { createReadStream, createWriteStream, readFileSync } from "node:fs"
import { Writable } from "node:stream"
import { pipeline } from "node:stream/promises"
import * as File from "../../src/File.js"
import * as Kernel from "../../src/Kernel.js"
import { contract, failureOf, fileOf, freshPath, pattern, settleFibers } from "../support/claims.js"
import * as lab from "../support/lab.js"

const KiB = 1024
/** One request of a stream reads at least this many bytes. */
const SIZE = 512 * KiB
const CHUNKS = 24
/** Requests: those in flight, one chunk that waits, and what the streams of node and the Web queue. */
const AHEAD = 8

const bytes = pattern(SIZE * CHUNKS)

/** Opens the file when the stream is run. */
const streamOf = (path: string) =>
  Stream.unwrapScoped(Effect.map(File.open(path), (file) => File.stream(file, { chunkSize: SIZE, inFlight: 2 })))

/** The requests that have been made when nothing is in flight any more and nobody has read on. */
const asked = Effect.gen(function*() {
  const { engine } = yield* Kernel.Kernel
  for (let quiet = 0, last = -1; quiet < 20;) {
    yield* settleFibers
    yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
    const { inFlight, started } = engine.counters
    quiet = inFlight === 0 && started === last ? quiet + 1 : 0
    last = started
  }
  return engine.counters.started
})

const readable = (path: string) =>
  Effect.map(Effect.runtime<Kernel.Kernel>(), (runtime) => Stream.toReadableStreamRuntime(streamOf(path), runtime))

const openHandles = Effect.map(Kernel.Kernel, ({ engine }) => engine.objects.size)

contract("a file as a stream of the Web", ({ claim }) => {
  claim("has all of its bytes", function*() {
    const stream = yield* readable(yield* fileOf(bytes))
    const all = yield* Effect.promise(() => new Response(stream).arrayBuffer())
    expect(Buffer.from(all).equals(bytes)).toBe(true)
  })

  claim("is read ahead of a reader who stops by what is in flight and what is queued, and no further", function*() {
    const before = (yield* Kernel.ledger).started
    const reader = (yield* readable(yield* fileOf(bytes))).getReader()
    const first = yield* Effect.promise(() => reader.read())
    expect(first.value?.length).toBe(SIZE)
    const ahead = (yield* asked) - before
    expect(ahead).toBeLessThanOrEqual(AHEAD)
    yield* Effect.promise(() => reader.cancel())
    expect((yield* asked) - before).toBe(ahead)
  })

  claim("is closed when its reader has cancelled", function*() {
    const reader = (yield* readable(yield* fileOf(bytes))).getReader()
    yield* Effect.promise(() => reader.read())
    expect(yield* openHandles).toBe(1)
    yield* Effect.promise(() => reader.cancel())
    expect(yield* openHandles).toBe(0)
  })

  claim("fails its reader with the library's error", function*() {
    const reader = (yield* readable(yield* freshPath)).getReader()
    const error = yield* failureOf(Effect.tryPromise({ try: () => reader.read(), catch: (error) => error }))
    expect(error).toMatchObject({ _tag: "Win32Error", reason: "NotFound" })
  })

  claim("is written from one, and closed", function*() {
    const path = yield* freshPath
    const body = new Response(bytes as never).body!
    const source = Stream.fromReadableStream({ evaluate: () => body, onError: (cause) => cause })
    const file = yield* File.open(path, { access: "write", disposition: "createNew" })
    yield* Stream.run(source as Stream.Stream<Uint8Array, unknown>, File.sink(file))
    expect(readFileSync(path).equals(bytes)).toBe(true)
  })
})

contract("a file as a stream of node", ({ claim }) => {
  const toReadable = (path: string) => NodeStream.toReadable(streamOf(path))

  claim("has all of its bytes", function*() {
    const stream = yield* toReadable(yield* fileOf(bytes))
    const all = yield* Effect.promise(() => new Response(stream as never).arrayBuffer())
    expect(Buffer.from(all).equals(bytes)).toBe(true)
  })

  claim("is read ahead of a reader who stops by what is in flight and what is queued, and no further", function*() {
    const before = (yield* Kernel.ledger).started
    const stream = yield* toReadable(yield* fileOf(bytes))
    yield* Effect.async<void>((resume) => void stream.once("readable", () => resume(Effect.void)))
    const ahead = (yield* asked) - before
    expect(ahead).toBeLessThanOrEqual(AHEAD)
    yield* Effect.async<void>((resume) => void stream.destroy().once("close", () => resume(Effect.void)))
    expect((yield* asked) - before).toBe(ahead)
  })

  claim("is closed when it has been destroyed", function*() {
    const stream = yield* toReadable(yield* fileOf(bytes))
    yield* Effect.async<void>((resume) => void stream.once("readable", () => resume(Effect.void)))
    expect(yield* openHandles).toBe(1)
    yield* Effect.async<void>((resume) => void stream.destroy().once("close", () => resume(Effect.void)))
    expect(yield* openHandles).toBe(0)
  })

  claim("is written from a Readable, and into a Writable", function*() {
    const [from, path, to] = [yield* fileOf(bytes), yield* freshPath, yield* freshPath]
    const target = yield* File.open(path, { access: "readwrite", disposition: "createNew" })
    yield* Stream.run(
      NodeStream.fromReadable<unknown, Uint8Array>(() => createReadStream(from), (cause) => cause),
      File.sink(target)
    )
    expect(readFileSync(path).equals(bytes)).toBe(true)
    const readable = yield* NodeStream.toReadable(streamOf(path))
    yield* Effect.promise(() => pipeline(readable, createWriteStream(to)))
    expect(readFileSync(to).equals(bytes)).toBe(true)
  })

  claim("waits for a Writable that takes nothing more", function*() {
    const before = (yield* Kernel.ledger).started
    const stuck = new Writable({ write: () => {}, highWaterMark: SIZE })
    const readable = yield* NodeStream.toReadable(streamOf(yield* fileOf(bytes)))
    const ended = pipeline(readable, stuck).then(() => "ended", () => "refused")
    yield* lab.eventually("the first chunk written", () => stuck.writableLength > 0)
    expect((yield* asked) - before).toBeLessThanOrEqual(AHEAD)
    stuck.destroy()
    expect(yield* Effect.promise(() => ended)).toBe("refused")
    yield* lab.eventually("the file closed", () => !readable.readable)
  })
})
