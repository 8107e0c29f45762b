/**
 * The portable kernel's own threads: that they answer as node's functions do, in any number, and that nothing waits for
 * ever.
 */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { promisify } from "node:util"
import type { Worker } from "node:worker_threads"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import type { SmallCopy } from "../../src/internal/kernel/Calls.js"
import {
  type Answer,
  libuv,
  type OpenedFile,
  type Requests,
  type Stat
} from "../../src/internal/kernel/portable/requests.js"
import * as Thread from "../../src/internal/kernel/portable/thread.js"
import { CAPACITY, DATA, Threads } from "../../src/internal/kernel/portable/threads.js"
import { seconds } from "../../src/internal/times.js"
import { root } from "../support/root.js"

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR } = fs.constants

let directory: string
let threads: Threads
const at = (name: string) => join(directory, name)
const ask = <A>(request: (answer: Answer<A>) => void): Promise<A> =>
  promisify<A>(request as (answer: (error: Error | null, value: A) => void) => void)()
const started = async (): Promise<Threads> => {
  const threads = new Threads()
  while (!threads.wanted(false)) await new Promise(setImmediate)
  return threads
}

beforeAll(async () => {
  directory = fs.mkdtempSync(join(tmpdir(), "threads-"))
  threads = await started()
})
afterAll(() => fs.rmSync(directory, { recursive: true, force: true }))

const failure = async (promise: Promise<unknown>) => {
  const error = await promise.then(() => undefined, (error: NodeJS.ErrnoException) => error)
  return error === undefined
    ? undefined
    : { code: error.code, errno: error.errno, syscall: error.syscall, path: error.path }
}

