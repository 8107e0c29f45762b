/**
 * The sockets of the portable kernel's pipes: what is removed and what is given back, and who waits in line.
 */
import { spawnSync } from "node:child_process"
import { EventEmitter } from "node:events"
import * as fs from "node:fs"
import { createServer, type Server } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import * as C from "../../src/internal/constants.js"
import type { Refusal } from "../../src/internal/errno.js"
import { LONGEST_LINE, PipeName } from "../../src/internal/kernel/portable/pipe.js"
import { addressOf } from "../../src/internal/kernel/portable/pipeAddress.js"
import type { PipeEnd } from "../../src/internal/kernel/portable/pipeEnd.js"
import { connectTo, listen, type Listening, removeIf } from "../../src/internal/kernel/portable/pipeSocket.js"

let directory: string
beforeEach(() => {
  directory = fs.mkdtempSync(join(tmpdir(), "sock-"))
})
afterEach(() => fs.rmSync(directory, { recursive: true }))

const posix = it.runIf(process.platform !== "win32")
const statOf = (path: string) => fs.lstatSync(path, { bigint: true })

/** A socket that a killed server has left. */
const leave = (path: string) => {
  const script = "require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))"
  spawnSync(process.execPath, ["-e", script, path])
}

describe("a dead server's socket", () => {
  posix("gives way, with a name of any length, and nothing stays beside", async () => {
    const address = join(directory, "x".repeat(Math.max(1, 101 - Buffer.byteLength(directory))))
    leave(address)
    leave(`${address}.`)
    const { guard, server } = await listen(address)
    expect(fs.readdirSync(directory)).toHaveLength(2)
    const closed = [server, guard].map((one) => new Promise((resolve) => one.close(resolve)))
    await Promise.all(closed)
    expect(fs.readdirSync(directory)).toEqual([])
  })
  posix("is removed, and a living one that has taken its place by then has it back", async () => {
    const address = join(directory, "name")
    leave(address)
    const dead = statOf(address)
    removeIf(address, dead)
    expect(fs.readdirSync(directory)).toEqual([])
    const server = await new Promise<Server>((resolve) => {
      const server = createServer((socket) => socket.destroy()).listen(address, () => resolve(server))
    })
    removeIf(address, dead)
    expect(fs.readdirSync(directory)).toEqual(["name"])
    ;(await connectTo(address)).destroy()
    server.close()
    // It has gone before it could be moved.
    removeIf(join(directory, "gone"), dead)
  })
})

describe("the name of a server", () => {
  const close = ({ early, guard, server }: Listening) => {
    for (const socket of early) socket.destroy()
    return Promise.all([server, guard].map((one) => new Promise((resolve) => one.close(resolve))))
  }
  const refusal = (promise: Promise<unknown>) =>
    promise.then(() => expect.unreachable(), (error: Refusal) => [error.name, error.status, error.message])

  posix("is not taken from what is no socket, nor from a living server, and both stay", async () => {
    const address = join(directory, "name")
    fs.writeFileSync(address, "mine")
    const [kind, status, message] = await refusal(listen(address)) as [string, number, string]
    expect([kind, status]).toEqual(["Refusal", C.ERROR_ALREADY_EXISTS])
    expect(message).toContain("is no socket, and stays")
    expect(fs.readFileSync(address, "utf8")).toBe("mine")
    fs.unlinkSync(address)
    const listening = await listen(address)
    expect((await refusal(listen(address)))!.slice(0, 2)).toEqual(["Refusal", C.ERROR_PIPE_BUSY])
    ;(await connectTo(address)).destroy()
    expect(fs.statSync(address).mode & 0o777).toBe(0o600)
    await close(listening)
    expect(fs.readdirSync(directory)).toEqual([])
  })

  posix("is one by one in turn free again, and nowhere where there is no directory", async () => {
    const address = join(directory, "name")
    for (let round = 0; round < 3; round++) await close(await listen(address))
    const [kind, status, message] = (await refusal(listen(join(directory, "none", "name"))))!
    expect([kind, status, message]).toEqual(["Error", undefined, expect.stringContaining("listen EACCES")])
    expect(fs.readdirSync(directory)).toEqual([])
  })
})

