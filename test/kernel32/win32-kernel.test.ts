/**
 * The win32 kernel on the real kernel32.dll: what its interface promises, and the promises of docs/CONTRACT.md that
 * this code rests on. `foreign.ts` is another koffi user, imported first.
 */
import * as foreign from "./foreign.js"

import { spawn } from "node:child_process"
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync
} from "node:fs"
import { stat } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as C from "../../src/internal/constants.js"
import { limitOf } from "../../src/internal/kernel/gate.js"
import type { Block, CustomIssue, Kernel } from "../../src/internal/kernel/Kernel.js"
import type { load } from "../../src/internal/kernel/win32.js"
import { RECORD } from "../../src/internal/kernel/win32/memory.js"
import { type Driven, Driver, type Opened } from "../support/driver.js"
import { completions, loadKernel } from "./loadKernel.js"

const couldConfigure = foreign.canStillConfigure()
const directory = mkdtempSync(join(tmpdir(), "win32-kernel-"))
const pathTo = (name: string): string => join(directory, name)

let kernel: Kernel
let driver: Driver

beforeAll(async () => {
  const loaded = await loadKernel()
  if ("reason" in loaded) throw new Error(`${loaded.reason}: ${loaded.cause}`)
  kernel = loaded
  driver = new Driver(kernel)
})

afterAll(() => {
  rmSync(directory, { recursive: true, force: true })
  expect(kernel.slots.stray).toBe(0)
})

// --- helpers

const asText = (block: Block, length: number): string => Buffer.from(block.bytes.subarray(0, length)).toString()

const blockOf = (content: string): Block => {
  const block = kernel.allocate(content.length)!
  block.bytes.set(Buffer.from(content))
  return block
}

/** The end of an operation, by the table of results. */
const settle = async (operation: Driven, skipMode = false) => {
  const { answer, slot, threadpoolIo } = operation
  const packetFollows = answer === C.ERROR_IO_PENDING || answer === C.ERROR_SUCCESS && !skipMode
  if (!packetFollows) kernel.cancelThreadpoolIo(threadpoolIo)
  const [status, bytes] = packetFollows ? await operation.packet() : [answer, kernel.transferred(slot)]
  kernel.slots.release(slot)
  return { status, bytes, inline: !packetFollows }
}

const issueCustom = (opened: Opened, custom: CustomIssue, offset: bigint): Driven => {
  const operation = opened.operation("custom", { offset })
  const { block, handle, length, offsetHigh, offsetLow, slot, start, threadpoolIo } = operation
  kernel.startThreadpoolIo(threadpoolIo)
  const issue = {
    kind: "custom",
    handle,
    threadpoolIo,
    slot,
    block,
    start,
    length,
    offsetLow,
    offsetHigh,
    input: undefined,
    inputLength: 0,
    parameters: custom
  } as const
  operation.answer = kernel.issue(issue)
  return operation
}

/** `transfer` answers TRUE or FALSE: what a custom operation makes of it. */
const lastError = (result: number): number => result !== 0 ? C.ERROR_SUCCESS : foreign.GetLastError()

/** Both ends bound. */
const openPipe = () => {
  const ends = foreign.makePipe()
  const [server, client] = [driver.bind(ends.server), driver.bind(ends.client)]
  const close = async () => {
    await client.close()
    await server.close()
  }
  return { server, client, close }
}

