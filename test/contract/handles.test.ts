/**
 * Handles that somebody else has opened: what can be bound and why not, what skip mode makes of a result, and what is
 * left to their owner.
 */
import { describe, expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Directory from "../../src/Directory.js"
import * as File from "../../src/File.js"
import * as Handle from "../../src/Handle.js"
import type * as Kernel from "../../src/Kernel.js"
import * as Ledger from "../../src/Ledger.js"
import * as Operation from "../../src/Operation.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"
import type { Win32Error } from "../../src/Win32Error.js"
import { contract, failureOf, fileOf, movement, pattern, settleFibers } from "../support/claims.js"
import { borrowedFile } from "../support/held.js"
import * as lab from "../support/lab.js"
import { duplicate, duplicateToOwn, messagePipe, native, readByOwner } from "../support/native.js"
import * as pipe from "../support/pipe.js"
import { recorded } from "../support/recorded.js"

const read = (io: ThreadpoolIo.ThreadpoolIo, buffer = new Uint8Array(64)) =>
  ThreadpoolIo.submit(io, Operation.read({ buffer }))

type Constructor = (
  handle: Handle.Handle
) => Effect.Effect<ThreadpoolIo.ThreadpoolIo, Win32Error, Kernel.Kernel | Scope.Scope>

const constructors: Record<string, Constructor> = {
  CreateThreadpoolIo: (handle) => ThreadpoolIo.make(handle),
  BindIoCompletionCallback: (handle) => ThreadpoolIo.bind(handle)
}

const OVERLAPPED = 0x40000000
const BACKUP_SEMANTICS = 0x02000000

/** A handle by the test's own CreateFileW. */
const createFile = (name: string, flags: number, access = 0x80000000) =>
  Effect.flatMap(Effect.promise(pipe.kernel32), (k) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const handle = Number(k.CreateFileW(name, access, 7, 0, 3, flags, 0))
        if (handle === -1) throw new Error(`CreateFileW ${name}: ${k.GetLastError()}`)
        return Handle.make(handle)
      }),
      (handle) => Effect.sync(() => void k.CloseHandle(handle))
    ))

const event = Effect.flatMap(native, (k) =>
  Effect.acquireRelease(
    Effect.sync(() => Handle.make(k.CreateEventW(0, 1, 0, 0))),
    (handle) => Effect.sync(() => void k.CloseHandle(handle))
  ))

for (const [syscall, bind] of Object.entries(constructors)) {
  contract(`${syscall} fails, and says why:`, ({ claim, only }) => {
    const onWindows = only("win32", "there every handle is overlapped, of a file of its own, and opened by the library")
    const why = (handle: number) => failureOf(Effect.scoped(bind(Handle.make(handle))))

    claim("AlreadyBound, a file", function*() {
      const file = yield* File.open(yield* fileOf("12345"))
      const error = yield* why(file.io.handle)
      expect(error).toMatchObject({ code: 87, reason: "AlreadyBound", syscall, handle: file.io.handle })
      expect(error.message).toContain("has a completion port already")
      expect(yield* File.read(file, new Uint8Array(9), 0)).toBe(5)
    })
    const watching = only(["portable", "win32"], "nobody tells it what happens to real files: none can be watched")
    watching("AlreadyBound, a directory", function*() {
      const directory = yield* Directory.open(yield* lab.directory)
      expect(yield* why(directory.io.handle)).toMatchObject({ code: 87, reason: "AlreadyBound" })
    })
    onWindows("AlreadyBound, a pipe, and a duplicate of it", function*() {
      const { server } = yield* pipe.make
      yield* ThreadpoolIo.make(server)
      for (const handle of [server, yield* duplicate(server)]) {
        expect(yield* why(handle)).toMatchObject({ code: 87, reason: "AlreadyBound", handle })
      }
    })
    onWindows("NotOverlapped, a file, a pipe, a directory and a device", function*() {
      const { client } = yield* pipe.make
      const handles = [
        client,
        yield* createFile(yield* fileOf("12345"), 0),
        yield* createFile(yield* lab.directory, BACKUP_SEMANTICS),
        yield* createFile("NUL", 0)
      ]
      for (const handle of handles) {
        const error = yield* why(handle)
        expect(error).toMatchObject({ code: 87, reason: "NotOverlapped", handle })
        expect(error.message).toContain("open it again with that flag")
      }
    })
    claim("InvalidHandle, what is none and what was closed", function*() {
      const closed = yield* Effect.scoped(Effect.map(File.open(yield* fileOf("12345")), ({ io }) => io.handle))
      for (const handle of [0, -1, 0x7fff_fff0, 1.5, NaN, Infinity, closed]) {
        const error = yield* why(handle)
        expect(error).toMatchObject({ code: 6, reason: "InvalidHandle", syscall })
        expect(error.message).toContain("not a handle of this process")
      }
    })
    onWindows("Unsupported, a handle of something else", function*() {
      const error = yield* why(yield* event)
      expect(error).toMatchObject({ reason: "Unsupported", syscall })
      expect(error.message).toContain("it takes a file, a pipe, a directory or a device")
    })
    claim("and a failure leaves the handle as it was, and open", function*() {
      const file = yield* File.open(yield* fileOf("12345"))
      const { log } = yield* recorded(why(file.io.handle))
      expect(log).toEqual([syscall])
    })
  })
}

