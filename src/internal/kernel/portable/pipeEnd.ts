/**
 * One end of a pipe over a socket. What has arrived is kept here, a bounded amount of it, and is taken by a read at
 * once or not at all: a read that is cancelled takes nothing. Writes go out one bounded piece at a time, copied first:
 * a write that is cancelled ends at once, its memory is not looked at again, and no more than the piece that was under
 * way reaches the peer.
 */
import type * as net from "node:net"
import * as C from "../../constants.js"
import { WaitQueue } from "../gate.js"
import { writePeek } from "../Kernel.js"
import type { Done, TakeBack } from "../model.js"
import type { PortableStorage } from "../portable.js"
import type { PortableFile, PortableOperation } from "./PortableOperation.js"

/** The most that is kept for reads to come, in bytes: beyond it the socket is not read. */
const READ_AHEAD = 64 << 10
/** The most that is copied and under way at a time, in bytes. */
const PIECE = 64 << 10

/** Where an instance waits for its client. */
interface Name {
  readonly closed: boolean
  listen(end: PipeEnd): void
  unlisten(end: PipeEnd): void
}

export class PipeEnd implements PortableFile {
  /** 0, or what a read answers when there are no bytes and no client. */
  #state: number = C.ERROR_PIPE_LISTENING
  #socket: net.Socket | undefined = undefined
  readonly #connects = new WaitQueue()
  readonly #received: Array<Uint8Array> = []
  #available = 0
  readonly #reads = new WaitQueue()
  readonly #writes = new WaitQueue()
  /** The write whose piece is under way; nobody's when that write was cancelled. */
  #writing: PortableOperation | undefined = undefined
  #pieceUnderWay = false
  /** The answer of every further write. */
  #writeStatus = 0
  /** The outcome of the last piece. */
  #writeError: Error | null | undefined = undefined

  constructor(readonly storage: PortableStorage, readonly name: Name | undefined, socket: net.Socket | undefined) {
    if (socket !== undefined) this.attach(socket)
  }

  // --- the socket

