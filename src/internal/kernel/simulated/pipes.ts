/**
 * Simulated named pipes, of bytes and of messages: names, instances, clients, two inboxes of a bounded size for each
 * connection. What a read has taken it delivers, however it is cancelled; what a write has put in the inbox has been
 * written.
 */
import * as C from "../../constants.js"
import type { Calls, PipeInformation } from "../Calls.js"
import { writePeek } from "../Kernel.js"
import type { SimulatedFile, SimulatedOperation, System } from "./system.js"

const PREFIX = "\\\\.\\pipe\\"

export const isPipePath = (path: string): boolean => path.slice(0, PREFIX.length).toLowerCase() === PREFIX

type Creation = Calls["CreateNamedPipeW"][0]

class PipeName {
  readonly instances = new Set<PipeEnd>()

  constructor(readonly creation: Creation) {}
}

/** The handle that holds a name, and serves nobody. */
export class PipeAnchor implements SimulatedFile {
  calls = 0

  constructor(readonly path: string, readonly gone: () => void) {}

  issue(): number {
    return C.ERROR_NOT_SUPPORTED
  }

  cancel(): void {}

  close(): void {
    this.gone()
  }
}

export class Pipes {
  readonly #names = new Map<string, PipeName>()

  constructor(readonly system: System) {}

  /** An instance, or the last error. */
  create(creation: Creation): SimulatedFile | number {
    const key = creation.path.toLowerCase()
    let name = this.#names.get(key)
    if (creation.first) {
      if (name !== undefined) return C.ERROR_ACCESS_DENIED
      this.#names.set(key, name = new PipeName(creation))
      return new PipeAnchor(creation.path, () => this.#names.delete(key))
    }
    if (name === undefined) return C.ERROR_FILE_NOT_FOUND
    const { maxInstances } = name.creation
    if (maxInstances !== C.PIPE_UNLIMITED_INSTANCES && name.instances.size + 1 >= maxInstances) return C.ERROR_PIPE_BUSY
    const end = new PipeEnd(this.system, name, creation.path, "server")
    name.instances.add(end)
    return end
  }

  /** A client's end, or the last error. */
  open(path: string): SimulatedFile | number {
    const name = this.#names.get(path.toLowerCase())
    if (name === undefined) return C.ERROR_FILE_NOT_FOUND
    for (const instance of name.instances) {
      if (instance.state !== "listening") continue
      const client = new PipeEnd(this.system, name, path, "client")
      client.join(instance)
      return client
    }
    return C.ERROR_PIPE_BUSY
  }
}

type State = "listening" | "connected" | "broken" | "disconnected"

/** The answer of a read or a write without another end. */
const absent = (state: State, write: boolean): number =>
  state === "listening"
    ? C.ERROR_PIPE_LISTENING
    : state === "disconnected"
    ? C.ERROR_PIPE_NOT_CONNECTED
    : write
    ? C.ERROR_NO_DATA
    : C.ERROR_BROKEN_PIPE

/** A write that waits for room, and how much of it has found some. */
interface Writing {
  readonly operation: SimulatedOperation
  done: number
}

export class PipeEnd implements SimulatedFile {
  calls = 0
  state: State = "listening"
  /** This end reads messages one by one. */
  readsMessages: boolean
  readonly messages: boolean
  #peer: PipeEnd | undefined = undefined
  /** Arrived and unread: bytes, or one entry for each message. */
  readonly #inbox: Array<Uint8Array> = []
  #size = 0
  readonly #connects: Array<SimulatedOperation> = []
  readonly #reads: Array<SimulatedOperation> = []
  readonly #writes: Array<Writing> = []
  readonly #flushes: Array<(status: number) => void> = []

  constructor(
    readonly system: System,
    readonly name: PipeName,
    readonly path: string,
    readonly side: "server" | "client"
  ) {
    this.messages = name.creation.messages
    this.readsMessages = this.messages && side === "server"
  }

  // --- the connection