/** The JavaScript thread does nothing, so that completions queue up. */
const holdThread = (milliseconds: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

// --- claims

describe("the kernel", () => {
  it("is one for each environment, and does not mind that koffi can no longer be configured", async () => {
    expect(couldConfigure).toBe(false)
    expect(await loadKernel()).toBe(kernel)
    expect(kernel.name).toBe("win32")
  })

  it("tells the system's own text", () => {
    expect(kernel.message(C.ERROR_ACCESS_DENIED)).toMatch(/^Access (is )?denied\.$/)
    expect(kernel.message(C.ERROR_HANDLE_EOF)).toMatch(/end of.*file/i)
    expect(kernel.message(0x2fff_ffff)).toBeUndefined()
  })

  it("lives beside a second copy of the library, and both do I/O", async () => {
    const source = fileURLToPath(new URL("../../src/internal", import.meta.url))
    const copy = fileURLToPath(new URL("../../src/second-copy", import.meta.url))
    cpSync(source, copy, { recursive: true })
    try {
      const module: { readonly load: typeof load } = await import(
        new URL("../../src/second-copy/kernel/win32.js", import.meta.url).href
      )
      const second = await module.load({ completions }) as Kernel
      expect(second).not.toBe(kernel)
      const files = await Promise.all(
        [driver, new Driver(second)].map((each, index) => each.open(pathTo(`copy-${index}`)))
      )
      const writes = files.flatMap((file) =>
        Array.from({ length: 50 }, (_, index) => file.write(Buffer.from("copy"), index * 4))
      )
      for (const packet of await Promise.all(writes)) expect(packet).toEqual([C.ERROR_SUCCESS, 4])
      await Promise.all(files.map((file) => file.close()))
      expect(statSync(pathTo("copy-1")).size).toBe(200)
      expect(second.slots.stray).toBe(0)
    } finally {
      rmSync(copy, { recursive: true })
    }
  })
})

describe("memory", () => {
  const release = (): { readonly address: number; readonly kept: Uint8Array; readonly word: Uint32Array } => {
    const block = kernel.allocate(65_536)!
    const word = new Uint32Array(block.bytes.buffer)
    block.bytes[65_535] = 1
    expect(block.address % 4096).toBe(0)
    expect(foreign.isMapped(block.address)).toBe(true)
    kernel.free(block)
    return { address: block.address, kept: block.bytes, word }
  }

  it("cannot be reached through any view after it has been freed", () => {
    const { address, kept, word } = release()
    expect([kept.length, word.length]).toEqual([0, 0])
    expect(foreign.isMapped(address)).toBe(false)
  })

  it("is detached also where ArrayBuffer has no `transfer`", () => {
    const transfer = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, "transfer")
    if (transfer !== undefined) delete (ArrayBuffer.prototype as { transfer?: unknown }).transfer
    try {
      const { address, kept, word } = release()
      expect([kept.length, word.length]).toEqual([0, 0])
      expect(foreign.isMapped(address)).toBe(false)
    } finally {
      if (transfer !== undefined) Object.defineProperty(ArrayBuffer.prototype, "transfer", transfer)
    }
  })

  it("stays where somebody else has taken the buffer, and may still look at it", () => {
    const block = kernel.allocate(4096)!
    block.bytes[0] = 42
    const taken = new Uint8Array((block.bytes.buffer as ArrayBuffer & { transfer(): ArrayBuffer }).transfer())
    kernel.free(block)
    expect(taken[0]).toBe(42)
  })

  it("is `undefined` when there is none left", () => {
    expect(kernel.allocate(2 ** 46)).toBeUndefined()
  })
})

