/**
 * The memory that operations use: which windows of it may be in flight together, how several pieces are one, and where
 * the blocks of the pool come from and go to.
 */
import { describe, expect, it } from "@effect/vitest"
import { PAGE_SIZE } from "../../src/internal/constants.js"
import { BufferPool, poolMemory } from "../../src/internal/engine/BufferPool.js"
import { Ranges } from "../../src/internal/engine/Ranges.js"
import * as Segments from "../../src/internal/engine/Segments.js"
import type { Block, Kernel } from "../../src/internal/kernel/Kernel.js"

const KIB = 1024
const MIB = 1024 * KIB

describe("windows of one memory", () => {
  interface Window {
    readonly rangeStart: number
    readonly rangeEnd: number
    readonly writes: boolean
  }
  const SIZE = 3
  const windows: Array<Window> = []
  for (let rangeStart = 0; rangeStart < SIZE; rangeStart++) {
    for (let rangeEnd = rangeStart + 1; rangeEnd <= SIZE; rangeEnd++) {
      for (const writes of [true, false]) windows.push({ rangeStart, rangeEnd, writes })
    }
  }
  const conflict = (one: Window, other: Window): boolean =>
    (one.writes || other.writes) && one.rangeStart < other.rangeEnd && other.rangeStart < one.rangeEnd
  const orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]

  it("are in flight together unless they overlap and the kernel writes one: every three of them, given back in every order", () => {
    for (const first of windows) {
      for (const second of windows) {
        for (const third of windows) {
          for (const order of orders) {
            const ranges = new Ranges()
            const taken: Array<Window | undefined> = []
            for (const one of [first, second, third]) {
              const fits = !taken.some((other) => other !== undefined && conflict(one, other))
              // Not the window itself: two operations may have equal ones.
              const mine = { ...one }
              if (ranges.add(mine, mine.writes) !== fits) {
                throw new Error(`${JSON.stringify([...taken, one])}: ${fits ? "refused" : "taken"}`)
              }
              taken.push(fits ? mine : undefined)
            }
            for (const index of order) {
              const one = taken[index]
              if (one === undefined) continue
              if (!ranges.inUse) throw new Error("in use, and says it is not")
              ranges.remove(one)
              taken[index] = undefined
              const again = { ...one, writes: true }
              const fits = !taken.some((other) => other !== undefined && conflict(again, other))
              if (ranges.add(again, true) !== fits) {
                throw new Error("what was given back cannot be taken again, or too soon")
              }
              if (fits) ranges.remove(again)
            }
            if (ranges.inUse) throw new Error("all is given back, and it says in use")
          }
        }
      }
    }
  })
  it("are found among very many", () => {
    const ranges = new Ranges()
    const taken = Array.from({ length: 100 }, (_, index) => ({ rangeStart: 10 * index, rangeEnd: 10 * index + 10 }))
    const shuffled = [...taken].sort((one, other) => (one.rangeStart * 7) % 101 - (other.rangeStart * 7) % 101)
    for (const one of shuffled) expect(ranges.add(one, true)).toBe(true)
    for (let at = 0; at < 1000; at++) {
      expect(ranges.add({ rangeStart: at, rangeEnd: at + 1 }, false)).toBe(false)
    }
    for (const one of shuffled) {
      ranges.remove(one)
      expect(ranges.add({ ...one }, true)).toBe(true)
      expect(ranges.add({ ...one }, true)).toBe(false)
    }
  })
  for (const writes of [true, false]) {
    it(`that the kernel ${writes ? "writes" : "reads"} cannot be given back twice`, () => {
      const ranges = new Ranges()
      const [one, other] = [{ rangeStart: 0, rangeEnd: 4 }, { rangeStart: 4, rangeEnd: 8 }]
      ranges.add(one, writes)
      ranges.add(other, writes)
      ranges.remove(other)
      expect(() => ranges.remove(other)).toThrow("given back twice")
      expect(ranges.add({ ...one }, true)).toBe(false)
    })
  }
})

