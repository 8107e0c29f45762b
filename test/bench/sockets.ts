// Sockets by overlapped calls beside node's own, on the loopback of the real kernel32: `npm run bench:sockets`. WSASend
// and WSARecv through koffi's ws2_32.dll, each one operation of `ThreadpoolIo.submit`, against `net.Socket`. Ping-pong
// is 64 bytes there and back; bulk is 64 KiB a call in one direction. Rounds alternate, so that a busy machine is busy
// for both.
import * as Effect from "effect/Effect"
import { connect as netConnect, createServer, type Socket } from "node:net"
import * as BufferPool from "../../src/BufferPool.js"
import * as Handle from "../../src/Handle.js"
import * as Kernel from "../../src/Kernel.js"
import * as Operation from "../../src/Operation.js"
import * as ThreadpoolIo from "../../src/ThreadpoolIo.js"

const ROUNDS = 3
const PINGS = 1000
const PING_BYTES = 64
const BULK_CALLS = 1000
const BULK_BYTES = 64 << 10

const AF_INET = 2
const SOCK_STREAM = 1
const IPPROTO_TCP = 6
const WSA_FLAG_OVERLAPPED = 1
const TCP_NODELAY = 1
/** WSABUF on 64 bits: ULONG len, CHAR* buf. It and the flags of WSARecv lie behind the data. */
const WSABUF_BYTES = 16

const winsock = async () => {
  const { default: koffi } = await import("koffi")
  const dll = koffi.load("ws2_32.dll")
  const declare = (name: string, result: string, parameters: Array<string>) => dll.func(name, result, parameters)
  const api = {
    WSAStartup: declare("WSAStartup", "int", ["uint16_t", "void *"]),
    WSASocketW: declare("WSASocketW", "intptr_t", ["int", "int", "int", "uintptr_t", "uint32_t", "uint32_t"]),
    bind: declare("bind", "int", ["intptr_t", "void *", "int"]),
    listen: declare("listen", "int", ["intptr_t", "int"]),
    getsockname: declare("getsockname", "int", ["intptr_t", "_Inout_ uint8_t *", "_Inout_ int *"]),
    connect: declare("connect", "int", ["intptr_t", "void *", "int"]),
    accept: declare("accept", "intptr_t", ["intptr_t", "uintptr_t", "uintptr_t"]),
    setsockopt: declare("setsockopt", "int", ["intptr_t", "int", "int", "void *", "int"]),
    closesocket: declare("closesocket", "int", ["intptr_t"]),
    WSAGetLastError: declare("WSAGetLastError", "int", []),
    WSASend: declare("WSASend", "int", [
      "intptr_t",
      "uintptr_t",
      "uint32_t",
      "uintptr_t",
      "uint32_t",
      "uintptr_t",
      "uintptr_t"
    ]),
    WSARecv: declare("WSARecv", "int", [
      "intptr_t",
      "uintptr_t",
      "uint32_t",
      "uintptr_t",
      "uintptr_t",
      "uintptr_t",
      "uintptr_t"
    ])
  }
  api.WSAStartup(0x0202, Buffer.alloc(512))
  return api
}

type Winsock = Awaited<ReturnType<typeof winsock>>

/** Two ends of a connection over the loopback. */
const pair = (api: Winsock): readonly [number, number] => {
  const socket = (): number => Number(api.WSASocketW(AF_INET, SOCK_STREAM, IPPROTO_TCP, 0, 0, WSA_FLAG_OVERLAPPED))
  const address = Buffer.alloc(16)
  address.writeUInt16LE(AF_INET, 0)
  address.set([127, 0, 0, 1], 4)
  const listener = socket()
  const must = (what: string, result: number): void => {
    if (result !== 0) throw new Error(`${what}: ${api.WSAGetLastError()}`)
  }
  must("bind", api.bind(listener, address, 16))
  must("listen", api.listen(listener, 1))
  must("getsockname", api.getsockname(listener, address, [16]))
  const client = socket()
  must("connect", api.connect(client, address, 16))
  const server = Number(api.accept(listener, 0, 0))
  api.closesocket(listener)
  for (const one of [client, server]) {
    must("setsockopt", api.setsockopt(one, IPPROTO_TCP, TCP_NODELAY, Buffer.from([1, 0, 0, 0]), 4))
  }
  return [client, server]
}