describe("a TP_IO", () => {
  it("cannot be bound twice, nor to a handle that is not overlapped, and the two are told apart (rule 24)", async () => {
    const file = await driver.open(pathTo("bound"), { share: C.FILE_SHARE_READ | C.FILE_SHARE_WRITE })
    expect(kernel.createThreadpoolIo(file.handle)).toBe(-C.ERROR_INVALID_PARAMETER)
    expect(kernel.diagnose(file.handle)).toBe("already-bound")

    const synchronous = foreign.openSynchronous(pathTo("bound"))
    expect(kernel.createThreadpoolIo(synchronous)).toBe(-C.ERROR_INVALID_PARAMETER)
    expect(kernel.diagnose(synchronous)).toBe("not-overlapped")
    foreign.CloseHandle(synchronous)
    await file.close()
  })

  it("is refused for what is no handle (rule 24)", async () => {
    const file = await driver.open(pathTo("closed"))
    await file.close()
    for (const handle of [0, -1, file.handle]) {
      expect(kernel.createThreadpoolIo(handle)).toBe(-C.ERROR_INVALID_HANDLE)
      // -1 is this process, which the engine does not ask about.
      expect(kernel.diagnose(handle)).toBe(handle === -1 ? "unsupported" : "invalid")
    }
  })

  it("is taken off its handle where the system can do that (rule 18)", async () => {
    const { server, ...pipe } = openPipe()
    const unbound = kernel.unbind(server.handle)
    const again = kernel.createThreadpoolIo(server.handle)
    if (unbound) {
      expect(again).toBeGreaterThan(0)
      kernel.closeThreadpoolIo(again)
    } else expect(again).toBe(-C.ERROR_INVALID_PARAMETER)
    await pipe.close()
  })

  it("is created and closed a thousand times", async () => {
    for (let round = 0; round < 1000; round++) {
      const { client, server } = foreign.makePipe()
      const threadpoolIo = kernel.createThreadpoolIo(server)
      expect(threadpoolIo).toBeGreaterThan(0)
      foreign.CloseHandle(server)
      foreign.CloseHandle(client)
      kernel.closeThreadpoolIo(threadpoolIo)
    }
  })

  it("is waited for off the JavaScript thread, and the wait returns when the ledger is zero (rule 17)", async () => {
    const { close, server } = openPipe()
    expect(await driver.status("WaitForThreadpoolIoCallbacks", server)).toBe(C.ERROR_SUCCESS)
    await close()
  })
})

describe("an overlapped operation", () => {
  it("reads and writes beyond 4 GiB", async () => {
    const file = await driver.open(pathTo("large"))
    const offset = 5n * 2n ** 30n + 3n
    expect(await file.write(Buffer.from("far away"), offset)).toEqual([C.ERROR_SUCCESS, 8])
    const block = kernel.allocate(4096)!
    expect(await file.run("read", { block, start: 100, length: 50, offset })).toEqual([C.ERROR_SUCCESS, 8])
    expect(Buffer.from(block.bytes.subarray(100, 108)).toString()).toBe("far away")
    expect(block.bytes[99]).toBe(0)
    await file.close()
    expect(statSync(pathTo("large")).size).toBe(Number(offset) + 8)
  })

  it("writes at the end of the file when both halves of the offset are all ones", async () => {
    const file = await driver.open(pathTo("appended"))
    await file.write(Buffer.from("one"), 0)
    await file.write(Buffer.from("two"), 0xffff_ffff_ffff_ffffn)
    await file.close()
    expect(readFileSync(pathTo("appended"), "utf8")).toBe("onetwo")
  })

  it("tells the end of the file as 38, at once or by a packet (rule 9)", async () => {
    const file = await driver.open(pathTo("empty"))
    const { bytes, status } = await settle(file.issue("read"))
    expect([status, bytes]).toEqual([C.ERROR_HANDLE_EOF, 0])
    await file.close()
  })

  it("completes by a packet when it succeeds at once without skip mode", async () => {
    const { client, close, server } = openPipe()
    const write = client.issue("write", { block: blockOf("hello"), length: 5 })
    expect(write.answer).toBe(C.ERROR_SUCCESS)
    expect(await settle(write)).toEqual({ status: C.ERROR_SUCCESS, bytes: 5, inline: false })
    const read = server.issue("read", { length: 5 })
    expect(await settle(read)).toEqual({ status: C.ERROR_SUCCESS, bytes: 5, inline: false })
    expect(asText(read.block!, 5)).toBe("hello")
    await close()
  })

  it("completes without a packet when it succeeds at once under skip mode", async () => {
    const { client, close, server } = openPipe()
    for (const { handle } of [client, server]) {
      expect(kernel.getSkipMode(handle)).toBe(false)
      expect(kernel.setSkipMode(handle)).toBe(C.ERROR_SUCCESS)
      expect(kernel.getSkipMode(handle)).toBe(true)
    }
    const write = client.issue("write", { block: blockOf("hello"), length: 5 })
    const read = server.issue("read", { length: 5 })
    holdThread(50)
    expect(await settle(write, true)).toEqual({ status: C.ERROR_SUCCESS, bytes: 5, inline: true })
    expect(await settle(read, true)).toEqual({ status: C.ERROR_SUCCESS, bytes: 5, inline: true })
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect([write.packets, read.packets]).toEqual([[], []])
    await close() // hangs when Start and Cancel do not balance
  })

  it("still completes by a packet under skip mode when it pends", async () => {
    const { client, close, server } = openPipe()
    kernel.setSkipMode(server.handle)
    const read = server.issue("read")
    expect(read.answer).toBe(C.ERROR_IO_PENDING)
    await settle(client.issue("write", { block: blockOf("late"), length: 4 }))
    expect(await settle(read, true)).toEqual({ status: C.ERROR_SUCCESS, bytes: 4, inline: false })
    await close()
  })

  it("that pends on a pipe ends with 995 when it is cancelled, and only that one (rule 12)", async () => {
    const { client, close, server } = openPipe()
    const [first, second] = [server.issue("read"), server.issue("read")]
    first.cancel()
    expect(await settle(first)).toMatchObject({ status: C.ERROR_OPERATION_ABORTED, bytes: 0 })
    expect(second.packets).toEqual([])
    first.cancel() // nothing is there any more: no harm (rule 11)
    await settle(client.issue("write", { block: blockOf("x"), length: 1 }))
    expect(await settle(second)).toMatchObject({ status: C.ERROR_SUCCESS, bytes: 1 })
    await close()
  })

  it("fails at once on a handle that is closed, with the error of the call itself", async () => {
    const { close, server } = openPipe()
    const dead = foreign.makePipe()
    foreign.CloseHandle(dead.client)
    foreign.CloseHandle(dead.server)
    const operation = server.operation("read")
    const issue = { ...operation, kind: "read", handle: dead.server } as const
    kernel.startThreadpoolIo(server.threadpoolIo)
    expect(kernel.issue(issue)).toBe(C.ERROR_INVALID_HANDLE)
    kernel.cancelThreadpoolIo(server.threadpoolIo)
    kernel.slots.release(operation.slot)
    await close()
  })

  it("of the caller's own making gets the addresses, and what it throws comes out", async () => {
    const file = await driver.open(pathTo("custom"))
    await file.write(Buffer.from("0123456789"), 0)
    const read: CustomIssue = ({ address, handle, length, overlapped }) =>
      lastError(foreign.ReadFile(handle, address, length, 0, overlapped))
    const operation = issueCustom(file, read, 4n)
    expect(await settle(operation)).toMatchObject({ status: C.ERROR_SUCCESS, bytes: 6 })
    expect(asText(operation.block!, 6)).toBe("456789")
    expect(() =>
      issueCustom(file, () => {
        throw new Error("custom")
      }, 0n)
    ).toThrow("custom")
    kernel.cancelThreadpoolIo(file.threadpoolIo)
    await file.close()
  })
})