/** A kernel's memory, and who has what of it. */
const memory = ({ addresses = true, givesOwn = true, limit = Infinity } = {}) => {
  const own = new Set<Block>()
  const allocated = new Set<Block>()
  const given: Array<number> = []
  let next = 0x1000_0000
  const kernel = {
    allocate: (bytes: number): Block | undefined => {
      if (given.length >= limit) return undefined
      const block = { address: addresses ? next : 0, bytes: new Uint8Array(bytes) }
      next += bytes
      given.push(bytes)
      allocated.add(block)
      return block
    },
    free: (block: Block): void => {
      if (!allocated.delete(block)) throw new Error("freed what was not allocated, or twice")
    },
    allocateOwn: (bytes: number): Block | undefined => {
      const block = givesOwn ? { address: 0, bytes: new Uint8Array(bytes) } : undefined
      if (block !== undefined) own.add(block)
      return block
    },
    giveAway: (block: Block): void => {
      if (!own.delete(block)) throw new Error("given away what is not there to be given, or twice")
    }
  }
  const pool = new BufferPool(kernel as unknown as Kernel)
  return {
    pool,
    /** Sizes of what was ever asked for. */
    given,
    /** Memory to be given away, which the kernel has not let go of. */
    own,
    /** Sizes of what has not been freed. */
    held: () => [...allocated].map(({ bytes }) => bytes.length)
  }
}

