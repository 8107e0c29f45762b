/**
 * FILE_NOTIFY_INFORMATION: what is written is read back, and no buffer, however hostile, is read beyond its end.
 */
import { describe, expect, it } from "@effect/vitest"
import * as notify from "../../src/internal/notify.js"

const record = (next: number, action: number, nameLength: number, name: string): Buffer => {
  const header = Buffer.alloc(12)
  header.writeUInt32LE(next, 0)
  header.writeUInt32LE(action, 4)
  header.writeUInt32LE(nameLength, 8)
  return Buffer.concat([header, Buffer.from(name, "utf16le")])
}

const parsed = (bytes: Buffer, length = bytes.length) => notify.parse(bytes, length)

describe("records of changes", () => {
  it("are read as they were written, whatever the names", () => {
    const names = ["a", "ab", "abc", "", "ü", "日本語", "\ud800 alone", "x".repeat(255), "a\\b", "😀"]
    const records = names.map((name, index) => ({ action: index % 5 + 1, name }))
    const bytes = new Uint8Array(4096).fill(0xff)
    const length = notify.write(records, bytes)
    expect(length).toBe(records.reduce((sum, one) => sum + notify.sizeOf(one), 0))
    expect(length % 4).toBe(0)
    expect(notify.parse(bytes, length)).toEqual({ records, malformed: false })
  })

  it("may end where the buffer ends, and need not begin at a DWORD, as on Wine", () => {
    const bytes = Buffer.concat([record(18, 1, 6, "abc"), record(0, 3, 6, "abc")])
    expect(parsed(bytes)).toEqual({
      records: [{ action: 1, name: "abc" }, { action: 3, name: "abc" }],
      malformed: false
    })
  })

  it("of a window of a larger buffer are its own", () => {
    const larger = Buffer.concat([Buffer.alloc(7, 0xee), record(0, 1, 2, "a"), Buffer.alloc(9, 0xee)])
    expect(notify.parse(larger.subarray(7), 14)).toEqual({ records: [{ action: 1, name: "a" }], malformed: false })
  })

  const hostile: Record<string, readonly [bytes: Buffer, length?: number]> = {
    "nothing at all": [Buffer.alloc(0)],
    "less than a header": [record(0, 1, 2, "a"), 11],
    "a name that is longer than the buffer": [record(0, 1, 4, "a")],
    "a name of 4 GiB": [record(0, 1, 0xfffffffe, "a")],
    "half a character": [record(0, 1, 1, "a")],
    "a next record inside of this one": [Buffer.concat([record(4, 1, 2, "a"), Buffer.alloc(64)])],
    "a next record inside of this one's name": [Buffer.concat([record(12, 1, 8, "abcd"), Buffer.alloc(64)])],
    "a next record beyond the end": [Buffer.concat([record(4096, 1, 2, "a"), Buffer.alloc(64)])],
    "a next record at the very end": [record(16, 1, 4, "ab"), 16],
    "a next record near 4 GiB": [record(0xfffffffc, 1, 2, "a")],
    "more bytes than there are": [record(14, 1, 2, "a"), 1 << 20]
  }
  for (const [name, [bytes, length]] of Object.entries(hostile)) {
    it(`that lie are given up, and what came before them is kept: ${name}`, () => {
      expect(parsed(bytes, length).malformed).toBe(true)
      const before = record(16, 2, 4, "ok")
      const both = Buffer.concat([before, bytes])
      const after = parsed(both, length === undefined ? both.length : Math.min(before.length + length, both.length))
      expect(after.records[0]).toEqual({ action: 2, name: "ok" })
    })
  }

  it("of random bytes never throw, and never tell of more than the buffer holds", () => {
    let state = 42
    const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 8
    for (let round = 0; round < 20_000; round++) {
      const bytes = Buffer.alloc(random() % 200)
      for (let at = 0; at < bytes.length; at++) bytes[at] = random() % 4 === 0 ? random() : random() % 24 === 0 ? 16 : 0
      const { records } = parsed(bytes)
      const told = records.reduce((sum, { name }) => sum + 12 + name.length * 2, 0)
      expect(told).toBeLessThanOrEqual(bytes.length)
    }
  })
})

describe("the halves of renames", () => {
  const [added, removed, modified, from, to] = [1, 2, 3, 4, 5]
  const record = (action: number, name: string) => ({ action, name })

  it("are one event, in one buffer or in two", () => {
    const pairing = new notify.Pairing()
    expect(pairing.next([record(from, "a"), record(to, "b"), record(added, "c"), record(from, "d")])).toEqual([
      { _tag: "Renamed", from: "a", to: "b" },
      { _tag: "Created", name: "c" }
    ])
    expect(pairing.waits).toBe(true)
    expect(pairing.next([record(to, "e"), record(modified, "e")])).toEqual([
      { _tag: "Renamed", from: "d", to: "e" },
      { _tag: "Modified", name: "e" }
    ])
    expect(pairing.waits).toBe(false)
  })

  it("that come alone are removed and created", () => {
    const pairing = new notify.Pairing()
    expect(pairing.next([record(to, "new"), record(from, "a"), record(from, "b"), record(removed, "c")])).toEqual([
      { _tag: "Created", name: "new" },
      { _tag: "Removed", name: "a" },
      { _tag: "Removed", name: "b" },
      { _tag: "Removed", name: "c" }
    ])
    expect(pairing.next([record(from, "last")])).toEqual([])
    expect(pairing.lone()).toEqual([{ _tag: "Removed", name: "last" }])
    expect(pairing.lone()).toEqual([])
  })

  it("do not hide an action that nobody knows", () => {
    expect(new notify.Pairing().next([record(99, "a")])).toEqual([{ _tag: "Modified", name: "a" }])
  })
})