describe("every request", () => {
  /** Everything there is, in one story; what it tells. */
  const story = async (requests: Requests, name: string) => {
    const [path, other] = [at(`${name}-é`), at(`${name}-other`)]
    const fd = await ask<number>((answer) => requests.open(path, O_CREAT | O_EXCL | O_RDWR, 0o640, answer))
    const told: Array<unknown> = []
    const text = Buffer.from("what is written")
    told.push(await ask<number>((answer) => requests.write(fd, text, 5, 10, 3, answer)))
    const bytes = Buffer.alloc(20, 1)
    told.push(await ask<number>((answer) => requests.read(fd, bytes, 2, 15, 1, answer)), bytes.toString("hex"))
    told.push(await ask<number>((answer) => requests.read(fd, bytes, 0, 20, 99, answer)))
    told.push(
      await ask<void>((answer) => requests.ftruncate(fd, 7, answer)),
      await ask<void>((answer) => requests.fsync(fd, answer)),
      await ask<void>((answer) => requests.fchmod(fd, 0o600, answer)),
      await ask<void>((answer) => requests.futimes(fd, 1_000_500_000_000n, -2_000_250_000_000n, answer))
    )
    const { birthtimeNs, ctimeNs, ino, ...stat } = await ask<Stat>((answer) => requests.fstat(fd, answer))
    told.push(
      stat,
      birthtimeNs > 0n,
      ctimeNs === fs.statSync(path, { bigint: true }).ctimeNs,
      ino === fs.statSync(path, { bigint: true }).ino
    )
    await ask<void>((answer) => requests.close(fd, answer))
    await ask<void>((answer) => requests.rename(path, other, answer))
    await ask<void>((answer) => requests.linkAndUnlink(other, path, answer))
    const opened = await ask<{ fd: number; stat: Stat }>((answer) => requests.openAndStat(path, O_RDONLY, 0, answer))
    told.push(opened.stat.size, opened.stat.mode)
    await ask<void>((answer) => requests.close(opened.fd, answer))
    await ask<void>((answer) => requests.unlink(path, answer))
    return told
  }
  it("does what libuv's does", async () => {
    expect(await story(threads, "a")).toEqual(await story(libuv, "b"))
  })

  it("fails as libuv's does", async () => {
    const missing = at("missing")
    fs.writeFileSync(at("there"), "x")
    const failures = (requests: Requests) =>
      Promise.all([
        failure(ask((answer: Answer<number>) => requests.open(missing, O_RDONLY, 0, answer))),
        failure(ask((answer: Answer<number>) => requests.open(at("there"), O_CREAT | O_EXCL, 0, answer))),
        failure(ask((answer: Answer<Stat>) => requests.lstat(missing, answer))),
        failure(ask((answer: Answer<number>) => requests.read(987_654, Buffer.alloc(8), 0, 8, 0, answer))),
        failure(ask((answer: Answer<number>) => requests.write(987_654, Buffer.alloc(8), 0, 8, 0, answer))),
        failure(ask((answer: Answer<Stat>) => requests.fstat(987_654, answer))),
        failure(ask((answer: Answer) => requests.ftruncate(987_654, 0, answer))),
        failure(ask((answer: Answer) => requests.fsync(987_654, answer))),
        failure(ask((answer: Answer) => requests.fchmod(987_654, 0o600, answer))),
        failure(ask((answer: Answer) => requests.futimes(987_654, 0n, 0n, answer))),
        failure(ask((answer: Answer) => requests.rename(missing, at("x"), answer))),
        failure(ask((answer: Answer<OpenedFile>) => requests.openAndStat(missing, O_RDONLY, 0, answer))),
        failure(ask((answer: Answer) => requests.linkAndUnlink(at("there"), at("there"), answer))),
        failure(ask((answer: Answer) => requests.close(987_654, answer))),
        failure(ask((answer: Answer) => requests.unlink(directory, answer))),
        failure(ask((answer: Answer) => requests.linkAndUnlink(missing, at("x"), answer)))
      ])
    expect(await failures(threads)).toEqual(await failures(libuv))
  })

  it("refuses names with NUL, and memory that is not there, before it asks", () => {
    const answer = vi.fn()
    expect(() => threads.unlink("a\0b", answer)).toThrow("NUL")
    expect(() => threads.unlink("a".repeat(DATA), answer)).toThrow("ENAMETOOLONG")
    expect(() => threads.read(0, new Uint8Array(4), 0, 8, 0, answer)).toThrow("taken away")
    expect(() => threads.write(0, new Uint8Array(4), 2, 4, 0, answer)).toThrow("taken away")
    expect(answer).not.toHaveBeenCalled()
  })
})