describe("completions", () => {
  const COUNT = 1000

  it("that queue behind a busy JavaScript thread all arrive once, and few threads wait for it", async () => {
    const file = await driver.open(pathTo("burst"))
    await file.write(Buffer.alloc(COUNT, 7), 0)
    const before = foreign.countThreads()
    const memory = kernel.allocate(COUNT)!
    const reads = Array.from(
      { length: COUNT },
      (_, index) => file.issue("read", { block: memory, start: index, length: 1, offset: index })
    )
    holdThread(200)
    expect(foreign.countThreads() - before).toBeLessThanOrEqual(4)
    for (const read of reads) expect(await settle(read)).toMatchObject({ status: C.ERROR_SUCCESS, bytes: 1 })
    expect(reads.every((read) => read.packets.length === 1)).toBe(true)
    expect(memory.bytes.every((byte) => byte === 7)).toBe(true)
    await file.close()
  })

  it("of an OVERLAPPED that is not ours, or of another TP_IO, are counted and not followed", async () => {
    const [file, other] = [await driver.open(pathTo("stray-1")), await driver.open(pathTo("stray-2"))]
    for (const each of [file, other]) await each.write(Buffer.from("stray"), 0)
    const { stray } = kernel.slots
    const answers: Array<number> = []
    const unknown: CustomIssue = ({ address, handle, length }) =>
      answers.push(lastError(foreign.ReadFile(handle, address, length, 0, foreign.foreignOverlapped())))
    issueCustom(file, unknown, 0n)
    const elsewhere: CustomIssue = ({ address, length, overlapped }) => {
      kernel.cancelThreadpoolIo(file.threadpoolIo)
      kernel.startThreadpoolIo(other.threadpoolIo)
      return answers.push(lastError(foreign.ReadFile(other.handle, address, length, 0, overlapped)))
    }
    const confused = issueCustom(file, elsewhere, 0n)
    await expect.poll(() => kernel.slots.stray).toBe(stray + 2)
    expect(answers.every((answer) => answer === C.ERROR_SUCCESS || answer === C.ERROR_IO_PENDING)).toBe(true)
    expect(confused.packets).toEqual([])
    kernel.slots.stray = stray
    await file.close()
    await other.close()
  })

  it("of a slot that has been given back are counted and not followed", async () => {
    const { client, close, server } = openPipe()
    const { stray } = kernel.slots
    const read = server.issue("read")
    kernel.slots.release(read.slot)
    await settle(client.issue("write", { block: blockOf("x"), length: 1 }))
    await expect.poll(() => kernel.slots.stray).toBe(stray + 1)
    expect(read.packets).toEqual([])
    kernel.slots.stray = stray
    await close()
  })
})

