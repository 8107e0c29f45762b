/**
 * The program of a thread of the portable kernel, and the shared memory through which it is told what to do. The
 * function is started from its own text: it uses nothing but its arguments, so that a bundle needs no second file.
 */
import type * as NodeFs from "node:fs"

/** Requests at once. A power of two. */
export const CAPACITY = 64
/** The most bytes that one request moves: its data, or its two names. */
export const DATA = 32_768

/** Where things are, in 32-bit words; every slot has `WORDS`, the numbers in doubles from `NUMBERS` on. */
export const layout = {
  /** How many requests have been submitted, taken and completed; counts wrap. */
  submitted: 0,
  taken: 16,
  /** A stack of completed slots + 1. 0: JavaScript sleeps and is to be woken; -1: it is awake. */
  completed: 32,
  /** Threads that wait for requests. */
  sleepers: 48,
  /** The slots in the order of their submission. */
  queue: 64,
  slots: 64 + CAPACITY,
  words: 64,
  state: 0,
  operation: 1,
  next: 2,
  /** 0, or minus the errno. */
  error: 3,
  /** Which function failed, of those that a request calls. */
  failed: 4,
  thread: 5,
  firstName: 6,
  secondName: 7,
  /** In doubles from the slot's beginning. */
  numbers: 4,
  capacity: CAPACITY,
  data: DATA,
  /** Holes of fewer bytes are copied as zeros. */
  hole: 65_536,
  /** How a small copy has ended. */
  copied: 0,
  anotherWay: 1,
  changed: 2,
  mismatch: 3
} as const

export type Layout = typeof layout

export const BYTES = 4 * (layout.slots + CAPACITY * layout.words)

export const SUBMITTED = 1
export const RUNNING = 2
export const WITHDRAWN = 3

/** Requests by number; the thread has its functions in this order. */
export const OPERATIONS = [
  "open",
  "openAndStat",
  "close",
  "fstat",
  "lstat",
  "read",
  "write",
  "ftruncate",
  "fsync",
  "fchmod",
  "futimes",
  "unlink",
  "rename",
  "linkAndUnlink",
  "copySmall"
] as const

export interface Shared {
  readonly layout: Layout
  readonly control: SharedArrayBuffer
  readonly data: SharedArrayBuffer
  readonly thread: number
  /** Minus the errno for what is no regular file. */
  readonly notSupported: number
}

/** Where a stat is, in 64-bit words from the slot's numbers. */
export const STAT = 8

