/**
 * The portable kernel over real files: what Windows would answer, and what node:fs makes it honest about.
 */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { createRequire, syncBuiltinESMExports } from "node:module"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import * as C from "../../src/internal/constants.js"
import { fromErrno, Refusal, statusOf } from "../../src/internal/errno.js"
import type { CallName, Calls } from "../../src/internal/kernel/Calls.js"
import { limitOf } from "../../src/internal/kernel/gate.js"
import { ContractViolation } from "../../src/internal/kernel/model.js"
import * as Portable from "../../src/internal/kernel/portable.js"
import { Driver, END, type Opened } from "../support/driver.js"

const linux = process.platform === "linux"
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
const text = (value: string) => new TextEncoder().encode(value)
/** The number of descriptors that are open on something in the directory of the test. */
const openDescriptors = () => {
  if (!linux) return 0
  const leadsInto = (descriptor: string): boolean => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${descriptor}`).startsWith(directory)
    } catch {
      return false
    }
  }
  return fs.readdirSync("/proc/self/fd").filter(leadsInto).length
}

let directory: string
let descriptorsBefore: number
const at = (name: string) => join(directory, name)

beforeEach(() => {
  directory = fs.mkdtempSync(join(tmpdir(), "portable-"))
  descriptorsBefore = openDescriptors()
})

afterEach(() => {
  expect(openDescriptors()).toBe(descriptorsBefore)
  fs.rmSync(directory, { recursive: true, force: true })
})

/** A kernel with a gate of its own. */
const setup = (threads = 3) => new Driver(Portable.make({ threads }))

/** A node:fs function with another in its place, for as long as `run` takes. */
const replaced = async <K extends "fstat" | "fsync" | "read" | "write">(
  name: K,
  make: (original: typeof fs[K]) => unknown,
  run: () => Promise<void>
) => {
  const module = createRequire(import.meta.url)("node:fs") as Record<string, unknown>
  const original = fs[name]
  module[name] = make(original)
  syncBuiltinESMExports()
  try {
    await run()
  } finally {
    module[name] = original
    syncBuiltinESMExports()
  }
}

describe("reads and writes", () => {
  it("answer 997 and complete by a packet, never from inside the initiating call", async () => {
    const file = await setup().open(at("a"))
    expect(await file.write(text("hello, world"), 0)).toEqual([0, 12])
    const read = file.issue("read", { length: 5, offset: 7 })
    expect([read.answer, read.packets]).toEqual([C.ERROR_IO_PENDING, []])
    expect(await read.packet()).toEqual([0, 5])
    expect(Buffer.from(read.block!.bytes).toString()).toBe("world")
    await file.close()
  })

  it("meet the end of the file as 38 with 0 bytes, and read short before it", async () => {
    const file = await setup().open(at("a"))
    await file.write(text("12345"), 0)
    expect(await file.run("read", { length: 10, offset: 3 })).toEqual([0, 2])
    expect(await file.run("read", { length: 10, offset: 5 })).toEqual([C.ERROR_HANDLE_EOF, 0])
    expect(await file.run("read", { length: 10, offset: 5000 })).toEqual([C.ERROR_HANDLE_EOF, 0])
    await file.close()
  })

  it("of nothing succeed, at the end of the file too (rule 9), in a later turn", async () => {
    const file = await setup().open(at("a"))
    const read = file.issue("read", { length: 0, offset: 100 })
    const write = file.issue("write", { length: 0, offset: 100 })
    expect([read.packets, write.packets]).toEqual([[], []])
    expect([await read.packet(), await write.packet()]).toEqual([[0, 0], [0, 0]])
    expect(fs.statSync(at("a")).size).toBe(0)
    await file.close()
  })

  it("reach offsets above 4 GiB exactly, and refuse what node cannot address (rule 26)", async () => {
    const file = await setup().open(at("a"))
    const far = 0x1_0000_0005
    expect(await file.write(text("far"), far)).toEqual([0, 3])
    expect(fs.statSync(at("a")).size).toBe(far + 3)
    expect(await file.run("read", { length: 3, offset: far })).toEqual([0, 3])
    for (const offset of [2n ** 53n - 15n, 2n ** 63n, END - 1n]) {
      for (const kind of ["read", "write"] as const) {
        expect(file.issue(kind, { offset }).answer).toBe(C.ERROR_INVALID_PARAMETER)
        file.driver.kernel.cancelThreadpoolIo(file.threadpoolIo)
      }
    }
    await file.close()
  })

  it("need the access right that the handle was opened with", async () => {
    fs.writeFileSync(at("a"), "x")
    const driver = setup()
    for (const [access, kind] of [[C.GENERIC_READ, "write"], [C.GENERIC_WRITE, "read"], [0, "read"]] as const) {
      const file = await driver.open(at("a"), { access })
      expect(file.issue(kind).answer).toBe(C.ERROR_ACCESS_DENIED)
      driver.kernel.cancelThreadpoolIo(file.threadpoolIo)
      await file.close()
    }
  })

  it("write on until everything is written", async () => {
    const file = await setup().open(at("a"))
    const bytes = Uint8Array.from({ length: 10_000 }, (_, index) => index % 251)
    const short =
      (write: typeof fs.write) =>
      (fd: number, from: Uint8Array, start: number, length: number, ...rest: [number, fs.NoParamCallback]) =>
        write(fd, from, start, Math.min(length, 1024), ...rest)
    await replaced("write", short, async () => {
      expect(await file.write(bytes, 3)).toEqual([0, 10_000])
    })
    expect(fs.readFileSync(at("a")).subarray(3)).toEqual(Buffer.from(bytes))
    await file.close()
  })

  it("end with a status when the memory of a caller was taken away while they waited", async () => {
    const file = await setup(1).open(at("a"))
    const memory = new Uint8Array(64)
    const first = file.issue("write", { length: 16 })
    const second = file.issue("write", { block: { address: 0, bytes: memory }, length: 64 })
    structuredClone(memory.buffer, { transfer: [memory.buffer] })
    expect(await first.packet()).toEqual([0, 16])
    expect(await second.packet()).toEqual([C.ERROR_INVALID_PARAMETER, 0])
    expect(await file.run("read", { length: 16 })).toEqual([0, 16])
    await file.close()
  })

  it("fail as the system says; what is not there yet is no read for us, and a short write that is none a full disk", async () => {
    const file = await setup().open(at("f"))
    await file.write(text("0123456789abcdef"), 0)
    const failing = (code: string) => () => (...rest: ReadonlyArray<unknown>) =>
      setImmediate(rest.at(-1) as (error: Error) => void, Object.assign(new Error(code), { code }))
    const packets: Array<unknown> = []
    for (const kind of ["read", "write"] as const) {
      for (const code of ["EIO", "EAGAIN"]) {
        await replaced(kind, failing(code), async () => void packets.push(await file.run(kind)))
      }
    }
    expect(packets).toEqual([
      [C.ERROR_IO_DEVICE, 0],
      [C.ERROR_NOT_SUPPORTED, 0],
      [C.ERROR_IO_DEVICE, 0],
      [C.ERROR_SHARING_VIOLATION, 0]
    ])
    const nothing = () => (...rest: ReadonlyArray<unknown>) =>
      setImmediate(rest.at(-1) as (error: null, count: number) => void, null, 0)
    await replaced("write", nothing, async () => expect(await file.run("write")).toEqual([C.ERROR_DISK_FULL, 0]))
    await replaced("read", nothing, async () => expect(await file.run("read")).toEqual([C.ERROR_HANDLE_EOF, 0]))
    // The end of the file is a place to write to alone.
    expect(file.issue("read", { offset: END }).answer).toBe(C.ERROR_INVALID_PARAMETER)
    file.driver.kernel.cancelThreadpoolIo(file.threadpoolIo)
    await file.close()
  })

  it("of a custom kind cannot be made", async () => {
    const file = await setup().open(at("a"))
    expect(file.issue("custom").answer).toBe(C.ERROR_NOT_SUPPORTED)
    file.driver.kernel.cancelThreadpoolIo(file.threadpoolIo)
    await file.close()
  })

  it("lose no packet to an owner that throws", async () => {
    const file = await setup().open(at("a"))
    const turns: Array<() => void> = []
    const schedule = vi.spyOn(globalThis, "setImmediate").mockImplementation((run) => turns.push(run) as never)
    const operations = [0, 1, 2].map(() => file.operation("read", { length: 0 }))
    operations[1]!.completed = () => {
      throw new Error("from an owner")
    }
    for (const operation of operations) {
      file.driver.kernel.startThreadpoolIo(file.threadpoolIo)
      file.driver.kernel.issue(operation)
    }
    expect(turns.shift()).toThrow("from an owner")
    turns.shift()!()
    schedule.mockRestore()
    expect(turns).toEqual([])
    expect([operations[0]!.packets, operations[2]!.packets]).toEqual([[[0, 0]], [[0, 0]]])
    await file.close()
  })
})

describe("appends", () => {
  it("of one process do not overwrite each other, through any handle of any kernel", async () => {
    const files = await Promise.all([setup(1), setup(1)].map((driver) => driver.open(at("log"))))
    const lines = Array.from({ length: 200 }, (_, index) => `line ${index}`.padEnd(31) + "\n")
    const packets = await Promise.all(lines.map((line, index) => files[index % 2]!.write(text(line), END)))
    expect(packets).toEqual(lines.map(() => [0, 32]))
    expect(fs.readFileSync(at("log"), "utf8").match(/.{32}/gs)!.sort()).toEqual([...lines].sort())
    for (const file of files) await file.close()
  })

  it("can be cancelled before it is known which file they are for, each of them", async () => {
    for (const which of [0, 1, 2]) {
      const name = `log ${which}`
      const file = await setup().open(at(name))
      const all = [16, 8, 4].map((length) => file.issue("write", { length, offset: END }))
      all[which]!.cancel()
      const packets = await Promise.all(all.map((one) => one.packet()))
      expect(packets).toEqual(
        [16, 8, 4].map((length, index) => index === which ? [C.ERROR_OPERATION_ABORTED, 0] : [0, length])
      )
      expect(fs.statSync(at(name)).size).toBe(28 - [16, 8, 4][which]!)
      await file.close()
    }
  })

  it("fail where the file cannot be told, and go on when it can", async () => {
    const file = await setup().open(at("log"))
    const failing = () => (...rest: ReadonlyArray<unknown>) =>
      setImmediate(rest.at(-1) as (error: Error) => void, Object.assign(new Error("EIO"), { code: "EIO" }))
    await replaced("fstat", failing, async () => {
      expect(await file.write(text("lost"), END)).toEqual([C.ERROR_IO_DEVICE, 0])
    })
    expect(await file.write(text("kept"), END)).toEqual([0, 4])
    expect(fs.readFileSync(at("log"), "utf8")).toBe("kept")
    await file.close()
  })

  it("that wait for another can be cancelled without touching the file", async () => {
    const file = await setup().open(at("log"))
    const [first, second, third] = [16, 8, 4].map((length) => file.issue("write", { length, offset: END }))
    second!.cancel()
    expect(await second!.packet()).toEqual([C.ERROR_OPERATION_ABORTED, 0])
    expect([await first!.packet(), await third!.packet()]).toEqual([[0, 16], [0, 4]])
    expect(fs.statSync(at("log")).size).toBe(20)
    await file.close()
  })
})

describe("CancelIoEx", () => {
  it("drops an operation that is queued: 995, no bytes, the disk untouched", async () => {
    const file = await setup(1).open(at("a"))
    const running = file.issue("write", { length: 8 })
    const queued = file.issue("write", { length: 64 })
    queued.cancel()
    queued.cancel()
    expect(queued.packets).toEqual([])
    expect(await queued.packet()).toEqual([C.ERROR_OPERATION_ABORTED, 0])
    expect(await running.packet()).toEqual([0, 8])
    await turn()
    expect([queued.packets.length, fs.statSync(at("a")).size]).toEqual([1, 8])
    await file.close()
  })

  it("does nothing to an operation that runs: its real completion comes", async () => {
    const file = await setup(1).open(at("a"))
    const running = file.issue("write", { length: 8 })
    running.cancel()
    expect(await running.packet()).toEqual([0, 8])
    expect(fs.statSync(at("a")).size).toBe(8)
    await file.close()
  })

  it("takes 10,000 out of the queue, from the middle too, and the rest complete", async () => {
    const file = await setup().open(at("a"))
    const block = file.driver.kernel.allocate(16)!
    const operations = Array.from({ length: 10_000 }, () => file.issue("write", { block, length: 16 }))
    operations.forEach((operation, index) => index % 3 === 0 && operation.cancel())
    expect(await file.run("write", { block, length: 8 })).toEqual([0, 8])
    const packets = await Promise.all(operations.map((operation) => operation.packet()))
    expect(packets.filter(([status]) => status === C.ERROR_OPERATION_ABORTED)).toHaveLength(3333)
    expect(packets.filter(([status, bytes]) => status === 0 && bytes === 16)).toHaveLength(6667)
    await file.close()
  })
})

describe("the gate", () => {
  it("has all of libuv's threads but one, and at least one", () => {
    const sizes = [undefined, "4", "1", "2", "8", "0", "", "many", "100000"]
    expect(sizes.map(limitOf)).toEqual([3, 3, 1, 1, 7, 1, 1, 1, 1023])
  })

  it("never has more at once than it may, and serves in order of arrival", async () => {
    const file = await setup(3).open(at("a"))
    await file.write(new Uint8Array(4096), 0)
    let running = 0
    let most = 0
    const begun: Array<number> = []
    const counting = (read: typeof fs.read) =>
    (
      fd: number,
      into: Uint8Array,
      start: number,
      length: number,
      position: number,
      done: (...rest: Array<unknown>) => void
    ) => {
      begun.push(position)
      most = Math.max(most, ++running)
      read(fd, into, start, length, position, (...rest) => {
        running--
        done(...rest)
      })
    }
    await replaced("read", counting, async () => {
      const offsets = Array.from({ length: 100 }, (_, index) => index)
      await Promise.all(offsets.map((offset) => file.run("read", { offset })))
      expect([most, begun]).toEqual([3, offsets])
    })
    await file.close()
  })

  it("leaves a libuv thread to everybody else: a stat overtakes a long queue of reads and calls", async () => {
    const file = await new Driver(Portable.make()).open(at("a"))
    await file.write(new Uint8Array(4 << 20), 0)
    const block = file.driver.kernel.allocate(4 << 20)!
    let done = 0
    const reads = Array.from({ length: 200 }, () => file.run("read", { block, length: 4 << 20 }).then(() => done++))
    const flushes = Array.from({ length: 20 }, () => file.driver.call("FlushFileBuffers", { handle: file.handle }))
    await fs.promises.stat(at("a"))
    expect(done).toBeLessThan(100)
    await Promise.all([...reads, ...flushes])
    await file.close()
  })

  it("gives back a call that had not begun, and never one that had", async () => {
    const driver = setup(1)
    const call = <K extends CallName>(name: K, arguments_: Calls[K][0], answered: Array<number>) =>
      driver.kernel.call(name, arguments_, (status) => answered.push(status))
    fs.writeFileSync(at("a"), "")
    fs.writeFileSync(at("b"), "")
    const answered: Array<number> = []
    const running = call("DeleteFileW", { path: at("a") }, answered)
    const queued = call("DeleteFileW", { path: at("b") }, answered)
    expect([running(), queued(), queued()]).toEqual([false, true, false])
    expect(await driver.status("DeleteFileW", { path: at("a") })).toBe(C.ERROR_FILE_NOT_FOUND)
    expect([answered, fs.readdirSync(directory)]).toEqual([[0], ["b"]])
  })
})

describe("CreateFileW", () => {
  const { CREATE_ALWAYS, CREATE_NEW, OPEN_ALWAYS, OPEN_EXISTING, TRUNCATE_EXISTING } = C

  it("creates, opens and truncates as the disposition says", async () => {
    const driver = setup()
    const outcome = async (disposition: number, present: boolean): Promise<string | number> => {
      fs.rmSync(at("f"), { force: true })
      if (present) fs.writeFileSync(at("f"), "old")
      const { status, value } = await driver.create(at("f"), { disposition })
      if (status !== 0) return status
      await driver.call("CloseHandle", { handle: value! })
      return fs.readFileSync(at("f"), "utf8")
    }
    expect([await outcome(CREATE_NEW, false), await outcome(CREATE_NEW, true)]).toEqual(["", C.ERROR_FILE_EXISTS])
    expect([await outcome(CREATE_ALWAYS, false), await outcome(CREATE_ALWAYS, true)]).toEqual(["", ""])
    expect([await outcome(OPEN_EXISTING, false), await outcome(OPEN_EXISTING, true)]).toEqual([2, "old"])
    expect([await outcome(OPEN_ALWAYS, false), await outcome(OPEN_ALWAYS, true)]).toEqual(["", "old"])
    expect([await outcome(TRUNCATE_EXISTING, false), await outcome(TRUNCATE_EXISTING, true)]).toEqual([2, ""])
    expect([await outcome(0, true), await outcome(6, true)]).toEqual([87, 87])
  })

  it("truncates for a reader too, who still cannot write; TRUNCATE_EXISTING needs GENERIC_WRITE", async () => {
    fs.writeFileSync(at("f"), "old")
    const driver = setup()
    const truncating = await driver.create(at("f"), { access: C.GENERIC_READ, disposition: TRUNCATE_EXISTING })
    expect(truncating).toMatchObject({ status: 87 })
    const file = await driver.open(at("f"), { access: C.GENERIC_READ, disposition: CREATE_ALWAYS })
    expect(fs.statSync(at("f")).size).toBe(0)
    expect(await driver.status("SetEndOfFile", { handle: file.handle, length: 4n })).toBe(C.ERROR_ACCESS_DENIED)
    await file.close()
  })

  it("refuses what is no regular file, at once, whatever is asked of it", async () => {
    fs.mkdirSync(at("directory"))
    execFileSync("mkfifo", [at("fifo")])
    const server = createServer().listen(at("socket"))
    await new Promise((resolve) => server.once("listening", resolve))
    descriptorsBefore = openDescriptors()
    const driver = setup()
    for (const access of [C.GENERIC_READ, C.GENERIC_WRITE, C.GENERIC_READ | C.GENERIC_WRITE, 0]) {
      for (const disposition of [OPEN_EXISTING, OPEN_ALWAYS, CREATE_ALWAYS]) {
        const status = async (name: string) => (await driver.create(name, { access, disposition })).status
        expect(await status(at("directory"))).toBe(C.ERROR_ACCESS_DENIED)
        expect(await status(at("fifo"))).toBe(C.ERROR_NOT_SUPPORTED)
        expect(await status(at("socket"))).toBe(C.ERROR_NOT_SUPPORTED)
        expect(await status("/dev/null")).toBe(C.ERROR_NOT_SUPPORTED)
      }
    }
    expect(openDescriptors()).toBe(descriptorsBefore)
    server.close()
    await new Promise((resolve) => server.once("close", resolve))
    descriptorsBefore = openDescriptors()
  })

  it("answers a Win32 status for every name that cannot be opened, with what node said as the cause", async () => {
    fs.writeFileSync(at("f"), "")
    fs.symlinkSync("loop", at("loop"))
    const driver = setup()
    const cases = [
      ["", C.ERROR_FILE_NOT_FOUND],
      [at("none"), C.ERROR_FILE_NOT_FOUND],
      [at("f/below"), C.ERROR_PATH_NOT_FOUND],
      [at("a\0b"), C.ERROR_INVALID_NAME],
      [at("x".repeat(300)), C.ERROR_FILENAME_EXCED_RANGE],
      [at("loop"), C.ERROR_CANT_RESOLVE_FILENAME]
    ] as const
    for (const [name, status] of cases) {
      const answer = await driver.create(name, { disposition: OPEN_EXISTING })
      expect(answer).toMatchObject({ status, value: undefined, cause: expect.any(Error) })
    }
  })

  it("does not follow a link with OPEN_REPARSE_POINT, and cannot do without buffering", async () => {
    fs.writeFileSync(at("f"), "")
    fs.symlinkSync("f", at("link"))
    const driver = setup()
    const status = async (flags: number) => (await driver.create(at("link"), { flags })).status
    expect(await status(C.FILE_FLAG_OPEN_REPARSE_POINT)).toBe(C.ERROR_CANT_RESOLVE_FILENAME)
    expect(await status(C.FILE_FLAG_NO_BUFFERING)).toBe(C.ERROR_NOT_SUPPORTED)
    await (await driver.open(at("link"))).close()
  })

  it.runIf(linux)(
    "opens with O_CLOEXEC, and O_SYNC where writes are to go through; no handle is a descriptor",
    async () => {
      const driver = setup()
      const through = await driver.open(at("f"), { flags: C.FILE_FLAG_WRITE_THROUGH })
      const descriptors = fs.readdirSync("/proc/self/fd").filter((fd) => {
        try {
          return fs.readlinkSync(`/proc/self/fd/${fd}`) === at("f")
        } catch {
          return false
        }
      })
      expect(descriptors).toHaveLength(1)
      const [, octal] = /flags:\s+(\d+)/.exec(fs.readFileSync(`/proc/self/fdinfo/${descriptors[0]}`, "utf8"))!
      const flags = Number.parseInt(octal!, 8)
      expect(flags & fs.constants.O_SYNC).toBe(fs.constants.O_SYNC)
      expect(flags & 0o2000000).toBe(0o2000000)
      expect(through.handle % 4).toBe(0)
      expect(descriptors).not.toContain(`${through.handle}`)
      await through.close()
    }
  )

  it("gives a new file its mode", async () => {
    await (await setup().open(at("f"), { mode: 0o600 })).close()
    expect(fs.statSync(at("f")).mode & 0o777).toBe(0o600)
  })

  it("deletes on close the file it opened, and not another that has its name by then", async () => {
    const driver = setup()
    const flags = C.FILE_FLAG_DELETE_ON_CLOSE
    await (await driver.open(at("gone"), { flags })).close()
    const moved = await driver.open(at("moved"), { flags })
    fs.renameSync(at("moved"), at("elsewhere"))
    fs.writeFileSync(at("moved"), "another")
    await moved.close()
    const removed = await driver.open(at("removed"), { flags })
    fs.unlinkSync(at("removed"))
    expect(await driver.status("CloseHandle", { handle: removed.handle })).toBe(0)
    expect(fs.readdirSync(directory).sort()).toEqual(["elsewhere", "moved"])
  })
})

describe("calls on an open file", () => {
  it("tell what it is, and follow its length both ways", async () => {
    fs.writeFileSync(at("f"), "12345", { mode: 0o640 })
    fs.linkSync(at("f"), at("g"))
    const driver = setup()
    const { close, handle } = await driver.open(at("f")).then((file) => ({ ...file, close: () => file.close() }))
    const stat = fs.statSync(at("f"), { bigint: true })
    expect((await driver.call("GetFileInformationByHandle", { handle })).value).toEqual({
      size: 5n,
      accessTimeNs: stat.atimeNs,
      modifiedTimeNs: stat.mtimeNs,
      createdTimeNs: stat.birthtimeNs,
      changedTimeNs: stat.ctimeNs,
      attributes: C.FILE_ATTRIBUTE_NORMAL,
      mode: 0o640,
      numberOfLinks: 2,
      volume: stat.dev,
      fileIndex: stat.ino,
      posix: {
        uid: Number(stat.uid),
        gid: Number(stat.gid),
        rdev: 0,
        blockSize: Number(stat.blksize),
        blocks: Number(stat.blocks)
      }
    })
    for (const length of [0x1_0000_0001n, 3n, 0n]) {
      expect(await driver.status("SetEndOfFile", { handle, length })).toBe(0)
      expect(fs.statSync(at("f"), { bigint: true }).size).toBe(length)
    }
    for (const length of [-1n, 2n ** 53n, 2n ** 64n]) {
      expect(await driver.status("SetEndOfFile", { handle, length })).toBe(C.ERROR_INVALID_PARAMETER)
    }
    await close()
  })

  it("set times to the microsecond, each without the other", async () => {
    const file = await setup().open(at("f"))
    const set = (times: { readonly accessTimeNs?: bigint; readonly modifiedTimeNs?: bigint }) =>
      file.driver.status("SetBasicInformation", {
        handle: file.handle,
        accessTimeNs: undefined,
        modifiedTimeNs: undefined,
        readOnly: undefined,
        mode: undefined,
        ...times
      })
    const times = () => {
      const { atimeNs, mtimeNs } = fs.statSync(at("f"), { bigint: true })
      return [atimeNs / 1000n, mtimeNs / 1000n]
    }
    for (let micros = 1_700_000_000_000_000n; micros < 1_700_000_000_000_300n; micros += 7n) {
      expect(await set({ accessTimeNs: micros * 1000n, modifiedTimeNs: (micros + 1n) * 1000n })).toBe(0)
      expect(times()).toEqual([micros, micros + 1n])
    }
    const [access] = times()
    expect(await set({ modifiedTimeNs: 1_000_000_001_000n })).toBe(0)
    expect(times()).toEqual([access, 1_000_000_001n])
    for (const before1970 of [-1n, -1_500_000n, -123_456_789_012_347n]) {
      expect(await set({ accessTimeNs: before1970 * 1000n })).toBe(0)
      expect(times()).toEqual([before1970, 1_000_000_001n])
    }
    await file.close()
  })

  it("change what they are told alone: neither mode nor times, to the nanosecond, for the sake of the other", async () => {
    fs.writeFileSync(at("f"), "", { mode: 0o640 })
    const file = await setup().open(at("f"))
    const set = async (change: Partial<Calls["SetBasicInformation"][0]>) => {
      const nothing = { accessTimeNs: undefined, modifiedTimeNs: undefined, readOnly: undefined, mode: undefined }
      await file.driver.call("SetBasicInformation", { handle: file.handle, ...nothing, ...change })
      const { atimeNs, mode, mtimeNs } = fs.statSync(at("f"), { bigint: true })
      return { atimeNs, mtimeNs, mode: Number(mode & 0o777n) }
    }
    const { atimeNs, mtimeNs } = await set({})
    if (linux) {
      expect(await set({ mode: 0o600 })).toEqual({ atimeNs, mtimeNs, mode: 0o600 })
      expect(await set({ readOnly: true })).toEqual({ atimeNs, mtimeNs, mode: 0o400 })
    }
    const { mode } = await set({})
    expect(await set({ modifiedTimeNs: 5_000_000n })).toMatchObject({ mtimeNs: 5_000_000n, mode })
    expect(await set({ accessTimeNs: 7_000_000n })).toMatchObject({ atimeNs: 7_000_000n, mtimeNs: 5_000_000n, mode })
    await file.close()
  })

  it("make it read-only and writable again, or give it a mode", async () => {
    fs.writeFileSync(at("f"), "", { mode: 0o644 })
    const file = await setup().open(at("f"))
    const set = async (change: { readonly readOnly?: boolean; readonly mode?: number }) => {
      const nothing = { accessTimeNs: undefined, modifiedTimeNs: undefined, readOnly: undefined, mode: undefined }
      await file.driver.call("SetBasicInformation", { handle: file.handle, ...nothing, ...change })
      const { value } = await file.driver.call("GetFileInformationByHandle", { handle: file.handle })
      return [value!.mode!, value!.attributes]
    }
    expect(await set({ readOnly: true })).toEqual([0o444, C.FILE_ATTRIBUTE_READONLY])
    expect(await set({ readOnly: false })).toEqual([0o644, C.FILE_ATTRIBUTE_NORMAL])
    expect(await set({ mode: 0o600 })).toEqual([0o600, C.FILE_ATTRIBUTE_NORMAL])
    await file.close()
  })

  it("need the access rights that Windows wants", async () => {
    fs.writeFileSync(at("f"), "")
    const driver = setup()
    const { handle, threadpoolIo } = await driver.open(at("f"), { access: C.GENERIC_READ })
    const times = { accessTimeNs: 0n, modifiedTimeNs: 0n, readOnly: undefined, mode: undefined }
    expect(await driver.status("FlushFileBuffers", { handle })).toBe(C.ERROR_ACCESS_DENIED)
    expect(await driver.status("SetEndOfFile", { handle, length: 0n })).toBe(C.ERROR_ACCESS_DENIED)
    expect(await driver.status("SetBasicInformation", { handle, ...times })).toBe(C.ERROR_ACCESS_DENIED)
    expect(await driver.status("GetFileInformationByHandle", { handle })).toBe(0)
    await driver.call("CloseHandle", { handle })
    driver.kernel.closeThreadpoolIo(threadpoolIo)
  })

  it("are over before its descriptor is closed", async () => {
    const driver = setup()
    const file = await driver.open(at("f"))
    // Two steps each, and room for the close between them.
    const information = { accessTimeNs: 0n, modifiedTimeNs: 0n, readOnly: true, mode: undefined }
    const change = driver.status("SetBasicInformation", { handle: file.handle, ...information })
    await file.close()
    expect(await change).toBe(0)
    expect(await driver.status("FlushFileBuffers", { handle: file.handle })).toBe(C.ERROR_INVALID_HANDLE)
  })

  it("let a close that waits for them be taken back, and then close it after all", async () => {
    const driver = setup(1)
    const file = await driver.open(at("f"))
    const { handle } = file
    const flushed = driver.status("FlushFileBuffers", { handle })
    const queued = driver.kernel.call("FlushFileBuffers", { handle }, () => expect.unreachable())
    const closing = driver.kernel.call("CloseHandle", { handle }, () => expect.unreachable())
    expect([closing(), queued(), await flushed]).toEqual([true, true, 0])
    await file.close()
  })
})

describe("MoveFileExW", () => {
  const move = (driver: Driver, from: string, to: string, replace = false) =>
    driver.call("MoveFileExW", { from: at(from), to: at(to), replace })

  it("replaces when it is told to, and only then", async () => {
    const driver = setup()
    fs.writeFileSync(at("a"), "a")
    fs.writeFileSync(at("b"), "b")
    expect(await move(driver, "a", "b")).toMatchObject({ status: C.ERROR_ALREADY_EXISTS })
    expect(fs.readFileSync(at("b"), "utf8")).toBe("b")
    expect(await move(driver, "a", "b", true)).toMatchObject({ status: 0 })
    expect([fs.readFileSync(at("b"), "utf8"), fs.readdirSync(directory)]).toEqual(["a", ["b"]])
    expect(await move(driver, "b", "c")).toMatchObject({ status: 0 })
    expect(fs.readdirSync(directory)).toEqual(["c"])
    expect(await move(driver, "none", "d")).toMatchObject({ status: C.ERROR_FILE_NOT_FOUND })
    expect(await move(driver, "none", "d", true)).toMatchObject({ status: C.ERROR_FILE_NOT_FOUND })
  })

  it("without replace has exactly one winner among 50 movers to one name", async () => {
    const drivers = [setup(), setup(), setup()]
    const names = Array.from({ length: 50 }, (_, index) => `from-${index}`)
    for (const name of names) fs.writeFileSync(at(name), name)
    const answers = await Promise.all(names.map((name, index) => move(drivers[index % 3]!, name, "to")))
    const winners = names.filter((_, index) => answers[index]!.status === 0)
    expect(winners).toHaveLength(1)
    expect(answers.filter(({ status }) => status === C.ERROR_ALREADY_EXISTS)).toHaveLength(49)
    expect(fs.readFileSync(at("to"), "utf8")).toBe(winners[0])
    expect(fs.readdirSync(directory).sort()).toEqual([...names.filter((name) => name !== winners[0]), "to"].sort())
  })

  it("without replace has exactly one winner among 50 movers of one name", async () => {
    const drivers = [setup(), setup(), setup()]
    fs.writeFileSync(at("from"), "the file")
    const names = Array.from({ length: 50 }, (_, index) => `to-${index}`)
    const answers = await Promise.all(names.map((name, index) => move(drivers[index % 3]!, "from", name)))
    const winners = names.filter((_, index) => answers[index]!.status === 0)
    expect(winners).toHaveLength(1)
    expect(answers.filter(({ status }) => status === C.ERROR_FILE_NOT_FOUND)).toHaveLength(49)
    expect(fs.readdirSync(directory)).toEqual(winners)
  })

  it("moves a symbolic link itself, dangling too, and never over a name", async () => {
    const driver = setup()
    fs.symlinkSync("nowhere", at("link"))
    fs.writeFileSync(at("file"), "")
    expect(await move(driver, "link", "file")).toMatchObject({ status: C.ERROR_ALREADY_EXISTS })
    expect(await move(driver, "link", "moved")).toMatchObject({ status: 0 })
    expect(fs.readlinkSync(at("moved"))).toBe("nowhere")
    expect(await move(driver, "file", "moved")).toMatchObject({ status: C.ERROR_ALREADY_EXISTS })
    expect(fs.readdirSync(directory).sort()).toEqual(["file", "moved"])
  })

  it("says what to do where there are no hard links, as for a directory", async () => {
    fs.mkdirSync(at("directory"))
    const driver = setup()
    const { cause, status } = await move(driver, "directory", "to")
    expect(status).toBe(C.ERROR_NOT_SUPPORTED)
    expect((cause as Error).message).toMatch(/move with `replace`/)
    expect(await move(driver, "directory", "to", true)).toMatchObject({ status: 0 })
  })

  it.runIf(linux && fs.statSync("/dev/shm").dev !== fs.statSync(tmpdir()).dev)("cannot cross devices", async () => {
    const driver = setup()
    const elsewhere = fs.mkdtempSync("/dev/shm/portable-")
    fs.writeFileSync(at("f"), "")
    for (const replace of [false, true]) {
      const status = driver.status("MoveFileExW", { from: at("f"), to: join(elsewhere, "f"), replace })
      expect(await status).toBe(C.ERROR_NOT_SAME_DEVICE)
    }
    fs.rmSync(elsewhere, { recursive: true })
  })
})

describe("DeleteFileW", () => {
  it("removes a file or a link, and no directory", async () => {
    fs.mkdirSync(at("directory"))
    fs.symlinkSync("directory", at("link"))
    fs.writeFileSync(at("file"), "")
    const status = (name: string) => setup().status("DeleteFileW", { path: at(name) })
    expect([await status("file"), await status("link"), await status("none")]).toEqual([0, 0, 2])
    expect(await status("directory")).toBe(C.ERROR_ACCESS_DENIED)
    expect(fs.readdirSync(directory)).toEqual(["directory"])
  })
})

describe("the kernel", () => {
  it("keeps the accounting: a misuse is refused here as everywhere", async () => {
    const file = await setup().open(at("f"))
    const { kernel } = file.driver
    expect(() => kernel.issue(file.operation("read"))).toThrow(ContractViolation)
    const write = file.issue("write")
    expect(() => kernel.free(write.block!)).toThrow(ContractViolation)
    expect(() => kernel.call("CloseHandle", { handle: file.handle }, () => {})).toThrow(ContractViolation)
    await write.packet()
    await file.close()
  })

  it("takes freed memory away, and has not more than there is", () => {
    const { kernel } = setup()
    const block = kernel.allocate(4096)!
    const { bytes } = block
    kernel.free(block)
    expect([bytes.length, block.bytes.buffer.byteLength]).toEqual([0, 0])
    expect(kernel.allocate(2 ** 50)).toBeUndefined()
  })

  it("gives memory away that stays as it is, and has not more than there is", () => {
    const { kernel } = setup()
    const block = kernel.allocateOwn(4096)!
    block.bytes.fill(7)
    kernel.giveAway(block)
    expect(block.bytes).toEqual(new Uint8Array(4096).fill(7))
    expect(kernel.allocateOwn(2 ** 50)).toBeUndefined()
  })

  it("takes back a call that comes in the next turn until then, and not after", async () => {
    const { kernel } = setup()
    const arguments_ = { path: "\\\\.\\pipe\\x", messages: true, maxInstances: 1, outBufferSize: 0, inBufferSize: 0 }
    const call = (done: () => void) =>
      kernel.call("CreateNamedPipeW", { ...arguments_, security: undefined, first: true }, done)
    const answered = vi.fn()
    const taken = call(answered)
    const kept = call(answered)
    expect(taken()).toBe(true)
    await turn()
    await turn()
    expect([answered.mock.calls.length, kept()]).toEqual([1, false])
  })

  it("has no pipes with messages or descriptors of others, nor a copy in one request without threads for it", async () => {
    const driver = setup()
    const pipe = { path: "\\\\.\\pipe\\x", maxInstances: 1, outBufferSize: 0, inBufferSize: 0, first: true }
    for (const wants of [{ messages: true, security: undefined }, { messages: false, security: "D:" }]) {
      const { cause, status } = await driver.call("CreateNamedPipeW", { ...pipe, ...wants })
      expect(status).toBe(C.ERROR_NOT_SUPPORTED)
      expect(String(cause)).toContain(wants.messages ? "pipes of bytes only" : "no security descriptors")
    }
    const copy = {
      from: at("a"),
      to: at("b"),
      limit: 1,
      mode: 0,
      keeps: undefined,
      times: false,
      verify: false,
      follow: false
    }
    expect(await driver.status("CopySmallFile", copy)).toBe(C.ERROR_NOT_SUPPORTED)
    expect(driver.kernel.copiesSmallFiles!()).toBe(false)
  })

  it("takes nothing at all for success, as some runtimes call back", async () => {
    const file = await setup().open(at("f"))
    const silent = () => (...rest: ReadonlyArray<unknown>) => setImmediate(rest.at(-1) as () => void)
    await replaced("fsync", silent, async () => {
      expect(await file.driver.status("FlushFileBuffers", { handle: file.handle })).toBe(C.ERROR_SUCCESS)
    })
    await file.close()
  })

  it("unbinds, as Windows does since 8.1, and binds anew", async () => {
    const driver = setup()
    const first = await driver.open(at("f"))
    expect(driver.kernel.unbind(first.handle)).toBe(true)
    driver.kernel.closeThreadpoolIo(first.threadpoolIo)
    const second = driver.bind(first.handle)
    expect(await second.write(text("x"), 0)).toEqual([0, 1])
    await second.close()
  })
})

describe.runIf(process.platform !== "win32")("a pipe", () => {
  const issue = (opened: Opened, kind: "connect" | "read" | "peek") => {
    const operation = opened.issue(kind)
    if (operation.answer !== C.ERROR_IO_PENDING) {
      opened.driver.kernel.cancelThreadpoolIo(opened.threadpoolIo)
      opened.driver.kernel.slots.release(operation.slot)
    }
    return operation
  }

  it("has instances that serve one client after the other, and says what each is just now", async () => {
    const driver = setup()
    const path = `\\\\.\\pipe\\portable-${process.pid}-${Date.now()}`
    const create = async (first: boolean) =>
      (await driver.call("CreateNamedPipeW", {
        path,
        messages: false,
        maxInstances: 255,
        outBufferSize: 0,
        inBufferSize: 0,
        security: undefined,
        first
      })).value!
    const connect = () => driver.open(path, { disposition: C.OPEN_EXISTING })
    const name = await create(true)
    const server = driver.bind(await create(false))
    const { handle } = server
    const mode = (handle: number, messages: boolean) => driver.status("SetNamedPipeHandleState", { handle, messages })
    expect([await mode(handle, false), await mode(handle, true)]).toEqual([0, C.ERROR_INVALID_PARAMETER])
    expect([await mode(name, false), await mode(4711, false)]).toEqual([
      C.ERROR_INVALID_FUNCTION,
      C.ERROR_INVALID_HANDLE
    ])
    const disconnect = () => driver.status("DisconnectNamedPipe", { handle })
    expect(await disconnect()).toBe(C.ERROR_PIPE_LISTENING)
    for (let round = 0; round < 2; round++) {
      const connecting = issue(server, "connect")
      expect(connecting.answer).toBe(C.ERROR_IO_PENDING)
      const client = await connect()
      expect(await connecting.packet()).toEqual([0, 0])
      driver.kernel.slots.release(connecting.slot)
      expect(issue(server, "connect").answer).toBe(C.ERROR_PIPE_CONNECTED)
      expect(issue(client, "connect").answer).toBe(C.ERROR_INVALID_FUNCTION)
      expect(await driver.status("DisconnectNamedPipe", { handle: client.handle })).toBe(C.ERROR_INVALID_FUNCTION)
      expect(await mode(client.handle, false)).toBe(0)
      expect([await disconnect(), await disconnect()]).toEqual([0, 0])
      expect(issue(server, "read").answer).toBe(C.ERROR_PIPE_NOT_CONNECTED)
      await client.close()
    }
    await server.close()
    await driver.call("CloseHandle", { handle: name })
    expect(await driver.create(path, { disposition: C.OPEN_EXISTING })).toMatchObject({
      status: C.ERROR_FILE_NOT_FOUND
    })
  })
})

describe("an errno", () => {
  const table: Record<string, number> = {
    ENOENT: 2,
    ENOTDIR: 3,
    EMFILE: 4,
    ENFILE: 4,
    EACCES: 5,
    EPERM: 5,
    EISDIR: 5,
    EBADF: 6,
    ENOMEM: 8,
    EXDEV: 17,
    EROFS: 19,
    EBUSY: 32,
    ETXTBSY: 32,
    EAGAIN: 32,
    ENOTSUP: 50,
    EOPNOTSUPP: 50,
    ENOSYS: 50,
    ENXIO: 50,
    ENODEV: 50,
    EEXIST: 183,
    EINVAL: 87,
    EPIPE: 109,
    ENOSPC: 112,
    ENOTEMPTY: 145,
    ENAMETOOLONG: 206,
    EFBIG: 223,
    ETIMEDOUT: 258,
    ECANCELED: 995,
    EIO: 1117,
    EDQUOT: 1295,
    ELOOP: 1921,
    ERR_OUT_OF_RANGE: 87,
    EWHAT: 31
  }

  it("is the Win32 code that Windows would answer, and 31 when there is none", () => {
    for (const [errno, code] of Object.entries(table)) {
      expect([errno, statusOf(Object.assign(new Error(), { code: errno }))]).toEqual([errno, code])
    }
    expect([fromErrno(undefined), statusOf("thrown"), statusOf(undefined)]).toEqual([31, 31, 31])
    expect(statusOf(new Refusal(123, "no"))).toBe(123)
  })
})