/** Sends or receives through one buffer of the pool, whose last bytes are the WSABUF. */
const transferring = (api: Winsock, kind: "send" | "receive", buffer: BufferPool.PoolBuffer, bytes: number) =>
  Operation.unsafeMake({
    syscall: kind === "send" ? "WSASend" : "WSARecv",
    buffer,
    access: "kernel-writes",
    issue: ({ address, handle, overlapped }) => {
      const view = new DataView(buffer.bytes.buffer, buffer.bytes.byteOffset + bytes, WSABUF_BYTES + 8)
      view.setUint32(0, bytes, true)
      view.setBigUint64(8, BigInt(address), true)
      view.setUint32(16, 0, true)
      const wsabuf = address + bytes
      const result = kind === "send"
        ? api.WSASend(handle, wsabuf, 1, 0, 0, overlapped, 0)
        : api.WSARecv(handle, wsabuf, 1, 0, wsabuf + 16, overlapped, 0)
      return result === 0 ? 0 : api.WSAGetLastError()
    }
  })

const overlapped = (api: Winsock) =>
  Effect.scoped(Effect.gen(function*() {
    const [client, server] = yield* Effect.acquireRelease(
      Effect.sync(() => pair(api)),
      // Last, because the TP_IO of a borrowed handle goes, or is kept, before its owner closes it.
      (sockets) => Effect.sync(() => sockets.forEach((one) => api.closesocket(one)))
    )
    const [left, right] = [yield* ThreadpoolIo.make(Handle.make(client)), yield* ThreadpoolIo.make(Handle.make(server))]
    const operation = (kind: "send" | "receive", bytes: number) =>
      Effect.map(BufferPool.make(bytes + WSABUF_BYTES + 8), (buffer) => transferring(api, kind, buffer, bytes))
    const [out, back] = [yield* operation("send", PING_BYTES), yield* operation("receive", PING_BYTES)]
    const [inn, reply] = [yield* operation("receive", PING_BYTES), yield* operation("send", PING_BYTES)]
    const echo = Effect.repeatN(
      Effect.zipRight(ThreadpoolIo.submit(right, inn), ThreadpoolIo.submit(right, reply)),
      PINGS - 1
    )
    const ask = Effect.repeatN(
      Effect.zipRight(ThreadpoolIo.submit(left, out), ThreadpoolIo.submit(left, back)),
      PINGS - 1
    )
    let start = performance.now()
    yield* Effect.all([echo, ask], { concurrency: 2, discard: true })
    const pingMicros = (performance.now() - start) * 1000 / PINGS
    const [large, taken] = [yield* operation("send", BULK_BYTES), yield* operation("receive", BULK_BYTES)]
    let received = 0
    const take = Effect.iterate(0, {
      while: (bytes) => bytes < BULK_CALLS * BULK_BYTES,
      body: (bytes) =>
        Effect.map(ThreadpoolIo.submit(right, taken), ({ bytesTransferred }) => received = bytes + bytesTransferred)
    })
    start = performance.now()
    yield* Effect.all([Effect.repeatN(ThreadpoolIo.submit(left, large), BULK_CALLS - 1), take], {
      concurrency: 2,
      discard: true
    })
    return { pingMicros, bulk: received / 1e6 / ((performance.now() - start) / 1000) }
  }))

/** The same with net.Socket. */
const own = async () => {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
  const { port } = server.address() as { port: number }
  const accepted = new Promise<Socket>((done) => server.once("connection", done))
  const client = netConnect(port, "127.0.0.1")
  const peer = await accepted
  for (const one of [client, peer]) one.setNoDelay(true)
  peer.on("data", (bytes) => peer.write(bytes))
  const ping = Buffer.alloc(PING_BYTES)
  let start = performance.now()
  await new Promise<void>((done) => {
    let left = PINGS
    client.on("data", () => --left > 0 ? client.write(ping) : done())
    client.write(ping)
  })
  const pingMicros = (performance.now() - start) * 1000 / PINGS
  peer.removeAllListeners("data")
  const large = Buffer.alloc(BULK_BYTES)
  start = performance.now()
  let received = 0
  const all = new Promise<void>((done) =>
    peer.on("data", (bytes) => (received += bytes.length) >= BULK_CALLS * BULK_BYTES ? done() : undefined)
  )
  for (let call = 0; call < BULK_CALLS; call++) {
    if (!client.write(large)) await new Promise((drained) => client.once("drain", drained))
  }
  await all
  const bulk = received / 1e6 / ((performance.now() - start) / 1000)
  client.destroy()
  peer.destroy()
  server.close()
  return { pingMicros, bulk }
}

const line = (name: string, { bulk, pingMicros }: { readonly pingMicros: number; readonly bulk: number }) =>
  console.log(
    `${name.padEnd(28)} ping-pong ${pingMicros.toFixed(0).padStart(6)} µs   bulk ${bulk.toFixed(0).padStart(6)} MB/s`
  )

const api = await winsock()
for (let round = 1; round <= ROUNDS; round++) {
  line(`node net, round ${round}`, await own())
  line(`WSASend/WSARecv, round ${round}`, await Effect.runPromise(Effect.provide(overlapped(api), Kernel.layerWin32)))
}