describe("a small copy", () => {
  const { layout, OPERATIONS } = Thread
  const outcomes = ["copied", "anotherWay", "changed", "mismatch"]
  const contents = Buffer.from("what is in the file")

  /** Runs one request as a thread does, here, with functions of the test's own in place of some of node's. */
  const run = (own: Partial<typeof fs>, limit = 1000, asked = 3) => {
    const [from, to] = [at("small"), at("small copy")]
    fs.writeFileSync(from, contents, { mode: 0o644 })
    fs.chmodSync(from, 0o4755)
    fs.utimesSync(from, 1_000_000_000.5, 1_234_567_890.125)
    const control = new SharedArrayBuffer(Thread.BYTES)
    const data = new SharedArrayBuffer(CAPACITY * DATA)
    const words = new Int32Array(control)
    const numbers = new Float64Array(control)
    const memory = Buffer.from(data)
    const base = layout.slots
    const first = base / 2 + layout.numbers
    words[base + layout.firstName] = memory.write(from)
    words[base + layout.secondName] = memory.write(to, words[base + layout.firstName]!)
    words[base + layout.operation] = OPERATIONS.indexOf("copySmall")
    words[base + layout.state] = Thread.SUBMITTED
    numbers.set([0o600, 0o1777, limit, asked], first)
    words[layout.submitted] = 1
    words[layout.completed] = -1
    const open = new Set<number>()
    const functions = {
      ...fs,
      openSync: (...given: Parameters<typeof fs.openSync>) => {
        const fd = fs.openSync(...given)
        open.add(fd)
        return fd
      },
      closeSync: (fd: number) => {
        open.delete(fd)
        fs.closeSync(fd)
      },
      ...own
    }
    // With nothing more to do it would sleep for ever.
    const once = Object.defineProperty({ ...layout }, "sleepers", { get: () => expect.fail("nothing more to do") })
    const { stackTraceLimit } = Error
    const shared = { layout: once, control, data, thread: 1, notSupported: -95 }
    expect(() => Thread.thread(functions as typeof fs, shared, seconds)).toThrow("nothing more to do")
    Error.stackTraceLimit = stackTraceLimit
    expect([...open]).toEqual([])
    const error = words[base + layout.error]!
    const told = error === 0 ? outcomes[numbers[first + 1]!] : error
    // First: to read it may set its time of access.
    const stat = fs.existsSync(to) ? fs.statSync(to) : undefined
    const copy = stat === undefined ? undefined : fs.readFileSync(to)
    fs.rmSync(to, { force: true })
    return { told, bytes: numbers[first]!, copy, stat }
  }
  const fails = (code: number) => (): never => {
    throw Object.assign(new Error(), { errno: code })
  }

  it("has everything of its source but setuid", () => {
    const { bytes, copy, stat, told } = run({})
    expect([told, bytes, copy]).toEqual(["copied", contents.length, contents])
    expect([stat!.mode & 0o7777, stat!.mtimeMs, stat!.atimeMs]).toEqual([0o755, 1_234_567_890_125, 1_000_000_000_500])
  })

  it("reads on while there is something, and writes on while something is taken", () => {
    const readSync = (fd: number, into: Buffer, start: number, length: number, position: number) =>
      fs.readSync(fd, into, start, Math.min(length, 3), position)
    const writeSync = (fd: number, from: Buffer, start: number, length: number, position: number) =>
      fs.writeSync(fd, from, start, Math.min(length, 2), position)
    expect(run({ readSync, writeSync } as never)).toMatchObject({ told: "copied", copy: contents })
  })

  it("believes what is read and not the size, while nothing else has changed", () => {
    for (const size of [0n, 5n, 999n]) {
      const fstatSync = (fd: number) => Object.assign(fs.fstatSync(fd, { bigint: true }), { size })
      expect(run({ fstatSync } as never)).toMatchObject({ told: "copied", copy: contents })
    }
  })

  it("of what does not fit is left to another way", () => {
    expect(run({}, contents.length)).toMatchObject({ told: "copied" })
    expect(run({}, contents.length - 1)).toMatchObject({ told: "anotherWay", copy: undefined })
    const fstatSync = (fd: number) => Object.assign(fs.fstatSync(fd, { bigint: true }), { size: 1n })
    expect(run({ fstatSync } as never, 10)).toMatchObject({ told: "anotherWay", copy: undefined })
  })

  it("tells that its source has changed by the size and both times", () => {
    for (const field of ["size", "mtimeNs", "ctimeNs"] as const) {
      let looks = 0n
      const fstatSync = (fd: number) => {
        const stat = fs.fstatSync(fd, { bigint: true })
        return Object.assign(stat, { [field]: stat[field] + looks++ })
      }
      expect(run({ fstatSync } as never)).toMatchObject({ told: "changed", copy: undefined })
    }
  })

  it("is removed when it is not what was written, if that is asked for", () => {
    for (const [from, to] of [["w", "x"], ["file", "fil"]] as const) {
      const writeSync = (fd: number) => fs.writeSync(fd, contents.toString().replace(from, to)) && contents.length
      expect(run({ writeSync } as never)).toMatchObject({ told: "mismatch", copy: undefined })
      expect(run({ writeSync } as never, 1000, 1)).toMatchObject({ told: "copied" })
    }
  })

  it("is removed when a step fails", () => {
    for (const name of ["writeSync", "fchmodSync", "futimesSync"] as const) {
      expect(run({ [name]: fails(-28) })).toMatchObject({ told: -28, copy: undefined })
    }
    expect(run({ readSync: fails(-11) } as never)).toMatchObject({ told: -11, copy: undefined })
    expect(run({ writeSync: () => 0 } as never)).toMatchObject({ told: -95, copy: undefined })
  })

  it("touches nothing that has its name", async () => {
    fs.writeFileSync(at("there"), "x")
    fs.writeFileSync(at("taken"), "other")
    const given = {
      from: at("there"),
      limit: 100,
      mode: 0o600,
      keeps: undefined,
      times: true,
      verify: false,
      follow: false
    }
    const copy = (to: string) =>
      failure(ask((answer: Answer<SmallCopy>) => threads.copySmall({ ...given, to }, answer)))
    expect(await copy(at("taken"))).toMatchObject({ code: "EEXIST" })
    fs.symlinkSync(at("nowhere"), at("dangling"))
    expect(await copy(at("dangling"))).toMatchObject({ code: "EEXIST" })
    expect(fs.readFileSync(at("taken"), "utf8")).toBe("other")
    expect(fs.existsSync(at("nowhere"))).toBe(false)
  })
})

