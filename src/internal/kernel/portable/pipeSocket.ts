/**
 * The sockets under the names of pipes: one that clients connect to, and beside it one that only says, to whoever else
 * wants the name, that the server lives. A connection to the first would be a client of the server's, who is nobody.
 */
import * as fs from "node:fs"
import { promises } from "node:fs"
import * as net from "node:net"
import * as C from "../../constants.js"
import { errnoOf, fromErrno, Refusal } from "../../errno.js"

const STREAM = { allowHalfOpen: true }

/**
 * Bytes that node keeps of a paused socket before it stops to read. An end that goes and leaves bytes unread ends the
 * other's reads with ECONNRESET, for which node throws away what it keeps: so it hears of it no sooner than of the
 * bytes before.
 */
const KEPT = 1

/** Resolves when connected. A socket without a server is one whose server has died: there is no such pipe. */
export const connectTo = (address: string): Promise<net.Socket> =>
  new Promise((resolve, reject) => {
    const socket = net.connect({ path: address, ...STREAM, readableHighWaterMark: KEPT } as net.NetConnectOpts)
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

/**
 * A socket that listens, and clients that came before anybody could hear of it: they would be connected for ever, to
 * nobody.
 */
interface Bound {
  readonly server: net.Server
  readonly early: ReadonlyArray<net.Socket>
}

export interface Listening extends Bound {
  /** Says that the server lives. */
  readonly guard: net.Server
}

/** No pipe has a name that ends in a dot. */
const guardOf = (address: string): string => `${address}.`

/** Takes the name: whoever has the guard. The socket itself is looked at by nobody else meanwhile. */
export const listen = async (address: string): Promise<Listening> => {
  const guard = await take(guardOf(address))
  const turnAway = (socket: net.Socket): void => void socket.destroy()
  guard.server.removeAllListeners("connection").on("connection", turnAway).on("error", () => {})
  guard.early.forEach(turnAway)
  try {
    return { ...await take(address), guard: guard.server }
  } catch (error) {
    guard.server.close()
    throw error
  }
}

const bind = (address: string): Promise<Bound> =>
  new Promise((resolve, reject) => {
    const server = net.createServer({ ...STREAM, highWaterMark: KEPT, pauseOnConnect: true })
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

/** bind(2) does not replace: the first to bind has the address. Only a socket that a dead server has left gives way. */
const take = async (address: string): Promise<Bound> => {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const bound = await bind(address)
      // In a directory that nobody else can enter, this is the second lock.
      await promises.chmod(address, 0o600).catch((error: unknown) => {
        bound.server.close()
        for (const socket of bound.early) socket.destroy()
        throw error
      })
      return bound
    } catch (error) {
      if (errnoOf(error) !== "EADDRINUSE") throw error
    }
    const left = await leftAt(address)
    if (left !== undefined) removeIf(address, left)
  }
  throw living()
}

const living = () => new Refusal(C.ERROR_PIPE_BUSY, "a living server has this name")

/**
 * The socket of a dead server. `undefined`: there is none any more, or another one meanwhile. Throws for whatever else
 * there is.
 */
const leftAt = async (address: string): Promise<fs.BigIntStats | undefined> => {
  const first = await lookAt(address)
  if (first === undefined) return undefined
  if (await isAlive(address)) throw living()
  // Time for a server that has bound its socket and does not listen yet: two system calls.
  await new Promise((resolve) => setTimeout(resolve, 20))
  const again = await lookAt(address)
  if (again === undefined || !isSame(first, again)) return undefined
  if (await isAlive(address)) throw living()
  return first
}

const lookAt = async (address: string): Promise<fs.BigIntStats | undefined> => {
  const found = await statOf(address)
  if (found === undefined || (found.isSocket() && found.uid === BigInt(process.getuid!()))) return found
  throw new Refusal(
    C.ERROR_ALREADY_EXISTS,
    `${address} is ${found.isSocket() ? "another user's" : "no socket"}, and stays: remove it, or choose another name`
  )
}

const statOf = async (path: string): Promise<fs.BigIntStats | undefined> => {
  try {
    return await promises.lstat(path, { bigint: true })
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined
    throw error
  }
}

/** A file index is used again; a socket's time of modification is that of its creation. */
const isSame = (one: fs.BigIntStats, other: fs.BigIntStats): boolean =>
  one.dev === other.dev && one.ino === other.ino && one.mtimeNs === other.mtimeNs

const isAlive = async (address: string): Promise<boolean> => {
  try {
    const socket = await connectTo(address)
    socket.destroy()
    return true
  } catch (error) {
    return !(error instanceof Refusal && error.status === C.ERROR_FILE_NOT_FOUND)
  }
}

let serial = 0

/**
 * Moves the socket away, which only one of many can do, and removes it. Another one, which has come in between, gets
 * its name back. In one go: nobody of this process comes in between, and for others there is next to no time.
 */
export const removeIf = (address: string, left: fs.BigIntStats): void => {
  // An address that is no server's: that of a guard ends in one dot.
  const aside = `${address}.${process.pid}.${serial++}..`
  try {
    fs.renameSync(address, aside)
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return
    throw error
  }
  if (!isSame(left, fs.lstatSync(aside, { bigint: true }))) {
    try {
      fs.linkSync(aside, address)
    } catch {
      // A third one has the name by now.
    }
  }
  fs.unlinkSync(aside)
}