/* v8 ignore start: it runs in threads of its own */
export function thread(
  fs: typeof NodeFs,
  { control, data, layout, notSupported, thread }: Shared,
  seconds: (ns: bigint) => number
): never {
  // An error is a number here; its stack would cost more than the request.
  Error.stackTraceLimit = 0
  const MOST_SPINS = 400
  let spins = MOST_SPINS
  const STAT = 8
  const words = new Int32Array(control)
  const numbers = new Float64Array(control)
  const integers = new BigInt64Array(control)
  const memory = Buffer.from(data)

  let slot = 0
  let base = 0
  let first = 0
  let failed = 0
  const number = (index: number): number => numbers[first + index]!
  const answer = (value: number): void => {
    numbers[first] = value
  }
  const nameAt = (start: number, length: number): Buffer =>
    memory.subarray(slot * layout.data + start, slot * layout.data + start + length)
  const firstName = (): Buffer => nameAt(0, words[base + layout.firstName]!)
  const secondName = (): Buffer => nameAt(words[base + layout.firstName]!, words[base + layout.secondName]!)
  const tell = (stat: NodeFs.BigIntStats): void => {
    const at = first + STAT
    integers[at] = BigInt.asIntN(64, stat.dev)
    integers[at + 1] = BigInt.asIntN(64, stat.ino)
    integers[at + 2] = stat.size
    integers[at + 3] = stat.mode
    integers[at + 4] = stat.nlink
    integers[at + 5] = stat.atimeNs
    integers[at + 6] = stat.mtimeNs
    integers[at + 7] = stat.birthtimeNs
    integers[at + 8] = stat.uid
    integers[at + 9] = stat.gid
    integers[at + 10] = stat.rdev
    integers[at + 11] = stat.blksize
    integers[at + 12] = stat.blocks
    integers[at + 13] = stat.ctimeNs
  }
  const bigint = { bigint: true } as const

  // --- a small file, whole

  const { O_CREAT, O_EXCL, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = fs.constants
  let contents = Buffer.alloc(0)
  let readBack = contents
  /**
   * Reads at most as many bytes as there is room for. A size is a hint, unless a read that could have brought more
   * agrees.
   */
  const readAll = (fd: number, into: Buffer, most: number, size: number): number => {
    let at = 0
    for (;;) {
      const count = fs.readSync(fd, into, at, most - at, at)
      at += count
      if (count === 0 || at === size || at === most) return at
    }
  }
  const writeAll = (fd: number, bytes: number): void => {
    for (let at = 0; at < bytes;) {
      const count = fs.writeSync(fd, contents, at, bytes - at, at)
      if (count === 0) throw { errno: notSupported }
      at += count
    }
  }
  /** Answers the outcome. */
  const copySmall = (source: number, mode: number, keeps: number, limit: number, asked: number): number => {
    if (contents.length <= limit) {
      contents = Buffer.allocUnsafeSlow(limit + 1)
      readBack = Buffer.allocUnsafeSlow(limit + 1)
    }
    const before = fs.fstatSync(source, bigint)
    const size = Number(before.size)
    // More than a few blocks, and fewer blocks than bytes: there may be holes, which handles keep.
    const isWhole = size < layout.hole || before.blocks * 512n >= before.size
    const fits = before.isFile() && size <= limit && isWhole
    const bytes = fits ? readAll(source, contents, limit + 1, size) : limit + 1
    if (bytes > limit) return layout.anotherWay
    const after = fs.fstatSync(source, bigint)
    const same = after.size === before.size && after.mtimeNs === before.mtimeNs && after.ctimeNs === before.ctimeNs
    if (!same) return layout.changed
    failed = 1
    const name = secondName()
    const copy = fs.openSync(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, mode)
    let outcome: number = layout.copied
    try {
      try {
        writeAll(copy, bytes)
        if ((asked & 2) !== 0) {
          const isThere = readAll(copy, readBack, limit + 1, bytes) === bytes &&
            contents.compare(readBack, 0, bytes, 0, bytes) === 0
          if (!isThere) outcome = layout.mismatch
        }
        if (keeps >= 0) fs.fchmodSync(copy, Number(before.mode) & keeps)
        if ((asked & 1) !== 0) fs.futimesSync(copy, `${seconds(before.atimeNs)}`, `${seconds(before.mtimeNs)}`)
        tell(fs.fstatSync(copy, bigint))
      } finally {
        fs.closeSync(copy)
      }
    } catch (error) {
      fs.unlinkSync(name)
      throw error
    }
    if (outcome === layout.mismatch) fs.unlinkSync(name)
    answer(bytes)
    return outcome
  }

  const run = [
    () => answer(fs.openSync(firstName(), number(0), number(1))),
    () => {
      const fd = fs.openSync(firstName(), number(0), number(1))
      failed = 1
      try {
        tell(fs.fstatSync(fd, bigint))
      } catch (error) {
        fs.closeSync(fd)
        throw error
      }
      answer(fd)
    },
    () => fs.closeSync(number(0)),
    () => tell(fs.fstatSync(number(0), bigint)),
    () => tell(fs.lstatSync(firstName(), bigint)),
    () => answer(fs.readSync(number(0), memory, slot * layout.data, number(1), number(2))),
    () => answer(fs.writeSync(number(0), memory, slot * layout.data, number(1), number(2))),
    () => fs.ftruncateSync(number(0), number(1)),
    () => fs.fsyncSync(number(0)),
    () => fs.fchmodSync(number(0), number(1)),
    () => fs.futimesSync(number(0), `${number(1)}`, `${number(2)}`),
    () => fs.unlinkSync(firstName()),
    () => fs.renameSync(firstName(), secondName()),
    () => {
      fs.linkSync(firstName(), secondName())
      failed = 1
      try {
        fs.unlinkSync(firstName())
      } catch (error) {
        fs.unlinkSync(secondName())
        throw error
      }
    },
    () => {
      const link = (number(3) & 4) === 0 ? O_NOFOLLOW : 0
      const source = fs.openSync(firstName(), O_RDONLY | O_NONBLOCK | O_NOCTTY | link)
      try {
        numbers[first + 1] = copySmall(source, number(0), number(1), number(2), number(3))
      } finally {
        fs.closeSync(source)
      }
    }
  ]

  const perform = (): void => {
    words[base + layout.error] = 0
    failed = 0
    try {
      run[words[base + layout.operation]!]!()
    } catch (error) {
      const { errno } = error as NodeJS.ErrnoException
      words[base + layout.error] = errno === undefined || errno >= 0 ? -22 : errno
      words[base + layout.failed] = failed
    }
  }

  const complete = (): void => {
    let newest: number
    do {
      newest = Atomics.load(words, layout.completed)
      words[base + layout.next] = newest
    } while (Atomics.compareExchange(words, layout.completed, newest, slot + 1) !== newest)
    if (newest === 0) Atomics.notify(words, layout.completed)
  }

  const sleep = (taken: number): void => {
    for (let spin = 0; spin < spins; spin++) {
      if (Atomics.load(words, layout.submitted) !== taken) {
        spins = MOST_SPINS
        return
      }
    }
    // In vain: the next time less. One look in a while is left, to notice that it is worth it again.
    spins = spins > 20 ? spins >> 1 : 20
    Atomics.add(words, layout.sleepers, 1)
    // The one that wakes it counts it out.
    if (Atomics.wait(words, layout.submitted, taken) === "not-equal") Atomics.sub(words, layout.sleepers, 1)
  }

  for (;;) {
    const taken = Atomics.load(words, layout.taken)
    if (taken === Atomics.load(words, layout.submitted)) {
      sleep(taken)
      continue
    }
    // Before it is taken: afterwards its place in the queue may have a new one.
    slot = Atomics.load(words, layout.queue + (taken & (layout.capacity - 1)))
    if (Atomics.compareExchange(words, layout.taken, taken, (taken + 1) | 0) !== taken) continue
    base = layout.slots + slot * layout.words
    first = base / 2 + layout.numbers
    words[base + layout.thread] = thread
    if (Atomics.compareExchange(words, base + layout.state, 1, 2) === 1) perform()
    complete()
  }
}
/* v8 ignore stop */