describe("many requests", () => {
  it("are each answered once, with what was asked for", async () => {
    const path = at("numbers")
    const numbers = new Uint32Array(65_536).map((_, index) => index)
    fs.writeFileSync(path, numbers)
    const fd = fs.openSync(path, "r")
    const memory = Array.from({ length: CAPACITY }, () => new Uint32Array(1))
    let left = 30_000
    let wrong = 0
    await new Promise<void>((resolve) => {
      const ask = (word: Uint32Array): void => {
        const number = left-- % numbers.length
        threads.read(fd, new Uint8Array(word.buffer), 0, 4, number * 4, (error, count) => {
          if (error !== null || count !== 4 || word[0] !== number) wrong++
          if (left > 0) ask(word)
          else if (left-- === -CAPACITY + 1) resolve()
        })
      }
      memory.forEach(ask)
    })
    fs.closeSync(fd)
    expect(wrong).toBe(0)
  })

  it("more than there is room for is refused, not lost", () => {
    const answer = vi.fn()
    const fill = () => {
      for (let count = 0; count <= CAPACITY; count++) threads.lstat(directory, answer)
    }
    expect(fill).toThrow("room")
    return vi.waitFor(() => expect(answer).toHaveBeenCalledTimes(CAPACITY))
  })

  it("that are withdrawn before a thread has begun them are not answered, and the others are", async () => {
    const fd = fs.openSync(at("numbers"), "r")
    let answered = 0
    const asked = Array.from({ length: CAPACITY }, () => () => void answered++)
    for (const answer of asked) threads.read(fd, new Uint8Array(DATA), 0, DATA, 0, answer)
    let gone = 0
    const withdrawn = asked.filter((answer) => threads.withdraw(answer, () => gone++)).length
    await vi.waitFor(() => expect([answered, gone]).toEqual([CAPACITY - withdrawn, withdrawn]))
    expect(threads.withdraw(asked[0]!, () => {})).toBe(false)
    // All slots are there again.
    for (const answer of asked) threads.read(fd, new Uint8Array(1), 0, 1, 0, answer)
    await vi.waitFor(() => expect(answered).toBe(2 * CAPACITY - withdrawn))
    fs.closeSync(fd)
  })
})

