/**
 * Named pipes of the portable kernel: Unix domain sockets, through node:net. A name is a listening socket, an instance is one
 * end of a connection to it. A client that comes when no instance listens waits in line.
 */
import * as fs from "node:fs/promises"
import * as net from "node:net"
import * as C from "../../constants.js"
import { errnoOf, fromErrno, Refusal } from "../errno.js"
import type { Calls } from "../Kernel.js"
import type { Done, Handles, OtherCalls, TakeBack } from "../model.js"
import type { PortableFile, PortableOperation, PortableStorage } from "../portable.js"
import { addressOf } from "./pipeAddress.js"
import { PipeEnd } from "./pipeEnd.js"

export { isPipePath } from "./pipeAddress.js"

/** Clients that wait in line for an instance; those who come later are turned away. */
const LONGEST_LINE = 512

/** A name, held by its first handle, which serves nobody. */
class PipeName implements PortableFile {
  readonly #server: net.Server
  readonly #listening = new Set<PipeEnd>()
  readonly #line: Array<net.Socket> = []
  closed = false

  constructor(readonly storage: PortableStorage, { early, server }: Listening, readonly whenClosed: () => void) {
    this.#server = server
    server.removeAllListeners("connection").on("connection", (socket) => this.#arrived(socket))
    for (const socket of early) this.#arrived(socket)
    // What accepting a connection fails with is that client's affair.
    server.on("error", () => {})
  }

  #arrived(socket: net.Socket): void {
    socket.unref()
    // In line it is nobody's yet: an error of its own must not be an uncaught one.
    socket.on("error", () => {})
    const [end] = this.#listening
    if (end !== undefined) {
      this.#listening.delete(end)
      end.attach(socket)
    } else if (this.#line.length < LONGEST_LINE) this.#line.push(socket)
    else socket.destroy()
  }

  /** The instance waits for a client; it may have one at once. */
  listen(end: PipeEnd): void {
    let socket = this.#line.shift()
    while (socket?.destroyed === true) socket = this.#line.shift()
    if (socket !== undefined) end.attach(socket)
    else this.#listening.add(end)
  }

  unlisten(end: PipeEnd): void {
    this.#listening.delete(end)
  }

  issue(): number {
    return C.ERROR_NOT_SUPPORTED
  }

  cancel(_operation: PortableOperation): void {}

  /** Also removes the socket's file: node does. */
  close(done: Done<void>): TakeBack {
    return this.storage.turn(() => {
      this.closed = true
      this.whenClosed()
      this.#server.close()
      for (const socket of this.#line.splice(0)) socket.destroy()
      done(C.ERROR_SUCCESS)
    })
  }
}

/** The pipes of one kernel. */
export class Pipes {
  readonly #names = new Map<string, PipeName>()
  readonly calls: OtherCalls<PortableFile>

  constructor(readonly storage: PortableStorage) {
    this.calls = {
      CreateNamedPipeW: (arguments_, done, handles) =>
        arguments_.messages || arguments_.security !== undefined
          ? storage.turn(() => done(C.ERROR_NOT_SUPPORTED, undefined, new Error(unsupported(arguments_))))
          : arguments_.first
          ? this.#listen(arguments_.path, done, handles)
          : this.#addInstance(arguments_.path, done, handles),
      DisconnectNamedPipe: ({ handle }, done, handles) =>
        this.#onEnd(handle, handles, done, (end) => done(end.disconnect(), undefined)),
      PeekNamedPipe: ({ handle }, done, handles) =>
        this.#onEnd(handle, handles, done, (end) => {
          const status = end.readable()
          done(
            status,
            status === C.ERROR_SUCCESS ? { bytesAvailable: end.available, bytesLeftInMessage: 0 } : undefined
          )
        }),
      SetNamedPipeHandleState: ({ handle, messages }, done, handles) =>
        this.#onEnd(
          handle,
          handles,
          done,
          () => done(messages ? C.ERROR_INVALID_PARAMETER : C.ERROR_SUCCESS, undefined)
        )
    }
  }

  /** A client's end. */
  open(path: string, done: Done<PortableFile>): TakeBack {
    return this.storage.runPromise(async () => new PipeEnd(this.storage, undefined, await connect(path)), done)
  }

  #listen(path: string, done: Done<number>, handles: Handles<PortableFile>): TakeBack {
    const work = async () => {
      const listening = await listen(await addressOf(path, true))
      const name = new PipeName(this.storage, listening, () => this.#names.delete(nameKey(path)))
      this.#names.set(nameKey(path), name)
      return handles.open(name)
    }
    return this.storage.runPromise(work, done)
  }

  #addInstance(path: string, done: Done<number>, handles: Handles<PortableFile>): TakeBack {
    return this.storage.turn(() => {
      const name = this.#names.get(nameKey(path))
      if (name === undefined) return done(C.ERROR_FILE_NOT_FOUND)
      const end = new PipeEnd(this.storage, name, undefined)
      name.listen(end)
      done(C.ERROR_SUCCESS, handles.open(end))
    })
  }

  #onEnd(
    handle: number,
    handles: Handles<PortableFile>,
    done: (status: number, value: undefined) => void,
    run: (end: PipeEnd) => void
  ): TakeBack {
    return this.storage.turn(() => {
      const file = handles.file(handle)
      if (file === undefined) done(C.ERROR_INVALID_HANDLE, undefined)
      else if (file instanceof PipeEnd) run(file)
      else done(C.ERROR_INVALID_FUNCTION, undefined)
    })
  }
}