describe("layouts are what kernel32 reads and writes:", () => {
  it("OVERLAPPED, and our record behind it (rule 28)", async () => {
    const file = await driver.open(pathTo("layout"))
    await file.write(Buffer.from("0123456789"), 0x1_0000_0002n)
    let at = 0
    const look: CustomIssue = ({ address, handle, length, overlapped }) => {
      at = overlapped
      expect(foreign.readUint32(at + C.OVERLAPPED.Offset)).toBe(2)
      expect(foreign.readUint32(at + C.OVERLAPPED.OffsetHigh)).toBe(1)
      expect(foreign.readUint64(at + C.OVERLAPPED.hEvent)).toBe(0n)
      return lastError(foreign.ReadFile(handle, address, length, 0, overlapped))
    }
    const operation = issueCustom(file, look, 0x1_0000_0002n)
    await operation.packet()
    const transferred = [0]
    expect(foreign.GetOverlappedResult(file.handle, at, transferred, 0)).toBe(1)
    expect(transferred).toEqual([10])
    expect(foreign.readUint64(at + C.OVERLAPPED.InternalHigh)).toBe(10n)
    expect(kernel.transferred(operation.slot)).toBe(10)
    expect(foreign.readUint32(at + RECORD.generation)).toBe(kernel.slots.generation(operation.slot))
    expect(foreign.readUint64(at + RECORD.threadpoolIo)).toBe(BigInt(file.threadpoolIo))
    expect(at % RECORD.size).toBe(0)
    kernel.slots.release(operation.slot)
    await file.close()
  })

  it("BY_HANDLE_FILE_INFORMATION", async () => {
    writeFileSync(pathTo("information"), "12345")
    const { value: handle } = await driver.create(pathTo("information"), { access: C.FILE_READ_ATTRIBUTES })
    const { value } = await driver.call("GetFileInformationByHandle", { handle: handle! })
    const expected = statSync(pathTo("information"), { bigint: true })
    const near = (ns: bigint, other: bigint, by = 1000) => expect(Math.abs(Number(ns - other))).toBeLessThan(by)
    expect(value).toMatchObject({
      size: 5n,
      mode: undefined,
      numberOfLinks: Number(expected.nlink),
      volume: expected.dev,
      fileIndex: expected.ino
    })
    near(value!.modifiedTimeNs, expected.mtimeNs)
    near(value!.accessTimeNs, expected.atimeNs, 60e9) // looking at a file may move its access time
    near(value!.createdTimeNs, expected.birthtimeNs)
    expect(value!.attributes & (C.FILE_ATTRIBUTE_READONLY | C.FILE_ATTRIBUTE_DIRECTORY)).toBe(0)
    await driver.call("CloseHandle", { handle: handle! })
  })

  it("FILE_BASIC_INFO, where what is not given stays", async () => {
    const file = await driver.open(pathTo("basic"))
    const set = (changes: { accessTimeNs?: bigint; modifiedTimeNs?: bigint; readOnly?: boolean }) =>
      driver.status("SetBasicInformation", {
        handle: file.handle,
        mode: undefined,
        accessTimeNs: undefined,
        modifiedTimeNs: undefined,
        readOnly: undefined,
        ...changes
      })
    const times = () => {
      const { atimeNs, mtimeNs } = statSync(pathTo("basic"), { bigint: true })
      return [atimeNs, mtimeNs]
    }
    const isReadOnly = () => (statSync(pathTo("basic")).mode & 0o200) === 0
    // In the future, so that the file system under Wine does not move it (relatime).
    const access = 4_000_000_000_123_456_700n
    const [modified, later] = [1_500_000_000_000_000_000n, 1_700_000_000_000_000_000n]
    expect(await set({ accessTimeNs: access, modifiedTimeNs: modified })).toBe(C.ERROR_SUCCESS)
    expect(times()).toEqual([access, modified])
    expect(await set({ readOnly: true })).toBe(C.ERROR_SUCCESS)
    expect([...times(), isReadOnly()]).toEqual([access, modified, true])
    expect(await set({ modifiedTimeNs: later })).toBe(C.ERROR_SUCCESS)
    expect([...times(), isReadOnly()]).toEqual([access, later, true])
    expect(await set({ readOnly: false })).toBe(C.ERROR_SUCCESS)
    expect([...times(), isReadOnly()]).toEqual([access, later, false])
    for (const impossible of [-11_644_473_600_000_000_000n, 2n ** 80n]) {
      expect(await set({ accessTimeNs: impossible })).toBe(C.ERROR_INVALID_PARAMETER)
    }
    await file.close()
  })
})