describe("a thread", () => {
  it("leaves the memory of a read alone that was withdrawn, whatever its slot was used for before", async () => {
    fs.writeFileSync(at("ones"), Buffer.alloc(DATA, 1))
    const fd = fs.openSync(at("ones"), "r")
    let withdrawn: Array<Uint8Array> = []
    for (let round = 0; round < 100 && withdrawn.length === 0; round++) {
      let [answered, gone] = [0, 0]
      for (let slot = 0; slot < CAPACITY; slot++) {
        threads.read(fd, new Uint8Array(DATA), 0, DATA, 0, () => void answered++)
      }
      await vi.waitFor(() => expect(answered).toBe(CAPACITY))
      const memories = Array.from({ length: CAPACITY }, () => new Uint8Array(DATA).fill(7))
      const answers = memories.map(() => () => void answered++)
      answers.forEach((answer, index) => threads.read(fd, memories[index]!, 0, DATA, 0, answer))
      withdrawn = memories.filter((_, index) => threads.withdraw(answers[index]!, () => gone++))
      await vi.waitFor(() => expect([answered, gone]).toEqual([2 * CAPACITY - withdrawn.length, withdrawn.length]))
    }
    fs.closeSync(fd)
    expect(withdrawn.length).toBeGreaterThan(0)
    for (const memory of withdrawn) expect(memory.every((byte) => byte === 7)).toBe(true)
  })

  /** Threads of their own, and their workers. */
  const own = async () => {
    const workers: Array<Worker> = []
    const add = (worker: Worker) => void workers.push(worker)
    process.on("worker", add)
    const threads = await started()
    process.off("worker", add)
    return { threads, workers }
  }

  it("that ends after a request was completed changes nothing about it", async () => {
    const { threads, workers } = await own()
    const fd = fs.openSync(at("completed"), "w")
    const answer = ask<number>((answer) => threads.write(fd, Buffer.from("done"), 0, 4, 0, answer))
    // JavaScript does not look meanwhile: the thread writes, tells, and ends.
    while (fs.fstatSync(fd).size < 4) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
    for (const worker of workers) worker.emit("exit", 1)
    expect(await answer).toBe(4)
    fs.closeSync(fd)
    await Promise.all(workers.map((worker) => worker.terminate()))
  })
  const posix = it.runIf(process.platform !== "win32")

  const writers: Array<number> = []
  afterAll(() => writers.forEach((fd) => fs.closeSync(fd)))

  /** Files that keep a thread busy for as long as nobody writes. */
  const stuck = (threads: Threads, count: number) => {
    const told: Array<string> = []
    const names = Array.from({ length: count }, (_, index) => at(`stuck-${made++}-${index}`))
    execFileSync("mkfifo", names)
    for (const name of names) {
      threads.open(name, O_RDONLY, 0, (error, fd) => {
        told.push((error as NodeJS.ErrnoException | null)?.code ?? "open")
        if (error === null) fs.closeSync(fd!)
      })
    }
    const letGo = () => {
      // They stay open: a thread may come to them later, also one whose answer is no longer heard.
      for (const name of names) writers.push(fs.openSync(name, fs.constants.O_RDWR | fs.constants.O_NONBLOCK))
    }
    return { told, letGo }
  }
  let made = 0
  const served = (threads: Threads) => ask<Stat>((answer) => threads.lstat(directory, answer))

  posix("that is stuck keeps nobody waiting: others are started, and not more than libuv has", async () => {
    const { threads, workers } = await own()
    const more = (worker: Worker) => void workers.push(worker)
    process.on("worker", more)
    const { letGo, told } = stuck(threads, 3)
    // Asked again and again until there is one more thread than are stuck.
    for (let round = 0; round < 3; round++) await served(threads)
    expect(workers.length).toBe(4)
    const last = stuck(threads, 1)
    await vi.waitFor(() => {
      threads.wanted(false)
      expect(told).toEqual([])
    })
    let answered = 0
    for (let count = 0; count < 40; count++) threads.lstat(directory, () => answered++)
    for (let turns = 0; turns < 50; turns++) await new Promise(setImmediate)
    expect([workers.length, answered]).toEqual([4, 0])
    letGo()
    last.letGo()
    await vi.waitFor(() => expect([answered, told.length, last.told.length]).toEqual([40, 3, 1]))
    process.off("worker", more)
    await Promise.all(workers.map((worker) => worker.terminate()))
  })

  posix("that ends under its request loses that alone, while there is another one", async () => {
    const { threads, workers } = await own()
    const more = (worker: Worker) => void workers.push(worker)
    process.on("worker", more)
    const first = stuck(threads, 1)
    await served(threads)
    const second = stuck(threads, 1)
    await served(threads)
    process.off("worker", more)
    expect([workers.length >= 2, first.told, second.told]).toEqual([true, [], []])
    workers[0]!.emit("exit", 1)
    await vi.waitFor(() => expect(first.told).toEqual(["EIO"]))
    await served(threads)
    expect([threads.running, second.told]).toEqual([true, []])
    second.letGo()
    await vi.waitFor(() => expect(second.told).toEqual(["open"]))
    // It is told once that one thread has ended, and none is started for it.
    workers[0]!.emit("exit", 1)
    expect(threads.running).toBe(true)
    first.letGo()
    await Promise.all(workers.map((worker) => worker.terminate()))
    expect(threads.running).toBe(false)
    for (let count = 0; count < 100; count++) expect(threads.wanted(false)).toBe(false)
  })

  posix("that was the last one loses all, and what is asked of it from then on", async () => {
    const { threads, workers } = await own()
    const { letGo, told } = stuck(threads, 1)
    let failed = 0
    for (let count = 0; count < 5; count++) {
      threads.lstat(directory, (error) => {
        if ((error as NodeJS.ErrnoException | null)?.code === "EIO") failed++
      })
    }
    for (const worker of workers) worker.emit("exit", 1)
    await vi.waitFor(() => expect([told, failed]).toEqual([["EIO"], 5]))
    expect(await failure(served(threads))).toMatchObject({ code: "EIO", syscall: "lstat" })
    expect(threads.running).toBe(false)
    letGo()
    await Promise.all(workers.map((worker) => worker.terminate()))
  })

  it("is started once while it has not begun, and never where there cannot be any", async () => {
    const begun: Array<Worker> = []
    const look = (worker: Worker) => void begun.push(worker)
    process.on("worker", look)
    const threads = new Threads()
    for (let count = 0; count < 300; count++) threads.wanted(false)
    await new Promise(setImmediate)
    expect(begun.length).toBe(1)
    let asked = 0
    const none = new Threads(() => {
      asked++
      throw new Error("no descriptor")
    })
    for (let count = 0; count < 300; count++) none.wanted(false)
    expect([asked, none.running]).toEqual([1, false])
    while (!threads.running) await new Promise(setImmediate)
    process.off("worker", look)
    expect(begun.length).toBe(1)
    await begun[0]!.terminate()
  })

  it("is not asked by one request alone, and is by many; nor started for fewer than 64", async () => {
    const fresh = new Threads()
    const begun: Array<Worker> = []
    const look = (worker: Worker) => void begun.push(worker)
    process.on("worker", look)
    for (let count = 0; count < 63; count++) expect(fresh.wanted(false)).toBe(false)
    for (let count = 0; count < 100; count++) expect(fresh.wanted(true)).toBe(false)
    await new Promise(setImmediate)
    expect(begun.length).toBe(0)
    while (!fresh.wanted(false)) await new Promise(setImmediate)
    process.off("worker", look)
    // The last ones came one by one.
    await served(fresh)
    expect(fresh.wanted(true)).toBe(false)
    await Promise.all([served(fresh), served(fresh)])
    expect(fresh.wanted(true)).toBe(true)
    await served(fresh)
    expect(fresh.wanted(true)).toBe(false)
    await begun[0]!.terminate()
  })

  it.runIf(process.platform !== "win32")(
    "keeps the event loop alive while a request is under way, and no longer",
    async () => {
      const { threads, workers } = await own()
      let held = 0
      for (const worker of workers) {
        const { ref, unref } = worker
        worker.ref = () => (held++, ref.call(worker))
        worker.unref = () => (held--, unref.call(worker))
      }
      execFileSync("mkfifo", [at("held")])
      const opening = ask<number>((answer) => threads.open(at("held"), O_RDONLY, 0, answer))
      await vi.waitFor(() => expect(held).toBe(1))
      const writer = fs.openSync(at("held"), "w")
      fs.closeSync(await opening)
      fs.closeSync(writer)
      await vi.waitFor(() => expect(held).toBe(0))
      await Promise.all(workers.map((worker) => worker.terminate()))
    }
  )
})

