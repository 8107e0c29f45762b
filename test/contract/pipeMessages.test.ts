/**
 * Pipes of messages, and what else only kernel32 has: transactions, flushing, what the system tells of a pipe, and who
 * may open it.
 */
import { describe, expect } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { KoffiFunc } from "koffi"
import { lstatSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as NamedPipe from "../../src/NamedPipe.js"
import { contract, failureOf, pattern, refused, settleFibers, sleep } from "../support/claims.js"
import * as lab from "../support/lab.js"

let serial = 0
const fresh = () => `tpio-messages-${process.pid}-${serial++}`

const pair = (options: NamedPipe.ListenOptions & NamedPipe.ConnectOptions = {}) =>
  Effect.gen(function*() {
    const name = fresh()
    const listening = yield* NamedPipe.listen(name, options)
    const client = yield* NamedPipe.connect(name, options)
    const server = yield* NamedPipe.accept(listening)
    return { name, listening, client, server }
  })

const messages = { messages: true } as const

const text = (value: string) => new TextEncoder().encode(value)
const same = (one: Uint8Array | undefined, other: Uint8Array) => one !== undefined && Buffer.compare(one, other) === 0

contract("a pipe of messages", ({ claim, only }) => {
  const kernel32 = only(
    ["win32", "simulated"],
    "a socket of node's does not keep messages apart: listen fails with Unsupported"
  )

  if (lab.kernelName === "portable") {
    claim("is Unsupported here, typed, and so is a security descriptor", function*() {
      expect(yield* failureOf(NamedPipe.listen(fresh(), messages))).toMatchObject({ code: 50, reason: "Unsupported" })
      const everybody = NamedPipe.listen(fresh(), { security: "D:(A;;GA;;;WD)" })
      expect(yield* failureOf(everybody)).toMatchObject({ code: 50, reason: "Unsupported" })
    })
    claim("cannot be asked of a pipe of bytes", function*() {
      const name = fresh()
      yield* NamedPipe.listen(name)
      expect(yield* failureOf(NamedPipe.connect(name, messages))).toMatchObject({ code: 87 })
    })
  }

  describe("reads whole messages", () => {
    kernel32("each as it was written", function*() {
      const { client, server } = yield* pair(messages)
      for (const length of [1, 10, 1000, 65_535, 65_536, 65_537, 200_000]) {
        const message = pattern(length)
        const writing = yield* Effect.fork(NamedPipe.writeAll(client, message))
        expect(same(Option.getOrUndefined(yield* NamedPipe.readMessage(server)), message)).toBe(true)
        yield* Fiber.join(writing)
      }
    })
    kernel32("one of no bytes is a message, not the end", function*() {
      const { client, server } = yield* pair(messages)
      yield* NamedPipe.write(client, new Uint8Array(0))
      yield* NamedPipe.write(client, text("x"))
      expect(Option.getOrUndefined(yield* NamedPipe.readMessage(server))).toEqual(new Uint8Array(0))
      expect(Option.getOrUndefined(yield* NamedPipe.readMessage(server))).toEqual(text("x"))
    })
    kernel32("the end is None", function*() {
      const name = fresh()
      const listening = yield* NamedPipe.listen(name, messages)
      yield* Effect.scoped(Effect.gen(function*() {
        const client = yield* NamedPipe.connect(name, messages)
        yield* NamedPipe.write(client, text("bye"))
      }))
      const server = yield* NamedPipe.accept(listening)
      expect(Option.isSome(yield* NamedPipe.readMessage(server))).toBe(true)
      expect(Option.isNone(yield* NamedPipe.readMessage(server))).toBe(true)
    })
    kernel32("one longer than allowed is dropped, typed, and the next is read", function*() {
      const { client, server } = yield* pair(messages)
      for (const [length, maximum] of [[101, 100], [70_000, 100], [200_000, 70_000]] as const) {
        const writing = yield* Effect.fork(NamedPipe.writeAll(client, pattern(length)))
        expect(yield* failureOf(NamedPipe.readMessage(server, { maximum }))).toMatchObject({
          code: 234,
          reason: "MoreData"
        })
        yield* Fiber.join(writing)
        yield* NamedPipe.write(client, text("next"))
        expect(Option.getOrUndefined(yield* NamedPipe.readMessage(server, { maximum: 4 }))).toEqual(text("next"))
      }
    })
    kernel32("a message that `read` has read in part goes on where it was", function*() {
      const { client, server } = yield* pair(messages)
      yield* NamedPipe.write(client, text("0123456789"))
      const buffer = new Uint8Array(4)
      expect(yield* NamedPipe.read(server, buffer)).toMatchObject({
        bytesTransferred: 4,
        status: 234,
        endOfFile: false
      })
      expect(Option.getOrUndefined(yield* NamedPipe.readMessage(server))).toEqual(text("456789"))
    })
    kernel32("one reader at a time", function*() {
      const { client, server } = yield* pair(messages)
      const first = yield* Effect.fork(NamedPipe.readMessage(server))
      yield* settleFibers
      expect(yield* refused(NamedPipe.readMessage(server))).toMatchObject({ reason: "Busy" })
      yield* NamedPipe.write(client, text("for the first"))
      yield* Fiber.join(first)
      const again = yield* Effect.fork(NamedPipe.readMessage(server))
      yield* settleFibers
      yield* Fiber.interrupt(again)
      yield* NamedPipe.write(client, text("for the next"))
      expect(Option.getOrUndefined(yield* NamedPipe.readMessage(server))).toEqual(text("for the next"))
    })
    kernel32("interrupted at any moment: none is lost, none is torn", function*() {
      const { client, server } = yield* pair(messages)
      const sent = Array.from({ length: 60 }, (_, index) => pattern(1 + (index * 7919) % 150_000, index))
      const writing = yield* Effect.fork(Effect.forEach(sent, (message) => NamedPipe.writeAll(client, message)))
      for (let got = 0, round = 0; got < sent.length; round++) {
        const reading = yield* Effect.fork(NamedPipe.readMessage(server))
        for (let turn = 0; turn < round % 7; turn++) yield* sleep(0)
        const exit = yield* Fiber.interrupt(reading)
        if (Exit.isSuccess(exit)) expect(same(Option.getOrUndefined(exit.value), sent[got++]!)).toBe(true)
      }
      yield* Fiber.join(writing)
    })
    kernel32("as a stream, one element each", function*() {
      const { client, server } = yield* pair(messages)
      const sent = [text("one"), new Uint8Array(0), text("three")]
      yield* Stream.run(Stream.fromIterable(sent), NamedPipe.sink(client))
      const got = yield* Stream.runCollect(Stream.take(NamedPipe.stream(server), 3))
      expect(Chunk.toReadonlyArray(got)).toEqual(sent)
    })
    claim("not of a pipe of bytes: refused", function*() {
      const { server } = yield* pair()
      expect(yield* refused(NamedPipe.readMessage(server))).toMatchObject({ reason: "InvalidArgument" })
      expect(yield* refused(NamedPipe.transact(server, text("?")))).toMatchObject({ reason: "InvalidArgument" })
    })
  })

  describe("transacts", () => {
    kernel32("a short answer and a long one", function*() {
      const { client, server } = yield* pair(messages)
      for (const length of [0, 5, 65_536, 150_000]) {
        const answer = pattern(length)
        const asking = yield* Effect.fork(NamedPipe.transact(client, text("time?")))
        expect(Option.getOrUndefined(yield* NamedPipe.readMessage(server))).toEqual(text("time?"))
        const answering = yield* Effect.fork(NamedPipe.writeAll(server, answer))
        expect(same(yield* Fiber.join(asking), answer)).toBe(true)
        yield* Fiber.join(answering)
      }
    })
    kernel32("with somebody who has gone: BrokenPipe", function*() {
      const { client, server } = yield* pair(messages)
      yield* NamedPipe.disconnect(server)
      expect(yield* failureOf(NamedPipe.transact(client, text("?")))).toMatchObject({ reason: "BrokenPipe" })
    })
    kernel32("interrupted while it waits for the answer: it is cancelled, and the connection goes on", function*() {
      const { client, server } = yield* pair(messages)
      const asking = yield* Effect.fork(NamedPipe.transact(client, text("?")))
      yield* settleFibers
      expect(Exit.isInterrupted(yield* Fiber.interrupt(asking))).toBe(true)
      yield* NamedPipe.readMessage(server)
      yield* NamedPipe.write(server, text("late"))
      expect(Option.getOrUndefined(yield* NamedPipe.readMessage(client))).toEqual(text("late"))
    })
  })
})

contract("what the system tells of a pipe", ({ claim, only }) => {
  const kernel32 = only(["win32", "simulated"], "there is nobody to ask: information and flush fail with Unsupported")

  if (lab.kernelName === "portable") {
    claim("is nothing here: Unsupported, typed", function*() {
      const { server } = yield* pair()
      expect(yield* failureOf(NamedPipe.information(server))).toMatchObject({ reason: "Unsupported" })
      expect(yield* failureOf(NamedPipe.flush(server))).toMatchObject({ reason: "Unsupported" })
    })
  }
  claim("a client's end cannot be flushed: refused", function*() {
    const { client } = yield* pair()
    expect(yield* refused(NamedPipe.flush(client))).toMatchObject({ reason: "InvalidArgument" })
  })
  kernel32("sides, kinds, sizes, instances and the process at the other end", function*() {
    const options = { messages: true, backlog: 3, maxInstances: 20, outBufferSize: 8192, inBufferSize: 12_288 }
    const { client, server } = yield* pair(options)
    yield* sleep(20)
    expect(yield* NamedPipe.information(server)).toMatchObject({
      side: "server",
      messages: true,
      readsMessages: true,
      maxInstances: 21,
      outBufferSize: 8192,
      inBufferSize: 12_288,
      // The name's, the connection's, and three that wait.
      instances: 5,
      peerProcessId: process.pid
    })
    expect(yield* NamedPipe.information(client)).toMatchObject({
      side: "client",
      readsMessages: true,
      peerProcessId: process.pid
    })
  })
  kernel32("255 instances is no limit, and a pipe of bytes is one", function*() {
    const { server } = yield* pair()
    expect(yield* NamedPipe.information(server)).toMatchObject({
      messages: false,
      readsMessages: false,
      maxInstances: 255
    })
  })
  kernel32("all instances in use: Busy at once, or TimedOut, and a place that becomes free is found", function*() {
    const name = fresh()
    yield* NamedPipe.listen(name, { maxInstances: 1, backlog: 1 })
    const first = yield* Effect.fork(Effect.scoped(Effect.zipRight(NamedPipe.connect(name), Effect.never)))
    yield* sleep(50)
    expect(yield* failureOf(NamedPipe.connect(name, { timeout: 0 }))).toMatchObject({ code: 231, reason: "Busy" })
    expect(yield* failureOf(NamedPipe.connect(name, { timeout: 60 }))).toMatchObject({ code: 121, reason: "TimedOut" })
    yield* Fiber.interrupt(first)
  })

  describe("flush", () => {
    kernel32("waits for the client to read", function*() {
      const { client, server } = yield* pair()
      yield* NamedPipe.writeAll(server, text("read me"))
      const flushing = yield* Effect.fork(NamedPipe.flush(server))
      yield* sleep(50)
      expect((yield* Fiber.poll(flushing))._tag).toBe("None")
      yield* NamedPipe.read(client, new Uint8Array(64))
      yield* Fiber.join(flushing)
    })
    kernel32("of four clients that never read: interruption ends each, and other calls go on meanwhile", function*() {
      const pairs = yield* Effect.replicateEffect(pair(), 4)
      yield* Effect.forEach(pairs, ({ server }) => NamedPipe.writeAll(server, text("read me")))
      const flushing = yield* Effect.forEach(pairs, ({ server }) => Effect.fork(NamedPipe.flush(server)))
      yield* sleep(20)
      yield* NamedPipe.peek(pairs[3]!.client)
      const begin = Date.now()
      expect(Exit.isInterrupted(yield* Fiber.interruptAll(flushing).pipe(Effect.zipRight(Fiber.await(flushing[0]!)))))
        .toBe(true)
      expect(Date.now() - begin).toBeLessThan(2000)
    })
  })
})

// --- who may open it

const security = Effect.promise(async () => {
  const { default: koffi } = await import("koffi")
  const advapi32 = koffi.load("advapi32.dll")
  const declare = (name: string, result: string, parameters: Array<string>) =>
    advapi32.func("__stdcall", name, result, parameters) as KoffiFunc<(...arguments_: ReadonlyArray<any>) => number>
  return declare("GetKernelObjectSecurity", "int", ["intptr_t", "uint32_t", "void *", "uint32_t", "_Out_ uint32_t *"])
})

const OWNER_AND_DACL = 1 | 4
const SE_DACL_PROTECTED = 0x1000
const FILE_ALL_ACCESS = 0x1f01ff

const sidText = (bytes: Buffer, at: number) =>
  [
    "S",
    bytes[at],
    bytes.readUIntBE(at + 2, 6),
    ...Array.from({ length: bytes[at + 1]! }, (_, part) => bytes.readUInt32LE(at + 8 + part * 4))
  ].join("-")

/** The owner and the access list of an object, read back from the system. */
const descriptorOf = (connection: NamedPipe.Connection) =>
  Effect.map(security, (getKernelObjectSecurity) => {
    const bytes = Buffer.alloc(1024)
    expect(getKernelObjectSecurity(connection.io.handle, OWNER_AND_DACL, bytes, bytes.length, [0])).toBe(1)
    const dacl = bytes.readUInt32LE(16)
    const entries: Array<{ type: number; mask: number; sid: string }> = []
    for (let at = dacl + 8, left = bytes.readUInt16LE(dacl + 4); left > 0; left--) {
      entries.push({ type: bytes[at]!, mask: bytes.readUInt32LE(at + 4), sid: sidText(bytes, at + 8) })
      at += bytes.readUInt16LE(at + 2)
    }
    return {
      protected: (bytes.readUInt16LE(2) & SE_DACL_PROTECTED) !== 0,
      owner: sidText(bytes, bytes.readUInt32LE(4)),
      entries
    }
  })

contract("the access list of a pipe", ({ only }) => {
  const kernel32 = only("win32", "a socket has none; pipePortable.test.ts shows who can reach it")
  only(
    "portable",
    "the system does not tell whether PIPE_REJECT_REMOTE_CLIENTS was given: GetNamedPipeInfo leaves it out"
  )(
    "keeps other machines out: a pipe is a socket of this one's file system",
    function*() {
      const { name } = yield* pair()
      const runtime = process.env["XDG_RUNTIME_DIR"]
      const directory = runtime === undefined
        ? join(tmpdir(), `effect-threadpool-io-${process.getuid!()}`)
        : join(runtime, "effect-threadpool-io")
      expect(lstatSync(join(directory, name)).isSocket()).toBe(true)
    }
  )

  kernel32("holds the current user alone, who owns the pipe, and inherits nothing", function*() {
    const { server } = yield* pair()
    const descriptor = yield* descriptorOf(server)
    expect(descriptor).toEqual({
      protected: true,
      owner: descriptor.owner,
      entries: [{ type: 0, mask: FILE_ALL_ACCESS, sid: descriptor.owner }]
    })
    expect(descriptor.owner).toMatch(/^S-1-5-21-/)
  })
  kernel32("is yours when you give one", function*() {
    const { server } = yield* pair({ security: "D:P(A;;GA;;;BA)(A;;FRFW;;;WD)(A;;GA;;;OW)" })
    expect((yield* descriptorOf(server)).entries.map(({ sid }) => sid)).toEqual(["S-1-5-32-544", "S-1-1-0", "S-1-3-4"])
  })
  kernel32("that is no SDDL fails typed", function*() {
    expect(yield* failureOf(NamedPipe.listen(fresh(), { security: "all of you" }))).toMatchObject({
      reason: "InvalidArgument"
    })
  })
})
