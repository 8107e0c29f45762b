/**
 * Seconds as a double: the whole microseconds of a time come through node, whether it cuts off to microseconds or to
 * nanoseconds.
 */
import { afterAll, describe, expect, it } from "@effect/vitest"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { sameTime, seconds, timeText } from "../../src/internal/times.js"

const BILLION = 1_000_000_000n
const at = (second: bigint, micros: bigint): bigint => second * BILLION + micros * 1000n

/** Seconds from 1901 to 2242, and parts of them: halves, what no double holds, and the neighbours of whole seconds. */
const table: Array<bigint> = []
for (const second of [0n, 1n, 86_400n, 1_234_567_890n, 1_753_000_000n, 2n ** 31n - 1n]) {
  for (const micros of [0n, 1n, 2n, 125_000n, 123_457n, 499_999n, 500_000n, 700_001n, 999_998n, 999_999n]) {
    table.push(at(second, micros), -at(second, micros))
  }
}
for (let step = 1n; step <= 300n; step++) {
  const time = at((step * 7_162_534n) % 2n ** 31n, (step * 387_421n) % 1_000_000n)
  table.push(time, -time)
}
const later: ReadonlyArray<bigint> = [2n ** 32n - 1n, 2n ** 32n, 6_123_456_789n, 2n ** 33n - 1n].flatMap((second) =>
  [0n, 1n, 123_457n, 500_001n, 999_998n, 999_999n].map((micros) => at(second, micros))
)

/** The time that libuv makes of a double: up to 1.51, and from 1.52 on. */
const toNanoseconds = (time: number): bigint => {
  const whole = Math.trunc(time)
  return BigInt(whole) * BILLION + BigInt(Math.trunc((time - whole) * 1e9))
}
const toMicroseconds = (time: number): bigint => toNanoseconds(time) / 1000n * 1000n

describe("seconds", () => {
  it("keep every whole microsecond from 1901 to 2242 where node cuts off to microseconds", () => {
    for (const time of [...table, ...later]) expect(toMicroseconds(seconds(time))).toBe(time)
  })
  it("are less than a microsecond away where node cuts off to nanoseconds, and the same time to `sameTime`", () => {
    for (const time of [...table, ...later]) {
      const kept = toNanoseconds(seconds(time))
      const away = time < 0n ? time - kept : kept - time
      expect(away >= 0n && away < 1000n).toBe(true)
      expect(sameTime(time, kept)).toBe(true)
    }
  })
  it("are exact where a double is", () => {
    expect(seconds(1_234_567_890_125_000_000n)).toBe(1_234_567_890.125)
    expect(seconds(-86_400n * BILLION)).toBe(-86_400)
    expect(seconds(-1_500_000_000n)).toBe(-1.5)
    expect(seconds(0n)).toBe(0)
  })
  it("do not round up what is below a microsecond", () => {
    expect(toMicroseconds(seconds(at(1_753_000_000n, 123_457n) + 999n))).toBe(at(1_753_000_000n, 123_457n))
    expect(toMicroseconds(seconds(-at(1_753_000_000n, 123_457n) - 999n))).toBe(-at(1_753_000_000n, 123_457n))
    expect(timeText(-999n)).toBe("0")
  })
  it("are the nearest double beyond", () => {
    for (const second of [2n ** 33n, 15_032_385_535n, 2n ** 40n + 1n]) {
      expect(seconds(at(second, 123_457n))).toBe(Number(second) + 0.123457)
    }
  })
})

describe("node", () => {
  const directory = fs.mkdtempSync(join(tmpdir(), "tpio-times-"))
  afterAll(() => fs.rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, "file")

  it("keeps the whole microseconds of the table, before 1970 and after, with each of its three calls", () => {
    fs.writeFileSync(path, "")
    const fd = fs.openSync(path, "r+")
    const link = join(directory, "link")
    // Windows programs need a right to make links, and Wine makes none.
    if (process.platform !== "win32") fs.symlinkSync("file", link)
    // A file system with 32 bits for seconds cuts off at its ends.
    const kept = table.filter((time) => time / BILLION > -(2n ** 31n) + 1n && time / BILLION < 2n ** 31n - 2n)
    for (const time of kept) {
      fs.utimesSync(path, timeText(time), timeText(time))
      const byPath = fs.statSync(path, { bigint: true })
      fs.futimesSync(fd, timeText(time + BILLION), timeText(time + BILLION))
      const byHandle = fs.fstatSync(fd, { bigint: true })
      expect([byPath.atimeNs / 1000n, byPath.mtimeNs / 1000n, byHandle.mtimeNs / 1000n])
        .toEqual([time / 1000n, time / 1000n, (time + BILLION) / 1000n])
      if (process.platform === "win32") continue
      fs.lutimesSync(link, timeText(time), timeText(time))
      expect(fs.lstatSync(link, { bigint: true }).mtimeNs / 1000n).toBe(time / 1000n)
    }
    fs.closeSync(fd)
  })
})