contract("what can be bound", ({ only }) => {
  const onWindows = only("win32", "there the library opens all handles")
  onWindows("a file, a pipe, a directory and a device, when they are overlapped", function*() {
    const { server } = yield* pipe.make
    const handles = [
      server,
      yield* createFile(yield* fileOf("12345"), OVERLAPPED),
      yield* createFile(yield* lab.directory, (OVERLAPPED | BACKUP_SEMANTICS) >>> 0),
      yield* createFile("NUL", OVERLAPPED)
    ]
    for (const handle of handles) {
      const io = yield* Effect.scoped(ThreadpoolIo.make(handle))
      expect(io.handle).toBe(handle)
    }
  })
})

contract("skip mode", ({ claim, only }) => {
  const onPipe = only("win32", "every operation of the portable kernel answers 997")

  claim("is the default for handles of ours, and for a borrowed one only when it is asked for", function*() {
    const path = yield* fileOf("12345")
    const handle = yield* borrowedFile(path)
    const [file, plain] = [yield* File.open(path), yield* File.open(path, { skipMode: false })]
    expect([file.io.skipMode, plain.io.skipMode]).toEqual([true, false])
    const { log, value } = yield* recorded(Effect.scoped(ThreadpoolIo.make(handle)))
    expect([value.skipMode, log.includes("SetFileCompletionNotificationModes")]).toEqual([false, false])
    expect((yield* Effect.scoped(ThreadpoolIo.make(handle, { skipMode: true }))).skipMode).toBe(true)
    // For good: nobody can take it back.
    expect((yield* Effect.scoped(ThreadpoolIo.make(handle, { skipMode: false }))).skipMode).toBe(true)
  })

  for (const skipMode of [true, false]) {
    describe(skipMode ? "on" : "off", () => {
      /** Start, callback, Cancel: how one operation was paired. */
      const pairing = (io: ThreadpoolIo.ThreadpoolIo, effect: Effect.Effect<unknown, Win32Error>) =>
        Effect.gen(function*() {
          const { log } = yield* recorded(Effect.either(effect))
          const ledger = yield* ThreadpoolIo.ledger(io)
          expect([Ledger.isBalanced(ledger), ledger.inFlight]).toEqual([true, 0])
          return log.filter((name) => name === "StartThreadpoolIo" || name === "CancelThreadpoolIo").join(" ")
        })
      const CALLBACK = "StartThreadpoolIo"
      const CANCEL = "StartThreadpoolIo CancelThreadpoolIo"

      onPipe("TRUE: a callback, or under skip mode Cancel and an inline completion", function*() {
        const { send, server } = yield* pipe.make
        const io = yield* ThreadpoolIo.make(server, { skipMode })
        yield* send(new Uint8Array(3))
        expect(yield* pairing(io, read(io))).toBe(skipMode ? CANCEL : CALLBACK)
      })
      onPipe("997: a callback", function*() {
        const { send, server } = yield* pipe.make
        const io = yield* ThreadpoolIo.make(server, { skipMode })
        yield* Effect.fork(Effect.zipRight(Effect.sleep("5 millis"), send(new Uint8Array(3))))
        expect(yield* pairing(io, read(io))).toBe(CALLBACK)
      })
      onPipe("234: a callback, or under skip mode Cancel and an inline completion", function*() {
        const { send, server } = yield* messagePipe
        const io = yield* ThreadpoolIo.make(server, { skipMode })
        yield* send(new Uint8Array(10))
        expect(yield* pairing(io, read(io, new Uint8Array(4)))).toBe(skipMode ? CANCEL : CALLBACK)
        expect(yield* read(io)).toMatchObject({ bytesTransferred: 6 })
      })
      onPipe("another error: Cancel", function*() {
        const { client, close, server } = yield* pipe.make
        const io = yield* ThreadpoolIo.make(server, { skipMode })
        yield* close(client)
        expect(yield* pairing(io, read(io))).toBe(CANCEL)
      })
      onPipe("TRUE on a bound handle: nothing is started, and nothing cancelled", function*() {
        const { send, server } = yield* pipe.make
        const io = yield* ThreadpoolIo.bind(yield* duplicateToOwn(server), { skipMode })
        yield* send(new Uint8Array(3))
        expect(yield* pairing(io, read(io))).toBe("")
        expect(yield* ThreadpoolIo.ledger(io)).toMatchObject({
          started: 1,
          completedInline: skipMode ? 1 : 0,
          completedByCallback: skipMode ? 0 : 1
        })
      })
      onPipe("the ledger tells the share of inline completions", function*() {
        const { send, server } = yield* pipe.make
        const io = yield* ThreadpoolIo.make(server, { skipMode })
        expect(Ledger.inlineShare(yield* ThreadpoolIo.ledger(io))).toBe(0)
        for (let round = 0; round < 3; round++) {
          yield* send(new Uint8Array(3))
          yield* read(io)
        }
        const last = yield* Effect.fork(read(io))
        yield* settleFibers
        yield* send(new Uint8Array(3))
        yield* Fiber.join(last)
        expect(Ledger.inlineShare(yield* ThreadpoolIo.ledger(io))).toBe(skipMode ? 0.75 : 0)
      })
    })
  }
})

