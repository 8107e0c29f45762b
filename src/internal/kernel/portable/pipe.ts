/**
 * Named pipes of the portable kernel: Unix domain sockets, through node:net. A name is a listening socket, an instance
 * is one end of a connection to it. A client that comes when no instance listens waits in line.
 */
import type * as net from "node:net"
import * as C from "../../constants.js"
import type { Calls } from "../Calls.js"
import type { Done, Handles, OtherCalls, TakeBack } from "../model.js"
import type { PortableStorage } from "../portable.js"
import { addressOf } from "./pipeAddress.js"
import { PipeEnd } from "./pipeEnd.js"
import { connectTo, listen, type Listening } from "./pipeSocket.js"
import type { PortableFile, PortableOperation } from "./PortableOperation.js"

export { isPipePath } from "./pipeAddress.js"

/** Clients that wait in line for an instance; those who come later are turned away. */
export const LONGEST_LINE = 512

/** A name, held by its first handle, which serves nobody. */
export class PipeName implements PortableFile {
  readonly #servers: ReadonlyArray<net.Server>
  readonly #listening = new Set<PipeEnd>()
  readonly #line: Array<net.Socket> = []
  closed = false

  constructor(readonly storage: PortableStorage, { early, guard, server }: Listening, readonly whenClosed: () => void) {
    this.#servers = [server, guard]
    server.removeAllListeners("connection").on("connection", (socket) => this.#arrived(socket))
    for (const socket of early) this.#arrived(socket)
    // A connection that cannot be accepted is that client's affair.
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

  /** Also removes the sockets' files: node does. */
  close(done: Done<void>): TakeBack {
    return this.storage.turn(() => {
      this.closed = true
      this.whenClosed()
      for (const server of this.#servers) server.close()
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
    return this.storage.runPromise(
      async () => new PipeEnd(this.storage, undefined, await connectTo(await addressOf(path, false))),
      done
    )
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