describe("calls", () => {
  it("open names outside ASCII, relative ones, and paths beyond 260 characters", async () => {
    const deep = pathTo(join(...Array.from({ length: 30 }, () => "a-long-folder-name")))
    mkdirSync(deep, { recursive: true })
    const paths = [pathTo("grün-日本語-🚀.txt"), relative(process.cwd(), pathTo("relative")), join(deep, "long.txt")]
    expect(paths[2]!.length).toBeGreaterThan(500)
    for (const path of paths) {
      const file = await driver.open(path)
      await file.write(Buffer.from("content"), 0)
      await file.close()
      expect(readFileSync(path, "utf8")).toBe("content")
      expect(await driver.status("MoveFileExW", { from: path, to: `${path}2`, replace: false })).toBe(C.ERROR_SUCCESS)
      expect(await driver.status("DeleteFileW", { path: `${path}2` })).toBe(C.ERROR_SUCCESS)
      expect(existsSync(`${path}2`)).toBe(false)
    }
  })

  it("answer the last error of the thread that made them", async () => {
    const missing = pathTo("missing")
    expect(await driver.create(missing, { disposition: C.OPEN_EXISTING })).toEqual({
      status: C.ERROR_FILE_NOT_FOUND,
      value: undefined,
      cause: undefined
    })
    expect((await driver.create(join(missing, "file"))).status).toBe(C.ERROR_PATH_NOT_FOUND)
    expect((await driver.create("")).status).toBe(C.ERROR_PATH_NOT_FOUND)
    expect((await driver.create(pathTo("a\0b"))).status).toBe(C.ERROR_INVALID_NAME)
    expect(existsSync(pathTo("a"))).toBe(false)
    expect(await driver.status("DeleteFileW", { path: missing })).toBe(C.ERROR_FILE_NOT_FOUND)
    expect(await driver.status("CloseHandle", { handle: 0 })).toBe(C.ERROR_INVALID_HANDLE)
  })

  it("set the end of a file, and refuse one that does not fit", async () => {
    const file = await driver.open(pathTo("end"))
    const set = (length: bigint) => driver.status("SetEndOfFile", { handle: file.handle, length })
    expect(await set(3n * 2n ** 32n + 1n)).toBe(C.ERROR_SUCCESS)
    expect(statSync(pathTo("end")).size).toBe(3 * 2 ** 32 + 1)
    expect(await set(5n)).toBe(C.ERROR_SUCCESS)
    expect(await set(2n ** 64n)).toBe(C.ERROR_INVALID_PARAMETER)
    expect(await set(-1n)).toBe(C.ERROR_INVALID_PARAMETER)
    expect(await driver.status("FlushFileBuffers", file)).toBe(C.ERROR_SUCCESS)
    expect(statSync(pathTo("end")).size).toBe(5)
    await file.close()
  })

  it("move a file over another one only when they may", async () => {
    const [from, to] = [pathTo("from"), pathTo("to")]
    writeFileSync(from, "new")
    writeFileSync(to, "old")
    expect(await driver.status("MoveFileExW", { from, to, replace: false })).toBe(C.ERROR_ALREADY_EXISTS)
    expect(readFileSync(to, "utf8")).toBe("old")
    expect(await driver.status("MoveFileExW", { from, to, replace: true })).toBe(C.ERROR_SUCCESS)
    expect(readFileSync(to, "utf8")).toBe("new")
    expect(existsSync(from)).toBe(false)
  })

  it("run no more at once than leaves `fs` a thread; those in line keep their order or are taken back", async () => {
    const limit = limitOf(process.env["UV_THREADPOOL_SIZE"])
    const { client, close, server } = openPipe()
    const read = server.issue("read")
    const ended: Array<string> = []
    const call = (name: string, threadpoolIo: number) =>
      kernel.call("WaitForThreadpoolIoCallbacks", { threadpoolIo }, () => ended.push(name))
    const running = Array.from({ length: limit }, () => call("running", server.threadpoolIo))
    const takenBack = call("taken back", client.threadpoolIo)
    call("next", client.threadpoolIo)
    call("last", client.threadpoolIo)
    holdThread(50)
    expect((await stat(directory)).isDirectory()).toBe(true)
    expect(ended).toEqual([])
    expect([takenBack(), takenBack(), running[0]!()]).toEqual([true, false, false])
    await settle(client.issue("write", { block: blockOf("x"), length: 1 }))
    await settle(read)
    await expect.poll(() => ended.length).toBe(limit + 2)
    expect(ended.slice(0, limit).every((name) => name === "running")).toBe(true)
    expect(ended.slice(limit).sort()).toEqual(["last", "next"])
    await close()
  })
})

