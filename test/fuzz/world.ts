/**
 * The things that the arguments of a batch of calls refer to: files, pipes, directories, pools and environments of this
 * kernel and of another one, open ones and closed ones, all in a directory of its own. When the batch has ended all of
 * it is closed.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, sep } from "node:path"
import * as BufferPool from "../../src/BufferPool.js"
import * as CallbackEnvironment from "../../src/CallbackEnvironment.js"
import * as CleanupGroup from "../../src/CleanupGroup.js"
import * as Directory from "../../src/Directory.js"
import * as File from "../../src/File.js"
import * as Handle from "../../src/Handle.js"
import * as Kernel from "../../src/Kernel.js"
import * as NamedPipe from "../../src/NamedPipe.js"
import * as Threadpool from "../../src/Threadpool.js"
import * as ThreadpoolFileSystem from "../../src/ThreadpoolFileSystem.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"

/** A scope that is closed by then. */
const closedBefore = <A, E, R>(effect: Effect.Effect<A, E, R | Scope.Scope>) => Effect.scoped(effect)

const forgedOf = (typeId: symbol): unknown => ({ [typeId]: typeId, path: "forged", messages: false })

let serial = 0

/**
 * The foreign file outlives the worlds, and may have been moved into one: its directory goes with the process then. A
 * handle that the library has left open is counted, and does not pass for that.
 */
const remove = (root: string): void => {
  try {
    rmSync(root, { recursive: true, force: true, maxRetries: 5 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOTEMPTY") throw error
    process.once("exit", () => rmSync(root, { recursive: true, force: true }))
  }
}

const directoryWithFiles = Effect.acquireRelease(
  Effect.sync(() => {
    const root = mkdtempSync(join(tmpdir(), "tpio-fuzz-"))
    // Deep enough that nothing which goes up once or twice leaves it.
    const path = join(root, "a", "b", "c")
    mkdirSync(join(path, "directory"), { recursive: true })
    for (const name of ["file", "other", join("directory", "inner")]) {
      writeFileSync(join(path, name), "0123456789".repeat(900))
    }
    for (const name of ["empty", "appended"]) writeFileSync(join(path, name), "")
    try {
      symlinkSync("file", join(path, "link"))
    } catch {
      // Windows may forbid it.
    }
    return { root, path }
  }),
  ({ root }) => Effect.sync(() => remove(root))
)

/** Parts of another kernel of the same sort, which lives as long as the tests do. */
const foreignParts = Effect.gen(function*() {
  const { path } = yield* directoryWithFiles
  return {
    buffer: yield* BufferPool.make(4096),
    file: yield* File.open(join(path, "file"), { access: "readwrite", share: ["read", "write", "delete"] }),
    threadpool: yield* Threadpool.make({ maxThreads: 1 }),
    group: yield* CleanupGroup.make,
    environment: yield* CallbackEnvironment.make()
  }
})
export type Foreign = Effect.Effect.Success<typeof foreignParts>
export const foreign: Effect.Effect<Foreign, unknown, Kernel.Kernel | Scope.Scope> = foreignParts

const pair = (name: string, messages: boolean) =>
  Effect.gen(function*() {
    const server = yield* NamedPipe.listen(name, { backlog: 1, messages })
    const [end, client] = yield* Effect.all([NamedPipe.accept(server), NamedPipe.connect(name, { messages })], {
      concurrency: 2
    })
    return { server: end, client }
  })

export const make = (foreign: Foreign) =>
  Effect.gen(function*() {
    const kernel = yield* Kernel.Kernel
    const { path } = yield* directoryWithFiles
    const share = ["read", "write", "delete"] as const
    const pipeName = `tpio-fuzz-${process.pid}-${serial++}`
    const open = (name: string, access: "read" | "write" | "readwrite" | "append") =>
      File.open(join(path, name), { access, share, drainTimeout: "5 seconds" })
    const readwrite = yield* open("file", "readwrite")
    const closed = yield* closedBefore(open("file", "readwrite"))
    const { client, server } = yield* pair(`${pipeName}-pair`, false)
    const messages = kernel.name === "win32" ? (yield* pair(`${pipeName}-messages`, true)).client : undefined
    const scope = yield* Scope.make()
    const alone = yield* Effect.scoped(
      Effect.gen(function*() {
        const server = yield* NamedPipe.listen(`${pipeName}-alone`, { backlog: 1 })
        const [, client] = yield* Effect.all([
          NamedPipe.accept(server),
          Scope.extend(NamedPipe.connect(`${pipeName}-alone`), scope)
        ], { concurrency: 2 })
        return client
      })
    )
    yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
    const gone = yield* closedBefore(pair(`${pipeName}-gone`, false))
    const watched = yield* Directory.open(join(path, "directory"))
    const fs = yield* ThreadpoolFileSystem.make
    const sharedFlags = { flag: "r+" } as const
    const positional = yield* fs.open(join(path, "other"), sharedFlags)
    const fileTypeId = forgedOf(File.TypeId)
    return {
      kernel,
      directory: path,
      separator: sep,
      pipeName,
      memory: new Uint8Array(64),
      buffer: yield* BufferPool.make(4096),
      returned: yield* closedBefore(BufferPool.make(4096)),
      poolTypeId: BufferPool.TypeId,
      foreign,
      files: {
        readwrite,
        append: yield* open("appended", "append"),
        readonly: yield* open("file", "read"),
        writeonly: yield* open("other", "write"),
        closed,
        foreign: foreign.file,
        proxied: new Proxy(readwrite, {}),
        forged: fileTypeId
      },
      ios: {
        file: readwrite.io,
        pipe: client.io,
        closed: closed.io,
        directory: watched.io,
        foreign: foreign.file.io,
        forged: forgedOf(ThreadpoolIo.TypeId)
      },
      connections: { client, server, closed: gone.client, alone, messages, forged: forgedOf(NamedPipe.TypeId) },
      servers: {
        open: yield* NamedPipe.listen(pipeName, { backlog: 1 }),
        closed: yield* closedBefore(NamedPipe.listen(`${pipeName}-closed`, { backlog: 1 })),
        forged: forgedOf(NamedPipe.ServerTypeId)
      },
      directories: {
        open: watched,
        closed: yield* closedBefore(Directory.open(join(path, "directory"))),
        forged: forgedOf(Directory.TypeId)
      },
      threadpools: {
        open: yield* Threadpool.make({ maxThreads: 1 }),
        closed: yield* closedBefore(Threadpool.make({ maxThreads: 1 })),
        foreign: foreign.threadpool,
        forged: forgedOf(Threadpool.TypeId)
      },
      groups: {
        open: yield* CleanupGroup.make,
        closed: yield* closedBefore(CleanupGroup.make),
        foreign: foreign.group,
        forged: forgedOf(CleanupGroup.TypeId)
      },
      environments: {
        open: yield* CallbackEnvironment.make(),
        closed: yield* closedBefore(CallbackEnvironment.make()),
        foreign: foreign.environment,
        forged: forgedOf(CallbackEnvironment.TypeId)
      },
      handles: {
        bound: readwrite.io.handle,
        zero: Handle.make(0),
        minusOne: Handle.make(-1),
        fraction: Handle.make(0.5),
        nan: Handle.make(NaN),
        huge: Handle.make(2 ** 53),
        unknown: Handle.make(0x7ffffffc),
        bigint: 4n,
        pseudo: Handle.make(-2)
      },
      fs,
      positional
    }
  })

export type World = Effect.Effect.Success<ReturnType<typeof make>>