const nameKey = (path: string): string => path.toLowerCase()

const unsupported = ({ messages }: Calls["CreateNamedPipeW"][0]): string =>
  messages
    ? "the portable kernel has pipes of bytes only: a socket of node's does not keep messages apart"
    : "the portable kernel has no security descriptors: its pipes are the user's alone"

// --- sockets

/** Resolves when connected. A socket without a server is one whose server has died: there is no such pipe. */
const connectTo = (address: string): Promise<net.Socket> =>
  new Promise((resolve, reject) => {
    const socket = net.connect({ path: address, allowHalfOpen: true })
    socket.once("error", (error) => {
      const code = errnoOf(error)
      reject(
        code === "ECONNREFUSED"
          ? new Refusal(C.ERROR_FILE_NOT_FOUND, "the server of this pipe has died", error)
          : code === "EAGAIN"
          ? new Refusal(C.ERROR_PIPE_BUSY, "the line before this pipe is full", error)
          : new Refusal(fromErrno(code), error.message, error)
      )
    })
    socket.once("connect", () => {
      socket.removeAllListeners("error")
      // It has one from now on: nothing may be uncaught between here and its end.
      socket.on("error", () => {})
      socket.pause().unref()
      resolve(socket)
    })
  })

const connect = async (path: string): Promise<net.Socket> => connectTo(await addressOf(path, false))

interface Listening {
  readonly server: net.Server
  /** Who came before anybody could hear of it: a socket that nobody keeps would be connected for ever, to nobody. */
  readonly early: ReadonlyArray<net.Socket>
}

const bind = (address: string): Promise<Listening> =>
  new Promise((resolve, reject) => {
    const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true })
    const early: Array<net.Socket> = []
    server.on("connection", (socket) => {
      socket.on("error", () => {})
      early.push(socket)
    })
    server.once("error", reject)
    server.listen(address, () => {
      server.off("error", reject)
      server.unref()
      resolve({ server, early })
    })
  })

const isAlive = async (address: string): Promise<boolean> => {
  try {
    const socket = await connectTo(address)
    socket.destroy()
    return true
  } catch (error) {
    return !(error instanceof Refusal && error.status === C.ERROR_FILE_NOT_FOUND)
  }
}

/** Time for a server that has bound its socket and does not listen yet: two system calls. */
const moment = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20))

let serial = 0

/**
 * bind(2) does not replace: the first to bind has the name. A socket that refuses is a dead server's. It is moved away, which
 * only one of many can do, and asked again there, in case that it was a living one by now: that one gets its name back.
 */
const listen = async (address: string): Promise<Listening> => {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const listening = await bind(address)
      // In a directory that nobody else can enter, this is the second lock.
      await fs.chmod(address, 0o600).catch((error: unknown) => {
        listening.server.close()
        for (const socket of listening.early) socket.destroy()
        throw error
      })
      return listening
    } catch (error) {
      if (errnoOf(error) !== "EADDRINUSE") throw error
    }
    if (await isAlive(address)) break
    await removeDead(address)
  }
  throw new Refusal(C.ERROR_PIPE_BUSY, "a living server has this name")
}

const removeDead = async (address: string): Promise<void> => {
  const aside = `${address}.${process.pid}.${serial++}`
  try {
    await fs.rename(address, aside)
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return
    throw error
  }
  await moment()
  if (await isAlive(aside)) await fs.link(aside, address).catch(() => undefined)
  await fs.unlink(aside)
}