describe("a runtime where descriptors belong to one thread", () => {
  it("is found out once, and keeps its own threads", async () => {
    let asked = 0
    let open = true
    const none = new Threads(() => {
      asked++
      return { fd: 1 << 30, dev: 1, ino: 1, close: () => void (open = false) }
    })
    const ended: Array<Promise<unknown>> = []
    const look = (worker: Worker) => {
      ended.push(new Promise((resolve) => worker.once("exit", resolve)))
    }
    process.on("worker", look)
    while (ended.length === 0) {
      none.wanted(false)
      await new Promise(setImmediate)
    }
    await Promise.all(ended)
    for (let more = 0; more < 1000; more++) expect(none.wanted(false)).toBe(false)
    await new Promise(setImmediate)
    process.off("worker", look)
    expect({ asked, open, workers: ended.length, running: none.running }).toEqual({
      asked: 1,
      open: false,
      workers: 1,
      running: false
    })
  })
})

describe("the process", { timeout: 30_000 }, () => {
  const module = pathToFileURL(join(root, "build/src/internal/kernel/portable/threads.js"))
  const run = (script: string) =>
    execFileSync(process.execPath, [
      "--input-type=module",
      "-e",
      `
      import { Threads } from ${JSON.stringify(module)}
      const workers = []
      process.on("worker", (worker) => workers.push(worker))
      const threads = new Threads()
      const end = Date.now() + 10_000
      while (!threads.wanted(false) && Date.now() < end) await new Promise(setImmediate)
      ${script}
    `
    ], { timeout: 20_000, encoding: "utf8" })
  it("ends by itself when nothing is asked any more", () => {
    expect(run(`threads.lstat("/", () => console.log("told"))`)).toBe("told\n")
  })
  it("waits for what is asked, however long it takes", () => {
    expect(run(`
      let left = 500
      const again = () => left-- > 0 ? threads.fsync(1, again) : console.log("all")
      again()
    `)).toBe("all\n")
  })
  it("that one that is told throws is the process's uncaught exception, and the others are told", () => {
    // Several threads may have served them: they end in any order.
    const lines = run(`
      process.on("uncaughtException", (error) => console.log(error.message))
      for (let index = 0; index < 3; index++) threads.lstat("/", () => { throw new Error("number " + index) })
    `).trim().split("\n")
    expect(lines.sort()).toEqual(["number 0", "number 1", "number 2"])
  })
  it("answers all when its threads are ended under it, and goes on without them", () => {
    expect(run(`
      let answered = 0
      for (let index = 0; index < 60; index++) threads.fsync(1, () => answered++)
      for (const worker of workers) await worker.terminate()
      while (answered < 60) await new Promise(setImmediate)
      threads.lstat("/", (error) => console.log(answered, threads.wanted(false), error.code))
    `)).toBe("60 false EIO\n")
  })
  it.runIf(process.platform !== "win32")("is served by another thread while one is stuck", () => {
    execFileSync("mkfifo", [at("fifo")])
    expect(run(`
      import { closeSync, openSync } from "node:fs"
      const fifo = ${JSON.stringify(at("fifo"))}
      threads.open(fifo, 0, 0, (error, fd) => console.log("let go", error))
      for (let index = 0; index < 3; index++) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        await new Promise((resolve) => threads.lstat("/", resolve))
      }
      console.log("served")
      closeSync(openSync(fifo, "w"))
    `)).toBe("served\nlet go null\n")
  })
  it("goes at once by process.exit, with requests under way", () => {
    expect(run(`
      for (let index = 0; index < 60; index++) threads.lstat("/", () => {})
      console.log("bye")
      process.exit(0)
    `)).toBe("bye\n")
  })
})