contract("the owner of a borrowed handle", ({ claim, only }) => {
  const onPipe = only("win32", "it takes another way to do overlapped I/O")

  /** Ten reads of the owner's own, each pending first. */
  const ownReads = ({ send, server }: pipe.Pipe) =>
    Effect.gen(function*() {
      for (let round = 0; round < 10; round++) {
        const reading = yield* Effect.fork(readByOwner(server, 8))
        yield* Effect.sleep("2 millis")
        yield* send(pattern(8, round))
        expect(yield* reading).toEqual(pattern(8, round))
      }
    })

  for (const skipMode of [true, false]) {
    onPipe(`rule 18: goes on after our scope, skip mode ${skipMode ? "on" : "off"}, has cancelled reads`, function*() {
      const made = yield* pipe.make
      yield* Effect.scoped(Effect.gen(function*() {
        const io = yield* ThreadpoolIo.make(made.server, { skipMode })
        for (let index = 0; index < 20; index++) yield* Effect.fork(Effect.exit(read(io)))
        yield* settleFibers
      }))
      yield* ownReads(made)
      // And the handle is ours again whenever we ask, retained or not.
      const { value } = yield* movement(Effect.scoped(Effect.gen(function*() {
        const io = yield* ThreadpoolIo.make(made.server, { skipMode })
        yield* made.send(new Uint8Array(3))
        return yield* read(io)
      })))
      expect(value).toMatchObject({ bytesTransferred: 3 })
      yield* ownReads(made)
    })
  }
  onPipe("rule 18: goes on through a duplicate, too", function*() {
    const made = yield* pipe.make
    const twin = yield* duplicate(made.server)
    yield* Effect.scoped(
      Effect.flatMap(ThreadpoolIo.make(made.server), (io) => Effect.zipRight(made.send(new Uint8Array(1)), read(io)))
    )
    yield* ownReads({ ...made, server: twin })
  })
  claim("has its handle open after our scope has closed", function*() {
    const handle = yield* borrowedFile(yield* fileOf("12345"))
    const { log } = yield* recorded(Effect.scoped(Effect.flatMap(ThreadpoolIo.make(handle), (io) => read(io))))
    expect(log).not.toContain("CloseHandle")
    expect(log.indexOf("unbind")).toBeGreaterThan(log.indexOf("StartThreadpoolIo"))
    // Rule 18: the object is closed only where it was taken off its handle first.
    if (log.includes("CloseThreadpoolIo")) {
      expect(log.slice(-3)).toEqual(["unbind", "WaitForThreadpoolIoCallbacks", "CloseThreadpoolIo"])
    } else expect(log.slice(-1)).toEqual(["unbind"])
  })
})