describe("blocks of the pool", () => {
  const classes: ReadonlyArray<readonly [size: number, block: number]> = [
    [0, 4 * KIB],
    [1, 4 * KIB],
    [4 * KIB, 4 * KIB],
    [4 * KIB + 1, 8 * KIB],
    [64 * KIB, 64 * KIB],
    [64 * KIB + 1, 128 * KIB],
    [3 * MIB, 4 * MIB],
    [16 * MIB, 16 * MIB],
    [16 * MIB + 1, 16 * MIB + 4 * KIB],
    [33 * MIB, 33 * MIB]
  ]
  for (const [size, block] of classes) {
    it(`for ${size} bytes have ${block}, which count as lent until they are back`, () => {
      const { given, pool } = memory()
      const acquired = pool.acquire(size)!
      expect([acquired.bytes.length, pool.lentBytes]).toEqual([block, block])
      expect(given).toEqual([block <= 64 * KIB ? MIB : block])
      pool.release(acquired)
      expect(pool.lentBytes).toBe(0)
    })
  }
  it("up to 64 KiB are cut out of one MiB: all of it, once, each at its own address", () => {
    const { given, held, pool } = memory()
    const blocks = Array.from({ length: 256 }, () => pool.acquire(4 * KIB)!)
    expect(given).toEqual([MIB])
    blocks.forEach(({ bytes }, index) => bytes.fill(index))
    expect(blocks.every(({ bytes }, index) => bytes.every((byte) => byte === index))).toBe(true)
    expect(blocks.every(({ address, bytes }) => address === 0x1000_0000 + bytes.byteOffset)).toBe(true)
    expect(new Set(blocks.map(({ address }) => address)).size).toBe(256)
    pool.acquire(4 * KIB)
    expect(held()).toEqual([MIB, MIB])
  })
  it("where memory has no addresses have none", () => {
    const { pool } = memory({ addresses: false })
    expect(Array.from({ length: 3 }, () => pool.acquire(1)!.address)).toEqual([0, 0, 0])
  })
  it("are known as the pool's memory, those cut and those whole", () => {
    const { pool } = memory()
    expect([1, MIB].map((size) => poolMemory.has(pool.acquire(size)!.bytes.buffer))).toEqual([true, true])
  })
  it("go round again in their class", () => {
    for (const size of [4 * KIB, 64 * KIB, 128 * KIB, 16 * MIB]) {
      const { given, pool } = memory()
      const first = pool.acquire(size)!
      pool.release(first)
      expect(pool.acquire(size - 1)).toBe(first)
      expect(given).toHaveLength(1)
    }
  })
  it("that the system does not give are undefined, and nothing is lent", () => {
    const { pool } = memory({ limit: 0 })
    expect([pool.acquire(1), pool.acquire(MIB), pool.lease(1), pool.lentBytes])
      .toEqual([undefined, undefined, undefined, 0])
  })
  it("above 16 MiB go back to the system at once", () => {
    const { held, pool } = memory()
    pool.release(pool.acquire(16 * MIB + 1)!)
    expect(held()).toEqual([])
  })
  it("are kept up to 64 MiB, and what is lent does not count", () => {
    const { held, pool } = memory()
    const blocks = Array.from({ length: 6 }, () => pool.acquire(16 * MIB)!)
    for (const block of blocks.slice(0, 4)) pool.release(block)
    expect(held()).toHaveLength(6)
    const again = pool.acquire(16 * MIB)!
    pool.release(blocks[4]!)
    expect(held()).toHaveLength(6)
    pool.release(again)
    expect(held()).toHaveLength(5)
    pool.release(blocks[5]!)
    expect(held()).toHaveLength(4)
  })
  it("cut out of a slab do not count against what is kept, nor go back in parts", () => {
    const { held, pool } = memory()
    const [whole, cut] = [4, 1200].map((count, index) =>
      Array.from({ length: count }, () => pool.acquire(index === 0 ? 16 * MIB : 64 * KIB)!)
    )
    for (const block of [...whole!, ...cut!]) pool.release(block)
    expect(held().filter((bytes) => bytes === 16 * MIB)).toHaveLength(4)
    expect(held().filter((bytes) => bytes === MIB)).toHaveLength(75)
  })
  it("of another class than the one that has come back are given up first, then those of its own", () => {
    const { held, pool } = memory()
    const small = Array.from({ length: 16 }, () => pool.acquire(MIB)!)
    const large = Array.from({ length: 5 }, () => pool.acquire(16 * MIB)!)
    const parts = pool.acquire(64 * KIB)!
    pool.release(parts)
    for (const block of small) pool.release(block)
    for (const block of large.slice(0, 3)) pool.release(block)
    const count = () => [MIB, 16 * MIB].map((size) => held().filter((bytes) => bytes === size).length)
    // One more MiB is the slab's.
    expect(count()).toEqual([17, 5])
    pool.release(large[3]!)
    expect(count()).toEqual([1, 5])
    pool.release(large[4]!)
    expect(count()).toEqual([1, 4])
  })
  it("of its own class are kept for the next one also when they have been there for longest", () => {
    const { held, pool } = memory()
    const small = Array.from({ length: 16 }, () => pool.acquire(MIB)!)
    const large = Array.from({ length: 4 }, () => pool.acquire(16 * MIB)!)
    for (const block of [large[0]!, ...small, ...large.slice(1)]) pool.release(block)
    expect(held()).toEqual(Array(4).fill(16 * MIB))
  })
  it("all go back to the system when the pool closes, once", () => {
    const { held, pool } = memory()
    for (const size of [1, 64 * KIB, 128 * KIB, 128 * KIB, 16 * MIB]) pool.release(pool.acquire(size)!)
    pool.close()
    expect(held()).toEqual([])
    pool.close()
  })
  it("that are lent while the pool closes stay: slabs until the last is back, whole ones until they are", () => {
    const { held, pool } = memory()
    const [one, other, whole] = [pool.acquire(1)!, pool.acquire(64 * KIB)!, pool.acquire(MIB)!]
    pool.close()
    expect(held()).toHaveLength(3)
    pool.release(whole)
    expect(held()).toHaveLength(2)
    pool.release(one)
    expect(held()).toHaveLength(2)
    pool.release(other)
    expect(held()).toEqual([])
  })
})

describe("a buffer that is lent", () => {
  it("can be returned once; then its memory is the next one's", () => {
    const { pool } = memory()
    const lease = pool.lease(100)!
    const { block } = lease
    expect([lease.size, block!.bytes.length]).toEqual([100, 4 * KIB])
    lease.release()
    lease.release()
    expect([lease.block, pool.lentBytes]).toEqual([undefined, 0])
    expect(pool.lease(1)!.block).toBe(block)
  })
  it("and returned while operations use it goes back when the last has settled, once", () => {
    const { pool } = memory()
    const lease = pool.lease(8)!
    const windows = [{ rangeStart: 0, rangeEnd: 4 }, { rangeStart: 4, rangeEnd: 8 }]
    for (const window of windows) lease.ranges.add(window, true)
    lease.release()
    lease.ranges.remove(windows[0]!)
    lease.settled()
    expect([lease.block, pool.lentBytes]).toEqual([undefined, 4 * KIB])
    lease.ranges.remove(windows[1]!)
    lease.settled()
    lease.settled()
    expect(pool.lentBytes).toBe(0)
  })
  it("and not returned stays its owner's when operations on it settle", () => {
    const { pool } = memory()
    const lease = pool.lease(8)!
    lease.settled()
    expect([lease.block !== undefined, pool.lentBytes]).toEqual([true, 4 * KIB])
  })
})