describe("the address of a pipe", () => {
  const PIPE = "\\\\.\\pipe\\"
  /** In a place of its own. */
  const inRuntime = async <A>(use: (runtime: string) => Promise<A>) => {
    const before = process.env["XDG_RUNTIME_DIR"]
    process.env["XDG_RUNTIME_DIR"] = directory
    try {
      return await use(directory)
    } finally {
      if (before === undefined) delete process.env["XDG_RUNTIME_DIR"]
      else process.env["XDG_RUNTIME_DIR"] = before
    }
  }
  const statusOf = (name: string, create = true) =>
    addressOf(name, create).then(() => 0, (error: Refusal & NodeJS.ErrnoException) => error.status ?? error.code)

  posix("is one of this user alone, made when there is to be a server", () =>
    inRuntime(async (runtime) => {
      const own = join(runtime, "effect-threadpool-io")
      expect(await statusOf(`${PIPE}x`, false)).toBe("ENOENT")
      expect(fs.existsSync(own)).toBe(false)
      expect(await addressOf(`${PIPE}Name`, true)).toBe(join(own, "name"))
      expect(fs.statSync(own).mode & 0o777).toBe(0o700)
      expect(await addressOf(`${PIPE.toUpperCase()}NAME`, false)).toBe(join(own, "name"))
      for (const mode of [0o701, 0o710, 0o740, 0o777]) {
        fs.chmodSync(own, mode)
        expect(await statusOf(`${PIPE}x`)).toBe(C.ERROR_ACCESS_DENIED)
      }
      fs.rmSync(own, { recursive: true })
      // A link to one, or a file.
      fs.mkdirSync(join(runtime, "real"), { mode: 0o700 })
      fs.symlinkSync("real", own)
      expect(await statusOf(`${PIPE}x`)).toBe(C.ERROR_ACCESS_DENIED)
      fs.unlinkSync(own)
      fs.writeFileSync(own, "", { mode: 0o600 })
      expect(await statusOf(`${PIPE}x`)).toBe(C.ERROR_ACCESS_DENIED)
    }))

  posix("is not where others may rename what is there, unless it is sticky", () =>
    inRuntime(async (runtime) => {
      for (const [mode, status] of [[0o777, 5], [0o720, 5], [0o702, 5], [0o1777, 0], [0o755, 0]] as const) {
        fs.chmodSync(runtime, mode)
        expect([mode, await statusOf(`${PIPE}x`)]).toEqual([mode, status])
      }
    }))

  posix("has room for a name, and for no other than a name", () =>
    inRuntime(async (runtime) => {
      for (const name of ["", "a.", "a/b", "a\0b", "."]) expect(await statusOf(PIPE + name)).toBe(C.ERROR_INVALID_NAME)
      const room = (process.platform === "linux" ? 106 : 102) -
        Buffer.byteLength(join(runtime, "effect-threadpool-io/"))
      expect(await statusOf(PIPE + "x".repeat(room))).toBe(0)
      expect(await statusOf(PIPE + "x".repeat(room + 1))).toBe(C.ERROR_FILENAME_EXCED_RANGE)
      process.env["XDG_RUNTIME_DIR"] = "relative"
      expect((await addressOf(`${PIPE}x`, true)).startsWith(join(tmpdir(), "effect-threadpool-io-"))).toBe(true)
    }))
})

describe("clients for whom there is no instance", () => {
  class Client extends EventEmitter {
    destroyed = false
    unref() {}
    destroy() {
      this.destroyed = true
    }
  }
  const nameAndClients = (early: ReadonlyArray<Client>) => {
    const server = new EventEmitter()
    const storage = { turn: (run: () => void) => run() }
    const listening = { server, early, guard: { close() {} } }
    const name = new PipeName(storage as never, listening as never, () => {})
    Object.assign(server, { close() {} })
    return { name, come: (client: Client) => server.emit("connection", client) }
  }
  const instance = () => {
    const got: Array<Client> = []
    return { got, end: { attach: (client: Client) => got.push(client) } as unknown as PipeEnd }
  }

  it("wait in line, in order, without those who have left meanwhile; beyond the line they are turned away", () => {
    const clients = Array.from({ length: LONGEST_LINE + 2 }, () => new Client())
    const { come, name } = nameAndClients(clients.slice(0, 2))
    clients.slice(2).forEach(come)
    expect(clients.map(({ destroyed }) => destroyed)).toEqual(clients.map((_, index) => index >= LONGEST_LINE))
    clients[0]!.destroy()
    const { end, got } = instance()
    name.listen(end)
    name.listen(end)
    expect(got).toEqual([clients[1], clients[2]])
  })
  it("are turned away when the name is given up, and an error of theirs is nobody's", () => {
    const [waits, late] = [new Client(), new Client()]
    const { come, name } = nameAndClients([])
    come(waits)
    waits.emit("error", new Error("ECONNRESET"))
    name.close(() => {})
    expect([waits.destroyed, name.closed]).toEqual([true, true])
    const { end, got } = instance()
    name.listen(end)
    name.unlisten(end)
    come(late)
    expect(got).toEqual([])
  })
})