  join(server: PipeEnd): void {
    this.#peer = server
    server.#peer = this
    this.state = server.state = "connected"
    for (const connect of server.#connects.splice(0)) this.#tell(connect, C.ERROR_SUCCESS)
  }

  /** The other end has gone: what has come can still be read. */
  #broken(): void {
    if (this.state !== "connected") return
    this.state = "broken"
    this.#peer = undefined
    this.#serve()
    for (const { operation } of this.#writes.splice(0)) this.#tell(operation, C.ERROR_NO_DATA)
    for (const flushed of this.#flushes.splice(0)) flushed(C.ERROR_BROKEN_PIPE)
  }

  /** `DisconnectNamedPipe`: what has not been read is lost, at both ends. */
  disconnect(): number {
    if (this.side === "client") return C.ERROR_INVALID_FUNCTION
    if (this.state === "listening" || this.state === "disconnected") return C.ERROR_PIPE_NOT_CONNECTED
    const peer = this.#peer
    this.#leave()
    this.state = "disconnected"
    if (peer !== undefined) {
      peer.#clear()
      peer.#broken()
    }
    return C.ERROR_SUCCESS
  }

  close(): void {
    const peer = this.#peer
    this.#leave()
    this.state = "broken"
    this.name.instances.delete(this)
    if (peer !== undefined) peer.#broken()
  }

  #leave(): void {
    this.#peer = undefined
    this.#clear()
    for (const read of this.#reads.splice(0)) this.#tell(read, C.ERROR_BROKEN_PIPE)
    for (const { operation } of this.#writes.splice(0)) this.#tell(operation, C.ERROR_NO_DATA)
    for (const connect of this.#connects.splice(0)) this.#tell(connect, C.ERROR_PIPE_NOT_CONNECTED)
    for (const flushed of this.#flushes.splice(0)) flushed(C.ERROR_BROKEN_PIPE)
  }

  #clear(): void {
    this.#inbox.length = 0
    this.#size = 0
  }

  // --- operations

  issue(operation: SimulatedOperation): number {
    const { behaviour, happened } = this.system
    if (this.state === "connected" && this.system.percent(behaviour.hangUp)) {
      happened.hangUps++
      this.#peer!.#broken()
      this.#broken()
    }
    const { kind } = operation.issue!
    if (kind === "connect") return this.#connect(operation)
    if (kind === "read") return this.#read(operation)
    if (kind === "write") return this.#write(operation)
    if (kind === "peek") return this.system.run(operation, () => this.#peek(operation))
    return kind === "transact" ? this.#transact(operation) : C.ERROR_NOT_SUPPORTED
  }

  #connect(operation: SimulatedOperation): number {
    if (this.side === "client") return C.ERROR_INVALID_FUNCTION
    if (this.state === "disconnected") this.state = "listening"
    if (this.state === "connected") return C.ERROR_PIPE_CONNECTED
    if (this.state === "broken") return C.ERROR_NO_DATA
    this.#connects.push(operation)
    return C.ERROR_IO_PENDING
  }

  #read(operation: SimulatedOperation): number {
    if (this.#reads.length === 0 && (this.#inbox.length > 0 || this.state !== "connected")) {
      // Readable bytes are read at once, or when the turn comes, together with all that is there then.
      const way = this.system.way()
      if (way !== "packet") {
        const status = this.#take(operation)
        this.system.happened[way]++
        if (way === "inline") return status
        operation.finish(status)
        return C.ERROR_IO_PENDING
      }
    }
    this.#reads.push(operation)
    if (this.#inbox.length > 0 || this.state !== "connected") {
      this.system.world.later(this.system.latency(), () => this.#serve())
    }
    return C.ERROR_IO_PENDING
  }

  #peek(operation: SimulatedOperation): number {
    if (this.#inbox.length === 0 && this.state !== "connected") return absent(this.state, false)
    const left = this.messages ? this.#inbox[0]?.length ?? 0 : 0
    operation.transfer((memory) => {
      operation.bytes = writePeek(memory, 0, { bytesAvailable: this.#size, bytesLeftInMessage: left })
    })
    // Windows' answer when there is more than the buffer has room for.
    return this.#size > 0 ? C.ERROR_MORE_DATA : C.ERROR_SUCCESS
  }

  #write(operation: SimulatedOperation): number {
    if (this.state !== "connected") return absent(this.state, true)
    const { length } = operation.issue!
    if (length === 0 && !this.messages) return C.ERROR_SUCCESS
    if (this.#writes.length === 0 && this.#peer!.#hasRoom(length, this.messages)) {
      return this.system.run(operation, () => {
        if (this.state !== "connected") return absent(this.state, true)
        return this.#put(operation, 0, length)
      })
    }
    this.#writes.push({ operation, done: 0 })
    this.system.world.later(this.system.latency(), () => this.#writeOn())
    return C.ERROR_IO_PENDING
  }

  #transact(operation: SimulatedOperation): number {
    if (this.state !== "connected") return absent(this.state, true)
    if (!this.readsMessages) return C.ERROR_INVALID_PARAMETER
    if (this.#inbox.length > 0) return C.ERROR_PIPE_BUSY
    const { input, inputLength } = operation.issue!
    this.#peer!.#arrived(input!.bytes.slice(0, inputLength))
    this.#reads.push(operation)
    return C.ERROR_IO_PENDING
  }

  /** Puts these bytes of a write into the other end's inbox. */
  #put(operation: SimulatedOperation, from: number, to: number): number {
    const peer = this.#peer!
    operation.transfer((memory) => peer.#arrived(memory.slice(from, to)))
    operation.bytes = to
    return C.ERROR_SUCCESS
  }

  #hasRoom(bytes: number, whole: boolean): boolean {
    const room = this.capacity - this.#size
    return whole ? bytes <= room || this.#size === 0 : bytes <= room
  }

  get capacity(): number {
    const { inBufferSize, outBufferSize } = this.name.creation
    return Math.max(1, this.side === "server" ? inBufferSize : outBufferSize)
  }

  #arrived(bytes: Uint8Array): void {
    this.#inbox.push(bytes)
    this.#size += bytes.length
    if (this.#reads.length > 0) this.system.world.later(this.system.latency(), () => this.#serve())
  }

  /** Gives what there is to who waits for it, in order; then there is room for who waits to write. */
  #serve(): void {
    while (this.#reads.length > 0 && (this.#inbox.length > 0 || this.state !== "connected")) {
      const read = this.#reads.shift()!
      this.#tell(read, this.#take(read))
    }
    this.#makeRoom()
  }

  #makeRoom(): void {
    const writer = this.#peer
    if (writer === undefined) return
    if (this.#inbox.length === 0) { for (const flushed of writer.#flushes.splice(0)) flushed(C.ERROR_SUCCESS) }
    writer.#writeOn()
  }

  #writeOn(): void {
    while (this.#writes.length > 0 && this.state === "connected") {
      const writing = this.#writes[0]!
      const { length } = writing.operation.issue!
      const peer = this.#peer!
      const end = this.messages
        ? peer.#hasRoom(length, true) ? length : 0
        : Math.min(length, writing.done + peer.capacity - peer.#size)
      if (end <= writing.done && !(this.messages && length === 0 && peer.#hasRoom(0, true))) return
      this.#put(writing.operation, writing.done, end)
      writing.done = end
      if (end < length) return
      this.#writes.shift()
      this.#tell(writing.operation, C.ERROR_SUCCESS)
    }
  }

  /** Moves what has come into the read's memory, and answers its status. */
  #take(read: SimulatedOperation): number {
    if (this.#inbox.length === 0) return absent(this.state, false)
    const wanted = read.issue!.length
    if (this.readsMessages) {
      const message = this.#inbox[0]!
      const bytes = Math.min(wanted, message.length)
      this.#move(read, bytes)
      return bytes < message.length ? C.ERROR_MORE_DATA : C.ERROR_SUCCESS
    }
    this.#move(read, this.system.share(Math.min(wanted, this.#size)))
    return C.ERROR_SUCCESS
  }

  #move(read: SimulatedOperation, bytes: number): void {
    const message = this.readsMessages
    read.transfer((memory) => {
      let taken = 0
      do {
        const first = this.#inbox[0]
        if (first === undefined) break
        const part = first.subarray(0, bytes - taken)
        memory.set(part, taken)
        taken += part.length
        if (part.length === first.length) this.#inbox.shift()
        else this.#inbox[0] = first.subarray(part.length)
      } while (!message && taken < bytes)
    })
    read.bytes = bytes
    this.#size -= bytes
    this.#makeRoom()
  }

  /** Its end is decided, and comes in a turn of its own: no cancellation changes it. */
  #tell(operation: SimulatedOperation, status: number): void {
    this.system.world.later(this.system.latency(), () => {
      this.system.happened.packets++
      operation.finish(status)
    })
  }

  cancel(operation: SimulatedOperation): void {
    const waits = this.#connects.includes(operation) || this.#reads.includes(operation) ||
      this.#writes.some((one) => one.operation === operation)
    if (operation.cancelled || (!waits && operation.pending === undefined)) return
    if (!waits && this.system.percent(this.system.behaviour.lost)) {
      this.system.happened.cancelsLost++
      return
    }
    this.system.cancel(operation, () => {
      operation.pending?.()
      operation.pending = undefined
      remove(this.#connects, (one) => one === operation)
      remove(this.#reads, (one) => one === operation)
      remove(this.#writes, (one) => one.operation === operation)
    })
  }

  // --- calls

  flush(done: (status: number) => void): void {
    if (this.state !== "connected") done(absent(this.state, true))
    else if (this.#peer!.#inbox.length === 0 && this.#writes.length === 0) done(C.ERROR_SUCCESS)
    else this.#flushes.push(done)
  }

  information(): PipeInformation {
    const { inBufferSize, maxInstances, messages, outBufferSize } = this.name.creation
    return {
      side: this.side,
      messages,
      readsMessages: this.readsMessages,
      outBufferSize,
      inBufferSize,
      maxInstances,
      instances: this.name.instances.size + 1,
      peerProcessId: process.pid
    }
  }
}

const remove = <A>(array: Array<A>, which: (one: A) => boolean): void => {
  const at = array.findIndex(which)
  if (at >= 0) array.splice(at, 1)
}