describe("a buffer that is lent to be given away", () => {
  it("is its owner's for good once it has been, and nobody else's", () => {
    const { given, own, pool } = memory()
    const lease = pool.leaseToGive(100)!
    const { bytes } = lease.block!
    expect([lease.size, bytes.length, own.size, given]).toEqual([100, 100, 1, []])
    expect(lease.giveAway()).toBe(bytes)
    expect([lease.block, own.size]).toEqual([undefined, 0])
    expect(lease.giveAway()).toBeUndefined()
    lease.release()
    expect([pool.lentBytes, pool.acquire(100)!.bytes === bytes]).toEqual([0, false])
  })
  it("is let go of when it is returned instead", () => {
    const { own, pool } = memory()
    const lease = pool.leaseToGive(100)!
    lease.release()
    expect([own.size, pool.lentBytes]).toEqual([0, 0])
  })
  it("is not given away while an operation uses it, and can be afterwards", () => {
    const { own, pool } = memory()
    const lease = pool.leaseToGive(8)!
    const window = { rangeStart: 0, rangeEnd: 8 }
    lease.ranges.add(window, true)
    expect([lease.giveAway(), lease.block !== undefined, own.size]).toEqual([undefined, true, 1])
    lease.ranges.remove(window)
    expect(lease.giveAway()).toHaveLength(8)
  })
  it("is an ordinary one where the kernel has none of that kind, which is not given away", () => {
    const { pool } = memory({ givesOwn: false })
    for (const lease of [pool.leaseToGive(8)!, pool.lease(8)!]) {
      expect([lease.giveAway(), lease.block!.bytes.length]).toEqual([undefined, 4 * KIB])
    }
    expect(pool.lentBytes).toBe(8 * KIB)
  })
})

