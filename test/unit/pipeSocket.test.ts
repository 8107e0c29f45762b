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
import { LONGEST_LINE, PipeName } from "../../src/internal/kernel/portable/pipe.js"
import type { PipeEnd } from "../../src/internal/kernel/portable/pipeEnd.js"
import { connectTo, listen, removeIf } from "../../src/internal/kernel/portable/pipeSocket.js"

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