  /** The other end has come. */
  attach(socket: net.Socket): void {
    this.#socket = socket
    this.#state = C.ERROR_SUCCESS
    this.#writeStatus = C.ERROR_SUCCESS
    const current = (run: () => void) => () => {
      if (this.#socket === socket) run()
    }
    socket.on("data", (bytes: Uint8Array) => {
      if (this.#socket === socket) this.#arrived(bytes)
    })
    socket.on("end", current(() => this.#ended(C.ERROR_BROKEN_PIPE)))
    socket.on("close", current(() => this.#ended(C.ERROR_BROKEN_PIPE)))
    this.#keepReadable(socket)
    socket.resume()
    // A waiting ConnectNamedPipe ends in a turn of its own: this may run inside of a call's.
    const connect = this.#connects.shift() as PortableOperation | undefined
    if (connect !== undefined) this.storage.post(connect, C.ERROR_SUCCESS)
  }

  /**
   * Node destroys a socket that a write has failed on, and what has arrived with it: the stream does not hear of it.
   */
  #keepReadable(socket: net.Socket): void {
    const write = socket._write.bind(socket)
    socket._write = (piece, encoding, done) =>
      write(piece, encoding, (error) => {
        if (this.#socket === socket) this.#writeError = error
        done()
      })
  }

  #arrived(bytes: Uint8Array): void {
    this.#received.push(bytes)
    this.#available += bytes.length
    if (this.#available >= READ_AHEAD) this.#socket!.pause()
    this.#serve()
  }

  /** There will be no more bytes. */
  #ended(status: number): void {
    if (this.#state !== C.ERROR_SUCCESS) return
    this.#state = status
    this.#serve()
  }

  #serve(): void {
    while (this.#available > 0 || this.#state !== C.ERROR_SUCCESS) {
      const read = this.#reads.shift() as PortableOperation | undefined
      if (read === undefined) return
      this.storage.post(read, this.#take(read))
    }
  }

  /** Gives a read what there is, and answers its status. */
  #take(read: PortableOperation): number {
    if (this.#available === 0) return this.#state
    const { block, length, start } = read.issue!
    let taken = 0
    while (taken < length && this.#received.length > 0) {
      const first = this.#received[0]!
      const bytes = first.subarray(0, length - taken)
      block!.bytes.set(bytes, start + taken)
      taken += bytes.length
      if (bytes.length === first.length) this.#received.shift()
      else this.#received[0] = first.subarray(bytes.length)
    }
    read.bytes = taken
    this.#available -= taken
    if (this.#available < READ_AHEAD && this.#state === C.ERROR_SUCCESS) this.#socket!.resume()
    return C.ERROR_SUCCESS
  }

  // --- operations

  issue(operation: PortableOperation): number {
    const { kind } = operation.issue!
    if (kind === "connect") return this.#connect(operation)
    if (kind === "read") return this.#read(operation)
    if (kind === "peek") return this.#peek(operation)
    return kind === "write" ? this.#write(operation) : C.ERROR_NOT_SUPPORTED
  }

  #connect(operation: PortableOperation): number {
    if (this.name === undefined) return C.ERROR_INVALID_FUNCTION
    if (this.#state === C.ERROR_PIPE_NOT_CONNECTED) {
      this.#state = C.ERROR_PIPE_LISTENING
      if (!this.name.closed) this.name.listen(this)
    }
    // The client has come, or come and gone, before anybody waited for it.
    if (this.#state === C.ERROR_SUCCESS) return C.ERROR_PIPE_CONNECTED
    if (this.#state !== C.ERROR_PIPE_LISTENING) return C.ERROR_NO_DATA
    this.#connects.push(operation)
    return C.ERROR_IO_PENDING
  }

  #read(operation: PortableOperation): number {
    if (this.#available > 0 || this.#state !== C.ERROR_SUCCESS) return this.#take(operation)
    this.#reads.push(operation)
    return C.ERROR_IO_PENDING
  }

  #peek(operation: PortableOperation): number {
    if (this.#available === 0 && this.#state !== C.ERROR_SUCCESS) return this.#state
    const { block, start } = operation.issue!
    operation.bytes = writePeek(block!.bytes, start, { bytesAvailable: this.#available, bytesLeftInMessage: 0 })
    return C.ERROR_SUCCESS
  }

  #write(operation: PortableOperation): number {
    if (this.#state === C.ERROR_PIPE_LISTENING || this.#state === C.ERROR_PIPE_NOT_CONNECTED) return this.#state
    if (this.#writeStatus !== C.ERROR_SUCCESS) return this.#writeStatus
    if (operation.issue!.length === 0) return C.ERROR_SUCCESS
    this.#writes.push(operation)
    this.#writeNext()
    return C.ERROR_IO_PENDING
  }

  #writeNext(): void {
    if (this.#pieceUnderWay) return
    const write = this.#writing ??= this.#writes.shift() as PortableOperation | undefined
    if (write === undefined) return
    const { block, length, start } = write.issue!
    const from = start + write.bytes
    // A copy: the memory is the pool's again once the write has ended, and it may end before the piece is on its way.
    const piece = block!.bytes.slice(from, from + Math.min(PIECE, length - write.bytes))
    this.#pieceUnderWay = true
    const socket = this.#socket!
    socket.write(piece, (error) => {
      if (this.#socket === socket) this.#written(piece.length, error ?? this.#writeError)
    })
  }

  #written(bytes: number, error: Error | null | undefined): void {
    this.#pieceUnderWay = false
    // Writes under way end as a broken pipe; later ones find a pipe that is being closed.
    if (error !== null && error !== undefined) return this.#failWrites(C.ERROR_BROKEN_PIPE, C.ERROR_NO_DATA)
    const write = this.#writing
    if (write !== undefined) {
      write.bytes += bytes
      if (write.bytes === write.issue!.length) {
        this.#writing = undefined
        this.storage.post(write, C.ERROR_SUCCESS)
      }
    }
    this.#writeNext()
  }

  /** The write whose piece was under way may have been cancelled: those that wait for it end all the same. */
  #failWrites(status: number, later: number): void {
    this.#writeStatus = later
    const next = () => this.#writes.shift() as PortableOperation | undefined
    for (let write = this.#writing ?? next(); write !== undefined; write = next()) this.storage.post(write, status)
    this.#writing = undefined
  }

  cancel(operation: PortableOperation): void {
    if (operation === this.#writing) this.#writing = undefined
    else if (operation.queue !== undefined) operation.queue.remove(operation)
    else return // It has ended, and its packet is on the way.
    this.storage.post(operation, C.ERROR_OPERATION_ABORTED)
  }

  /** `DisconnectNamedPipe`: what the client has not read is lost to it. */
  disconnect(): number {
    if (this.name === undefined) return C.ERROR_INVALID_FUNCTION
    if (this.#state === C.ERROR_PIPE_LISTENING) return C.ERROR_PIPE_LISTENING
    this.#received.length = 0
    this.#available = 0
    this.#state = C.ERROR_PIPE_NOT_CONNECTED
    this.#serve()
    this.#failWrites(C.ERROR_PIPE_NOT_CONNECTED, C.ERROR_PIPE_NOT_CONNECTED)
    this.#leave()
    return C.ERROR_SUCCESS
  }

  close(done: Done<void>): TakeBack {
    return this.storage.turn(() => {
      this.name?.unlisten(this)
      this.#leave()
      done(C.ERROR_SUCCESS)
    })
  }

  #leave(): void {
    const socket = this.#socket
    this.#socket = undefined
    this.#pieceUnderWay = false
    socket?.destroy()
  }
}