describe("several pieces of memory as one", () => {
  const piece = (memory: Segments.Segment["memory"], start = 0, length = (memory as Uint8Array).length) => ({
    memory,
    start,
    length
  })
  const bytes = (...values: ReadonlyArray<number>) => new Uint8Array(values)
  /** The windows of callers' memory, as an engine keeps them. */
  const windows = () => {
    const all = new Map<ArrayBufferLike, Ranges>()
    return (buffer: ArrayBufferLike): Ranges => {
      if (!all.has(buffer)) all.set(buffer, new Ranges())
      return all.get(buffer)!
    }
  }
  it("are taken all or none", () => {
    const rangesOf = windows()
    const whole = new Uint8Array(16)
    const [first, second] = [piece(whole.subarray(0, 4)), piece(whole.subarray(8, 12))]
    const parts = Segments.take([first, second], "kernel-writes", rangesOf)!
    expect(parts.map(({ rangeEnd, rangeStart }) => [rangeStart, rangeEnd])).toEqual([[0, 4], [8, 12]])
    // Free, then taken: nothing of it stays taken.
    expect(Segments.take([piece(whole, 4, 4), piece(whole, 10, 1)], "kernel-reads", rangesOf)).toBeUndefined()
    expect(Segments.take([piece(whole, 4, 4)], "kernel-writes", rangesOf)).toHaveLength(1)
    Segments.giveBack(parts)
    expect(Segments.take([first, second], "kernel-writes", rangesOf)).toHaveLength(2)
  })
  it("may be one memory twice when the kernel only reads it", () => {
    const whole = piece(new Uint8Array(4))
    expect(Segments.take([whole, whole], "kernel-reads", windows())).toHaveLength(2)
    expect(Segments.take([whole, whole], "kernel-writes", windows())).toBeUndefined()
  })
  it("may be empty, and then are nobody's", () => {
    const whole = new Uint8Array(4)
    const rangesOf = windows()
    expect(Segments.take([piece(whole, 0, 0), piece(whole)], "kernel-writes", rangesOf)).toHaveLength(1)
    expect(Segments.take([piece(whole, 2, 0)], "kernel-writes", rangesOf)).toEqual([])
  })
  it("that are buffers of the pool count from their own beginning, and go back when they were returned meanwhile", () => {
    const { pool } = memory()
    const leases = [pool.lease(8)!, pool.lease(8)!]
    const nobody = () => expect.unreachable()
    const parts = Segments.take(leases.map((lease) => piece(lease, 2, 4)), "kernel-writes", nobody)!
    expect(parts.map(({ rangeEnd, rangeStart }) => [rangeStart, rangeEnd])).toEqual([[2, 6], [2, 6]])
    leases[0]!.release()
    expect(pool.lentBytes).toBe(8 * KIB)
    Segments.giveBack(parts)
    expect([pool.lentBytes, leases[1]!.ranges.inUse]).toEqual([4 * KIB, false])
  })
  it("are gathered in order, each from its start", () => {
    const { pool } = memory()
    const lease = pool.lease(4)!
    lease.block!.bytes.set([21, 22, 23])
    const into = new Uint8Array(8)
    Segments.gather([piece(bytes(1, 2, 3, 4), 1, 2), piece(bytes(), 0, 0), piece(lease, 1, 2), piece(bytes(9))], into)
    expect([...into]).toEqual([2, 3, 22, 23, 9, 0, 0, 0])
  })
  it("are gathered past one that has nothing and is detached by now", () => {
    const gone = bytes(1)
    structuredClone(gone.buffer, { transfer: [gone.buffer] })
    const into = new Uint8Array(2)
    Segments.gather([piece(bytes(7)), piece(gone, 0, 0), piece(bytes(8))], into)
    expect([...into]).toEqual([7, 8])
  })
  const spread = (total: number) => {
    const { pool } = memory()
    const lease = pool.lease(4)!
    lease.block!.bytes.fill(0)
    const [first, last] = [new Uint8Array(4), new Uint8Array(3)]
    Segments.spread([piece(first, 1, 2), piece(lease, 1, 2), piece(last)], bytes(1, 2, 3, 4, 5, 6, 7), total)
    return [[...first], [...lease.block!.bytes.subarray(0, 4)], [...last]]
  }
  it("are filled in order, each from its start, as far as has come", () => {
    expect(spread(7)).toEqual([[0, 1, 2, 0], [0, 3, 4, 0], [5, 6, 7]])
    expect(spread(5)).toEqual([[0, 1, 2, 0], [0, 3, 4, 0], [5, 0, 0]])
    expect(spread(3)).toEqual([[0, 1, 2, 0], [0, 3, 0, 0], [0, 0, 0]])
    expect(spread(0)).toEqual([[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0]])
  })
  it("and get nothing when they have been taken away meanwhile; the others get theirs", () => {
    const { pool } = memory()
    const lease = pool.lease(2)!
    lease.release()
    const gone = new Uint8Array(2)
    structuredClone(gone.buffer, { transfer: [gone.buffer] })
    const last = new Uint8Array(1)
    Segments.spread([piece(lease, 0, 2), piece(gone, 0, 2), piece(last)], bytes(1, 2, 3, 4, 5), 5)
    expect([...last]).toEqual([5])
  })
  it("in whole pages are named to the kernel page by page, with a NULL at the end", () => {
    const { pool } = memory()
    const [one, two] = [pool.lease(3 * PAGE_SIZE)!, pool.lease(PAGE_SIZE)!]
    const segments = [piece(one, PAGE_SIZE, 2 * PAGE_SIZE), piece(two, 0, PAGE_SIZE)]
    expect(Segments.elementsSize(segments)).toBe(8 * 4)
    const space = new Uint8Array(48).fill(0xff)
    Segments.writeElements(segments, space.subarray(8, 40))
    const view = new DataView(space.buffer)
    const addresses = [0, 1, 2, 3, 4, 5].map((index) => view.getBigUint64(8 * index, true))
    const [first, second] = [BigInt(one.block!.address), BigInt(two.block!.address)]
    const nobodys = 0xffff_ffff_ffff_ffffn
    expect(addresses).toEqual([nobodys, first + 4096n, first + 8192n, second, 0n, nobodys])
  })
})