describe("ending with many operations in flight", () => {
  const program = fileURLToPath(new URL("./exits.js", import.meta.url))

  /** Milliseconds: a busy machine takes its time to start a process five times. */
  const LONGEST = 90_000

  /** Its output goes to a file: Wine cannot use pipes. */
  const run = async (way: string) => {
    const output = openSync(pathTo("output"), "w")
    const child = spawn(process.execPath, [program, way], { stdio: ["ignore", output, output], timeout: LONGEST / 2 })
    const status = await new Promise((resolve) => child.once("close", (code, signal) => resolve(code ?? signal)))
    closeSync(output)
    return { status, output: readFileSync(pathTo("output"), "utf8") }
  }

  it.each([
    "exit",
    "natural",
    "worker-exit",
    "worker-natural",
    "worker-terminate",
    "completions-throw",
    "exit-private",
    "worker-exit-private",
    "worker-terminate-private",
    "exit-bound",
    ...(completions === "relay" ? ["worker-terminate-bound"] : [])
  ])(
    "is clean: %s",
    async (way) => {
      const rounds = way.startsWith("worker") ? 1 : 3 // a round of workers is five of them
      for (let round = 0; round < rounds; round++) expect(await run(way)).toEqual({ status: 0, output: "" })
    },
    LONGEST
  )

  it("is what an uncaught exception makes it", async () => {
    for (let round = 0; round < 2; round++) {
      const { output, status } = await run("throw")
      expect(status).toBe(1)
      expect(output).toContain("Error: uncaught")
    }
  }, LONGEST)
})
